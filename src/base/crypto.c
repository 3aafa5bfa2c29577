#include "base/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void crypto_random(void *out, size_t len) {
  uint8_t *p = out;
  while (len > 0) {
    ssize_t n = getrandom(p, len, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) abort();
    p += n;
    len -= (size_t)n;
  }
}

void crypto_rng_init(struct crypto_rng *r) {
  crypto_random(&r->s, sizeof r->s);
}

/* splitmix64 (Steele, Lea, Flood 2014): a counter, well mixed; passes BigCrush. */
static uint64_t next(struct crypto_rng *r) {
  uint64_t z = r->s += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

uint64_t crypto_rng_below(struct crypto_rng *r, uint64_t n) {
  uint64_t limit = UINT64_MAX - UINT64_MAX % n; /* reject the uneven rest */
  uint64_t v;
  do v = next(r);
  while (v >= limit);
  return v % n;
}

void crypto_hex(const uint8_t *in, size_t len, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < len; i++) {
    *out++ = digits[in[i] >> 4];
    *out++ = digits[in[i] & 15];
  }
  *out = '\0';
}

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool crypto_unhex(const char *in, size_t in_len, uint8_t *out, size_t len) {
  if (in_len != 2 * len) return false;
  for (size_t i = 0; i < len; i++) {
    int high = digit(in[2 * i]);
    int low = digit(in[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}
