/*
 * solo: one connection, one step at a time.
 *
 * A download talks to hundreds of peers at once and so has a state machine for each (peer/peer).
 * Whoever wants to see what one peer does (`handshake`, `probe`, the steps of the exercise) wants
 * the opposite: say this, wait for that, in the order of the lines of the program. It uses the same
 * coders and the same sockets, and nothing is sent that was not asked for: no bitfield, no
 * keep-alive, no extension handshake, unless a caller says so.
 *
 *   solo_init -> solo_dial -> solo_shake_hands -> solo_send, solo_receive ... -> solo_close
 *
 * Every wait has an absolute deadline, which the bell cuts short. The first step that fails leaves
 * one sentence in `why`, fit to stand behind the peer's address; after that only solo_close() makes
 * sense. What the peer tells about itself on the way (choking, pieces, extensions) is kept here by
 * solo_receive(), in the words of BEP 3, 6 and 10.
 *
 * All messages that leave pass through solo_send(), all that arrive through solo_receive(), both
 * handshakes through solo_shake_hands(): there the tracer watches (io/trace_conn). Steps made of
 * several messages (metadata, a piece) stand in peer/solo_fetch.
 */
#ifndef WEFT_PEER_SOLO_H
#define WEFT_PEER_SOLO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/trace_conn.h"
#include "proto/addr.h"
#include "proto/extend.h"
#include "proto/geometry.h"
#include "proto/wire.h"

/* How long one step may take, milliseconds; `patience_ms` may make it less. */
enum {
  SOLO_DIAL_MS = 5000,
  SOLO_HANDSHAKE_MS = 10000,
  SOLO_EXTEND_MS = 10000,   /* from our extension handshake to theirs */
  SOLO_METADATA_MS = 15000, /* for each 16 KiB of metadata */
  SOLO_UNCHOKE_MS = 30000,
  SOLO_BLOCK_MS = 20000,    /* from one block to the next, however it trickles */
  SOLO_SEND_MS = 10000
};

struct solo {
  struct addr addr;
  int fd;                  /* -1: not connected */
  int bell;                /* readable: stop; the caller's */
  int64_t patience_ms;     /* no step waits longer; 0: as long as it has */
  char why[200];           /* of the step that failed; may hold the peer's bytes: escape to show */

  /* What the handshakes said. */
  struct wire_handshake theirs;
  bool shaken;             /* theirs has come */
  bool extended;           /* both speak BEP 10 */
  bool fast;               /* both speak BEP 6 */
  struct wire_limits limits;

  /* What its messages said since. */
  bool choking_us;
  bool told_pieces;        /* it has said something about what it has */
  bool has_all;
  struct buf bits;         /* what it has, as in a bitfield; zeros at the end may be missing */
  struct geometry geo;     /* of the torrent, when solo_know() told; pieces 0: not known */
  bool told_extend;        /* its extension handshake came */
  struct extend ext;
  struct buf ext_raw;      /* the dictionary of the last one, as it came */

  bool am_interested;
  bool dialled;            /* there was an attempt to connect */
  struct trace_conn trace; /* .to is NULL while nobody wants to see the messages */
  struct buf in;           /* received */
  size_t used;             /* bytes at its start that are done with */
  struct buf out;
};

/* Begins with nothing. `bell` is a descriptor, or -1; what is said and heard is shown to `trace`,
 * unless that is NULL. solo_close() is due. */
void solo_init(struct solo *s, const struct addr *a, int bell, int64_t patience_ms,
               struct trace *trace);
/* Says good-bye as far as TCP does that, closes, frees. Safe on a zeroed struct with fd -1. */
void solo_close(struct solo *s);

/* The absolute deadline of a step that begins now and may take `step_ms`. */
int64_t solo_deadline(const struct solo *s, int64_t step_ms);
/* Fills s->why unless an earlier failure did. Returns `e`. */
__attribute__((format(printf, 3, 4))) enum err solo_fail(struct solo *s, enum err e,
                                                         const char *fmt, ...);

/* Connects. Waits at most SOLO_DIAL_MS. Returns ERR_OK, ERR_REFUSED, ERR_NO_ROUTE, ERR_TIMEOUT,
 * ERR_CANCELLED (bell), ERR_MEMORY. */
enum err solo_dial(struct solo *s);

/*
 * Sends `ours` and waits for the other side's handshake, SOLO_HANDSHAKE_MS at most. Returns ERR_OK;
 * ERR_CLOSED, ERR_REFUSED (reset), ERR_TIMEOUT, ERR_CANCELLED, ERR_PROTOCOL (that is not
 * BitTorrent), ERR_MISMATCH (another info hash came back; s->theirs has it), ERR_MEMORY.
 */
enum err solo_shake_hands(struct solo *s, const struct wire_handshake *ours);

/* The torrent is known now: what the peer told so far is checked against it, and later messages
 * are. Returns ERR_OK, or ERR_PROTOCOL if it claims pieces that do not exist. */
enum err solo_know(struct solo *s, const struct geometry *geo);
/* Has it said that it has piece `index`? */
bool solo_has(const struct solo *s, uint32_t index);
/* How many pieces it has said to have. With has_all and no geometry: 0. */
uint32_t solo_count(const struct solo *s);

/* Sends one message: of one without fields, INTERESTED for example, the id is enough; REQUEST,
 * CANCEL, HAVE, BITFIELD and EXTENDED take theirs from `m`. Reads what comes meanwhile into memory.
 * Waits until `deadline_ms`. Returns ERR_OK: the kernel has it; ERR_CLOSED, ERR_TIMEOUT,
 * ERR_CANCELLED, ERR_PROTOCOL (it floods us), ERR_MEMORY. */
enum err solo_send(struct solo *s, const struct wire_message *m, int64_t deadline_ms);

/*
 * The next message, keep-alives included. `m` points into s and is good until the next call of
 * anything here. Waits until `deadline_ms`, and reads nothing behind it, however much there would
 * be. Returns ERR_OK; ERR_CLOSED, ERR_REFUSED (reset), ERR_TIMEOUT, ERR_CANCELLED; ERR_PROTOCOL,
 * ERR_LIMIT: a message that cannot be; ERR_MEMORY.
 */
enum err solo_receive(struct solo *s, struct wire_message *m, int64_t deadline_ms);

#endif
