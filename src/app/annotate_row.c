#include "app/annotate_row.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/wrap.h"
#include "base/escape.h"

enum {
  WIDE = 64,     /* columns from which on meanings stand beside the bytes */
  BARS_MAX = 5,  /* levels that are drawn; deeper ones are counted */
  ROOM_MIN = 8,  /* columns for bytes, whatever stands in front */
  NOTE_MAX = 1024
};

void annotate_row_page(struct annotate_page *p, size_t width, size_t len) {
  if (width < ANNOTATE_WIDTH_MIN) width = ANNOTATE_WIDTH_MIN;
  if (width > ANNOTATE_WIDTH_MAX) width = ANNOTATE_WIDTH_MAX;
  *p = (struct annotate_page){.width = width};
  p->number_width = (size_t)snprintf(NULL, 0, "%zu", len);
  if (p->number_width < 3) p->number_width = 3;
  size_t rest = width - 2 * p->number_width - 3;
  p->raw_width = width < WIDE ? rest : (rest - 2) * 2 / 5;
}

void annotate_row_titles(const struct annotate_page *p, struct buf *out) {
  int number = (int)p->number_width;
  buf_printf(out, "%*s %*s  ", number, "at", number, "len");
  if (p->width < WIDE)
    buf_put_str(out, "bytes\n");
  else
    buf_printf(out, "%-*s  what it is\n", (int)p->raw_width, "bytes");
}

void annotate_row_note(const struct annotate_page *p, struct buf *out, const char *mark,
                       const char *fmt, ...) {
  char text[NOTE_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  buf_printf(out, "  %s ", mark);
  wrap_put(out, text, 4, 4, p->width);
}

/* --- Bytes. --- */

/* One byte, visibly; returns its columns. */
static size_t show_byte(uint8_t byte, char out[static 9]) {
  return escape_term((const char *)&byte, 1, out, 9);
}

/* " [+N]": how many bytes are left out. Returns its columns. */
static size_t show_rest(size_t rest, char out[static 32]) {
  out[0] = '\0';
  return rest == 0 ? 0 : (size_t)snprintf(out, 32, " [+%zu]", rest);
}

/* How many of the `len` bytes fit into `room` columns together with the count of the others. */
static size_t fitting(const uint8_t *p, size_t len, size_t room) {
  char text[32];
  size_t best = 0;
  size_t columns = 0;
  for (size_t n = 0; n <= len; n++) {
    if (columns + show_rest(len - n, text) <= room) best = n;
    if (n < len) columns += show_byte(p[n], text);
    if (columns > room) break;
  }
  return best;
}

/* Appends `n` of `len` bytes, and how many are left; returns the columns. */
static size_t put_bytes(struct buf *out, const uint8_t *p, size_t n, size_t len) {
  char text[32];
  size_t columns = 0;
  for (size_t i = 0; i < n; i++) {
    columns += show_byte(p[i], text);
    buf_put_str(out, text);
  }
  columns += show_rest(len - n, text);
  buf_put_str(out, text);
  return columns;
}

/* --- Rows. --- */

/* The lines that lead down from the root; deep down the level stands there as a number. Returns
 * their columns. */
static size_t put_bars(struct buf *out, size_t depth) {
  size_t bars = depth > BARS_MAX ? BARS_MAX - 1 : depth;
  size_t before = out->len;
  for (size_t i = 0; i < bars; i++) buf_put_str(out, "| ");
  if (depth > BARS_MAX) buf_printf(out, "%zu| ", depth);
  return out->len - before;
}

static size_t bars_width(size_t depth) {
  if (depth <= BARS_MAX) return 2 * depth;
  return 2 * (BARS_MAX - 1) + (size_t)snprintf(NULL, 0, "%zu| ", depth);
}

static size_t left_width(const struct annotate_page *p) {
  return 2 * p->number_width + 3;
}

size_t annotate_row_room(const struct annotate_page *p, size_t depth) {
  size_t used = left_width(p) + bars_width(depth);
  return p->width > used + ROOM_MIN ? p->width - used : ROOM_MIN;
}

/* The meaning behind bytes that end at column `used` of theirs: beside them, or below. */
static void put_meaning(const struct annotate_page *p, struct buf *out, size_t used,
                        const char *meaning) {
  size_t left = left_width(p);
  if (p->width < WIDE) {
    buf_printf(out, "\n%*s", (int)left + 2, "");
    wrap_put(out, meaning, left + 2, left + 2, p->width);
    return;
  }
  size_t column = left + p->raw_width + 2;
  size_t pad = used < p->raw_width ? p->raw_width - used : 0;
  buf_printf(out, "%*s", (int)pad + 2, "");
  wrap_put(out, meaning, column + used + pad - p->raw_width, column, p->width);
}

bool annotate_row_value(const struct annotate_page *p, struct buf *out, size_t depth, uint32_t at,
                        uint32_t len, const uint8_t *bytes, size_t shown, const char *meaning) {
  int number = (int)p->number_width;
  buf_printf(out, "%*u %*u  ", number, at, number, len);
  size_t used = put_bars(out, depth);
  size_t room = p->raw_width > used + ROOM_MIN ? p->raw_width - used : ROOM_MIN;
  size_t n = fitting(bytes, shown, room);
  used += put_bytes(out, bytes, n, shown);
  put_meaning(p, out, used, meaning);
  return n == shown;
}

void annotate_row_part(const struct annotate_page *p, struct buf *out, size_t depth, uint32_t at,
                       const char *raw, const char *meaning) {
  int number = (int)p->number_width;
  buf_printf(out, "%*u %*s  ", number, at, number, "+");
  size_t used = put_bars(out, depth) + strlen(raw);
  buf_put_str(out, raw);
  size_t from = left_width(p) + used + 2;
  if (*meaning == '\0') {
    buf_put_u8(out, '\n');
  } else if (p->width >= WIDE && used > p->raw_width && from + strlen(meaning) > p->width) {
    size_t column = left_width(p) + p->raw_width + 2;
    buf_printf(out, "\n%*s", (int)column, "");
    wrap_put(out, meaning, column, column, p->width);
  } else {
    put_meaning(p, out, used, meaning);
  }
}
