#include "io/store_claim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "io/store_beneath.h"

enum { TRIES = 16 };

/* Opens what is there. -1 with ENOENT: nothing is. */
static int open_there(int dirfd, const char *top, bool folder) {
  if (folder) return store_beneath_open(dirfd, top, O_RDONLY | O_DIRECTORY, 0);
  int fd = store_beneath_open(dirfd, top, O_RDONLY, 0);
  if (fd < 0 && errno == EACCES) fd = store_beneath_open(dirfd, top, O_WRONLY, 0);
  return fd;
}

/* Opens what is to be locked, making it if need be. */
static int open_or_make(int dirfd, const char *top, bool folder, bool *made) {
  int fd = open_there(dirfd, top, folder);
  if (fd >= 0 || errno != ENOENT) return fd;
  if (!folder) {
    fd = store_beneath_open(dirfd, top, O_RDWR | O_CREAT | O_EXCL, 0666);
    *made = fd >= 0;
    if (fd >= 0 || errno != EEXIST) return fd;
  } else if (store_beneath_mkdir(dirfd, top) == 0) {
    *made = true;
  } else if (errno != EEXIST) {
    return -1;
  }
  return open_there(dirfd, top, folder);
}

/* Does the name still lead to what `fd` is? */
static bool still_there(int fd, int dirfd, const char *top) {
  struct stat open_one, named;
  return fstat(fd, &open_one) == 0 && store_beneath_stat(dirfd, top, &named) == 0 &&
         open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

static bool right_kind(int fd, bool folder) {
  struct stat st;
  return fstat(fd, &st) == 0 && (folder ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode));
}

/* 0, or the errno value that flock() failed with. */
static int lock(int fd) {
  int rc;
  do {
    rc = flock(fd, LOCK_EX | LOCK_NB);
  } while (rc != 0 && errno == EINTR);
  return rc == 0 ? 0 : errno;
}

/* The lock on an open file. True: granted. */
static bool granted(int fd, const char *shown) {
  int errnum = lock(fd);
  if (errnum == EWOULDBLOCK) {
    log_error("%s: another weft is downloading there; wait for it or choose another --output",
              shown);
    return false;
  }
  if (errnum != 0) log_info("%s: cannot be locked here, so a second weft is not noticed", shown);
  return true;
}

static enum err complain(const char *shown, int errnum) {
  log_error("%s: %s", shown, store_beneath_why(errnum));
  return store_beneath_in_the_way(errnum) ? ERR_EXISTS : err_from_errno(errnum);
}

enum err store_claim_take(struct store_claim *c, int dirfd, const char *top, const char *shown,
                          bool folder) {
  *c = STORE_CLAIM_NONE;
  bool seen = false;
  for (int i = 0; i < TRIES; i++) {
    bool made = false;
    int fd = open_or_make(dirfd, top, folder, &made);
    if (fd < 0 && errno == ENOENT) continue; /* removed between the two calls */
    if (fd < 0) return complain(shown, errno);
    seen = true;
    if (!right_kind(fd, folder)) {
      close(fd);
      return complain(shown, EEXIST);
    }
    if (!granted(fd, shown)) {
      close(fd);
      return ERR_EXISTS;
    }
    if (still_there(fd, dirfd, top)) {
      *c = (struct store_claim){.fd = fd, .made = made};
      return ERR_OK;
    }
    close(fd);
  }
  log_error("%s: %s", shown, seen ? "comes and goes; is something else at work there?"
                                  : "nothing can be made in that folder; choose another place");
  return ERR_IO;
}

void store_claim_drop(struct store_claim *c, int dirfd, const char *top, bool folder, bool keep) {
  if (c->fd < 0) return;
  struct stat st;
  bool empty = folder || (fstat(c->fd, &st) == 0 && st.st_size == 0);
  if (c->made && !keep && empty && still_there(c->fd, dirfd, top))
    store_beneath_unlink(dirfd, top, folder ? AT_REMOVEDIR : 0);
  close(c->fd);
  *c = STORE_CLAIM_NONE;
}
