#include "peer/receive.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "peer/download.h"
#include "peer/messages.h"
#include "peer/peer_trace.h"

enum {
  SLOTS_MAX = FRAGMENT_BLOCKS_MAX,
  BUSY_BYTES = 64 << 10,   /* after a receive as big as this more is probably there already */
  SMALL_READ = 4096,       /* when no data are expected */
  KEEP_BUFFER = 64 << 10   /* a bigger p->in is given back when it is empty */
};

/* What one recvmsg scatters over. */
struct scatter {
  struct download_slot slots[SLOTS_MAX];
  uint32_t count;
  uint8_t head[SLOTS_MAX][WIRE_PIECE_HEADER_LEN];
  struct iovec iov[2 * SLOTS_MAX + 1];
  size_t iov_count;
  size_t room; /* bytes in all of iov */
};

static enum err receive_error(ssize_t n) {
  if (n == 0) return ERR_CLOSED;
  return errno == EAGAIN || errno == EINTR ? ERR_OK : ERR_REFUSED;
}

/* `n` payload bytes of an expected block are in place. */
static void note_payload(struct peer *p, size_t n) {
  p->arrived += n;
  p->outstanding_bytes -= n;
}

/* --- message by message --- */

static void note_unwanted(struct peer *p, uint32_t len) {
  if (p->forgiven >= len) p->forgiven -= len;
  else p->unsolicited += len;
  atomic_fetch_add(&p->sw->wasted, len);
}

/* A PIECE message whose header is known and of whose data `have` bytes lie at `data`: they go to
 * their place, the rest will be received there (or thrown away). */
static enum err begin_block(struct peer *p, uint32_t piece, uint32_t begin, uint32_t len,
                            const uint8_t *data, uint32_t have) {
  struct download_slot s;
  const struct geometry *g = &p->sw->meta->geo;
  if (!geometry_has_block(g, piece, begin, len)) return ERR_PROTOCOL;
  if (begin % BLOCK_LEN != 0 || len != geometry_block_len(g, piece, begin / BLOCK_LEN))
    return ERR_PROTOCOL; /* we ask for whole blocks only */
  enum err e = download_find(p, piece, begin, len, &s);
  if (e == ERR_MEMORY) return e;
  if (e != ERR_OK) {
    note_unwanted(p, len);
    p->arrived += have;
    p->skip_left = len - have;
    if (peer_trace_is_on(p)) peer_trace_unwanted(p, piece, begin, len, data, have);
    if (peer_trace_is_on(p) && have == len) peer_trace_thrown(p);
    return p->unsolicited > PEER_UNSOLICITED_MAX ? ERR_PROTOCOL : ERR_OK;
  }
  memcpy(s.dest, data, have);
  note_payload(p, have);
  if (have == len) return download_arrived(p, s.job, s.block);
  p->cur_job = s.job;
  p->cur_block = s.block;
  p->cur_left = len - have;
  return ERR_OK;
}

/* Is what is left in p->in from `at` the beginning of a PIECE, with its header complete? */
static bool piece_begun(const struct peer *p, size_t at) {
  return p->in.len - at >= WIRE_PIECE_HEADER_LEN && p->in.data[at + 4] == WIRE_PIECE;
}

/* Acts on one message, the `len` bytes at `raw`, and shows it. */
__attribute__((noinline))
static enum err handle_traced(struct peer *p, const struct wire_message *m, const uint8_t *raw,
                              size_t len) {
  struct peer_trace_message t;
  peer_trace_begin(p, &t, raw, len);
  enum err e = messages_handle(p, m);
  peer_trace_end(p, &t, NULL);
  return e;
}

/* Acts on one message, the `len` bytes at `raw`. */
static enum err handle(struct peer *p, const struct wire_message *m, const uint8_t *raw,
                       size_t len) {
  p->message_ms = p->now_ms;
  if (m->id == WIRE_PIECE) return begin_block(p, m->index, m->begin, m->length, m->data, m->length);
  return peer_trace_is_on(p) ? handle_traced(p, m, raw, len) : messages_handle(p, m);
}

/* Acts on every complete message in p->in, and begins a block whose rest is still to come. */
static enum err parse(struct peer *p) {
  size_t at = 0;
  enum err e = ERR_OK;
  p->in_need = 0;
  while (e == ERR_OK && at < p->in.len) {
    struct wire_message m;
    size_t used = 0;
    const uint8_t *here = p->in.data + at;
    e = wire_decode(here, p->in.len - at, &p->limits, &m, &used, &p->in_need);
    if (e == ERR_OK) {
      e = handle(p, &m, here, used);
      at += used;
    } else if (e == ERR_TIMEOUT && piece_begun(p, at)) {
      uint32_t len = be32_get(here) - 9;
      e = begin_block(p, be32_get(here + 5), be32_get(here + 9), len, here + WIRE_PIECE_HEADER_LEN,
                      (uint32_t)(p->in.len - at - WIRE_PIECE_HEADER_LEN));
      at = p->in.len;
    } else {
      break;
    }
  }
  if (at > 0) buf_consume(&p->in, at);
  if (p->in.len == 0 && p->in.cap > KEEP_BUFFER) buf_free(&p->in);
  return e == ERR_TIMEOUT ? ERR_OK : e;
}

/* Receives up to `want` bytes to the end of p->in and parses. */
static enum err receive_messages(struct peer *p, size_t want, bool *more) {
  uint8_t *to = buf_reserve(&p->in, want);
  if (to == NULL) return ERR_MEMORY;
  ssize_t n = recv(p->fd, to, want, MSG_DONTWAIT);
  if (n <= 0) return receive_error(n);
  p->in.len += (size_t)n;
  *more = (size_t)n == want;
  return parse(p);
}

static enum err receive_unwanted(struct peer *p, bool *more) {
  uint8_t trash[8192];
  size_t want = p->skip_left < sizeof trash ? p->skip_left : sizeof trash;
  ssize_t n = recv(p->fd, trash, want, MSG_DONTWAIT);
  if (n <= 0) return receive_error(n);
  p->skip_left -= (uint32_t)n;
  if (p->skip_left == 0) p->message_ms = p->now_ms;
  if (p->skip_left == 0 && peer_trace_is_on(p)) peer_trace_thrown(p);
  p->arrived += (uint64_t)n;
  *more = (size_t)n == want;
  return ERR_OK;
}

/* --- scattered --- */

static void scatter_add(struct scatter *v, void *base, size_t len) {
  v->iov[v->iov_count++] = (struct iovec){base, len};
  v->room += len;
}

/* Lays out the vector. What lies in p->in (part of a header) counts as received into the first
 * header. */
static void scatter_build(struct peer *p, struct scatter *v) {
  v->iov_count = 0;
  v->room = 0;
  if (p->cur_job != NULL) {
    const struct peer_job *j = p->cur_job;
    uint32_t len = geometry_block_len(&p->sw->meta->geo, j->run.piece, j->run.first + p->cur_block);
    scatter_add(v, j->frag->data + (size_t)p->cur_block * BLOCK_LEN + (len - p->cur_left),
                p->cur_left);
  }
  size_t before = p->in.len;
  if (before > 0) memcpy(v->head[0], p->in.data, before);
  for (uint32_t k = 0; k < v->count; k++) {
    scatter_add(v, v->head[k] + before, WIRE_PIECE_HEADER_LEN - before);
    scatter_add(v, v->slots[k].dest, v->slots[k].len);
    before = 0;
  }
}

static bool is_header_of(const uint8_t *head, const struct download_slot *s) {
  return be32_get(head) == s->len + 9 && head[4] == WIRE_PIECE && be32_get(head + 5) == s->piece &&
         be32_get(head + 9) == s->begin;
}

/* From slot `k` on it is not what was expected: moves the rest of what was received, `n` bytes of
 * which begin in the header of slot k, to p->in and parses it there. */
static enum err fall_back(struct peer *p, struct scatter *v, uint32_t k, size_t n) {
  buf_clear(&p->in);
  for (; n > 0 && k < v->count; k++) {
    size_t h = n < WIRE_PIECE_HEADER_LEN ? n : WIRE_PIECE_HEADER_LEN;
    buf_put(&p->in, v->head[k], h);
    n -= h;
    size_t d = n < v->slots[k].len ? n : v->slots[k].len;
    buf_put(&p->in, v->slots[k].dest, d);
    n -= d;
  }
  return p->in.failed ? ERR_MEMORY : parse(p);
}

/* Walks over `n` received bytes of the vector, from the first header on. */
static enum err scatter_walk(struct peer *p, struct scatter *v, size_t n) {
  for (uint32_t k = 0; k < v->count && n > 0; k++) {
    struct download_slot *s = &v->slots[k];
    if (n < WIRE_PIECE_HEADER_LEN || !is_header_of(v->head[k], s)) return fall_back(p, v, k, n);
    n -= WIRE_PIECE_HEADER_LEN;
    uint32_t here = n < s->len ? (uint32_t)n : s->len;
    n -= here;
    note_payload(p, here);
    if (here < s->len) {
      p->cur_job = s->job;
      p->cur_block = s->block;
      p->cur_left = s->len - here;
    } else {
      p->message_ms = p->now_ms;
      enum err e = download_arrived(p, s->job, s->block);
      if (e != ERR_OK) return e;
    }
  }
  return ERR_OK;
}

/* Places hold memory, so a slow peer gets few of them ready: as many as tend to be filled at
 * once. */
static void adapt_ahead(struct peer *p, const struct scatter *v, size_t n) {
  if (n == v->room && v->count == p->ahead && p->ahead < SLOTS_MAX) p->ahead *= 2;
  else if (n < v->room / 4 && p->ahead > PEER_AHEAD_MIN) p->ahead /= 2;
}

static enum err receive_scattered(struct peer *p, struct scatter *v, bool *more) {
  scatter_build(p, v);
  struct msghdr m = {.msg_iov = v->iov, .msg_iovlen = v->iov_count};
  ssize_t got = recvmsg(p->fd, &m, MSG_DONTWAIT);
  if (got <= 0) return receive_error(got);
  size_t n = (size_t)got;
  *more = n == v->room && n >= BUSY_BYTES;
  adapt_ahead(p, v, n);
  if (p->cur_job != NULL) {
    uint32_t here = n < p->cur_left ? (uint32_t)n : p->cur_left;
    note_payload(p, here);
    n -= here;
    p->cur_left -= here;
    if (p->cur_left > 0) return ERR_OK;
    struct peer_job *j = p->cur_job;
    p->cur_job = NULL;
    p->message_ms = p->now_ms;
    enum err e = download_arrived(p, j, p->cur_block);
    if (e != ERR_OK) return e;
  }
  n += p->in.len; /* was put in front of the first header */
  buf_clear(&p->in);
  return scatter_walk(p, v, n);
}

enum err receive_some(struct peer *p, bool *more) {
  *more = false;
  if (p->skip_left > 0) return receive_unwanted(p, more);
  if (p->in.len >= WIRE_PIECE_HEADER_LEN || (p->in.len > 0 && p->in_need > WIRE_PIECE_HEADER_LEN))
    return receive_messages(p, p->in_need - p->in.len, more);
  struct scatter v;
  v.count = p->outstanding > 0 ? download_expected(p, v.slots, p->ahead) : 0;
  if (v.count == 0 && p->cur_job == NULL) return receive_messages(p, SMALL_READ, more);
  return receive_scattered(p, &v, more);
}
