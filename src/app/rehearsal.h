/*
 * rehearsal: would a torrent that is to be made be taken?
 *
 * Hashing may take hours, so whatever could make the result useless is looked for before, in a
 * torrent that has everything but the hashes. It has to pass the reader that all torrents pass; and
 * its names are compared with those that its files get when somebody downloads it (io/store_path):
 * names that are unsafe, not in UTF-8, or differ in nothing but the case of their letters come out
 * as others. That is no error, but whoever makes the torrent should know, because a download would
 * not find these files under the names that they have here.
 */
#ifndef WEFT_APP_REHEARSAL_H
#define WEFT_APP_REHEARSAL_H

#include "base/buf.h"
#include "io/tree.h"

/* Looks at `torrent`, made from the files of `t` and called `name`. Warns about names. Returns
 * EXIT_OK; or, after one sentence in the log, EXIT_BAD_TORRENT or EXIT_RESOURCES. Never waits. */
int rehearsal_run(const struct buf *torrent, const struct tree *t, const char *name);

#endif
