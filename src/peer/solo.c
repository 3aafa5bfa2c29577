#include "peer/solo.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "io/net.h"

enum {
  IN_MAX = 2 << 20,
  OUT_MAX = 512 << 10,
  READ_STEP = 64 << 10,
  BITS_MAX = GEOMETRY_PIECES_MAX / 8,
  EXTENDED_MAX = 128 << 10 /* body of an extended message: metadata come 16 KiB at a time */
};

/* --- what the tracer is told --- */

static struct trace_state state_of(const struct solo *s) {
  return (struct trace_state){
    .am_interested = s->am_interested, .peer_choking = s->choking_us, .has = solo_count(s)};
}

static void trace_event(struct solo *s, const char *name) {
  struct trace_state now = state_of(s);
  if (s->trace.to != NULL) trace_conn_event(&s->trace, name, NULL, &now);
}

/* The reason for a message is that the command is about it: what it is good for. */
static const char *purpose_of(const struct wire_message *m) {
  switch (m->id) {
  case WIRE_INTERESTED:
    return "only who is interested is unchoked";
  case WIRE_REQUEST:
    return "a block of the piece that is wanted";
  case WIRE_EXTENDED:
    return m->ext_id == EXTEND_HANDSHAKE_ID ? "which extensions we know"
                                            : "a part of the metadata, which are wanted";
  case WIRE_HAVE_NONE:
    return "we have nothing to give";
  default:
    return NULL;
  }
}

/* The message that stands in s->out from `at` on is about to be sent. */
static void trace_sent(struct solo *s, size_t at, const struct wire_message *m) {
  struct trace_state now = state_of(s);
  if (s->out.failed) return;
  trace_conn_sent(&s->trace, s->out.data + at, s->out.len - at, &now, purpose_of(m));
}

/* --- beginning and end --- */

void solo_init(struct solo *s, const struct addr *a, int bell, int64_t patience_ms,
               struct trace *trace) {
  memset(s, 0, sizeof *s);
  trace_conn_open(&s->trace, trace, a);
  s->addr = *a;
  s->fd = -1;
  s->bell = bell;
  s->patience_ms = patience_ms;
  s->choking_us = true;
  s->limits = (struct wire_limits){
    .bitfield_len = UINT32_MAX, .piece_max = BLOCK_LEN, .other_max = EXTENDED_MAX};
  buf_init(&s->bits, BITS_MAX);
  buf_init(&s->ext_raw, EXTENDED_MAX);
  buf_init(&s->in, IN_MAX);
  buf_init(&s->out, OUT_MAX);
  extend_init(&s->ext);
}

void solo_close(struct solo *s) {
  if (s->fd >= 0) {
    /* To close with bytes unread is a reset, which may overtake what we sent last. */
    uint8_t rest[4096];
    shutdown(s->fd, SHUT_WR);
    for (int i = 0; i < 64 && recv(s->fd, rest, sizeof rest, MSG_DONTWAIT) > 0; i++) continue;
    close(s->fd);
  }
  s->fd = -1;
  if (s->trace.to != NULL && s->dialled)
    trace_conn_closed(&s->trace, s->why[0] != '\0' ? s->why : "weft has what it wanted",
                      s->out.len);
  trace_conn_close(&s->trace);
  buf_free(&s->bits);
  buf_free(&s->ext_raw);
  buf_free(&s->in);
  buf_free(&s->out);
}

int64_t solo_deadline(const struct solo *s, int64_t step_ms) {
  if (s->patience_ms > 0 && s->patience_ms < step_ms) step_ms = s->patience_ms;
  return clock_now_ms() + step_ms;
}

enum err solo_fail(struct solo *s, enum err e, const char *fmt, ...) {
  if (s->why[0] != '\0') return e;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(s->why, sizeof s->why, fmt, ap);
  va_end(ap);
  return e;
}

/* --- bytes --- */

static enum err out_of_memory(struct solo *s) {
  return solo_fail(s, ERR_MEMORY, "out of memory");
}

/* Waits for the socket; NET_ bits in *got. */
static enum err wait_for(struct solo *s, bool want_write, int64_t deadline_ms, int *got) {
  *got = net_wait(s->fd, s->bell, want_write, deadline_ms);
  if (*got & NET_BELL) return solo_fail(s, ERR_CANCELLED, "interrupted");
  return *got == 0 ? ERR_TIMEOUT : ERR_OK;
}

/* Takes what there is, as far as there is room. ERR_TIMEOUT: nothing. */
static enum err take_bytes(struct solo *s) {
  buf_consume(&s->in, s->used);
  s->used = 0;
  size_t room = IN_MAX - s->in.len;
  if (room == 0) return solo_fail(s, ERR_PROTOCOL, "it sends and sends, and does not listen");
  size_t want = room < READ_STEP ? room : READ_STEP;
  uint8_t *to = buf_reserve(&s->in, want);
  if (to == NULL) return out_of_memory(s);
  ssize_t n = recv(s->fd, to, want, MSG_DONTWAIT);
  if (n == 0) return solo_fail(s, ERR_CLOSED, "it closed the connection");
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return ERR_TIMEOUT;
  if (n < 0) return solo_fail(s, ERR_REFUSED, "it reset the connection");
  s->in.len += (size_t)n;
  return ERR_OK;
}

/* Waits for more bytes. Where they come without end the deadline is the end: looked at before the
 * socket, which would always have some. */
static enum err more_bytes(struct solo *s, int64_t deadline_ms) {
  for (;;) {
    if (clock_poll_timeout(deadline_ms) == 0) return ERR_TIMEOUT;
    int got;
    enum err e = wait_for(s, false, deadline_ms, &got);
    if (e != ERR_OK) return e;
    e = take_bytes(s);
    if (e != ERR_TIMEOUT) return e;
  }
}

/* Sends all of `out`. It is always willing to read: two that only write would wait for ever. */
static enum err flush(struct solo *s, int64_t deadline_ms) {
  if (s->out.failed) return out_of_memory(s);
  while (s->out.len > 0) {
    ssize_t n = send(s->fd, s->out.data, s->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
      return solo_fail(s, ERR_CLOSED, "it closed the connection");
    if (n > 0) buf_consume(&s->out, (size_t)n);
    if (n > 0) continue;
    int got;
    enum err e = wait_for(s, true, deadline_ms, &got);
    if (e == ERR_TIMEOUT) return solo_fail(s, e, "it takes nothing of what is sent to it");
    if (e == ERR_OK && (got & NET_READABLE)) e = take_bytes(s);
    if (e != ERR_OK && e != ERR_TIMEOUT) return e;
  }
  return ERR_OK;
}

/* --- connecting --- */

enum err solo_dial(struct solo *s) {
  s->dialled = true;
  trace_event(s, "dialling");
  enum err e = net_dial(&s->addr, s->bell, solo_deadline(s, SOLO_DIAL_MS), &s->fd);
  switch (e) {
  case ERR_OK:
    trace_event(s, "connected");
    return ERR_OK;
  case ERR_REFUSED:
    return solo_fail(s, e, "nobody listens there (connection refused)");
  case ERR_NO_ROUTE:
    return solo_fail(s, e, "there is no route to that address");
  case ERR_TIMEOUT:
    return solo_fail(s, e, "it does not answer to being dialled");
  case ERR_CANCELLED:
    return solo_fail(s, e, "interrupted");
  default:
    return solo_fail(s, e, "no socket left (see ulimit -n), or no local port");
  }
}

/* --- the handshake --- */

/* Fills in[0..WIRE_HANDSHAKE_LEN). What is not BitTorrent is noticed at its first byte. */
static enum err read_handshake(struct solo *s, int64_t deadline_ms) {
  static const char start[] = "\x13" "BitTorrent protocol";
  for (;;) {
    size_t look = s->in.len < sizeof start - 1 ? s->in.len : sizeof start - 1;
    if (look > 0 && memcmp(s->in.data, start, look) != 0)
      return solo_fail(s, ERR_PROTOCOL, "what it says is not BitTorrent");
    if (s->in.len >= WIRE_HANDSHAKE_LEN) return ERR_OK;
    enum err e = more_bytes(s, deadline_ms);
    if (e == ERR_TIMEOUT) return solo_fail(s, e, "it sent no handshake in time");
    if (e == ERR_CLOSED || e == ERR_REFUSED) {
      s->why[0] = '\0';
      return solo_fail(s, e, s->in.len > 0
                               ? "it hung up in the middle of its handshake"
                               : "it hung up on our handshake: it does not have this torrent, or "
                                 "wants no more peers, or only encrypted ones");
    }
    if (e != ERR_OK) return e;
  }
}

static enum err compare_hashes(struct solo *s, const struct wire_handshake *ours) {
  char hex[41];
  if (memcmp(s->theirs.info_hash, ours->info_hash, sizeof ours->info_hash) == 0) return ERR_OK;
  crypto_hex(s->theirs.info_hash, sizeof s->theirs.info_hash, hex);
  return solo_fail(s, ERR_MISMATCH, "it answers for another torrent, %s", hex);
}

enum err solo_shake_hands(struct solo *s, const struct wire_handshake *ours) {
  int64_t deadline_ms = solo_deadline(s, SOLO_HANDSHAKE_MS);
  wire_put_handshake(&s->out, ours);
  if (s->trace.to != NULL && !s->out.failed)
    trace_conn_handshake(&s->trace, s->out.data, false, "who dials says first who it is");
  enum err e = flush(s, deadline_ms);
  if (e == ERR_OK) e = read_handshake(s, deadline_ms);
  if (e == ERR_OK) e = wire_get_handshake(s->in.data, &s->theirs);
  if (e != ERR_OK) return e;
  s->used = WIRE_HANDSHAKE_LEN;
  if (s->trace.to != NULL) trace_conn_handshake(&s->trace, s->in.data, true, NULL);
  s->shaken = true;
  uint64_t both = s->theirs.reserved & ours->reserved;
  s->extended = both & WIRE_RESERVED_EXTENSION;
  s->fast = both & WIRE_RESERVED_FAST;
  return compare_hashes(s, ours);
}

/* --- what it has --- */

static bool bit(const struct solo *s, size_t index) {
  return index / 8 < s->bits.len && (s->bits.data[index / 8] >> (7 - index % 8) & 1);
}

bool solo_has(const struct solo *s, uint32_t index) {
  return s->has_all || bit(s, index);
}

uint32_t solo_count(const struct solo *s) {
  if (s->has_all) return s->geo.pieces;
  uint32_t n = 0;
  for (size_t i = 0; i < s->bits.len; i++) n += (uint32_t)__builtin_popcount(s->bits.data[i]);
  return n;
}

/* Does it claim a piece behind the last one? */
static bool claims_too_much(const struct solo *s) {
  for (size_t i = s->geo.pieces; i < s->bits.len * 8; i++)
    if (bit(s, i)) return true;
  return false;
}

enum err solo_know(struct solo *s, const struct geometry *geo) {
  s->geo = *geo;
  s->limits.bitfield_len = (geo->pieces + 7) / 8;
  if (s->bits.len <= s->limits.bitfield_len && !claims_too_much(s)) return ERR_OK;
  return solo_fail(s, ERR_PROTOCOL, "it claims pieces that the torrent does not have");
}

static enum err on_have(struct solo *s, uint32_t index) {
  uint32_t most = s->geo.pieces > 0 ? s->geo.pieces : GEOMETRY_PIECES_MAX;
  if (index >= most)
    return solo_fail(s, ERR_PROTOCOL, "it claims piece %u, which the torrent does not have", index);
  while (s->bits.len <= index / 8 && !s->bits.failed) buf_put_u8(&s->bits, 0);
  if (s->bits.failed) return out_of_memory(s);
  s->bits.data[index / 8] |= (uint8_t)(0x80 >> index % 8);
  s->told_pieces = true;
  return ERR_OK;
}

static enum err on_bitfield(struct solo *s, const struct wire_message *m) {
  buf_clear(&s->bits);
  buf_put(&s->bits, m->data, m->data_len);
  if (s->bits.failed) return out_of_memory(s);
  s->told_pieces = true;
  s->has_all = false;
  struct geometry geo = s->geo;
  return geo.pieces > 0 ? solo_know(s, &geo) : ERR_OK;
}

/* BEP 6: have all, have none. */
static void on_have_all(struct solo *s, bool all) {
  buf_clear(&s->bits);
  s->told_pieces = true;
  s->has_all = all;
}

static enum err on_extend(struct solo *s, const struct wire_message *m) {
  if (m->ext_id != EXTEND_HANDSHAKE_ID) return ERR_OK;
  enum err e = extend_decode(&s->ext, m->data, m->data_len);
  if (e == ERR_MEMORY) return out_of_memory(s);
  if (e != ERR_OK) return solo_fail(s, ERR_PROTOCOL, "its extension handshake is no dictionary");
  buf_clear(&s->ext_raw);
  buf_put(&s->ext_raw, m->data, m->data_len);
  s->told_extend = !s->ext_raw.failed;
  return s->told_extend ? ERR_OK : out_of_memory(s);
}

/* --- messages --- */

/* What a message changes. */
static enum err on_message(struct solo *s, const struct wire_message *m) {
  switch (m->id) {
  case WIRE_CHOKE:
  case WIRE_UNCHOKE:
    s->choking_us = m->id == WIRE_CHOKE;
    return ERR_OK;
  case WIRE_HAVE:
    return on_have(s, m->index);
  case WIRE_BITFIELD:
    return on_bitfield(s, m);
  case WIRE_HAVE_ALL:
  case WIRE_HAVE_NONE:
    on_have_all(s, m->id == WIRE_HAVE_ALL);
    return ERR_OK;
  case WIRE_EXTENDED:
    return on_extend(s, m);
  default:
    return ERR_OK;
  }
}

static void put_message(struct buf *b, const struct wire_message *m) {
  switch (m->id) {
  case WIRE_REQUEST:
  case WIRE_CANCEL:
    wire_put_range(b, m->id, m->index, m->begin, m->length);
    break;
  case WIRE_HAVE:
    wire_put_index(b, m->id, m->index);
    break;
  case WIRE_BITFIELD:
    wire_put_bitfield(b, m->data, m->data_len);
    break;
  case WIRE_EXTENDED:
    wire_put_extended(b, m->ext_id, m->data, m->data_len);
    break;
  default:
    wire_put_simple(b, m->id);
  }
}

enum err solo_send(struct solo *s, const struct wire_message *m, int64_t deadline_ms) {
  size_t at = s->out.len;
  put_message(&s->out, m);
  if (m->id == WIRE_INTERESTED) s->am_interested = true;
  if (s->trace.to != NULL) trace_sent(s, at, m);
  return flush(s, deadline_ms);
}

/* What the message changes, shown: the `len` bytes at `raw`. */
static enum err on_message_traced(struct solo *s, const struct wire_message *m, const uint8_t *raw,
                                  size_t len) {
  trace_conn_begin(&s->trace);
  enum err e = on_message(s, m);
  struct trace_state now = state_of(s);
  trace_conn_received(&s->trace, raw, len, len, &now, NULL, e == ERR_OK ? NULL : s->why);
  return e;
}

/* Bytes that no message can be made of. */
static enum err refuse(struct solo *s, enum err e) {
  if (e == ERR_MEMORY) return out_of_memory(s);
  const uint8_t *p = s->in.data + s->used;
  return solo_fail(s, e, "it sent a message that cannot be: id %u, length %u", p[4], be32_get(p));
}

enum err solo_receive(struct solo *s, struct wire_message *m, int64_t deadline_ms) {
  for (;;) {
    size_t used;
    size_t need;
    size_t left = s->in.len - s->used;
    enum err e = wire_decode(s->in.data + s->used, left, &s->limits, m, &used, &need);
    if (e == ERR_OK) {
      const uint8_t *raw = s->in.data + s->used;
      s->used += used;
      return s->trace.to == NULL ? on_message(s, m) : on_message_traced(s, m, raw, used);
    }
    if (e == ERR_LIMIT && left < 5)
      return solo_fail(s, e, "it sent a message of %u bytes", be32_get(s->in.data + s->used));
    if (e != ERR_TIMEOUT) return refuse(s, e);
    e = more_bytes(s, deadline_ms);
    if (e != ERR_OK) return e;
  }
}
