#include "../test.h"

#include <string.h>

#include "app/human.h"

static char out[HUMAN_MAX];

TEST(sizes_are_counted_in_1024_and_say_so) {
  assert_string_equal(human_size(0, out), "0 B");
  assert_string_equal(human_size(1023, out), "1023 B");
  assert_string_equal(human_size(1024, out), "1.0 KiB");
  assert_string_equal(human_size(1536, out), "1.5 KiB");
  assert_string_equal(human_size(UINT64_C(1181116006), out), "1.1 GiB");
  assert_string_equal(human_size(UINT64_C(1) << 50, out), "1.0 PiB");
  assert_string_equal(human_size(UINT64_MAX, out), "16.0 EiB");
}

TEST(a_size_never_reads_1024_of_a_unit) {
  assert_string_equal(human_size((1 << 20) - 1, out), "1.0 MiB");
  assert_string_equal(human_size((1 << 30) - 1, out), "1.0 GiB");
}

TEST(short_sizes_have_at_most_five_characters) {
  assert_string_equal(human_short(512, out), "512B");
  assert_string_equal(human_short(999, out), "999B");
  assert_string_equal(human_short(1000, out), "1.0K");
  assert_string_equal(human_short(100 * 1024, out), "100K");
  assert_string_equal(human_short(UINT64_C(50436506), out), "48.1M");
  for (uint64_t v = 1; v < UINT64_MAX / 3; v = v * 3 + 7)
    assert_in_range(strlen(human_short(v, out)), 2, 5);
  assert_string_equal(human_short(UINT64_MAX, out), "16.0E");
}

TEST(times_read_like_a_clock) {
  assert_string_equal(human_time(-5, out), "0:00");
  assert_string_equal(human_time(999, out), "0:00");
  assert_string_equal(human_time(23000, out), "0:23");
  assert_string_equal(human_time(725000, out), "12:05");
  assert_string_equal(human_time(3723000, out), "1:02:03");
  assert_string_equal(human_time(INT64_C(360000000), out), "4d 04h");
  assert_string_equal(human_time(INT64_MAX, out), "106751991167d 07h");
}

TEST(a_hundred_per_cent_is_only_said_of_all) {
  assert_string_equal(human_percent(0, 10, out), "0.0");
  assert_string_equal(human_percent(573, 1000, out), "57.3");
  assert_string_equal(human_percent(999999999, 1000000000, out), "99.9");
  assert_string_equal(human_percent((UINT64_C(1) << 50) - 1, UINT64_C(1) << 50, out), "99.9");
  assert_string_equal(human_percent(7, 7, out), "100.0");
  assert_string_equal(human_percent(9, 7, out), "100.0");
  assert_string_equal(human_percent(0, 0, out), "100.0");
}

TEST(a_rate_needs_some_time) {
  assert_int_equal(human_rate(1000, 0), 0);
  assert_int_equal(human_rate(1000, 500), 2000);
}

int main(void) {
  RUN(T(sizes_are_counted_in_1024_and_say_so), T(a_size_never_reads_1024_of_a_unit),
      T(short_sizes_have_at_most_five_characters), T(times_read_like_a_clock),
      T(a_hundred_per_cent_is_only_said_of_all), T(a_rate_needs_some_time));
}
