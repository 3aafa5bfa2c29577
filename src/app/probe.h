/*
 * probe: what there is to know about one peer, by asking it.
 *
 * The conversation, on one connection (peer/solo):
 *
 *   connect; handshake with the bits of BEP 10 and BEP 6
 *   "have none" (if both speak BEP 6), extension handshake (if both speak BEP 10), "interested"
 *   when its extension handshake comes: a request for the first piece of the metadata
 *   when it unchokes us: a request for one block that it has, if the torrent is known
 *
 * and then listen until all that was asked is answered, PROBE_TALK_MS at most. Nothing of what it
 * sends is kept or believed; the answers are timed. Without a torrent there is no handshake that
 * anybody would answer: one for a random torrent is tried, and that the peer hangs up on it is no
 * failure, as it is what a peer has to do.
 */
#ifndef WEFT_APP_PROBE_H
#define WEFT_APP_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "peer/solo.h"

enum { PROBE_TALK_MS = 12000 };

/* What became of something that we asked for. */
enum probe_answer { PROBE_NOT_ASKED, PROBE_SILENT, PROBE_GIVEN, PROBE_REFUSED };

struct probe {
  struct solo solo;         /* what it told about itself */
  bool has_hash;
  uint8_t info_hash[20];    /* random without has_hash */
  enum err result;          /* ERR_OK: shaken hands, and it kept to the protocol */
  bool connected;
  enum err end;             /* how the conversation ended: ERR_OK, or ERR_CLOSED and its like */
  int64_t dial_us;          /* until the connection stood */
  int64_t handshake_us;     /* from our handshake to theirs; 0: it did not come */
  int64_t rtt_us;           /* the least that the kernel saw; 0: unknown */
  int64_t unchoke_us;       /* from "interested" to "unchoke"; 0: it did not come */
  enum probe_answer metadata;
  int64_t metadata_us;      /* from the request to the answer */
  enum probe_answer block;
  uint32_t block_piece;     /* of which piece */
  int64_t block_us;
};

/*
 * Talks to `a`. `info_hash` may be NULL, and so may `geo`, the sizes of that torrent. `signals`
 * cuts it short, `patience_ms` and `trace` as in solo_init(). Waits. Fills `p`; probe_end() is due.
 * Returns p->result: ERR_OK; what solo_dial() and solo_shake_hands() return; ERR_PROTOCOL or
 * ERR_LIMIT: what it said afterwards cannot be; ERR_CANCELLED. p->solo.why has the sentence then.
 */
enum err probe_run(struct probe *p, const struct addr *a, const uint8_t *info_hash,
                   const struct geometry *geo, int signals, int64_t patience_ms,
                   struct trace *trace);
/* Hangs up, frees. */
void probe_end(struct probe *p);

#endif
