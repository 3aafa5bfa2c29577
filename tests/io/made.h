/*
 * made: torrents, folders and messages for the tests of io/store and its neighbours.
 *
 * made_torrent() builds a struct metainfo by hand from a list of paths and lengths, with content
 * that a seed decides and the right hashes, so that these tests need no parser and can have names
 * that no parser would give. Every test runs in a fresh folder, made_dir, which is also the current
 * one. made_listen() catches what is logged to stderr, so that a test can ask whether the user was
 * told.
 */
#ifndef WEFT_TESTS_IO_MADE_H
#define WEFT_TESTS_IO_MADE_H

#include "../test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sha1.h"
#include "io/store.h"
#include "proto/metainfo.h"

struct made_file {
  const char *path; /* elements split at '/' */
  uint64_t length;
  bool padding;
  bool symlink;
};

struct made {
  struct metainfo m;
  uint8_t *data; /* the whole torrent; padding is zeros */
};

static char made_dir[256];
static char made_heard[8192];
static int made_stderr = -1;
static int made_home = -1;

/* ---- torrents ---- */

static inline void made_split(struct metainfo_file *f, const char *path) {
  f->depth = 1;
  for (const char *p = path; *p; p++) f->depth += *p == '/';
  f->path = calloc(f->depth, sizeof *f->path);
  f->path_len = calloc(f->depth, sizeof *f->path_len);
  assert_true(f->path != NULL && f->path_len != NULL);
  for (size_t d = 0; d < f->depth; d++) {
    size_t n = strcspn(path, "/");
    f->path[d] = strndup(path, n);
    f->path_len[d] = n;
    path += n + (path[n] != '\0');
  }
}

static inline void made_fill(struct made *t, unsigned seed) {
  uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
  for (uint64_t i = 0; i < t->m.geo.total; i++) {
    x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    t->data[i] = (uint8_t)(x >> 56 | 1); /* never zero, so that a hole shows */
  }
  for (size_t i = 0; i < t->m.file_count; i++)
    if (t->m.files[i].padding)
      memset(t->data + t->m.files[i].offset, 0, (size_t)t->m.files[i].length);
}

static inline void made_hash(struct made *t) {
  for (uint32_t p = 0; p < t->m.geo.pieces; p++)
    sha1_once(t->data + geometry_piece_offset(&t->m.geo, p), geometry_piece_len(&t->m.geo, p),
              t->m.hashes + (size_t)p * SHA1_LEN);
}

/* A torrent called `name`; `count` 0 with `multi` false is not allowed. */
static inline struct made made_torrent(const char *name, bool multi, uint32_t piece_len,
                                       const struct made_file *files, size_t count) {
  struct made t = {0};
  uint64_t total = 0;
  t.m.multi = multi;
  t.m.name = strdup(name);
  t.m.name_len = strlen(name);
  t.m.file_count = count;
  t.m.files = calloc(count, sizeof *t.m.files);
  assert_non_null(t.m.files);
  for (size_t i = 0; i < count; i++) {
    made_split(&t.m.files[i], multi ? files[i].path : name);
    t.m.files[i].offset = total;
    t.m.files[i].length = files[i].length;
    t.m.files[i].padding = files[i].padding;
    t.m.files[i].symlink = files[i].symlink;
    total += files[i].length;
  }
  assert_int_equal(geometry_init(&t.m.geo, total, piece_len), ERR_OK);
  t.data = malloc(total ? (size_t)total : 1);
  t.m.hashes = malloc(t.m.geo.pieces ? (size_t)t.m.geo.pieces * SHA1_LEN : 1);
  assert_true(t.data != NULL && t.m.hashes != NULL);
  made_fill(&t, 7);
  made_hash(&t);
  sha1_once(name, strlen(name), t.m.info_hash);
  return t;
}

static inline struct made made_single(const char *name, uint32_t piece_len, uint64_t length) {
  return made_torrent(name, false, piece_len, &(struct made_file){.length = length}, 1);
}

static inline void made_free(struct made *t) {
  for (size_t i = 0; i < t->m.file_count; i++) {
    for (size_t d = 0; d < t->m.files[i].depth; d++) free(t->m.files[i].path[d]);
    free(t->m.files[i].path);
    free(t->m.files[i].path_len);
  }
  free(t->m.files);
  free(t->m.name);
  free(t->m.hashes);
  free(t->data);
}

/* Three real files, an empty one, padding, a link; two folders. 100,000 bytes and a few. */
static const struct made_file made_album[] = {
  {.path = "a.bin", .length = 40000},
  {.path = ".pad/25536", .length = 25536, .padding = true},
  {.path = "cd1/b.bin", .length = 30001},
  {.path = "cd1/empty", .length = 0},
  {.path = "cd2/deep/c.bin", .length = 7},
  {.path = "cd2/link", .symlink = true},
};
enum { MADE_ALBUM = 6 };

static inline struct made made_make_album(void) {
  return made_torrent("album", true, 16384, made_album, MADE_ALBUM);
}

/* ---- files ---- */

static inline void made_write(const char *path, const void *data, size_t len) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) fail_msg("%s: %s", path, strerror(errno));
  assert_int_equal(write(fd, data, len), (ssize_t)len);
  close(fd);
}

static inline bool made_there(const char *path) {
  struct stat st;
  return lstat(path, &st) == 0;
}

/* -1: not there. */
static inline int64_t made_size(const char *path) {
  struct stat st;
  return lstat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* Does the file hold exactly these bytes? */
static inline bool made_holds(const char *path, const void *data, size_t len) {
  if (made_size(path) != (int64_t)len) return false;
  uint8_t *have = malloc(len ? len : 1);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  bool same = have && fd >= 0 && read(fd, have, len) == (ssize_t)len &&
              memcmp(have, data, len) == 0;
  if (fd >= 0) close(fd);
  free(have);
  return same;
}

/* The file of the torrent with its right content. */
static inline void made_put(const struct made *t, size_t file, const char *path) {
  made_write(path, t->data + t->m.files[file].offset, (size_t)t->m.files[file].length);
}

static inline bool made_right(const struct made *t, size_t file, const char *path) {
  return made_holds(path, t->data + t->m.files[file].offset, (size_t)t->m.files[file].length);
}

/* Entries in a folder, "." and ".." aside. */
static inline int made_entries(const char *path) {
  struct dirent **list;
  int n = scandir(path, &list, NULL, alphasort);
  for (int i = 0; i < n; i++) free(list[i]);
  if (n >= 0) free(list);
  return n - 2;
}

/* ---- stores ---- */

static inline struct store *made_open(const struct made *t, const char *output) {
  struct store *s;
  assert_int_equal(store_open(&s, &t->m, &(struct store_options){.output = output}), ERR_OK);
  return s;
}

static inline struct store *made_open_read(const struct made *t, const char *output) {
  struct store *s;
  struct store_options o = {.output = output, .read_only = true};
  assert_int_equal(store_open(&s, &t->m, &o), ERR_OK);
  return s;
}

static inline enum err made_try_open(const struct made *t, const char *output, bool read_only) {
  struct store *s;
  struct store_options o = {.output = output, .read_only = read_only};
  enum err e = store_open(&s, &t->m, &o);
  assert_true((e == ERR_OK) == (s != NULL));
  store_close(s);
  return e;
}

static inline void made_write_all(struct store *s, const struct made *t) {
  assert_int_equal(store_write(s, 0, t->data, (size_t)t->m.geo.total), ERR_OK);
}

/* Opened, locked and prepared. */
static inline struct store *made_prepared(const struct made *t, const char *output) {
  struct store *s = made_open(t, output);
  assert_int_equal(store_lock(s), ERR_OK);
  assert_int_equal(store_prepare(s, ALLOCATE_SPARSE), ERR_OK);
  return s;
}

/* ---- another program ---- */

/* Runs `act` in a process of its own, which does to our files what it likes. */
static inline void made_elsewhere(bool (*act)(void)) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) _exit(act() ? 0 : 1);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Skips the test where the system does not let us know what other programs do to our files: it has
 * no fanotify, a container forbids it, or the file system is none that it works on. */
static inline void made_needs_hearing(void) {
  int group = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC, O_RDONLY);
  int init_errno = errno, fd = open("probe", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  bool can = group >= 0 && fanotify_mark(group, FAN_MARK_ADD, FAN_MODIFY, fd, NULL) == 0;
  const char *why = strerror(group < 0 ? init_errno : errno);
  assert_true(unlink("probe") == 0 && close(fd) == 0);
  if (group >= 0) close(group);
  if (can) return;
  print_message("# this system does not tell what other programs do to files: %s\n", why);
  skip();
}

/* ---- listening ---- */

/* Into memory: a test that is somebody else just now may not even get through "/". */
static inline void made_listen(void) {
  fflush(stderr);
  made_stderr = dup(2);
  int fd = memfd_create("stderr", MFD_CLOEXEC);
  assert_true(made_stderr >= 0 && fd >= 0);
  dup2(fd, 2);
  close(fd);
}

static inline void made_restore(void) {
  if (made_stderr < 0) return;
  fflush(stderr);
  dup2(made_stderr, 2);
  close(made_stderr);
  made_stderr = -1;
}

/* Ends made_listen(); returns what was logged. */
static inline const char *made_listened(void) {
  fflush(stderr);
  ssize_t n = pread(2, made_heard, sizeof made_heard - 1, 0);
  made_restore();
  assert_true(n >= 0);
  made_heard[n] = '\0';
  return made_heard;
}

static inline void made_told(const char *part) {
  const char *heard = made_listened();
  if (strstr(heard, part) == NULL) fail_msg("not told \"%s\", but: %s", part, heard);
}

/* ---- one fresh folder per test ---- */

static inline int made_remove_one(const char *path, const struct stat *st, int flag,
                                  struct FTW *ftw) {
  (void)st;
  (void)flag;
  (void)ftw;
  return remove(path);
}

static inline int made_setup(void **state) {
  (void)state;
  const char *tmp = getenv("TMPDIR");
  snprintf(made_dir, sizeof made_dir, "%s/weft-test-XXXXXX", tmp ? tmp : "/tmp");
  made_home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return made_home >= 0 && mkdtemp(made_dir) != NULL && chdir(made_dir) == 0 ? 0 : -1;
}

static inline int made_teardown(void **state) {
  (void)state;
  made_restore();
  if (seteuid(getuid()) != 0) return -1; /* a test that failed as somebody else */
  if (fchdir(made_home) != 0) return -1;
  close(made_home);
  return nftw(made_dir, made_remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

/* A test that gets such a folder. */
#define MADE(name) cmocka_unit_test_setup_teardown(name, made_setup, made_teardown)

#endif
