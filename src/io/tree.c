#include "io/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/glob.h"
#include "base/log.h"
#include "io/store_beneath.h"
#include "proto/geometry.h"
#include "proto/metainfo_files.h"

enum { PATH_BYTES_MAX = 64 * 1024, SINGLE = -1, SETTLE_MS = 100, SETTLE_STEP_MS = 2 };

/* A folder that the walk is in. */
struct level {
  DIR *dir;
  dev_t dev;
  ino_t ino;
  size_t path_len; /* of the path up to this folder */
  size_t files;    /* found in it and below */
};

struct walk {
  struct tree *t;
  const struct tree_options *o;
  struct level levels[METAINFO_DEPTH_MAX];
  size_t depth;     /* levels in use */
  struct buf path;  /* of the entry that is looked at */
  size_t room;      /* files that fit into t->files */
  bool has_skip;
  dev_t skip_dev;
  ino_t skip_ino;
};

/* --- sentences --- */

static const char *why(int errnum) {
  switch (errnum) {
  case EACCES:
  case EPERM:
    return "you have no permission to read it; change that, or leave it out with --exclude";
  case ENOENT:
  case ENOTDIR:
    return "it is not there";
  case EMFILE:
  case ENFILE:
    return "too many open files; raise the limit (ulimit -n)";
  case EIO:
    return "input/output error: the disk may be failing";
  default:
    return strerror(errnum);
  }
}

/* `path` below the top, or "" for the top itself. */
static enum err fail(const struct tree *t, const char *path, int errnum) {
  bool bare = t->single || *path == '\0';
  log_error("'%s%s%s' can't be read: %s", t->top, bare ? "" : "/", bare ? "" : path, why(errnum));
  return err_from_errno(errnum);
}

static enum err no_memory(const struct tree *t) {
  log_error("there is not enough memory to list the files of '%s'", t->top);
  return ERR_MEMORY;
}

static enum err too_much(const struct tree *t, const char *what) {
  log_error("'%s' %s", t->top, what);
  return ERR_LIMIT;
}

/* --- what is found --- */

static enum err note(struct walk *w, struct tree_odd *odd) {
  if (odd->count++ > 0) return ERR_OK;
  odd->first = strdup(buf_cstr(&w->path));
  return odd->first != NULL ? ERR_OK : no_memory(w->t);
}

static int64_t nanoseconds(const struct timespec *t) {
  return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static enum err add_file(struct walk *w, const char *path, const struct stat *st) {
  struct tree *t = w->t;
  if (t->count == METAINFO_FILES_MAX)
    return too_much(t, "holds more than 500,000 files, which is more than a torrent may have");
  if (__builtin_add_overflow(t->total, (uint64_t)st->st_size, &t->total) ||
      t->total > GEOMETRY_TOTAL_MAX)
    return too_much(t, "is larger than a torrent may be");
  if (t->count == w->room) {
    size_t room = w->room > 0 ? w->room * 2 : 64;
    struct tree_file *more = realloc(t->files, room * sizeof *more);
    if (more == NULL) return no_memory(t);
    t->files = more;
    w->room = room;
  }
  struct tree_file f = {.path = strdup(path), .length = (uint64_t)st->st_size, .dev = st->st_dev,
                        .ino = st->st_ino, .written_ns = nanoseconds(&st->st_mtim),
                        .changed_ns = nanoseconds(&st->st_ctim)};
  if (f.path == NULL) return no_memory(t);
  t->files[t->count++] = f;
  return ERR_OK;
}

/* --- the walk --- */

static bool is_excluded(struct walk *w, bool is_folder) {
  bool any = false;
  for (size_t i = 0; i < w->o->exclude_count; i++) {
    if (!glob_match_path(w->o->exclude[i], buf_cstr(&w->path), is_folder)) continue;
    if (w->o->exclude_used != NULL) w->o->exclude_used[i] = true;
    any = true;
  }
  return any;
}

/* A folder that is among those we are in: a link, or a mount, leads back. */
static bool is_around_us(const struct walk *w, const struct stat *st) {
  for (size_t i = 0; i < w->depth; i++)
    if (w->levels[i].dev == st->st_dev && w->levels[i].ino == st->st_ino) return true;
  return false;
}

/* Goes into the folder behind `fd`, which it takes over. */
static enum err enter(struct walk *w, int fd, const struct stat *st) {
  if (w->depth == METAINFO_DEPTH_MAX) {
    close(fd);
    return too_much(w->t, "has folders more than 64 deep, which readers of torrents refuse");
  }
  DIR *dir = fdopendir(fd);
  if (dir == NULL) {
    int errnum = errno;
    close(fd);
    return fail(w->t, buf_cstr(&w->path), errnum);
  }
  w->levels[w->depth++] = (struct level){
    .dir = dir, .dev = st->st_dev, .ino = st->st_ino, .path_len = w->path.len};
  return ERR_OK;
}

static enum err take_folder(struct walk *w, int above, const char *name, const struct stat *st) {
  int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (w->t->follow ? 0 : O_NOFOLLOW);
  if (is_around_us(w, st)) return note(w, &w->t->links);
  int fd = openat(above, name, flags);
  if (fd < 0) return fail(w->t, buf_cstr(&w->path), errno);
  return enter(w, fd, st);
}

static enum err take_file(struct walk *w, int above, const char *name, const struct stat *st) {
  if (w->has_skip && st->st_dev == w->skip_dev && st->st_ino == w->skip_ino)
    return note(w, &w->t->skipped);
  bool for_all = (st->st_mode & 0444) == 0444; /* then asking would be a call for nothing */
  if (!for_all && faccessat(above, name, R_OK, AT_EACCESS) != 0)
    return fail(w->t, buf_cstr(&w->path), errno);
  w->levels[w->depth - 1].files++;
  return add_file(w, buf_cstr(&w->path), st);
}

/* One entry of the folder we are in; w->path names it. */
static enum err take(struct walk *w, const char *name) {
  struct stat st;
  int above = dirfd(w->levels[w->depth - 1].dir);
  int flags = w->t->follow ? 0 : AT_SYMLINK_NOFOLLOW;
  bool there = fstatat(above, name, &st, flags) == 0;
  int errnum = errno;
  if (is_excluded(w, there && S_ISDIR(st.st_mode))) {
    w->t->excluded++;
    return ERR_OK;
  }
  if (!there && w->t->follow && fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    return note(w, &w->t->links); /* it leads nowhere */
  if (!there) return fail(w->t, buf_cstr(&w->path), errnum);
  if (S_ISLNK(st.st_mode)) return note(w, &w->t->links);
  if (S_ISDIR(st.st_mode)) return take_folder(w, above, name, &st);
  if (S_ISREG(st.st_mode)) return take_file(w, above, name, &st);
  return note(w, &w->t->special);
}

/* The folder is read to its end: back to the one above. */
static enum err leave(struct walk *w) {
  struct level *l = &w->levels[--w->depth];
  enum err e = ERR_OK;
  closedir(l->dir);
  w->path.len = l->path_len;
  if (w->depth == 0) return ERR_OK;
  if (l->files == 0) e = note(w, &w->t->empty);
  w->levels[w->depth - 1].files += l->files;
  return e;
}

static bool is_cancelled(const struct walk *w) {
  return w->o->cancel != NULL && atomic_load(w->o->cancel);
}

/* The next entry of the folder we are in, or back to the one above. */
static enum err step(struct walk *w) {
  struct level *l = &w->levels[w->depth - 1];
  w->path.len = l->path_len;
  errno = 0;
  const struct dirent *entry = readdir(l->dir);
  if (entry == NULL && errno != 0) return fail(w->t, buf_cstr(&w->path), errno);
  if (entry == NULL) return leave(w);
  if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) return ERR_OK;
  if (w->path.len > 0) buf_put_u8(&w->path, '/');
  buf_put_str(&w->path, entry->d_name);
  return w->path.failed ? no_memory(w->t) : take(w, entry->d_name);
}

static enum err walk_folder(struct walk *w, const struct stat *st) {
  int fd = dup(w->t->fd);
  if (fd < 0) return fail(w->t, "", errno);
  enum err e = enter(w, fd, st);
  while (e == ERR_OK && w->depth > 0) e = is_cancelled(w) ? ERR_CANCELLED : step(w);
  while (w->depth > 0) closedir(w->levels[--w->depth].dir);
  return e;
}

static int by_path(const void *a, const void *b) {
  return strcmp(((const struct tree_file *)a)->path, ((const struct tree_file *)b)->path);
}

static void lay_out(struct tree *t) {
  uint64_t at = 0;
  if (t->count > 0) qsort(t->files, t->count, sizeof *t->files, by_path);
  for (size_t i = 0; i < t->count; i++) {
    t->files[i].offset = at;
    at += t->files[i].length;
  }
}

/* May the clock that gives files their times still show this one? A time that lies further ahead is
 * none of that clock, and none of our concern. */
static bool is_fresh(int64_t changed_ns) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME_COARSE, &t);
  int64_t now = nanoseconds(&t);
  return changed_ns >= now && changed_ns - now < INT64_C(1000000) * SETTLE_MS;
}

/* Waits until whatever changes from now on shows another time than any that was seen. */
static void settle(const struct tree *t) {
  int64_t newest = INT64_MIN;
  for (size_t i = 0; i < t->count; i++)
    if (t->files[i].changed_ns > newest) newest = t->files[i].changed_ns;
  while (is_fresh(newest)) poll(NULL, 0, SETTLE_STEP_MS);
}

/* What is at the top decides. */
static enum err read_top(struct walk *w) {
  struct tree *t = w->t;
  struct stat st;
  if (stat(t->top, &st) != 0) return fail(t, "", errno);
  t->single = S_ISREG(st.st_mode);
  if (t->single && access(t->top, R_OK) != 0) return fail(t, "", errno);
  if (t->single) return add_file(w, t->top, &st);
  if (!S_ISDIR(st.st_mode)) {
    log_error("'%s' is neither a file nor a folder, so no torrent can be made of it", t->top);
    return ERR_UNSUPPORTED;
  }
  t->fd = open(t->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (t->fd < 0) return fail(t, "", errno);
  return walk_folder(w, &st);
}

enum err tree_read(struct tree *t, const char *path, const struct tree_options *o) {
  struct walk w = {.t = t, .o = o};
  struct stat skip;
  *t = (struct tree){.top = path, .fd = SINGLE, .follow = o->follow_links};
  buf_init(&w.path, PATH_BYTES_MAX);
  if (o->skip != NULL && stat(o->skip, &skip) == 0) {
    w.has_skip = true;
    w.skip_dev = skip.st_dev;
    w.skip_ino = skip.st_ino;
  }
  enum err e = read_top(&w);
  buf_free(&w.path);
  if (e != ERR_OK) {
    tree_free(t);
    return e;
  }
  lay_out(t);
  settle(t);
  return ERR_OK;
}

/* --- reading later --- */

static bool is_same(const struct tree_file *f, const struct stat *st) {
  return S_ISREG(st->st_mode) && st->st_dev == f->dev && st->st_ino == f->ino &&
         (uint64_t)st->st_size == f->length && nanoseconds(&st->st_mtim) == f->written_ns &&
         nanoseconds(&st->st_ctim) == f->changed_ns;
}

static enum err changed(const struct tree *t, size_t file) {
  log_error("'%s%s%s' changed while it was being read; try again when nothing writes to it", t->top,
            t->single ? "" : "/", t->single ? "" : t->files[file].path);
  return ERR_MISMATCH;
}

/* A file that was there and is not any more has changed, too. */
enum err tree_fail(const struct tree *t, size_t file, int errnum) {
  if (errnum == 0 || errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP)
    return changed(t, file);
  return fail(t, t->files[file].path, errnum);
}

static int open_file(const struct tree *t, const char *path) {
  if (t->single) return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (t->follow) return openat(t->fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  return store_beneath_open(t->fd, path, O_RDONLY, 0);
}

int tree_open(const struct tree *t, size_t file, enum err *e) {
  struct stat st;
  int fd = open_file(t, t->files[file].path);
  if (fd < 0) {
    *e = tree_fail(t, file, errno);
    return -1;
  }
  if (fstat(fd, &st) != 0)
    *e = tree_fail(t, file, errno);
  else if (is_same(&t->files[file], &st))
    return fd;
  else
    *e = changed(t, file);
  close(fd);
  return -1;
}

/* The folder that the last file was looked for in, as the next one is mostly there, too. */
struct place {
  int fd;           /* -1: none */
  const char *path; /* of a file in it */
  size_t len;       /* of that path, up to the folder's end */
};

/* Makes `p` the folder of `path`, `len` > 0 bytes long. Returns 0 or -1. */
static int go_to(const struct tree *t, struct place *p, const char *path, size_t len) {
  if (p->fd >= 0 && p->len == len && memcmp(p->path, path, len) == 0) return 0;
  char *folder = strndup(path, len);
  if (folder == NULL) return -1;
  if (p->fd >= 0) close(p->fd);
  *p = (struct place){.path = path, .len = len};
  p->fd = store_beneath_open(t->fd, folder, O_PATH | O_DIRECTORY, 0);
  int errnum = errno;
  free(folder);
  errno = errnum;
  return p->fd >= 0 ? 0 : -1;
}

/* What is under a file's name now. Returns 0 or -1. */
static int look_again(const struct tree *t, struct place *p, const char *path, struct stat *st) {
  const char *slash = strrchr(path, '/');
  if (t->single) return stat(path, st);
  if (t->follow) return fstatat(t->fd, path, st, 0);
  if (slash == NULL) return fstatat(t->fd, path, st, AT_SYMLINK_NOFOLLOW);
  if (go_to(t, p, path, (size_t)(slash - path)) != 0) return -1;
  return fstatat(p->fd, slash + 1, st, AT_SYMLINK_NOFOLLOW);
}

enum err tree_recheck(const struct tree *t) {
  struct place p = {.fd = -1};
  enum err e = ERR_OK;
  for (size_t i = 0; i < t->count && e == ERR_OK; i++) {
    struct stat st;
    if (look_again(t, &p, t->files[i].path, &st) != 0)
      e = tree_fail(t, i, errno);
    else if (!is_same(&t->files[i], &st))
      e = changed(t, i);
  }
  if (p.fd >= 0) close(p.fd);
  return e;
}

void tree_free(struct tree *t) {
  for (size_t i = 0; i < t->count; i++) free(t->files[i].path);
  free(t->files);
  free(t->links.first);
  free(t->special.first);
  free(t->empty.first);
  free(t->skipped.first);
  if (t->top != NULL && t->fd != SINGLE) close(t->fd);
  *t = (struct tree){.fd = SINGLE};
}
