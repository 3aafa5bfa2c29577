#include "io/store_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "io/store_beneath.h"
#include "io/store_bulk.h"
#include "io/store_watch.h"

/* ---- the table ------------------------------------------------------------------------------- */

/* A quarter of what the process may open, after what it needs for itself. */
static int open_limit(void) {
  struct rlimit r;
  if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur > 8 + 4 * STORE_FILES_OPEN_MAX)
    return STORE_FILES_OPEN_MAX;
  int quarter = r.rlim_cur > 8 ? ((int)r.rlim_cur - 8) / 4 : 0;
  return quarter > STORE_FILES_OPEN_MIN ? quarter : STORE_FILES_OPEN_MIN;
}

/* "prefix" "top" ["/" "path"]; *below is set to where the part after the prefix starts. */
static char *show(const struct store_where *where, bool multi, const char *path,
                  const char **below) {
  size_t prefix = strlen(where->prefix), top = strlen(where->top);
  size_t rest = multi ? strlen(path) + 1 : 0;
  char *shown = malloc(prefix + top + rest + 1);
  if (shown == NULL) return NULL;
  memcpy(shown, where->prefix, prefix);
  memcpy(shown + prefix, where->top, top + 1);
  if (multi) {
    shown[prefix + top] = '/';
    memcpy(shown + prefix + top + 1, path, rest);
  }
  *below = shown + prefix;
  return shown;
}

static bool fill(struct store_files *t, const struct metainfo *m, char *const *paths,
                 const struct store_where *where) {
  for (size_t i = 0; i < t->count; i++) {
    struct store_file *f = &t->v[i];
    f->offset = m->files[i].offset;
    f->length = m->files[i].length;
    f->slot = -1;
    if (paths[i] == NULL) continue;
    f->shown = show(where, m->multi, paths[i], &f->path);
    if (f->shown == NULL) return false;
    f->there = (uint32_t)strlen(f->path);
    f->cut = UINT64_MAX;
    bitset_set(&t->dirty, i);
  }
  return true;
}

enum err store_files_init(struct store_files *t, const struct metainfo *m, char *const *paths,
                          const struct store_where *where) {
  *t = (struct store_files){.dirfd = where->dirfd, .total = m->geo.total, .limit = open_limit()};
  for (size_t i = 0; i < STORE_FILES_OPEN_MAX; i++) t->slots[i].fd = -1;
  pthread_mutex_init(&t->lock, NULL);
  pthread_cond_init(&t->synced, NULL);
  pthread_cond_init(&t->renewed, NULL);
  t->v = calloc(m->file_count, sizeof *t->v);
  t->count = t->v ? m->file_count : 0;
  t->unsure = true;
  store_touch_init(&t->touch);
  bool ok = t->v != NULL && bitset_init(&t->dirty, t->count) &&
            bitset_init(&t->in_sync, t->count) && fill(t, m, paths, where);
  if (ok) return ERR_OK;
  store_files_free(t);
  return ERR_MEMORY;
}

void store_files_free(struct store_files *t) {
  if (t->limit == 0) return;
  for (size_t i = 0; i < STORE_FILES_OPEN_MAX; i++)
    if (t->slots[i].fd >= 0) close(t->slots[i].fd);
  for (size_t i = 0; i < t->count; i++) free(t->v[i].shown);
  free(t->v);
  store_touch_free(&t->touch);
  bitset_free(&t->dirty);
  bitset_free(&t->in_sync);
  pthread_cond_destroy(&t->synced);
  pthread_cond_destroy(&t->renewed);
  pthread_mutex_destroy(&t->lock);
  *t = (struct store_files){0};
}

size_t store_files_find(const struct store_files *t, uint64_t offset) {
  size_t low = 0, high = t->count; /* v[low].offset <= offset < v[high].offset */
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (t->v[middle].offset <= offset)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* ---- complaints ------------------------------------------------------------------------------ */

/* How much of f->shown to print: up to the first folder of it that is none, or all. */
static int culprit_len(const struct store_files *t, const struct store_file *f) {
  char above[PATH_MAX];
  struct stat st;
  for (const char *slash = strchr(f->path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    size_t len = (size_t)(slash - f->path);
    if (len >= sizeof above) break;
    memcpy(above, f->path, len);
    above[len] = '\0';
    if (store_beneath_stat(t->dirfd, above, &st) == 0 && !S_ISDIR(st.st_mode))
      return (int)(slash - f->shown);
  }
  return (int)strlen(f->shown);
}

enum err store_files_complain(struct store_files *t, size_t file, int errnum) {
  struct store_file *f = &t->v[file];
  bool in_the_way = store_beneath_in_the_way(errnum);
  pthread_mutex_lock(&t->lock);
  bool first = !f->complained;
  f->complained = true;
  pthread_mutex_unlock(&t->lock);
  if (first)
    log_error("%.*s: %s", in_the_way ? culprit_len(t, f) : (int)strlen(f->shown), f->shown,
              store_beneath_why(errnum));
  return in_the_way ? ERR_EXISTS : err_from_errno(errnum);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Makes the folders above a file, and notes which were missing. 0 or -1 and errno. */
static int make_folders(struct store_files *t, size_t file) {
  struct store_file *f = &t->v[file];
  size_t there;
  int rc = store_beneath_parents(t->dirfd, f->path, &there);
  int kept = errno;
  pthread_mutex_lock(&t->lock);
  if (there < f->there) f->there = (uint32_t)there;
  pthread_mutex_unlock(&t->lock);
  errno = kept;
  return rc;
}

int store_files_create(struct store_files *t, size_t file) {
  const char *path = t->v[file].path;
  enum { FLAGS = O_RDWR | O_CREAT | O_EXCL };
  int fd = store_beneath_open(t->dirfd, path, FLAGS, 0666);
  if (fd < 0 && errno == ENOENT) {
    if (make_folders(t, file) != 0) return -1;
    fd = store_beneath_open(t->dirfd, path, FLAGS, 0666);
  }
  if (fd < 0) return -1;
  atomic_store(&t->made_any, true);
  pthread_mutex_lock(&t->lock);
  bitset_clear(&t->dirty, file); /* there is nothing in it yet */
  pthread_mutex_unlock(&t->lock);
  return fd;
}

/* The file is gone, and is to be written: makes it again. -1 and errno if not. */
static int renew(struct store_files *t, size_t file) {
  struct stat st;
  int fd = store_files_create(t, file);
  if (fd < 0 || fstat(fd, &st) != 0) return fd;
  log_warn("%s was deleted while it was being downloaded; it is made again", t->v[file].shown);
  store_watch_adopt(t, file, &st, true);
  store_touch_add(&t->touch, fd);
  store_watch_renewed(t, file);
  return fd;
}

/* 0 or the errno value that says why this open file is not the one we want. */
static int judge(struct store_files *t, size_t file, int fd) {
  struct stat st;
  if (fstat(fd, &st) != 0) return errno;
  return S_ISREG(st.st_mode) && store_watch_is_ours(t, file, &st) ? 0 : EEXIST;
}

/* Returns a descriptor of the right file, or -1 and errno. */
static int open_once(struct store_files *t, size_t file) {
  bool writable = atomic_load(&t->writable);
  int fd = store_beneath_open(t->dirfd, t->v[file].path, writable ? O_RDWR : O_RDONLY, 0);
  if (fd < 0) return -1;
  int fault = judge(t, file, fd);
  if (fault == 0) return fd;
  close(fd);
  errno = fault;
  return -1;
}

/* Closes every file that nobody has pinned, for when the process has no descriptors left. */
static void shed(struct store_files *t) {
  for (int i = 0; i < t->limit; i++) {
    pthread_mutex_lock(&t->lock);
    struct store_slot *s = &t->slots[i];
    int fd = s->pins == 0 ? s->fd : -1;
    if (fd >= 0) {
      t->v[s->file].slot = -1;
      s->fd = -1;
    }
    pthread_mutex_unlock(&t->lock);
    if (fd >= 0) close(fd);
  }
}

/* The file is to be written and is gone, or is another's; perhaps because another thread is just
 * making it again, so one after the other has a look. */
static int open_or_renew(struct store_files *t, size_t file) {
  pthread_mutex_lock(&t->lock);
  while (t->renewing) pthread_cond_wait(&t->renewed, &t->lock);
  t->renewing = true;
  pthread_mutex_unlock(&t->lock);
  int fd = open_once(t, file);
  if (fd < 0 && errno == ENOENT) fd = renew(t, file);
  int kept = errno;
  pthread_mutex_lock(&t->lock);
  t->renewing = false;
  pthread_cond_signal(&t->renewed);
  pthread_mutex_unlock(&t->lock);
  errno = kept;
  return fd;
}

static enum err open_file(struct store_files *t, size_t file, bool write, int *fd) {
  *fd = open_once(t, file);
  if (*fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    shed(t);
    *fd = open_once(t, file);
  }
  if (*fd < 0 && write && (errno == ENOENT || errno == EEXIST)) *fd = open_or_renew(t, file);
  if (*fd >= 0) return ERR_OK;
  if (!write && (errno == ENOENT || store_beneath_in_the_way(errno))) return ERR_NOT_FOUND;
  return store_files_complain(t, file, errno);
}

/* ---- pins ------------------------------------------------------------------------------------ */

/* Caller must hold t->lock. Pins the file if it is open. */
static bool pin_open(struct store_files *t, size_t file, struct store_pin *pin) {
  int slot = t->v[file].slot;
  if (slot < 0) return false;
  t->slots[slot].pins++;
  t->slots[slot].used = ++t->tick;
  *pin = (struct store_pin){
    .fd = t->slots[slot].fd, .slot = slot, .file = file, .high = t->v[file].high};
  return true;
}

/* Caller must hold t->lock. A slot that is free, or can be: -1 if all are pinned. */
static int choose_slot(const struct store_files *t) {
  int best = -1;
  for (int i = 0; i < t->limit; i++) {
    const struct store_slot *s = &t->slots[i];
    if (s->fd < 0) return i;
    if (s->pins == 0 && (best < 0 || s->used < t->slots[best].used)) best = i;
  }
  return best;
}

/* Caller must hold t->lock. Puts `fd` into the table, pinned; returns the descriptor that had to
 * make room and is to be closed, or -1. */
static int install(struct store_files *t, size_t file, int fd, struct store_pin *pin) {
  int slot = choose_slot(t);
  *pin = (struct store_pin){.fd = fd, .slot = slot, .file = file, .high = t->v[file].high};
  if (slot < 0) return -1;
  struct store_slot *s = &t->slots[slot];
  int evicted = s->fd;
  if (evicted >= 0) t->v[s->file].slot = -1;
  *s = (struct store_slot){.fd = fd, .file = file, .pins = 1, .used = ++t->tick};
  t->v[file].slot = slot;
  return evicted;
}

enum err store_files_pin(struct store_files *t, size_t file, bool write, struct store_pin *pin) {
  if (write && !atomic_load(&t->writable)) return ERR_ACCESS;
  pthread_mutex_lock(&t->lock);
  bool open = pin_open(t, file, pin);
  pthread_mutex_unlock(&t->lock);
  if (open) return ERR_OK;

  int fd;
  enum err e = open_file(t, file, write, &fd);
  if (e != ERR_OK) return e;
  pthread_mutex_lock(&t->lock);
  int surplus = pin_open(t, file, pin) ? fd : install(t, file, fd, pin);
  pthread_mutex_unlock(&t->lock);
  if (surplus >= 0) close(surplus);
  return ERR_OK;
}

void store_files_unpin(struct store_files *t, const struct store_pin *pin, bool wrote) {
  int surplus = pin->slot < 0 ? pin->fd : -1;
  pthread_mutex_lock(&t->lock);
  if (wrote) bitset_set(&t->dirty, pin->file);
  if (pin->slot >= 0) {
    struct store_slot *s = &t->slots[pin->slot];
    s->pins--;
    if (s->stale && s->pins == 0) {
      surplus = s->fd;
      *s = (struct store_slot){.fd = -1};
    }
  }
  pthread_mutex_unlock(&t->lock);
  if (surplus >= 0) close(surplus);
}

void store_files_forget(struct store_files *t, size_t file) {
  int surplus = -1;
  pthread_mutex_lock(&t->lock);
  int slot = t->v[file].slot;
  if (slot >= 0) {
    struct store_slot *s = &t->slots[slot];
    t->v[file].slot = -1;
    s->stale = s->pins > 0;
    if (!s->stale) {
      surplus = s->fd;
      *s = (struct store_slot){.fd = -1};
    }
  }
  pthread_mutex_unlock(&t->lock);
  if (surplus >= 0) close(surplus);
}

/* ---- syncing --------------------------------------------------------------------------------- */

/* Takes the set of dirty files, after whoever else is syncing has finished. */
static void begin_sync(struct store_files *t) {
  pthread_mutex_lock(&t->lock);
  while (t->syncing) pthread_cond_wait(&t->synced, &t->lock);
  t->syncing = true;
  struct bitset taken = t->dirty;
  t->dirty = t->in_sync;
  t->in_sync = taken;
  pthread_mutex_unlock(&t->lock);
}

/* Ends it; if it failed, all of the set counts as dirty again. */
static void end_sync(struct store_files *t, bool failed) {
  pthread_mutex_lock(&t->lock);
  for (size_t i = bitset_next(&t->in_sync, 0); failed && i < t->count;
       i = bitset_next(&t->in_sync, i + 1))
    bitset_set(&t->dirty, i);
  bitset_reset(&t->in_sync);
  t->syncing = false;
  if (!failed) t->unsure = false;
  pthread_cond_signal(&t->synced);
  pthread_mutex_unlock(&t->lock);
}

/* Gets the data of all of them moving, so that the fdatasync() calls that follow find most of the
 * work done: many small files then share a few commits of the file system's journal. */
static void start_writeback(struct store_files *t) {
  for (size_t i = bitset_next(&t->in_sync, 0); i < t->count; i = bitset_next(&t->in_sync, i + 1)) {
    struct store_pin pin;
    if (store_files_pin(t, i, false, &pin) != ERR_OK) continue;
    sync_file_range(pin.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    store_files_unpin(t, &pin, false);
  }
}

/* A file that has vanished has nothing to sync; store_final finds out what that means. */
static enum err sync_by(struct store_files *t, size_t file, int (*sync)(int fd)) {
  struct store_pin pin;
  enum err e = store_files_pin(t, file, false, &pin);
  if (e != ERR_OK) return e == ERR_NOT_FOUND ? ERR_OK : e;
  int rc;
  do {
    rc = sync(pin.fd);
  } while (rc != 0 && errno == EINTR);
  if (rc != 0) e = store_files_complain(t, file, errno);
  store_files_unpin(t, &pin, false);
  return e;
}

static enum err sync_file(struct store_files *t, size_t file) {
  return sync_by(t, file, fdatasync);
}

static int write_data(int fd) {
  return sync_file_range(fd, 0, 0,
                         SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                           SYNC_FILE_RANGE_WAIT_AFTER);
}

/* The data are with the disk, though not safe there; what could not be written is told. */
static enum err write_out(struct store_files *t, size_t file) {
  return sync_by(t, file, write_data);
}

/* Calls sync() for every file of the set. Returns the first failure. */
static enum err sync_each(struct store_files *t, enum err (*sync)(struct store_files *, size_t)) {
  enum err first = ERR_OK;
  for (size_t i = bitset_next(&t->in_sync, 0); i < t->count; i = bitset_next(&t->in_sync, i + 1)) {
    enum err e = sync(t, i);
    if (first == ERR_OK) first = e;
  }
  return first;
}

/* Do all files of the set lie on the file system of the output folder? */
static bool is_one_system(struct store_files *t) {
  struct stat st;
  bool one = fstat(t->dirfd, &st) == 0;
  pthread_mutex_lock(&t->lock);
  for (size_t i = bitset_next(&t->in_sync, 0); one && i < t->count;
       i = bitset_next(&t->in_sync, i + 1))
    one = t->v[i].known && t->v[i].dev == (uint64_t)st.st_dev;
  pthread_mutex_unlock(&t->lock);
  return one;
}

enum err store_files_sync(struct store_files *t) {
  enum err e = ERR_OK;
  begin_sync(t);
  bool many = t->in_sync.count >= STORE_BULK_LEAST && store_bulk_knows(t->dirfd) &&
              is_one_system(t);
  if (t->in_sync.count > 1) start_writeback(t);
  if (many) e = sync_each(t, write_out);
  if (e == ERR_OK && !(many && store_bulk_sync(t->dirfd))) e = sync_each(t, sync_file);
  end_sync(t, e != ERR_OK);
  return e;
}

void store_files_trust(struct store_files *t) {
  pthread_mutex_lock(&t->lock);
  bitset_reset(&t->dirty);
  t->unsure = false;
  pthread_mutex_unlock(&t->lock);
}

bool store_files_is_unsure(struct store_files *t) {
  pthread_mutex_lock(&t->lock);
  bool unsure = t->unsure;
  pthread_mutex_unlock(&t->lock);
  return unsure;
}
