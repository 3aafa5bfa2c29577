#include "peer/peer_trace.h"

#include <stdio.h>
#include <string.h>

#include "base/rd.h"

static struct trace_state state_of(const struct peer *p) {
  return (struct trace_state){
    .am_interested = p->am_interested,
    .peer_choking = p->choking_us,
    .peer_interested = p->interested_in_us,
    .window = p->window,
    .outstanding = p->outstanding,
    .has = p->pp.seed ? p->sw->meta->geo.pieces : (uint32_t)p->pp.has.count,
  };
}

/* --- sent --- */

void peer_trace_sent(struct peer *p, size_t at, const char *why) {
  struct trace_state now = state_of(p);
  while (p->out.len - at >= 4) { /* less is left if it did not fit */
    const uint8_t *raw = p->out.data + at;
    size_t len = 4 + (size_t)be32_get(raw);
    if (len > p->out.len - at) return;
    trace_conn_sent(&p->trace, raw, len, &now, why);
    at += len;
  }
}

/* Every reason in words. */
static const char *const reasons[] = {
  [RUN_UNTOLD] = "",
  [RUN_RANDOM] = "one of the first pieces, at random",
  [RUN_RAREST] = "rarest",
  [RUN_HELD] = "goes on with its piece",
  [RUN_LEFT] = "a piece that another left unfinished",
  [RUN_SHARED] = "a piece that slow peers share",
  [RUN_HELP] = "nothing is left to begin: helps with a piece",
  [RUN_AGAIN] = "its hash was wrong: fetched again",
  [RUN_PROOF] = "its hash was wrong, and this peer had a part in it: for its half's copy",
  [RUN_TAKEN_OVER] = "end game: taken over from a slower peer",
};

void peer_trace_request(struct peer *p, size_t at, const struct run *run) {
  char why[128];
  if (run->why == RUN_RAREST)
    snprintf(why, sizeof why, "%s, %u peer%s it", reasons[run->why], run->peers,
             run->peers == 1 ? " has" : "s have");
  else
    snprintf(why, sizeof why, "%s", reasons[run->why]);
  peer_trace_sent(p, at, why);
}

void peer_trace_shaken(struct peer *p, size_t at) {
  if (p->out.len - at < WIRE_HANDSHAKE_LEN) return;
  trace_conn_handshake(&p->trace, p->out.data + at, false, "who dials says first who it is");
}

void peer_trace_greeted(struct peer *p, const uint8_t raw[static 68]) {
  trace_conn_handshake(&p->trace, raw, true, NULL);
}

void peer_trace_event(struct peer *p, const char *state, const char *why) {
  struct trace_state now = state_of(p);
  trace_conn_event(&p->trace, state, why, &now);
}

void peer_trace_closed(struct peer *p, const char *why) {
  trace_conn_closed(&p->trace, why, p->out.len);
}

/* --- received --- */

void peer_trace_begin(struct peer *p, struct peer_trace_message *m, const uint8_t *raw,
                      size_t len) {
  *m = (struct peer_trace_message){.raw = raw, .len = len, .size = len};
  if (len == 9 && raw[4] == WIRE_HAVE) m->index = be32_get(raw + 5);
  m->have = len == 9 && raw[4] == WIRE_HAVE && geometry_has_piece(&p->sw->meta->geo, m->index);
  if (m->have) m->availability[0] = pieces_availability(p->sw->pieces, m->index);
  trace_conn_begin(&p->trace);
}

void peer_trace_begin_block(struct peer *p, struct peer_trace_message *m, uint32_t piece,
                            uint32_t begin, uint32_t len, const uint8_t *data, size_t have) {
  size_t n = have < TRACE_DATA_SHOWN ? have : TRACE_DATA_SHOWN;
  *m = (struct peer_trace_message){.len = WIRE_PIECE_HEADER_LEN + n,
                                   .size = WIRE_PIECE_HEADER_LEN + (size_t)len};
  wire_piece_header(m->head, piece, begin, len);
  if (n > 0) memcpy(m->head + WIRE_PIECE_HEADER_LEN, data, n);
  trace_conn_begin(&p->trace);
}

void peer_trace_end(struct peer *p, struct peer_trace_message *m, const char *why) {
  struct trace_state now = state_of(p);
  if (m->have) m->availability[1] = pieces_availability(p->sw->pieces, m->index);
  trace_conn_received(&p->trace, m->raw != NULL ? m->raw : m->head, m->len, m->size, &now,
                      m->have ? m->availability : NULL, why);
}

/* --- thrown away --- */

void peer_trace_unwanted(struct peer *p, uint32_t piece, uint32_t begin, uint32_t len,
                         const uint8_t *data, size_t have) {
  size_t n = have < TRACE_DATA_SHOWN ? have : TRACE_DATA_SHOWN;
  wire_piece_header(p->unwanted, piece, begin, len);
  if (n > 0) memcpy(p->unwanted + WIRE_PIECE_HEADER_LEN, data, n);
  p->unwanted_len = (uint32_t)(WIRE_PIECE_HEADER_LEN + n);
}

void peer_trace_thrown(struct peer *p) {
  struct trace_state now = state_of(p);
  if (p->unwanted_len == 0) return;
  trace_conn_begin(&p->trace);
  trace_conn_received(&p->trace, p->unwanted, p->unwanted_len, 4 + (size_t)be32_get(p->unwanted),
                      &now, NULL, "thrown away: it was not asked for, or came too late");
  p->unwanted_len = 0;
}
