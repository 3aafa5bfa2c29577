/*
 * tracker_impl: the inside of a set of trackers, shared by tracker.c (starting, asking, telling)
 * and tracker_stop.c (the end) only. What it is all for stands in find/tracker.h.
 *
 * A set goes through its phases in one direction. One lock guards all that changes; it is held
 * for looking and deciding, never while something is sent.
 */
#ifndef WEFT_FIND_TRACKER_IMPL_H
#define WEFT_FIND_TRACKER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "find/tracker.h"
#include "find/tracker_http.h"
#include "find/tracker_job.h"
#include "find/tracker_tier.h"

enum phase {
  RUNNING,
  DRAINING, /* nothing but "completed" is sent any more */
  ENDING    /* nothing is */
};

struct tracker { /* one URL */
  char *url;     /* owned; fixed */
  /* guarded by set->lock: */
  enum tracker_state state;
  char message[ANNOUNCE_TEXT_MAX];
  int64_t seeders;
  int64_t leechers;
  size_t peers;
  uint8_t id[TRACKER_ID_MAX]; /* its tracker id */
  size_t id_len;
  bool redirects;             /* its last reply came from another URL */
  bool told_stopped;          /* or is just being told */
};

struct tier {
  struct tracker_set *set;
  size_t index;
  struct tracker *trackers; /* owned; as many as plans[index].count */
};

enum { TRACKER_THREADS_MAX = 12 }; /* so many are asked at a time */

struct tracker_set {
  struct tracker_config config; /* its tiers are not used after the start */
  uint32_t key;
  int64_t start_ms;
  size_t tier_count;
  struct tier *tiers;
  size_t threads_max;           /* no use in more */
  bool crowded;                 /* there are more trackers than threads */
  atomic_bool cancel;           /* ends the announces that run, but for... */
  atomic_bool cancel_completed; /* ...those that say "completed": these have this one */
  atomic_bool no_reply;         /* "completed" and "stopped" don't wait for their replies */

  pthread_mutex_t lock;
  pthread_cond_t changed; /* a plan, the phase or the number of threads */
  /* guarded by lock: */
  enum phase phase;
  pthread_t threads[TRACKER_THREADS_MAX]; /* to be joined */
  size_t started;             /* of them */
  size_t running;             /* of these, have not ended */
  size_t idle;                /* of these, wait for something to do */
  struct tracker_tier *plans; /* one per tier */
  struct addr external_ip;
};

/* Fills in a job for a tracker. Caller must hold set->lock. */
void tracker_prepare(struct tracker_job *j, const struct tier *tier, size_t slot,
                     enum announce_event event);
/* Runs it, with the totals of this moment, and logs the outcome; waits. True if the tracker serves
 * us. Caller must not hold set->lock; tracker_job_free() is due. */
bool tracker_run(struct tracker_job *j, const struct tracker_config *config,
                 const struct tracker_http_how *how);
/* Frees a set whose threads have ended. NULL is fine. */
void tracker_free(struct tracker_set *set);

#endif
