/*
 * Files that are deleted, replaced, cut or punched while they are being downloaded are noticed, at
 * the latest before the end: io/store_final, io/store_files, FAULTS D7.
 */
#include "made.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { PIECE = 65536, PIECES = 10, LENGTH = PIECES * PIECE - 100 };

static struct made t;
static struct store *s;
static struct bitset lost;

/* "file", written in full. */
static void whole(void) {
  t = made_single("file", PIECE, LENGTH);
  s = made_open(&t, NULL);
  assert_int_equal(store_lock(s), ERR_OK);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  made_write_all(s, &t);
  assert_true(bitset_init(&lost, PIECES));
}

static void done(void) {
  store_close(s);
  bitset_free(&lost);
  made_free(&t);
}

static void finish_finds(size_t first, size_t count, const char *told) {
  made_listen();
  assert_int_equal(store_finish(s, &lost), ERR_NOT_FOUND);
  made_told(told);
  assert_int_equal(lost.count, count);
  for (size_t i = 0; i < count; i++) assert_true(bitset_get(&lost, first + i));
  made_listen();
  assert_int_equal(store_finish(s, NULL), ERR_NOT_FOUND); /* until it is put right */
  made_told(told);
}

/* Fetches again what was lost, and finishes. */
static void put_right(void) {
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  for (size_t p = bitset_next(&lost, 0); p < PIECES; p = bitset_next(&lost, p + 1))
    assert_int_equal(store_write(s, p * PIECE, t.data + p * PIECE,
                                 geometry_piece_len(&t.m.geo, (uint32_t)p)),
                     ERR_OK);
  bitset_reset(&lost);
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  assert_int_equal(lost.count, 0);
  assert_true(made_right(&t, 0, "file"));
}

TEST(an_untouched_file_is_finished_again_and_again) {
  whole();
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  assert_int_equal(lost.count, 0);
  done();
}

TEST(a_deleted_file_is_lost_whole_and_comes_back) {
  whole();
  assert_int_equal(unlink("file"), 0);
  finish_finds(0, PIECES, "file was deleted");
  assert_false(made_there("file"));
  put_right();
  done();
}

TEST(a_file_moved_away_is_lost_and_the_moved_one_left_alone) {
  whole();
  assert_int_equal(rename("file", "mine"), 0);
  finish_finds(0, PIECES, "deleted");
  put_right();
  assert_true(made_right(&t, 0, "mine"));
  done();
}

TEST(a_file_replaced_by_another_is_lost_and_that_one_never_overwritten) {
  whole();
  made_write("precious", "precious", 8);
  assert_int_equal(rename("precious", "file"), 0);
  finish_finds(0, PIECES, "file was replaced");
  made_listen();
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_EXISTS);
  made_told("file was replaced by another file");
  assert_true(made_holds("file", "precious", 8));
  assert_int_equal(unlink("file"), 0);
  put_right();
  done();
}

TEST(a_link_or_folder_in_place_of_the_file_is_not_written_through) {
  whole();
  made_put(&t, 0, "copy");
  assert_int_equal(unlink("file") | symlink("copy", "file"), 0);
  finish_finds(0, PIECES, "file was replaced");
  made_listen();
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_EXISTS);
  made_told("symbolic link");
  assert_int_equal(unlink("file") | mkdir("file", 0755), 0);
  made_listen();
  assert_int_equal(store_finish(s, NULL), ERR_NOT_FOUND);
  made_told("file was replaced");
  assert_int_equal(rmdir("file"), 0);
  put_right();
  assert_true(made_right(&t, 0, "copy"));
  done();
}

TEST(a_file_cut_short_loses_what_was_cut) {
  whole();
  assert_int_equal(truncate("file", 3 * PIECE + 5), 0);
  finish_finds(3, PIECES - 3, "file was cut short");
  put_right();
  done();
}

/* The later write makes the file long again, so only the hole in between tells. */
TEST(a_file_cut_short_and_written_on_has_a_hole_that_is_found) {
  whole();
  assert_int_equal(truncate("file", 2 * PIECE), 0);
  assert_int_equal(store_write(s, 8 * PIECE, t.data + 8 * PIECE, LENGTH - 8 * PIECE), ERR_OK);
  finish_finds(2, 6, "file has zeros");
  put_right();
  done();
}

/* Cut and written on within one block of the file system: no hole tells. */
TEST(a_file_cut_and_written_on_in_the_same_block_is_noticed) {
  whole();
  assert_int_equal(truncate("file", LENGTH - 200), 0);
  assert_int_equal(store_write(s, LENGTH - 100, t.data + LENGTH - 100, 100), ERR_OK);
  finish_finds(PIECES - 1, 1, "file has zeros");
  put_right();
  done();
}

/* Nothing but the piece before the hole lacks a few bytes at its end. */
TEST(zeros_in_the_block_before_a_hole_are_found) {
  struct made_file files[] = {{.path = "a", .length = 100}, {.path = "b", .length = 99900}};
  t = made_torrent("t", true, 50000, files, 2);
  s = made_open(&t, NULL);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  assert_true(bitset_init(&lost, 2));
  made_write_all(s, &t);
  assert_int_equal(truncate("t/b", 49850) | truncate("t/b", 99900), 0);
  made_listen();
  assert_int_equal(store_finish(s, &lost), ERR_NOT_FOUND);
  made_told("t/b has zeros");
  assert_int_equal(lost.count, 2);
  done();
}

enum { EDGE = 4 * PIECE + 1000 }; /* where a piece of "t/b" begins, in no block's beginning */

static bool punch_before_the_edge(void) {
  int fd = open("t/b", O_WRONLY | O_CLOEXEC);
  return fd >= 0 && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, EDGE - 3000,
                              20000) == 0;
}

/* The end of piece 4 is punched while piece 5 is not there yet; that plugs the hole, and nothing on
 * disk tells that there was one. */
TEST(a_hole_that_the_next_write_plugs_is_found) {
  made_needs_hearing();
  struct made_file files[] = {{.path = "a", .length = PIECE - 1000},
                              {.path = "b", .length = 8 * PIECE + 1000}};
  t = made_torrent("t", true, PIECE, files, 2);
  s = made_open(&t, NULL);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  assert_true(bitset_init(&lost, t.m.geo.pieces));
  assert_int_equal(store_write(s, 0, t.data, 5 * PIECE), ERR_OK);
  assert_int_equal(store_write(s, 6 * PIECE, t.data + 6 * PIECE, 3 * PIECE), ERR_OK);
  made_elsewhere(punch_before_the_edge);
  assert_int_equal(store_write(s, 5 * PIECE, t.data + 5 * PIECE, PIECE), ERR_OK);
  finish_finds(4, 1, "t/b has something else");
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  assert_int_equal(store_write(s, 4 * PIECE, t.data + 4 * PIECE, PIECE), ERR_OK);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  assert_true(made_right(&t, 1, "t/b"));
  done();
}

static bool write_other_bytes(void) {
  int fd = open("file", O_WRONLY | O_CLOEXEC);
  return fd >= 0 && pwrite(fd, "other", 5, PIECE - 2) == 5;
}

static bool write_the_same_bytes(void) {
  int fd = open("file", O_WRONLY | O_CLOEXEC);
  return fd >= 0 && pwrite(fd, t.data + PIECE, 50, PIECE) == 50;
}

TEST(what_another_program_wrote_is_found) {
  made_needs_hearing();
  whole();
  made_elsewhere(write_other_bytes);
  finish_finds(0, 2, "file has something else where data were written (2 pieces)");
  put_right();
  made_elsewhere(write_the_same_bytes);
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  assert_int_equal(lost.count, 0);
  done();
}

/* What another program does when the last piece is read, `times` times. */
static bool (*at_last_piece)(void);
static int times;

/* In place of the system's pread. */
ssize_t watched_pread(int fd, void *to, size_t len, off_t at) __asm__("pread64");

ssize_t watched_pread(int fd, void *to, size_t len, off_t at) {
  ssize_t n = syscall(SYS_pread64, fd, to, len, at);
  if (times > 0 && at == (PIECES - 1) * PIECE) {
    times--;
    made_elsewhere(at_last_piece);
  }
  return n;
}

/* Everything is hashed, and that happens before the end. */
static void meanwhile(bool (*act)(void), int count) {
  made_elsewhere(write_the_same_bytes);
  at_last_piece = act;
  times = count;
}

TEST(what_another_program_wrote_while_we_looked_is_found) {
  made_needs_hearing();
  whole();
  meanwhile(write_other_bytes, 1);
  finish_finds(0, 2, "file has something else where data were written (2 pieces)");
  assert_int_equal(times, 0);
  put_right();
  meanwhile(write_the_same_bytes, 2);
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  assert_int_equal(times + (int)lost.count, 0);
  done();
}

TEST(nothing_is_right_while_another_program_writes_without_end) {
  made_needs_hearing();
  whole();
  meanwhile(write_the_same_bytes, 1000);
  made_listen();
  assert_int_equal(store_finish(s, &lost), ERR_IO);
  made_told("another program keeps writing");
  times = 0;
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  assert_int_equal(lost.count, 0);
  done();
}

TEST(a_hole_where_the_data_are_zeros_is_right) {
  whole();
  memset(t.data + 4 * PIECE, 0, 3 * PIECE);
  sha1_once(t.data + 4 * PIECE, PIECE, t.m.hashes + 4 * 20);
  sha1_once(t.data + 5 * PIECE, PIECE, t.m.hashes + 5 * 20);
  sha1_once(t.data + 6 * PIECE, PIECE, t.m.hashes + 6 * 20);
  int fd = open("file", O_WRONLY | O_CLOEXEC);
  if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4 * PIECE, 3 * PIECE) != 0) skip();
  close(fd);
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  assert_int_equal(lost.count, 0);
  done();
}

TEST(what_is_too_long_is_cut_unless_it_has_another_name) {
  whole();
  assert_int_equal(truncate("file", LENGTH + 5000), 0);
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  assert_true(made_right(&t, 0, "file"));
  assert_int_equal(truncate("file", LENGTH + 5000) | link("file", "backup"), 0);
  made_listen();
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  made_told("other names");
  assert_int_equal(made_size("backup"), LENGTH + 5000);
  done();
}

/* ---- many files, so that descriptors come and go ---- */

enum { MANY = 40, EACH = 1000 };

static void many(void) {
  struct made_file files[MANY];
  char names[MANY][16];
  for (size_t i = 0; i < MANY; i++) {
    snprintf(names[i], sizeof names[i], "d/f%zu", i);
    files[i] = (struct made_file){.path = names[i], .length = EACH};
  }
  struct rlimit was, few;
  t = made_torrent("many", true, 500, files, MANY);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
  few = was;
  few.rlim_cur = 24;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  s = made_open(&t, NULL);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
  assert_int_equal(store_lock(s), ERR_OK);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  assert_true(bitset_init(&lost, t.m.geo.pieces));
  made_write_all(s, &t);
}

static void assert_many(void) {
  for (size_t i = 0; i < MANY; i++) {
    char path[32];
    snprintf(path, sizeof path, "many/d/f%zu", i);
    assert_true(made_right(&t, i, path));
  }
}

/* "d/file" is whole; then `happens` to the folder. Finishing fails and says so. */
static void folder_lost(bool (*happens)(void), const char *told) {
  assert_int_equal(mkdir("d", 0755), 0);
  t = made_single("file", PIECE, LENGTH);
  s = made_open(&t, "d/");
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  made_write_all(s, &t);
  assert_true(bitset_init(&lost, PIECES));
  assert_true(happens());
  made_listen();
  assert_int_equal(store_finish(s, &lost), ERR_IO);
  made_told(told);
}

static bool is_moved(void) {
  return rename("d", "elsewhere") == 0;
}

static bool is_moved_and_made_again(void) {
  return is_moved() && mkdir("d", 0755) == 0;
}

static bool is_deleted(void) {
  return unlink("d/file") == 0 && rmdir("d") == 0;
}

TEST(a_folder_that_was_moved_is_no_success_until_it_is_back) {
  folder_lost(is_moved, "weft: d/ was moved away or replaced during the download, and file with");
  assert_int_equal(rename("elsewhere", "d"), 0);
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  assert_true(made_right(&t, 0, "d/file"));
  done();
}

TEST(a_folder_that_was_moved_and_made_again_is_no_success) {
  folder_lost(is_moved_and_made_again, "d/ was moved away or replaced");
  assert_true(made_right(&t, 0, "elsewhere/file"));
  done();
}

TEST(a_folder_that_was_deleted_is_no_success) {
  folder_lost(is_deleted, "weft: d/ was deleted during the download");
  done();
}

TEST(a_file_deleted_and_written_to_again_is_made_again_and_told_to_be_lost) {
  many();
  assert_int_equal(unlink("many/d/f0"), 0);
  made_listen();
  assert_int_equal(store_write(s, 500, t.data + 500, 500), ERR_OK); /* the second half of f0 */
  made_told("f0 was deleted");
  assert_int_equal(made_size("many/d/f0"), 1000);
  made_listen();
  assert_int_equal(store_finish(s, &lost), ERR_NOT_FOUND);
  made_told("deleted and made again");
  assert_int_equal(lost.count, 2);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  assert_int_equal(store_write(s, 0, t.data, 1000), ERR_OK);
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  assert_many();
  done();
}

TEST(the_whole_tree_may_vanish_and_comes_back) {
  many();
  assert_int_equal(rename("many", "moved"), 0);
  made_listen();
  assert_int_equal(store_write(s, 100, t.data + 100, 100), ERR_OK);
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(store_finish(s, &lost), ERR_NOT_FOUND);
  made_told("f1 was deleted");
  assert_int_equal(lost.count, t.m.geo.pieces);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  made_write_all(s, &t);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  assert_many();
  done();
}

TEST(a_file_replaced_while_closed_is_neither_written_nor_read) {
  many();
  uint8_t b[100];
  made_write("other", "precious", 8);
  assert_int_equal(rename("other", "many/d/f0"), 0);
  made_listen();
  assert_int_equal(store_write(s, 0, t.data, 100), ERR_EXISTS);
  made_told("many/d/f0: something is in the way");
  assert_int_equal(store_read(s, 0, b, 8), ERR_NOT_FOUND);
  assert_true(made_holds("many/d/f0", "precious", 8));
  done();
}

TEST(a_folder_swapped_for_a_link_is_not_followed) {
  many();
  made_listen();
  assert_int_equal(rename("many/d", "many/e") | mkdir("victim", 0755), 0);
  made_write("victim/f0", "precious", 8);
  assert_int_equal(symlink("../victim", "many/d"), 0);
  assert_int_equal(store_write(s, 0, t.data, 100), ERR_EXISTS);
  made_told("many/d: ");
  assert_true(made_holds("victim/f0", "precious", 8));
  assert_int_equal(made_entries("victim"), 1);
  done();
}

TEST(empty_files_that_vanished_are_missed_too) {
  struct made_file files[] = {{.path = "f", .length = 10}, {.path = "empty"}};
  t = made_torrent("t", true, 16384, files, 2);
  s = made_open(&t, NULL);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  assert_true(bitset_init(&lost, 1));
  made_write_all(s, &t);
  assert_int_equal(unlink("t/empty"), 0);
  made_listen();
  assert_int_equal(store_finish(s, &lost), ERR_NOT_FOUND);
  made_told("t/empty was deleted");
  assert_int_equal(lost.count, 0);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  assert_int_equal(store_finish(s, &lost), ERR_OK);
  done();
}

int main(void) {
  RUN(MADE(an_untouched_file_is_finished_again_and_again),
      MADE(a_deleted_file_is_lost_whole_and_comes_back),
      MADE(a_file_moved_away_is_lost_and_the_moved_one_left_alone),
      MADE(a_file_replaced_by_another_is_lost_and_that_one_never_overwritten),
      MADE(a_link_or_folder_in_place_of_the_file_is_not_written_through),
      MADE(a_file_cut_short_loses_what_was_cut),
      MADE(a_file_cut_short_and_written_on_has_a_hole_that_is_found),
      MADE(a_file_cut_and_written_on_in_the_same_block_is_noticed),
      MADE(zeros_in_the_block_before_a_hole_are_found),
      MADE(a_hole_that_the_next_write_plugs_is_found), MADE(what_another_program_wrote_is_found),
      MADE(what_another_program_wrote_while_we_looked_is_found),
      MADE(nothing_is_right_while_another_program_writes_without_end),
      MADE(a_hole_where_the_data_are_zeros_is_right),
      MADE(what_is_too_long_is_cut_unless_it_has_another_name),
      MADE(a_folder_that_was_moved_is_no_success_until_it_is_back),
      MADE(a_folder_that_was_moved_and_made_again_is_no_success),
      MADE(a_folder_that_was_deleted_is_no_success),
      MADE(a_file_deleted_and_written_to_again_is_made_again_and_told_to_be_lost),
      MADE(the_whole_tree_may_vanish_and_comes_back),
      MADE(a_file_replaced_while_closed_is_neither_written_nor_read),
      MADE(a_folder_swapped_for_a_link_is_not_followed),
      MADE(empty_files_that_vanished_are_missed_too));
}
