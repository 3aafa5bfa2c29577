/*
 * Asking how big a swarm is, as bytes: proto/scrape. The table of URLs is that of the convention
 * which BEP 48 wrote down.
 */
#include "../test.h"

#include <string.h>

#include "../ben.h"
#include "../fixture.h"
#include "proto/scrape.h"

static const uint8_t hash[20] = "aaaaaaaaaaaaaaaaaaaa";

#define A20 "'aaaaaaaaaaaaaaaaaaaa'"
#define B20 "'bbbbbbbbbbbbbbbbbbbb'"

/* --- The URL and the query. --- */

/* `want` is NULL: it can't be scraped. */
static void assert_url(const char *announce, const char *want) {
  struct buf b;
  buf_init(&b, 1000);
  assert_int_equal(scrape_put_url(&b, announce), want != NULL);
  assert_string_equal(buf_cstr(&b), want != NULL ? want : "");
  buf_free(&b);
}

TEST(announce_becomes_scrape_in_the_path) {
  assert_url("http://t.example/announce", "http://t.example/scrape");
  assert_url("http://t.example/x/announce", "http://t.example/x/scrape");
  assert_url("http://t.example/announce.php", "http://t.example/scrape.php");
  assert_url("https://t.example:443/announce/", "https://t.example:443/scrape/");
  assert_url("http://t.example/announce/0123456789abcdef", "http://t.example/scrape/"
                                                           "0123456789abcdef");
  assert_url("udp://t.example:80/announce", "udp://t.example:80/scrape");
}

TEST(the_last_of_several_is_replaced) {
  assert_url("http://t.example/announce/announce", "http://t.example/announce/scrape");
  assert_url("http://t.example/announce/x/announce.php?announce",
             "http://t.example/announce/x/scrape.php?announce");
}

TEST(the_query_stays_and_the_fragment_goes) {
  assert_url("http://t.example/announce?x2%0644", "http://t.example/scrape?x2%0644");
  assert_url("http://t.example/announce?key=1#top", "http://t.example/scrape?key=1");
  assert_url("http://t.example/announce#/announce", "http://t.example/scrape");
}

TEST(without_announce_in_the_path_there_is_no_scrape) {
  assert_url("http://t.example/a", NULL);
  assert_url("http://t.example/", NULL);
  assert_url("http://t.example", NULL);
  assert_url("http://t.example/a?x=/announce", NULL);
  assert_url("http://t.example/a#/announce", NULL);
  assert_url("http://t.example?/announce", NULL);
  assert_url("http://announce.example/x", NULL);
  assert_url("http://announce/x", NULL);
  assert_url("http://user:/announce@t.example?", "http://user:/scrape@t.example?");
  assert_url("http://t.example/x%064announce", NULL);
  assert_url("http://t.example/announc", NULL);
  assert_url("http://t.example/Announce", NULL);
  assert_url("", NULL);
  assert_url("/announc", NULL);
}

TEST(the_query_is_the_escaped_hash) {
  struct buf b;
  buf_init(&b, 1000);
  scrape_put_query(&b, (const uint8_t *)"\x00 ab-._~/%\xff&=+ABCDEF");
  assert_string_equal(buf_cstr(&b), "info_hash=%00%20ab-._~%2F%25%FF%26%3D%2BABCDEF");
  buf_free(&b);
}

/* --- The reply. --- */

static struct scrape_reply parsed(const char *text) {
  struct scrape_reply r;
  struct buf b = ben(text);
  assert_int_equal(scrape_parse(&r, b.data, b.len, hash), ERR_OK);
  buf_free(&b);
  return r;
}

static enum err refused(const char *text) {
  struct scrape_reply r;
  struct buf b = ben(text);
  enum err e = scrape_parse(&r, b.data, b.len, hash);
  buf_free(&b);
  return e;
}

TEST(the_three_counts_are_read) {
  struct scrape_reply r =
    parsed("{'files': {" A20 ": {'complete': 11, 'downloaded': 13772, 'incomplete': 19}}}");
  assert_true(r.found);
  assert_int_equal(r.complete, 11);
  assert_int_equal(r.downloaded, 13772);
  assert_int_equal(r.incomplete, 19);
  assert_string_equal(r.failure, "");
  assert_int_equal(r.retry_in_s, -1);
  assert_int_equal(r.min_interval_s, 0);
}

TEST(the_torrent_is_found_among_others) {
  struct scrape_reply r = parsed("{'files': {'short': 7, " B20 ": {'complete': 1}, " A20
                                 ": {'complete': 2}, 'aaaaaaaaaaaaaaaaaaaab': {'complete': 3}},"
                                 " 'flags': {'min_request_interval': 900}}");
  assert_true(r.found);
  assert_int_equal(r.complete, 2);
  assert_int_equal(r.min_interval_s, 900);
}

TEST(a_hash_may_hold_any_byte) {
  struct scrape_reply r;
  struct fixture f = fixture("reply-scrape.bin");
  static const uint8_t raw[20] = {0, 0xff, 'e', 'i', 0, 'd', '5', ':', 0x80, 0};
  assert_int_equal(scrape_parse(&r, f.data, f.len, raw), ERR_OK);
  assert_true(r.found);
  assert_int_equal(r.complete, 5);
  assert_int_equal(r.incomplete, 3);
  assert_int_equal(r.downloaded, 50);
  assert_int_equal(r.min_interval_s, 1800);
  free(f.data);
}

TEST(a_missing_torrent_is_not_found) {
  assert_false(parsed("{'files': {}}").found);
  assert_false(parsed("{'files': {" B20 ": {'complete': 1}}}").found);
  assert_false(parsed("{'files': {" A20 ": 5}}").found);
  assert_int_equal(parsed("{'files': {" B20 ": {'complete': 1}}}").complete, -1);
  assert_false(parsed("{'files': {" B20 ": " A20 "}}").found); /* a value is no key */
}

TEST(counts_that_are_absent_or_senseless_are_unknown) {
  struct scrape_reply r =
    parsed("{'files': {" A20 ": {'complete': -1, 'downloaded': 'x'}}}");
  assert_true(r.found);
  assert_int_equal(r.complete, -1);
  assert_int_equal(r.downloaded, -1);
  assert_int_equal(r.incomplete, -1);
}

TEST(intervals_are_clamped) {
  assert_int_equal(
    parsed("{'files': {}, 'flags': {'min_request_interval': 999999999999}}").min_interval_s, 86400);
  assert_int_equal(parsed("{'files': {}, 'flags': {'min_request_interval': -5}}").min_interval_s,
                   0);
  assert_int_equal(parsed("{'files': {}, 'flags': 5}").min_interval_s, 0);
}

TEST(a_failure_reason_is_read_in_both_spellings) {
  assert_string_equal(parsed("{'failure reason': 'no', 'retry in': 5}").failure, "no");
  assert_int_equal(parsed("{'failure reason': 'no', 'retry in': 5}").retry_in_s, 300);
  assert_string_equal(parsed("{'failure_reason': 'never'}").failure, "never");
  assert_string_equal(parsed("{'failure reason': ''}").failure, "the tracker gave no reason");
  assert_string_equal(parsed("{'failure reason': 5, 'files': {}}").failure,
                      "the tracker gave no reason");
}

TEST(bytes_behind_the_reply_are_passed_over) {
  assert_true(parsed("{'files': {" A20 ": {}}}<\n>").found);
}

TEST(what_is_no_reply_is_refused) {
  assert_int_equal(refused("<>"), ERR_FORMAT);
  assert_int_equal(refused("<<html>"), ERR_FORMAT);
  assert_int_equal(refused("[]"), ERR_FORMAT);
  assert_int_equal(refused("{}"), ERR_FORMAT);
  assert_int_equal(refused("{'files': []}"), ERR_FORMAT);
  assert_int_equal(refused("{'interval': 1800, 'peers': ''}"), ERR_FORMAT);
  assert_int_equal(refused("{'files': {" A20 ": {'complete': 1}"), ERR_FORMAT);
}

TEST(a_whole_tracker_of_torrents_still_fits) {
  struct scrape_reply r;
  struct buf b;
  buf_init(&b, 1u << 20);
  buf_put_str(&b, "d5:filesd");
  for (unsigned i = 0; i < 35000; i++) buf_printf(&b, "20:%020ude", i);
  buf_printf(&b, "20:%.20sd8:completei9eeee", (const char *)hash);
  assert_false(b.failed);
  assert_int_equal(scrape_parse(&r, b.data, b.len, hash), ERR_OK);
  assert_int_equal(r.complete, 9);
  buf_free(&b);
}

int main(void) {
  RUN(T(announce_becomes_scrape_in_the_path), T(the_last_of_several_is_replaced),
      T(the_query_stays_and_the_fragment_goes),
      T(without_announce_in_the_path_there_is_no_scrape), T(the_query_is_the_escaped_hash),
      T(the_three_counts_are_read), T(the_torrent_is_found_among_others),
      T(a_hash_may_hold_any_byte), T(a_missing_torrent_is_not_found),
      T(counts_that_are_absent_or_senseless_are_unknown), T(intervals_are_clamped),
      T(a_failure_reason_is_read_in_both_spellings), T(bytes_behind_the_reply_are_passed_over),
      T(what_is_no_reply_is_refused), T(a_whole_tracker_of_torrents_still_fits));
}
