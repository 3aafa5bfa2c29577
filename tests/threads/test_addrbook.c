/*
 * The address book under many threads at once: an address is never in two hands, nothing is lost,
 * and ThreadSanitizer has nothing to say. Each thread takes, holds for a moment, reports
 * something, names addresses again and sometimes bans one; the time is a counter that all of them
 * push on.
 */
#include "../test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/crypto.h"
#include "find/addrbook.h"

enum { THREADS = 24, ROUNDS = 1500, NAMES = 600, LIARS = 8 };

static struct addrbook *book;
static atomic_int hands[NAMES];
static atomic_llong now_ms;
static atomic_int taken_twice;
static atomic_int taken_banned;
static atomic_size_t takes;

static struct addr numbered(unsigned n) {
  struct addr a = {.family = 4, .ip = {10, 1, (uint8_t)(n >> 8), (uint8_t)n}, .port = 6881};
  return a;
}

static unsigned number_of(const struct addr *a) {
  return (unsigned)a->ip[2] << 8 | a->ip[3];
}

/* The first LIARS addresses are banned before the start, and must never be handed out. */
static void use_one(struct crypto_rng *rng) {
  static const enum addrbook_outcome outcomes[] = {ADDR_CUT, ADDR_FULL, ADDR_USELESS,
                                                   ADDR_DUPLICATE, ADDR_SILENT};
  struct addr a;
  int64_t due_ms;
  int64_t t = atomic_fetch_add(&now_ms, 20);
  if (addrbook_take(book, t, &a, &due_ms) != ERR_OK) return;
  unsigned n = number_of(&a);
  atomic_fetch_add(&takes, 1);
  if (atomic_fetch_add(&hands[n], 1) != 0) atomic_store(&taken_twice, 1);
  if (n < LIARS) atomic_store(&taken_banned, 1);
  sched_yield();
  atomic_fetch_sub(&hands[n], 1);
  addrbook_report(book, &a, outcomes[crypto_rng_below(rng, 5)], crypto_rng_below(rng, 2) == 0, t);
}

static void *run(void *arg) {
  struct crypto_rng rng;
  (void)arg;
  crypto_rng_init(&rng);
  for (int i = 0; i < ROUNDS; i++) {
    struct addr a = numbered((unsigned)crypto_rng_below(&rng, NAMES));
    struct addrbook_stats s;
    use_one(&rng);
    addrbook_add(book, &a, FROM_PEX, atomic_load(&now_ms));
    if (i % 64 == 0) addrbook_stats(book, atomic_load(&now_ms), &s);
    a = numbered((unsigned)crypto_rng_below(&rng, LIARS));
    if (i % 100 == 0) addrbook_ban(book, &a);
    if (!addrbook_is_banned(book, &a)) atomic_store(&taken_banned, 1);
  }
  return NULL;
}

TEST(no_address_is_in_two_hands_and_none_is_lost) {
  pthread_t threads[THREADS];
  struct addrbook_stats s;
  book = addrbook_new(NAMES + 10);
  assert_non_null(book);
  for (unsigned i = 0; i < NAMES; i++) {
    struct addr a = numbered(i);
    assert_true(addrbook_add(book, &a, FROM_TRACKER, 0));
    if (i < LIARS) addrbook_ban(book, &a);
  }
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, run, NULL), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  addrbook_stats(book, atomic_load(&now_ms), &s);
  assert_int_equal(atomic_load(&taken_twice), 0);
  assert_int_equal(atomic_load(&taken_banned), 0);
  assert_true(atomic_load(&takes) >= NAMES - LIARS);
  assert_int_equal(s.taken, 0);
  assert_int_equal(s.known + s.dead, NAMES);
  assert_int_equal(s.banned, LIARS);
  addrbook_free(book);
}

int main(void) {
  RUN(T(no_address_is_in_two_hands_and_none_is_lost));
}
