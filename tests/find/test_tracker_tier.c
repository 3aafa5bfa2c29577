/*
 * Which tracker is asked next, and when: BEP 12's tiers with made-up times. A case is a little
 * story of steps: what the tier decides, what comes of it, what it decides then.
 */
#include "../test.h"

#include "base/clock.h"
#include "find/tracker_tier.h"

enum { S = 1000, NEVER_RETRY = -1, HALF_HOUR = 1800 };

static struct tracker_tier tier_of(size_t count) {
  struct tracker_tier t;
  struct crypto_rng rng = {.s = 7};
  assert_int_equal(tracker_tier_init(&t, count, &rng), ERR_OK);
  return t;
}

/* The open tier asks at `now_ms`; returns whom. */
static size_t asks(const struct tracker_tier *t, enum announce_event event, int64_t now_ms) {
  struct tracker_step s = tracker_tier_next(t, 0, now_ms);
  assert_true(s.ask);
  assert_int_equal(s.event, event);
  return s.slot;
}

/* The open tier waits at `now_ms`; returns until when. */
static int64_t waits(const struct tracker_tier *t, int64_t now_ms) {
  struct tracker_step s = tracker_tier_next(t, 0, now_ms);
  assert_false(s.ask);
  return s.until_ms;
}

/* When tier `i` opens, if the first one opens at `start_ms`. */
static int64_t opens(const struct tracker_tier *tiers, size_t i, int64_t start_ms) {
  int64_t opens_ms = start_ms;
  for (size_t k = 0; k < i; k++) opens_ms = tracker_tier_then(&tiers[k], k, opens_ms);
  return opens_ms;
}

static void fails(struct tracker_tier *t, size_t slot, int64_t now_ms) {
  tracker_tier_on_failure(t, slot, ANNOUNCE_STARTED, NEVER_RETRY, now_ms);
}

static void replies(struct tracker_tier *t, size_t slot, int64_t now_ms) {
  tracker_tier_on_reply(t, slot, ANNOUNCE_STARTED, HALF_HOUR, 0, now_ms);
}

TEST(a_tier_is_shuffled) {
  struct crypto_rng rng = {.s = 1};
  size_t first[5] = {0};
  for (int i = 0; i < 500; i++) {
    struct tracker_tier t;
    assert_int_equal(tracker_tier_init(&t, 5, &rng), ERR_OK);
    size_t seen = 0;
    for (size_t k = 0; k < 5; k++) seen |= (size_t)1 << t.order[k];
    assert_int_equal(seen, 31);
    first[t.order[0]]++;
    tracker_tier_free(&t);
  }
  for (size_t k = 0; k < 5; k++) assert_true(first[k] > 50);
}

TEST(the_first_announce_says_started_until_one_is_answered) {
  struct tracker_tier t = tier_of(1);
  assert_int_equal(asks(&t, ANNOUNCE_STARTED, 0), 0);
  fails(&t, 0, 0);
  assert_int_equal(waits(&t, 0), 5 * S);
  asks(&t, ANNOUNCE_STARTED, 5 * S);
  replies(&t, 0, 6 * S);
  assert_int_equal(waits(&t, 6 * S), (6 + HALF_HOUR) * S);
  asks(&t, ANNOUNCE_NONE, (6 + HALF_HOUR) * S);
  tracker_tier_free(&t);
}

TEST(back_off_doubles_from_5_s_to_30_minutes) {
  struct tracker_tier t = tier_of(1);
  int64_t now_ms = 0;
  int64_t wait_s = 5;
  for (int i = 0; i < 40; i++) {
    asks(&t, ANNOUNCE_STARTED, now_ms);
    fails(&t, 0, now_ms);
    int64_t until_ms = waits(&t, now_ms);
    assert_int_equal(until_ms - now_ms, wait_s * S);
    now_ms = until_ms;
    wait_s = wait_s * 2 > HALF_HOUR ? HALF_HOUR : wait_s * 2;
  }
  replies(&t, 0, now_ms);
  fails(&t, 0, now_ms);
  assert_int_equal(waits(&t, now_ms), now_ms + 5 * S);
  tracker_tier_free(&t);
}

TEST(retry_in_takes_the_place_of_back_off) {
  static const struct {
    int64_t retry_s;
    int64_t want_ms;
  } cases[] = {{0, 5 * S}, {1, 5 * S}, {600, 600 * S}, {7200, 7200 * S}, {INT64_MAX, CLOCK_NEVER},
               {INT64_MAX / 2, CLOCK_NEVER}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct tracker_tier t = tier_of(1);
    tracker_tier_on_failure(&t, 0, ANNOUNCE_STARTED, cases[i].retry_s, 0);
    assert_int_equal(waits(&t, 0), cases[i].want_ms);
    tracker_tier_free(&t);
  }
}

TEST(the_next_tracker_is_asked_at_once_and_what_answers_moves_to_the_front) {
  struct tracker_tier t = tier_of(3);
  size_t a = asks(&t, ANNOUNCE_STARTED, 0);
  fails(&t, a, 0);
  size_t b = asks(&t, ANNOUNCE_STARTED, 0);
  assert_int_not_equal(b, a);
  fails(&t, b, 0);
  size_t c = asks(&t, ANNOUNCE_STARTED, 0);
  assert_int_equal(a + b + c, 3);
  assert_int_equal(t.state, TIER_ASKING);
  replies(&t, c, 0);
  assert_int_equal(t.state, TIER_WORKING);
  assert_int_equal(t.order[0], c);
  assert_int_equal(t.order[1], a);
  assert_int_equal(t.order[2], b);
  assert_int_equal(waits(&t, 0), HALF_HOUR * S); /* a and b are left alone meanwhile */
  tracker_tier_free(&t);
}

TEST(when_the_front_fails_the_others_follow) {
  struct tracker_tier t = tier_of(2);
  size_t a = asks(&t, ANNOUNCE_STARTED, 0);
  replies(&t, a, 0);
  assert_int_equal(asks(&t, ANNOUNCE_NONE, HALF_HOUR * S), a);
  fails(&t, a, HALF_HOUR * S);
  assert_int_equal(t.state, TIER_ASKING);
  size_t b = asks(&t, ANNOUNCE_STARTED, HALF_HOUR * S);
  assert_int_not_equal(b, a);
  fails(&t, b, HALF_HOUR * S);
  assert_int_equal(t.state, TIER_FAILED);
  assert_int_equal(asks(&t, ANNOUNCE_NONE, (HALF_HOUR + 5) * S), a); /* it knows us already */
  tracker_tier_free(&t);
}

TEST(the_interval_is_kept_and_min_interval_too) {
  struct tracker_tier t = tier_of(1);
  tracker_tier_on_reply(&t, 0, ANNOUNCE_STARTED, 60, 300, 0);
  assert_int_equal(waits(&t, 0), 300 * S);
  tracker_tier_free(&t);
}

TEST(wanted_peers_come_early_but_not_before_the_min_interval) {
  struct tracker_tier t = tier_of(1);
  tracker_tier_on_reply(&t, 0, ANNOUNCE_STARTED, HALF_HOUR, 0, 0);
  assert_true(tracker_tier_want(&t, true));
  assert_false(tracker_tier_want(&t, true));
  assert_int_equal(waits(&t, 0), 30 * S);
  asks(&t, ANNOUNCE_NONE, 60 * S);
  tracker_tier_on_reply(&t, 0, ANNOUNCE_NONE, HALF_HOUR, 200, 60 * S);
  assert_int_equal(waits(&t, 60 * S), (60 + HALF_HOUR) * S); /* the wish is fulfilled */
  tracker_tier_want(&t, true);
  assert_int_equal(waits(&t, 60 * S), 260 * S);
  tracker_tier_free(&t);
}

/* How long a tracker that has answered with these is left alone while peers are wanted; it answers
 * each time. */
static void early_waits(int64_t interval_s, int64_t min_interval_s, const int64_t *want_s,
                        size_t count) {
  struct tracker_tier t = tier_of(1);
  int64_t now_ms = 0;
  for (size_t i = 0; i < count; i++) {
    tracker_tier_on_reply(&t, 0, ANNOUNCE_NONE, interval_s, min_interval_s, now_ms);
    tracker_tier_want(&t, true);
    int64_t until_ms = waits(&t, now_ms);
    assert_int_equal(until_ms - now_ms, want_s[i] * S);
    now_ms = until_ms;
  }
  tracker_tier_free(&t);
}

TEST(as_long_as_peers_are_wanted_a_tracker_is_asked_as_often_as_it_allows) {
  static const int64_t growing[] = {30, 60, 120, 240, 480, 960, 1800, 30};
  static const int64_t named[] = {15, 15, 15};
  static const int64_t too_short[] = {10, 10, 10};
  static const int64_t whole[] = {60, 60, 60};
  early_waits(HALF_HOUR, 0, growing, 8);
  early_waits(60, 15, named, 3);
  early_waits(60, 1, too_short, 3);
  early_waits(60, 60, whole, 3);
}

TEST(wanting_peers_does_not_shorten_back_off) {
  struct tracker_tier t = tier_of(1);
  for (int i = 0; i < 4; i++) fails(&t, 0, 0);
  tracker_tier_want(&t, true);
  assert_int_equal(waits(&t, 0), 40 * S);
  tracker_tier_free(&t);
}

TEST(the_next_tier_opens_when_one_has_failed_or_is_slow) {
  struct tracker_tier tiers[3] = {tier_of(2), tier_of(1), tier_of(1)};
  assert_int_equal(opens(tiers, 0, 100), 100);
  assert_int_equal(opens(tiers, 1, 100), 1600);
  assert_int_equal(opens(tiers, 2, 100), 1850);
  fails(&tiers[0], 0, 200);
  assert_int_equal(opens(tiers, 1, 100), 1600); /* its second tracker may work */
  fails(&tiers[0], 1, 300);
  assert_int_equal(opens(tiers, 1, 100), 300);
  assert_int_equal(opens(tiers, 2, 100), 550);
  fails(&tiers[1], 0, 400);
  assert_int_equal(opens(tiers, 2, 100), 400);
  for (int i = 0; i < 3; i++) tracker_tier_free(&tiers[i]);
}

TEST(a_tier_that_fails_late_holds_nobody_up) {
  struct tracker_tier tiers[3] = {tier_of(1), tier_of(1), tier_of(1)};
  fails(&tiers[0], 0, 15 * S);
  fails(&tiers[1], 0, 17 * S);
  assert_int_equal(opens(tiers, 1, 0), 1500);
  assert_int_equal(opens(tiers, 2, 0), 1750);
  for (int i = 0; i < 3; i++) tracker_tier_free(&tiers[i]);
}

TEST(beside_a_silent_tracker_the_next_one_is_asked) {
  struct tracker_tier t = tier_of(3);
  size_t a = asks(&t, ANNOUNCE_STARTED, 100);
  tracker_tier_on_ask(&t, a, 100);
  assert_int_equal(waits(&t, 100), 1600);
  size_t b = asks(&t, ANNOUNCE_STARTED, 1600);
  assert_int_not_equal(b, a);
  tracker_tier_on_ask(&t, b, 1600);
  assert_int_equal(waits(&t, 1600), 1850);
  size_t c = asks(&t, ANNOUNCE_STARTED, 1850);
  tracker_tier_on_ask(&t, c, 1850);
  assert_int_equal(a + b + c, 3);
  fails(&t, b, 2000);
  assert_int_equal(t.state, TIER_ASKING); /* two may still answer */
  replies(&t, c, 3000);
  assert_int_equal(t.order[0], c);
  replies(&t, a, 4000); /* too late to be the first */
  assert_int_equal(t.order[0], c);
  assert_true(t.slots[a].answered);
  assert_int_equal(waits(&t, 4000), HALF_HOUR * S + 3000);
  tracker_tier_on_ask(&t, c, HALF_HOUR * S + 3000);
  assert_int_equal(waits(&t, HALF_HOUR * S + 4000), CLOCK_NEVER); /* nobody is asked twice */
  tracker_tier_free(&t);
}

TEST(who_failed_comes_after_who_did_not) {
  struct tracker_tier t = tier_of(3);
  size_t a = asks(&t, ANNOUNCE_STARTED, 0);
  tracker_tier_on_ask(&t, a, 0);
  fails(&t, a, 0);
  assert_int_not_equal(asks(&t, ANNOUNCE_STARTED, 5 * S), a); /* although it is due */
  for (size_t i = 0; i < 3; i++)
    if (i != a) tracker_tier_on_ask(&t, i, 5 * S);
  assert_int_equal(asks(&t, ANNOUNCE_STARTED, 5 * S), a);
  tracker_tier_free(&t);
}

TEST(a_tracker_that_fails_at_once_is_not_waited_for) {
  struct tracker_tier t = tier_of(3);
  size_t a = asks(&t, ANNOUNCE_STARTED, 100);
  tracker_tier_on_ask(&t, a, 100);
  fails(&t, a, 150);
  size_t b = asks(&t, ANNOUNCE_STARTED, 150);
  tracker_tier_on_ask(&t, b, 150);
  assert_int_equal(waits(&t, 150), 1650);
  tracker_tier_free(&t);
}

TEST(completed_waits_until_the_tracker_is_not_being_asked) {
  struct tracker_tier t = tier_of(1);
  replies(&t, 0, 0);
  tracker_tier_on_ask(&t, 0, HALF_HOUR * S);
  tracker_tier_complete(&t, HALF_HOUR * S);
  assert_int_equal(waits(&t, HALF_HOUR * S), CLOCK_NEVER);
  replies(&t, 0, HALF_HOUR * S + 5);
  asks(&t, ANNOUNCE_COMPLETED, HALF_HOUR * S + 5);
  tracker_tier_free(&t);
}

TEST(a_working_tier_closes_those_behind_it_until_it_fails) {
  struct tracker_tier tiers[3] = {tier_of(1), tier_of(1), tier_of(1)};
  fails(&tiers[0], 0, 0);
  replies(&tiers[1], 0, 10);
  assert_int_equal(opens(tiers, 1, 0), 0);
  assert_int_equal(opens(tiers, 2, 0), CLOCK_NEVER);
  replies(&tiers[0], 0, 5000);
  assert_int_equal(opens(tiers, 1, 0), CLOCK_NEVER);
  struct tracker_step asleep = tracker_tier_next(&tiers[1], CLOCK_NEVER, HALF_HOUR * 2 * S);
  assert_false(asleep.ask);
  assert_int_equal(asleep.until_ms, CLOCK_NEVER);
  fails(&tiers[0], 0, 9000);
  assert_int_equal(opens(tiers, 1, 0), 9000);
  for (int i = 0; i < 3; i++) tracker_tier_free(&tiers[i]);
}

TEST(a_tier_that_fails_later_still_gives_the_next_one_its_time) {
  struct tracker_tier tiers[2] = {tier_of(2), tier_of(1)};
  replies(&tiers[0], tiers[0].order[0], 0);
  fails(&tiers[0], tiers[0].order[0], HALF_HOUR * S);
  assert_int_equal(opens(tiers, 1, 0), HALF_HOUR * S + 1500);
  for (int i = 0; i < 2; i++) tracker_tier_free(&tiers[i]);
}

TEST(a_closed_tier_asks_when_peers_are_wanted_but_one_in_the_queue_waits_its_turn) {
  struct tracker_tier t = tier_of(1);
  tracker_tier_want(&t, true);
  assert_true(tracker_tier_next(&t, CLOCK_NEVER, 0).ask);
  struct tracker_step queued = tracker_tier_next(&t, 1500, 0);
  assert_false(queued.ask);
  assert_int_equal(queued.until_ms, 1500);
  fails(&t, 0, 0);
  assert_false(tracker_tier_next(&t, CLOCK_NEVER, HALF_HOUR * S).ask); /* one try was enough */
  tracker_tier_free(&t);
}

TEST(completed_goes_once_to_everybody_who_answered) {
  struct tracker_tier t = tier_of(3);
  size_t a = t.order[0];
  size_t b = t.order[1];
  replies(&t, a, 0);
  fails(&t, a, 0);
  replies(&t, b, 0);
  tracker_tier_complete(&t, 100);
  size_t told = 0;
  for (int i = 0; i < 2; i++) {
    struct tracker_step s = tracker_tier_next(&t, CLOCK_NEVER, 100); /* even asleep */
    assert_true(s.ask);
    assert_int_equal(s.event, ANNOUNCE_COMPLETED);
    told |= (size_t)1 << s.slot;
    tracker_tier_on_reply(&t, s.slot, ANNOUNCE_COMPLETED, HALF_HOUR, 0, 100);
  }
  assert_int_equal(told, (size_t)1 << a | (size_t)1 << b);
  assert_int_equal(t.order[0], b); /* a good word for an old tracker is no promotion */
  assert_int_equal(waits(&t, 100), HALF_HOUR * S + 100);
  tracker_tier_free(&t);
}

TEST(completed_that_nobody_waited_for_is_not_said_again) {
  struct tracker_tier t = tier_of(1);
  replies(&t, 0, 0);
  tracker_tier_complete(&t, 0);
  asks(&t, ANNOUNCE_COMPLETED, 0);
  tracker_tier_on_sent(&t, 0);
  assert_int_equal(waits(&t, 0), HALF_HOUR * S);
  tracker_tier_free(&t);
}

TEST(completed_is_said_again_when_it_did_not_arrive) {
  struct tracker_tier t = tier_of(1);
  replies(&t, 0, 0);
  tracker_tier_complete(&t, 0);
  asks(&t, ANNOUNCE_COMPLETED, 0);
  tracker_tier_on_failure(&t, 0, ANNOUNCE_COMPLETED, NEVER_RETRY, 0);
  assert_int_equal(waits(&t, 0), 5 * S);
  asks(&t, ANNOUNCE_COMPLETED, 5 * S);
  tracker_tier_free(&t);
}

TEST(a_tier_without_usable_trackers_has_failed_from_the_start) {
  struct tracker_tier tiers[2] = {tier_of(2), tier_of(1)};
  tracker_tier_skip(&tiers[0], 0, 50);
  assert_int_equal(tiers[0].state, TIER_ASKING);
  tracker_tier_skip(&tiers[0], 1, 50);
  assert_int_equal(tiers[0].state, TIER_FAILED);
  assert_int_equal(waits(&tiers[0], 60), CLOCK_NEVER);
  assert_false(tracker_tier_untried(&tiers[0]));
  assert_int_equal(opens(tiers, 1, 50), 50);
  for (int i = 0; i < 2; i++) tracker_tier_free(&tiers[i]);
}

TEST(untried_means_that_somebody_was_never_asked) {
  struct tracker_tier t = tier_of(2);
  fails(&t, 0, 0);
  assert_true(tracker_tier_untried(&t));
  fails(&t, 1, 0);
  assert_false(tracker_tier_untried(&t));
  tracker_tier_free(&t);
}

int main(void) {
  RUN(T(a_tier_is_shuffled), T(the_first_announce_says_started_until_one_is_answered),
      T(back_off_doubles_from_5_s_to_30_minutes), T(retry_in_takes_the_place_of_back_off),
      T(the_next_tracker_is_asked_at_once_and_what_answers_moves_to_the_front),
      T(when_the_front_fails_the_others_follow), T(the_interval_is_kept_and_min_interval_too),
      T(wanted_peers_come_early_but_not_before_the_min_interval),
      T(as_long_as_peers_are_wanted_a_tracker_is_asked_as_often_as_it_allows),
      T(wanting_peers_does_not_shorten_back_off),
      T(the_next_tier_opens_when_one_has_failed_or_is_slow),
      T(a_tier_that_fails_late_holds_nobody_up),
      T(beside_a_silent_tracker_the_next_one_is_asked),
      T(who_failed_comes_after_who_did_not), T(a_tracker_that_fails_at_once_is_not_waited_for),
      T(completed_waits_until_the_tracker_is_not_being_asked),
      T(a_working_tier_closes_those_behind_it_until_it_fails),
      T(a_tier_that_fails_later_still_gives_the_next_one_its_time),
      T(a_closed_tier_asks_when_peers_are_wanted_but_one_in_the_queue_waits_its_turn),
      T(completed_goes_once_to_everybody_who_answered),
      T(completed_that_nobody_waited_for_is_not_said_again),
      T(completed_is_said_again_when_it_did_not_arrive),
      T(a_tier_without_usable_trackers_has_failed_from_the_start),
      T(untried_means_that_somebody_was_never_asked));
}
