/*
 * The work queue under random lives: many simulated connections take, deliver in any order, are
 * told of losses late, are choked, leave and come back, deliver what they had given back, while
 * pieces fail their hash or get lost on disk. Whatever happens, the invariants of fix_queue_fault()
 * hold, no block is accepted twice, and when at last everybody keeps delivering, everything is
 * DONE.
 */
#include "../test.h"

#include "../support/swarm_fixture.h"

enum { MEMBERS = 12, JOBS = 24, STEPS = 4000 };

struct job {
  struct run run;
  uint32_t got;
  uint32_t gone;
};

struct member {
  struct pieces_peer pp;
  bool here;
  struct job job[JOBS];
  uint32_t count;
};

static struct fix f;
static struct pieces *q;
static struct crypto_rng rng;
static struct member member[MEMBERS];
static int64_t now_ms;
static bool settled; /* the last step has made blocks count no longer */

static uint32_t below(uint32_t n) {
  return (uint32_t)crypto_rng_below(&rng, n);
}

static uint32_t full(const struct run *r) {
  return r->count == 32 ? UINT32_MAX : (UINT32_C(1) << r->count) - 1;
}

/* Blocks of a piece that count and came from this connection, whichever copy they are in. */
static uint32_t given(uint32_t number, uint32_t piece) {
  uint32_t n = 0;
  for (const struct open_piece *op = q->open[piece]; op != NULL; op = op->other)
    for (uint32_t b = 0; b < op->blocks; b++) n += op->from[b] == number;
  return n;
}

static uint32_t given_in_all(uint32_t number) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < f.meta.geo.pieces; i++) n += given(number, i);
  return n;
}

static bool counts(const struct member *m, uint32_t piece, uint32_t block) {
  const struct open_piece *op = pieces_copy_of(q, m->pp.number, piece);
  return op == NULL || op->from[block] != 0;
}

/* The copy is whole: the writer judges at once. What was given to a contested piece is not lost by
 * a wrong hash: it only moves to another copy. */
static void judge(const struct member *m, uint32_t piece, bool honest) {
  uint32_t where[128];
  const struct open_piece *op = pieces_copy_of(q, m->pp.number, piece);
  settled = true;
  if (honest || below(4) != 0) {
    pieces_verified(q, piece);
    return;
  }
  uint32_t before[MEMBERS + 1];
  for (uint32_t n = 1; n <= MEMBERS; n++) before[n] = given(n, piece);
  if (!pieces_failed(q, piece, op->copy, below(4) != 0, where)) return;
  for (uint32_t n = 1; n <= MEMBERS; n++) assert_int_equal(given(n, piece), before[n]);
}

/* Hands on what a job has. */
static void hand_on(struct member *m, uint32_t k, bool honest) {
  struct job j = m->job[k];
  uint32_t missing = 0;
  m->job[k] = m->job[--m->count];
  if (j.got == 0) return;
  for (uint32_t i = 0; i < j.run.count; i++)
    if (!counts(m, j.run.piece, j.run.first + i)) missing |= UINT32_C(1) << i;
  uint32_t needed = pieces_received(q, &m->pp, &j.run, j.got);
  assert_int_equal(needed & ~j.got, 0);
  assert_int_equal(needed & ~missing, 0); /* no block is accepted twice */
  atomic_store(&m->pp.last_ms, now_ms);
  if (needed == 0 || pieces_copy_of(q, m->pp.number, j.run.piece)->missing > 0) return;
  judge(m, j.run.piece, honest);
}

static void hand_on_whole(struct member *m, bool honest) {
  for (uint32_t k = m->count; k > 0; k--)
    if ((m->job[k - 1].got | m->job[k - 1].gone) == full(&m->job[k - 1].run))
      hand_on(m, k - 1, honest);
}

static void do_take(struct member *m) {
  struct run r;
  if (m->count == JOBS) return;
  if (pieces_take(q, &m->pp, 1 + below(32), now_ms, &r) != TAKE_RUN) return;
  assert_true(pieces_peer_has(&m->pp, r.piece));
  assert_false(m->pp.refused);
  for (uint32_t i = 0; i < r.count; i++) assert_false(counts(m, r.piece, r.first + i));
  m->job[m->count++] = (struct job){.run = r};
}

/* Some blocks of one job, in any order. */
static void do_deliver(struct member *m) {
  if (m->count == 0) return;
  struct job *j = &m->job[below(m->count)];
  uint32_t some = below(3) == 0 ? UINT32_MAX : (uint32_t)crypto_rng_below(&rng, UINT64_C(1) << 32);
  j->got |= some & full(&j->run) & ~j->gone;
  hand_on_whole(m, false);
}

static void do_bell(struct member *m, bool honest) {
  for (uint32_t k = 0; k < m->count; k++) {
    struct job *j = &m->job[k];
    j->gone |= pieces_lost(q, &m->pp, &j->run) & full(&j->run) & ~j->got;
  }
  hand_on_whole(m, honest);
}

static void do_reject(struct member *m) {
  if (m->count == 0) return;
  struct job *j = &m->job[below(m->count)];
  uint32_t bit = UINT32_C(1) << below(j->run.count);
  if ((j->got | j->gone) & bit) return;
  pieces_release(q, &m->pp, &j->run, bit);
  j->gone |= bit;
  hand_on_whole(m, false);
}

static void do_choke(struct member *m) {
  while (m->count > 0) {
    struct job *j = &m->job[m->count - 1];
    pieces_release(q, &m->pp, &j->run, full(&j->run) & ~(j->got | j->gone));
    j->gone = full(&j->run) & ~j->got;
    hand_on(m, m->count - 1, false);
  }
  pieces_let_go(q, &m->pp);
  assert_int_equal(m->pp.asked, 0);
  assert_int_equal(m->pp.run_count, 0); /* nothing is left behind */
}

static void do_claim(struct member *m) {
  uint32_t piece = below(f.meta.geo.pieces);
  uint32_t block = below(geometry_blocks(&f.meta.geo, piece));
  if (m->count == JOBS || !pieces_peer_has(&m->pp, piece)) return;
  if (!pieces_claim(q, &m->pp, piece, block)) return;
  assert_false(counts(m, piece, block));
  m->job[m->count++] = (struct job){.run = {.piece = piece, .first = block, .count = 1}};
}

static void tell_what_it_has(struct member *m) {
  struct bitset has;
  switch (below(6)) {
  case 0:
    pieces_set_have_all(q, &m->pp);
    break;
  case 1:
    assert_true(bitset_init(&has, f.meta.geo.pieces));
    for (uint32_t i = below(f.meta.geo.pieces + 1); i > 0; i--)
      bitset_set(&has, below(f.meta.geo.pieces));
    if (m->count == 0) assert_int_equal(pieces_set_bitfield(q, &m->pp, &has), ERR_OK);
    bitset_free(&has);
    break;
  default:
    assert_int_equal(pieces_set_have(q, &m->pp, below(f.meta.geo.pieces)), ERR_OK);
  }
}

static void come(struct member *m, uint32_t number) {
  assert_int_equal(pieces_join(q, &m->pp, number), ERR_OK);
  static const uint64_t rates[] = {0, 1, 3000, 100 << 10, 5 << 20, 1 << 30};
  atomic_store(&m->pp.rate, rates[below(6)]);
  atomic_store(&m->pp.last_ms, now_ms);
  m->here = true;
  m->count = 0;
}

static void go(struct member *m) {
  if (below(2) == 0) do_choke(m); /* the worker does; the queue must not depend on it */
  m->count = 0;
  pieces_leave(q, &m->pp);
  m->here = false;
}

static void lose_a_piece(void) {
  struct bitset done;
  assert_true(bitset_init(&done, f.meta.geo.pieces));
  pieces_done(q, &done);
  size_t i = bitset_next(&done, below(f.meta.geo.pieces));
  if (i < done.bits) pieces_reset(q, (uint32_t)i);
  bitset_free(&done);
}

/* Somebody is found to have lied, or not to have. */
static void judge_somebody(struct member *m) {
  if (below(20) == 0) {
    pieces_refuse(q, m->pp.number);
  } else if (below(4) == 0) {
    pieces_trust(q, m->pp.number);
  }
}

static void one_step(uint32_t n) {
  struct member *m = &member[n];
  now_ms += below(50);
  if (!m->here) {
    come(m, n + 1);
    return;
  }
  switch (below(32)) {
  case 0:
    go(m);
    break;
  case 1:
    do_choke(m);
    break;
  case 2:
  case 3:
    do_reject(m);
    break;
  case 4:
  case 5:
    do_claim(m);
    break;
  case 6:
  case 7:
  case 8:
    tell_what_it_has(m);
    break;
  case 9:
    if (below(8) == 0) lose_a_piece();
    break;
  case 10:
    judge_somebody(m);
    break;
  case 11:
  case 12:
    do_bell(m, false);
    break;
  default:
    if (below(2) == 0) do_take(m);
    else do_deliver(m);
  }
}

/* Blocks are taken back only from who is refused, or when there is a verdict on them. */
static void one_step_and_look(uint32_t n) {
  uint32_t before[MEMBERS];
  for (uint32_t i = 0; i < MEMBERS; i++) before[i] = given_in_all(i + 1);
  settled = false;
  one_step(n);
  for (uint32_t i = 0; i < MEMBERS; i++)
    assert_true(settled || given_in_all(i + 1) >= before[i] || member[i].pp.refused);
}

static void sound(void) {
  const char *fault = fix_queue_fault(q);
  if (fault != NULL) fail_msg("%s", fault);
}

/* Everybody has everything and delivers what it owes, each after its bell. */
static void finish(void) {
  struct pieces_stats s;
  for (uint32_t i = 0; i < MEMBERS; i++) {
    if (member[i].here && member[i].pp.refused) go(&member[i]);
    if (!member[i].here) come(&member[i], i + 1);
    pieces_set_have_all(q, &member[i].pp);
  }
  for (int round = 0;; round++) {
    pieces_stats(q, &s);
    if (s.complete) return;
    if (round == 1000) fail_msg("%u of %u pieces, and no further", s.done, f.meta.geo.pieces);
    for (uint32_t i = 0; i < MEMBERS; i++) {
      struct member *m = &member[i];
      do_bell(m, true);
      do_take(m);
      for (struct job *j = m->job; j < m->job + m->count; j++) j->got = full(&j->run) & ~j->gone;
      hand_on_whole(m, true);
    }
    now_ms += 10;
    sound();
  }
}

static void live(uint64_t total, uint32_t piece_len) {
  fix_swarm(&f, total, piece_len);
  q = f.sw.pieces;
  q->rng = rng; /* so that the seed decides everything */
  rarity_free(&q->rarity);
  assert_true(rarity_init(&q->rarity, f.meta.geo.pieces, &q->rng));
  memset(member, 0, sizeof member);
  now_ms = 1000000;
  for (int i = 0; i < STEPS; i++) {
    one_step_and_look(below(MEMBERS));
    if (i % 4 == 0) sound();
  }
  finish();
  for (uint32_t i = 0; i < MEMBERS; i++) {
    do_bell(&member[i], true);
    assert_int_equal(member[i].count, 0);
    assert_int_equal(member[i].pp.asked, 0);
    assert_int_equal(member[i].pp.run_count, 0);
    pieces_leave(q, &member[i].pp);
  }
  sound();
  assert_int_equal(q->rarity.candidates, 0);
  fix_free(&f);
}

static void lives(uint64_t total, uint32_t piece_len) {
  for (int i = 0; i < 10; i++) {
    crypto_rng_init(&rng);
    print_message("seed %#llx\n", (unsigned long long)rng.s); /* the same again: rng.s = this */
    live(total, piece_len);
  }
}

TEST(many_small_pieces_survive_random_lives) {
  lives(60 * 16384 + 77, 16384);
}

TEST(pieces_of_several_runs_survive_random_lives) {
  lives(UINT64_C(9) * 70 * 16384 + 16384 + 5, 70 * 16384);
}

TEST(the_tail_of_one_piece_survives_random_lives) {
  lives(UINT64_C(40) * 16384, 40 * 16384);
}

int main(void) {
  RUN(T(many_small_pieces_survive_random_lives), T(pieces_of_several_runs_survive_random_lives),
      T(the_tail_of_one_piece_survives_random_lives));
}
