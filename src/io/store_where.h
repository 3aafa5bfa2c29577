/*
 * store_where: which folder a download goes to, and under which name.
 *
 * The user's `output` is either a folder to put the torrent into, under the name that it gives
 * itself, or the very name of the file or top folder:
 *   nothing                  into the current directory
 *   "dir/"                   into that folder; it is made if only it is missing, not its parents
 *   a folder that is there   into it, unless it *is* the torrent's top folder (see below)
 *   anything else            that is the name; the folder that holds it must be there
 * The path up to there is the user's own business: links in it are followed. From there on nothing
 * is (store_beneath).
 *
 * `weft -o album x.torrent` makes the folder "album" the first time; started again it must go on
 * in it and not make "album/NAME". So a folder that is there counts as the top folder when the
 * resume record beside it names this torrent, or when it holds one of the torrent's first files in
 * exactly its length and no NAME.
 */
#ifndef WEFT_IO_STORE_WHERE_H
#define WEFT_IO_STORE_WHERE_H

#include <stdbool.h>

#include "base/err.h"
#include "proto/metainfo.h"

struct store_where {
  int dirfd;    /* the folder that holds the top */
  char *prefix; /* the same as the user would name it: "" or with '/' at the end */
  char *top;    /* the name in it of the file or top folder */
  char *record; /* the name in it of the resume record: ".<top>.weft" */
  char *spare;  /* and where that is somebody else's: ".<info hash in hex>.weft" */
  char *made;   /* the folder that we made for "dir/", or NULL */
};

/*
 * Finds the place. `paths` is what store_path_all() gave for `m`; `output` may be NULL. Makes
 * nothing but the one folder of "dir/", and that only if not `read_only`. What failed is logged.
 * On success `w` is to be given to store_where_free(); on failure it is empty.
 * Returns ERR_OK; ERR_NOT_FOUND (the folder), ERR_ACCESS, ERR_EXISTS (a folder where the file must
 * be, or the reverse, or a link), ERR_SPACE, ERR_MEMORY, ERR_IO.
 */
enum err store_where_find(struct store_where *w, const struct metainfo *m, char *const *paths,
                          const char *output, bool read_only);

/*
 * Does the path that the user named still lead to the folder that was found? Whoever moved or
 * deleted it, or put another in its place, is told so, and what to do. Waits for the disk.
 * Returns ERR_OK, ERR_IO (it does not: logged).
 */
enum err store_where_check(const struct store_where *w);

/* Removes the folder that store_where_find() made, if it is still empty. */
void store_where_undo(struct store_where *w);

/* Closes and frees. Safe on a struct that store_where_find() failed on. */
void store_where_free(struct store_where *w);

#endif
