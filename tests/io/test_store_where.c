/*
 * Which place `--output` means: io/store_where.
 */
#include "made.h"

#include "io/store_record.h"

/* ---- places ---- */

static void saves_to(const struct made *t, const char *output, const char *at) {
  struct store *s = made_prepared(t, output);
  made_write_all(s, t);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  if (!made_there(at)) fail_msg("-o %s did not save to %s", output ? output : "(none)", at);
  store_close(s);
}

TEST(a_single_file_goes_where_the_user_says) {
  struct made t = made_single("name.bin", 16384, 1000);
  assert_int_equal(mkdir("dir", 0755), 0);
  saves_to(&t, NULL, "name.bin");
  saves_to(&t, "dir", "dir/name.bin");
  saves_to(&t, "dir/", "dir/name.bin");
  saves_to(&t, "./other", "other");
  saves_to(&t, "dir/other", "dir/other");
  saves_to(&t, "new/", "new/name.bin");
  assert_int_equal(symlink("dir", "ln"), 0);
  saves_to(&t, "ln/third", "dir/third"); /* the way there is the user's own business */
  saves_to(&t, "ln", "dir/name.bin");
  char absolute[512];
  snprintf(absolute, sizeof absolute, "%s/dir/abs", made_dir);
  saves_to(&t, absolute, "dir/abs");
  assert_true(made_right(&t, 0, "dir/abs"));
  made_free(&t);
}

TEST(a_top_folder_goes_where_the_user_says) {
  struct made t = made_make_album();
  assert_int_equal(mkdir("dir", 0755), 0);
  saves_to(&t, NULL, "album/a.bin");
  saves_to(&t, "dir", "dir/album/a.bin");
  saves_to(&t, "fresh", "fresh/a.bin");
  saves_to(&t, "slash/", "slash/album/a.bin");
  made_free(&t);
}

TEST(the_paths_for_messages_name_what_the_user_named) {
  struct made t = made_make_album();
  assert_int_equal(mkdir("dir", 0755), 0);
  struct store *s = made_open(&t, "dir");
  assert_string_equal(store_top_path(s), "dir/album");
  assert_string_equal(store_file_path(s, 2), "dir/album/cd1/b.bin");
  assert_string_equal(store_file_path(s, 1), "");
  assert_string_equal(store_record_name(s), ".album.weft");
  store_close(s);
  s = made_open(&t, "dir/as");
  assert_string_equal(store_top_path(s), "dir/as");
  assert_string_equal(store_file_path(s, 0), "dir/as/a.bin");
  assert_string_equal(store_record_name(s), ".as.weft");
  store_close(s);
  made_free(&t);
}

TEST(a_record_name_is_never_too_long) {
  char name[256];
  memset(name, 'n', 255);
  name[255] = '\0';
  struct made t = made_single(name, 16384, 10);
  struct store *s = made_open(&t, NULL);
  assert_int_equal(strlen(store_record_name(s)), 1 + 40 + 5);
  store_close(s);
  made_free(&t);
}

static void refused(const struct made *t, const char *output, enum err want, const char *told) {
  made_listen();
  enum err e = made_try_open(t, output, false);
  made_told(told);
  if (e != want) fail_msg("-o %s: %s", output, err_name(e));
}

TEST(a_place_that_cannot_be_is_refused_with_the_reason) {
  struct made single = made_single("name", 16384, 10), multi = made_make_album();
  made_write("file", "x", 1);
  assert_int_equal(mkdir("name", 0755), 0);
  refused(&single, "none/x", ERR_NOT_FOUND, "none/");
  refused(&single, "none/x/", ERR_NOT_FOUND, "make it first");
  refused(&multi, "none/x", ERR_NOT_FOUND, "none/");
  refused(&single, "file/", ERR_EXISTS, "file/");
  refused(&single, "file/x", ERR_EXISTS, "file/");
  refused(&multi, "file", ERR_EXISTS, "file is a file");
  refused(&single, NULL, ERR_EXISTS, "name is a folder");
  refused(&single, "/dev/null", ERR_EXISTS, "no regular file");
  refused(&single, "", ERR_NOT_FOUND, "empty");
  assert_false(made_there("none"));
  made_free(&single);
  made_free(&multi);
}

TEST(a_link_is_never_written_through_but_may_be_read_through) {
  struct made single = made_single("name", 16384, 10), multi = made_make_album();
  made_put(&single, 0, "real");
  assert_int_equal(symlink("real", "name"), 0);
  assert_int_equal(symlink("real", "link"), 0);
  assert_int_equal(symlink("nowhere", "dangling"), 0);
  assert_int_equal(symlink(".", "album"), 0);
  refused(&single, NULL, ERR_EXISTS, "name is a symbolic link");
  refused(&single, "link", ERR_EXISTS, "link is a symbolic link");
  refused(&single, "dangling", ERR_EXISTS, "dangling is a symbolic link");
  refused(&multi, NULL, ERR_EXISTS, "album is a symbolic link");
  uint8_t b[10];
  struct store *s = made_open_read(&single, "link");
  assert_int_equal(store_read(s, 0, b, 10), ERR_OK);
  assert_memory_equal(b, single.data, 10);
  store_close(s);
  made_free(&single);
  made_free(&multi);
}

TEST(only_the_last_folder_of_a_place_is_made_and_removed_again_if_nothing_comes_of_it) {
  struct made t = made_make_album();
  made_listen();
  assert_int_equal(made_try_open(&t, "new/", true), ERR_NOT_FOUND);
  made_told("new/: no such");
  assert_false(made_there("new"));
  struct store *s = made_open(&t, "new/");
  assert_int_equal(store_lock(s), ERR_OK);
  assert_true(made_there("new/album"));
  store_close(s);
  assert_false(made_there("new"));
  made_free(&t);
}

/* weft -o X t, twice: the second time X is a folder, and still the name to give. */
TEST(a_folder_that_is_the_top_already_is_gone_on_in) {
  struct made t = made_make_album();
  struct store *s = made_prepared(&t, "x");
  made_write_all(s, &t);
  store_close(s);
  s = made_open(&t, "x"); /* by its files */
  assert_string_equal(store_file_path(s, 0), "x/a.bin");
  store_close(s);
  s = made_open(&t, "x/"); /* a slash says "inside" */
  assert_string_equal(store_file_path(s, 0), "x/album/a.bin");
  store_close(s);
  assert_int_equal(chdir("x"), 0);
  s = made_open_read(&t, ".");
  assert_string_equal(strrchr(store_top_path(s), '/'), "/x");
  store_close(s);
  assert_int_equal(chdir(".."), 0);
  assert_int_equal(truncate("x/a.bin", 1), 0);
  assert_int_equal(truncate("x/cd1/b.bin", 1), 0);
  assert_int_equal(truncate("x/cd2/deep/c.bin", 1), 0);
  s = made_open(&t, "x"); /* nothing there says so any more */
  assert_string_equal(store_file_path(s, 0), "x/album/a.bin");
  store_close(s);
  uint8_t head[28] = STORE_RECORD_MAGIC;
  memcpy(head + 8, t.m.info_hash, 20);
  made_write(".x.weft", head, sizeof head);
  s = made_open(&t, "x"); /* by the record beside it */
  assert_string_equal(store_file_path(s, 0), "x/a.bin");
  char spare[64];
  snprintf(spare, sizeof spare, "%s", store_record_spare(s));
  store_close(s);
  assert_int_equal(strlen(spare), 1 + 40 + 5);
  assert_int_equal(rename(".x.weft", spare), 0);
  s = made_open(&t, "x"); /* by the one that lies elsewhere */
  assert_string_equal(store_file_path(s, 0), "x/a.bin");
  store_close(s);
  assert_int_equal(rename(spare, ".x.weft"), 0);
  head[8] ^= 1;
  made_write(".x.weft", head, sizeof head);
  s = made_open(&t, "x"); /* of another torrent */
  assert_string_equal(store_file_path(s, 0), "x/album/a.bin");
  store_close(s);
  made_free(&t);
}

int main(void) {
  RUN(MADE(a_single_file_goes_where_the_user_says), MADE(a_top_folder_goes_where_the_user_says),
      MADE(the_paths_for_messages_name_what_the_user_named), MADE(a_record_name_is_never_too_long),
      MADE(a_place_that_cannot_be_is_refused_with_the_reason),
      MADE(a_link_is_never_written_through_but_may_be_read_through),
      MADE(only_the_last_folder_of_a_place_is_made_and_removed_again_if_nothing_comes_of_it),
      MADE(a_folder_that_is_the_top_already_is_gone_on_in));
}
