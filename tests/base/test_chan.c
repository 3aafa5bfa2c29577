/*
 * The channel as one thread sees it: base/chan. What many threads make of it is in tests/threads.
 *
 * A deadline of 0 has always passed, so "would wait" shows as ERR_TIMEOUT without any waiting.
 */
#include "../test.h"

#include "base/chan.h"
#include "base/clock.h"

static char item[8]; /* only the addresses count */

static struct chan *channel(size_t slots, uint64_t capacity) {
  struct chan *c = chan_new(slots, capacity);
  assert_non_null(c);
  return c;
}

static enum err send(struct chan *c, size_t i, uint64_t weight) {
  return chan_send(c, &item[i], weight, 0);
}

/* The next item must be number `i`. */
static void assert_next(struct chan *c, size_t i) {
  void *got = NULL;
  size_t n;
  assert_int_equal(chan_receive(c, &got, 1, &n, 0), ERR_OK);
  assert_int_equal(n, 1);
  assert_ptr_equal(got, &item[i]);
}

TEST(items_arrive_in_the_order_they_were_sent) {
  struct chan *c = channel(4, 100);
  for (size_t round = 0; round < 10; round++) {
    for (size_t i = 0; i < 3; i++) assert_int_equal(send(c, i, 1), ERR_OK);
    for (size_t i = 0; i < 3; i++) assert_next(c, i);
  }
  chan_free(c);
}

TEST(everything_that_waits_is_taken_at_once) {
  struct chan *c = channel(8, 100);
  void *got[8];
  size_t n;
  for (size_t i = 0; i < 5; i++) send(c, i, 1);
  assert_int_equal(chan_receive(c, got, 8, &n, CLOCK_NEVER), ERR_OK);
  assert_int_equal(n, 5);
  for (size_t i = 0; i < 5; i++) assert_ptr_equal(got[i], &item[i]);
  assert_int_equal(chan_count(c), 0);
  chan_free(c);
}

TEST(no_more_is_taken_than_fits) {
  struct chan *c = channel(8, 100);
  void *got[2];
  size_t n;
  for (size_t i = 0; i < 3; i++) send(c, i, 1);
  assert_int_equal(chan_receive(c, got, 2, &n, 0), ERR_OK);
  assert_int_equal(n, 2);
  assert_int_equal(chan_count(c), 1);
  assert_next(c, 2);
  chan_free(c);
}

TEST(an_empty_channel_makes_the_receiver_wait) {
  struct chan *c = channel(1, 1);
  void *got;
  size_t n = 9;
  assert_int_equal(chan_receive(c, &got, 1, &n, 0), ERR_TIMEOUT);
  assert_int_equal(n, 0);
  chan_free(c);
}

TEST(slots_bound_the_number_of_items) {
  struct chan *c = channel(2, 100);
  assert_int_equal(send(c, 0, 0), ERR_OK);
  assert_int_equal(send(c, 1, 0), ERR_OK);
  assert_int_equal(send(c, 2, 0), ERR_TIMEOUT);
  assert_next(c, 0);
  assert_int_equal(send(c, 2, 0), ERR_OK);
  assert_next(c, 1);
  assert_next(c, 2);
  chan_free(c);
}

TEST(capacity_bounds_their_weight_exactly) {
  struct chan *c = channel(8, 10);
  assert_int_equal(send(c, 0, 4), ERR_OK);
  assert_int_equal(send(c, 1, 7), ERR_TIMEOUT);
  assert_int_equal(send(c, 1, 6), ERR_OK);
  assert_int_equal(send(c, 2, 1), ERR_TIMEOUT);
  assert_int_equal(send(c, 2, 0), ERR_OK);
  assert_next(c, 0);
  assert_int_equal(send(c, 3, 4), ERR_OK);
  chan_free(c);
}

TEST(an_empty_channel_takes_one_item_however_heavy) {
  struct chan *c = channel(8, 10);
  assert_int_equal(send(c, 0, UINT64_MAX), ERR_OK);
  assert_int_equal(send(c, 1, 0), ERR_TIMEOUT);
  assert_next(c, 0);
  assert_int_equal(send(c, 1, 10), ERR_OK);
  chan_free(c);
}

TEST(a_closed_channel_still_gives_what_is_in_it) {
  struct chan *c = channel(8, 10);
  void *got;
  size_t n;
  send(c, 0, 1);
  chan_close(c);
  assert_int_equal(send(c, 1, 1), ERR_CLOSED);
  assert_next(c, 0);
  assert_int_equal(chan_receive(c, &got, 1, &n, CLOCK_NEVER), ERR_CLOSED);
  assert_int_equal(n, 0);
  chan_close(c);
  chan_free(c);
}

TEST(closed_is_said_rather_than_full) {
  struct chan *c = channel(1, 1);
  send(c, 0, 1);
  chan_close(c);
  assert_int_equal(chan_send(c, &item[1], 1, CLOCK_NEVER), ERR_CLOSED);
  chan_free(c);
}

TEST(freeing_nothing_is_fine) {
  chan_free(NULL);
}

int main(void) {
  RUN(T(items_arrive_in_the_order_they_were_sent), T(everything_that_waits_is_taken_at_once),
      T(no_more_is_taken_than_fits), T(an_empty_channel_makes_the_receiver_wait),
      T(slots_bound_the_number_of_items), T(capacity_bounds_their_weight_exactly),
      T(an_empty_channel_takes_one_item_however_heavy),
      T(a_closed_channel_still_gives_what_is_in_it), T(closed_is_said_rather_than_full),
      T(freeing_nothing_is_fine));
}
