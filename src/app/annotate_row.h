/*
 * annotate_row: the rows of a tree of bytes, in their columns.
 *
 *    at   len  bytes                   what it is
 *    11    34  | 31:http://tra [+21]   string of 31 bytes
 *    14     +  | "http://tracker.example/announce"
 *
 * A value has a row of its own, with as many of its bytes as there is room for. What has no room
 * stands in rows below it, which are marked with '+' where the length would be. Bars lead down from
 * the root. Where there are fewer than 64 columns, the meaning goes below the bytes. No row is
 * wider than the page, unless a single character is.
 */
#ifndef WEFT_APP_ANNOTATE_ROW_H
#define WEFT_APP_ANNOTATE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { ANNOTATE_WIDTH_MIN = 40, ANNOTATE_WIDTH_MAX = 120, ANNOTATE_WIDTH = 80 };

struct annotate_page {
  size_t width;        /* columns of the text */
  size_t number_width; /* of the two columns of numbers */
  size_t raw_width;    /* of the column of bytes */
};

/* Everything below appends to `out`, whose overflow shows there, and waits for nothing. */

/* Divides `width` columns, which are made to lie between ANNOTATE_WIDTH_MIN and ANNOTATE_WIDTH_MAX,
 * for an input of `len` bytes. Returns nothing. */
void annotate_row_page(struct annotate_page *p, size_t width, size_t len);

/* The titles of the columns. */
void annotate_row_titles(const struct annotate_page *p, struct buf *out);

/* A value, `depth` levels below the root: `len` bytes at offset `at`, of which the first `shown`
 * stand at `bytes`, and what they mean. Returns true if all of `shown` had room. */
bool annotate_row_value(const struct annotate_page *p, struct buf *out, size_t depth, uint32_t at,
                        uint32_t len, const uint8_t *bytes, size_t shown, const char *meaning);

/* A part of the value above, which begins at offset `at`: `raw` is what to show of it, fit for a
 * terminal and no longer than annotate_row_room(). `meaning` may be "". */
void annotate_row_part(const struct annotate_page *p, struct buf *out, size_t depth, uint32_t at,
                       const char *raw, const char *meaning);

/* Returns the columns from the bars of that depth to the end of the line. */
size_t annotate_row_room(const struct annotate_page *p, size_t depth);

/* A line of its own below another: `mark` and a sentence, its words wrapped. */
__attribute__((format(printf, 4, 5))) void annotate_row_note(const struct annotate_page *p,
                                                             struct buf *out, const char *mark,
                                                             const char *fmt, ...);

#endif
