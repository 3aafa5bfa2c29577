/*
 * Monotonic time and deadlines: base/clock. Nothing here depends on how fast the machine is.
 */
#include "../test.h"

#include <limits.h>

#include "base/clock.h"

#define HOUR_MS INT64_C(3600000)

TEST(time_never_goes_back) {
  int64_t last = clock_now_us();
  for (size_t i = 0; i < 1000; i++) {
    int64_t now = clock_now_us();
    assert_true(now >= last);
    last = now;
  }
}

TEST(both_units_are_of_one_clock) {
  int64_t before = clock_now_us() / 1000;
  int64_t now = clock_now_ms();
  int64_t after = clock_now_us() / 1000;
  assert_true(before <= now && now <= after);
}

TEST(a_deadline_that_does_not_come_is_waited_for_without_end) {
  assert_int_equal(clock_poll_timeout(CLOCK_NEVER), -1);
}

TEST(a_deadline_that_passed_is_not_waited_for) {
  assert_int_equal(clock_poll_timeout(clock_now_ms()), 0);
  assert_int_equal(clock_poll_timeout(clock_now_ms() - HOUR_MS), 0);
  assert_int_equal(clock_poll_timeout(0), 0);
  assert_int_equal(clock_poll_timeout(INT64_MIN / 2), 0);
}

TEST(the_rest_of_the_way_is_at_most_the_whole) {
  int64_t deadline = clock_now_ms() + HOUR_MS;
  int first = clock_poll_timeout(deadline);
  int second = clock_poll_timeout(deadline);
  assert_in_range(first, 0, HOUR_MS);
  assert_true(second <= first);
}

TEST(a_far_deadline_fits_into_an_int) {
  assert_int_equal(clock_poll_timeout(clock_now_ms() + HOUR_MS * 24 * 365), INT_MAX);
  assert_int_equal(clock_poll_timeout(CLOCK_NEVER - 1), INT_MAX);
}

TEST(a_deadline_becomes_seconds_and_nanoseconds) {
  struct timespec t = clock_timespec(1234567);
  assert_int_equal(t.tv_sec, 1234);
  assert_int_equal(t.tv_nsec, 567000000);
}

TEST(never_is_far_away_but_a_time) {
  struct timespec t = clock_timespec(CLOCK_NEVER);
  assert_true(t.tv_sec > clock_now_ms() / 1000 + 3600);
  assert_in_range(t.tv_nsec, 0, 999999999);
}

int main(void) {
  RUN(T(time_never_goes_back), T(both_units_are_of_one_clock),
      T(a_deadline_that_does_not_come_is_waited_for_without_end),
      T(a_deadline_that_passed_is_not_waited_for), T(the_rest_of_the_way_is_at_most_the_whole),
      T(a_far_deadline_fits_into_an_int), T(a_deadline_becomes_seconds_and_nanoseconds),
      T(never_is_far_away_but_a_time));
}
