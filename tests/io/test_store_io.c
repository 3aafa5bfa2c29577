/*
 * A disk that fails, fills up, moves only a part, or is interrupted: io/store_io, the syncing of
 * io/store_files, FAULTS D1 to D6.
 *
 * pwrite, pread and fdatasync are replaced here by ones that do what the test plans, call by call,
 * and then what the system does.
 */
#include "made.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "io/resume.h"

/* ---- calls that go wrong as planned ---- */

enum { GO_ON = 0, SHORT = -1 }; /* or an errno value */

static int plan[128]; /* what the next calls do; zeros: go on */
static size_t planned, called;
static int synced;                  /* calls of fdatasync */
static void (*while_syncing)(void); /* called in the middle of one */

ssize_t faulty_pwrite(int fd, const void *data, size_t len, off_t at) __asm__("pwrite64");
ssize_t faulty_pread(int fd, void *data, size_t len, off_t at) __asm__("pread64");
int faulty_fdatasync(int fd) __asm__("fdatasync");

static int next_step(void) {
  return called < planned ? plan[called++] : (called++, GO_ON);
}

ssize_t faulty_pwrite(int fd, const void *data, size_t len, off_t at) {
  int step = next_step();
  if (step > 0) return errno = step, -1;
  return syscall(SYS_pwrite64, fd, data, step == SHORT ? 1 : len, at);
}

ssize_t faulty_pread(int fd, void *data, size_t len, off_t at) {
  int step = next_step();
  if (step > 0) return errno = step, -1;
  return syscall(SYS_pread64, fd, data, step == SHORT ? 1 : len, at);
}

int faulty_fdatasync(int fd) {
  synced++;
  if (while_syncing) while_syncing();
  int step = next_step();
  if (step > 0) return errno = step, -1;
  return (int)syscall(SYS_fdatasync, fd);
}

#define PLAN(...) \
  do { \
    const int steps_[] = {__VA_ARGS__}; \
    memcpy(plan, steps_, sizeof steps_); \
    planned = sizeof steps_ / sizeof *steps_; \
    called = 0; \
  } while (0)

/* ---- the torrent ---- */

static struct made t;
static struct store *s;

static int setup(void **state) {
  planned = called = 0;
  synced = 0;
  while_syncing = NULL;
  if (made_setup(state) != 0) return -1;
  struct made_file files[] = {{.path = "a", .length = 1000},
                              {.path = "b", .length = 2000},
                              {.path = "c", .length = 3000}};
  t = made_torrent("t", true, 512, files, 3);
  s = made_open(&t, NULL);
  return 0;
}

static int teardown(void **state) {
  store_close(s);
  made_free(&t);
  return made_teardown(state);
}

static void prepare(void) {
  assert_int_equal(store_lock(s), ERR_OK);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
}

TEST(a_range_in_one_file_is_one_call) {
  prepare();
  PLAN(GO_ON);
  assert_int_equal(store_write(s, 1000, t.data + 1000, 2000), ERR_OK);
  assert_int_equal(called, 1);
  PLAN(GO_ON);
  made_write_all(s, &t);
  assert_int_equal(called, 3);
  uint8_t b[2000];
  PLAN(GO_ON);
  assert_int_equal(store_read(s, 1000, b, 2000), ERR_OK);
  assert_int_equal(called, 1);
}

TEST(short_and_interrupted_calls_are_continued) {
  uint8_t b[6000];
  prepare();
  PLAN(SHORT, EINTR, SHORT, SHORT, EAGAIN, EINTR, SHORT);
  made_write_all(s, &t);
  assert_true(called > 7);
  PLAN(EINTR, SHORT, EAGAIN, SHORT, EINTR);
  assert_int_equal(store_read(s, 0, b, 6000), ERR_OK);
  assert_memory_equal(b, t.data, 6000);
}

/* A failed write is told with the file's name and what to do, and the next one may succeed. */
static void fails_as(int errnum, enum err want, const char *told) {
  PLAN(GO_ON, SHORT, errnum);
  made_listen();
  assert_int_equal(store_write(s, 0, t.data, 6000), want);
  made_told(told);
  planned = 0;
}

TEST(a_write_that_fails_is_told_once_with_what_to_do) {
  prepare();
  fails_as(ENOSPC, ERR_SPACE, "t/b: no space left on the disk; make room");
  fails_as(ENOSPC, ERR_SPACE, ""); /* told already */
  assert_int_equal(strlen(made_heard), 0);
  made_write_all(s, &t);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
}

TEST(quota_and_file_size_are_matters_of_space_too) {
  prepare();
  fails_as(EDQUOT, ERR_SPACE, "t/b: your disk quota");
  PLAN(EFBIG);
  made_listen();
  assert_int_equal(store_write(s, 3000, t.data + 3000, 10), ERR_SPACE);
  made_told("t/c: larger than this file system");
}

TEST(a_failing_disk_is_an_io_error_for_both_ways) {
  uint8_t b[10];
  prepare();
  fails_as(EIO, ERR_IO, "t/b: input/output error");
  PLAN(EIO);
  made_listen();
  assert_int_equal(store_read(s, 0, b, 10), ERR_IO);
  made_told("t/a: input/output error");
}

TEST(a_disk_that_says_nothing_but_try_again_is_given_up) {
  prepare();
  for (size_t i = 0; i < 128; i++) plan[i] = EAGAIN;
  planned = 5;
  called = 0;
  assert_int_equal(store_write(s, 0, t.data, 10), ERR_OK);
  assert_int_equal(called, 6);
  planned = 128;
  called = 0;
  made_listen();
  assert_int_equal(store_write(s, 0, t.data, 10), ERR_IO);
  assert_true(called < 128);
  planned = 0;
  made_told("t/a: input/output error");
}

/* ---- syncing ---- */

TEST(only_files_that_were_written_are_synced) {
  prepare();
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(synced, 0); /* all of them new and empty */
  assert_int_equal(store_write(s, 1500, t.data + 1500, 10), ERR_OK);
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(synced, 1);
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(synced, 1);
  made_write_all(s, &t);
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(synced, 4);
}

TEST(files_of_an_earlier_run_are_synced_once) {
  assert_int_equal(mkdir("t", 0755), 0);
  made_put(&t, 0, "t/a");
  made_put(&t, 2, "t/c");
  prepare();
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(synced, 2);
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(synced, 2);
}

/* A check may find pieces that a killed run wrote and never synced. */
TEST(a_record_claims_nothing_of_an_earlier_run_that_is_not_synced) {
  struct bitset done;
  struct resume_state st;
  assert_true(bitset_init(&done, t.m.geo.pieces));
  assert_int_equal(mkdir("t", 0755), 0);
  for (size_t i = 0; i < 3; i++) made_put(&t, i, (const char *[]){"t/a", "t/b", "t/c"}[i]);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  assert_int_equal(synced, 0); /* it claims nothing */
  bitset_fill(&done);
  PLAN(EIO);
  made_listen();
  assert_int_equal(resume_save(s, &t.m, &done), ERR_IO);
  made_told("input/output error");
  assert_int_equal(synced, 3);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  assert_int_equal(synced, 6);
  store_close(s);
  s = made_open(&t, NULL);
  assert_int_equal(resume_load(s, &t.m, &done, &st), ERR_OK);
  assert_true(st.exact);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  assert_int_equal(synced, 6); /* the record said so */
  bitset_free(&done);
}

TEST(after_a_failed_sync_the_files_count_as_unsynced) {
  prepare();
  made_write_all(s, &t);
  PLAN(GO_ON, EIO);
  made_listen();
  assert_int_equal(store_sync(s), ERR_IO);
  made_told("t/b: input/output error");
  assert_int_equal(synced, 3);
  planned = 0;
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(synced, 6);
}

TEST(an_interrupted_sync_is_continued) {
  prepare();
  assert_int_equal(store_write(s, 0, t.data, 10), ERR_OK);
  PLAN(EINTR, EINTR);
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(synced, 3);
}

static void write_meanwhile(void) {
  while_syncing = NULL;
  assert_int_equal(store_write(s, 0, t.data, 10), ERR_OK);
}

TEST(what_is_written_while_a_sync_runs_is_left_for_the_next) {
  prepare();
  assert_int_equal(store_write(s, 0, t.data, 10), ERR_OK);
  while_syncing = write_meanwhile;
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(synced, 1);
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(synced, 2);
}

TEST(finishing_fails_when_its_sync_does) {
  prepare();
  made_write_all(s, &t);
  PLAN(EIO);
  made_listen();
  assert_int_equal(store_finish(s, NULL), ERR_IO);
  made_told("input/output error");
}

/* ---- limits of the system ---- */

TEST(a_file_size_limit_stops_a_write_and_nothing_else) {
  struct rlimit was, small;
  assert_int_equal(store_prepare(s, ALLOCATE_NONE), ERR_OK);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
  signal(SIGXFSZ, SIG_IGN);
  small = was;
  small.rlim_cur = 2500;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  made_listen();
  enum err e = store_write(s, 0, t.data, 6000); /* a and b fit, of c 2,500 bytes */
  made_restore();
  enum err read_error = store_read(s, 3000, t.data + 3000, 2500);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
  assert_int_equal(e, ERR_SPACE);
  assert_int_equal(read_error, ERR_OK);
  assert_int_equal(made_size("t/c"), 2500);
  made_write_all(s, &t);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
}

/* A mount namespace of our own, from which no mount below the current folder reaches another one;
 * false where that is not allowed. The root of a chroot need not be a mount point, so it is the
 * mount that holds the folder which becomes private. */
static bool own_mounts(void) {
  char at[PATH_MAX];
  if (unshare(CLONE_NEWNS) != 0 || getcwd(at, sizeof at) == NULL) return false;
  while (mount("none", at, NULL, MS_PRIVATE, NULL) != 0) {
    if (errno != EINVAL || at[1] == '\0') return false;
    char *slash = strrchr(at, '/');
    slash[slash == at] = '\0';
  }
  return true;
}

/* Runs `body` in a child with a file system of 256 KiB at "small". */
static void on_a_small_disk(int (*body)(void)) {
  if (geteuid() != 0) skip();
  assert_int_equal(mkdir("small", 0755), 0);
  pid_t child = fork();
  if (child == 0) {
    if (!own_mounts() || mount("tmpfs", "small", "tmpfs", 0, "size=256k") != 0) _exit(77);
    _exit(body());
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) skip();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail_msg("step %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

#define STEP(number, condition) \
  if (!(condition)) return number

static int fill_sparse(void) {
  struct made big = made_single("big", 16384, 1 << 20);
  struct store *d = made_open(&big, "small/");
  made_listen();
  STEP(1, store_prepare(d, ALLOCATE_SPARSE) == ERR_OK);
  STEP(2, strstr(made_listened(), "1.0 MiB are to be written, but the disk has only 0.") != NULL);
  made_listen();
  STEP(3, store_write(d, 0, big.data, 1 << 20) == ERR_SPACE);
  STEP(4, strstr(made_listened(), "small/big: no space left on the disk; make room") != NULL);
  uint8_t *b = malloc(64 << 10);
  STEP(5, store_read(d, 0, b, 64 << 10) == ERR_OK && memcmp(b, big.data, 64 << 10) == 0);
  STEP(6, mount("tmpfs", "small", "tmpfs", MS_REMOUNT, "size=4m") == 0);
  STEP(7, store_write(d, 0, big.data, 1 << 20) == ERR_OK);
  STEP(8, store_finish(d, NULL) == ERR_OK);
  STEP(9, made_right(&big, 0, "small/big"));
  return 0;
}

TEST(a_full_disk_is_told_and_after_making_room_it_goes_on) {
  on_a_small_disk(fill_sparse);
}

static int fill_full(void) {
  struct made_file files[] = {{.path = "a", .length = 1000}, {.path = "b", .length = 1 << 20}};
  struct made big = made_torrent("big", true, 16384, files, 2);
  struct store *d = made_open(&big, "small");
  STEP(1, store_lock(d) == ERR_OK);
  made_listen();
  STEP(2, store_prepare(d, ALLOCATE_FULL) == ERR_SPACE);
  STEP(3, strstr(made_listened(), "small/big/b: no space left") != NULL);
  store_close(d);
  STEP(4, made_entries("small") == 0);
  STEP(5, mkdir("small/big", 0755) == 0);
  made_write("small/big/b", "mine", 4);
  d = made_open(&big, "small");
  made_listen();
  STEP(6, store_prepare(d, ALLOCATE_FULL) == ERR_SPACE);
  made_restore();
  STEP(7, made_holds("small/big/b", "mine", 4)); /* as long as before */
  return 0;
}

TEST(space_that_cannot_be_reserved_fails_at_once_and_leaves_nothing) {
  on_a_small_disk(fill_full);
}

static int read_only(void) {
  STEP(1, mount("tmpfs", "small", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
  struct store *d = made_open(&t, "small");
  made_listen();
  STEP(2, store_lock(d) == ERR_ACCESS);
  STEP(3, strstr(made_listened(), "small/t: the file system is read-only") != NULL);
  return 0;
}

TEST(a_read_only_disk_is_told_before_anything_else) {
  on_a_small_disk(read_only);
}

#define DISK(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  RUN(DISK(a_range_in_one_file_is_one_call), DISK(short_and_interrupted_calls_are_continued),
      DISK(a_write_that_fails_is_told_once_with_what_to_do),
      DISK(quota_and_file_size_are_matters_of_space_too),
      DISK(a_failing_disk_is_an_io_error_for_both_ways),
      DISK(a_disk_that_says_nothing_but_try_again_is_given_up),
      DISK(only_files_that_were_written_are_synced), DISK(files_of_an_earlier_run_are_synced_once),
      DISK(a_record_claims_nothing_of_an_earlier_run_that_is_not_synced),
      DISK(after_a_failed_sync_the_files_count_as_unsynced),
      DISK(an_interrupted_sync_is_continued),
      DISK(what_is_written_while_a_sync_runs_is_left_for_the_next),
      DISK(finishing_fails_when_its_sync_does),
      DISK(a_file_size_limit_stops_a_write_and_nothing_else),
      DISK(a_full_disk_is_told_and_after_making_room_it_goes_on),
      DISK(space_that_cannot_be_reserved_fails_at_once_and_leaves_nothing),
      DISK(a_read_only_disk_is_told_before_anything_else));
}
