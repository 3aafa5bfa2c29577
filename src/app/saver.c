#include "app/saver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "io/net.h"
#include "io/resume.h"

enum {
  SAVE_EVERY_MS = 5000,
  HURRY_MS = 500 /* a sync that takes longer to end is the last one */
};

struct saver {
  struct store *store;
  const struct metainfo *meta;
  struct pieces *pieces;
  int bell;
  pthread_t thread;
  struct bitset done;    /* the thread's own, with the two below */
  uint32_t saved;        /* pieces in the last record */
  bool synced;           /* a finish went well: only the record is to be written */
  _Atomic int error;

  pthread_mutex_t lock;  /* guards all below */
  pthread_cond_t wake;
  bool stop;
  int64_t until_ms;      /* once `stop`: until then a new round of syncs may begin */
  bool asked;            /* to finish, `how` says with which files */
  enum store_allocate how;
  bool answered;         /* and this came of it: */
  enum err answer;
};

static void fail(struct saver *v, enum err e) {
  int none = ERR_OK;
  atomic_compare_exchange_strong(&v->error, &none, (int)e);
}

/* Is something about to come that syncs all of this again, and more? */
static bool is_superseded(struct saver *v) {
  pthread_mutex_lock(&v->lock);
  bool superseded = v->stop ? clock_now_ms() < v->until_ms : v->asked;
  pthread_mutex_unlock(&v->lock);
  return superseded;
}

/* Syncs, then records what was verified before the sync began. */
static void save(struct saver *v, bool last) {
  struct pieces_stats s;
  pieces_stats(v->pieces, &s);
  if (s.done == v->saved || (s.complete && !last)) return;
  pieces_done(v->pieces, &v->done);
  enum err e = store_sync(v->store);
  if (e != ERR_OK) { /* the kernel may have dropped the pages: what was written is uncertain */
    fail(v, e);
    return;
  }
  if (!last && is_superseded(v)) return;
  if (resume_renew(v->store, v->meta, &v->done) == ERR_OK) v->saved = (uint32_t)v->done.count;
}

/* Every piece is verified: are the files still the ones we wrote? What is not goes back to the
 * queue. */
static enum err finish(struct saver *v, enum store_allocate how) {
  struct bitset lost;
  enum err e = (enum err)atomic_load(&v->error);
  if (e != ERR_OK) return e;
  if (!bitset_init(&lost, v->meta->geo.pieces)) return ERR_MEMORY;
  e = store_finish(v->store, &lost);
  if (e == ERR_NOT_FOUND) {
    enum err made = store_prepare(v->store, how);
    if (made != ERR_OK) e = made;
    for (size_t i = bitset_next(&lost, 0); i < lost.bits; i = bitset_next(&lost, i + 1))
      pieces_reset(v->pieces, (uint32_t)i);
  }
  bitset_free(&lost);
  v->synced = e == ERR_OK;
  return e;
}

/* Caller must hold v->lock, which is dropped meanwhile. */
static void answer(struct saver *v) {
  enum store_allocate how = v->how;
  v->asked = false;
  pthread_mutex_unlock(&v->lock);
  enum err e = finish(v, how);
  if (e != ERR_OK && e != ERR_NOT_FOUND) fail(v, e);
  pthread_mutex_lock(&v->lock);
  v->answered = true;
  v->answer = e;
  net_bell_ring(v->bell);
}

static void *saver_main(void *arg) {
  struct saver *v = arg;
  pthread_mutex_lock(&v->lock);
  while (!v->stop) {
    struct timespec t = clock_timespec(clock_now_ms() + SAVE_EVERY_MS);
    if (!v->asked) pthread_cond_timedwait(&v->wake, &v->lock, &t);
    if (v->stop) break;
    if (v->asked) {
      answer(v);
    } else if (atomic_load(&v->error) == ERR_OK) {
      pthread_mutex_unlock(&v->lock);
      save(v, false);
      pthread_mutex_lock(&v->lock);
    }
  }
  pthread_mutex_unlock(&v->lock);
  return NULL;
}

static void saver_free(struct saver *v) {
  bitset_free(&v->done);
  pthread_cond_destroy(&v->wake);
  pthread_mutex_destroy(&v->lock);
  free(v);
}

enum err saver_start(struct store *s, const struct metainfo *m, struct pieces *q, int bell,
                     struct saver **out) {
  struct saver *v = calloc(1, sizeof *v);
  if (v == NULL) return ERR_MEMORY;
  *v = (struct saver){.store = s, .meta = m, .pieces = q, .bell = bell};
  pthread_mutex_init(&v->lock, NULL);
  clock_cond_init(&v->wake);
  if (!bitset_init(&v->done, m->geo.pieces) ||
      pthread_create(&v->thread, NULL, saver_main, v) != 0) {
    saver_free(v);
    return ERR_MEMORY;
  }
  *out = v;
  return ERR_OK;
}

enum err saver_error(struct saver *v) {
  return (enum err)atomic_load(&v->error);
}

void saver_finish(struct saver *v, enum store_allocate how) {
  pthread_mutex_lock(&v->lock);
  v->asked = true;
  v->how = how;
  v->answered = false;
  pthread_cond_signal(&v->wake);
  pthread_mutex_unlock(&v->lock);
}

bool saver_finished(struct saver *v, enum err *e) {
  pthread_mutex_lock(&v->lock);
  bool over = v->answered;
  *e = v->answer;
  v->answered = false;
  pthread_mutex_unlock(&v->lock);
  return over;
}

void saver_stop(struct saver *v, bool last, bool hurry) {
  if (v == NULL) return;
  int64_t until_ms = hurry ? clock_now_ms() + HURRY_MS : CLOCK_NEVER;
  pthread_mutex_lock(&v->lock);
  v->stop = true;
  v->until_ms = until_ms;
  pthread_cond_signal(&v->wake);
  pthread_mutex_unlock(&v->lock);
  pthread_join(v->thread, NULL);
  bool in_time = v->synced || clock_now_ms() < until_ms;
  if (last && in_time && atomic_load(&v->error) == ERR_OK) save(v, true);
  saver_free(v);
}
