#include "app/annotate_dump.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/escape.h"
#include "proto/addr.h"

enum {
  HEX_ROW = 16,    /* bytes of a row that is no item */
  ITEM_MAX = 64,   /* bytes of an item, at least */
  ID = 20,         /* of a node */
  PORT = 2,
  MEANING_MAX = 128
};

bool annotate_dump_is_text(const uint8_t *p, size_t len) {
  uint32_t c = 0;
  for (size_t i = 0; i < len;) {
    size_t n = escape_utf8(p + i, len - i, &c);
    if (n == 0 || c == 0x7f || (c < ' ' && c != '\t' && c != '\r' && c != '\n')) return false;
    i += n;
  }
  return true;
}

void annotate_dump_begin(struct annotate_dump *d, const uint8_t *in, size_t from, size_t to,
                         const struct annotate_items *items, size_t depth, size_t rows) {
  *d = (struct annotate_dump){.in = in, .at = from, .end = to, .depth = depth, .rows = rows};
  d->unit = annotate_keys_unit(items, to - from);
  d->items = items;
  d->text = d->unit == 0 && annotate_dump_is_text(in + from, to - from);
}

/* --- Text. --- */

/* Writes the characters at d->at that fit into `room` columns, one at least, into `out`; returns
 * how many bytes that were. */
static size_t text_row(const struct annotate_dump *d, size_t room, char *out, size_t size) {
  size_t at = d->at;
  size_t columns = 0;
  while (at < d->end) {
    char one[16];
    uint32_t c;
    size_t n = escape_utf8(d->in + at, d->end - at, &c);
    if (n == 0) n = 1;
    size_t w = escape_term((const char *)d->in + at, n, one, sizeof one);
    if ((columns > 0 && columns + w > room) || columns + w >= size) break;
    memcpy(out + columns, one, w);
    columns += w;
    at += n;
  }
  out[columns] = '\0';
  return at - d->at;
}

static size_t put_text(const struct annotate_dump *d, const struct annotate_page *p,
                       struct buf *out) {
  char text[ANNOTATE_WIDTH_MAX + 1];
  char quoted[sizeof text + 2];
  size_t n = text_row(d, annotate_row_room(p, d->depth) - 2, text, sizeof text);
  snprintf(quoted, sizeof quoted, "\"%s\"", text);
  if (out != NULL) annotate_row_part(p, out, d->depth, (uint32_t)d->at, quoted, "");
  return n;
}

/* --- Bytes of no known meaning. --- */

/* "61 62 63" for at most HEX_ROW bytes; returns its length. */
static size_t spaced(const uint8_t *bytes, size_t len, char out[static 3 * HEX_ROW + 1]) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    if (i > 0) out[n++] = ' ';
    crypto_hex(bytes + i, 1, out + n);
    n += 2;
  }
  out[n] = '\0';
  return n;
}

static size_t put_hex(const struct annotate_dump *d, const struct annotate_page *p,
                      struct buf *out) {
  char text[3 * HEX_ROW + 1];
  char letters[HEX_ROW + 1];
  size_t room = annotate_row_room(p, d->depth);
  size_t per = HEX_ROW;
  while (3 * per - 1 > room && per > 1) per /= 2;
  size_t n = d->end - d->at < per ? d->end - d->at : per;
  if (out == NULL) return n;
  for (size_t i = 0; i < n; i++) {
    uint8_t c = d->in[d->at + i];
    letters[i] = c > ' ' && c < 0x7f ? (char)c : '.';
  }
  bool beside = room >= 4 * per + 1;
  letters[beside ? n : 0] = '\0';
  size_t columns = spaced(d->in + d->at, n, text);
  while (beside && columns < 3 * per - 1) text[columns++] = ' ';
  text[columns] = '\0';
  annotate_row_part(p, out, d->depth, (uint32_t)d->at, text, letters);
  return n;
}

/* --- Items. --- */

/* `len` bytes from `at` on, at most ITEM_MAX, in one row if there is room, a blank behind the first
 * `head` of them if that is neither 0 nor all. */
static void put_span(const struct annotate_dump *d, const struct annotate_page *p, struct buf *out,
                     size_t at, size_t len, size_t head, const char *meaning) {
  char text[2 * ITEM_MAX + 2];
  size_t room = annotate_row_room(p, d->depth);
  if (head > 0 && head < len && 2 * len + 1 <= room) {
    crypto_hex(d->in + at, head, text);
    text[2 * head] = ' ';
    crypto_hex(d->in + at + head, len - head, text + 2 * head + 1);
    annotate_row_part(p, out, d->depth, (uint32_t)at, text, meaning);
    return;
  }
  size_t per = len;
  while (2 * per > room && per > 1) per = (per + 1) / 2;
  for (size_t i = 0; i < len; i += per) {
    crypto_hex(d->in + at + i, len - i < per ? len - i : per, text);
    annotate_row_part(p, out, d->depth, (uint32_t)(at + i), text, i == 0 ? meaning : "");
  }
}

static void put_peer(const struct annotate_dump *d, const struct annotate_page *p, struct buf *out,
                     size_t at, size_t len) {
  char text[ADDR_TEXT_MAX];
  struct addr a = len == 6 ? addr_from_compact4(d->in + at) : addr_from_compact6(d->in + at);
  put_span(d, p, out, at, len, len - PORT, addr_text(&a, text));
}

static void put_address(const struct annotate_dump *d, const struct annotate_page *p,
                        struct buf *out) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(d->unit == 4 ? AF_INET : AF_INET6, d->in + d->at, text, sizeof text);
  put_span(d, p, out, d->at, d->unit, 0, text);
}

/* BEP 11: the flags of a peer that ut_pex tells of. */
static void put_flags(const struct annotate_dump *d, const struct annotate_page *p,
                      struct buf *out) {
  static const char *const names[8] = {"prefers encryption", "downloads nothing", "knows uTP",
                                       "knows ut_holepunch", "can be reached"};
  char text[MEANING_MAX] = "";
  size_t n = 0;
  for (size_t bit = 0; bit < 8; bit++)
    if (d->in[d->at] >> bit & 1 && names[bit] != NULL)
      n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "", names[bit]);
  put_span(d, p, out, d->at, 1, 0, text);
}

static void put_item(const struct annotate_dump *d, const struct annotate_page *p,
                     struct buf *out) {
  char text[MEANING_MAX] = "";
  switch (d->items->form) {
  case FORM_PEER:
    put_peer(d, p, out, d->at, d->unit);
    return;
  case FORM_NODE:
    put_span(d, p, out, d->at, ID, 0, "a node,");
    put_peer(d, p, out, d->at + ID, d->unit - ID);
    return;
  case FORM_ADDRESS:
    put_address(d, p, out);
    return;
  case FORM_FLAGS:
    put_flags(d, p, out);
    return;
  default:
    if (d->items->numbered != NULL)
      snprintf(text, sizeof text, "%s %zu", d->items->numbered, d->number);
    put_span(d, p, out, d->at, d->unit, 0, text);
  }
}

/* --- The rows. --- */

/* What a row can't show any more. */
static void put_rest(const struct annotate_dump *d, const struct annotate_page *p,
                     struct buf *out) {
  char raw[32];
  char text[MEANING_MAX];
  size_t left = d->end - d->at;
  snprintf(raw, sizeof raw, "[+%zu]", left);
  if (d->unit > 0)
    snprintf(text, sizeof text, "%zu more %s: --full", left / d->unit, d->items->many);
  else
    snprintf(text, sizeof text, "%zu more bytes: --full", left);
  annotate_row_part(p, out, d->depth, (uint32_t)d->at, raw, text);
}

bool annotate_dump_step(struct annotate_dump *d, const struct annotate_page *p, struct buf *out) {
  if (d->at == d->end) return false;
  size_t n = d->unit > 0 ? d->unit : d->text ? put_text(d, p, NULL) : put_hex(d, p, NULL);
  if (d->rows == 0 && n < d->end - d->at) {
    put_rest(d, p, out);
    d->at = d->end;
    return true;
  }
  if (d->unit > 0)
    put_item(d, p, out);
  else if (d->text)
    put_text(d, p, out);
  else
    put_hex(d, p, out);
  d->at += n;
  d->number++;
  if (d->rows > 0) d->rows--;
  return true;
}
