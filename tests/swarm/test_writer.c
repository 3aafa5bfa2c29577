/*
 * The writer with a real store in a folder of its own: fragments in any order, with holes, of
 * pieces of all shapes end up on disk and are judged; wrong ones are laid at the right door; a disk
 * that fails stops nobody. The test plays the workers: it takes runs from the queue under several
 * names and sends fragments through the channel. The writer has done with them when it has been
 * stopped.
 */
#include "../io/made.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "io/net.h"
#include "swarm/writer.h"

enum { KIB = 1024, MEMBERS = 4 };

static struct made torrent;
static struct swarm sw;
static struct writer *writer;
static struct pieces_peer member[MEMBERS];
static struct roster_seat seat[MEMBERS];
static int far[MEMBERS];
static _Atomic uint32_t heard_good;
static _Atomic uint32_t heard_bad;
static _Atomic uint32_t heard_banned;
static _Atomic uint32_t heard_odd; /* in its own thread, where an assertion would not end well */

static void on_ring(void *arg, uint32_t number) {
  (void)arg;
  (void)number;
}

static void on_piece(void *arg, uint32_t index, uint32_t length, bool good) {
  (void)arg;
  if (length != geometry_piece_len(&torrent.m.geo, index)) atomic_fetch_add(&heard_odd, 1);
  atomic_fetch_add(good ? &heard_good : &heard_bad, 1);
}

static void on_banned(void *arg, const struct addr *a) {
  (void)arg;
  if (a->ip[0] != 10) atomic_fetch_add(&heard_odd, 1);
  atomic_fetch_add(&heard_banned, 1);
}

static void join(int i) {
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  seat[i] = (struct roster_seat){
    .addr = {.family = 4, .ip = {10, 0, (uint8_t)i, 1}, .port = 6881}, .bell = net_bell_new()};
  assert_int_equal(roster_enter(sw.roster, &seat[i]), ERR_OK);
  assert_int_equal(roster_connected(sw.roster, &seat[i], pair[0]), ERR_OK);
  far[i] = pair[1];
  assert_int_equal(pieces_join(sw.pieces, &member[i], seat[i].number), ERR_OK);
  member[i].proven = true;
  pieces_set_have_all(sw.pieces, &member[i]);
  atomic_store(&member[i].rate, 1); /* slow: whoever asks gets the next run */
}

static void begin(uint64_t total, uint32_t piece_len) {
  torrent = made_single("file", piece_len, total);
  memset(&sw, 0, sizeof sw);
  memset(member, 0, sizeof member);
  heard_good = heard_bad = heard_banned = heard_odd = 0;
  sw.meta = &torrent.m;
  sw.store = made_open(&torrent, ".");
  assert_int_equal(store_prepare(sw.store, ALLOCATE_SPARSE), ERR_OK);
  sw.book = addrbook_new(64);
  sw.roster = roster_new(64, sw.peer_id);
  sw.pieces = pieces_new(&torrent.m.geo, NULL, on_ring, NULL);
  sw.results = chan_new(64, 4 << 20);
  sw.pool = fragment_pool_new();
  sw.bell = net_bell_new();
  sw.hooks = (struct swarm_hooks){.piece = on_piece, .banned = on_banned};
  for (int i = 0; i < MEMBERS; i++) join(i);
  assert_int_equal(writer_start(&sw, &writer), ERR_OK);
}

/* Waits until the writer has handled all that was sent, and starts another that knows nothing: only
 * between pieces. */
static void settle(void) {
  chan_close(sw.results);
  writer_stop(writer);
  chan_free(sw.results);
  sw.results = chan_new(64, 4 << 20);
  assert_int_equal(atomic_load(&heard_odd), 0);
}

static void end(void) {
  for (int i = 0; i < MEMBERS; i++) {
    pieces_leave(sw.pieces, &member[i]);
    roster_leave(sw.roster, &seat[i]);
    close(seat[i].fd);
    close(seat[i].bell);
    close(far[i]);
  }
  pieces_free(sw.pieces);
  roster_free(sw.roster);
  addrbook_free(sw.book);
  chan_free(sw.results);
  fragment_pool_free(sw.pool);
  close(sw.bell);
  store_close(sw.store);
  made_free(&torrent);
}

static struct run take(int i, uint32_t max) {
  struct run r = {0};
  assert_int_equal(pieces_take(sw.pieces, &member[i], max, clock_now_ms(), &r), TAKE_RUN);
  return r;
}

/* Sends the blocks of `mask`; with `lie` the first byte of block `lie - 1` of the piece is wrong.
 * What is not in the mask is rubbish in the fragment. */
static void send_some(int i, const struct run *r, uint32_t mask, uint32_t lie) {
  struct fragment *f = fragment_get(sw.pool, r->count);
  const uint8_t *at = torrent.data + geometry_piece_offset(&torrent.m.geo, r->piece);
  assert_non_null(f);
  memset(f->data, 0xee, (size_t)r->count * BLOCK_LEN);
  for (uint32_t k = 0; k < r->count; k++) {
    uint32_t b = r->first + k;
    if (!(mask >> k & 1)) continue;
    memcpy(f->data + (size_t)k * BLOCK_LEN, at + (size_t)b * BLOCK_LEN,
           geometry_block_len(&torrent.m.geo, r->piece, b));
    if (lie == b + 1) f->data[(size_t)k * BLOCK_LEN] ^= 0x55;
  }
  f->piece = r->piece;
  f->first = r->first;
  f->valid = mask;
  f->from = member[i].number;
  assert_int_equal(pieces_received(sw.pieces, &member[i], r, mask), mask);
  assert_int_equal(chan_send(sw.results, f, (uint64_t)f->capacity * BLOCK_LEN, CLOCK_NEVER),
                   ERR_OK);
}

static uint32_t all_of(const struct run *r) {
  return r->count == 32 ? UINT32_MAX : (UINT32_C(1) << r->count) - 1;
}

static void send_all(int i, const struct run *r) {
  send_some(i, r, all_of(r), 0);
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
  send_some(0, &r, 0x55555555, 0); /* every other one: the most runs that a fragment can have */
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
  send_some(0, &r, 0xe, 0);
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
  send_some(1, &r, 0xf, 3);
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
    send_some(i, &r, all_of(&r), i == 1 ? r.first + 1 : 0);
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

TEST(a_shared_piece_that_was_wrong_is_fetched_again_by_one_alone) {
  begin(64 * KIB, 64 * KIB);
  share_with_a_liar();
  await(&heard_bad, 1);
  struct run first = {0};
  struct run r = {0};
  while (pieces_take(sw.pieces, &member[3], 2, 0, &first) != TAKE_RUN) sched_yield();
  assert_int_equal(pieces_take(sw.pieces, &member[1], 4, 0, &r), TAKE_NOTHING);
  send_all(3, &first);
  assert_int_equal(pieces_take(sw.pieces, &member[1], 4, 0, &r), TAKE_NOTHING);
  r = take(3, 4);
  send_all(3, &r);
  settle();
  complete_and_right();
  end();
}

TEST(a_liar_that_fetches_again_alone_is_named_and_the_first_suspicion_still_stands) {
  begin(64 * KIB, 64 * KIB);
  share_with_a_liar();
  await(&heard_bad, 1);
  struct run r = {0};
  while (pieces_take(sw.pieces, &member[2], 4, 0, &r) != TAKE_RUN) sched_yield();
  send_some(2, &r, 0xf, 4); /* an honest one no more */
  await(&heard_bad, 2);
  while (pieces_take(sw.pieces, &member[3], 4, 0, &r) != TAKE_RUN) sched_yield();
  send_all(3, &r);
  settle();
  complete_and_right();
  assert_true(is_banned(1) && is_banned(2));
  assert_false(is_banned(0) || is_banned(3));
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

static int quiet_setup(void **state) {
  log_set_level(LOG_ERROR);
  return made_setup(state);
}

#define QUIET(name) cmocka_unit_test_setup_teardown(name, quiet_setup, made_teardown)

int main(void) {
  RUN(QUIET(fragments_in_order_end_up_on_disk), QUIET(fragments_in_any_order_end_up_on_disk),
      QUIET(only_valid_blocks_are_written_and_the_rest_comes_later),
      QUIET(a_hole_at_the_front_holds_up_the_hash_but_not_the_disk),
      QUIET(pieces_interleaved_are_hashed_apart), QUIET(pieces_smaller_than_a_block_are_fine),
      QUIET(a_wrong_piece_from_one_connection_names_the_liar),
      QUIET(of_those_who_shared_a_wrong_piece_only_the_liar_is_banned),
      QUIET(a_shared_piece_that_was_wrong_is_fetched_again_by_one_alone),
      QUIET(a_liar_that_fetches_again_alone_is_named_and_the_first_suspicion_still_stands),
      QUIET(when_the_disk_fails_it_is_said_once_and_nobody_waits), QUIET(null_may_be_stopped));
}
