/*
 * Where a torrent says that peers and data are to be found: proto/metainfo_sources.
 */
#include "torrents.h"

static void assert_only_tracker(const char *text, const char *url) {
  struct metainfo m = good(text);
  assert_int_equal(m.tier_count, 1);
  assert_int_equal(m.tiers[0].count, 1);
  assert_string_equal(m.tiers[0].urls[0], url);
  metainfo_free(&m);
}

TEST(an_announce_list_replaces_announce) {
  assert_only_tracker(BESIDE("'announce': 'http://a', 'announce-list': [['http://b']], "),
                      "http://b");
}

TEST(an_empty_or_malformed_announce_list_falls_back_to_announce) {
  assert_only_tracker(BESIDE("'announce': 'http://a', 'announce-list': [], "), "http://a");
  assert_only_tracker(BESIDE("'announce': 'http://a', 'announce-list': [[]], "), "http://a");
  assert_only_tracker(BESIDE("'announce': 'http://a', 'announce-list': 5, "), "http://a");
  assert_only_tracker(BESIDE("'announce': 'http://a', 'announce-list': ['http://b'], "),
                      "http://a");
  assert_only_tracker(BESIDE("'announce': 'http://a', 'announce-list': [[5], ['']], "),
                      "http://a");
}

TEST(unusable_entries_of_an_announce_list_are_left_out) {
  assert_only_tracker(BESIDE("'announce-list': [['a b', 5, '', 'http://ok'], [], 5], "),
                      "http://ok");
  struct metainfo m = good(BESIDE("'announce-list': [['a b', 5, '', 'http://ok'], [], 5], "));
  assert_int_equal(m.trackers_left_out, 3);
  metainfo_free(&m);
  m = good(BESIDE("'announce': 'http://a', "));
  assert_int_equal(m.trackers_left_out, 0);
  metainfo_free(&m);
}

TEST(blanks_around_a_url_are_trimmed) {
  assert_only_tracker(BESIDE("'announce': ' http://a\n', "), "http://a");
  struct metainfo m = good(BESIDE("'announce': ' \n', "));
  assert_int_equal(m.tier_count, 0);
  metainfo_free(&m);
}

TEST(a_url_has_2048_bytes_at_most) {
  struct metainfo m = good(BESIDE("'announce-list': [[#2048], [#2049]], "));
  assert_int_equal(m.tier_count, 1);
  assert_int_equal(strlen(m.tiers[0].urls[0]), 2048);
  metainfo_free(&m);
}

/* Parses BESIDE with `open`, then 100 times `each`, then `close`. */
static struct metainfo repeated(const char *open, const char *each, const char *close) {
  struct buf text;
  buf_init(&text, 20000);
  buf_printf(&text, "{%s", open);
  for (size_t i = 0; i < 100; i++) buf_put_str(&text, each);
  buf_printf(&text, "%s, %s", close, &BESIDE("")[1]);
  struct metainfo m = good(buf_cstr(&text));
  buf_free(&text);
  return m;
}

TEST(what_is_over_a_count_limit_is_left_out) {
  struct metainfo m = repeated("'announce-list': [", "['http://a'],", "]");
  assert_int_equal(m.tier_count, 64);
  assert_int_equal(m.trackers_left_out, 36);
  metainfo_free(&m);
  m = repeated("'announce-list': [[", "'http://a',", "]]");
  assert_int_equal(m.tiers[0].count, 64);
  assert_int_equal(m.trackers_left_out, 36);
  metainfo_free(&m);
  m = repeated("'url-list': [", "'http://a',", "]");
  assert_int_equal(m.web_seed_count, 64);
  metainfo_free(&m);
  m = repeated("'nodes': [", "['host', 1],", "]");
  assert_int_equal(m.node_count, 64);
  metainfo_free(&m);
}

TEST(a_url_list_is_a_string_or_a_list) {
  struct metainfo m = good(BESIDE("'url-list': 'http://a', "));
  assert_int_equal(m.web_seed_count, 1);
  metainfo_free(&m);
  m = good(BESIDE("'url-list': ['http://a', 5, 'http://b'], "));
  assert_int_equal(m.web_seed_count, 2);
  assert_string_equal(m.web_seeds[1], "http://b");
  metainfo_free(&m);
  m = good(BESIDE("'url-list': '', "));
  assert_int_equal(m.web_seed_count, 0);
  metainfo_free(&m);
}

TEST(malformed_nodes_are_left_out) {
  struct metainfo m = good(BESIDE("'nodes': [['a', 0], ['b', 65536], ['c'], [], 5, ['', 1],"
                                  " [1, 'd'], ['e', '1'], ['f f', 1], ['ok', 65535]], "));
  assert_int_equal(m.node_count, 1);
  assert_string_equal(m.nodes[0].host, "ok");
  assert_int_equal(m.nodes[0].port, 65535);
  metainfo_free(&m);
}

int main(void) {
  RUN(T(an_announce_list_replaces_announce),
      T(an_empty_or_malformed_announce_list_falls_back_to_announce),
      T(unusable_entries_of_an_announce_list_are_left_out), T(blanks_around_a_url_are_trimmed),
      T(a_url_has_2048_bytes_at_most), T(what_is_over_a_count_limit_is_left_out),
      T(a_url_list_is_a_string_or_a_list), T(malformed_nodes_are_left_out));
}
