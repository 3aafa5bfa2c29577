/*
 * Reading that stops at the end: base/rd, and that it takes what base/buf has put.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/rd.h"

TEST(reading_takes_what_was_written) {
  struct buf b;
  struct rd r;
  buf_init(&b, 100);
  buf_put_u8(&b, 200);
  buf_put_u16(&b, 60000);
  buf_put_u32(&b, 4000000000u);
  buf_put_u64(&b, UINT64_MAX - 1);
  buf_put_str(&b, "rest");
  rd_init(&r, b.data, b.len);
  assert_int_equal(rd_u8(&r), 200);
  assert_int_equal(rd_u16(&r), 60000);
  assert_int_equal(rd_u32(&r), 4000000000u);
  assert_true(rd_u64(&r) == UINT64_MAX - 1);
  assert_memory_equal(rd_bytes(&r, 4), "rest", 4);
  assert_int_equal(r.left, 0);
  assert_false(r.failed);
  buf_free(&b);
}

TEST(reading_past_the_end_gives_zeros_and_fails) {
  uint8_t *three = malloc(3);
  struct rd r;
  assert_non_null(three);
  memset(three, 0xff, 3);
  rd_init(&r, three, 3);
  assert_int_equal(rd_u32(&r), 0);
  assert_true(r.failed);
  assert_int_equal(rd_u8(&r), 0);
  assert_null(rd_bytes(&r, 0));
  rd_init(&r, three, 3);
  assert_true(rd_u64(&r) == 0);
  assert_true(r.failed);
  free(three);
}

TEST(a_span_longer_than_the_rest_is_refused) {
  struct rd r;
  rd_init(&r, "abc", 3);
  assert_non_null(rd_bytes(&r, 1));
  assert_null(rd_bytes(&r, SIZE_MAX));
  assert_true(r.failed);
}

int main(void) {
  RUN(T(reading_takes_what_was_written), T(reading_past_the_end_gives_zeros_and_fails),
      T(a_span_longer_than_the_rest_is_refused));
}
