/*
 * How the disk is asked to keep what was written: each folder once, in whatever order the files
 * come, and thousands of files without thousands of syncs. The calls are counted on their way to
 * the kernel. That nothing uncertain is recorded: tests/e2e/28_power_cut.py.
 */
#include "made.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "io/store_bulk.h"

enum { FILES = 3 * STORE_BULK_LEAST, LEN = 700 };

static atomic_int folder_syncs, file_syncs;
static int range_error; /* of every sync_file_range() that waits */

int fsync(int fd) {
  struct stat st;
  if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) atomic_fetch_add(&folder_syncs, 1);
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  atomic_fetch_add(&file_syncs, 1);
  return (int)syscall(SYS_fdatasync, fd);
}

int sync_file_range(int fd, off64_t from, off64_t len, unsigned flags) {
  (void)fd, (void)from, (void)len;
  if (!(flags & SYNC_FILE_RANGE_WAIT_AFTER) || range_error == 0) return 0;
  errno = range_error;
  return -1;
}

static struct made t;
static struct store *s;

/* A torrent of `count` files in `folders` folders by turns, whose paths begin with `above`. */
static void many(int count, int folders, const char *above, uint64_t len) {
  struct made_file *f = calloc((size_t)count, sizeof *f);
  assert_non_null(f);
  for (int i = 0; i < count; i++) {
    char path[64];
    snprintf(path, sizeof path, "%s%d/f%d", above, i % folders, i);
    f[i] = (struct made_file){.path = strdup(path), .length = len};
  }
  t = made_torrent("t", true, 16384, f, (size_t)count);
  for (int i = 0; i < count; i++) free((char *)(uintptr_t)f[i].path);
  free(f);
  s = made_prepared(&t, NULL);
  folder_syncs = file_syncs = 0;
}

static void done(void) {
  store_close(s);
  made_free(&t);
  store_bulk_force(false);
  range_error = 0;
  errno = 0;
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
  assert_int_equal(errno, ECHILD);
}

TEST(each_folder_is_synced_once_however_the_files_come) {
  many(40, 5, "d", 0);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  assert_int_equal(folder_syncs, 5 + 2); /* "t" and the output folder, too */
  done();
  many(40, 5, "a/b", 0);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  assert_int_equal(folder_syncs, 5 + 3);
  done();
}

TEST(a_folder_is_not_taken_for_one_whose_name_begins_alike) {
  struct made_file f[] = {{.path = "a/x"},   {.path = "ab/x"}, {.path = "a-/x"}, {.path = "a/b/x"},
                          {.path = "a.b/x"}, {.path = "a/y"},  {.path = "x"},    {.path = "a/bc"}};
  t = made_torrent("t", true, 16384, f, sizeof f / sizeof f[0]);
  s = made_prepared(&t, NULL);
  folder_syncs = 0;
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  assert_int_equal(folder_syncs, 2 + 5); /* a, ab, a-, a/b, a.b */
  done();
}

TEST(many_folders_are_synced_at_once) {
  store_bulk_force(true);
  unsigned before = store_bulk_count();
  many(FILES, STORE_BULK_LEAST, "d", 0);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  assert_int_equal(store_bulk_count(), before + 1);
  assert_int_equal(folder_syncs, 0);
  done();
}

TEST(many_files_are_synced_at_once_and_few_one_by_one) {
  store_bulk_force(true);
  unsigned before = store_bulk_count();
  many(FILES, 3, "d", LEN);
  made_write_all(s, &t);
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(store_bulk_count(), before + 1);
  assert_int_equal(file_syncs, 0);
  assert_int_equal(store_write(s, 0, t.data, 3 * LEN), ERR_OK);
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(store_bulk_count(), before + 1);
  assert_int_equal(file_syncs, 3);
  done();
}

TEST(where_it_promises_nothing_each_file_is_synced) {
  many(FILES, 3, "d", LEN);
  made_write_all(s, &t);
  unsigned before = store_bulk_count();
  bool knows = store_bulk_knows(store_dirfd(s)); /* it depends on where the tests run */
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(store_bulk_count() - before, knows);
  assert_int_equal(file_syncs, knows ? 0 : FILES);
  done();
}

TEST(data_that_could_not_be_written_are_no_success) {
  store_bulk_force(true);
  many(FILES, 3, "d", LEN);
  made_write_all(s, &t);
  range_error = EIO;
  made_listen();
  assert_int_equal(store_sync(s), ERR_IO);
  made_told("input/output error");
  range_error = 0;
  file_syncs = 0;
  unsigned before = store_bulk_count();
  assert_int_equal(store_sync(s), ERR_OK); /* they count as dirty still */
  assert_int_equal(store_bulk_count(), before + 1);
  done();
}

TEST(a_child_that_can_be_told_nothing_of_proves_nothing) {
  store_bulk_force(true);
  many(FILES, 3, "d", LEN);
  made_write_all(s, &t);
  signal(SIGCHLD, SIG_IGN); /* as whoever started us may have it: children vanish unseen */
  unsigned before = store_bulk_count();
  assert_int_equal(store_sync(s), ERR_OK);
  signal(SIGCHLD, SIG_DFL);
  assert_int_equal(store_bulk_count(), before);
  assert_int_equal(file_syncs, FILES);
  done();
}

int main(void) {
  RUN(MADE(each_folder_is_synced_once_however_the_files_come),
      MADE(a_folder_is_not_taken_for_one_whose_name_begins_alike),
      MADE(many_folders_are_synced_at_once),
      MADE(many_files_are_synced_at_once_and_few_one_by_one),
      MADE(where_it_promises_nothing_each_file_is_synced),
      MADE(data_that_could_not_be_written_are_no_success),
      MADE(a_child_that_can_be_told_nothing_of_proves_nothing));
}
