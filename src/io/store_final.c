#include "io/store_final.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sha1.h"
#include "io/store_beneath.h"
#include "io/store_folders.h"
#include "io/store_io.h"
#include "io/store_watch.h"

enum {
  READ_LEN = 256 * 1024,
  LOOKS_MAX = 3 /* at everything, while others write to it without end */
};

struct final {
  struct store_files *t;
  const struct metainfo *m;
  struct bitset *lost; /* NULL: only `missing` is told */
  bool touched;        /* somebody else wrote to a file: every piece is to be hashed */
  bool missing;        /* something is lost */
  struct bitset hashed; /* pieces that were read back already */
  uint8_t *buffer;      /* READ_LEN bytes */
};

/* Notes the pieces of [from, to) of a file as lost. */
static void lose(struct final *f, const struct store_file *file, uint64_t from, uint64_t to) {
  f->missing = true;
  if (f->lost == NULL || from >= to) return;
  uint64_t first = (file->offset + from) / f->m->geo.piece_len;
  uint64_t last = (file->offset + to - 1) / f->m->geo.piece_len;
  for (uint64_t p = first; p <= last; p++) bitset_set(f->lost, (size_t)p);
}

/* Reads a piece back and hashes it. */
static enum err is_good(struct final *f, uint32_t piece, bool *good) {
  uint64_t offset = geometry_piece_offset(&f->m->geo, piece);
  uint32_t left = geometry_piece_len(&f->m->geo, piece);
  struct sha1 s;
  if (!sha1_init(&s)) return ERR_MEMORY;
  enum err e = ERR_OK;
  while (left > 0 && e == ERR_OK) {
    uint32_t n = left < READ_LEN ? left : READ_LEN;
    e = store_io_read(f->t, offset, f->buffer, n);
    if (e == ERR_OK) sha1_update(&s, f->buffer, n);
    offset += n;
    left -= n;
  }
  uint8_t hash[SHA1_LEN];
  sha1_final(&s, hash);
  *good = e == ERR_OK && memcmp(hash, f->m->hashes + (size_t)piece * SHA1_LEN, SHA1_LEN) == 0;
  return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Hashes the pieces of [from, to) of a file, where data may be missing. */
static enum err check_range(struct final *f, const struct store_file *file, uint64_t from,
                           uint64_t to) {
  uint32_t piece = (uint32_t)((file->offset + from) / f->m->geo.piece_len);
  uint32_t last = (uint32_t)((file->offset + to - 1) / f->m->geo.piece_len);
  uint32_t bad = 0;
  enum err e = ERR_OK;
  for (; piece <= last && e == ERR_OK; piece++) {
    bool good = false;
    if (!bitset_set(&f->hashed, piece)) continue;
    e = is_good(f, piece, &good);
    if (e != ERR_OK || good) continue;
    bad++;
    if (f->lost) bitset_set(f->lost, piece);
  }
  if (bad == 0) return e;
  log_warn("%s has %s where data were written (%u piece%s)", file->shown,
           f->touched ? "something else" : "zeros", bad, bad == 1 ? "" : "s");
  f->missing = true;
  return e;
}

/* Hashes what lies beyond the point where a file, which has `size` bytes now, was found to end. */
static enum err check_cut(struct final *f, size_t i, uint64_t size) {
  uint64_t from = store_watch_cut_to(f->t, i);
  if (from >= size) return ERR_OK;
  bool missed_before = f->missing;
  f->missing = false;
  enum err e = check_range(f, &f->t->v[i], from, size);
  if (e == ERR_OK && !f->missing) store_watch_mended(f->t, i);
  f->missing |= missed_before;
  return e;
}

/* Goes through the holes of a file, which has at least its length. What made them may have left
 * zeros in the blocks (of `block` bytes) before and after. */
static enum err check_holes(struct final *f, size_t i, uint64_t block) {
  const struct store_file *file = &f->t->v[i];
  struct store_pin pin;
  if (file->length == 0) return ERR_OK;
  enum err e = store_files_pin(f->t, i, false, &pin);
  if (e != ERR_OK) return e == ERR_NOT_FOUND ? ERR_OK : e;
  for (uint64_t at = 0; at < file->length && e == ERR_OK;) {
    off_t hole = lseek(pin.fd, (off_t)at, SEEK_HOLE);
    if (hole < 0 || (uint64_t)hole >= file->length) break; /* none, or nobody can say */
    off_t data = lseek(pin.fd, hole, SEEK_DATA);
    at = data < 0 || (uint64_t)data > file->length ? file->length : (uint64_t)data;
    uint64_t from = (uint64_t)hole > block ? (uint64_t)hole - block : 0;
    e = check_range(f, file, from, file->length - at > block ? at + block : file->length);
  }
  store_files_unpin(f->t, &pin, false);
  return e;
}

/* Cuts what is too long; not if the file has other names, whose business its end may be. */
static enum err cut(struct store_files *t, size_t i, const struct stat *st) {
  if (st->st_nlink > 1) {
    log_warn("%s is longer than it should be; it is left so, as it has other names (hard links)",
             t->v[i].shown);
    return ERR_OK;
  }
  struct store_pin pin;
  enum err e = store_files_pin(t, i, true, &pin);
  if (e != ERR_OK) return e;
  int rc = ftruncate(pin.fd, (off_t)t->v[i].length);
  if (rc != 0) e = store_files_complain(t, i, errno);
  store_touch_wrote(&t->touch);
  store_files_unpin(t, &pin, true);
  return e;
}

/* The path leads nowhere, or to another file. */
static enum err all_gone(struct final *f, size_t i, const char *how) {
  log_warn("%s was %s while it was being downloaded", f->t->v[i].shown, how);
  lose(f, &f->t->v[i], 0, f->t->v[i].length);
  store_files_forget(f->t, i);
  store_watch_take_renewed(f->t, i);
  return ERR_OK;
}

static enum err look_at(struct final *f, size_t i) {
  const struct store_file *file = &f->t->v[i];
  struct stat st;
  if (store_beneath_stat(f->t->dirfd, file->path, &st) != 0) {
    if (errno == ENOENT || store_beneath_in_the_way(errno)) return all_gone(f, i, "deleted");
    return store_files_complain(f->t, i, errno);
  }
  if (!S_ISREG(st.st_mode) || !store_watch_is_ours(f->t, i, &st))
    return all_gone(f, i, "replaced");
  if (store_watch_take_renewed(f->t, i)) return all_gone(f, i, "deleted and made again");
  uint64_t size = (uint64_t)st.st_size;
  enum err e = ERR_OK;
  if (size < file->length) {
    log_warn("%s was cut short while it was being downloaded", file->shown);
    lose(f, file, size, file->length);
  } else if (size > file->length) {
    e = cut(f->t, i, &st);
    size = file->length;
  }
  if (e == ERR_OK && f->touched && size > 0) e = check_range(f, file, 0, size);
  if (e == ERR_OK) e = check_cut(f, i, size);
  return e == ERR_OK && size == file->length ? check_holes(f, i, (uint64_t)st.st_blksize) : e;
}

/* Looks at all files. */
static enum err look_once(struct final *f) {
  f->touched = store_touch_seen(&f->t->touch);
  store_touch_reset(&f->t->touch, false); /* what comes now is for the next time */
  bitset_reset(&f->hashed);
  enum err e = ERR_OK;
  for (size_t i = 0; i < f->t->count && e == ERR_OK; i++)
    if (f->t->v[i].path != NULL) e = look_at(f, i);
  if ((e != ERR_OK || f->missing) && f->touched) store_touch_reset(&f->t->touch, true);
  return e;
}

/* And once more if another program wrote meanwhile, as to look may take long. */
static enum err look(struct final *f) {
  for (int i = 0; i < LOOKS_MAX; i++) {
    enum err e = look_once(f);
    if (e != ERR_OK || f->missing || !store_touch_seen(&f->t->touch)) return e;
  }
  log_error("another program keeps writing to the files, so nobody can say whether they are right; "
            "end it and start again");
  return ERR_IO;
}

enum err store_final_run(struct store_files *t, const struct metainfo *m, struct bitset *lost) {
  struct final f = {.t = t, .m = m, .lost = lost, .buffer = malloc(READ_LEN)};
  enum err e = ERR_MEMORY;
  if (f.buffer == NULL || !bitset_init(&f.hashed, m->geo.pieces)) goto done;
  e = store_files_sync(t);
  if (e == ERR_OK && atomic_load(&t->made_any)) e = store_folders_sync(t);
  if (e == ERR_OK) e = look(&f); /* after that, as to sync may take long */
  if (e == ERR_OK) e = store_files_sync(t); /* what was cut */
  if (e == ERR_OK && f.missing) e = ERR_NOT_FOUND;
done:
  bitset_free(&f.hashed);
  free(f.buffer);
  return e;
}
