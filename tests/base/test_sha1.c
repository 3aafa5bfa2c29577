/*
 * Tests of base/sha1. The reference is OpenSSL's one-shot digest, which shares no code with the
 * engine on the SHA instructions; the published examples guard the reference itself.
 *
 * Nearly every test runs once for each engine. On a processor without the SHA instructions both
 * runs use OpenSSL: then they still check splitting, ordering and clean-up. Randomness comes from a
 * small generator with a fixed seed, so that a failure comes back.
 */
#include "../test.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha1.h"
#include "base/sha1_ni.h"

#define POOL_LEN (64 * 1024)
#define HASHES 9
#define JOBS 40

static uint8_t pool[POOL_LEN]; /* random bytes, written by group_setup, then only read */

/* xorshift64*: good enough to choose lengths with. */
static uint64_t next_random(uint64_t *seed) {
  *seed ^= *seed >> 12;
  *seed ^= *seed << 25;
  *seed ^= *seed >> 27;
  return *seed * 0x2545f4914f6cdd1d;
}

static size_t below(uint64_t *seed, size_t limit) {
  return (size_t)(next_random(seed) >> 16) % limit;
}

/* Mostly lengths about the block size, where the edges are, and now and then a long one. */
static size_t random_len(uint64_t *seed) {
  switch (below(seed, 8)) {
  case 0:
    return 0;
  case 1:
    return 64 * below(seed, 40);
  case 2:
    return below(seed, 20000);
  default:
    return below(seed, 200);
  }
}

static void reference(const uint8_t *data, size_t len, uint8_t out[static SHA1_LEN]) {
  assert_int_equal(EVP_Digest(data, len, out, NULL, EVP_sha1(), NULL), 1);
}

static void assert_hash(const uint8_t *data, size_t len, const uint8_t got[static SHA1_LEN]) {
  uint8_t want[SHA1_LEN];

  reference(data, len, want);
  assert_memory_equal(got, want, SHA1_LEN);
}

static int group_setup(void **state) {
  uint8_t ignored[SHA1_LEN];
  uint64_t seed = 1;

  (void)state;
  for (size_t i = 0; i < POOL_LEN; i++)
    pool[i] = (uint8_t)(next_random(&seed) >> 32);
  reference(pool, 1, ignored);
  return 0;
}

static int with_openssl(void **state) {
  (void)state;
  sha1_force_openssl(true);
  return 0;
}

static int with_best_engine(void **state) {
  (void)state;
  sha1_force_openssl(false);
  return 0;
}

/* --- one hash --------------------------------------------------------------------------------- */

/* FIPS 180-4's examples, RFC 3174's, and the empty message. */
TEST(gives_the_published_results) {
  static const struct {
    const char *message;
    const char *hash;
  } example[] = {
      {"", "\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09"},
      {"abc", "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "\x84\x98\x3e\x44\x1c\x3b\xd2\x6e\xba\xae\x4a\xa1\xf9\x51\x29\xe5\xe5\x46\x70\xf1"},
  };
  uint8_t got[SHA1_LEN];

  for (size_t i = 0; i < sizeof example / sizeof example[0]; i++) {
    sha1_once(example[i].message, strlen(example[i].message), got);
    assert_memory_equal(got, example[i].hash, SHA1_LEN);
  }
}

TEST(hashes_a_million_times_the_letter_a) {
  static const char want[] =
      "\x34\xaa\x97\x3c\xd4\xc4\xda\xa4\xf6\x1e\xeb\x2b\xdb\xad\x27\x31\x65\x34\x01\x6f";
  char thousand[1000];
  uint8_t got[SHA1_LEN];
  struct sha1 s;

  memset(thousand, 'a', sizeof thousand);
  assert_true(sha1_init(&s));
  for (int i = 0; i < 1000; i++)
    sha1_update(&s, thousand, sizeof thousand);
  sha1_final(&s, got);
  assert_memory_equal(got, want, SHA1_LEN);
}

TEST(takes_null_for_no_bytes) {
  uint8_t got[SHA1_LEN];
  struct sha1 s;
  struct sha1_job job = {.s = &s, .data = NULL, .len = 0};

  sha1_once(NULL, 0, got);
  assert_hash(pool, 0, got);
  assert_true(sha1_init(&s));
  sha1_update(&s, NULL, 0);
  sha1_update_many(&job, 1);
  sha1_update_many(NULL, 0);
  sha1_update(&s, pool, 1);
  sha1_update(&s, NULL, 0);
  sha1_final(&s, got);
  assert_hash(pool, 1, got);
}

TEST(agrees_for_every_length_up_to_three_hundred_at_every_alignment) {
  uint8_t got[SHA1_LEN];

  for (size_t len = 0; len <= 300; len++) {
    sha1_once(pool + len % 17, len, got);
    assert_hash(pool + len % 17, len, got);
  }
}

/* Heap blocks of the exact size let AddressSanitizer see a read past either end. */
TEST(reads_nothing_outside_the_message) {
  for (size_t len = 1; len <= 260; len++) {
    uint8_t *exact = malloc(len);
    uint8_t got[SHA1_LEN];

    assert_non_null(exact);
    memcpy(exact, pool, len);
    sha1_once(exact, len, got);
    free(exact);
    assert_hash(pool, len, got);
  }
}

TEST(agrees_however_the_message_is_cut) {
  uint64_t seed = 2;

  for (int round = 0; round < 400; round++) {
    const size_t len = below(&seed, 4) == 0 ? below(&seed, POOL_LEN) : below(&seed, 1000);
    uint8_t got[SHA1_LEN];
    struct sha1 s;
    size_t part;

    assert_true(sha1_init(&s));
    for (size_t done = 0; done < len; done += part) {
      part = random_len(&seed);
      part = part < len - done ? part : len - done;
      sha1_update(&s, pool + done, part);
    }
    sha1_final(&s, got);
    assert_hash(pool, len, got);
  }
}

TEST(can_be_begun_again_after_its_end) {
  uint8_t got[SHA1_LEN];
  struct sha1 s;

  for (size_t len = 0; len < 3000; len += 499) {
    assert_true(sha1_init(&s));
    sha1_update(&s, pool, len);
    sha1_final(&s, got);
    assert_hash(pool, len, got);
  }
}

TEST(can_be_abandoned_at_any_time_and_twice) {
  struct sha1 s = {0};

  sha1_free(&s);
  sha1_free(&s);
  assert_true(sha1_init(&s));
  sha1_update(&s, pool, 100);
  sha1_free(&s);
  sha1_free(&s);
  assert_true(sha1_init(&s));
  sha1_free(&s);
}

/* OpenSSL allocates through these three; while `starving`, it gets nothing. */
static atomic_bool starving;

static void *scarce_malloc(size_t size, const char *file, int line) {
  (void)file;
  (void)line;
  return atomic_load(&starving) ? NULL : malloc(size);
}

static void *scarce_realloc(void *old, size_t size, const char *file, int line) {
  (void)file;
  (void)line;
  return atomic_load(&starving) ? NULL : realloc(old, size);
}

static void scarce_free(void *old, const char *file, int line) {
  (void)file;
  (void)line;
  free(old);
}

/*
 * Stands before every other test, so that fetching the algorithm fails too and is tried again.
 * OpenSSL itself does not survive being started without memory: group_setup has used it once.
 */
TEST(openssl_without_memory_fails_and_recovers) {
  const uint8_t zeros[SHA1_LEN] = {0};
  uint8_t got[SHA1_LEN];
  struct sha1 s;

  for (int round = 0; round < 2; round++) {
    atomic_store(&starving, true);
    memset(got, 0xff, sizeof got);
    sha1_once(pool, 100, got);
    const bool begun = sha1_init(&s);
    atomic_store(&starving, false);
    sha1_free(&s);
    assert_false(begun);
    assert_memory_equal(got, zeros, SHA1_LEN);
    sha1_once(pool, 100, got);
    assert_hash(pool, 100, got);
  }
}

/* --- many hashes ------------------------------------------------------------------------------ */

/* Hashes in the making, and beside each the bytes it was given, for the reference. */
struct crowd {
  struct sha1 hash[HASHES];
  uint8_t *given[HASHES];
  size_t given_len[HASHES];
  size_t count;
};

static void crowd_begin(struct crowd *c, size_t count) {
  memset(c, 0, sizeof *c);
  c->count = count;
  for (size_t i = 0; i < count; i++)
    assert_true(sha1_init(&c->hash[i]));
}

/* A job for one of the hashes, noted down as given. */
static struct sha1_job crowd_job(struct crowd *c, size_t which, const uint8_t *data, size_t len) {
  uint8_t *longer = realloc(c->given[which], c->given_len[which] + len + 1);

  assert_non_null(longer);
  memcpy(longer + c->given_len[which], data, len);
  c->given[which] = longer;
  c->given_len[which] += len;
  return (struct sha1_job){.s = &c->hash[which], .data = data, .len = len};
}

static void crowd_check_and_end(struct crowd *c) {
  for (size_t i = 0; i < c->count; i++) {
    uint8_t got[SHA1_LEN];

    sha1_final(&c->hash[i], got);
    assert_hash(c->given[i], c->given_len[i], got);
    free(c->given[i]);
  }
}

/* Some calls of sha1_update_many with random jobs, single updates between them. */
static void random_crowd(uint64_t *seed) {
  struct crowd c;
  struct sha1_job jobs[JOBS], kept[JOBS];

  crowd_begin(&c, 1 + below(seed, HASHES));
  for (size_t call = 1 + below(seed, 4); call > 0; call--) {
    const size_t n = below(seed, JOBS + 1);
    const size_t alone = below(seed, c.count);

    for (size_t i = 0; i < n; i++) {
      const size_t len = random_len(seed);
      jobs[i] = crowd_job(&c, below(seed, c.count), pool + below(seed, POOL_LEN - len), len);
    }
    memcpy(kept, jobs, n * sizeof jobs[0]);
    sha1_update_many(jobs, n);
    assert_memory_equal(kept, jobs, n * sizeof jobs[0]);
    jobs[0] = crowd_job(&c, alone, pool, below(seed, 130));
    sha1_update(jobs[0].s, jobs[0].data, jobs[0].len);
  }
  crowd_check_and_end(&c);
}

TEST(many_random_jobs_come_out_as_if_done_in_order) {
  uint64_t seed = 3;

  for (int round = 0; round < 250; round++)
    random_crowd(&seed);
}

/* Every number of lanes, and what happens when one of them ends long before the others. */
TEST(lanes_of_any_number_and_length_do_not_disturb_each_other) {
  for (size_t count = 1; count <= HASHES; count++) {
    for (size_t shortest = 0; shortest < count; shortest++) {
      struct crowd c;
      struct sha1_job jobs[HASHES];

      crowd_begin(&c, count);
      for (size_t i = 0; i < count; i++)
        jobs[i] = crowd_job(&c, i, pool + i, i == shortest ? 64 : 4096 + 64 * i);
      sha1_update_many(jobs, count);
      crowd_check_and_end(&c);
    }
  }
}

TEST(jobs_of_one_hash_are_done_in_order) {
  struct crowd c;
  struct sha1_job jobs[JOBS];

  crowd_begin(&c, 2);
  for (size_t i = 0; i < JOBS; i++)
    jobs[i] = crowd_job(&c, i % 7 == 3, pool + 100 * i, 10 + 37 * i);
  sha1_update_many(jobs, JOBS);
  crowd_check_and_end(&c);
}

TEST(the_same_bytes_may_serve_several_hashes) {
  struct crowd c;
  struct sha1_job jobs[4];

  crowd_begin(&c, 4);
  for (size_t i = 0; i < 4; i++)
    jobs[i] = crowd_job(&c, i, pool + 3, 5000);
  sha1_update_many(jobs, 4);
  crowd_check_and_end(&c);
}

TEST(hashes_of_both_engines_may_share_a_call) {
  struct crowd c;
  struct sha1_job jobs[JOBS];

  crowd_begin(&c, HASHES);
  for (size_t i = 0; i < HASHES; i++) {
    sha1_free(&c.hash[i]);
    sha1_force_openssl(i % 2 == 1);
    assert_true(sha1_init(&c.hash[i]));
  }
  sha1_force_openssl(false);
  for (size_t i = 0; i < JOBS; i++)
    jobs[i] = crowd_job(&c, i % HASHES, pool + i, 1000 + 13 * i);
  sha1_update_many(jobs, JOBS);
  crowd_check_and_end(&c);
}

/* --- threads ---------------------------------------------------------------------------------- */

/*
 * Runs in several threads at once. No cmocka assertions here: they leave by longjmp, which must not
 * happen outside the test's own thread. Returns NULL if every hash was right.
 */
static void *hash_a_while(void *argument) {
  uint64_t seed = *(const uint64_t *)argument;

  for (int round = 0; round < 60; round++) {
    struct sha1 s[4];
    struct sha1_job jobs[4];
    uint8_t got[SHA1_LEN], want[SHA1_LEN];

    for (size_t i = 0; i < 4; i++) {
      jobs[i] = (struct sha1_job){.s = &s[i], .data = pool + i, .len = random_len(&seed)};
      if (!sha1_init(&s[i]))
        return "sha1_init";
    }
    sha1_update_many(jobs, 4);
    for (size_t i = 0; i < 4; i++) {
      sha1_final(&s[i], got);
      if (EVP_Digest(jobs[i].data, jobs[i].len, want, NULL, EVP_sha1(), NULL) != 1)
        return "EVP_Digest";
      if (memcmp(got, want, SHA1_LEN) != 0)
        return "wrong hash";
    }
  }
  return NULL;
}

/* Stands early among the tests, so that the first hashes on the instructions meet in detection. */
TEST(threads_do_not_disturb_each_other) {
  pthread_t thread[8];
  uint64_t seed[8];

  for (size_t i = 0; i < 8; i++) {
    seed[i] = 100 + i;
    assert_int_equal(pthread_create(&thread[i], NULL, hash_a_while, &seed[i]), 0);
  }
  for (size_t i = 0; i < 8; i++) {
    void *wrong = NULL;

    assert_int_equal(pthread_join(thread[i], &wrong), 0);
    if (wrong != NULL)
      fail_msg("thread %zu: %s", i, (const char *)wrong);
  }
}

/* --- the choice ------------------------------------------------------------------------------- */

TEST(the_engine_can_be_forced_and_says_its_name) {
  uint8_t got[SHA1_LEN];
  struct sha1 begun_before;

  sha1_force_openssl(false);
  assert_true(sha1_init(&begun_before));
  sha1_update(&begun_before, pool, 100);
  sha1_force_openssl(true);
  assert_string_equal(sha1_engine(), "openssl");
  sha1_update(&begun_before, pool + 100, 100);
  sha1_final(&begun_before, got);
  assert_hash(pool, 200, got);
  sha1_force_openssl(false);
  assert_string_equal(sha1_engine(), sha1_ni_usable() ? "sha-ni x4" : "openssl");
}

/* Nothing would look wrong if the instructions were overlooked; everything would only be slow. */
TEST(the_instructions_are_found_where_the_kernel_sees_them) {
#if defined(__x86_64__) && defined(__linux__)
  FILE *cpuinfo = fopen("/proc/cpuinfo", "r");
  char line[8192];
  bool seen = false;

  if (cpuinfo == NULL)
    skip();
  while (!seen && fgets(line, sizeof line, cpuinfo) != NULL)
    seen = strncmp(line, "flags", 5) == 0 && strstr(line, " sha_ni") != NULL;
  fclose(cpuinfo);
  assert_int_equal(sha1_ni_usable(), seen);
#else
  assert_false(sha1_ni_usable());
#endif
}

#define BOTH_ENGINES(test) \
  cmocka_unit_test_setup(test, with_best_engine), \
      cmocka_unit_test_setup_teardown(test, with_openssl, with_best_engine)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(openssl_without_memory_fails_and_recovers, with_openssl,
                                      with_best_engine),
      BOTH_ENGINES(threads_do_not_disturb_each_other),
      BOTH_ENGINES(gives_the_published_results),
      BOTH_ENGINES(hashes_a_million_times_the_letter_a),
      BOTH_ENGINES(takes_null_for_no_bytes),
      BOTH_ENGINES(agrees_for_every_length_up_to_three_hundred_at_every_alignment),
      BOTH_ENGINES(reads_nothing_outside_the_message),
      BOTH_ENGINES(agrees_however_the_message_is_cut),
      BOTH_ENGINES(can_be_begun_again_after_its_end),
      BOTH_ENGINES(can_be_abandoned_at_any_time_and_twice),
      BOTH_ENGINES(many_random_jobs_come_out_as_if_done_in_order),
      BOTH_ENGINES(lanes_of_any_number_and_length_do_not_disturb_each_other),
      BOTH_ENGINES(jobs_of_one_hash_are_done_in_order),
      BOTH_ENGINES(the_same_bytes_may_serve_several_hashes),
      cmocka_unit_test(hashes_of_both_engines_may_share_a_call),
      cmocka_unit_test(the_engine_can_be_forced_and_says_its_name),
      cmocka_unit_test(the_instructions_are_found_where_the_kernel_sees_them),
  };

  if (CRYPTO_set_mem_functions(scarce_malloc, scarce_realloc, scarce_free) != 1)
    return 1;
  return cmocka_run_group_tests_name("sha1", tests, group_setup, NULL);
}
