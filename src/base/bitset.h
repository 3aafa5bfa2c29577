/*
 * bitset: a fixed number of bits, in 64-bit words.
 *
 * Who has which piece. On the wire (BEP 3, "bitfield") bit 0 is the highest bit of the first byte
 * and the spare bits at the end are zero; inside it is an array of words, so that "which pieces
 * does this peer have that we lack" is one AND per 64 pieces. bitset_from_wire() and
 * bitset_to_wire() are the only places that know both orders.
 */
#ifndef WEFT_BASE_BITSET_H
#define WEFT_BASE_BITSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bitset {
  uint64_t *words; /* owned */
  size_t bits;
  size_t count; /* bits that are set, kept up to date */
};

/* All zero. False: out of memory. `bits` may be 0. */
bool bitset_init(struct bitset *b, size_t bits);
/* Safe on a zeroed struct. */
void bitset_free(struct bitset *b);

/* `i` must be below b->bits in all of these. set and clear return true if the bit changed. */
static inline bool bitset_get(const struct bitset *b, size_t i) {
  return b->words[i / 64] >> (i % 64) & 1;
}
bool bitset_set(struct bitset *b, size_t i);
bool bitset_clear(struct bitset *b, size_t i);
void bitset_fill(struct bitset *b);  /* every bit 1 */
void bitset_reset(struct bitset *b); /* every bit 0 */
static inline bool bitset_full(const struct bitset *b) {
  return b->count == b->bits;
}

/* The first set bit at or after `from`, or b->bits if there is none. */
size_t bitset_next(const struct bitset *b, size_t from);
/* The same in (a AND NOT b); both have the same size. */
size_t bitset_next_andnot(const struct bitset *a, const struct bitset *b, size_t from);

/* Bytes that `bits` take on the wire. */
static inline size_t bitset_wire_len(size_t bits) {
  return (bits + 7) / 8;
}
/* Replaces the content by wire bytes. False, and nothing changed, when `len` is not exactly
 * bitset_wire_len() or a spare bit is set. */
bool bitset_from_wire(struct bitset *b, const uint8_t *wire, size_t len);
/* Writes bitset_wire_len(b->bits) bytes. */
void bitset_to_wire(const struct bitset *b, uint8_t *wire);
/* dst becomes a copy of src; both have the same size. */
void bitset_copy(struct bitset *dst, const struct bitset *src);

#endif
