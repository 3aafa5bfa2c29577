#include "swarm/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sha1.h"
#include "io/net.h"
#include "swarm/blame.h"

enum {
  LINGER_BYTES = 256 << 10, /* after a batch smaller than this, wait for more to come together, */
  LINGER_US = 5000,         /* for so long: many slow peers then cost one wake-up together */
  BATCH_MAX = 32,     /* fragments taken at a time */
  BATCH_MS = 300,     /* on the way out a batch that takes longer is left unfinished */
  JOBS_MAX = BATCH_MAX * FRAGMENT_BLOCKS_MAX / 2, /* a fragment with every other block */
  DEFER_MS = 10000,   /* a wrong piece waits so long for a verdict on one of its givers */
  DEFER_LOOK_MS = 100,
  LANES = 4,          /* pieces read back at a time: as many as base/sha1 hashes together */
  BUCKETS = 256
};

struct hashing { /* one open piece, as the writer sees it */
  uint32_t piece;
  uint32_t blocks;
  uint32_t next;       /* the hash cursor: blocks before it are hashed */
  struct bitset ahead; /* blocks beyond the cursor that are on disk already */
  uint32_t *from;      /* per block that is on disk: number of the connection that gave it, or 0 */
  bool reread;         /* some of it was hashed as it lay on disk */
  int64_t wrong_ms;    /* its hash was wrong at this time, the verdict waits; 0: no */
  struct sha1 sha;
  struct hashing *chain;
};

struct writer {
  struct swarm *sw;
  pthread_t thread;
  struct hashing *table[BUCKETS];
  struct blame blame;
  int64_t batch_ms;    /* when this batch began */
  uint32_t deferred;   /* pieces whose verdict waits */
  struct sha1_job jobs[JOBS_MAX]; /* this batch's hashing */
  size_t job_count;
  uint8_t *scratch; /* LANES times FRAGMENT_BLOCKS_MAX blocks, for reading back */
};

/* --- a disk that fails --- */

static void fail(struct writer *w, enum err e) {
  int none = 0;
  if (atomic_compare_exchange_strong(&w->sw->disk_error, &none, (int)e))
    net_bell_ring(w->sw->bell);
}

/* --- open pieces --- */

static struct hashing *lookup(struct writer *w, uint32_t piece) {
  struct hashing *h = w->table[piece % BUCKETS];
  while (h != NULL && h->piece != piece) h = h->chain;
  return h;
}

static void hashing_free(struct hashing *h) {
  sha1_free(&h->sha);
  bitset_free(&h->ahead);
  free(h->from);
  free(h);
}

static struct hashing *lookup_or_begin(struct writer *w, uint32_t piece) {
  struct hashing *h = lookup(w, piece);
  if (h != NULL) return h;
  h = calloc(1, sizeof *h);
  if (h == NULL) return NULL;
  h->piece = piece;
  h->blocks = geometry_blocks(&w->sw->meta->geo, piece);
  h->from = calloc(h->blocks, sizeof *h->from);
  if (h->from == NULL || !sha1_init(&h->sha) || !bitset_init(&h->ahead, h->blocks)) {
    hashing_free(h);
    return NULL;
  }
  h->chain = w->table[piece % BUCKETS];
  w->table[piece % BUCKETS] = h;
  return h;
}

static void end_hashing(struct writer *w, struct hashing *h) {
  struct hashing **at = &w->table[h->piece % BUCKETS];
  while (*at != h) at = &(*at)->chain;
  *at = h->chain;
  hashing_free(h);
}

/* A block that is on disk counts no longer: what was hashed beyond it is hashed again, from the
 * disk, once the right one is there. */
static void unwrite(struct writer *w, struct hashing *h, uint32_t block) {
  h->from[block] = 0;
  atomic_fetch_add(&w->sw->wasted, geometry_block_len(&w->sw->meta->geo, h->piece, block));
  if (block < h->next) {
    for (uint32_t b = 0; b < h->next; b++) bitset_set(&h->ahead, b);
    h->next = 0;
    sha1_update_many(w->jobs, w->job_count);
    w->job_count = 0;
    sha1_free(&h->sha);
    if (!sha1_init(&h->sha)) fail(w, ERR_MEMORY);
  }
  bitset_clear(&h->ahead, block);
  if (h->wrong_ms != 0) w->deferred--;
  h->wrong_ms = 0;
}

/* Forgets the blocks on disk that the queue has given to somebody else since. True if there were
 * none. `from` gets who gave each block, as the queue has it. */
static bool is_as_noted(struct writer *w, struct hashing *h, uint32_t *from) {
  bool same = true;
  pieces_origin(w->sw->pieces, h->piece, from);
  for (uint32_t b = 0; b < h->blocks; b++) {
    if (h->from[b] == 0 || h->from[b] == from[b]) continue;
    unwrite(w, h, b);
    same = false;
  }
  return same;
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
  struct hashing *h = lookup_or_begin(w, f->piece);
  if (h == NULL) return false;
  uint32_t first = f->first + i;
  for (uint32_t b = first; b < first + n; b++) {
    if (h->from[b] != 0) unwrite(w, h, b); /* it was given to somebody else since */
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
  const struct geometry *g = &w->sw->meta->geo;
  uint32_t first = f->first + i;
  uint64_t offset = geometry_piece_offset(g, f->piece) + (uint64_t)first * BLOCK_LEN;
  enum err e = store_write(w->sw->store, offset, f->data + (size_t)i * BLOCK_LEN,
                           geometry_run_len(g, f->piece, first, n));
  if (e != ERR_OK) fail(w, e);
  return e == ERR_OK;
}

/* Reads `n` blocks from `first` back to `to`. Returns their length, 0 on failure. */
static uint32_t read_back(struct writer *w, uint32_t piece, uint32_t first, uint32_t n,
                          uint8_t *to) {
  const struct geometry *g = &w->sw->meta->geo;
  uint64_t offset = geometry_piece_offset(g, piece) + (uint64_t)first * BLOCK_LEN;
  uint32_t len = geometry_run_len(g, piece, first, n);
  enum err e = store_read(w->sw->store, offset, to, len);
  if (e == ERR_NOT_FOUND) memset(to, 0, len); /* somebody cut the file: see is_tampered */
  else if (e != ERR_OK) fail(w, e);
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
  uint32_t len = read_back(w, h->piece, h->next, n, to);
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
      struct hashing *h = lookup(w, f[i]->piece);
      uint8_t *to = w->scratch + w->job_count * FRAGMENT_BLOCKS_MAX * BLOCK_LEN;
      if (is_behind(h) && !plan_catch_up(w, h, to)) return false;
    }
    sha1_update_many(w->jobs, w->job_count);
  } while (w->job_count > 0);
  return true;
}

/* --- judgement --- */

static void ban(struct writer *w, uint32_t number) {
  struct swarm *sw = w->sw;
  struct addr a;
  if (!roster_addr(sw->roster, number, &a)) return;
  pieces_refuse(sw->pieces, number);
  roster_shut_host(sw->roster, &a);
  if (addrbook_is_banned(sw->book, &a)) return;
  char text[ADDR_TEXT_MAX];
  log_info("%s sent data with a wrong hash: banned", addr_text(&a, text));
  addrbook_ban(sw->book, &a);
  if (sw->hooks.banned) sw->hooks.banned(sw->hooks.arg, &a);
}

static void on_verdict(void *arg, uint32_t number, bool liar) {
  struct writer *w = arg;
  if (liar) ban(w, number);
  else pieces_trust(w->sw->pieces, number);
}

/* SHA-1 of each block of a piece as it lies on disk. NULL: no memory, or the disk failed. */
static uint8_t (*digest_blocks(struct writer *w, uint32_t piece,
                               uint32_t blocks))[BLAME_DIGEST_LEN] {
  uint8_t(*digest)[BLAME_DIGEST_LEN] = calloc(blocks, sizeof *digest);
  for (uint32_t b = 0; digest != NULL && b < blocks; b++) {
    uint32_t len = read_back(w, piece, b, 1, w->scratch);
    if (len == 0) {
      free(digest);
      return NULL;
    }
    sha1_once(w->scratch, len, digest[b]);
  }
  return digest;
}

static void on_good(struct writer *w, uint32_t piece, uint32_t blocks, const uint32_t *from) {
  struct swarm *sw = w->sw;
  if (blame_has(&w->blame, piece)) {
    uint8_t(*digest)[BLAME_DIGEST_LEN] = digest_blocks(w, piece, blocks);
    if (digest != NULL) blame_resolve(&w->blame, piece, digest, on_verdict, w);
    free(digest);
  }
  for (uint32_t b = 0; b < blocks; b++)
    if (b == 0 || from[b] != from[b - 1]) roster_gave(sw->roster, from[b]);
  pieces_verified(sw->pieces, piece);
}

/* Has a file of this piece been cut, removed or replaced by somebody while we write it? Then what
 * was read back is nobody's lie. */
static bool is_tampered(struct writer *w, uint32_t piece) {
  const struct metainfo *m = w->sw->meta;
  uint64_t begin = geometry_piece_offset(&m->geo, piece);
  uint64_t end = begin + geometry_piece_len(&m->geo, piece);
  for (size_t i = 0; i < m->file_count; i++) {
    const struct metainfo_file *f = &m->files[i];
    struct store_file_state now;
    if (f->offset + f->length <= begin || f->offset >= end || f->padding) continue;
    if (store_file_state(w->sw->store, i, &now) != ERR_OK || now.tampered || !now.exists)
      return true;
  }
  return false;
}

/* Owns `from`. `innocent`: nobody is to blame. */
static void on_bad(struct writer *w, uint32_t piece, uint32_t blocks, uint32_t *from,
                   bool innocent) {
  struct swarm *sw = w->sw;
  uint32_t single = blame_single(from, blocks);
  uint8_t(*digest)[BLAME_DIGEST_LEN] = NULL;
  if (innocent)
    log_info("piece %u was spoiled on disk while it was written: fetching it again", piece);
  else if (single == 0) digest = digest_blocks(w, piece, blocks);
  if (!innocent)
    log_debug("piece %u has a wrong hash; %s", piece,
              single ? "it came from one peer" : "several peers had a part in it");
  if (digest != NULL) blame_add(&w->blame, piece, blocks, from, digest);
  else free(from);
  atomic_fetch_add(&sw->wasted, geometry_piece_len(&sw->meta->geo, piece));
  pieces_failed(sw->pieces, piece, !innocent);
  if (!innocent && single != 0) ban(w, single);
}

/* Had somebody a part in it who may have spoilt another piece, too? Then the second verdict on that
 * one, if it says who lied, saves this one: unless that is this one. */
static bool may_wait(const struct writer *w, const struct hashing *h) {
  const uint32_t *from = h->from;
  if (w->blame.count == 0 || blame_has(&w->blame, h->piece)) return false;
  if (blame_single(from, h->blocks) != 0) return false;
  for (uint32_t b = 0; b < h->blocks; b++)
    if ((b == 0 || from[b] != from[b - 1]) && blame_suspects(&w->blame, from[b])) return true;
  return false;
}

/* The last word on a piece. Owns `from`. */
static void decide(struct writer *w, struct hashing *h, bool good, uint32_t *from) {
  struct swarm *sw = w->sw;
  uint32_t piece = h->piece;
  uint32_t blocks = h->blocks;
  bool innocent = !good && h->reread && is_tampered(w, piece);
  end_hashing(w, h);
  if (sw->hooks.piece)
    sw->hooks.piece(sw->hooks.arg, piece, geometry_piece_len(&sw->meta->geo, piece), good);
  if (good) {
    on_good(w, piece, blocks, from);
    free(from);
  } else {
    on_bad(w, piece, blocks, from, innocent);
  }
}

/* Every block of the piece is hashed: is it right? */
static void judge(struct writer *w, struct hashing *h) {
  struct swarm *sw = w->sw;
  uint8_t hash[SHA1_LEN];
  uint32_t *from = calloc(h->blocks, sizeof *from);
  if (from == NULL) {
    fail(w, ERR_MEMORY);
    return;
  }
  if (!is_as_noted(w, h, from)) {
    free(from);
    return;
  }
  sha1_final(&h->sha, hash);
  bool good = memcmp(hash, sw->meta->hashes + (size_t)h->piece * SHA1_LEN, SHA1_LEN) == 0;
  if (good || !may_wait(w, h)) {
    decide(w, h, good, from);
    return;
  }
  log_debug("piece %u has a wrong hash; first, one of its givers is to be judged", h->piece);
  h->wrong_ms = clock_now_ms();
  w->deferred++;
  free(from);
}

/* Has the verdict on this piece waited long enough, or waits for nothing any more? */
static bool is_overdue(struct writer *w, struct hashing *h, uint32_t *from, int64_t now_ms) {
  if (!is_as_noted(w, h, from)) return false;
  return now_ms - h->wrong_ms >= DEFER_MS || !may_wait(w, h);
}

static void decide_if_overdue(struct writer *w, struct hashing *h, int64_t now_ms) {
  uint32_t *from = calloc(h->blocks, sizeof *from);
  if (from == NULL || !is_overdue(w, h, from, now_ms)) {
    free(from);
    return;
  }
  w->deferred--;
  decide(w, h, false, from);
}

static void decide_overdue(struct writer *w) {
  int64_t now_ms = w->deferred > 0 ? clock_now_ms() : 0;
  for (size_t i = 0; i < BUCKETS && w->deferred > 0; i++) {
    struct hashing *next;
    for (struct hashing *h = w->table[i]; h != NULL; h = next) {
      next = h->chain;
      if (h->wrong_ms != 0) decide_if_overdue(w, h, now_ms);
    }
  }
}

/* --- the thread --- */

/* Takes out of a batch what the queue has given to somebody else while it was on its way here. */
static void drop_refused(struct writer *w, struct fragment **f, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct run run = {f[i]->piece, f[i]->first, f[i]->count};
    uint32_t still = pieces_still_from(w->sw->pieces, f[i]->from, &run, f[i]->valid);
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
      fail(w, ERR_MEMORY);
      return false;
    }
  sha1_update_many(w->jobs, w->job_count);
  for (size_t i = 0; i < n; i++)
    if (!each_run(w, f[i], write_run)) return false;
  if (!catch_up(w, f, n)) return false;
  for (size_t i = 0; i < n; i++) {
    struct hashing *h = lookup(w, f[i]->piece);
    if (h != NULL && h->next == h->blocks && h->wrong_ms == 0) judge(w, h);
  }
  decide_overdue(w);
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
  void *items[BATCH_MAX];
  size_t n;
  bool ok = true;
  for (;;) {
    int64_t until_ms = w->deferred > 0 ? clock_now_ms() + DEFER_LOOK_MS : CLOCK_NEVER;
    if (chan_receive(sw->results, items, BATCH_MAX, &n, until_ms) == ERR_CLOSED) return NULL;
    struct fragment *f[BATCH_MAX];
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
  for (size_t i = 0; i < BUCKETS; i++)
    while (w->table[i] != NULL) end_hashing(w, w->table[i]);
  blame_free(&w->blame);
  free(w->scratch);
  free(w);
}

enum err writer_start(struct swarm *sw, struct writer **out) {
  struct writer *w = calloc(1, sizeof *w);
  if (w == NULL) return ERR_MEMORY;
  w->sw = sw;
  w->scratch = malloc((size_t)LANES * FRAGMENT_BLOCKS_MAX * BLOCK_LEN);
  if (w->scratch == NULL || pthread_create(&w->thread, NULL, writer_main, w) != 0) {
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
