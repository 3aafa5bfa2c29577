/*
 * peer: one connection, as the thread that owns it sees it.
 *
 * BEP 3 gives each side of a connection two flags, choked and interested. We ask for blocks while
 * we are interested and the peer does not choke us; a choke takes back every request under way.
 * Everything here belongs to one thread; what others may look at lies in the seat (swarm/roster)
 * and in the pieces_peer (swarm/pieces).
 *
 *   DIALLING -> HANDSHAKE -> OPEN -> gone
 *
 * The files of this folder share this struct: peer.c opens the conversation and sends, receive.c
 * turns bytes into messages, messages.c acts on them, download.c decides what to ask for (and
 * window.c how much), worker.c is the thread with the one loop.
 */
#ifndef WEFT_PEER_PEER_H
#define WEFT_PEER_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/trace_conn.h"
#include "peer/window.h"
#include "proto/extend.h"
#include "proto/wire.h"
#include "swarm/swarm.h"

enum {
  PEER_JOBS_MAX = PIECES_RUNS_MAX,
  PEER_AHEAD_MIN = 2,              /* blocks to have places ready for, at least */
  PEER_UNKNOWN_MAX = 8,            /* messages with ids nobody knows, before we hang up */
  PEER_REJECTS_MAX = 50,           /* of requests in a row, beyond a whole window */
  PEER_REQUESTS_MAX = 50,          /* for blocks, although we choke */
  PEER_KEEPALIVES_PER_S = 10,
  PEER_CHATTER_PER_S = 1000,       /* messages that tell nothing new; a bitfield counts 100 */
  PEER_UNSOLICITED_MAX = 64 << 10  /* bytes of data that nobody asked for */
};

/* A run of blocks we asked this peer for. Bits of got and gone are blocks from run.first. */
struct peer_job {
  struct run run;
  struct fragment *frag; /* NULL until the first block is about to arrive */
  uint32_t got;          /* arrived */
  uint32_t gone;         /* will not arrive: cancelled, rejected, given back */
  bool ended;            /* handed on; waits to be taken off the front of the ring */
};

struct peer {
  struct swarm *sw;
  struct roster_seat seat;
  int bell;
  bool gave_data;          /* a block came that was needed; when it is over: and nobody doubts it */
  struct trace_conn trace; /* .to is NULL while nobody wants to see the messages */

  /* Everything from here on begins anew with each connection (peer_restart). */
  struct pieces_peer pp;
  int fd;
  int64_t now_ms;          /* the time as of the last wake-up */

  /* What the handshakes said. */
  bool fast;               /* both sides speak BEP 6 */
  bool extended;           /* both sides speak BEP 10 */
  struct extend ext;
  struct wire_limits limits;
  char client[64];         /* name and version if it told us, raw */
  bool heard;              /* a message has come after the handshake */

  /* The four flags (BEP 3); we choke everybody for now. */
  bool am_interested;
  bool choking_us;
  bool interested_in_us;

  /* Sending: whole messages, appended here, flushed when the socket takes them. */
  struct buf out;
  int64_t last_sent_ms;
  uint32_t have_cursor;    /* into the list of finished pieces */

  /* Receiving (receive.c). */
  struct buf in;           /* bytes of a message that is not complete yet */
  size_t in_need;          /* how long it must be for the next step */
  struct peer_job *cur_job; /* the block being received right now, or NULL */
  uint32_t cur_block;
  uint32_t cur_left;       /* bytes of it that are missing */
  uint32_t skip_left;      /* bytes of unwanted data to be thrown away */
  uint32_t ahead;          /* blocks to have places ready for: as many as tend to come at once */
  uint64_t arrived;        /* payload bytes since the last count */
  int64_t message_ms;      /* when the last message was complete, or this one began */

  /* Asking (download.c). */
  struct peer_job jobs[PEER_JOBS_MAX]; /* ring, in order of asking */
  uint32_t job_head;
  uint32_t job_count;
  uint32_t outstanding;       /* blocks asked for and neither got nor gone */
  uint64_t outstanding_bytes; /* of these, what has not arrived */
  uint64_t forgiven;          /* bytes we gave back or cancelled, that may come all the same */
  uint32_t window;            /* blocks that may be outstanding */
  bool voided;                /* a choke took back what was asked, and nothing was asked since */
  bool keeps_requests;        /* a choke does not make it forget what it was asked */
  int lowat;                  /* SO_RCVLOWAT as set */
  uint32_t wake_blocks;       /* blocks worth a wake-up while many are outstanding */
  struct window_meter meter;
  struct window_cap cap;      /* what the peer was seen to drop */
  int64_t take_ms;            /* when to ask the queue again after it had nothing */
  int64_t block_ms;           /* when the last block came, or asking began */
  int64_t usual_ms;           /* how long a whole window takes at its rate; 0: not known yet */
  int64_t silent_ms;          /* while snubbed: since when it is silent */
  int64_t pause_ms;           /* the longest silence that it came back from */
  int64_t useless_ms;         /* since when it is of no use: choked, or nothing to ask for */
  int64_t rtt_ms;             /* when the round trip was last looked at */

  /* Patience. */
  uint32_t unknown_count;
  uint32_t reject_count;
  uint32_t request_count;
  uint32_t keepalive_count;
  uint32_t chatter;
  int64_t chatter_ms;
  bool told_pieces;        /* a bitfield, have all or have none came */
  int64_t keepalive_ms;
  uint64_t unsolicited;

  /* Of an unwanted block, while it is traced: header and first bytes. */
  uint8_t unwanted[WIRE_PIECE_HEADER_LEN + TRACE_DATA_SHOWN];
  uint32_t unwanted_len;
};

/* Zeroes and prepares. Registers nothing. The struct is big (8 KiB): it comes from the heap. */
void peer_init(struct peer *p, struct swarm *sw, const struct addr *a);
/* Ready for another connection to the same address; the seat stays. */
void peer_restart(struct peer *p);
/* Frees buffers; jobs must have ended (download_end). */
void peer_free(struct peer *p);

/*
 * Sends handshake, bitfield, extension handshake and interested as one segment and waits for the
 * peer's handshake, at most until `deadline_ms`. Fills fast, extended, limits. Some clients (aria2)
 * hang up when anything follows the handshake before they have answered it: with p->seat.polite the
 * rest waits for that, one round trip more.
 * ERR_OK; ERR_TIMEOUT; ERR_CLOSED; ERR_REFUSED (reset); ERR_PROTOCOL: no BitTorrent; ERR_NOT_FOUND:
 * another torrent; ERR_CANCELLED; ERR_MEMORY. `peer_id` gets the peer's id. Waits.
 */
enum err peer_shake_hands(struct peer *p, int64_t deadline_ms, uint8_t peer_id[static 20]);

/* Sends what `out` holds, as far as the socket takes it now. ERR_OK (perhaps with a rest),
 * ERR_CLOSED, ERR_MEMORY (out overflowed). Never waits. */
enum err peer_flush(struct peer *p);

/* Appends HAVE for every piece finished since the last call that the peer lacks, and a keep-alive
 * when nothing was sent for two minutes. */
void peer_put_news(struct peer *p);

/* "1.2.3.4:6881" for logs, into `text`. */
const char *peer_name(const struct peer *p, char text[static ADDR_TEXT_MAX]);

#endif
