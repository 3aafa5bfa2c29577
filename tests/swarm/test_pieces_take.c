/*
 * The work queue's order of preference (swarm/pieces.h): who begins, who joins, who takes over from
 * whom. Rates and times are made up, so far apart that no tuning of a constant changes the answer.
 */
#include "../support/members.h"

/* --- fast and slow --- */

TEST(a_run_is_never_longer_than_asked_for_and_stays_in_its_piece) {
  begin(1024 * KIB + 100 * KIB + 1, 1024 * KIB);
  struct pieces_peer *p = seed(0, FAST);
  uint32_t blocks = 0;
  static const uint32_t sizes[] = {1, 32, 5, 17};
  for (int i = 0; blocks < 64 + 7; i++) {
    struct run r = take(p, sizes[i % 4]);
    assert_true(r.first + r.count <= geometry_blocks(&f.meta.geo, r.piece));
    blocks += r.count;
  }
  assert_int_equal(blocks, 64 + 7);
  nothing_at(p, NOW);
  end();
}

TEST(a_fast_connection_stays_with_its_piece_and_has_it_alone) {
  begin(8 * 64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct pieces_peer *b = seed(1, 0); /* untried: it gets the chance */
  struct pieces_peer *slow = seed(2, SLOW);
  struct run ra = take(a, 1);
  struct run rb = take(b, 1);
  struct run rs = take(slow, 1);
  assert_int_not_equal(ra.piece, rb.piece);
  assert_int_not_equal(rs.piece, ra.piece);
  assert_int_not_equal(rs.piece, rb.piece);
  for (uint32_t i = 1; i < 4; i++) {
    struct run next = take(a, 1);
    assert_int_equal(next.piece, ra.piece);
    assert_int_equal(next.first, i); /* in order */
    next = take(b, 1);
    assert_int_equal(next.piece, rb.piece);
  }
  struct run beyond = take(a, 1);
  assert_int_not_equal(beyond.piece, ra.piece);
  assert_int_not_equal(beyond.piece, rb.piece);
  end();
}

TEST(slow_connections_share_a_piece_and_fast_ones_keep_out) {
  begin(8 * 64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, SLOW);
  struct pieces_peer *b = seed(1, SLOW);
  struct pieces_peer *fast = seed(2, FAST);
  struct run ra = take(a, 1);
  assert_int_not_equal(take(fast, 1).piece, ra.piece);
  assert_int_equal(take(b, 1).piece, ra.piece);
  assert_int_equal(take(a, 1).piece, ra.piece);
  end();
}

TEST(a_piece_that_somebody_left_is_gone_on_with_before_a_new_one_is_begun) {
  for (int how = 0; how < 3; how++) {
    begin(8 * 64 * KIB, 64 * KIB);
    struct pieces_peer *a = seed(0, FAST);
    struct pieces_peer *b = seed(1, how == 2 ? SLOW : FAST);
    struct run ra = take(a, 2);
    if (how == 0) {
      pieces_leave(q, a);
      a->number = 0;
    } else {
      pieces_release(q, a, &ra, all_of(&ra));
    }
    assert_int_equal(take(b, 32).piece, ra.piece);
    end();
  }
}

TEST(a_piece_whose_holder_let_it_go_with_nothing_under_way_is_gone_on_with) {
  begin(8 * 64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct pieces_peer *b = seed(1, FAST);
  struct run ra = take(a, 2);
  deliver(a, &ra);
  f.rung_count = 0;
  pieces_let_go(q, a);
  assert_true(fix_was_rung(&f, 0));
  struct run rb = take(b, 32);
  assert_int_equal(rb.piece, ra.piece);
  assert_int_equal(rb.first, 2);
  f.rung_count = 0;
  pieces_let_go(q, a); /* holds nothing now */
  assert_int_equal(f.rung_count, 0);
  end();
}

TEST(who_has_a_piece_no_more_neither_gets_it_nor_keeps_it) {
  begin(2 * 64 * KIB, 64 * KIB);
  struct pieces_peer *a = bare(0, FAST);
  struct pieces_peer *b = seed(1, FAST);
  assert_int_equal(pieces_set_have(q, a, 1), ERR_OK);
  struct run ra = take(a, 1);
  deliver(a, &ra);
  pieces_set_have_none(q, a); /* a second bitfield replaces the first (BEP 3 says nothing of it) */
  nothing_at(a, NOW);
  struct run rb = take(b, 32);
  assert_int_equal(rb.piece, 1);
  assert_int_equal(rb.count, 3);
  end();
}

TEST(who_became_slow_shares_what_it_held_alone) {
  begin(8 * 64 * KIB, 64 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct pieces_peer *b = seed(1, SLOW);
  struct run ra = take(a, 1);
  atomic_store(&a->rate, SLOW);
  assert_int_equal(take(a, 1).piece, ra.piece);
  assert_int_equal(take(b, 1).piece, ra.piece);
  end();
}

TEST(only_what_a_peer_has_is_asked_of_it) {
  begin(16 * 64 * KIB, 64 * KIB);
  struct pieces_peer *a = bare(0, FAST);
  struct pieces_peer *b = bare(1, SLOW);
  struct pieces_peer *all = seed(2, FAST);
  take(all, 1);
  assert_int_equal(pieces_set_have(q, a, 5), ERR_OK);
  assert_int_equal(pieces_set_have(q, b, 6), ERR_OK);
  for (int i = 0; i < 4; i++) {
    struct run r;
    if (pieces_take(q, a, 1, NOW, &r) == TAKE_RUN) assert_int_equal(r.piece, 5);
    if (pieces_take(q, b, 1, NOW, &r) == TAKE_RUN) assert_int_equal(r.piece, 6);
  }
  nothing_at(a, NOW);
  nothing_at(b, NOW);
  end();
}

TEST(after_the_first_few_the_rarest_is_begun) {
  begin(64 * 16 * KIB, 16 * KIB);
  struct pieces_peer *p = seed(0, FAST);
  struct pieces_peer *crowd = bare(1, FAST);
  for (uint32_t i = 0; i < 64; i++)
    if (i != 17) assert_int_equal(pieces_set_have(q, crowd, i), ERR_OK);
  bool rare_is_over = false;
  for (int i = 0; i < 16; i++) { /* the very first may be any */
    struct run r = take(p, 1);
    deliver(p, &r);
    pieces_verified(q, r.piece);
    rare_is_over |= r.piece == 17;
  }
  assert_true(rare_is_over);
  end();
}

/* --- the end --- */

TEST(when_nothing_is_left_to_begin_the_emptiest_piece_is_helped_from_its_end) {
  begin(2 * 256 * KIB, 256 * KIB);
  struct pieces_peer *a = seed(0, FAST);
  struct pieces_peer *b = seed(1, FAST);
  struct pieces_peer *c = seed(2, FAST);
  take(a, 10);
  struct run rb = take(b, 3);
  struct run rc = take(c, 4);
  assert_int_equal(rc.piece, rb.piece);
  assert_int_equal(rc.first + rc.count, 16);
  struct run more = take(b, 3); /* the holder goes on from the front */
  assert_int_equal(more.piece, rb.piece);
  assert_int_equal(more.first, 3);
  end();
}

/* Everything of a torrent of one piece of 8 blocks is asked of member 0. */
static struct run all_asked_of(uint64_t rate) {
  begin(8 * 16 * KIB, 8 * 16 * KIB);
  struct run r = take(seed(0, rate), 8);
  assert_int_equal(r.count, 8);
  f.rung_count = 0;
  return r;
}

TEST(a_faster_connection_takes_over_the_last_half_and_the_loser_is_told) {
  struct run r = all_asked_of(SLOW);
  struct pieces_peer *slow = &member[0];
  struct pieces_peer *fast = seed(1, FAST);
  struct run over = take(fast, 32);
  assert_int_equal(over.first, 4);
  assert_int_equal(over.count, 4);
  assert_true(fix_was_rung(&f, 1));
  assert_int_equal(slow->asked, 4);
  assert_int_equal(fast->asked, 4);
  assert_int_equal(pieces_lost(q, slow, &r), 0xf0);
  deliver(fast, &over);
  assert_int_equal(pieces_received(q, slow, &r, 0xff), 0x0f); /* what was late is waste */
  pieces_verified(q, 0);
  end();
}

TEST(should_the_loser_be_first_after_all_its_blocks_count) {
  struct run r = all_asked_of(SLOW);
  struct pieces_peer *slow = &member[0];
  struct pieces_peer *fast = seed(1, FAST);
  struct run over = take(fast, 32);
  f.rung_count = 0;
  deliver(slow, &r);
  assert_true(fix_was_rung(&f, 2));
  assert_int_equal(pieces_lost(q, fast, &over), 0xf);
  assert_int_equal(pieces_received(q, fast, &over, 0xf), 0);
  assert_int_equal(fast->asked, 0);
  assert_int_equal(fast->run_count, 0);
  pieces_verified(q, 0);
  end();
}

TEST(no_more_is_taken_over_than_was_asked_for) {
  all_asked_of(SLOW);
  struct run over = take(seed(1, FAST), 1);
  assert_int_equal(over.first, 7);
  assert_int_equal(over.count, 1);
  end();
}

TEST(nothing_is_taken_over_where_little_is_gained) {
  all_asked_of(FAST);
  nothing_at(seed(1, FAST), NOW);
  nothing_at(seed(2, SLOW), NOW);
  nothing_at(seed(3, 0), NOW);
  end();
}

/* Both have been fast, and that was all that there is: six blocks asked of a, two of b. */
static struct pieces_peer *dragging(int64_t gap_ms) {
  struct pieces_peer *a = seed(0, FAST);
  struct pieces_peer *b = seed(1, FAST);
  take(a, 6);
  take(b, 1);
  take(b, 1);
  atomic_store(&a->last_ms, NOW + 999);
  atomic_store(&a->gap_ms, gap_ms);
  atomic_store(&b->last_ms, NOW + 1000);
  return b;
}

TEST(who_drags_is_robbed_even_if_a_block_has_just_come) {
  begin(8 * 16 * KIB, 8 * 16 * KIB);
  nothing_at(dragging(1), NOW + 1000);
  end();
  begin(8 * 16 * KIB, 8 * 16 * KIB);
  take_at(dragging(300), 8, NOW + 1000);
  assert_true(fix_was_rung(&f, 1));
  end();
}

TEST(who_drags_takes_nothing_over_from_who_drags) {
  begin(8 * 16 * KIB, 8 * 16 * KIB);
  struct pieces_peer *b = dragging(300);
  atomic_store(&b->gap_ms, 300);
  nothing_at(b, NOW + 1000);
  atomic_store(&b->gap_ms, 0);
  take_at(b, 8, NOW + 1000);
  end();
}

TEST(nothing_is_taken_over_that_the_other_does_not_have) {
  all_asked_of(SLOW);
  nothing_at(bare(1, FAST), NOW);
  end();
}

TEST(silence_counts_against_a_connection_that_was_fast) {
  all_asked_of(FAST);
  struct pieces_peer *b = seed(1, FAST);
  nothing_at(b, NOW);
  assert_int_equal(take_at(b, 32, NOW + 5000).count, 4);
  end();
}

TEST(what_was_taken_over_is_not_taken_back_and_forth) {
  all_asked_of(SLOW);
  struct pieces_peer *a = seed(1, FAST);
  struct pieces_peer *b = seed(2, FAST);
  struct run over = take(a, 32);
  struct run second = take(b, 32); /* what is left with the slow one */
  assert_true(second.first + second.count <= over.first);
  while (member[0].asked > 0) { /* and the two share the rest, never each other's */
    struct run r;
    uint32_t before = a->asked;
    if (pieces_take(q, b, 32, NOW, &r) != TAKE_RUN) break;
    assert_int_equal(a->asked, before);
  }
  nothing_at(&member[0], NOW);
  end();
}

/* When everybody seems to be silent, it is rather us: blocks must not go round. */
TEST(what_was_taken_over_is_taken_again_later_each_time) {
  begin(16 * KIB, 16 * KIB);
  take(seed(0, FAST), 1);
  int64_t now_ms = NOW;
  int64_t waited_ms = 0;
  for (int i = 1; i < 6; i++) {
    struct pieces_peer *p = seed(i, FAST);
    struct run r;
    int64_t ms = 0;
    while (pieces_take(q, p, 1, now_ms + ms, &r) != TAKE_RUN) ms++;
    assert_true(ms > waited_ms);
    waited_ms = ms;
    now_ms += ms;
  }
  end();
}

TEST(nobody_is_robbed_of_what_has_arrived) {
  int pair[2];
  static const char block[BLOCK_LEN];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  all_asked_of(FAST);
  struct pieces_peer *b = seed(1, FAST);
  member[0].fd = pair[0];
  assert_int_equal(write(pair[1], block, sizeof block), sizeof block);
  nothing_at(b, NOW + 5000);
  char c;
  assert_int_equal(read(pair[0], &c, 1), 1);
  assert_int_equal(take_at(b, 32, NOW + 5000).count, 4);
  member[0].fd = -1;
  close(pair[0]);
  close(pair[1]);
  end();
}

TEST(of_two_slow_ones_the_slower_is_relieved) {
  begin(2 * 8 * 16 * KIB, 8 * 16 * KIB);
  struct pieces_peer *a = seed(0, FAST); /* fast while it takes, so that each has a piece */
  struct pieces_peer *b = seed(1, FAST);
  struct run ra = take(a, 8);
  struct run rb = take(b, 8);
  assert_int_not_equal(ra.piece, rb.piece);
  atomic_store(&a->rate, 20 * SLOW);
  atomic_store(&b->rate, SLOW);
  assert_int_equal(take(seed(2, FAST), 32).piece, rb.piece);
  end();
}

TEST(one_connection_holds_a_bounded_number_of_runs) {
  begin(UINT64_C(16) * KIB * (PIECES_RUNS_MAX + 10), 64 * KIB);
  struct pieces_peer *p = seed(0, FAST);
  struct run first = take(p, 1);
  for (int i = 1; i < PIECES_RUNS_MAX; i++) take(p, 1);
  nothing_at(p, NOW);
  pieces_release(q, p, &first, 1);
  assert_true(pieces_claim(q, p, first.piece, first.first));
  assert_int_equal(p->run_count, PIECES_RUNS_MAX);
  pieces_release(q, p, &first, 1);
  take(p, 1);
  assert_false(pieces_claim(q, p, first.piece, first.first));
  end();
}

/* --- no memory --- */

static bool no_memory;

/* In place of the C library's, which gives the queue all its memory. */
void *meagre_calloc(size_t count, size_t size) __asm__("calloc");

void *meagre_calloc(size_t count, size_t size) {
  size_t len = (count * size / 16 + 1) * 16;
  void *p = no_memory ? NULL : aligned_alloc(16, len); /* of malloc() a compiler makes calloc() */
  return p != NULL ? memset(p, 0, len) : NULL;
}

static enum take take_without_memory(struct pieces_peer *p, int64_t now_ms, struct run *r) {
  no_memory = true;
  enum take t = pieces_take(q, p, 32, now_ms, r);
  no_memory = false;
  sound();
  return t;
}

TEST(want_of_memory_is_borne_for_a_while_and_then_told) {
  begin(8 * 64 * KIB, 64 * KIB);
  struct pieces_peer *p = seed(0, FAST);
  struct run r;
  assert_int_equal(take_without_memory(p, NOW, &r), TAKE_NOTHING);
  assert_int_equal(take_without_memory(p, NOW + 5000, &r), TAKE_NOTHING);
  assert_int_equal(pieces_take(q, p, 32, NOW + 9000, &r), TAKE_RUN); /* there is some again */
  pieces_release(q, p, &r, UINT32_MAX);
  struct run next; /* the piece that is begun is gone on with */
  assert_int_equal(take_without_memory(p, NOW + 20000, &next), TAKE_RUN);
  assert_int_equal(next.piece, r.piece);
  pieces_set_have_none(q, p);
  struct pieces_peer *other = bare(1, FAST);
  assert_int_equal(pieces_set_have(q, other, (r.piece + 1) % 8), ERR_OK);
  assert_int_equal(take_without_memory(other, NOW + 21000, &next), TAKE_NOTHING);
  assert_int_equal(take_without_memory(other, NOW + 30000, &next), TAKE_NOTHING);
  assert_int_equal(take_without_memory(other, NOW + 32000, &next), TAKE_NO_MEMORY);
  end();
}

int main(void) {
  RUN(T(a_run_is_never_longer_than_asked_for_and_stays_in_its_piece),
      T(a_fast_connection_stays_with_its_piece_and_has_it_alone),
      T(slow_connections_share_a_piece_and_fast_ones_keep_out),
      T(a_piece_that_somebody_left_is_gone_on_with_before_a_new_one_is_begun),
      T(a_piece_whose_holder_let_it_go_with_nothing_under_way_is_gone_on_with),
      T(who_has_a_piece_no_more_neither_gets_it_nor_keeps_it),
      T(who_became_slow_shares_what_it_held_alone), T(only_what_a_peer_has_is_asked_of_it),
      T(after_the_first_few_the_rarest_is_begun),
      T(when_nothing_is_left_to_begin_the_emptiest_piece_is_helped_from_its_end),
      T(a_faster_connection_takes_over_the_last_half_and_the_loser_is_told),
      T(should_the_loser_be_first_after_all_its_blocks_count),
      T(no_more_is_taken_over_than_was_asked_for),
      T(nothing_is_taken_over_where_little_is_gained),
      T(who_drags_is_robbed_even_if_a_block_has_just_come),
      T(who_drags_takes_nothing_over_from_who_drags),
      T(nothing_is_taken_over_that_the_other_does_not_have),
      T(silence_counts_against_a_connection_that_was_fast),
      T(what_was_taken_over_is_not_taken_back_and_forth),
      T(what_was_taken_over_is_taken_again_later_each_time),
      T(nobody_is_robbed_of_what_has_arrived),
      T(of_two_slow_ones_the_slower_is_relieved),
      T(one_connection_holds_a_bounded_number_of_runs),
      T(want_of_memory_is_borne_for_a_while_and_then_told));
}
