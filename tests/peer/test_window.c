/*
 * The arithmetic of the request window: how the rate is measured, how much is asked for, what is
 * worth a wake-up. Pure, so each test is a few figures.
 */
#include "../test.h"

#include "peer/window.h"
#include "proto/geometry.h"
#include "proto/wire.h"
#include "swarm/fragment.h"

enum { MB = 1000 * 1000, MANY = 1 << 20 };

/* A connection that nothing holds back. */
static struct window_facts of_rate(uint64_t rate, uint32_t rtt_us) {
  return (struct window_facts){
    .rate = rate, .rtt_us = rtt_us, .steady = true, .memory = MANY, .reqq = MANY, .cap = MANY,
    .fair = MANY};
}

static uint32_t size_of(struct window_facts f) {
  return window_size(&f);
}

/* `bytes` come at `now_ms`. */
static bool come(struct window_meter *m, uint64_t bytes, int64_t now_ms, uint64_t *rate) {
  m->bytes += bytes;
  return window_measure(m, now_ms, rate);
}

/* --- the rate --- */

TEST(the_clock_of_the_rate_starts_with_the_first_block) {
  struct window_meter m = {0};
  uint64_t rate = 0;
  assert_false(come(&m, 10 * MB, 5000, &rate)); /* who knows since when it was under way */
  assert_int_equal(rate, 0);
  assert_true(come(&m, 100000, 5100, &rate));
  assert_int_equal(rate, 1000000);
}

TEST(an_interval_is_long_enough_and_has_enough_in_it) {
  struct window_meter m = {0};
  uint64_t rate = 0;
  assert_false(come(&m, 1, 1000, &rate));
  assert_false(come(&m, 10 * BLOCK_LEN, 1099, &rate)); /* too short */
  assert_true(come(&m, 0, 1100, &rate));
  assert_false(come(&m, BLOCK_LEN, 1300, &rate)); /* too little */
  assert_false(come(&m, BLOCK_LEN, 2099, &rate));
  assert_true(come(&m, 0, 2100, &rate)); /* a second is long enough for whatever there is */
  assert_int_equal(rate, (3 * (10 * BLOCK_LEN * 10) + 2 * BLOCK_LEN) / 4);
}

TEST(a_rising_rate_is_believed_at_once_until_it_is_steady) {
  struct window_meter m = {0};
  uint64_t rate = 0;
  come(&m, 0, 1000, &rate);
  for (uint64_t bytes = 100000; bytes <= 800000; bytes *= 2) {
    int64_t now_ms = m.since_ms + 100;
    assert_true(come(&m, bytes, now_ms, &rate));
    assert_int_equal(rate, 10 * bytes);
    assert_false(m.steady);
  }
  assert_true(come(&m, 900000, m.since_ms + 100, &rate)); /* hardly more */
  assert_true(m.steady);
  assert_int_equal(rate, (8 * MB + 9 * MB) / 2);
  assert_true(come(&m, 90 * MB / 10, m.since_ms + 100, &rate)); /* from now on half is believed */
  assert_int_equal(rate, (8500000 + 90 * MB) / 2);
}

TEST(a_known_rate_never_becomes_unknown) {
  struct window_meter m = {0};
  uint64_t rate = 100000;
  come(&m, 0, 1000, &rate);
  for (int i = 0; i < 100; i++) assert_true(come(&m, 0, m.since_ms + 1000, &rate));
  assert_int_equal(rate, 1);
}

TEST(time_spent_waiting_for_the_disk_is_not_the_peers) {
  struct window_meter m = {0};
  uint64_t rate = 0;
  window_discount(&m, 30000); /* before the first block nothing is measured */
  assert_false(come(&m, 100000, 100000, &rate));
  window_discount(&m, 30000);
  assert_true(come(&m, 100000, 130100, &rate));
  assert_int_equal(rate, 1000000);
}

/* --- the window --- */

TEST(the_window_covers_the_round_trip_and_the_slack) {
  /* 20 MB/s: a slack of 2 MiB / 20 MB/s = 104 ms */
  assert_in_range(size_of(of_rate(20 * MB, 0)), 2048 * 1024 / BLOCK_LEN - 2,
                  2048 * 1024 / BLOCK_LEN + 1);
  uint32_t trip = size_of(of_rate(20 * MB, 100000)) - size_of(of_rate(20 * MB, 0));
  assert_in_range(trip, 2 * MB / BLOCK_LEN - 1, 2 * MB / BLOCK_LEN + 1);
}

TEST(the_slack_has_a_floor_and_a_ceiling) {
  assert_in_range(size_of(of_rate(UINT64_C(1000) * MB, 0)), 20 * MB / BLOCK_LEN,
                  20 * MB / BLOCK_LEN + 1); /* 20 ms */
  assert_in_range(size_of(of_rate(1 * MB, 0)), 300000 / BLOCK_LEN, 300000 / BLOCK_LEN + 1);
}

TEST(the_window_asks_for_more_than_the_rate_needs) {
  for (uint64_t rate = 1; rate < UINT64_C(4000) * MB; rate *= 3) {
    uint32_t rtt_us = 50000;
    assert_true(size_of(of_rate(rate, rtt_us)) * (uint64_t)BLOCK_LEN > rate * rtt_us / 1000000);
    assert_true(size_of(of_rate(rate, rtt_us)) >= 2);
  }
}

TEST(the_window_is_bounded_by_memory_and_by_what_the_peer_takes) {
  struct window_facts f = of_rate(UINT64_C(1000) * MB, 50000);
  f.reqq = 250;
  assert_int_equal(size_of(f), 250);
  f.memory = 100;
  assert_int_equal(size_of(f), 100);
  f.memory = 0; /* two are always asked for, */
  assert_int_equal(size_of(f), 2);
  f.reqq = 1; /* but not of who takes one */
  assert_int_equal(size_of(f), 1);
}

TEST(what_the_peer_says_and_what_was_learnt_both_bind_the_window) {
  for (uint32_t takes = 1; takes < 40; takes++)
    for (int rate_known = 0; rate_known < 2; rate_known++) {
      struct window_facts f = of_rate(rate_known ? 20 * MB : 0, 0);
      uint32_t want = rate_known || takes < 32 ? takes : 32;
      f.reqq = takes;
      assert_int_equal(size_of(f), want);
      f.cap = takes;
      f.reqq = MANY;
      assert_int_equal(size_of(f), want);
      f.reqq = takes + 1;
      assert_int_equal(size_of(f), want);
    }
}

TEST(an_unknown_rate_gets_a_guess_that_leaves_others_their_share) {
  struct window_facts f = of_rate(0, 0);
  assert_true(window_minds_fair(&f));
  assert_int_equal(size_of(f), 32);
  f.fair = 20;
  assert_int_equal(size_of(f), 10);
  f.fair = 0;
  assert_int_equal(size_of(f), 2);
}

TEST(while_the_rate_rises_the_window_is_ahead_of_it_and_never_shrinks) {
  struct window_facts f = of_rate(5 * MB, 20000);
  uint32_t steady = size_of(f);
  f.steady = false;
  assert_true(window_minds_fair(&f));
  assert_int_equal(size_of(f), 2 * steady);
  f.now = 5 * steady;
  assert_int_equal(size_of(f), 5 * steady);
  f.fair = 0; /* near the end nothing is asked for ahead of need */
  assert_int_equal(size_of(f), steady);
}

TEST(a_slow_peer_is_asked_for_pairs_of_blocks_unless_the_end_is_near) {
  struct window_facts f = of_rate(50000, 0);
  assert_true(window_minds_fair(&f));
  assert_int_equal(size_of(f), WINDOW_PATIENT);
  f.fair = 4 * WINDOW_PATIENT - 1;
  assert_int_equal(size_of(f), 2);
  f = of_rate(20000, 0); /* it would need too long for four blocks */
  assert_false(window_minds_fair(&f));
  assert_int_equal(size_of(f), 2);
}

TEST(what_it_does_not_mind_changes_nothing) {
  for (uint64_t rate = 1; rate < UINT64_C(4000) * MB; rate = rate * 3 / 2 + 1) {
    struct window_facts f = of_rate(rate, 1000);
    uint32_t with = size_of(f);
    f.fair = 0;
    if (!window_minds_fair(&f)) assert_int_equal(size_of(f), with);
    else assert_true(size_of(f) < with);
  }
}

TEST(a_batch_is_a_quarter_of_the_window_and_fits_a_fragment) {
  assert_int_equal(window_batch(0), 1);
  assert_int_equal(window_batch(7), 1);
  assert_int_equal(window_batch(40), 10);
  assert_int_equal(window_batch(MANY), FRAGMENT_BLOCKS_MAX);
}

/* --- a peer that drops requests without a word --- */

/* A peer with a short queue, and how we fill it. */
struct dropper {
  uint32_t holds;       /* its queue has room for so many */
  uint32_t queued;
  uint32_t outstanding; /* as far as we know */
  struct window_cap cap;
};

static void ask(struct dropper *d, uint32_t count) {
  uint32_t room = d->holds - d->queued;
  d->queued += count < room ? count : room;
  d->outstanding += count;
  window_cap_asked(&d->cap, count, d->outstanding);
}

static void answer(struct dropper *d, uint32_t count) {
  assert_true(count <= d->queued);
  d->queued -= count;
  d->outstanding -= count;
}

/* Asks as download_ask() does, a batch at a time, until all that is left was dropped. */
static void until_silent(struct dropper *d, uint32_t window, uint32_t each) {
  for (int i = 0; i < 10000; i++) {
    while (d->outstanding == 0 || d->outstanding + window_batch(window) <= window)
      ask(d, d->outstanding == 0 ? window : window_batch(window));
    if (d->queued == 0) return;
    answer(d, each < d->queued ? each : d->queued);
  }
}

TEST(at_the_first_silence_it_is_known_what_a_short_queue_holds) {
  for (uint32_t holds = 1; holds < 30; holds++)
    for (uint32_t window = holds + 1; window < 100; window += 7)
      for (uint32_t each = 1; each < 12; each++) {
        struct dropper d = {.holds = holds};
        assert_int_equal(window_cap_limit(&d.cap, 0), UINT32_MAX);
        until_silent(&d, window, each);
        if (d.queued > 0) continue; /* what was dropped leaves just the right window */
        window_cap_silent(&d.cap, d.outstanding, 1000);
        assert_int_equal(window_cap_limit(&d.cap, 1000), holds);
      }
}

TEST(what_was_cancelled_meanwhile_makes_no_queue_longer) {
  struct dropper d = {.holds = 6};
  ask(&d, 20);
  answer(&d, 4);
  d.outstanding -= 10; /* others were quicker */
  window_cap_forgone(&d.cap, 10);
  answer(&d, 2);
  window_cap_silent(&d.cap, d.outstanding, 1000);
  assert_int_equal(window_cap_limit(&d.cap, 1000), 6);
}

TEST(who_has_only_paused_is_not_limited) {
  struct dropper d = {.holds = MANY};
  ask(&d, 32);
  answer(&d, 5);
  window_cap_silent(&d.cap, 27, 1000);
  assert_int_equal(window_cap_limit(&d.cap, 1000), 5);
  window_cap_asked(&d.cap, 1, 1);
  window_cap_late(&d.cap); /* a block that had been given back */
  assert_int_equal(window_cap_limit(&d.cap, 1000), UINT32_MAX);
}

TEST(a_pause_makes_what_was_learnt_before_no_less_true) {
  struct dropper d = {.holds = 8};
  ask(&d, 32);
  answer(&d, 8);
  window_cap_silent(&d.cap, 24, 1000);
  d.outstanding = 0;
  for (int i = 0; i < 20; i++) { /* all that it gets it answers */
    ask(&d, 8);
    answer(&d, 8);
  }
  window_cap_late(&d.cap); /* one that had been cancelled: no reason for doubt by now */
  assert_int_equal(window_cap_limit(&d.cap, 1000), 8);
  ask(&d, 8);
  answer(&d, 3);
  window_cap_silent(&d.cap, 5, 5000);
  assert_int_equal(window_cap_limit(&d.cap, 5000), 3);
  window_cap_late(&d.cap);
  assert_int_equal(window_cap_limit(&d.cap, 5000), 8);
}

TEST(who_answers_nothing_at_all_has_no_short_queue) {
  struct dropper d = {.holds = MANY};
  ask(&d, 32);
  window_cap_silent(&d.cap, 32, 1000);
  assert_int_equal(window_cap_limit(&d.cap, 1000), UINT32_MAX);
}

TEST(a_limit_is_tried_again_ever_more_seldom) {
  struct window_cap c = {0};
  int64_t now_ms = 1000, stayed_ms = 0;
  for (int i = 0; i < 5; i++) {
    window_cap_asked(&c, 32, 32);
    window_cap_silent(&c, 24, now_ms);
    int64_t since_ms = now_ms;
    while (window_cap_limit(&c, now_ms) == 8) now_ms += 100;
    assert_int_equal(window_cap_limit(&c, now_ms), 16);
    assert_true(now_ms - since_ms > stayed_ms + stayed_ms / 2);
    stayed_ms = now_ms - since_ms;
  }
  for (int i = 0; i < 40; i++) window_cap_limit(&c, now_ms += 3600 * 1000);
  assert_int_equal(window_cap_limit(&c, now_ms), UINT32_MAX); /* it holds more by now */
}

/* --- waking up --- */

TEST(the_faster_the_fewer_wake_ups_as_far_as_the_buffer_allows) {
  assert_int_equal(window_wake_blocks(100000, MANY), 1);
  assert_int_equal(window_wake_blocks(8 * MB, UINT64_MAX), 4); /* what comes in 10 ms */
  assert_int_equal(window_wake_blocks(UINT64_C(1000) * MB, UINT64_MAX), 8);
  assert_int_equal(window_wake_blocks(UINT64_C(1000) * MB, 0), 1);
  for (uint64_t buffer = 0; buffer < MANY; buffer += 1000) {
    uint32_t n = window_wake_blocks(UINT64_C(1000) * MB, buffer);
    assert_true(n == 1 || n * (uint64_t)BLOCK_LEN <= buffer / 2);
  }
}

TEST(the_low_water_mark_is_never_beyond_what_will_come) {
  for (uint32_t wake = 1; wake <= 8; wake++)
    for (uint32_t blocks = 0; blocks < 40; blocks++)
      for (int steady = 0; steady < 2; steady++) {
        uint64_t bytes = blocks > 0 ? (blocks - 1) * (uint64_t)BLOCK_LEN + 1 : 0;
        uint32_t mark = window_low_water(wake, steady, blocks, bytes);
        assert_true(mark == 1 || mark <= bytes + blocks * WIRE_PIECE_HEADER_LEN);
      }
}

TEST(the_low_water_mark_follows_what_is_under_way) {
  uint32_t one = WIRE_PIECE_HEADER_LEN + BLOCK_LEN;
  assert_int_equal(window_low_water(8, true, 1, BLOCK_LEN), 1);
  assert_int_equal(window_low_water(1, false, 10, 10 * BLOCK_LEN), one);
  assert_int_equal(window_low_water(1, true, 3, 3 * BLOCK_LEN), one);
  assert_int_equal(window_low_water(1, true, 4, 4 * BLOCK_LEN), 2 * one);
  assert_int_equal(window_low_water(8, true, 31, 31 * BLOCK_LEN), 2 * one);
  assert_int_equal(window_low_water(8, false, 32, 32 * BLOCK_LEN), 8 * one);
}

int main(void) {
  RUN(T(the_clock_of_the_rate_starts_with_the_first_block),
      T(an_interval_is_long_enough_and_has_enough_in_it),
      T(a_rising_rate_is_believed_at_once_until_it_is_steady),
      T(a_known_rate_never_becomes_unknown), T(time_spent_waiting_for_the_disk_is_not_the_peers),
      T(the_window_covers_the_round_trip_and_the_slack),
      T(the_slack_has_a_floor_and_a_ceiling), T(the_window_asks_for_more_than_the_rate_needs),
      T(the_window_is_bounded_by_memory_and_by_what_the_peer_takes),
      T(what_the_peer_says_and_what_was_learnt_both_bind_the_window),
      T(at_the_first_silence_it_is_known_what_a_short_queue_holds),
      T(what_was_cancelled_meanwhile_makes_no_queue_longer),
      T(who_has_only_paused_is_not_limited),
      T(a_pause_makes_what_was_learnt_before_no_less_true),
      T(who_answers_nothing_at_all_has_no_short_queue),
      T(a_limit_is_tried_again_ever_more_seldom),
      T(an_unknown_rate_gets_a_guess_that_leaves_others_their_share),
      T(while_the_rate_rises_the_window_is_ahead_of_it_and_never_shrinks),
      T(a_slow_peer_is_asked_for_pairs_of_blocks_unless_the_end_is_near),
      T(what_it_does_not_mind_changes_nothing),
      T(a_batch_is_a_quarter_of_the_window_and_fits_a_fragment),
      T(the_faster_the_fewer_wake_ups_as_far_as_the_buffer_allows),
      T(the_low_water_mark_is_never_beyond_what_will_come),
      T(the_low_water_mark_follows_what_is_under_way));
}
