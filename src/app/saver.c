#include "app/saver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "io/resume.h"

enum { SAVE_EVERY_MS = 5000 };

struct saver {
  struct store *store;
  const struct metainfo *meta;
  struct pieces *pieces;
  pthread_t thread;
  struct bitset done;    /* the thread's own */
  uint32_t saved;        /* pieces in the last record */
  _Atomic int error;

  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool stop;             /* guarded by lock */
};

/* Syncs, then records what was verified before the sync began. */
static void save(struct saver *v) {
  struct pieces_stats s;
  pieces_stats(v->pieces, &s);
  if (s.done == v->saved || s.complete) return;
  pieces_done(v->pieces, &v->done);
  enum err e = store_sync(v->store);
  if (e != ERR_OK) { /* the kernel may have dropped the pages: what was written is uncertain */
    int none = ERR_OK;
    atomic_compare_exchange_strong(&v->error, &none, (int)e);
    return;
  }
  if (resume_renew(v->store, v->meta, &v->done) == ERR_OK) v->saved = (uint32_t)v->done.count;
}

static void *saver_main(void *arg) {
  struct saver *v = arg;
  pthread_mutex_lock(&v->lock);
  while (!v->stop) {
    struct timespec t = clock_timespec(clock_now_ms() + SAVE_EVERY_MS);
    pthread_cond_timedwait(&v->wake, &v->lock, &t);
    if (v->stop || atomic_load(&v->error) != ERR_OK) continue;
    pthread_mutex_unlock(&v->lock);
    save(v);
    pthread_mutex_lock(&v->lock);
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

enum err saver_start(struct store *s, const struct metainfo *m, struct pieces *q,
                     struct saver **out) {
  struct saver *v = calloc(1, sizeof *v);
  if (v == NULL) return ERR_MEMORY;
  *v = (struct saver){.store = s, .meta = m, .pieces = q};
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

void saver_stop(struct saver *v, bool last) {
  if (v == NULL) return;
  pthread_mutex_lock(&v->lock);
  v->stop = true;
  pthread_cond_signal(&v->wake);
  pthread_mutex_unlock(&v->lock);
  pthread_join(v->thread, NULL);
  if (last && atomic_load(&v->error) == ERR_OK) save(v);
  saver_free(v);
}
