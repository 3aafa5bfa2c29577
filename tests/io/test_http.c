/*
 * The one GET against a server that is as nasty as the test asks for. Each test names a fault (T1
 * to T4 of the fault matrix) and what must come of it: a code, a sentence that a user understands,
 * and never more bytes or more time than allowed. Deadlines are short where they must pass and
 * long where they must not; no test measures how long something took.
 */
#include "../test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../support/bomb.h"
#include "../support/http_setup.h"
#include "../support/httpd.h"
#include "base/clock.h"
#include "io/http.h"

enum { LONG_MS = 60 * 1000, SHORT_MS = 400, MIB = 1024 * 1024 };

/* What a test wants its server to do; httpd's `arg`. */
struct script {
  int status;
  const char *headers;
  const char *body;
  const char *location; /* redirects there */
  int hops;             /* redirects to /1, /2... that often before the reply */
  const char *raw;      /* sent as it is */
};

static struct http_reply reply;

static enum err get_url(const char *url, int64_t wait_ms, size_t max_body) {
  struct http_request q = {
    .url = url, .deadline_ms = clock_now_ms() + wait_ms, .max_body = max_body};
  return http_get(&q, &reply);
}

static enum err get(struct httpd *h, const char *path, int64_t wait_ms) {
  char url[256];
  return get_url(httpd_url(h, path, url, sizeof url), wait_ms, MIB);
}

static void assert_why(const char *part) {
  if (strstr(reply.why, part) == NULL) fail_msg("\"%s\" is not in \"%s\"", part, reply.why);
}

static void answer_script(struct httpd_call *c) {
  const struct script *s = c->h->arg;
  int hop = (int)strtol(c->path + 1, NULL, 10);
  if (s->raw != NULL) {
    httpd_send_text(c, s->raw);
  } else if (s->location != NULL) {
    httpd_redirect(c, s->location);
  } else if (hop < s->hops) {
    char next[32];
    snprintf(next, sizeof next, "/%d", hop + 1);
    httpd_redirect(c, next);
  } else {
    httpd_reply(c, s->status, s->headers, s->body, strlen(s->body));
  }
}

/* Runs one request against a script; the server is gone afterwards. */
static enum err get_script(const struct script *s) {
  struct httpd h;
  struct script copy = *s;
  if (copy.headers == NULL) copy.headers = "";
  if (copy.body == NULL) copy.body = "";
  if (copy.status == 0) copy.status = 200;
  httpd_start(&h, answer_script, &copy);
  enum err e = get(&h, "/0", LONG_MS);
  httpd_stop(&h);
  return e;
}

TEST(a_reply_has_its_status_and_its_body) {
  assert_int_equal(get_script(&(struct script){.body = "hello"}), ERR_OK);
  assert_int_equal(reply.status, 200);
  assert_int_equal(reply.body.len, 5);
  assert_memory_equal(reply.body.data, "hello", 5);
  assert_string_equal(reply.why, "");
  assert_int_equal(reply.retry_after_s, -1);
  http_reply_free(&reply);
}

TEST(any_status_is_a_reply) {
  static const int all[] = {201, 400, 403, 404, 410, 500, 503};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    assert_int_equal(get_script(&(struct script){.status = all[i], .body = "no"}), ERR_OK);
    assert_int_equal(reply.status, all[i]);
    assert_int_equal(reply.body.len, 2);
    http_reply_free(&reply);
  }
}

TEST(a_body_may_be_empty) {
  assert_int_equal(get_script(&(struct script){.body = ""}), ERR_OK);
  assert_int_equal(reply.body.len, 0);
  http_reply_free(&reply);
}

static void answer_ok(struct httpd_call *c) {
  httpd_reply(c, 200, "", "ok", 2);
}

TEST(the_request_says_who_asks_and_sends_nothing_else) {
  struct httpd h;
  httpd_start(&h, answer_ok, NULL);
  assert_int_equal(get(&h, "/x?y=%00%ff", LONG_MS), ERR_OK);
  assert_true(httpd_saw(&h, 0, "GET /x?y=%00%ff HTTP/1.1\r\n"));
  assert_true(httpd_saw(&h, 0, "User-Agent: weft/"));
  assert_true(httpd_saw(&h, 0, "Accept-Encoding: gzip\r\n"));
  assert_false(httpd_saw(&h, 0, "Authorization"));
  assert_false(httpd_saw(&h, 0, "Cookie"));
  assert_false(httpd_saw(&h, 0, "Referer"));
  http_reply_free(&reply);
  httpd_stop(&h);
}

TEST(a_refused_connection_is_told_with_host_and_port) {
  int fd;
  char url[128];
  char want[128];
  unsigned port = httpd_dead_port(&fd);
  snprintf(url, sizeof url, "http://me:pw@127.0.0.1:%u/secret0123456789abcdef", port);
  snprintf(want, sizeof want, "could not connect to 127.0.0.1:%u: connection refused", port);
  assert_int_equal(get_url(url, LONG_MS, MIB), ERR_REFUSED);
  assert_string_equal(reply.why, want);
  assert_int_equal(reply.status, 0);
  http_reply_free(&reply);
  close(fd);
}

TEST(what_is_no_url_is_refused) {
  static const char *const bad[] = {"", "tracker.example", "file:///etc/passwd", "ftp://x/",
                                    "http://", "http://[::1", "http://127.0.0.1:99999/",
                                    "http://a b/", "http:/127.0.0.1/"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(get_url(bad[i], LONG_MS, MIB), ERR_FORMAT);
    assert_string_not_equal(reply.why, "");
    http_reply_free(&reply);
  }
}

static void answer_stall(struct httpd_call *c) {
  if (strcmp(c->path, "/headers") == 0)
    httpd_send_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  httpd_stall(c);
}

TEST(a_server_that_stalls_is_given_up_at_the_deadline) {
  struct httpd h;
  httpd_start(&h, answer_stall, NULL);
  assert_int_equal(get(&h, "/nothing", SHORT_MS), ERR_TIMEOUT);
  assert_why("did not answer in time");
  http_reply_free(&reply);
  assert_int_equal(get(&h, "/headers", SHORT_MS), ERR_TIMEOUT);
  assert_why("too slow");
  http_reply_free(&reply);
  httpd_stop(&h);
}

static void answer_trickle(struct httpd_call *c) {
  if (strcmp(c->path, "/body") == 0) httpd_send_text(c, "HTTP/1.1 200 OK\r\n\r\n");
  else httpd_send_text(c, "HTTP/1.1 200 OK\r\nX: ");
  httpd_trickle(c);
}

TEST(a_trickle_does_not_move_the_deadline) {
  struct httpd h;
  httpd_start(&h, answer_trickle, NULL);
  assert_int_equal(get(&h, "/body", SHORT_MS), ERR_TIMEOUT);
  http_reply_free(&reply);
  assert_int_equal(get(&h, "/headers", SHORT_MS), ERR_TIMEOUT);
  http_reply_free(&reply);
  httpd_stop(&h);
}

TEST(a_deadline_in_the_past_is_a_timeout) {
  struct httpd h;
  httpd_start(&h, answer_ok, NULL);
  assert_int_equal(get(&h, "/", -1000), ERR_TIMEOUT);
  http_reply_free(&reply);
  httpd_stop(&h);
}

struct canceller {
  struct httpd *h;
  atomic_bool cancel;
};

static void *cancel_when_asked(void *arg) {
  struct canceller *c = arg;
  httpd_wait(c->h, 1);
  atomic_store(&c->cancel, true);
  return NULL;
}

/* Without cancelling this would take the whole minute, and answer ERR_TIMEOUT. */
TEST(a_running_request_can_be_cancelled) {
  struct httpd h;
  struct canceller c = {.h = &h};
  pthread_t thread;
  char url[128];
  httpd_start(&h, answer_stall, NULL);
  assert_int_equal(pthread_create(&thread, NULL, cancel_when_asked, &c), 0);
  struct http_request q = {.url = httpd_url(&h, "/", url, sizeof url),
                           .deadline_ms = CLOCK_NEVER,
                           .max_body = MIB,
                           .cancel = &c.cancel};
  assert_int_equal(http_get(&q, &reply), ERR_CANCELLED);
  pthread_join(thread, NULL);
  http_reply_free(&reply);
  httpd_stop(&h);
}

TEST(redirects_are_followed_five_times) {
  assert_int_equal(get_script(&(struct script){.hops = 3, .body = "there"}), ERR_OK);
  assert_int_equal(reply.status, 200);
  assert_int_equal(reply.body.len, 5); /* the bodies of the redirects are no part of it */
  assert_memory_equal(reply.body.data, "there", 5);
  http_reply_free(&reply);
  assert_int_equal(get_script(&(struct script){.hops = 5, .body = "there"}), ERR_OK);
  http_reply_free(&reply);
  assert_int_equal(get_script(&(struct script){.hops = 6, .body = "there"}), ERR_LIMIT);
  assert_why("too many redirects");
  http_reply_free(&reply);
}

TEST(a_redirect_loop_ends_after_five) {
  struct httpd h;
  struct script s = {.location = "/again"};
  httpd_start(&h, answer_script, &s);
  assert_int_equal(get(&h, "/", LONG_MS), ERR_LIMIT);
  assert_int_equal(httpd_count(&h), 6);
  http_reply_free(&reply);
  httpd_stop(&h);
}

TEST(redirects_to_other_schemes_are_refused) {
  static const char *const bad[] = {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/",
                                    "dict://127.0.0.1:11211/stat", "scp://127.0.0.1/etc"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(get_script(&(struct script){.location = bad[i]}), ERR_ACCESS);
    assert_why("neither http nor https");
    assert_int_equal(reply.body.len, 0);
    http_reply_free(&reply);
  }
}

TEST(a_redirect_to_a_link_local_address_is_refused) {
  struct script s = {.location = "http://169.254.0.1/latest/meta-data/"};
  assert_int_equal(get_script(&s), ERR_ACCESS);
  assert_why("not allowed: 169.254.0.1 is an address inside the local network");
  http_reply_free(&reply);
}

static void answer_to_other(struct httpd_call *c) {
  char url[128];
  const struct httpd *other = c->h->arg;
  char head[256];
  snprintf(head, sizeof head,
           "HTTP/1.1 302 Found\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n"
           "Location: %s\r\n\r\n",
           httpd_url(other, "/end", url, sizeof url));
  httpd_send_text(c, head);
}

TEST(a_redirect_takes_neither_password_nor_cookie_along) {
  struct httpd from;
  struct httpd to;
  char url[128];
  httpd_start(&to, answer_ok, NULL);
  httpd_start(&from, answer_to_other, &to);
  snprintf(url, sizeof url, "http://me:secret@127.0.0.1:%u/", (unsigned)from.port);
  assert_int_equal(get_url(url, LONG_MS, MIB), ERR_OK);
  assert_true(httpd_saw(&from, 0, "Authorization: Basic "));
  assert_true(httpd_saw(&to, 0, "GET /end "));
  assert_false(httpd_saw(&to, 0, "Authorization"));
  assert_false(httpd_saw(&to, 0, "Cookie"));
  http_reply_free(&reply);
  httpd_stop(&from);
  httpd_stop(&to);
}

TEST(a_stranger_s_url_cannot_reach_this_machine) {
  struct httpd h;
  char url[128];
  httpd_start(&h, answer_ok, NULL);
  struct http_request q = {.url = httpd_url(&h, "/", url, sizeof url),
                           .deadline_ms = clock_now_ms() + LONG_MS,
                           .max_body = MIB,
                           .refuse_local = true};
  assert_int_equal(http_get(&q, &reply), ERR_ACCESS);
  assert_why("not allowed");
  assert_int_equal(httpd_count(&h), 0);
  http_reply_free(&reply);
  httpd_stop(&h);
}

static const uint8_t PACKED[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0xc8, 0xa0, 0x8c,
                                 0x2a, 0x29, 0x4a, 0x4c, 0xce, 0x4e, 0x2d, 0x02, 0x00, 0x4c,
                                 0x8f, 0xda, 0xfb, 0x4d, 0x00, 0x00, 0x00};

static void answer_packed(struct httpd_call *c) {
  if (strcmp(c->path, "/good") == 0) {
    httpd_reply(c, 200, "Content-Encoding: gzip\r\n", PACKED, sizeof PACKED);
  } else if (strcmp(c->path, "/damaged") == 0) {
    httpd_reply(c, 200, "Content-Encoding: gzip\r\n", "this is not gzip", 16);
  } else {
    struct buf bomb = bomb_make(64 * (size_t)MIB);
    httpd_reply(c, 200, "Content-Encoding: gzip\r\n", bomb.data, bomb.len);
    buf_free(&bomb);
  }
}

TEST(gzip_is_unpacked_and_counted_unpacked) {
  struct httpd h;
  httpd_start(&h, answer_packed, NULL);
  assert_int_equal(get(&h, "/good", LONG_MS), ERR_OK);
  assert_int_equal(reply.body.len, 77);
  assert_memory_equal(reply.body.data, "hello, hello, ", 14);
  http_reply_free(&reply);
  assert_int_equal(get(&h, "/damaged", LONG_MS), ERR_PROTOCOL);
  http_reply_free(&reply);
  assert_int_equal(get(&h, "/bomb", LONG_MS), ERR_LIMIT);
  assert_why("larger than 1048576 bytes");
  assert_true(reply.body.len <= MIB && reply.body.cap <= 2 * MIB);
  http_reply_free(&reply);
  httpd_stop(&h);
}

static void answer_size(struct httpd_call *c) {
  char *chunk = malloc(MIB); /* its own: a call may still be sending when the next one comes */
  if (chunk == NULL) abort();
  memset(chunk, 'z', MIB);
  if (strcmp(c->path, "/exact") == 0) {
    httpd_reply(c, 200, "", chunk, MIB);
  } else if (strcmp(c->path, "/declared") == 0) {
    httpd_send_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
    while (httpd_send(c, chunk, MIB)) continue;
  } else if (strcmp(c->path, "/chunked") == 0) {
    httpd_send_text(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (httpd_send_text(c, "10000\r\n") && httpd_send(c, chunk, 0x10000) &&
           httpd_send_text(c, "\r\n"))
      continue;
  } else {
    httpd_send_text(c, "HTTP/1.1 200 OK\r\nX: ");
    while (httpd_send(c, chunk, 1000) && httpd_send_text(c, "\r\nX: ")) continue;
  }
  free(chunk);
}

TEST(a_body_is_cut_at_its_maximum) {
  struct httpd h;
  httpd_start(&h, answer_size, NULL);
  assert_int_equal(get(&h, "/exact", LONG_MS), ERR_OK);
  assert_int_equal(reply.body.len, MIB);
  http_reply_free(&reply);
  assert_int_equal(get(&h, "/declared", LONG_MS), ERR_LIMIT);
  http_reply_free(&reply);
  assert_int_equal(get(&h, "/chunked", LONG_MS), ERR_LIMIT);
  assert_true(reply.body.len <= MIB);
  http_reply_free(&reply);
  httpd_stop(&h);
}

TEST(headers_without_end_are_cut) {
  struct httpd h;
  httpd_start(&h, answer_size, NULL);
  assert_int_equal(get(&h, "/headers", LONG_MS), ERR_LIMIT);
  http_reply_free(&reply);
  httpd_stop(&h);
}

TEST(a_reply_that_breaks_off_is_no_reply) {
  static const char *const cut[] = {
    "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"};
  for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
    assert_int_equal(get_script(&(struct script){.raw = cut[i]}), ERR_CLOSED);
    assert_why(i == 0 ? "closed the connection without an answer" : "was cut before the end");
    http_reply_free(&reply);
  }
}

TEST(a_server_of_another_kind_is_told_apart) {
  assert_int_equal(get_script(&(struct script){.raw = "SSH-2.0-OpenSSH_9.2\r\n"}), ERR_PROTOCOL);
  assert_why("does not speak HTTP");
  http_reply_free(&reply);
}

TEST(retry_after_counts_in_seconds) {
  static const struct {
    const char *headers;
    int64_t want_s;
  } cases[] = {{"Retry-After: 120\r\n", 120},
               {"retry-after:7 \r\n", 7},
               {"Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", -1},
               {"Retry-After: 12x\r\n", -1},
               {"Retry-After: -5\r\n", -1},
               {"Retry-After:\r\n", -1},
               {"", -1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct script s = {.status = 503, .headers = cases[i].headers};
    assert_int_equal(get_script(&s), ERR_OK);
    assert_int_equal(reply.retry_after_s, cases[i].want_s);
    http_reply_free(&reply);
  }
  struct script huge = {.status = 503, .headers = "Retry-After: 99999999999999999999999\r\n"};
  assert_int_equal(get_script(&huge), ERR_OK);
  assert_true(reply.retry_after_s >= INT32_MAX);
  http_reply_free(&reply);
}

TEST(a_proxy_of_the_environment_is_used_even_for_strangers_urls) {
  struct httpd proxy;
  char url[128];
  httpd_start(&proxy, answer_ok, NULL);
  setenv("http_proxy", httpd_url(&proxy, "", url, sizeof url), 1);
  struct http_request q = {.url = "http://tracker.invalid/announce",
                           .deadline_ms = clock_now_ms() + LONG_MS,
                           .max_body = MIB,
                           .refuse_local = true};
  assert_int_equal(http_get(&q, &reply), ERR_OK);
  unsetenv("http_proxy");
  assert_true(httpd_saw(&proxy, 0, "GET http://tracker.invalid/announce "));
  http_reply_free(&reply);
  httpd_stop(&proxy);
}

enum { CALLERS = 8 };

static void *get_often(void *arg) {
  struct httpd *h = arg;
  char url[128];
  httpd_url(h, "/", url, sizeof url);
  for (int i = 0; i < 8; i++) {
    struct http_reply r;
    struct http_request q = {
      .url = url, .deadline_ms = clock_now_ms() + LONG_MS, .max_body = MIB};
    if (http_get(&q, &r) != ERR_OK || r.body.len != 2) abort();
    http_reply_free(&r);
  }
  return NULL;
}

TEST(many_threads_may_ask_at_once) {
  struct httpd h;
  pthread_t threads[CALLERS];
  httpd_start(&h, answer_ok, NULL);
  for (int i = 0; i < CALLERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, get_often, &h), 0);
  for (int i = 0; i < CALLERS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(httpd_count(&h), CALLERS * 8);
  httpd_stop(&h);
}

int main(void) {
  if (!http_setup()) return 1;
  RUN(T(a_reply_has_its_status_and_its_body), T(any_status_is_a_reply), T(a_body_may_be_empty),
      T(the_request_says_who_asks_and_sends_nothing_else),
      T(a_refused_connection_is_told_with_host_and_port), T(what_is_no_url_is_refused),
      T(a_server_that_stalls_is_given_up_at_the_deadline), T(a_trickle_does_not_move_the_deadline),
      T(a_deadline_in_the_past_is_a_timeout), T(a_running_request_can_be_cancelled),
      T(redirects_are_followed_five_times), T(a_redirect_loop_ends_after_five),
      T(redirects_to_other_schemes_are_refused),
      T(a_redirect_to_a_link_local_address_is_refused),
      T(a_redirect_takes_neither_password_nor_cookie_along),
      T(a_stranger_s_url_cannot_reach_this_machine), T(gzip_is_unpacked_and_counted_unpacked),
      T(a_body_is_cut_at_its_maximum), T(headers_without_end_are_cut),
      T(a_reply_that_breaks_off_is_no_reply), T(a_server_of_another_kind_is_told_apart),
      T(retry_after_counts_in_seconds),
      T(a_proxy_of_the_environment_is_used_even_for_strangers_urls),
      T(many_threads_may_ask_at_once));
}
