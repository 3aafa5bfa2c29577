#include "io/store_watch.h"

/* Caller must hold t->lock. */
static bool is_same(const struct store_file *f, const struct stat *st) {
  return f->known && f->dev == (uint64_t)st->st_dev && f->ino == (uint64_t)st->st_ino;
}

void store_watch_adopt(struct store_files *t, size_t file, const struct stat *st, bool made) {
  struct store_file *f = &t->v[file];
  pthread_mutex_lock(&t->lock);
  if (made || !is_same(f, st)) {
    f->made = made;
    f->was = f->high = (uint64_t)st->st_size;
    f->cut = UINT64_MAX;
  }
  f->dev = (uint64_t)st->st_dev;
  f->ino = (uint64_t)st->st_ino;
  f->known = true;
  pthread_mutex_unlock(&t->lock);
}

bool store_watch_is_ours(struct store_files *t, size_t file, const struct stat *st) {
  const struct store_file *f = &t->v[file];
  pthread_mutex_lock(&t->lock);
  bool ours = !f->known || is_same(f, st);
  pthread_mutex_unlock(&t->lock);
  return ours;
}

void store_watch_renewed(struct store_files *t, size_t file) {
  pthread_mutex_lock(&t->lock);
  t->v[file].renewed = true;
  pthread_mutex_unlock(&t->lock);
}

bool store_watch_take_renewed(struct store_files *t, size_t file) {
  pthread_mutex_lock(&t->lock);
  bool renewed = t->v[file].renewed;
  t->v[file].renewed = false;
  pthread_mutex_unlock(&t->lock);
  return renewed;
}

void store_watch_grown(struct store_files *t, size_t file, uint64_t length) {
  struct store_file *f = &t->v[file];
  pthread_mutex_lock(&t->lock);
  if (length > f->high) f->high = length;
  pthread_mutex_unlock(&t->lock);
}

void store_watch_cut(struct store_files *t, size_t file, uint64_t length) {
  struct store_file *f = &t->v[file];
  pthread_mutex_lock(&t->lock);
  if (length < f->high && length < f->cut) f->cut = length;
  pthread_mutex_unlock(&t->lock);
}

uint64_t store_watch_cut_to(struct store_files *t, size_t file) {
  pthread_mutex_lock(&t->lock);
  uint64_t cut = t->v[file].cut;
  pthread_mutex_unlock(&t->lock);
  return cut;
}

void store_watch_mended(struct store_files *t, size_t file) {
  pthread_mutex_lock(&t->lock);
  t->v[file].cut = UINT64_MAX;
  pthread_mutex_unlock(&t->lock);
}

bool store_watch_is_intact(struct store_files *t, size_t file, const struct stat *st) {
  const struct store_file *f = &t->v[file];
  pthread_mutex_lock(&t->lock);
  bool intact = !f->known || (is_same(f, st) && !f->renewed && f->cut == UINT64_MAX &&
                              (uint64_t)st->st_size >= f->high);
  pthread_mutex_unlock(&t->lock);
  return intact && !store_touch_seen(&t->touch);
}
