#include "swarm/rarity.h"

#include <stdlib.h>

bool rarity_init(struct rarity *r, uint32_t pieces, struct crypto_rng *rng) {
  size_t n = pieces ? pieces : 1;
  *r = (struct rarity){.pieces = pieces, .candidates = pieces, .start_cap = 64};
  r->order = calloc(n, sizeof *r->order);
  r->place = calloc(n, sizeof *r->place);
  r->avail = calloc(n, sizeof *r->avail);
  r->start = calloc(r->start_cap, sizeof *r->start);
  if (!r->order || !r->place || !r->avail || !r->start) {
    rarity_free(r);
    return false;
  }
  for (uint32_t i = 0; i < pieces; i++) { /* shuffled as it grows (Durstenfeld) */
    uint32_t j = (uint32_t)crypto_rng_below(rng, (uint64_t)i + 1);
    r->order[i] = r->order[j];
    r->order[j] = i;
  }
  for (uint32_t i = 0; i < pieces; i++) r->place[r->order[i]] = i;
  r->start[1] = pieces;
  return true;
}

void rarity_free(struct rarity *r) {
  free(r->order);
  free(r->place);
  free(r->avail);
  free(r->start);
  *r = (struct rarity){0};
}

static void swap_places(struct rarity *r, uint32_t a, uint32_t b) {
  uint32_t pa = r->order[a];
  uint32_t pb = r->order[b];
  r->order[a] = pb;
  r->order[b] = pa;
  r->place[pb] = a;
  r->place[pa] = b;
}

/* Makes bucket `top` exist. */
static bool need_top(struct rarity *r, uint32_t top) {
  while (r->top < top) {
    if (r->top + 3 > r->start_cap) {
      uint32_t *more = realloc(r->start, 2 * (size_t)r->start_cap * sizeof *more);
      if (more == NULL) return false;
      r->start = more;
      r->start_cap *= 2;
    }
    r->top++;
    r->start[r->top + 1] = r->candidates;
  }
  return true;
}

bool rarity_inc(struct rarity *r, uint32_t i) {
  uint32_t a = r->avail[i];
  if (!need_top(r, a + 1)) return false;
  if (r->place[i] != UINT32_MAX) /* to the end of its bucket, then let the next one begin here */
    swap_places(r, r->place[i], --r->start[a + 1]);
  r->avail[i]++;
  return true;
}

void rarity_dec(struct rarity *r, uint32_t i) {
  uint32_t a = r->avail[i];
  if (a == 0) return;
  if (r->place[i] != UINT32_MAX) swap_places(r, r->place[i], r->start[a]++);
  r->avail[i]--;
}

void rarity_remove(struct rarity *r, uint32_t i) {
  if (r->place[i] == UINT32_MAX) return;
  for (uint32_t a = r->avail[i]; a <= r->top; a++) /* hand it from edge to edge to the very end */
    swap_places(r, r->place[i], --r->start[a + 1]);
  r->candidates--;
  r->place[i] = UINT32_MAX;
}

void rarity_insert(struct rarity *r, uint32_t i) {
  if (r->place[i] != UINT32_MAX) return;
  r->order[r->candidates] = i;
  r->place[i] = r->candidates++;
  r->start[r->top + 1] = r->candidates;
  for (uint32_t a = r->top; a > r->avail[i]; a--) swap_places(r, r->place[i], r->start[a]++);
}

static bool offers(const struct bitset *has, uint32_t i) {
  return has == NULL || bitset_get(has, i);
}

/* For a peer with few pieces: look at what it has instead of at all there is. */
static uint32_t pick_few(const struct rarity *r, const struct bitset *has, struct crypto_rng *rng) {
  uint32_t best = RARITY_NONE;
  uint32_t ties = 0;
  for (size_t i = bitset_next(has, 0); i < has->bits; i = bitset_next(has, i + 1)) {
    if (r->place[i] == UINT32_MAX) continue;
    if (best == RARITY_NONE || r->avail[i] < r->avail[best]) {
      best = (uint32_t)i;
      ties = 1;
    } else if (r->avail[i] == r->avail[best] && crypto_rng_below(rng, ++ties) == 0) {
      best = (uint32_t)i;
    }
  }
  return best;
}

/* Searches places [from, to), beginning at a random one. */
static uint32_t search(const struct rarity *r, uint32_t from, uint32_t to, const struct bitset *has,
                       struct crypto_rng *rng) {
  if (from >= to) return RARITY_NONE;
  uint32_t n = to - from;
  uint32_t off = (uint32_t)crypto_rng_below(rng, n);
  for (uint32_t k = 0; k < n; k++) {
    uint32_t i = r->order[from + (off + k) % n];
    if (offers(has, i)) return i;
  }
  return RARITY_NONE;
}

uint32_t rarity_pick(const struct rarity *r, const struct bitset *has, struct crypto_rng *rng) {
  if (has != NULL && has->count < r->candidates / 16) return pick_few(r, has, rng);
  for (uint32_t a = 0; a <= r->top; a++) {
    uint32_t i = search(r, r->start[a], r->start[a + 1], has, rng);
    if (i != RARITY_NONE) return i;
  }
  return RARITY_NONE;
}

uint32_t rarity_pick_any(const struct rarity *r, const struct bitset *has, struct crypto_rng *rng) {
  return search(r, 0, r->candidates, has, rng);
}
