/*
 * What is asked of a peer, and patience: the window and its bounds, silence, uselessness, the bell.
 * Time is p->now_ms, which the test sets; nothing here waits.
 */
#include "../support/one_link.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

static void begin(uint64_t total, uint32_t piece_len) {
  fix_swarm(&f, total, piece_len);
  l = fix_peer(&f, 1);
}

static enum err say(enum wire_id id) {
  struct buf b;
  buf_init(&b, 64);
  wire_put_simple(&b, id);
  return fix_feed(&l, &b);
}

/* Delivers the first `n` blocks that are outstanding, in order. */
static void deliver(uint32_t n) {
  while (n > 0) {
    const struct peer_job *j = &l.p->jobs[l.p->job_head];
    struct buf b;
    uint32_t i = (uint32_t)__builtin_ctz(fix_job_open(j));
    buf_init(&b, 32 * KIB);
    fix_put_block(&f, &b, j->run.piece, j->run.first + i);
    assert_int_equal(fix_feed(&l, &b), ERR_OK);
    n--;
  }
  sound();
}

static enum err tick(int64_t *next_ms) {
  *next_ms = CLOCK_NEVER;
  enum err e = download_tick(l.p, next_ms);
  if (e == ERR_OK) assert_true(*next_ms > l.p->now_ms); /* else the loop would spin */
  return e;
}

/* Another address waits for a place. */
static void somebody_waits(void) {
  struct addr a = {.family = 4, .ip = {10, 9, 9, 9}, .port = 6881};
  assert_true(addrbook_add(f.sw.book, &a, FROM_TRACKER, l.p->now_ms));
}

/* --- asking --- */

TEST(nothing_is_asked_of_who_chokes_us_or_has_nothing) {
  begin(16 * 16 * KIB, 16 * KIB);
  download_ask(l.p);
  assert_int_equal(l.p->out.len, 0);
  assert_int_equal(say(WIRE_HAVE_ALL), ERR_OK);
  download_ask(l.p);
  assert_int_equal(fix_count_said(&l, WIRE_REQUEST, NULL), 0);
  assert_int_equal(say(WIRE_UNCHOKE), ERR_OK);
  assert_int_equal(say(WIRE_HAVE_NONE), ERR_OK);
  download_ask(l.p);
  assert_int_equal(fix_count_said(&l, WIRE_REQUEST, NULL), 0);
  end();
}

TEST(every_request_is_for_a_whole_block_and_none_is_made_twice) {
  begin(3 * 80 * KIB + 33 * KIB + 7, 80 * KIB);
  bool seen[4][5] = {{false}};
  uint64_t bytes = 0;
  struct wire_message m;
  fix_ask_for_all(&l);
  while (fix_said(&l, &m)) {
    if (m.id != WIRE_REQUEST) continue;
    assert_false(seen[m.index][m.begin / BLOCK_LEN]);
    seen[m.index][m.begin / BLOCK_LEN] = true;
    bytes += m.length;
  }
  assert_int_equal(bytes, f.meta.geo.total);
  assert_int_equal(l.p->outstanding_bytes, bytes);
  end();
}

TEST(the_first_window_leaves_others_their_share) {
  begin(64 * 16 * KIB, 16 * KIB);
  atomic_store(&f.sw.workers, 16);
  uint32_t n = fix_open_seed(&l);
  assert_in_range(n, 1, 64 / 16);
  atomic_store(&f.sw.workers, 1);
  end();
  begin(UINT64_C(64) * MIB, 256 * KIB);
  n = fix_open_seed(&l);
  assert_in_range(n, 8, 64); /* plenty left: a good start */
  end();
}

TEST(the_window_follows_the_rate_within_its_bounds) {
  begin(UINT64_C(256) * MIB, 1 * MIB);
  fix_open_seed(&l);
  uint32_t start = l.p->window;
  for (int i = 0; i < 40; i++) { /* 20 blocks every 100 ms: 3.2 MB/s */
    deliver(20);
    l.p->now_ms += 100;
    download_ask(l.p);
    buf_clear(&l.p->out);
    fix_write(&f);
    sound();
  }
  uint64_t rate = atomic_load(&l.p->pp.rate);
  assert_in_range(rate, 2500000, 4000000);
  assert_true(l.p->window > start);
  assert_true((uint64_t)l.p->window * BLOCK_LEN >= rate / 50); /* 20 ms of it at least */
  assert_true(l.p->window <= l.p->ext.reqq);
  end();
}

TEST(the_window_stays_within_reqq_and_the_share_of_memory) {
  begin(UINT64_C(256) * MIB, 1 * MIB);
  fix_open_seed(&l);
  atomic_store(&l.p->pp.rate, UINT64_C(10) << 30);
  l.p->ext.reqq = 9;
  l.p->window = 0;
  download_ask(l.p);
  assert_int_equal(l.p->window, 9);
  l.p->ext.reqq = 10000;
  f.sw.memory = 4 * MIB;
  atomic_store(&f.sw.workers, 8);
  l.p->window = 0;
  download_ask(l.p);
  assert_in_range(l.p->window, 1, 4 * MIB / 8 / BLOCK_LEN);
  atomic_store(&f.sw.workers, 1);
  end();
}

TEST(a_full_ring_of_jobs_is_no_end) {
  begin(UINT64_C(3) * PEER_JOBS_MAX * 16 * KIB, 16 * KIB); /* each run is one block */
  uint32_t left = 3 * PEER_JOBS_MAX;
  fix_open_seed(&l);
  for (int round = 0; left > 0; round++) {
    if (round > 100) fail_msg("%u blocks are never asked for", left);
    fix_ask_for_all(&l);
    assert_true(l.p->job_count <= PEER_JOBS_MAX);
    assert_true(left < PEER_JOBS_MAX || l.p->job_count > PEER_JOBS_MAX / 2);
    buf_clear(&l.p->out);
    uint32_t some = l.p->outstanding > 3 ? l.p->outstanding - 3 : l.p->outstanding;
    deliver(some); /* the ring turns */
    left -= some;
    fix_write(&f);
  }
  assert_true(fix_all_came_once(&f));
  end();
}

/* --- nothing to ask for --- */

TEST(an_empty_queue_is_asked_again_after_a_while_or_when_the_bell_rings) {
  begin(2 * 16 * KIB, 16 * KIB);
  struct fix_link other = fix_peer(&f, 2);
  fix_ask_for_all(&other);
  fix_open_seed(&l);
  assert_int_equal(l.p->outstanding, 0);
  assert_true(atomic_load(&l.p->seat.idle));
  int64_t again = l.p->take_ms;
  assert_in_range(again - l.p->now_ms, 1, 1000);
  download_give_back(other.p); /* now there would be something */
  download_ask(l.p);
  assert_int_equal(l.p->outstanding, 0); /* but it is not looked at on every turn */
  assert_int_equal(download_on_bell(l.p), ERR_OK);
  download_ask(l.p);
  assert_true(l.p->outstanding > 0);
  assert_false(atomic_load(&l.p->seat.idle));
  fix_leave(&other);
  end();
}

TEST(an_idle_connection_that_is_choked_or_bored_does_not_spin) {
  for (int how = 0; how < 2; how++) {
    begin(2 * 16 * KIB, 16 * KIB);
    struct fix_link other = fix_peer(&f, 2);
    int64_t next_ms;
    fix_ask_for_all(&other);
    fix_open_seed(&l);
    assert_true(atomic_load(&l.p->seat.idle));
    assert_int_equal(say(how == 0 ? WIRE_CHOKE : WIRE_HAVE_NONE), ERR_OK);
    l.p->now_ms += 5000;
    download_ask(l.p);
    assert_false(atomic_load(&l.p->seat.idle)); /* take_ms has passed long ago */
    assert_int_equal(tick(&next_ms), ERR_OK);
    assert_int_equal(download_on_bell(l.p), ERR_OK);
    download_ask(l.p);
    assert_false(atomic_load(&l.p->seat.idle));
    fix_leave(&other);
    end();
  }
}

TEST(a_useless_peer_gives_its_place_to_others_if_there_are_any) {
  begin(2 * 16 * KIB, 16 * KIB);
  int64_t next_ms;
  assert_int_equal(tick(&next_ms), ERR_OK);
  l.p->now_ms += 61000;
  assert_int_equal(tick(&next_ms), ERR_OK); /* choked all the time, but nobody waits */
  somebody_waits();
  assert_int_equal(tick(&next_ms), ERR_OK);
  l.p->now_ms += 59000;
  assert_int_equal(tick(&next_ms), ERR_OK);
  l.p->now_ms += 2000;
  assert_int_equal(tick(&next_ms), ERR_TIMEOUT);
  end();
}

TEST(the_time_to_ask_an_empty_queue_again_is_no_reason_to_wake_up_twice) {
  begin(2 * 16 * KIB, 16 * KIB);
  struct fix_link other = fix_peer(&f, 2);
  int64_t next_ms;
  fix_ask_for_all(&other);
  fix_open_seed(&l);
  assert_true(atomic_load(&l.p->seat.idle));
  l.p->now_ms = l.p->take_ms;
  assert_int_equal(tick(&next_ms), ERR_OK); /* the time to ask is now, not one to wait for */
  fix_leave(&other);
  end();
}

/* --- silence --- */

TEST(the_blocks_of_a_silent_peer_go_to_others) {
  begin(64 * 16 * KIB, 64 * KIB);
  struct fix_link other = fix_peer(&f, 2);
  int64_t next_ms;
  uint32_t n = fix_open_seed(&l);
  deliver(1);
  assert_int_equal(tick(&next_ms), ERR_OK);
  l.p->now_ms += 1900;
  assert_int_equal(tick(&next_ms), ERR_OK);
  assert_int_equal(l.p->outstanding, n - 1); /* not silent yet */
  l.p->now_ms = next_ms;
  f.rung_count = 0;
  assert_int_equal(tick(&next_ms), ERR_OK);
  assert_true(l.p->pp.snubbed);
  assert_true(fix_was_rung(&f, 0));
  assert_int_equal(l.p->outstanding, 1); /* it is tried with one */
  assert_int_equal(fix_write(&f), 1);    /* what had come is not lost */
  sound();
  assert_true(fix_ask_for_all(&other) >= 64 - 2);
  fix_leave(&other);
  end();
}

TEST(a_silent_peer_that_speaks_again_is_trusted_again) {
  begin(64 * 16 * KIB, 64 * KIB);
  int64_t next_ms;
  fix_open_seed(&l);
  assert_int_equal(tick(&next_ms), ERR_OK);
  l.p->now_ms = next_ms;
  assert_int_equal(tick(&next_ms), ERR_OK);
  assert_true(l.p->pp.snubbed);
  deliver(1);
  assert_false(l.p->pp.snubbed);
  l.p->now_ms += 1500;
  l.p->take_ms = 0;
  download_ask(l.p);
  deliver(1);
  l.p->now_ms += 1500;
  deliver(l.p->outstanding);
  l.p->take_ms = 0;
  download_ask(l.p);
  assert_true(l.p->outstanding > 1);
  end();
}

/* How long this connection, which was asked for everything, is silent before that is noticed. */
static int64_t patience(void) {
  int64_t next_ms;
  int64_t start_ms = l.p->now_ms;
  while (!l.p->pp.snubbed) {
    assert_int_equal(tick(&next_ms), ERR_OK);
    if (!l.p->pp.snubbed) l.p->now_ms = next_ms;
  }
  return l.p->now_ms - start_ms;
}

TEST(who_pauses_and_goes_on_is_waited_for_the_next_time) {
  begin(64 * 16 * KIB, 64 * KIB);
  struct fix_link other = fix_peer(&f, 2);
  fix_open_seed(&l);
  int64_t before_ms = patience();
  assert_in_range(before_ms, 1900, 2100);
  l.p->now_ms += 1500;
  deliver(1);
  l.p->take_ms = 0;
  download_ask(l.p);
  download_count(l.p);
  assert_in_range(patience(), 2 * before_ms, 10000);
  fix_leave(&other);
  end();
}

/* What a peer with a queue for `holds` requests keeps of those it is sent; it drops the rest. */
struct queue {
  uint32_t holds, count;
  struct wire_message m[64];
};

static void take_requests(struct queue *q) {
  struct wire_message m;
  while (fix_said(&l, &m))
    if (m.id == WIRE_REQUEST && q->count < q->holds) q->m[q->count++] = m;
}

static void answer_first(struct queue *q) {
  struct buf b;
  buf_init(&b, 32 * KIB);
  fix_put_block(&f, &b, q->m[0].index, q->m[0].begin / BLOCK_LEN);
  memmove(&q->m[0], &q->m[1], --q->count * sizeof q->m[0]);
  assert_int_equal(fix_feed(&l, &b), ERR_OK);
  download_count(l.p);
}

TEST(who_drops_what_its_queue_does_not_hold_is_silent_only_once) {
  static const uint32_t holds[] = {1, 4, 16};
  for (size_t i = 0; i < sizeof holds / sizeof holds[0]; i++) {
    begin(64 * 64 * KIB, 64 * KIB);
    struct queue q = {.holds = holds[i]};
    int silences = 0;
    fix_open_seed(&l);
    for (int round = 0; round < 10000 && !bitset_full(&f.sw.pieces->done); round++) {
      take_requests(&q);
      if (q.count == 0 && l.p->outstanding > 0) {
        patience();
        silences++;
        continue;
      }
      l.p->now_ms += 2;
      answer_first(&q);
      fix_write(&f);
      l.p->take_ms = 0;
      download_ask(l.p);
    }
    assert_true(fix_all_came_once(&f));
    assert_in_range(silences, 1, 1);
    end();
  }
}

TEST(who_is_alone_is_waited_for_longer) {
  begin(64 * 16 * KIB, 64 * KIB);
  fix_open_seed(&l);
  assert_in_range(patience(), 4900, 5100);
  end();
}

TEST(a_peer_that_stays_silent_for_a_minute_is_left) {
  begin(64 * 16 * KIB, 64 * KIB);
  int64_t next_ms;
  fix_open_seed(&l);
  int64_t start = l.p->now_ms;
  int turns = 0;
  while (tick(&next_ms) == ERR_OK && turns++ < 1000) {
    l.p->now_ms = next_ms;
    download_ask(l.p);
    buf_clear(&l.p->out);
  }
  assert_in_range(l.p->now_ms - start, 30000, 70000);
  assert_in_range(turns, 1, 100);
  end();
}

TEST(a_wrong_piece_does_not_wait_for_a_silent_peer) {
  begin(4 * 16 * KIB, 64 * KIB);
  struct fix_link other = fix_peer(&f, 2);
  int64_t next_ms;
  fix_ask_for_all(&l);
  deliver(4);
  void *item;
  size_t n;
  while (chan_count(f.sw.results) > 0) { /* the writer finds it wrong */
    assert_int_equal(chan_receive(f.sw.results, &item, 1, &n, CLOCK_NEVER), ERR_OK);
    fragment_put(f.sw.pool, item);
  }
  pieces_failed(f.sw.pieces, 0, 0, true, NULL);
  l.p->take_ms = 0;
  download_ask(l.p);
  assert_int_equal(l.p->outstanding, 4);
  fix_open_seed(&other);
  for (int i = 0; i < 100 && !l.p->pp.snubbed; i++) {
    assert_int_equal(tick(&next_ms), ERR_OK);
    download_ask(l.p);
    l.p->now_ms = next_ms;
  }
  assert_true(l.p->pp.snubbed);
  assert_int_equal(download_on_bell(other.p), ERR_OK);
  download_ask(other.p);
  assert_true(other.p->outstanding > 0);
  fix_leave(&other);
  end();
}

/* --- the bell --- */

/* Our request still stands at the peer: asking again would bring the block twice. */
TEST(what_was_taken_over_and_given_back_before_the_bell_is_not_asked_again) {
  begin(8 * 16 * KIB, 8 * 16 * KIB);
  fix_ask_for_all(&l);
  buf_clear(&l.p->out);
  atomic_store(&l.p->pp.rate, 100);
  struct fix_link other = fix_peer(&f, 2);
  atomic_store(&other.p->pp.rate, 1 << 30);
  other.p->window = 4;
  assert_int_equal(fix_open_seed(&other), 4);
  fix_leave(&other);
  l.p->window = 32;
  l.p->take_ms = 0;
  download_ask(l.p);
  sound();
  assert_int_equal(fix_count_said(&l, WIRE_REQUEST, NULL), 0);
  assert_int_equal(l.p->outstanding, 8);
  assert_int_equal(l.p->pp.asked, 8);
  deliver(8);
  assert_int_equal(fix_write(&f), 8);
  assert_int_equal(f.sw.wasted, 0);
  end();
}

TEST(what_was_taken_over_is_cancelled_but_not_the_block_that_is_arriving) {
  begin(8 * 16 * KIB, 8 * 16 * KIB);
  fix_ask_for_all(&l);
  buf_clear(&l.p->out);
  struct buf b;
  buf_init(&b, 1 << 20);
  fix_put_block(&f, &b, 0, 7); /* out of order: the last first, and only half of it */
  fix_feed_by(&l, b.data, 8000, 8000);
  sound();
  atomic_store(&l.p->pp.rate, 100);
  struct fix_link other = fix_peer(&f, 2);
  atomic_store(&other.p->pp.rate, 1 << 30);
  other.p->window = 4; /* known, and so left alone */
  assert_int_equal(fix_open_seed(&other), 4);
  assert_int_equal(download_on_bell(l.p), ERR_OK);
  sound();
  struct wire_message m;
  uint32_t cancelled = 0;
  while (fix_said(&l, &m)) {
    if (m.id != WIRE_CANCEL) continue;
    cancelled++;
    assert_in_range(m.begin / BLOCK_LEN, 4, 6);
    assert_int_equal(m.length, BLOCK_LEN);
  }
  assert_int_equal(cancelled, 3);
  fix_feed_by(&l, b.data + 8000, b.len - 8000, 65536);
  buf_free(&b);
  assert_int_equal(l.error, ERR_OK);
  assert_int_equal(l.p->outstanding, 4);
  deliver(4);
  assert_true(fix_was_rung(&f, other.p->seat.number)); /* block 7 came before the other's */
  assert_int_equal(download_on_bell(other.p), ERR_OK);
  assert_int_equal(other.p->outstanding, 3);
  fix_leave(&other);
  assert_int_equal(fix_write(&f), 5);
  end();
}

/* --- places --- */

TEST(places_come_in_the_order_of_asking_without_the_block_that_is_arriving) {
  begin(2 * 64 * KIB, 64 * KIB);
  struct download_slot s[32];
  uint32_t n = fix_ask_for_all(&l);
  struct buf b;
  buf_init(&b, 1 << 20);
  const struct run r = l.p->jobs[l.p->job_head].run;
  fix_put_block(&f, &b, r.piece, r.first + 1);
  fix_feed_by(&l, b.data, 5000, 5000);
  buf_free(&b);
  assert_int_equal(download_expected(l.p, s, 3), 3);
  assert_int_equal(download_expected(l.p, s, 32), n - 1);
  assert_int_equal(s[0].begin, r.first * BLOCK_LEN);
  assert_int_equal(s[1].begin, (r.first + 2) * BLOCK_LEN);
  for (uint32_t i = 0; i < n - 1; i++)
    assert_int_equal(s[i].len, geometry_block_len(&f.meta.geo, s[i].piece, s[i].begin / BLOCK_LEN));
  end();
}

/* --- the low-water mark --- */

/* A mark beyond what is still to come would never be reached. */
TEST(the_low_water_mark_is_never_beyond_what_is_to_come) {
  static const uint64_t rates[] = {1, 100000, 10 << 20, UINT64_C(1) << 30};
  bool high = false;
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
    begin(64 * 16 * KIB - 100, 256 * KIB);
    download_set_lowat(l.p);
    assert_int_equal(l.p->lowat, 1); /* choked */
    fix_ask_for_all(&l);
    while (l.p->outstanding > 0) {
      deliver(1);
      atomic_store(&l.p->pp.rate, rates[i]);
      l.p->now_ms += 5;
      download_set_lowat(l.p);
      high |= l.p->lowat > 1;
      uint64_t to_come = l.p->outstanding_bytes + l.p->outstanding * WIRE_PIECE_HEADER_LEN;
      assert_true(l.p->lowat == 1 || (uint64_t)l.p->lowat <= to_come);
    }
    assert_int_equal(l.p->lowat, 1);
    end();
  }
  assert_true(high); /* else nobody ever sleeps long */
}

int main(void) {
  RUN(T(nothing_is_asked_of_who_chokes_us_or_has_nothing),
      T(every_request_is_for_a_whole_block_and_none_is_made_twice),
      T(the_first_window_leaves_others_their_share),
      T(the_window_follows_the_rate_within_its_bounds),
      T(the_window_stays_within_reqq_and_the_share_of_memory), T(a_full_ring_of_jobs_is_no_end),
      T(an_empty_queue_is_asked_again_after_a_while_or_when_the_bell_rings),
      T(an_idle_connection_that_is_choked_or_bored_does_not_spin),
      T(a_useless_peer_gives_its_place_to_others_if_there_are_any),
      T(the_time_to_ask_an_empty_queue_again_is_no_reason_to_wake_up_twice),
      T(the_blocks_of_a_silent_peer_go_to_others),
      T(a_silent_peer_that_speaks_again_is_trusted_again),
      T(who_pauses_and_goes_on_is_waited_for_the_next_time),
      T(who_drops_what_its_queue_does_not_hold_is_silent_only_once),
      T(who_is_alone_is_waited_for_longer),
      T(a_peer_that_stays_silent_for_a_minute_is_left),
      T(a_wrong_piece_does_not_wait_for_a_silent_peer),
      T(what_was_taken_over_and_given_back_before_the_bell_is_not_asked_again),
      T(what_was_taken_over_is_cancelled_but_not_the_block_that_is_arriving),
      T(places_come_in_the_order_of_asking_without_the_block_that_is_arriving),
      T(the_low_water_mark_is_never_beyond_what_is_to_come));
}
