/*
 * The writer's verdicts that hang together (swarm/writer.h): a wrong piece that waits for what is
 * said about one of its givers, what is taken back from a liar that is found, and fragments that
 * were on their way meanwhile. The test plays the workers and says itself who is asked for which
 * block. It also is the clock: it defines all that base/clock.h declares, so that ten seconds pass
 * when the test says so. And it can hold the writer in the middle of a verdict, at its hook.
 *
 * That the writer has handled something is known by a marker: a right piece sent after it, since
 * fragments are handled in order.
 */
#include "../test.h"

#include "../support/swarm_fixture.h"
#include "../support/writing.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

enum {
  KIB = 1024,
  MEMBERS = 5,
  PIECES = 7,
  BLOCKS = 4,
  LAST = MEMBERS - 1, /* who sends the markers */
  DEFER_MS = 10000    /* how long a verdict waits */
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* the writer's hook passes through it */
static _Atomic int64_t fake_ms = 5000000;

/* --- the clock --- */

static int64_t real_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_ms(void) {
  return atomic_load(&fake_ms);
}

int64_t clock_now_us(void) {
  return clock_now_ms() * 1000;
}

int clock_poll_timeout(int64_t deadline_ms) {
  if (deadline_ms == CLOCK_NEVER) return -1;
  return deadline_ms > clock_now_ms() ? (int)(deadline_ms - clock_now_ms()) : 0;
}

/* Waits take as long as they say, whatever the test's time is. */
struct timespec clock_timespec(int64_t deadline_ms) {
  int64_t rest = deadline_ms == CLOCK_NEVER ? 3600 * 1000 : deadline_ms - clock_now_ms();
  int64_t at = real_ms() + rest;
  return (struct timespec){.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000};
}

void clock_cond_init(pthread_cond_t *cond) {
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(cond, &attr);
  pthread_condattr_destroy(&attr);
}

/* --- the swarm --- */

static void on_piece(void *arg, uint32_t index, uint32_t length, bool good) {
  writing_on_piece(arg, index, length, good);
  pthread_mutex_lock(&gate);
  pthread_mutex_unlock(&gate);
}

static void begin(bool proven) {
  writing_begin(PIECES * BLOCKS * BLOCK_LEN, BLOCKS * BLOCK_LEN, chan_new(64, 4 << 20));
  sw.hooks.piece = on_piece;
  for (int i = 0; i < MEMBERS; i++) {
    writing_join(i);
    member[i].proven = proven || i == LAST;
  }
  assert_int_equal(writer_start(&sw, &writer), ERR_OK);
}

static void sound(void) {
  pthread_mutex_lock(&sw.pieces->lock);
  const char *fault = fix_queue_fault(sw.pieces);
  pthread_mutex_unlock(&sw.pieces->lock);
  if (fault != NULL) fail_msg("%s", fault);
}

static void end(void) {
  chan_close(sw.results);
  writer_stop(writer);
  sound();
  assert_int_equal(atomic_load(&sw.disk_error), 0);
  for (int i = 0; i < MEMBERS; i++) writing_leave(i);
  sound();
  writing_end();
}

/* --- the workers --- */

/* Asks blocks of a member, whatever the queue would choose. */
static struct run ask(int i, uint32_t piece, uint32_t first, uint32_t count) {
  struct pieces *q = sw.pieces;
  pthread_mutex_lock(&q->lock);
  struct open_piece *op = pieces_copy_of(q, member[i].number, piece);
  if (op == NULL) op = pieces_open_new(q, piece);
  bool is_free = op != NULL;
  for (uint32_t b = first; is_free && b < first + count; b++)
    is_free = op->asked[b] == 0 && op->from[b] == 0;
  if (is_free) pieces_assign(q, op, &member[i], first, count);
  pthread_mutex_unlock(&q->lock);
  assert_true(is_free);
  sound();
  return (struct run){.piece = piece, .first = first, .count = count};
}

/* What a member was asked for arrives; bit b of `lies`: block b of the piece is wrong. */
static void deliver(int i, struct run r, uint32_t lies) {
  writing_send(i, &r, writing_all(&r), lies >> r.first);
  sound();
}

static void give(int i, uint32_t piece, uint32_t first, uint32_t count, uint32_t lies) {
  deliver(i, ask(i, piece, first, count), lies);
}

static void late_after_a_minute(int64_t since_ms, const char *what) {
  if (real_ms() - since_ms > 60000) fail_msg("%s: not within a minute", what);
  sched_yield();
}

static void await(const _Atomic uint32_t *what, uint32_t value) {
  int64_t since_ms = real_ms();
  while (atomic_load(what) < value) late_after_a_minute(since_ms, "a verdict");
  sound();
}

/* Waits until the queue has it that these gave the blocks of a copy: one digit for each. */
static void await_from_copy(uint32_t piece, uint32_t copy, const char *expected) {
  int64_t since_ms = real_ms();
  char text[BLOCKS + 1] = "";
  do {
    uint32_t from[BLOCKS];
    pieces_origin(sw.pieces, piece, copy, from);
    for (int b = 0; b < BLOCKS; b++) {
      int i = 0;
      while (i < MEMBERS && (from[b] == 0 || member[i].number != from[b])) i++;
      text[b] = i == MEMBERS ? '-' : (char)('0' + i);
    }
    late_after_a_minute(since_ms, expected);
  } while (strcmp(text, expected) != 0);
  sound();
}

/* The same of the common copy. */
static void await_from(uint32_t piece, const char *expected) {
  await_from_copy(piece, 0, expected);
}

/* The copy that this member gives to, once the piece is contested. */
static uint32_t copy_of(int i, uint32_t piece) {
  pthread_mutex_lock(&sw.pieces->lock);
  uint32_t copy = pieces_copy_of(sw.pieces, member[i].number, piece)->copy;
  pthread_mutex_unlock(&sw.pieces->lock);
  return copy;
}

/* Sends a right piece and waits for it: then all that was sent before is handled. */
static void mark(uint32_t piece) {
  uint32_t good = atomic_load(&heard_good);
  give(LAST, piece, 0, BLOCKS, 0);
  await(&heard_good, good + 1);
}

/* The liars are those whose bits are set, and nobody else. */
static void banned(uint32_t liars) {
  for (int i = 0; i < MEMBERS; i++)
    assert_int_equal(addrbook_is_banned(sw.book, &seat[i].addr), liars >> i & 1);
}

/* Piece 0 is wrong: 0 lied, 1 had a part in it. */
static void spoil_first(void) {
  give(0, 0, 0, 2, 0x2);
  give(1, 0, 2, 2, 0);
  await(&heard_bad, 1);
  await_from(0, "----");
  banned(0);
}

/* It is fetched again, by 3: 0 is named. */
static void mend_first(void) {
  give(3, 0, 0, BLOCKS, 0);
  await(&heard_banned, 1);
}

static bool is_done(uint32_t piece) {
  pthread_mutex_lock(&sw.pieces->lock);
  bool yes = bitset_get(&sw.pieces->done, piece);
  pthread_mutex_unlock(&sw.pieces->lock);
  return yes;
}

/* Is it MISSING, or OPEN with nothing there or asked for? */
static bool is_untouched(uint32_t piece) {
  pthread_mutex_lock(&sw.pieces->lock);
  const struct open_piece *op = sw.pieces->open[piece];
  bool yes = op == NULL ? !bitset_get(&sw.pieces->done, piece) : op->free == op->blocks;
  pthread_mutex_unlock(&sw.pieces->lock);
  return yes;
}

static void await_done(uint32_t piece) {
  int64_t since_ms = real_ms();
  while (!is_done(piece)) late_after_a_minute(since_ms, "a right piece");
}

/* All that was begun is done: fetches the rest, and looks at what is on disk. */
static void complete(void) {
  int64_t since_ms = real_ms();
  for (uint32_t i = 0; i < PIECES; i++) {
    if (is_untouched(i)) give(LAST, i, 0, BLOCKS, 0);
    while (!is_done(i)) late_after_a_minute(since_ms, "all of it");
  }
  assert_true(made_right(&torrent, 0, "file"));
}

/* --- verdicts that wait --- */

TEST(a_wrong_piece_of_a_suspected_giver_waits_and_only_the_liars_blocks_are_fetched_again) {
  begin(true);
  spoil_first();
  give(2, 1, 2, 2, 0);
  give(0, 1, 0, 2, 0x1); /* the same liar again */
  mark(5);
  assert_int_equal(heard_bad, 1); /* no verdict */
  await_from(1, "0022");
  mend_first();
  await_from(1, "--22"); /* what 2 gave is kept */
  give(3, 1, 0, 2, 0);
  await(&heard_good, 3);
  assert_int_equal(heard_bad, 1);
  assert_int_equal(sw.wasted, (BLOCKS + 2) * BLOCK_LEN);
  banned(0x1);
  complete();
  end();
}

TEST(each_shape_of_what_a_liar_gave_can_be_taken_back) {
  for (uint32_t shape = 1; shape < 0xf; shape++) { /* bit b: block b was the liar's */
    begin(true);
    spoil_first();
    for (uint32_t b = BLOCKS; b > 0; b--)
      give(shape >> (b - 1) & 1 ? 0 : 2, 1, b - 1, 1, shape);
    mark(5);
    assert_int_equal(heard_bad, 1);
    mend_first();
    mark(6);
    for (uint32_t b = 0; b < BLOCKS; b++) {
      if (!(shape >> b & 1)) continue;
      give(3, 1, b, 1, 0);
      if (b < BLOCKS - 1) mark(2 + b); /* the writer does not get them together */
    }
    complete();
    assert_int_equal(heard_bad, 1);
    banned(0x1);
    assert_int_equal(sw.wasted, (BLOCKS + (uint32_t)__builtin_popcount(shape)) * BLOCK_LEN);
    end();
  }
}

TEST(several_pieces_wait_for_one_verdict) {
  begin(true);
  spoil_first();
  for (uint32_t piece = 1; piece < 4; piece++) {
    give(0, piece, 0, 1, 0x1);
    give(2, piece, 1, 3, 0);
  }
  mark(5);
  assert_int_equal(heard_bad, 1);
  mend_first();
  for (uint32_t piece = 1; piece < 4; piece++) {
    await_from(piece, "-222");
    give(3, piece, 0, 1, 0);
  }
  await(&heard_good, 5);
  assert_int_equal(heard_bad, 1);
  banned(0x1);
  complete();
  end();
}

TEST(a_verdict_does_not_wait_for_ever) {
  begin(true);
  spoil_first();
  give(0, 1, 0, 2, 0x1);
  give(2, 1, 2, 2, 0);
  mark(5);
  atomic_fetch_add(&fake_ms, DEFER_MS - 1);
  mark(6);
  assert_int_equal(heard_bad, 1);
  atomic_fetch_add(&fake_ms, 1);
  await(&heard_bad, 2); /* though nothing comes */
  await_from(1, "----");
  banned(0);
  mend_first();
  give(3, 1, 0, BLOCKS, 0); /* the second suspicion says the same */
  await(&heard_good, 4);
  banned(0x1);
  complete();
  end();
}

TEST(a_piece_that_the_verdict_does_not_save_is_judged_then) {
  begin(true);
  spoil_first();
  give(1, 1, 0, 2, 0x1); /* 1 is honest in piece 0 only */
  give(2, 1, 2, 2, 0);
  mark(5);
  assert_int_equal(heard_bad, 1);
  mend_first();
  await(&heard_bad, 2);
  await_from(1, "----");
  banned(0x1);
  give(3, 1, 0, BLOCKS, 0);
  await(&heard_banned, 2);
  banned(0x3);
  end();
}

/* --- verdicts that do not wait --- */

TEST(a_second_wrong_hash_of_the_same_piece_does_not_wait) {
  begin(true);
  spoil_first();
  give(2, 0, 0, 2, 0x1); /* those who had no part in it, into the common copy */
  give(3, 0, 2, 2, 0);
  await(&heard_bad, 2);
  await_from(0, "----");
  banned(0);
  mark(0);
  mark(5);
  banned(0x5);
  end();
}

TEST(a_wrong_piece_of_one_giver_does_not_wait) {
  begin(true);
  spoil_first();
  give(1, 1, 0, BLOCKS, 0x8);
  await(&heard_banned, 1);
  assert_int_equal(heard_bad, 2);
  banned(0x2);
  end();
}

TEST(a_wrong_piece_of_which_no_giver_is_suspected_does_not_wait) {
  begin(true);
  spoil_first();
  give(2, 1, 0, 2, 0x1);
  give(3, 1, 2, 2, 0);
  await(&heard_bad, 2);
  await_from(1, "----");
  banned(0);
  end();
}

TEST(a_right_piece_waits_for_nothing) {
  begin(true);
  spoil_first();
  give(0, 1, 0, 2, 0);
  give(1, 1, 2, 2, 0);
  await(&heard_good, 1);
  end();
}

/* --- liars --- */

TEST(what_a_liar_had_on_its_way_is_dropped_and_is_waste) {
  begin(true);
  struct run more = ask(0, 1, 0, 2);
  struct run other = ask(0, 2, 1, 1);
  pthread_mutex_lock(&gate);
  give(0, 0, 0, BLOCKS, 0x4);
  await(&heard_bad, 1); /* the verdict is there, the consequences not yet */
  deliver(0, more, 0x1);
  deliver(0, other, 0);
  give(2, 2, 0, 1, 0);
  pthread_mutex_unlock(&gate);
  await(&heard_banned, 1);
  mark(5);
  await_from(1, "----");
  await_from(2, "2---");
  assert_int_equal(sw.wasted, (BLOCKS + 3) * BLOCK_LEN);
  mark(0);
  mark(1);
  give(3, 2, 1, 3, 0);
  await(&heard_good, 4);
  assert_int_equal(sw.wasted, (BLOCKS + 3) * BLOCK_LEN);
  banned(0x1);
  complete();
  end();
}

TEST(what_a_liar_gave_to_unfinished_pieces_is_fetched_again) {
  begin(true);
  give(0, 1, 0, 1, 0x1);
  give(2, 1, 1, 1, 0);
  give(0, 1, 2, 1, 0x4);
  give(0, 0, 0, BLOCKS, 0x1);
  await(&heard_banned, 1);
  await_from(1, "-2--");
  give(3, 1, 0, 1, 0);
  give(3, 1, 2, 2, 0);
  await(&heard_good, 1);
  assert_int_equal(heard_bad, 1);
  assert_int_equal(sw.wasted, (BLOCKS + 2) * BLOCK_LEN);
  banned(0x1);
  complete();
  end();
}

TEST(a_whole_piece_with_blocks_of_a_liar_is_judged_when_they_have_been_fetched_again) {
  begin(true);
  pthread_mutex_lock(&gate);
  mark(6); /* so that the writer finds all of this together */
  give(0, 0, 0, BLOCKS, 0x1);
  give(2, 1, 0, 3, 0);
  give(0, 1, 3, 1, 0x8); /* now it is whole, and wrong */
  pthread_mutex_unlock(&gate);
  await_from(1, "222-");
  mark(5);
  assert_int_equal(heard_bad, 1);
  assert_int_equal(sw.wasted, (BLOCKS + 1) * BLOCK_LEN);
  give(3, 1, 3, 1, 0);
  complete();
  banned(0x1);
  end();
}

/* --- contested pieces --- */

TEST(what_everybody_gave_to_a_wrong_piece_counts_in_his_own_copy) {
  begin(true);
  spoil_first();
  await_from_copy(0, copy_of(0, 0), "00--");
  await_from_copy(0, copy_of(1, 0), "--11");
  give(1, 0, 0, 2, 0); /* the honest one is asked for nothing twice */
  await(&heard_good, 1);
  await(&heard_banned, 1);
  mark(5);
  banned(0x1);
  assert_true(is_done(0));
  assert_int_equal(heard_bad, 1);
  assert_int_equal(sw.wasted, 2 * BLOCK_LEN);
  complete(); /* it lies where it belongs */
  end();
}

TEST(a_liar_that_completes_its_own_copy_is_named_by_that) {
  begin(true);
  spoil_first();
  give(0, 0, 2, 2, 0);
  await(&heard_banned, 1);
  assert_false(is_done(0));
  banned(0x1);
  give(1, 0, 0, 2, 0);
  await_done(0);
  assert_int_equal(sw.wasted, BLOCKS * BLOCK_LEN);
  complete();
  end();
}

TEST(lies_in_copies_that_never_became_whole_are_found) {
  begin(true);
  spoil_first();
  give(1, 0, 0, 1, 0x1); /* 1 was honest before */
  mark(5);
  mend_first();
  await(&heard_banned, 2);
  banned(0x3);
  await_done(0);
  complete();
  end();
}

/* Four share it; the second half of them has the liar, whoever that is. */
TEST(a_copy_that_is_wrong_is_parted_again) {
  for (int liar = 0; liar < 4; liar++) {
    begin(true);
    for (int i = 0; i < 4; i++) give(i, 0, (uint32_t)i, 1, i == liar ? 0xf : 0);
    await(&heard_bad, 1);
    await_from(0, "----");
    int mate = 0; /* the other one of the liar's half brings what it lacks */
    while (mate == liar || copy_of(mate, 0) != copy_of(liar, 0)) mate++;
    uint32_t shared = copy_of(mate, 0);
    for (int b = 0; b < 4; b++)
      if (b != mate && b != liar) give(mate, 0, (uint32_t)b, 1, 0);
    int64_t since_ms = real_ms();
    while (copy_of(mate, 0) == shared) late_after_a_minute(since_ms, "the verdict");
    assert_int_not_equal(copy_of(mate, 0), copy_of(liar, 0));
    assert_false(is_done(0));
    banned(0);
    give(mate, 0, (uint32_t)liar, 1, 0); /* all of it is from one now */
    await(&heard_banned, 1);
    banned(UINT32_C(1) << liar);
    await_done(0);
    complete();
    end();
  }
}

TEST(who_was_cut_off_goes_on_where_it_was) {
  begin(true);
  spoil_first();
  give(1, 0, 0, 1, 0);
  mark(5);
  uint32_t number = member[1].number;
  pieces_leave(sw.pieces, &member[1]);
  assert_int_equal(pieces_join(sw.pieces, &member[1], number), ERR_OK);
  pieces_set_have_all(sw.pieces, &member[1]);
  await_from_copy(0, copy_of(1, 0), "1-11");
  give(1, 0, 1, 1, 0);
  await(&heard_banned, 1);
  banned(0x1);
  await_done(0);
  complete();
  end();
}

TEST(the_second_verdict_refuses_the_liar_and_trusts_the_other) {
  begin(false);
  spoil_first();
  mark(6);
  mend_first();
  mark(5);
  assert_false(pieces_is_proven(sw.pieces, &member[0]));
  assert_true(pieces_is_proven(sw.pieces, &member[1]));
  assert_true(pieces_is_proven(sw.pieces, &member[3]));
  assert_true(member[0].refused && !member[1].refused);
  char c;
  assert_int_equal(recv(far[0], &c, 1, MSG_DONTWAIT), 0); /* its connection is shut */
  assert_int_equal(recv(far[1], &c, 1, MSG_DONTWAIT), -1);
  end();
}

TEST(who_had_a_part_in_a_wrong_piece_is_doubted_until_the_liar_is_named) {
  begin(false);
  spoil_first();
  assert_true(roster_is_doubted(sw.roster, member[0].number));
  assert_true(roster_is_doubted(sw.roster, member[1].number));
  assert_false(roster_is_doubted(sw.roster, member[2].number));
  mend_first();
  mark(5);
  assert_false(roster_is_doubted(sw.roster, member[1].number));
  end();
}

/* The writer finds both fragments of an honest connection in one batch, the second half first. */
TEST(what_takes_a_liars_place_comes_in_any_order) {
  begin(true);
  give(0, 1, 0, 2, 0);
  give(0, 0, 0, BLOCKS, 0x1);
  await(&heard_banned, 1);
  await_from(1, "----");
  mark(5);
  pthread_mutex_lock(&gate);
  mark(6);
  give(3, 1, 2, 2, 0); /* at the hash cursor */
  give(3, 1, 0, 2, 0); /* in the place of what the liar gave */
  pthread_mutex_unlock(&gate);
  mark(2);
  mark(3);
  banned(0x1); /* 3 is honest */
  assert_int_equal(heard_bad, 1);
  assert_true(is_done(1));
  end();
}

int main(void) {
  RUN(WRITING(a_wrong_piece_of_a_suspected_giver_waits_and_only_the_liars_blocks_are_fetched_again),
      WRITING(each_shape_of_what_a_liar_gave_can_be_taken_back),
      WRITING(several_pieces_wait_for_one_verdict), WRITING(a_verdict_does_not_wait_for_ever),
      WRITING(a_piece_that_the_verdict_does_not_save_is_judged_then),
      WRITING(a_second_wrong_hash_of_the_same_piece_does_not_wait),
      WRITING(a_wrong_piece_of_one_giver_does_not_wait),
      WRITING(a_wrong_piece_of_which_no_giver_is_suspected_does_not_wait),
      WRITING(a_right_piece_waits_for_nothing),
      WRITING(what_a_liar_had_on_its_way_is_dropped_and_is_waste),
      WRITING(what_a_liar_gave_to_unfinished_pieces_is_fetched_again),
      WRITING(a_whole_piece_with_blocks_of_a_liar_is_judged_when_they_have_been_fetched_again),
      WRITING(what_everybody_gave_to_a_wrong_piece_counts_in_his_own_copy),
      WRITING(a_liar_that_completes_its_own_copy_is_named_by_that),
      WRITING(lies_in_copies_that_never_became_whole_are_found),
      WRITING(a_copy_that_is_wrong_is_parted_again), WRITING(who_was_cut_off_goes_on_where_it_was),
      WRITING(the_second_verdict_refuses_the_liar_and_trusts_the_other),
      WRITING(who_had_a_part_in_a_wrong_piece_is_doubted_until_the_liar_is_named),
      WRITING(what_takes_a_liars_place_comes_in_any_order));
}
