/*
 * Text from strangers on its way to a terminal or into JSON: base/escape.
 *
 * Beside single examples, two properties are tried on many hostile names: what comes out holds
 * nothing that a terminal acts upon, and it can be read back to the very bytes that went in. The
 * reading back and the check of UTF-8 are written here a second time on purpose.
 */
#include "../test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/escape.h"

enum { NAMES = 50000, NAME_MAX_LEN = 48 };

static void assert_term(const char *in, size_t len, const char *want) {
  char out[256];
  assert_int_equal(escape_term(in, len, out, sizeof out), strlen(want));
  assert_string_equal(out, want);
}

static void assert_json(const char *in, size_t len, const char *want) {
  char out[256];
  assert_int_equal(escape_json(in, len, out, sizeof out), strlen(want));
  assert_string_equal(out, want);
}

TEST(printable_text_reaches_the_terminal_as_it_is) {
  assert_term("plain ~!", 8, "plain ~!");
  assert_term("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80", 15,
              "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80");
  assert_term("", 0, "");
}

TEST(controls_are_shown_not_sent) {
  assert_term("a\0b\x1b[2J\x7f\n", 9, "a\\x00b\\x1b[2J\\x7f\\x0a");
  assert_term("\xc2\x9b", 2, "\\u{9b}");
  assert_term("back\\slash", 10, "back\\\\slash");
}

TEST(what_turns_the_reading_order_is_shown) {
  assert_term("\xe2\x80\xae" "exe", 6, "\\u{202e}exe");
  assert_term("\xe2\x81\xa6\xd8\x9c\xef\xbb\xbf", 8, "\\u{2066}\\u{61c}\\u{feff}");
  assert_term("\xe2\x80\x8b", 3, "\\u{200b}");
  assert_term("\xef\xbf\xbe\xf4\x8f\xbf\xbf", 7, "\\u{fffe}\\u{10ffff}");
}

TEST(bytes_that_are_no_utf8_are_shown_one_by_one) {
  assert_term("\xff", 1, "\\xff");
  assert_term("\xc0\xae", 2, "\\xc0\\xae");
  assert_term("\xe0\x80\xae", 3, "\\xe0\\x80\\xae");
  assert_term("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");
  assert_term("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80");
  assert_term("a\xe2\x82", 3, "a\\xe2\\x82");
}

TEST(json_is_ascii) {
  assert_json("a\"b\\c<d>&", 9, "a\\u0022b\\u005cc\\u003cd\\u003e\\u0026");
  assert_json("\n\x7f\0", 3, "\\u000a\\u007f\\u0000");
  assert_json("\xe2\x82\xac\xf0\x9f\x98\x80", 7, "\\u20ac\\ud83d\\ude00");
  assert_json("\xff", 1, "\\ufffd");
  assert_json("\xe2\x80\xa8", 3, "\\u2028");
}

TEST(a_character_is_decoded_or_refused) {
  uint32_t cp = 0;
  assert_int_equal(escape_utf8((const uint8_t *)"A", 1, &cp), 1);
  assert_int_equal(cp, 'A');
  assert_int_equal(escape_utf8((const uint8_t *)"\xf4\x8f\xbf\xbf", 4, &cp), 4);
  assert_int_equal(cp, 0x10ffff);
  assert_int_equal(escape_utf8((const uint8_t *)"\x80", 1, &cp), 0);
  assert_int_equal(escape_utf8((const uint8_t *)"\xc3", 1, &cp), 0);
  assert_int_equal(escape_utf8((const uint8_t *)"\xc1\xbf", 2, &cp), 0);
}

/* --- The properties. --- */

static size_t put_utf8(uint32_t c, char *out) {
  if (c < 0x80) return out[0] = (char)c, 1;
  if (c < 0x800) return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
  size_t n = c < 0x10000 ? 3 : 4;
  out[0] = (char)(n == 3 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
  for (size_t i = 1; i < n; i++) out[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 63));
  return n;
}

/* A name that somebody made up to do harm: bytes, characters of every kind, cut and overlong forms.
 * */
static size_t hostile(struct crypto_rng *r, char *out) {
  static const char *const tricks[] = {"\x1b]0;x\x07", "\xc2\x9b", "\xe2\x80\xae", "\xc0\x80",
                                       "\xed\xb2\x80", "\\x41",    "\\u{41}",      "\xef\xbb\xbf",
                                       "\xd8\x9c",     "\xf4\x8f", "</script>",    "\\"};
  size_t len = 0;
  size_t want = (size_t)crypto_rng_below(r, NAME_MAX_LEN - 12);
  while (len < want) {
    uint64_t kind = crypto_rng_below(r, 4);
    const char *trick = tricks[crypto_rng_below(r, sizeof tricks / sizeof *tricks)];
    if (kind == 0) out[len++] = (char)crypto_rng_below(r, 256);
    if (kind == 1) len += put_utf8((uint32_t)crypto_rng_below(r, 0x110000), out + len);
    if (kind == 2) len += put_utf8((uint32_t)crypto_rng_below(r, 0x2100), out + len);
    if (kind == 3) memcpy(out + len, trick, strlen(trick)), len += strlen(trick);
  }
  return len;
}

/* Is this well-formed UTF-8 without anything that acts on a terminal? By the table of well-formed
 * byte sequences in the Unicode standard. */
static bool harmless(const char *text, size_t len) {
  const uint8_t *p = (const uint8_t *)text;
  for (size_t i = 0; i < len;) {
    uint8_t a = p[i];
    uint8_t b = i + 1 < len ? p[i + 1] : 0;
    uint8_t c = i + 2 < len ? p[i + 2] : 0;
    uint8_t d = i + 3 < len ? p[i + 3] : 0;
    if (a < 0x20 || a == 0x7f) return false;
    if (a < 0x80) { i += 1; continue; }
    if (a < 0xc2 || a > 0xf4 || (b & 0xc0) != 0x80) return false;
    if (a == 0xc2 && b < 0xa0) return false;                             /* C1 */
    if (a == 0xd8 && b == 0x9c) return false;                            /* U+061C */
    if (a < 0xe0) { i += 2; continue; }
    if ((c & 0xc0) != 0x80) return false;
    if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f)) return false;
    if (a == 0xe2 && b == 0x80 && c >= 0x8b && c <= 0x8f) return false;  /* U+200B to U+200F */
    if (a == 0xe2 && b == 0x80 && c >= 0xa8 && c <= 0xae) return false;  /* U+2028 to U+202E */
    if (a == 0xe2 && b == 0x81 && c >= 0xa0 && c <= 0xaf) return false;  /* U+2060 to U+206F */
    if (a == 0xef && b == 0xbb && c == 0xbf) return false;               /* U+FEFF */
    if (a < 0xf0) { i += 3; continue; }
    if ((d & 0xc0) != 0x80 || (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f)) return false;
    i += 4;
  }
  return true;
}

/* Undoes escape_term(). Returns the length, or SIZE_MAX if the text is no product of it. */
static size_t read_term(const char *s, char *out) {
  size_t len = 0;
  while (*s) {
    char *end;
    if (*s != '\\') {
      out[len++] = *s++;
    } else if (s[1] == '\\') {
      out[len++] = '\\';
      s += 2;
    } else if (s[1] == 'x') {
      char hex[3] = {s[2], s[2] ? s[3] : '\0', '\0'};
      out[len++] = (char)strtoul(hex, &end, 16);
      if (end != hex + 2) return SIZE_MAX;
      s += 4;
    } else if (s[1] == 'u' && s[2] == '{') {
      len += put_utf8((uint32_t)strtoul(s + 3, &end, 16), out + len);
      if (*end != '}') return SIZE_MAX;
      s = end + 1;
    } else {
      return SIZE_MAX;
    }
  }
  return len;
}

/* `in` with each byte that is not UTF-8 replaced by U+FFFD. */
static size_t replaced(const char *in, size_t len, char *out) {
  size_t n = 0;
  for (size_t i = 0; i < len;) {
    uint32_t c;
    size_t k = escape_utf8((const uint8_t *)in + i, len - i, &c);
    n += put_utf8(k == 0 ? 0xfffd : c, out + n);
    i += k == 0 ? 1 : k;
  }
  return n;
}

/* Undoes escape_json(), likewise; a surrogate without its pair is refused. */
static size_t read_json(const char *s, char *out) {
  size_t len = 0;
  while (*s) {
    unsigned hi;
    unsigned lo;
    if (*s < 0x20 || *s > 0x7e || strchr("\"<>&", *s) != NULL) return SIZE_MAX;
    if (*s != '\\') {
      out[len++] = *s++;
      continue;
    }
    if (sscanf(s, "\\u%4x", &hi) != 1) return SIZE_MAX;
    s += 6;
    if (hi >= 0xd800 && hi < 0xdc00) {
      if (sscanf(s, "\\u%4x", &lo) != 1 || lo < 0xdc00 || lo > 0xdfff) return SIZE_MAX;
      s += 6;
      len += put_utf8(0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00), out + len);
    } else if (hi >= 0xdc00 && hi < 0xe000) {
      return SIZE_MAX;
    } else {
      len += put_utf8(hi, out + len);
    }
  }
  return len;
}

TEST(no_name_whatever_reaches_the_terminal_unescaped) {
  struct crypto_rng r = {.s = 20};
  for (size_t i = 0; i < NAMES; i++) {
    char in[NAME_MAX_LEN];
    char out[8 * NAME_MAX_LEN + 1];
    char back[8 * NAME_MAX_LEN + 1];
    size_t len = hostile(&r, in);
    size_t n = escape_term(in, len, out, sizeof out);
    assert_true(harmless(out, n));
    assert_int_equal(read_term(out, back), len);
    assert_memory_equal(in, back, len);
  }
}

TEST(every_name_becomes_json_and_back) {
  struct crypto_rng r = {.s = 21};
  for (size_t i = 0; i < NAMES; i++) {
    char in[NAME_MAX_LEN];
    char out[6 * NAME_MAX_LEN + 1];
    char back[6 * NAME_MAX_LEN + 1];
    char want[3 * NAME_MAX_LEN + 1];
    size_t len = hostile(&r, in);
    escape_json(in, len, out, sizeof out);
    size_t n = replaced(in, len, want);
    assert_int_equal(read_json(out, back), n);
    assert_memory_equal(want, back, n);
  }
}

TEST(what_does_not_fit_is_left_out_whole) {
  struct crypto_rng r = {.s = 22};
  for (size_t i = 0; i < NAMES / 50; i++) {
    char in[NAME_MAX_LEN];
    char back[8 * NAME_MAX_LEN + 1];
    char want[3 * NAME_MAX_LEN + 1];
    size_t len = hostile(&r, in);
    for (size_t size = 1; size < 80; size++) {
      char *out = malloc(size); /* exactly: one byte more would be noticed */
      assert_non_null(out);
      assert_in_range(escape_term(in, len, out, size), 0, size - 1);
      assert_true(harmless(out, strlen(out)));
      size_t n = read_term(out, back);
      assert_in_range(n, 0, len);
      assert_memory_equal(in, back, n);
      assert_in_range(escape_json(in, len, out, size), 0, size - 1);
      n = read_json(out, back);
      assert_in_range(n, 0, replaced(in, len, want));
      assert_memory_equal(want, back, n);
      free(out);
    }
  }
}

int main(void) {
  RUN(T(printable_text_reaches_the_terminal_as_it_is), T(controls_are_shown_not_sent),
      T(what_turns_the_reading_order_is_shown), T(bytes_that_are_no_utf8_are_shown_one_by_one),
      T(json_is_ascii), T(a_character_is_decoded_or_refused),
      T(no_name_whatever_reaches_the_terminal_unescaped), T(every_name_becomes_json_and_back),
      T(what_does_not_fit_is_left_out_whole));
}
