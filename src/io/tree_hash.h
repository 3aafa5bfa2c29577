/*
 * tree_hash: the piece hashes of files on disk, on all cores.
 *
 * The files of a tree, laid end to end, are cut into pieces. Each thread takes up to four
 * neighbouring pieces from a shared counter and reads them side by side in fragments of 256 KiB, so
 * that base/sha1 can advance four hashes at once while the bytes are still in the processor's
 * cache: the same idea as in io/check, for files that have no hashes yet. Memory is 1 MiB per
 * thread whatever the piece length, descriptors are four per thread. A file is opened only if it
 * still is what the walk found; one that ends too early has changed: an error, not a hash.
 */
#ifndef WEFT_IO_TREE_HASH_H
#define WEFT_IO_TREE_HASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "io/tree.h"
#include "proto/geometry.h"

enum { TREE_HASH_THREADS_MAX = 16 };

/* Zeroed by its owner; read it from another thread meanwhile. */
struct tree_hash_progress {
  _Atomic uint64_t bytes; /* hashed */
  atomic_bool cancel;     /* set it to stop early */
};

/*
 * Writes the hash of each of the geo->pieces pieces (20 bytes) to `hashes`. `geo` describes
 * t->total bytes. `threads` 0: one per core that we may use, at most 16; the calling thread is one
 * of them, and if others cannot be started it does with fewer. At the end looks at all files again.
 * Waits until finished, at most some 256 KiB reads longer than p->cancel.
 * Returns ERR_OK; ERR_CANCELLED; after one sentence in the log ERR_MISMATCH (a file changed),
 * ERR_ACCESS, ERR_NOT_FOUND, ERR_IO, ERR_MEMORY.
 */
enum err tree_hash_run(const struct tree *t, const struct geometry *geo, uint8_t *hashes,
                       unsigned threads, struct tree_hash_progress *p);

#endif
