/*
 * A torrent's trackers at work: real threads and sockets, scripted servers. Each test starts a set,
 * waits for something to have happened (never for time to pass), stops the set, and then looks at
 * what the servers saw. Which tracker is asked when is proven in test_tracker_tier.c; here it is
 * that the threads do it, that events come in order, and that a stop always ends.
 */
#include "../test.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../ben.h"
#include "../support/httpd.h"
#include "base/clock.h"
#include "find/tracker.h"
#include "io/http.h"

enum { LONG_MS = 60 * 1000, GENEROUS_MS = 10 * 1000, URLS_MAX = 8 };

/* --- what the session would be --- */

static struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  size_t peers;
  size_t events;
  struct tracker_totals totals;
} session = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void on_peers(void *arg, const struct addr *peers, size_t count) {
  (void)arg;
  pthread_mutex_lock(&session.lock);
  for (size_t i = 0; i < count; i++) session.peers += addr_is_peer(&peers[i]);
  pthread_mutex_unlock(&session.lock);
}

static void on_event(void *arg) {
  (void)arg;
  pthread_mutex_lock(&session.lock);
  session.events++;
  pthread_cond_broadcast(&session.changed);
  pthread_mutex_unlock(&session.lock);
}

static void get_totals(void *arg, struct tracker_totals *out) {
  (void)arg;
  pthread_mutex_lock(&session.lock);
  *out = session.totals;
  pthread_mutex_unlock(&session.lock);
}

static void set_totals(uint64_t downloaded, uint64_t left) {
  pthread_mutex_lock(&session.lock);
  session.totals = (struct tracker_totals){.downloaded = downloaded, .left = left};
  pthread_mutex_unlock(&session.lock);
}

static size_t peers_heard_of(void) {
  pthread_mutex_lock(&session.lock);
  size_t n = session.peers;
  pthread_mutex_unlock(&session.lock);
  return n;
}

/* --- starting and waiting --- */

/* Tiers as text: trackers apart by a blank, tiers by a "|". */
static struct tracker_set *start(const char *text) {
  static char copy[2048];
  char *urls[URLS_MAX];
  struct metainfo_tier tiers[URLS_MAX];
  size_t url_count = 0;
  size_t tier_count = 0;
  bool fresh = true;
  snprintf(copy, sizeof copy, "%s", text);
  for (char *save = NULL, *word = strtok_r(copy, " ", &save); word != NULL;
       word = strtok_r(NULL, " ", &save)) {
    if (strcmp(word, "|") == 0) {
      fresh = true;
      continue;
    }
    if (fresh) tiers[tier_count++] = (struct metainfo_tier){.urls = &urls[url_count]};
    fresh = false;
    urls[url_count++] = word;
    tiers[tier_count - 1].count++;
  }
  struct tracker_config c = {.tiers = tiers, .tier_count = tier_count, .port = 6881,
                             .numwant = 80, .on_peers = on_peers, .on_event = on_event,
                             .get_totals = get_totals};
  struct tracker_set *set;
  memcpy(c.info_hash, "aaaaaaaaaaaaaaaaaaaa", 20);
  memcpy(c.peer_id, "-WF0100-bbbbbbbbbbbb", 20);
  session.peers = 0;
  set_totals(0, 1000);
  assert_int_equal(tracker_start(&c, &set), ERR_OK);
  return set;
}

static struct tracker_status status_of(struct tracker_set *set, size_t i) {
  static struct tracker_status all[URLS_MAX];
  assert_true(i < tracker_status(set, all, URLS_MAX));
  return all[i];
}

/* Waits until tracker `i` is in that state. */
static void wait_state(struct tracker_set *set, size_t i, enum tracker_state want) {
  int64_t deadline_ms = clock_now_ms() + LONG_MS;
  for (;;) {
    pthread_mutex_lock(&session.lock);
    size_t events = session.events;
    pthread_mutex_unlock(&session.lock);
    if (status_of(set, i).state == want) return;
    if (clock_now_ms() >= deadline_ms) fail_msg("tracker %zu is not in state %d", i, (int)want);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    pthread_mutex_lock(&session.lock);
    if (events == session.events)
      pthread_cond_timedwait(&session.changed, &session.lock, &until);
    pthread_mutex_unlock(&session.lock);
  }
}

static void stop(struct tracker_set *set) {
  tracker_stop(set, clock_now_ms() + LONG_MS);
}

/* --- servers --- */

static void answer_ben(struct httpd_call *c) {
  struct buf body = ben(c->h->arg);
  httpd_reply(c, 200, "", body.data, body.len);
  buf_free(&body);
}

static void answer_stall(struct httpd_call *c) {
  httpd_stall(c);
}

/* Answers all but "stopped", which it lets hang. */
static void answer_until_stopped(struct httpd_call *c) {
  if (strstr(c->query, "event=stopped") != NULL)
    httpd_stall(c);
  else
    answer_ben(c);
}

/* Answers all but "completed", which it lets hang. */
static void answer_until_completed(struct httpd_call *c) {
  if (strstr(c->query, "event=completed") != NULL)
    httpd_stall(c);
  else
    answer_ben(c);
}

#define TWO_PEERS "{'complete': 5, 'incomplete': 6, 'interval': 1800, 'peers': 'abcdefABCDEF'}"

static char text_of_urls[1024];

/* `text` with each "A" behind a colon replaced by the port of `a`, each "B" by that of `b`. */
static const char *urls(const char *text, const struct httpd *a, const struct httpd *b) {
  size_t n = 0;
  for (const char *p = text; *p != '\0'; p++) {
    bool mark = p > text && p[-1] == ':';
    const struct httpd *h = mark && *p == 'A' ? a : mark && *p == 'B' ? b : NULL;
    int len = h == NULL ? snprintf(text_of_urls + n, sizeof text_of_urls - n, "%c", *p)
                        : snprintf(text_of_urls + n, sizeof text_of_urls - n, "%u", h->port);
    n += (size_t)len;
  }
  return text_of_urls;
}

/* --- the tests --- */

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
  assert_false(httpd_saw(&h, 0, "trackerid"));
  assert_true(httpd_saw(&h, 1, "&trackerid=a%2Fb"));
  const char *key = strstr(httpd_request(&h, 0), "&key=");
  assert_non_null(key);
  char text[14] = {0};
  memcpy(text, key, 13);
  assert_true(httpd_saw(&h, 1, text));
  httpd_stop(&h);
}

TEST(completed_is_still_said_when_the_program_ends_at_once) {
  struct httpd h;
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
  wait_state(set, 0, TRACKER_OK);
  tracker_completed(set);
  stop(set);
  assert_int_equal(httpd_count(&h), 3);
  assert_true(httpd_saw(&h, 1, "event=completed"));
  assert_true(httpd_saw(&h, 2, "event=stopped"));
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
  assert_int_equal(httpd_count(&first), 2); /* started, stopped: its min interval held it */
  assert_int_equal(httpd_count(&second), 2);
  httpd_stop(&first);
  httpd_stop(&second);
}

TEST(a_stop_cancels_what_runs) {
  struct httpd slow;
  httpd_start(&slow, answer_stall, NULL);
  struct tracker_set *set = start(urls("http://127.0.0.1:A/slow", &slow, NULL));
  assert_true(httpd_wait(&slow, 1));
  int64_t from_ms = clock_now_ms();
  tracker_stop(set, from_ms + 1000); /* the announce itself would take 15 s */
  assert_true(clock_now_ms() - from_ms < GENEROUS_MS);
  assert_int_equal(httpd_count(&slow), 1);
  httpd_stop(&slow);
}

TEST(a_stop_does_not_wait_longer_than_allowed_for_stopped) {
  struct httpd hangs;
  struct httpd h;
  httpd_start(&hangs, answer_until_stopped, TWO_PEERS);
  httpd_start(&h, answer_ben, "{'failure reason': 'no'}");
  struct tracker_set *set =
    start(urls("http://127.0.0.1:A/a | http://127.0.0.1:B/b", &hangs, &h));
  wait_state(set, 0, TRACKER_OK);
  int64_t from_ms = clock_now_ms();
  tracker_stop(set, from_ms + 2000);
  assert_true(clock_now_ms() - from_ms < GENEROUS_MS);
  assert_int_equal(httpd_count(&hangs), 2);
  httpd_stop(&hangs);
  httpd_stop(&h);
}

TEST(a_tracker_that_hangs_at_completed_is_still_told_stopped) {
  struct httpd h;
  httpd_start(&h, answer_until_completed, TWO_PEERS);
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
  wait_state(set, 0, TRACKER_OK);
  tracker_completed(set);
  assert_true(httpd_wait(&h, 2));
  tracker_stop(set, clock_now_ms() + 5000);
  assert_int_equal(httpd_count(&h), 3);
  assert_true(httpd_saw(&h, 2, "event=stopped"));
  httpd_stop(&h);
}

TEST(everybody_who_answered_is_told_even_if_one_of_them_hangs) {
  struct httpd hangs;
  struct httpd h;
  httpd_start(&hangs, answer_until_stopped, "{'interval': 1800, 'peers': ''}");
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set =
    start(urls("http://127.0.0.1:A/a | http://127.0.0.1:B/b", &hangs, &h));
  wait_state(set, 0, TRACKER_OK);
  tracker_want_peers(set);
  wait_state(set, 1, TRACKER_OK);
  tracker_stop(set, clock_now_ms() + 5000);
  assert_int_equal(httpd_count(&h), 2);
  assert_true(httpd_saw(&h, 1, "event=stopped"));
  assert_true(httpd_saw(&hangs, 1, "event=stopped"));
  httpd_stop(&hangs);
  httpd_stop(&h);
}

TEST(no_time_left_means_no_stopped) {
  struct httpd h;
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
  wait_state(set, 0, TRACKER_OK);
  tracker_stop(set, clock_now_ms() - 1);
  assert_int_equal(httpd_count(&h), 1);
  httpd_stop(&h);
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

TEST(many_sets_come_and_go) {
  struct httpd h;
  httpd_start(&h, answer_ben, TWO_PEERS);
  for (int i = 0; i < 20; i++) {
    struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
    tracker_want_peers(set);
    if (i % 2 == 0) wait_state(set, 0, TRACKER_OK);
    tracker_completed(set);
    stop(set);
  }
  httpd_stop(&h);
}

int main(void) {
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  unsetenv("ALL_PROXY");
  signal(SIGPIPE, SIG_IGN);
  if (http_global_init() != ERR_OK) return 1;
  RUN(T(a_download_says_started_completed_and_stopped),
      T(the_key_stays_and_the_tracker_id_comes_back),
      T(completed_is_still_said_when_the_program_ends_at_once),
      T(a_status_says_what_the_tracker_said), T(a_failure_reason_is_the_message),
      T(a_dead_tracker_s_stand_in_is_asked), T(the_second_tier_follows_a_dead_first_one),
      T(the_second_tier_does_not_wait_for_a_slow_first_one),
      T(the_second_tier_sleeps_while_the_first_one_works),
      T(when_peers_are_wanted_the_sleeping_tiers_are_asked_too), T(a_stop_cancels_what_runs),
      T(a_stop_does_not_wait_longer_than_allowed_for_stopped),
      T(a_tracker_that_hangs_at_completed_is_still_told_stopped),
      T(everybody_who_answered_is_told_even_if_one_of_them_hangs),
      T(no_time_left_means_no_stopped), T(schemes_we_do_not_speak_are_skipped),
      T(nothing_to_ask_is_no_error), T(a_url_that_is_named_twice_is_asked_once),
      T(many_sets_come_and_go));
}
