/*
 * buf: bytes that grow up to a hard maximum.
 *
 * `struct buf` is for building messages and collecting replies. It never grows past the `max` it
 * was made with, whatever a remote side claims; the first append that does not fit sets `failed`
 * and from then on appends do nothing, so a coder appends without looking and asks once at the
 * end. base/rd is the way back, from bytes to numbers.
 */
#ifndef WEFT_BASE_BUF_H
#define WEFT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
  uint8_t *data; /* owned; NULL while empty */
  size_t len;
  size_t cap;
  size_t max;
  bool failed; /* something did not fit, or memory ran out: `data` is a truncated prefix */
  bool no_memory; /* it was memory */
};

/* An empty buffer that will hold at most `max` bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max);
/* Frees the bytes; `b` is empty again with the same maximum. Safe on a zeroed struct. */
void buf_free(struct buf *b);
/* Forgets the bytes and the failure, keeps the memory. */
void buf_clear(struct buf *b);
/* Removes the first `n` <= len bytes. */
void buf_consume(struct buf *b, size_t n);

/* Append `len` bytes, a C string without its NUL, a number (big-endian), formatted text. */
void buf_put(struct buf *b, const void *data, size_t len);
void buf_put_str(struct buf *b, const char *s);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v); /* big-endian, as all of these */
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *fmt, ...);

/* Makes room for `len` more bytes and returns where they go; the caller fills them and then adds to
 * b->len. NULL (and failed) if they do not fit. */
uint8_t *buf_reserve(struct buf *b, size_t len);

/* The bytes as a C string (a NUL is put behind them, not counted in len); "" when empty or failed
 * to allocate. Valid until the next call on `b`. */
const char *buf_cstr(struct buf *b);

/* Big-endian numbers at fixed places. */
static inline uint32_t be32_get(const uint8_t p[static 4]) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The same, written. */
static inline void be32_put(uint8_t p[static 4], uint32_t v) {
  p[0] = (uint8_t)(v >> 24);
  p[1] = (uint8_t)(v >> 16);
  p[2] = (uint8_t)(v >> 8);
  p[3] = (uint8_t)v;
}

#endif
