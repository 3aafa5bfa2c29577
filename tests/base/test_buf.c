/*
 * Bytes that grow up to a maximum: base/buf.
 */
#include "../test.h"

#include <string.h>

#include "base/buf.h"

static struct buf empty(size_t max) {
  struct buf b;
  buf_init(&b, max);
  return b;
}

TEST(an_empty_buffer_owns_nothing) {
  struct buf b = empty(10);
  assert_null(b.data);
  assert_int_equal(b.len, 0);
  assert_string_equal(buf_cstr(&b), "");
  buf_free(&b);
}

TEST(numbers_are_written_big_endian) {
  struct buf b = empty(100);
  buf_put_u8(&b, 0x01);
  buf_put_u16(&b, 0x0203);
  buf_put_u32(&b, 0x04050607);
  buf_put_u64(&b, UINT64_C(0x08090a0b0c0d0e0f));
  assert_int_equal(b.len, 15);
  for (size_t i = 0; i < 15; i++) assert_int_equal(b.data[i], i + 1);
  buf_free(&b);
}

TEST(exactly_the_maximum_fits) {
  struct buf b = empty(5);
  buf_put(&b, "12345", 5);
  assert_false(b.failed);
  assert_string_equal(buf_cstr(&b), "12345");
  buf_put_u8(&b, '6');
  assert_true(b.failed);
  assert_int_equal(b.len, 5);
  buf_free(&b);
}

TEST(after_the_first_failure_nothing_is_appended) {
  struct buf b = empty(5);
  buf_put_str(&b, "abc");
  buf_put_str(&b, "def");
  buf_put_str(&b, "g");
  assert_true(b.failed);
  assert_string_equal(buf_cstr(&b), "abc");
  buf_free(&b);
}

TEST(a_length_near_the_end_of_memory_does_not_wrap) {
  struct buf b = empty(100);
  buf_put_u8(&b, 'a');
  assert_null(buf_reserve(&b, SIZE_MAX));
  assert_true(b.failed);
  buf_free(&b);
}

TEST(want_of_memory_is_another_failure_than_a_maximum) {
  struct buf b;
  buf_init(&b, SIZE_MAX);
  assert_null(buf_reserve(&b, SIZE_MAX / 4));
  assert_true(b.failed && b.no_memory);
  buf_clear(&b);
  assert_false(b.failed || b.no_memory);
  buf_free(&b);
  buf_init(&b, 5);
  assert_null(buf_reserve(&b, 6));
  assert_true(b.failed && !b.no_memory);
  buf_free(&b);
}

TEST(clearing_forgets_the_failure_too) {
  struct buf b = empty(3);
  buf_put_str(&b, "long");
  buf_clear(&b);
  buf_put_str(&b, "ok");
  assert_false(b.failed);
  assert_string_equal(buf_cstr(&b), "ok");
  buf_free(&b);
}

TEST(a_freed_buffer_can_be_used_again) {
  struct buf b = empty(3);
  buf_put_str(&b, "one");
  buf_free(&b);
  buf_put_str(&b, "two");
  assert_string_equal(buf_cstr(&b), "two");
  buf_free(&b);
  buf_free(&b);
}

TEST(consuming_removes_from_the_front) {
  struct buf b = empty(10);
  buf_put_str(&b, "abcdef");
  buf_consume(&b, 0);
  buf_consume(&b, 2);
  assert_string_equal(buf_cstr(&b), "cdef");
  buf_consume(&b, 4);
  assert_int_equal(b.len, 0);
  buf_free(&b);
}

TEST(reserved_room_is_filled_by_the_caller) {
  struct buf b = empty(10);
  buf_put_str(&b, "ab");
  uint8_t *p = buf_reserve(&b, 8);
  assert_non_null(p);
  memset(p, 'x', 8);
  b.len += 8;
  assert_string_equal(buf_cstr(&b), "abxxxxxxxx");
  assert_null(buf_reserve(&b, 1));
  buf_free(&b);
}

TEST(formatted_text_grows_the_buffer) {
  struct buf b = empty(1000);
  buf_printf(&b, "%s-%d", "a", 5);
  buf_printf(&b, "%0500d", 7);
  assert_int_equal(b.len, 503);
  assert_memory_equal(b.data, "a-50", 4);
  assert_int_equal(b.data[502], '7');
  buf_free(&b);
}

TEST(formatted_text_that_does_not_fit_is_left_out) {
  struct buf b = empty(5);
  buf_printf(&b, "%s", "123456");
  assert_true(b.failed);
  assert_int_equal(b.len, 0);
  buf_free(&b);
}

TEST(it_grows_byte_by_byte_without_losing_any) {
  struct buf b = empty(100000);
  for (size_t i = 0; i < 100000; i++) buf_put_u8(&b, (uint8_t)(i % 251));
  assert_false(b.failed);
  for (size_t i = 0; i < 100000; i++) assert_int_equal(b.data[i], i % 251);
  buf_free(&b);
}

TEST(fixed_places_hold_big_endian_numbers) {
  uint8_t raw[4];
  be32_put(raw, 0xdeadbeef);
  assert_memory_equal(raw, "\xde\xad\xbe\xef", 4);
  assert_int_equal(be32_get(raw), 0xdeadbeef);
}

int main(void) {
  RUN(T(want_of_memory_is_another_failure_than_a_maximum),
      T(an_empty_buffer_owns_nothing), T(numbers_are_written_big_endian),
      T(exactly_the_maximum_fits), T(after_the_first_failure_nothing_is_appended),
      T(a_length_near_the_end_of_memory_does_not_wrap), T(clearing_forgets_the_failure_too),
      T(a_freed_buffer_can_be_used_again), T(consuming_removes_from_the_front),
      T(reserved_room_is_filled_by_the_caller), T(formatted_text_grows_the_buffer),
      T(formatted_text_that_does_not_fit_is_left_out),
      T(it_grows_byte_by_byte_without_losing_any), T(fixed_places_hold_big_endian_numbers));
}
