/*
 * whole_file: a file that is there whole or not at all.
 *
 * The bytes go into a file without a name (O_TMPFILE), down to the disk, and only then it gets its
 * name, in one step. So nobody ever sees half of it, and whatever ends us before leaves nothing
 * behind. Where the file system has no such thing the file is called ".weft-" and a random number
 * until it is whole. A file that is there already is never touched, unless it is to be replaced:
 * then the new one takes its place in one step and gets its permissions; if the name is a symbolic
 * link, what it leads to is replaced.
 */
#ifndef WEFT_IO_WHOLE_FILE_H
#define WEFT_IO_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Looks whether whole_file_write() could write `path`, before the work that goes into it is done.
 * Returns ERR_OK, or after one sentence in the log ERR_EXISTS (`replace` is false, and something is
 * there), ERR_NOT_FOUND (no such folder), ERR_ACCESS, ERR_IO (also: a device, a pipe, a folder, or
 * a link that leads nowhere has the name). Waits for the disk.
 */
enum err whole_file_check(const char *path, bool replace);

/*
 * Writes `len` bytes as the file `path`, 0666 less the umask. Waits for the disk. Returns ERR_OK:
 * they are on the disk; or, after one sentence in the log and with everything as it was before:
 * ERR_EXISTS, ERR_SPACE, ERR_ACCESS, ERR_NOT_FOUND, ERR_IO, ERR_MEMORY.
 */
enum err whole_file_write(const char *path, const void *data, size_t len, bool replace);

#endif
