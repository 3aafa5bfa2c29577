/*
 * A download that comes to nothing leaves the disk as it was: io/store_undo, and its neighbours
 * that take back what they made.
 */
#include "made.h"

#include "io/resume.h"

/* As a download does it: the record, and everything made. */
static struct store *begun(const struct made *t, const char *output, enum store_allocate how) {
  struct bitset done = {0};
  struct store *s = made_open(t, output);
  assert_true(bitset_init(&done, t->m.geo.pieces));
  assert_int_equal(store_lock(s), ERR_OK);
  assert_int_equal(resume_save(s, &t->m, &done), ERR_OK);
  assert_int_equal(store_prepare(s, how), ERR_OK);
  bitset_free(&done);
  return s;
}

/* And how it ends when nothing came. */
static void discarded(struct store *s, const struct made *t) {
  assert_int_equal(store_discard(s), ERR_OK);
  assert_int_equal(resume_remove(s, &t->m), ERR_OK);
  store_close(s);
}

TEST(nothing_is_left_of_files_and_folders) {
  struct made t = made_make_album();
  for (int how = ALLOCATE_NONE; how <= ALLOCATE_FULL; how++) {
    struct store *s = begun(&t, NULL, (enum store_allocate)how);
    assert_true(made_there("album/cd2/deep/c.bin"));
    assert_int_equal(store_write(s, 0, t.data, 10000), ERR_OK); /* a piece in part */
    discarded(s, &t);
    assert_int_equal(made_entries("."), 0);
  }
  made_free(&t);
}

TEST(nothing_is_left_of_a_single_file_nor_of_the_folder_made_for_it) {
  struct made t = made_single("file", 16384, 50000);
  struct store *s = begun(&t, "new/", ALLOCATE_SPARSE);
  assert_int_equal(made_size("new/file"), 50000);
  assert_int_equal(made_entries("new"), 2);
  discarded(s, &t);
  assert_int_equal(made_entries("."), 0);
  made_free(&t);
}

TEST(the_lock_holds_until_all_is_gone) {
  struct made t = made_single("file", 16384, 50000);
  struct store *s = begun(&t, NULL, ALLOCATE_SPARSE);
  assert_int_equal(store_discard(s), ERR_OK);
  struct store *other = made_open(&t, NULL);
  made_listen();
  assert_int_equal(store_lock(other), ERR_EXISTS);
  made_told("another weft");
  assert_int_equal(made_size("file"), 0); /* in nobody's way should we be killed now */
  store_close(other);
  assert_int_equal(resume_remove(s, &t.m), ERR_OK);
  store_close(s);
  assert_int_equal(made_entries("."), 0);
  made_free(&t);
}

TEST(folders_and_empty_files_that_were_there_stay) {
  struct made t = made_make_album();
  assert_int_equal(mkdir("album", 0755) | mkdir("album/cd2", 0755), 0);
  made_write("album/a.bin", "", 0);
  made_write("album/mine", "mine", 4);
  struct store *s = begun(&t, NULL, ALLOCATE_SPARSE);
  assert_int_equal(made_size("album/a.bin"), 40000);
  assert_int_equal(store_write(s, 0, t.data, 10000), ERR_OK);
  discarded(s, &t);
  assert_int_equal(made_entries("."), 1);
  assert_int_equal(made_entries("album"), 3);
  assert_int_equal(made_entries("album/cd2"), 0);
  assert_int_equal(made_size("album/a.bin"), 0);
  assert_true(made_holds("album/mine", "mine", 4));
  made_free(&t);
}

TEST(what_somebody_put_there_meanwhile_stays) {
  struct made t = made_make_album();
  struct store *s = begun(&t, NULL, ALLOCATE_SPARSE);
  made_write("theirs", "theirs", 6);
  made_write("album/cd1/note", "note", 4);
  assert_int_equal(rename("theirs", "album/a.bin"), 0);          /* a file for a file */
  assert_int_equal(unlink("album/cd2/deep/c.bin"), 0);           /* a link for a file */
  assert_int_equal(symlink("../../cd1/note", "album/cd2/deep/c.bin"), 0);
  discarded(s, &t);
  assert_int_equal(made_entries("."), 1);
  assert_true(made_holds("album/a.bin", "theirs", 6));
  assert_true(made_holds("album/cd1/note", "note", 4));
  assert_int_equal(made_entries("album/cd1"), 1);
  assert_true(made_there("album/cd2/deep/c.bin"));
  made_free(&t);
}

TEST(files_that_were_made_again_go_too) {
  struct made t = made_make_album();
  struct store *s = begun(&t, NULL, ALLOCATE_SPARSE);
  assert_int_equal(unlink("album/cd2/deep/c.bin") | rmdir("album/cd2/deep"), 0);
  made_listen();
  assert_int_equal(store_write(s, t.m.files[4].offset, t.data, 7), ERR_OK);
  made_told("made again");
  assert_int_equal(made_size("album/cd2/deep/c.bin"), 7);
  discarded(s, &t);
  assert_int_equal(made_entries("."), 0);
  made_free(&t);
}

TEST(what_cannot_be_removed_is_told) {
  struct made t = made_make_album();
  struct store *s = begun(&t, NULL, ALLOCATE_SPARSE);
  uid_t me = geteuid();
  assert_int_equal(chmod("album/cd1", 0555), 0);
  if (me == 0) assert_int_equal(chmod(".", 0755) | seteuid(65534), 0);
  made_listen();
  enum err e = store_discard(s);
  assert_int_equal(seteuid(me), 0);
  made_told("album/cd1/b.bin is left behind: permission denied");
  assert_int_equal(e, ERR_ACCESS);
  store_close(s);
  assert_int_equal(chmod("album/cd1", 0755), 0);
  assert_true(made_there("album/cd1/b.bin"));
  made_free(&t);
}

TEST(preparing_that_fails_half_way_leaves_everything_as_it_was) {
  struct made t = made_make_album();
  assert_int_equal(mkdir("album", 0755) | mkdir("album/cd2", 0755) | mkdir("album/cd2/deep", 0755) |
                     mkdir("album/cd2/deep/c.bin", 0755), 0); /* in the way of the last file */
  made_write("album/a.bin", "abc", 3);
  struct store *s = made_open(&t, NULL);
  assert_int_equal(store_lock(s), ERR_OK);
  made_listen();
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_EXISTS);
  made_told("album/cd2/deep/c.bin: a folder is in the way");
  assert_int_equal(made_entries("album"), 2);
  assert_true(made_holds("album/a.bin", "abc", 3));
  assert_int_equal(rmdir("album/cd2/deep/c.bin"), 0);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK); /* and it can be tried again */
  assert_int_equal(made_size("album/a.bin"), 40000);
  discarded(s, &t);
  assert_int_equal(made_entries("album"), 2);
  assert_true(made_holds("album/a.bin", "abc", 3));
  made_free(&t);
}

TEST(preparing_again_that_fails_takes_nothing_away) {
  struct made t = made_make_album();
  struct store *s = begun(&t, NULL, ALLOCATE_SPARSE);
  made_write_all(s, &t);
  assert_int_equal(unlink("album/cd2/deep/c.bin") | mkdir("album/cd2/deep/c.bin", 0755), 0);
  made_listen();
  assert_int_equal(store_finish(s, NULL), ERR_NOT_FOUND);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_EXISTS);
  made_told("a folder is in the way");
  store_close(s);
  assert_true(made_right(&t, 0, "album/a.bin") && made_right(&t, 2, "album/cd1/b.bin"));
  made_free(&t);
}

int main(void) {
  RUN(MADE(nothing_is_left_of_files_and_folders),
      MADE(nothing_is_left_of_a_single_file_nor_of_the_folder_made_for_it),
      MADE(the_lock_holds_until_all_is_gone), MADE(folders_and_empty_files_that_were_there_stay),
      MADE(what_somebody_put_there_meanwhile_stays), MADE(files_that_were_made_again_go_too),
      MADE(what_cannot_be_removed_is_told),
      MADE(preparing_that_fails_half_way_leaves_everything_as_it_was),
      MADE(preparing_again_that_fails_takes_nothing_away));
}
