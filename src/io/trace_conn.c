#include "io/trace_conn.h"

#include <string.h>

#include "proto/wire.h"

/* --- from beginning to end --- */

void trace_conn_open(struct trace_conn *c, struct trace *t, const struct addr *a) {
  memset(c, 0, sizeof *c);
  if (t == NULL || !trace_wants_peer(t, a)) return;
  c->to = t;
  addr_text(a, c->peer);
  buf_init(&c->line, TRACE_LINES_MAX);
  buf_init(&c->answers, TRACE_LINES_MAX);
  trace_conn_restart(c);
}

void trace_conn_restart(struct trace_conn *c) {
  c->last = (struct trace_state){.peer_choking = true};
  extend_init(&c->ours);
  extend_init(&c->theirs);
  c->acting = false;
}

void trace_conn_close(struct trace_conn *c) {
  buf_free(&c->line);
  buf_free(&c->answers);
  c->to = NULL;
}

/* --- what changed --- */

static void note(struct trace_event *e, const char *name, const char *words, bool flag,
                 uint64_t before, uint64_t after) {
  if (before == after || e->change_count == TRACE_CHANGES_MAX) return;
  e->changes[e->change_count++] = (struct trace_change){name, words, flag, before, after};
}

/* One request more, or one block less, as each of these messages has it. */
static bool is_usual(enum trace_type type, const struct trace_state *was,
                     const struct trace_state *now) {
  if ((unsigned)type == WIRE_REQUEST) return now->outstanding == was->outstanding + 1;
  return (unsigned)type == WIRE_PIECE && now->outstanding + 1 == was->outstanding;
}

/* All that is not as it was at the last line, which this one is from now on. */
static void note_changes(struct trace_conn *c, struct trace_event *e,
                         const struct trace_state *now) {
  const struct trace_state *was = &c->last;
  note(e, "peer_choking", "it chokes us", true, was->peer_choking, now->peer_choking);
  note(e, "peer_interested", "it is interested", true, was->peer_interested, now->peer_interested);
  note(e, "am_interested", "we are interested", true, was->am_interested, now->am_interested);
  note(e, "has", "pieces it has", false, was->has, now->has);
  note(e, "window", "window", false, was->window, now->window);
  note(e, "outstanding", is_usual(e->type, was, now) ? NULL : "blocks asked for", false,
       was->outstanding, now->outstanding);
  c->last = *now;
}

/* --- lines --- */

/* Makes a line if it is wanted: at once, or behind the message that is being acted on. */
static void put(struct trace_conn *c, const struct trace_event *e) {
  if (!trace_wants(c->to, e->type)) return;
  if (c->acting) {
    trace_put(c->to, &c->answers, e);
    return;
  }
  trace_put(c->to, &c->line, e);
  trace_write(c->to, &c->line);
}

static struct trace_event event(const struct trace_conn *c, enum trace_type type,
                                enum trace_dir dir, const char *why) {
  return (struct trace_event){.us = trace_now_us(c->to), .peer = c->peer, .dir = dir, .type = type,
                              .bep = trace_line_bep(type), .why = why};
}

void trace_conn_event(struct trace_conn *c, const char *state_name, const char *why,
                      const struct trace_state *now) {
  struct trace_fields f = {.count = 0};
  struct trace_event e = event(c, TRACE_CONNECTION, TRACE_NO_DIR, why);
  trace_field_add_text(&f, "state", state_name);
  f.at[0].bare = true;
  e.fields = &f;
  if (now != NULL) note_changes(c, &e, now);
  put(c, &e);
}

void trace_conn_closed(struct trace_conn *c, const char *why, size_t unsent) {
  struct trace_fields f = {.count = 0};
  struct trace_event e = event(c, TRACE_CONNECTION, TRACE_NO_DIR, why);
  c->acting = false;
  trace_field_add_text(&f, "state", "closed");
  f.at[0].bare = true;
  if (unsent > 0) trace_field_add_number(&f, "unsent", unsent);
  e.fields = &f;
  put(c, &e);
}

void trace_conn_handshake(struct trace_conn *c, const uint8_t raw[static 68], bool in,
                          const char *why) {
  struct trace_fields f;
  struct trace_event e = event(c, TRACE_HANDSHAKE, in ? TRACE_IN : TRACE_OUT, why);
  if (!trace_wants(c->to, TRACE_HANDSHAKE)) return;
  trace_field_of_handshake(&f, raw);
  e.fields = &f;
  e.sized = true;
  e.size = WIRE_HANDSHAKE_LEN;
  put(c, &e);
}

/* --- extended messages --- */

/* What the receiver of an extended message announced under this id, and the BEP of it. */
static const char *extension_of(const struct extend *announced, uint8_t id, unsigned *bep) {
  const struct {
    const char *name;
    uint8_t id;
    unsigned bep;
  } known[] = {{"ut_metadata", announced->ut_metadata, 9},
               {"ut_pex", announced->ut_pex, 11},
               {"lt_donthave", announced->lt_donthave, 54},
               {"ut_holepunch", announced->ut_holepunch, 55}};
  *bep = 10;
  if (id == EXTEND_HANDSHAKE_ID) return "handshake";
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (known[i].id != id) continue;
    *bep = known[i].bep;
    return known[i].name;
  }
  return NULL;
}

/* Names an extended message, and remembers the ids that a handshake announces: `sender` is whose
 * ids these are, `receiver` whose ids the message is under. */
static const char *name_extended(const uint8_t *raw, size_t len, struct extend *sender,
                                 const struct extend *receiver, unsigned *bep) {
  const char *name = extension_of(receiver, raw[5], bep);
  if (raw[5] == EXTEND_HANDSHAKE_ID) extend_decode(sender, raw + 6, len - 6);
  return name;
}

/* --- messages --- */

/* Shows a message, of which `len` of `size` bytes are there. */
static void put_message(struct trace_conn *c, struct trace_event *e, const uint8_t *raw, size_t len,
                        size_t size) {
  struct trace_fields f;
  const char *extension = NULL;
  bool in = e->dir == TRACE_IN;
  if ((unsigned)e->type == WIRE_EXTENDED && len >= 6)
    extension = name_extended(raw, len, in ? &c->theirs : &c->ours, in ? &c->ours : &c->theirs,
                              &e->bep);
  if (!trace_wants(c->to, e->type)) return;
  trace_field_of_message(&f, raw, len, size, extension);
  e->fields = &f;
  e->sized = true;
  e->size = size;
  put(c, e);
}

void trace_conn_sent(struct trace_conn *c, const uint8_t *raw, size_t len,
                     const struct trace_state *now, const char *why) {
  struct trace_event e = event(c, trace_line_type(raw, len), TRACE_OUT, why);
  if (!c->acting) note_changes(c, &e, now);
  put_message(c, &e, raw, len, len);
}

void trace_conn_begin(struct trace_conn *c) {
  c->acting = true;
  c->came_us = trace_now_us(c->to);
}

void trace_conn_received(struct trace_conn *c, const uint8_t *raw, size_t len, size_t size,
                         const struct trace_state *now, const uint32_t *availability,
                         const char *why) {
  struct trace_event e = event(c, trace_line_type(raw, len), TRACE_IN, why);
  c->acting = false;
  e.us = c->came_us;
  note_changes(c, &e, now);
  if (availability != NULL)
    note(&e, "availability", "peers that have it", false, availability[0], availability[1]);
  put_message(c, &e, raw, len, size);
  if (c->answers.len > 0 || c->answers.failed) trace_write(c->to, &c->answers);
}
