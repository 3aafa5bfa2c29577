#include "io/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

struct scratch {
  int fd;
  uint64_t slot_len;
  uint32_t slots;     /* made so far */
  uint32_t *given;    /* those of them that nobody has; room for all */
  uint32_t given_count;
};

struct scratch *scratch_new(int dirfd, uint64_t slot_len) {
  struct scratch *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->slot_len = slot_len;
  s->fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
  if (s->fd < 0) s->fd = memfd_create("scratch", MFD_CLOEXEC);
  if (s->fd >= 0) return s;
  free(s);
  return NULL;
}

void scratch_free(struct scratch *s) {
  if (s == NULL) return;
  close(s->fd);
  free(s->given);
  free(s);
}

enum err scratch_take(struct scratch *s, uint32_t *slot) {
  if (s->given_count > 0) {
    *slot = s->given[--s->given_count];
    return ERR_OK;
  }
  uint32_t *given = realloc(s->given, ((size_t)s->slots + 1) * sizeof *given);
  if (given == NULL) return ERR_MEMORY;
  s->given = given;
  *slot = s->slots++;
  return ERR_OK;
}

void scratch_give(struct scratch *s, uint32_t slot) {
  s->given[s->given_count++] = slot;
}

static enum err failed(const char *what, int number) {
  log_error("a file without a name beside the download could not be %s: %s", what,
            strerror(number));
  return err_from_errno(number) == ERR_SPACE ? ERR_SPACE : ERR_IO;
}

enum err scratch_write(struct scratch *s, uint32_t slot, uint64_t offset, const void *data,
                       size_t len) {
  const uint8_t *from = data;
  uint64_t at = slot * s->slot_len + offset;
  while (len > 0) {
    ssize_t n = pwrite(s->fd, from, len, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("written", n < 0 ? errno : EIO);
    from += n;
    at += (uint64_t)n;
    len -= (size_t)n;
  }
  return ERR_OK;
}

enum err scratch_read(struct scratch *s, uint32_t slot, uint64_t offset, void *data, size_t len) {
  uint8_t *to = data;
  uint64_t at = slot * s->slot_len + offset;
  while (len > 0) {
    ssize_t n = pread(s->fd, to, len, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("read", errno);
    if (n == 0) { /* beyond what was ever written */
      memset(to, 0, len);
      return ERR_OK;
    }
    to += n;
    at += (uint64_t)n;
    len -= (size_t)n;
  }
  return ERR_OK;
}
