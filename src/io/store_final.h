/*
 * store_final: is what we wrote really there?
 *
 * A piece was verified when it came in. Since then somebody may have deleted its file, moved
 * another to its place, or cut it and let our later writes fill the gap with zeros. Writing to an
 * open file succeeds all the same, so before we say "done" every path is looked at once more:
 *   - it must lead to the very file that we wrote to (device and inode), and that must be long
 *     enough;
 *   - a hole in it is right only where the data are zeros, so pieces that overlap one, or lie in
 *     the blocks beside it, are read back and hashed; and so is what lies beyond the point where
 *     the file was once found to end (io/store_watch);
 *   - but if another program was seen to write to any file (io/store_touch), then every piece is;
 *     and again if it wrote while we looked. After three times that is an error.
 * Everything is synced before, with the folders, so that nothing long comes between the look and
 * the end; files that are too long are cut, and synced once more.
 */
#ifndef WEFT_IO_STORE_FINAL_H
#define WEFT_IO_STORE_FINAL_H

#include "base/bitset.h"
#include "base/err.h"
#include "io/store_files.h"
#include "proto/metainfo.h"

/*
 * `lost` (may be NULL) gets a bit for every piece that is no longer there whole, other bits are
 * left. Not while another thread writes. Waits for the disk. What is found is logged.
 * Returns ERR_OK; ERR_NOT_FOUND (something is lost: run store_make_all(), fetch those pieces, and
 * come here again), ERR_ACCESS, ERR_SPACE, ERR_IO, ERR_MEMORY.
 */
enum err store_final_run(struct store_files *t, const struct metainfo *m, struct bitset *lost);

#endif
