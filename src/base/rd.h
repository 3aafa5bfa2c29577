/*
 * rd: a reader of bytes that can't run past the end.
 *
 * `struct rd` takes big-endian numbers and spans from bytes somebody else owns, the way base/buf
 * puts them there. The first read past the end sets `failed`; that one and all later ones give
 * zeros, so a parser reads field after field without looking and asks once at the end.
 */
#ifndef WEFT_BASE_RD_H
#define WEFT_BASE_RD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd {
  const uint8_t *p; /* the next byte; not owned */
  size_t left;      /* bytes from there to the end */
  bool failed;      /* something was asked for that is not there */
};

/* Begins to read the `len` bytes at `data`, which stay the caller's and must outlive the reader. */
void rd_init(struct rd *r, const void *data, size_t len);
/* The next number, big-endian; 0 (and failed) if it is not all there. */
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
/* The next `len` bytes in place, or NULL (and failed) if fewer are left. */
const uint8_t *rd_bytes(struct rd *r, size_t len);

#endif
