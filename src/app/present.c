#include "app/present.h"

#include <poll.h>
#include <pthread.h>

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

static enum err find(struct checking *c, const struct options *o, struct report *r, int signals,
                     int *sig) {
  struct resume_state state = {0};
  enum err e = resume_load(c->store, c->m, c->done, &state);
  if (e != ERR_OK || state.exact) return e;
  bitset_reset(c->done);
  if (!store_any_present(c->store)) return ERR_OK;
  if (state.ours) log_info("the files have changed since the record was written: checking them");
  e = check_data(c, r, signals, sig);
  if (e != ERR_OK || c->done->count > 0 || state.ours || o->overwrite) return e;
  log_error("%s is already there and is not this download; nothing was changed: choose another "
            "name with -o, or allow replacing it with --overwrite",
            store_top_path(c->store));
  return ERR_EXISTS;
}

enum err present_open(const struct options *o, const struct metainfo *m, struct report *r,
                      int signals, int *sig, struct store **out, struct bitset *done) {
  struct store_options so = {.output = o->output};
  enum err e = store_open(out, m, &so);
  if (e == ERR_OK) e = store_lock(*out);
  if (e != ERR_OK) return e;
  report_metadata(r, m, store_top_path(*out));
  if (!bitset_init(done, m->geo.pieces)) return ERR_MEMORY;
  struct checking c = {.store = *out, .m = m, .done = done};
  e = find(&c, o, r, signals, sig);
  if (e != ERR_OK) return e;
  if (bitset_full(done) && store_all_present(*out)) return ERR_OK;
  e = resume_save(*out, m, done); /* the proof that what will lie there is ours */
  if (e == ERR_OK) e = store_prepare(*out, o->allocate);
  return e;
}

uint64_t present_bytes(const struct metainfo *m, const struct bitset *done) {
  uint64_t sum = 0;
  for (size_t i = bitset_next(done, 0); i < done->bits; i = bitset_next(done, i + 1))
    sum += geometry_piece_len(&m->geo, (uint32_t)i);
  return sum;
}
