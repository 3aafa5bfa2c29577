/*
 * Lines about trackers: what we tell them, decoded, and no secret in it.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "find/tracker_trace.h"

static struct trace *t;
static int out;
static char text[8192];

static void begin(enum trace_format format) {
  char path[] = "/tmp/weft-trace-XXXXXX";
  struct trace_config c = {.format = format, .what = "a file"};
  out = c.fd = mkstemp(path);
  unlink(path);
  t = trace_new(&c);
}

static const char *end(void) {
  ssize_t n = pread(out, text, sizeof text - 1, 0);
  assert_true(n >= 0);
  text[n] = '\0';
  trace_free(t);
  close(out);
  return text;
}

/* The line of an announce to `url`. */
static const char *asked(const char *url, const char *id) {
  struct announce_request q = {.peer_id = "-WF0100-abc&=\x01\xff\"xyz", .key = 0xdeadbeef,
                               .port = 6881, .left = 5, .event = ANNOUNCE_STARTED,
                               .numwant = 50, .tracker_id = id,
                               .tracker_id_len = id != NULL ? strlen(id) : 0};
  struct buf full;
  buf_init(&full, 10000);
  buf_put_str(&full, url);
  buf_put_u8(&full, strchr(url, '?') != NULL ? '&' : '?');
  size_t own = full.len;
  announce_put_query(&full, &q);
  tracker_trace_asked(t, buf_cstr(&full), own, false);
  buf_free(&full);
  return end();
}

TEST(what_a_tracker_is_told_is_shown_decoded) {
  begin(TRACE_AS_JSON);
  const char *line = asked("http://tracker.example:80/announce", NULL);
  assert_non_null(strstr(line, "\"peer\":\"tracker.example:80\",\"dir\":\"out\","
                               "\"type\":\"tracker\",\"size\":null,\"bep\":3,"));
  assert_non_null(strstr(line, "\"request\":\"announce\","
                               "\"url\":\"http://tracker.example:80/announce\",\"info_hash\":"
                               "\"0000000000000000000000000000000000000000\",\"peer_id\":"
                               "\"2d5746303130302d616263263d01ff2278797a00\",\"port\":6881,"));
  assert_non_null(strstr(line, "\"left\":5,"));
  assert_non_null(strstr(line, "\"event\":\"started\""));
}

TEST(no_secret_is_shown) {
  for (int format = TRACE_AS_TEXT; format <= TRACE_AS_HEX; format++) {
    begin((enum trace_format)format);
    const char *line = asked("http://me:secret@tracker.example/0123456789abcdef0123/announce"
                             "?passkey=secret", "secret-id");
    assert_null(strstr(line, "secret"));
    assert_null(strstr(line, "0123456789abcdef"));
    assert_null(strcasestr(line, "deadbeef"));
    assert_null(strstr(line, "3735928559"));
    assert_non_null(strstr(line, "http://...@tracker.example/.../announce?passkey=..."));
  }
}

TEST(a_reply_is_its_fields_and_the_count_of_its_peers) {
  struct announce_reply r = {.failure = "", .warning = "go\n\"away\"", .told_interval_s = 1800,
                             .told_min_interval_s = -1, .complete = 3, .incomplete = -1,
                             .peer_count = 2};
  struct http_reply h = {.status = 200};
  buf_init(&h.body, 100);
  buf_put_str(&h.body, "d8:intervali1800ee");
  begin(TRACE_AS_TEXT);
  tracker_trace_announced(t, "http://tracker.example/announce?passkey=x", &h, &r, "");
  assert_string_equal(strchr(end(), 't'), "tracker.example <- tracker    announce, status 200, "
                      "warning \"go\\x0a\\\"away\\\"\", interval 1800, complete 3, peers 2    18 "
                      "bytes  BEP 3\n");
  begin(TRACE_AS_HEX);
  tracker_trace_announced(t, "http://tracker.example/", &h, NULL, "it is no reply");
  assert_non_null(strstr(end(),
                         "error \"it is no reply\"    18 bytes  BEP 3\n"
                         "         0  64 38 3a 69 6e 74 65 72 76 61 6c 69 31 38 30 30  body\n"
                         "        16  65 65\n"));
  http_reply_free(&h);
}

TEST(a_scrape_is_one_of_bep_48) {
  struct scrape_reply r = {.complete = 1, .incomplete = 2, .downloaded = 3};
  struct http_reply h = {.status = 200};
  begin(TRACE_AS_JSON);
  tracker_trace_scraped(t, "http://tracker.example/scrape", &h, &r, "");
  assert_non_null(strstr(end(), "\"dir\":\"in\",\"type\":\"tracker\",\"size\":0,\"bep\":48,"
                                "\"fields\":{\"request\":\"scrape\",\"status\":200,\"complete\":1,"
                                "\"incomplete\":2,\"downloaded\":3}"));
}

TEST(without_a_tracer_nothing_happens) {
  struct http_reply h = {.status = 200};
  tracker_trace_asked(NULL, "http://x/?", 10, false);
  tracker_trace_announced(NULL, "http://x/", &h, NULL, "");
  tracker_trace_scraped(NULL, "http://x/", &h, NULL, "");
}

int main(void) {
  RUN(T(what_a_tracker_is_told_is_shown_decoded), T(no_secret_is_shown),
      T(a_reply_is_its_fields_and_the_count_of_its_peers), T(a_scrape_is_one_of_bep_48),
      T(without_a_tracer_nothing_happens));
}
