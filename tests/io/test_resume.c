/*
 * The record that a download goes on from, and everything that is not one: io/resume, FAULTS D9,
 * D12.
 */
#include "made.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <signal.h>

#include "io/resume.h"
#include "io/store_touch.h"

static struct made t;
static struct store *s;
static struct bitset done;

static int setup(void **state) {
  if (made_setup(state) != 0) return -1;
  struct made_file files[] = {{.path = "a", .length = 700},
                              {.path = ".pad/324", .length = 324, .padding = true},
                              {.path = "d/b", .length = 2000},
                              {.path = "empty"}};
  t = made_torrent("t", true, 256, files, 4);
  s = made_open(&t, NULL);
  return bitset_init(&done, t.m.geo.pieces) ? 0 : -1;
}

static int teardown(void **state) {
  store_close(s);
  bitset_free(&done);
  made_free(&t);
  return made_teardown(state);
}

static void reopen(void) {
  store_close(s);
  s = made_open(&t, NULL);
}

/* All written, all but piece 3 claimed, saved. What a run has written itself it vouches for only
 * where it can hear of other programs, so it is the next that saves: the record is the same
 * everywhere. */
static void save_most(void) {
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  made_write_all(s, &t);
  assert_int_equal(store_sync(s), ERR_OK);
  reopen();
  bitset_fill(&done);
  bitset_clear(&done, 3);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  bitset_reset(&done);
  reopen();
}

/* Reads the record that was saved; returns its length. */
static size_t saved(uint8_t out[static 512]) {
  int fd = open(".t.weft", O_RDONLY | O_CLOEXEC);
  ssize_t len = read(fd, out, 512);
  close(fd);
  assert_true(len > 0 && len < 512);
  return (size_t)len;
}

static void loads(bool ours, bool exact) {
  struct resume_state st;
  assert_int_equal(resume_load(s, &t.m, &done, &st), ERR_OK);
  if (st.ours != ours || st.exact != exact) fail_msg("ours %d, exact %d", st.ours, st.exact);
  if (!ours) assert_int_equal(done.count, 0);
}

TEST(what_was_saved_is_loaded_and_believed) {
  loads(false, false);
  save_most();
  loads(true, true);
  assert_int_equal(done.count, t.m.geo.pieces - 1);
  assert_false(bitset_get(&done, 3));
  assert_false(made_there(".t.weft.new"));
  struct stat st;
  assert_int_equal(stat(".t.weft", &st), 0);
  assert_int_equal(st.st_size, resume_len(&t.m));
}

TEST(a_record_of_nothing_still_says_whose_the_files_are) {
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  reopen();
  loads(true, true);
  assert_int_equal(done.count, 0);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  reopen();
  loads(true, false);
}

TEST(a_later_record_replaces_the_earlier) {
  save_most();
  bitset_reset(&done);
  bitset_set(&done, 1);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  made_write(".t.weft.new", "weftres", 7); /* from a kill in between */
  bitset_set(&done, 2);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  loads(true, true);
  assert_int_equal(done.count, 2);
  assert_int_equal(made_entries("."), 2);
}

static void touched(const char *path) {
  struct timespec times[2] = {{.tv_sec = 1000000000, .tv_nsec = 5}, {.tv_sec = 1000000000}};
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

TEST(files_that_changed_are_ours_but_not_believed) {
  save_most();
  touched("t/d/b");
  loads(true, false);
  save_most();
  assert_int_equal(truncate("t/a", 699), 0);
  loads(true, false);
  save_most();
  assert_int_equal(unlink("t/empty"), 0);
  loads(true, false);
  save_most();
  made_write("copy", t.data + 1024, 2000);
  assert_int_equal(rename("copy", "t/d/b"), 0);
  loads(true, false);
  save_most();
  assert_int_equal(link("t/a", "hard"), 0);
  loads(true, false);
  assert_int_equal(unlink("hard"), 0);
  loads(true, true);
}

/* A file that time and size do not give away, but the inode does. */
TEST(a_copy_with_the_same_time_is_not_believed) {
  save_most();
  touched("t/a");
  bitset_fill(&done);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  reopen();
  loads(true, true);
  made_write("copy", t.data, 700);
  assert_int_equal(rename("copy", "t/a"), 0);
  touched("t/a");
  loads(true, false);
}

TEST(pieces_without_their_files_are_not_believed) {
  bitset_fill(&done);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK); /* nothing is there */
  reopen();
  loads(true, false);
  assert_int_equal(store_prepare(s, ALLOCATE_NONE), ERR_OK); /* all are there, and empty */
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  reopen();
  loads(true, false);
}

/* The record is written while `t/d/b` was meddled with: what it claims of that file is gone. */
static void meddled(void (*meddle)(void)) {
  bitset_reset(&done);
  reopen();
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  made_write_all(s, &t);
  meddle();
  bitset_fill(&done);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  reopen();
  loads(true, false);
  assert_int_equal(unlink("t/d/b"), 0);
}

static void replace_it(void) {
  uint8_t other[2000] = {0};
  made_write("other", other, sizeof other);
  assert_int_equal(rename("other", "t/d/b"), 0);
}

static void delete_it(void) {
  assert_int_equal(unlink("t/d/b"), 0);
  reopen(); /* so that the file is opened again, and missed */
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  assert_int_equal(unlink("t/d/b"), 0);
  made_listen();
  assert_int_equal(store_write(s, 3000, t.data + 3000, 24), ERR_OK);
  made_told("deleted");
}

static void cut_it(void) {
  assert_int_equal(truncate("t/d/b", 100), 0);
  assert_int_equal(store_write(s, 3000, t.data + 3000, 24), ERR_OK);
  assert_int_equal(made_size("t/d/b"), 2000);
}

TEST(a_file_that_was_meddled_with_is_not_vouched_for) {
  meddled(replace_it);
  meddled(delete_it);
  meddled(cut_it);
}

/* ---- whose a file is ---- */

/* Is "t/d/b", of which no piece is known to be good, taken for ours? */
static bool is_vouched(void) {
  struct bitset none;
  struct resume_state st;
  size_t foreign;
  reopen();
  assert_int_equal(resume_load(s, &t.m, &done, &st), ERR_OK);
  assert_true(bitset_init(&none, t.m.geo.pieces));
  assert_int_equal(store_find_foreign(s, &none, &foreign), ERR_OK);
  bitset_free(&none);
  if (foreign != t.m.file_count) assert_int_equal(foreign, 2);
  return foreign == t.m.file_count;
}

/* All is there, with a record that claims nothing, as a run leaves it that was killed soon. */
static void save_nothing(enum store_allocate how) {
  reopen();
  assert_int_equal(store_prepare(s, how), ERR_OK);
  bitset_reset(&done);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  made_write_all(s, &t);
}

TEST(a_file_of_ours_is_ours_whatever_it_holds) {
  save_nothing(ALLOCATE_SPARSE);
  assert_true(is_vouched());
  assert_int_equal(unlink("t/a") | unlink("t/d/b"), 0);
  save_nothing(ALLOCATE_NONE); /* it has grown since the record */
  assert_true(is_vouched());
  assert_int_equal(truncate("t/d/b", 1000), 0);
  assert_true(is_vouched());
}

TEST(without_a_record_what_no_piece_speaks_for_is_nobody_s_we_know) {
  save_nothing(ALLOCATE_SPARSE);
  assert_int_equal(resume_remove(s, &t.m), ERR_OK);
  assert_int_equal(unlink("t/a"), 0);
  assert_false(is_vouched());
}

TEST(a_file_of_another_birth_or_size_is_somebody_else_s) {
  static const size_t sizes[] = {2000, 50, 5000};
  uint8_t letter[5000];
  memset(letter, 'l', sizeof letter);
  save_nothing(ALLOCATE_SPARSE);
  for (size_t i = 0; i < 3; i++) { /* some file systems give the inode number to the next file */
    assert_int_equal(unlink("t/d/b"), 0);
    made_write("t/d/b", letter, sizes[i]);
    touched("t/d/b");
    assert_false(is_vouched());
  }
}

TEST(a_file_of_ours_that_was_cut_or_outgrew_the_torrent_is_somebody_else_s) {
  save_nothing(ALLOCATE_SPARSE);
  assert_int_equal(truncate("t/d/b", 1999), 0);
  assert_false(is_vouched());
  assert_int_equal(truncate("t/d/b", 2001), 0);
  assert_false(is_vouched());
  assert_int_equal(truncate("t/d/b", 2000), 0);
  assert_true(is_vouched());
}

TEST(a_copy_on_another_disk_is_ours_if_it_has_the_size_and_time) {
  struct stat was;
  save_most();
  assert_int_equal(stat("t/d/b", &was), 0);
  made_write("copy", t.data, 2000);
  struct timespec times[2] = {was.st_atim, was.st_mtim};
  assert_int_equal(utimensat(AT_FDCWD, "copy", times, 0) | rename("copy", "t/d/b"), 0);
  assert_true(is_vouched());
}

TEST(a_file_that_replaced_ours_while_we_wrote_is_not_vouched_for) {
  save_nothing(ALLOCATE_SPARSE);
  made_write("letter", "to whom it may concern", 22);
  assert_int_equal(rename("letter", "t/d/b"), 0);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  assert_false(is_vouched());
}

TEST(a_file_that_we_write_without_hearing_of_others_is_ours) {
  store_touch_force_blind(true);
  reopen();
  assert_int_equal(store_lock(s), ERR_OK);
  save_nothing(ALLOCATE_SPARSE);
  bitset_set(&done, 1);
  assert_int_equal(store_sync(s), ERR_OK);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  store_touch_force_blind(false);
  loads(true, false);
  assert_true(is_vouched());
}

static bool write_elsewhere(void) {
  int fd = open("t/d/b", O_WRONLY | O_CLOEXEC);
  return fd >= 0 && pwrite(fd, "other", 5, 300) == 5;
}

/* All is written and claimed; another program writes before or after the record is
 * written. */
static void beside_another(bool before, bool after) {
  bitset_fill(&done);
  reopen();
  assert_int_equal(store_lock(s), ERR_OK);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  made_write_all(s, &t);
  assert_int_equal(store_sync(s), ERR_OK);
  if (before) made_elsewhere(write_elsewhere);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  if (after) made_elsewhere(write_elsewhere);
  reopen();
}

TEST(a_file_that_another_program_wrote_to_is_not_vouched_for) {
  made_needs_hearing();
  for (int i = 0; i < 10; i++) { /* at different points of a tick of the clock */
    beside_another(true, false);
    loads(true, false);
    beside_another(false, true);
    loads(true, false);
    beside_another(false, false);
    loads(true, true);
  }
}

/* What changes between the check and the download. */
TEST(a_change_after_the_check_is_not_vouched_for) {
  made_needs_hearing();
  save_most();
  assert_int_equal(store_lock(s), ERR_OK);
  loads(true, true);
  made_elsewhere(write_elsewhere);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  reopen();
  loads(true, false);
}

TEST(without_knowing_of_others_nothing_written_is_vouched_for) {
  store_touch_force_blind(true);
  beside_another(false, false);
  loads(true, false);
  assert_int_equal(store_lock(s), ERR_OK); /* the caller hashes, and writes nothing */
  bitset_fill(&done);
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  store_touch_force_blind(false);
  reopen();
  loads(true, true);
}

TEST(removing_takes_the_record_and_its_temporary) {
  save_most();
  made_write(".t.weft.new", "w", 1);
  assert_int_equal(resume_remove(s, &t.m), ERR_OK);
  assert_int_equal(resume_remove(s, &t.m), ERR_OK);
  assert_int_equal(made_entries("."), 1);
  loads(false, false);
}

/* A record is saved, found again and removed while `obstacle` is left as it is; a warning says
 * where the record is, when a run begins. */
static void goes_around(const char *obstacle) {
  struct stat was, now;
  char told[256];
  assert_int_equal(lstat(obstacle, &was), 0);
  bitset_set(&done, 1);
  made_listen();
  assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
  snprintf(told, sizeof told, "weft: warning: %s (beside t) is no resume record of this torrent "
           "and is left alone; the record is called %s\n", obstacle, store_record_spare(s));
  made_told(told);
  made_listen();
  assert_int_equal(resume_renew(s, &t.m, &done), ERR_OK);
  assert_string_equal(made_listened(), "");
  loads(true, true);
  assert_int_equal(done.count, 1);
  assert_int_equal(resume_remove(s, &t.m), ERR_OK);
  assert_false(made_there(store_record_spare(s)));
  loads(false, false);
  assert_int_equal(lstat(obstacle, &now), 0);
  assert_true(was.st_ino == now.st_ino && was.st_size == now.st_size);
}

TEST(what_is_somebody_else_s_by_the_name_of_the_record_is_left_alone) {
  uint8_t r[512];
  save_most();
  size_t len = saved(r);
  assert_int_equal(rename(".t.weft", "real") | symlink("real", ".t.weft"), 0);
  loads(false, false);
  goes_around(".t.weft");
  assert_int_equal(made_size("real"), resume_len(&t.m));
  assert_int_equal(unlink(".t.weft") | mkdir(".t.weft", 0755), 0);
  goes_around(".t.weft");
  assert_int_equal(rmdir(".t.weft"), 0);
  made_write(".t.weft", "my own notes", 12);
  goes_around(".t.weft");
  r[27] ^= 1; /* another torrent */
  made_write(".t.weft", r, len);
  goes_around(".t.weft");
}

TEST(what_is_somebody_else_s_by_the_name_of_a_new_record_is_left_alone) {
  save_most();
  made_write(".t.weft.new", "my own notes", 12);
  loads(true, true);
  assert_int_equal(unlink(".t.weft"), 0);
  bitset_reset(&done);
  goes_around(".t.weft.new");
}

TEST(without_a_name_there_is_no_record_and_nothing_is_touched) {
  save_most();
  assert_int_equal(resume_remove(s, &t.m), ERR_OK);
  made_write(".t.weft", "mine", 4);
  assert_int_equal(mkdir(store_record_spare(s), 0755), 0);
  made_listen();
  assert_int_equal(resume_save(s, &t.m, &done), ERR_EXISTS);
  made_told(".weft (beside t) cannot be written: something is in the way; move it away");
  made_listen();
  assert_int_equal(resume_renew(s, &t.m, &done), ERR_EXISTS); /* no reason to give up */
  made_told("weft: warning: the resume record ");
  assert_int_equal(resume_remove(s, &t.m), ERR_OK);
  assert_true(made_holds(".t.weft", "mine", 4));
  assert_int_equal(made_entries("."), 3);
}

TEST(what_a_kill_leaves_of_a_record_is_replaced) {
  uint8_t r[512];
  save_most();
  size_t len = saved(r);
  bitset_set(&done, 1);
  for (size_t n = 0; n < len; n += n < 28 ? 3 : 30) {
    made_write(".t.weft", r, n);
    made_write(".t.weft.new", r, n);
    assert_int_equal(resume_save(s, &t.m, &done), ERR_OK);
    assert_int_equal(made_entries("."), 2);
    loads(true, true);
    made_write(".t.weft.new", r, n);
    assert_int_equal(resume_remove(s, &t.m), ERR_OK);
    assert_int_equal(made_entries("."), 1);
    bitset_set(&done, 1);
  }
}

TEST(the_old_record_survives_when_the_new_cannot_be_written) {
  struct rlimit was, small;
  save_most();
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
  signal(SIGXFSZ, SIG_IGN);
  small = was;
  small.rlim_cur = 20;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  made_listen();
  enum err e = resume_save(s, &t.m, &done);
  made_restore();
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
  assert_int_equal(e, ERR_SPACE);
  assert_false(made_there(".t.weft.new"));
  loads(true, true);
  assert_int_equal(done.count, t.m.geo.pieces - 1);
}

/* ---- bytes that are no record ---- */

/* A good record of the files as they are. */
static size_t good_record(uint8_t *out) {
  struct resume_file files[4] = {{true, 700, 1234567890123456789, 5, 11},
                                 {false, 0, 0, 0, 0},
                                 {true, 2000, -5, INT64_MIN, UINT64_MAX},
                                 {true, 0, 1, 0, 13}};
  bitset_fill(&done);
  bitset_clear(&done, 5);
  assert_int_equal(resume_build(out, &t.m, &done, files), ERR_OK);
  return resume_len(&t.m);
}

/* Parses a heap copy of exactly `len` bytes. */
static enum err parse(const uint8_t *in, size_t len, struct resume_file *files) {
  uint8_t *copy = malloc(len ? len : 1);
  assert_non_null(copy);
  memcpy(copy, in, len);
  bitset_fill(&done);
  enum err e = resume_parse(copy, len, &t.m, &done, files);
  free(copy);
  if (e != ERR_OK) assert_int_equal(done.count, 0);
  return e;
}

/* Puts the hash right after a change, so that only the field itself can give it away. */
static void resign(uint8_t *record, size_t len) {
  sha1_once(record, len - 20, record + len - 20);
}

TEST(a_record_is_what_its_format_says) {
  uint8_t r[512];
  struct resume_file f[4];
  size_t len = good_record(r);
  assert_int_equal(len, 36 + 4 * 33 + 2 + 20);
  assert_memory_equal(r, "weftres2", 8);
  assert_memory_equal(r + 8, t.m.info_hash, 20);
  assert_memory_equal(r + 28, "\0\0\0\x0c\0\0\0\x04", 8); /* 12 pieces, 4 files */
  assert_memory_equal(r + 36, "\x01\0\0\0\0\0\0\x02\xbc", 9);
  assert_memory_equal(r + 168, "\xfb\xf0", 2);
  assert_int_equal(parse(r, len, f), ERR_OK);
  assert_int_equal(done.count, 11);
  assert_true(f[0].answered && f[0].size == 700 && f[0].mtime_ns == 1234567890123456789);
  assert_true(f[0].born_ns == 5 && f[2].born_ns == INT64_MIN);
  assert_true(!f[1].answered && f[2].mtime_ns == -5 && f[2].ino == UINT64_MAX && f[3].ino == 13);
}

TEST(a_record_cut_at_any_byte_is_none) {
  uint8_t r[512] = {0};
  struct resume_file f[4];
  size_t len = good_record(r);
  for (size_t n = 0; n < len; n++) assert_int_equal(parse(r, n, f), ERR_FORMAT);
  assert_int_equal(parse(r, len + 1, f), ERR_FORMAT);
}

TEST(a_record_with_any_bit_flipped_is_none) {
  uint8_t r[512];
  struct resume_file f[4];
  size_t len = good_record(r);
  for (size_t bit = 0; bit < len * 8; bit++) {
    r[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_int_equal(parse(r, len, f), ERR_FORMAT);
    r[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  assert_int_equal(parse(r, len, f), ERR_OK);
}

/* Changes one byte, with a right hash. */
static enum err with(size_t at, uint8_t value) {
  uint8_t r[512];
  struct resume_file f[4];
  size_t len = good_record(r);
  r[at] = value;
  resign(r, len);
  return parse(r, len, f);
}

TEST(a_record_of_another_version_torrent_or_shape_is_none) {
  assert_int_equal(with(7, '1'), ERR_FORMAT);  /* version */
  assert_int_equal(with(8, 0x55), ERR_FORMAT); /* info hash */
  assert_int_equal(with(31, 13), ERR_FORMAT);  /* pieces */
  assert_int_equal(with(28, 0xff), ERR_FORMAT);
  assert_int_equal(with(35, 3), ERR_FORMAT); /* files */
  assert_int_equal(with(32, 0xff), ERR_FORMAT);
  assert_int_equal(with(36, 2), ERR_FORMAT);      /* exists */
  assert_int_equal(with(169, 0xf1), ERR_FORMAT);  /* a bit for piece 15 */
  assert_int_equal(with(168, 0x00), ERR_OK);      /* fewer pieces are fine */
}

TEST(a_longer_bitfield_or_more_files_is_none) {
  uint8_t r[600];
  struct resume_file f[4];
  size_t len = good_record(r);
  memmove(r + 170 + 64, r + 170, 20);
  memset(r + 170, 0xff, 64);
  resign(r, len + 64);
  assert_int_equal(parse(r, len + 64, f), ERR_FORMAT);
  len = good_record(r);
  memmove(r + 168 + 33, r + 168, 22);
  r[35] = 5;
  resign(r, len + 33);
  assert_int_equal(parse(r, len + 33, f), ERR_FORMAT);
}

TEST(damage_on_disk_is_no_record_and_no_failure) {
  uint8_t r[512];
  save_most();
  size_t len = saved(r);
  for (size_t n = 0; n < len; n += 7) {
    made_write(".t.weft", r, n);
    loads(false, false);
  }
  r[40] ^= 4;
  made_write(".t.weft", r, len);
  loads(false, false);
  made_write(".t.weft", "", 0);
  assert_int_equal(truncate(".t.weft", INT64_C(1) << 40), 0); /* is not read, let alone allocated */
  loads(false, false);
  r[40] ^= 4;
  made_write(".t.weft", r, len);
  loads(true, true);
}

TEST(a_torrent_without_pieces_has_a_record_too) {
  struct made_file file = {.path = "empty"};
  struct made e = made_torrent("e", true, 256, &file, 1);
  struct store *es = made_open(&e, NULL);
  struct bitset none;
  struct resume_state st;
  assert_true(bitset_init(&none, 0));
  assert_int_equal(resume_save(es, &e.m, &none), ERR_OK);
  assert_int_equal(resume_load(es, &e.m, &none, &st), ERR_OK);
  assert_true(st.ours && st.exact);
  store_close(es);
  bitset_free(&none);
  made_free(&e);
}

#define RECORD(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  RUN(RECORD(what_was_saved_is_loaded_and_believed),
      RECORD(a_record_of_nothing_still_says_whose_the_files_are),
      RECORD(a_later_record_replaces_the_earlier),
      RECORD(files_that_changed_are_ours_but_not_believed),
      RECORD(a_copy_with_the_same_time_is_not_believed),
      RECORD(pieces_without_their_files_are_not_believed),
      RECORD(a_file_that_was_meddled_with_is_not_vouched_for),
      RECORD(a_file_of_ours_is_ours_whatever_it_holds),
      RECORD(without_a_record_what_no_piece_speaks_for_is_nobody_s_we_know),
      RECORD(a_file_of_another_birth_or_size_is_somebody_else_s),
      RECORD(a_file_of_ours_that_was_cut_or_outgrew_the_torrent_is_somebody_else_s),
      RECORD(a_copy_on_another_disk_is_ours_if_it_has_the_size_and_time),
      RECORD(a_file_that_replaced_ours_while_we_wrote_is_not_vouched_for),
      RECORD(a_file_that_we_write_without_hearing_of_others_is_ours),
      RECORD(a_file_that_another_program_wrote_to_is_not_vouched_for),
      RECORD(a_change_after_the_check_is_not_vouched_for),
      RECORD(without_knowing_of_others_nothing_written_is_vouched_for),
      RECORD(removing_takes_the_record_and_its_temporary),
      RECORD(what_is_somebody_else_s_by_the_name_of_the_record_is_left_alone),
      RECORD(what_is_somebody_else_s_by_the_name_of_a_new_record_is_left_alone),
      RECORD(without_a_name_there_is_no_record_and_nothing_is_touched),
      RECORD(what_a_kill_leaves_of_a_record_is_replaced),
      RECORD(the_old_record_survives_when_the_new_cannot_be_written),
      RECORD(a_record_is_what_its_format_says), RECORD(a_record_cut_at_any_byte_is_none),
      RECORD(a_record_with_any_bit_flipped_is_none),
      RECORD(a_record_of_another_version_torrent_or_shape_is_none),
      RECORD(a_longer_bitfield_or_more_files_is_none),
      RECORD(damage_on_disk_is_no_record_and_no_failure),
      RECORD(a_torrent_without_pieces_has_a_record_too));
}
