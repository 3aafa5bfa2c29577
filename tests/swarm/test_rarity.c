/*
 * Rarity against a naive model: after every random step the buckets are in order, each piece knows
 * its place, and a pick is among those that counting by hand would allow. Ties: every candidate
 * must have its share.
 */
#include "../test.h"

#include <string.h>

#include "../support/swarm_fixture.h"

enum { MOST = 200 };

struct model {
  uint32_t pieces;
  uint32_t avail[MOST];
  bool candidate[MOST];
};

static void setup(struct rarity *r, struct model *m, uint32_t pieces, struct crypto_rng *rng) {
  assert_true(rarity_init(r, pieces, rng));
  *m = (struct model){.pieces = pieces};
  for (uint32_t i = 0; i < pieces; i++) m->candidate[i] = true;
}

static void agree(const struct rarity *r, const struct model *m) {
  const char *fault = fix_rarity_fault(r);
  if (fault != NULL) fail_msg("%s", fault);
  for (uint32_t i = 0; i < m->pieces; i++) {
    assert_int_equal(r->avail[i], m->avail[i]);
    assert_int_equal(r->place[i] != UINT32_MAX, m->candidate[i]);
  }
}

/* The least availability among candidates in `has` (NULL: all); UINT32_MAX if there is none. */
static uint32_t rarest(const struct model *m, const struct bitset *has) {
  uint32_t least = UINT32_MAX;
  for (uint32_t i = 0; i < m->pieces; i++)
    if (m->candidate[i] && (has == NULL || bitset_get(has, i)) && m->avail[i] < least)
      least = m->avail[i];
  return least;
}

static void pick_agrees(const struct rarity *r, const struct model *m, const struct bitset *has,
                        struct crypto_rng *rng) {
  uint32_t least = rarest(m, has);
  uint32_t i = rarity_pick(r, has, rng);
  uint32_t any = rarity_pick_any(r, has, rng);
  assert_int_equal(i == RARITY_NONE, least == UINT32_MAX);
  assert_int_equal(any == RARITY_NONE, least == UINT32_MAX);
  if (i == RARITY_NONE) return;
  assert_true(m->candidate[i] && (has == NULL || bitset_get(has, i)));
  assert_true(m->candidate[any] && (has == NULL || bitset_get(has, any)));
  assert_int_equal(m->avail[i], least);
}

static void one_step(struct rarity *r, struct model *m, struct crypto_rng *rng) {
  uint32_t i = (uint32_t)crypto_rng_below(rng, m->pieces);
  switch (crypto_rng_below(rng, 5)) {
  case 0:
  case 1:
    assert_true(rarity_inc(r, i));
    m->avail[i]++;
    break;
  case 2:
    rarity_dec(r, i);
    if (m->avail[i] > 0) m->avail[i]--;
    break;
  case 3:
    rarity_remove(r, i);
    m->candidate[i] = false;
    break;
  default:
    rarity_insert(r, i);
    m->candidate[i] = true;
  }
}

TEST(random_steps_agree_with_a_naive_model) {
  struct crypto_rng rng;
  struct rarity r;
  struct model m;
  crypto_rng_init(&rng);
  for (uint32_t pieces = 1; pieces <= MOST; pieces += pieces < 8 ? 1 : 37) {
    struct bitset has;
    assert_true(bitset_init(&has, pieces));
    setup(&r, &m, pieces, &rng);
    for (int step = 0; step < 3000; step++) {
      one_step(&r, &m, &rng);
      if (step % 16 != 0) continue;
      agree(&r, &m);
      bitset_reset(&has);
      /* from very few (which takes another way through the code) to nearly all */
      uint64_t many = crypto_rng_below(&rng, 3) == 0 ? 3 : pieces;
      for (uint64_t k = 0; k < many; k++) bitset_set(&has, crypto_rng_below(&rng, pieces));
      pick_agrees(&r, &m, &has, &rng);
      pick_agrees(&r, &m, NULL, &rng);
    }
    rarity_free(&r);
    bitset_free(&has);
  }
}

TEST(availability_may_grow_far_beyond_the_first_table) {
  struct crypto_rng rng;
  struct rarity r;
  struct model m;
  crypto_rng_init(&rng);
  setup(&r, &m, 5, &rng);
  for (int n = 0; n < 1000; n++)
    for (uint32_t i = 0; i < 5; i += 2) {
      assert_true(rarity_inc(&r, i));
      m.avail[i]++;
    }
  agree(&r, &m);
  for (int n = 0; n < 1000; n++) {
    rarity_dec(&r, 2);
    m.avail[2]--;
  }
  agree(&r, &m);
  pick_agrees(&r, &m, NULL, &rng);
  rarity_free(&r);
}

TEST(a_piece_that_is_put_back_stands_where_its_availability_says) {
  struct crypto_rng rng;
  struct rarity r;
  struct model m;
  crypto_rng_init(&rng);
  setup(&r, &m, 4, &rng);
  rarity_remove(&r, 1);
  for (int n = 0; n < 3; n++) assert_true(rarity_inc(&r, 1)); /* counted while it is out */
  for (uint32_t i = 0; i < 4; i++) assert_true(rarity_inc(&r, i));
  rarity_insert(&r, 1);
  rarity_insert(&r, 1);
  memcpy(m.avail, (uint32_t[]){1, 4, 1, 1}, 4 * sizeof(uint32_t));
  agree(&r, &m);
  for (uint32_t i = 0; i < 4; i++)
    if (i != 1) rarity_remove(&r, i);
  assert_int_equal(rarity_pick(&r, NULL, &rng), 1);
  rarity_remove(&r, 1);
  rarity_remove(&r, 1);
  assert_int_equal(rarity_pick(&r, NULL, &rng), RARITY_NONE);
  rarity_free(&r);
}

TEST(dec_of_nothing_is_harmless) {
  struct crypto_rng rng;
  struct rarity r;
  struct model m;
  crypto_rng_init(&rng);
  setup(&r, &m, 3, &rng);
  rarity_dec(&r, 0);
  agree(&r, &m);
  rarity_free(&r);
}

TEST(a_torrent_without_pieces_has_nothing_to_pick) {
  struct crypto_rng rng;
  struct rarity r;
  crypto_rng_init(&rng);
  assert_true(rarity_init(&r, 0, &rng));
  assert_int_equal(rarity_pick(&r, NULL, &rng), RARITY_NONE);
  assert_int_equal(rarity_pick_any(&r, NULL, &rng), RARITY_NONE);
  rarity_free(&r);
  rarity_free(&r);
}

/* Picks 4000 times among 20 equals. Were one of them chosen with the chance of 1 in 20, less than
 * 60 or more than 800 hits would not happen in the life of the universe; a neighbour of a gap in
 * the bucket may have twice or thrice its share, and that is all right. */
static void shares(bool few) {
  struct crypto_rng rng;
  struct rarity r;
  uint32_t hits[MOST] = {0};
  struct bitset has;
  crypto_rng_init(&rng);
  uint32_t pieces = few ? MOST : 25;
  assert_true(rarity_init(&r, pieces, &rng) && bitset_init(&has, pieces));
  for (uint32_t i = 0; i < pieces; i++) assert_true(rarity_inc(&r, i));
  for (uint32_t i = 20; i < 25; i++) assert_true(rarity_inc(&r, i)); /* these are less rare */
  for (uint32_t i = 0; i < (few ? 10 : 25); i++) bitset_set(&has, few ? i + 12 : i);
  for (int n = 0; n < 4000; n++) hits[rarity_pick(&r, &has, &rng)]++;
  for (uint32_t i = 0; i < pieces; i++) {
    bool among = few ? i >= 12 && i < 20 : i < 20;
    if (among) assert_in_range(hits[i], few ? 200 : 60, 900);
    else assert_int_equal(hits[i], 0);
  }
  rarity_free(&r);
  bitset_free(&has);
}

TEST(ties_are_broken_at_random) {
  shares(false);
}

TEST(ties_are_broken_at_random_for_a_peer_with_few_pieces_too) {
  shares(true);
}

TEST(two_queues_do_not_begin_with_the_same_order) {
  struct crypto_rng rng;
  struct rarity a;
  struct rarity b;
  crypto_rng_init(&rng);
  assert_true(rarity_init(&a, MOST, &rng) && rarity_init(&b, MOST, &rng));
  assert_memory_not_equal(a.order, b.order, MOST * sizeof *a.order);
  rarity_free(&a);
  rarity_free(&b);
}

int main(void) {
  RUN(T(random_steps_agree_with_a_naive_model), T(availability_may_grow_far_beyond_the_first_table),
      T(a_piece_that_is_put_back_stands_where_its_availability_says), T(dec_of_nothing_is_harmless),
      T(a_torrent_without_pieces_has_nothing_to_pick), T(ties_are_broken_at_random),
      T(ties_are_broken_at_random_for_a_peer_with_few_pieces_too),
      T(two_queues_do_not_begin_with_the_same_order));
}
