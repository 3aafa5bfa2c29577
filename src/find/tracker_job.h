/*
 * tracker_job: one announce with everything that it needs.
 *
 * A tier's thread fills a job while it holds the set's lock, runs it without, and hands the
 * outcome back under the lock again. Nothing in a job is shared, so nothing is guarded while the
 * network is slow.
 */
#ifndef WEFT_FIND_TRACKER_JOB_H
#define WEFT_FIND_TRACKER_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "find/tracker_http.h"
#include "proto/announce.h"

enum { TRACKER_ID_MAX = sizeof((struct announce_reply *)0)->tracker_id };

struct tracker_job {
  const char *url;            /* the caller's, to stay until the job is over */
  struct announce_request q;  /* filled by the caller, but for the tracker id */
  uint8_t id[TRACKER_ID_MAX]; /* what q.tracker_id points to */
  bool redirects;             /* the tracker's last reply came from another URL */

  enum err result;            /* of tracker_http_announce() */
  struct tracker_http_outcome out;
};

/* Lets the job send this tracker id (copied; `len` <= TRACKER_ID_MAX, 0 for none). The job must
 * not be moved afterwards. */
void tracker_job_set_id(struct tracker_job *j, const uint8_t *id, size_t len);

/*
 * Asks, and waits for the answer as `how` says. Returns true if the tracker gave a reply without a
 * failure reason, or was told and left alone (out.unanswered); otherwise out.why has the reason and
 * out.retry_in_s the time. tracker_job_free() is due in both cases.
 */
bool tracker_job_run(struct tracker_job *j, const struct tracker_http_how *how);

/* One line about the outcome, at LOG_INFO; none if it was cancelled. */
void tracker_job_log(const struct tracker_job *j);
void tracker_job_free(struct tracker_job *j);

#endif
