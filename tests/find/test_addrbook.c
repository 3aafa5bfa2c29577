/*
 * The address book: its states, waiting times, order, bans and limits, all with made-up time. How
 * it does in the long run is in test_addrbook_model.c, many threads are in tests/threads.
 */
#include "../test.h"

#include <string.h>

#include "base/clock.h"
#include "find/addrbook.h"

enum { S = 1000, MIN = 60 * S };

static struct addr v4(const char *text) {
  struct addr a = {0};
  assert_true(addr_parse(text, strlen(text), &a));
  return a;
}

static struct addr numbered(unsigned n) {
  struct addr a = {.family = 4, .port = (uint16_t)(1024 + n % 4)};
  a.ip[0] = 10;
  a.ip[2] = (uint8_t)(n / 4 / 250);
  a.ip[3] = (uint8_t)(1 + n / 4 % 250);
  return a;
}

static struct addrbook *book_with(const struct addr *a) {
  struct addrbook *b = addrbook_new(100);
  assert_non_null(b);
  assert_true(addrbook_add(b, a, FROM_TRACKER, 0));
  return b;
}

static void take(struct addrbook *b, const struct addr *want, int64_t now_ms) {
  struct addr got;
  int64_t due_ms;
  assert_int_equal(addrbook_take(b, now_ms, &got, &due_ms), ERR_OK);
  assert_true(addr_equal(&got, want));
}

/* Nothing is due at `now_ms`; returns when the next one is. */
static int64_t none_before(struct addrbook *b, int64_t now_ms) {
  struct addr got;
  int64_t due_ms = -1;
  assert_int_equal(addrbook_take(b, now_ms, &got, &due_ms), ERR_NOT_FOUND);
  return due_ms;
}

/* Takes `a` at `now_ms`, reports, and returns when it is due again. */
static int64_t due_after(struct addrbook *b, const struct addr *a, enum addrbook_outcome how,
                         bool gave_data, int64_t now_ms) {
  take(b, a, now_ms);
  addrbook_report(b, a, how, gave_data, now_ms);
  struct addrbook_stats s;
  addrbook_stats(b, now_ms, &s);
  return s.due > 0 ? now_ms : none_before(b, now_ms);
}

static struct addrbook_stats stats(struct addrbook *b, int64_t now_ms) {
  struct addrbook_stats s;
  addrbook_stats(b, now_ms, &s);
  return s;
}

TEST(a_fresh_address_is_due_at_once_and_taken_only_once) {
  struct addr a = v4("1.2.3.4:5");
  struct addrbook *b = book_with(&a);
  take(b, &a, 0);
  assert_int_equal(none_before(b, 100 * MIN), CLOCK_NEVER);
  assert_int_equal(stats(b, 0).taken, 1);
  assert_int_equal(stats(b, 0).known, 1);
  addrbook_free(b);
}

TEST(an_address_is_kept_once_whatever_its_form) {
  static const uint8_t mapped[18] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4, 0, 5};
  struct addr a = v4("1.2.3.4:5");
  struct addr same = addr_from_compact6(mapped);
  struct addr other_port = v4("1.2.3.4:6");
  struct addrbook *b = book_with(&a);
  assert_false(addrbook_add(b, &a, FROM_PEX, 0));
  assert_false(addrbook_add(b, &same, FROM_PEX, 0));
  assert_true(addrbook_add(b, &other_port, FROM_PEX, 0));
  assert_int_equal(stats(b, 0).known, 2);
  assert_int_equal(stats(b, 0).from[FROM_TRACKER], 1);
  assert_int_equal(stats(b, 0).from[FROM_PEX], 1);
  addrbook_free(b);
}

TEST(impossible_addresses_are_not_taken_in) {
  static const char *const bad[] = {"1.2.3.4:0", "255.255.255.255:1", "224.0.0.1:6881",
                                    "0.0.0.0:80", "[fe80::1]:6881"};
  struct addrbook *b = addrbook_new(10);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct addr a = v4(bad[i]);
    assert_false(addrbook_add(b, &a, FROM_TRACKER, 0));
  }
  assert_int_equal(stats(b, 0).known, 0);
  addrbook_free(b);
}

TEST(one_that_refuses_waits_60_s_then_120_s_and_is_then_dead) {
  struct addr a = v4("1.2.3.4:5");
  struct addrbook *b = book_with(&a);
  assert_int_equal(due_after(b, &a, ADDR_UNREACHABLE, false, 0), 60 * S);
  assert_int_equal(none_before(b, 60 * S - 1), 60 * S);
  assert_int_equal(due_after(b, &a, ADDR_SILENT, false, 60 * S), 180 * S);
  assert_int_equal(due_after(b, &a, ADDR_UNREACHABLE, false, 180 * S), CLOCK_NEVER);
  assert_int_equal(stats(b, 0).dead, 1);
  assert_int_equal(stats(b, 0).known, 0);
  assert_int_equal(stats(b, 0).failed[ADDR_UNREACHABLE], 1);
  addrbook_free(b);
}

TEST(while_we_are_alone_those_that_failed_are_called_sooner_and_more_often) {
  static const int64_t waits_s[] = {5, 10, 20, 30, 30, 30, 30, 30};
  static const enum addrbook_outcome outcomes[] = {ADDR_UNREACHABLE, ADDR_NO_ROUTE, ADDR_SILENT,
                                                   ADDR_CUT};
  for (size_t o = 0; o < sizeof outcomes / sizeof *outcomes; o++) {
    struct addr a = v4("1.2.3.4:5");
    struct addrbook *b = book_with(&a);
    int64_t now_ms = 0;
    addrbook_set_alone(b, true);
    for (size_t i = 0; i < sizeof waits_s / sizeof *waits_s; i++) {
      int64_t due_ms = due_after(b, &a, outcomes[o], false, now_ms);
      assert_int_equal(due_ms - now_ms, waits_s[i] * S);
      now_ms = due_ms;
    }
    if (outcomes[o] != ADDR_CUT) /* it has been failing for three minutes */
      assert_int_equal(due_after(b, &a, outcomes[o], false, now_ms), CLOCK_NEVER);
    addrbook_free(b);
  }
}

TEST(whoever_waits_is_due_sooner_at_once_when_we_are_alone_and_later_when_not) {
  struct addr a = v4("1.1.1.1:1");
  struct addr cut = v4("2.2.2.2:2");
  struct addr wrong = v4("3.3.3.3:3");
  struct addrbook *b = book_with(&a);
  due_after(b, &a, ADDR_UNREACHABLE, false, 0);
  addrbook_add(b, &cut, FROM_TRACKER, 0);
  due_after(b, &cut, ADDR_CUT, false, 2 * S);
  addrbook_add(b, &wrong, FROM_TRACKER, 0);
  due_after(b, &wrong, ADDR_WRONG, false, 0);
  assert_int_equal(none_before(b, 5 * S), 12 * S); /* the one that was cut off comes first */
  addrbook_set_alone(b, true);
  assert_int_equal(stats(b, 5 * S).due, 1);
  take(b, &a, 5 * S);
  assert_int_equal(none_before(b, 5 * S), 7 * S);
  addrbook_set_alone(b, false);
  assert_int_equal(none_before(b, 5 * S), 12 * S);
  take(b, &cut, 12 * S);
  assert_int_equal(none_before(b, 5 * S), 10 * MIN);
  addrbook_free(b);
}

TEST(three_failures_are_not_deadly_before_three_minutes_are_over) {
  struct addr a = v4("1.2.3.4:5");
  struct addrbook *b = book_with(&a);
  addrbook_set_alone(b, true);
  int64_t now_ms = 0;
  for (int i = 0; i < 4; i++) now_ms = due_after(b, &a, ADDR_SILENT, false, now_ms);
  addrbook_set_alone(b, false);
  assert_int_equal(stats(b, now_ms).dead, 0);
  now_ms = none_before(b, now_ms);
  assert_int_equal(due_after(b, &a, ADDR_SILENT, false, now_ms), now_ms + 120 * S);
  assert_int_equal(due_after(b, &a, ADDR_SILENT, false, now_ms + 120 * S), CLOCK_NEVER);
  addrbook_free(b);
}

TEST(untried_are_those_whose_first_attempt_is_not_over) {
  struct addr a = v4("1.2.3.4:5");
  struct addr liar = v4("1.2.3.5:5");
  struct addrbook *b = book_with(&a);
  addrbook_add(b, &liar, FROM_TRACKER, 0);
  assert_int_equal(stats(b, 0).untried, 2);
  addrbook_ban(b, &liar);
  assert_int_equal(stats(b, 0).untried, 1);
  take(b, &a, 0);
  assert_int_equal(stats(b, 0).untried, 1);
  addrbook_report(b, &a, ADDR_UNREACHABLE, false, 0);
  assert_int_equal(stats(b, 0).untried, 0);
  take(b, &a, 60 * S);
  assert_int_equal(stats(b, 60 * S).untried, 0);
  addrbook_free(b);
}

TEST(one_without_a_route_is_treated_as_if_it_had_refused) {
  struct addr a = v4("[2001:db8::1]:5");
  struct addrbook *b = book_with(&a);
  assert_int_equal(due_after(b, &a, ADDR_NO_ROUTE, false, 0), 60 * S);
  assert_int_equal(due_after(b, &a, ADDR_NO_ROUTE, false, 60 * S), 180 * S);
  assert_int_equal(due_after(b, &a, ADDR_NO_ROUTE, false, 180 * S), CLOCK_NEVER);
  assert_int_equal(stats(b, 0).failed[ADDR_NO_ROUTE], 1);
  addrbook_free(b);
}

TEST(a_dead_one_that_is_named_again_gets_one_more_try_after_10_minutes) {
  struct addr a = v4("1.2.3.4:5");
  struct addrbook *b = book_with(&a);
  due_after(b, &a, ADDR_SILENT, false, 0);
  due_after(b, &a, ADDR_SILENT, false, 1 * MIN);
  due_after(b, &a, ADDR_SILENT, false, 3 * MIN);
  assert_false(addrbook_add(b, &a, FROM_DHT, 4 * MIN));
  assert_int_equal(none_before(b, 4 * MIN), 13 * MIN);
  assert_int_equal(due_after(b, &a, ADDR_SILENT, false, 13 * MIN), CLOCK_NEVER);
  assert_int_equal(stats(b, 0).dead, 1);
  addrbook_free(b);
}

TEST(a_success_starts_the_count_of_failures_anew) {
  struct addr a = v4("1.2.3.4:5");
  struct addrbook *b = book_with(&a);
  due_after(b, &a, ADDR_SILENT, false, 0);
  due_after(b, &a, ADDR_SILENT, false, 1 * MIN);
  assert_int_equal(due_after(b, &a, ADDR_CUT, false, 3 * MIN), 3 * MIN + 10 * S);
  assert_int_equal(due_after(b, &a, ADDR_SILENT, false, 4 * MIN), 5 * MIN);
  addrbook_free(b);
}

TEST(one_that_was_cut_off_is_due_at_once_if_it_gave_data) {
  struct addr a = v4("1.2.3.4:5");
  struct addrbook *b = book_with(&a);
  assert_int_equal(due_after(b, &a, ADDR_CUT, true, 7), 7);
  addrbook_free(b);
}

TEST(one_that_always_hangs_up_is_called_less_and_less) {
  static const int64_t waits_s[] = {10, 20, 40, 80, 160, 320, 600, 600, 600};
  struct addr a = v4("1.2.3.4:5");
  struct addrbook *b = book_with(&a);
  int64_t now_ms = 0;
  for (size_t i = 0; i < sizeof waits_s / sizeof *waits_s; i++) {
    int64_t due_ms = due_after(b, &a, ADDR_CUT, false, now_ms);
    assert_int_equal(due_ms - now_ms, waits_s[i] * S);
    now_ms = due_ms;
  }
  assert_int_equal(due_after(b, &a, ADDR_CUT, true, now_ms), now_ms);
  assert_int_equal(due_after(b, &a, ADDR_CUT, false, now_ms), now_ms + 10 * S);
  addrbook_free(b);
}

TEST(each_other_outcome_has_its_waiting_time) {
  static const struct {
    enum addrbook_outcome how;
    int64_t wait_ms;
  } cases[] = {
    {ADDR_WRONG, 10 * MIN}, {ADDR_DUPLICATE, 10 * S}, {ADDR_FULL, 1 * S},
    {ADDR_USELESS, 60 * S}, {ADDR_MISBEHAVED, 10 * MIN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct addr a = v4("1.2.3.4:5");
    struct addrbook *b = book_with(&a);
    assert_int_equal(due_after(b, &a, cases[i].how, false, 5), 5 + cases[i].wait_ms);
    assert_int_equal(stats(b, 0).failed[cases[i].how], 1);
    addrbook_free(b);
  }
}

TEST(the_second_breach_of_protocol_is_deadly) {
  struct addr a = v4("1.2.3.4:5");
  struct addrbook *b = book_with(&a);
  due_after(b, &a, ADDR_MISBEHAVED, true, 0);
  assert_int_equal(due_after(b, &a, ADDR_MISBEHAVED, true, 10 * MIN), CLOCK_NEVER);
  assert_int_equal(stats(b, 0).dead, 1);
  addrbook_free(b);
}

TEST(ourselves_are_never_called_again) {
  struct addr a = v4("1.2.3.4:5");
  struct addrbook *b = book_with(&a);
  assert_int_equal(due_after(b, &a, ADDR_SELF, false, 0), CLOCK_NEVER);
  assert_false(addrbook_add(b, &a, FROM_TRACKER, 100 * MIN));
  assert_int_equal(none_before(b, 1000 * MIN), CLOCK_NEVER);
  assert_false(addrbook_is_banned(b, &a));
  addrbook_free(b);
}

TEST(a_liar_is_banned_for_good_but_not_yet_its_host) {
  struct addr a = v4("1.2.3.4:5");
  struct addr neighbour = v4("1.2.3.4:6");
  struct addrbook *b = book_with(&a);
  due_after(b, &a, ADDR_LIAR, true, 0);
  assert_true(addrbook_is_banned(b, &a));
  assert_false(addrbook_add(b, &a, FROM_TRACKER, 100 * MIN));
  assert_int_equal(none_before(b, 1000 * MIN), CLOCK_NEVER);
  assert_false(addrbook_is_banned(b, &neighbour));
  assert_true(addrbook_add(b, &neighbour, FROM_TRACKER, 0));
  assert_int_equal(stats(b, 0).banned, 1);
  addrbook_free(b);
}

TEST(a_second_liar_on_a_host_bans_the_host) {
  struct addr a = v4("1.2.3.4:5");
  struct addr second = v4("1.2.3.4:6");
  struct addr waiting = v4("1.2.3.4:7");
  struct addr never_heard = v4("1.2.3.4:8");
  struct addr elsewhere = v4("1.2.3.5:5");
  struct addrbook *b = book_with(&a);
  addrbook_ban(b, &a);
  addrbook_add(b, &waiting, FROM_TRACKER, 0);
  addrbook_add(b, &elsewhere, FROM_TRACKER, 0);
  addrbook_ban(b, &second); /* not in the book: banned all the same */
  assert_true(addrbook_is_banned(b, &waiting));
  assert_true(addrbook_is_banned(b, &never_heard));
  assert_false(addrbook_add(b, &never_heard, FROM_PEX, 0));
  assert_int_equal(stats(b, 0).banned, 3); /* the host itself is no address */
  assert_int_equal(stats(b, 0).dead, 3);
  assert_int_equal(stats(b, 0).failed[ADDR_LIAR], 3);
  take(b, &elsewhere, 0);
  assert_int_equal(none_before(b, 0), CLOCK_NEVER);
  addrbook_free(b);
}

TEST(two_liars_on_loopback_do_not_ban_the_others_there) {
  struct addr a = v4("127.0.0.1:5");
  struct addr second = v4("127.0.0.1:6");
  struct addr honest = v4("127.0.0.1:7");
  struct addrbook *b = book_with(&a);
  addrbook_ban(b, &a);
  addrbook_ban(b, &second);
  assert_true(addrbook_is_banned(b, &second));
  assert_false(addrbook_is_banned(b, &honest));
  assert_true(addrbook_add(b, &honest, FROM_TRACKER, 0));
  addrbook_free(b);
}

TEST(a_ban_holds_whatever_the_worker_reports_later) {
  struct addr a = v4("1.2.3.4:5");
  struct addrbook *b = book_with(&a);
  take(b, &a, 0);
  addrbook_ban(b, &a);
  assert_int_equal(stats(b, 0).taken, 1);
  addrbook_report(b, &a, ADDR_CUT, true, 0);
  assert_int_equal(stats(b, 0).taken, 0);
  assert_int_equal(stats(b, 0).banned, 1);
  assert_int_equal(stats(b, 0).failed[ADDR_LIAR], 1);
  assert_int_equal(stats(b, 0).failed[ADDR_CUT], 0);
  assert_int_equal(none_before(b, 1000 * MIN), CLOCK_NEVER);
  addrbook_free(b);
}

TEST(good_ones_come_before_fresh_ones_and_these_before_retries) {
  struct addr good = v4("1.1.1.1:1");
  struct addr retry = v4("2.2.2.2:2");
  struct addr fresh = v4("3.3.3.3:3");
  struct addrbook *b = book_with(&retry);
  due_after(b, &retry, ADDR_FULL, false, 0);
  addrbook_add(b, &good, FROM_TRACKER, 0);
  due_after(b, &good, ADDR_USELESS, true, 0);
  addrbook_add(b, &fresh, FROM_TRACKER, 0);
  take(b, &good, 2 * MIN);
  take(b, &fresh, 2 * MIN);
  take(b, &retry, 2 * MIN);
  addrbook_free(b);
}

TEST(a_good_one_that_is_not_due_yet_does_not_block_the_fresh) {
  struct addr good = v4("1.1.1.1:1");
  struct addr fresh = v4("3.3.3.3:3");
  struct addrbook *b = book_with(&good);
  due_after(b, &good, ADDR_USELESS, true, 0);
  addrbook_add(b, &fresh, FROM_TRACKER, 0);
  take(b, &fresh, 0);
  addrbook_free(b);
}

TEST(fresh_ones_come_in_random_order) {
  enum { COUNT = 40 };
  int same = 0;
  for (int round = 0; round < 3; round++) {
    struct addrbook *b = addrbook_new(COUNT);
    struct addr got;
    int64_t due_ms;
    int in_place = 0;
    for (unsigned i = 0; i < COUNT; i++) {
      struct addr a = numbered(i);
      addrbook_add(b, &a, FROM_TRACKER, 0);
    }
    for (unsigned i = 0; i < COUNT; i++) {
      struct addr a = numbered(i);
      assert_int_equal(addrbook_take(b, 0, &got, &due_ms), ERR_OK);
      in_place += addr_equal(&got, &a);
    }
    same += in_place > COUNT / 2;
    addrbook_free(b);
  }
  assert_int_equal(same, 0);
}

TEST(a_full_book_refuses_new_ones_but_lets_them_replace_the_dead) {
  struct addrbook *b = addrbook_new(3);
  struct addr got;
  int64_t due_ms;
  for (unsigned i = 0; i < 3; i++) {
    struct addr a = numbered(i);
    assert_true(addrbook_add(b, &a, FROM_TRACKER, 0));
  }
  struct addr late = numbered(3);
  assert_false(addrbook_add(b, &late, FROM_TRACKER, 0));
  assert_int_equal(addrbook_take(b, 0, &got, &due_ms), ERR_OK);
  addrbook_report(b, &got, ADDR_MISBEHAVED, false, 0);
  assert_false(addrbook_add(b, &late, FROM_TRACKER, 0));
  for (int i = 0; i < 2; i++) assert_int_equal(addrbook_take(b, 0, &got, &due_ms), ERR_OK);
  assert_int_equal(addrbook_take(b, 10 * MIN, &got, &due_ms), ERR_OK);
  addrbook_report(b, &got, ADDR_MISBEHAVED, false, 10 * MIN);
  assert_int_equal(stats(b, 0).dead, 1);
  assert_true(addrbook_add(b, &late, FROM_TRACKER, 0));
  assert_int_equal(stats(b, 0).dead, 0);
  take(b, &late, 0);
  addrbook_free(b);
}

TEST(a_flood_of_addresses_does_not_wash_out_bans) {
  struct addr liar = v4("9.9.9.9:9");
  struct addrbook *b = book_with(&liar);
  addrbook_ban(b, &liar);
  for (unsigned i = 0; i < 1000; i++) {
    struct addr a = numbered(i);
    addrbook_add(b, &a, FROM_PEX, 0);
  }
  assert_true(addrbook_is_banned(b, &liar));
  assert_int_equal(stats(b, 0).known, 99);
  struct addr another = v4("9.9.9.8:9"); /* a ban finds room in a full book */
  addrbook_ban(b, &another);
  assert_true(addrbook_is_banned(b, &another));
  assert_int_equal(stats(b, 0).known, 98);
  addrbook_free(b);
}

TEST(bans_fill_at_most_about_half_of_the_book) {
  struct addrbook *b = addrbook_new(100);
  for (unsigned i = 0; i < 1000; i++) {
    struct addr a = numbered(i * 4);
    addrbook_ban(b, &a);
  }
  struct addr fresh = v4("8.8.8.8:8");
  assert_true(addrbook_add(b, &fresh, FROM_TRACKER, 0));
  take(b, &fresh, 0);
  addrbook_free(b);
}

int main(void) {
  RUN(T(a_fresh_address_is_due_at_once_and_taken_only_once),
      T(an_address_is_kept_once_whatever_its_form), T(impossible_addresses_are_not_taken_in),
      T(one_that_refuses_waits_60_s_then_120_s_and_is_then_dead),
      T(while_we_are_alone_those_that_failed_are_called_sooner_and_more_often),
      T(whoever_waits_is_due_sooner_at_once_when_we_are_alone_and_later_when_not),
      T(three_failures_are_not_deadly_before_three_minutes_are_over),
      T(untried_are_those_whose_first_attempt_is_not_over),
      T(one_without_a_route_is_treated_as_if_it_had_refused),
      T(a_dead_one_that_is_named_again_gets_one_more_try_after_10_minutes),
      T(a_success_starts_the_count_of_failures_anew),
      T(one_that_was_cut_off_is_due_at_once_if_it_gave_data),
      T(one_that_always_hangs_up_is_called_less_and_less),
      T(each_other_outcome_has_its_waiting_time), T(the_second_breach_of_protocol_is_deadly),
      T(ourselves_are_never_called_again), T(a_liar_is_banned_for_good_but_not_yet_its_host),
      T(a_second_liar_on_a_host_bans_the_host),
      T(two_liars_on_loopback_do_not_ban_the_others_there),
      T(a_ban_holds_whatever_the_worker_reports_later),
      T(good_ones_come_before_fresh_ones_and_these_before_retries),
      T(a_good_one_that_is_not_due_yet_does_not_block_the_fresh),
      T(fresh_ones_come_in_random_order),
      T(a_full_book_refuses_new_ones_but_lets_them_replace_the_dead),
      T(a_flood_of_addresses_does_not_wash_out_bans), T(bans_fill_at_most_about_half_of_the_book));
}
