/*
 * annotate_dump: every byte of a string, below its row in the tree.
 *
 *   text      as it is, in quotes, escaped as on a terminal
 *   a row of known items (app/annotate_keys): hexadecimal, one item to a row, split as it is meant,
 *             and what it is: the address of a peer, the number of a piece
 *   others    hexadecimal, 16 bytes to a row where there is room, and the characters that they
 *             would be
 *
 *    11   125  | 120:\x7f\x00\x00 [+117]  string of 120 bytes: 20 peers of 6 bytes
 *    15     +  | 7f000001 1ae1             127.0.0.1:6881
 *
 * Each row begins with the offset of its first byte. A limit on the rows is kept by one more row
 * that counts what is left out, unless that is a single one. Rows are made one at a time, so that a
 * string of 64 MiB passes through a small buffer.
 */
#ifndef WEFT_APP_ANNOTATE_DUMP_H
#define WEFT_APP_ANNOTATE_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/annotate_keys.h"
#include "app/annotate_row.h"
#include "base/buf.h"

struct annotate_dump {
  const uint8_t *in; /* the whole input, not owned */
  size_t at;         /* where the next row begins */
  size_t end;
  size_t depth;
  size_t rows;       /* that may still be shown */
  size_t number;     /* of the next item */
  size_t unit;       /* bytes of an item, 0: no items */
  const struct annotate_items *items;
  bool text;
};

/* Is [from, to) text: UTF-8, without control characters but tab and the ends of lines? */
bool annotate_dump_is_text(const uint8_t *p, size_t len);

/* Begins the rows of in[from, to), which lies `depth` levels below the root, at most `rows` of
 * them. `items` says what the bytes are, NULL if nobody knows. */
void annotate_dump_begin(struct annotate_dump *d, const uint8_t *in, size_t from, size_t to,
                         const struct annotate_items *items, size_t depth, size_t rows);

/* Appends the next row, or the few that an item needs, to `out`. Returns false when there was none
 * left; a zeroed struct has none. */
bool annotate_dump_step(struct annotate_dump *d, const struct annotate_page *p, struct buf *out);

#endif
