/*
 * Many connections, one writer, one real store: each thread takes runs, gives back some, and sends
 * the rest through the channel, which is so small that they wait for each other; one of them lies
 * whenever it can. In the end the file is right, the liar is banned and nobody else, and
 * ThreadSanitizer has nothing to say.
 */
#include "../support/writing.h"

#include <pthread.h>
#include <sched.h>

#include "base/crypto.h"

enum { THREADS = WRITING_MEMBERS, LIAR = 3, PIECE = 20 * 16384, PIECES = 60 };

static atomic_int late;
static atomic_bool lied;

struct life {
  int index;
  struct crypto_rng rng;
};

/* Delivers a run, or all of it but one block; of the liar the first block is wrong. */
static void deliver(struct life *l, const struct run *r) {
  struct pieces_peer *pp = &member[l->index];
  uint32_t mask = writing_all(r);
  if (r->count > 1 && crypto_rng_below(&l->rng, 8) == 0) {
    uint32_t not_this = UINT32_C(1) << crypto_rng_below(&l->rng, r->count);
    mask &= ~not_this;
    pieces_release(sw.pieces, pp, r, not_this);
  }
  struct fragment *f = writing_fragment(l->index, r, mask, l->index == LIAR);
  f->valid = pieces_received(sw.pieces, pp, r, mask);
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
    if (l->index == LIAR && addrbook_is_banned(sw.book, &seat[l->index].addr)) break;
    uint32_t max = 1 + (uint32_t)crypto_rng_below(&l->rng, 32);
    enum take t = pieces_take(sw.pieces, &member[l->index], max, clock_now_ms(), &r);
    if (t == TAKE_DONE) break;
    if (t == TAKE_RUN) deliver(l, &r);
    else sched_yield();
    if (clock_now_ms() > end) {
      atomic_store(&late, 1);
      break;
    }
  }
  writing_leave(l->index);
  return NULL;
}

static void start(struct life *l, int index, pthread_t *thread) {
  l->index = index;
  crypto_rng_init(&l->rng);
  writing_join(index);
  atomic_store(&member[index].rate, index % 2 ? UINT64_C(1) << 30 : 1000);
  assert_int_equal(pthread_create(thread, NULL, live, l), 0);
}

TEST(many_connections_and_a_liar_complete_the_file_and_only_the_liar_is_banned) {
  static struct life lives[THREADS];
  pthread_t threads[THREADS];
  writing_begin((uint64_t)PIECE * PIECES + 12345, PIECE, chan_new(8, 1 << 20));
  assert_int_equal(writer_start(&sw, &writer), ERR_OK);
  start(&lives[LIAR], LIAR, &threads[LIAR]);
  while (!atomic_load(&lied)) sched_yield(); /* so that there is something to find out */
  for (int i = 0; i < THREADS; i++)
    if (i != LIAR) start(&lives[i], i, &threads[i]);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  chan_close(sw.results);
  writer_stop(writer);
  struct pieces_stats s;
  pieces_stats(sw.pieces, &s);
  assert_int_equal(atomic_load(&late), 0);
  assert_true(s.complete);
  assert_int_equal(atomic_load(&sw.disk_error), 0);
  assert_int_equal(atomic_load(&heard_good), torrent.m.geo.pieces);
  assert_true(made_right(&torrent, 0, "file"));
  assert_true(atomic_load(&heard_bad) > 0);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(addrbook_is_banned(sw.book, &seat[i].addr), i == LIAR);
  writing_end();
}

int main(void) {
  RUN(WRITING(many_connections_and_a_liar_complete_the_file_and_only_the_liar_is_banned));
}
