/*
 * store_undo: taking back what was made, when nothing comes of it.
 *
 * A download that could not be begun, or that nobody sent a piece of, shall leave the disk as it
 * was: no file of zeros that looks like a download, no empty folders. The table of files knows what
 * each was before us:
 *   - not there: its name is removed, if it still leads to the very file that we made (device and
 *     inode);
 *   - there: it is cut back to the length that it had. What was in it is not brought back, so
 *     this is for files that were empty or that nothing was written to yet;
 *   - and folders that we made go if they are empty, the lowest first.
 * Whatever somebody else put there meanwhile stays, and the folders around it.
 *
 * Between the look at a file and its removal somebody may still put another in its place; there is
 * no call that removes a name only if it leads to a certain file.
 */
#ifndef WEFT_IO_STORE_UNDO_H
#define WEFT_IO_STORE_UNDO_H

#include "base/err.h"
#include "io/store_files.h"

/*
 * Takes back all that store_make_all() and writing have made since the table was built. Not while
 * another thread is in a call. Goes on after a failure; each is logged by name.
 * Returns ERR_OK: nothing of ours is left; else the first failure: ERR_ACCESS, ERR_IO, ERR_SPACE,
 * ERR_MEMORY.
 */
enum err store_undo_all(struct store_files *t);

#endif
