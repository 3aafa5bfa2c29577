/*
 * foreign: which file would `weft download` leave alone, and so refuse to begin?
 *
 * A download asks before it writes anything, and refuses; verify asks so that it does not promise a
 * download that would be refused. Both get the same answer from the same place. Two kinds of file
 * are left alone: what can't be written to whatever is in it (a folder, a link, a device, a file
 * that has other names too), and a regular file of which nothing shows that it is of this torrent
 * (io/store_whose), which --overwrite allows to be replaced.
 */
#ifndef WEFT_APP_FOREIGN_H
#define WEFT_APP_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bitset.h"
#include "base/err.h"
#include "io/store.h"
#include "proto/metainfo.h"

struct foreign {
  size_t file;      /* m->file_count: there is none */
  bool replaceable; /* --overwrite would do it */
  const char *what; /* why, as the second half of a sentence; static */
};

/* Finds the first such file in a store after store_open() and resume_load(), opened for reading
 * alone or not. `good` has the pieces of the torrent that verify. Waits for the disk; failures are
 * logged. Returns ERR_OK with the answer in *out; ERR_ACCESS, ERR_IO, ERR_MEMORY. */
enum err foreign_find(struct store *s, const struct metainfo *m, const struct bitset *good,
                      struct foreign *out);

#endif
