/*
 * rarity: which piece to begin next: the rarest that a peer has, ties at random.
 *
 * All candidate pieces stand in one array, ordered by how many peers have them; `start[a]` is
 * where the bucket of pieces with availability `a` begins. When a peer gains or loses a piece,
 * the piece moves to the neighbouring bucket by one swap with the bucket's edge: nothing is ever
 * sorted. Within a bucket the order is as good as random, and a search begins at a random place
 * in it. Peers that have every piece are not counted here at all: they add the same to each.
 *
 * Pure: the caller locks, and brings the random generator.
 */
#ifndef WEFT_SWARM_RARITY_H
#define WEFT_SWARM_RARITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bitset.h"
#include "base/crypto.h"

struct rarity {
  uint32_t pieces;
  uint32_t candidates;   /* length of order[] in use */
  uint32_t *order;       /* piece indices, rarest first */
  uint32_t *place;       /* of each piece in order[], UINT32_MAX: no candidate */
  uint32_t *avail;       /* of each piece, candidate or not */
  uint32_t *start;       /* start[a]: first place of bucket a; start[top + 1] == candidates */
  uint32_t top;          /* buckets 0..top exist */
  uint32_t start_cap;
};

#define RARITY_NONE UINT32_MAX

/* Every piece a candidate with availability 0, shuffled. False: no memory. */
bool rarity_init(struct rarity *r, uint32_t pieces, struct crypto_rng *rng);
void rarity_free(struct rarity *r); /* safe on a zeroed struct */

/* A peer has piece `i` / has it no more. inc is false when memory ran out (nothing changed). */
bool rarity_inc(struct rarity *r, uint32_t i);
void rarity_dec(struct rarity *r, uint32_t i);

/* Takes `i` out of the candidates (begun, or done) / puts it back in. Harmless when it is already
 * so. */
void rarity_remove(struct rarity *r, uint32_t i);
void rarity_insert(struct rarity *r, uint32_t i);

/* The rarest candidate that is in `has` (NULL: the peer has all), or RARITY_NONE. */
uint32_t rarity_pick(const struct rarity *r, const struct bitset *has, struct crypto_rng *rng);
/* Any candidate in `has`, at random: for the first pieces. */
uint32_t rarity_pick_any(const struct rarity *r, const struct bitset *has, struct crypto_rng *rng);

#endif
