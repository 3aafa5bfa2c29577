/*
 * The roster under many threads: workers come, connect, introduce themselves and go, closing their
 * descriptors right after; others ring, shut, count and ask for addresses all the while. No bell
 * and no socket is touched after its worker left (ThreadSanitizer watches descriptors too), the
 * maximum holds at every moment, and at last everybody is out.
 */
#include "../test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "io/net.h"
#include "swarm/roster.h"

enum { WORKERS = 12, METERS = 3, ADDRESSES = 40, MOST = 7, ROUNDS = 400 };

static struct roster *r;
static atomic_int connected;
static atomic_int too_many;
static atomic_int odd;
static atomic_int entered_late;
static atomic_bool over;

static void connect_and_introduce(struct roster_seat *s, int fd, struct crypto_rng *rng) {
  uint8_t id[20] = {0};
  if (roster_connected(r, s, fd) != ERR_OK) return;
  id[0] = (uint8_t)crypto_rng_below(rng, 20);
  if (roster_introduce(r, s, id, 0) != ERR_OK) return;
  if (atomic_fetch_add(&connected, 1) >= MOST) atomic_store(&too_many, 1);
  atomic_store(&s->interesting, true);
  atomic_store(&s->choked, crypto_rng_below(rng, 2) == 0);
  atomic_store(&s->idle, crypto_rng_below(rng, 2) == 0);
  sched_yield();
  roster_gave(r, s->number);
  atomic_fetch_sub(&connected, 1);
}

static void *work(void *arg) {
  struct crypto_rng rng;
  (void)arg;
  crypto_rng_init(&rng);
  for (int i = 0; i < ROUNDS; i++) {
    int pair[2];
    struct roster_seat s = {.bell = net_bell_new(), .fd = -1};
    s.addr = (struct addr){
      .family = 4, .ip = {10, 0, 0, (uint8_t)crypto_rng_below(&rng, ADDRESSES)}, .port = 1};
    if (s.bell < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) abort();
    bool was_over = atomic_load(&over);
    if (roster_enter(r, &s) == ERR_OK) {
      if (was_over) atomic_store(&entered_late, 1);
      struct addr back;
      if (!roster_addr(r, s.number, &back) || !addr_equal(&back, &s.addr)) atomic_store(&odd, 1);
      connect_and_introduce(&s, pair[0], &rng);
      roster_leave(r, &s);
    }
    close(pair[0]);
    close(pair[1]);
    close(s.bell);
  }
  return NULL;
}

static void *meddle(void *arg) {
  struct crypto_rng rng;
  (void)arg;
  crypto_rng_init(&rng);
  for (int i = 0; i < ROUNDS * WORKERS / 2; i++) {
    uint32_t number = (uint32_t)crypto_rng_below(&rng, ADDRESSES + 2);
    struct roster_stats s;
    roster_ring(r, number);
    struct addr a;
    if (i % 8 == 0 && roster_addr(r, number, &a)) roster_shut_host(r, &a);
    roster_stats(r, &s);
    if (s.connected > MOST || s.seats > WORKERS || s.gave > ADDRESSES ||
        s.choked + s.uninteresting > s.connected)
      atomic_store(&odd, 1);
    sched_yield();
  }
  return NULL;
}

TEST(workers_come_and_go_while_others_reach_for_them) {
  static const uint8_t self[20] = "me";
  pthread_t threads[WORKERS + METERS];
  r = roster_new(MOST, self);
  assert_non_null(r);
  for (int i = 0; i < WORKERS + METERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, i < WORKERS ? work : meddle, NULL), 0);
  for (int i = WORKERS; i < WORKERS + METERS; i++) pthread_join(threads[i], NULL);
  roster_close_all(r);
  atomic_store(&over, true);
  assert_true(roster_wait_empty(r, clock_now_ms() + 60000));
  for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  struct roster_stats s;
  roster_stats(r, &s);
  assert_int_equal(s.seats + s.connected, 0);
  assert_true(s.gave > 0);
  assert_int_equal(atomic_load(&too_many) + atomic_load(&odd) + atomic_load(&entered_late), 0);
  roster_free(r);
}

int main(void) {
  RUN(T(workers_come_and_go_while_others_reach_for_them));
}
