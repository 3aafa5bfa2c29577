/*
 * Which of the files that are there may be written to: io/store_whose.
 */
#include "made.h"

#include "io/check.h"

/* Pieces of 4096: 0 to 4 in "a" alone, 5 shared by "a" (100 bytes), "b" and the beginning of "c",
 * which has 600 bytes of it; 6 and 7 in "c", the end of 7 in "d" too; the zeros of "zero". */
enum { PIECE = 4096, A = 5 * PIECE + 100, B = PIECE - 700, C = 600 + PIECE + 4000, Z = 5 * PIECE };
enum { FILE_A, FILE_B, FILE_C, FILE_D, EMPTY, ZERO, FILES };

static struct made t;

static int setup(void **state) {
  if (made_setup(state) != 0) return -1;
  struct made_file files[FILES] = {{.path = "a", .length = A}, {.path = "b", .length = B},
                                   {.path = "c", .length = C}, {.path = "d", .length = 96},
                                   {.path = "empty"}, {.path = "zero", .length = Z}};
  t = made_torrent("t", true, PIECE, files, FILES);
  memset(t.data + t.m.files[ZERO].offset, 0, Z);
  made_hash(&t);
  return mkdir("t", 0755);
}

static int teardown(void **state) {
  made_free(&t);
  return made_teardown(state);
}

/* The number of the first file that is somebody else's; FILES: there is none. */
static size_t foreign(void) {
  struct bitset good;
  size_t file;
  struct store *s = made_open(&t, NULL);
  assert_true(bitset_init(&good, t.m.geo.pieces));
  assert_int_equal(check_run(s, &t.m, NULL, &good, 1, NULL), ERR_OK);
  assert_int_equal(store_find_foreign(s, &good, &file), ERR_OK);
  bitset_free(&good);
  store_close(s);
  return file;
}

/* Bytes that are of no torrent. */
static void write_letter(const char *path, size_t len) {
  static uint8_t letter[64 * 1024];
  memset(letter, 'l', sizeof letter);
  made_write(path, letter, len);
}

TEST(what_is_not_there_or_empty_is_in_nobody_s_way) {
  assert_int_equal(foreign(), FILES);
  for (size_t i = 0; i < 3; i++) made_write(i == 0 ? "t/a" : i == 1 ? "t/d" : "t/empty", "", 0);
  assert_int_equal(foreign(), FILES);
}

TEST(a_letter_is_somebody_else_s_however_good_its_neighbours) {
  made_put(&t, FILE_A, "t/a");
  made_put(&t, ZERO, "t/zero");
  for (size_t len = 1; len <= 20000; len += 6666) {
    write_letter("t/c", len);
    assert_int_equal(foreign(), FILE_C);
  }
  write_letter("t/c", C);
  assert_int_equal(foreign(), FILE_C);
}

TEST(a_file_with_a_good_piece_is_ours_short_long_or_spoilt) {
  made_put(&t, FILE_A, "t/a");
  assert_int_equal(truncate("t/a", PIECE), 0);
  assert_int_equal(foreign(), FILES);
  assert_int_equal(truncate("t/a", PIECE - 1), 0);
  assert_int_equal(foreign(), FILE_A);
  made_put(&t, FILE_A, "t/a");
  assert_int_equal(truncate("t/a", A + 50000), 0);
  assert_int_equal(foreign(), FILES);
  int fd = open("t/a", O_WRONLY | O_CLOEXEC);
  assert_int_equal(pwrite(fd, "spoilt", 6, 3 * PIECE), 6);
  close(fd);
  assert_int_equal(foreign(), FILES);
}

TEST(small_files_that_share_a_good_piece_are_ours) {
  made_put(&t, FILE_A, "t/a");
  made_put(&t, FILE_B, "t/b");
  made_put(&t, FILE_C, "t/c");
  assert_int_equal(truncate("t/c", 600), 0); /* all of it in piece 5 */
  assert_int_equal(foreign(), FILES);
  assert_int_equal(unlink("t/a"), 0); /* now nobody can tell */
  assert_int_equal(foreign(), FILE_B);
}

/* Piece 5 verifies, and holds the first 600 bytes of "c", but only 100 of "a". */
TEST(a_few_bytes_that_are_right_prove_nothing) {
  made_put(&t, FILE_A, "t/a");
  made_put(&t, FILE_B, "t/b");
  made_put(&t, FILE_C, "t/c");
  int fd = open("t/a", O_WRONLY | O_CLOEXEC);
  for (int i = 0; i < 5; i++) assert_int_equal(pwrite(fd, "letter", 6, i * PIECE), 6);
  assert_int_equal(foreign(), FILE_A);
  close(fd);
}

TEST(zeros_that_are_right_prove_nothing) {
  write_letter("t/zero", 10);
  assert_int_equal(truncate("t/zero", Z), 0); /* pieces beyond the letter verify */
  assert_int_equal(foreign(), ZERO);
}

TEST(zeros_are_in_nobody_s_way_unless_they_are_too_many) {
  made_write("t/a", "", 0);
  assert_int_equal(truncate("t/a", A), 0);
  assert_int_equal(foreign(), FILES);
  int fd = open("t/a", O_WRONLY | O_CLOEXEC); /* written, not a hole */
  assert_int_equal(pwrite(fd, "\0\0\0", 4, 7000), 4);
  assert_int_equal(foreign(), FILES);
  assert_int_equal(pwrite(fd, "x", 1, A - 1), 1);
  assert_int_equal(foreign(), FILE_A);
  assert_int_equal(pwrite(fd, "", 1, A - 1), 1);
  assert_int_equal(ftruncate(fd, A + 1), 0);
  assert_int_equal(foreign(), FILE_A);
  close(fd);
}

TEST(zeros_where_zeros_belong_are_right) {
  made_put(&t, ZERO, "t/zero");
  assert_int_equal(foreign(), FILES);
}

TEST(what_should_be_empty_and_is_not_is_somebody_else_s) {
  made_put(&t, FILE_A, "t/a");
  write_letter("t/empty", 1);
  assert_int_equal(foreign(), EMPTY);
}

TEST(what_is_no_file_or_has_other_names_is_somebody_else_s) {
  made_put(&t, FILE_A, "t/a");
  assert_int_equal(link("t/a", "other"), 0);
  assert_int_equal(foreign(), FILE_A);
  assert_int_equal(unlink("t/a") | symlink("other", "t/a"), 0);
  assert_int_equal(foreign(), FILE_A);
  assert_int_equal(unlink("t/a") | mkdir("t/a", 0755), 0);
  assert_int_equal(foreign(), FILE_A);
}

TEST(what_a_record_names_is_ours) {
  struct bitset good;
  size_t file;
  write_letter("t/c", 100);
  struct store *s = made_open(&t, NULL);
  assert_true(bitset_init(&good, t.m.geo.pieces));
  assert_int_equal(store_find_foreign(s, &good, &file), ERR_OK);
  assert_int_equal(file, FILE_C);
  store_vouch(s, FILE_C);
  assert_int_equal(store_find_foreign(s, &good, &file), ERR_OK);
  assert_int_equal(file, FILES);
  bitset_free(&good);
  store_close(s);
}

#define OURS(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  RUN(OURS(what_is_not_there_or_empty_is_in_nobody_s_way),
      OURS(a_letter_is_somebody_else_s_however_good_its_neighbours),
      OURS(a_file_with_a_good_piece_is_ours_short_long_or_spoilt),
      OURS(small_files_that_share_a_good_piece_are_ours),
      OURS(a_few_bytes_that_are_right_prove_nothing), OURS(zeros_that_are_right_prove_nothing),
      OURS(zeros_are_in_nobody_s_way_unless_they_are_too_many),
      OURS(zeros_where_zeros_belong_are_right),
      OURS(what_should_be_empty_and_is_not_is_somebody_else_s),
      OURS(what_is_no_file_or_has_other_names_is_somebody_else_s),
      OURS(what_a_record_names_is_ours));
}
