#include "../test.h"

#include <string.h>

#include "app/json.h"

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
  json_str(&j, NULL, "\"}\n\0\x1b\xff</script>", 15);
  assert_string_equal(buf_cstr(&b),
                      "\"\\u0022}\\u000a\\u0000\\u001b\\udcff\\u003c/script\\u003e\"");
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

TEST(hashes_are_hexadecimal) {
  start(1000);
  const uint8_t hash[] = {0, 0x1f, 0xff};
  json_hex(&j, NULL, hash, sizeof hash);
  assert_string_equal(buf_cstr(&b), "\"001fff\"");
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
      T(a_document_goes_on_after_its_buffer_was_emptied), T(hashes_are_hexadecimal),
      T(what_does_not_fit_is_noticed));
}
