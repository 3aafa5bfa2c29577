#include "io/tree_hash.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cores.h"
#include "base/log.h"
#include "base/sha1.h"

enum {
  LANES = 4,                 /* pieces side by side; as many hashes as base/sha1 advances at once */
  FRAGMENT_LEN = 256 * 1024, /* read at a time, for each */
  STACK_LEN = 256 * 1024,
};

struct job {
  const struct tree *t;
  const struct geometry *geo;
  uint8_t *hashes;
  struct tree_hash_progress *p;
  unsigned threads;
  atomic_bool stop; /* something failed: no more work is taken */

  pthread_mutex_t lock;
  /* guarded by lock */
  uint32_t next;   /* every piece below is taken */
  enum err result; /* the first failure */
};

struct lane {
  struct sha1 hash;
  uint32_t piece;
  size_t file; /* that `fd` belongs to */
  int fd;      /* -1: none is open */
};

static void fail(struct job *j, enum err e) {
  pthread_mutex_lock(&j->lock);
  if (j->result == ERR_OK) j->result = e;
  pthread_mutex_unlock(&j->lock);
  atomic_store(&j->stop, true);
}

static bool is_over(struct job *j) {
  return atomic_load(&j->stop) || atomic_load(&j->p->cancel);
}

/* --- reading --- */

/* The file that byte `at` of the torrent lies in: the last one that starts there or before; behind
 * empty ones that start at the same byte, so it is never empty itself. */
static size_t find_file(const struct tree *t, uint64_t at) {
  size_t low = 0;
  size_t high = t->count;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (t->files[middle].offset <= at)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* Makes l->fd that of `file`. False: it failed, and j knows. */
static bool use_file(struct job *j, struct lane *l, size_t file) {
  enum err e = ERR_OK;
  if (l->fd >= 0 && l->file == file) return true;
  if (l->fd >= 0) close(l->fd);
  l->file = file;
  l->fd = tree_open(j->t, file, &e);
  if (l->fd >= 0) return true;
  fail(j, e);
  return false;
}

/* `len` bytes of the torrent from `at` on, across the ends of files. */
static bool read_run(struct job *j, struct lane *l, uint64_t at, uint8_t *to, size_t len) {
  while (len > 0) {
    size_t file = find_file(j->t, at);
    const struct tree_file *f = &j->t->files[file];
    if (!use_file(j, l, file)) return false;
    uint64_t left = f->offset + f->length - at;
    size_t part = left < len ? (size_t)left : len;
    ssize_t n = pread(l->fd, to, part, (off_t)(at - f->offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      fail(j, tree_fail(j->t, file, n < 0 ? errno : 0));
      return false;
    }
    to += n;
    at += (uint64_t)n;
    len -= (size_t)n;
  }
  return true;
}

/* --- hashing --- */

/* Takes up to LANES pieces, fewer near the end, so that all threads have some. Returns how many. */
static size_t take(struct job *j, struct lane lanes[static LANES]) {
  size_t n = 0;
  pthread_mutex_lock(&j->lock);
  uint32_t left = j->geo->pieces - j->next;
  uint32_t share = (left + j->threads - 1) / j->threads;
  for (; n < LANES && n < share; n++) lanes[n].piece = j->next++;
  pthread_mutex_unlock(&j->lock);
  return n;
}

/* Reads the fragment at `begin` of every lane and hashes them together. */
static bool advance(struct job *j, struct lane *lanes, size_t n, uint32_t begin, uint8_t *buffer) {
  struct sha1_job jobs[LANES];
  size_t count = 0;
  uint64_t bytes = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t len = geometry_piece_len(j->geo, lanes[i].piece);
    if (begin >= len) continue;
    uint32_t part = len - begin < FRAGMENT_LEN ? len - begin : FRAGMENT_LEN;
    uint8_t *to = buffer + i * FRAGMENT_LEN;
    uint64_t at = geometry_piece_offset(j->geo, lanes[i].piece) + begin;
    if (!read_run(j, &lanes[i], at, to, part)) return false;
    jobs[count++] = (struct sha1_job){.s = &lanes[i].hash, .data = to, .len = part};
    bytes += part;
  }
  sha1_update_many(jobs, count);
  atomic_fetch_add(&j->p->bytes, bytes);
  return true;
}

/* All fragments of the pieces taken. False: it is over early. */
static bool hash_group(struct job *j, struct lane *lanes, size_t n, uint8_t *buffer) {
  bool good = true;
  for (size_t i = 0; i < n; i++) good = sha1_init(&lanes[i].hash) && good;
  if (!good) fail(j, ERR_MEMORY);
  for (uint64_t begin = 0; good && begin < j->geo->piece_len; begin += FRAGMENT_LEN)
    good = !is_over(j) && advance(j, lanes, n, (uint32_t)begin, buffer);
  for (size_t i = 0; i < n; i++) {
    if (good)
      sha1_final(&lanes[i].hash, j->hashes + (size_t)lanes[i].piece * SHA1_LEN);
    else
      sha1_free(&lanes[i].hash);
  }
  return good;
}

/* Works until nothing is left. False: there was no memory to begin. */
static bool work(struct job *j) {
  struct lane lanes[LANES];
  uint8_t *buffer = malloc((size_t)LANES * FRAGMENT_LEN);
  if (buffer == NULL) return false;
  for (size_t i = 0; i < LANES; i++) lanes[i] = (struct lane){.fd = -1};
  for (size_t n; !is_over(j) && (n = take(j, lanes)) > 0;)
    if (!hash_group(j, lanes, n, buffer)) break;
  for (size_t i = 0; i < LANES; i++)
    if (lanes[i].fd >= 0) close(lanes[i].fd);
  free(buffer);
  return true;
}

static void *thread_main(void *arg) {
  work(arg); /* without memory it takes nothing, and others do it */
  return NULL;
}

/* --- threads --- */

static unsigned thread_count(unsigned asked, uint32_t pieces) {
  unsigned n = asked > 0 ? asked : cores_usable();
  if (n > pieces) n = pieces;
  if (n > TREE_HASH_THREADS_MAX) n = TREE_HASH_THREADS_MAX;
  return n > 0 ? n : 1;
}

/* Starts up to `n` threads. Returns how many there are. */
static unsigned start(struct job *j, pthread_t *ids, unsigned n) {
  pthread_attr_t attr;
  if (n == 0 || pthread_attr_init(&attr) != 0) return 0;
  pthread_attr_setstacksize(&attr, STACK_LEN);
  unsigned started = 0;
  while (started < n && pthread_create(&ids[started], &attr, thread_main, j) == 0) started++;
  pthread_attr_destroy(&attr);
  return started;
}

enum err tree_hash_run(const struct tree *t, const struct geometry *geo, uint8_t *hashes,
                       unsigned threads, struct tree_hash_progress *p) {
  struct job j = {.t = t, .geo = geo, .hashes = hashes, .p = p,
                  .threads = thread_count(threads, geo->pieces)};
  pthread_t ids[TREE_HASH_THREADS_MAX];
  pthread_mutex_init(&j.lock, NULL);
  unsigned started = start(&j, ids, j.threads - 1);
  bool worked = work(&j);
  for (unsigned i = 0; i < started; i++) pthread_join(ids[i], NULL);
  pthread_mutex_destroy(&j.lock);
  if (atomic_load(&p->cancel)) return ERR_CANCELLED;
  if (j.result == ERR_OK && j.next < geo->pieces && !worked) j.result = ERR_MEMORY;
  if (j.result == ERR_MEMORY) log_error("there is not enough memory to hash the files");
  return j.result == ERR_OK ? tree_recheck(t) : j.result;
}
