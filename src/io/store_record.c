#include "io/store_record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/store_beneath.h"

enum { MAGIC_LEN = 8, HASH_LEN = 20, HEAD_LEN = MAGIC_LEN + HASH_LEN };

static enum store_record judge(int fd, const uint8_t info_hash[static 20]) {
  uint8_t head[HEAD_LEN], want[HEAD_LEN];
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return STORE_RECORD_THEIRS;
  ssize_t n;
  do {
    n = pread(fd, head, sizeof head, 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return STORE_RECORD_THEIRS;
  memcpy(want, STORE_RECORD_MAGIC, MAGIC_LEN);
  memcpy(want + MAGIC_LEN, info_hash, HASH_LEN);
  if (n >= MAGIC_LEN) want[MAGIC_LEN - 1] = head[MAGIC_LEN - 1]; /* any version */
  if (memcmp(head, want, (size_t)n) != 0) return STORE_RECORD_THEIRS;
  return n == HEAD_LEN ? STORE_RECORD_OURS : STORE_RECORD_BLANK;
}

enum store_record store_record_look(int dirfd, const char *name,
                                    const uint8_t info_hash[static 20]) {
  int fd = store_beneath_open(dirfd, name, O_RDONLY, 0);
  if (fd < 0) return errno == ENOENT ? STORE_RECORD_NONE : STORE_RECORD_THEIRS;
  enum store_record what = judge(fd, info_hash);
  close(fd);
  return what;
}
