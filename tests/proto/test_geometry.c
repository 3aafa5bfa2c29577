/*
 * Pieces, blocks and what a stranger may name of them: proto/geometry.
 */
#include "../test.h"

#include "proto/geometry.h"

/* Three pieces of 40,000 bytes and one of 5: blocks of 16384, 16384, 7232. */
static struct geometry odd(void) {
  struct geometry g;
  assert_int_equal(geometry_init(&g, 120005, 40000), ERR_OK);
  return g;
}

TEST(an_empty_torrent_has_no_pieces) {
  struct geometry g;
  assert_int_equal(geometry_init(&g, 0, 16384), ERR_OK);
  assert_int_equal(g.pieces, 0);
  assert_false(geometry_has_piece(&g, 0));
  assert_false(geometry_has_block(&g, 0, 0, 1));
}

TEST(an_even_division_has_no_short_piece) {
  struct geometry g;
  assert_int_equal(geometry_init(&g, 3 * 16384, 16384), ERR_OK);
  assert_int_equal(g.pieces, 3);
  assert_int_equal(geometry_piece_len(&g, 2), 16384);
}

TEST(the_last_piece_may_be_short) {
  struct geometry g = odd();
  assert_int_equal(g.pieces, 4);
  assert_int_equal(geometry_piece_len(&g, 0), 40000);
  assert_int_equal(geometry_piece_len(&g, 3), 5);
  assert_int_equal(geometry_piece_offset(&g, 3), 120000);
}

TEST(the_last_block_of_a_piece_may_be_short) {
  struct geometry g = odd();
  assert_int_equal(geometry_blocks(&g, 0), 3);
  assert_int_equal(geometry_block_len(&g, 0, 1), 16384);
  assert_int_equal(geometry_block_len(&g, 0, 2), 7232);
  assert_int_equal(geometry_blocks(&g, 3), 1);
  assert_int_equal(geometry_block_len(&g, 3, 0), 5);
}

TEST(a_run_of_blocks_ends_with_the_piece) {
  struct geometry g = odd();
  assert_int_equal(geometry_run_len(&g, 0, 0, 2), 32768);
  assert_int_equal(geometry_run_len(&g, 0, 0, 3), 40000);
  assert_int_equal(geometry_run_len(&g, 0, 2, 1), 7232);
  assert_int_equal(geometry_run_len(&g, 3, 0, 1), 5);
}

TEST(pieces_smaller_than_a_block_have_one_block) {
  struct geometry g;
  assert_int_equal(geometry_init(&g, 10, 1), ERR_OK);
  assert_int_equal(g.pieces, 10);
  assert_int_equal(geometry_blocks(&g, 9), 1);
  assert_int_equal(geometry_block_len(&g, 9, 0), 1);
}

TEST(a_block_must_lie_inside_its_piece) {
  struct geometry g = odd();
  assert_true(geometry_has_block(&g, 0, 0, 40000));
  assert_true(geometry_has_block(&g, 0, 39999, 1));
  assert_false(geometry_has_block(&g, 0, 40000, 1));
  assert_false(geometry_has_block(&g, 0, 1, 40000));
  assert_false(geometry_has_block(&g, 3, 0, 6));
  assert_false(geometry_has_block(&g, 4, 0, 1));
}

TEST(an_empty_block_is_no_block) {
  struct geometry g = odd();
  assert_false(geometry_has_block(&g, 0, 0, 0));
  assert_false(geometry_has_block(&g, 0, 40000, 0));
}

TEST(no_32_bit_sum_wraps) {
  struct geometry g = odd();
  assert_false(geometry_has_block(&g, 0, UINT32_MAX, 1));
  assert_false(geometry_has_block(&g, 0, 1, UINT32_MAX));
  assert_false(geometry_has_block(&g, 0, UINT32_MAX, UINT32_MAX));
  assert_false(geometry_has_block(&g, UINT32_MAX, 0, 1));
}

TEST(senseless_piece_lengths_are_refused) {
  struct geometry g;
  assert_int_equal(geometry_init(&g, 1, 0), ERR_LIMIT);
  assert_int_equal(geometry_init(&g, 1, GEOMETRY_PIECE_LEN_MAX), ERR_OK);
  assert_int_equal(geometry_init(&g, 1, GEOMETRY_PIECE_LEN_MAX + 1), ERR_LIMIT);
  assert_int_equal(geometry_init(&g, 1, UINT64_MAX), ERR_LIMIT);
  assert_int_equal(g.pieces, 0);
}

TEST(too_many_pieces_are_refused) {
  struct geometry g;
  assert_int_equal(geometry_init(&g, GEOMETRY_PIECES_MAX, 1), ERR_OK);
  assert_int_equal(geometry_init(&g, GEOMETRY_PIECES_MAX + 1, 1), ERR_LIMIT);
}

TEST(the_largest_torrent_fits) {
  struct geometry g;
  assert_int_equal(geometry_init(&g, GEOMETRY_TOTAL_MAX, GEOMETRY_PIECE_LEN_MAX), ERR_OK);
  assert_int_equal(g.pieces, GEOMETRY_PIECES_MAX);
  uint32_t last = g.pieces - 1;
  assert_true(geometry_piece_offset(&g, last) + geometry_piece_len(&g, last) == g.total);
  assert_int_equal(geometry_init(&g, GEOMETRY_TOTAL_MAX + 1, GEOMETRY_PIECE_LEN_MAX), ERR_LIMIT);
  assert_int_equal(geometry_init(&g, UINT64_MAX, GEOMETRY_PIECE_LEN_MAX), ERR_LIMIT);
}

TEST(pieces_and_blocks_add_up_to_the_total) {
  for (uint64_t total = 1; total < 200000; total += 7919) {
    struct geometry g;
    uint64_t sum = 0;
    assert_int_equal(geometry_init(&g, total, 20001), ERR_OK);
    for (uint32_t i = 0; i < g.pieces; i++)
      for (uint32_t k = 0; k < geometry_blocks(&g, i); k++) {
        uint32_t n = geometry_block_len(&g, i, k);
        assert_true(geometry_has_block(&g, i, k * BLOCK_LEN, n));
        sum += n;
      }
    assert_true(sum == total);
  }
}

int main(void) {
  RUN(T(an_empty_torrent_has_no_pieces), T(an_even_division_has_no_short_piece),
      T(the_last_piece_may_be_short), T(the_last_block_of_a_piece_may_be_short),
      T(a_run_of_blocks_ends_with_the_piece), T(pieces_smaller_than_a_block_have_one_block),
      T(a_block_must_lie_inside_its_piece), T(an_empty_block_is_no_block), T(no_32_bit_sum_wraps),
      T(senseless_piece_lengths_are_refused), T(too_many_pieces_are_refused),
      T(the_largest_torrent_fits), T(pieces_and_blocks_add_up_to_the_total));
}
