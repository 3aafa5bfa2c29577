/*
 * metainfo_files: the list of files in a torrent (BEP 3, with the attributes of BEP 47).
 *
 *   one file       info: { "length": bytes, "name": its name }
 *   many           info: { "files": [ { "length": bytes, "path": [folder, ..., name] }, ... ],
 *                          "name": the folder around them }
 *
 * Either form becomes the same array, laid end to end. Path elements are kept as they stand, empty
 * ones and ".." among them: io/store makes names safe, and has to do it for every name anyway. A
 * symbolic link takes no room in the torrent, whatever length it states; a padding file takes room
 * and is not written.
 */
#ifndef WEFT_PROTO_METAINFO_FILES_H
#define WEFT_PROTO_METAINFO_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/bencode.h"
#include "proto/metainfo_field.h"

/* Each file takes 5 bencoded values and one for each element of its path: with up to three of these
 * so many fit into bencode_torrent_limits. */
enum { METAINFO_FILES_MAX = 500000, METAINFO_DEPTH_MAX = 64 };

struct metainfo_file {
  char **path;         /* `depth` >= 1 elements, each NUL-terminated; single-file: one, the name */
  size_t *path_len;    /* bytes of each element: names may hold a NUL */
  size_t depth;
  uint64_t offset;     /* where it starts in the torrent */
  uint64_t length;     /* bytes */
  bool padding;        /* BEP 47 attr "p" (or a BitComet ____padding name): zeros, not written */
  bool executable;     /* attr "x": reported, never applied */
  bool hidden;         /* attr "h" */
  bool symlink;        /* attr "l": reported, never created */
  char md5sum[33];     /* 32 hex digits, or "" */
};

struct metainfo_files {
  struct metainfo_file *all; /* owned */
  size_t count;
  uint64_t total;            /* bytes, padding included */
  bool multi;                /* "files" is there */
};

/*
 * Reads the files of the info dictionary `info` into `f`; `name` is the torrent's name, which a
 * single file takes. Returns ERR_OK, ERR_FORMAT, ERR_LIMIT or ERR_MEMORY with `err` filled;
 * metainfo_files_free() is due in every case.
 */
enum err metainfo_files_read(struct metainfo_files *f, const struct ben_doc *d, ben_val info,
                             const char *name, size_t name_len, struct metainfo_error *err);
/* Frees an array of files and what is in them. Safe on NULL, 0. */
void metainfo_files_free(struct metainfo_file *all, size_t count);

#endif
