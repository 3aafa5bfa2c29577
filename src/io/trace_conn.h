/*
 * trace_conn: what one connection contributes to the trace.
 *
 *   trace_conn_open(&c, trace, &addr)          c.to is NULL from then on if nobody wants to see it
 *   if (c.to != NULL) trace_conn_event(&c, "connected", NULL, &state)
 *   if (c.to != NULL) trace_conn_sent(&c, bytes, len, &state, why)
 *   if (c.to != NULL) trace_conn_begin(&c)     a message came; what is sent from here on answers it
 *   if (c.to != NULL) trace_conn_received(&c, bytes, len, size, &state, why)
 *
 * It remembers the state of the connection as of the last line, so that each line can say what
 * changed since; and the ids of extensions that both sides announced (BEP 10), so that an extended
 * message has a name. What is sent while a message is being acted on is shown behind that message,
 * as it is its consequence. One thread per connection, as everywhere; the tracer takes care of the
 * rest.
 */
#ifndef WEFT_IO_TRACE_CONN_H
#define WEFT_IO_TRACE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "io/trace.h"
#include "proto/addr.h"
#include "proto/extend.h"

/* The state of a connection, as far as a line shows it. */
struct trace_state {
  bool am_interested;
  bool peer_choking;
  bool peer_interested;
  uint32_t window;       /* blocks that may be asked for at a time */
  uint32_t outstanding;  /* blocks asked for */
  uint32_t has;          /* pieces that the peer has */
};

struct trace_conn {
  struct trace *to;      /* not owned; NULL: this connection is not traced */
  char peer[ADDR_TEXT_MAX];
  struct trace_state last;
  struct extend ours;    /* extension ids as announced */
  struct extend theirs;
  bool acting;           /* between trace_conn_begin() and trace_conn_received() */
  int64_t came_us;       /* when it began */
  struct buf line;
  struct buf answers;    /* lines of what was sent meanwhile */
};

/* Begins: nothing is sent or received yet, and the peer chokes us. `t` may be NULL. The buffers are
 * released by trace_conn_close(). */
void trace_conn_open(struct trace_conn *c, struct trace *t, const struct addr *a);
/* Another connection to the same address begins. */
void trace_conn_restart(struct trace_conn *c);
/* Frees. Safe on a zeroed struct, and twice. */
void trace_conn_close(struct trace_conn *c);

/* In all of these c->to must not be NULL; each may wait as trace_write() does. `why` may be NULL.
 *
 * A line of the connection itself: `state_name` is "connected" or the like. */
void trace_conn_event(struct trace_conn *c, const char *state_name, const char *why,
                      const struct trace_state *now);
/* It is over; the last `unsent` bytes of what was put out never left. */
void trace_conn_closed(struct trace_conn *c, const char *why, size_t unsent);

/* A handshake, ours or (`in`) theirs. */
void trace_conn_handshake(struct trace_conn *c, const uint8_t raw[static 68], bool in,
                          const char *why);

/* One whole message was put out. */
void trace_conn_sent(struct trace_conn *c, const uint8_t *raw, size_t len,
                     const struct trace_state *now, const char *why);

/* One message came: `raw` has the first `len` bytes of its `size`; it was acted on since
 * trace_conn_begin(). `availability`: two numbers, how many have the piece of a HAVE, before and
 * after; or NULL. `why`: what becomes of it, if that is to be said. */
void trace_conn_begin(struct trace_conn *c);
void trace_conn_received(struct trace_conn *c, const uint8_t *raw, size_t len, size_t size,
                         const struct trace_state *now, const uint32_t *availability,
                         const char *why);

#endif
