#include "io/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/log.h"

enum { TEMPORARY_MAX = 32 };

/* A file on its way: in the folder `dir`, to be called `name`. */
struct draft {
  int dir;
  const char *name;
  char temporary[TEMPORARY_MAX]; /* its name until then; "": it has none */
  int fd;
};

static const char *why(int errnum) {
  switch (errnum) {
  case ENOSPC:
    return "no space left on the disk; make room and start again";
  case EDQUOT:
    return "your disk quota is used up; make room and start again";
  case EEXIST:
    return "it is there already; choose another name with -o, or replace it with --overwrite";
  case EACCES:
  case EPERM:
    return "permission denied; choose another place with -o";
  case EROFS:
    return "the file system is read-only; choose another place with -o";
  case ENOENT:
    return "the folder it should be in does not exist; make that first";
  case ENOTDIR:
    return "the folder it should be in is none; choose another place with -o";
  case EISDIR:
    return "a folder of that name is there; choose another name with -o";
  case ENODEV:
    return "what is there is no regular file, so it is not replaced; choose another name with -o";
  case EFBIG:
    return "larger than this file system or your file size limit allows";
  default:
    return strerror(errnum);
  }
}

static enum err fail(const char *path, int errnum) {
  log_error("'%s' can't be written: %s", path, why(errnum));
  return err_from_errno(errnum);
}

/* --- where --- */

/* The path with links resolved if it is to be replaced and there, else as it is; owned. */
static char *resolve(const char *path, bool replace) {
  char *real = replace ? realpath(path, NULL) : NULL;
  return real != NULL ? real : strdup(path);
}

/* Opens the folder of `path`; *name becomes its last element. Cuts `path` in two for a moment. */
static int open_folder(char *path, const char **name) {
  char *slash = strrchr(path, '/');
  *name = slash != NULL ? slash + 1 : path;
  if (slash == NULL) return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (slash == path) return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  *slash = '\0';
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  *slash = '/';
  return fd;
}

/* 0, or the errno value that says why the name can't be taken. */
static int look(int dir, const char *name, bool replace) {
  struct stat st;
  if (*name == '\0') return EISDIR;
  if (faccessat(dir, ".", W_OK, AT_EACCESS) != 0) return errno;
  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? 0 : errno;
  if (S_ISDIR(st.st_mode)) return EISDIR;
  bool link = S_ISLNK(st.st_mode); /* if it is to be replaced, a link that leads nowhere */
  if (!S_ISREG(st.st_mode) && (!link || replace)) return ENODEV;
  return replace ? 0 : EEXIST;
}

enum err whole_file_check(const char *path, bool replace) {
  const char *name;
  char *where = resolve(path, replace);
  if (where == NULL) return fail(path, ENOMEM);
  int dir = open_folder(where, &name);
  int errnum = dir < 0 ? errno : look(dir, name, replace);
  if (dir >= 0) close(dir);
  free(where);
  return errnum == 0 ? ERR_OK : fail(path, errnum);
}

/* --- writing --- */

static void name_draft(struct draft *d) {
  uint8_t number[8];
  char hex[2 * sizeof number + 1];
  crypto_random(number, sizeof number);
  crypto_hex(number, sizeof number, hex);
  snprintf(d->temporary, sizeof d->temporary, ".weft-%s", hex);
}

/* 0 or the errno value. */
static int begin(struct draft *d, bool nameless) {
  d->temporary[0] = '\0';
  if (nameless) {
    d->fd = openat(d->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  } else {
    name_draft(d);
    d->fd = openat(d->dir, d->temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC,
                   0666);
  }
  return d->fd < 0 ? errno : 0;
}

/* The bytes, and the permissions of what is replaced, down to the disk. 0 or the errno value. */
static int fill(const struct draft *d, const uint8_t *data, size_t len, bool replace) {
  struct stat old;
  while (len > 0) {
    ssize_t n = write(d->fd, data, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    data += n;
    len -= (size_t)n;
  }
  if (replace && fstatat(d->dir, d->name, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
      (fchmod(d->fd, old.st_mode & 07777) != 0 || fchown(d->fd, old.st_uid, old.st_gid) != 0) &&
      errno != EPERM)
    return errno;
  return fsync(d->fd) == 0 ? 0 : errno;
}

/* Gives a file without a name the one in `name`. 0 or the errno value. */
static int name_it(const struct draft *d, const char *name) {
  char self[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", d->fd);
  return linkat(AT_FDCWD, self, d->dir, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/* The last step: the file appears. 0 or the errno value. */
static int publish(struct draft *d, bool replace) {
  if (d->temporary[0] == '\0' && !replace) return name_it(d, d->name);
  if (d->temporary[0] == '\0') {
    name_draft(d);
    int errnum = name_it(d, d->temporary);
    if (errnum != 0) {
      d->temporary[0] = '\0';
      return errnum;
    }
  }
  if (replace) return renameat(d->dir, d->temporary, d->dir, d->name) == 0 ? 0 : errno;
  if (renameat2(d->dir, d->temporary, d->dir, d->name, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (linkat(d->dir, d->temporary, d->dir, d->name, 0) != 0) return errno;
  unlinkat(d->dir, d->temporary, 0);
  return 0;
}

/* One try. 0 or the errno value; then nothing is left behind. */
static int try(struct draft *d, const void *data, size_t len, bool replace, bool nameless) {
  int errnum = begin(d, nameless);
  if (errnum != 0) return errnum;
  errnum = fill(d, data, len, replace);
  if (errnum == 0) errnum = publish(d, replace);
  if (errnum != 0 && d->temporary[0] != '\0') unlinkat(d->dir, d->temporary, 0);
  close(d->fd);
  return errnum;
}

/* Errors that tell of a file system without nameless files, or a system without /proc. */
static bool is_no_nameless(int errnum) {
  return errnum == EOPNOTSUPP || errnum == EISDIR || errnum == ENOENT || errnum == EINVAL ||
         errnum == EXDEV;
}

enum err whole_file_write(const char *path, const void *data, size_t len, bool replace) {
  struct draft d = {.fd = -1};
  char *where = resolve(path, replace);
  if (where == NULL) return fail(path, ENOMEM);
  d.dir = open_folder(where, &d.name);
  int errnum = d.dir < 0 ? errno : look(d.dir, d.name, replace);
  if (errnum == 0) {
    errnum = try(&d, data, len, replace, true);
    if (is_no_nameless(errnum)) errnum = try(&d, data, len, replace, false);
    if (errnum == 0) fsync(d.dir); /* not every file system can; the file is there either way */
  }
  if (d.dir >= 0) close(d.dir);
  free(where);
  return errnum == 0 ? ERR_OK : fail(path, errnum);
}
