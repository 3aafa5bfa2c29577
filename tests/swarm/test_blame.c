/* Suspicions: who is named when the piece is right at last, and who is not. */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "swarm/blame.h"

struct named {
  uint32_t number[64]; /* liars */
  uint32_t count;
  uint32_t honest[64];
  uint32_t honest_count;
};

static void on_verdict(void *arg, uint32_t number, bool liar) {
  struct named *n = arg;
  if (liar) n->number[n->count++] = number;
  else n->honest[n->honest_count++] = number;
}

/* `text`: one character per block; equal characters stand for equal content. */
static uint8_t (*digests(const char *text))[BLAME_DIGEST_LEN] {
  size_t n = strlen(text);
  uint8_t(*d)[BLAME_DIGEST_LEN] = malloc(n * sizeof *d);
  assert_non_null(d);
  for (size_t i = 0; i < n; i++) memset(d[i], text[i], BLAME_DIGEST_LEN);
  return d;
}

static void suspect(struct blame *b, uint32_t piece, const char *content, const uint32_t *from) {
  size_t n = strlen(content);
  uint32_t *copy = malloc(n * sizeof *copy);
  assert_non_null(copy);
  memcpy(copy, from, n * sizeof *copy);
  blame_add(b, piece, (uint32_t)n, copy, digests(content));
}

static struct named resolve(struct blame *b, uint32_t piece, const char *content) {
  struct named who = {0};
  uint8_t(*d)[BLAME_DIGEST_LEN] = digests(content);
  blame_resolve(b, piece, d, on_verdict, &who);
  free(d);
  return who;
}

TEST(a_single_source_is_recognized) {
  assert_int_equal(blame_single((uint32_t[]){5, 5, 5}, 3), 5);
  assert_int_equal(blame_single((uint32_t[]){5, 5, 6}, 3), 0);
  assert_int_equal(blame_single((uint32_t[]){6, 5, 5}, 3), 0);
  assert_int_equal(blame_single((uint32_t[]){7}, 1), 7);
  assert_int_equal(blame_single(NULL, 0), 0);
}

TEST(whoever_gave_a_different_block_is_the_liar) {
  struct blame b = {0};
  suspect(&b, 3, "abXd", (uint32_t[]){1, 2, 3, 1});
  assert_true(blame_has(&b, 3));
  assert_false(blame_has(&b, 2));
  struct named who = resolve(&b, 3, "abcd");
  assert_int_equal(who.count, 1);
  assert_int_equal(who.number[0], 3);
  assert_int_equal(who.honest_count, 2); /* each is named once */
  assert_int_equal(who.honest[0], 1);
  assert_int_equal(who.honest[1], 2);
  assert_false(blame_has(&b, 3));
  assert_int_equal(b.count, 0);
}

TEST(several_suspicions_about_one_piece_are_resolved_together) {
  struct blame b = {0};
  suspect(&b, 3, "abXd", (uint32_t[]){1, 2, 3, 1});
  suspect(&b, 4, "wxyz", (uint32_t[]){1, 1, 2, 2});
  suspect(&b, 3, "Ybcd", (uint32_t[]){4, 2, 1, 1});
  struct named who = resolve(&b, 3, "abcd");
  assert_int_equal(who.count, 2);
  assert_int_equal(who.number[0], 3);
  assert_int_equal(who.number[1], 4);
  assert_true(blame_has(&b, 4)); /* the other piece's stays */
  assert_int_equal(b.count, 1);
  blame_free(&b);
}

TEST(who_gave_right_and_wrong_blocks_is_a_liar_once) {
  struct blame b = {0};
  suspect(&b, 3, "aXcYe", (uint32_t[]){1, 1, 2, 1, 1});
  assert_true(blame_suspects(&b, 1));
  assert_true(blame_suspects(&b, 2));
  assert_false(blame_suspects(&b, 3));
  struct named who = resolve(&b, 3, "abcde");
  assert_int_equal(who.count, 1);
  assert_int_equal(who.number[0], 1);
  assert_int_equal(who.honest_count, 1);
  assert_int_equal(who.honest[0], 2);
  assert_false(blame_suspects(&b, 1));
}

TEST(a_piece_that_was_right_after_all_names_nobody) {
  struct blame b = {0};
  suspect(&b, 0, "ab", (uint32_t[]){1, 2});
  assert_int_equal(resolve(&b, 0, "ab").count, 0);
  assert_int_equal(resolve(&b, 0, "xy").count, 0); /* and is forgotten then */
}

TEST(beyond_the_maximum_the_oldest_is_forgotten) {
  struct blame b = {0};
  for (uint32_t i = 0; i < BLAME_MAX + 3; i++) suspect(&b, i, "ab", (uint32_t[]){1, 2});
  assert_int_equal(b.count, BLAME_MAX);
  for (uint32_t i = 0; i < BLAME_MAX + 3; i++) assert_int_equal(blame_has(&b, i), i >= 3);
  blame_free(&b);
  assert_int_equal(b.count, 0);
  assert_null(b.first);
}

TEST(blocks_that_never_came_are_nobodys) {
  struct blame b = {0};
  suspect(&b, 3, "a-X-", (uint32_t[]){1, 0, 2, 0});
  struct named who = resolve(&b, 3, "abcd");
  assert_int_equal(who.count, 1);
  assert_int_equal(who.number[0], 2);
  assert_int_equal(who.honest_count, 1);
  assert_int_equal(who.honest[0], 1);
  blame_free(&b);
}

int main(void) {
  RUN(T(a_single_source_is_recognized), T(whoever_gave_a_different_block_is_the_liar),
      T(several_suspicions_about_one_piece_are_resolved_together),
      T(who_gave_right_and_wrong_blocks_is_a_liar_once),
      T(a_piece_that_was_right_after_all_names_nobody),
      T(beyond_the_maximum_the_oldest_is_forgotten),
      T(blocks_that_never_came_are_nobodys));
}
