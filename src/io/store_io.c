#include "io/store_io.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "io/store_watch.h"

enum { STALLS_MAX = 100, STALL_MS = 10 };

/* After a call that moved nothing: may it be tried again? Some network file systems say EAGAIN;
 * they get a second in all, and never a busy loop. */
static bool try_again(int errnum, int *stalls) {
  if (errnum == EINTR) return true;
  if (errnum != EAGAIN || ++*stalls > STALLS_MAX) return false;
  poll(NULL, 0, STALL_MS);
  return true;
}

/* 0 or the errno value. */
static int write_all(int fd, const uint8_t *data, size_t len, uint64_t at) {
  int stalls = 0;
  while (len > 0) {
    ssize_t n = pwrite(fd, data, len, (off_t)at);
    if (n < 0 && try_again(errno, &stalls)) continue;
    if (n <= 0) return n < 0 && errno != EAGAIN ? errno : EIO;
    data += n;
    at += (uint64_t)n;
    len -= (size_t)n;
  }
  return 0;
}

/* 0 or the errno value; ENOENT: the file ends before. */
static int read_all(int fd, uint8_t *data, size_t len, uint64_t at) {
  int stalls = 0;
  while (len > 0) {
    ssize_t n = pread(fd, data, len, (off_t)at);
    if (n < 0 && try_again(errno, &stalls)) continue;
    if (n < 0) return errno != EAGAIN ? errno : EIO;
    if (n == 0) return ENOENT;
    data += n;
    at += (uint64_t)n;
    len -= (size_t)n;
  }
  return 0;
}

static enum err write_in_file(struct store_files *t, size_t file, uint64_t at, const uint8_t *data,
                              size_t len) {
  struct store_pin pin;
  enum err e = store_files_pin(t, file, true, &pin);
  if (e != ERR_OK) return e;
  struct stat st; /* after this write nothing would tell that the file was shorter */
  bool cut = fstat(pin.fd, &st) == 0 && (uint64_t)st.st_size < pin.high;
  if (cut) store_watch_cut(t, file, (uint64_t)st.st_size);
  int errnum = write_all(pin.fd, data, len, at);
  if (errnum == 0) store_watch_grown(t, file, at + len);
  store_touch_wrote(&t->touch);
  store_files_unpin(t, &pin, true);
  return errnum == 0 ? ERR_OK : store_files_complain(t, file, errnum);
}

static enum err read_in_file(struct store_files *t, size_t file, uint64_t at, uint8_t *data,
                             size_t len) {
  struct store_pin pin;
  enum err e = store_files_pin(t, file, false, &pin);
  if (e != ERR_OK) return e;
  int errnum = read_all(pin.fd, data, len, at);
  store_files_unpin(t, &pin, false);
  if (errnum == ENOENT) return ERR_NOT_FOUND;
  return errnum == 0 ? ERR_OK : store_files_complain(t, file, errnum);
}

static bool is_inside(const struct store_files *t, uint64_t offset, size_t len) {
  return offset <= t->total && len <= t->total - offset;
}

/* The next part of a range: how much of it falls on file *i, where in that file. Skips files that
 * end before it. */
static size_t next_part(const struct store_files *t, size_t *i, uint64_t offset, size_t len,
                        uint64_t *at) {
  while (offset - t->v[*i].offset >= t->v[*i].length) ++*i;
  *at = offset - t->v[*i].offset;
  uint64_t left = t->v[*i].length - *at;
  return left < len ? (size_t)left : len;
}

enum err store_io_write(struct store_files *t, uint64_t offset, const void *data, size_t len) {
  if (!is_inside(t, offset, len)) return ERR_LIMIT;
  const uint8_t *from = data;
  for (size_t i = len > 0 ? store_files_find(t, offset) : 0; len > 0;) {
    uint64_t at;
    size_t n = next_part(t, &i, offset, len, &at);
    enum err e = t->v[i].path ? write_in_file(t, i, at, from, n) : ERR_OK;
    if (e != ERR_OK) return e;
    offset += n;
    from += n;
    len -= n;
  }
  return ERR_OK;
}

enum err store_io_read(struct store_files *t, uint64_t offset, void *data, size_t len) {
  if (!is_inside(t, offset, len)) return ERR_LIMIT;
  uint8_t *to = data;
  for (size_t i = len > 0 ? store_files_find(t, offset) : 0; len > 0;) {
    uint64_t at;
    enum err e = ERR_OK;
    size_t n = next_part(t, &i, offset, len, &at);
    if (t->v[i].path == NULL)
      memset(to, 0, n);
    else
      e = read_in_file(t, i, at, to, n);
    if (e != ERR_OK) return e;
    offset += n;
    to += n;
    len -= n;
  }
  return ERR_OK;
}
