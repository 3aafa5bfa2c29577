/*
 * SHA-1: which engine, what to do with bytes that do not fill a block, and who goes in which lane.
 *
 * An update splits the new bytes in three: some fill up the block that the last update left
 * unfinished, the whole blocks after them can be hashed in place, and the rest waits in the tail
 * for the next update. Only the part in the middle is large, so only that goes through the lanes.
 *
 * sha1_update_many seats hashes in lanes. A lane belongs to one hash at a time and does all jobs of
 * it, in order, before it takes the next hash; that alone keeps the order within every hash, and
 * no job has to be marked as done. All lanes advance by what the shortest still holds, then that
 * lane goes on to its next job or hash. When there is no more hash to take, the lane closes and
 * the others run on, interleaved, with one fewer.
 */
#include "base/sha1.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>

#include "base/sha1_ni.h"

/* --- the OpenSSL engine ----------------------------------------------------------------------- */

static atomic_bool openssl_forced;
static _Atomic(EVP_MD *) fetched; /* set once, by whoever is first; kept until the process ends */

/*
 * The algorithm. Without this EVP_sha1() would look it up anew, under a lock, for every hash.
 * Threads that come here together all fetch it and one of them wins. Returns NULL if memory ran
 * out; the next call tries again.
 */
static const EVP_MD *openssl_sha1(void) {
  EVP_MD *winner = atomic_load(&fetched);
  EVP_MD *mine;

  if (winner != NULL)
    return winner;
  mine = EVP_MD_fetch(NULL, "SHA1", NULL);
  if (mine == NULL || atomic_compare_exchange_strong(&fetched, &winner, mine))
    return mine;
  EVP_MD_free(mine);
  return winner;
}

static EVP_MD_CTX *openssl_begin(void) {
  const EVP_MD *algorithm = openssl_sha1();
  EVP_MD_CTX *context = algorithm != NULL ? EVP_MD_CTX_new() : NULL;

  if (context != NULL && EVP_DigestInit_ex2(context, algorithm, NULL) != 1) {
    EVP_MD_CTX_free(context);
    context = NULL;
  }
  return context;
}

static void openssl_final(struct sha1 *s, uint8_t out[static SHA1_LEN]) {
  if (s->failed || EVP_DigestFinal_ex(s->openssl, out, NULL) != 1)
    memset(out, 0, SHA1_LEN);
}

/* --- one hash --------------------------------------------------------------------------------- */

static bool use_ni(void) {
  return !atomic_load_explicit(&openssl_forced, memory_order_relaxed) && sha1_ni_usable();
}

bool sha1_init(struct sha1 *s) {
  *s = (struct sha1){
      .state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, /* FIPS 180-4 */
  };
  if (use_ni())
    return true;
  s->openssl = openssl_begin();
  return s->openssl != NULL;
}

/* Adds to the unfinished block what fits and hashes it once it is full. Returns how much fitted. */
static size_t fill_tail(struct sha1 *s, const uint8_t *data, size_t len) {
  const size_t room = sizeof s->tail - s->tail_len;
  const size_t taken = len < room ? len : room;
  struct sha1_ni_lane lane = {.state = s->state, .data = s->tail, .blocks = 1};

  memcpy(s->tail + s->tail_len, data, taken);
  s->tail_len += (uint32_t)taken;
  if (s->tail_len == sizeof s->tail) {
    sha1_ni_run(&lane, 1);
    s->tail_len = 0;
  }
  return taken;
}

/*
 * Takes the bytes in as far as this goes without hashing whole blocks of them: those are left to
 * the caller, who must run `*lane` to its end before the hash is touched again. Returns true if
 * there are any, false if everything is done.
 */
static bool absorb(struct sha1 *s, const uint8_t *data, size_t len, struct sha1_ni_lane *lane) {
  size_t taken = 0;

  if (len == 0)
    return false;
  if (s->openssl != NULL) {
    s->failed |= EVP_DigestUpdate(s->openssl, data, len) != 1;
    return false;
  }
  s->total_len += len;
  if (s->tail_len > 0)
    taken = fill_tail(s, data, len);
  data += taken;
  len -= taken;
  *lane = (struct sha1_ni_lane){.state = s->state, .data = data, .blocks = len / SHA1_BLOCK_LEN};
  if (len % SHA1_BLOCK_LEN > 0) {
    s->tail_len = len % SHA1_BLOCK_LEN;
    memcpy(s->tail, data + (len - s->tail_len), s->tail_len);
  }
  return lane->blocks > 0;
}

void sha1_update(struct sha1 *s, const void *data, size_t len) {
  struct sha1_ni_lane lane;

  if (absorb(s, data, len, &lane))
    sha1_ni_run(&lane, 1);
}

/* The message ends with a bit 1, zeros up to 8 bytes short of a whole block, its length in bits. */
static void ni_final(struct sha1 *s, uint8_t out[static SHA1_LEN]) {
  uint8_t padding[SHA1_BLOCK_LEN + 8] = {0x80};
  const size_t zeros_end = (s->tail_len < 56 ? 56 : 56 + SHA1_BLOCK_LEN) - s->tail_len;
  const uint64_t bits = s->total_len * 8;

  for (size_t i = 0; i < 8; i++)
    padding[zeros_end + i] = (uint8_t)(bits >> (56 - 8 * i));
  sha1_update(s, padding, zeros_end + 8);
  for (size_t i = 0; i < SHA1_LEN; i++)
    out[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha1_final(struct sha1 *s, uint8_t out[static SHA1_LEN]) {
  if (s->openssl != NULL)
    openssl_final(s, out);
  else
    ni_final(s, out);
  sha1_free(s);
}

void sha1_free(struct sha1 *s) {
  EVP_MD_CTX_free(s->openssl);
  s->openssl = NULL;
}

void sha1_once(const void *data, size_t len, uint8_t out[static SHA1_LEN]) {
  struct sha1 s;

  if (!sha1_init(&s)) {
    memset(out, 0, SHA1_LEN);
    return;
  }
  sha1_update(&s, data, len);
  sha1_final(&s, out);
}

/* --- many hashes ------------------------------------------------------------------------------ */

/* The lanes and who sits in them. Entries from `open` on are not in use. */
struct seating {
  struct sha1_ni_lane lane[SHA1_NI_LANES];
  const struct sha1_job *job[SHA1_NI_LANES]; /* what lane i works at */
  size_t open;
  const struct sha1_job *jobs, *next, *end; /* all jobs; those before `next` were looked at */
};

/* The first job of hash `s` at or after `from`; NULL if there is none. */
static const struct sha1_job *job_of(const struct sha1_job *from, const struct sha1_job *end,
                                     const struct sha1 *s) {
  for (; from < end; from++)
    if (from->s == s)
      return from;
  return NULL;
}

/*
 * Lets lane i do `job` and, as long as that leaves it no whole blocks to hash, the next jobs of the
 * same hash. Returns true if the lane has blocks now, false if that hash has no jobs left.
 */
static bool seat_job(struct seating *t, size_t i, const struct sha1_job *job) {
  for (; job != NULL; job = job_of(job + 1, t->end, job->s)) {
    t->job[i] = job;
    if (absorb(job->s, job->data, job->len, &t->lane[i]))
      return true;
  }
  return false;
}

/*
 * Gives lane i to the next hash that has not had one: a job that is the first of its hash has not
 * been done, any other job is the business of whichever lane did the first. Returns true if the
 * lane has blocks now, false if no hash is left.
 */
static bool seat_hash(struct seating *t, size_t i) {
  while (t->next < t->end) {
    const struct sha1_job *job = t->next++;

    if (job_of(t->jobs, t->end, job->s) == job && seat_job(t, i, job))
      return true;
  }
  return false;
}

/* Lane i has run out: its own hash first, then another; else the last open lane moves here. */
static void reseat(struct seating *t, size_t i) {
  const struct sha1_job *job = t->job[i];

  if (seat_job(t, i, job_of(job + 1, t->end, job->s)) || seat_hash(t, i))
    return;
  t->open--;
  t->lane[i] = t->lane[t->open];
  t->job[i] = t->job[t->open];
}

void sha1_update_many(const struct sha1_job *jobs, size_t n) {
  struct seating t = {.jobs = jobs, .next = jobs};

  if (n == 0)
    return;
  t.end = jobs + n;
  while (t.open < SHA1_NI_LANES && seat_hash(&t, t.open))
    t.open++;
  while (t.open > 0) {
    sha1_ni_run(t.lane, t.open);
    for (size_t i = t.open; i-- > 0;)
      if (t.lane[i].blocks == 0)
        reseat(&t, i);
  }
}

/* --- the choice ------------------------------------------------------------------------------- */

const char *sha1_engine(void) {
  return use_ni() ? "sha-ni x4" : "openssl";
}

void sha1_force_openssl(bool on) {
  atomic_store_explicit(&openssl_forced, on, memory_order_relaxed);
}
