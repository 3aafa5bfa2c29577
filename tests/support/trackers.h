/*
 * trackers: what a test of find/tracker needs around it, a session and scripted trackers.
 *
 *   struct httpd h;
 *   httpd_start(&h, answer_ben, TWO_PEERS);
 *   struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
 *   wait_state(set, 0, TRACKER_OK);  ...  stop(set);  httpd_stop(&h);
 *
 * There is one session, and one set at a time. Nothing here waits for time to pass: wait_state()
 * waits for the events of the set. trackers_main_init() comes first.
 */
#ifndef WEFT_TESTS_TRACKERS_H
#define WEFT_TESTS_TRACKERS_H

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../ben.h"
#include "base/clock.h"
#include "find/tracker.h"
#include "httpd.h"
#include "io/http.h"

enum { LONG_MS = 60 * 1000, GENEROUS_MS = 10 * 1000, URLS_MAX = 8 };

/* --- what the session would be --- */

static struct tracker_session {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  size_t peers;
  size_t events;
  struct tracker_totals totals;
} session = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static inline void on_peers(void *arg, const struct addr *peers, size_t count) {
  (void)arg;
  pthread_mutex_lock(&session.lock);
  for (size_t i = 0; i < count; i++) session.peers += addr_is_peer(&peers[i]);
  pthread_mutex_unlock(&session.lock);
}

static inline void on_event(void *arg) {
  (void)arg;
  pthread_mutex_lock(&session.lock);
  session.events++;
  pthread_cond_broadcast(&session.changed);
  pthread_mutex_unlock(&session.lock);
}

static inline void get_totals(void *arg, struct tracker_totals *out) {
  (void)arg;
  pthread_mutex_lock(&session.lock);
  *out = session.totals;
  pthread_mutex_unlock(&session.lock);
}

static inline void set_totals(uint64_t downloaded, uint64_t left) {
  pthread_mutex_lock(&session.lock);
  session.totals = (struct tracker_totals){.downloaded = downloaded, .left = left};
  pthread_mutex_unlock(&session.lock);
}

static inline size_t peers_heard_of(void) {
  pthread_mutex_lock(&session.lock);
  size_t n = session.peers;
  pthread_mutex_unlock(&session.lock);
  return n;
}

/* --- starting and waiting --- */

/* Tiers as text: trackers apart by a blank, tiers by a "|". */
static inline struct tracker_set *start(const char *text) {
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

static inline struct tracker_status status_of(struct tracker_set *set, size_t i) {
  static struct tracker_status all[URLS_MAX];
  assert_true(i < tracker_status(set, all, URLS_MAX));
  return all[i];
}

/* Waits until tracker `i` is in that state. */
static inline void wait_state(struct tracker_set *set, size_t i, enum tracker_state want) {
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

static inline void stop(struct tracker_set *set) {
  tracker_stop(set, clock_now_ms() + LONG_MS);
}

/* --- servers --- */

static inline void answer_ben(struct httpd_call *c) {
  struct buf body = ben(c->h->arg);
  httpd_reply(c, 200, "", body.data, body.len);
  buf_free(&body);
}

static inline void answer_stall(struct httpd_call *c) {
  httpd_stall(c);
}

/* Answers all but "stopped", which it lets hang. */
static inline void answer_until_stopped(struct httpd_call *c) {
  if (strstr(c->query, "event=stopped") != NULL)
    httpd_stall(c);
  else
    answer_ben(c);
}

/* Answers all but "completed", which it lets hang. */
static inline void answer_until_completed(struct httpd_call *c) {
  if (strstr(c->query, "event=completed") != NULL)
    httpd_stall(c);
  else
    answer_ben(c);
}

#define TWO_PEERS "{'complete': 5, 'incomplete': 6, 'interval': 1800, 'peers': 'abcdefABCDEF'}"

static char text_of_urls[1024];

/* `text` with each "A" behind a colon replaced by the port of `a`, each "B" by that of `b`. */
static inline const char *urls(const char *text, const struct httpd *a, const struct httpd *b) {
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

/* For the start of main(). False: no libcurl. */
static inline bool trackers_main_init(void) {
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  unsetenv("ALL_PROXY");
  signal(SIGPIPE, SIG_IGN);
  return http_global_init() == ERR_OK;
}

#endif
