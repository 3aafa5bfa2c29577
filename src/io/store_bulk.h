/*
 * store_bulk: everything on a file system brought to the disk at once.
 *
 * Each fdatasync() has the disk empty its cache, which takes half a millisecond on a good one and
 * ten on another: a minute, or a quarter of an hour, for 100,000 small files that were written in
 * seconds. syncfs() does it once for all. But it also waits for what other programs have written,
 * and nothing can end a thread in that call, nor the process it belongs to; so a child makes it,
 * and who presses Ctrl-C does not wait for it. The child closes all that it inherited, so it keeps
 * neither connections nor the lock.
 *
 * Only where syncfs() is known to promise what fdatasync() does: ext2 to ext4, XFS, Btrfs, F2FS. On
 * others (FUSE above all) each file must be synced by itself.
 */
#ifndef WEFT_IO_STORE_BULK_H
#define WEFT_IO_STORE_BULK_H

#include <stdbool.h>

/* From so many files on it is worth a process, and disturbing others. */
enum { STORE_BULK_LEAST = 64 };

/* Returns true if store_bulk_sync() may be worth calling: `fd` lies on a file system of a kind that
 * is named above. */
bool store_bulk_knows(int fd);

/*
 * Syncs the file system that `fd` (not O_PATH) lies on. Any thread; waits for the disk. Returns
 * true if all that was written to it before is on the disk; false: nobody knows, as it is of
 * another kind, or something failed, perhaps in another program's file: sync each file by itself.
 */
bool store_bulk_sync(int fd);

/* For tests: how often true was returned. */
unsigned store_bulk_count(void);
/* For tests: true has it done on any file system. */
void store_bulk_force(bool on);

#endif
