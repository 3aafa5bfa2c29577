/*
 * The channel between many threads: base/chan. To be run under ThreadSanitizer as well.
 *
 * Several senders push numbered items through a channel so small that they wait most of the time;
 * several receivers take them in batches. Whatever the order of threads, each item must arrive
 * once, and what one receiver gets from one sender must be in order. Every wait has a deadline of a
 * minute, so that a lost wake-up fails the test instead of hanging it. Assertions stay in the main
 * thread: the others only count.
 */
#include "../test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/chan.h"
#include "base/clock.h"

enum { SENDERS = 6, RECEIVERS = 4, EACH = 4000, BATCH = 5, MINUTE_MS = 60000 };

struct parcel {
  unsigned sender;
  unsigned number;
};

static struct chan *channel;
static struct parcel parcels[SENDERS][EACH];
static atomic_uint arrived[SENDERS][EACH];
static atomic_uint failures;   /* calls that answered anything but what they should */
static atomic_uint disorder;   /* items of one sender that overtook each other */

static int64_t in_a_minute(void) {
  return clock_now_ms() + MINUTE_MS;
}

static void *send_all(void *arg) {
  struct parcel *mine = arg;
  for (unsigned i = 0; i < EACH; i++)
    if (chan_send(channel, &mine[i], i % 7, in_a_minute()) != ERR_OK)
      atomic_fetch_add(&failures, 1);
  return NULL;
}

static void *receive_all(void *arg) {
  unsigned next[SENDERS] = {0};
  (void)arg;
  for (;;) {
    void *got[BATCH];
    size_t n;
    enum err e = chan_receive(channel, got, BATCH, &n, in_a_minute());
    if (e == ERR_CLOSED) return NULL;
    if (e != ERR_OK || n == 0 || n > BATCH) {
      atomic_fetch_add(&failures, 1);
      return NULL;
    }
    for (size_t i = 0; i < n; i++) {
      const struct parcel *p = got[i];
      if (p->number < next[p->sender]) atomic_fetch_add(&disorder, 1);
      next[p->sender] = p->number + 1;
      atomic_fetch_add(&arrived[p->sender][p->number], 1);
    }
  }
}

/* Runs all senders and receivers to their end over `channel`. */
static void run_all(void) {
  pthread_t sender[SENDERS];
  pthread_t receiver[RECEIVERS];
  for (unsigned i = 0; i < RECEIVERS; i++)
    assert_int_equal(pthread_create(&receiver[i], NULL, receive_all, NULL), 0);
  for (unsigned i = 0; i < SENDERS; i++)
    assert_int_equal(pthread_create(&sender[i], NULL, send_all, parcels[i]), 0);
  for (unsigned i = 0; i < SENDERS; i++) pthread_join(sender[i], NULL);
  chan_close(channel);
  for (unsigned i = 0; i < RECEIVERS; i++) pthread_join(receiver[i], NULL);
}

static void reset(void) {
  atomic_store(&failures, 0);
  atomic_store(&disorder, 0);
  for (unsigned s = 0; s < SENDERS; s++)
    for (unsigned i = 0; i < EACH; i++) {
      parcels[s][i] = (struct parcel){s, i};
      atomic_store(&arrived[s][i], 0);
    }
}

static void check_channel(size_t slots, uint64_t capacity) {
  reset();
  channel = chan_new(slots, capacity);
  assert_non_null(channel);
  run_all();
  assert_int_equal(atomic_load(&failures), 0);
  assert_int_equal(atomic_load(&disorder), 0);
  assert_int_equal(chan_count(channel), 0);
  for (unsigned s = 0; s < SENDERS; s++)
    for (unsigned i = 0; i < EACH; i++) assert_int_equal(atomic_load(&arrived[s][i]), 1);
  chan_free(channel);
}

TEST(each_item_arrives_once_when_slots_are_short) {
  check_channel(3, 1000000);
}

TEST(each_item_arrives_once_when_weight_is_short) {
  check_channel(1000, 8);
}

TEST(each_item_arrives_once_through_one_slot) {
  check_channel(1, 1);
}

static void *send_into_the_full(void *arg) {
  if (chan_send(channel, arg, 1, in_a_minute()) != ERR_CLOSED) atomic_fetch_add(&failures, 1);
  return NULL;
}

TEST(closing_wakes_every_sender_that_waits) {
  pthread_t sender[SENDERS];
  reset();
  channel = chan_new(1, 1);
  assert_non_null(channel);
  assert_int_equal(chan_send(channel, parcels, 1, 0), ERR_OK);
  for (unsigned i = 0; i < SENDERS; i++)
    assert_int_equal(pthread_create(&sender[i], NULL, send_into_the_full, parcels), 0);
  chan_close(channel);
  for (unsigned i = 0; i < SENDERS; i++) pthread_join(sender[i], NULL);
  assert_int_equal(atomic_load(&failures), 0);
  assert_int_equal(chan_count(channel), 1);
  chan_free(channel);
}

TEST(closing_wakes_every_receiver_that_waits) {
  pthread_t receiver[RECEIVERS];
  reset();
  channel = chan_new(1, 1);
  assert_non_null(channel);
  for (unsigned i = 0; i < RECEIVERS; i++)
    assert_int_equal(pthread_create(&receiver[i], NULL, receive_all, NULL), 0);
  chan_close(channel);
  for (unsigned i = 0; i < RECEIVERS; i++) pthread_join(receiver[i], NULL);
  assert_int_equal(atomic_load(&failures), 0);
  chan_free(channel);
}

int main(void) {
  RUN(T(each_item_arrives_once_when_slots_are_short),
      T(each_item_arrives_once_when_weight_is_short), T(each_item_arrives_once_through_one_slot),
      T(closing_wakes_every_sender_that_waits), T(closing_wakes_every_receiver_that_waits));
}
