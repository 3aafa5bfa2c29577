/*
 * Files that are there whole or not at all: io/whole_file.
 */
#include "made.h"

#include <signal.h>
#include <sys/resource.h>

#include "io/whole_file.h"

static mode_t mode_of(const char *path) {
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  return st.st_mode & 07777;
}

TEST(the_bytes_are_there_and_nothing_else_is) {
  mode_t before = umask(022);
  assert_int_equal(whole_file_check("f", false), ERR_OK);
  assert_int_equal(whole_file_write("f", "hello", 5, false), ERR_OK);
  assert_true(made_holds("f", "hello", 5));
  assert_int_equal(mode_of("f"), 0644);
  assert_int_equal(made_entries("."), 1);
  umask(before);
}

TEST(what_is_there_stays_unless_it_is_to_be_replaced) {
  made_write("f", "old", 3);
  made_listen();
  assert_int_equal(whole_file_check("f", false), ERR_EXISTS);
  made_told("it is there already");
  made_listen();
  assert_int_equal(whole_file_write("f", "new", 3, false), ERR_EXISTS);
  made_told("it is there already");
  assert_true(made_holds("f", "old", 3));
  assert_int_equal(whole_file_check("f", true), ERR_OK);
  assert_int_equal(whole_file_write("f", "newer", 5, true), ERR_OK);
  assert_true(made_holds("f", "newer", 5));
  assert_int_equal(made_entries("."), 1);
}

TEST(what_replaces_a_file_gets_its_permissions) {
  made_write("f", "old", 3);
  assert_int_equal(chmod("f", 0640), 0);
  assert_int_equal(whole_file_write("f", "new", 3, true), ERR_OK);
  assert_int_equal(mode_of("f"), 0640);
}

TEST(a_link_is_replaced_where_it_leads_to_and_else_is_in_the_way) {
  assert_int_equal(mkdir("d", 0777), 0);
  made_write("d/f", "old", 3);
  assert_int_equal(symlink("d/f", "l"), 0);
  made_listen();
  assert_int_equal(whole_file_write("l", "new", 3, false), ERR_EXISTS);
  made_restore();
  assert_int_equal(whole_file_write("l", "new", 3, true), ERR_OK);
  assert_true(made_holds("d/f", "new", 3));
  struct stat st;
  assert_int_equal(lstat("l", &st), 0);
  assert_true(S_ISLNK(st.st_mode));
}

TEST(a_file_in_another_folder_is_written_there) {
  char path[512];
  assert_int_equal(mkdir("d", 0777), 0);
  assert_int_equal(whole_file_write("d/f", "x", 1, false), ERR_OK);
  assert_true(made_holds("d/f", "x", 1));
  snprintf(path, sizeof path, "%s/g", made_dir);
  assert_int_equal(whole_file_write(path, "y", 1, false), ERR_OK);
  assert_true(made_holds("g", "y", 1));
}

static void refused(const char *path, bool replace, enum err want, const char *told) {
  made_listen();
  assert_int_equal(whole_file_check(path, replace), want);
  made_told(told);
  made_listen();
  assert_int_equal(whole_file_write(path, "x", 1, replace), want);
  made_told(told);
}

TEST(a_place_that_is_none_is_refused) {
  assert_int_equal(mkdir("d", 0777), 0);
  made_write("f", "x", 1);
  refused("nowhere/f", false, ERR_NOT_FOUND, "the folder it should be in does not exist");
  refused("f/g", false, ERR_IO, "the folder it should be in is none");
  refused("d", true, ERR_IO, "a folder of that name is there");
  refused("d/", false, ERR_IO, "a folder of that name is there");
  refused("/dev/null", true, ERR_IO, "no regular file");
  refused("/dev/null", false, ERR_IO, "no regular file");
  assert_int_equal(symlink("nowhere", "l"), 0);
  refused("l", false, ERR_EXISTS, "it is there already");
  refused("l", true, ERR_IO, "no regular file");
  assert_int_equal(made_entries("d"), 0);
}

TEST(a_full_disk_leaves_nothing_behind) {
  struct rlimit before, small = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
  static uint8_t data[5000];
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  small.rlim_max = before.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  made_write("old", "old", 3);
  made_listen();
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  enum err fresh = whole_file_write("new", data, sizeof data, false);
  enum err replaced = whole_file_write("old", data, sizeof data, true);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  made_told("larger than this file system");
  assert_int_equal(fresh, ERR_SPACE);
  assert_int_equal(replaced, ERR_SPACE);
  assert_true(made_holds("old", "old", 3));
  assert_int_equal(made_entries("."), 1);
}

int main(void) {
  RUN(MADE(the_bytes_are_there_and_nothing_else_is),
      MADE(what_is_there_stays_unless_it_is_to_be_replaced),
      MADE(what_replaces_a_file_gets_its_permissions),
      MADE(a_link_is_replaced_where_it_leads_to_and_else_is_in_the_way),
      MADE(a_file_in_another_folder_is_written_there), MADE(a_place_that_is_none_is_refused),
      MADE(a_full_disk_leaves_nothing_behind));
}
