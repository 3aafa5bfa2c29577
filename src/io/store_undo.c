#include "io/store_undo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/store_beneath.h"
#include "io/store_watch.h"

/* 0 or the errno value. */
static int cut_back(struct store_files *t, size_t file) {
  const struct store_file *f = &t->v[file];
  struct stat st;
  int fd = store_beneath_open(t->dirfd, f->path, O_RDWR, 0);
  if (fd < 0) return errno;
  int errnum = 0;
  if (fstat(fd, &st) != 0)
    errnum = errno;
  else if (store_watch_is_ours(t, file, &st) && (uint64_t)st.st_size > f->was &&
           ftruncate(fd, (off_t)f->was) != 0)
    errnum = errno;
  close(fd);
  return errnum;
}

static enum err undo_file(struct store_files *t, size_t file) {
  const struct store_file *f = &t->v[file];
  struct stat st;
  if (!f->known) return ERR_OK;
  store_files_forget(t, file);
  int errnum = 0;
  if (store_beneath_stat(t->dirfd, f->path, &st) != 0)
    errnum = errno;
  else if (!store_watch_is_ours(t, file, &st))
    return ERR_OK;
  else if (!f->made)
    errnum = (uint64_t)st.st_size > f->was ? cut_back(t, file) : 0;
  else if (store_beneath_unlink(t->dirfd, f->path, 0) != 0)
    errnum = errno;
  if (errnum == 0 || errnum == ENOENT || store_beneath_in_the_way(errnum)) return ERR_OK;
  log_warn("%s is left behind: %s", f->shown, store_beneath_why(errnum));
  return err_from_errno(errnum);
}

/* The folders that were made for this file, as far up as they are empty. */
static enum err undo_folders(struct store_files *t, size_t file) {
  const struct store_file *f = &t->v[file];
  if (f->there == strlen(f->path)) return ERR_OK;
  char *path = strdup(f->path);
  if (path == NULL) return ERR_MEMORY;
  for (char *slash; (slash = strrchr(path, '/')) != NULL && slash - path > f->there;) {
    *slash = '\0';
    if (store_beneath_unlink(t->dirfd, path, AT_REMOVEDIR) != 0 && errno != ENOENT) break;
  }
  free(path);
  return ERR_OK;
}

/* A file's folders were made for the first file in them, so from the last to the first each folder
 * comes after all that lay in it. Where somebody deleted folders meanwhile the order may be
 * another; then an empty folder may stay. */
enum err store_undo_all(struct store_files *t) {
  enum err first = ERR_OK;
  for (size_t i = t->count; i-- > 0;) {
    if (t->v[i].path == NULL) continue;
    enum err e = undo_file(t, i);
    if (e == ERR_OK) e = undo_folders(t, i);
    if (first == ERR_OK) first = e;
  }
  return first;
}
