#include "io/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cores.h"
#include "base/sha1.h"

enum {
  LANES = 4,                 /* pieces side by side; as many hashes as base/sha1 advances at once */
  FRAGMENT_LEN = 256 * 1024, /* read at a time, for each */
  STACK_LEN = 256 * 1024,
};

struct check {
  struct store *s;
  const struct metainfo *m;
  struct check_progress *p;

  pthread_mutex_t lock;
  /* guarded by lock */
  struct bitset todo; /* to be read and hashed */
  size_t next;        /* every piece of `todo` below is taken */
  struct bitset *good;
};

struct lane {
  struct sha1 hash;
  uint32_t piece;
  bool readable; /* so far */
};

/* ---- what need not be read ------------------------------------------------------------------- */

/* Takes the pieces out of `todo` that need bytes [from, to) of a file. */
static void drop_range(struct check *c, const struct metainfo_file *f, uint64_t from, uint64_t to) {
  if (from >= to) return;
  size_t last = (size_t)((f->offset + to - 1) / c->m->geo.piece_len);
  for (size_t p = (size_t)((f->offset + from) / c->m->geo.piece_len); p <= last; p++)
    if (bitset_clear(&c->todo, p)) atomic_fetch_add(&c->p->pieces_done, 1);
}

/* A file with several names counts as `foreign_kind`, but can be read; of other kinds reading
 * tells. */
static void drop_missing(struct check *c) {
  for (size_t i = 0; i < c->m->file_count; i++) {
    const struct metainfo_file *f = &c->m->files[i];
    struct store_file_state state;
    if (f->padding || store_file_state(c->s, i, &state) != ERR_OK || state.foreign_kind) continue;
    drop_range(c, f, state.size, f->length);
  }
}

/* ---- hashing --------------------------------------------------------------------------------- */

/* Takes up to LANES pieces. Returns how many; 0: none is left. */
static size_t take(struct check *c, struct lane lanes[static LANES]) {
  size_t n = 0;
  pthread_mutex_lock(&c->lock);
  while (n < LANES) {
    size_t piece = bitset_next(&c->todo, c->next);
    if (piece >= c->todo.bits) break;
    c->next = piece + 1;
    lanes[n++] = (struct lane){.piece = (uint32_t)piece, .readable = true};
  }
  pthread_mutex_unlock(&c->lock);
  return n;
}

/* Reads the fragment at `begin` of every lane and hashes them together. */
static void advance(struct check *c, struct lane *lanes, size_t n, uint32_t begin,
                    uint8_t *buffer) {
  struct sha1_job jobs[LANES];
  size_t job_count = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t len = geometry_piece_len(&c->m->geo, lanes[i].piece);
    if (!lanes[i].readable || begin >= len) continue;
    uint32_t part = len - begin < FRAGMENT_LEN ? len - begin : FRAGMENT_LEN;
    uint8_t *at = buffer + i * FRAGMENT_LEN;
    uint64_t offset = geometry_piece_offset(&c->m->geo, lanes[i].piece) + begin;
    lanes[i].readable = store_read(c->s, offset, at, part) == ERR_OK;
    if (lanes[i].readable)
      jobs[job_count++] = (struct sha1_job){.s = &lanes[i].hash, .data = at, .len = part};
  }
  sha1_update_many(jobs, job_count);
}

/* Ends the hash of each lane and notes which were right. */
static void settle(struct check *c, struct lane *lanes, size_t n) {
  uint32_t good = 0;
  for (size_t i = 0; i < n; i++) {
    uint8_t hash[SHA1_LEN];
    sha1_final(&lanes[i].hash, hash);
    const uint8_t *want = c->m->hashes + (size_t)lanes[i].piece * SHA1_LEN;
    if (!lanes[i].readable || memcmp(hash, want, SHA1_LEN) != 0) continue;
    good++;
    pthread_mutex_lock(&c->lock);
    bitset_set(c->good, lanes[i].piece);
    pthread_mutex_unlock(&c->lock);
  }
  atomic_fetch_add(&c->p->pieces_good, good);
  atomic_fetch_add(&c->p->pieces_done, (uint32_t)n);
}

/* All fragments of the pieces taken. False: cancelled, the hashes are given up. */
static bool hash_group(struct check *c, struct lane *lanes, size_t n, uint8_t *buffer) {
  for (size_t i = 0; i < n; i++) lanes[i].readable = sha1_init(&lanes[i].hash);
  for (uint64_t begin = 0; begin < c->m->geo.piece_len; begin += FRAGMENT_LEN) {
    if (atomic_load(&c->p->cancel)) {
      for (size_t i = 0; i < n; i++) sha1_free(&lanes[i].hash);
      return false;
    }
    advance(c, lanes, n, (uint32_t)begin, buffer);
  }
  settle(c, lanes, n);
  return true;
}

/* Works until nothing is left. False: out of memory before anything was taken. */
static bool work(struct check *c) {
  uint8_t *buffer = malloc((size_t)LANES * FRAGMENT_LEN);
  if (buffer == NULL) return false;
  struct lane lanes[LANES];
  for (size_t n = take(c, lanes); n > 0; n = take(c, lanes))
    if (!hash_group(c, lanes, n, buffer)) break;
  free(buffer);
  return true;
}

static void *thread_main(void *arg) {
  work(arg); /* without memory it takes nothing, and others do it */
  return NULL;
}

/* ---- threads --------------------------------------------------------------------------------- */

static unsigned thread_count(unsigned asked, size_t pieces) {
  unsigned n = asked > 0 ? asked : cores_usable();
  size_t groups = (pieces + LANES - 1) / LANES;
  if (n > groups) n = (unsigned)groups;
  if (n > CHECK_THREADS_MAX) n = CHECK_THREADS_MAX;
  return n > 0 ? n : 1;
}

/* Starts up to `n` threads. Returns how many there are. */
static unsigned start(struct check *c, pthread_t *ids, unsigned n) {
  pthread_attr_t attr;
  if (n == 0 || pthread_attr_init(&attr) != 0) return 0;
  pthread_attr_setstacksize(&attr, STACK_LEN);
  unsigned started = 0;
  while (started < n && pthread_create(&ids[started], &attr, thread_main, c) == 0) started++;
  pthread_attr_destroy(&attr);
  return started;
}

enum err check_run(struct store *s, const struct metainfo *m, const struct bitset *which,
                   struct bitset *good, unsigned threads, struct check_progress *p) {
  struct check_progress unseen = {0};
  struct check c = {.s = s, .m = m, .p = p ? p : &unseen, .good = good};
  bitset_reset(good);
  if (!bitset_init(&c.todo, m->geo.pieces)) return ERR_MEMORY;
  if (which != NULL)
    bitset_copy(&c.todo, which);
  else
    bitset_fill(&c.todo);
  drop_missing(&c);

  pthread_t ids[CHECK_THREADS_MAX];
  pthread_mutex_init(&c.lock, NULL);
  unsigned started = start(&c, ids, thread_count(threads, c.todo.count) - 1);
  bool worked = work(&c);
  for (unsigned i = 0; i < started; i++) pthread_join(ids[i], NULL);
  /* Nobody else looks at `next` now. Pieces may be left only if all of us lacked memory. */
  bool left = bitset_next(&c.todo, c.next) < c.todo.bits;
  pthread_mutex_destroy(&c.lock);
  bitset_free(&c.todo);
  if (atomic_load(&c.p->cancel)) return ERR_CANCELLED;
  return left && !worked ? ERR_MEMORY : ERR_OK;
}
