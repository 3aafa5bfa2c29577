/*
 * swarm_fixture: a small swarm for tests, and what must always be true of it.
 *
 * fix_swarm() makes everything that the threads of one torrent share (swarm/swarm.h) around a
 * torrent whose content a seed decides; there is no disk and no thread. The test plays the writer:
 * fix_write() takes all fragments from the results channel, compares them with the content, counts
 * each block and reports whole pieces as verified. fix_peer() adds one connection whose socket ends
 * in the test's hands; what the test puts there the code under test receives.
 *
 * fix_queue_fault(), fix_rarity_fault() and fix_peer_fault() look at everything that
 * swarm/pieces.h, swarm/rarity.h and peer/peer.h promise and return a sentence about the first
 * thing that is not so, or NULL. They need no cmocka, so that the fuzz target uses them too;
 * FIX_MUST() aborts.
 */
#ifndef WEFT_TESTS_SWARM_FIXTURE_H
#define WEFT_TESTS_SWARM_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sha1.h"
#include "io/net.h"
#include "peer/download.h"
#include "peer/peer.h"
#include "peer/receive.h"
#include "swarm/pieces_impl.h"
#include "swarm/swarm.h"

#define FIX_MUST(truth) \
  do { \
    if (!(truth)) { \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth); \
      abort(); \
    } \
  } while (0)

/* ---- a torrent ---- */

/* Content that is different at every place, so that a byte in the wrong one shows. */
static inline uint8_t *fix_content(uint64_t total, unsigned seed) {
  uint8_t *data = malloc(total ? (size_t)total : 1);
  FIX_MUST(data != NULL);
  uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
  for (uint64_t i = 0; i < total; i++) {
    x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    data[i] = (uint8_t)(x >> 56);
  }
  return data;
}

static inline void fix_torrent(struct metainfo *m, const uint8_t *data, uint64_t total,
                               uint32_t piece_len) {
  *m = (struct metainfo){0};
  FIX_MUST(geometry_init(&m->geo, total, piece_len) == ERR_OK);
  m->hashes = malloc((size_t)m->geo.pieces * SHA1_LEN + 1);
  FIX_MUST(m->hashes != NULL);
  for (uint32_t i = 0; i < m->geo.pieces; i++)
    sha1_once(data + geometry_piece_offset(&m->geo, i), geometry_piece_len(&m->geo, i),
              m->hashes + (size_t)i * SHA1_LEN);
  memcpy(m->info_hash, "info hash of fixture", 20);
}

/* ---- what must always be true: rarity ---- */

static inline const char *fix_rarity_fault(const struct rarity *r) {
  uint32_t at = 0;
  if (r->start[0] != 0) return "the first bucket does not begin at 0";
  if (r->start[r->top + 1] != r->candidates) return "the last bucket does not end at the end";
  for (uint32_t a = 0; a <= r->top; a++) {
    if (r->start[a] > r->start[a + 1]) return "a bucket ends before it begins";
    for (; at < r->start[a + 1]; at++) {
      uint32_t i = r->order[at];
      if (i >= r->pieces) return "something that is no piece stands in a bucket";
      if (r->place[i] != at) return "a piece does not know its place";
      if (r->avail[i] != a) return "a piece stands in the wrong bucket";
    }
  }
  uint32_t placed = 0;
  for (uint32_t i = 0; i < r->pieces; i++) placed += r->place[i] != UINT32_MAX;
  return placed == r->candidates ? NULL : "a piece has a place and is no candidate, or the reverse";
}

/* ---- the queue ---- */

static inline const char *fix_open_fault(const struct pieces *q, const struct open_piece *op) {
  uint32_t free_blocks = 0;
  uint32_t missing = 0;
  if (op->blocks != geometry_blocks(&q->geo, op->index)) return "an open piece has odd blocks";
  for (uint32_t b = 0; b < op->blocks; b++) {
    uint32_t a = op->asked[b];
    missing += op->from[b] == 0;
    free_blocks += op->from[b] == 0 && a == 0;
    if (a != 0 && op->from[b] != 0) return "a block is ASKED and RECEIVED";
    if (a != 0 && (a > q->peer_slots || q->peers[a - 1] == NULL)) return "a block is asked of none";
  }
  if (op->free != free_blocks) return "the count of FREE blocks is wrong";
  if (op->missing != missing) return "the count of missing blocks is wrong";
  bool listed = false;
  for (const struct open_piece *o = q->ready; o != NULL; o = o->next) listed |= o == op;
  if (listed != (op->free > 0)) return "the list of pieces with FREE blocks is wrong";
  if (op->holder == 0) return NULL;
  if (op->holder > q->peer_slots || q->peers[op->holder - 1] == NULL) return "the holder is gone";
  return q->peers[op->holder - 1]->holds == op->index ? NULL : "the holder holds something else";
}

static inline bool fix_run_covers(const struct pieces_peer *p, uint32_t piece, uint32_t block) {
  for (uint32_t i = 0; i < p->run_count; i++)
    if (p->runs[i].piece == piece && block - p->runs[i].first < p->runs[i].count) return true;
  return false;
}

static inline const char *fix_member_fault(const struct pieces *q, const struct pieces_peer *p) {
  uint32_t asked = 0;
  for (uint32_t i = 0; i < q->geo.pieces; i++)
    for (const struct open_piece *op = q->open[i]; op != NULL; op = op->other)
      for (uint32_t b = 0; b < op->blocks; b++) {
        if (op->asked[b] != p->slot + 1) continue;
        asked++;
        if (!fix_run_covers(p, i, b)) return "a block is asked and in no run";
        if (pieces_copy_of(q, p->number, i) != op) return "a block is asked for another's copy";
      }
  if (asked != p->asked) return "a connection's count of asked blocks is wrong";
  return p->run_count <= PIECES_RUNS_MAX ? NULL : "too many runs";
}

/* Every copy is one of its piece and has blocks of its members only; nobody is in two of them. */
static inline const char *fix_copies_fault(const struct pieces *q, const struct open_piece *op) {
  const char *fault = fix_open_fault(q, op);
  if (op->copy != 0) return "the common copy is not the first";
  for (const struct open_piece *c = op->other; c != NULL && fault == NULL; c = c->other) {
    fault = fix_open_fault(q, c);
    if (c->index != op->index || c->copy == 0) return "a copy is of something else";
    if (c->holder != 0) return "somebody holds a copy that is for its members";
    if (c->member_count == 0) return "a copy is for nobody";
    for (uint32_t m = 0; m < c->member_count; m++)
      if (pieces_copy_of(q, c->members[m], c->index) != c) return "a member has two copies";
    for (uint32_t b = 0; b < c->blocks; b++)
      if (c->from[b] != 0 && pieces_copy_of(q, c->from[b], c->index) != c)
        return "a copy has a block of somebody else";
  }
  return fault;
}

static inline const char *fix_piece_fault(const struct pieces *q, uint32_t i) {
  bool done = bitset_get(&q->done, i);
  bool open = q->open[i] != NULL;
  bool candidate = q->rarity.place[i] != UINT32_MAX;
  if (done + open + candidate != 1) return "a piece is not in exactly one state";
  uint32_t avail = 0;
  for (uint32_t k = 0; k < q->peer_slots; k++)
    if (q->peers[k] != NULL && !q->peers[k]->seed) avail += bitset_get(&q->peers[k]->has, i);
  if (avail != q->rarity.avail[i]) return "an availability count is wrong";
  return open ? fix_copies_fault(q, q->open[i]) : NULL;
}

/* Caller must see to it that no other thread works with `q`. */
static inline const char *fix_queue_fault(const struct pieces *q) {
  const char *fault = fix_rarity_fault(&q->rarity);
  uint64_t bytes = 0;
  uint32_t open = 0;
  uint32_t seeds = 0;
  for (uint32_t i = 0; fault == NULL && i < q->geo.pieces; i++) {
    fault = fix_piece_fault(q, i);
    open += q->open[i] != NULL;
    bytes += bitset_get(&q->done, i) ? geometry_piece_len(&q->geo, i) : 0;
  }
  for (uint32_t k = 0; fault == NULL && k < q->peer_slots; k++) {
    if (q->peers[k] == NULL) continue;
    seeds += q->peers[k]->seed;
    fault = q->peers[k]->slot != k ? "a connection does not know its slot"
                                   : fix_member_fault(q, q->peers[k]);
  }
  if (fault != NULL) return fault;
  if (open != q->open_count) return "the count of open pieces is wrong";
  if (bytes != q->done_bytes) return "the count of bytes done is wrong";
  return seeds == q->seeds ? NULL : "the count of seeds is wrong";
}

/* ---- a connection ---- */

static inline uint32_t fix_job_open(const struct peer_job *j) {
  uint32_t full = j->run.count == 32 ? UINT32_MAX : (UINT32_C(1) << j->run.count) - 1;
  return full & ~(j->got | j->gone);
}

static inline const char *fix_peer_fault(const struct peer *p) {
  uint32_t blocks = 0;
  uint64_t bytes = 0;
  bool cur_found = p->cur_job == NULL;
  for (uint32_t k = 0; k < p->job_count; k++) {
    const struct peer_job *j = &p->jobs[(p->job_head + k) % PEER_JOBS_MAX];
    if (k == 0 && j->ended) return "a job that ended blocks the front of the ring";
    if (j->ended && j->frag != NULL) return "a job that ended keeps its fragment";
    if (j->ended) continue;
    if (fix_job_open(j) == 0) return "a job whose blocks are settled was not ended";
    if (j->got != 0 && j->frag == NULL) return "blocks have arrived in no fragment";
    if (j == p->cur_job) cur_found = fix_job_open(j) >> p->cur_block & 1 && j->frag != NULL;
    for (uint32_t m = fix_job_open(j); m != 0; m &= m - 1) {
      blocks++;
      bytes += geometry_block_len(&p->sw->meta->geo, j->run.piece,
                                  j->run.first + (uint32_t)__builtin_ctz(m));
    }
  }
  if (!cur_found) return "the block that is arriving was not asked for";
  if (p->cur_job != NULL)
    bytes -= geometry_block_len(&p->sw->meta->geo, p->cur_job->run.piece,
                                p->cur_job->run.first + p->cur_block) - p->cur_left;
  if ((p->cur_job != NULL) != (p->cur_left > 0)) return "a block arrives and nothing is missing";
  if ((p->cur_job != NULL) + (p->skip_left > 0) + (p->in.len > 0) > 1)
    return "the connection is in the middle of two things";
  if (blocks != p->outstanding) return "the count of outstanding blocks is wrong";
  return bytes == p->outstanding_bytes ? NULL : "the count of outstanding bytes is wrong";
}

/* ---- the swarm ---- */

struct fix {
  struct metainfo meta;
  uint8_t *data;           /* the torrent's content */
  uint32_t piece_blocks;   /* blocks of a piece (but the last) */
  uint32_t *times;         /* [piece * piece_blocks + block]: how often it came to the writer */
  uint32_t wrong;          /* blocks that came with wrong content */
  uint32_t rung[64];       /* whom the queue rang, in order */
  uint32_t rung_count;
  struct swarm sw;
};

static inline void fix_on_ring(void *arg, uint32_t number) {
  struct fix *f = arg;
  if (f->rung_count < 64) f->rung[f->rung_count++] = number;
}

static inline bool fix_was_rung(const struct fix *f, uint32_t number) {
  for (uint32_t i = 0; i < f->rung_count; i++)
    if (f->rung[i] == number) return true;
  return false;
}

static inline void fix_swarm(struct fix *f, uint64_t total, uint32_t piece_len) {
  memset(f, 0, sizeof *f);
  f->data = fix_content(total, 3);
  fix_torrent(&f->meta, f->data, total, piece_len);
  f->piece_blocks = (piece_len + BLOCK_LEN - 1) / BLOCK_LEN;
  f->times = calloc((size_t)f->meta.geo.pieces * f->piece_blocks, sizeof *f->times);
  struct swarm *sw = &f->sw;
  sw->meta = &f->meta;
  memcpy(sw->peer_id, "-WEFT01-fixturefixtu", 20);
  sw->book = addrbook_new(64);
  sw->roster = roster_new(64, sw->peer_id);
  sw->pieces = pieces_new(&f->meta.geo, NULL, fix_on_ring, f);
  sw->results = chan_new(4096, UINT64_MAX / 2);
  sw->pool = fragment_pool_new();
  sw->bell = net_bell_new();
  sw->memory = UINT64_C(128) << 20;
  sw->port = 6881;
  FIX_MUST(f->times && sw->book && sw->roster && sw->pieces && sw->results && sw->pool);
}

static inline const uint8_t *fix_block(const struct fix *f, uint32_t piece, uint32_t block) {
  return f->data + geometry_piece_offset(&f->meta.geo, piece) + (size_t)block * BLOCK_LEN;
}

static inline bool fix_piece_whole(const struct fix *f, uint32_t piece) {
  for (uint32_t b = 0; b < geometry_blocks(&f->meta.geo, piece); b++)
    if (f->times[(size_t)piece * f->piece_blocks + b] == 0) return false;
  return true;
}

static inline uint32_t fix_write_one(struct fix *f, struct fragment *g) {
  uint32_t blocks = 0;
  for (uint32_t i = 0; i < g->count; i++) {
    if (!(g->valid >> i & 1)) continue;
    blocks++;
    f->times[(size_t)g->piece * f->piece_blocks + g->first + i]++;
    f->wrong += memcmp(g->data + (size_t)i * BLOCK_LEN, fix_block(f, g->piece, g->first + i),
                       geometry_block_len(&f->meta.geo, g->piece, g->first + i)) != 0;
  }
  uint32_t piece = g->piece;
  fragment_put(f->sw.pool, g);
  if (fix_piece_whole(f, piece)) pieces_verified(f->sw.pieces, piece);
  return blocks;
}

/* Does the writer's work with everything that waits. Returns how many blocks that were. */
static inline uint32_t fix_write(struct fix *f) {
  void *items[32];
  size_t n;
  uint32_t blocks = 0;
  while (chan_count(f->sw.results) > 0 &&
         chan_receive(f->sw.results, items, 32, &n, CLOCK_NEVER) == ERR_OK)
    for (size_t i = 0; i < n; i++) blocks += fix_write_one(f, items[i]);
  return blocks;
}

/* Did every block come to the writer exactly once, with the right content? */
static inline bool fix_all_came_once(const struct fix *f) {
  for (uint32_t i = 0; i < f->meta.geo.pieces; i++)
    for (uint32_t b = 0; b < geometry_blocks(&f->meta.geo, i); b++)
      if (f->times[(size_t)i * f->piece_blocks + b] != 1) return false;
  return f->wrong == 0;
}

static inline void fix_free(struct fix *f) {
  fix_write(f);
  pieces_free(f->sw.pieces);
  roster_free(f->sw.roster);
  addrbook_free(f->sw.book);
  chan_free(f->sw.results);
  fragment_pool_free(f->sw.pool);
  close(f->sw.bell);
  free(f->times);
  free(f->meta.hashes);
  free(f->data);
}

/* ---- one scripted connection ---- */

struct fix_link {
  struct fix *f;
  struct peer *p;
  int far; /* the other end of its socket */
  enum err error; /* what ended the connection, ERR_OK so far */
  bool left;
};

/* A connection after the handshake, with BEP 6 and BEP 10, choked, that has nothing. It owns the
 * descriptors: both ends of its socket, and its bell. */
static inline struct fix_link fix_peer_on(struct fix *f, uint8_t host, int near, int far,
                                          int bell) {
  struct fix_link l = {.f = f, .p = malloc(sizeof *l.p), .far = far};
  struct addr a = {.family = 4, .ip = {10, 0, 0, host}, .port = 6881};
  FIX_MUST(l.p != NULL);
  peer_init(l.p, &f->sw, &a);
  l.p->fd = near;
  l.p->bell = l.p->seat.bell = bell;
  FIX_MUST(roster_enter(f->sw.roster, &l.p->seat) == ERR_OK);
  FIX_MUST(roster_connected(f->sw.roster, &l.p->seat, l.p->fd) == ERR_OK);
  FIX_MUST(pieces_join(f->sw.pieces, &l.p->pp, l.p->seat.number) == ERR_OK);
  l.p->pp.proven = true;
  l.p->fast = l.p->extended = l.p->am_interested = true;
  l.p->limits = (struct wire_limits){
    .bitfield_len = (uint32_t)bitset_wire_len(f->meta.geo.pieces),
    .piece_max = BLOCK_LEN,
    .other_max = 64 << 10,
  };
  l.p->now_ms = l.p->message_ms = l.p->last_sent_ms = clock_now_ms();
  atomic_fetch_add(&f->sw.workers, 1);
  return l;
}

/* The same with a socket and a bell of its own. */
static inline struct fix_link fix_peer(struct fix *f, uint8_t host) {
  int pair[2];
  FIX_MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  return fix_peer_on(f, host, pair[0], pair[1], net_bell_new());
}

/* The end of a connection as the worker does it. */
static inline void fix_leave(struct fix_link *l) {
  if (l->left) return;
  l->left = true;
  download_end(l->p);
  FIX_MUST(l->p->outstanding == 0 && l->p->job_count == 0 && l->p->outstanding_bytes == 0);
  FIX_MUST(l->p->pp.asked == 0);
  pieces_leave(l->f->sw.pieces, &l->p->pp);
  roster_leave(l->f->sw.roster, &l->p->seat);
  atomic_fetch_sub(&l->f->sw.workers, 1);
  close(l->p->fd);
  close(l->p->bell);
  close(l->far);
  peer_free(l->p);
  free(l->p);
}

static inline int fix_waiting(int fd) {
  int n = 0;
  FIX_MUST(ioctl(fd, FIONREAD, &n) == 0);
  return n;
}

/* Lets the connection receive all that is there. Its time, which only the test moves, stands still
 * meanwhile. */
static inline enum err fix_receive(struct fix_link *l) {
  bool more;
  int64_t now_ms = l->p->now_ms;
  while (l->error == ERR_OK && fix_waiting(l->p->fd) > 0) {
    l->error = receive_some(l->p, &more);
    l->p->now_ms = now_ms;
  }
  download_count(l->p);
  return l->error;
}

/* Sends it `len` bytes and lets it receive them, `step` at a time. */
static inline enum err fix_feed_by(struct fix_link *l, const void *data, size_t len, size_t step) {
  const uint8_t *at = data;
  while (len > 0 && l->error == ERR_OK) {
    size_t want = len < step ? len : step;
    ssize_t n = send(l->far, at, want, MSG_DONTWAIT | MSG_NOSIGNAL);
    FIX_MUST(n > 0);
    at += n;
    len -= (size_t)n;
    fix_receive(l);
  }
  return l->error;
}

static inline enum err fix_feed(struct fix_link *l, struct buf *b) {
  FIX_MUST(!b->failed);
  enum err e = fix_feed_by(l, b->data, b->len, 65536);
  buf_free(b);
  return e;
}

/* Appends the PIECE message with this block. */
static inline void fix_put_block(const struct fix *f, struct buf *b, uint32_t piece,
                                 uint32_t block) {
  wire_put_piece(b, piece, block * BLOCK_LEN, fix_block(f, piece, block),
                 geometry_block_len(&f->meta.geo, piece, block));
}

/* Takes the next message that the connection has to send (not flushed yet). False: none. PIECE and
 * others point into memory that the next call overwrites; the fixed ones do not. */
static inline bool fix_said(struct fix_link *l, struct wire_message *m) {
  struct wire_limits limits = {.bitfield_len = UINT32_MAX, .piece_max = 0, .other_max = 65536};
  size_t used;
  size_t need;
  if (l->p->out.len == 0) return false;
  FIX_MUST(wire_decode(l->p->out.data, l->p->out.len, &limits, m, &used, &need) == ERR_OK);
  buf_consume(&l->p->out, used);
  return true;
}

/* Takes all messages; returns how many of them were of kind `id`, the last of them in *m (may be
 * NULL). */
static inline uint32_t fix_count_said(struct fix_link *l, enum wire_id id, struct wire_message *m) {
  uint32_t n = 0;
  struct wire_message one;
  while (fix_said(l, &one)) {
    if (one.id != id) continue;
    n++;
    if (m != NULL) *m = one;
  }
  return n;
}

/* Has everything, does not choke, and is asked now. Returns the number of requests. */
static inline uint32_t fix_open_seed(struct fix_link *l) {
  struct buf b;
  buf_init(&b, 64);
  wire_put_simple(&b, WIRE_HAVE_ALL);
  wire_put_simple(&b, WIRE_UNCHOKE);
  FIX_MUST(fix_feed(l, &b) == ERR_OK);
  download_ask(l->p);
  return l->p->outstanding;
}

/* The same, and it is asked for everything there is. */
static inline uint32_t fix_ask_for_all(struct fix_link *l) {
  fix_open_seed(l);
  l->p->window = 1000;
  atomic_store(&l->p->pp.rate, 1000000); /* known, so that the window is left alone */
  l->p->take_ms = 0;
  download_ask(l->p);
  return l->p->outstanding;
}

#endif
