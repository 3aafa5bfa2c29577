/*
 * Hashing what is on disk: io/check.
 */
#include "made.h"

#include "io/check.h"
#include "io/resume.h"

static struct made t;
static struct store *s;
static struct bitset good;

static void begin(const char *name, bool multi, uint32_t piece_len, const struct made_file *files,
                  size_t count) {
  t = made_torrent(name, multi, piece_len, files, count);
  s = made_open(&t, NULL);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  made_write_all(s, &t);
  assert_true(bitset_init(&good, t.m.geo.pieces));
}

static void end(void) {
  store_close(s);
  bitset_free(&good);
  made_free(&t);
}

/* Checks with 1, 3 and the usual number of threads: the same must come out, and the counts right.
 * */
static void check(const struct bitset *which) {
  static const unsigned threads[] = {1, 3, 0};
  struct bitset first;
  assert_true(bitset_init(&first, t.m.geo.pieces));
  for (size_t i = 0; i < 3; i++) {
    struct check_progress p = {0};
    bitset_fill(&good); /* whatever it held */
    assert_int_equal(check_run(s, &t.m, which, &good, threads[i], &p), ERR_OK);
    assert_int_equal(atomic_load(&p.pieces_done), which ? which->count : t.m.geo.pieces);
    assert_int_equal(atomic_load(&p.pieces_good), good.count);
    if (i == 0) bitset_copy(&first, &good);
    assert_int_equal(good.count, first.count);
    assert_int_equal(bitset_next_andnot(&good, &first, 0), good.bits);
  }
  bitset_free(&first);
}

/* All are good but those from `first` on, `count` of them. */
static void all_but(size_t first, size_t count) {
  check(NULL);
  for (size_t i = 0; i < good.bits; i++)
    if (bitset_get(&good, i) != (i < first || i >= first + count)) fail_msg("piece %zu", i);
}

TEST(a_whole_file_is_good_to_its_short_last_piece) {
  static const uint32_t piece_len[] = {1, 1000, 16384, 262144, 262145, 1 << 20, 1 << 22};
  for (size_t i = 0; i < sizeof piece_len / sizeof *piece_len; i++) {
    struct made_file f = {.length = piece_len[i] == 1 ? 1000 : 1500001};
    begin("f", false, piece_len[i], &f, 1);
    all_but(0, 0);
    end();
    assert_int_equal(unlink("f"), 0);
  }
}

TEST(a_wrong_byte_spoils_its_piece_alone) {
  struct made_file f = {.length = 1500001};
  begin("f", false, 100000, &f, 1);
  assert_int_equal(store_write(s, 700000, "\0", 1), ERR_OK);
  all_but(7, 1);
  assert_int_equal(store_write(s, 1500000, "\0", 1), ERR_OK);
  check(NULL);
  assert_int_equal(good.count, 14);
  end();
}

static const struct made_file files[] = {
  {.path = "a", .length = 2500},    {.path = "empty"},
  {.path = "b", .length = 100},     {.path = "pad", .length = 1400, .padding = true},
  {.path = "d/c", .length = 4000},  {.path = "pad", .length = 96, .padding = true},
  {.path = "d/last", .length = 300}};

TEST(pieces_over_many_files_and_padding_are_good) {
  begin("t", true, 1000, files, 7);
  all_but(0, 0);
  end();
}

TEST(a_missing_file_spoils_what_reaches_into_it) {
  begin("t", true, 1000, files, 7);
  assert_int_equal(unlink("t/b"), 0); /* bytes 2500 to 2600 */
  all_but(2, 1);
  assert_int_equal(unlink("t/d/c"), 0); /* 4000 to 8000 */
  check(NULL);
  assert_int_equal(good.count, t.m.geo.pieces - 5);
  assert_true(bitset_get(&good, 3)); /* padding alone */
  end();
}

TEST(a_missing_empty_file_spoils_nothing) {
  begin("t", true, 1000, files, 7);
  assert_int_equal(unlink("t/empty"), 0);
  all_but(0, 0);
  end();
}

TEST(a_short_file_spoils_what_it_lacks_and_a_long_one_nothing) {
  begin("t", true, 1000, files, 7);
  assert_int_equal(truncate("t/d/c", 2001), 0); /* ends at 6001 */
  all_but(6, 2);
  assert_int_equal(truncate("t/d/c", 0), 0);
  made_put(&t, 4, "t/d/c");
  assert_int_equal(truncate("t/d/c", 5000), 0);
  assert_int_equal(truncate("t/a", 5000), 0);
  all_but(0, 0);
  assert_int_equal(made_size("t/a"), 5000); /* checking cuts nothing */
  end();
}

TEST(what_is_no_file_spoils_and_several_names_do_not) {
  begin("t", true, 1000, files, 7);
  store_close(s);
  assert_int_equal(unlink("t/a") | mkdir("t/a", 0755), 0);
  assert_int_equal(link("t/d/c", "other"), 0);
  s = made_open(&t, NULL);
  all_but(0, 3);
  assert_int_equal(rmdir("t/a"), 0);
  made_put(&t, 0, "real");
  assert_int_equal(symlink("../real", "t/a"), 0);
  all_but(0, 3);
  end();
}

TEST(nothing_there_is_nothing_good) {
  t = made_torrent("t", true, 1000, files, 7);
  s = made_open_read(&t, NULL);
  assert_true(bitset_init(&good, t.m.geo.pieces));
  check(NULL);
  assert_int_equal(good.count, 1); /* the piece of padding */
  end();
}

TEST(only_the_pieces_asked_for_are_checked) {
  struct bitset which;
  struct made_file f = {.length = 100000};
  begin("f", false, 1000, &f, 1);
  assert_true(bitset_init(&which, t.m.geo.pieces));
  for (size_t i = 5; i < 100; i += 13) bitset_set(&which, i);
  assert_int_equal(store_write(s, 18000, "\0", 1), ERR_OK);
  check(&which);
  assert_int_equal(good.count, which.count - 1);
  assert_false(bitset_get(&good, 18));
  assert_int_equal(bitset_next_andnot(&good, &which, 0), good.bits);
  bitset_reset(&which);
  check(&which);
  assert_int_equal(good.count, 0);
  bitset_free(&which);
  end();
}

TEST(a_torrent_without_bytes_is_checked_at_once) {
  struct made_file f = {.path = "empty"};
  begin("t", true, 1000, &f, 1);
  check(NULL);
  end();
}

TEST(a_cancelled_check_says_so) {
  struct made_file f = {.length = 100000};
  struct check_progress p = {0};
  begin("f", false, 1000, &f, 1);
  atomic_store(&p.cancel, true);
  assert_int_equal(check_run(s, &t.m, NULL, &good, 2, &p), ERR_CANCELLED);
  assert_int_equal(good.count, 0);
  assert_int_equal(check_run(s, &t.m, NULL, &good, 2, NULL), ERR_OK);
  assert_int_equal(good.count, 100);
  end();
}

TEST(without_the_sha_instructions_the_same_comes_out) {
  struct made_file f = {.length = 1500001};
  sha1_force_openssl(true);
  begin("f", false, 100000, &f, 1);
  assert_int_equal(store_write(s, 700000, "\0", 1), ERR_OK);
  all_but(7, 1);
  sha1_force_openssl(false);
  end();
}

int main(void) {
  RUN(MADE(a_whole_file_is_good_to_its_short_last_piece),
      MADE(a_wrong_byte_spoils_its_piece_alone), MADE(pieces_over_many_files_and_padding_are_good),
      MADE(a_missing_file_spoils_what_reaches_into_it),
      MADE(a_missing_empty_file_spoils_nothing),
      MADE(a_short_file_spoils_what_it_lacks_and_a_long_one_nothing),
      MADE(what_is_no_file_spoils_and_several_names_do_not), MADE(nothing_there_is_nothing_good),
      MADE(only_the_pieces_asked_for_are_checked), MADE(a_torrent_without_bytes_is_checked_at_once),
      MADE(a_cancelled_check_says_so), MADE(without_the_sha_instructions_the_same_comes_out));
}
