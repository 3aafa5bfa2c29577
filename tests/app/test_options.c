#include "../test.h"

#include <string.h>

#include "app/options.h"

TEST(everything_has_its_default) {
  struct options o;
  memset(&o, 0xff, sizeof o);
  options_init(&o);
  assert_null(o.output);
  assert_int_equal(o.max_peers, 200);
  assert_int_equal(o.memory, 128 << 20);
  assert_int_equal(o.timeout_ms, 60000);
  assert_int_equal(o.stall_timeout_ms, 0);
  assert_int_equal(o.port, 6881);
  assert_int_equal(o.allocate, ALLOCATE_SPARSE);
  assert_false(o.quiet || o.json || o.no_trackers || o.overwrite);
  assert_int_equal(o.peer_count + o.trackers.count + o.arg_count + (size_t)o.verbose, 0);
}

static void assert_number(const char *text, bool good) {
  uint64_t v = 77;
  assert_int_equal(options_number(text, 5, 10, &v), good);
  assert_true(good || v == 77);
}

TEST(a_number_is_whole_and_within_its_bounds) {
  assert_number("5", true);
  assert_number("010", true);
  static const char *const wrong[] = {"", "4", "11", "5.0", "-5", "+5", " 5", "5 ", "0x5", "5K",
                                      "18446744073709551621"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_number(wrong[i], false);
}

static void assert_size(const char *text, bool good, uint64_t wanted) {
  uint64_t v = 77;
  assert_int_equal(options_size(text, &v), good);
  assert_int_equal(v, good ? wanted : 77);
}

TEST(sizes_take_suffixes_and_fractions) {
  assert_size("0", true, 0);
  assert_size("500", true, 500);
  assert_size("500K", true, 512000);
  assert_size("2m", true, 2 << 20);
  assert_size("1.5G", true, UINT64_C(3) << 29);
  assert_size("0.5K", true, 512);
  assert_size("1T", true, UINT64_C(1) << 40);
  assert_size("18446744073709551615", true, UINT64_MAX);
  assert_size("16777215.999999999T", true, UINT64_C(18446744073709550516));
}

TEST(whatever_is_no_size_leaves_the_value_alone) {
  static const char *const wrong[] = {"", "K", "-1", "+1", " 1", "1 ", "1.5", "1.K", ".5K", "1KB",
                                      "1Q", "0x10", "1e3", "18446744073709551616", "16777216T",
                                      "99999999999999999999G"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_size(wrong[i], false, 0);
}

static void assert_duration(const char *text, bool good, int64_t wanted) {
  int64_t v = 77;
  assert_int_equal(options_duration(text, &v), good);
  assert_int_equal(v, good ? wanted : 77);
}

TEST(durations_are_seconds_unless_they_say_otherwise) {
  assert_duration("0", true, 0);
  assert_duration("90", true, 90000);
  assert_duration("90s", true, 90000);
  assert_duration("2m", true, 120000);
  assert_duration("1h", true, 3600000);
  assert_duration("1.5m", true, 90000);
  assert_duration("0.25", true, 250);
  assert_duration("0.0001h", true, 360);
}

TEST(whatever_is_no_duration_leaves_the_value_alone) {
  static const char *const wrong[] = {"", "s", "-1", "1d", "1ms", "1.", "1m2s", " 5", "3162240001",
                                      "9223372036854775807h"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_duration(wrong[i], false, 0);
}

int main(void) {
  RUN(T(everything_has_its_default), T(a_number_is_whole_and_within_its_bounds),
      T(sizes_take_suffixes_and_fractions), T(whatever_is_no_size_leaves_the_value_alone),
      T(durations_are_seconds_unless_they_say_otherwise),
      T(whatever_is_no_duration_leaves_the_value_alone));
}
