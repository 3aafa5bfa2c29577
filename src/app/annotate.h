/*
 * annotate: bencoding as a tree that one can read, byte by byte.
 *
 *    at   len  bytes                   what it is
 *     0   278  d                       dictionary of 2 keys: a torrent file (BEP 3)
 *     1    10  | 8:announce            key: URL of the tracker (BEP 3)
 *    11    34  | 31:http://tra [+21]   string of 31 bytes
 *    14     +  | "http://tracker.example/announce"
 *
 * Each integer, string, key and each end of a list or dictionary has a line: the offset of its
 * first byte, counted from 0, how many bytes it takes, the bytes themselves as far as there is room
 * (what is left out is counted in brackets), and what they mean. A container's line stands for all
 * of it, its bytes for its first one. So the lines account for every byte of the input. Where there
 * was no room for all bytes, and where they are a row of hashes or addresses, lines marked with '+'
 * show them (app/annotate_dump), the first eight of such lines or all.
 *
 * Below a line stands, marked with '#', which bytes are hashed and what comes out, and, marked with
 * '!', what departs from canonical form, and at which byte. A summary of both ends the text.
 *
 * The text is made in steps, so that it can leave in parts: a torrent of 64 MiB needs no more
 * memory than its values.
 */
#ifndef WEFT_APP_ANNOTATE_H
#define WEFT_APP_ANNOTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/annotate_dump.h"
#include "app/annotate_keys.h"
#include "app/annotate_row.h"
#include "base/buf.h"
#include "base/sha1.h"
#include "proto/canon.h"

struct annotate_options {
  size_t width; /* columns, see annotate_row_page() */
  bool full;    /* every byte of everything */
  bool newline; /* the end of a line behind the value is no departure */
};

/* What stands behind the value without being a departure. */
enum annotate_behind { BEHIND_NOTHING, BEHIND_PIECE, BEHIND_NEWLINE };

struct annotate_frame {
  ben_val token;   /* the container */
  uint8_t place;   /* enum annotate_place of what is in it */
  bool value;      /* dictionary: a value is next */
  const struct annotate_key *key; /* dictionary: of the value that is next; list: of its items */
};

struct annotate {
  const struct canon *c;  /* not owned */
  struct annotate_page page;
  struct annotate_dump dump; /* what is still to be shown of the latest value */
  size_t rows;            /* of a dump */
  ben_val at;             /* the token that is next */
  size_t fault;           /* the departure that is next */
  enum annotate_place root;
  enum annotate_behind behind;
  ben_val info;           /* what is hashed; BEN_NONE if nothing is */
  size_t info_count;      /* keys of a torrent that are "info" */
  bool begun;             /* the head was written */
  bool done;
  size_t depth;
  struct annotate_frame frames[BENCODE_DEPTH_MAX];
};

/* Begins the text about what `c` read, which must outlive it, as its input must. Nothing here
 * waits. */
void annotate_begin(struct annotate *a, const struct canon *c, const struct annotate_options *o);

/* Is `f` no departure here, but what may stand behind the value? */
bool annotate_excuses(const struct annotate *a, const struct canon_fault *f);

/* Appends the next lines, few of them, to `out`; overflow shows there. Returns false when there
 * were no more. */
bool annotate_step(struct annotate *a, struct buf *out);

#endif
