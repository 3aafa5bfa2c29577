/*
 * What is odd about a torrent, and only that: app/torrent_odd, app/torrent_paths.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "../ben.h"
#include "../fixture.h"
#include "app/torrent_odd.h"
#include "app/torrent_paths.h"

enum { NOW = 1800000000 };
#define GOOD_INFO "'info': {'length': 5, 'name': 'x', 'piece length': 16384, 'pieces': #20}"

/* The codes of the warnings about a torrent, in order, with blanks in between. The sentences are
 * in `odd` until the next call. */
static struct torrent_odd odd;

static const char *codes_of(const void *in, size_t len) {
  static char text[1024];
  struct metainfo m;
  struct metainfo_error why;
  struct canon c;
  size_t n = 0;
  if (metainfo_parse(&m, in, len, &why) != ERR_OK) fail_msg("%s: %s", why.field, why.why);
  assert_int_equal(canon_read(&c, in, len), ERR_OK);
  assert_int_equal(torrent_odd_find(&odd, &m, &c, NOW), ERR_OK);
  text[0] = '\0';
  for (size_t i = 0; i < odd.count; i++) {
    assert_true(strlen(odd.all[i].text) > 10);
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", odd.all[i].code);
  }
  canon_free(&c);
  metainfo_free(&m);
  return text;
}

static void warns(const char *torrent, const char *want) {
  struct buf b = ben(torrent);
  const char *got = codes_of(b.data, b.len);
  if (strcmp(got, want) != 0) fail_msg("%s\ngave \"%s\", not \"%s\"", torrent, got, want);
  buf_free(&b);
}

/* A torrent with an announce, that is fine but for `more` in the root and `info`. */
static void warns_of(const char *root, const char *info, const char *want) {
  char text[2000];
  snprintf(text, sizeof text, "{'announce': 'http://t/'%s, 'info': {%s}}", root, info);
  warns(text, want);
}

/* Files of 1 byte each, of which there are `n`. */
static void warns_of_files(const char *paths, const char *want) {
  char info[1500];
  snprintf(info, sizeof info, "'files': [%s], 'name': 'x', 'piece length': 16384, 'pieces': #20",
           paths);
  warns_of("", info, want);
}

TEST(an_ordinary_torrent_is_not_odd) {
  warns("{'announce': 'http://t/', 'creation date': 1700000000, " GOOD_INFO "}", "");
  warns_of_files("{'length': 1, 'path': ['a']}, {'length': 1, 'path': ['b', 'a']}, "
                 "{'length': 1, 'path': ['b', 'b']}", "");
}

TEST(private_needs_a_tracker_and_no_dht) {
  static const char info[] =
    "'info': {'length': 5, 'name': 'x', 'piece length': 16384, 'pieces': #20, 'private': 1}";
  char text[500];
  snprintf(text, sizeof text, "{%s}", info);
  warns(text, "private-no-tracker");
  snprintf(text, sizeof text, "{'announce': 'http://t/', %s, 'nodes': [['h', 1]]}", info);
  warns(text, "private-nodes");
  warns_of("", "'length': 5, 'name': 'x', 'piece length': 16384, 'pieces': #20, 'private': 2",
           "private-value");
  warns_of("", "'length': 5, 'name': 'x', 'piece length': 16384, 'pieces': #20, 'private': '1'",
           "private-value");
  warns_of("", "'length': 5, 'name': 'x', 'piece length': 16384, 'pieces': #20, 'private': 0", "");
}

TEST(a_torrent_names_some_source) {
  warns("{" GOOD_INFO "}", "no-source");
  warns("{" GOOD_INFO ", 'nodes': [['h', 1]]}", "");
  warns("{" GOOD_INFO ", 'url-list': 'http://w/'}", "");
}

TEST(trackers_are_looked_at) {
  warns("{'announce': 'wss://t/', " GOOD_INFO "}", "tracker-scheme");
  warns("{'announce': 'http://a/', 'announce-list': [['http://a/'], ['http://a/']], " GOOD_INFO "}",
        "tracker-repeated");
  warns("{'announce': 'http://a/', 'announce-list': [['http://b/']], " GOOD_INFO "}",
        "tracker-not-listed");
  warns("{'announce': 'http://a/', 'announce-list': [['http://a/', 'no url', 5]], " GOOD_INFO "}",
        "tracker-unusable");
  warns("{'announce': 'http://a/', 'announce-list': [['UDP://b:1'], ['http://a/']], " GOOD_INFO "}",
        "");
}

TEST(unsafe_names_are_counted_and_shown_escaped) {
  warns_of_files("{'length': 1, 'path': ['..', 'a']}, {'length': 1, 'path': ['a\x1b[2J']}",
                 "unsafe-name");
  assert_non_null(strstr(odd.all[0].text, "2 names can't be saved unchanged, as in \"..\", which "
                                          "becomes \"_\""));
  warns_of("", "'length': 5, 'name': 'a/\x1b', 'piece length': 16384, 'pieces': #20",
           "unsafe-name");
  assert_non_null(strstr(odd.all[0].text, "\"a/\\x1b\", which becomes \"a__\""));
}

TEST(files_in_one_place_are_told_apart_by_why) {
  warns_of_files("{'length': 1, 'path': ['a']}, {'length': 1, 'path': ['a']}", "same-path");
  assert_non_null(strstr(odd.all[0].text, "1 file with the path of another, as in \"a\", which is "
                                          "saved as \"a.1\""));
  warns_of_files("{'length': 1, 'path': ['d', 'a.txt']}, {'length': 1, 'path': ['d', 'A.txt']}",
                 "case-clash");
  assert_non_null(strstr(odd.all[0].text, "\"d/A.txt\", which is saved as \"d/A.1.txt\""));
  warns_of_files("{'length': 1, 'path': ['a']}, {'length': 1, 'path': ['a', 'b']}",
                 "file-and-folder");
  warns_of_files("{'length': 1, 'path': ['a/']}, {'length': 1, 'path': ['a_']}",
                 "unsafe-name same-path");
  warns_of_files("{'length': 1, 'path': ['a']}, {'length': 1, 'path': ['A']}, "
                 "{'length': 1, 'path': ['a']}, {'length': 1, 'path': ['b']}, "
                 "{'length': 1, 'path': ['b', 'c']}", "same-path case-clash file-and-folder");
}

TEST(padding_meets_nobody) {
  warns_of_files("{'attr': 'p', 'length': 1, 'path': ['.pad', '1']}, {'length': 1, 'path': ['a']}, "
                 "{'attr': 'p', 'length': 1, 'path': ['.pad', '1']}", "");
}

TEST(numbers_are_looked_at) {
  warns_of("", "'length': 5, 'name': 'x', 'piece length': 20000, 'pieces': #20", "piece-length");
  warns_of("", "'length': 5, 'name': 'x', 'piece length': 1024, 'pieces': #20", "piece-length");
  warns_of("", "'length': 5, 'name': 'x', 'piece length': 33554432, 'pieces': #20",
           "piece-length");
  warns_of("", "'length': 5, 'name': 'x', 'piece length': 16777216, 'pieces': #20", "");
  warns_of("", "'length': 0, 'name': 'x', 'piece length': 16384, 'pieces': #0", "empty");
  warns_of("", "'length': 5, 'piece length': 16384, 'pieces': #20", "no-name");
  warns_of(", 'creation date': 1900000000", "'length': 5, 'name': 'x', 'piece length': 16384, "
           "'pieces': #20", "date");
  warns_of(", 'creation date': 0", "'length': 5, 'name': 'x', 'piece length': 16384, "
           "'pieces': #20", "date");
  warns_of(", 'creation date': -5", "'length': 5, 'name': 'x', 'piece length': 16384, "
           "'pieces': #20", "date");
  warns_of(", 'creation date': 5", "'length': 5, 'name': 'x', 'piece length': 16384, "
           "'pieces': #20", "date");
}

TEST(keys_that_only_change_the_hash_are_named) {
  warns_of("", "'length': 5, 'name': 'x', 'piece length': 16384, 'pieces': #20, 'x_seed': 'r'",
           "unknown-key");
  assert_non_null(strstr(odd.all[0].text, "1 key of \"info\" that weft does not know, as in "
                                          "\"x_seed\""));
}

TEST(another_encoding_is_named_with_its_first_byte) {
  struct fixture f = fixture("unsorted.torrent");
  assert_string_equal(codes_of(f.data, f.len), "no-source not-canonical");
  assert_non_null(strstr(odd.all[1].text, "in 3 places, first at byte 99: keys are not in order"));
  free(f.data);
  f = fixture("newline.torrent");
  assert_string_equal(codes_of(f.data, f.len), "no-source not-canonical");
  free(f.data);
}

TEST(hostile_names_never_leave_their_quotes) {
  struct fixture f = fixture("evil-path.torrent");
  assert_string_equal(codes_of(f.data, f.len), "no-source unsafe-name same-path case-clash");
  for (size_t i = 0; i < odd.count; i++)
    for (const char *t = odd.all[i].text; *t; t++) assert_true((unsigned char)*t >= ' ');
  free(f.data);
}

int main(void) {
  RUN(T(an_ordinary_torrent_is_not_odd), T(private_needs_a_tracker_and_no_dht),
      T(a_torrent_names_some_source), T(trackers_are_looked_at),
      T(unsafe_names_are_counted_and_shown_escaped), T(files_in_one_place_are_told_apart_by_why),
      T(padding_meets_nobody), T(numbers_are_looked_at),
      T(keys_that_only_change_the_hash_are_named),
      T(another_encoding_is_named_with_its_first_byte), T(hostile_names_never_leave_their_quotes));
}
