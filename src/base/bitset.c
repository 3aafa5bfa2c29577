#include "base/bitset.h"

#include <stdlib.h>
#include <string.h>

static size_t words_for(size_t bits) {
  return (bits + 63) / 64;
}

bool bitset_init(struct bitset *b, size_t bits) {
  size_t n = words_for(bits);
  *b = (struct bitset){.bits = bits, .words = calloc(n ? n : 1, sizeof(uint64_t))};
  return b->words != NULL;
}

void bitset_free(struct bitset *b) {
  free(b->words);
  *b = (struct bitset){0};
}

bool bitset_set(struct bitset *b, size_t i) {
  uint64_t mask = UINT64_C(1) << (i % 64);
  if (b->words[i / 64] & mask) return false;
  b->words[i / 64] |= mask;
  b->count++;
  return true;
}

bool bitset_clear(struct bitset *b, size_t i) {
  uint64_t mask = UINT64_C(1) << (i % 64);
  if (!(b->words[i / 64] & mask)) return false;
  b->words[i / 64] &= ~mask;
  b->count--;
  return true;
}

void bitset_fill(struct bitset *b) {
  size_t n = words_for(b->bits);
  if (n == 0) return;
  memset(b->words, 0xff, n * sizeof(uint64_t));
  if (b->bits % 64) b->words[n - 1] = (UINT64_C(1) << (b->bits % 64)) - 1;
  b->count = b->bits;
}

void bitset_reset(struct bitset *b) {
  memset(b->words, 0, words_for(b->bits) * sizeof(uint64_t));
  b->count = 0;
}

size_t bitset_next(const struct bitset *b, size_t from) {
  if (from >= b->bits) return b->bits;
  size_t n = words_for(b->bits);
  uint64_t w = b->words[from / 64] & ~UINT64_C(0) << (from % 64);
  for (size_t k = from / 64;;) {
    if (w) return k * 64 + (size_t)__builtin_ctzll(w);
    if (++k == n) return b->bits;
    w = b->words[k];
  }
}

size_t bitset_next_andnot(const struct bitset *a, const struct bitset *b, size_t from) {
  if (from >= a->bits) return a->bits;
  size_t n = words_for(a->bits);
  uint64_t w = a->words[from / 64] & ~b->words[from / 64] & ~UINT64_C(0) << (from % 64);
  for (size_t k = from / 64;;) {
    if (w) return k * 64 + (size_t)__builtin_ctzll(w);
    if (++k == n) return a->bits;
    w = a->words[k] & ~b->words[k];
  }
}

bool bitset_from_wire(struct bitset *b, const uint8_t *wire, size_t len) {
  if (len != bitset_wire_len(b->bits)) return false;
  if (b->bits % 8 && (wire[len - 1] & (0xff >> (b->bits % 8)))) return false;
  bitset_reset(b);
  for (size_t i = 0; i < b->bits; i++)
    if (wire[i / 8] >> (7 - i % 8) & 1) bitset_set(b, i);
  return true;
}

void bitset_to_wire(const struct bitset *b, uint8_t *wire) {
  memset(wire, 0, bitset_wire_len(b->bits));
  for (size_t i = bitset_next(b, 0); i < b->bits; i = bitset_next(b, i + 1))
    wire[i / 8] = (uint8_t)(wire[i / 8] | 0x80 >> (i % 8));
}

void bitset_copy(struct bitset *dst, const struct bitset *src) {
  memcpy(dst->words, src->words, words_for(src->bits) * sizeof(uint64_t));
  dst->count = src->count;
}
