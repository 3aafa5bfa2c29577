/*
 * SHA-1, the hash that BitTorrent v1 names pieces and torrents with (BEP 3).
 *
 * A client spends half of its processor time here, so this module does what a general library
 * does not: it advances several hashes at once. One SHA-1 is a chain of dependent steps that leaves
 * most of the processor's SHA unit idle; up to four independent ones, interleaved, fill it. Whoever
 * has data for more than one hash at hand (the writer thread, `verify`, `create`) passes all of it
 * to sha1_update_many in one call; everyone else uses a hash in the usual way.
 *
 * There are two engines. Where the processor has the SHA instructions it is sha1_ni.c; everywhere
 * else it is OpenSSL, which is also the reference that the tests compare with. A hash belongs to
 * the engine that was in use when it was begun.
 *
 * The life of a hash:
 *
 *     sha1_init --> sha1_update, sha1_update_many ... --> sha1_final --> (sha1_init again)
 *                                                     \-> sha1_free
 *
 * SHA-1 is no longer safe against somebody who makes two files with one hash. It still is against
 * somebody who wants a second file for the hash of an honest one, which is what BitTorrent v1
 * rests on.
 *
 * Threads: different hashes are independent. One hash is used by one thread at a time; nothing here
 * locks or waits.
 */
#ifndef WEFT_BASE_SHA1_H
#define WEFT_BASE_SHA1_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA1_LEN 20 /* bytes of a result */

/*
 * One running hash. Its fields are this module's own. It lives wherever the caller likes, but is
 * not to be copied while it runs: with OpenSSL both copies would share one context.
 */
struct sha1 {
  uint32_t state[5];   /* the words a..e after the whole blocks so far */
  uint32_t tail_len;   /* bytes waiting in `tail`, 0 to 63 */
  uint64_t total_len;  /* bytes taken in since sha1_init */
  uint8_t tail[64];    /* what has not filled a block yet */
  EVP_MD_CTX *openssl; /* NULL: this hash runs on the SHA instructions; ours to free */
  bool failed;         /* OpenSSL reported an error; the result will be all zeros */
};

/* One piece of work for sha1_update_many. */
struct sha1_job {
  struct sha1 *s;
  const uint8_t *data; /* no alignment is needed; may be NULL if `len` is 0 */
  size_t len;          /* bytes */
};

/*
 * Begins a hash. Whatever `s` held before is forgotten without being freed.
 *
 * Returns true on success; false if memory ran out or OpenSSL offers no SHA-1, which only happens
 * where OpenSSL is the engine. After false, only sha1_init and sha1_free may be used on `s`.
 */
bool sha1_init(struct sha1 *s);

/*
 * Appends `len` bytes to the message. `data` stays yours and needs no alignment; it may be NULL if
 * `len` is 0. Returns nothing: an error inside OpenSSL shows in the result (sha1_final).
 */
void sha1_update(struct sha1 *s, const void *data, size_t len);

/*
 * Ends the message, writes its hash to `out` and frees what `s` held; `s` may be begun again.
 * Returns nothing. Should OpenSSL have failed on the way, `out` is all zeros, which is the hash of
 * nothing anybody has ever found: a comparison with it fails, as it should.
 */
void sha1_final(struct sha1 *s, uint8_t out[static SHA1_LEN]);

/*
 * Abandons a hash without a result and frees what it held. Safe on a zeroed struct, on a finished
 * hash, and twice. Returns nothing.
 */
void sha1_free(struct sha1 *s);

/*
 * The hash of `len` bytes at `data` (NULL if `len` is 0), in one call. Returns nothing; `out` is
 * all zeros if memory ran out, which only happens where OpenSSL is the engine.
 */
void sha1_once(const void *data, size_t len, uint8_t out[static SHA1_LEN]);

/*
 * Does what sha1_update would do for each of the jobs in order, but with up to four different
 * hashes advancing together. Jobs of the same hash are done one after the other, in order. Gains
 * most when the jobs belong to three or four different hashes and are of similar length.
 *
 *   jobs   `n` jobs; neither they nor their data are changed or kept. Every `s` is a begun hash.
 *   n      may be 0, and `jobs` NULL then. The jobs of a hash are found by searching, n * n steps
 *          in all: meant for a handful of jobs, still fine for a thousand.
 *
 * Returns nothing; errors as in sha1_update.
 */
void sha1_update_many(const struct sha1_job *jobs, size_t n);

/*
 * Returns the name of the engine that sha1_init would use now: "sha-ni x4" or "openssl". A constant
 * string. Any thread may call it.
 */
const char *sha1_engine(void);

/*
 * For tests and benchmarks: with `on`, hashes begun from now on use OpenSSL whatever the processor
 * can do; without, the choice is the processor's again. Hashes that run already keep their engine.
 * Any thread may call it. Returns nothing.
 */
void sha1_force_openssl(bool on);

#endif
