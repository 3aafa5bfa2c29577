/*
 * What a verdict does to the work queue: who becomes a suspect and who stops being one, how a
 * suspect has to work, and what is taken back from it and from liars (swarm/pieces.h,
 * swarm/pieces_judge.c). The times are those of swarm/pieces_take.c, and only the test moves the
 * clock. After every step the whole queue is looked at.
 */
#include "../test.h"

#include "../support/swarm_fixture.h"

enum {
  NOW = 1000000,
  KIB = 1024,
  PEERS = 6,
  TURN_MS = 300,  /* a suspect waits so long, */
  WAIT_MS = 2000, /* and so long if somebody is proven */
  ALONE_MS = 4000 /* then it need not be alone, if there was nothing for it */
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

static void wrong_hash(uint32_t piece, bool alone) {
  pieces_failed(q, piece, alone);
  sound();
}

static void verify(uint32_t piece) {
  pieces_verified(q, piece);
  sound();
}

static void refuse(uint32_t number) {
  pieces_refuse(q, number);
  sound();
}

/* Who gave the blocks of a piece: one digit for each. */
static void given(uint32_t piece, const char *expected) {
  uint32_t from[4];
  char text[5] = "";
  pieces_origin(q, piece, from);
  for (int b = 0; b < 4; b++) text[b] = (char)('0' + from[b]);
  assert_string_equal(text, expected);
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

/* Two suspects, who have asked for more just now. Returns the wrong piece. */
static uint32_t suspects(struct pieces_peer *a, struct pieces_peer *b) {
  uint32_t wrong = share(a, b);
  wrong_hash(wrong, true);
  assert_true(a->suspect && b->suspect);
  nothing(a, NOW);
  nothing(b, NOW);
  return wrong;
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
  wrong_hash(first.piece, true);
  assert_false(pieces_undecided(q));
  struct run whole = take(a, 32, NOW);
  assert_int_equal(whole.count, 4);
  deliver(a, &whole);
  assert_true(pieces_undecided(q));
  verify(whole.piece);
  assert_false(pieces_undecided(q));
  end();
}

/* --- who is a suspect --- */

TEST(of_several_givers_of_a_wrong_piece_only_those_not_proven_are_suspects) {
  begin(3);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = proven(1, STEADY);
  struct pieces_peer *c = newcomer(2, STEADY);
  uint32_t wrong = share(a, b);
  given(wrong, "1122");
  wrong_hash(wrong, true);
  assert_true(a->suspect);
  assert_false(b->suspect || c->suspect); /* c had no part in it */
  assert_true(b->proven);
  given(wrong, "0000");
  assert_true(fix_was_rung(&f, 0));
  end();
}

TEST(a_single_giver_is_no_suspect_but_the_liar) {
  begin(3);
  struct pieces_peer *a = newcomer(0, FAST);
  newcomer(1, FAST);
  struct run r = take(a, 4, NOW);
  deliver(a, &r);
  wrong_hash(r.piece, true);
  assert_false(a->suspect);
  refuse(1);
  nothing(a, NOW);
  nothing(a, NOW + 100 * ALONE_MS);
  end();
}

TEST(what_is_nobodys_fault_makes_no_suspects) {
  begin(3);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  wrong_hash(share(a, b), false);
  assert_false(a->suspect || b->suspect);
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
  wrong_hash(piece, true);
  assert_false(b->suspect);
  given(piece, "0022");
  end();
}

TEST(a_right_piece_makes_suspects_proven) {
  begin(4);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  suspects(a, b);
  struct run r = take(a, 4, NOW + TURN_MS);
  deliver(a, &r);
  verify(r.piece);
  assert_true(pieces_is_proven(q, a));
  assert_false(a->suspect);
  assert_true(b->suspect);
  take(a, 32, NOW + TURN_MS); /* and it need not wait any more */
  end();
}

TEST(who_gave_the_right_blocks_to_a_wrong_piece_is_trusted_and_told) {
  begin(4);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  suspects(a, b);
  f.rung_count = 0;
  pieces_trust(q, 2);
  sound();
  assert_true(fix_was_rung(&f, 0));
  assert_true(pieces_is_proven(q, b));
  assert_false(b->suspect);
  assert_true(a->suspect);
  take(b, 4, NOW);
  pieces_trust(q, 77); /* it is gone */
  refuse(78);
  end();
}

/* --- how suspects work --- */

TEST(a_suspect_waits_a_little_from_when_it_first_asks) {
  begin(4);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t wrong = share(a, b);
  wrong_hash(wrong, true);
  nothing(a, NOW + 50);
  nothing(a, NOW + 50 + TURN_MS - 1);
  nothing(b, NOW + 50 + TURN_MS); /* it has not asked before */
  assert_int_equal(take(a, 4, NOW + 50 + TURN_MS).piece, wrong);
  end();
}

TEST(a_suspect_leaves_the_wrong_piece_to_the_proven_for_a_while) {
  begin(4);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  proven(2, STEADY);
  uint32_t wrong = suspects(a, b);
  nothing(a, NOW + WAIT_MS - 1);
  assert_int_equal(take(a, 4, NOW + WAIT_MS).piece, wrong);
  refuse(3); /* a liar is no reason to wait */
  take(b, 4, NOW + TURN_MS);
  end();
}

TEST(a_suspect_fetches_one_piece_at_a_time_and_nobody_joins_it) {
  begin(3);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t wrong = suspects(a, b);
  struct run ra = take(a, 1, NOW + TURN_MS);
  struct run rb = take(b, 1, NOW + TURN_MS);
  assert_int_equal(ra.piece, wrong);
  assert_int_not_equal(rb.piece, wrong);
  struct pieces_peer *c = proven(2, FAST);
  struct run rc = take(c, 32, NOW + TURN_MS);
  assert_true(rc.piece != wrong && rc.piece != rb.piece && rc.count == 4);
  nothing(c, NOW + TURN_MS); /* though six blocks are FREE */
  struct run more = take(a, 32, NOW + TURN_MS);
  assert_true(more.piece == wrong && more.count == 3);
  nothing(a, NOW + TURN_MS);
  deliver(a, &ra);
  deliver(a, &more);
  given(wrong, "1111");
  nothing(a, NOW + TURN_MS); /* not before the verdict */
  end();
}

TEST(until_the_verdict_a_suspect_gets_no_second_piece) {
  begin(8);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  suspects(a, b);
  struct run r = take(a, 4, NOW + TURN_MS);
  nothing(a, NOW + TURN_MS + ALONE_MS);
  deliver(a, &r);
  nothing(a, NOW + TURN_MS);
  verify(r.piece);
  take(a, 4, NOW + TURN_MS);
  end();
}

TEST(what_a_suspect_was_asked_for_before_still_counts) {
  begin(4);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  struct pieces_peer *c = proven(2, STEADY);
  uint32_t wrong = share(a, b);
  struct run before = take(a, 2, NOW);
  wrong_hash(wrong, true);
  deliver(a, &before);
  struct run rest = take(c, 4, NOW);
  while (rest.piece != before.piece) rest = take(c, 4, NOW);
  deliver(c, &rest);
  verify(rest.piece);
  assert_true(a->proven && !a->suspect);
  end();
}

TEST(who_is_the_only_one_is_not_set_apart) {
  begin(4);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  suspects(a, b);
  gone(b);
  take(a, 4, NOW);
  take(a, 4, NOW);
  end();
}

TEST(a_suspect_for_which_there_is_nothing_need_not_be_alone_for_ever) {
  begin(2);
  struct pieces_peer *a = newcomer(0, FAST);
  struct pieces_peer *b = newcomer(1, STEADY);
  struct pieces_peer *c = proven(2, STEADY);
  atomic_store(&a->rate, STEADY);
  suspects(a, b);
  atomic_store(&a->rate, FAST);
  take(c, 4, NOW);
  take(c, 4, NOW); /* now all is asked of one that will need six seconds */
  nothing(a, NOW + ALONE_MS - 1);
  take(a, 4, NOW + ALONE_MS); /* the end of what that one owes */
  assert_true(fix_was_rung(&f, 3));
  end();
}

/* --- what suspects leave --- */

/* A suspect has given half of the wrong piece and was asked for the rest. */
static uint32_t half_done(struct pieces_peer *a, struct pieces_peer *b, struct run *rest) {
  uint32_t wrong = suspects(a, b);
  struct run r = take(a, 2, NOW + TURN_MS);
  assert_int_equal(r.piece, wrong);
  deliver(a, &r);
  *rest = take(a, 2, NOW + TURN_MS);
  given(wrong, "1100");
  f.rung_count = 0;
  return wrong;
}

TEST(what_a_suspect_leaves_unfinished_is_fetched_anew) {
  for (int how = 0; how < 4; how++) {
    begin(1);
    struct run rest;
    struct pieces_peer *a = newcomer(0, STEADY);
    struct pieces_peer *b = newcomer(1, STEADY);
    uint32_t wrong = half_done(a, b, &rest);
    if (how == 0) gone(a);                                /* it is gone */
    if (how == 1) pieces_release(q, a, &rest, 3);         /* it chokes */
    if (how == 2) pieces_release(q, a, &rest, 1);         /* it rejects one request */
    if (how == 3) pieces_let_go(q, a);                    /* it is silent */
    sound();
    given(wrong, "0000");
    assert_true(fix_was_rung(&f, 0));
    if (how > 0) assert_int_equal(a->asked + a->run_count + a->unjudged, 0);
    struct run r = take(b, 4, NOW + TURN_MS);
    assert_int_equal(r.count, 4);
    if (how > 0) nothing(a, NOW + TURN_MS); /* it waits again, */
    if (how > 0) nothing(a, NOW + 3 * TURN_MS); /* and nobody joins b */
    deliver(b, &r);
    given(wrong, "2222");
    end();
  }
}

TEST(a_suspect_that_has_given_all_may_go_without_harm) {
  begin(1);
  struct run rest;
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t wrong = half_done(a, b, &rest);
  deliver(a, &rest);
  pieces_let_go(q, a);
  sound();
  given(wrong, "1111");
  gone(a);
  given(wrong, "1111");
  end();
}

TEST(a_suspect_that_left_its_piece_is_asked_for_one_block_at_a_time) {
  begin(1);
  struct run rest;
  struct pieces_peer *a = newcomer(0, STEADY);
  uint32_t wrong = half_done(a, newcomer(1, STEADY), &rest);
  pieces_let_go(q, a);
  nothing(a, NOW + TURN_MS);
  for (uint32_t b = 0; b < 4; b++) {
    struct run r = take(a, 32, NOW + 2 * TURN_MS);
    assert_true(r.piece == wrong && r.first == b && r.count == 1);
    nothing(a, NOW + 2 * TURN_MS);
    deliver(a, &r);
  }
  verify(wrong);
  assert_true(a->proven);
  end();
}

TEST(a_late_block_of_a_piece_that_a_suspect_left_does_not_count) {
  begin(1);
  struct run rest;
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t wrong = half_done(a, b, &rest);
  pieces_let_go(q, a);
  for (uint32_t i = 0; i < 4; i++) assert_false(pieces_claim(q, a, wrong, i));
  assert_int_equal(pieces_received(q, a, &rest, 3), 0);
  assert_int_equal(pieces_lost(q, a, &rest), 3);
  given(wrong, "0000");
  struct run r = take(b, 4, NOW + TURN_MS);
  assert_int_equal(pieces_received(q, a, &rest, 3), 0); /* nor while it is asked of b */
  deliver(b, &r);
  end();
}

TEST(nobody_on_trial_begins_a_wrong_piece_that_it_may_not_finish) {
  begin(4);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  struct pieces_peer *c = newcomer(2, STEADY);
  struct pieces_peer *d = newcomer(3, STEADY);
  uint32_t wrong = share(a, b);
  struct run r = take(c, 1, NOW); /* which leaves it three blocks */
  wrong_hash(wrong, true);
  assert_int_not_equal(take(c, 1, NOW).piece, wrong);
  deliver(c, &r);
  assert_int_not_equal(take(c, 1, NOW).piece, wrong);
  assert_int_equal(take(d, 4, NOW).piece, wrong);
  end();
}

/* Both ask four times a second, and the first never delivers. */
TEST(two_suspects_alone_come_to_an_end) {
  for (int quitters = 0; quitters < 4; quitters++) {
    begin(2);
    struct pieces_peer *a = newcomer(0, STEADY);
    struct pieces_peer *b = newcomer(1, STEADY);
    suspects(a, b);
    a->quitter = quitters & 1;
    b->quitter = quitters & 2;
    int64_t now_ms = NOW;
    for (uint32_t tick = 0; tick < 400 && f.sw.pieces->done.count < 2; tick++, now_ms += 250) {
      struct run r;
      pieces_take(q, a, 4, now_ms, &r);
      if (tick % 24 == 23) pieces_let_go(q, a); /* silent for six seconds */
      if (pieces_take(q, b, 4, now_ms, &r) != TAKE_RUN) continue;
      deliver(b, &r);
      atomic_store(&b->last_ms, now_ms);
      if (q->open[r.piece]->missing == 0) verify(r.piece);
    }
    assert_int_equal(f.sw.pieces->done.count, 2);
    end();
  }
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

TEST(a_piece_that_a_liar_held_alone_stays_for_one_alone) {
  begin(1);
  struct pieces_peer *a = proven(0, FAST);
  struct pieces_peer *b = proven(1, FAST);
  struct pieces_peer *c = proven(2, FAST);
  struct run r = take(a, 4, NOW);
  deliver(a, &r);
  wrong_hash(r.piece, true);
  r = take(a, 2, NOW);
  deliver(a, &r);
  refuse(1);
  given(r.piece, "0000");
  r = take(b, 2, NOW);
  nothing(c, NOW);
  deliver(b, &r);
  nothing(c, NOW);
  end();
}

TEST(what_was_given_to_somebody_else_is_not_from_its_first_giver) {
  begin(1);
  struct pieces_peer *a = proven(0, STEADY);
  struct pieces_peer *b = proven(1, STEADY);
  uint32_t piece = share(a, b);
  struct run all = {.piece = piece, .first = 0, .count = 4};
  assert_int_equal(pieces_still_from(q, 1, &all, 0xf), 0x3);
  assert_int_equal(pieces_still_from(q, 2, &all, 0xf), 0xc);
  assert_int_equal(pieces_still_from(q, 1, &all, 0x2), 0x2);
  refuse(1);
  assert_int_equal(pieces_still_from(q, 1, &all, 0xf), 0);
  struct run r = take(b, 1, NOW);
  deliver(b, &r);
  assert_int_equal(pieces_still_from(q, 2, &all, 0xf), 0xd);
  r = take(b, 1, NOW);
  deliver(b, &r);
  verify(piece);
  assert_int_equal(pieces_still_from(q, 2, &all, 0xf), 0);
  end();
}

TEST(what_a_suspect_holds_already_is_for_it_alone) {
  begin(2);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  struct pieces_peer *c = proven(2, FAST);
  uint32_t y = share(a, b);
  atomic_store(&a->rate, FAST);
  struct run ra = take(a, 1, NOW); /* a holds the other piece */
  assert_int_equal(q->open[ra.piece]->holder, a->slot + 1);
  wrong_hash(y, true);
  assert_true(a->suspect);
  take(c, 4, NOW); /* the wrong one */
  take(a, 1, NOW);
  nothing(c, NOW);
  end();
}

TEST(late_blocks_of_what_a_suspect_left_do_not_count) {
  begin(2);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  uint32_t y = share(a, b);
  atomic_store(&a->rate, FAST);
  struct run ra = take(a, 2, NOW); /* before it was a suspect */
  wrong_hash(y, true);
  pieces_let_go(q, a);
  sound();
  assert_int_equal(pieces_received(q, a, &ra, 3), 0);
  end();
}

TEST(what_is_nobodys_fault_clears_nobody) {
  begin(3);
  struct pieces_peer *a = newcomer(0, STEADY);
  struct pieces_peer *b = newcomer(1, STEADY);
  struct pieces_peer *c = proven(2, STEADY);
  uint32_t y = share(a, b);
  struct run ra = take(a, 2, NOW);
  wrong_hash(y, true);
  deliver(a, &ra);
  struct run rc = take(c, 2, NOW);
  while (rc.piece != ra.piece) rc = take(c, 2, NOW);
  deliver(c, &rc);
  assert_true(a->suspect);
  wrong_hash(ra.piece, false);
  assert_true(a->suspect);
  end();
}

int main(void) {
  RUN(T(only_a_piece_that_has_come_whole_waits_for_its_verdict),
      T(of_several_givers_of_a_wrong_piece_only_those_not_proven_are_suspects),
      T(a_single_giver_is_no_suspect_but_the_liar), T(what_is_nobodys_fault_makes_no_suspects),
      T(only_a_whole_piece_can_be_wrong), T(a_right_piece_makes_suspects_proven),
      T(who_gave_the_right_blocks_to_a_wrong_piece_is_trusted_and_told),
      T(a_suspect_waits_a_little_from_when_it_first_asks),
      T(a_suspect_leaves_the_wrong_piece_to_the_proven_for_a_while),
      T(a_suspect_fetches_one_piece_at_a_time_and_nobody_joins_it),
      T(until_the_verdict_a_suspect_gets_no_second_piece),
      T(what_a_suspect_was_asked_for_before_still_counts),
      T(who_is_the_only_one_is_not_set_apart),
      T(a_suspect_for_which_there_is_nothing_need_not_be_alone_for_ever),
      T(what_a_suspect_leaves_unfinished_is_fetched_anew),
      T(a_suspect_that_has_given_all_may_go_without_harm),
      T(a_suspect_that_left_its_piece_is_asked_for_one_block_at_a_time),
      T(a_late_block_of_a_piece_that_a_suspect_left_does_not_count),
      T(nobody_on_trial_begins_a_wrong_piece_that_it_may_not_finish),
      T(two_suspects_alone_come_to_an_end), T(what_a_liar_gave_is_taken_back_everywhere),
      T(what_a_liar_gave_is_taken_back_when_it_is_gone_already),
      T(a_piece_that_a_liar_held_alone_stays_for_one_alone),
      T(what_was_given_to_somebody_else_is_not_from_its_first_giver),
      T(what_a_suspect_holds_already_is_for_it_alone),
      T(late_blocks_of_what_a_suspect_left_do_not_count), T(what_is_nobodys_fault_clears_nobody));
}
