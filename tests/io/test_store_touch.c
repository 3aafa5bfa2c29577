/*
 * Writes of another program are told from our own, and nothing is lost when there are many:
 * io/store_touch.
 */
#include "made.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>

#include "io/store_touch.h"

static struct store_touch t;
static int fd;

/* "file", opened and listened to. */
static void listen_to_file(void) {
  made_needs_hearing();
  store_touch_init(&t);
  store_touch_open(&t);
  store_touch_open(&t);
  fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  store_touch_add(&t, fd);
  store_touch_add(&t, fd);
}

static void stop(void) {
  close(fd);
  store_touch_free(&t);
  store_touch_free(&t);
}

static void write_here(void) {
  assert_int_equal(pwrite(fd, "ours", 4, 0), 4);
  store_touch_wrote(&t);
}

static bool write_there(void) {
  return pwrite(fd, "their", 5, 2) == 5;
}

static bool punch(void) {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0;
}

static bool cut(void) {
  return ftruncate(fd, 3) == 0;
}

static bool read_only(void) {
  char c;
  int other = open("file", O_RDONLY | O_CLOEXEC);
  return pread(other, &c, 1, 0) == 1 && fchmod(other, 0644) == 0 && rename("file", "moved") == 0;
}

TEST(our_own_writes_and_what_changes_no_byte_do_not_count) {
  listen_to_file();
  write_here();
  assert_false(store_touch_seen(&t));
  assert_int_equal(ftruncate(fd, 8192), 0);
  made_elsewhere(read_only);
  assert_false(store_touch_seen(&t));
  assert_false(store_touch_is_blind(&t));
  stop();
}

TEST(every_change_by_another_counts_in_the_midst_of_ours) {
  static bool (*const changes[])(void) = {write_there, punch, cut};
  listen_to_file();
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    write_here();
    made_elsewhere(changes[i]);
    write_here();
    assert_true(store_touch_seen(&t));
    assert_true(store_touch_seen(&t)); /* until it is reset */
    store_touch_reset(&t, false);
    assert_false(store_touch_seen(&t));
  }
  store_touch_reset(&t, true);
  assert_true(store_touch_seen(&t));
  stop();
}

TEST(a_file_that_was_not_added_or_is_closed_by_us) {
  listen_to_file();
  int added = fd;
  fd = open("other", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  made_elsewhere(write_there);
  assert_false(store_touch_seen(&t));
  close(fd);
  close(added);
  fd = open("file", O_RDWR | O_CLOEXEC);
  made_elsewhere(write_there);
  assert_true(store_touch_seen(&t));
  stop();
}

enum { FILES = 20000 }; /* more than the kernel keeps events */

/* Makes `FILES` files, listens to each, and has `change` change each once. */
static void very_many(void (*change)(void)) {
  listen_to_file();
  for (int i = 0; i < FILES; i++) {
    char name[16];
    snprintf(name, sizeof name, "f%d", i);
    close(fd);
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    store_touch_add(&t, fd);
    change();
  }
  bool heard = store_touch_seen(&t);
  write_here();
  bool blind = store_touch_is_blind(&t);
  stop();
  assert_false(heard);
  if (!blind) return;
  print_message("# this user may not listen to %d files\n", FILES);
  skip();
}

TEST(writes_to_very_many_files_are_not_taken_for_anothers) {
  very_many(write_here);
}

static void give_length(void) {
  assert_int_equal(ftruncate(fd, 100), 0);
}

TEST(very_many_files_given_their_length_are_not_taken_for_anothers) {
  very_many(give_length);
}

static void *write_in_thread(void *arg) {
  (void)arg;
  write_here();
  return NULL;
}

TEST(threads_of_ours_are_no_other_program) {
  listen_to_file();
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, write_in_thread, NULL), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_false(store_touch_seen(&t));
  stop();
}

/* In place of the system's read: what comes from `slow` is handed over when `other_knows`, or after
 * a moment. */
static atomic_int slow = -1;
static sem_t has_read, other_knows;

ssize_t slow_read(int from, void *to, size_t len) __asm__("read");

ssize_t slow_read(int from, void *to, size_t len) {
  ssize_t n = syscall(SYS_read, from, to, len);
  int expected = from;
  if (n <= 0 || !atomic_compare_exchange_strong(&slow, &expected, -1)) return n;
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec++;
  sem_post(&has_read);
  sem_timedwait(&other_knows, &end);
  return n;
}

static void *listen_slowly(void *arg) {
  (void)arg;
  store_touch_seen(&t);
  return NULL;
}

TEST(what_another_thread_is_just_hearing_of_counts) {
  listen_to_file();
  assert_int_equal(sem_init(&has_read, 0, 0) | sem_init(&other_knows, 0, 0), 0);
  made_elsewhere(write_there);
  atomic_store(&slow, t.group);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, listen_slowly, NULL), 0);
  assert_int_equal(sem_wait(&has_read), 0);
  bool heard = store_touch_seen(&t);
  sem_post(&other_knows);
  assert_int_equal(pthread_join(thread, NULL), 0);
  stop();
  assert_true(heard);
}

TEST(a_file_that_cannot_be_listened_to_makes_it_blind) {
  listen_to_file();
  write_here();
  assert_false(store_touch_is_blind(&t));
  store_touch_add(&t, -1);
  assert_true(store_touch_is_blind(&t));
  made_elsewhere(write_there); /* the other is listened to still */
  assert_true(store_touch_seen(&t));
  stop();
}

TEST(without_the_kernels_help_it_is_blind_once_we_write) {
  store_touch_init(&t);
  store_touch_force_blind(true);
  store_touch_open(&t);
  store_touch_force_blind(false);
  fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  store_touch_add(&t, fd);
  assert_false(store_touch_is_blind(&t) || store_touch_seen(&t));
  write_here();
  assert_true(store_touch_is_blind(&t));
  assert_false(store_touch_seen(&t));
  stop();
}

int main(void) {
  RUN(MADE(our_own_writes_and_what_changes_no_byte_do_not_count),
      MADE(every_change_by_another_counts_in_the_midst_of_ours),
      MADE(a_file_that_was_not_added_or_is_closed_by_us),
      MADE(writes_to_very_many_files_are_not_taken_for_anothers),
      MADE(very_many_files_given_their_length_are_not_taken_for_anothers),
      MADE(threads_of_ours_are_no_other_program),
      MADE(what_another_thread_is_just_hearing_of_counts),
      MADE(a_file_that_cannot_be_listened_to_makes_it_blind),
      MADE(without_the_kernels_help_it_is_blind_once_we_write));
}
