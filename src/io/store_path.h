/*
 * store_path: names from a torrent made safe for a Unix file system.
 *
 * Each element of a path is cleaned by itself:
 *   - '/', '\\' and NUL become '_';
 *   - bytes that are not UTF-8, and every character that base/escape would not show as it is
 *     (controls, bidi controls and marks, zero-width characters, U+FEFF, noncharacters), become
 *     '_', one for each;
 *   - ".", ".." and the empty element become "_"; a *top* name of which no character is left
 *     becomes the info hash in hex;
 *   - longer than 255 bytes: cut at a character before the extension, so that the extension stays.
 * What comes out needs no escaping anywhere, is one element and never leads upwards.
 *
 * Then collisions inside one torrent are resolved. A file that has the path of an earlier file, or
 * of a folder (wherever in the list that folder comes), gets ".1", ".2" ... before its extension;
 * folders keep their names. Paths that differ only in the case of ASCII letters count as the same,
 * because the disk may not tell them apart. All of it is linear in the bytes of the names, whatever
 * they are: the hash table is keyed with random numbers, and each name remembers the next suffix to
 * try.
 */
#ifndef WEFT_IO_STORE_PATH_H
#define WEFT_IO_STORE_PATH_H

#include <stddef.h>

#include "base/err.h"
#include "proto/metainfo.h"

#define STORE_PATH_ELEMENT_MAX 255 /* bytes, NAME_MAX of every common file system */
#define STORE_PATH_PROBES_MAX 500  /* suffixes tried for one name */

/* Cleans one element, `len` bytes of any kind. Returns a new NUL-terminated string of 1 to 255
 * bytes, never "." or "..", which the caller frees; or NULL when out of memory. */
char *store_path_clean(const char *name, size_t len);

/* The name of the file or top folder that the torrent gives itself, cleaned; the info hash in hex
 * if nothing of the name is left. The caller frees it. NULL: out of memory. */
char *store_path_top(const struct metainfo *m);

/*
 * The path of every file, in order of m->files: below the top folder ("a/b.txt"), or for a
 * single-file torrent one entry, store_path_top(). Padding files and symbolic links without content
 * (BEP 47) are not on disk and get NULL. On success *out has m->file_count entries and is the
 * caller's, to be freed by store_path_free(); on failure it is NULL.
 * Returns ERR_OK, ERR_MEMORY, ERR_LIMIT (one name collides more than 500 times; logged).
 */
enum err store_path_all(const struct metainfo *m, char ***out);
/* The same, but says nothing of ERR_LIMIT: it puts the name, or else "", into `crowded`. */
enum err store_path_try(const struct metainfo *m, char ***out,
                        char crowded[static STORE_PATH_ELEMENT_MAX + 1]);
/* Frees what store_path_all() gave. NULL is fine. */
void store_path_free(char **paths, size_t count);

#endif
