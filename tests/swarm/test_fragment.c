/*
 * Fragments: room for what was asked for, zeroed fields, and a pool that reuses without hoarding.
 */
#include "../test.h"

#include <string.h>

#include "proto/geometry.h"
#include "swarm/fragment.h"

TEST(a_fragment_has_room_for_the_blocks_asked_for) {
  struct fragment_pool *p = fragment_pool_new();
  assert_non_null(p);
  for (uint32_t n = 1; n <= FRAGMENT_BLOCKS_MAX; n++) {
    struct fragment *f = fragment_get(p, n);
    assert_non_null(f);
    assert_int_equal(f->count, n);
    assert_in_range(f->capacity, n, FRAGMENT_BLOCKS_MAX);
    memset(f->data, (int)n, (size_t)n * BLOCK_LEN); /* the sanitizer tells if it is too small */
    fragment_put(p, f);
  }
  fragment_pool_free(p);
}

TEST(a_used_fragment_comes_back_with_its_fields_cleared) {
  struct fragment_pool *p = fragment_pool_new();
  struct fragment *f = fragment_get(p, 8);
  uint8_t *data = f->data;
  *f = (struct fragment){.piece = 7, .first = 3, .count = 8, .valid = 0xff, .from = 9,
                         .capacity = f->capacity, .data = data};
  fragment_put(p, f);
  struct fragment *again = fragment_get(p, 5); /* the same class */
  assert_ptr_equal(again->data, data);
  assert_int_equal(again->count, 5);
  assert_int_equal(again->piece | again->first | again->valid | again->from, 0);
  assert_null(again->next);
  fragment_put(p, again);
  fragment_pool_free(p);
}

TEST(what_was_used_last_is_handed_out_first) {
  struct fragment_pool *p = fragment_pool_new();
  struct fragment *a = fragment_get(p, 4);
  struct fragment *b = fragment_get(p, 4);
  fragment_put(p, a);
  fragment_put(p, b);
  assert_ptr_equal(fragment_get(p, 4), b);
  assert_ptr_equal(fragment_get(p, 4), a);
  fragment_put(p, a);
  fragment_put(p, b);
  fragment_pool_free(p);
}

TEST(another_size_does_not_get_a_fragment_that_is_too_small) {
  struct fragment_pool *p = fragment_pool_new();
  struct fragment *small = fragment_get(p, 2);
  fragment_put(p, small);
  struct fragment *big = fragment_get(p, 3);
  assert_in_range(big->capacity, 3, FRAGMENT_BLOCKS_MAX);
  memset(big->data, 1, 3 * (size_t)BLOCK_LEN);
  fragment_put(p, big);
  fragment_pool_free(p);
}

/* Whatever the bound is: a hundred times the biggest size must not all be kept, and nothing may
 * leak (which the address sanitizer would tell). */
TEST(many_given_back_at_once_are_all_accounted_for) {
  enum { N = 100 };
  struct fragment_pool *p = fragment_pool_new();
  struct fragment *f[N];
  for (int i = 0; i < N; i++) assert_non_null(f[i] = fragment_get(p, 1 + (uint32_t)i % 32));
  for (int i = 0; i < N; i++) fragment_put(p, f[i]);
  for (int i = 0; i < N; i++) assert_non_null(f[i] = fragment_get(p, 32));
  for (int i = 0; i < N; i++)
    for (int k = 0; k < i; k++) assert_ptr_not_equal(f[i], f[k]);
  for (int i = 0; i < N; i++) fragment_put(p, f[i]);
  fragment_pool_free(p);
}

TEST(null_is_fine) {
  struct fragment_pool *p = fragment_pool_new();
  fragment_put(p, NULL);
  fragment_pool_free(p);
  fragment_pool_free(NULL);
}

int main(void) {
  RUN(T(a_fragment_has_room_for_the_blocks_asked_for),
      T(a_used_fragment_comes_back_with_its_fields_cleared),
      T(what_was_used_last_is_handed_out_first),
      T(another_size_does_not_get_a_fragment_that_is_too_small),
      T(many_given_back_at_once_are_all_accounted_for), T(null_is_fine));
}
