/*
 * ben: bencoding that can be read in a test.
 *
 *   struct buf b = ben("{'length': 5, 'path': ['a', 'b'], 'pieces': #20}");
 *
 * {} is a dictionary (keys in the order given: nothing is sorted), [] a list, a number an integer,
 * 'text' a string, #N a string of N bytes 'x', and <...> its content taken over as it stands.
 * Blanks, commas and colons between values are for the eye. The caller frees the result.
 */
#ifndef WEFT_TESTS_BEN_H
#define WEFT_TESTS_BEN_H

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Appends the one value or mark at `s`; returns what is behind it. */
static inline const char *ben_step(struct buf *b, const char *s) {
  char *end;
  size_t n;
  switch (*s) {
  case '{':
    buf_put_u8(b, 'd');
    return s + 1;
  case '[':
    buf_put_u8(b, 'l');
    return s + 1;
  case '}':
  case ']':
    buf_put_u8(b, 'e');
    return s + 1;
  case ' ':
  case ',':
  case ':':
  case '\n':
    return s + 1;
  case '\'':
    n = strcspn(s + 1, "'");
    buf_printf(b, "%zu:%.*s", n, (int)n, s + 1);
    return s + n + 2;
  case '<':
    n = strcspn(s + 1, ">");
    buf_put(b, s + 1, n);
    return s + n + 2;
  case '#':
    n = strtoul(s + 1, &end, 10);
    buf_printf(b, "%zu:", n);
    for (size_t i = 0; i < n; i++) buf_put_u8(b, 'x');
    return end;
  default:
    n = strspn(s, "-0123456789");
    buf_printf(b, "i%.*se", (int)n, s);
    return n ? s + n : s + strlen(s);
  }
}

static inline struct buf ben(const char *text) {
  struct buf b;
  buf_init(&b, 1u << 24);
  while (*text) text = ben_step(&b, text);
  return b;
}

#endif
