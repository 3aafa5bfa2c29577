/*
 * One announce over HTTP: the exact query that a tracker sees, and everything that may come back
 * (T1, T4 to T6 of the fault matrix); and the same for a scrape. The replies are written as
 * tests/ben.h reads them, or byte for byte.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "../ben.h"
#include "../support/http_setup.h"
#include "../support/httpd.h"
#include "base/clock.h"
#include "find/tracker_http.h"
#include "io/http.h"

static struct tracker_http_outcome got;

struct script {
  int status;
  const char *headers;
  struct buf body;
};

static void answer_script(struct httpd_call *c) {
  const struct script *s = c->h->arg;
  httpd_reply(c, s->status, s->headers, s->body.data, s->body.len);
}

static struct announce_request request(void) {
  struct announce_request q = {.key = 0x1234abcd, .port = 6881, .left = 77, .numwant = 50};
  memcpy(q.info_hash, "\x00\x01\xff +&=%abcdefghijkl", 20);
  memcpy(q.peer_id, "-WF0100-ABCDEFGHIJKL", 20);
  return q;
}

/* Announces to `path` of a server that answers by the script, whose body is freed. */
static enum err announce_to(const char *path, struct script s, const struct announce_request *q,
                            char *seen, size_t seen_size) {
  struct httpd h;
  char url[512];
  httpd_start(&h, answer_script, &s);
  struct tracker_http_how how = {.deadline_ms = clock_now_ms() + 60000};
  enum err e = tracker_http_announce(httpd_url(&h, path, url, sizeof url), q, &how, &got);
  if (seen != NULL) snprintf(seen, seen_size, "%s", httpd_request(&h, 0));
  httpd_stop(&h);
  buf_free(&s.body);
  return e;
}

static enum err announce(int status, const char *headers, struct buf body) {
  struct announce_request q = request();
  return announce_to("/announce", (struct script){status, headers, body}, &q, NULL, 0);
}

static enum err announce_ben(const char *text) {
  return announce(200, "", ben(text));
}

static struct buf bytes(const char *text) {
  struct buf b;
  buf_init(&b, 4096);
  buf_put_str(&b, text);
  return b;
}

static void assert_why(const char *part) {
  if (strstr(got.why, part) == NULL) fail_msg("\"%s\" is not in \"%s\"", part, got.why);
}

static void assert_peers(size_t count, size_t skipped) {
  assert_int_equal(got.r.peer_count, count);
  assert_int_equal(got.r.peer_skipped, skipped);
  announce_free(&got.r);
}

#define HASH "%00%01%FF%20%2B%26%3D%25abcdefghijkl"
#define QUERY \
  "info_hash=" HASH "&peer_id=-WF0100-ABCDEFGHIJKL&port=6881&uploaded=0&downloaded=0&left=77" \
  "&compact=1&no_peer_id=1&key=1234ABCD&numwant=50"

static void assert_request(const char *path, const char *want) {
  struct announce_request q = request();
  char seen[4096];
  struct script s = {200, "", ben("{'interval': 900, 'peers': ''}")};
  assert_int_equal(announce_to(path, s, &q, seen, sizeof seen), ERR_OK);
  seen[strcspn(seen, "\r")] = '\0';
  assert_string_equal(seen, want);
  announce_free(&got.r);
}

TEST(the_query_goes_behind_the_announce_url) {
  assert_request("/announce", "GET /announce?" QUERY " HTTP/1.1");
  assert_request("/a.php?passkey=x", "GET /a.php?passkey=x&" QUERY " HTTP/1.1");
  assert_request("/a?", "GET /a?" QUERY " HTTP/1.1");
  assert_request("/a?x&", "GET /a?x&" QUERY " HTTP/1.1");
  assert_request("/a#top?x", "GET /a?" QUERY " HTTP/1.1");
}

TEST(event_and_tracker_id_are_sent_when_there_are_some) {
  struct announce_request q = request();
  char seen[4096];
  q.event = ANNOUNCE_STOPPED;
  q.tracker_id = "i\0d";
  q.tracker_id_len = 3;
  struct script s = {200, "", ben("{'interval': 900}")};
  assert_int_equal(announce_to("/a", s, &q, seen, sizeof seen), ERR_OK);
  assert_non_null(strstr(seen, QUERY "&event=stopped&trackerid=i%00d HTTP"));
  announce_free(&got.r);
}

TEST(a_long_url_is_refused_before_it_is_sent) {
  static char url[20000];
  struct announce_request q = request();
  memset(url, 'a', sizeof url - 1);
  memcpy(url, "http://127.0.0.1:1/", 19);
  struct tracker_http_how how = {.deadline_ms = CLOCK_NEVER};
  assert_int_equal(tracker_http_announce(url, &q, &how, &got),
                   ERR_FORMAT);
  assert_why("too long");
}

TEST(a_reply_is_read_with_all_that_it_says) {
  assert_int_equal(announce_ben("{'complete': 3, 'external ip': '\x5d\xb8\xd8\x22',"
                                " 'incomplete': 4, 'interval': 900, 'min interval': 300,"
                                " 'peers': 'abcdef',"
                                " 'tracker id': 'T1', 'warning message': 'careful'}"),
                   ERR_OK);
  assert_int_equal(got.r.complete, 3);
  assert_int_equal(got.r.incomplete, 4);
  assert_int_equal(got.r.interval_s, 900);
  assert_int_equal(got.r.min_interval_s, 300);
  assert_int_equal(got.r.external_ip.family, 4);
  assert_int_equal(got.r.tracker_id_len, 2);
  assert_string_equal(got.r.warning, "careful");
  assert_peers(1, 0);
}

TEST(other_statuses_are_failures) {
  static const int all[] = {204, 400, 403, 404, 410, 500, 502, 503};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    char want[64];
    snprintf(want, sizeof want, "answered with HTTP status %d", all[i]);
    assert_int_equal(announce(all[i], "", bytes("")), ERR_REFUSED);
    assert_why(want);
    assert_why("127.0.0.1:");
    assert_int_equal(got.retry_in_s, -1);
  }
}

TEST(a_reason_in_the_body_is_better_than_a_status) {
  struct buf body = ben("{'failure reason': 'unregistered torrent'}");
  assert_int_equal(announce(404, "", body), ERR_REFUSED);
  assert_string_equal(got.why, "unregistered torrent");
}

TEST(the_time_to_come_again_is_taken_from_header_or_body) {
  assert_int_equal(announce(503, "Retry-After: 90\r\n", bytes("busy")), ERR_REFUSED);
  assert_int_equal(got.retry_in_s, 90);
  struct buf body = ben("{'failure reason': 'busy', 'retry in': 5}");
  assert_int_equal(announce(503, "Retry-After: 90\r\n", body), ERR_REFUSED);
  assert_int_equal(got.retry_in_s, 300); /* BEP 31 counts in minutes */
}

TEST(what_is_no_reply_is_told_in_words) {
  assert_int_equal(announce(200, "", bytes("")), ERR_FORMAT);
  assert_why("an empty reply");
  assert_int_equal(announce(200, "", bytes("<html>Please log in</html>")), ERR_FORMAT);
  assert_why("a web page");
  static const char *const bad[] = {"hello", "d8:intervali900e", "i5e", "le", "d8:interval",
                                    "d3:fooi-0ee", "\x1f\x8b"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(announce(200, "", bytes(bad[i])), ERR_FORMAT);
    assert_why("no tracker's reply");
  }
}

TEST(a_failure_reason_comes_as_it_is) {
  assert_int_equal(announce_ben("{'failure reason': '\x1b[2J\x1b]0;owned\x07no',"
                                " 'peers': 'abcdef'}"),
                   ERR_OK);
  assert_string_equal(got.r.failure, "\x1b[2J\x1b]0;owned\x07no");
  assert_peers(0, 0);
}

TEST(intervals_are_clamped) {
  static const struct {
    const char *text;
    int64_t want_s;
  } cases[] = {{"{'interval': -1}", 1800},         {"{'interval': 0}", 1800},
               {"{'interval': 2147483648}", 3600}, {"{'interval': 1}", 60},
               {"{'interval': 'x'}", 1800},        {"{}", 1800},
               {"{'interval': 9223372036854775807}", 3600}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(announce_ben(cases[i].text), ERR_OK);
    assert_int_equal(got.r.interval_s, cases[i].want_s);
    announce_free(&got.r);
  }
}

TEST(bad_peers_are_skipped_and_good_ones_kept) {
  assert_int_equal(announce_ben("{'peers': 'abcde'}"), ERR_OK);
  assert_peers(0, 1);
  assert_int_equal(announce_ben("{'peers': 'abcdefabcde'}"), ERR_OK);
  assert_peers(1, 1);
  assert_int_equal(announce_ben("{'peers': 17}"), ERR_OK);
  announce_free(&got.r);
  assert_int_equal(announce_ben("{'peers': [7, 'x', [], {}, {'ip': 7, 'port': 80},"
                                " {'ip': '1.2.3.4', 'port': '80'}, {'ip': '1.2.3.4', 'port': 0},"
                                " {'ip': 'a.name', 'port': 80}, {'ip': '1.2.3.4', 'port': 65536},"
                                " {'ip': '1.2.3.4', 'port': 80},"
                                " {'ip': '2001:db8::1', 'port': 81}]}"),
                   ERR_OK);
  assert_peers(2, 9);
}

TEST(ipv6_peers_have_their_own_key) {
  assert_int_equal(announce_ben("{'peers': 'abcdef', 'peers6': '0123456789abcdefgh'}"), ERR_OK);
  assert_int_equal(got.r.peers[0].family + got.r.peers[1].family, 10);
  assert_peers(2, 0);
}

TEST(a_hundred_thousand_peers_are_two_thousand) {
  struct buf body;
  buf_init(&body, 1024 * 1024);
  buf_put_str(&body, "d5:peers600000:");
  for (uint32_t i = 0; i < 100000; i++) {
    buf_put_u32(&body, 0x14000000 + i);
    buf_put_u16(&body, 6881);
  }
  buf_put_u8(&body, 'e');
  assert_int_equal(announce(200, "", body), ERR_OK);
  assert_int_equal(got.r.peer_over, 100000 - ANNOUNCE_PEERS_MAX);
  assert_peers(ANNOUNCE_PEERS_MAX, 0);
}

TEST(more_than_a_megabyte_is_cut) {
  struct buf body;
  buf_init(&body, 2 * 1024 * 1024);
  buf_put_str(&body, "d5:peers1200000:");
  memset(buf_reserve(&body, 1200000), 'a', 1200000);
  body.len += 1200000;
  buf_put_u8(&body, 'e');
  assert_int_equal(announce(200, "", body), ERR_LIMIT);
  assert_why("larger than");
}

/* --- Scrapes. --- */

static struct tracker_http_scraped scraped;

static enum err scrape_at(const char *path, int status, const char *headers, const char *reply,
                          char *seen, size_t seen_size) {
  struct httpd h;
  char url[512];
  struct script s = {status, headers, ben(reply)};
  httpd_start(&h, answer_script, &s);
  struct announce_request q = request();
  struct tracker_http_how how = {.deadline_ms = clock_now_ms() + 60000};
  httpd_url(&h, path, url, sizeof url);
  enum err e = tracker_http_scrape(url, q.info_hash, &how, &scraped);
  if (seen != NULL) snprintf(seen, seen_size, "%.*s", (int)strcspn(httpd_request(&h, 0), "\r"),
                             httpd_request(&h, 0));
  httpd_stop(&h);
  buf_free(&s.body);
  return e;
}

TEST(a_scrape_goes_to_the_scrape_url) {
  static const char hash[] = "info_hash=%00%01%FF%20%2B%26%3D%25abcdefghijkl HTTP/1.1";
  char seen[1024];
  char want[1024];
  assert_int_equal(scrape_at("/x/announce.php", 200, "", "{'files': {}}", seen, sizeof seen),
                   ERR_OK);
  assert_false(scraped.r.found);
  snprintf(want, sizeof want, "GET /x/scrape.php?%s", hash);
  assert_string_equal(seen, want);
  scrape_at("/announce?key=1#top", 200, "", "{'files': {}}", seen, sizeof seen);
  snprintf(want, sizeof want, "GET /scrape?key=1&%s", hash);
  assert_string_equal(seen, want);
}

TEST(a_scrape_brings_the_counts) {
  char text[200] = "{'files': {#20: {'complete': 4, 'downloaded': 40, 'incomplete': 2}}}";
  struct httpd h;
  char url[512];
  struct script s = {200, "", ben(text)};
  struct tracker_http_how how = {.deadline_ms = clock_now_ms() + 60000};
  httpd_start(&h, answer_script, &s);
  httpd_url(&h, "/announce", url, sizeof url);
  assert_int_equal(tracker_http_scrape(url, (const uint8_t *)"xxxxxxxxxxxxxxxxxxxx", &how,
                                       &scraped), ERR_OK);
  httpd_stop(&h);
  buf_free(&s.body);
  assert_true(scraped.r.found);
  assert_int_equal(scraped.r.complete, 4);
  assert_int_equal(scraped.r.incomplete, 2);
  assert_int_equal(scraped.r.downloaded, 40);
}

TEST(a_tracker_that_cannot_be_scraped_is_not_asked) {
  char seen[1024];
  assert_int_equal(scrape_at("/a?announce", 200, "", "{'files': {}}", seen, sizeof seen),
                   ERR_UNSUPPORTED);
  assert_string_equal(seen, "");
  assert_non_null(strstr(scraped.why, "can't be scraped"));
}

TEST(a_failed_scrape_says_why) {
  assert_int_equal(scrape_at("/announce", 404, "", "", NULL, 0), ERR_REFUSED);
  assert_non_null(strstr(scraped.why, "HTTP status 404"));
  assert_int_equal(scrape_at("/announce", 503, "Retry-After: 60\r\n",
                             "{'failure reason': 'too busy'}", NULL, 0), ERR_REFUSED);
  assert_string_equal(scraped.why, "too busy");
  assert_int_equal(scraped.retry_in_s, 60);
  assert_int_equal(scrape_at("/announce", 200, "", "<<html>>", NULL, 0), ERR_FORMAT);
  assert_non_null(strstr(scraped.why, "a web page"));
  assert_int_equal(scrape_at("/announce", 200, "", "{'peers': ''}", NULL, 0), ERR_FORMAT);
  assert_int_equal(scrape_at("/announce", 200, "", "{'failure reason': 'no'}", NULL, 0), ERR_OK);
  assert_string_equal(scraped.r.failure, "no");
}

int main(void) {
  if (!http_setup()) return 1;
  RUN(T(the_query_goes_behind_the_announce_url),
      T(event_and_tracker_id_are_sent_when_there_are_some),
      T(a_long_url_is_refused_before_it_is_sent), T(a_reply_is_read_with_all_that_it_says),
      T(other_statuses_are_failures), T(a_reason_in_the_body_is_better_than_a_status),
      T(the_time_to_come_again_is_taken_from_header_or_body),
      T(what_is_no_reply_is_told_in_words), T(a_failure_reason_comes_as_it_is),
      T(intervals_are_clamped), T(bad_peers_are_skipped_and_good_ones_kept),
      T(ipv6_peers_have_their_own_key), T(a_hundred_thousand_peers_are_two_thousand),
      T(more_than_a_megabyte_is_cut), T(a_scrape_goes_to_the_scrape_url),
      T(a_scrape_brings_the_counts), T(a_tracker_that_cannot_be_scraped_is_not_asked),
      T(a_failed_scrape_says_why));
}
