/*
 * Bits in words and bits on the wire: base/bitset.
 */
#include "../test.h"

#include <string.h>

#include "base/bitset.h"
#include "base/crypto.h"

static struct bitset zeros(size_t bits) {
  struct bitset b;
  assert_true(bitset_init(&b, bits));
  return b;
}

/* Each bit set with one chance in `n`. */
static struct bitset random_bits(size_t bits, uint64_t n, struct crypto_rng *r) {
  struct bitset b = zeros(bits);
  for (size_t i = 0; i < bits; i++)
    if (crypto_rng_below(r, n) == 0) bitset_set(&b, i);
  return b;
}

TEST(setting_and_clearing_tell_whether_something_changed) {
  struct bitset b = zeros(70);
  assert_true(bitset_set(&b, 69));
  assert_false(bitset_set(&b, 69));
  assert_true(bitset_get(&b, 69));
  assert_false(bitset_get(&b, 68));
  assert_int_equal(b.count, 1);
  assert_true(bitset_clear(&b, 69));
  assert_false(bitset_clear(&b, 69));
  assert_int_equal(b.count, 0);
  bitset_free(&b);
}

TEST(a_set_of_no_bits_is_full_and_empty) {
  struct bitset b = zeros(0);
  bitset_fill(&b);
  assert_true(bitset_full(&b));
  assert_int_equal(bitset_next(&b, 0), 0);
  assert_int_equal(bitset_next_andnot(&b, &b, 0), 0);
  assert_int_equal(bitset_wire_len(0), 0);
  assert_true(bitset_from_wire(&b, (const uint8_t *)"", 0));
  assert_false(bitset_from_wire(&b, (const uint8_t *)"", 1));
  bitset_reset(&b);
  bitset_free(&b);
  bitset_free(&b);
}

TEST(filling_sets_exactly_the_bits_there_are) {
  static const size_t sizes[] = {1, 7, 8, 63, 64, 65, 128, 1000};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    struct bitset b = zeros(sizes[k]);
    bitset_fill(&b);
    assert_true(bitset_full(&b));
    for (size_t i = 0; i < sizes[k]; i++) assert_true(bitset_get(&b, i));
    assert_int_equal(bitset_next(&b, sizes[k]), sizes[k]);
    for (size_t i = 0; i < sizes[k]; i++) assert_true(bitset_clear(&b, i));
    assert_int_equal(bitset_next(&b, 0), sizes[k]);
    bitset_free(&b);
  }
}

TEST(the_next_bit_is_found_as_by_looking_at_each) {
  struct crypto_rng r = {.s = 1};
  for (size_t bits = 1; bits < 200; bits++) {
    struct bitset b = random_bits(bits, 20, &r);
    for (size_t from = 0; from <= bits; from++) {
      size_t want = from;
      while (want < bits && !bitset_get(&b, want)) want++;
      assert_int_equal(bitset_next(&b, from), want);
    }
    bitset_free(&b);
  }
}

TEST(the_next_bit_of_one_set_only_is_found_as_by_looking_at_each) {
  struct crypto_rng r = {.s = 2};
  for (size_t bits = 1; bits < 200; bits++) {
    struct bitset a = random_bits(bits, 5, &r);
    struct bitset b = random_bits(bits, 2, &r);
    for (size_t from = 0; from <= bits; from++) {
      size_t want = from;
      while (want < bits && (!bitset_get(&a, want) || bitset_get(&b, want))) want++;
      assert_int_equal(bitset_next_andnot(&a, &b, from), want);
    }
    bitset_free(&a);
    bitset_free(&b);
  }
}

TEST(on_the_wire_bit_0_is_the_highest_of_the_first_byte) {
  struct bitset b = zeros(10);
  uint8_t wire[2];
  bitset_set(&b, 0);
  bitset_set(&b, 9);
  bitset_to_wire(&b, wire);
  assert_memory_equal(wire, "\x80\x40", 2);
  bitset_free(&b);
}

TEST(the_wire_form_goes_there_and_back) {
  struct crypto_rng r = {.s = 3};
  for (size_t bits = 1; bits < 150; bits++) {
    struct bitset a = random_bits(bits, 2, &r);
    struct bitset b = random_bits(bits, 2, &r);
    uint8_t wire[32];
    bitset_to_wire(&a, wire);
    assert_true(bitset_from_wire(&b, wire, bitset_wire_len(bits)));
    assert_int_equal(a.count, b.count);
    for (size_t i = 0; i < bits; i++) assert_int_equal(bitset_get(&a, i), bitset_get(&b, i));
    bitset_free(&a);
    bitset_free(&b);
  }
}

TEST(wrong_lengths_and_spare_bits_are_refused_and_change_nothing) {
  struct bitset b = zeros(10);
  bitset_set(&b, 5);
  assert_false(bitset_from_wire(&b, (const uint8_t *)"\xff", 1));
  assert_false(bitset_from_wire(&b, (const uint8_t *)"\xff\xc0\x00", 3));
  assert_false(bitset_from_wire(&b, (const uint8_t *)"\xff\xe0", 2));
  assert_false(bitset_from_wire(&b, (const uint8_t *)"\xff\x01", 2));
  assert_int_equal(b.count, 1);
  assert_true(bitset_get(&b, 5));
  assert_true(bitset_from_wire(&b, (const uint8_t *)"\xff\xc0", 2));
  assert_true(bitset_full(&b));
  bitset_free(&b);
}

TEST(a_copy_has_the_same_bits_and_count) {
  struct crypto_rng r = {.s = 4};
  struct bitset a = random_bits(100, 3, &r);
  struct bitset b = zeros(100);
  bitset_copy(&b, &a);
  assert_int_equal(a.count, b.count);
  for (size_t i = 0; i < 100; i++) assert_int_equal(bitset_get(&a, i), bitset_get(&b, i));
  bitset_reset(&a);
  assert_int_equal(a.count, 0);
  assert_int_not_equal(b.count, 0);
  bitset_free(&a);
  bitset_free(&b);
}

int main(void) {
  RUN(T(setting_and_clearing_tell_whether_something_changed),
      T(a_set_of_no_bits_is_full_and_empty), T(filling_sets_exactly_the_bits_there_are),
      T(the_next_bit_is_found_as_by_looking_at_each),
      T(the_next_bit_of_one_set_only_is_found_as_by_looking_at_each),
      T(on_the_wire_bit_0_is_the_highest_of_the_first_byte),
      T(the_wire_form_goes_there_and_back),
      T(wrong_lengths_and_spare_bits_are_refused_and_change_nothing),
      T(a_copy_has_the_same_bits_and_count));
}
