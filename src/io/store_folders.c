#include "io/store_folders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/store_beneath.h"
#include "io/store_bulk.h"

/* The order of a walk through the tree: '/' comes before every other byte. */
static int by_path(const void *a, const void *b) {
  const struct store_file *const *x = a, *const *y = b;
  const char *p = (*x)->path, *q = (*y)->path;
  while (*p != '\0' && *p == *q) p++, q++;
  int c = *p == '/' ? 1 : (unsigned char)*p, d = *q == '/' ? 1 : (unsigned char)*q;
  return c - d;
}

/* Does `before` lie in the folder that holds `path`, or deeper in it? */
static bool shares_folder(const char *path, const char *before) {
  const char *slash = strrchr(path, '/');
  if (before == NULL || slash == NULL) return before != NULL;
  size_t len = (size_t)(slash - path) + 1;
  return strncmp(path, before, len) == 0;
}

/* Syncs the folder that holds `path`, and those above, as far as they are not above `before`.
 * 0 or the errno value. */
static int sync_upwards(int dirfd, char *path, const char *before) {
  while (!shares_folder(path, before)) {
    if (store_beneath_sync_parent(dirfd, path) != 0) return errno;
    char *slash = strrchr(path, '/');
    if (slash == NULL) return 0;
    *slash = '\0';
  }
  return 0;
}

static enum err sync_sorted(struct store_files *t, const struct store_file *const *sorted,
                            size_t n) {
  const char *before = NULL;
  for (size_t i = 0; i < n; before = sorted[i++]->path) {
    if (shares_folder(sorted[i]->path, before)) continue;
    char *copy = strdup(sorted[i]->path);
    if (copy == NULL) return ERR_MEMORY;
    int errnum = sync_upwards(t->dirfd, copy, before);
    free(copy);
    /* A folder that has vanished is told about by store_final's look at the files. */
    if (errnum != 0 && errnum != ENOENT && !store_beneath_in_the_way(errnum))
      return store_files_complain(t, (size_t)(sorted[i] - t->v), errnum);
  }
  return ERR_OK;
}

/* Are there so many folders that all of the file system had better be synced at once? */
static bool sync_at_once(struct store_files *t, const struct store_file *const *sorted, size_t n) {
  size_t folders = 0;
  struct stat st;
  if (fstat(t->dirfd, &st) != 0) return false;
  for (size_t i = 0; i < n; i++) {
    folders += i == 0 || !shares_folder(sorted[i]->path, sorted[i - 1]->path);
    if (sorted[i]->known && sorted[i]->dev != (uint64_t)st.st_dev) return false;
  }
  return folders >= STORE_BULK_LEAST && store_bulk_sync(t->dirfd);
}

enum err store_folders_sync(struct store_files *t) {
  size_t n = 0;
  const struct store_file **sorted = calloc(t->count + 1, sizeof *sorted);
  if (sorted == NULL) return ERR_MEMORY;
  for (size_t i = 0; i < t->count; i++)
    if (t->v[i].path != NULL) sorted[n++] = &t->v[i];
  qsort(sorted, n, sizeof *sorted, by_path);
  enum err e = sync_at_once(t, sorted, n) ? ERR_OK : sync_sorted(t, sorted, n);
  free(sorted);
  return e;
}
