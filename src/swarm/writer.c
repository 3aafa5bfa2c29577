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
  JOBS_MAX = BATCH_MAX * FRAGMENT_BLOCKS_MAX / 2, /* a fragment with every other block */
  LANES = 4,          /* pieces read back at a time: as many as base/sha1 hashes together */
  BUCKETS = 256
};

struct hashing { /* one open piece, as the writer sees it */
  uint32_t piece;
  uint32_t blocks;
  uint32_t next;       /* the hash cursor: blocks before it are hashed */
  struct bitset ahead; /* blocks beyond the cursor that are on disk already */
  bool reread;         /* some of it was hashed as it lay on disk */
  struct sha1 sha;
  struct hashing *chain;
};

struct writer {
  struct swarm *sw;
  pthread_t thread;
  struct hashing *table[BUCKETS];
  struct blame blame;
  struct sha1_job jobs[JOBS_MAX]; /* this batch's hashing */
  size_t job_count;
  uint8_t *scratch; /* LANES times FRAGMENT_BLOCKS_MAX blocks, for reading back */
};

/* --- open pieces --- */

static struct hashing *lookup(struct writer *w, uint32_t piece) {
  struct hashing *h = w->table[piece % BUCKETS];
  while (h != NULL && h->piece != piece) h = h->chain;
  return h;
}

static void hashing_free(struct hashing *h) {
  sha1_free(&h->sha);
  bitset_free(&h->ahead);
  free(h);
}

static struct hashing *lookup_or_begin(struct writer *w, uint32_t piece) {
  struct hashing *h = lookup(w, piece);
  if (h != NULL) return h;
  h = calloc(1, sizeof *h);
  if (h == NULL) return NULL;
  h->piece = piece;
  h->blocks = geometry_blocks(&w->sw->meta->geo, piece);
  if (!sha1_init(&h->sha) || !bitset_init(&h->ahead, h->blocks)) {
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

/* --- a disk that fails --- */

static void fail(struct writer *w, enum err e) {
  int none = 0;
  if (atomic_compare_exchange_strong(&w->sw->disk_error, &none, (int)e))
    net_bell_ring(w->sw->bell);
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

static bool write_run(struct writer *w, struct fragment *f, uint32_t i, uint32_t n) {
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

static void ban(void *arg, uint32_t number) {
  struct swarm *sw = arg;
  struct addr a;
  if (!roster_addr(sw->roster, number, &a) || addrbook_is_banned(sw->book, &a)) return;
  char text[ADDR_TEXT_MAX];
  log_info("%s sent data with a wrong hash: banned", addr_text(&a, text));
  addrbook_ban(sw->book, &a);
  roster_shut(sw->roster, number);
  if (sw->hooks.banned) sw->hooks.banned(sw->hooks.arg, &a);
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
    if (digest != NULL) blame_resolve(&w->blame, piece, digest, ban, sw);
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
  if (innocent) {
    log_info("piece %u was spoiled on disk while it was written: fetching it again", piece);
    free(from);
  } else if (single != 0) {
    ban(sw, single);
    free(from);
  } else {
    uint8_t(*digest)[BLAME_DIGEST_LEN] = digest_blocks(w, piece, blocks);
    if (digest != NULL) blame_add(&w->blame, piece, blocks, from, digest);
    else free(from);
  }
  atomic_fetch_add(&sw->wasted, geometry_piece_len(&sw->meta->geo, piece));
  pieces_failed(sw->pieces, piece, !innocent);
}

/* Every block of the piece is hashed: is it right? */
static void judge(struct writer *w, struct hashing *h) {
  struct swarm *sw = w->sw;
  uint8_t hash[SHA1_LEN];
  uint32_t piece = h->piece;
  uint32_t blocks = h->blocks;
  bool reread = h->reread;
  uint32_t *from = calloc(blocks, sizeof *from);
  sha1_final(&h->sha, hash);
  end_hashing(w, h);
  if (from == NULL) {
    fail(w, ERR_MEMORY);
    return;
  }
  pieces_origin(sw->pieces, piece, from);
  bool good = memcmp(hash, sw->meta->hashes + (size_t)piece * SHA1_LEN, SHA1_LEN) == 0;
  uint32_t length = geometry_piece_len(&sw->meta->geo, piece);
  if (sw->hooks.piece) sw->hooks.piece(sw->hooks.arg, piece, length, good);
  if (good) {
    on_good(w, piece, blocks, from);
    free(from);
  } else {
    on_bad(w, piece, blocks, from, reread && is_tampered(w, piece));
  }
}

/* --- the thread --- */

/* Hashes and writes a batch, then judges the pieces that became whole. False: the disk failed. */
static bool handle(struct writer *w, struct fragment **f, size_t n) {
  w->job_count = 0;
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
    if (h != NULL && h->next == h->blocks) judge(w, h);
  }
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
  while (chan_receive(sw->results, items, BATCH_MAX, &n, CLOCK_NEVER) == ERR_OK) {
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
  return NULL;
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
