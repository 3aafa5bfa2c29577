/*
 * The work queue under many threads at once: each is a connection that takes, delivers in any
 * order, gives back, loses, leaves and comes again, while others read statistics and finished
 * pieces. No block is accepted twice, everything is DONE in the end, the invariants hold, and
 * ThreadSanitizer has nothing to say.
 */
#include "../test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "../support/swarm_fixture.h"

enum { THREADS = 16, BLOCKS = 20, PIECES = 120, HELD = 6 };

static struct fix f;
static atomic_int accepted[PIECES * BLOCKS];
static atomic_int left_in[PIECES];
static atomic_int twice;
static atomic_int impatient;
static atomic_uint rings;
static atomic_bool over;

struct held {
  struct run run;
  uint32_t got;
};

struct life {
  struct pieces_peer pp;
  struct crypto_rng rng;
  uint32_t number;
  struct held held[HELD];
  uint32_t count;
};

static void on_ring(void *arg, uint32_t number) {
  (void)arg;
  (void)number;
  atomic_fetch_add(&rings, 1);
}

static uint32_t full(const struct run *r) {
  return r->count == 32 ? UINT32_MAX : (UINT32_C(1) << r->count) - 1;
}

static uint32_t below(struct life *l, uint32_t n) {
  return (uint32_t)crypto_rng_below(&l->rng, n);
}

static void accept_blocks(const struct run *r, uint32_t needed) {
  int n = 0;
  for (uint32_t i = 0; i < r->count; i++) {
    if (!(needed >> i & 1)) continue;
    if (atomic_fetch_add(&accepted[r->piece * BLOCKS + r->first + i], 1) != 0)
      atomic_store(&twice, 1);
    n++;
  }
  if (n > 0 && atomic_fetch_sub(&left_in[r->piece], n) == n)
    pieces_verified(f.sw.pieces, r->piece);
}

static void settle(struct life *l, uint32_t k) {
  struct held h = l->held[k];
  l->held[k] = l->held[--l->count];
  uint32_t rest = full(&h.run) & ~h.got;
  if (rest != 0) pieces_release(f.sw.pieces, &l->pp, &h.run, rest);
  if (h.got != 0)
    accept_blocks(&h.run, pieces_received(f.sw.pieces, &l->pp, &h.run, h.got));
}

static void come(struct life *l) {
  static const uint64_t rates[] = {0, 1, 3000, 100 << 10, 5 << 20, 1 << 30};
  if (pieces_join(f.sw.pieces, &l->pp, l->number) != ERR_OK) abort();
  atomic_store(&l->pp.rate, rates[below(l, 6)]);
  atomic_store(&l->pp.last_ms, clock_now_ms());
  if (below(l, 2) == 0) {
    pieces_set_have_all(f.sw.pieces, &l->pp);
    return;
  }
  for (uint32_t i = 0; i < PIECES; i++) pieces_set_have(f.sw.pieces, &l->pp, i);
}

/* One thing that a connection may do. False: everything is done. */
static bool act(struct life *l) {
  uint32_t k = l->count > 0 ? below(l, l->count) : 0;
  struct run r;
  switch (below(l, 64)) {
  case 0:
    while (l->count > 0) settle(l, 0);
    pieces_leave(f.sw.pieces, &l->pp);
    come(l);
    return true;
  case 1:
    pieces_let_go(f.sw.pieces, &l->pp);
    return true;
  case 2:
  case 3:
    if (l->count > 0) settle(l, k); /* gives back what has not come */
    return true;
  case 4:
  case 5:
  case 6:
    if (l->count > 0)
      l->held[k].got &= ~pieces_lost(f.sw.pieces, &l->pp, &l->held[k].run);
    return true;
  default:
    break;
  }
  if (l->count == HELD || (l->count > 0 && below(l, 2) == 0)) {
    l->held[k].got |= full(&l->held[k].run) & ~((uint32_t)l->rng.s & 0x11111111);
    if (below(l, 3) == 0) l->held[k].got = full(&l->held[k].run);
    if (l->held[k].got == full(&l->held[k].run)) settle(l, k);
    return true;
  }
  enum take t = pieces_take(f.sw.pieces, &l->pp, 1 + below(l, 32), clock_now_ms(), &r);
  if (t == TAKE_RUN) l->held[l->count++] = (struct held){.run = r};
  if (t == TAKE_NOTHING) sched_yield();
  return t != TAKE_DONE;
}

static void *live(void *arg) {
  struct life *l = arg;
  int64_t late = clock_now_ms() + 120000;
  crypto_rng_init(&l->rng);
  come(l);
  while (act(l))
    if (clock_now_ms() > late) {
      atomic_store(&impatient, 1);
      break;
    }
  while (l->count > 0) settle(l, 0);
  pieces_leave(f.sw.pieces, &l->pp);
  return NULL;
}

/* Reads what the session and the news of a worker read. */
static void *look(void *arg) {
  uint32_t cursor = 0;
  uint32_t fresh[8];
  struct bitset done;
  (void)arg;
  if (!bitset_init(&done, PIECES)) abort();
  while (!atomic_load(&over)) {
    struct pieces_stats s;
    pieces_stats(f.sw.pieces, &s);
    pieces_done(f.sw.pieces, &done);
    while (pieces_finished(f.sw.pieces, &cursor, fresh, 8) > 0) continue;
    sched_yield();
  }
  while (pieces_finished(f.sw.pieces, &cursor, fresh, 8) > 0) continue;
  if (cursor != PIECES) atomic_store(&twice, 1);
  bitset_free(&done);
  return NULL;
}

TEST(many_connections_at_once_fetch_everything_exactly_once) {
  static struct life lives[THREADS];
  pthread_t threads[THREADS];
  pthread_t watcher;
  fix_swarm(&f, (uint64_t)PIECES * BLOCKS * BLOCK_LEN, BLOCKS * BLOCK_LEN);
  pieces_free(f.sw.pieces);
  f.sw.pieces = pieces_new(&f.meta.geo, NULL, on_ring, NULL);
  for (int i = 0; i < PIECES; i++) atomic_store(&left_in[i], BLOCKS);
  assert_int_equal(pthread_create(&watcher, NULL, look, NULL), 0);
  for (uint32_t i = 0; i < THREADS; i++) {
    lives[i].number = i + 1;
    assert_int_equal(pthread_create(&threads[i], NULL, live, &lives[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  atomic_store(&over, true);
  pthread_join(watcher, NULL);
  assert_int_equal(atomic_load(&impatient), 0);
  assert_int_equal(atomic_load(&twice), 0);
  for (int i = 0; i < PIECES * BLOCKS; i++) assert_int_equal(atomic_load(&accepted[i]), 1);
  const char *fault = fix_queue_fault(f.sw.pieces);
  if (fault != NULL) fail_msg("%s", fault);
  struct pieces_stats s;
  pieces_stats(f.sw.pieces, &s);
  assert_true(s.complete && s.open == 0);
  assert_true(atomic_load(&rings) > 0);
  fix_free(&f);
}

int main(void) {
  RUN(T(many_connections_at_once_fetch_everything_exactly_once));
}
