/*
 * peer_trace: where a connection's thread tells the tracer what it says and hears.
 *
 * Each function here is to be called behind one test of peer_trace_is_on(), which is one pointer.
 * What the state of a connection is, and why each thing is said, is known here; how it is shown is
 * the business of io/trace_conn and below.
 *
 *   size_t at = p->out.len;
 *   wire_put_simple(&p->out, WIRE_INTERESTED);
 *   if (peer_trace_is_on(p)) peer_trace_sent(p, at, "it has pieces that we lack");
 */
#ifndef WEFT_PEER_PEER_TRACE_H
#define WEFT_PEER_PEER_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "peer/peer.h"

/* Is this connection traced? If not, nothing else of this file may be called. */
static inline bool peer_trace_is_on(const struct peer *p) {
  return p->trace.to != NULL;
}

/* The messages of p->out from `at` on have just been put there, because of `why`; what of the
 * connection they change is changed already. `why` may be NULL. */
void peer_trace_sent(struct peer *p, size_t at, const char *why);
/* The same for a request, which `run` is the reason of. */
void peer_trace_request(struct peer *p, size_t at, const struct run *run);
/* The handshake stands in p->out from `at` on, or was received as `raw`. */
void peer_trace_shaken(struct peer *p, size_t at);
void peer_trace_greeted(struct peer *p, const uint8_t raw[static 68]);

/* "dialling", "connected" ... */
void peer_trace_event(struct peer *p, const char *state, const char *why);
/* It is over, because of `why`. */
void peer_trace_closed(struct peer *p, const char *why);

/* A message that is about to be handled: what must be known from before. */
struct peer_trace_message {
  uint8_t head[WIRE_PIECE_HEADER_LEN + TRACE_DATA_SHOWN]; /* of a PIECE */
  const uint8_t *raw; /* the first `len` bytes of `size` */
  size_t len;
  size_t size;
  bool have;          /* a HAVE of a piece that there is: */
  uint32_t index;     /* this one, */
  uint32_t availability[2]; /* and how many had it before, and have it after */
};

/* A whole message lies at `raw`; it must stay there until peer_trace_end(). */
void peer_trace_begin(struct peer *p, struct peer_trace_message *m, const uint8_t *raw, size_t len);
/* A block is there, of which the first `have` bytes of data are at `data`. */
void peer_trace_begin_block(struct peer *p, struct peer_trace_message *m, uint32_t piece,
                            uint32_t begin, uint32_t len, const uint8_t *data, size_t have);
/* It has been handled; `why` says what becomes of it, or is NULL. */
void peer_trace_end(struct peer *p, struct peer_trace_message *m, const char *why);

/* A block that nobody wants, of which `have` bytes are at `data` and the rest is still to come:
 * shown, and said to be thrown away, when all of it was received: peer_trace_thrown(). */
void peer_trace_unwanted(struct peer *p, uint32_t piece, uint32_t begin, uint32_t len,
                         const uint8_t *data, size_t have);
void peer_trace_thrown(struct peer *p);

#endif
