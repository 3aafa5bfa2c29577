/*
 * Many connections, one writer, one real store: each thread takes runs, gives back some, and sends
 * the rest through the channel, which is so small that they wait for each other; one of them lies
 * whenever it can. In the end the file is right, the liar is banned and nobody else, and
 * ThreadSanitizer has nothing to say.
 */
#include "../io/made.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "io/net.h"
#include "swarm/writer.h"

enum { THREADS = 8, LIAR = 3, PIECE = 20 * 16384, PIECES = 60 };

static struct made torrent;
static struct swarm sw;
static atomic_int late;
static atomic_uint good;
static atomic_uint bad;
static atomic_bool lied;

struct life {
  int index;
  struct pieces_peer pp;
  struct roster_seat seat;
  struct crypto_rng rng;
};

static void on_ring(void *arg, uint32_t number) {
  (void)arg;
  roster_ring(sw.roster, number);
}

static void on_piece(void *arg, uint32_t index, uint32_t length, bool is_good) {
  (void)arg;
  (void)index;
  (void)length;
  atomic_fetch_add(is_good ? &good : &bad, 1);
}

static void fill(struct life *l, struct fragment *f, const struct run *r) {
  const struct geometry *g = &torrent.m.geo;
  uint64_t offset = geometry_piece_offset(g, r->piece) + (uint64_t)r->first * BLOCK_LEN;
  memcpy(f->data, torrent.data + offset, geometry_run_len(g, r->piece, r->first, r->count));
  if (l->index == LIAR) f->data[100 + crypto_rng_below(&l->rng, 1000)] ^= 1;
}

/* Delivers a run, or all of it but one block. */
static void deliver(struct life *l, const struct run *r) {
  uint32_t mask = r->count == 32 ? UINT32_MAX : (UINT32_C(1) << r->count) - 1;
  struct fragment *f = fragment_get(sw.pool, r->count);
  if (f == NULL) abort();
  fill(l, f, r);
  if (r->count > 1 && crypto_rng_below(&l->rng, 8) == 0) {
    uint32_t not_this = UINT32_C(1) << crypto_rng_below(&l->rng, r->count);
    mask &= ~not_this;
    pieces_release(sw.pieces, &l->pp, r, not_this);
  }
  f->piece = r->piece;
  f->first = r->first;
  f->from = l->seat.number;
  f->valid = pieces_received(sw.pieces, &l->pp, r, mask);
  if (f->valid == 0 ||
      chan_send(sw.results, f, (uint64_t)f->capacity * BLOCK_LEN, CLOCK_NEVER) != ERR_OK)
    fragment_put(sw.pool, f);
  if (l->index == LIAR) atomic_store(&lied, true);
}

static void *live(void *arg) {
  struct life *l = arg;
  int64_t end = clock_now_ms() + 120000;
  for (;;) {
    struct run r;
    if (l->index == LIAR && addrbook_is_banned(sw.book, &l->seat.addr)) break;
    enum take t = pieces_take(sw.pieces, &l->pp, 1 + (uint32_t)crypto_rng_below(&l->rng, 32),
                              clock_now_ms(), &r);
    if (t == TAKE_DONE) break;
    if (t == TAKE_RUN) deliver(l, &r);
    else sched_yield();
    if (clock_now_ms() > end) {
      atomic_store(&late, 1);
      break;
    }
  }
  pieces_leave(sw.pieces, &l->pp);
  roster_leave(sw.roster, &l->seat);
  close(l->seat.bell);
  return NULL;
}

static void start(struct life *l, int index, pthread_t *thread) {
  l->index = index;
  l->seat = (struct roster_seat){
    .addr = {.family = 4, .ip = {10, 0, (uint8_t)index, 1}, .port = 1}, .bell = net_bell_new()};
  crypto_rng_init(&l->rng);
  assert_int_equal(roster_enter(sw.roster, &l->seat), ERR_OK);
  assert_int_equal(pieces_join(sw.pieces, &l->pp, l->seat.number), ERR_OK);
  pieces_set_have_all(sw.pieces, &l->pp);
  atomic_store(&l->pp.rate, index % 2 ? UINT64_C(1) << 30 : 1000);
  assert_int_equal(pthread_create(thread, NULL, live, l), 0);
}

static void set_up(struct writer **w) {
  log_set_level(LOG_ERROR);
  torrent = made_single("file", PIECE, (uint64_t)PIECE * PIECES + 12345);
  sw.meta = &torrent.m;
  sw.store = made_open(&torrent, ".");
  assert_int_equal(store_prepare(sw.store, ALLOCATE_SPARSE), ERR_OK);
  sw.book = addrbook_new(64);
  sw.roster = roster_new(64, sw.peer_id);
  sw.pieces = pieces_new(&torrent.m.geo, NULL, on_ring, NULL);
  sw.results = chan_new(8, 1 << 20);
  sw.pool = fragment_pool_new();
  sw.bell = net_bell_new();
  sw.hooks.piece = on_piece;
  assert_int_equal(writer_start(&sw, w), ERR_OK);
}

static void tear_down(void) {
  pieces_free(sw.pieces);
  roster_free(sw.roster);
  addrbook_free(sw.book);
  chan_free(sw.results);
  fragment_pool_free(sw.pool);
  close(sw.bell);
  store_close(sw.store);
  made_free(&torrent);
}

TEST(many_connections_and_a_liar_complete_the_file_and_only_the_liar_is_banned) {
  static struct life lives[THREADS];
  pthread_t threads[THREADS];
  struct writer *w;
  set_up(&w);
  start(&lives[LIAR], LIAR, &threads[LIAR]);
  while (!atomic_load(&lied)) sched_yield(); /* so that there is something to find out */
  for (int i = 0; i < THREADS; i++)
    if (i != LIAR) start(&lives[i], i, &threads[i]);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  chan_close(sw.results);
  writer_stop(w);
  struct pieces_stats s;
  pieces_stats(sw.pieces, &s);
  assert_int_equal(atomic_load(&late), 0);
  assert_true(s.complete);
  assert_int_equal(atomic_load(&sw.disk_error), 0);
  assert_int_equal(atomic_load(&good), torrent.m.geo.pieces);
  assert_true(made_right(&torrent, 0, "file"));
  assert_true(atomic_load(&bad) > 0);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(addrbook_is_banned(sw.book, &lives[i].seat.addr), i == LIAR);
  tear_down();
}

int main(void) {
  RUN(MADE(many_connections_and_a_liar_complete_the_file_and_only_the_liar_is_banned));
}
