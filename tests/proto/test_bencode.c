/*
 * The encoding and its decoder, good input and bad: proto/bencode.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "proto/bencode.h"

/* Decodes from a heap copy of exactly `len` bytes, so that a read past the end is noticed by ASan.
 * */
static enum err decode_as(const void *in, size_t len, const struct ben_limits *limits,
                          struct ben_doc *d) {
  uint8_t *copy = malloc(len ? len : 1);
  assert_non_null(copy);
  memcpy(copy, in, len);
  enum err e = bencode_decode(d, copy, len, limits);
  if (e != ERR_OK) free(copy);
  return e;
}

static struct ben_doc good(const char *text) {
  struct ben_doc d;
  if (decode_as(text, strlen(text), &bencode_torrent_limits, &d) != ERR_OK)
    fail_msg("\"%s\" at %zu: %s", text, d.error_at, d.error_why);
  return d;
}

static void drop(struct ben_doc *d) {
  free((void *)(uintptr_t)d->in);
  bencode_free(d);
}

/* `text` must be refused, at byte `at`. */
static void bad(const char *text, size_t at) {
  struct ben_doc d;
  enum err e = decode_as(text, strlen(text), &bencode_torrent_limits, &d);
  if (e != ERR_FORMAT) fail_msg("\"%s\" gave %d", text, (int)e);
  if (d.error_at != at) fail_msg("\"%s\" failed at %zu, not %zu", text, d.error_at, at);
  assert_non_null(d.error_why);
  assert_null(d.tokens);
}

TEST(an_integer_is_read) {
  static const struct {
    const char *text;
    int64_t value;
  } row[] = {{"i0e", 0},    {"i7e", 7}, {"i-1e", -1}, {"i9223372036854775807e", INT64_MAX},
             {"i-9223372036854775808e", INT64_MIN}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    struct ben_doc d = good(row[i].text);
    int64_t v = 99;
    assert_true(bencode_int(&d, bencode_root(&d), &v));
    assert_true(v == row[i].value);
    drop(&d);
  }
}

TEST(an_integer_beyond_64_bits_is_well_formed_but_has_no_value) {
  static const char *const text[] = {"i9223372036854775808e", "i-9223372036854775809e",
                                     "i99999999999999999999999999999999999e"};
  for (size_t i = 0; i < 3; i++) {
    struct ben_doc d = good(text[i]);
    int64_t v;
    assert_true(bencode_is(&d, 0, BEN_INT));
    assert_false(bencode_int(&d, 0, &v));
    drop(&d);
  }
}

TEST(malformed_integers_are_refused) {
  bad("i", 1);
  bad("ie", 1);
  bad("i-e", 2);
  bad("i-", 2);
  bad("i01e", 1);
  bad("i00e", 1);
  bad("i-0e", 2);
  bad("i-01e", 2);
  bad("i1", 2);
  bad("i1x", 2);
  bad("i+1e", 1);
  bad("i 1e", 1);
  bad("i1-e", 2);
  bad("i--1e", 2);
}

TEST(a_string_is_a_span_of_the_input) {
  struct ben_doc d = good("4:spam");
  const char *s;
  size_t n;
  assert_true(bencode_str(&d, 0, &s, &n));
  assert_int_equal(n, 4);
  assert_ptr_equal(s, d.in + 2);
  drop(&d);
}

TEST(a_string_may_be_empty_or_hold_any_byte) {
  struct ben_doc d;
  const char *s;
  size_t n;
  assert_int_equal(decode_as("l0:3:\0\xff" "ee", 8, &bencode_torrent_limits, &d), ERR_FORMAT);
  assert_int_equal(decode_as("l0:3:\0\xff" "ee", 9, &bencode_torrent_limits, &d), ERR_OK);
  assert_true(bencode_str(&d, 1, &s, &n) && n == 0);
  assert_true(bencode_str(&d, 2, &s, &n) && n == 3);
  assert_memory_equal(s, "\0\xff" "e", 3);
  drop(&d);
}

TEST(malformed_strings_are_refused) {
  bad("1", 1);
  bad("1:", 0);
  bad("5:spam", 0);
  bad("04:spam", 0);
  bad("00:", 0);
  bad("-1:a", 0);
  bad("4spam", 1);
  bad("99999999999999999999:a", 0);
  bad("18446744073709551617:a", 0);
  bad("4294967297:a", 0);
  bad(":a", 0);
}

TEST(nothing_else_is_a_value) {
  bad("", 0);
  bad("e", 0);
  bad("x", 0);
  bad("<html>", 0);
  bad("le e", 2);
  bad("i1ei2e", 3);
  bad("i1e\n", 3);
}

TEST(containers_must_end) {
  bad("l", 1);
  bad("d", 1);
  bad("li1e", 4);
  bad("lli1ee", 6);
  bad("d1:ai1e", 7);
}

TEST(a_dictionary_is_keys_and_values_by_turns) {
  bad("d1:ae", 4);
  bad("di1ei2ee", 1);
  bad("dlei1ee", 1);
  bad("d1:ai1e1:be", 10);
}

TEST(the_tokens_of_a_container_lie_behind_it) {
  struct ben_doc d = good("d1:ali1e0:e1:bi2ee");
  assert_int_equal(d.count, 7);
  assert_int_equal(d.tokens[0].next, 7);
  assert_int_equal(d.tokens[2].next, 5);
  assert_int_equal(d.tokens[2].start, 4);
  assert_int_equal(d.tokens[2].end, 11);
  drop(&d);
}

TEST(a_key_is_looked_up) {
  struct ben_doc d = good("d1:ai1e2:bbl0:e1:cd1:xi9eee");
  int64_t v;
  assert_true(bencode_int(&d, bencode_get(&d, 0, "a"), &v) && v == 1);
  ben_val inner = bencode_get(&d, 0, "c");
  assert_true(bencode_int(&d, bencode_get(&d, inner, "x"), &v) && v == 9);
  assert_int_equal(bencode_get(&d, 0, "b"), BEN_NONE);
  assert_int_equal(bencode_get(&d, 0, "x"), BEN_NONE);
  assert_int_equal(bencode_get_typed(&d, 0, "a", BEN_STR), BEN_NONE);
  assert_int_not_equal(bencode_get_typed(&d, 0, "bb", BEN_LIST), BEN_NONE);
  drop(&d);
}

TEST(values_are_no_keys) {
  struct ben_doc d = good("d1:a1:b1:ci2ee");
  assert_int_equal(bencode_get(&d, 0, "b"), BEN_NONE);
  drop(&d);
}

TEST(what_is_not_there_is_accepted_everywhere) {
  struct ben_doc d = good("i1e");
  const char *s;
  const uint8_t *p;
  size_t n;
  int64_t v;
  char out[4] = "xyz";
  assert_false(bencode_is(&d, BEN_NONE, BEN_INT));
  assert_false(bencode_str(&d, BEN_NONE, &s, &n));
  assert_false(bencode_int(&d, BEN_NONE, &v));
  assert_false(bencode_raw(&d, BEN_NONE, &p, &n));
  assert_false(bencode_cstr(&d, BEN_NONE, out, sizeof out));
  assert_string_equal(out, "");
  assert_int_equal(bencode_get(&d, BEN_NONE, "a"), BEN_NONE);
  assert_int_equal(bencode_get(&d, 0, "a"), BEN_NONE);
  assert_int_equal(bencode_first(&d, BEN_NONE), BEN_NONE);
  assert_int_equal(bencode_first(&d, 0), BEN_NONE);
  assert_int_equal(bencode_next(&d, BEN_NONE, 0), BEN_NONE);
  assert_int_equal(bencode_next(&d, 0, BEN_NONE), BEN_NONE);
  assert_int_equal(bencode_count(&d, BEN_NONE), 0);
  assert_int_equal(bencode_count(&d, 0), 0);
  drop(&d);
}

TEST(members_come_in_the_order_of_the_input) {
  struct ben_doc d = good("lli1eei2eli3ei4eee");
  ben_val k = bencode_first(&d, 0);
  int64_t v;
  assert_true(bencode_is(&d, k, BEN_LIST));
  k = bencode_next(&d, 0, k);
  assert_true(bencode_int(&d, k, &v) && v == 2);
  k = bencode_next(&d, 0, k);
  assert_int_equal(bencode_count(&d, k), 2);
  assert_int_equal(bencode_next(&d, 0, k), BEN_NONE);
  drop(&d);
}

TEST(counts_are_of_members_and_pairs) {
  struct ben_doc d = good("ld1:ai1e1:bi2ee0:i3ee");
  assert_int_equal(bencode_count(&d, 0), 3);
  assert_int_equal(bencode_count(&d, 1), 2);
  drop(&d);
}

TEST(empty_containers_have_no_members) {
  struct ben_doc d = good("ldelee");
  assert_int_equal(bencode_count(&d, 0), 2);
  assert_int_equal(bencode_first(&d, 1), BEN_NONE);
  assert_int_equal(bencode_first(&d, 2), BEN_NONE);
  assert_int_equal(bencode_next(&d, 0, 2), BEN_NONE);
  drop(&d);
}

TEST(the_raw_span_is_exact) {
  struct ben_doc d = good("d4:infod1:xi1ee1:zi2ee");
  const uint8_t *p;
  size_t n;
  assert_true(bencode_raw(&d, bencode_get(&d, 0, "info"), &p, &n));
  assert_int_equal(n, 8);
  assert_memory_equal(p, "d1:xi1ee", 8);
  drop(&d);
}

static uint8_t root_flags(const char *text) {
  struct ben_doc d = good(text);
  uint8_t flags = d.tokens[0].flags;
  drop(&d);
  return flags;
}

TEST(order_and_repetition_of_keys_are_remembered) {
  assert_int_equal(root_flags("de"), 0);
  assert_int_equal(root_flags("d1:ai1e1:bi1ee"), 0);
  assert_int_equal(root_flags("d0:i1e1:ai1e2:aai1e1:bi1ee"), 0);
  assert_int_equal(root_flags("d1:bi1e1:ai1ee"), BEN_UNSORTED);
  assert_int_equal(root_flags("d2:aai1e1:ai1ee"), BEN_UNSORTED);
  assert_int_equal(root_flags("d1:ai1e1:ai2ee"), BEN_DUPLICATE);
  assert_int_equal(root_flags("d1:ai1e1:bi1e1:ai2ee"), BEN_UNSORTED | BEN_DUPLICATE);
  assert_int_equal(root_flags("d1:ci1e1:bi1e1:ai2ee"), BEN_UNSORTED);
  assert_int_equal(root_flags("d1:\xff" "i1e1:\x01i1ee"), BEN_UNSORTED);
}

TEST(flags_belong_to_the_dictionary_they_were_seen_in) {
  struct ben_doc d = good("d1:ad1:zi1e1:yi1ee1:bi1ee");
  assert_int_equal(d.tokens[0].flags, 0);
  assert_int_equal(d.tokens[2].flags, BEN_UNSORTED);
  drop(&d);
}

TEST(the_first_of_repeated_keys_is_found) {
  struct ben_doc d = good("d1:ai1e1:ai2ee");
  int64_t v;
  assert_true(bencode_int(&d, bencode_get(&d, 0, "a"), &v) && v == 1);
  drop(&d);
}

/* `depth` lists inside each other. */
static enum err nested(size_t depth, size_t max) {
  char text[256];
  struct ben_limits limits = {.max_bytes = 256, .max_tokens = 256, .max_depth = max};
  struct ben_doc d;
  memset(text, 'l', depth);
  memset(text + depth, 'e', depth);
  enum err e = decode_as(text, 2 * depth, &limits, &d);
  if (e == ERR_OK) drop(&d);
  return e;
}

static void assert_repeated(const char *text, const char *want) {
  struct ben_doc d = good(text);
  char key[8];
  bencode_cstr(&d, bencode_repeated(&d, 0), key, sizeof key);
  assert_string_equal(key, want);
  drop(&d);
}

TEST(a_repeated_key_is_named) {
  assert_repeated("d1:ai1e1:ai2ee", "a");
  assert_repeated("d1:ai1e1:bi1e1:ai2ee", "a");
  assert_repeated("d1:zi1e1:xi1e1:xi2e1:ai2ee", "x");
  assert_repeated("d1:ai1ee", "");
  assert_repeated("le", "");
}

TEST(depth_is_bounded_exactly) {
  assert_int_equal(nested(100, 100), ERR_OK);
  assert_int_equal(nested(101, 100), ERR_LIMIT);
  assert_int_equal(nested(101, 1000), ERR_LIMIT);
  assert_int_equal(nested(3, 3), ERR_OK);
  assert_int_equal(nested(4, 3), ERR_LIMIT);
  assert_int_equal(nested(1, 0), ERR_LIMIT);
}

TEST(a_million_open_lists_are_no_problem) {
  size_t n = 1000000;
  char *text = malloc(n);
  struct ben_doc d;
  assert_non_null(text);
  memset(text, 'd', n);
  assert_int_equal(bencode_decode(&d, text, n, &bencode_torrent_limits), ERR_FORMAT);
  memset(text, 'l', n);
  assert_int_equal(bencode_decode(&d, text, n, &bencode_torrent_limits), ERR_LIMIT);
  assert_int_equal(d.error_at, 100);
  free(text);
}

TEST(tokens_and_bytes_are_bounded_exactly) {
  struct ben_limits limits = {.max_bytes = 11, .max_tokens = 4, .max_depth = 1};
  struct ben_doc d;
  assert_int_equal(decode_as("li1ei2ei3ee", 11, &limits, &d), ERR_OK);
  drop(&d);
  limits.max_tokens = 3;
  assert_int_equal(decode_as("li1ei2ei3ee", 11, &limits, &d), ERR_LIMIT);
  limits.max_tokens = 4;
  limits.max_bytes = 10;
  assert_int_equal(decode_as("li1ei2ei3ee", 11, &limits, &d), ERR_LIMIT);
}

TEST(a_prefix_leaves_the_rest_alone) {
  struct ben_limits limits = {.max_bytes = 64, .max_tokens = 8, .max_depth = 2, .prefix = true};
  struct ben_doc d;
  assert_int_equal(decode_as("d1:ai1eerest", 12, &limits, &d), ERR_OK);
  assert_int_equal(d.in_len, 8);
  drop(&d);
}

TEST(every_truncation_is_refused) {
  static const char text[] = "d1:ali-12e4:spame1:bd0:0:ee";
  struct ben_doc d;
  for (size_t n = 0; n < strlen(text); n++)
    assert_int_equal(decode_as(text, n, &bencode_torrent_limits, &d), ERR_FORMAT);
  assert_int_equal(decode_as(text, strlen(text), &bencode_torrent_limits, &d), ERR_OK);
  drop(&d);
}

TEST(a_copied_string_is_cut_at_a_character) {
  struct ben_doc d = good("6:ab\xe2\x82\xac" "c");
  char out[8];
  assert_true(bencode_cstr(&d, 0, out, 8));
  assert_string_equal(out, "ab\xe2\x82\xac" "c");
  assert_true(bencode_cstr(&d, 0, out, 6));
  assert_string_equal(out, "ab\xe2\x82\xac");
  assert_true(bencode_cstr(&d, 0, out, 5));
  assert_string_equal(out, "ab");
  assert_true(bencode_cstr(&d, 0, out, 1));
  assert_string_equal(out, "");
  drop(&d);
}

TEST(a_copied_string_ends_at_its_first_nul) {
  struct ben_doc d;
  char out[8];
  assert_int_equal(decode_as("4:ab\0c", 6, &bencode_torrent_limits, &d), ERR_OK);
  assert_true(bencode_cstr(&d, 0, out, sizeof out));
  assert_string_equal(out, "ab");
  drop(&d);
}

TEST(what_is_written_is_canonical) {
  struct buf b;
  buf_init(&b, 100);
  bencode_open_dict(&b);
  bencode_put_cstr(&b, "a");
  bencode_put_int(&b, INT64_MIN);
  bencode_put_cstr(&b, "b");
  bencode_open_list(&b);
  bencode_put_str(&b, "\0x", 2);
  bencode_put_str(&b, "", 0);
  bencode_close(&b);
  bencode_close(&b);
  assert_false(b.failed);
  assert_int_equal(b.len, 38);
  assert_memory_equal(b.data, "d1:ai-9223372036854775808e1:bl2:\0x0:ee", b.len);
  buf_free(&b);
}

int main(void) {
  RUN(T(an_integer_is_read), T(an_integer_beyond_64_bits_is_well_formed_but_has_no_value),
      T(malformed_integers_are_refused), T(a_string_is_a_span_of_the_input),
      T(a_string_may_be_empty_or_hold_any_byte), T(malformed_strings_are_refused),
      T(nothing_else_is_a_value), T(containers_must_end),
      T(a_dictionary_is_keys_and_values_by_turns), T(the_tokens_of_a_container_lie_behind_it),
      T(a_key_is_looked_up), T(values_are_no_keys), T(what_is_not_there_is_accepted_everywhere),
      T(members_come_in_the_order_of_the_input), T(counts_are_of_members_and_pairs),
      T(empty_containers_have_no_members),
      T(the_raw_span_is_exact), T(order_and_repetition_of_keys_are_remembered),
      T(flags_belong_to_the_dictionary_they_were_seen_in),
      T(the_first_of_repeated_keys_is_found), T(a_repeated_key_is_named),
      T(depth_is_bounded_exactly),
      T(a_million_open_lists_are_no_problem), T(tokens_and_bytes_are_bounded_exactly),
      T(a_prefix_leaves_the_rest_alone), T(every_truncation_is_refused),
      T(a_copied_string_is_cut_at_a_character), T(a_copied_string_ends_at_its_first_nul),
      T(what_is_written_is_canonical));
}
