/*
 * Nothing leads out of the output folder: io/store_beneath, with openat2() and without it.
 */
#include "made.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "io/store_beneath.h"

static int base = -1;

/* out/ is the folder that must not be left; secret/ lies beside it. */
static int setup(void **state) {
  if (made_setup(state) != 0) return -1;
  if (mkdir("out", 0755) != 0 || mkdir("out/d", 0755) != 0 || mkdir("secret", 0755) != 0) return -1;
  made_write("secret/f", "secret", 6);
  made_write("out/f", "plain", 5);
  made_write("out/d/f", "plain", 5);
  base = open("out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return base >= 0 ? 0 : -1;
}

static int setup_walking(void **state) {
  store_beneath_force_walk(true);
  return setup(state);
}

static int teardown(void **state) {
  store_beneath_force_walk(false);
  close(base);
  return made_teardown(state);
}

static void opens(const char *path) {
  int fd = store_beneath_open(base, path, O_RDWR, 0);
  if (fd < 0) fail_msg("%s: %s", path, strerror(errno));
  char text[8];
  assert_int_equal(read(fd, text, sizeof text), 5);
  assert_memory_equal(text, "plain", 5);
  close(fd);
}

static void refuses(const char *path, int flags) {
  int fd = store_beneath_open(base, path, flags, 0666);
  if (fd >= 0) fail_msg("%s was opened", path);
  if (!store_beneath_in_the_way(errno) && errno != ENOENT)
    fail_msg("%s: %s", path, strerror(errno));
}

TEST(what_lies_beneath_is_opened) {
  opens("f");
  opens("d/f");
  struct stat st;
  assert_int_equal(store_beneath_stat(base, "d/f", &st), 0);
  assert_int_equal(st.st_size, 5);
  assert_int_equal(store_beneath_stat(base, "d/none", &st), -1);
  assert_int_equal(errno, ENOENT);
  int fd = store_beneath_open(base, "d/new", O_RDWR | O_CREAT | O_EXCL, 0666);
  assert_true(fd >= 0);
  assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  close(fd);
  assert_int_equal(store_beneath_open(base, "d/new", O_RDWR | O_CREAT | O_EXCL, 0666), -1);
  assert_int_equal(errno, EEXIST);
}

TEST(paths_that_are_not_plain_are_refused) {
  size_t there;
  static const char *const bad[] = {"",     "/",   "..",     ".",     "../secret/f", "/etc/passwd",
                                    "d//f", "d/",  "d/../f", "./f",   "d/.",         "d/..",
                                    "/f",   "f/.", "//",     "d/./f", "../out/f"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct stat st;
    refuses(bad[i], O_RDONLY);
    refuses(bad[i], O_RDWR | O_CREAT);
    assert_int_equal(store_beneath_stat(base, bad[i], &st), -1);
    assert_int_equal(store_beneath_parents(base, bad[i], &there), -1);
    assert_int_equal(store_beneath_mkdir(base, bad[i]), -1);
    assert_int_equal(store_beneath_unlink(base, bad[i], 0), -1);
    assert_int_equal(store_beneath_sync_parent(base, bad[i]), -1);
    assert_int_equal(errno, EXDEV);
  }
}

TEST(a_link_is_never_followed_wherever_it_stands) {
  assert_int_equal(symlink("../secret/f", "out/last"), 0);
  assert_int_equal(symlink("../secret", "out/folder"), 0);
  assert_int_equal(symlink("f", "out/inside"), 0);
  assert_int_equal(symlink("/proc/self/root", "out/magic"), 0);
  assert_int_equal(symlink("nowhere", "out/dangling"), 0);
  static const char *const bad[] = {"last", "folder/f", "inside", "magic/etc/passwd", "dangling"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    refuses(bad[i], O_RDONLY);
    refuses(bad[i], O_RDWR);
    refuses(bad[i], O_RDWR | O_CREAT);
    refuses(bad[i], O_RDWR | O_CREAT | O_EXCL);
  }
  assert_false(made_there("out/nowhere"));
  struct stat st;
  assert_int_equal(store_beneath_stat(base, "last", &st), 0);
  assert_true(S_ISLNK(st.st_mode));
  assert_true(made_holds("secret/f", "secret", 6));
}

TEST(folders_are_made_beneath_only) {
  size_t there;
  assert_int_equal(symlink("../secret", "out/folder"), 0);
  assert_int_equal(store_beneath_parents(base, "a/b/c/file", &there), 0);
  assert_int_equal(there, 0);
  assert_int_equal(store_beneath_parents(base, "a/b/c/file", &there), 0);
  assert_int_equal(there, strlen("a/b/c/file"));
  assert_int_equal(store_beneath_parents(base, "a/b/d/e/file", &there), 0);
  assert_int_equal(there, strlen("a/b"));
  assert_int_equal(store_beneath_parents(base, "file", &there), 0);
  assert_int_equal(there, strlen("file"));
  assert_true(made_there("out/a/b/c"));
  assert_false(made_there("out/a/b/c/file"));
  assert_int_equal(store_beneath_parents(base, "folder/x/file", &there), -1);
  assert_true(store_beneath_in_the_way(errno));
  assert_int_equal(store_beneath_parents(base, "f/x/file", &there), -1);
  assert_true(store_beneath_in_the_way(errno));
  assert_int_equal(store_beneath_mkdir(base, "folder/x"), -1);
  assert_int_equal(store_beneath_mkdir(base, "a/x"), 0);
  assert_int_equal(made_entries("secret"), 1);
}

TEST(removing_takes_the_link_and_not_what_it_names) {
  assert_int_equal(symlink("../secret", "out/folder"), 0);
  assert_int_equal(symlink("../secret/f", "out/last"), 0);
  assert_int_equal(store_beneath_unlink(base, "folder/f", 0), -1);
  assert_int_equal(store_beneath_unlink(base, "last", 0), 0);
  assert_false(made_there("out/last"));
  assert_true(made_there("secret/f"));
  assert_int_equal(store_beneath_unlink(base, "d", AT_REMOVEDIR), -1);
  assert_int_equal(store_beneath_unlink(base, "d/f", 0), 0);
  assert_int_equal(store_beneath_unlink(base, "d", AT_REMOVEDIR), 0);
  assert_int_equal(store_beneath_sync_parent(base, "f"), 0);
  assert_int_equal(store_beneath_sync_parent(base, "none/f"), -1);
}

TEST(a_fifo_does_not_make_anybody_wait) {
  assert_int_equal(mkfifo("out/pipe", 0644), 0);
  int fd = store_beneath_open(base, "pipe", O_RDONLY, 0); /* would wait for a writer */
  assert_true(fd >= 0);
  close(fd);
  refuses("pipe", O_WRONLY);
}

TEST(a_path_longer_than_one_call_takes_works) {
  size_t there;
  char path[64 * 200];
  size_t n = 0;
  for (int i = 0; i < 40; i++) {
    memset(path + n, 'a' + i % 26, 199);
    n += 199;
    path[n++] = '/';
  }
  memcpy(path + n, "file", 5);
  assert_int_equal(store_beneath_parents(base, path, &there), 0);
  int fd = store_beneath_open(base, path, O_RDWR | O_CREAT | O_EXCL, 0666);
  assert_true(fd >= 0);
  close(fd);
  struct stat st;
  assert_int_equal(store_beneath_stat(base, path, &st), 0);
  assert_int_equal(store_beneath_unlink(base, path, 0), 0);
  for (; n > 0; n -= 200) { /* the way back, which no single call could go */
    path[n - 1] = '\0';
    assert_int_equal(store_beneath_unlink(base, path, AT_REMOVEDIR), 0);
  }
}

static atomic_bool stop;

/* Swaps out/d with a link to secret/, to and fro. */
static void *swap(void *arg) {
  (void)arg;
  while (!atomic_load(&stop))
    renameat2(AT_FDCWD, "out/d", AT_FDCWD, "out/link", RENAME_EXCHANGE);
  return NULL;
}

TEST(a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere_else) {
  size_t there;
  pthread_t id;
  int opened = 0, refused = 0;
  assert_int_equal(symlink("../secret", "out/link"), 0);
  if (renameat2(AT_FDCWD, "out/d", AT_FDCWD, "out/link", RENAME_EXCHANGE) != 0) skip();
  atomic_store(&stop, false);
  assert_int_equal(pthread_create(&id, NULL, swap, NULL), 0);
  for (int i = 0; i < 200000 && (opened < 300 || refused < 300); i++) {
    int fd = store_beneath_open(base, "d/f", O_RDONLY, 0);
    char text[8];
    if (fd < 0) {
      refused++;
      continue;
    }
    opened++;
    assert_int_equal(read(fd, text, sizeof text), 5);
    assert_memory_equal(text, "plain", 5);
    close(fd);
    store_beneath_parents(base, "d/e/f", &there);
    store_beneath_unlink(base, "d/f2", 0);
    int made = store_beneath_open(base, "d/f2", O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (made >= 0) close(made);
  }
  atomic_store(&stop, true);
  pthread_join(id, NULL);
  assert_true(opened > 0);
  assert_int_equal(made_entries("secret"), 1);
  assert_true(made_holds("secret/f", "secret", 6));
}

TEST(every_reason_is_told_in_words) {
  for (int e = 0; e < 140; e++) assert_true(strlen(store_beneath_why(e)) > 4);
  assert_non_null(strstr(store_beneath_why(ENOSPC), "make room"));
}

#define BOTH(name) \
  cmocka_unit_test_setup_teardown(name, setup, teardown), \
    { #name " (walking)", name, setup_walking, teardown, NULL }

int main(void) {
  RUN(BOTH(what_lies_beneath_is_opened), BOTH(paths_that_are_not_plain_are_refused),
      BOTH(a_link_is_never_followed_wherever_it_stands), BOTH(folders_are_made_beneath_only),
      BOTH(removing_takes_the_link_and_not_what_it_names), BOTH(a_fifo_does_not_make_anybody_wait),
      BOTH(a_path_longer_than_one_call_takes_works),
      BOTH(a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere_else),
      T(every_reason_is_told_in_words));
}
