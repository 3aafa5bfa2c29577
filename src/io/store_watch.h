/*
 * store_watch: is a file still the one that we write to, and as long as we left it?
 *
 * A download may take days, and meanwhile people tidy up: they delete a file of it, move another to
 * its place, cut it. Writing to an open file succeeds all the same. So the table of files
 * (io/store_files) remembers for each
 *   dev, ino   which file it is: noted when it is made or first opened for writing ("adopted");
 *              who opens it later compares
 *   renewed    it had vanished and was made again: what was in it is gone
 *   high, cut  the length it has had, and the least that it was found to have after that: what lay
 *              beyond is gone, even if later writes made it as long again. There need be no hole
 *              to tell: what is cut and written anew within one block of the file system is zeros
 * io/store_final asks for these at the end, and the resume record (io/resume) does not vouch for a
 * file that is not intact. For store_undo it also remembers what was there before us.
 *
 * Somebody who writes into our file, without making it shorter, is io/store_touch's to notice.
 *
 * Any thread may call; nothing waits.
 */
#ifndef WEFT_IO_STORE_WATCH_H
#define WEFT_IO_STORE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "io/store_files.h"

/* From now on the file with this device and inode is ours. `made`: we created it. If it was there,
 * and is another than before, its present length is remembered for store_undo. */
void store_watch_adopt(struct store_files *t, size_t file, const struct stat *st, bool made);
/* Is `st` the file that was adopted? True also if none was yet. */
bool store_watch_is_ours(struct store_files *t, size_t file, const struct stat *st);

/* The file vanished and was made again, and adopted. */
void store_watch_renewed(struct store_files *t, size_t file);
/* Was it renewed since the last call for it? */
bool store_watch_take_renewed(struct store_files *t, size_t file);

/* The file has at least `length` bytes now. */
void store_watch_grown(struct store_files *t, size_t file, uint64_t length);
/* The file was found to have no more than `length` bytes; fine if it never had more. */
void store_watch_cut(struct store_files *t, size_t file, uint64_t length);
/* Returns the least length that the file was cut to, or UINT64_MAX: it was not. What lies beyond
 * must be looked at. */
uint64_t store_watch_cut_to(struct store_files *t, size_t file);
/* What lies beyond the cut is right (again). */
void store_watch_mended(struct store_files *t, size_t file);

/* Is `st`, what its path leads to now, the file that was adopted, with nothing renewed or cut that
 * was not looked at since? True if none was adopted yet. False for all once another program was
 * seen to write to one. */
bool store_watch_is_intact(struct store_files *t, size_t file, const struct stat *st);

#endif
