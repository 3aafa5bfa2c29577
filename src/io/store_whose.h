/*
 * store_whose: is a file that is there ours to write to?
 *
 * Before a download writes, each file of the torrent that is there already is judged by itself, as
 * a good file beside it says nothing about it. It is ours if
 *   - the resume record names this very file (io/resume), or
 *   - a piece of it verifies, and that piece holds enough of the file to be no accident: all of it,
 *     or 512 bytes, and something else than zeros, which lie in many a sparse file; or
 *   - all of its pieces verify: then there is nothing to write to it, whatever it holds; or
 *   - it holds nothing but zeros, no more than the torrent has for it. There is nothing to lose in
 *     it, and a run that was killed before its first record leaves such files.
 * An empty file is in nobody's way. Everything else is somebody else's.
 *
 * The price: without a record, a small file of which we have only a part, or all but not the
 * neighbours that its piece takes in, looks like somebody else's. Nobody can tell, so it is not
 * touched; --overwrite is for that. Killed runs are not concerned: the record stands before the
 * first byte is written.
 */
#ifndef WEFT_IO_STORE_WHOSE_H
#define WEFT_IO_STORE_WHOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bitset.h"
#include "base/err.h"
#include "io/store_files.h"
#include "proto/metainfo.h"

/*
 * Judges `file`, which must be there as a regular file of `size` bytes, more than none. `good` has
 * the pieces of the torrent that verify. Not while another thread writes. Waits for the disk; reads
 * a few bytes, or all if they are zeros. Failures are logged.
 * Returns ERR_OK with the answer in *ours; ERR_ACCESS, ERR_IO, ERR_MEMORY.
 */
enum err store_whose_judge(struct store_files *t, const struct metainfo *m, size_t file,
                           uint64_t size, const struct bitset *good, bool *ours);

#endif
