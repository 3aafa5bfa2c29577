/*
 * The writer with a real store in a folder of its own: fragments in any order, with holes, of
 * pieces of all shapes end up on disk and are judged; wrong ones are laid at the right door; a disk
 * that fails stops nobody. The test plays the workers: it takes runs from the queue under several
 * names and sends fragments through the channel. The writer has done with them when it has been
 * stopped.
 */
#include "../support/writing.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/crypto.h"

enum { KIB = 1024, MEMBERS = 4 };

static struct chan *new_results(void) {
  return chan_new(64, 4 << 20);
}

static void begin(uint64_t total, uint32_t piece_len) {
  writing_begin(total, piece_len, new_results());
  for (int i = 0; i < MEMBERS; i++) {
    writing_join(i);
    member[i].proven = true;
    atomic_store(&member[i].rate, 1); /* slow: whoever asks gets the next run */
  }
  assert_int_equal(writer_start(&sw, &writer), ERR_OK);
}

/* Ends the writer once it has handled all that was sent. Another may be started, which knows
 * nothing: only between pieces. */
static void settle(void) {
  chan_close(sw.results);
  writer_stop(writer);
  chan_free(sw.results);
  sw.results = new_results();
}

static void end(void) {
  for (int i = 0; i < MEMBERS; i++) writing_leave(i);
  writing_end();
}

static struct run take(int i, uint32_t max) {
  struct run r = {0};
  assert_int_equal(pieces_take(sw.pieces, &member[i], max, clock_now_ms(), &r), TAKE_RUN);
  return r;
}

static void send_all(int i, const struct run *r) {
  writing_send(i, r, writing_all(r), 0);
}

static void complete_and_right(void) {
  struct pieces_stats s;
  pieces_stats(sw.pieces, &s);
  assert_true(s.complete);
  assert_int_equal(atomic_load(&heard_good), torrent.m.geo.pieces);
  assert_int_equal(atomic_load(&sw.disk_error), 0);
  assert_true(made_right(&torrent, 0, "file"));
}

/* Waits for the judgement of a piece: the queue knows of it. */
static void await(const _Atomic uint32_t *what, uint32_t value) {
  int64_t late = clock_now_ms() + 60000;
  while (atomic_load(what) < value) {
    if (clock_now_ms() > late) fail_msg("the writer has not judged after a minute");
    sched_yield();
  }
}

/* --- order --- */

TEST(fragments_in_order_end_up_on_disk) {
  begin(3 * 256 * KIB, 256 * KIB);
  for (int n = 0; n < 3 * 4; n++) {
    struct run r = take(0, 4);
    send_all(0, &r);
  }
  settle();
  complete_and_right();
  assert_int_equal(sw.wasted, 0);
  end();
}

TEST(fragments_in_any_order_end_up_on_disk) {
  struct crypto_rng rng;
  crypto_rng_init(&rng);
  for (int round = 0; round < 8; round++) {
    begin(2 * 1024 * KIB + 333 * KIB + 1, 1024 * KIB); /* with a short last piece and block */
    struct run r[64 * 3];
    uint32_t n = 0;
    struct pieces_stats s = {0};
    while (pieces_take(sw.pieces, &member[0], 1 + (uint32_t)crypto_rng_below(&rng, 32), 0, &r[n]) ==
           TAKE_RUN)
      n++;
    while (n > 0) {
      uint32_t k = (uint32_t)crypto_rng_below(&rng, n);
      send_all(0, &r[k]);
      r[k] = r[--n];
    }
    settle();
    pieces_stats(sw.pieces, &s);
    complete_and_right();
    end();
  }
}

TEST(only_valid_blocks_are_written_and_the_rest_comes_later) {
  begin(32 * 16 * KIB, 32 * 16 * KIB);
  struct run r = take(0, 32);
  assert_int_equal(r.count, 32);
  writing_send(0, &r, 0x55555555, 0); /* every other one: the most runs that a fragment can have */
  pieces_release(sw.pieces, &member[0], &r, 0xaaaaaaaa);
  for (int n = 0; n < 16; n++) {
    struct run one = take(1, 32);
    assert_int_equal(one.count, 1);
    send_all(1, &one);
  }
  settle();
  complete_and_right();
  end();
}

TEST(a_hole_at_the_front_holds_up_the_hash_but_not_the_disk) {
  begin(64 * KIB, 64 * KIB);
  struct run r = take(0, 4);
  writing_send(0, &r, 0xe, 0);
  pieces_release(sw.pieces, &member[0], &r, 0x1);
  r = take(1, 4);
  send_all(1, &r);
  settle();
  complete_and_right();
  end();
}

TEST(pieces_interleaved_are_hashed_apart) {
  begin(9 * 512 * KIB, 512 * KIB);
  struct run r;
  for (int i = 0; i < 3; i++) atomic_store(&member[i].rate, UINT64_C(1) << 30); /* one piece each */
  for (int n = 0; n < 3 * 9 * 32; n++)
    if (pieces_take(sw.pieces, &member[n % 3], 3, clock_now_ms(), &r) == TAKE_RUN)
      send_all(n % 3, &r);
  settle();
  complete_and_right();
  struct roster_stats s;
  roster_stats(sw.roster, &s);
  assert_int_equal(s.gave, 3);
  end();
}

TEST(pieces_smaller_than_a_block_are_fine) {
  begin(100 * 700 + 3, 700);
  for (int n = 0; n < 101; n++) {
    struct run r = take(n % MEMBERS, 1);
    send_all(n % MEMBERS, &r);
  }
  settle();
  complete_and_right();
  end();
}

/* --- lies --- */

static bool is_banned(int i) {
  return addrbook_is_banned(sw.book, &seat[i].addr);
}

static bool is_shut(int i) {
  char c;
  return recv(far[i], &c, 1, MSG_DONTWAIT) == 0;
}

TEST(a_wrong_piece_from_one_connection_names_the_liar) {
  begin(2 * 64 * KIB, 64 * KIB);
  struct run r = take(1, 4);
  writing_send(1, &r, 0xf, 0x4);
  await(&heard_bad, 1);
  settle();
  assert_true(is_banned(1) && is_shut(1));
  assert_false(is_banned(0) || is_shut(0) || is_banned(2));
  assert_int_equal(heard_banned, 1);
  assert_int_equal(sw.wasted, 64 * KIB);
  assert_int_equal(writer_start(&sw, &writer), ERR_OK);
  for (int n = 0; n < 2; n++) { /* it is fetched again, and right */
    r = take(0, 4);
    send_all(0, &r);
  }
  settle();
  complete_and_right();
  assert_int_equal(heard_banned, 1);
  end();
}

/* Three members share a piece, member 1 lies. */
static void share_with_a_liar(void) {
  for (int i = 0; i < 4; i++) atomic_store(&member[i].rate, 20000); /* slow, but not hopeless */
  for (int i = 0; i < 3; i++) {
    struct run r = take(i, i == 1 ? 2 : 1);
    writing_send(i, &r, writing_all(&r), i == 1 ? 0x1 : 0);
  }
}

TEST(of_those_who_shared_a_wrong_piece_only_the_liar_is_banned) {
  begin(64 * KIB, 64 * KIB);
  share_with_a_liar();
  await(&heard_bad, 1);
  assert_int_equal(heard_banned, 0); /* it may have been any of them */
  struct run r = {0};
  while (pieces_take(sw.pieces, &member[3], 4, 0, &r) != TAKE_RUN) sched_yield();
  assert_int_equal(r.count, 4);
  send_all(3, &r); /* fetched again by somebody else */
  settle();
  complete_and_right();
  assert_true(is_banned(1) && is_shut(1));
  assert_false(is_banned(0) || is_banned(2) || is_banned(3));
  assert_int_equal(heard_banned, 1);
  end();
}

/* Takes what there is for a member, and sends it, unless the piece is right meanwhile. */
static void go_on(int i, uint32_t lies) {
  struct run r;
  if (pieces_take(sw.pieces, &member[i], 4, 0, &r) != TAKE_RUN) return;
  uint32_t mask = pieces_received(sw.pieces, &member[i], &r, writing_all(&r));
  if (mask == 0) return;
  struct fragment *g = writing_fragment(i, &r, mask, lies);
  assert_int_equal(chan_send(sw.results, g, (uint64_t)g->capacity * BLOCK_LEN, CLOCK_NEVER),
                   ERR_OK);
}

TEST(those_who_shared_a_wrong_piece_can_mend_it_themselves) {
  for (int liar = 0; liar < 3; liar++) { /* whose own copy never becomes right */
    begin(64 * KIB, 64 * KIB);
    member[3].snubbed = true;
    for (int i = 0; i < 4; i++) atomic_store(&member[i].rate, 20000);
    for (int i = 0; i < 3; i++) {
      struct run r = take(i, i == 1 ? 2 : 1);
      writing_send(i, &r, writing_all(&r), i == liar ? 0x1 : 0);
    }
    await(&heard_bad, 1);
    struct pieces_stats s = {0};
    for (int n = 0; !s.complete; n++) { /* each brings what its half lacks */
      go_on(n % 3, n % 3 == liar ? 0x1 : 0);
      sched_yield();
      pieces_stats(sw.pieces, &s);
    }
    settle();
    complete_and_right();
    for (int i = 0; i < 4; i++) assert_int_equal(is_banned(i), i == liar);
    assert_int_equal(heard_bad, 1);
    end();
  }
}

TEST(who_lies_when_it_is_fetched_again_is_named_and_the_first_suspicion_still_stands) {
  begin(64 * KIB, 64 * KIB);
  share_with_a_liar();
  await(&heard_bad, 1);
  struct run r = {0};
  while (pieces_take(sw.pieces, &member[3], 4, 0, &r) != TAKE_RUN) sched_yield();
  assert_int_equal(r.count, 4);
  writing_send(3, &r, 0xf, 0x8); /* it had no part in it before */
  await(&heard_banned, 1);
  for (int n = 0; !is_banned(1); n++) {
    go_on(n % 3, 0);
    sched_yield();
  }
  settle();
  complete_and_right();
  assert_true(is_banned(1) && is_banned(3));
  assert_false(is_banned(0) || is_banned(2));
  end();
}

/* --- a disk that fails --- */

/* Writes beyond the limit fail with EFBIG; see setrlimit(2). */
static void limit_file_size(rlim_t bytes) {
  struct rlimit l;
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
  l.rlim_cur = bytes;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

TEST(when_the_disk_fails_it_is_said_once_and_nobody_waits) {
  begin(64 * 64 * KIB, 64 * KIB);
  made_listen();
  limit_file_size(100 * KIB);
  /* more than the channel holds: if the writer stopped taking, this would never end */
  for (int n = 0; n < 64; n++) {
    struct run r = take(0, 4);
    send_all(0, &r);
  }
  settle();
  limit_file_size(RLIM_INFINITY);
  assert_int_equal(sw.disk_error, ERR_SPACE);
  assert_int_not_equal(made_listened()[0], '\0'); /* the user was told why */
  struct pieces_stats s;
  pieces_stats(sw.pieces, &s);
  assert_false(s.complete);
  assert_int_equal(heard_bad, 0); /* nobody is to blame */
  assert_int_equal(heard_banned, 0);
  uint64_t rings;
  assert_int_equal(read(sw.bell, &rings, sizeof rings), sizeof rings);
  end();
}

TEST(null_may_be_stopped) {
  writer_stop(NULL);
}

int main(void) {
  RUN(WRITING(fragments_in_order_end_up_on_disk), WRITING(fragments_in_any_order_end_up_on_disk),
      WRITING(only_valid_blocks_are_written_and_the_rest_comes_later),
      WRITING(a_hole_at_the_front_holds_up_the_hash_but_not_the_disk),
      WRITING(pieces_interleaved_are_hashed_apart), WRITING(pieces_smaller_than_a_block_are_fine),
      WRITING(a_wrong_piece_from_one_connection_names_the_liar),
      WRITING(of_those_who_shared_a_wrong_piece_only_the_liar_is_banned),
      WRITING(those_who_shared_a_wrong_piece_can_mend_it_themselves),
      WRITING(who_lies_when_it_is_fetched_again_is_named_and_the_first_suspicion_still_stands),
      WRITING(when_the_disk_fails_it_is_said_once_and_nobody_waits), WRITING(null_may_be_stopped));
}
