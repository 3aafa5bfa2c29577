/*
 * torrent_tree: the files of a torrent as a tree for people.
 *
 *   Files:
 *            folder/
 *     20000    a.txt
 *              deep/
 *     16384      x.bin  (executable)
 *
 * Sizes in bytes stand in one column, names are indented by their depth and escaped. Within a
 * folder the order is that of the names' bytes, so that what belongs together stands together,
 * wherever the torrent has it; `weft files` has the order of the torrent. Padding (BEP 47), which
 * nobody gets, is counted in a line of its own.
 */
#ifndef WEFT_APP_TORRENT_TREE_H
#define WEFT_APP_TORRENT_TREE_H

#include <stddef.h>

#include "base/err.h"
#include "proto/metainfo.h"

/* Prints the tree through app/out, at most `limit` files of it, and how many there are besides.
 * Main thread. Returns ERR_OK or ERR_MEMORY, when nothing was printed. */
enum err torrent_tree_print(const struct metainfo *m, size_t limit);

#endif
