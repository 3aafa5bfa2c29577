/*
 * What each message changes, and which ones end the connection: the table of wrong lengths, the
 * rules of bitfields, floods, rejects, requests although we choke. A row of a table is the bytes of
 * one message and what must come of it.
 */
#include "../support/one_link.h"

enum { KIB = 1024, PIECES = 10 };

/* 10 pieces of two blocks, the last with a short second block. */
static void begin(void) {
  fix_swarm(&f, PIECES * 32 * KIB - 1000, 32 * KIB);
  l = fix_peer(&f, 1);
}

static struct buf empty(void) {
  struct buf b;
  buf_init(&b, 1 << 20);
  return b;
}

static enum err say_simple(enum wire_id id) {
  struct buf b = empty();
  wire_put_simple(&b, id);
  return fix_feed(&l, &b);
}

static enum err say_index(enum wire_id id, uint32_t index) {
  struct buf b = empty();
  wire_put_index(&b, id, index);
  return fix_feed(&l, &b);
}

static enum err say_range(enum wire_id id, uint32_t index, uint32_t begin_at, uint32_t length) {
  struct buf b = empty();
  wire_put_range(&b, id, index, begin_at, length);
  return fix_feed(&l, &b);
}

static enum err say_raw(const void *data, size_t len) {
  return fix_feed_by(&l, data, len, len);
}

/* --- wrong lengths: F11, F14, F15, F20 --- */

#define ROW(bytes, outcome) {bytes, sizeof bytes - 1, outcome}

static const struct {
  const char *bytes;
  size_t len;
  enum err outcome;
} lengths[] = {
  ROW("\xff\xff\xff\xff", ERR_LIMIT),
  ROW("\x80\0\0\0", ERR_LIMIT),
  ROW("\0\x10\0\1", ERR_LIMIT),               /* 1 MiB + 1 */
  ROW("\0\0\0\5\0abcd", ERR_PROTOCOL),        /* choke with a body */
  ROW("\0\0\0\2\1a", ERR_PROTOCOL),           /* unchoke */
  ROW("\0\0\0\2\2a", ERR_PROTOCOL),           /* interested */
  ROW("\0\0\0\2\3a", ERR_PROTOCOL),           /* not interested */
  ROW("\0\0\0\4\4abc", ERR_PROTOCOL),         /* have */
  ROW("\0\0\0\6\4\0\0\0\1x", ERR_PROTOCOL),
  ROW("\0\0\0\1\4", ERR_PROTOCOL),
  ROW("\0\0\0\2\5\x80", ERR_PROTOCOL),        /* bitfield: 10 pieces are two bytes */
  ROW("\0\0\0\4\5\x80\0\0", ERR_PROTOCOL),
  ROW("\0\0\0\1\5", ERR_PROTOCOL),
  ROW("\0\0\0\3\5\x80\x20", ERR_PROTOCOL),    /* spare bits, F16 */
  ROW("\0\0\0\3\5\x80\1", ERR_PROTOCOL),
  ROW("\0\0\0\x0c\6\0\0\0\0\0\0\0\0\0\0\0", ERR_PROTOCOL), /* request */
  ROW("\0\0\0\x0e\6\0\0\0\0\0\0\0\0\0\0\1\0\0", ERR_PROTOCOL),
  ROW("\0\0\0\x0c\x08\0\0\0\0\0\0\0\0\0\0\0", ERR_PROTOCOL), /* cancel */
  ROW("\0\0\0\x08\7\0\0\0\0\0\0\0", ERR_PROTOCOL), /* piece without a place */
  ROW("\0\0\0\x09\7\0\0\0\0\0\0\0\0", ERR_PROTOCOL), /* piece without data */
  ROW("\0\0\x40\x0a\7\0\0\0\0\0\0\0\0", ERR_LIMIT),  /* one byte more than a block */
  ROW("\0\0\x40\x09\7\0\0\0\x0a\0\0\0\0", ERR_PROTOCOL), /* piece 10 of 10 */
  ROW("\0\0\x40\x09\7\xff\xff\xff\xff\0\0\0\0", ERR_PROTOCOL),
  ROW("\0\0\x40\x09\7\0\0\0\0\0\0\x80\0", ERR_PROTOCOL), /* behind the piece's end */
  ROW("\0\0\x40\x09\7\0\0\0\0\xff\xff\xff\xff", ERR_PROTOCOL),
  ROW("\0\0\x40\x09\7\0\0\0\0\0\0\x20\0", ERR_PROTOCOL), /* not at a block's beginning */
  ROW("\0\0\x20\x09\7\0\0\0\0\0\0\0\0", ERR_PROTOCOL),   /* half a block */
  ROW("\0\0\x40\x09\7\0\0\0\x09\0\0\x40\0", ERR_PROTOCOL), /* the short one, too long */
  ROW("\0\0\0\2\x09x", ERR_PROTOCOL),         /* port */
  ROW("\0\0\0\1\x0d", ERR_PROTOCOL),          /* suggest */
  ROW("\0\0\0\2\x0ex", ERR_PROTOCOL),         /* have all */
  ROW("\0\0\0\2\x0fx", ERR_PROTOCOL),         /* have none */
  ROW("\0\0\0\5\x10xxxx", ERR_PROTOCOL),      /* reject */
  ROW("\0\0\0\3\x11xx", ERR_PROTOCOL),        /* allowed fast */
  ROW("\0\0\0\1\x14", ERR_PROTOCOL),          /* extended without an id */
  ROW("\0\1\0\3\x14\1", ERR_LIMIT),           /* more than 64 KiB of extension */
  ROW("\0\1\0\3\xc8", ERR_LIMIT),             /* or of something unknown */
  ROW("\0\0\0\5\4\0\0\0\x0a", ERR_PROTOCOL),  /* have 10 of 10, F18 */
  ROW("\0\0\0\5\4\xff\xff\xff\xff", ERR_PROTOCOL),
  ROW("\0\0\0\5\x0d\0\0\0\x0a", ERR_PROTOCOL),
  ROW("\0\0\0\5\x11\0\0\0\x0a", ERR_PROTOCOL),
  ROW("\0\0\0\x0d\6\0\0\0\x0a\0\0\0\0\0\0\0\1", ERR_PROTOCOL), /* request for what is not there */
  ROW("\0\0\0\x0d\6\0\0\0\0\0\0\0\0\0\0\0\0", ERR_PROTOCOL),   /* or for nothing */
  ROW("\0\0\0\x0d\x10\0\0\0\x0a\0\0\0\0\0\0\0\1", ERR_PROTOCOL),
  ROW("\0\0\0\3\x14\0x", ERR_PROTOCOL),       /* extension handshake that is no dictionary, F29 */
};

TEST(what_is_wrong_in_length_or_range_ends_the_connection) {
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
    for (int opened = 0; opened < 2; opened++) {
      begin();
      if (opened) fix_open_seed(&l); /* then it is received into the places of blocks */
      enum err e = say_raw(lengths[i].bytes, lengths[i].len);
      if (e != lengths[i].outcome) fail_msg("row %zu: %s", i, err_name(e));
      assert_true(l.p->in.cap <= 8192); /* a length that is only claimed costs no memory */
      assert_int_equal(f.sw.received, 0);
      fix_leave(&l);
      fix_free(&f);
    }
}

static const struct {
  const char *bytes;
  size_t len;
  enum err outcome;
} harmless[] = {
  ROW("\0\0\0\0", ERR_OK),                   /* keep-alive */
  ROW("\0\0\0\5\4\0\0\0\x09", ERR_OK),       /* have */
  ROW("\0\0\0\3\5\x80\x40", ERR_OK),         /* bitfield, last bit */
  ROW("\0\0\0\3\x09\x1a\xe1", ERR_OK),       /* port */
  ROW("\0\0\0\5\x0d\0\0\0\1", ERR_OK),       /* suggest */
  ROW("\0\0\0\5\x11\0\0\0\1", ERR_OK),       /* allowed fast */
  ROW("\0\0\0\x0d\x08\0\0\0\0\0\0\0\0\0\0\x40\0", ERR_OK), /* cancel */
  ROW("\0\0\0\x0d\x10\0\0\0\0\0\0\0\0\0\0\x40\0", ERR_OK), /* reject of nothing we asked */
  ROW("\0\0\0\4\x14\0de", ERR_OK),           /* extension handshake */
  ROW("\0\0\0\4\x14\7xx", ERR_OK),           /* an extension we did not offer */
  ROW("\0\0\0\1\x0a", ERR_OK),               /* unknown id */
  ROW("\0\0\0\3\xffxx", ERR_OK),
  ROW("\0\0\0\1\2", ERR_OK),
  ROW("\0\0\0\1\3", ERR_OK),
};

TEST(what_is_well_formed_is_heard_or_ignored) {
  for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
    for (size_t step = 1; step < 14; step += 6) {
      begin();
      enum err e = fix_feed_by(&l, harmless[i].bytes, harmless[i].len, step);
      if (e != ERR_OK) fail_msg("row %zu: %s", i, err_name(e));
      assert_int_equal(l.p->in.len, 0);
      end();
    }
}

TEST(without_bep_6_its_messages_are_a_breach) {
  static const char *const rows[] = {"\0\0\0\1\x0e", "\0\0\0\1\x0f"};
  for (int i = 0; i < 3; i++) {
    begin();
    l.p->fast = false;
    enum err e = i < 2 ? say_raw(rows[i], 5) : say_range(WIRE_REJECT, 0, 0, 16384);
    assert_int_equal(e, ERR_PROTOCOL);
    end();
  }
}

TEST(without_bep_10_an_extended_message_is_a_breach) {
  begin();
  l.p->extended = false;
  assert_int_equal(say_raw("\0\0\0\4\x14\0de", 8), ERR_PROTOCOL);
  end();
}

/* --- bitfields: F17, F18 --- */

TEST(the_last_word_about_what_a_peer_has_counts) {
  begin();
  struct pieces_stats s;
  assert_int_equal(say_index(WIRE_HAVE, 3), ERR_OK);
  assert_int_equal(say_index(WIRE_HAVE, 3), ERR_OK);
  assert_int_equal(say_raw("\0\0\0\3\5\xc0\x40", 7), ERR_OK); /* after a HAVE */
  sound();
  pieces_stats(f.sw.pieces, &s);
  assert_int_equal(s.unavailable, PIECES - 3);
  assert_int_equal(say_raw("\0\0\0\3\5\xff\xc0", 7), ERR_OK); /* a second one */
  sound();
  assert_true(l.p->pp.seed);
  assert_int_equal(say_simple(WIRE_HAVE_NONE), ERR_OK);
  sound();
  pieces_stats(f.sw.pieces, &s);
  assert_int_equal(s.unavailable, PIECES);
  assert_int_equal(say_simple(WIRE_HAVE_ALL), ERR_OK);
  assert_int_equal(say_simple(WIRE_HAVE_ALL), ERR_OK);
  sound();
  pieces_stats(f.sw.pieces, &s);
  assert_int_equal(s.unavailable, 0);
  end();
}

TEST(our_interest_follows_what_the_peer_has) {
  begin();
  assert_int_equal(say_simple(WIRE_HAVE_NONE), ERR_OK);
  assert_int_equal(fix_count_said(&l, WIRE_NOT_INTERESTED, NULL), 1);
  assert_false(atomic_load(&l.p->seat.interesting));
  assert_int_equal(say_index(WIRE_HAVE, 3), ERR_OK);
  assert_int_equal(fix_count_said(&l, WIRE_INTERESTED, NULL), 1);
  assert_true(atomic_load(&l.p->seat.interesting));
  assert_int_equal(say_index(WIRE_HAVE, 4), ERR_OK);
  assert_int_equal(l.p->out.len, 0); /* said once */
  end();
}

TEST(a_peer_that_sends_haves_only_is_interesting_too) {
  begin(); /* the handshake has said "interested" already */
  assert_int_equal(say_index(WIRE_HAVE, 3), ERR_OK);
  assert_true(atomic_load(&l.p->seat.interesting));
  assert_int_equal(l.p->out.len, 0);
  end();
}

/* --- choke: F24, F26 --- */

/* BEP 3: a choke voids what was asked. BEP 6: each request is still answered, or rejected. */
TEST(a_choke_takes_back_every_request_and_an_unchoke_asks_for_each_once) {
  for (int fast = 0; fast < 2; fast++) {
    begin();
    uint32_t n = fix_ask_for_all(&l);
    l.p->fast = fast;
    assert_int_equal(n, 2 * PIECES);
    fix_count_said(&l, WIRE_REQUEST, NULL);
    assert_int_equal(say_simple(WIRE_CHOKE), ERR_OK);
    sound();
    assert_int_equal(l.p->outstanding, fast ? n : 0);
    assert_true(atomic_load(&l.p->seat.choked));
    for (uint32_t i = 0; fast && i < n; i++)
      assert_int_equal(say_range(WIRE_REJECT, i / 2, i % 2 * BLOCK_LEN,
                                 geometry_block_len(&f.meta.geo, i / 2, i % 2)), ERR_OK);
    assert_int_equal(l.p->outstanding, 0);
    assert_int_equal(l.p->pp.asked, 0);
    download_ask(l.p);
    assert_int_equal(fix_count_said(&l, WIRE_REQUEST, NULL), 0);
    assert_int_equal(say_simple(WIRE_UNCHOKE), ERR_OK);
    download_ask(l.p);
    assert_int_equal(fix_count_said(&l, WIRE_REQUEST, NULL), n);
    assert_int_equal(say_simple(WIRE_UNCHOKE), ERR_OK); /* twice changes nothing */
    download_ask(l.p);
    assert_int_equal(fix_count_said(&l, WIRE_REQUEST, NULL), 0);
    end();
  }
}

/* One block of the first job in the ring, between a choke and an unchoke if `choked`. */
static void one_block(bool choked) {
  struct buf b = empty();
  const struct run r = l.p->jobs[l.p->job_head].run;
  uint32_t i = (uint32_t)__builtin_ctz(fix_job_open(&l.p->jobs[l.p->job_head]));
  if (choked) wire_put_simple(&b, WIRE_CHOKE);
  fix_put_block(&f, &b, r.piece, r.first + i);
  if (choked) wire_put_simple(&b, WIRE_UNCHOKE);
  assert_int_equal(fix_feed(&l, &b), ERR_OK);
}

TEST(who_answers_after_a_choke_is_not_asked_again_after_the_next) {
  begin();
  uint32_t n = fix_ask_for_all(&l);
  l.p->fast = false;
  one_block(true);
  download_ask(l.p);
  assert_int_equal(l.p->outstanding, n - 1);
  buf_clear(&l.p->out);
  for (uint32_t i = 1; i < n; i++) {
    one_block(true);
    assert_int_equal(l.p->outstanding, n - 1 - i);
    download_ask(l.p);
    assert_int_equal(fix_count_said(&l, WIRE_REQUEST, NULL), 0);
  }
  assert_int_equal(f.sw.wasted, 0);
  end();
}

/* A block that comes after others were asked for anew proves nothing, it may be one of those. */
TEST(who_forgets_what_it_was_asked_is_asked_again_after_each_choke) {
  begin();
  uint32_t n = fix_ask_for_all(&l);
  l.p->fast = false;
  for (uint32_t i = 0; i < n; i++) {
    assert_int_equal(say_simple(WIRE_CHOKE), ERR_OK);
    assert_int_equal(l.p->outstanding, 0);
    assert_int_equal(say_simple(WIRE_UNCHOKE), ERR_OK);
    download_ask(l.p);
    assert_int_equal(l.p->outstanding, n - i);
    buf_clear(&l.p->out);
    one_block(false);
  }
  assert_int_equal(f.sw.wasted, 0);
  end();
}

TEST(words_are_paid_for_by_blocks) {
  begin();
  uint32_t n = fix_ask_for_all(&l);
  while (l.p->chatter < PEER_CHATTER_PER_S)
    assert_int_equal(say_simple(WIRE_INTERESTED), ERR_OK);
  for (uint32_t i = 0; i < n; i++) {
    one_block(false);
    assert_int_equal(say_simple(WIRE_INTERESTED), ERR_OK);
    assert_int_equal(say_simple(WIRE_INTERESTED), ERR_OK);
  }
  end();
}

TEST(a_choke_in_the_middle_keeps_what_has_arrived) {
  begin();
  fix_ask_for_all(&l);
  const struct run r = l.p->jobs[l.p->job_head].run;
  struct buf b = empty();
  fix_put_block(&f, &b, r.piece, r.first);
  wire_put_simple(&b, WIRE_CHOKE);
  fix_put_block(&f, &b, r.piece, r.first + 1); /* was on its way already */
  assert_int_equal(fix_feed(&l, &b), ERR_OK);
  sound();
  assert_int_equal(fix_write(&f), 2);
  assert_int_equal(f.wrong, 0);
  assert_int_equal(f.sw.wasted, 0);
  assert_int_equal(l.p->unsolicited, 0);
  end();
}

/* All that it was asked for of its piece has come, and so nothing is there to be given back. */
TEST(a_choke_lets_go_of_a_piece_that_is_held_alone) {
  fix_swarm(&f, 8 * 64 * KIB, 64 * KIB);
  l = fix_peer(&f, 1);
  fix_open_seed(&l); /* an untried connection begins a piece of its own, */
  struct run first = l.p->jobs[l.p->job_head].run;
  download_give_back(l.p);
  l.p->forgiven = 0;
  l.p->window = 1;   /* and with a window of one block */
  l.p->take_ms = 0;
  atomic_store(&l.p->pp.rate, UINT64_C(1) << 30);
  download_ask(l.p);
  struct run r = l.p->jobs[l.p->job_head].run;
  assert_int_equal(l.p->outstanding, 1);
  assert_int_equal(r.piece, first.piece);
  struct buf b = empty();
  fix_put_block(&f, &b, r.piece, r.first);
  wire_put_simple(&b, WIRE_CHOKE);
  f.rung_count = 0;
  assert_int_equal(fix_feed(&l, &b), ERR_OK);
  assert_int_equal(l.p->pp.holds, UINT32_MAX);
  assert_true(fix_was_rung(&f, 0)); /* others are told that there is something */
  end();
}

TEST(choke_and_unchoke_a_thousand_times_leave_nothing_behind) {
  begin();
  fix_ask_for_all(&l);
  for (int i = 0; i < 1000; i++) {
    l.p->now_ms += 10;
    assert_int_equal(say_simple(WIRE_CHOKE), ERR_OK);
    assert_int_equal(say_simple(WIRE_UNCHOKE), ERR_OK);
    download_ask(l.p);
    assert_int_equal(l.p->outstanding, 2 * PIECES);
    buf_clear(&l.p->out);
  }
  assert_true(l.p->pp.run_count <= 2 * PIECES);
  end();
}

TEST(words_that_tell_nothing_are_borne_up_to_a_thousand_a_second) {
  begin();
  for (int i = 0; i < PEER_CHATTER_PER_S; i++)
    assert_int_equal(say_simple(WIRE_INTERESTED), ERR_OK);
  assert_int_equal(say_simple(WIRE_INTERESTED), ERR_LIMIT);
  end();
}

TEST(what_a_peer_has_may_be_told_again_but_not_for_ever) {
  begin();
  enum err e = ERR_OK;
  int told = 0;
  for (; e == ERR_OK; told++) e = say_simple(told % 2 ? WIRE_HAVE_ALL : WIRE_HAVE_NONE);
  assert_int_equal(e, ERR_LIMIT);
  assert_in_range(told, 5, 20);
  end();
}

/* --- rejects: F27 --- */

TEST(a_rejected_block_is_asked_of_somebody_else) {
  begin();
  fix_ask_for_all(&l);
  struct fix_link other = fix_peer(&f, 2);
  fix_open_seed(&other);
  buf_clear(&other.p->out);
  f.rung_count = 0;
  const struct run r = l.p->jobs[l.p->job_head].run;
  assert_int_equal(say_range(WIRE_REJECT, r.piece, r.first * BLOCK_LEN, BLOCK_LEN), ERR_OK);
  sound();
  assert_true(fix_was_rung(&f, 0));
  struct wire_message m;
  other.p->take_ms = 0;
  download_ask(other.p);
  assert_true(fix_count_said(&other, WIRE_REQUEST, &m) >= 1);
  fix_leave(&other);
  end();
}

TEST(a_reject_of_another_length_is_of_nothing_we_asked) {
  begin();
  uint32_t n = fix_ask_for_all(&l);
  const struct run r = l.p->jobs[l.p->job_head].run;
  assert_int_equal(say_range(WIRE_REJECT, r.piece, r.first * BLOCK_LEN, BLOCK_LEN / 2), ERR_OK);
  assert_int_equal(say_range(WIRE_REJECT, r.piece, r.first * BLOCK_LEN + 1, 1), ERR_OK);
  assert_int_equal(l.p->outstanding, n);
  end();
}

TEST(who_rejects_everything_is_left) {
  begin();
  fix_ask_for_all(&l);
  uint32_t limit = PEER_REJECTS_MAX + l.p->window;
  uint32_t rejected = 0;
  while (l.error == ERR_OK && rejected < 10000) {
    const struct run r = l.p->jobs[l.p->job_head].run;
    for (uint32_t i = 0; i < r.count && l.error == ERR_OK; i++, rejected++)
      say_range(WIRE_REJECT, r.piece, (r.first + i) * BLOCK_LEN,
                geometry_block_len(&f.meta.geo, r.piece, r.first + i));
    l.p->take_ms = 0;
    download_ask(l.p);
    buf_clear(&l.p->out);
  }
  assert_int_equal(l.error, ERR_LIMIT);
  assert_int_equal(rejected, limit + 1);
  end();
}

/* Some clients reject first and choke then, others the other way round; a window of a fast peer is
 * far more than the rejects that we bear otherwise. */
TEST(a_whole_window_of_rejects_beside_a_choke_is_honest) {
  for (int choke_first = 0; choke_first < 2; choke_first++) {
    fix_swarm(&f, 300 * 16 * KIB, 16 * KIB);
    l = fix_peer(&f, 1);
    fix_open_seed(&l);
    uint32_t n = fix_ask_for_all(&l);
    assert_true(n > 2 * PEER_REJECTS_MAX); /* else this proves nothing */
    if (choke_first) assert_int_equal(say_simple(WIRE_CHOKE), ERR_OK);
    for (uint32_t i = 0; i < 300; i++)
      assert_int_equal(say_range(WIRE_REJECT, i, 0, 16 * KIB), ERR_OK);
    if (!choke_first) assert_int_equal(say_simple(WIRE_CHOKE), ERR_OK);
    assert_int_equal(l.p->outstanding, 0);
    end();
  }
}

/* Of a block that it was never asked for, over and over. */
TEST(who_rejects_what_nobody_asked_for_is_left) {
  begin();
  fix_open_seed(&l);
  uint32_t rejected = 0;
  download_give_back(l.p);
  l.p->forgiven = 0;
  while (say_range(WIRE_REJECT, 3, 0, BLOCK_LEN) == ERR_OK && rejected < 10000) rejected++;
  assert_int_equal(l.error, ERR_LIMIT);
  assert_int_equal(rejected, PEER_REJECTS_MAX + l.p->window);
  end();
}

/* BEP 6 has each request answered, those that we have given up, too; but none of them twice. */
TEST(rejects_of_what_was_given_back_or_cancelled_count_against_nobody) {
  fix_swarm(&f, 300 * 16 * KIB, 16 * KIB);
  l = fix_peer(&f, 1);
  fix_open_seed(&l);
  uint32_t n = fix_ask_for_all(&l);
  assert_true(n > 2 * PEER_REJECTS_MAX); /* else this proves nothing */
  download_give_back(l.p);
  l.p->window = 1; /* as for one that was silent */
  l.p->chatter = 0;
  for (int round = 0; round < 2; round++) {
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < n && e == ERR_OK; i++)
      e = say_range(WIRE_REJECT, i, 0, 16 * KIB);
    assert_int_equal(e, round == 0 ? ERR_OK : ERR_LIMIT);
    if (round == 0) assert_int_equal(l.p->reject_count + l.p->chatter, 0);
  }
  end();
}

TEST(a_reject_of_a_byte_is_no_answer_to_what_was_given_back) {
  begin();
  fix_ask_for_all(&l);
  download_give_back(l.p);
  l.p->window = 1;
  enum err e = ERR_OK;
  for (int i = 0; i < 100 && e == ERR_OK; i++) e = say_range(WIRE_REJECT, 3, 0, 1);
  assert_int_equal(e, ERR_LIMIT);
  end();
}

/* A block now and then does not buy a flood. */
TEST(rejects_of_nothing_are_words_that_blocks_have_to_pay_for) {
  fix_swarm(&f, 300 * 16 * KIB, 16 * KIB);
  l = fix_peer(&f, 1);
  fix_open_seed(&l);
  uint32_t n = fix_ask_for_all(&l);
  enum err e = ERR_OK;
  uint32_t rejected = 0;
  l.p->window = 32;
  l.p->chatter = 0;
  for (uint32_t i = 0; i < n && e == ERR_OK; i++) {
    one_block(false);
    for (int k = 0; k < PEER_REJECTS_MAX && e == ERR_OK; k++, rejected++)
      e = say_range(WIRE_REJECT, 3, 0, 1);
  }
  assert_int_equal(e, ERR_LIMIT);
  assert_in_range(rejected, PEER_CHATTER_PER_S, 2 * PEER_CHATTER_PER_S);
  end();
}

/* --- floods: F12, F13 --- */

TEST(ten_keep_alives_in_a_second_are_borne) {
  begin();
  static const uint8_t ten[40] = {0};
  for (int second = 0; second < 5; second++) {
    assert_int_equal(say_raw(ten, sizeof ten), ERR_OK);
    l.p->now_ms += 1000;
  }
  assert_int_equal(say_raw(ten, sizeof ten), ERR_OK);
  assert_int_equal(say_raw(ten, 4), ERR_LIMIT);
  end();
}

TEST(eight_messages_of_unknown_kinds_are_borne) {
  begin();
  for (int i = 0; i < PEER_UNKNOWN_MAX; i++)
    assert_int_equal(say_raw(i % 2 ? "\0\0\0\1\x0a" : "\0\0\0\1\xff", 5), ERR_OK);
  assert_int_equal(say_raw("\0\0\0\1\x64", 5), ERR_LIMIT);
  end();
}

TEST(an_unknown_message_of_64_kib_is_skipped) {
  begin();
  fix_ask_for_all(&l);
  const struct run r = l.p->jobs[l.p->job_head].run;
  struct buf b = empty();
  buf_put_u32(&b, 65536 + 1);
  buf_put_u8(&b, 200);
  for (int i = 0; i < 65536; i++) buf_put_u8(&b, 7);
  fix_put_block(&f, &b, r.piece, r.first);
  assert_int_equal(fix_feed_by(&l, b.data, b.len, 3000), ERR_OK);
  buf_free(&b);
  assert_int_equal(l.p->outstanding, 2 * PIECES - 1);
  end();
}

/* --- requests, although we choke --- */

TEST(a_request_is_rejected_where_bep_6_says_so_and_many_end_the_connection) {
  for (int fast = 0; fast < 2; fast++) {
    begin();
    l.p->fast = fast;
    for (int i = 0; i < PEER_REQUESTS_MAX; i++)
      assert_int_equal(say_range(WIRE_REQUEST, 1, 16384, 16384), ERR_OK);
    struct wire_message m = {0};
    assert_int_equal(fix_count_said(&l, WIRE_REJECT, &m), fast ? PEER_REQUESTS_MAX : 0);
    if (fast) assert_true(m.index == 1 && m.begin == 16384 && m.length == 16384);
    assert_int_equal(say_raw("\0\0\0\1\x0a", 5), ERR_OK); /* these have their own count */
    assert_int_equal(say_range(WIRE_REQUEST, 1, 16384, 16384), ERR_LIMIT);
    end();
  }
}

/* --- extensions --- */

TEST(the_extension_handshake_may_come_again_and_limits_the_window) {
  begin();
  static const char first[] = "d1:v9:Peer\x1b 0.14:reqqi5ee";
  struct buf b = empty();
  wire_put_extended(&b, 0, first, sizeof first - 1);
  assert_int_equal(fix_feed(&l, &b), ERR_OK);
  assert_int_equal(l.p->ext.reqq, 5);
  assert_string_equal(l.p->client, "Peer\x1b 0.1"); /* raw: whoever shows it escapes it */
  fix_open_seed(&l);
  assert_int_equal(l.p->outstanding, 5);
  b = empty();
  wire_put_extended(&b, 0, "d4:reqqi7ee", 11);
  assert_int_equal(fix_feed(&l, &b), ERR_OK);
  assert_int_equal(l.p->ext.reqq, 7);
  assert_string_equal(l.p->client, "Peer\x1b 0.1");
  end();
}

int main(void) {
  RUN(T(what_is_wrong_in_length_or_range_ends_the_connection),
      T(what_is_well_formed_is_heard_or_ignored), T(without_bep_6_its_messages_are_a_breach),
      T(without_bep_10_an_extended_message_is_a_breach),
      T(the_last_word_about_what_a_peer_has_counts), T(our_interest_follows_what_the_peer_has),
      T(a_peer_that_sends_haves_only_is_interesting_too),
      T(a_choke_takes_back_every_request_and_an_unchoke_asks_for_each_once),
      T(who_answers_after_a_choke_is_not_asked_again_after_the_next),
      T(who_forgets_what_it_was_asked_is_asked_again_after_each_choke),
      T(words_are_paid_for_by_blocks),
      T(a_choke_in_the_middle_keeps_what_has_arrived),
      T(a_choke_lets_go_of_a_piece_that_is_held_alone),
      T(choke_and_unchoke_a_thousand_times_leave_nothing_behind),
      T(words_that_tell_nothing_are_borne_up_to_a_thousand_a_second),
      T(what_a_peer_has_may_be_told_again_but_not_for_ever),
      T(a_reject_of_another_length_is_of_nothing_we_asked),
      T(a_rejected_block_is_asked_of_somebody_else), T(who_rejects_everything_is_left),
      T(a_whole_window_of_rejects_beside_a_choke_is_honest),
      T(who_rejects_what_nobody_asked_for_is_left),
      T(rejects_of_what_was_given_back_or_cancelled_count_against_nobody),
      T(a_reject_of_a_byte_is_no_answer_to_what_was_given_back),
      T(rejects_of_nothing_are_words_that_blocks_have_to_pay_for),
      T(ten_keep_alives_in_a_second_are_borne), T(eight_messages_of_unknown_kinds_are_borne),
      T(an_unknown_message_of_64_kib_is_skipped),
      T(a_request_is_rejected_where_bep_6_says_so_and_many_end_the_connection),
      T(the_extension_handshake_may_come_again_and_limits_the_window));
}
