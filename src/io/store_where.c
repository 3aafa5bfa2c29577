#include "io/store_where.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/log.h"
#include "io/store_beneath.h"
#include "io/store_path.h"
#include "io/store_record.h"

enum { LOOK_AT_MAX = 1000 /* files tried when a folder is asked whether it is the top */ };

static enum err complain(const char *path, int errnum) {
  log_error("%s: %s", path, store_beneath_why(errnum));
  if (errnum == ENOTDIR || errnum == ELOOP) return ERR_EXISTS;
  return err_from_errno(errnum);
}

static enum err no_folder(const char *path) {
  log_error("%s: this folder does not exist; make it first", path);
  return ERR_NOT_FOUND;
}

/* ".<top>.weft"; without `top`, or if that leaves no room (also for the ".new" of its successor),
 * the info hash stands for it. */
static char *record_name(const char *top, const struct metainfo *m) {
  char hex[2 * sizeof m->info_hash + 1];
  if (top == NULL || strlen(top) > STORE_PATH_ELEMENT_MAX - strlen("..weft.new")) {
    crypto_hex(m->info_hash, sizeof m->info_hash, hex);
    top = hex;
  }
  char *name = malloc(STORE_PATH_ELEMENT_MAX + 1);
  if (name != NULL) snprintf(name, STORE_PATH_ELEMENT_MAX + 1, ".%s.weft", top);
  return name;
}

/* Readable if possible, so that it can be synced; else good enough to open things in. */
static int open_folder(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno == EACCES) fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return fd;
}

/* What stands at the top's place must be of the right kind. */
static enum err check_top(const struct store_where *w, const struct metainfo *m) {
  struct stat st;
  if (fstatat(w->dirfd, w->top, &st, AT_SYMLINK_NOFOLLOW) != 0) return ERR_OK;
  if (m->multi ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)) return ERR_OK;
  const char *what = S_ISLNK(st.st_mode)   ? "a symbolic link, and links are never written through"
                     : S_ISDIR(st.st_mode) ? "a folder, but the torrent is a single file"
                     : m->multi            ? "a file, but the torrent needs a folder there"
                                           : "no regular file";
  log_error("%s%s is %s; choose another place with --output", w->prefix, w->top, what);
  return ERR_EXISTS;
}

/* Fills `w`: `top` (which is taken over; NULL stands for out of memory) in the folder `dir`, of
 * which the user sees `prefix_len` bytes. */
static enum err settle(struct store_where *w, const struct metainfo *m, const char *dir,
                       size_t prefix_len, char *top) {
  w->top = top;
  w->prefix = malloc(prefix_len + 2);
  w->record = top ? record_name(top, m) : NULL;
  w->spare = record_name(NULL, m);
  if (!w->top || !w->prefix || !w->record || !w->spare) return ERR_MEMORY;
  memcpy(w->prefix, dir, prefix_len);
  if (prefix_len > 0 && dir[prefix_len - 1] != '/') w->prefix[prefix_len++] = '/';
  w->prefix[prefix_len] = '\0';
  w->dirfd = open_folder(dir);
  if (w->dirfd < 0 && errno == ENOENT) return no_folder(dir);
  if (w->dirfd < 0) return complain(dir, errno);
  return check_top(w, m);
}

/* Under the torrent's own name in `dir`. */
static enum err inside(struct store_where *w, const struct metainfo *m, const char *dir) {
  return settle(w, m, dir, strlen(dir), store_path_top(m));
}

/* `output` is the name to give. */
static enum err named(struct store_where *w, const struct metainfo *m, const char *output) {
  const char *slash = strrchr(output, '/');
  if (slash == NULL) return settle(w, m, ".", 0, strdup(output));
  size_t len = (size_t)(slash - output) + 1;
  char *dir = strndup(output, len);
  if (dir == NULL) return ERR_MEMORY;
  enum err e = settle(w, m, dir, len, strdup(slash + 1));
  free(dir);
  return e;
}

/* Does the record of the folder (a resolved path) name this torrent? */
static bool has_our_record(const char *folder, const struct metainfo *m) {
  const char *slash = strrchr(folder, '/');
  char *above = strndup(folder, (size_t)(slash + 1 - folder));
  char *names[] = {record_name(slash + 1, m), record_name(NULL, m)};
  int fd = above ? open_folder(above) : -1;
  bool ours = false;
  for (size_t i = 0; i < 2 && fd >= 0; i++)
    if (names[i] != NULL && store_record_look(fd, names[i], m->info_hash) == STORE_RECORD_OURS)
      ours = true;
  if (fd >= 0) close(fd);
  free(names[0]);
  free(names[1]);
  free(above);
  return ours;
}

/* Does the folder hold a file of the torrent in its exact length, and nothing of the torrent's
 * name? */
static bool holds_a_file(const char *folder, const struct metainfo *m, char *const *paths) {
  char *name = store_path_top(m);
  int fd = open_folder(folder);
  struct stat st;
  bool found = false;
  if (name != NULL && fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    for (size_t i = 0; i < m->file_count && i < LOOK_AT_MAX && !found; i++)
      found = paths[i] != NULL && m->files[i].length > 0 &&
              store_beneath_stat(fd, paths[i], &st) == 0 && S_ISREG(st.st_mode) &&
              (uint64_t)st.st_size == m->files[i].length;
  if (fd >= 0) close(fd);
  free(name);
  return found;
}

/* The torrent goes to the folder `output` that is there: into it, or it is the top itself, which is
 * then named by its resolved path (it may be "." or a link). */
static enum err into_folder(struct store_where *w, const struct metainfo *m, char *const *paths,
                            const char *output) {
  char *real = m->multi && output[strlen(output) - 1] != '/' ? realpath(output, NULL) : NULL;
  bool is_top = real != NULL && strcmp(real, "/") != 0 &&
                (has_our_record(real, m) || holds_a_file(output, m, paths));
  const char *last = strrchr(output, '/');
  last = last ? last + 1 : output;
  bool plain = real != NULL && strcmp(last, strrchr(real, '/') + 1) == 0;
  enum err e = is_top ? named(w, m, plain ? output : real) : inside(w, m, output);
  free(real);
  return e;
}

/* "dir/" is not there: makes it. */
static enum err make_folder(struct store_where *w, const struct metainfo *m, const char *output) {
  if (mkdir(output, 0777) != 0) {
    int errnum = errno;
    if (errnum != ENOENT) return complain(output, errnum);
    log_error("%s: the folder above it does not exist; make it first", output);
    return ERR_NOT_FOUND;
  }
  w->made = strdup(output);
  return inside(w, m, output);
}

static enum err find(struct store_where *w, const struct metainfo *m, char *const *paths,
                     const char *output, bool read_only) {
  if (output == NULL) return settle(w, m, ".", 0, store_path_top(m));
  size_t len = strlen(output);
  if (len == 0) return complain("the output path is empty", ENOENT);
  struct stat st;
  bool there = stat(output, &st) == 0;
  if (there && S_ISDIR(st.st_mode)) return into_folder(w, m, paths, output);
  if (output[len - 1] == '/') {
    if (there || errno != ENOENT || read_only) return complain(output, there ? ENOTDIR : errno);
    return make_folder(w, m, output);
  }
  /* Somebody who only reads may name a link; who writes may not. */
  char *real = there && read_only ? realpath(output, NULL) : NULL;
  enum err e = named(w, m, real ? real : output);
  free(real);
  return e;
}

enum err store_where_find(struct store_where *w, const struct metainfo *m, char *const *paths,
                          const char *output, bool read_only) {
  *w = (struct store_where){.dirfd = -1};
  enum err e = find(w, m, paths, output, read_only);
  if (e != ERR_OK) {
    store_where_undo(w);
    store_where_free(w);
  }
  return e;
}

enum err store_where_check(const struct store_where *w) {
  struct stat found = {.st_nlink = 1}, named;
  const char *path = *w->prefix ? w->prefix : ".";
  bool same = fstat(w->dirfd, &found) == 0 && stat(path, &named) == 0 &&
              found.st_dev == named.st_dev && found.st_ino == named.st_ino;
  if (same) return ERR_OK;
  if (found.st_nlink == 0)
    log_error("%s was deleted during the download, with all that was in it; start again", path);
  else
    log_error("%s was moved away or replaced during the download, and %s with it: move it back and "
              "start again, what has come is not fetched twice", path, w->top);
  return ERR_IO;
}

void store_where_undo(struct store_where *w) {
  if (w->made != NULL) rmdir(w->made);
}

void store_where_free(struct store_where *w) {
  if (w->dirfd >= 0) close(w->dirfd);
  free(w->prefix);
  free(w->top);
  free(w->record);
  free(w->spare);
  free(w->made);
  *w = (struct store_where){.dirfd = -1};
}
