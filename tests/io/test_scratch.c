/*
 * Slots of a file without a name: io/scratch.
 */
#include "made.h"

#include <signal.h>
#include <sys/resource.h>

#include "io/scratch.h"

enum { SLOT = 5000 };

static struct scratch *s;

static void begin(void) {
  int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  assert_true(dirfd >= 0);
  s = scratch_new(dirfd, SLOT);
  assert_non_null(s);
  close(dirfd);
}

static void put(uint32_t slot, uint64_t at, const char *text) {
  assert_int_equal(scratch_write(s, slot, at, text, strlen(text)), ERR_OK);
}

static bool holds(uint32_t slot, uint64_t at, const char *text) {
  char got[64];
  assert_int_equal(scratch_read(s, slot, at, got, strlen(text)), ERR_OK);
  return memcmp(got, text, strlen(text)) == 0;
}

TEST(every_slot_has_bytes_of_its_own) {
  uint32_t slot[3];
  begin();
  for (int i = 0; i < 3; i++) assert_int_equal(scratch_take(s, &slot[i]), ERR_OK);
  assert_true(slot[0] != slot[1] && slot[1] != slot[2] && slot[2] != slot[0]);
  put(slot[1], 0, "begin");
  put(slot[1], SLOT - 3, "end");
  put(slot[0], SLOT - 4, "last");
  put(slot[2], 0, "first");
  assert_true(holds(slot[1], 0, "begin") && holds(slot[1], SLOT - 3, "end"));
  assert_true(holds(slot[0], SLOT - 4, "last") && holds(slot[2], 0, "first"));
  scratch_free(s);
}

TEST(what_was_given_back_is_taken_again) {
  uint32_t slot[4];
  begin();
  for (int i = 0; i < 3; i++) assert_int_equal(scratch_take(s, &slot[i]), ERR_OK);
  scratch_give(s, slot[1]);
  scratch_give(s, slot[0]);
  assert_int_equal(scratch_take(s, &slot[3]), ERR_OK);
  assert_int_equal(slot[3], slot[0]);
  assert_int_equal(scratch_take(s, &slot[3]), ERR_OK);
  assert_int_equal(slot[3], slot[1]);
  assert_int_equal(scratch_take(s, &slot[3]), ERR_OK);
  assert_true(slot[3] != slot[0] && slot[3] != slot[1] && slot[3] != slot[2]);
  scratch_free(s);
}

TEST(what_was_never_written_is_zeros) {
  uint32_t slot;
  char got[8] = "1234567";
  begin();
  assert_int_equal(scratch_take(s, &slot), ERR_OK);
  put(slot, 0, "ab");
  assert_int_equal(scratch_read(s, slot, 0, got, sizeof got), ERR_OK);
  assert_memory_equal(got, "ab\0\0\0\0\0\0", sizeof got);
  scratch_free(s);
}

TEST(nothing_is_to_be_seen_of_it) {
  uint32_t slot;
  begin();
  assert_int_equal(scratch_take(s, &slot), ERR_OK);
  put(slot, 0, "here");
  assert_int_equal(made_entries("."), 0);
  scratch_free(s);
  assert_int_equal(made_entries("."), 0);
}

TEST(where_no_such_file_can_be_it_lies_in_memory) {
  uint32_t slot;
  int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* takes no files */
  assert_true(fd >= 0);
  s = scratch_new(fd, SLOT);
  close(fd);
  assert_non_null(s);
  assert_int_equal(scratch_take(s, &slot), ERR_OK);
  put(slot, 7, "here");
  assert_true(holds(slot, 7, "here"));
  scratch_free(s);
}

TEST(a_write_that_fails_is_told) {
  struct rlimit before;
  uint32_t slot;
  begin();
  assert_int_equal(scratch_take(s, &slot), ERR_OK);
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, before.rlim_max}), 0);
  made_listen();
  enum err e = scratch_write(s, slot, 4090, "too much", 8);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  assert_int_equal(e, ERR_SPACE);
  made_told("a file without a name beside the download could not be written");
  scratch_free(s);
}

int main(void) {
  RUN(MADE(every_slot_has_bytes_of_its_own), MADE(what_was_given_back_is_taken_again),
      MADE(what_was_never_written_is_zeros), MADE(nothing_is_to_be_seen_of_it),
      MADE(where_no_such_file_can_be_it_lies_in_memory), MADE(a_write_that_fails_is_told));
}
