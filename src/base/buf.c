#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max) {
  *b = (struct buf){.max = max};
}

void buf_free(struct buf *b) {
  free(b->data);
  buf_init(b, b->max);
}

void buf_clear(struct buf *b) {
  b->len = 0;
  b->failed = b->no_memory = false;
}

void buf_consume(struct buf *b, size_t n) {
  if (n == 0) return;
  b->len -= n;
  memmove(b->data, b->data + n, b->len);
}

/* Makes cap >= len + more (one byte extra for buf_cstr); false when it may or can not. */
static bool grow(struct buf *b, size_t more) {
  if (b->failed || more > b->max - b->len) {
    b->failed = true;
    return false;
  }
  size_t need = b->len + more + 1;
  if (need <= b->cap) return true;
  size_t cap = b->cap < 64 ? 64 : b->cap;
  while (cap < need) cap = cap > SIZE_MAX / 2 ? need : cap * 2;
  uint8_t *data = realloc(b->data, cap);
  if (data == NULL) {
    b->failed = b->no_memory = true;
    return false;
  }
  b->data = data;
  b->cap = cap;
  return true;
}

uint8_t *buf_reserve(struct buf *b, size_t len) {
  return grow(b, len) ? b->data + b->len : NULL;
}

void buf_put(struct buf *b, const void *data, size_t len) {
  if (len == 0 || !grow(b, len)) return;
  memcpy(b->data + b->len, data, len);
  b->len += len;
}

void buf_put_str(struct buf *b, const char *s) {
  buf_put(b, s, strlen(s));
}

void buf_put_u8(struct buf *b, uint8_t v) {
  buf_put(b, &v, 1);
}

void buf_put_u16(struct buf *b, uint16_t v) {
  uint8_t raw[2] = {(uint8_t)(v >> 8), (uint8_t)v};
  buf_put(b, raw, sizeof raw);
}

void buf_put_u32(struct buf *b, uint32_t v) {
  uint8_t raw[4];
  be32_put(raw, v);
  buf_put(b, raw, sizeof raw);
}

void buf_put_u64(struct buf *b, uint64_t v) {
  buf_put_u32(b, (uint32_t)(v >> 32));
  buf_put_u32(b, (uint32_t)v);
}

void buf_printf(struct buf *b, const char *fmt, ...) {
  va_list ap;
  va_list again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0) {
    b->failed = true;
  } else if (grow(b, (size_t)n)) {
    vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
    b->len += (size_t)n;
  }
  va_end(again);
}

const char *buf_cstr(struct buf *b) {
  if (b->data == NULL) return "";
  b->data[b->len] = '\0';
  return (const char *)b->data;
}
