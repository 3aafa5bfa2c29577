#include "find/tracker_job.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/http.h"

void tracker_job_set_id(struct tracker_job *j, const uint8_t *id, size_t len) {
  if (len > 0) memcpy(j->id, id, len);
  j->q.tracker_id = len > 0 ? (const char *)j->id : NULL;
  j->q.tracker_id_len = len;
}

bool tracker_job_run(struct tracker_job *j, const struct tracker_http_how *how) {
  struct tracker_http_outcome *o = &j->out;
  j->result = tracker_http_announce(j->url, &j->q, how, o);
  if (j->result != ERR_OK) return false;
  if (o->r.failure[0] == '\0') return true;
  snprintf(o->why, sizeof o->why, "%s", o->r.failure);
  o->retry_in_s = o->r.retry_in_s;
  return false;
}

void tracker_job_log(const struct tracker_job *j) {
  char url[256];
  const struct announce_reply *r = &j->out.r;
  const char *event = announce_event_name(j->q.event);
  http_redact(j->url, url, sizeof url);
  if (j->result == ERR_CANCELLED) return;
  if (j->result != ERR_OK)
    log_info("tracker %s: %s", url, j->out.why);
  else if (j->out.unanswered)
    log_info("tracker %s: told \"%s\", not waiting for its reply", url, event);
  else if (r->failure[0] != '\0')
    log_info("tracker %s refused: %s", url, r->failure);
  else if (j->q.event == ANNOUNCE_COMPLETED || j->q.event == ANNOUNCE_STOPPED)
    log_info("tracker %s: told \"%s\"", url, event);
  else
    log_info("tracker %s: %zu peer%s, wants to be asked every %lld s", url, r->peer_count,
             r->peer_count == 1 ? "" : "s", (long long)r->interval_s);
  if (j->result == ERR_OK && r->warning[0] != '\0')
    log_info("tracker %s warns: %s", url, r->warning);
}

void tracker_job_free(struct tracker_job *j) {
  if (j->result == ERR_OK) announce_free(&j->out.r);
  j->result = ERR_CANCELLED; /* nothing is left in out.r */
}
