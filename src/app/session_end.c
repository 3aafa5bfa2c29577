#include "app/session_end.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "app/session_impl.h"
#include "app/signals.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/resume.h"
#include "peer/worker.h"

enum {
  TRACKER_BYE_MS = 900, /* how long "stopped" may take */
  WORKERS_BYE_MS = 1500,
  LEAVE_MS = 1600       /* after a signal: to end in order; 2 s are promised, and the kernel needs
                           time to take back what a process with 100,000 files has */
};

/* --- the decision --- */

void session_end_with(struct session *s, int code, const char *why) {
  if (s->exit_code >= 0) return;
  s->exit_code = code;
  snprintf(s->why, sizeof s->why, "%s", why);
}

/* Only lack of memory may have left no word. */
void session_end_failed(struct session *s, enum err e) {
  char text[8];
  if (s->exit_code >= 0) return;
  s->told = log_last_error(text, sizeof text);
  session_end_with(s, exits_of(e), e == ERR_MEMORY ? "there is not enough memory" : err_name(e));
}

/* What a signal did, and what to do next. */
static void put_signal(const struct session *s, bool in_order, char *out, size_t size) {
  snprintf(out, size, "%s%s; run the same command to go on%s",
           s->sig == SIGINT ? "interrupted" : "terminated",
           in_order ? "" : ", without waiting for the disk, which takes too long",
           in_order ? "" : " from what is there");
}

void session_end_signal(struct session *s, int sig) {
  char why[128];
  if (sig == 0) return;
  s->sig = sig;
  s->leave_ms = clock_now_ms() + LEAVE_MS;
  if (s->relay >= 0) signals_pass(s->relay, sig);
  put_signal(s, true, why, sizeof why);
  session_end_with(s, signals_exit_code(sig), why);
}

/* --- everybody out --- */

static void wait_for_workers(struct session *s) {
  int64_t deadline = clock_now_ms() + WORKERS_BYE_MS;
  roster_wait_empty(s->sw.roster, deadline);
  while (worker_reap(&s->sw) > 0) usleep(200); /* on their last lines, or still beginning */
}

static void dismiss_workers(struct session *s) {
  struct swarm *sw = &s->sw;
  struct roster_stats r = {0};
  atomic_store(&sw->stopping, true);
  if (sw->roster != NULL) roster_stats(sw->roster, &r);
  s->gave = r.gave;
  if (s->exit_code == EXIT_OK && s->trackers != NULL) tracker_completed(s->trackers);
  if (sw->results != NULL) chan_close(sw->results);
  if (sw->roster == NULL) return;
  roster_close_all(sw->roster);
  wait_for_workers(s);
}

/* Only now, as the writer was verifying until just now. */
static void count_pieces(struct session *s) {
  struct pieces_stats p = {0};
  if (s->sw.pieces != NULL) pieces_stats(s->sw.pieces, &p);
  s->pieces = p.done;
}

static void free_swarm(struct swarm *sw) {
  pieces_free(sw->pieces);
  chan_free(sw->results);
  fragment_pool_free(sw->pool);
  roster_free(sw->roster);
  addrbook_free(sw->book);
}

void session_end_close(void *session) {
  struct session *s = session;
  dismiss_workers(s);
  tracker_stop(s->trackers, clock_now_ms() + TRACKER_BYE_MS);
  writer_stop(s->writer);
  saver_stop(s->saver, s->exit_code != EXIT_OK, s->hurry);
  count_pieces(s);
  free_swarm(&s->sw);
  if (s->exit_code == EXIT_OK) resume_remove(s->there.store, s->m);
  else present_undo(&s->there, s->m, s->pieces);
  present_close(&s->there);
}

/* --- the last words --- */

static void tell(struct session *s, int code, const char *why) {
  struct report_summary sum = {
    .complete = code == EXIT_OK,
    .total = s->m->geo.total,
    .received = atomic_load(&s->sw.received),
    .wasted = atomic_load(&s->sw.wasted),
    .already = s->already,
    .elapsed_ms = clock_now_ms() - s->start_ms,
    .peers_used = s->gave,
    .path = s->path == NULL ? "" : s->path,
  };
  report_done(s->report, &sum, code, why);
}

void session_end_tell(struct session *s) {
  tell(s, s->exit_code, s->told ? NULL : s->why);
}

_Noreturn void session_end_leave(struct session *s) {
  char why[192];
  int code = signals_exit_code(s->sig);
  put_signal(s, false, why, sizeof why);
  tell(s, code, why);
  _exit(code);
}
