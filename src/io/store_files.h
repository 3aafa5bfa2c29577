/*
 * store_files: the table of a torrent's files, and the few that are open.
 *
 * A torrent may have 100,000 files and the process 1,024 descriptors, most of which peers need. So
 * at most 64 files are open at a time (a quarter of what the process may open, at least 4): a file
 * is pinned for the length of one read or write, and when a further one is wanted the least
 * recently used that nobody has pinned is closed. Nobody ever waits for a slot: if all are pinned
 * the new descriptor simply lives as long as its pin.
 *
 * A pin is a short look into the table under the lock; opening and closing happen outside it. If
 * two threads open one file at the same time, the second finds the first one's descriptor and drops
 * its own.
 *
 * The table also knows which file is ours, and what was there before us (io/store_watch), and
 * whether somebody else writes to them (io/store_touch). A file that vanished meanwhile is made
 * again when it is written to; one that was replaced by another is not touched.
 *
 * "Dirty" files are those written since they were last synced. A file becomes dirty after the
 * write, before store_files_unpin() returns, and store_files_sync() takes the whole set before it
 * syncs the first: what was written before the call is on disk when it returns, what is written
 * meanwhile stays dirty for the next. Files that were there at the start are dirty too, as nobody
 * knows whether the run that wrote them came to sync them; unless a record says so
 * (store_files_trust()).
 */
#ifndef WEFT_IO_STORE_FILES_H
#define WEFT_IO_STORE_FILES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/bitset.h"
#include "base/err.h"
#include "io/store_touch.h"
#include "io/store_where.h"
#include "proto/metainfo.h"

enum { STORE_FILES_OPEN_MAX = 64, STORE_FILES_OPEN_MIN = 4 };

struct store_file {
  char *shown;      /* the path as the user would name it; owned */
  const char *path; /* the part of it below the output folder; NULL: not on disk (padding, link) */
  uint64_t offset;  /* where it starts in the torrent */
  uint64_t length;  /* bytes */
  /* guarded by the table's lock */
  uint64_t dev, ino; /* of the file that we write to, if `known` */
  uint64_t was;      /* the length it had when we came */
  uint64_t high;     /* the length it has had since */
  uint64_t cut;      /* the least that it was found to have after that; UINT64_MAX: no less */
  uint32_t there;    /* bytes of `path` that were there: the folders beyond are our making */
  int slot;          /* where it is open, or -1 */
  bool vouched;      /* a record names the very file that was there when we came */
  bool known;
  bool made;       /* it was not there when we came */
  bool renewed;    /* vanished, and was made again */
  bool complained; /* a failure was logged */
};

struct store_slot {
  int fd; /* -1: free */
  size_t file;
  unsigned pins;
  bool stale;    /* no longer in the table; closed with its last pin */
  uint64_t used; /* tick of the last pin */
};

struct store_files {
  int dirfd; /* the output folder; not owned */
  struct store_file *v;
  size_t count;
  uint64_t total;       /* bytes of the torrent */
  atomic_bool writable; /* store_make has run: files are opened for writing */
  atomic_bool made_any; /* a file was created: folders need syncing */
  struct store_touch touch;

  pthread_mutex_t lock;
  /* guarded by lock */
  struct store_slot slots[STORE_FILES_OPEN_MAX];
  int limit; /* slots in use, at most */
  uint64_t tick;
  struct bitset dirty;    /* by file */
  bool unsure;            /* files that were there at the start may not be on disk yet */
  bool renewing;          /* somebody is making a file again */
  pthread_cond_t renewed; /* signalled when that ends */
  bool syncing;           /* somebody is inside store_files_sync() */
  pthread_cond_t synced;  /* signalled when that ends */
  struct bitset in_sync;  /* owned by the one who set `syncing` */
};

/* One file held open. */
struct store_pin {
  int fd;
  int slot; /* -1: outside the table */
  size_t file;
  uint64_t high; /* of the file, when it was pinned */
};

/*
 * Builds the table for `m`: `paths` as store_path_all() gave them, `where` the place, which must
 * outlive the table. Opens nothing. Returns ERR_OK or ERR_MEMORY (the table is then empty).
 */
enum err store_files_init(struct store_files *t, const struct metainfo *m, char *const *paths,
                          const struct store_where *where);
/* Closes everything; nobody may be in another call. Safe on a table that failed to build. */
void store_files_free(struct store_files *t);

/* The file that holds byte `offset` of the torrent, which must be below t->total. */
size_t store_files_find(const struct store_files *t, uint64_t offset);

/*
 * Holds `file`, which must be on disk (path not NULL), open until store_files_unpin(). With `write`
 * it is open for writing, and made anew if it has vanished. May wait for the disk, not for other
 * pins. Failures are logged once per file, but for a file that is missing or replaced and only to
 * be read. Returns ERR_OK; ERR_NOT_FOUND (to be read, and not there or not ours), ERR_EXISTS (to be
 * written, and something else is there), ERR_ACCESS, ERR_SPACE, ERR_IO, ERR_MEMORY (no descriptor).
 */
enum err store_files_pin(struct store_files *t, size_t file, bool write, struct store_pin *pin);
/* Ends the pin; `wrote` makes the file dirty. */
void store_files_unpin(struct store_files *t, const struct store_pin *pin, bool wrote);

/* Closes the file if it is open, or lets the last pin close it. The next pin opens it afresh. */
void store_files_forget(struct store_files *t, size_t file);

/*
 * Creates the file and the folders above it; `file` must be on disk by the table. Returns a
 * descriptor open for reading and writing, which the caller closes, or -1 and errno (EEXIST: it is
 * there).
 */
int store_files_create(struct store_files *t, size_t file);

/*
 * fdatasync() of every dirty file, see above; or where they are many, what comes to the same
 * (io/store_bulk). Waits for the disk, and for another sync that is
 * under way. After a failure, which is logged, the files count as dirty still, but what was written
 * since the last good sync must be taken for lost: the kernel reports a failed write only once.
 * Returns ERR_OK, ERR_IO, ERR_SPACE, ERR_ACCESS, ERR_MEMORY.
 */
enum err store_files_sync(struct store_files *t);

/* What was there at the start is on disk, a record says so: it needs no sync. */
void store_files_trust(struct store_files *t);
/* Is there neither a good sync yet nor that record? */
bool store_files_is_unsure(struct store_files *t);

/* Logs, once per file, why something failed; names the link or file that is in the way if that is
 * it. Returns the code for `errnum`: ERR_EXISTS if something is in the way, else as
 * err_from_errno(). */
enum err store_files_complain(struct store_files *t, size_t file, int errnum);

#endif
