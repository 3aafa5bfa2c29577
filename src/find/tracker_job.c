#include "find/tracker_job.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "find/tracker_http.h"
#include "io/http.h"

void tracker_job_set_id(struct tracker_job *j, const uint8_t *id, size_t len) {
  if (len > 0) memcpy(j->id, id, len);
  j->q.tracker_id = len > 0 ? (const char *)j->id : NULL;
  j->q.tracker_id_len = len;
}

bool tracker_job_run(struct tracker_job *j, int64_t deadline_ms, const atomic_bool *cancel) {
  j->result = tracker_http_announce(j->url, &j->q, deadline_ms, cancel, &j->r, j->why,
                                    sizeof j->why, &j->retry_in_s);
  if (j->result != ERR_OK) return false;
  if (j->r.failure[0] == '\0') return true;
  snprintf(j->why, sizeof j->why, "%s", j->r.failure);
  j->retry_in_s = j->r.retry_in_s;
  return false;
}

void tracker_job_log(const struct tracker_job *j) {
  char url[256];
  const char *event = announce_event_name(j->q.event);
  http_redact(j->url, url, sizeof url);
  if (j->result == ERR_CANCELLED) return;
  if (j->result != ERR_OK)
    log_info("tracker %s: %s", url, j->why);
  else if (j->r.failure[0] != '\0')
    log_info("tracker %s refused: %s", url, j->r.failure);
  else
    log_info("tracker %s:%s%s %zu peers, interval %lld s", url, *event ? " " : "", event,
             j->r.peer_count, (long long)j->r.interval_s);
  if (j->result == ERR_OK && j->r.warning[0] != '\0')
    log_info("tracker %s warns: %s", url, j->r.warning);
}

void tracker_job_free(struct tracker_job *j) {
  if (j->result == ERR_OK) announce_free(&j->r);
  j->result = ERR_CANCELLED; /* nothing is left in r */
}
