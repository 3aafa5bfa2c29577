/*
 * A GET whose reply nobody waits for: it returns when the request has left, not before and not
 * much later, and what left arrives. Deadlines are far away: a call that waited for the reply of a
 * server that sends none would end in ERR_TIMEOUT.
 */
#include "../test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../support/http_setup.h"
#include "../support/httpd.h"
#include "base/clock.h"
#include "io/http.h"

enum { LONG_MS = 60 * 1000, MIB = 1024 * 1024 };

static struct http_reply reply;
static const atomic_bool yes = true;

static void answer_stall(struct httpd_call *c) {
  httpd_stall(c);
}

static struct http_request request(const struct httpd *h, char *url, size_t size) {
  return (struct http_request){.url = httpd_url(h, "/x?y=z", url, size),
                               .deadline_ms = clock_now_ms() + LONG_MS,
                               .max_body = MIB,
                               .no_reply = &yes};
}

static void assert_sent_and_left(void) {
  assert_int_equal(reply.status, 0);
  assert_int_equal(reply.body.len, 0);
  assert_int_equal(reply.retry_after_s, -1);
  assert_string_equal(reply.why, "");
  http_reply_free(&reply);
}

TEST(nobody_waits_for_a_reply_that_does_not_come) {
  struct httpd h;
  char url[128];
  httpd_start(&h, answer_stall, NULL);
  struct http_request q = request(&h, url, sizeof url);
  assert_int_equal(http_get(&q, &reply), ERR_OK);
  assert_sent_and_left();
  assert_true(httpd_wait(&h, 1));
  assert_true(httpd_saw(&h, 0, "GET /x?y=z HTTP/1.1\r\n"));
  httpd_stop(&h);
}

static void answer_half(struct httpd_call *c) {
  httpd_send_text(c, "HTTP/1.1 503 Scripted\r\nRetry-After: 5\r\nContent-Length: 9\r\n\r\nhalf");
  httpd_stall(c);
}

TEST(half_a_reply_is_none) {
  struct httpd h;
  char url[128];
  httpd_start(&h, answer_half, NULL);
  struct http_request q = request(&h, url, sizeof url);
  assert_int_equal(http_get(&q, &reply), ERR_OK);
  assert_sent_and_left();
  httpd_stop(&h);
}

struct decision { /* to wait no longer, as soon as the server has the request */
  struct httpd *h;
  atomic_bool made;
};

static void *wait_and_set(void *arg) {
  struct decision *d = arg;
  httpd_wait(d->h, 1);
  atomic_store(&d->made, true);
  return NULL;
}

TEST(a_request_that_waits_already_can_be_told_not_to) {
  struct httpd h;
  struct decision d = {.h = &h};
  pthread_t thread;
  char url[128];
  httpd_start(&h, answer_stall, NULL);
  struct http_request q = request(&h, url, sizeof url);
  q.no_reply = &d.made;
  assert_int_equal(pthread_create(&thread, NULL, wait_and_set, &d), 0);
  assert_int_equal(http_get(&q, &reply), ERR_OK);
  pthread_join(thread, NULL);
  assert_sent_and_left();
  httpd_stop(&h);
}

static void answer_late(struct httpd_call *c) {
  struct timespec late = {.tv_nsec = 200 * 1000 * 1000};
  nanosleep(&late, NULL);
  httpd_reply(c, 200, "", "ok", 2);
}

TEST(as_long_as_nobody_says_so_the_reply_is_waited_for) {
  static const atomic_bool no = false;
  struct httpd h;
  char url[128];
  httpd_start(&h, answer_late, NULL);
  struct http_request q = request(&h, url, sizeof url);
  q.no_reply = &no;
  assert_int_equal(http_get(&q, &reply), ERR_OK);
  assert_int_equal(reply.status, 200);
  assert_int_equal(reply.body.len, 2);
  assert_false(reply.redirected);
  http_reply_free(&reply);
  httpd_stop(&h);
}

TEST(a_request_that_cannot_leave_is_an_error_as_ever) {
  struct httpd dead = {0};
  char url[128];
  int fd;
  dead.port = httpd_dead_port(&fd);
  struct http_request q = request(&dead, url, sizeof url);
  assert_int_equal(http_get(&q, &reply), ERR_REFUSED);
  http_reply_free(&reply);
  close(fd);
}

struct seen {
  struct httpd *h;
  int calls;
  size_t connections;
  size_t requests;
};

/* The request must not be there yet. It could be late by itself, so the connection is looked at
 * too: it is there, and the server has its thread on it. */
static void look(void *arg) {
  struct seen *s = arg;
  struct timespec pause = {.tv_nsec = 1000 * 1000};
  for (s->connections = 0; s->connections == 0; nanosleep(&pause, NULL)) {
    pthread_mutex_lock(&s->h->lock);
    s->connections = s->h->count;
    s->requests = s->h->requests;
    pthread_mutex_unlock(&s->h->lock);
  }
  s->calls++;
}

TEST(the_caller_may_wait_between_connection_and_request) {
  struct httpd h;
  struct seen seen = {.h = &h};
  char url[128];
  httpd_start(&h, answer_stall, NULL);
  struct http_request q = request(&h, url, sizeof url);
  q.on_connected = look;
  q.arg = &seen;
  assert_int_equal(http_get(&q, &reply), ERR_OK);
  assert_sent_and_left();
  assert_int_equal(seen.calls, 1);
  assert_int_equal(seen.connections, 1);
  assert_int_equal(seen.requests, 0);
  assert_true(httpd_wait(&h, 1));
  httpd_stop(&h);
}

/* A proxy is asked for a way to the server first ("CONNECT"): that is not the request. */
TEST(asking_a_proxy_for_the_way_is_not_yet_the_request) {
  struct httpd proxy;
  char url[128];
  httpd_start(&proxy, answer_stall, NULL);
  setenv("https_proxy", httpd_url(&proxy, "", url, sizeof url), 1);
  struct http_request q = {.url = "https://tracker.invalid/announce",
                           .deadline_ms = clock_now_ms() + 400,
                           .max_body = MIB,
                           .no_reply = &yes};
  assert_int_equal(http_get(&q, &reply), ERR_TIMEOUT);
  unsetenv("https_proxy");
  assert_true(httpd_saw(&proxy, 0, "CONNECT tracker.invalid:443 "));
  http_reply_free(&reply);
  httpd_stop(&proxy);
}

static void answer_elsewhere(struct httpd_call *c) {
  char url[128];
  httpd_redirect(c, httpd_url(c->h->arg, "/there", url, sizeof url));
}

TEST(a_reply_says_when_it_is_another_url_s) {
  struct httpd from;
  struct httpd to;
  char url[128];
  httpd_start(&to, answer_late, NULL);
  httpd_start(&from, answer_elsewhere, &to);
  struct http_request q = request(&from, url, sizeof url);
  q.no_reply = NULL;
  assert_int_equal(http_get(&q, &reply), ERR_OK);
  assert_true(reply.redirected);
  http_reply_free(&reply);
  httpd_stop(&from);
  httpd_stop(&to);
}

int main(void) {
  if (!http_setup()) return 1;
  RUN(T(nobody_waits_for_a_reply_that_does_not_come), T(half_a_reply_is_none),
      T(a_request_that_waits_already_can_be_told_not_to),
      T(as_long_as_nobody_says_so_the_reply_is_waited_for),
      T(a_request_that_cannot_leave_is_an_error_as_ever),
      T(the_caller_may_wait_between_connection_and_request),
      T(asking_a_proxy_for_the_way_is_not_yet_the_request),
      T(a_reply_says_when_it_is_another_url_s));
}
