#include "base/escape.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

size_t escape_utf8(const uint8_t *in, size_t len, uint32_t *cp) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t n;
  uint32_t c;
  if (in[0] < 0x80) {
    *cp = in[0];
    return 1;
  } else if ((in[0] & 0xe0) == 0xc0) {
    n = 2;
    c = in[0] & 0x1fu;
  } else if ((in[0] & 0xf0) == 0xe0) {
    n = 3;
    c = in[0] & 0x0fu;
  } else if ((in[0] & 0xf8) == 0xf0) {
    n = 4;
    c = in[0] & 0x07u;
  } else {
    return 0;
  }
  if (n > len) return 0;
  for (size_t i = 1; i < n; i++) {
    if ((in[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (in[i] & 0x3fu);
  }
  if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
  *cp = c;
  return n;
}

/* Characters that are valid but must not reach a terminal as they are. */
static bool hidden(uint32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return true;
  if (c == 0xad || c == 0x61c || c == 0x180e || c == 0xfeff) return true;
  if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e)) return true;
  if (c >= 0x2060 && c <= 0x206f) return true;
  if ((c >= 0xfff0 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff)) return true;
  return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

/* Appends `n` bytes of `piece` if they fit with the final NUL; false when they don't. */
static bool put(char *out, size_t size, size_t *at, const char *piece, size_t n) {
  if (n >= size - *at) return false;
  memcpy(out + *at, piece, n);
  *at += n;
  return true;
}

size_t escape_term(const char *in, size_t len, char *out, size_t size) {
  const uint8_t *p = (const uint8_t *)in;
  size_t at = 0;
  for (size_t i = 0; i < len;) {
    uint32_t c = 0;
    char tmp[16];
    size_t n = escape_utf8(p + i, len - i, &c);
    int w;
    if (n == 0 || c < 0x20 || c == 0x7f) {
      w = snprintf(tmp, sizeof tmp, "\\x%02x", p[i]);
      n = 1;
    } else if (c == '\\') {
      w = snprintf(tmp, sizeof tmp, "\\\\");
    } else if (hidden(c)) {
      w = snprintf(tmp, sizeof tmp, "\\u{%x}", c);
    } else {
      memcpy(tmp, in + i, n);
      w = (int)n;
    }
    if (!put(out, size, &at, tmp, (size_t)w)) break;
    i += n;
  }
  out[at] = '\0';
  return at;
}

size_t escape_json(const char *in, size_t len, char *out, size_t size) {
  const uint8_t *p = (const uint8_t *)in;
  size_t at = 0;
  for (size_t i = 0; i < len;) {
    uint32_t c = 0;
    char tmp[16];
    size_t n = escape_utf8(p + i, len - i, &c);
    int w;
    if (n == 0) {
      w = snprintf(tmp, sizeof tmp, "\\ufffd");
      n = 1;
    } else if (c >= 0x10000) {
      uint32_t v = c - 0x10000;
      w = snprintf(tmp, sizeof tmp, "\\u%04x\\u%04x", 0xd800 + (v >> 10), 0xdc00 + (v & 0x3ff));
    } else if (c < 0x20 || c > 0x7e || strchr("\"\\<>&", (int)c) != NULL) {
      w = snprintf(tmp, sizeof tmp, "\\u%04x", c);
    } else {
      tmp[0] = (char)c;
      w = 1;
    }
    if (!put(out, size, &at, tmp, (size_t)w)) break;
    i += n;
  }
  out[at] = '\0';
  return at;
}
