/*
 * The worker thread over a real TCP connection on the loopback: the test listens, and is the
 * scripted peer on the other end, the writer and the session. How a worker judged the peer is read
 * from the address book. Every wait of the test has an end after half a minute, which is a failure.
 */
#include "../test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

#include "../support/swarm_fixture.h"
#include "peer/worker.h"

enum { KIB = 1024, PATIENCE_S = 30 };

static struct fix f;
static struct addr address;
static int listener = -1;
static int far = -1;
static struct buf heard; /* bytes from the worker that were not looked at yet */

static void ring(void *arg, uint32_t number) {
  roster_ring(((struct fix *)arg)->sw.roster, number);
}

static void listen_somewhere(void) {
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  struct timeval t = {.tv_sec = PATIENCE_S};
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&sa, len), 0);
  assert_int_equal(listen(listener, 8), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
  setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  address = (struct addr){.family = 4, .ip = {127, 0, 0, 1}, .port = ntohs(sa.sin_port)};
}

static void dial(void) {
  struct addr a;
  int64_t due_ms;
  addrbook_add(f.sw.book, &address, FROM_USER, 0);
  assert_int_equal(addrbook_take(f.sw.book, 1, &a, &due_ms), ERR_OK);
  assert_int_equal(worker_start(&f.sw, &a), ERR_OK);
}

static void begin(uint64_t total, uint32_t piece_len) {
  fix_swarm(&f, total, piece_len);
  pieces_free(f.sw.pieces);
  f.sw.pieces = pieces_new(&f.meta.geo, NULL, ring, &f);
  buf_init(&heard, 8 << 20);
  far = -1;
  listen_somewhere();
}

static void accept_worker(void) {
  struct timeval t = {.tv_sec = PATIENCE_S};
  int one = 1;
  far = accept(listener, NULL, NULL);
  assert_true(far >= 0);
  setsockopt(far, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void wait_until_gone(void) {
  int64_t late = clock_now_ms() + PATIENCE_S * 1000;
  while (worker_reap(&f.sw) > 0) {
    if (clock_now_ms() > late) fail_msg("the worker does not end");
    sched_yield();
  }
}

/* Waits for the end of the worker and looks at everything. */
static void end(enum addrbook_outcome how) {
  wait_until_gone();
  struct addrbook_stats s;
  addrbook_stats(f.sw.book, 0, &s);
  assert_int_equal(s.taken, 0);
  for (int i = 0; i <= ADDR_LIAR; i++) {
    if (s.failed[i] != (i == (int)how)) fail_msg("outcome %d, %d was expected", i, how);
  }
  struct roster_stats r;
  roster_stats(f.sw.roster, &r);
  assert_int_equal(r.seats + r.connected, 0);
  const char *fault = fix_queue_fault(f.sw.pieces);
  if (fault != NULL) fail_msg("%s", fault);
  if (far >= 0) close(far);
  if (listener >= 0) close(listener);
  buf_free(&heard);
  fix_free(&f);
}

/* --- speaking --- */

static void send_all(const void *data, size_t len) {
  const uint8_t *at = data;
  while (len > 0) {
    ssize_t n = send(far, at, len, MSG_NOSIGNAL);
    assert_true(n > 0);
    at += n;
    len -= (size_t)n;
  }
}

static void send_buf(struct buf *b) {
  send_all(b->data, b->len);
  buf_free(b);
}

static struct buf handshake(const char *id) {
  struct buf b;
  struct wire_handshake h = {.reserved = WIRE_RESERVED_EXTENSION | WIRE_RESERVED_FAST};
  memcpy(h.info_hash, f.meta.info_hash, 20);
  memcpy(h.peer_id, id, 20);
  buf_init(&b, 4096);
  wire_put_handshake(&b, &h);
  return b;
}

/* Nobody is there any more, not even for a second try. */
static void hang_up_for_good(void) {
  close(listener);
  listener = -1;
  shutdown(far, SHUT_RDWR);
}

/* Handshake, have all, unchoke. */
static void be_a_seed(void) {
  struct buf b = handshake("-XX0001-a seed of it");
  wire_put_simple(&b, WIRE_HAVE_ALL);
  wire_put_simple(&b, WIRE_UNCHOKE);
  send_buf(&b);
}

/* --- listening --- */

static void hear_more(void) {
  uint8_t *to = buf_reserve(&heard, 65536);
  assert_non_null(to);
  ssize_t n = recv(far, to, 65536, 0);
  if (n <= 0) fail_msg("the worker says nothing more");
  heard.len += (size_t)n;
}

static void hear_handshake(void) {
  struct wire_handshake h;
  while (heard.len < WIRE_HANDSHAKE_LEN) hear_more();
  assert_int_equal(wire_get_handshake(heard.data, &h), ERR_OK);
  assert_memory_equal(h.info_hash, f.meta.info_hash, 20);
  assert_memory_equal(h.peer_id, f.sw.peer_id, 20);
  assert_true(h.reserved & WIRE_RESERVED_FAST && h.reserved & WIRE_RESERVED_EXTENSION);
  buf_consume(&heard, WIRE_HANDSHAKE_LEN);
}

/* The next message; its body, if any, is gone. */
static struct wire_message hear(void) {
  struct wire_limits limits = {.bitfield_len = UINT32_MAX, .piece_max = 0, .other_max = 65536};
  struct wire_message m;
  size_t used;
  size_t need;
  enum err e;
  while ((e = wire_decode(heard.data, heard.len, &limits, &m, &used, &need)) == ERR_TIMEOUT)
    hear_more();
  assert_int_equal(e, ERR_OK);
  buf_consume(&heard, used);
  m.data = NULL;
  return m;
}

static struct wire_message hear_until(enum wire_id id) {
  struct wire_message m;
  do m = hear();
  while (m.id != id);
  return m;
}

/* Serves requests until everything was delivered; each answer in parts of `step` bytes. */
static void serve_all(size_t step) {
  uint64_t sent = 0;
  while (sent < f.meta.geo.total) {
    struct wire_message m = hear_until(WIRE_REQUEST);
    struct buf b;
    buf_init(&b, 32 * KIB);
    fix_put_block(&f, &b, m.index, m.begin / BLOCK_LEN);
    for (size_t at = 0; at < b.len; at += step)
      send_all(b.data + at, b.len - at < step ? b.len - at : step);
    buf_free(&b);
    sent += m.length;
    fix_write(&f);
  }
}

static void wait_for_bytes(uint64_t bytes) {
  int64_t late = clock_now_ms() + PATIENCE_S * 1000;
  while (atomic_load(&f.sw.received) < bytes) {
    if (clock_now_ms() > late) fail_msg("the worker does not take what was sent");
    fix_write(&f);
    sched_yield();
  }
}

/* A connection to a seed, which hears of nothing but our handshake yet. */
static void begin_with_a_seed(uint64_t total, uint32_t piece_len) {
  begin(total, piece_len);
  dial();
  accept_worker();
  be_a_seed();
  hear_handshake();
}

/* --- tests --- */

TEST(everything_arrives_from_a_seed) {
  static const size_t steps[] = {1 << 20, 1000, 16384, 16396};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    begin_with_a_seed(2 * 1024 * KIB + 77 * KIB + 5, 256 * KIB);
    serve_all(steps[i]);
    wait_for_bytes(f.meta.geo.total); /* the tail too: no low-water mark may keep it waiting */
    shutdown(far, SHUT_RDWR);
    wait_until_gone();
    fix_write(&f);
    assert_true(fix_all_came_once(&f));
    struct pieces_stats s;
    pieces_stats(f.sw.pieces, &s);
    assert_true(s.complete);
    end(ADDR_CUT);
  }
}

TEST(the_opening_says_who_we_are_what_we_have_and_that_we_are_interested) {
  begin(10 * 16 * KIB, 16 * KIB);
  dial();
  accept_worker();
  hear_handshake();
  assert_int_equal(hear().id, WIRE_BITFIELD); /* without waiting for the peer's handshake */
  struct wire_message m = hear();
  assert_int_equal(m.id, WIRE_EXTENDED);
  assert_int_equal(m.ext_id, EXTEND_HANDSHAKE_ID);
  assert_int_equal(hear().id, WIRE_INTERESTED);
  hang_up_for_good();
  end(ADDR_UNREACHABLE);
}

TEST(who_hangs_up_on_the_opening_is_greeted_once_more_step_by_step) {
  begin(3 * 16 * KIB, 16 * KIB);
  dial();
  accept_worker();
  close(far); /* as aria2 does when something follows the handshake */
  buf_clear(&heard);
  accept_worker();
  hear_handshake();
  assert_int_equal(heard.len, 0);
  be_a_seed();
  assert_int_equal(hear().id, WIRE_BITFIELD);
  assert_int_equal(hear().id, WIRE_EXTENDED);
  assert_int_equal(hear().id, WIRE_INTERESTED);
  shutdown(far, SHUT_RDWR);
  end(ADDR_CUT);
}

TEST(a_handshake_that_comes_byte_by_byte_is_a_handshake) {
  begin(3 * 16 * KIB, 16 * KIB);
  dial();
  accept_worker();
  struct buf b = handshake("-XX0001-a slow talker");
  for (size_t i = 0; i < b.len; i++) {
    send_all(b.data + i, 1);
    sched_yield();
  }
  buf_free(&b);
  hear_handshake();
  buf_init(&b, 64);
  wire_put_simple(&b, WIRE_HAVE_ALL);
  wire_put_simple(&b, WIRE_UNCHOKE);
  send_buf(&b);
  serve_all(65536);
  wait_for_bytes(f.meta.geo.total);
  shutdown(far, SHUT_RDWR);
  end(ADDR_CUT);
}

/* One piece of one block comes from somebody else. */
static void fetch_elsewhere(uint32_t piece) {
  struct pieces_peer p = {0};
  struct run r;
  assert_int_equal(pieces_join(f.sw.pieces, &p, 1000), ERR_OK);
  assert_int_equal(pieces_set_have(f.sw.pieces, &p, piece), ERR_OK);
  assert_int_equal(pieces_take(f.sw.pieces, &p, 1, clock_now_ms(), &r), TAKE_RUN);
  assert_int_equal(pieces_received(f.sw.pieces, &p, &r, 1), 1);
  pieces_verified(f.sw.pieces, piece);
  pieces_leave(f.sw.pieces, &p);
}

/* Two pieces of three were fetched from elsewhere: one before the connection, which the bitfield
 * tells, and one later, which HAVE tells; the third comes from this peer, who has it. */
TEST(finished_pieces_are_announced_to_who_lacks_them_and_none_twice) {
  begin(3 * 16 * KIB, 16 * KIB);
  fetch_elsewhere(0);
  dial();
  accept_worker();
  hear_handshake();
  struct buf b = handshake("-XX0001-a part of it");
  wire_put_index(&b, WIRE_HAVE, 2);
  wire_put_simple(&b, WIRE_UNCHOKE);
  send_buf(&b);
  struct wire_message m;
  do assert_int_not_equal((m = hear()).id, WIRE_HAVE); /* 0 was in the bitfield */
  while (m.id != WIRE_REQUEST);
  assert_int_equal(m.index, 2);
  fetch_elsewhere(1);
  buf_init(&b, 32 * KIB);
  fix_put_block(&f, &b, 2, 0);
  send_buf(&b);
  assert_int_equal(hear_until(WIRE_HAVE).index, 1);
  wait_for_bytes(16 * KIB);
  shutdown(far, SHUT_WR);
  while (true) { /* until it hangs up: nothing about 2, which the peer has */
    uint8_t rest[256];
    ssize_t n = recv(far, rest, sizeof rest, 0);
    if (n <= 0) break;
    buf_put(&heard, rest, (size_t)n);
  }
  while (heard.len > 0) assert_int_not_equal(hear().id, WIRE_HAVE);
  end(ADDR_CUT);
}

/* What a peer may send instead of a handshake, and what becomes of it. */
static void answer(const void *data, size_t len, enum addrbook_outcome how) {
  begin(3 * 16 * KIB, 16 * KIB);
  dial();
  accept_worker();
  if (len > 0) send_all(data, len);
  else hang_up_for_good();
  end(how);
}

TEST(what_is_no_handshake_is_found_out_without_waiting_for_all_of_it) {
  answer("HTTP/1.1 400 Bad Request\r\n", 26, ADDR_WRONG);
  answer("\x13" "BitTorrent protocoL", 20, ADDR_WRONG);
  answer("\x14", 1, ADDR_WRONG);
  answer("", 0, ADDR_UNREACHABLE);
}

TEST(another_torrent_is_found_out) {
  begin(16 * KIB, 16 * KIB);
  dial();
  accept_worker();
  struct buf b = handshake("-XX0001-a stranger!!");
  b.data[30] ^= 1; /* in the info hash */
  send_buf(&b);
  end(ADDR_WRONG);
}

TEST(a_connection_to_ourselves_is_found_out) {
  begin(16 * KIB, 16 * KIB);
  dial();
  accept_worker();
  struct buf b = handshake((const char *)f.sw.peer_id);
  send_buf(&b);
  end(ADDR_SELF);
}

TEST(nobody_there_is_found_out) {
  begin(16 * KIB, 16 * KIB);
  close(listener);
  listener = -1;
  dial();
  end(ADDR_UNREACHABLE);
}

TEST(who_breaks_the_protocol_is_remembered_for_it) {
  begin(16 * KIB, 16 * KIB);
  dial();
  accept_worker();
  hear_handshake();
  struct buf b = handshake("-XX0001-a breaker...");
  buf_put(&b, "\0\0\0\5\4\xff\xff\xff\xff", 9);
  send_buf(&b);
  end(ADDR_MISBEHAVED);
}

TEST(an_end_in_the_middle_of_a_block_gives_everything_back) {
  static const size_t cuts[] = {0, 1, 12, 13, 14, 5000, 16396, 16397, 16398, 20000};
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
    begin_with_a_seed(64 * 16 * KIB, 128 * KIB);
    struct wire_message m = hear_until(WIRE_REQUEST);
    struct wire_message n = hear_until(WIRE_REQUEST);
    struct buf b;
    buf_init(&b, 64 * KIB);
    fix_put_block(&f, &b, m.index, m.begin / BLOCK_LEN);
    fix_put_block(&f, &b, n.index, n.begin / BLOCK_LEN);
    send_all(b.data, cuts[i]);
    buf_free(&b);
    shutdown(far, SHUT_RDWR);
    wait_until_gone();
    assert_int_equal(fix_write(&f), cuts[i] / 16397); /* whole blocks are not lost */
    assert_int_equal(f.wrong, 0);
    end(ADDR_CUT);
  }
}

/* A connection that ends after one block of a piece of eight, on which there is no verdict yet.
 * `doubted`: somebody has spoilt an earlier piece that it had a part in. Is it due at once? */
static void cut_after_a_block(bool doubted) {
  begin_with_a_seed(64 * 16 * KIB, 128 * KIB);
  if (doubted) roster_doubt(f.sw.roster, 1);
  struct wire_message m = hear_until(WIRE_REQUEST);
  struct buf b;
  buf_init(&b, 32 * KIB);
  fix_put_block(&f, &b, m.index, m.begin / BLOCK_LEN);
  send_buf(&b);
  shutdown(far, SHUT_RDWR);
  wait_until_gone();
  assert_int_equal(fix_write(&f), 1);
  struct addrbook_stats s;
  addrbook_stats(f.sw.book, clock_now_ms(), &s);
  assert_int_equal(s.due, doubted ? 0 : 1);
  end(ADDR_CUT);
}

TEST(who_gave_something_and_is_cut_off_is_due_at_once_unless_it_may_be_a_liar) {
  cut_after_a_block(false);
  cut_after_a_block(true);
}

TEST(who_gave_nothing_and_is_cut_off_is_not_due_at_once) {
  begin_with_a_seed(64 * 16 * KIB, 128 * KIB);
  hear_until(WIRE_REQUEST);
  shutdown(far, SHUT_RDWR);
  wait_until_gone();
  struct addrbook_stats s;
  addrbook_stats(f.sw.book, clock_now_ms(), &s);
  assert_int_equal(s.due, 0);
  end(ADDR_CUT);
}

static pthread_key_t last_words;
static atomic_bool gone;

/* Runs when the worker's thread has nothing left to do but to end, which takes it long. */
static void linger(void *arg) {
  struct timespec t = {.tv_nsec = 200 * 1000 * 1000};
  (void)arg;
  nanosleep(&t, NULL);
  atomic_store(&gone, true);
}

static void make_it_linger(void *arg, const struct addr *a, const char *client) {
  (void)a;
  (void)client;
  pthread_setspecific(last_words, arg);
}

TEST(a_worker_is_counted_until_its_thread_is_gone) {
  assert_int_equal(pthread_key_create(&last_words, linger), 0);
  begin(16 * KIB, 16 * KIB);
  f.sw.hooks.arg = &f;
  f.sw.hooks.peer_up = make_it_linger;
  dial();
  accept_worker();
  be_a_seed();
  hear_handshake();
  hear_until(WIRE_REQUEST);
  shutdown(far, SHUT_RDWR);
  wait_until_gone();
  assert_true(atomic_load(&gone));
  end(ADDR_CUT);
  pthread_key_delete(last_words);
}

/* --- being stopped --- */

static void stop(void) {
  atomic_store(&f.sw.stopping, true);
  roster_close_all(f.sw.roster);
  assert_true(roster_wait_empty(f.sw.roster, clock_now_ms() + PATIENCE_S * 1000));
}

/* The end of one that had a request under way: what it is called depends on who was first. */
static void end_stopped(void) {
  stop();
  wait_until_gone();
  struct addrbook_stats s;
  addrbook_stats(f.sw.book, 0, &s);
  end(s.failed[ADDR_FULL] ? ADDR_FULL : ADDR_CUT);
}

TEST(a_worker_that_waits_for_a_handshake_can_be_stopped) {
  begin(16 * KIB, 16 * KIB);
  dial();
  accept_worker();
  hear_handshake();
  stop();
  wait_until_gone();
  struct addrbook_stats s;
  addrbook_stats(f.sw.book, 0, &s);
  assert_int_equal(s.taken, 0);
  assert_int_equal(s.dead, 0);
  end(s.failed[ADDR_FULL] ? ADDR_FULL : ADDR_UNREACHABLE); /* bell and socket race; both will do */
}

TEST(a_worker_that_waits_for_blocks_can_be_stopped) {
  begin_with_a_seed(64 * 16 * KIB, 64 * KIB);
  hear_until(WIRE_REQUEST);
  end_stopped();
}

TEST(a_worker_that_waits_for_a_full_channel_can_be_stopped) {
  begin(64 * 16 * KIB, 64 * KIB);
  chan_free(f.sw.results);
  f.sw.results = chan_new(1, 1); /* takes one fragment, and nobody empties it */
  dial();
  accept_worker();
  be_a_seed();
  hear_handshake();
  for (int i = 0; i < 12; i++) {
    struct wire_message m = hear_until(WIRE_REQUEST);
    struct buf b;
    buf_init(&b, 32 * KIB);
    fix_put_block(&f, &b, m.index, m.begin / BLOCK_LEN);
    send_buf(&b);
    if (chan_count(f.sw.results) == 1) break;
  }
  atomic_store(&f.sw.stopping, true);
  chan_close(f.sw.results);
  end_stopped();
}

TEST(a_shut_connection_ends_its_worker) {
  begin_with_a_seed(64 * 16 * KIB, 64 * KIB);
  hear_until(WIRE_REQUEST);
  struct addr liar;
  assert_true(roster_addr(f.sw.roster, 1, &liar));
  roster_shut_host(f.sw.roster, &liar); /* as the writer does with a liar */
  end(ADDR_CUT);
}

int main(void) {
  RUN(T(everything_arrives_from_a_seed),
      T(the_opening_says_who_we_are_what_we_have_and_that_we_are_interested),
      T(who_hangs_up_on_the_opening_is_greeted_once_more_step_by_step),
      T(a_handshake_that_comes_byte_by_byte_is_a_handshake),
      T(finished_pieces_are_announced_to_who_lacks_them_and_none_twice),
      T(what_is_no_handshake_is_found_out_without_waiting_for_all_of_it),
      T(another_torrent_is_found_out), T(a_connection_to_ourselves_is_found_out),
      T(nobody_there_is_found_out), T(who_breaks_the_protocol_is_remembered_for_it),
      T(an_end_in_the_middle_of_a_block_gives_everything_back),
      T(who_gave_something_and_is_cut_off_is_due_at_once_unless_it_may_be_a_liar),
      T(who_gave_nothing_and_is_cut_off_is_not_due_at_once),
      T(a_worker_is_counted_until_its_thread_is_gone),
      T(a_worker_that_waits_for_a_handshake_can_be_stopped),
      T(a_worker_that_waits_for_blocks_can_be_stopped),
      T(a_worker_that_waits_for_a_full_channel_can_be_stopped),
      T(a_shut_connection_ends_its_worker));
}
