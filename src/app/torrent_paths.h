/*
 * torrent_paths: which names can't be saved as they stand, which files would meet.
 *
 * io/store_path makes every name of a torrent safe and every path different from all others; this
 * compares what comes out with what went in. Padding and symbolic links are not saved and not
 * counted. A file that is renamed has, after cleaning, the very path of another (`same`), one that
 * differs from another in the case of ASCII letters only (`letters`), or that of a folder
 * (`folders`). If so many meet in one name that io/store_path gives up, nothing has a name on disk
 * (`saved`), and all but one of each group that is alike count; folders are not looked at then.
 */
#ifndef WEFT_APP_TORRENT_PATHS_H
#define WEFT_APP_TORRENT_PATHS_H

#include <stddef.h>

#include "base/err.h"
#include "io/store_path.h"
#include "proto/metainfo.h"

/* Files that are renamed for one reason, and one of them. */
struct torrent_paths_clash {
  size_t count;
  const char *path;  /* as it is without the clash; NULL if there is none */
  const char *saved; /* as it is saved; NULL if nothing is */
};

struct torrent_paths {
  size_t unsafe;           /* names that change when they are cleaned */
  const char *unsafe_name; /* the first of them, in the metainfo */
  size_t unsafe_len;
  char *unsafe_saved;      /* what becomes of it; owned */
  struct torrent_paths_clash same;
  struct torrent_paths_clash letters;
  struct torrent_paths_clash folders;
  char **clean;            /* paths after cleaning, one for each file, NULL for those not saved */
  char **saved;            /* of io/store_path; NULL if it knows no other names */
  char crowded[STORE_PATH_ELEMENT_MAX + 1]; /* the name that too many files want; "" if none */
  size_t count;            /* of both */
};

/* Compares the paths of `m`, which must outlive `p`. Returns ERR_OK, with `p` to be freed, or
 * ERR_MEMORY, with nothing to free. Waits for nothing. */
enum err torrent_paths_look(struct torrent_paths *p, const struct metainfo *m);
/* Safe on a zeroed struct. */
void torrent_paths_free(struct torrent_paths *p);

#endif
