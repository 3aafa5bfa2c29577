/*
 * store_path: names from a torrent made safe for a Unix file system.
 *
 * Each element of a path is cleaned by itself:
 *   - '/', '\\' and NUL become '_';
 *   - bytes below 0x20, 0x7f, C1 controls, invalid UTF-8, bidi controls, zero-width characters and U+FEFF
 *     become '_';
 *   - "." and ".." and an element that is empty become "_" (an empty or all-bad *top* name becomes the hex
 *     info hash);
 *   - longer than 255 bytes: cut at a character before the extension, so that the extension stays.
 * Then collisions inside one torrent are resolved: the same path twice, a path that is a folder elsewhere.
 * The later one gets ".1", ".2" ... before its extension. Also names that differ only in the case of ASCII
 * letters are kept apart, because the disk may not tell them apart.
 */
#ifndef WEFT_IO_STORE_PATH_H
#define WEFT_IO_STORE_PATH_H

#include <stddef.h>

#include "base/err.h"
#include "proto/metainfo.h"

/* Cleans one element: returns a new NUL-terminated string of 1 to 255 bytes, never "." or "..", or
 * NULL when out of memory. */
char *store_path_clean(const char *name, size_t len);

/* The relative path of every file below the top folder ("a/b.txt"), in order of m->files; padding files
 * and symlinks get NULL. For a single-file torrent one entry: the cleaned name. The array and strings are the
 * caller's: store_path_free(). ERR_OK, ERR_MEMORY, ERR_LIMIT (more than 500 collisions of one name). */
enum err store_path_all(const struct metainfo *m, char ***out);
void store_path_free(char **paths, size_t count);

#endif
