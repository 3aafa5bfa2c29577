#include "app/limits.h"

#include <malloc.h>
#include <sys/resource.h>

#include "app/human.h"
#include "base/log.h"

enum {
  DIAL_EXTRA = 64,         /* threads that may dial beyond --max-peers */
  DESCRIPTORS_KEPT = 16    /* for files, trackers and the terminal */
};

void limits_tame_malloc(void) {
  mallopt(M_ARENA_MAX, 2);
}

uint32_t limits_workers(uint32_t max_peers) {
  struct rlimit r;
  uint32_t want = max_peers + DIAL_EXTRA;
  if (getrlimit(RLIMIT_NOFILE, &r) != 0) return want;
  if (r.rlim_cur < r.rlim_max) {
    r.rlim_cur = r.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0) getrlimit(RLIMIT_NOFILE, &r);
  }
  if (r.rlim_cur == RLIM_INFINITY) return want;
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
