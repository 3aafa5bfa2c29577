/*
 * The work queue: every state and arrow that swarm/pieces.h draws, and the order of its choices.
 * Rates and times are made up: FAST is beyond anything where a connection might be thought slow,
 * SLOW far below. After each test the whole queue is looked at (fix_queue_fault).
 */
#include "../support/members.h"

#define STEADY UINT64_C(20000) /* not fast, but 64 KiB are there within 5 s */

/* Fetches one piece from its first run to its last. Returns which. */
static uint32_t fetch_piece(struct pieces_peer *p) {
  struct run r = take(p, 32);
  uint32_t left = geometry_blocks(&f.meta.geo, r.piece) - r.count;
  deliver(p, &r);
  for (; left > 0; left -= r.count) {
    r = take(p, 32);
    deliver(p, &r);
  }
  return r.piece;
}

static struct pieces_stats stats(void) {
  struct pieces_stats s;
  pieces_stats(q, &s);
  return s;
}

/* --- states --- */

TEST(a_piece_goes_from_missing_over_open_and_writing_to_done) {
  begin(3 * 64 * KIB, 64 * KIB);
  struct pieces_peer *p = seed(0, FAST);
  assert_int_equal(stats().open, 0);
  struct run a = take(p, 3);
  assert_int_equal(stats().open, 1);
  struct run b = take(p, 3);
  assert_int_equal(b.piece, a.piece);
  assert_int_equal(b.count, 1);
  deliver(p, &b);
  deliver(p, &a);
  assert_int_equal(stats().open, 1); /* WRITING */
  assert_int_equal(stats().done, 0);
  pieces_verified(q, a.piece);
  assert_int_equal(stats().open, 0);
  assert_int_equal(stats().done, 1);
  assert_int_equal(stats().done_bytes, 64 * KIB);
  end();
}

TEST(when_all_is_done_it_says_so) {
  begin(2 * 16 * KIB + 5, 16 * KIB);
  struct pieces_peer *p = seed(0, FAST);
  for (int i = 0; i < 3; i++) {
    assert_false(stats().complete);
    pieces_verified(q, fetch_piece(p));
  }
  struct run r;
  assert_int_equal(pieces_take(q, p, 32, NOW, &r), TAKE_DONE);
  assert_true(stats().complete);
  assert_int_equal(stats().done_bytes, f.meta.geo.total);
  assert_true(fix_was_rung(&f, 0));
  end();
}

TEST(pieces_that_were_there_before_are_not_offered) {
  begin(4 * 16 * KIB, 16 * KIB);
  struct bitset done;
  assert_true(bitset_init(&done, 4));
  for (size_t i = 0; i < 4; i++)
    if (i != 2) bitset_set(&done, i);
  pieces_free(q);
  f.sw.pieces = q = pieces_new(&f.meta.geo, &done, fix_on_ring, &f);
  assert_int_equal(stats().done, 3);
  struct pieces_peer *p = seed(0, FAST);
  assert_int_equal(take(p, 32).piece, 2);
  uint32_t cursor = 0;
  uint32_t fresh[4];
  assert_int_equal(pieces_finished(q, &cursor, fresh, 4), 0);
  bitset_free(&done);
  end();
}

TEST(given_back_blocks_are_free_for_others_who_are_told) {
  begin(64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct pieces_peer *b = seed(1, FAST);
  struct run r = take(a, 4);
  f.rung_count = 0;
  pieces_release(q, a, &r, 0x6); /* blocks 1 and 2 */
  sound();
  assert_true(fix_was_rung(&f, 0));
  assert_int_equal(a->asked, 2);
  struct run s = take(b, 32);
  assert_int_equal(s.first, 1);
  assert_int_equal(s.count, 2);
  deliver(b, &s);
  assert_int_equal(pieces_received(q, a, &r, 0x9), 0x9);
  assert_int_equal(a->run_count, 0);
  pieces_verified(q, r.piece);
  end();
}

TEST(who_leaves_gives_back_everything) {
  begin(4 * 64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct pieces_peer *b = seed(1, FAST);
  struct run first = take(a, 3);
  take(a, 3);
  take(a, 3);
  gone(a);
  sound();
  bool seen[16] = {false};
  for (uint32_t n = 0; n < 16;) { /* all 16 blocks come out once */
    struct run r = take(b, 32);
    for (uint32_t k = 0; k < r.count; k++, n++) {
      assert_false(seen[r.piece * 4 + r.first + k]);
      seen[r.piece * 4 + r.first + k] = true;
    }
  }
  assert_int_equal(first.count, 3);
  end();
}

TEST(the_origin_of_each_block_is_remembered) {
  begin(64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, SLOW);
  struct pieces_peer *b = seed(1, SLOW);
  struct run r = take(a, 1);
  struct run s = take(b, 3);
  deliver(a, &r);
  deliver(b, &s);
  uint32_t from[4];
  pieces_origin(q, 0, 0, from);
  for (uint32_t i = 0; i < 4; i++) assert_int_equal(from[i], i == r.first ? 1 : 2);
  pieces_verified(q, 0);
  end();
}

TEST(a_lost_piece_is_missing_again) {
  begin(2 * 16 * KIB, 16 * KIB);
  struct pieces_peer *p = seed(0, FAST);
  uint32_t first = fetch_piece(p);
  pieces_verified(q, first);
  pieces_verified(q, fetch_piece(p));
  f.rung_count = 0;
  pieces_reset(q, first);
  sound();
  assert_true(fix_was_rung(&f, 0));
  assert_int_equal(stats().done, 1);
  assert_false(stats().complete);
  assert_int_equal(fetch_piece(p), first);
  pieces_verified(q, first);
  assert_true(stats().complete);
  end();
}

/* --- HAVE --- */

TEST(each_reader_of_finished_pieces_has_a_cursor_of_its_own) {
  begin(5 * 16 * KIB, 16 * KIB);
  struct pieces_peer *p = seed(0, FAST);
  uint32_t order[5];
  uint32_t fast = 0;
  uint32_t late = 0;
  uint32_t got[5];
  for (uint32_t i = 0; i < 5; i++) {
    pieces_verified(q, order[i] = fetch_piece(p));
    assert_int_equal(pieces_finished(q, &fast, got, 5), 1);
    assert_int_equal(got[0], order[i]);
    assert_int_equal(pieces_finished(q, &fast, got, 5), 0);
  }
  assert_int_equal(pieces_finished(q, &late, got, 3), 3);
  assert_int_equal(pieces_finished(q, &late, got + 3, 3), 2);
  assert_memory_equal(got, order, sizeof order);
  struct bitset done;
  assert_true(bitset_init(&done, 5));
  pieces_done(q, &done);
  assert_true(bitset_full(&done));
  bitset_free(&done);
  end();
}

TEST(what_peers_have_is_counted_exactly_whatever_they_say_in_whatever_order) {
  begin(70 * 16 * KIB, 16 * KIB);
  struct pieces_peer *p = bare(0, FAST);
  struct pieces_peer *other = bare(1, FAST);
  struct bitset some;
  struct bitset full;
  assert_true(bitset_init(&some, 70) && bitset_init(&full, 70));
  for (size_t i = 0; i < 70; i += 3) bitset_set(&some, i);
  bitset_fill(&full);
  assert_int_equal(stats().unavailable, 70);
  assert_false(pieces_interesting(q, p));
  nothing(p);
  assert_int_equal(pieces_set_bitfield(q, other, &some), ERR_OK);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(pieces_set_have(q, p, 69), ERR_OK);
    assert_int_equal(pieces_set_have(q, p, 69), ERR_OK); /* twice counts once */
    sound();
    assert_int_equal(pieces_set_bitfield(q, p, &some), ERR_OK);
    sound();
    assert_int_equal(stats().unavailable, 70 - 24);
    assert_int_equal(pieces_set_bitfield(q, p, &full), ERR_OK);
    sound();
    assert_true(p->seed);
    assert_int_equal(stats().unavailable, 0);
    assert_int_equal(pieces_set_have(q, p, 3), ERR_OK);
    pieces_set_have_all(q, p);
    sound();
    pieces_set_have_none(q, p);
    sound();
    assert_false(pieces_interesting(q, p));
    for (uint32_t i = 0; i < 70; i++) assert_int_equal(pieces_set_have(q, p, i), ERR_OK);
    sound();
    assert_true(pieces_interesting(q, p));
    pieces_set_have_all(q, p);
    sound();
  }
  gone(p);
  sound();
  assert_int_equal(stats().unavailable, 70 - 24);
  bitset_free(&some);
  bitset_free(&full);
  end();
}

TEST(a_peer_is_interesting_while_it_has_something_we_lack) {
  begin(2 * 16 * KIB, 16 * KIB);
  struct pieces_peer *p = bare(0, FAST);
  assert_int_equal(pieces_set_have(q, p, 1), ERR_OK);
  assert_true(pieces_interesting(q, p));
  struct run r = take(p, 32);
  assert_int_equal(r.piece, 1);
  deliver(p, &r);
  assert_true(pieces_interesting(q, p)); /* its hash may be wrong */
  pieces_verified(q, 1);
  assert_false(pieces_interesting(q, p));
  nothing(p);
  pieces_set_have_all(q, p);
  assert_true(pieces_interesting(q, p));
  end();
}

/* --- a wrong hash --- */

TEST(a_connection_on_trial_gets_one_piece_before_the_verdict_if_there_are_others) {
  begin(4 * 64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct pieces_peer *b = seed(1, FAST);
  a->proven = false;
  struct run r = take(a, 32);
  assert_int_equal(r.count, 4);
  nothing(a);
  deliver(a, &r);
  nothing(a);
  f.rung_count = 0;
  pieces_verified(q, r.piece);
  assert_true(pieces_is_proven(q, a));
  assert_true(fix_was_rung(&f, 0));
  r = take(a, 32);
  deliver(a, &r);
  pieces_verified(q, r.piece);
  a->proven = false;
  gone(b);
  r = take(a, 32); /* the only one: nobody is better */
  struct run s = take(a, 32);
  deliver(a, &r);
  deliver(a, &s);
  end();
}

TEST(a_wrong_piece_ends_no_trial_but_lets_it_go_on) {
  begin(4 * 64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  seed(1, FAST);
  a->proven = false;
  struct run r = take(a, 32);
  deliver(a, &r);
  pieces_failed(q, r.piece, 0, true, NULL);
  assert_false(pieces_is_proven(q, a));
  r = take(a, 32);
  nothing(a);
  deliver(a, &r);
  end();
}

TEST(a_late_verdict_about_a_piece_that_is_open_again_changes_nothing) {
  begin(32 * KIB, 32 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct run r = take(a, 1);
  pieces_failed(q, 0, 0, true, NULL); /* it is not WRITING */
  sound();
  assert_int_equal(a->asked, 1);
  deliver(a, &r);
  pieces_failed(q, 0, 0, false, NULL);
  sound();
  r = take(a, 32);
  assert_int_equal(r.first, 1);
  end();
}

/* --- late and double blocks --- */

TEST(a_block_that_was_given_back_and_comes_all_the_same_is_claimed) {
  begin(64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, SLOW);
  struct pieces_peer *b = seed(1, SLOW);
  struct run r = take(a, 4);
  pieces_release(q, a, &r, UINT32_MAX);
  assert_true(pieces_claim(q, a, 0, 2));
  sound();
  struct run s = take(b, 1);
  assert_false(pieces_claim(q, a, 0, s.first)); /* asked of another */
  assert_false(pieces_claim(q, a, 0, 2));       /* asked of itself already */
  struct run one = {.piece = 0, .first = 2, .count = 1};
  deliver(a, &one);
  assert_false(pieces_claim(q, a, 0, 2)); /* received */
  assert_int_equal(a->run_count, 0);
  pieces_release(q, b, &s, 1);
  for (int left = 3; left > 0; left -= (int)one.count) {
    one = take(b, 32);
    deliver(b, &one);
  }
  pieces_verified(q, 0);
  assert_false(pieces_claim(q, a, 0, 2)); /* done */
  end();
}

TEST(a_claim_leaves_no_run_behind) {
  begin(64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, SLOW);
  struct run r = take(a, 4);
  pieces_release(q, a, &r, 0x2);
  assert_true(pieces_claim(q, a, 0, 1)); /* lies in two runs now */
  assert_int_equal(pieces_received(q, a, &r, 0xd), 0xd);
  sound();
  deliver(a, &(struct run){.piece = 0, .first = 1, .count = 1});
  assert_int_equal(a->run_count, 0);
  pieces_verified(q, 0);
  end();
}

TEST(a_block_that_comes_twice_counts_once) {
  begin(64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct run r = take(a, 4);
  deliver(a, &r);
  assert_int_equal(pieces_received(q, a, &r, 0xf), 0);
  sound();
  pieces_verified(q, 0);
  assert_int_equal(pieces_received(q, a, &r, 0xf), 0);
  assert_int_equal(pieces_lost(q, a, &r), 0xf);
  end();
}

/* For those who watch (peer/peer_trace). */
TEST(each_run_says_why_it_was_chosen) {
  begin(6 * 64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct run r = take(a, 3);
  assert_int_equal(r.why, RUN_RANDOM);
  assert_int_equal(r.peers, 1);
  deliver(a, &r);
  r = take(a, 3);
  assert_int_equal(r.why, RUN_HELD);
  deliver(a, &r);
  pieces_verified(q, r.piece);
  for (int i = 0; i < 3; i++) pieces_verified(q, fetch_piece(a));
  struct pieces_peer *b = seed(1, SLOW);
  r = take(b, 1);
  assert_int_equal(r.why, RUN_RAREST);
  assert_int_equal(r.peers, 2);
  struct pieces_peer *c = seed(2, SLOW);
  assert_int_equal(take(c, 1).why, RUN_SHARED);
  struct run held = take(a, 1);
  assert_int_equal(held.why, RUN_RAREST);
  struct pieces_peer *d = seed(3, FAST);
  assert_int_equal(take(d, 4).why, RUN_HELP);
  while (pieces_take(q, a, 4, NOW, &r) == TAKE_RUN && r.why != RUN_TAKEN_OVER) continue;
  assert_int_equal(r.why, RUN_TAKEN_OVER);
  end();
}

TEST(who_goes_on_with_what_another_left_or_failed_says_so) {
  begin(64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct pieces_peer *b = seed(1, FAST);
  take(a, 2);
  gone(a);
  struct run r = take(b, 4);
  assert_int_equal(r.why, RUN_LEFT);
  assert_int_equal(r.peers, 1);
  assert_int_equal(pieces_availability(q, 0), 1);
  deliver(b, &r);
  for (; r.count < 4 && pieces_take(q, b, 4, NOW, &r) == TAKE_RUN;) deliver(b, &r);
  pieces_failed(q, 0, 0, true, NULL);
  assert_int_equal(take(b, 2).why, RUN_AGAIN);
  assert_int_equal(take(b, 2).why, RUN_AGAIN);
  end();
}

int main(void) {
  RUN(T(a_piece_goes_from_missing_over_open_and_writing_to_done),
      T(when_all_is_done_it_says_so), T(pieces_that_were_there_before_are_not_offered),
      T(given_back_blocks_are_free_for_others_who_are_told), T(who_leaves_gives_back_everything),
      T(the_origin_of_each_block_is_remembered), T(a_lost_piece_is_missing_again),
      T(each_reader_of_finished_pieces_has_a_cursor_of_its_own),
      T(what_peers_have_is_counted_exactly_whatever_they_say_in_whatever_order),
      T(a_peer_is_interesting_while_it_has_something_we_lack),
      T(a_connection_on_trial_gets_one_piece_before_the_verdict_if_there_are_others),
      T(a_wrong_piece_ends_no_trial_but_lets_it_go_on),
      T(a_late_verdict_about_a_piece_that_is_open_again_changes_nothing),
      T(a_block_that_was_given_back_and_comes_all_the_same_is_claimed),
      T(a_claim_leaves_no_run_behind), T(a_block_that_comes_twice_counts_once),
      T(each_run_says_why_it_was_chosen),
      T(who_goes_on_with_what_another_left_or_failed_says_so));
}
