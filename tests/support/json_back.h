/*
 * json_back: JSON as proto/bencode_json writes it, turned back into bencoding.
 *
 * The way back proves that nothing was lost. It follows the rules in bencode_json.h and nothing
 * else, and refuses whatever would be ambiguous or no valid JSON: characters outside of ASCII,
 * lone surrogates, numbers with a sign or zeros that say nothing, digits of the other case.
 */
#ifndef WEFT_TESTS_JSON_BACK_H
#define WEFT_TESTS_JSON_BACK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "proto/bencode.h"

/* The four digits of \uNNNN at `s`; -1 if they are none. */
static inline int json_back_unit(const char *s) {
  uint8_t two[2];
  if (s[0] != '\\' || s[1] != 'u' || strnlen(s, 6) < 6) return -1;
  return crypto_unhex(s + 2, 4, two, 2) ? two[0] << 8 | two[1] : -1;
}

static inline void json_back_utf8(struct buf *b, uint32_t c) {
  if (c < 0x80) {
    buf_put_u8(b, (uint8_t)c);
    return;
  }
  int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
  buf_put_u8(b, (uint8_t)(lead[more] | c >> 6 * more));
  while (more-- > 0) buf_put_u8(b, (uint8_t)(0x80 | (c >> 6 * more & 63)));
}

/* The content of a string whose opening quote stands before `s`. Returns what is behind its closing
 * quote, NULL if it is malformed. */
static inline const char *json_back_text(const char *s, struct buf *text) {
  while (*s != '"') {
    if (*s < 0x20 || *s > 0x7e) return NULL;
    if (*s != '\\') {
      buf_put_u8(text, (uint8_t)*s++);
      continue;
    }
    int c = json_back_unit(s);
    if (c < 0 || (c >= 0xdc00 && c < 0xe000)) return NULL;
    s += 6;
    if (c >= 0xd800 && c < 0xdc00) {
      int low = json_back_unit(s);
      if (low < 0xdc00 || low >= 0xe000) return NULL;
      s += 6;
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    json_back_utf8(text, (uint32_t)c);
  }
  return s + 1;
}

/* A string, as bencoding. */
static inline const char *json_back_str(const char *s, struct buf *out) {
  struct buf text;
  buf_init(&text, out->max);
  s = json_back_text(s, &text);
  const char *t = buf_cstr(&text);
  if (s != NULL && text.len >= 4 && memcmp(t, "hex:", 4) == 0) {
    size_t n = (text.len - 4) / 2;
    uint8_t *bytes = malloc(n + 1);
    if (bytes == NULL || strcspn(t, "ABCDEF") != text.len ||
        !crypto_unhex(t + 4, text.len - 4, bytes, n))
      s = NULL;
    else
      bencode_put_str(out, bytes, n);
    free(bytes);
  } else if (s != NULL) {
    bencode_put_str(out, t, text.len);
  }
  buf_free(&text);
  return s;
}

static inline const char *json_back_number(const char *s, struct buf *out) {
  size_t minus = *s == '-';
  size_t n = strspn(s + minus, "0123456789");
  if (n == 0 || (s[minus] == '0' && (n > 1 || minus))) return NULL;
  buf_printf(out, "i%.*se", (int)(n + minus), s);
  return s + minus + n;
}

/*
 * Appends the bencoding of the JSON document `s` to `out`. False if it is no such document.
 * `closers` remembers what is open; a comma must stand between members, a colon behind a key.
 */
static inline bool json_back(const char *s, struct buf *out) {
  char closers[BENCODE_DEPTH_MAX];
  size_t depth = 0;
  bool member = false; /* one stands before, in the same container */
  for (;;) {
    bool closing = depth > 0 && *s == closers[depth - 1];
    if (closing) {
      depth--;
      s++;
      bencode_close(out);
    } else {
      if (member && *s++ != ',') return false;
      if (depth > 0 && closers[depth - 1] == '}') {
        if (*s != '"' || (s = json_back_str(s + 1, out)) == NULL || *s++ != ':') return false;
      }
      member = false;
      if (*s == '{' || *s == '[') {
        if (depth == BENCODE_DEPTH_MAX) return false;
        buf_put_u8(out, *s == '{' ? 'd' : 'l');
        closers[depth++] = *s++ == '{' ? '}' : ']';
        continue;
      }
      s = *s == '"' ? json_back_str(s + 1, out) : json_back_number(s, out);
      if (s == NULL) return false;
    }
    member = true;
    if (depth == 0) return *s == '\0';
  }
}

#endif
