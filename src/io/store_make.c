#include "io/store_make.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "io/store_beneath.h"
#include "io/store_files.h"
#include "io/store_undo.h"
#include "io/store_watch.h"

/* Reserves the bytes, or where that is unknown gives the length at least. 0 or the errno value. */
static int reserve(int fd, uint64_t length) {
  int rc;
  do {
    rc = fallocate(fd, 0, 0, (off_t)length);
  } while (rc != 0 && errno == EINTR);
  if (rc == 0) return 0;
  if (errno != EOPNOTSUPP && errno != ENOSYS) return errno;
  log_info("this file system cannot reserve space; the files are sparse instead");
  return ftruncate(fd, (off_t)length) == 0 ? 0 : errno;
}

/* 0 or the errno value; the file then has the size it had. */
static int give_length(int fd, const struct stat *st, uint64_t length, enum store_allocate how) {
  if (how == ALLOCATE_NONE || length == 0) return 0;
  uint64_t size = (uint64_t)st->st_size;
  if (how == ALLOCATE_SPARSE)
    return size >= length || ftruncate(fd, (off_t)length) == 0 ? 0 : errno;
  int errnum = reserve(fd, length);
  if (errnum != 0 && size < length && ftruncate(fd, st->st_size) != 0)
    log_debug("could not undo a failed reservation");
  return errnum;
}

/* May we write to this file that was there? Complains if not. */
static enum err judge(struct store_files *t, size_t file, const struct stat *st) {
  const char *shown = t->v[file].shown;
  if (!S_ISREG(st->st_mode)) return store_files_complain(t, file, ENXIO);
  if (!store_watch_is_ours(t, file, st) && st->st_size > 0) {
    log_error("%s was replaced by another file during the download; move that away", shown);
    return ERR_EXISTS;
  }
  if (st->st_nlink == 1) return ERR_OK;
  log_error("%s has several names (hard links), and writing to it would change them all; "
            "move it away or choose another place", shown);
  return ERR_EXISTS;
}

/* The file, open for writing; *created if it was not there. Complains. */
static enum err open_file(struct store_files *t, size_t file, int *fd, struct stat *st,
                          bool *created) {
  *fd = store_files_create(t, file);
  *created = *fd >= 0;
  if (*fd < 0 && errno == EEXIST) *fd = store_beneath_open(t->dirfd, t->v[file].path, O_RDWR, 0);
  if (*fd < 0 || fstat(*fd, st) != 0) return store_files_complain(t, file, errno);
  return *created ? ERR_OK : judge(t, file, st);
}

/* Adds to *missing the bytes that the disk still has to find room for. */
static enum err make_one(struct store_files *t, size_t file, enum store_allocate how,
                         uint64_t *missing) {
  struct stat st;
  int fd;
  bool created;
  enum err e = open_file(t, file, &fd, &st, &created);
  uint64_t length = t->v[file].length;
  if (e == ERR_OK) {
    store_watch_adopt(t, file, &st, created);
    store_touch_add(&t->touch, fd);
    int errnum = give_length(fd, &st, length, how);
    if (errnum != 0) e = store_files_complain(t, file, errnum);
  }
  if (e == ERR_OK) {
    store_watch_cut(t, file, (uint64_t)st.st_size);
    if (how != ALLOCATE_NONE) store_watch_grown(t, file, length);
    uint64_t on_disk = (uint64_t)st.st_blocks * 512;
    if (on_disk < length) *missing += length - on_disk;
  }
  if (fd >= 0) close(fd);
  return e;
}

static int by_identity(const void *a, const void *b) {
  const struct store_file *const *x = a, *const *y = b;
  if ((*x)->dev != (*y)->dev) return (*x)->dev < (*y)->dev ? -1 : 1;
  if ((*x)->ino != (*y)->ino) return (*x)->ino < (*y)->ino ? -1 : 1;
  return 0;
}

/* Some file systems take names for one that differ, in more than ASCII case: then two files of
 * the torrent would be one on disk, and neither would come out right. */
static enum err find_twins(const struct store_files *t) {
  const struct store_file **sorted = calloc(t->count, sizeof(*sorted));
  if (sorted == NULL) return ERR_MEMORY;
  size_t n = 0;
  for (size_t i = 0; i < t->count; i++)
    if (t->v[i].path != NULL) sorted[n++] = &t->v[i];
  qsort(sorted, n, sizeof(*sorted), by_identity);
  enum err e = ERR_OK;
  for (size_t i = 1; i < n && e == ERR_OK; i++)
    if (by_identity(&sorted[i - 1], &sorted[i]) == 0) {
      log_error("%s and %s are the same file on this file system; choose another place",
                sorted[i - 1]->shown, sorted[i]->shown);
      e = ERR_EXISTS;
    }
  free(sorted);
  return e;
}

static void warn_of_space(const struct store_files *t, uint64_t missing) {
  struct statvfs v;
  if (fstatvfs(t->dirfd, &v) != 0) return;
  uint64_t free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
  if (missing > free_bytes)
    log_warn("%.1f MiB are to be written, but the disk has only %.1f MiB free",
             (double)missing / (1 << 20), (double)free_bytes / (1 << 20));
}

enum err store_make_all(struct store_files *t, enum store_allocate how) {
  for (size_t i = 0; i < t->count; i++) store_files_forget(t, i);
  bool again = atomic_exchange(&t->writable, true);
  store_touch_open(&t->touch);

  uint64_t missing = 0;
  enum err e = ERR_OK;
  for (size_t i = 0; i < t->count && e == ERR_OK; i++)
    if (t->v[i].path != NULL) e = make_one(t, i, how, &missing);
  if (e == ERR_OK) e = find_twins(t);
  if (e == ERR_OK && how != ALLOCATE_FULL) warn_of_space(t, missing);
  if (e == ERR_OK || again) return e;
  store_undo_all(t);
  atomic_store(&t->writable, false);
  return e;
}
