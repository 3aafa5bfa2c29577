/*
 * check: hashes what is on disk, on all cores.
 *
 * Threads take runs of pieces from a shared counter, read them in fragments of 512 KiB, three pieces at a time, so
 * that base/sha1 can interleave three chains. Memory is bounded whatever the piece length.
 */
#ifndef WEFT_IO_CHECK_H
#define WEFT_IO_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bitset.h"
#include "base/err.h"
#include "io/store.h"

struct check_progress {           /* read it from another thread while the check runs */
  _Atomic uint32_t pieces_done;   /* looked at */
  _Atomic uint32_t pieces_good;
  atomic_bool cancel;             /* set it to stop early */
};

/*
 * Checks every piece set in `which` (NULL: all) and sets the bit in `good` of each that matches (others are
 * cleared). Pieces that lie wholly in files that do not exist are bad without reading. A read error makes the piece
 * bad and is logged. `threads` 0: one per core, at most 16. Waits until finished.
 * ERR_OK, ERR_CANCELLED, ERR_MEMORY.
 */
enum err check_run(struct store *s, const struct metainfo *m, const struct bitset *which,
                   struct bitset *good, unsigned threads, struct check_progress *p);

#endif
