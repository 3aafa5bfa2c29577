#include "io/store_whose.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  ENOUGH = 512, /* bytes: files of one kind may begin alike, but not for so long */
  READ_LEN = 64 * 1024
};

struct look {
  struct store_files *t;
  size_t file;
  int fd;
  uint8_t *buffer; /* READ_LEN bytes */
};

/* Is there anything but zeros in [from, to) of the file? Holes are not read. What lies beyond the
 * end counts as zeros. */
static enum err has_data(const struct look *l, uint64_t from, uint64_t to, bool *found) {
  *found = false;
  while (from < to) {
    off_t data = lseek(l->fd, (off_t)from, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return ERR_OK;
    if (data > 0 && (uint64_t)data > from) from = (uint64_t)data;
    if (from >= to) return ERR_OK;
    size_t want = to - from < READ_LEN ? (size_t)(to - from) : READ_LEN;
    ssize_t n = pread(l->fd, l->buffer, want, (off_t)from);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return store_files_complain(l->t, l->file, errno);
    if (n == 0) return ERR_OK;
    for (ssize_t i = 0; i < n && !*found; i++) *found = l->buffer[i] != 0;
    if (*found) return ERR_OK;
    from += (uint64_t)n;
  }
  return ERR_OK;
}

/* Does one of the file's pieces, the first to the last of which are `first` to `last`, show that
 * the file is ours? A failure counts only if no other piece does. */
static enum err has_proof(const struct look *l, const struct metainfo *m, size_t first,
                          size_t last, const struct bitset *good, bool *proof) {
  const struct store_file *f = &l->t->v[l->file];
  enum err e = ERR_OK;
  *proof = false;
  for (size_t p = bitset_next(good, first); p <= last && !*proof;
       p = bitset_next(good, p + 1)) {
    uint64_t begin = geometry_piece_offset(&m->geo, (uint32_t)p);
    uint64_t end = begin + geometry_piece_len(&m->geo, (uint32_t)p);
    uint64_t from = begin > f->offset ? begin - f->offset : 0;
    uint64_t to = end < f->offset + f->length ? end - f->offset : f->length;
    if (to - from < ENOUGH && to - from < f->length) continue;
    enum err failed = has_data(l, from, to, proof);
    if (e == ERR_OK) e = failed;
  }
  return *proof ? ERR_OK : e;
}

static bool all_good(const struct bitset *good, size_t first, size_t last) {
  for (size_t p = first; p <= last; p++)
    if (!bitset_get(good, p)) return false;
  return true;
}

static enum err look_into(const struct look *l, const struct metainfo *m, uint64_t size,
                          const struct bitset *good, bool *ours) {
  const struct store_file *f = &l->t->v[l->file];
  enum err e = ERR_OK;
  if (f->length > 0) {
    size_t first = (size_t)(f->offset / m->geo.piece_len);
    size_t last = (size_t)((f->offset + f->length - 1) / m->geo.piece_len);
    *ours = size == f->length && all_good(good, first, last);
    if (!*ours) e = has_proof(l, m, first, last, good, ours);
  }
  if (e != ERR_OK || *ours || size > f->length) return e;
  bool data;
  e = has_data(l, 0, size, &data);
  *ours = e == ERR_OK && !data;
  return e;
}

enum err store_whose_judge(struct store_files *t, const struct metainfo *m, size_t file,
                           uint64_t size, const struct bitset *good, bool *ours) {
  *ours = t->v[file].vouched;
  if (*ours) return ERR_OK;
  struct store_pin pin;
  enum err e = store_files_pin(t, file, false, &pin);
  if (e != ERR_OK) return e == ERR_NOT_FOUND ? ERR_OK : e;
  struct look l = {.t = t, .file = file, .fd = pin.fd, .buffer = malloc(READ_LEN)};
  e = l.buffer ? look_into(&l, m, size, good, ours) : ERR_MEMORY;
  free(l.buffer);
  store_files_unpin(t, &pin, false);
  return e;
}
