/*
 * What verify says that download will do: it must be what the next command really decides.
 */
#include "../io/made.h"

#include "app/foreign.h"
#include "app/mend.h"
#include "io/check.h"
#include "io/resume.h"

enum { LEN = 5000, PIECE = 1024 };

static struct made t;
static char said[4096];

static int setup(void **state) {
  if (made_setup(state) != 0) return -1;
  struct made_file files[] = {{.path = "one", .length = LEN}, {.path = "two", .length = LEN}};
  t = made_torrent("t", true, PIECE, files, 2);
  assert_int_equal(mkdir("t", 0755), 0);
  made_put(&t, 0, "t/one");
  made_put(&t, 1, "t/two");
  return 0;
}

static int teardown(void **state) {
  made_free(&t);
  return made_teardown(state);
}

/* Hashes what is there and asks, in a store such as verify has; fills `said`. */
static void ask(void) {
  struct bitset good;
  struct check_progress progress = {0};
  struct buf b;
  struct store *s = made_open_read(&t, NULL);
  assert_true(bitset_init(&good, t.m.geo.pieces));
  assert_int_equal(check_run(s, &t.m, NULL, &good, 0, &progress), ERR_OK);
  buf_init(&b, sizeof said);
  mend_advise(s, &t.m, &good, &b);
  snprintf(said, sizeof said, "%s", buf_cstr(&b));
  buf_free(&b);
  bitset_free(&good);
  store_close(s);
}

static void assert_said(const char *part) {
  if (strstr(said, part) == NULL) fail_msg("not \"%s\", but: %s", part, said);
}

/* One changed byte, with the size and the time left as they were. */
static void rot(const char *path, off_t at) {
  struct stat st;
  uint8_t byte;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  assert_int_equal(fstat(fd, &st), 0);
  assert_int_equal(pread(fd, &byte, 1, at), 1);
  byte ^= 1;
  assert_int_equal(pwrite(fd, &byte, 1, at), 1);
  struct timespec times[] = {st.st_atim, st.st_mtim};
  assert_int_equal(futimens(fd, times), 0);
  close(fd);
}

/* A record of an unfinished download that claims all but the last piece. */
static void keep_record(void) {
  struct bitset done;
  struct store *s = made_open(&t, NULL);
  assert_true(bitset_init(&done, t.m.geo.pieces));
  bitset_fill(&done);
  bitset_clear(&done, t.m.geo.pieces - 1);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  bitset_free(&done);
  store_close(s);
}

TEST(what_a_good_piece_proves_to_be_ours_is_mended) {
  rot("t/one", 0);
  ask();
  assert_string_equal(said, "'weft download' with the same arguments mends that.");
}

TEST(a_missing_file_is_mended) {
  assert_int_equal(unlink("t/two"), 0);
  ask();
  assert_said("mends that");
}

TEST(a_foreign_file_is_named_with_the_option_that_replaces_it) {
  static const char letter[LEN] = "Dear reader, this is no torrent";
  made_write("t/two", letter, sizeof letter);
  ask();
  assert_said("will change nothing as long as t/two is as it is: nothing shows that it is of this "
              "torrent. Move it away, or replace it with --overwrite.");
}

TEST(a_foreign_file_that_a_record_vouches_for_is_mended) {
  static uint8_t other[LEN];
  memset(other, 'x', sizeof other);
  keep_record();
  int fd = open("t/two", O_WRONLY | O_CLOEXEC); /* the same file, with other content */
  assert_int_equal(write(fd, other, sizeof other), LEN);
  close(fd);
  ask();
  assert_said("mends that");
}

TEST(what_overwrite_does_not_replace_is_not_promised_by_it) {
  assert_int_equal(link("t/one", "elsewhere"), 0);
  rot("t/two", 100);
  ask();
  assert_said("as long as t/one is as it is: it has other names");
  assert_null(strstr(said, "--overwrite"));
  assert_int_equal(unlink("elsewhere"), 0);
  assert_int_equal(unlink("t/one"), 0);
  assert_int_equal(symlink("two", "t/one"), 0);
  ask();
  assert_said("as long as t/one is as it is: a symbolic link");
  assert_int_equal(unlink("t/one"), 0);
  assert_int_equal(mkdir("t/one", 0755), 0);
  ask();
  assert_said("as long as t/one is as it is: a folder");
  assert_null(strstr(said, "--overwrite"));
}

TEST(a_record_that_would_be_believed_has_to_go_first) {
  keep_record();
  rot("t/one", 0);
  ask();
  assert_said("would believe its resume record: remove .t.weft beside t,");
  assert_int_equal(unlink(".t.weft"), 0);
  ask();
  assert_said("mends that");
}

TEST(a_record_that_does_not_claim_what_is_bad_may_stay) {
  keep_record();
  rot("t/two", LEN - 1);
  ask();
  assert_said("mends that");
}

TEST(the_store_of_a_download_gets_the_same_answer_as_that_of_a_verify) {
  struct bitset none;
  struct foreign f[2];
  assert_true(bitset_init(&none, t.m.geo.pieces));
  assert_int_equal(link("t/two", "elsewhere"), 0);
  for (int linked = 1; linked >= 0; linked--) {
    for (int download = 0; download < 2; download++) {
      struct store *s = download ? made_open(&t, NULL) : made_open_read(&t, NULL);
      bitset_set(&none, 0); /* "one" is ours, by its first piece */
      assert_int_equal(foreign_find(s, &t.m, &none, &f[download]), ERR_OK);
      store_close(s);
    }
    assert_int_equal(f[0].file, 1);
    assert_int_equal(f[1].file, 1);
    assert_int_equal(f[0].replaceable, !linked);
    assert_int_equal(f[1].replaceable, !linked);
    assert_string_equal(f[0].what, f[1].what);
    if (linked) assert_int_equal(unlink("elsewhere"), 0);
  }
  bitset_free(&none);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  RUN(CASE(what_a_good_piece_proves_to_be_ours_is_mended), CASE(a_missing_file_is_mended),
      CASE(a_foreign_file_is_named_with_the_option_that_replaces_it),
      CASE(a_foreign_file_that_a_record_vouches_for_is_mended),
      CASE(what_overwrite_does_not_replace_is_not_promised_by_it),
      CASE(a_record_that_would_be_believed_has_to_go_first),
      CASE(a_record_that_does_not_claim_what_is_bad_may_stay),
      CASE(the_store_of_a_download_gets_the_same_answer_as_that_of_a_verify));
}
