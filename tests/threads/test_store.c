/*
 * The store used by many threads at once, with room for only four open files: io/store. Meant to be
 * run under ThreadSanitizer; without it, it still shows lost writes and mixed-up descriptors.
 */
#include "../io/made.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "base/crypto.h"
#include "io/check.h"
#include "io/resume.h"

enum { FILES = 30, EACH = 7000, PIECE = 4096, WRITERS = 6, ROUNDS = 300, TOTAL = FILES * EACH };

static struct made t;
static struct store *s;
static atomic_int busy;     /* writers at work */
static atomic_int failures; /* anything that went wrong in a thread */

static int setup(void **state) {
  struct made_file files[FILES];
  char names[FILES][16];
  struct rlimit was, few;
  if (made_setup(state) != 0 || getrlimit(RLIMIT_NOFILE, &was) != 0) return -1;
  for (size_t i = 0; i < FILES; i++) {
    snprintf(names[i], sizeof names[i], "d%zu/f%zu", i % 3, i);
    files[i] = (struct made_file){.path = names[i], .length = EACH};
  }
  t = made_torrent("t", true, PIECE, files, FILES);
  few = was;
  few.rlim_cur = 24;
  setrlimit(RLIMIT_NOFILE, &few);
  s = made_open(&t, NULL);
  setrlimit(RLIMIT_NOFILE, &was);
  return store_lock(s) == ERR_OK && store_prepare(s, ALLOCATE_SPARSE) == ERR_OK ? 0 : -1;
}

static int teardown(void **state) {
  store_close(s);
  made_free(&t);
  return made_teardown(state);
}

static void expect(bool fine) {
  if (!fine) atomic_fetch_add(&failures, 1);
}

/* Writes every WRITERS-th stretch of the torrent, in some order, and reads it back. */
static void *write_own(void *arg) {
  uintptr_t number = (uintptr_t)arg;
  struct crypto_rng r = {.s = number};
  enum { STRETCH = 1500 };
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t at = (crypto_rng_below(&r, TOTAL / STRETCH / WRITERS) * WRITERS + number) * STRETCH;
    uint8_t back[STRETCH];
    expect(store_write(s, at, t.data + at, STRETCH) == ERR_OK);
    expect(store_read(s, at, back, STRETCH) == ERR_OK);
    expect(memcmp(back, t.data + at, STRETCH) == 0);
  }
  atomic_fetch_sub(&busy, 1);
  return NULL;
}

static void *keep_syncing(void *arg) {
  (void)arg;
  while (atomic_load(&busy) > 0) expect(store_sync(s) == ERR_OK);
  return NULL;
}

static void *keep_saving(void *arg) {
  struct bitset none;
  struct resume_state st;
  (void)arg;
  if (!bitset_init(&none, t.m.geo.pieces)) return NULL;
  while (atomic_load(&busy) > 0) {
    expect(resume_save(s, &t.m, &none) == ERR_OK);
    expect(resume_load(s, &t.m, &none, &st) == ERR_OK && st.ours);
  }
  bitset_free(&none);
  return NULL;
}

TEST(writing_reading_syncing_and_saving_go_together) {
  pthread_t id[WRITERS + 3];
  atomic_store(&busy, WRITERS);
  atomic_store(&failures, 0);
  for (uintptr_t i = 0; i < WRITERS; i++)
    assert_int_equal(pthread_create(&id[i], NULL, write_own, (void *)i), 0);
  assert_int_equal(pthread_create(&id[WRITERS], NULL, keep_syncing, NULL), 0);
  assert_int_equal(pthread_create(&id[WRITERS + 1], NULL, keep_syncing, NULL), 0);
  assert_int_equal(pthread_create(&id[WRITERS + 2], NULL, keep_saving, NULL), 0);
  for (size_t i = 0; i < WRITERS + 3; i++) pthread_join(id[i], NULL);
  assert_int_equal(atomic_load(&failures), 0);
  assert_int_equal(store_sync(s), ERR_OK);
  made_write_all(s, &t);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  for (size_t i = 0; i < FILES; i++) {
    char path[32];
    snprintf(path, sizeof path, "t/d%zu/f%zu", i % 3, i);
    assert_true(made_right(&t, i, path));
  }
}

static void *delete_now_and_then(void *arg) {
  struct crypto_rng r = {.s = 99};
  (void)arg;
  while (atomic_load(&busy) > 0) {
    char path[32];
    uint64_t i = crypto_rng_below(&r, FILES);
    snprintf(path, sizeof path, "t/d%u/f%u", (unsigned)(i % 3), (unsigned)i);
    unlink(path);
    sched_yield();
  }
  return NULL;
}

static void *write_blindly(void *arg) {
  uintptr_t number = (uintptr_t)arg;
  struct crypto_rng r = {.s = number};
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t at = crypto_rng_below(&r, TOTAL / 1500) * 1500;
    expect(store_write(s, at, t.data + at, 1500) == ERR_OK);
  }
  atomic_fetch_sub(&busy, 1);
  return NULL;
}

/* Whatever is deleted meanwhile: what is lost is told, and fetched again nothing is missing. */
TEST(files_deleted_under_the_writers_are_all_told_to_be_lost) {
  struct bitset lost, good;
  pthread_t id[4];
  assert_true(bitset_init(&lost, t.m.geo.pieces) && bitset_init(&good, t.m.geo.pieces));
  made_listen();
  made_write_all(s, &t);
  atomic_store(&busy, 2);
  atomic_store(&failures, 0);
  assert_int_equal(pthread_create(&id[0], NULL, write_blindly, (void *)1), 0);
  assert_int_equal(pthread_create(&id[1], NULL, write_blindly, (void *)2), 0);
  assert_int_equal(pthread_create(&id[2], NULL, delete_now_and_then, NULL), 0);
  assert_int_equal(pthread_create(&id[3], NULL, keep_syncing, NULL), 0);
  for (size_t i = 0; i < 4; i++) pthread_join(id[i], NULL);
  assert_int_equal(atomic_load(&failures), 0);
  for (int tries = 0; tries < 3 && store_finish(s, &lost) == ERR_NOT_FOUND; tries++) {
    assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
    for (size_t p = bitset_next(&lost, 0); p < lost.bits; p = bitset_next(&lost, p + 1))
      assert_int_equal(store_write(s, p * PIECE, t.data + p * PIECE,
                                   geometry_piece_len(&t.m.geo, (uint32_t)p)),
                       ERR_OK);
    bitset_reset(&lost);
  }
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  made_restore();
  assert_int_equal(check_run(s, &t.m, NULL, &good, 4, NULL), ERR_OK);
  assert_true(bitset_full(&good));
  bitset_free(&lost);
  bitset_free(&good);
}

static void *read_all_over(void *arg) {
  struct crypto_rng r = {.s = (uintptr_t)arg};
  for (int round = 0; round < ROUNDS; round++) {
    uint8_t back[9000];
    uint64_t at = crypto_rng_below(&r, TOTAL - sizeof back);
    expect(store_read(s, at, back, sizeof back) == ERR_OK);
    expect(memcmp(back, t.data + at, sizeof back) == 0);
  }
  return NULL;
}

TEST(a_check_and_readers_share_the_few_descriptors) {
  struct bitset good;
  struct check_progress p = {0};
  pthread_t id[4];
  made_write_all(s, &t);
  atomic_store(&failures, 0);
  assert_true(bitset_init(&good, t.m.geo.pieces));
  for (uintptr_t i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&id[i], NULL, read_all_over, (void *)i), 0);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(check_run(s, &t.m, NULL, &good, 8, &p), ERR_OK);
    assert_true(bitset_full(&good));
  }
  for (size_t i = 0; i < 4; i++) pthread_join(id[i], NULL);
  assert_int_equal(atomic_load(&failures), 0);
  assert_int_equal(atomic_load(&p.pieces_good), 5 * t.m.geo.pieces);
  bitset_free(&good);
}

#define TOGETHER(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  RUN(TOGETHER(writing_reading_syncing_and_saving_go_together),
      TOGETHER(files_deleted_under_the_writers_are_all_told_to_be_lost),
      TOGETHER(a_check_and_readers_share_the_few_descriptors));
}
