/*
 * What a verdict does to the work queue: how those who gave to a wrong piece are parted, what each
 * of them is asked for then, and what is taken back from liars (swarm/pieces.h,
 * swarm/pieces_judge.c). After every step the whole queue is looked at. Against liars who do what
 * they like see test_pieces_game.c.
 */
#include "../test.h"

#include "../support/swarm_fixture.h"

enum {
  NOW = 1000000,
  KIB = 1024,
  PEERS = 6
};
#define FAST (UINT64_C(1) << 30)
#define STEADY UINT64_C(20000) /* not fast, but a piece is there within 5 s */

static struct fix f;
static struct pieces *q;
static struct pieces_peer member[PEERS];

static void begin(uint32_t pieces) {
  fix_swarm(&f, (uint64_t)pieces * 64 * KIB, 64 * KIB);
  q = f.sw.pieces;
  memset(member, 0, sizeof member);
}

static void sound(void) {
  const char *fault = fix_queue_fault(q);
  if (fault != NULL) fail_msg("%s", fault);
}

static void end(void) {
  sound();
  for (int i = 0; i < PEERS; i++)
    if (member[i].number != 0) pieces_leave(q, &member[i]);
  sound();
  fix_free(&f);
}

/* Connection number i + 1, a seed on trial. */
static struct pieces_peer *newcomer(int i, uint64_t rate) {
  struct pieces_peer *p = &member[i];
  assert_int_equal(pieces_join(q, p, (uint32_t)i + 1), ERR_OK);
  atomic_store(&p->rate, rate);
  atomic_store(&p->last_ms, NOW);
  pieces_set_have_all(q, p);
  sound();
  return p;
}

static struct pieces_peer *proven(int i, uint64_t rate) {
  struct pieces_peer *p = newcomer(i, rate);
  p->proven = true;
  return p;
}

static void gone(struct pieces_peer *p) {
  pieces_leave(q, p);
  p->number = 0;
  sound();
}

static struct run take(struct pieces_peer *p, uint32_t max, int64_t now_ms) {
  struct run r = {0};
  assert_int_equal(pieces_take(q, p, max, now_ms, &r), TAKE_RUN);
  assert_in_range(r.count, 1, max);
  sound();
  return r;
}

static void nothing(struct pieces_peer *p, int64_t now_ms) {
  struct run r;
  assert_int_equal(pieces_take(q, p, 32, now_ms, &r), TAKE_NOTHING);
  sound();
}

static uint32_t all_of(const struct run *r) {
  return (UINT32_C(1) << r->count) - 1;
}

static void deliver(struct pieces_peer *p, const struct run *r) {
  assert_int_equal(pieces_received(q, p, r, all_of(r)), all_of(r));
  sound();
}

/* Was the piece contested by that? */
static bool wrong_copy(uint32_t piece, uint32_t copy, bool lied) {
  uint32_t where[4];
  bool contested = pieces_failed(q, piece, copy, lied, where);
  sound();
  return contested;
}

static bool wrong_hash(uint32_t piece) {
  return wrong_copy(piece, 0, true);
}

/* The copy that this one gives to. */
static uint32_t copy_of(const struct pieces_peer *p, uint32_t piece) {
  return pieces_copy_of(q, p->number, piece)->copy;
}

static void verify(uint32_t piece) {
  pieces_verified(q, piece);
  sound();
}

static void refuse(uint32_t number) {
  pieces_refuse(q, number);
  sound();
}

/* Who gave the blocks of a copy: one digit for each. */
static void given_to(uint32_t piece, uint32_t copy, const char *expected) {
  uint32_t from[4];
  char text[5] = "";
  pieces_origin(q, piece, copy, from);
  for (int b = 0; b < 4; b++) text[b] = (char)('0' + from[b]);
  assert_string_equal(text, expected);
}

static void given(uint32_t piece, const char *expected) {
  given_to(piece, 0, expected);
}

/* Both give half of a piece; it is WRITING then. Returns which. */
static uint32_t share(struct pieces_peer *a, struct pieces_peer *b) {
  struct run ra = take(a, 2, NOW);
  struct run rb = take(b, 2, NOW);
  assert_int_equal(ra.piece, rb.piece);
  deliver(a, &ra);
  deliver(b, &rb);
  return ra.piece;
}

/* The same, and its hash is wrong. */
static uint32_t contested(struct pieces_peer *a, struct pieces_peer *b) {
  uint32_t piece = share(a, b);
  assert_true(wrong_hash(piece));
  return piece;
}

TEST(only_a_piece_that_has_come_whole_waits_for_its_verdict) {
  begin(2);
  struct pieces_peer *a = proven(0, FAST);
  assert_false(pieces_undecided(q));
  struct run first = take(a, 2, NOW);
  deliver(a, &first);
  assert_false(pieces_undecided(q));
  struct run rest = take(a, 2, NOW);
  assert_int_equal(rest.piece, first.piece);
  deliver(a, &rest);
  assert_true(pieces_undecided(q));
  assert_false(wrong_hash(first.piece));
  assert_false(pieces_undecided(q));
  struct run whole = take(a, 32, NOW);
  assert_int_equal(whole.count, 4);
  deliver(a, &whole);
  assert_true(pieces_undecided(q));
  verify(whole.piece);
  assert_false(pieces_undecided(q));
  end();
}

/* --- who is parted from whom --- */

TEST(those_who_gave_to_a_wrong_piece_are_parted_and_each_keeps_what_he_gave) {
  begin(3);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  struct pieces_peer *c = newcomer(2, STEADY);
  uint32_t piece = contested(a, b);
  given(piece, "0000");
  given_to(piece, copy_of(a, piece), "1100");
  given_to(piece, copy_of(b, piece), "0022");
  assert_int_equal(copy_of(c, piece), 0); /* who had no part in it gives to the common copy */
  assert_true(fix_was_rung(&f, 0));
  end();
}

TEST(the_proven_are_parted_from_the_others) {
  for (int how = 1; how < 15; how++) { /* bit i: member i is proven */
    begin(1);
    struct run r[4];
    for (int i = 0; i < 4; i++) {
      newcomer(i, STEADY)->proven = how >> i & 1;
      r[i] = take(&member[i], 1, NOW);
    }
    for (int i = 0; i < 4; i++) deliver(&member[i], &r[i]);
    assert_true(wrong_hash(0));
    for (int i = 0; i < 4; i++)
      for (int k = 0; k < 4; k++)
        assert_int_equal(copy_of(&member[i], 0) == copy_of(&member[k], 0),
                         (how >> i & 1) == (how >> k & 1));
    end();
  }
}

TEST(those_of_whom_nothing_is_known_are_parted_in_halves) {
  begin(1);
  struct run r[4];
  for (int i = 0; i < 4; i++) r[i] = take(newcomer(i, STEADY), 1, NOW);
  for (int i = 0; i < 4; i++) deliver(&member[i], &r[i]);
  assert_true(wrong_hash(0));
  int with_first = 0;
  for (int i = 0; i < 4; i++) with_first += copy_of(&member[i], 0) == copy_of(&member[0], 0);
  assert_int_equal(with_first, 2);
  end();
}

TEST(a_part_whose_copy_is_wrong_too_is_parted_again) {
  begin(1);
  struct run r[4];
  for (int i = 0; i < 4; i++) r[i] = take(newcomer(i, STEADY), 1, NOW);
  for (int i = 0; i < 4; i++) deliver(&member[i], &r[i]);
  wrong_hash(0);
  struct pieces_peer *a = &member[0];
  uint32_t shared = copy_of(a, 0);
  int mate = 1;
  while (copy_of(&member[mate], 0) != shared) mate++;
  struct run one = take(a, 1, NOW);
  struct run two = take(&member[mate], 1, NOW);
  assert_int_not_equal(one.first, two.first);
  deliver(a, &one);
  deliver(&member[mate], &two);
  assert_true(wrong_copy(0, shared, true));
  assert_int_not_equal(copy_of(a, 0), copy_of(&member[mate], 0));
  given_to(0, shared, "0000"); /* there is no such copy any more */
  uint32_t from[4];
  pieces_origin(q, 0, copy_of(a, 0), from);
  for (uint32_t b = 0; b < 4; b++)
    assert_int_equal(from[b], b == r[0].first || b == one.first ? 1 : 0);
  end();
}

TEST(a_single_giver_is_parted_from_nobody) {
  begin(3);
  struct pieces_peer *a = newcomer(0, FAST);
  newcomer(1, FAST);
  struct run r = take(a, 4, NOW);
  deliver(a, &r);
  assert_false(wrong_hash(r.piece));
  given(r.piece, "0000");
  assert_int_equal(copy_of(a, r.piece), 0);
  refuse(1);
  nothing(a, NOW);
  nothing(a, NOW + 1000000);
  end();
}

TEST(a_copy_of_a_single_giver_that_is_wrong_is_gone) {
  begin(1);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  contested(a, b);
  struct run r = take(a, 4, NOW);
  deliver(a, &r);
  uint32_t copy = copy_of(a, 0);
  given_to(0, copy, "1111");
  assert_false(wrong_copy(0, copy, true));
  given_to(0, copy, "0000");
  refuse(1);
  nothing(a, NOW);
  given_to(0, copy_of(b, 0), "0022");
  end();
}

TEST(what_is_nobodys_fault_parts_nobody_and_proves_nothing) {
  begin(3);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t piece = share(a, b);
  assert_false(wrong_copy(piece, 0, false));
  given(piece, "0000");
  assert_int_equal(copy_of(a, piece), 0);
  assert_false(a->proven || b->proven);
  assert_int_equal(a->unjudged, 0);
  take(a, 4, NOW);
  end();
}

TEST(only_a_whole_piece_can_be_wrong) {
  begin(1);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t piece = share(a, b);
  refuse(1); /* while its hash is worked out */
  given(piece, "0022");
  assert_false(wrong_hash(piece));
  assert_int_equal(copy_of(b, piece), 0);
  given(piece, "0022");
  end();
}

/* --- what is asked of whom then --- */

TEST(nobody_is_asked_twice_for_the_same_block) {
  begin(1);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  contested(a, b);
  struct run ra = take(a, 4, NOW);
  assert_true(ra.first == 2 && ra.count == 2);
  struct run rb = take(b, 4, NOW); /* at the same time: there is nothing else to fetch */
  assert_true(rb.first == 0 && rb.count == 2);
  nothing(a, NOW);
  deliver(a, &ra);
  given_to(0, copy_of(a, 0), "1111");
  given_to(0, copy_of(b, 0), "0022");
  end();
}

TEST(who_comes_back_goes_on_where_it_was) {
  begin(2);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t piece = contested(a, b);
  struct run r = take(a, 1, NOW);
  assert_true(r.piece == piece && r.first == 2);
  deliver(a, &r);
  take(a, 1, NOW); /* does not come */
  gone(a);
  a = newcomer(0, STEADY);
  given_to(piece, copy_of(a, piece), "1110");
  r = take(a, 4, NOW);
  assert_true(r.piece == piece && r.first == 3 && r.count == 1);
  end();
}

TEST(one_copy_at_a_time_goes_before_new_pieces) {
  begin(4);
  struct pieces_peer *a = proven(0, STEADY);
  struct pieces_peer *b = proven(1, STEADY);
  struct pieces_peer *c = proven(2, STEADY);
  uint32_t piece = contested(a, b);
  struct run r = take(b, 1, NOW);
  assert_int_equal(r.piece, piece);
  assert_int_not_equal(take(a, 4, NOW).piece, piece);
  assert_int_not_equal(take(c, 4, NOW).piece, piece);
  pieces_release(q, b, &r, 1); /* nobody is at it now */
  sound();
  assert_int_equal(take(a, 4, NOW).piece, piece);
  end();
}

TEST(the_copy_that_lacks_least_goes_before_new_pieces) {
  begin(4);
  struct pieces_peer *a = proven(0, STEADY);
  struct pieces_peer *b = proven(1, STEADY);
  struct pieces_peer *c = proven(2, STEADY);
  struct run ra = take(a, 1, NOW);
  struct run rb = take(b, 3, NOW);
  deliver(a, &ra);
  deliver(b, &rb);
  assert_true(ra.piece == rb.piece && wrong_hash(ra.piece));
  assert_int_equal(take(a, 1, NOW).piece, ra.piece); /* the first to ask; it lacks three */
  assert_int_equal(take(b, 4, NOW).piece, ra.piece); /* it lacks one */
  assert_int_not_equal(take(a, 4, NOW).piece, ra.piece);
  assert_int_not_equal(take(c, 4, NOW).piece, ra.piece);
  end();
}

TEST(who_had_no_part_in_it_fetches_all_of_it) {
  begin(1);
  struct pieces_peer *c = newcomer(2, FAST);
  uint32_t piece = contested(newcomer(0, STEADY), newcomer(1, STEADY));
  struct run r = take(c, 32, NOW);
  assert_true(r.piece == piece && r.first == 0 && r.count == 4);
  deliver(c, &r);
  given(piece, "3333");
  end();
}

TEST(who_is_on_trial_may_go_on_with_its_copy_if_the_others_take_long) {
  begin(8);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t piece = contested(a, b);
  struct run first = take(b, 1, NOW);
  assert_int_equal(first.piece, piece);
  struct run other = take(a, 2, NOW); /* now it has had one piece's worth */
  assert_int_not_equal(other.piece, piece);
  nothing(a, NOW);
  nothing(a, NOW + 999); /* b's copy may be there soon, and that would be that */
  struct run r = take(a, 32, NOW + 1000);
  assert_true(r.piece == piece && r.first == 2 && r.count == 2);
  nothing(a, NOW + 1000);
  end();
}

TEST(what_is_asked_for_one_copy_is_taken_over_by_nobody_else) {
  begin(1);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  struct pieces_peer *c = proven(2, FAST);
  contested(a, b);
  struct run ra = take(a, 2, NOW);
  take(b, 2, NOW);
  take(c, 4, NOW);
  take(c, 4, NOW);
  take(c, 4, NOW);
  nothing(c, NOW + 60000); /* however long the others take */
  nothing(b, NOW + 60000);
  assert_int_equal(pieces_lost(q, a, &ra), 0);
  end();
}

TEST(within_a_copy_the_fast_take_over_from_the_slow) {
  begin(1);
  struct run r[4];
  for (int i = 0; i < 4; i++) r[i] = take(newcomer(i, STEADY), 1, NOW);
  for (int i = 0; i < 4; i++) deliver(&member[i], &r[i]);
  wrong_hash(0);
  struct pieces_peer *a = &member[0];
  int mate = 1;
  while (copy_of(&member[mate], 0) != copy_of(a, 0)) mate++;
  struct run ra = take(a, 2, NOW);
  assert_int_equal(ra.count + q->open[0]->missing, 4 + ra.count);
  struct run rest = ra;
  while (rest.count > 0 && pieces_take(q, a, 2, NOW, &rest) == TAKE_RUN) continue;
  atomic_store(&member[mate].rate, FAST);
  struct run over = take(&member[mate], 2, NOW + 60000);
  assert_int_equal(over.piece, 0);
  assert_true(fix_was_rung(&f, 1));
  end();
}

TEST(a_late_block_counts_in_the_copy_of_who_gave_it) {
  begin(1);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  contested(a, b);
  struct run r = take(a, 2, NOW);
  pieces_release(q, a, &r, 3);
  assert_true(pieces_claim(q, a, 0, 3));
  assert_false(pieces_claim(q, a, 0, 0)); /* it has given that */
  struct run late = {.piece = 0, .first = 2, .count = 2};
  assert_int_equal(pieces_received(q, a, &late, 3), 3);
  given_to(0, copy_of(a, 0), "1111");
  given_to(0, copy_of(b, 0), "0022");
  end();
}

TEST(the_first_copy_that_is_right_ends_the_others) {
  begin(2);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t piece = contested(a, b);
  struct run ra = take(a, 2, NOW);
  struct run other = take(b, 2, NOW); /* then it has no more to be given but its copy */
  struct run rb = take(b, 2, NOW);
  assert_true(ra.piece == piece && rb.piece == piece && other.piece != piece);
  deliver(a, &ra);
  assert_true(pieces_undecided(q));
  pieces_trust(q, 1);
  f.rung_count = 0;
  verify(piece);
  assert_true(fix_was_rung(&f, 2)); /* to cancel what it was asked for */
  assert_true(bitset_get(&q->done, piece));
  assert_int_equal(b->asked, 2);
  assert_int_equal(pieces_lost(q, b, &rb), 3);
  assert_int_equal(pieces_received(q, b, &rb, 3), 0);
  end();
}

/* --- what is known of an address --- */

TEST(a_right_piece_makes_its_givers_proven_even_if_they_are_gone) {
  begin(4);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t piece = share(a, b);
  gone(a);
  verify(piece);
  assert_true(pieces_is_proven(q, b));
  a = newcomer(0, STEADY);
  assert_true(pieces_is_proven(q, a));
  gone(a);
  assert_true(pieces_is_proven(q, newcomer(0, STEADY)));
  end();
}

TEST(a_trial_does_not_begin_anew_with_each_connection) {
  begin(8);
  struct pieces_peer *b = newcomer(1, STEADY);
  struct pieces_peer *a = newcomer(0, STEADY);
  for (int i = 0; i < 3; i++) {
    struct run r = take(a, 1, NOW);
    deliver(a, &r);
    gone(a);
    a = newcomer(0, STEADY);
  }
  take(a, 1, NOW);
  nothing(a, NOW);
  take(b, 4, NOW); /* that is somebody else */
  end();
}

TEST(a_wrong_piece_that_several_gave_ends_no_trial) {
  begin(8);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t piece = contested(a, b);
  take(b, 1, NOW);
  assert_int_equal(a->unjudged, 2);
  struct run r = take(a, 4, NOW);
  assert_true(r.piece != piece && r.count == 2); /* and no more than that beside its copy */
  nothing(a, NOW);
  assert_int_equal(take(a, 4, NOW + 1000).piece, piece);
  nothing(a, NOW + 1000);
  end();
}

TEST(who_gave_the_right_blocks_to_a_wrong_piece_is_trusted_and_told) {
  begin(4);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  contested(a, b);
  take(b, 2, NOW); /* the rest of its copy */
  nothing(b, NOW);
  f.rung_count = 0;
  pieces_trust(q, 2);
  sound();
  assert_true(fix_was_rung(&f, 0));
  assert_true(b->proven && pieces_is_proven(q, b));
  assert_false(a->proven);
  take(b, 4, NOW);
  pieces_trust(q, 77); /* it is gone */
  refuse(78);
  end();
}

/* --- liars --- */

TEST(what_a_liar_gave_is_taken_back_everywhere) {
  begin(4);
  struct pieces_peer *a = proven(0, STEADY);
  struct pieces_peer *b = proven(1, STEADY);
  uint32_t right = share(a, b);
  verify(right);
  uint32_t whole = share(a, b); /* WRITING */
  struct run ra = take(a, 1, NOW);
  struct run rb = take(b, 1, NOW);
  struct run asked = take(a, 1, NOW);
  deliver(a, &ra);
  deliver(b, &rb);
  f.rung_count = 0;
  refuse(1);
  assert_true(fix_was_rung(&f, 0));
  given(whole, "0022");
  given(ra.piece, "0200");
  assert_true(bitset_get(&q->done, right)); /* what is right stays */
  assert_int_equal(a->asked + a->run_count, 0);
  nothing(a, NOW);
  assert_int_equal(pieces_received(q, a, &asked, 1), 0);
  assert_false(pieces_claim(q, a, asked.piece, asked.first));
  struct run r = take(b, 2, NOW);
  struct run s = take(b, 2, NOW);
  assert_int_equal(r.count + s.count, 3); /* two of one, one of the other */
  end();
}

TEST(what_a_liar_gave_is_taken_back_when_it_is_gone_already) {
  begin(2);
  struct pieces_peer *a = newcomer(0, STEADY);
  uint32_t piece = share(a, newcomer(1, STEADY));
  gone(a);
  given(piece, "1122");
  refuse(1);
  given(piece, "0022");
  end();
}

TEST(what_a_liar_gave_is_taken_back_from_every_copy) {
  begin(1);
  struct run r[4];
  for (int i = 0; i < 4; i++) r[i] = take(newcomer(i, STEADY), 1, NOW);
  for (int i = 0; i < 4; i++) deliver(&member[i], &r[i]);
  wrong_hash(0);
  uint32_t copy = copy_of(&member[2], 0);
  refuse(3);
  uint32_t from[4];
  pieces_origin(q, 0, copy, from);
  assert_int_equal(from[r[2].first], 0);
  nothing(&member[2], NOW);
  uint32_t kept = 0;
  for (uint32_t b = 0; b < 4; b++) kept += from[b] != 0;
  assert_int_equal(kept, 1); /* what the other one of its half gave */
  end();
}

TEST(what_was_given_to_somebody_else_is_not_from_its_first_giver) {
  begin(1);
  struct pieces_peer *a = proven(0, STEADY);
  struct pieces_peer *b = proven(1, STEADY);
  uint32_t piece = share(a, b);
  struct run all = {.piece = piece, .first = 0, .count = 4};
  uint32_t copy;
  assert_int_equal(pieces_still_from(q, 1, &all, 0xf, &copy), 0x3);
  assert_int_equal(pieces_still_from(q, 2, &all, 0xf, &copy), 0xc);
  assert_int_equal(pieces_still_from(q, 1, &all, 0x2, &copy), 0x2);
  refuse(1);
  assert_int_equal(pieces_still_from(q, 1, &all, 0xf, &copy), 0);
  struct run r = take(b, 1, NOW);
  deliver(b, &r);
  assert_int_equal(pieces_still_from(q, 2, &all, 0xf, &copy), 0xd);
  r = take(b, 1, NOW);
  deliver(b, &r);
  verify(piece);
  assert_int_equal(pieces_still_from(q, 2, &all, 0xf, &copy), 0);
  end();
}

TEST(what_is_still_from_somebody_is_told_with_its_copy) {
  begin(1);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  contested(a, b);
  struct run all = {.piece = 0, .first = 0, .count = 4};
  uint32_t copy = 99;
  assert_int_equal(pieces_still_from(q, 1, &all, 0xf, &copy), 0x3);
  assert_int_equal(copy, copy_of(a, 0));
  assert_int_equal(pieces_still_from(q, 2, &all, 0xf, &copy), 0xc);
  assert_int_equal(copy, copy_of(b, 0));
  assert_int_equal(pieces_still_from(q, 3, &all, 0xf, &copy), 0);
  assert_int_equal(copy, 0);
  end();
}

int main(void) {
  RUN(T(only_a_piece_that_has_come_whole_waits_for_its_verdict),
      T(those_who_gave_to_a_wrong_piece_are_parted_and_each_keeps_what_he_gave),
      T(the_proven_are_parted_from_the_others),
      T(those_of_whom_nothing_is_known_are_parted_in_halves),
      T(a_part_whose_copy_is_wrong_too_is_parted_again), T(a_single_giver_is_parted_from_nobody),
      T(a_copy_of_a_single_giver_that_is_wrong_is_gone),
      T(what_is_nobodys_fault_parts_nobody_and_proves_nothing),
      T(only_a_whole_piece_can_be_wrong), T(nobody_is_asked_twice_for_the_same_block),
      T(who_comes_back_goes_on_where_it_was), T(one_copy_at_a_time_goes_before_new_pieces),
      T(the_copy_that_lacks_least_goes_before_new_pieces),
      T(who_had_no_part_in_it_fetches_all_of_it),
      T(who_is_on_trial_may_go_on_with_its_copy_if_the_others_take_long),
      T(what_is_asked_for_one_copy_is_taken_over_by_nobody_else),
      T(within_a_copy_the_fast_take_over_from_the_slow),
      T(a_late_block_counts_in_the_copy_of_who_gave_it),
      T(the_first_copy_that_is_right_ends_the_others),
      T(a_right_piece_makes_its_givers_proven_even_if_they_are_gone),
      T(a_trial_does_not_begin_anew_with_each_connection),
      T(a_wrong_piece_that_several_gave_ends_no_trial),
      T(who_gave_the_right_blocks_to_a_wrong_piece_is_trusted_and_told),
      T(what_a_liar_gave_is_taken_back_everywhere),
      T(what_a_liar_gave_is_taken_back_when_it_is_gone_already),
      T(what_a_liar_gave_is_taken_back_from_every_copy),
      T(what_was_given_to_somebody_else_is_not_from_its_first_giver),
      T(what_is_still_from_somebody_is_told_with_its_copy));
}
