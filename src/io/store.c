#include "io/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/store_beneath.h"
#include "io/store_claim.h"
#include "io/store_files.h"
#include "io/store_final.h"
#include "io/store_io.h"
#include "io/store_path.h"
#include "io/store_touch.h"
#include "io/store_undo.h"
#include "io/store_watch.h"
#include "io/store_where.h"
#include "io/store_whose.h"

struct store {
  const struct metainfo *m;
  bool read_only;
  bool prepared; /* what store_open and store_lock made is in use */
  struct store_where where;
  struct store_claim claim;
  struct store_files files;
  char *top_path;
};

/* "prefix" "top" */
static char *name_top(const struct store_where *where) {
  size_t prefix = strlen(where->prefix), top = strlen(where->top);
  char *path = malloc(prefix + top + 1);
  if (path == NULL) return NULL;
  memcpy(path, where->prefix, prefix);
  memcpy(path + prefix, where->top, top + 1);
  return path;
}

enum err store_open(struct store **out, const struct metainfo *m, const struct store_options *o) {
  *out = NULL;
  struct store *s = calloc(1, sizeof *s);
  if (s == NULL) return ERR_MEMORY;
  *s = (struct store){.m = m, .read_only = o->read_only, .claim = STORE_CLAIM_NONE};

  char **paths;
  enum err e = store_path_all(m, &paths);
  if (e != ERR_OK) goto fail;
  e = store_where_find(&s->where, m, paths, o->output, o->read_only);
  if (e != ERR_OK) goto fail_paths;
  e = store_files_init(&s->files, m, paths, &s->where);
  if (e != ERR_OK) goto fail_where;
  s->top_path = name_top(&s->where);
  if (s->top_path == NULL) goto fail_files;
  store_path_free(paths, m->file_count);
  *out = s;
  return ERR_OK;

fail_files:
  e = ERR_MEMORY;
  store_files_free(&s->files);
fail_where:
  store_where_undo(&s->where);
  store_where_free(&s->where);
fail_paths:
  store_path_free(paths, m->file_count);
fail:
  free(s);
  return e;
}

void store_close(struct store *s) {
  if (s == NULL) return;
  store_files_free(&s->files);
  store_claim_drop(&s->claim, s->where.dirfd, s->where.top, s->m->multi, s->prepared);
  if (!s->prepared) store_where_undo(&s->where);
  store_where_free(&s->where);
  free(s->top_path);
  free(s);
}

/* What is there is about to be compared with the record, or hashed: nobody else shall write to it
 * unnoticed from now on. What can't be opened is told about when it is needed. */
static void listen_to_files(struct store *s) {
  struct stat st;
  store_touch_open(&s->files.touch);
  for (size_t i = 0; i < s->files.count; i++) {
    const char *path = s->files.v[i].path;
    if (path == NULL || store_beneath_stat(s->where.dirfd, path, &st) != 0) continue;
    int fd = S_ISREG(st.st_mode) ? store_beneath_open(s->where.dirfd, path, O_RDONLY, 0) : -1;
    if (fd < 0) continue;
    store_touch_add(&s->files.touch, fd);
    close(fd);
  }
}

enum err store_lock(struct store *s) {
  if (s->read_only || s->claim.fd >= 0) return ERR_OK;
  enum err e =
      store_claim_take(&s->claim, s->where.dirfd, s->where.top, s->top_path, s->m->multi);
  if (e == ERR_OK) listen_to_files(s);
  return e;
}

/* Nanoseconds since 1970, held at the ends of what 64 bits can say: a file may claim any year. */
static int64_t nanoseconds(const struct timespec *t) {
  int64_t ns;
  if (__builtin_mul_overflow((int64_t)t->tv_sec, INT64_C(1000000000), &ns) ||
      __builtin_add_overflow(ns, (int64_t)t->tv_nsec, &ns))
    return t->tv_sec < 0 ? INT64_MIN : INT64_MAX;
  return ns;
}

enum err store_file_state(struct store *s, size_t file, struct store_file_state *out) {
  *out = (struct store_file_state){0};
  const char *path = s->files.v[file].path;
  struct stat st;
  if (path == NULL) return ERR_OK;
  int fd = store_beneath_open(s->where.dirfd, path, O_PATH, 0);
  if (fd < 0 || fstat(fd, &st) != 0) {
    int errnum = errno;
    if (fd >= 0) close(fd);
    if (errnum == ENOENT) return ERR_OK;
    out->foreign_kind = store_beneath_in_the_way(errnum);
    return out->foreign_kind ? ERR_OK : store_files_complain(&s->files, file, errnum);
  }
  out->born_ns = store_beneath_born(fd);
  close(fd);
  out->exists = S_ISREG(st.st_mode) && (s->read_only || st.st_nlink == 1);
  out->foreign_kind = !out->exists;
  out->tampered = !store_watch_is_intact(&s->files, file, &st);
  out->replaced = !store_watch_is_ours(&s->files, file, &st);
  out->unwatched = store_touch_is_blind(&s->files.touch);
  out->mode = st.st_mode;
  out->links = st.st_nlink;
  out->size = (uint64_t)st.st_size;
  out->mtime_ns = nanoseconds(&st.st_mtim);
  out->ino = (uint64_t)st.st_ino;
  return ERR_OK;
}

bool store_any_present(struct store *s) {
  struct store_file_state state;
  for (size_t i = 0; i < s->files.count; i++)
    if (store_file_state(s, i, &state) != ERR_OK || state.foreign_kind ||
        (state.exists && state.size > 0))
      return true;
  return false;
}

bool store_all_present(struct store *s) {
  struct stat st;
  for (size_t i = 0; i < s->files.count; i++) {
    const struct store_file *f = &s->files.v[i];
    if (f->path == NULL) continue;
    if (store_beneath_stat(s->where.dirfd, f->path, &st) != 0 || !S_ISREG(st.st_mode) ||
        (uint64_t)st.st_size != f->length)
      return false;
  }
  return true;
}

bool store_is_readable(const struct store *s, size_t file) {
  const char *path = s->files.v[file].path;
  int fd = path ? store_beneath_open(s->where.dirfd, path, O_RDONLY, 0) : -1;
  if (fd >= 0) close(fd);
  return fd >= 0;
}

void store_vouch(struct store *s, size_t file) {
  s->files.v[file].vouched = true;
}

enum err store_find_foreign(struct store *s, const struct bitset *good, size_t *file) {
  struct store_file_state state;
  enum err e = ERR_OK;
  for (*file = 0; *file < s->files.count; ++*file) {
    bool ours = false;
    e = store_file_state(s, *file, &state);
    if (e != ERR_OK) return e;
    if (!state.foreign_kind && (!state.exists || state.size == 0)) continue;
    if (state.exists) e = store_whose_judge(&s->files, s->m, *file, state.size, good, &ours);
    if (e != ERR_OK || !ours) return e;
  }
  return ERR_OK;
}

const char *store_file_path(const struct store *s, size_t file) {
  const char *shown = s->files.v[file].shown;
  return shown ? shown : "";
}

const char *store_top_path(const struct store *s) {
  return s->top_path;
}

enum err store_prepare(struct store *s, enum store_allocate how) {
  if (s->read_only) return ERR_ACCESS;
  enum err e = store_make_all(&s->files, how);
  if (e == ERR_OK) s->prepared = true;
  return e;
}

enum err store_write(struct store *s, uint64_t offset, const void *data, size_t len) {
  return store_io_write(&s->files, offset, data, len);
}

enum err store_read(struct store *s, uint64_t offset, void *data, size_t len) {
  return store_io_read(&s->files, offset, data, len);
}

enum err store_sync(struct store *s) {
  return store_files_sync(&s->files);
}

void store_trust(struct store *s) {
  store_files_trust(&s->files);
}

bool store_is_unsure(struct store *s) {
  return store_files_is_unsure(&s->files);
}

enum err store_finish(struct store *s, struct bitset *lost) {
  enum err e = store_final_run(&s->files, s->m, lost);
  if (e == ERR_OK || e == ERR_NOT_FOUND) {
    enum err there = store_where_check(&s->where);
    if (there != ERR_OK) e = there;
  }
  return e;
}

enum err store_discard(struct store *s) {
  s->prepared = false;
  return store_undo_all(&s->files);
}

int store_dirfd(const struct store *s) {
  return s->where.dirfd;
}

const char *store_record_name(const struct store *s) {
  return s->where.record;
}

const char *store_record_spare(const struct store *s) {
  return s->where.spare;
}
