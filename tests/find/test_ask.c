/*
 * Every tracker asked once: real threads and sockets, scripted servers, and what they saw. Nothing
 * here waits for time to pass: each test waits for the answers, or for a request to have come.
 */
#include "../test.h"

#include <stdio.h>

#include "../support/trackers.h"
#include "find/ask.h"

static struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  size_t changes;
} bell = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void on_change(void *arg) {
  (void)arg;
  pthread_mutex_lock(&bell.lock);
  bell.changes++;
  pthread_cond_broadcast(&bell.changed);
  pthread_mutex_unlock(&bell.lock);
}

static struct ask *new_ask(bool scrape, int64_t timeout_ms) {
  struct ask_config c = {.scrape = scrape, .left = 50000, .on_change = on_change,
                         .timeout_ms = timeout_ms};
  memcpy(c.info_hash, "aaaaaaaaaaaaaaaaaaaa", 20);
  struct ask *a = ask_new(&c);
  assert_non_null(a);
  return a;
}

static void add(struct ask *a, const struct httpd *h, const char *path, size_t tier) {
  char url[512];
  assert_int_equal(ask_add(a, httpd_url(h, path, url, sizeof url), tier), ERR_OK);
}

/* Waits until the next tracker has had its say. */
static const struct ask_tracker *next(struct ask *a) {
  for (size_t seen = 0;;) {
    const struct ask_tracker *t = ask_next(a);
    if (t != NULL) return t;
    pthread_mutex_lock(&bell.lock);
    while (bell.changes == seen) pthread_cond_wait(&bell.changed, &bell.lock);
    seen = bell.changes;
    pthread_mutex_unlock(&bell.lock);
  }
}

static void wait_over(struct ask *a) {
  for (size_t seen = 0; !ask_over(a);) {
    pthread_mutex_lock(&bell.lock);
    while (bell.changes == seen) pthread_cond_wait(&bell.changed, &bell.lock);
    seen = bell.changes;
    pthread_mutex_unlock(&bell.lock);
  }
}

/* A whole run: the only tracker's answer. */
static const struct ask_tracker *only(struct ask *a) {
  assert_int_equal(ask_start(a), ERR_OK);
  const struct ask_tracker *t = next(a);
  wait_over(a);
  assert_null(ask_next(a));
  return t;
}

/* The value of one parameter of the i-th request. */
static const char *parameter(struct httpd *h, size_t i, const char *name) {
  static char value[128];
  char key[64];
  snprintf(key, sizeof key, "&%s=", name);
  const char *found = strstr(httpd_request(h, i), key);
  assert_non_null(found);
  found += strlen(key);
  snprintf(value, sizeof value, "%.*s", (int)strcspn(found, "& \r"), found);
  return value;
}

TEST(an_announce_is_taken_back_at_once) {
  struct httpd h;
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct ask *a = new_ask(false, LONG_MS);
  add(a, &h, "/announce", 3);
  const struct ask_tracker *t = only(a);
  assert_int_equal(t->state, ASK_ANSWERED);
  assert_int_equal(t->tier, 3);
  assert_int_equal(t->announced->peer_count, 2);
  assert_int_equal(t->announced->complete, 5);
  assert_int_equal(t->announced->told_interval_s, 1800);
  assert_null(t->scraped);
  assert_true(httpd_wait(&h, 2));
  assert_int_equal(httpd_count(&h), 2);
  assert_true(httpd_saw(&h, 0, "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-WF0100-"));
  assert_true(httpd_saw(&h, 0, "&uploaded=0&downloaded=0&left=50000&compact=1&"));
  assert_string_equal(parameter(&h, 0, "event"), "started");
  assert_string_equal(parameter(&h, 0, "numwant"), "200");
  assert_string_equal(parameter(&h, 1, "event"), "stopped");
  assert_string_equal(parameter(&h, 1, "numwant"), "0");
  ask_free(a);
  httpd_stop(&h);
}

TEST(it_is_the_same_peer_that_stops) {
  static const char *const same[] = {"peer_id", "port", "key", "left"};
  struct httpd h;
  httpd_start(&h, answer_ben, "{'interval': 900, 'peers': '', 'tracker id': 'a/b'}");
  struct ask *a = new_ask(false, LONG_MS);
  add(a, &h, "/announce", 1);
  only(a);
  assert_true(httpd_wait(&h, 2));
  for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
    char first[128];
    snprintf(first, sizeof first, "%s", parameter(&h, 0, same[i]));
    assert_string_equal(parameter(&h, 1, same[i]), first);
  }
  assert_in_range(strtoul(parameter(&h, 0, "port"), NULL, 10), 61000, 65535);
  assert_false(httpd_saw(&h, 0, "trackerid"));
  assert_string_equal(parameter(&h, 1, "trackerid"), "a%2Fb");
  ask_free(a);
  httpd_stop(&h);
}

/* Names a peer and whoever asks. */
static void answer_with_ourselves(struct httpd_call *c) {
  struct buf body;
  const char *port = strstr(c->query, "&port=");
  unsigned long n = port == NULL ? 0 : strtoul(port + 6, NULL, 10);
  buf_init(&body, 100);
  buf_put_str(&body, "d5:peers12:abcdef\x7f");
  buf_put_u8(&body, 0);
  buf_put_u8(&body, 0);
  buf_put_u8(&body, 1);
  buf_put_u16(&body, (uint16_t)n);
  buf_put_u8(&body, 'e');
  httpd_reply(c, 200, "", body.data, body.len);
  buf_free(&body);
}

TEST(we_are_not_among_the_peers) {
  struct httpd h;
  char text[ADDR_TEXT_MAX];
  httpd_start(&h, answer_with_ourselves, NULL);
  struct ask *a = new_ask(false, LONG_MS);
  add(a, &h, "/announce", 1);
  const struct ask_tracker *t = only(a);
  assert_int_equal(t->announced->peer_count, 1);
  assert_string_equal(addr_text(&t->announced->peers[0], text), "97.98.99.100:25958");
  ask_free(a);
  httpd_stop(&h);
}

TEST(who_refuses_is_not_told_stopped) {
  struct httpd h;
  httpd_start(&h, answer_ben, "{'failure reason': 'not registered', 'retry in': 5}");
  struct ask *a = new_ask(false, LONG_MS);
  add(a, &h, "/announce", 1);
  const struct ask_tracker *t = only(a);
  assert_int_equal(t->state, ASK_FAILED);
  assert_true(t->refused);
  assert_string_equal(t->why, "not registered");
  assert_int_equal(t->retry_in_s, 300);
  assert_null(t->announced);
  ask_free(a);
  assert_int_equal(httpd_count(&h), 1);
  httpd_stop(&h);
}

TEST(every_tier_is_asked_and_each_url_once) {
  struct httpd good;
  struct httpd bad;
  httpd_start(&good, answer_ben, TWO_PEERS);
  httpd_start(&bad, answer_ben, "<<html>");
  struct ask *a = new_ask(false, LONG_MS);
  assert_int_equal(ask_add(a, "udp://127.0.0.1:1/announce", 1), ERR_OK);
  add(a, &good, "/a", 1);
  add(a, &bad, "/b", 2);
  add(a, &good, "/a", 2);
  add(a, &good, "/c", 3);
  assert_int_equal(ask_add(a, "wss://127.0.0.1/", 4), ERR_OK);
  assert_int_equal(ask_count(a), 5);
  assert_int_equal(ask_start(a), ERR_OK);
  assert_int_equal(next(a)->state, ASK_SKIPPED);
  assert_int_equal(next(a)->state, ASK_SKIPPED);
  for (int i = 0; i < 3; i++) assert_int_not_equal(next(a)->state, ASK_SKIPPED);
  wait_over(a);
  assert_string_equal(ask_get(a, 0)->why, "UDP trackers are not supported yet");
  assert_int_equal(ask_get(a, 1)->state, ASK_ANSWERED);
  assert_int_equal(ask_get(a, 2)->state, ASK_FAILED);
  assert_false(ask_get(a, 2)->refused);
  assert_non_null(strstr(ask_get(a, 2)->why, "a web page"));
  assert_int_equal(ask_get(a, 3)->tier, 3);
  assert_non_null(strstr(ask_get(a, 4)->why, "http or https only"));
  assert_true(httpd_wait(&good, 4));
  assert_int_equal(httpd_count(&good), 4);
  assert_int_equal(httpd_count(&bad), 1);
  ask_free(a);
  httpd_stop(&good);
  httpd_stop(&bad);
}

TEST(nobody_waits_for_the_slow_one) {
  struct httpd slow;
  struct httpd good;
  httpd_start(&slow, answer_stall, NULL);
  httpd_start(&good, answer_ben, TWO_PEERS);
  struct ask *a = new_ask(false, LONG_MS);
  add(a, &slow, "/a", 1);
  add(a, &good, "/a", 2);
  assert_int_equal(ask_start(a), ERR_OK);
  assert_int_equal(next(a)->tier, 2);
  assert_true(httpd_wait(&slow, 1));
  assert_false(ask_over(a));
  ask_free(a); /* cuts the slow one */
  httpd_stop(&slow);
  httpd_stop(&good);
}

TEST(stopped_is_not_waited_for) {
  struct httpd h;
  httpd_start(&h, answer_until_stopped, TWO_PEERS);
  struct ask *a = new_ask(false, LONG_MS);
  add(a, &h, "/a", 1);
  assert_int_equal(only(a)->state, ASK_ANSWERED);
  assert_true(httpd_wait(&h, 2));
  ask_free(a);
  httpd_stop(&h);
}

TEST(the_time_of_each_is_bounded) {
  struct httpd h;
  httpd_start(&h, answer_stall, NULL);
  struct ask *a = new_ask(false, 300);
  add(a, &h, "/a", 1);
  const struct ask_tracker *t = only(a);
  assert_int_equal(t->state, ASK_FAILED);
  assert_non_null(strstr(t->why, "did not answer in time"));
  ask_free(a);
  httpd_stop(&h);
}

TEST(more_trackers_than_threads_are_all_asked) {
  enum { MANY = 120 };
  struct httpd h;
  char path[32];
  httpd_start(&h, answer_ben, "{'files': {'aaaaaaaaaaaaaaaaaaaa': {'complete': 1}}}");
  struct ask *a = new_ask(true, LONG_MS);
  for (int i = 0; i < MANY; i++) {
    snprintf(path, sizeof path, "/%d/announce", i);
    add(a, &h, path, 1);
  }
  assert_int_equal(ask_start(a), ERR_OK);
  for (int i = 0; i < MANY; i++) assert_int_equal(next(a)->state, ASK_ANSWERED);
  wait_over(a);
  assert_int_equal(httpd_count(&h), MANY);
  ask_free(a);
  httpd_stop(&h);
}

TEST(a_scrape_joins_nothing) {
  struct httpd h;
  httpd_start(&h, answer_ben,
              "{'files': {'aaaaaaaaaaaaaaaaaaaa': {'complete': 7, 'downloaded': 70}}}");
  struct ask *a = new_ask(true, LONG_MS);
  add(a, &h, "/x/announce?key=secret", 1);
  const struct ask_tracker *t = only(a);
  assert_int_equal(t->state, ASK_ANSWERED);
  assert_null(t->announced);
  assert_int_equal(t->scraped->complete, 7);
  assert_int_equal(t->scraped->incomplete, -1);
  assert_null(strstr(t->url, "secret"));
  assert_int_equal(httpd_count(&h), 1);
  assert_true(httpd_saw(&h, 0, "GET /x/scrape?key=secret&info_hash=aaaaaaaaaaaaaaaaaaaa HTTP"));
  ask_free(a);
  httpd_stop(&h);
}

static void assert_no_scrape(const char *path, const char *reply, bool refused, const char *why) {
  char text[256];
  struct httpd h;
  snprintf(text, sizeof text, "%s", reply);
  httpd_start(&h, answer_ben, text);
  struct ask *a = new_ask(true, LONG_MS);
  add(a, &h, path, 1);
  const struct ask_tracker *t = only(a);
  assert_int_equal(t->state, ASK_FAILED);
  assert_int_equal(t->refused, refused);
  assert_non_null(strstr(t->why, why));
  assert_null(t->scraped);
  ask_free(a);
  httpd_stop(&h);
}

TEST(a_scrape_without_counts_says_why) {
  assert_no_scrape("/announce", "{'files': {}}", true, "does not know this torrent");
  assert_no_scrape("/announce", "{'failure reason': 'no scrape'}", true, "no scrape");
  assert_no_scrape("/announce", "{'files': {'aaaaaaaaaaaaaaaaaaaa': {}}}", false, "no counts");
  assert_no_scrape("/announce", "{'files': {'aaaaaaaaaaaaaaaaaaaa': {'complete': -5,"
                   " 'incomplete': 'x'}}}", false, "no counts");
  assert_no_scrape("/announce", "{'peers': ''}", false, "no tracker's reply");
  assert_no_scrape("/a", "", false, "can't be scraped");
}

TEST(without_trackers_it_is_over_at_once) {
  struct ask *a = new_ask(false, LONG_MS);
  assert_int_equal(ask_start(a), ERR_OK);
  assert_int_equal(ask_count(a), 0);
  assert_true(ask_over(a));
  assert_null(ask_next(a));
  ask_free(a);
  ask_free(NULL);
}

int main(void) {
  if (!trackers_main_init()) return 1;
  RUN(T(an_announce_is_taken_back_at_once), T(it_is_the_same_peer_that_stops),
      T(we_are_not_among_the_peers), T(who_refuses_is_not_told_stopped),
      T(every_tier_is_asked_and_each_url_once), T(nobody_waits_for_the_slow_one),
      T(stopped_is_not_waited_for), T(the_time_of_each_is_bounded),
      T(more_trackers_than_threads_are_all_asked), T(a_scrape_joins_nothing),
      T(a_scrape_without_counts_says_why), T(without_trackers_it_is_over_at_once));
}
