/*
 * When is nobody left to download from? Only when nothing that is under way can bring anything any
 * more, each thing for itself.
 */
#include "../test.h"

#include "../support/swarm_fixture.h"
#include "../support/trackers.h"
#include "app/sources.h"

enum { KIB = 1024, NOW = 1000 };

static struct fix f;
static char why[1024];

static int begin(void **state) {
  (void)state;
  fix_swarm(&f, 2 * 16 * KIB, 16 * KIB);
  why[0] = '\0';
  return 0;
}

static int end(void **state) {
  (void)state;
  fix_free(&f);
  return 0;
}

static bool left(struct tracker_set *trackers) {
  return sources_left(&f.sw, trackers, NOW, why, sizeof why);
}

static struct addr known(const char *text) {
  struct addr a;
  assert_true(addr_parse(text, strlen(text), &a));
  assert_true(addrbook_add(f.sw.book, &a, FROM_USER, NOW));
  return a;
}

/* Takes the address and reports it. */
static void tried(enum addrbook_outcome how, int64_t now_ms) {
  struct addr a;
  int64_t due_ms;
  assert_int_equal(addrbook_take(f.sw.book, now_ms, &a, &due_ms), ERR_OK);
  addrbook_report(f.sw.book, &a, how, false, now_ms);
}

TEST(without_an_address_and_a_tracker_nobody_is_left) {
  assert_false(left(NULL));
  assert_string_equal(why, "nobody is left to download from: there is no tracker to ask; name "
                           "another peer with --peer IP:PORT or another tracker with --tracker "
                           "URL");
}

TEST(an_address_is_left_until_it_is_dead) {
  known("192.0.2.1:1");
  assert_true(left(NULL));
  tried(ADDR_UNREACHABLE, NOW);
  assert_true(left(NULL)); /* in a minute */
  tried(ADDR_UNREACHABLE, NOW + 60000);
  assert_true(left(NULL));
  tried(ADDR_UNREACHABLE, NOW + 180000);
  assert_false(left(NULL));
  assert_non_null(strstr(why, ": there is no tracker to ask; 1 address known: refused; name"));
}

TEST(an_address_that_is_taken_is_left_even_if_it_is_banned) {
  struct addr a = known("192.0.2.1:1");
  int64_t due_ms;
  assert_int_equal(addrbook_take(f.sw.book, NOW, &a, &due_ms), ERR_OK);
  addrbook_ban(f.sw.book, &a);
  assert_true(left(NULL));
  addrbook_report(f.sw.book, &a, ADDR_CUT, false, NOW);
  assert_false(left(NULL));
  assert_non_null(strstr(why, "; 1 address known: banned for wrong data; name"));
}

TEST(a_worker_that_runs_is_somebody) {
  atomic_store(&f.sw.workers, 1);
  assert_true(left(NULL));
  atomic_store(&f.sw.workers, 0);
  assert_false(left(NULL));
}

/* The last peer may be gone before the last piece is judged. */
TEST(a_piece_that_waits_for_its_verdict_is_waited_for) {
  struct pieces_peer p = {0};
  struct run r[2];
  assert_int_equal(pieces_join(f.sw.pieces, &p, 1), ERR_OK);
  p.proven = true;
  pieces_set_have_all(f.sw.pieces, &p);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(pieces_take(f.sw.pieces, &p, 1, NOW, &r[i]), TAKE_RUN);
    assert_int_equal(pieces_received(f.sw.pieces, &p, &r[i], 1), 1);
  }
  pieces_leave(f.sw.pieces, &p);
  assert_true(left(NULL));
  pieces_verified(f.sw.pieces, r[0].piece);
  assert_true(left(NULL));
  pieces_failed(f.sw.pieces, r[1].piece, 0, true, NULL);
  assert_false(left(NULL));
}

TEST(when_all_is_there_nobody_is_missed) {
  pieces_verified(f.sw.pieces, 0);
  assert_false(left(NULL));
  pieces_verified(f.sw.pieces, 1);
  assert_true(left(NULL));
}

TEST(a_tracker_is_somebody_unless_it_is_never_to_be_asked_again) {
  struct httpd h;
  httpd_start(&h, answer_ben, "{'failure reason': 'gone', 'retry in': 'never'}");
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
  wait_state(set, 0, TRACKER_FAILED);
  assert_false(left(set));
  assert_non_null(strstr(why, "/a: gone (and it is not to be asked again); name another peer"));
  stop(set);
  httpd_stop(&h);
  httpd_start(&h, answer_ben, TWO_PEERS);
  set = start(urls("http://127.0.0.1:A/a", &h, NULL));
  assert_true(left(set));
  wait_state(set, 0, TRACKER_OK);
  assert_true(left(set)); /* the session did not take in its peers: but it may be asked again */
  stop(set);
  httpd_stop(&h);
}

#define S(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  if (!trackers_main_init()) return 1;
  RUN(S(without_an_address_and_a_tracker_nobody_is_left), S(an_address_is_left_until_it_is_dead),
      S(an_address_that_is_taken_is_left_even_if_it_is_banned),
      S(a_worker_that_runs_is_somebody), S(a_piece_that_waits_for_its_verdict_is_waited_for),
      S(when_all_is_there_nobody_is_missed),
      S(a_tracker_is_somebody_unless_it_is_never_to_be_asked_again));
}
