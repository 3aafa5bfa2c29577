/*
 * What goes to a tracker and what comes back: proto/announce.
 */
#include "../test.h"

#include <string.h>

#include "../ben.h"
#include "../fixture.h"
#include "proto/announce.h"

static struct announce_reply parsed(const char *text) {
  struct announce_reply r;
  struct buf b = ben(text);
  assert_int_equal(announce_parse(&r, b.data, b.len, ANNOUNCE_PEERS_MAX), ERR_OK);
  buf_free(&b);
  return r;
}

static struct announce_reply loaded(const char *name) {
  struct fixture f = fixture(name);
  struct announce_reply r;
  assert_int_equal(announce_parse(&r, f.data, f.len, ANNOUNCE_PEERS_MAX), ERR_OK);
  free(f.data);
  return r;
}

static void assert_peer(const struct announce_reply *r, size_t i, const char *want) {
  char text[ADDR_TEXT_MAX];
  assert_true(i < r->peer_count);
  assert_string_equal(addr_text(&r->peers[i], text), want);
}

/* --- The query. --- */

static struct announce_request request(void) {
  struct announce_request q = {.key = 0xbeef, .port = 6881, .left = 50000, .numwant = -1};
  memcpy(q.info_hash, "\x00 ab-._~/%\xff&=+ABCDEF", 20);
  memcpy(q.peer_id, "-WF0100-abcdefghijkl", 20);
  return q;
}

static void assert_query(const struct announce_request *q, const char *want) {
  struct buf b;
  buf_init(&b, 1000);
  announce_put_query(&b, q);
  assert_string_equal(buf_cstr(&b), want);
  buf_free(&b);
}

#define QUERY_START \
  "info_hash=%00%20ab-._~%2F%25%FF%26%3D%2BABCDEF&peer_id=-WF0100-abcdefghijkl&port=6881"

TEST(everything_but_unreserved_characters_is_escaped) {
  struct announce_request q = request();
  assert_query(&q, QUERY_START "&uploaded=0&downloaded=0&left=50000&compact=1&no_peer_id=1"
                               "&key=0000BEEF");
}

TEST(every_parameter_has_its_place) {
  struct announce_request q = request();
  q.uploaded = UINT64_MAX;
  q.downloaded = 1;
  q.left = 0;
  q.event = ANNOUNCE_COMPLETED;
  q.numwant = 0;
  q.tracker_id = "a&b";
  q.tracker_id_len = 3;
  assert_query(&q, QUERY_START "&uploaded=18446744073709551615&downloaded=1&left=0&compact=1"
                               "&no_peer_id=1&key=0000BEEF&numwant=0&event=completed"
                               "&trackerid=a%26b");
}

TEST(events_have_names) {
  assert_string_equal(announce_event_name(ANNOUNCE_NONE), "");
  assert_string_equal(announce_event_name(ANNOUNCE_STARTED), "started");
  assert_string_equal(announce_event_name(ANNOUNCE_COMPLETED), "completed");
  assert_string_equal(announce_event_name(ANNOUNCE_STOPPED), "stopped");
}

TEST(a_full_buffer_fails_and_does_not_overflow) {
  struct announce_request q = request();
  struct buf b;
  buf_init(&b, 30);
  announce_put_query(&b, &q);
  assert_true(b.failed);
  assert_in_range(b.len, 0, 30);
  buf_free(&b);
}

/* --- The reply. --- */

TEST(compact_peers_of_both_families_are_read) {
  struct announce_reply r = loaded("reply-compact.bin");
  assert_int_equal(r.peer_count, 3);
  assert_peer(&r, 0, "192.0.2.1:6881");
  assert_peer(&r, 1, "192.0.2.2:6882");
  assert_peer(&r, 2, "[2001:db8::1]:6881");
  assert_int_equal(r.peer_skipped, 0);
  announce_free(&r);
}

TEST(the_rest_of_a_reply_is_read) {
  struct announce_reply r = loaded("reply-compact.bin");
  char text[ADDR_TEXT_MAX];
  assert_int_equal(r.complete, 5);
  assert_int_equal(r.incomplete, 3);
  assert_int_equal(r.interval_s, 900);
  assert_int_equal(r.min_interval_s, 60);
  assert_int_equal(r.told_interval_s, 900);
  assert_int_equal(r.told_min_interval_s, 60);
  assert_int_equal(r.tracker_id_len, 3);
  assert_memory_equal(r.tracker_id, "\1id", 3);
  assert_string_equal(r.warning, "slow down");
  assert_string_equal(r.failure, "");
  assert_string_equal(addr_text(&r.external_ip, text), "192.0.2.9:0");
  assert_int_equal(r.retry_in_s, -1);
  announce_free(&r);
}

TEST(bad_dictionary_peers_are_skipped_and_good_ones_kept) {
  struct announce_reply r = loaded("reply-dictionary.bin");
  assert_int_equal(r.peer_count, 2);
  assert_peer(&r, 0, "192.0.2.1:6881");
  assert_peer(&r, 1, "[2001:db8::1]:6882");
  assert_int_equal(r.peer_skipped, 5);
  announce_free(&r);
}

TEST(a_failure_is_a_reply_without_peers) {
  struct announce_reply r = loaded("reply-failure.bin");
  assert_string_equal(r.failure, "not \x1b[2Jhere");
  assert_int_equal(r.retry_in_s, 300);
  assert_int_equal(r.peer_count, 0);
  announce_free(&r);
  r = parsed("{'failure reason': 'no', 'peers': 'abcdef'}");
  assert_null(r.peers);
  announce_free(&r);
}

TEST(a_failure_without_a_reason_is_a_failure) {
  struct announce_reply r = parsed("{'failure reason': '', 'peers': 'abcdef'}");
  assert_string_not_equal(r.failure, "");
  announce_free(&r);
  r = parsed("{'failure reason': 5}");
  assert_string_not_equal(r.failure, "");
  announce_free(&r);
}

TEST(what_is_absent_has_its_default) {
  struct announce_reply r = parsed("{}");
  assert_int_equal(r.interval_s, 1800);
  assert_int_equal(r.min_interval_s, 0);
  assert_int_equal(r.complete, -1);
  assert_int_equal(r.incomplete, -1);
  assert_int_equal(r.retry_in_s, -1);
  assert_int_equal(r.external_ip.family, 0);
  assert_int_equal(r.tracker_id_len, 0);
  assert_null(r.peers);
  announce_free(&r);
}

/* The reply { key: n }, which has no peers and need not be freed. */
static struct announce_reply number(const char *key, const char *n) {
  char text[100];
  snprintf(text, sizeof text, "{'%s': %s}", key, n);
  struct announce_reply r = parsed(text);
  assert_null(r.peers);
  return r;
}

TEST(intervals_are_clamped) {
  assert_int_equal(number("interval", "59").interval_s, 60);
  assert_int_equal(number("interval", "60").interval_s, 60);
  assert_int_equal(number("interval", "3601").interval_s, 3600);
  assert_int_equal(number("interval", "2147483648").interval_s, 3600);
  assert_int_equal(number("interval", "0").interval_s, 1800);
  assert_int_equal(number("interval", "-1").interval_s, 1800);
  assert_int_equal(number("interval", "99999999999999999999").interval_s, 1800);
  assert_int_equal(number("interval", "'900'").interval_s, 1800);
  assert_int_equal(number("min interval", "-5").min_interval_s, 0);
  assert_int_equal(number("min interval", "99999").min_interval_s, 3600);
}

TEST(what_a_tracker_said_of_intervals_is_kept_as_it_was) {
  assert_int_equal(number("interval", "59").told_interval_s, 59);
  assert_int_equal(number("interval", "0").told_interval_s, 0);
  assert_int_equal(number("interval", "-1").told_interval_s, -1);
  assert_int_equal(number("interval", "'900'").told_interval_s, -1);
  assert_int_equal(number("interval", "59").told_min_interval_s, -1);
  assert_int_equal(number("min interval", "99999").told_min_interval_s, 99999);
}

TEST(counts_are_not_negative) {
  assert_int_equal(number("complete", "-7").complete, -1);
  assert_int_equal(number("complete", "0").complete, 0);
  assert_int_equal(number("incomplete", "'3'").incomplete, -1);
}

TEST(retry_in_is_minutes_or_never) {
  assert_int_equal(number("retry in", "5").retry_in_s, 300);
  assert_int_equal(number("retry in", "'5'").retry_in_s, 300);
  assert_true(number("retry in", "'never'").retry_in_s == INT64_MAX);
  assert_true(number("retry in", "9223372036854775807").retry_in_s == INT64_MAX);
  assert_true(number("retry in", "'9999999999999999999999'").retry_in_s == INT64_MAX);
  assert_int_equal(number("retry in", "0").retry_in_s, -1);
  assert_int_equal(number("retry in", "-5").retry_in_s, -1);
  assert_int_equal(number("retry in", "'soon'").retry_in_s, -1);
  assert_int_equal(number("retry in", "''").retry_in_s, -1);
}

TEST(impossible_peers_are_skipped) {
  struct announce_reply r;
  static const char in[] = "d5:peers24:" "\x7f\0\0\1\0\x50" "\0\0\0\0\0\x50" "\xe0\0\0\1\0\x50"
                           "\x08\x08\x08\x08\0\0" "e";
  assert_int_equal(announce_parse(&r, in, sizeof in - 1, ANNOUNCE_PEERS_MAX), ERR_OK);
  assert_int_equal(r.peer_count, 1);
  assert_peer(&r, 0, "127.0.0.1:80");
  assert_int_equal(r.peer_skipped, 3);
  announce_free(&r);
}

TEST(a_rest_behind_compact_peers_is_one_bad_entry) {
  struct announce_reply r = parsed("{'peers': 'abcdefghi', 'peers6': 'abcdefghijklmnopqrs'}");
  assert_int_equal(r.peer_count, 2);
  assert_int_equal(r.peer_skipped, 2);
  announce_free(&r);
  r = parsed("{'peers': 'abcde'}");
  assert_int_equal(r.peer_count, 0);
  assert_int_equal(r.peer_skipped, 1);
  announce_free(&r);
}

TEST(peers_of_a_strange_type_are_none) {
  struct announce_reply r = parsed("{'peers': 5, 'peers6': {}}");
  assert_int_equal(r.peer_count, 0);
  announce_free(&r);
}

TEST(at_most_2000_compact_peers_are_kept) {
  struct announce_reply r = parsed("{'peers': #600000}"); /* 120.120.120.120:30840 each */
  assert_int_equal(r.peer_count, 2000);
  assert_int_equal(r.peer_over, 98000);
  assert_int_equal(r.peer_skipped, 0);
  announce_free(&r);
}

TEST(at_most_2000_dictionary_peers_are_kept) {
  struct buf text;
  buf_init(&text, 1u << 20);
  buf_put_str(&text, "{'peers': [");
  for (size_t i = 0; i < 25000; i++) buf_put_str(&text, "{'ip': '1.2.3.4', 'port': 80}");
  buf_put_str(&text, "]}");
  struct announce_reply r = parsed(buf_cstr(&text));
  buf_free(&text);
  assert_int_equal(r.peer_count, 2000);
  assert_int_equal(r.peer_over, 23000);
  assert_int_equal(r.peer_skipped, 0);
  announce_free(&r);
}

TEST(bad_peers_do_not_take_the_place_of_good_ones) {
  struct buf text;
  buf_init(&text, 1u << 20);
  buf_put_str(&text, "{'peers': [");
  for (size_t i = 0; i < 3000; i++) buf_put_str(&text, "{'ip': 'x', 'port': 80}");
  buf_put_str(&text, "{'ip': '1.2.3.4', 'port': 80}]}");
  struct announce_reply r = parsed(buf_cstr(&text));
  buf_free(&text);
  assert_int_equal(r.peer_count, 1);
  announce_free(&r);
}

TEST(long_texts_are_cut_and_long_ids_left_out) {
  struct announce_reply r = parsed("{'failure reason': #2000, 'tracker id': #129,"
                                   " 'warning message': #511}");
  assert_int_equal(strlen(r.failure), ANNOUNCE_TEXT_MAX - 1);
  assert_int_equal(strlen(r.warning), 511);
  assert_int_equal(r.tracker_id_len, 0);
  announce_free(&r);
  r = parsed("{'tracker id': #128}");
  assert_int_equal(r.tracker_id_len, 128);
  announce_free(&r);
}

TEST(what_is_no_dictionary_is_refused) {
  static const char *const bad[] = {"", "<html>404</html>", "li1ee", "5:hello", "d5:peers"};
  struct announce_reply r;
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(announce_parse(&r, bad[i], strlen(bad[i]), ANNOUNCE_PEERS_MAX), ERR_FORMAT);
  assert_int_equal(announce_parse(&r, NULL, 0, ANNOUNCE_PEERS_MAX), ERR_FORMAT);
}

TEST(a_newline_behind_the_reply_is_passed_over) {
  struct announce_reply r;
  assert_int_equal(announce_parse(&r, "de\n", 3, ANNOUNCE_PEERS_MAX), ERR_OK);
  announce_free(&r);
}

TEST(a_reply_over_a_megabyte_is_refused) {
  struct announce_reply r;
  struct buf b = ben("{'peers': #1048576}");
  assert_int_equal(announce_parse(&r, b.data, b.len, ANNOUNCE_PEERS_MAX), ERR_FORMAT);
  buf_free(&b);
}

int main(void) {
  RUN(T(everything_but_unreserved_characters_is_escaped), T(every_parameter_has_its_place),
      T(events_have_names), T(a_full_buffer_fails_and_does_not_overflow),
      T(compact_peers_of_both_families_are_read), T(the_rest_of_a_reply_is_read),
      T(bad_dictionary_peers_are_skipped_and_good_ones_kept),
      T(a_failure_is_a_reply_without_peers), T(a_failure_without_a_reason_is_a_failure),
      T(what_is_absent_has_its_default), T(intervals_are_clamped),
      T(what_a_tracker_said_of_intervals_is_kept_as_it_was), T(counts_are_not_negative),
      T(retry_in_is_minutes_or_never), T(impossible_peers_are_skipped),
      T(a_rest_behind_compact_peers_is_one_bad_entry), T(peers_of_a_strange_type_are_none),
      T(at_most_2000_compact_peers_are_kept), T(at_most_2000_dictionary_peers_are_kept),
      T(bad_peers_do_not_take_the_place_of_good_ones),
      T(long_texts_are_cut_and_long_ids_left_out), T(what_is_no_dictionary_is_refused),
      T(a_newline_behind_the_reply_is_passed_over), T(a_reply_over_a_megabyte_is_refused));
}
