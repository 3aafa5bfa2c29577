/*
 * tree: the files under a path, as a torrent is made of them.
 *
 * A torrent holds regular files and nothing else, so for all the rest there is a rule:
 *
 *   symbolic link     left out, and counted; with `follow_links` it stands for what it leads to.
 *                     The path itself is always followed: whoever named it meant what is there
 *   pipe, socket, device    left out, and counted; never opened
 *   folder without any file in it    can't be in a torrent; left out, and counted
 *   can't be read     an error: a torrent that silently lacks a file is worse than none
 *   odd name          kept as the bytes that it is
 *   more than 64 folders deep, more than 500,000 files    an error: readers refuse such torrents
 *   what is to be replaced by the torrent    left out, and counted: the caller must know whether
 *                     that is an earlier torrent, or somebody's data
 *
 * The files come in the order of their paths' bytes ("LC_ALL=C sort"), whatever the disk's order,
 * so the same files give the same torrent everywhere.
 *
 * What was seen of each file (size, inode, both its times) is kept, and whoever reads it later
 * learns from that whether it is still the same. The time of the bytes alone would not do, as any
 * program can put it back ("cp -p", "rsync -t", tar); the time of the inode (st_ctime) nobody can
 * set. The price: a file that was only renamed, linked or given other permissions meanwhile counts
 * as changed, too. And as the clock behind both stands still for some milliseconds, tree_read()
 * waits until it has passed the newest of them: no later change can have a time that was seen.
 *
 * No recursion: the folders that the walk is in are a stack of descriptors, each opened from the
 * one above it, so a folder that is renamed meanwhile does no harm, and a link put in its place is
 * not followed. Why something failed is logged here, once, with its name.
 */
#ifndef WEFT_IO_TREE_H
#define WEFT_IO_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct tree_file {
  char *path;      /* below the top, elements joined by '/'; of a single file: its name */
  uint64_t offset; /* where it starts when all are laid end to end */
  uint64_t length; /* bytes */
  dev_t dev;       /* what it was when it was found */
  ino_t ino;
  int64_t written_ns; /* when its bytes changed, or what somebody set */
  int64_t changed_ns; /* when it changed in any way: st_ctime */
};

/* Things of one kind that are not as one might expect: how many, and one of them. */
struct tree_odd {
  size_t count;
  char *first; /* path of the first one; NULL if there is none */
};

struct tree {
  struct tree_file *files; /* sorted */
  size_t count;
  uint64_t total;  /* bytes of all */
  bool single;     /* the path is a file, not a folder */
  size_t excluded; /* files and folders that a pattern took out */
  struct tree_odd links;   /* left out, as the next three */
  struct tree_odd special;
  struct tree_odd empty;
  struct tree_odd skipped; /* o->skip, under whatever names */

  const char *top; /* the path as it was given, not owned */
  int fd;          /* the folder; -1 if single */
  bool follow;
};

struct tree_options {
  const char *const *exclude; /* patterns of base/glob; what matches is left out, folders whole */
  size_t exclude_count;
  bool *exclude_used;         /* one for each pattern, set when it matches; NULL */
  bool follow_links;
  const char *skip;           /* a file that is no part of it, by its inode; NULL. A single file is
                               * taken all the same */
  const atomic_bool *cancel;  /* set it to stop early; NULL */
};

/*
 * Finds all files under `path`, which must stay until tree_free(). Waits for the disk. Returns
 * ERR_OK, `t` to be freed by tree_free(); otherwise `t` is empty, and one sentence is in the log
 * except after ERR_CANCELLED: ERR_NOT_FOUND, ERR_ACCESS, ERR_IO, ERR_MEMORY, ERR_LIMIT (too deep,
 * too many, too large), ERR_UNSUPPORTED (the path is neither a file nor a folder).
 */
enum err tree_read(struct tree *t, const char *path, const struct tree_options *o);

/*
 * Opens a file for reading if it still is what tree_read() found. Returns a descriptor that the
 * caller closes, or -1 after one sentence in the log, with *e one of ERR_MISMATCH (it changed),
 * ERR_NOT_FOUND, ERR_ACCESS, ERR_IO, ERR_MEMORY. Any thread. Waits for the disk.
 */
int tree_open(const struct tree *t, size_t file, enum err *e);

/* Says in the log why a file could not be read: `errnum`, or 0: it changed meanwhile. Returns what
 * tree_open() would have said. Any thread. */
enum err tree_fail(const struct tree *t, size_t file, int errnum);

/* Looks at all files again. Returns ERR_OK if none has changed; else as tree_open(). */
enum err tree_recheck(const struct tree *t);

/* Frees everything inside. Safe on a zeroed struct. */
void tree_free(struct tree *t);

#endif
