/*
 * Creating what is missing, and leaving alone what is in the way: io/store_make.
 */
#include "made.h"

/* ---- preparing ---- */

TEST(preparing_gives_files_the_length_that_was_asked_for) {
  static const enum store_allocate how[] = {ALLOCATE_NONE, ALLOCATE_SPARSE, ALLOCATE_FULL};
  for (size_t i = 0; i < 3; i++) {
    struct made t = made_single("f", 1 << 20, 3 << 20);
    struct stat st;
    struct store *s = made_open(&t, NULL);
    assert_int_equal(store_prepare(s, how[i]), ERR_OK);
    store_close(s);
    assert_int_equal(stat("f", &st), 0);
    assert_int_equal(st.st_size, how[i] == ALLOCATE_NONE ? 0 : 3 << 20);
    if (how[i] == ALLOCATE_SPARSE) assert_true(st.st_blocks < 1000);
    if (how[i] == ALLOCATE_FULL) assert_true(st.st_blocks >= 6 << 10);
    assert_int_equal(unlink("f"), 0);
    made_free(&t);
  }
}

TEST(existing_content_is_kept_shorter_longer_or_empty) {
  struct made_file files[] = {
    {.path = "short", .length = 100},
    {.path = "long", .length = 10},
    {.path = "zero", .length = 5},
  };
  struct made t = made_torrent("t", true, 16384, files, 3);
  assert_int_equal(mkdir("t", 0755), 0);
  made_write("t/short", "short", 5);
  made_write("t/long", "much too long", 13);
  made_write("t/zero", "", 0);
  struct store *s = made_prepared(&t, NULL);
  assert_int_equal(made_size("t/short"), 100);
  assert_true(made_holds("t/long", "much too long", 13)); /* cut only at the end */
  assert_int_equal(made_size("t/zero"), 5);
  made_write_all(s, &t);
  assert_int_equal(made_size("t/long"), 13);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  store_close(s);
  for (size_t i = 0; i < 3; i++) {
    char path[64];
    snprintf(path, sizeof path, "t/%s", files[i].path);
    assert_true(made_right(&t, i, path));
  }
  made_free(&t);
}

TEST(new_files_have_the_mode_that_the_umask_leaves) {
  struct made_file files[] = {{.path = "d/f", .length = 1}};
  struct made t = made_torrent("t", true, 16384, files, 1);
  struct stat st;
  t.m.files[0].executable = true;
  mode_t before = umask(027);
  struct store *s = made_prepared(&t, NULL);
  umask(before);
  store_close(s);
  assert_int_equal(stat("t/d/f", &st), 0);
  assert_int_equal(st.st_mode & 07777, 0640);
  assert_int_equal(stat("t/d", &st), 0);
  assert_int_equal(st.st_mode & 07777, 0750);
  made_free(&t);
}

TEST(preparing_again_changes_nothing) {
  struct made t = made_make_album();
  struct store *s = made_prepared(&t, NULL);
  made_write_all(s, &t);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  store_close(s);
  s = made_prepared(&t, NULL);
  store_close(s);
  assert_true(made_right(&t, 0, "album/a.bin") && made_right(&t, 2, "album/cd1/b.bin"));
  made_free(&t);
}

TEST(without_permission_the_folder_is_named) {
  struct made t = made_make_album();
  assert_int_equal(mkdir("ro", 0555) | chmod(".", 0755), 0);
  uid_t me = geteuid();
  if (me == 0) assert_int_equal(seteuid(65534), 0);
  struct store *s = made_open(&t, "ro");
  made_listen();
  assert_int_equal(store_lock(s), ERR_ACCESS);
  made_told("ro/album: permission denied");
  assert_int_equal(seteuid(me), 0);
  store_close(s);
  made_free(&t);
}

TEST(hostile_names_stay_beneath_the_top) {
  struct made_file files[] = {{.path = "x/y", .length = 3}, {.path = "x/y", .length = 3}};
  struct made t = made_torrent("../../evil", true, 16384, files, 2);
  free(t.m.files[0].path[0]);
  t.m.files[0].path[0] = strdup("..");
  t.m.files[0].path_len[0] = 2;
  free(t.m.files[1].path[1]);
  t.m.files[1].path[1] = strdup("/etc/pass\nwd");
  t.m.files[1].path_len[1] = 12;
  struct store *s = made_prepared(&t, NULL);
  made_write_all(s, &t);
  assert_int_equal(store_finish(s, NULL), ERR_OK);
  store_close(s);
  assert_int_equal(made_entries("."), 1);
  assert_true(made_right(&t, 0, ".._.._evil/_/y"));
  assert_true(made_right(&t, 1, ".._.._evil/x/_etc_pass_wd"));
  made_free(&t);
}

int main(void) {
  RUN(MADE(preparing_gives_files_the_length_that_was_asked_for),
      MADE(existing_content_is_kept_shorter_longer_or_empty),
      MADE(new_files_have_the_mode_that_the_umask_leaves), MADE(preparing_again_changes_nothing),
      MADE(without_permission_the_folder_is_named), MADE(hostile_names_stay_beneath_the_top));
}
