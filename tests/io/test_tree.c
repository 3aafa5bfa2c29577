/*
 * The files under a path, and their piece hashes: io/tree, io/tree_hash.
 */
#include "made.h"

#include <time.h>

#include "io/tree.h"
#include "io/tree_hash.h"

static struct tree t;

static void folder(const char *path) {
  assert_int_equal(mkdir(path, 0777), 0);
}

static void put(const char *path, size_t len) {
  uint8_t *data = malloc(len + 1);
  assert_non_null(data);
  for (size_t i = 0; i < len; i++) data[i] = (uint8_t)(i * 7 + len);
  made_write(path, data, len);
  free(data);
}

static enum err look(const char *path, struct tree_options o) {
  return tree_read(&t, path, &o);
}

/* The paths that were found, with blanks between; ends with the tree freed. */
static void assert_paths(const char *want) {
  char text[4096] = "";
  size_t at = 0;
  for (size_t i = 0; i < t.count; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "", t.files[i].path);
  assert_string_equal(text, want);
  tree_free(&t);
}

#define NAMED(pattern) .exclude = (const char *const[]){pattern}, .exclude_count = 1

TEST(files_come_in_the_order_of_their_paths_bytes) {
  folder("d");
  folder("d/a");
  put("d/a/x", 1);
  put("d/a.b", 2);
  put("d/a0", 3);
  put("d/B", 4);
  put("d/\xc3\xa9", 5);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(t.total, 15);
  assert_int_equal(t.files[1].offset, 4);
  assert_int_equal(t.files[4].offset, 10);
  assert_false(t.single);
  assert_paths("B a.b a/x a0 \xc3\xa9");
}

TEST(a_file_stands_for_itself) {
  put("f", 9);
  assert_int_equal(look("f", (struct tree_options){0}), ERR_OK);
  assert_true(t.single);
  assert_int_equal(t.count, 1);
  assert_int_equal(t.total, 9);
  tree_free(&t);
}

TEST(the_path_itself_is_followed) {
  folder("d");
  put("d/f", 1);
  assert_int_equal(symlink("d", "l"), 0);
  assert_int_equal(symlink("d/f", "m"), 0);
  assert_int_equal(look("l", (struct tree_options){0}), ERR_OK);
  assert_paths("f");
  assert_int_equal(look("m", (struct tree_options){0}), ERR_OK);
  assert_true(t.single);
  tree_free(&t);
}

TEST(links_and_special_files_and_empty_folders_are_left_out_and_counted) {
  folder("d");
  folder("d/e");
  folder("d/e/e");
  put("d/f", 1);
  assert_int_equal(symlink("f", "d/l"), 0);
  assert_int_equal(symlink("nowhere", "d/m"), 0);
  assert_int_equal(mkfifo("d/p", 0600), 0);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(t.links.count, 2);
  assert_int_equal(t.special.count, 1);
  assert_string_equal(t.special.first, "p");
  assert_int_equal(t.empty.count, 2);
  assert_paths("f");
}

TEST(links_are_followed_when_told_to_and_never_in_circles) {
  folder("d");
  folder("d/e");
  folder("other");
  put("other/x", 3);
  put("y", 4);
  assert_int_equal(symlink("../other", "d/o"), 0);
  assert_int_equal(symlink("../y", "d/y"), 0);
  assert_int_equal(symlink("..", "d/e/up"), 0);
  assert_int_equal(symlink("nowhere", "d/n"), 0);
  assert_int_equal(look("d", (struct tree_options){.follow_links = true}), ERR_OK);
  assert_int_equal(t.links.count, 2);
  assert_int_equal(t.total, 7);
  assert_int_equal(tree_recheck(&t), ERR_OK);
  enum err e;
  int fd = tree_open(&t, 0, &e);
  assert_true(fd >= 0);
  close(fd);
  assert_paths("o/x y");
}

TEST(what_is_excluded_is_left_out_folders_whole) {
  folder("d");
  folder("d/cache");
  folder("d/e");
  put("d/cache/x", 1);
  put("d/e/a.tmp", 1);
  put("d/b.tmp", 1);
  put("d/c", 1);
  assert_int_equal(look("d", (struct tree_options){NAMED("*.tmp")}), ERR_OK);
  assert_int_equal(t.excluded, 2);
  assert_int_equal(t.empty.count, 1);
  assert_paths("c cache/x");
  assert_int_equal(look("d", (struct tree_options){NAMED("cache/")}), ERR_OK);
  assert_paths("b.tmp c e/a.tmp");
  assert_int_equal(look("d", (struct tree_options){NAMED("/*.tmp")}), ERR_OK);
  assert_paths("c cache/x e/a.tmp");
}

TEST(the_file_that_is_to_be_written_is_no_part_of_it) {
  folder("d");
  put("d/f", 1);
  put("d/x.torrent", 1);
  assert_int_equal(look("d", (struct tree_options){.skip = "d/x.torrent"}), ERR_OK);
  assert_int_equal(t.skipped.count, 1);
  assert_string_equal(t.skipped.first, "x.torrent");
  assert_paths("f");
  assert_int_equal(link("d/f", "other"), 0);
  assert_int_equal(look("d", (struct tree_options){.skip = "other"}), ERR_OK);
  assert_string_equal(t.skipped.first, "f");
  assert_paths("x.torrent");
}

TEST(names_that_are_not_utf_8_are_kept) {
  folder("d");
  put("d/\xff", 1);
  put("d/\xc3\xa9", 1);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_paths("\xc3\xa9 \xff");
}

TEST(sixty_four_folders_are_deep_enough) {
  char path[400] = "d";
  folder(path);
  for (int i = 1; i < 64; i++) {
    snprintf(path + strlen(path), sizeof path - strlen(path), "/e");
    folder(path);
  }
  snprintf(path + strlen(path), sizeof path - strlen(path), "/f");
  put(path, 1);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(t.count, 1);
  tree_free(&t);
  *strrchr(path, '/') = '\0';
  strncat(path, "/e", sizeof path - strlen(path) - 1);
  folder(path);
  made_listen();
  assert_int_equal(look("d", (struct tree_options){0}), ERR_LIMIT);
  made_told("64 deep");
}

TEST(paths_longer_than_the_system_takes_at_once_are_read) {
  char name[201];
  memset(name, 'n', 200);
  name[200] = '\0';
  folder("d");
  int top = open(".", O_PATH | O_CLOEXEC);
  assert_int_equal(chdir("d"), 0);
  for (int i = 0; i < 25; i++) {
    folder(name);
    assert_int_equal(chdir(name), 0);
  }
  put("f", 5);
  int bottom = open(".", O_PATH | O_CLOEXEC);
  assert_int_equal(fchdir(top), 0);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(t.count, 1);
  enum err e;
  int fd = tree_open(&t, 0, &e);
  assert_true(fd >= 0);
  close(fd);
  assert_int_equal(tree_recheck(&t), ERR_OK);
  tree_free(&t);
  assert_int_equal(fchdir(bottom), 0); /* who tidies up knows no such paths */
  assert_int_equal(unlink("f"), 0);
  for (int i = 0; i < 25; i++) {
    assert_int_equal(chdir(".."), 0);
    assert_int_equal(rmdir(name), 0);
  }
  assert_int_equal(fchdir(top), 0);
  close(top);
  close(bottom);
}

TEST(what_is_not_there_or_no_file_is_told) {
  made_listen();
  assert_int_equal(look("nothing", (struct tree_options){0}), ERR_NOT_FOUND);
  made_told("'nothing' can't be read: it is not there");
  made_listen();
  assert_int_equal(look("/dev/null", (struct tree_options){0}), ERR_UNSUPPORTED);
  made_told("neither a file nor a folder");
}

TEST(what_may_not_be_read_is_an_error_that_names_it) {
  folder("d");
  put("d/f", 1);
  put("d/secret", 1);
  assert_int_equal(chmod("d/secret", 0), 0);
  assert_int_equal(chmod(".", 0755), 0);
  bool root = geteuid() == 0;
  if (root) assert_int_equal(seteuid(65534), 0);
  made_listen();
  enum err e = look("d", (struct tree_options){0});
  if (root) assert_int_equal(seteuid(0), 0);
  made_told("'d/secret' can't be read: you have no permission");
  assert_int_equal(e, ERR_ACCESS);
  assert_int_equal(look("d", (struct tree_options){NAMED("secret")}), ERR_OK);
  assert_paths("f");
}

TEST(cancelled_means_cancelled) {
  atomic_bool cancel;
  atomic_init(&cancel, true);
  folder("d");
  put("d/f", 1);
  assert_int_equal(look("d", (struct tree_options){.cancel = &cancel}), ERR_CANCELLED);
  assert_null(t.files);
}

/* --- changes --- */

static void assert_changed(void) {
  enum err e = ERR_OK;
  made_listen();
  int fd = tree_open(&t, 0, &e);
  made_told("changed while it was being read");
  assert_int_equal(fd, -1);
  assert_int_equal(e, ERR_MISMATCH);
  made_listen();
  assert_int_equal(tree_recheck(&t), ERR_MISMATCH);
  made_told("changed while it was being read");
  tree_free(&t);
}

TEST(a_file_that_grows_shrinks_or_goes_has_changed) {
  folder("d");
  put("d/f", 10);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  put("d/f", 11);
  assert_changed();
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(truncate("d/f", 3), 0);
  assert_changed();
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(unlink("d/f"), 0);
  assert_changed();
}

TEST(another_file_or_a_link_in_its_place_is_a_change) {
  folder("d");
  put("d/f", 10);
  put("g", 10);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(unlink("d/f"), 0);
  assert_int_equal(symlink("../g", "d/f"), 0);
  assert_changed();
  assert_int_equal(unlink("d/f"), 0);
  put("d/f", 10);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(rename("g", "d/f"), 0);
  assert_changed();
}

TEST(files_are_looked_at_again_in_whatever_folder_they_are) {
  static const char *const paths[] = {"d/a/x", "d/a/y", "d/a.b", "d/b/c/x", "d/b/x", "d/x"};
  enum { COUNT = sizeof paths / sizeof *paths };
  folder("d");
  folder("d/a");
  folder("d/b");
  folder("d/b/c");
  for (size_t i = 0; i < COUNT; i++) put(paths[i], i + 1);
  for (size_t i = 0; i < COUNT; i++) {
    assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
    assert_int_equal(t.count, COUNT);
    assert_int_equal(tree_recheck(&t), ERR_OK);
    made_listen();
    put(paths[i], i + 1);
    assert_int_equal(tree_recheck(&t), ERR_MISMATCH);
    made_told(paths[i]);
    tree_free(&t);
  }
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(rename("d/b", "b"), 0);
  assert_int_equal(symlink("../b", "d/b"), 0); /* the same files, by way of a link */
  assert_int_equal(tree_recheck(&t), ERR_MISMATCH);
  tree_free(&t);
}

TEST(new_bytes_of_the_same_length_are_a_change) {
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 5}};
  folder("d");
  put("d/f", 10);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(utimensat(AT_FDCWD, "d/f", times, 0), 0);
  assert_changed();
}

TEST(a_time_that_was_put_back_hides_no_change) {
  struct stat before;
  folder("d");
  put("d/f", 10);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(stat("d/f", &before), 0);
  made_write("d/f", (const uint8_t *)"0123456789", 10);
  struct timespec times[2] = {before.st_atim, before.st_mtim};
  assert_int_equal(utimensat(AT_FDCWD, "d/f", times, 0), 0);
  assert_changed();
}

TEST(no_later_change_can_have_a_time_that_was_seen) {
  struct timespec now;
  put("f", 10);
  assert_int_equal(look("f", (struct tree_options){0}), ERR_OK);
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  assert_true((int64_t)now.tv_sec * 1000000000 + now.tv_nsec > t.files[0].changed_ns);
  tree_free(&t);
}

/* --- tree_hash --- */

/* Hashes t with pieces of `piece_len` and compares with `all`, its bytes end to end. */
static void assert_hashes(uint32_t piece_len, const uint8_t *all) {
  static const unsigned threads[] = {1, 2, 5, 0};
  struct geometry geo;
  assert_int_equal(geometry_init(&geo, t.total, piece_len), ERR_OK);
  uint8_t *hashes = malloc((size_t)geo.pieces * SHA1_LEN);
  assert_non_null(hashes);
  for (size_t n = 0; n < sizeof threads / sizeof *threads; n++) {
    struct tree_hash_progress p = {0};
    memset(hashes, 0, (size_t)geo.pieces * SHA1_LEN);
    assert_int_equal(tree_hash_run(&t, &geo, hashes, threads[n], &p), ERR_OK);
    assert_int_equal(atomic_load(&p.bytes), t.total);
    for (uint32_t i = 0; i < geo.pieces; i++) {
      uint8_t want[SHA1_LEN];
      sha1_once(all + geometry_piece_offset(&geo, i), geometry_piece_len(&geo, i), want);
      if (memcmp(want, hashes + (size_t)i * SHA1_LEN, SHA1_LEN) != 0)
        fail_msg("piece %u of length %u, %u threads", i, piece_len, threads[n]);
    }
  }
  free(hashes);
}

/* The bytes of all files of t, as put() wrote them. */
static uint8_t *all_bytes(void) {
  uint8_t *all = malloc(t.total + 1);
  assert_non_null(all);
  for (size_t f = 0; f < t.count; f++)
    for (size_t i = 0; i < t.files[f].length; i++)
      all[t.files[f].offset + i] = (uint8_t)(i * 7 + t.files[f].length);
  return all;
}

TEST(pieces_are_hashed_across_the_ends_of_files) {
  static const size_t lengths[] = {0, 1, 700000, 0, 0, 16384, 300000, 3, 5, 1000000, 0};
  char path[32];
  folder("d");
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    snprintf(path, sizeof path, "d/%02zu", i);
    put(path, lengths[i]);
  }
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  uint8_t *all = all_bytes();
  assert_hashes(16384, all);
  assert_hashes(262144, all);
  assert_hashes(1 << 20, all);
  assert_hashes(1 << 23, all);
  free(all);
  tree_free(&t);
}

TEST(many_small_files_share_pieces) {
  char path[32];
  folder("d");
  for (int i = 0; i < 500; i++) {
    snprintf(path, sizeof path, "d/%03d", i);
    put(path, (size_t)i);
  }
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  uint8_t *all = all_bytes();
  assert_hashes(16384, all);
  free(all);
  tree_free(&t);
}

TEST(a_single_file_is_hashed) {
  put("f", 1234567);
  assert_int_equal(look("f", (struct tree_options){0}), ERR_OK);
  uint8_t *all = all_bytes();
  assert_hashes(65536, all);
  free(all);
  tree_free(&t);
}

static enum err hash_anyhow(bool cancel) {
  struct geometry geo;
  struct tree_hash_progress p = {0};
  atomic_store(&p.cancel, cancel);
  assert_int_equal(geometry_init(&geo, t.total, 16384), ERR_OK);
  uint8_t *hashes = calloc(geo.pieces, SHA1_LEN);
  assert_non_null(hashes);
  enum err e = tree_hash_run(&t, &geo, hashes, 2, &p);
  free(hashes);
  return e;
}

TEST(a_file_that_changed_after_the_walk_gives_no_hashes) {
  folder("d");
  put("d/a", 100000);
  put("d/b", 0);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  assert_int_equal(truncate("d/a", 50000), 0);
  made_listen();
  assert_int_equal(hash_anyhow(false), ERR_MISMATCH);
  made_told("'d/a' changed");
  tree_free(&t);
  assert_int_equal(look("d", (struct tree_options){0}), ERR_OK);
  put("d/b", 1); /* never read, as it was empty: seen at the end */
  made_listen();
  assert_int_equal(hash_anyhow(false), ERR_MISMATCH);
  made_told("'d/b' changed");
  tree_free(&t);
}

TEST(hashing_can_be_cancelled) {
  put("f", 1000000);
  assert_int_equal(look("f", (struct tree_options){0}), ERR_OK);
  assert_int_equal(hash_anyhow(true), ERR_CANCELLED);
  tree_free(&t);
}

int main(void) {
  RUN(MADE(files_come_in_the_order_of_their_paths_bytes), MADE(a_file_stands_for_itself),
      MADE(the_path_itself_is_followed),
      MADE(links_and_special_files_and_empty_folders_are_left_out_and_counted),
      MADE(links_are_followed_when_told_to_and_never_in_circles),
      MADE(what_is_excluded_is_left_out_folders_whole),
      MADE(the_file_that_is_to_be_written_is_no_part_of_it),
      MADE(names_that_are_not_utf_8_are_kept),
      MADE(sixty_four_folders_are_deep_enough),
      MADE(paths_longer_than_the_system_takes_at_once_are_read),
      MADE(what_is_not_there_or_no_file_is_told),
      MADE(what_may_not_be_read_is_an_error_that_names_it), MADE(cancelled_means_cancelled),
      MADE(a_file_that_grows_shrinks_or_goes_has_changed),
      MADE(another_file_or_a_link_in_its_place_is_a_change),
      MADE(files_are_looked_at_again_in_whatever_folder_they_are),
      MADE(new_bytes_of_the_same_length_are_a_change),
      MADE(a_time_that_was_put_back_hides_no_change),
      MADE(no_later_change_can_have_a_time_that_was_seen),
      MADE(pieces_are_hashed_across_the_ends_of_files), MADE(many_small_files_share_pieces),
      MADE(a_single_file_is_hashed), MADE(a_file_that_changed_after_the_walk_gives_no_hashes),
      MADE(hashing_can_be_cancelled));
}
