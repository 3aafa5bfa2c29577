#include "../test.h"

#include <string.h>

#include "base/json.h"

static struct buf b;
static struct json j;

static void start(size_t max) {
  buf_free(&b);
  buf_init(&b, max);
  json_begin(&j, &b);
}

TEST(commas_stand_between_members_and_nowhere_else) {
  start(1000);
  json_open_object(&j, NULL);
  json_open_array(&j, "empty");
  json_close(&j, ']');
  json_u64(&j, "a", UINT64_MAX);
  json_i64(&j, "b", -5);
  json_open_array(&j, "list");
  json_bool(&j, NULL, true);
  json_open_object(&j, NULL);
  json_close(&j, '}');
  json_cstr(&j, NULL, NULL);
  json_close(&j, ']');
  json_cstr(&j, "c", "text");
  json_close(&j, '}');
  assert_string_equal(buf_cstr(&b), "{\"empty\":[],\"a\":18446744073709551615,\"b\":-5,"
                                    "\"list\":[true,{},null],\"c\":\"text\"}");
}

TEST(whatever_a_stranger_wrote_stays_inside_its_string) {
  start(1000);
  json_str(&j, NULL, "\"}\n\0\x1b</script>", 14);
  assert_string_equal(buf_cstr(&b),
                      "\"\\u0022}\\u000a\\u0000\\u001b\\u003c/script\\u003e\"");
}

TEST(every_byte_of_a_string_can_be_told_from_every_other) {
  static const struct {
    const char *written;
    const char *seen;
  } rows[] = {
    {"\x80", "\"hex:80\""},
    {"\xc2\x80", "\"\\u0080\""},
    {"\xe2\x82\xac", "\"\\u20ac\""},
    {"\xf0\x9f\xa7\xb5", "\"\\ud83e\\uddf5\""},
    {"\xed\xb2\x80", "\"hex:edb280\""}, /* a surrogate in UTF-8, which is none */
    {"caf\xe9", "\"hex:636166e9\""},
    {"hex:80", "\"hex:6865783a3830\""},
    {"hex:", "\"hex:6865783a\""},
    {"hex", "\"hex\""},
    {"Hex:80", "\"Hex:80\""},
    {"", "\"\""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    start(1000);
    json_cstr(&j, NULL, rows[i].written);
    assert_string_equal(buf_cstr(&b), rows[i].seen);
  }
}

TEST(a_sentence_stays_one_whatever_it_quotes) {
  start(1000);
  json_open_array(&j, NULL);
  json_sentence(&j, NULL, "no file \xff\x1b \xe2\x82\xac");
  json_sentence(&j, NULL, "hex: is no number");
  json_sentence(&j, NULL, NULL);
  json_close(&j, ']');
  assert_string_equal(buf_cstr(&b), "[\"no file \\u005cxff\\u005cx1b \\u20ac\","
                                    "\"hex: is no number\",null]");
}

TEST(a_key_of_a_stranger_stays_inside_its_string_too) {
  start(1000);
  json_open_object(&j, NULL);
  json_key(&j, "a\":1,\"\0", 7);
  json_open_array(&j, NULL);
  json_close(&j, ']');
  json_key(&j, "a\xff", 2);
  json_u64(&j, NULL, 1);
  json_key(&j, "", 0);
  json_null(&j, NULL);
  json_u64(&j, "ours", 7);
  json_close(&j, '}');
  assert_string_equal(buf_cstr(&b), "{\"a\\u0022:1,\\u0022\\u0000\":[],\"hex:61ff\":1,"
                                    "\"\":null,\"ours\":7}");
}

TEST(numbers_have_all_their_64_bits) {
  start(1000);
  json_open_array(&j, NULL);
  json_i64(&j, NULL, INT64_MIN);
  json_i64(&j, NULL, INT64_MAX);
  json_u64(&j, NULL, 0);
  json_u64(&j, NULL, UINT64_MAX);
  json_close(&j, ']');
  assert_string_equal(buf_cstr(&b), "[-9223372036854775808,9223372036854775807,0,"
                                    "18446744073709551615]");
}

TEST(a_very_deep_document_is_no_matter) {
  enum { DEPTH = 100000 };
  start(3 * DEPTH);
  for (size_t i = 0; i < DEPTH; i++) json_open_array(&j, NULL);
  for (size_t i = 0; i < DEPTH; i++) json_close(&j, ']');
  assert_int_equal(b.len, 2 * DEPTH);
  assert_false(b.failed);
}

TEST(a_document_goes_on_after_its_buffer_was_emptied) {
  start(1000);
  json_open_array(&j, NULL);
  json_u64(&j, NULL, 1);
  buf_clear(&b);
  json_u64(&j, NULL, 2);
  json_close(&j, ']');
  assert_string_equal(buf_cstr(&b), ",2]");
}

TEST(bytes_of_any_number_become_hexadecimal) {
  uint8_t bytes[130];
  memset(bytes, 0x1f, sizeof bytes);
  for (size_t len = 0; len <= sizeof bytes; len++) {
    start(1000);
    json_hex(&j, NULL, bytes, len);
    assert_int_equal(b.len, 2 * len + 2);
    assert_int_equal(strspn(buf_cstr(&b) + 1, "1f"), 2 * len);
    assert_int_equal(b.data[b.len - 1], '"');
  }
}

TEST(a_string_may_come_in_parts) {
  start(1000);
  json_open_object(&j, NULL);
  json_open_str(&j, NULL);
  json_part(&j, "a\"", 2);
  json_part(&j, "", 0);
  json_part_hex(&j, (const uint8_t *)"\x0f\xff", 2);
  json_close_str(&j, true);
  json_open_str(&j, NULL);
  json_close_str(&j, false);
  json_open_str(&j, "ours");
  json_part(&j, "\n", 1);
  json_close_str(&j, false);
  json_close(&j, '}');
  assert_string_equal(buf_cstr(&b), "{\"a\\u00220fff\":\"\",\"ours\":\"\\u000a\"}");
}

TEST(a_number_of_any_length_is_copied) {
  start(1000);
  json_open_array(&j, NULL);
  json_number(&j, NULL, "-123456789012345678901234567890", 31);
  json_number(&j, NULL, "5", 1);
  json_close(&j, ']');
  assert_string_equal(buf_cstr(&b), "[-123456789012345678901234567890,5]");
}

TEST(what_does_not_fit_is_noticed) {
  start(10);
  json_cstr(&j, NULL, "a text that is too long");
  assert_true(b.failed);
  buf_free(&b);
}

int main(void) {
  RUN(T(commas_stand_between_members_and_nowhere_else),
      T(whatever_a_stranger_wrote_stays_inside_its_string),
      T(every_byte_of_a_string_can_be_told_from_every_other),
      T(a_sentence_stays_one_whatever_it_quotes),
      T(a_key_of_a_stranger_stays_inside_its_string_too), T(numbers_have_all_their_64_bits),
      T(a_very_deep_document_is_no_matter), T(a_document_goes_on_after_its_buffer_was_emptied),
      T(bytes_of_any_number_become_hexadecimal), T(a_string_may_come_in_parts),
      T(a_number_of_any_length_is_copied), T(what_does_not_fit_is_noticed));
}
