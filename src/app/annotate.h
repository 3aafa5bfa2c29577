/*
 * annotate: bencoding as a tree that one can read, byte by byte.
 *
 *    at   len  bytes                   what it is
 *     0   278  d                       dictionary of 2 keys: a torrent file (BEP 3)
 *     1    10  | 8:announce            key: URL of the tracker (BEP 3)
 *    11    32  | 29:http://tra [+19]   string of 29 bytes
 *
 * Each integer, string, key and each end of a list or dictionary has a line: the offset of its
 * first byte, counted from 0, how many bytes it takes, the bytes themselves as far as there is room
 * (what is left out is counted in brackets), and what they mean. A container's line stands for all
 * of it, its bytes for its first one. So the lines account for every byte of the input.
 *
 * Below a line stands, marked with '#', which bytes are hashed and what comes out, and, marked with
 * '!', what departs from canonical form, and at which byte. A summary of both ends the text. Where
 * there are fewer than 64 columns, the meaning goes below the bytes.
 *
 * The text is made in steps, so that it can leave in parts: a torrent of 64 MiB needs no more
 * memory than its values.
 */
#ifndef WEFT_APP_ANNOTATE_H
#define WEFT_APP_ANNOTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/annotate_keys.h"
#include "base/buf.h"
#include "base/sha1.h"
#include "proto/canon.h"

enum { ANNOTATE_WIDTH_MIN = 40, ANNOTATE_WIDTH_MAX = 120, ANNOTATE_WIDTH = 80 };

struct annotate_frame {
  ben_val token;   /* the container */
  uint8_t place;   /* enum annotate_place of what is in it */
  bool value;      /* dictionary: a value is next */
  const struct annotate_key *key; /* dictionary: of the value that is next; list: of its items */
};

struct annotate {
  const struct canon *c;  /* not owned */
  size_t width;           /* columns of the text */
  size_t number_width;    /* of the two columns of numbers */
  size_t raw_width;       /* of the column of bytes */
  ben_val at;             /* the token that is next */
  size_t fault;           /* the departure that is next */
  enum annotate_place root;
  ben_val info;           /* what is hashed; BEN_NONE if nothing is */
  bool begun;             /* the head was written */
  bool done;
  size_t depth;
  struct annotate_frame frames[BENCODE_DEPTH_MAX];
};

/* Begins the text about what `c` read, which must outlive it, as its input must. `width` columns,
 * which are made to lie between ANNOTATE_WIDTH_MIN and ANNOTATE_WIDTH_MAX. Nothing here waits. */
void annotate_begin(struct annotate *a, const struct canon *c, size_t width);

/* Appends the next lines, few of them, to `out`; overflow shows there. Returns false when there
 * were no more. */
bool annotate_step(struct annotate *a, struct buf *out);

#endif
