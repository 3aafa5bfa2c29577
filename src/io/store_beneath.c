#include "io/store_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

/* From <linux/openat2.h>, which older systems lack. */
struct open_how_v0 {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};
enum { NO_MAGICLINKS = 0x02, NO_SYMLINKS = 0x04, BENEATH = 0x08 };
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

enum {
  AGAIN_MAX = 16,
  /* openat2() adds no O_LARGEFILE by itself, as the C library does for open() */
  OPEN_ALWAYS = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_LARGEFILE,
};

static atomic_bool must_walk;

void store_beneath_force_walk(bool on) {
  atomic_store(&must_walk, on);
}

/* The length of the element at `p`; 0 when there is none or it leads upwards or nowhere. */
static size_t element_len(const char *p) {
  size_t n = strcspn(p, "/");
  bool dots = (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.');
  return dots || n > NAME_MAX ? 0 : n;
}

/* Only plain elements? Sets errno if not. */
static bool is_clean(const char *path) {
  for (const char *p = path;; p++) {
    size_t n = element_len(p);
    if (n == 0) {
      errno = strcspn(p, "/") > NAME_MAX ? ENAMETOOLONG : EXDEV;
      return false;
    }
    p += n;
    if (*p == '\0') return true;
  }
}

static void close_keeping_errno(int fd, int except) {
  int kept = errno;
  if (fd >= 0 && fd != except) close(fd);
  errno = kept;
}

/* Opens the folder `len` bytes of `name` in `at`; never through a link. */
static int step_into(int at, const char *name, size_t len) {
  char element[NAME_MAX + 1];
  memcpy(element, name, len);
  element[len] = '\0';
  return openat(at, element, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The folder `len` bytes of `name` in `at`, made if it is missing. Sets *made if it was. */
static int make_and_step(int at, const char *name, size_t len, bool *made) {
  char element[NAME_MAX + 1];
  memcpy(element, name, len);
  element[len] = '\0';
  *made = mkdirat(at, element, 0777) == 0;
  return *made || errno == EEXIST ? step_into(at, name, len) : -1;
}

/* The folder that holds the last element, which *last is set to point at; `dirfd` itself when the
 * path has one element. With `there`, missing folders are made on the way, and it becomes the
 * length of what was there. */
static int walk_to_parent(int dirfd, const char *path, size_t *there, const char **last) {
  int at = dirfd;
  const char *p = path;
  for (const char *slash; (slash = strchr(p, '/')) != NULL; p = slash + 1) {
    size_t len = (size_t)(slash - p);
    int next = step_into(at, p, len);
    bool made = false;
    if (next < 0 && errno == ENOENT && there) next = make_and_step(at, p, len, &made);
    size_t above = p > path ? (size_t)(p - path) - 1 : 0;
    if (made && *there > above) *there = above;
    close_keeping_errno(at, dirfd);
    if (next < 0) return -1;
    at = next;
  }
  *last = p;
  return at;
}

static int open_walking(int dirfd, const char *path, int flags, mode_t mode) {
  const char *last;
  int at = walk_to_parent(dirfd, path, NULL, &last);
  if (at < 0) return -1;
  int fd = openat(at, last, flags, mode);
  close_keeping_errno(at, dirfd);
  return fd;
}

/* One try of openat2(). It answers EAGAIN when somebody renames folders just now. */
static int open_at_once(int dirfd, const char *path, int flags, mode_t mode) {
  struct open_how_v0 how = {
    .flags = (uint64_t)flags,
    .mode = flags & O_CREAT ? mode : 0,
    .resolve = BENEATH | NO_SYMLINKS | NO_MAGICLINKS,
  };
  for (int i = 0;; i++) {
    long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN || i == AGAIN_MAX) return (int)fd;
  }
}

int store_beneath_open(int dirfd, const char *path, int flags, mode_t mode) {
  if (!is_clean(path)) return -1;
  flags |= flags & O_PATH ? O_NOFOLLOW | O_CLOEXEC : OPEN_ALWAYS;
  if (!atomic_load(&must_walk) && strlen(path) < PATH_MAX) {
    int fd = open_at_once(dirfd, path, flags, mode);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EAGAIN)) return fd;
    if (errno == ENOSYS) atomic_store(&must_walk, true);
  }
  return open_walking(dirfd, path, flags, mode);
}

int store_beneath_stat(int dirfd, const char *path, struct stat *st) {
  int fd = store_beneath_open(dirfd, path, O_PATH, 0);
  if (fd < 0) return -1;
  int rc = fstat(fd, st);
  close_keeping_errno(fd, -1);
  return rc;
}

int64_t store_beneath_born(int fd) {
  struct statx x;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) != 0 || !(x.stx_mask & STATX_BTIME)) return 0;
  int64_t ns;
  if (__builtin_mul_overflow(x.stx_btime.tv_sec, INT64_C(1000000000), &ns) ||
      __builtin_add_overflow(ns, (int64_t)x.stx_btime.tv_nsec, &ns))
    return 0;
  return ns;
}

int store_beneath_parents(int dirfd, const char *path, size_t *there) {
  *there = strlen(path);
  if (!is_clean(path)) return -1;
  const char *last;
  int at = walk_to_parent(dirfd, path, there, &last);
  if (at < 0) return -1;
  close_keeping_errno(at, dirfd);
  return 0;
}

int store_beneath_mkdir(int dirfd, const char *path) {
  if (!is_clean(path)) return -1;
  const char *last;
  int at = walk_to_parent(dirfd, path, NULL, &last);
  if (at < 0) return -1;
  int rc = mkdirat(at, last, 0777);
  close_keeping_errno(at, dirfd);
  return rc;
}

int store_beneath_unlink(int dirfd, const char *path, int flags) {
  if (!is_clean(path)) return -1;
  const char *last;
  int at = walk_to_parent(dirfd, path, NULL, &last);
  if (at < 0) return -1;
  int rc = unlinkat(at, last, flags);
  close_keeping_errno(at, dirfd);
  return rc;
}

int store_beneath_sync_parent(int dirfd, const char *path) {
  if (!is_clean(path)) return -1;
  const char *last;
  int at = walk_to_parent(dirfd, path, NULL, &last);
  if (at < 0) return -1;
  int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* fsync refuses O_PATH */
  int rc = fd < 0 ? -1 : fsync(fd);
  close_keeping_errno(fd, -1);
  close_keeping_errno(at, dirfd);
  return rc == 0 || errno == EINVAL || errno == EACCES || errno == EROFS ? 0 : -1;
}

bool store_beneath_in_the_way(int errnum) {
  return errnum == ELOOP || errnum == ENOTDIR || errnum == EISDIR || errnum == ENXIO ||
         errnum == EEXIST || errnum == EXDEV || errnum == ENODEV;
}

const char *store_beneath_why(int errnum) {
  switch (errnum) {
  case ENOSPC:
    return "no space left on the disk; make room and start again; no verified piece is lost";
  case EDQUOT:
    return "your disk quota is used up; make room and start again; no verified piece is lost";
  case EFBIG:
    return "larger than this file system or your file size limit allows; choose another place";
  case EROFS:
    return "the file system is read-only; choose another place";
  case EACCES:
  case EPERM:
    return "permission denied; check who owns it, or choose another place";
  case ENOENT:
    return "no such file or folder";
  case ENOTDIR:
    return "something that is no folder is in the way; move it away or choose another place";
  case ELOOP:
    return "a symbolic link is in the way, and links are never followed; choose another place";
  case EISDIR:
    return "a folder is in the way; move it away or choose another place";
  case EEXIST:
    return "something is in the way; move it away or choose another place";
  case ENXIO:
  case ENODEV:
    return "no regular file; move it away or choose another place";
  case ENAMETOOLONG:
    return "the name is too long for this file system; choose a shorter one";
  case EMFILE:
  case ENFILE:
    return "too many open files; raise the limit (ulimit -n) or lower --max-peers";
  case ENOMEM:
    return "out of memory";
  case EIO:
    return "input/output error: the disk may be failing";
  default:
    return err_name(err_from_errno(errnum));
  }
}
