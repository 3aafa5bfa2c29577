/*
 * Two weft on one output: io/store_claim.
 */
#include "made.h"

#include <signal.h>
#include <sys/wait.h>

static enum err lock_again(const struct made *t, const char *output) {
  struct store *s = made_open(t, output);
  enum err e = store_lock(s);
  store_close(s);
  return e;
}

static void only_one(struct made *t) {
  struct store *first = made_open(t, NULL);
  assert_int_equal(store_lock(first), ERR_OK);
  assert_int_equal(store_lock(first), ERR_OK); /* twice is fine */
  made_listen();
  assert_int_equal(lock_again(t, NULL), ERR_EXISTS);
  made_told("another weft is downloading there");
  assert_int_equal(lock_again(t, "elsewhere"), ERR_OK);
  assert_int_equal(store_prepare(first, ALLOCATE_SPARSE), ERR_OK);
  made_write_all(first, t);
  made_listen();
  assert_int_equal(lock_again(t, NULL), ERR_EXISTS);
  made_told("another weft");
  store_close(first);
  assert_int_equal(lock_again(t, NULL), ERR_OK);
  assert_false(made_there("elsewhere"));
  assert_int_equal(made_entries("."), 1);
}

TEST(a_second_store_on_one_file_is_refused) {
  struct made t = made_single("file", 16384, 1000);
  only_one(&t);
  assert_true(made_right(&t, 0, "file"));
  made_free(&t);
}

TEST(a_second_store_on_one_folder_is_refused) {
  struct made_file files[] = {{.path = "d/f", .length = 1000}};
  struct made t = made_torrent("top", true, 16384, files, 1);
  only_one(&t);
  assert_true(made_right(&t, 0, "top/d/f"));
  made_free(&t);
}

TEST(a_second_process_is_refused_until_the_first_is_killed) {
  struct made t = made_single("file", 16384, 1000);
  int pipes[2];
  assert_int_equal(pipe(pipes), 0);
  pid_t child = fork();
  if (child == 0) {
    struct store *s;
    struct store_options o = {0};
    bool ok = store_open(&s, &t.m, &o) == ERR_OK && store_lock(s) == ERR_OK;
    if (write(pipes[1], ok ? "y" : "n", 1) == 1) pause();
    _exit(0);
  }
  char c;
  assert_int_equal(read(pipes[0], &c, 1), 1);
  assert_int_equal(c, 'y');
  made_listen();
  assert_int_equal(lock_again(&t, NULL), ERR_EXISTS);
  made_told("another weft");
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, NULL, 0), child);
  assert_int_equal(lock_again(&t, NULL), ERR_OK);
  close(pipes[0]);
  close(pipes[1]);
  made_free(&t);
}

TEST(what_the_lock_made_goes_if_nothing_comes_of_it) {
  struct made t = made_single("file", 16384, 1000);
  assert_int_equal(lock_again(&t, NULL), ERR_OK);
  assert_false(made_there("file"));
  made_write("file", "", 0);
  assert_int_equal(lock_again(&t, NULL), ERR_OK);
  assert_true(made_there("file")); /* was there before */
  assert_int_equal(unlink("file"), 0);
  struct store *s = made_open(&t, NULL);
  assert_int_equal(store_lock(s), ERR_OK);
  made_write("file", "now somebody's", 14);
  store_close(s);
  assert_true(made_holds("file", "now somebody's", 14));
  made_free(&t);
}

TEST(a_file_that_is_there_is_locked_and_not_touched) {
  struct made t = made_single("file", 16384, 1000);
  made_write("file", "precious", 8);
  struct store *s = made_open(&t, NULL);
  assert_int_equal(store_lock(s), ERR_OK);
  store_close(s);
  assert_true(made_holds("file", "precious", 8));
  made_free(&t);
}

TEST(a_reader_takes_no_lock_and_makes_nothing) {
  struct made t = made_single("file", 16384, 1000);
  struct store *s = made_open_read(&t, NULL);
  assert_int_equal(store_lock(s), ERR_OK);
  assert_false(made_there("file"));
  assert_int_equal(lock_again(&t, NULL), ERR_OK);
  store_close(s);
  made_free(&t);
}

/* Between open and lock the place may change. */
TEST(something_of_the_wrong_kind_cannot_be_locked) {
  struct made t = made_single("file", 16384, 1000);
  struct store *s = made_open(&t, NULL);
  assert_int_equal(symlink("victim", "file"), 0);
  made_listen();
  assert_int_equal(store_lock(s), ERR_EXISTS);
  made_told("file: a symbolic link");
  assert_int_equal(unlink("file") | mkfifo("file", 0644), 0);
  made_listen();
  assert_int_equal(store_lock(s), ERR_EXISTS);
  made_told("file: something is in the way");
  store_close(s);
  assert_false(made_there("victim"));
  assert_true(made_there("file"));
  made_free(&t);
}

int main(void) {
  RUN(MADE(a_second_store_on_one_file_is_refused), MADE(a_second_store_on_one_folder_is_refused),
      MADE(a_second_process_is_refused_until_the_first_is_killed),
      MADE(what_the_lock_made_goes_if_nothing_comes_of_it),
      MADE(a_file_that_is_there_is_locked_and_not_touched),
      MADE(a_reader_takes_no_lock_and_makes_nothing),
      MADE(something_of_the_wrong_kind_cannot_be_locked));
}
