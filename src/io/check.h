/*
 * check: hashes what is on disk, on all cores.
 *
 * Each thread takes groups of four neighbouring pieces from a shared counter and reads them side by
 * side in fragments of 256 KiB, so that base/sha1 can advance four hashes at once while the bytes
 * are still in the processor's cache. Memory is 1 MiB per thread whatever the piece length. Pieces
 * that reach into a file that is missing or too short are bad without being read, so a torrent of
 * which nothing is there yet costs one look at each file.
 */
#ifndef WEFT_IO_CHECK_H
#define WEFT_IO_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bitset.h"
#include "base/err.h"
#include "io/store.h"
#include "proto/metainfo.h"

enum { CHECK_THREADS_MAX = 16 };

/* Zeroed by its owner; read it from another thread while the check runs. */
struct check_progress {
  _Atomic uint32_t pieces_done; /* looked at; at the end, all that were to be checked */
  _Atomic uint32_t pieces_good;
  atomic_bool cancel; /* set it to stop early */
};

/*
 * Checks every piece set in `which` (NULL: all) and sets its bit in `good` if it matches; all other
 * bits are cleared. Both have m->geo.pieces bits. A read error makes the piece bad and is logged.
 * `threads` 0: one per core that we may use, at most 16; the calling thread is one of them, and if
 * others cannot be started it does with fewer. `p` may be NULL. Waits until finished, at most some
 * 256 KiB reads longer than `cancel`. Others may read the store meanwhile, not write what is being
 * checked. Returns ERR_OK, ERR_CANCELLED (`good` has what was found so far), ERR_MEMORY.
 */
enum err check_run(struct store *s, const struct metainfo *m, const struct bitset *which,
                   struct bitset *good, unsigned threads, struct check_progress *p);

#endif
