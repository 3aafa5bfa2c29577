/*
 * rehearsal: would a torrent that is to be made be taken?
 *
 * Hashing may take hours, so whatever could make the result useless is looked for before, in a
 * torrent that has everything but the hashes. It has to pass the reader that all torrents pass; and
 * its names are compared with those that its files get when somebody downloads it (io/store_path):
 * names that are unsafe, not in UTF-8, or differ in nothing but the case of their letters come out
 * as others. That is no error, but whoever makes the torrent should know, because a download would
 * not find these files under the names that they have here. Backspace, tab, form feed and the
 * line breaks are worse: aria2 takes them for an attack and refuses the whole torrent (the other
 * control characters it encodes), so such a torrent is made only for those who ask for it.
 */
#ifndef WEFT_APP_REHEARSAL_H
#define WEFT_APP_REHEARSAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "io/tree.h"

/* Looks at `torrent`, made from the files of `t` and called `name`. Warns about names; `odd_names`:
 * also about those that aria2 refuses, instead of refusing them. Returns EXIT_OK; or, after one
 * sentence in the log, EXIT_BAD_TORRENT or EXIT_RESOURCES. Never waits. */
int rehearsal_run(const struct buf *torrent, const struct tree *t, const char *name,
                  bool odd_names);

#endif
