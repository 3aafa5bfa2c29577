#include "io/store_bulk.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

static atomic_bool forced;
static atomic_uint count;

void store_bulk_force(bool on) {
  atomic_store(&forced, on);
}

unsigned store_bulk_count(void) {
  return atomic_load(&count);
}

bool store_bulk_knows(int fd) {
  static const unsigned long kinds[] = {
    EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC};
  struct statfs s;
  if (fstatfs(fd, &s) != 0) return false;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if ((unsigned long)s.f_type == kinds[i]) return true;
  return atomic_load(&forced);
}

/* In the child, where other threads may have held any lock: system calls only. A folder's fsync()
 * fails if the file system has given up, which some kernels don't tell after syncfs(). */
_Noreturn static void child(int fd) {
  bool alone = dup2(fd, 0) == 0 && syscall(SYS_close_range, 1U, ~0U, 0U) == 0;
  _exit(alone && syncfs(0) == 0 && fsync(0) == 0 ? 0 : 1);
}

bool store_bulk_sync(int fd) {
  int status;
  pid_t pid, got;
  if (!store_bulk_knows(fd) || (pid = fork()) < 0) return false;
  if (pid == 0) child(fd);
  do {
    got = waitpid(pid, &status, 0);
  } while (got < 0 && errno == EINTR);
  if (got != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return false;
  atomic_fetch_add(&count, 1);
  return true;
}
