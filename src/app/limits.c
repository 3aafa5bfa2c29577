#include "app/limits.h"

#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/human.h"
#include "base/log.h"

enum {
  DIAL_EXTRA = 64,         /* threads that may dial beyond --max-peers */
  DESCRIPTORS_KEPT = 16    /* for files, trackers and the terminal */
};

void limits_tame_malloc(void) {
  mallopt(M_ARENA_MAX, 2);
}

/* The kernel's table of descriptors grows as it is filled, and each time all who open one wait for
 * all processors to have passed by. As long as there is but one thread nobody waits: so it gets its
 * size for `count` descriptors now. If it does not, no harm is done. */
static void widen_table(uint64_t count) {
  int fd = eventfd(0, EFD_CLOEXEC);
  int high = fd < 0 || count > INT_MAX ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, (int)count);
  if (high >= 0) close(high);
  if (fd >= 0) close(fd);
}

/* Raises the soft limit as far as we may, and tells what it is. False: nobody knows. */
static bool raise_limit(struct rlimit *r) {
  if (getrlimit(RLIMIT_NOFILE, r) != 0) return false;
  if (r->rlim_cur == r->rlim_max) return true;
  r->rlim_cur = r->rlim_max;
  return setrlimit(RLIMIT_NOFILE, r) == 0 || getrlimit(RLIMIT_NOFILE, r) == 0;
}

uint32_t limits_workers(uint32_t max_peers) {
  struct rlimit r;
  uint32_t want = max_peers + DIAL_EXTRA;
  bool known = raise_limit(&r);
  widen_table(DESCRIPTORS_KEPT + 2 * (uint64_t)want);
  if (!known || r.rlim_cur == RLIM_INFINITY) return want;
  if (r.rlim_cur < DESCRIPTORS_KEPT) {
    log_error("this process may open only %llu files at a time, weft needs %d: raise the limit "
              "(ulimit -n)", (unsigned long long)r.rlim_cur, DESCRIPTORS_KEPT);
    return 0;
  }
  uint64_t room = (r.rlim_cur - DESCRIPTORS_KEPT) / 2;
  if (room < 1) room = 1;
  if (room < max_peers)
    log_warn("this process may open only %llu files at a time, enough for %llu peer%s: raise the "
             "limit (ulimit -n) for more", (unsigned long long)r.rlim_cur,
             (unsigned long long)room, human_plural(room));
  return room < want ? (uint32_t)room : want;
}
