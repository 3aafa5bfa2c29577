#include "proto/canon_text.h"

#include "base/escape.h"

enum { KEY_SHOWN = 40 }; /* bytes of a key in a sentence */

static bool is_digit(int c) {
  return c >= '0' && c <= '9';
}

const char *canon_text_name(enum canon_what what) {
  static const char *const names[CANON_COUNT] = {
    [CANON_UNSORTED] = "unsorted-key",
    [CANON_DUPLICATE] = "duplicate-key",
    [CANON_INT_ZEROS] = "leading-zero",
    [CANON_INT_MINUS_ZERO] = "minus-zero",
    [CANON_INT_PLUS] = "plus-sign",
    [CANON_INT_EMPTY] = "no-digit",
    [CANON_INT_JUNK] = "junk-in-integer",
    [CANON_LEN_ZEROS] = "length-leading-zero",
    [CANON_BLANK] = "blank",
    [CANON_KEY_TYPE] = "key-not-a-string",
    [CANON_NO_VALUE] = "key-without-value",
    [CANON_TRAILING] = "trailing-bytes",
    [CANON_CUT] = "input-ends",
    [CANON_STR_CUT] = "string-too-long",
    [CANON_NO_COLON] = "no-colon",
    [CANON_UNKNOWN] = "no-value",
    [CANON_NO_KEY] = "no-key",
    [CANON_DEEP] = "too-deep",
    [CANON_MANY] = "too-many-values",
  };
  return names[what];
}

/* A key, of which only the offset is known, in quotes. It was read before, so its ':' is there. */
static void put_key(const struct canon *c, uint32_t at, struct buf *out) {
  char safe[8 * KEY_SHOWN + 1];
  size_t n = 0;
  const uint8_t *p = c->doc.in + at;
  const uint8_t *end = c->doc.in + c->len;
  for (; p < end && is_digit(*p); p++)
    if (n <= c->len) n = n * 10 + (size_t)(*p - '0');
  if (p < end) p++;
  if (n > (size_t)(end - p)) n = (size_t)(end - p);
  escape_term((const char *)p, n < KEY_SHOWN ? n : KEY_SHOWN, safe, sizeof safe);
  buf_printf(out, "\"%s%s\"", safe, n > KEY_SHOWN ? "..." : "");
}

/* "the list that begins at byte 5" */
static void put_open(const struct canon *c, const struct canon_fault *f, struct buf *out) {
  int first = f->other < c->len ? c->doc.in[f->other] : 0;
  buf_printf(out, "the %s that begins at byte %u",
             first == 'd'   ? "dictionary"
             : first == 'l' ? "list"
             : first == 'i' ? "integer"
                            : "string",
             f->other);
}

/* "'x'", or "byte 0x1b" for what cannot be shown. */
static void put_found(const struct canon *c, uint32_t at, struct buf *out) {
  int byte = at < c->len ? c->doc.in[at] : 0;
  buf_printf(out, byte > ' ' && byte < 0x7f ? "'%c'" : "byte 0x%02x", byte);
}

static void put_cut(const struct canon *c, const struct canon_fault *f, struct buf *out) {
  if (f->other == f->at) {
    buf_put_str(out, "the input ends, expected a value: a digit, 'i', 'l' or 'd'");
    return;
  }
  int first = c->doc.in[f->other];
  buf_printf(out, "the input ends, expected %s of ",
             is_digit(first) ? "the ':'" : first == 'i' ? "the 'e'" : "the rest, up to the 'e',");
  put_open(c, f, out);
}

static void put_unknown(const struct canon *c, const struct canon_fault *f, struct buf *out) {
  bool inside = f->other != f->at;
  buf_put_str(out, "expected a value (a digit, 'i', 'l' or 'd')");
  if (inside) {
    buf_put_str(out, " or the 'e' of ");
    put_open(c, f, out);
  }
  buf_put_str(out, ", found ");
  put_found(c, f->at, out);
}

/* The sentences about dictionaries. */
static void put_dict_text(const struct canon *c, const struct canon_fault *f, struct buf *out) {
  switch (f->what) {
  case CANON_UNSORTED:
    buf_put_str(out, "keys are not in order: ");
    put_key(c, f->at, out);
    buf_put_str(out, " belongs before ");
    put_key(c, f->other, out);
    buf_printf(out, " of byte %u", f->other);
    return;
  case CANON_DUPLICATE:
    buf_put_str(out, "the key ");
    put_key(c, f->at, out);
    buf_printf(out, " was there before, at byte %u", f->other);
    return;
  case CANON_KEY_TYPE:
  case CANON_NO_KEY:
    buf_put_str(out, "expected a key, which is a string, or the 'e' of ");
    put_open(c, f, out);
    buf_put_str(out, ", found ");
    put_found(c, f->at, out);
    return;
  default:
    buf_put_str(out, "expected the value of the last key of ");
    put_open(c, f, out);
    buf_put_str(out, ", found its 'e'");
  }
}

/* The sentences about integers and strings. */
static void put_leaf_text(const struct canon *c, const struct canon_fault *f, struct buf *out) {
  static const char *const texts[CANON_COUNT] = {
    [CANON_INT_ZEROS] = "expected an integer without leading zeros",
    [CANON_INT_MINUS_ZERO] = "expected 0 without a minus sign",
    [CANON_INT_PLUS] = "expected a digit or '-', found '+'",
    [CANON_INT_EMPTY] = "expected a digit of an integer, found ",
    [CANON_INT_JUNK] = "expected a digit or the 'e' that ends an integer, found ",
    [CANON_LEN_ZEROS] = "expected a length without leading zeros",
    [CANON_STR_CUT] = "expected a string no longer than the rest of the input",
    [CANON_NO_COLON] = "expected a digit or the ':' behind the length of a string, found ",
  };
  buf_put_str(out, texts[f->what]);
  if (f->what == CANON_INT_EMPTY || f->what == CANON_INT_JUNK || f->what == CANON_NO_COLON)
    put_found(c, f->at, out);
  if (f->what == CANON_STR_CUT) {
    size_t rest = c->len - f->at;
    buf_printf(out, ", which has %zu byte%s from here on", rest, rest == 1 ? "" : "s");
  }
}

void canon_text_put(const struct canon *c, const struct canon_fault *f, struct buf *out) {
  switch (f->what) {
  case CANON_UNSORTED:
  case CANON_DUPLICATE:
  case CANON_KEY_TYPE:
  case CANON_NO_KEY:
  case CANON_NO_VALUE:
    put_dict_text(c, f, out);
    return;
  case CANON_BLANK:
    buf_put_str(out, "expected a value, found a blank or newline; bencoding has none in between");
    return;
  case CANON_TRAILING:
    buf_printf(out, "expected the end of the input, found %zu more byte%s", c->len - f->at,
               c->len - f->at == 1 ? "" : "s");
    return;
  case CANON_CUT:
    put_cut(c, f, out);
    return;
  case CANON_UNKNOWN:
    put_unknown(c, f, out);
    return;
  case CANON_DEEP:
    buf_printf(out, "lists and dictionaries are nested more than %d deep, which is as deep as "
               "weft reads", BENCODE_DEPTH_MAX);
    return;
  case CANON_MANY:
    buf_printf(out, "there are more than %zu values, which is as many as weft reads",
               bencode_torrent_limits.max_tokens);
    return;
  default:
    put_leaf_text(c, f, out);
  }
}
