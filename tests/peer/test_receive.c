/*
 * Bytes become messages however they are cut. The connection under test asks the queue for
 * everything of a small torrent; the test answers as a peer would, or as one should not, in pieces
 * of every size, and looks at what came to the writer: each block once, with the right content, in
 * whatever order it was sent. After each step all counts of the connection and of the queue must be
 * right.
 */
#include "../support/one_link.h"

enum { KIB = 1024 };

/* A torrent of which everything has been asked of one seed. Returns how many blocks that is. */
static uint32_t begin(uint64_t total, uint32_t piece_len) {
  fix_swarm(&f, total, piece_len);
  l = fix_peer(&f, 1);
  fix_ask_for_all(&l);
  uint32_t requests = 0;
  struct wire_message m;
  while (fix_said(&l, &m)) {
    if (m.id != WIRE_REQUEST) continue;
    requests++;
    assert_int_equal(m.begin % BLOCK_LEN, 0);
    assert_int_equal(m.length,
                     geometry_block_len(&f.meta.geo, m.index, m.begin / BLOCK_LEN));
  }
  assert_int_equal(requests, l.p->outstanding);
  sound();
  return requests;
}

static void nothing_left(void) {
  assert_int_equal(l.error, ERR_OK);
  assert_int_equal(l.p->outstanding, 0);
  assert_int_equal(l.p->job_count, 0);
  fix_write(&f);
  assert_true(fix_all_came_once(&f));
  assert_int_equal(f.sw.received, f.meta.geo.total);
  assert_int_equal(f.sw.wasted, 0);
  sound();
}

static struct buf stream(void) {
  struct buf b;
  buf_init(&b, 16 << 20);
  return b;
}

struct place {
  uint32_t piece;
  uint32_t block;
};

/* The blocks in the order of asking. */
static uint32_t asked(struct place *out) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < l.p->job_count; k++) {
    const struct run *r = &l.p->jobs[(l.p->job_head + k) % PEER_JOBS_MAX].run;
    for (uint32_t i = 0; i < r->count; i++) out[n++] = (struct place){r->piece, r->first + i};
  }
  return n;
}

static void put(struct buf *b, struct place p) {
  fix_put_block(&f, b, p.piece, p.block);
}

static void put_in_order(struct buf *b) {
  struct place at[1024];
  uint32_t n = asked(at);
  for (uint32_t i = 0; i < n; i++) put(b, at[i]);
}

/* --- cut anywhere --- */

/* 6 pieces of 41 bytes and one of 17: blocks so small that every cut can be tried. */
enum { TINY_TOTAL = 6 * 41 + 17, TINY_PIECE = 41 };

static void put_tiny_with_others_between(struct buf *b) {
  struct place at[1024];
  uint32_t n = asked(at);
  for (uint32_t i = 0; i < n; i++) {
    if (i == 1) wire_put_keepalive(b);
    if (i == 2) wire_put_index(b, WIRE_HAVE, 3);
    if (i == 3) wire_put_simple(b, WIRE_INTERESTED);
    if (i == 4) wire_put_extended(b, 77, "something of no use", 19);
    if (i == 5) buf_put(b, "\0\0\0\5\xc8unkn", 9);
    put(b, at[i]);
  }
  wire_put_simple(b, WIRE_NOT_INTERESTED);
}

TEST(a_stream_cut_in_two_at_every_byte_arrives_whole) {
  for (size_t cut = 1;; cut++) {
    begin(TINY_TOTAL, TINY_PIECE);
    struct buf b = stream();
    put_tiny_with_others_between(&b);
    size_t len = b.len;
    fix_feed_by(&l, b.data, cut, cut);
    sound();
    fix_feed_by(&l, b.data + cut, len - cut, len);
    buf_free(&b);
    nothing_left();
    end();
    if (cut + 1 == len) break;
  }
}

TEST(a_stream_cut_into_parts_of_any_size_arrives_whole) {
  for (size_t step = 1; step < 200; step++) {
    begin(TINY_TOTAL, TINY_PIECE);
    struct buf b = stream();
    put_tiny_with_others_between(&b);
    fix_feed_by(&l, b.data, b.len, step);
    buf_free(&b);
    nothing_left();
    end();
  }
}

TEST(whole_blocks_cut_around_their_edges_arrive_whole) {
  static const size_t steps[] = {16396, 16397, 16398, 13, 16384, 4096, 5, 40000, 65536};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    begin(3 * 80 * KIB + 33 * KIB + 7, 80 * KIB); /* the last block of the last piece is short */
    struct buf b = stream();
    put_in_order(&b);
    fix_feed_by(&l, b.data, b.len, steps[i]);
    buf_free(&b);
    nothing_left();
    end();
  }
}

/* --- order --- */

TEST(blocks_in_reverse_order_arrive_whole) {
  begin(5 * 64 * KIB + 9, 64 * KIB);
  struct place at[1024];
  struct buf b = stream();
  for (uint32_t n = asked(at); n > 0; n--) put(&b, at[n - 1]);
  fix_feed(&l, &b);
  nothing_left();
  end();
}

TEST(blocks_in_any_order_and_any_cut_arrive_whole) {
  struct crypto_rng rng;
  crypto_rng_init(&rng);
  for (int round = 0; round < 40; round++) {
    begin(3 * 128 * KIB + 50 * KIB, 128 * KIB);
    struct place at[1024];
    struct buf b = stream();
    for (uint32_t n = asked(at); n > 0; n--) {
      uint32_t k = (uint32_t)crypto_rng_below(&rng, n);
      put(&b, at[k]);
      at[k] = at[n - 1];
      if (crypto_rng_below(&rng, 4) == 0) wire_put_index(&b, WIRE_HAVE, 1);
    }
    for (size_t at_byte = 0; at_byte < b.len;) {
      size_t some = 1 + (size_t)crypto_rng_below(&rng, 40000);
      if (some > b.len - at_byte) some = b.len - at_byte;
      fix_feed_by(&l, b.data + at_byte, some, some);
      sound();
      at_byte += some;
    }
    buf_free(&b);
    nothing_left();
    end();
  }
}

TEST(a_have_between_two_blocks_of_one_segment_is_heard) {
  begin(4 * 16 * KIB, 16 * KIB);
  pieces_set_have_none(f.sw.pieces, &l.p->pp);
  struct place at[1024];
  asked(at);
  struct buf b = stream();
  put(&b, at[0]);
  wire_put_index(&b, WIRE_HAVE, at[2].piece);
  put(&b, at[1]);
  put(&b, at[2]);
  put(&b, at[3]);
  fix_feed(&l, &b);
  assert_true(bitset_get(&l.p->pp.has, at[2].piece));
  nothing_left();
  end();
}

/* --- what is in the middle of a block stays there --- */

TEST(a_block_that_is_arriving_is_kept_when_the_clock_gives_the_rest_back) {
  begin(2 * 64 * KIB, 64 * KIB);
  struct place at[1024];
  asked(at);
  struct buf b = stream();
  put(&b, at[0]);
  put(&b, at[1]);
  fix_feed_by(&l, b.data, 20000, 20000); /* in the middle of the second */
  assert_ptr_not_equal(l.p->cur_job, NULL);
  sound();
  download_give_back(l.p); /* silent: nothing is expected any more */
  sound();
  assert_int_equal(l.p->outstanding, 0);
  assert_int_equal(f.sw.wasted, 20000 - 16397 - 13);
  fix_feed_by(&l, b.data + 20000, b.len - 20000, 65536); /* its end is thrown away */
  assert_int_equal(l.error, ERR_OK);
  assert_int_equal(l.p->skip_left, 0);
  sound();
  buf_free(&b);
  b = stream();
  put(&b, at[2]); /* what comes all the same is wanted */
  fix_feed(&l, &b);
  assert_int_equal(l.error, ERR_OK);
  assert_int_equal(fix_write(&f), 2);
  assert_int_equal(f.wrong, 0);
  end();
}

TEST(the_end_of_the_connection_at_any_byte_gives_back_every_block) {
  for (size_t cut = 0; cut < 3 * 54 + 17; cut++) {
    begin(TINY_TOTAL, TINY_PIECE);
    struct buf b = stream();
    put_in_order(&b);
    fix_feed_by(&l, b.data, cut, cut + 1);
    buf_free(&b);
    uint32_t whole = (uint32_t)(cut / (13 + 41));
    shutdown(l.far, SHUT_WR);
    bool more;
    assert_int_equal(receive_some(l.p, &more), ERR_CLOSED);
    fix_leave(&l);
    sound();
    fix_write(&f);
    struct pieces_stats s;
    pieces_stats(f.sw.pieces, &s);
    assert_in_range(s.done, whole, whole + 1); /* the short piece may be among them */
    l = fix_peer(&f, 2); /* and the rest goes to another */
    fix_ask_for_all(&l);
    b = stream();
    put_in_order(&b);
    fix_feed(&l, &b);
    fix_write(&f);
    assert_true(fix_all_came_once(&f));
    end();
  }
}

TEST(a_closed_channel_ends_the_connection_in_the_middle_of_a_receive) {
  begin(20 * 16 * KIB, 16 * KIB);
  struct buf b = stream();
  put_in_order(&b);
  chan_close(f.sw.results);
  assert_int_equal(fix_feed(&l, &b), ERR_CLOSED);
  end();
}

/* --- data that nobody asked for --- */

TEST(a_cancelled_block_that_arrives_late_is_thrown_away_and_forgiven) {
  begin(32 * 16 * KIB, 32 * 16 * KIB);
  struct place at[1024];
  uint32_t n = asked(at);
  atomic_store(&l.p->pp.rate, 1000);
  struct fix_link other = fix_peer(&f, 2); /* takes over the end of what the slow one owes */
  fix_open_seed(&other);
  atomic_store(&other.p->pp.rate, 1 << 30);
  other.p->window = 64;
  other.p->take_ms = 0;
  download_ask(other.p);
  assert_true(other.p->outstanding > 4 && fix_was_rung(&f, l.p->seat.number));
  uint32_t before = l.p->outstanding;
  assert_int_equal(download_on_bell(l.p), ERR_OK);
  sound();
  uint32_t cancelled = fix_count_said(&l, WIRE_CANCEL, NULL);
  assert_int_equal(cancelled, before - l.p->outstanding);
  assert_int_equal(cancelled, other.p->outstanding);
  struct buf b = stream();
  for (uint32_t i = 0; i < n; i++) put(&b, at[i]); /* the cancels came too late */
  fix_feed(&l, &b);
  assert_int_equal(l.error, ERR_OK);
  assert_int_equal(l.p->unsolicited, 0);
  assert_int_equal(f.sw.wasted, cancelled * 16 * KIB);
  sound();
  b = stream();
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = 0; k < other.p->job_count; k++) {
      const struct run *r = &other.p->jobs[(other.p->job_head + k) % PEER_JOBS_MAX].run;
      if (at[i].block - r->first < r->count) {
        put(&b, at[i]);
        break;
      }
    }
  fix_feed(&other, &b);
  fix_write(&f);
  assert_true(fix_all_came_once(&f));
  fix_leave(&other);
  end();
}

TEST(a_block_twice_counts_once) {
  begin(4 * 16 * KIB, 64 * KIB);
  struct place at[1024];
  asked(at);
  struct buf b = stream();
  put(&b, at[0]);
  put(&b, at[0]);
  put(&b, at[1]);
  put(&b, at[0]);
  put(&b, at[2]);
  put(&b, at[3]);
  fix_feed(&l, &b);
  assert_int_equal(l.error, ERR_OK);
  fix_write(&f);
  assert_true(fix_all_came_once(&f));
  assert_int_equal(f.sw.wasted, 2 * 16 * KIB);
  assert_int_equal(f.sw.received, 6 * 16 * KIB);
  end();
}

TEST(unsolicited_data_are_counted_never_written_and_end_the_connection) {
  begin(32 * 16 * KIB, 16 * KIB);
  download_give_back(l.p);
  l.p->forgiven = 0;
  fix_write(&f);
  for (uint32_t i = 0; i < 5; i++) {
    assert_int_equal(l.error, ERR_OK);
    struct buf b = stream();
    fix_put_block(&f, &b, i, 0);
    fix_feed(&l, &b);
  }
  assert_int_equal(l.error, ERR_PROTOCOL);
  assert_int_equal(fix_write(&f), 0);
  assert_int_equal(f.sw.wasted, 5 * 16 * KIB);
  end();
}

TEST(unsolicited_data_cut_anywhere_do_not_shift_what_follows) {
  for (size_t cut = 1; cut < 54; cut++) {
    begin(TINY_TOTAL, TINY_PIECE);
    struct place at[1024];
    asked(at);
    struct buf b = stream();
    put(&b, at[0]);
    fix_feed(&l, &b);
    b = stream();
    put(&b, at[0]); /* nobody wants it a second time */
    put_in_order(&b);
    fix_feed_by(&l, b.data, cut, cut);
    sound();
    fix_feed_by(&l, b.data + cut, b.len - cut, b.len);
    buf_free(&b);
    assert_int_equal(l.error, ERR_OK);
    fix_write(&f);
    assert_true(fix_all_came_once(&f));
    assert_int_equal(f.sw.received - f.sw.wasted, TINY_TOTAL);
    end();
  }
}

/* --- the clock of a message --- */

TEST(only_a_whole_message_counts_as_one) {
  begin(2 * 16 * KIB, 16 * KIB);
  struct buf b = stream();
  put_in_order(&b);
  int64_t start = l.p->message_ms;
  size_t at = 0;
  for (; at < 16397 + 13 + 100; at += 100) { /* trickles: each bit later than the one before */
    l.p->now_ms += 10;
    int64_t before = l.p->message_ms;
    int64_t now = l.p->now_ms;
    fix_feed_by(&l, b.data + at, 100, 100);
    bool completed = at < 16397 && at + 100 >= 16397;
    assert_int_equal(l.p->message_ms, completed ? now : before);
  }
  assert_true(l.p->message_ms > start);
  buf_free(&b);
  end();
}

int main(void) {
  RUN(T(a_stream_cut_in_two_at_every_byte_arrives_whole),
      T(a_stream_cut_into_parts_of_any_size_arrives_whole),
      T(whole_blocks_cut_around_their_edges_arrive_whole),
      T(blocks_in_reverse_order_arrive_whole), T(blocks_in_any_order_and_any_cut_arrive_whole),
      T(a_have_between_two_blocks_of_one_segment_is_heard),
      T(a_block_that_is_arriving_is_kept_when_the_clock_gives_the_rest_back),
      T(the_end_of_the_connection_at_any_byte_gives_back_every_block),
      T(a_closed_channel_ends_the_connection_in_the_middle_of_a_receive),
      T(a_cancelled_block_that_arrives_late_is_thrown_away_and_forgiven),
      T(a_block_twice_counts_once),
      T(unsolicited_data_are_counted_never_written_and_end_the_connection),
      T(unsolicited_data_cut_anywhere_do_not_shift_what_follows),
      T(only_a_whole_message_counts_as_one));
}
