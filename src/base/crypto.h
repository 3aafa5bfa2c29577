/*
 * crypto: randomness and hexadecimal text. Hashing has its own module, base/sha1.
 *
 * Everything that a stranger could profit from guessing (peer id, transaction ids, keys) comes
 * from crypto_random(), the kernel's generator. crypto_rng_* is a small, fast, seeded generator
 * for choices that need no secrecy: ties between pieces, the order of trackers. Each thread has
 * its own.
 */
#ifndef WEFT_BASE_CRYPTO_H
#define WEFT_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills `out` from getrandom(2); never fails on a running system (aborts if it does). */
void crypto_random(void *out, size_t len);

struct crypto_rng {
  uint64_t s; /* any value */
};
/* Seeded from crypto_random(). */
void crypto_rng_init(struct crypto_rng *r);
/* Uniform below `n` > 0. */
uint64_t crypto_rng_below(struct crypto_rng *r, uint64_t n);

/* Writes 2 * len lower-case digits and a NUL. */
void crypto_hex(const uint8_t *in, size_t len, char *out);
/* Reads exactly 2 * len digits of either case from `in`; false if there is anything else. */
bool crypto_unhex(const char *in, size_t in_len, uint8_t *out, size_t len);

#endif
