/*
 * Randomness and hexadecimal text: base/crypto.
 */
#include "../test.h"

#include <string.h>

#include "base/crypto.h"

TEST(random_bytes_fill_exactly_what_was_asked_for) {
  uint8_t a[66] = {0};
  uint8_t b[66] = {0};
  a[0] = a[65] = 7;
  crypto_random(a + 1, 64);
  crypto_random(b + 1, 64);
  assert_true(a[0] == 7 && a[65] == 7);
  assert_memory_not_equal(a + 1, b + 1, 64);
  crypto_random(a, 0);
  assert_int_equal(a[0], 7);
}

TEST(every_byte_of_random_memory_varies) {
  uint8_t ored[600] = {0};
  for (int k = 0; k < 16; k++) {
    uint8_t x[600];
    crypto_random(x, sizeof x);
    for (size_t i = 0; i < sizeof x; i++) ored[i] = (uint8_t)(ored[i] | x[i]);
  }
  for (size_t i = 0; i < sizeof ored; i++) assert_int_not_equal(ored[i], 0);
}

TEST(equal_seeds_give_equal_choices) {
  struct crypto_rng a = {.s = 5};
  struct crypto_rng b = {.s = 5};
  for (int i = 0; i < 100; i++)
    assert_true(crypto_rng_below(&a, UINT64_MAX) == crypto_rng_below(&b, UINT64_MAX));
}

TEST(two_generators_are_seeded_differently) {
  struct crypto_rng a;
  struct crypto_rng b;
  crypto_rng_init(&a);
  crypto_rng_init(&b);
  assert_true(a.s != b.s);
}

TEST(choices_stay_below_the_bound_and_reach_each_value) {
  struct crypto_rng r = {.s = 6};
  for (uint64_t n = 1; n < 20; n++) {
    uint32_t seen = 0;
    for (int i = 0; i < 1000; i++) {
      uint64_t v = crypto_rng_below(&r, n);
      assert_true(v < n);
      seen |= 1u << v;
    }
    assert_int_equal(seen, (1u << n) - 1);
  }
}

TEST(choices_are_even) {
  struct crypto_rng r = {.s = 7};
  unsigned count[10] = {0};
  for (int i = 0; i < 100000; i++) count[crypto_rng_below(&r, 10)]++;
  for (int i = 0; i < 10; i++) assert_in_range(count[i], 9500, 10500); /* five sigma */
}

TEST(hexadecimal_goes_there_and_back) {
  uint8_t in[256];
  uint8_t back[256];
  char hex[513];
  for (size_t i = 0; i < 256; i++) in[i] = (uint8_t)i;
  crypto_hex(in, 256, hex);
  assert_memory_equal(hex, "000102", 6);
  assert_string_equal(hex + 508, "feff");
  assert_true(crypto_unhex(hex, 512, back, 256));
  assert_memory_equal(in, back, 256);
}

TEST(no_bytes_are_no_digits) {
  char hex[1] = {'x'};
  crypto_hex(NULL, 0, hex);
  assert_string_equal(hex, "");
  assert_true(crypto_unhex("", 0, NULL, 0));
}

TEST(digits_of_either_case_are_read_and_nothing_else) {
  uint8_t out[2];
  assert_true(crypto_unhex("aBCd", 4, out, 2));
  assert_memory_equal(out, "\xab\xcd", 2);
  assert_false(crypto_unhex("abc", 3, out, 2));
  assert_false(crypto_unhex("abcde", 5, out, 2));
  assert_false(crypto_unhex("abcg", 4, out, 2));
  assert_false(crypto_unhex("ab c", 4, out, 2));
  assert_false(crypto_unhex("0x12", 4, out, 2));
  assert_false(crypto_unhex("ab/:", 4, out, 2));
  assert_false(crypto_unhex("@`ab", 4, out, 2));
}

int main(void) {
  RUN(T(random_bytes_fill_exactly_what_was_asked_for), T(every_byte_of_random_memory_varies),
      T(equal_seeds_give_equal_choices), T(two_generators_are_seeded_differently),
      T(choices_stay_below_the_bound_and_reach_each_value), T(choices_are_even),
      T(hexadecimal_goes_there_and_back), T(no_bytes_are_no_digits),
      T(digits_of_either_case_are_read_and_nothing_else));
}
