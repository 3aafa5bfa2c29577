/*
 * One piece, two honest connections, eighteen liars: who wins (swarm/pieces.h)? The liars lie now
 * and then or always, bring nothing of what they are asked for, choke, hang up, come back and seem
 * to be fast; the honest bring one block each turn. The test is the writer, too, and knows only
 * which blocks were lies. Time is what the test says it is, a turn being 20 ms.
 */
#include "../test.h"

#include "../support/swarm_fixture.h"

#define NOW 1000000
#define FAST (UINT64_C(1) << 30)

enum { PLAYERS = 20, HONEST = 2, GAME_BLOCKS = 200, TURN_MS = 20, SILENCE_MS = 2000 };

static struct fix f;
static struct pieces *q;
static struct pieces_peer player[PLAYERS];
static bool present[PLAYERS];
static bool barred[PLAYERS];
static uint32_t brought[PLAYERS];
static bool lie[PLAYERS][GAME_BLOCKS]; /* what this one gave for the block was wrong */
static struct crypto_rng rng;

static void sound(void) {
  const char *fault = fix_queue_fault(q);
  if (fault != NULL) fail_msg("%s", fault);
}

static uint32_t all_of(const struct run *r) {
  return r->count == 32 ? UINT32_MAX : (UINT32_C(1) << r->count) - 1;
}

static bool chance(uint32_t n) {
  return crypto_rng_below(&rng, n) == 0;
}

/* The first who gave to this copy, if nobody else did: his number, else 0. */
static uint32_t single(const struct open_piece *op) {
  for (uint32_t b = 1; b < op->blocks; b++)
    if (op->from[b] != op->from[0]) return 0;
  return op->from[0];
}

/* The writer: judges the copy if it is whole. */
static void judge_copy(struct open_piece *op) {
  uint32_t where[GAME_BLOCKS];
  bool good = true;
  if (op->missing > 0) return;
  for (uint32_t b = 0; b < op->blocks; b++) good = good && !lie[op->from[b] - 1][b];
  if (good) {
    pieces_verified(q, 0);
    return;
  }
  uint32_t number = single(op);
  bool parted = pieces_failed(q, 0, op->copy, true, where);
  assert_int_equal(parted, number == 0);
  if (number == 0) return;
  assert_true(number > HONEST); /* nobody innocent */
  pieces_refuse(q, number);
  barred[number - 1] = true;
}

static void enter(int i, int64_t now_ms) {
  assert_int_equal(pieces_join(q, &player[i], (uint32_t)i + 1), ERR_OK);
  atomic_store(&player[i].rate, i < HONEST ? BLOCK_LEN * 1000 / TURN_MS : FAST);
  atomic_store(&player[i].last_ms, now_ms);
  pieces_set_have_all(q, &player[i]);
  present[i] = true;
}

/* It chokes, or has been silent for too long: what it was asked for goes to others. */
static void fall_silent(int i) {
  pieces_note_silence(q, &player[i]);
  while (player[i].run_count > 0) {
    struct run r = player[i].runs[player[i].run_count - 1];
    pieces_release(q, &player[i], &r, all_of(&r));
  }
  pieces_let_go(q, &player[i]);
}

/* One turn of a liar: comes, goes, chokes, says nothing, or brings a block, right or wrong. */
static void cheat(int i, int64_t now_ms, uint32_t zeal) {
  struct run r;
  if (barred[i]) return;
  if (!present[i]) {
    if (chance(4)) enter(i, now_ms);
    return;
  }
  if (chance(12)) {
    pieces_leave(q, &player[i]);
    present[i] = false;
    return;
  }
  bool silent = player[i].asked > 0 && now_ms - atomic_load(&player[i].last_ms) > SILENCE_MS;
  if (chance(100) || silent) fall_silent(i);
  if (pieces_take(q, &player[i], 1 + (uint32_t)crypto_rng_below(&rng, 8), now_ms, &r) != TAKE_RUN)
    return;
  if (!chance(zeal)) return; /* it does not come */
  for (uint32_t b = r.first; b < r.first + r.count; b++) lie[i][b] = chance(1 + zeal);
  struct open_piece *op = pieces_copy_of(q, player[i].number, 0);
  brought[i] += (uint32_t)__builtin_popcount(pieces_received(q, &player[i], &r, all_of(&r)));
  atomic_store(&player[i].last_ms, now_ms);
  judge_copy(op);
}

/* An honest one brings one block each turn. */
static void serve(int i, int64_t now_ms) {
  struct run r;
  if (player[i].asked > 0) return;
  if (pieces_take(q, &player[i], 1, now_ms, &r) != TAKE_RUN) return;
  struct open_piece *op = pieces_copy_of(q, player[i].number, 0);
  uint32_t got = pieces_received(q, &player[i], &r, 1);
  assert_int_equal(got, 1);
  brought[i] += got;
  atomic_store(&player[i].last_ms, now_ms);
  judge_copy(op);
}

/* The piece is begun; everybody is there. */
static void begin(void) {
  fix_swarm(&f, (uint64_t)GAME_BLOCKS * BLOCK_LEN, GAME_BLOCKS * BLOCK_LEN);
  q = f.sw.pieces;
  memset(lie, 0, sizeof lie);
  memset(barred, 0, sizeof barred);
  memset(brought, 0, sizeof brought);
  for (int i = 0; i < PLAYERS; i++) enter(i, NOW);
}

static void end(void) {
  for (int i = 0; i < PLAYERS; i++) {
    if (present[i]) pieces_leave(q, &player[i]);
    present[i] = false;
  }
  sound();
  fix_free(&f);
}

/* Everybody moves, the liars in any order and some of them several times. */
static void play(int64_t now_ms, uint32_t zeal) {
  for (int k = 0; k < PLAYERS && q->done.count == 0; k++) {
    int i = (int)crypto_rng_below(&rng, PLAYERS);
    if (i >= HONEST) cheat(i, now_ms, zeal);
  }
  for (int i = 0; i < HONEST && q->done.count == 0; i++) serve(i, now_ms);
}

/* Nobody brings a block twice, nobody innocent is refused, and it takes no longer than three times
 * as long as one honest connection would need alone. */
TEST(liars_can_keep_nobody_from_bringing_the_piece) {
  uint32_t longest = 0;
  crypto_rng_init(&rng);
  print_message("seed %#llx\n", (unsigned long long)rng.s); /* the same again: rng.s = this */
  for (uint32_t game = 0; game < 300; game++) {
    begin();
    for (uint32_t turn = 0; q->done.count == 0; turn++) {
      play(NOW + (int64_t)turn * TURN_MS, 1 + game % 4);
      if (turn % 8 == 0) sound();
      if (turn > 3 * GAME_BLOCKS) fail_msg("no end: %u and %u", brought[0], brought[1]);
      if (turn > longest) longest = turn;
    }
    for (int i = 0; i < PLAYERS; i++) assert_true(brought[i] <= GAME_BLOCKS);
    end();
  }
  print_message("the longest game took %u turns\n", longest);
}

int main(void) {
  RUN(T(liars_can_keep_nobody_from_bringing_the_piece));
}
