/*
 * store_make: creating what is missing, before the first byte is written.
 *
 * All files are made at the start, empty ones too, so that whatever stands in the way (a folder, a
 * link, no permission, a full disk) shows before any peer has sent anything. One openat() per file;
 * the folders above are made only when that fails for want of them.
 *
 * A file that is there is opened as it is and never cut here. It must be a regular file with one
 * name: writing to one that has several hard links would change another file, which may be
 * anywhere.
 */
#ifndef WEFT_IO_STORE_MAKE_H
#define WEFT_IO_STORE_MAKE_H

#include "base/err.h"

struct store_files;

enum store_allocate {
  ALLOCATE_NONE,   /* new files are empty and grow as they are written */
  ALLOCATE_SPARSE, /* they have their length from the start, as a hole */
  ALLOCATE_FULL    /* and the space for it is reserved, where the file system can */
};

/*
 * Creates or opens every file of the table, gives it its length as `how` says, and notes which file
 * it is. From then on files are opened for writing. Warns if the file system has less room than is
 * missing. What fails is logged by name. The first time everything is then as it was before
 * (io/store_undo); when it was called again, for files that were lost, the data in the others are
 * worth more than tidiness. Not while another thread reads or writes. Waits for the disk.
 * Returns ERR_OK, ERR_SPACE, ERR_ACCESS, ERR_EXISTS (in the way, or two files of the torrent are
 * one on this file system), ERR_IO, ERR_MEMORY.
 */
enum err store_make_all(struct store_files *t, enum store_allocate how);

#endif
