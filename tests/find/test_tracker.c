/*
 * A torrent's trackers at work: real threads and sockets, scripted servers. Each test starts a set,
 * waits for something to have happened (never for time to pass), stops the set, and then looks at
 * what the servers saw. Which tracker is asked when is proven in test_tracker_tier.c; here it is
 * that the threads do it, that events come in order. The end of a set has test_tracker_stop.c.
 */
#include "../test.h"

#include "../support/trackers.h"

TEST(a_download_says_started_completed_and_stopped) {
  struct httpd h;
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
  wait_state(set, 0, TRACKER_OK);
  assert_int_equal(peers_heard_of(), 2);
  set_totals(1000, 0);
  tracker_completed(set);
  assert_true(httpd_wait(&h, 2));
  stop(set);
  assert_true(httpd_wait(&h, 3));
  assert_int_equal(httpd_count(&h), 3);
  assert_true(httpd_saw(&h, 0, "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-WF0100-bbbbbbbbbbbb"
                               "&port=6881&uploaded=0&downloaded=0&left=1000&"));
  assert_true(httpd_saw(&h, 0, "&numwant=80&event=started "));
  assert_true(httpd_saw(&h, 1, "&downloaded=1000&left=0&"));
  assert_true(httpd_saw(&h, 1, "&event=completed "));
  assert_true(httpd_saw(&h, 2, "&numwant=0&event=stopped "));
  httpd_stop(&h);
}

TEST(the_key_stays_and_the_tracker_id_comes_back) {
  struct httpd h;
  httpd_start(&h, answer_ben, "{'interval': 900, 'peers': '', 'tracker id': 'a/b'}");
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
  wait_state(set, 0, TRACKER_OK);
  stop(set);
  assert_true(httpd_wait(&h, 2));
  assert_false(httpd_saw(&h, 0, "trackerid"));
  assert_true(httpd_saw(&h, 1, "&trackerid=a%2Fb"));
  const char *key = strstr(httpd_request(&h, 0), "&key=");
  assert_non_null(key);
  char text[14] = {0};
  memcpy(text, key, 13);
  assert_true(httpd_saw(&h, 1, text));
  httpd_stop(&h);
}

TEST(a_status_says_what_the_tracker_said) {
  struct httpd h;
  httpd_start(&h, answer_ben,
              "{'complete': 5, 'external ip': '\x5d\xb8\xd8\x22', 'incomplete': 6,"
              " 'interval': 1800, 'peers': 'abcdef', 'warning message': 'old client'}");
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a?passkey=secret", &h, NULL));
  wait_state(set, 0, TRACKER_OK);
  struct tracker_status s = status_of(set, 0);
  assert_int_equal(s.seeders, 5);
  assert_int_equal(s.leechers, 6);
  assert_int_equal(s.peers, 1);
  assert_string_equal(s.message, "old client");
  assert_non_null(strstr(s.url, "/a?passkey=..."));
  assert_true(s.next_ms > clock_now_ms());
  assert_false(tracker_pending(set));
  struct addr us = tracker_external_ip(set);
  assert_int_equal(us.family, 4);
  assert_int_equal(us.ip[0], 0x5d);
  stop(set);
  httpd_stop(&h);
}

TEST(a_failure_reason_is_the_message) {
  struct httpd h;
  httpd_start(&h, answer_ben,
              "{'failure reason': 'torrent \x1b[31mnot registered', 'retry in': 9}");
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
  wait_state(set, 0, TRACKER_FAILED);
  struct tracker_status s = status_of(set, 0);
  assert_string_equal(s.message, "torrent \x1b[31mnot registered");
  assert_true(s.next_ms > clock_now_ms() + 5 * LONG_MS);
  assert_false(tracker_pending(set));
  stop(set);
  assert_int_equal(httpd_count(&h), 1); /* it never served us: no "stopped" */
  httpd_stop(&h);
}

TEST(who_wants_never_to_be_asked_again_is_not_waited_for) {
  struct httpd h;
  struct httpd later;
  httpd_start(&h, answer_ben, "{'failure reason': 'gone', 'retry in': 'never'}");
  httpd_start(&later, answer_ben, "{'failure reason': 'busy', 'retry in': 9}");
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a udp://127.0.0.1:1", &h, NULL));
  wait_state(set, 0, TRACKER_FAILED);
  assert_string_equal(status_of(set, 0).message, "gone (and it is not to be asked again)");
  assert_false(tracker_may_ask(set));
  stop(set);
  set = start(urls("http://127.0.0.1:A/a | http://127.0.0.1:B/a", &h, &later));
  assert_true(tracker_may_ask(set));
  wait_state(set, 0, TRACKER_FAILED);
  wait_state(set, 1, TRACKER_FAILED);
  assert_string_equal(status_of(set, 1).message, "busy");
  assert_true(tracker_may_ask(set));
  stop(set);
  httpd_stop(&h);
  httpd_stop(&later);
}

TEST(who_answers_will_be_asked_again) {
  struct httpd h;
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
  assert_true(tracker_may_ask(set));
  wait_state(set, 0, TRACKER_OK);
  assert_true(tracker_may_ask(set));
  stop(set);
  httpd_stop(&h);
}

TEST(a_dead_tracker_s_stand_in_is_asked) {
  struct httpd h;
  struct httpd dead = {0};
  int fd;
  dead.port = httpd_dead_port(&fd);
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set =
    start(urls("http://127.0.0.1:A/dead http://127.0.0.1:B/good", &dead, &h));
  wait_state(set, 1, TRACKER_OK);
  assert_int_not_equal(status_of(set, 0).state, TRACKER_OK);
  stop(set);
  assert_true(httpd_wait(&h, 2));
  assert_true(httpd_saw(&h, 0, "event=started"));
  assert_true(httpd_saw(&h, 1, "event=stopped"));
  httpd_stop(&h);
  close(fd);
}

TEST(the_second_tier_follows_a_dead_first_one) {
  struct httpd h;
  struct httpd dead = {0};
  int fd;
  dead.port = httpd_dead_port(&fd);
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set =
    start(urls("http://127.0.0.1:A/dead | http://127.0.0.1:B/good", &dead, &h));
  wait_state(set, 1, TRACKER_OK);
  struct tracker_status s = status_of(set, 0);
  assert_int_equal(s.state, TRACKER_FAILED);
  assert_non_null(strstr(s.message, "connection refused"));
  assert_int_equal(peers_heard_of(), 2);
  stop(set);
  httpd_stop(&h);
  close(fd);
}

TEST(the_second_tier_does_not_wait_for_a_slow_first_one) {
  struct httpd slow;
  struct httpd h;
  httpd_start(&slow, answer_stall, NULL);
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set =
    start(urls("http://127.0.0.1:A/slow | http://127.0.0.1:B/good", &slow, &h));
  wait_state(set, 1, TRACKER_OK);
  assert_int_equal(status_of(set, 0).state, TRACKER_ASKING);
  assert_true(tracker_pending(set));
  stop(set);
  assert_int_equal(httpd_count(&slow), 1);
  httpd_stop(&slow);
  httpd_stop(&h);
}

TEST(the_second_tier_sleeps_while_the_first_one_works) {
  struct httpd first;
  struct httpd second;
  httpd_start(&first, answer_ben, TWO_PEERS);
  httpd_start(&second, answer_ben, TWO_PEERS);
  struct tracker_set *set =
    start(urls("http://127.0.0.1:A/1 | http://127.0.0.1:B/2", &first, &second));
  tracker_want_peers(set); /* as the session does from its first tick: no reason to hurry */
  wait_state(set, 0, TRACKER_OK);
  assert_int_equal(status_of(set, 1).state, TRACKER_IDLE);
  assert_false(tracker_pending(set));
  stop(set);
  assert_int_equal(httpd_count(&second), 0);
  httpd_stop(&first);
  httpd_stop(&second);
}

TEST(when_peers_are_wanted_the_sleeping_tiers_are_asked_too) {
  struct httpd first;
  struct httpd second;
  httpd_start(&first, answer_ben, "{'interval': 1800, 'peers': ''}");
  httpd_start(&second, answer_ben, TWO_PEERS);
  struct tracker_set *set =
    start(urls("http://127.0.0.1:A/1 | http://127.0.0.1:B/2", &first, &second));
  wait_state(set, 0, TRACKER_OK);
  tracker_want_peers(set);
  wait_state(set, 1, TRACKER_OK);
  assert_int_equal(peers_heard_of(), 2);
  stop(set);
  assert_true(httpd_wait(&first, 2));
  assert_true(httpd_wait(&second, 2));
  assert_int_equal(httpd_count(&first), 2); /* started, stopped: its min interval held it */
  assert_int_equal(httpd_count(&second), 2);
  httpd_stop(&first);
  httpd_stop(&second);
}

TEST(schemes_we_do_not_speak_are_skipped) {
  struct httpd h;
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set =
    start(urls("udp://t.example:80 wss://t.example | http://127.0.0.1:A/a", &h, NULL));
  wait_state(set, 2, TRACKER_OK);
  assert_int_equal(status_of(set, 0).state, TRACKER_SKIPPED);
  assert_int_equal(status_of(set, 1).state, TRACKER_SKIPPED);
  assert_int_equal(status_of(set, 1).next_ms, CLOCK_NEVER);
  stop(set);
  httpd_stop(&h);
}

TEST(nothing_to_ask_is_no_error) {
  struct tracker_set *set = start("udp://t.example:80/announce");
  assert_int_equal(tracker_status(set, NULL, 0), 1);
  assert_false(tracker_pending(set));
  stop(set);
  set = start("");
  assert_int_equal(tracker_status(set, NULL, 0), 0);
  assert_int_equal(tracker_external_ip(set).family, 0);
  tracker_want_peers(set);
  tracker_completed(set);
  stop(set);
  tracker_stop(NULL, 0);
}

TEST(a_url_that_is_named_twice_is_asked_once) {
  struct httpd h;
  httpd_start(&h, answer_ben, "{'interval': 1800, 'peers': ''}");
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a | http://127.0.0.1:A/a "
                                       "http://127.0.0.1:A/a", &h, NULL));
  assert_int_equal(tracker_status(set, NULL, 0), 1);
  stop(set);
  httpd_stop(&h);
}

int main(void) {
  if (!trackers_main_init()) return 1;
  RUN(T(a_download_says_started_completed_and_stopped),
      T(the_key_stays_and_the_tracker_id_comes_back), T(a_status_says_what_the_tracker_said),
      T(a_failure_reason_is_the_message), T(who_wants_never_to_be_asked_again_is_not_waited_for),
      T(who_answers_will_be_asked_again), T(a_dead_tracker_s_stand_in_is_asked),
      T(the_second_tier_follows_a_dead_first_one),
      T(the_second_tier_does_not_wait_for_a_slow_first_one),
      T(the_second_tier_sleeps_while_the_first_one_works),
      T(when_peers_are_wanted_the_sleeping_tiers_are_asked_too),
      T(schemes_we_do_not_speak_are_skipped), T(nothing_to_ask_is_no_error),
      T(a_url_that_is_named_twice_is_asked_once));
}
