#include "swarm/writer_impl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/net.h"

enum {
  LINGER_BYTES = 256 << 10, /* after a batch smaller than this, wait for more to come together, */
  LINGER_US = 5000,         /* for so long: many slow peers then cost one wake-up together */
  BATCH_MS = 300,     /* on the way out a batch that takes longer is left unfinished */
  DEFER_LOOK_MS = 100,
  LANES = 4           /* pieces read back at a time: as many as base/sha1 hashes together */
};

/* --- open pieces --- */

struct hashing *writer_lookup(const struct writer *w, uint32_t piece, uint32_t copy) {
  struct hashing *h = w->table[piece % WRITER_BUCKETS];
  while (h != NULL && (h->piece != piece || h->copy != copy)) h = h->chain;
  return h;
}

static void hashing_free(struct hashing *h) {
  sha1_free(&h->sha);
  bitset_free(&h->ahead);
  free(h->from);
  free(h);
}

/* Finds a place for a copy other than the common one. */
static enum err take_slot(struct writer *w, uint32_t *slot) {
  if (w->scratch == NULL)
    w->scratch = scratch_new(store_dirfd(w->sw->store), w->sw->meta->geo.piece_len);
  return w->scratch == NULL ? ERR_MEMORY : scratch_take(w->scratch, slot);
}

struct hashing *writer_lookup_or_begin(struct writer *w, uint32_t piece, uint32_t copy) {
  struct hashing *h = writer_lookup(w, piece, copy);
  if (h != NULL) return h;
  h = calloc(1, sizeof *h);
  if (h == NULL) return NULL;
  h->piece = piece;
  h->copy = copy;
  h->blocks = geometry_blocks(&w->sw->meta->geo, piece);
  h->from = calloc(h->blocks, sizeof *h->from);
  if (h->from == NULL || !sha1_init(&h->sha) || !bitset_init(&h->ahead, h->blocks) ||
      (copy != 0 && take_slot(w, &h->slot) != ERR_OK)) {
    hashing_free(h);
    return NULL;
  }
  h->chain = w->table[piece % WRITER_BUCKETS];
  w->table[piece % WRITER_BUCKETS] = h;
  return h;
}

void writer_forget(struct writer *w, struct hashing *h) {
  struct hashing **at = &w->table[h->piece % WRITER_BUCKETS];
  while (*at != h) at = &(*at)->chain;
  *at = h->chain;
  if (h->copy != 0) scratch_give(w->scratch, h->slot);
  hashing_free(h);
}

/* What was hashed beyond the block is hashed again, from the disk, once the right one is there. */
void writer_unwrite(struct writer *w, struct hashing *h, uint32_t block) {
  h->from[block] = 0;
  atomic_fetch_add(&w->sw->wasted, geometry_block_len(&w->sw->meta->geo, h->piece, block));
  if (block < h->next) {
    for (uint32_t b = 0; b < h->next; b++) bitset_set(&h->ahead, b);
    h->next = 0;
    sha1_update_many(w->jobs, w->job_count);
    w->job_count = 0;
    sha1_free(&h->sha);
    if (!sha1_init(&h->sha)) swarm_fail(w->sw, ERR_MEMORY);
  }
  bitset_clear(&h->ahead, block);
  if (h->wrong_ms != 0) w->deferred--;
  h->wrong_ms = 0;
}

/* --- fragments --- */

/* Calls `each` for every run of valid blocks in `f`; stops at the first that fails. */
static bool each_run(struct writer *w, struct fragment *f,
                     bool (*each)(struct writer *, struct fragment *, uint32_t, uint32_t)) {
  for (uint32_t i = 0; i < f->count;) {
    uint32_t n = 0;
    while (i + n < f->count && f->valid >> (i + n) & 1) n++;
    if (n > 0 && !each(w, f, i, n)) return false;
    i += n + 1;
  }
  return true;
}

/* Plans the hashing of a run: now, if it is at the cursor, later if not. */
static bool plan_run(struct writer *w, struct fragment *f, uint32_t i, uint32_t n) {
  struct hashing *h = writer_lookup_or_begin(w, f->piece, f->copy);
  if (h == NULL) return false;
  uint32_t first = f->first + i;
  for (uint32_t b = first; b < first + n; b++) {
    if (h->from[b] != 0) writer_unwrite(w, h, b); /* it was given to somebody else since */
    h->from[b] = f->from;
  }
  if (first != h->next) {
    for (uint32_t b = first; b < first + n; b++) bitset_set(&h->ahead, b);
    return true;
  }
  uint32_t len = geometry_run_len(&w->sw->meta->geo, f->piece, first, n);
  w->jobs[w->job_count++] =
      (struct sha1_job){&h->sha, f->data + (size_t)i * BLOCK_LEN, len};
  h->next += n;
  return true;
}

/* On a slow disk a batch may take half a minute: on the way out that is too long. */
static bool is_too_late(struct writer *w) {
  return atomic_load(&w->sw->stopping) && clock_now_ms() - w->batch_ms >= BATCH_MS;
}

static bool write_run(struct writer *w, struct fragment *f, uint32_t i, uint32_t n) {
  if (is_too_late(w)) return false;
  return writer_put(w, writer_lookup(w, f->piece, f->copy), f->first + i, n,
                    f->data + (size_t)i * BLOCK_LEN);
}

bool writer_put(struct writer *w, const struct hashing *h, uint32_t first, uint32_t n,
                const uint8_t *data) {
  const struct geometry *g = &w->sw->meta->geo;
  uint64_t at = (uint64_t)first * BLOCK_LEN;
  uint32_t len = geometry_run_len(g, h->piece, first, n);
  enum err e = h->copy == 0
      ? store_write(w->sw->store, geometry_piece_offset(g, h->piece) + at, data, len)
      : scratch_write(w->scratch, h->slot, at, data, len);
  if (e != ERR_OK) swarm_fail(w->sw, e);
  return e == ERR_OK;
}

uint32_t writer_read_back(struct writer *w, const struct hashing *h, uint32_t first, uint32_t n,
                          uint8_t *to) {
  const struct geometry *g = &w->sw->meta->geo;
  uint64_t at = (uint64_t)first * BLOCK_LEN;
  uint32_t len = geometry_run_len(g, h->piece, first, n);
  enum err e = h->copy == 0
      ? store_read(w->sw->store, geometry_piece_offset(g, h->piece) + at, to, len)
      : scratch_read(w->scratch, h->slot, at, to, len);
  if (e == ERR_NOT_FOUND) memset(to, 0, len); /* somebody cut the file: see writer_verdict.c */
  else if (e != ERR_OK) swarm_fail(w->sw, e);
  return e == ERR_OK || e == ERR_NOT_FOUND ? len : 0;
}

/* Has the cursor come to blocks that were written ahead of it? */
static bool is_behind(const struct hashing *h) {
  return h != NULL && h->next < h->blocks && bitset_get(&h->ahead, h->next);
}

/* Reads back the next run that was written ahead, as far as one scratch buffer holds it, and
 * plans its hashing. */
static bool plan_catch_up(struct writer *w, struct hashing *h, uint8_t *to) {
  uint32_t n = 1;
  while (n < FRAGMENT_BLOCKS_MAX && h->next + n < h->blocks && bitset_get(&h->ahead, h->next + n))
    n++;
  uint32_t len = writer_read_back(w, h, h->next, n, to);
  if (len == 0) return false;
  w->jobs[w->job_count++] = (struct sha1_job){&h->sha, to, len};
  h->next += n;
  h->reread = true;
  return true;
}

/* Hashes what had come ahead of the cursor and is next now, several pieces together. */
static bool catch_up(struct writer *w, struct fragment *const *f, size_t n) {
  do {
    w->job_count = 0;
    for (size_t i = 0; i < n && w->job_count < LANES; i++) {
      struct hashing *h = writer_lookup(w, f[i]->piece, f[i]->copy);
      uint8_t *to = w->buffer + w->job_count * FRAGMENT_BLOCKS_MAX * BLOCK_LEN;
      if (is_behind(h) && !plan_catch_up(w, h, to)) return false;
    }
    sha1_update_many(w->jobs, w->job_count);
  } while (w->job_count > 0);
  return true;
}

/* --- the thread --- */

/* Takes out of a batch what the queue has given to somebody else while it was on its way here. */
static void drop_refused(struct writer *w, struct fragment **f, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct run run = {.piece = f[i]->piece, .first = f[i]->first, .count = f[i]->count};
    uint32_t still = pieces_still_from(w->sw->pieces, f[i]->from, &run, f[i]->valid, &f[i]->copy);
    for (uint32_t gone = f[i]->valid & ~still; gone != 0; gone &= gone - 1)
      atomic_fetch_add(&w->sw->wasted,
                       geometry_block_len(&w->sw->meta->geo, run.piece,
                                          run.first + (uint32_t)__builtin_ctz(gone)));
    f[i]->valid = still;
  }
}

/* Hashes and writes a batch, then judges the pieces that became whole. False: the disk failed. */
static bool handle(struct writer *w, struct fragment **f, size_t n) {
  w->job_count = 0;
  w->batch_ms = clock_now_ms();
  drop_refused(w, f, n);
  for (size_t i = 0; i < n; i++)
    if (!each_run(w, f[i], plan_run)) {
      swarm_fail(w->sw, ERR_MEMORY);
      return false;
    }
  sha1_update_many(w->jobs, w->job_count);
  for (size_t i = 0; i < n; i++)
    if (!each_run(w, f[i], write_run)) return false;
  if (!catch_up(w, f, n)) return false;
  for (size_t i = 0; i < n; i++) {
    struct hashing *h = writer_lookup(w, f[i]->piece, f[i]->copy);
    if (h != NULL && h->next == h->blocks && h->wrong_ms == 0) writer_judge(w, h);
  }
  writer_judge_deferred(w);
  return true;
}

/* Bytes of payload in a batch, roughly. */
static uint64_t batch_bytes(struct fragment *const *f, size_t n) {
  uint64_t sum = 0;
  for (size_t i = 0; i < n; i++) sum += (uint64_t)f[i]->count * BLOCK_LEN;
  return sum;
}

static void *writer_main(void *arg) {
  struct writer *w = arg;
  struct swarm *sw = w->sw;
  void *items[WRITER_BATCH_MAX];
  size_t n;
  bool ok = true;
  for (;;) {
    int64_t until_ms = w->deferred > 0 ? clock_now_ms() + DEFER_LOOK_MS : CLOCK_NEVER;
    if (chan_receive(sw->results, items, WRITER_BATCH_MAX, &n, until_ms) == ERR_CLOSED) return NULL;
    struct fragment *f[WRITER_BATCH_MAX];
    for (size_t i = 0; i < n; i++) f[i] = items[i];
    /* After a failure, and on the way out, only take and drop, so that nobody waits. */
    ok = ok && !atomic_load(&sw->stopping) && handle(w, f, n);
    uint64_t bytes = batch_bytes(f, n);
    for (size_t i = 0; i < n; i++) fragment_put(sw->pool, f[i]);
    struct pieces_stats s;
    pieces_stats(sw->pieces, &s);
    if (s.complete) net_bell_ring(sw->bell);
    else if (bytes < LINGER_BYTES) usleep(LINGER_US);
  }
}

static void writer_free(struct writer *w) {
  for (size_t i = 0; i < WRITER_BUCKETS; i++)
    while (w->table[i] != NULL) writer_forget(w, w->table[i]);
  blame_free(&w->blame);
  scratch_free(w->scratch);
  free(w->buffer);
  free(w->where);
  free(w->origin);
  free(w);
}

enum err writer_start(struct swarm *sw, struct writer **out) {
  struct writer *w = calloc(1, sizeof *w);
  if (w == NULL) return ERR_MEMORY;
  w->sw = sw;
  uint32_t most = geometry_blocks(&sw->meta->geo, 0);
  w->origin = calloc(most ? most : 1, sizeof *w->origin);
  w->where = calloc(most ? most : 1, sizeof *w->where);
  w->buffer = malloc((size_t)LANES * FRAGMENT_BLOCKS_MAX * BLOCK_LEN);
  if (w->buffer == NULL || w->origin == NULL || w->where == NULL ||
      pthread_create(&w->thread, NULL, writer_main, w) != 0) {
    writer_free(w);
    return ERR_MEMORY;
  }
  *out = w;
  return ERR_OK;
}

void writer_stop(struct writer *w) {
  if (w == NULL) return;
  pthread_join(w->thread, NULL);
  writer_free(w);
}
