/*
 * clock: monotonic time.
 *
 * A deadline in weft is always an absolute time of this clock in milliseconds, worked out once;
 * what is waited for in between is only ever the rest of it. So one trickled byte can't extend a
 * wait, and setting the wall clock changes nothing. CLOCK_NEVER is a deadline that does not come.
 */
#ifndef WEFT_BASE_CLOCK_H
#define WEFT_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER INT64_MAX

/* Milliseconds / microseconds since an arbitrary start; never goes back. */
int64_t clock_now_ms(void);
int64_t clock_now_us(void);

/* The rest of the way to `deadline_ms` as poll() wants it: 0 when it has passed, -1 for
 * CLOCK_NEVER, otherwise milliseconds, at most INT_MAX. */
int clock_poll_timeout(int64_t deadline_ms);

/* `deadline_ms` as an absolute CLOCK_MONOTONIC timespec, for condition variables. */
struct timespec clock_timespec(int64_t deadline_ms);

/* Makes a condition variable whose waits are measured on this clock. The caller destroys it. */
void clock_cond_init(pthread_cond_t *cond);

#endif
