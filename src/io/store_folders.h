/*
 * store_folders: the names of a torrent's files brought to the disk.
 *
 * What fdatasync() makes safe is what is in a file; that it has a name is known to the folder, and
 * the folder's name to the one above. So once something was made every folder is synced, up to the
 * output folder. Files of many folders may come in any order, so their paths are sorted first, as
 * one walks a tree: then of each path only the part below what it shares with the path before is
 * new, and each folder is synced once.
 */
#ifndef WEFT_IO_STORE_FOLDERS_H
#define WEFT_IO_STORE_FOLDERS_H

#include "base/err.h"
#include "io/store_files.h"

/*
 * Syncs every folder that holds a file of the table, and those above it. A folder that has vanished
 * is no failure, nor is one that may not be opened. Not while another thread is making files. Waits
 * for the disk. Failures are logged. Returns ERR_OK, ERR_IO, ERR_SPACE, ERR_ACCESS, ERR_MEMORY.
 */
enum err store_folders_sync(struct store_files *t);

#endif
