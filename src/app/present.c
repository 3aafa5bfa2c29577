#include "app/present.h"

#include <poll.h>
#include <pthread.h>

#include "app/foreign.h"
#include "app/signals.h"
#include "base/log.h"
#include "io/check.h"
#include "io/resume.h"

enum { CHECK_TICK_MS = 10 };

struct checking {
  struct store *store;
  const struct metainfo *m;
  struct bitset *done;
  struct check_progress progress;
  enum err result;
  atomic_bool over;
};

static void *check_main(void *arg) {
  struct checking *c = arg;
  c->result = check_run(c->store, c->m, NULL, c->done, 0, &c->progress);
  atomic_store(&c->over, true);
  return NULL;
}

static void show(struct checking *c, struct report *r) {
  uint64_t looked = (uint64_t)atomic_load(&c->progress.pieces_done) * c->m->geo.piece_len;
  struct report_progress out = {
    .phase = PHASE_CHECKING,
    .total = c->m->geo.total,
    .verified = looked < c->m->geo.total ? looked : c->m->geo.total,
    .pieces = atomic_load(&c->progress.pieces_good),
  };
  report_progress(r, &out);
}

/* Hashes all that is on disk. */
static enum err check_data(struct checking *c, struct report *r, int signals, int *sig) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, check_main, c) != 0) return ERR_MEMORY;
  struct pollfd p = {.fd = signals, .events = POLLIN};
  while (!atomic_load(&c->over)) {
    if (poll(&p, 1, CHECK_TICK_MS) > 0 && (*sig = signals_take(signals)) != 0)
      atomic_store(&c->progress.cancel, true);
    show(c, r);
  }
  pthread_join(thread, NULL);
  return c->result;
}

/* Names the first file that is somebody else's. */
static enum err refuse_foreign(struct store *s, const struct metainfo *m,
                               const struct bitset *good) {
  struct foreign f;
  enum err e = foreign_find(s, m, good, &f);
  if (e != ERR_OK || f.file == m->file_count) return e;
  if (f.replaceable)
    log_error("%s is already there and is not this download; nothing was changed: move it away, "
              "choose another place with -o, or allow replacing it with --overwrite",
              store_file_path(s, f.file));
  else
    log_error("%s: %s; nothing was changed: move that away, or choose another place with -o",
              store_file_path(s, f.file), f.what);
  return ERR_EXISTS;
}

static enum err find(struct present *p, const struct metainfo *m, struct report *r,
                     int signals) {
  struct resume_state state = {0};
  enum err e = resume_load(p->store, m, &p->done, &state);
  if (e != ERR_OK || state.exact) return e;
  bitset_reset(&p->done);
  if (!store_any_present(p->store)) {
    p->fresh = !state.ours;
    return ERR_OK;
  }
  if (state.ours) log_info("the files have changed since the record was written: checking them");
  struct checking c = {.store = p->store, .m = m, .done = &p->done};
  e = check_data(&c, r, signals, &p->sig);
  return e;
}

/* Gets everything ready to be written. */
static enum err prepare(struct present *p, const struct options *o, const struct metainfo *m) {
  enum err e = o->overwrite ? ERR_OK : refuse_foreign(p->store, m, &p->done);
  if (e == ERR_OK) e = store_prepare(p->store, o->allocate);
  if (e != ERR_OK) return e;
  e = resume_save(p->store, m, &p->done); /* the proof that what lies there now is ours */
  if (e != ERR_OK) store_discard(p->store);
  return e;
}

enum err present_open(struct present *p, const struct options *o, const struct metainfo *m,
                      struct report *r, int signals) {
  struct store_options so = {.output = o->output};
  *p = (struct present){0};
  enum err e = store_open(&p->store, m, &so);
  if (e == ERR_OK) e = store_lock(p->store);
  if (e != ERR_OK) return e;
  report_metadata(r, m, store_top_path(p->store));
  if (!bitset_init(&p->done, m->geo.pieces)) return ERR_MEMORY;
  e = find(p, m, r, signals);
  /* A file without pieces may be there only because the lock made it. */
  bool whole = m->geo.pieces > 0 && bitset_full(&p->done) && store_all_present(p->store);
  if (e == ERR_OK && !whole) e = prepare(p, o, m);
  if (e != ERR_OK) p->fresh = false; /* store_close() does the rest */
  return e;
}

void present_undo(struct present *p, const struct metainfo *m, uint32_t pieces) {
  if (!p->fresh || pieces > 0) return;
  if (store_discard(p->store) == ERR_OK) resume_remove(p->store, m);
}

void present_close(struct present *p) {
  bitset_free(&p->done);
  store_close(p->store);
  *p = (struct present){0};
}

uint64_t present_bytes(const struct metainfo *m, const struct bitset *done) {
  uint64_t sum = 0;
  for (size_t i = bitset_next(done, 0); i < done->bits; i = bitset_next(done, i + 1))
    sum += geometry_piece_len(&m->geo, (uint32_t)i);
  return sum;
}
