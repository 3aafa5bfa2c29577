#include "../test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../ben.h"
#include "app/session.h"
#include "app/torrent.h"
#include "capture.h"
#include "io/http.h"

static const char GOOD[] =
  "{'info': {'length': 5, 'name': 'five', 'piece length': 16384, 'pieces': #20}}";

static char folder[64];
static char said[4096];

static const char *path_of(const char *file) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  return path;
}

static const char *file_with(const void *bytes, size_t len) {
  const char *path = path_of("x.torrent");
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_int_equal(write(fd, bytes, len), len);
  close(fd);
  return path;
}

/* Loads and frees; `said` is what stderr got. */
static int load(const char *argument) {
  struct metainfo m;
  struct capture c = capture_start(STDERR_FILENO);
  int code = torrent_load(&m, argument, 2000);
  capture_end(&c, said, sizeof said);
  if (code == EXIT_OK) {
    assert_string_equal(m.name, "five");
    assert_string_equal(said, "");
  } else {
    assert_null(m.files);
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one sentence */
  }
  metainfo_free(&m);
  return code;
}

static void assert_refused(const char *argument, int code, const char *part) {
  assert_int_equal(load(argument), code);
  if (strstr(said, part) == NULL) fail_msg("'%s' is not in: %s", part, said);
}

static void assert_content(const void *bytes, size_t len, const char *part) {
  assert_refused(file_with(bytes, len), EXIT_BAD_TORRENT, part);
}

TEST(a_file_is_loaded) {
  struct buf b = ben(GOOD);
  assert_int_equal(load(file_with(b.data, b.len)), EXIT_OK);
  buf_free(&b);
}

TEST(a_pipe_that_nobody_writes_to_or_closes_is_not_waited_for_without_end) {
  char path[256];
  snprintf(path, sizeof path, "%s", path_of("fifo"));
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_refused(path, EXIT_NO_SOURCE, "--timeout");
  int writer = open(path, O_RDWR);
  assert_int_equal(write(writer, "d4:", 3), 3);
  assert_refused(path, EXIT_NO_SOURCE, "--timeout");
  close(writer);
  assert_int_equal(unlink(path), 0);
}

TEST(standard_input_is_loaded) {
  struct buf b = ben(GOOD);
  int kept = dup(STDIN_FILENO);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], b.data, b.len), b.len);
  close(ends[1]);
  dup2(ends[0], STDIN_FILENO);
  close(ends[0]);
  assert_int_equal(load("-"), EXIT_OK);
  assert_refused("-", EXIT_BAD_TORRENT, "standard input is empty");
  dup2(kept, STDIN_FILENO);
  close(kept);
  buf_free(&b);
}

TEST(a_missing_file_is_named) {
  assert_refused(path_of("nothing.torrent"), EXIT_BAD_TORRENT, "there is no file '");
  assert_non_null(strstr(said, "nothing.torrent"));
  file_with("x", 1);
  assert_refused(path_of("x.torrent/y"), EXIT_BAD_TORRENT, "there is no file '");
}

TEST(a_url_that_weft_does_not_fetch_is_told_from_a_missing_file) {
  assert_refused("ftp://x/y.torrent", EXIT_BAD_TORRENT, "only http:// and https://");
  assert_refused("SFTP://x/y.torrent", EXIT_BAD_TORRENT, "only http:// and https://");
  assert_refused("file:///tmp/x", EXIT_BAD_TORRENT, "the path of the file alone");
  assert_refused("udp://x:1", EXIT_BAD_TORRENT, "is a tracker");
  assert_refused("www.example.org/x", EXIT_BAD_TORRENT, "begins with http://");
}

TEST(a_folder_is_no_torrent) {
  assert_refused(folder, EXIT_BAD_TORRENT, "is a folder");
}

TEST(a_file_without_permission_is_a_matter_of_the_disk) {
  const char *path = file_with("x", 1);
  assert_int_equal(chmod(path, 0), 0);
  if (access(path, R_OK) == 0) return; /* the superuser may read everything */
  assert_refused(path, EXIT_DISK, "no permission");
  unlink(path);
}

TEST(a_file_that_is_too_long_is_not_read_to_its_end) {
  const char *path = file_with("d", 1);
  assert_int_equal(truncate(path, TORRENT_BYTES_MAX + 1), 0);
  assert_refused(path, EXIT_BAD_TORRENT, "longer than 64 MiB");
  assert_refused("/dev/zero", EXIT_BAD_TORRENT, "longer than 64 MiB");
  unlink(path);
}

TEST(a_name_that_is_too_long_is_no_crash) {
  char word[6000];
  memset(word, 'a', sizeof word - 1);
  word[sizeof word - 1] = '\0';
  assert_refused(word, EXIT_BAD_TORRENT, "can't be the name of a file");
}

TEST(what_people_give_by_mistake_is_recognised) {
  assert_content("", 0, "is empty");
  assert_content("\n <!DOCTYPE html>", 17, "a web page");
  assert_content("\xef\xbb\xbf<html>", 9, "a web page");
  assert_content("\x1f\x8b\x08", 3, "gunzip");
  assert_content("PK\x03\x04", 4, "zip");
  assert_content("%PDF-1.4", 8, "PDF");
  assert_content("magnet:?xt=urn:btih:", 20, "magnet link");
  assert_content("hello", 5, "begins with the letter d");
  assert_content("\0", 1, "begins with the letter d");
}

TEST(a_bad_torrent_is_refused_with_field_and_reason) {
  struct buf b = ben("{'info': {'length': 5, 'name': 'x', 'piece length': 0, 'pieces': #20}}");
  assert_content(b.data, b.len, "info.piece length");
  assert_content(b.data, b.len - 9, "at byte");
  assert_content("de", 2, "info");
  buf_free(&b);
}

TEST(magnets_and_hashes_are_recognised_and_refused_for_now) {
  assert_refused("magnet:?xt=urn:btih:abc", EXIT_BAD_TORRENT, "not supported yet");
  assert_refused("MAGNET:?x", EXIT_BAD_TORRENT, "not supported yet");
  assert_refused("d69f91e6b2ae4c542468d1073a71d4ea13879a7f", EXIT_BAD_TORRENT, "an info hash");
  assert_refused("2WPZDZVSVZGFIJDI2EDTU4OU5IJYPGT7", EXIT_BAD_TORRENT, "an info hash");
}

TEST(a_url_where_nobody_answers_is_no_source) {
  assert_refused("http://127.0.0.1:1/x.torrent", EXIT_NO_SOURCE, "can't be fetched");
}

TEST(escapes_in_a_name_do_not_reach_the_terminal) {
  load("/none/\033[31m");
  assert_null(strchr(said, '\033'));
  assert_non_null(strstr(said, "\\x1b[31m"));
}

TEST(plausible_is_what_could_be_a_torrent) {
  assert_true(torrent_plausible("-"));
  assert_true(torrent_plausible("https://x/y"));
  assert_true(torrent_plausible("magnet:?x"));
  assert_true(torrent_plausible("d69f91e6b2ae4c542468d1073a71d4ea13879a7f"));
  assert_true(torrent_plausible(folder));
  assert_true(torrent_plausible("no-such-file.torrent"));
  assert_false(torrent_plausible("no-such-file-here"));
  assert_false(torrent_plausible(""));
}

int main(void) {
  snprintf(folder, sizeof folder, "/tmp/weft-test-torrent.XXXXXX");
  if (mkdtemp(folder) == NULL || http_global_init() != ERR_OK) return 1;
  const struct CMUnitTest tests[] = {
    T(a_file_is_loaded), T(a_pipe_that_nobody_writes_to_or_closes_is_not_waited_for_without_end),
      T(standard_input_is_loaded), T(a_missing_file_is_named),
    T(a_url_that_weft_does_not_fetch_is_told_from_a_missing_file), T(a_folder_is_no_torrent),
    T(a_file_without_permission_is_a_matter_of_the_disk),
    T(a_file_that_is_too_long_is_not_read_to_its_end), T(a_name_that_is_too_long_is_no_crash),
    T(what_people_give_by_mistake_is_recognised),
    T(a_bad_torrent_is_refused_with_field_and_reason),
    T(magnets_and_hashes_are_recognised_and_refused_for_now),
    T(a_url_where_nobody_answers_is_no_source), T(escapes_in_a_name_do_not_reach_the_terminal),
    T(plausible_is_what_could_be_a_torrent)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path_of("x.torrent"));
  rmdir(folder);
  http_global_cleanup();
  return failed;
}
