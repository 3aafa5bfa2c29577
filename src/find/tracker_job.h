/*
 * tracker_job: one announce with everything that it needs.
 *
 * A tier's thread fills a job while it holds the set's lock, runs it without, and hands the
 * outcome back under the lock again. Nothing in a job is shared, so nothing is guarded while the
 * network is slow.
 */
#ifndef WEFT_FIND_TRACKER_JOB_H
#define WEFT_FIND_TRACKER_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/announce.h"

enum { TRACKER_ID_MAX = sizeof((struct announce_reply *)0)->tracker_id };

struct tracker_job {
  const char *url;            /* the caller's, to stay until the job is over */
  struct announce_request q;  /* filled by the caller, but for the tracker id */
  uint8_t id[TRACKER_ID_MAX]; /* what q.tracker_id points to */

  enum err result;            /* of tracker_http_announce() */
  struct announce_reply r;    /* when that is ERR_OK */
  char why[ANNOUNCE_TEXT_MAX]; /* when it is not: one sentence */
  int64_t retry_in_s;         /* the tracker's wish after a failure; -1 none */
};

/* Lets the job send this tracker id (copied; `len` <= TRACKER_ID_MAX, 0 for none). The job must
 * not be moved afterwards. */
void tracker_job_set_id(struct tracker_job *j, const uint8_t *id, size_t len);

/*
 * Asks, and waits for the answer until `deadline_ms`, 15 s or *cancel, whichever comes first.
 * Returns true if the tracker gave a reply without a failure reason; otherwise `why` has the
 * reason and `retry_in_s` the time. tracker_job_free() is due in both cases.
 */
bool tracker_job_run(struct tracker_job *j, int64_t deadline_ms, const atomic_bool *cancel);

/* One line about the outcome, at LOG_INFO; none if it was cancelled. */
void tracker_job_log(const struct tracker_job *j);
void tracker_job_free(struct tracker_job *j);

#endif
