/*
 * A torrent's bytes as files on disk, from opening to closing: io/store.
 */
#include "made.h"

#include <fcntl.h>
#include <sys/resource.h>

static void assert_album(const struct made *t, const char *top) {
  char path[512];
  for (size_t i = 0; i < MADE_ALBUM; i++) {
    snprintf(path, sizeof path, "%s/%s", top, made_album[i].path);
    if (made_album[i].padding || made_album[i].symlink)
      assert_false(made_there(path));
    else if (!made_right(t, i, path))
      fail_msg("%s is not right", path);
  }
}

/* ---- bytes ---- */

TEST(what_is_written_is_read_back_and_lies_in_the_right_files) {
  struct made t = made_make_album();
  size_t total = (size_t)t.m.geo.total;
  uint8_t *back = malloc(total);
  struct store *s = made_prepared(&t, NULL);
  assert_int_equal(store_write(s, 39000, t.data + 39000, total - 39000), ERR_OK);
  assert_int_equal(store_write(s, 0, t.data, 39000), ERR_OK);
  assert_int_equal(store_read(s, 0, back, total), ERR_OK);
  assert_memory_equal(back, t.data, total);
  for (size_t at = 0; at < total; at += 4999) { /* across every border */
    size_t len = total - at < 9000 ? total - at : 9000;
    memset(back, 0xee, len);
    assert_int_equal(store_read(s, at, back, len), ERR_OK);
    assert_memory_equal(back, t.data + at, len);
  }
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  store_close(s);
  assert_album(&t, "album");
  free(back);
  made_free(&t);
}

TEST(nothing_outside_the_torrent_is_read_or_written) {
  struct made t = made_make_album();
  struct store *s = made_prepared(&t, NULL);
  uint8_t b[4] = {0};
  uint64_t total = t.m.geo.total;
  assert_int_equal(store_write(s, total - 2, b, 3), ERR_LIMIT);
  assert_int_equal(store_read(s, total + 1, b, 0), ERR_LIMIT);
  assert_int_equal(store_read(s, UINT64_MAX, b, 4), ERR_LIMIT);
  assert_int_equal(store_read(s, total, b, 0), ERR_OK);
  assert_int_equal(store_write(s, total, b, 0), ERR_OK);
  assert_int_equal(made_size("album/cd2/deep/c.bin"), 7);
  store_close(s);
  made_free(&t);
}

TEST(data_for_padding_go_nowhere) {
  struct made t = made_make_album();
  struct store *s = made_prepared(&t, NULL);
  uint8_t junk[4096], back[4096], zeros[4096] = {0};
  memset(junk, 0xaa, sizeof junk);
  assert_int_equal(store_write(s, 41000, junk, sizeof junk), ERR_OK);
  assert_int_equal(store_read(s, 41000, back, sizeof back), ERR_OK);
  assert_memory_equal(back, zeros, sizeof back);
  store_close(s);
  made_free(&t);
}

TEST(a_torrent_of_empty_files_only_is_made_and_finished) {
  struct made_file files[] = {{.path = "x"}, {.path = "y/z"}};
  struct made t = made_torrent("empty", true, 16384, files, 2);
  struct store *s = made_prepared(&t, NULL);
  assert_int_equal(store_read(s, 0, NULL, 0), ERR_OK);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  store_close(s);
  assert_int_equal(made_size("empty/x"), 0);
  assert_int_equal(made_size("empty/y/z"), 0);
  made_free(&t);
}

TEST(reading_what_is_missing_or_too_short_says_so) {
  struct made t = made_make_album();
  uint8_t b[100];
  struct store *s = made_open_read(&t, NULL);
  assert_int_equal(store_read(s, 0, b, 100), ERR_NOT_FOUND);
  store_close(s);
  assert_int_equal(mkdir("album", 0755), 0);
  made_write("album/a.bin", t.data, 50);
  s = made_open_read(&t, NULL);
  assert_int_equal(store_read(s, 0, b, 50), ERR_OK);
  assert_memory_equal(b, t.data, 50);
  assert_int_equal(store_read(s, 0, b, 51), ERR_NOT_FOUND);
  assert_int_equal(store_write(s, 0, b, 50), ERR_ACCESS);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_ACCESS);
  store_close(s);
  assert_int_equal(made_entries("album"), 1);
  made_free(&t);
}

/* ---- what is there ---- */

static bool any_present(const struct made *t) {
  struct store *s = made_open(t, NULL);
  bool any = store_any_present(s);
  store_close(s);
  return any;
}

TEST(what_is_there_is_seen) {
  struct made t = made_make_album();
  struct store_file_state st;
  assert_false(any_present(&t));
  assert_int_equal(mkdir("album", 0755), 0);
  made_write("album/a.bin", "", 0);
  assert_false(any_present(&t)); /* empty: in nobody's way */
  made_write("album/a.bin", "abc", 3);
  assert_true(any_present(&t));
  struct store *s = made_open(&t, NULL);
  assert_int_equal(store_file_state(s, 0, &st), ERR_OK);
  assert_true(st.exists && !st.foreign_kind && st.size == 3 && st.ino != 0);
  assert_true(st.mtime_ns > INT64_C(1500000000) * 1000000000);
  assert_int_equal(store_file_state(s, 1, &st), ERR_OK);
  assert_false(st.exists || st.foreign_kind);
  assert_int_equal(store_file_state(s, 2, &st), ERR_OK);
  assert_false(st.exists || st.foreign_kind);
  store_close(s);
  made_free(&t);
}

TEST(a_time_beyond_all_reckoning_is_no_overflow) {
  struct made t = made_single("f", 16384, 3);
  struct store_file_state st;
  made_write("f", "abc", 3);
  struct timespec times[2] = {{.tv_sec = INT64_MAX / 2}, {.tv_sec = INT64_MAX / 2}};
  if (utimensat(AT_FDCWD, "f", times, 0) != 0) skip();
  struct store *s = made_open(&t, NULL);
  assert_int_equal(store_file_state(s, 0, &st), ERR_OK);
  store_close(s);
  made_free(&t);
}

/* Puts something in the way of cd1/b.bin and asks what the store thinks of it. */
static void in_the_way(void (*put)(const struct made *), const char *told) {
  struct made t = made_make_album();
  struct store_file_state st;
  assert_int_equal(mkdir("album", 0755), 0);
  put(&t);
  struct store *s = made_open(&t, NULL);
  assert_int_equal(store_file_state(s, 2, &st), ERR_OK);
  assert_true(st.foreign_kind && !st.exists);
  assert_true(store_any_present(s));
  assert_false(store_all_present(s));
  made_listen();
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_EXISTS);
  made_told(told);
  store_close(s);
  assert_false(made_there("album/a.bin")); /* what prepare had made is gone again */
  assert_true(made_holds("victim", "victim", 6));
  made_free(&t);
}

static void put_folder(const struct made *t) {
  (void)t;
  made_write("victim", "victim", 6);
  assert_int_equal(mkdir("album/cd1", 0755) | mkdir("album/cd1/b.bin", 0755), 0);
}

static void put_link(const struct made *t) {
  (void)t;
  made_write("victim", "victim", 6);
  assert_int_equal(mkdir("album/cd1", 0755) | symlink("../../victim", "album/cd1/b.bin"), 0);
}

static void put_link_to_folder(const struct made *t) {
  (void)t;
  made_write("victim", "victim", 6);
  assert_int_equal(mkdir("elsewhere", 0755) | symlink("../elsewhere", "album/cd1"), 0);
}

static void put_file_for_folder(const struct made *t) {
  (void)t;
  made_write("victim", "victim", 6);
  made_write("album/cd1", "x", 1);
}

static void put_fifo(const struct made *t) {
  (void)t;
  made_write("victim", "victim", 6);
  assert_int_equal(mkdir("album/cd1", 0755) | mkfifo("album/cd1/b.bin", 0644), 0);
}

static void put_hard_link(const struct made *t) {
  (void)t;
  made_write("victim", "victim", 6);
  assert_int_equal(mkdir("album/cd1", 0755) | link("victim", "album/cd1/b.bin"), 0);
}

TEST(a_folder_in_the_way_is_named_and_left) {
  in_the_way(put_folder, "album/cd1/b.bin: a folder is in the way");
}
TEST(a_link_in_the_way_is_named_and_left) {
  in_the_way(put_link, "album/cd1/b.bin: a symbolic link is in the way");
}
TEST(a_link_for_a_folder_is_named_and_left) {
  in_the_way(put_link_to_folder, "album/cd1: ");
  assert_int_equal(made_entries("elsewhere"), 0);
}
TEST(a_file_for_a_folder_is_named_and_left) {
  in_the_way(put_file_for_folder, "album/cd1: ");
}
TEST(a_fifo_in_the_way_is_named_and_left) {
  in_the_way(put_fifo, "album/cd1/b.bin: no regular file");
}
TEST(a_file_with_two_names_is_named_and_left) {
  in_the_way(put_hard_link, "album/cd1/b.bin has several names");
}

TEST(a_complete_file_with_two_names_can_be_read_and_needs_no_preparing) {
  struct made t = made_single("f", 16384, 50000);
  uint8_t *b = malloc(50000);
  made_put(&t, 0, "f");
  assert_int_equal(link("f", "g"), 0);
  assert_int_equal(chmod("f", 0400), 0);
  struct store *s = made_open(&t, NULL);
  assert_int_equal(store_lock(s), ERR_OK);
  assert_true(store_all_present(s));
  assert_int_equal(store_read(s, 0, b, 50000), ERR_OK);
  assert_memory_equal(b, t.data, 50000);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  store_close(s);
  free(b);
  made_free(&t);
}

/* ---- many files, few descriptors ---- */

TEST(hundreds_of_files_work_with_twenty_four_descriptors) {
  enum { N = 300 };
  struct made_file files[N];
  char names[N][16];
  struct rlimit was, few;
  for (size_t i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "d%zu/f%zu", i / 50, i);
    files[i] = (struct made_file){.path = names[i], .length = 100 + i};
  }
  struct made t = made_torrent("many", true, 16384, files, N);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
  few = was;
  few.rlim_cur = 24;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  struct store *s = made_prepared(&t, NULL);
  made_write_all(s, &t);
  for (size_t i = 0; i < N; i += 7) { /* here and there, back and forth */
    size_t f = i * 37 % N;
    uint8_t b[500];
    assert_int_equal(store_read(s, t.m.files[f].offset, b, (size_t)t.m.files[f].length), ERR_OK);
    assert_memory_equal(b, t.data + t.m.files[f].offset, (size_t)t.m.files[f].length);
  }
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  int fd = dup(0);
  assert_true(fd >= 0 && fd < 16);
  close(fd);
  store_close(s);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
  for (size_t i = 0; i < N; i++) {
    char path[64];
    snprintf(path, sizeof path, "many/%.15s", names[i]);
    assert_true(made_right(&t, i, path));
  }
  made_free(&t);
}

TEST(no_descriptor_is_left_open) {
  struct made t = made_make_album();
  int first = dup(0);
  close(first);
  struct store *s = made_prepared(&t, "x");
  made_write_all(s, &t);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  store_close(s);
  int after = dup(0);
  close(after);
  assert_int_equal(first, after);
  made_free(&t);
}

int main(void) {
  RUN(MADE(what_is_written_is_read_back_and_lies_in_the_right_files),
      MADE(nothing_outside_the_torrent_is_read_or_written), MADE(data_for_padding_go_nowhere),
      MADE(a_torrent_of_empty_files_only_is_made_and_finished),
      MADE(reading_what_is_missing_or_too_short_says_so), MADE(what_is_there_is_seen),
      MADE(a_time_beyond_all_reckoning_is_no_overflow),
      MADE(a_folder_in_the_way_is_named_and_left), MADE(a_link_in_the_way_is_named_and_left),
      MADE(a_link_for_a_folder_is_named_and_left), MADE(a_file_for_a_folder_is_named_and_left),
      MADE(a_fifo_in_the_way_is_named_and_left), MADE(a_file_with_two_names_is_named_and_left),
      MADE(a_complete_file_with_two_names_can_be_read_and_needs_no_preparing),
      MADE(hundreds_of_files_work_with_twenty_four_descriptors), MADE(no_descriptor_is_left_open));
}
