#include "base/clock.h"

#include <limits.h>

int64_t clock_now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_now_ms(void) {
  return clock_now_us() / 1000;
}

int clock_poll_timeout(int64_t deadline_ms) {
  if (deadline_ms == CLOCK_NEVER) return -1;
  int64_t rest = deadline_ms - clock_now_ms();
  if (rest <= 0) return 0;
  return rest > INT_MAX ? INT_MAX : (int)rest;
}

struct timespec clock_timespec(int64_t deadline_ms) {
  if (deadline_ms == CLOCK_NEVER) deadline_ms = clock_now_ms() + 1000LL * 3600 * 24 * 365;
  return (struct timespec){
    .tv_sec = (time_t)(deadline_ms / 1000),
    .tv_nsec = (long)(deadline_ms % 1000) * 1000000L,
  };
}

void clock_cond_init(pthread_cond_t *cond) {
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(cond, &attr);
  pthread_condattr_destroy(&attr);
}
