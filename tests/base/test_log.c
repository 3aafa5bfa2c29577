/*
 * Sentences for the user, on stderr and in a file: base/log.
 *
 * Each test turns stderr into a file for as long as it logs, and reads that afterwards.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static char folder[] = "/tmp/weft-test-log-XXXXXX";
static char path[64];
static char text[8192];
static int real_stderr = -1;

/* The content of a file, in `text`. */
static const char *content(const char *name) {
  FILE *f = fopen(name, "rb");
  assert_non_null(f);
  text[fread(text, 1, sizeof text - 1, f)] = '\0';
  fclose(f);
  return text;
}

static void in_folder(const char *name) {
  snprintf(path, sizeof path, "%s/%s", folder, name);
}

static void catch_stderr(void) {
  in_folder("stderr");
  real_stderr = dup(STDERR_FILENO);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  assert_true(real_stderr >= 0 && fd >= 0);
  dup2(fd, STDERR_FILENO);
  close(fd);
}

/* What was written to stderr since catch_stderr(). */
static const char *caught(void) {
  fflush(stderr);
  dup2(real_stderr, STDERR_FILENO);
  close(real_stderr);
  in_folder("stderr");
  return content(path);
}

TEST(errors_and_warnings_are_shown_by_default) {
  catch_stderr();
  log_error("no %s", "space");
  log_warn("odd");
  log_info("fine");
  log_debug("detail");
  assert_string_equal(caught(), "weft: no space\nweft: warning: odd\n");
}

TEST(the_level_decides_what_is_shown) {
  log_set_level(LOG_ERROR);
  assert_false(log_enabled(LOG_WARN));
  catch_stderr();
  log_warn("odd");
  log_error("bad");
  assert_string_equal(caught(), "weft: bad\n");
  log_set_level(LOG_DEBUG);
  assert_true(log_enabled(LOG_DEBUG));
  catch_stderr();
  log_info("fine");
  log_debug("detail");
  assert_string_equal(caught(), "weft: fine\nweft: detail\n");
  log_set_level(LOG_WARN);
}

TEST(a_stranger_cannot_write_a_line_of_ours) {
  catch_stderr();
  log_warn("tracker says: %s", "x\nweft: done\x1b[2J");
  assert_string_equal(caught(), "weft: warning: tracker says: x\\x0aweft: done\\x1b[2J\n");
}

TEST(a_long_line_is_cut_and_ends) {
  char line[5000];
  memset(line, 'a', sizeof line - 1);
  line[sizeof line - 1] = '\0';
  catch_stderr();
  log_error("%s", line);
  size_t n = strlen(caught());
  assert_in_range(n, 1000, 2100);
  assert_int_equal(text[n - 1], '\n');
}

TEST(errno_is_kept) {
  catch_stderr();
  errno = 77;
  log_error("%d", 1);
  int kept = errno;
  caught();
  assert_int_equal(kept, 77);
}

static int order[4];
static int calls;

static void before(void *arg) {
  order[calls++ % 4] = 1;
  fputs(arg, stderr);
}

static void after(void *arg) {
  order[calls++ % 4] = 2;
  fputs(arg, stderr);
}

TEST(hooks_stand_around_each_line) {
  static char mark[] = "|";
  log_set_hooks(before, after, mark);
  catch_stderr();
  log_error("one");
  log_info("not shown");
  const char *shown = caught();
  log_set_hooks(NULL, NULL, NULL);
  assert_string_equal(shown, "|weft: one\n|");
  assert_int_equal(calls, 2);
  assert_true(order[0] == 1 && order[1] == 2);
}

TEST(a_log_file_gets_every_level_with_its_mark) {
  char file[64];
  struct stat st;
  in_folder("log");
  strncpy(file, path, sizeof file - 1);
  file[sizeof file - 1] = '\0';
  assert_int_equal(log_open_file(file), ERR_OK);
  assert_true(log_enabled(LOG_DEBUG));
  log_debug("detail %d", 5);
  log_info("fi\tne");
  log_close();
  assert_false(log_enabled(LOG_DEBUG));
  assert_int_equal(stat(file, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  content(file);
  assert_non_null(strstr(text, " D detail 5\n"));
  assert_non_null(strstr(text, " I fi\\x09ne\n"));
}

TEST(a_log_file_is_appended_to) {
  in_folder("log");
  assert_int_equal(log_open_file(path), ERR_OK);
  log_info("second");
  log_close();
  content(path);
  assert_non_null(strstr(text, "detail 5"));
  assert_non_null(strstr(text, "second"));
}

TEST(a_symbolic_link_is_not_followed) {
  char target[64];
  in_folder("target");
  strncpy(target, path, sizeof target - 1);
  target[sizeof target - 1] = '\0';
  in_folder("link");
  assert_int_equal(symlink(target, path), 0);
  assert_int_not_equal(log_open_file(path), ERR_OK);
  assert_int_not_equal(access(target, F_OK), 0);
  assert_false(log_enabled(LOG_DEBUG));
}

TEST(a_missing_folder_is_said) {
  in_folder("none/log");
  assert_int_equal(log_open_file(path), ERR_NOT_FOUND);
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  static const char *const names[] = {"stderr", "log", "link"};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    in_folder(names[i]);
    unlink(path);
  }
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    T(errors_and_warnings_are_shown_by_default),
    T(the_level_decides_what_is_shown),
    T(a_stranger_cannot_write_a_line_of_ours),
    T(a_long_line_is_cut_and_ends),
    T(errno_is_kept),
    T(hooks_stand_around_each_line),
    T(a_log_file_gets_every_level_with_its_mark),
    T(a_log_file_is_appended_to),
    T(a_symbolic_link_is_not_followed),
    T(a_missing_folder_is_said),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
