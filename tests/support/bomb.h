/*
 * bomb: a gzip stream that unpacks to far more than it is.
 *
 * Deflate (RFC 1951) with its fixed codes: one literal "A", then again and again "copy 258 bytes
 * from one byte back", 13 bits each. So each megabyte of output costs 6.4 kB. The trailer's
 * checksum is left wrong: whoever gets that far has unpacked too much already.
 */
#ifndef WEFT_TESTS_BOMB_H
#define WEFT_TESTS_BOMB_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

struct bomb_bits {
  struct buf *out;
  unsigned held; /* bits that wait for their byte, the oldest lowest */
  unsigned count;
};

/* Appends the low `n` bits of `v`, the highest of them first, as Huffman codes are packed. */
static inline void bomb_put_code(struct bomb_bits *b, unsigned v, unsigned n) {
  while (n-- > 0) {
    b->held |= (v >> n & 1) << b->count;
    if (++b->count < 8) continue;
    buf_put_u8(b->out, (uint8_t)b->held);
    b->held = b->count = 0;
  }
}

/* A gzip stream of about `unpacked` bytes 'A'; the caller frees it. */
static inline struct buf bomb_make(size_t unpacked) {
  static const uint8_t header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
  struct buf out;
  buf_init(&out, unpacked + 1024);
  buf_put(&out, header, sizeof header);
  struct bomb_bits b = {.out = &out};
  bomb_put_code(&b, 1, 1);               /* the last block */
  bomb_put_code(&b, 2, 2);               /* type 01, its low bit first: fixed codes */
  bomb_put_code(&b, 0x30 + 'A', 8);      /* a literal */
  for (size_t n = 1; n < unpacked; n += 258) {
    bomb_put_code(&b, 0xc5, 8);          /* length 258 */
    bomb_put_code(&b, 0, 5);             /* distance 1 */
  }
  bomb_put_code(&b, 0, 7);               /* end of block */
  bomb_put_code(&b, 0, 7);               /* fills the last byte */
  buf_put(&out, "\0\0\0\0\0\0\0\0", 8);
  return out;
}

#endif
