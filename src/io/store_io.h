/*
 * store_io: bytes of the torrent to and from the files that hold them.
 *
 * A range of the torrent falls on one file nearly always, and on many small ones sometimes. The
 * first file is found by bisection, the rest follow. What lies in one file is one pread() or
 * pwrite(): no mapping (a file that is cut short under a mapping kills the process), no buffer in
 * between, nothing allocated. A call that moved only a part, or was interrupted, is continued.
 */
#ifndef WEFT_IO_STORE_IO_H
#define WEFT_IO_STORE_IO_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/store_files.h"

/*
 * Writes `len` bytes at `offset` of the torrent; the range must lie inside it. What falls on
 * padding is skipped. Waits for the disk. Any thread, also several at once; store_make must have
 * run. Failures are logged once per file; a part may have been written then.
 * Returns ERR_OK, ERR_SPACE, ERR_ACCESS, ERR_EXISTS (the file was replaced by another), ERR_IO,
 * ERR_MEMORY (no descriptor), ERR_LIMIT (outside the torrent).
 */
enum err store_io_write(struct store_files *t, uint64_t offset, const void *data, size_t len);

/*
 * Reads likewise; padding reads as zeros. Returns as above, and ERR_NOT_FOUND when a file is
 * missing or ends before the range does, which is not logged; `data` is then partly written.
 */
enum err store_io_read(struct store_files *t, uint64_t offset, void *data, size_t len);

#endif
