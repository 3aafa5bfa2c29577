/*
 * session_impl: the inside of one download, for session.c (from its start to the decision that it
 * is over) and session_end.c (that decision and all that follows) only.
 *
 * The main thread owns the struct. While it waits for a job beside it (app/aside) that job alone
 * touches `there`, `already`, `whole` and what belongs to the swarm; session_end_leave() reads some
 * figures even then, as it is the last thing that happens. The hooks, which other threads call, use
 * only what has a lock of its own.
 */
#ifndef WEFT_APP_SESSION_IMPL_H
#define WEFT_APP_SESSION_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "app/options.h"
#include "app/present.h"
#include "app/report.h"
#include "app/saver.h"
#include "find/tracker.h"
#include "proto/metainfo.h"
#include "swarm/swarm.h"
#include "swarm/writer.h"

struct session {
  const struct options *o;
  const struct metainfo *m;
  struct report *report;
  struct present there;      /* the store, and what was in it at the start */
  struct swarm sw;
  struct writer *writer;
  struct tracker_set *trackers;
  struct saver *saver;
  char *path;                /* of the file or top folder, NULL: not known yet */
  uint64_t already;          /* bytes that were there before */
  bool whole;                /* all was there, and is synced */
  int signals;               /* signalfd */
  int relay;                 /* takes a signal to present_open(), or -1 */

  /* The timers, all of base/clock. */
  int64_t start_ms;
  int64_t tick_ms;           /* when we last looked */
  int64_t answer_ms;         /* when a peer was last connected, or gave something */
  int64_t moved_ms;          /* when the last payload byte came */
  uint64_t moved_bytes;
  int64_t rate_ms;
  uint64_t rate_bytes;
  uint64_t rate;             /* bytes per second */
  uint32_t worker_cap;       /* threads we may have */
  int64_t spawn_ms;          /* when an address will be due */
  int64_t bare_ms;           /* since when there has not been a single thread, 0: there is one */
  bool finishing;            /* all pieces are there, and the saver syncs them */
  int64_t finish_ms;         /* since when */

  /* The end. */
  int exit_code;             /* -1: not over yet */
  char why[1024];
  bool told;                 /* instead: the log has said why */
  int sig;                   /* the last signal, or 0 */
  int64_t leave_ms;          /* when it becomes impossible to wait any longer */
  bool hurry;                /* a signal had come when it ended */
  uint32_t pieces;           /* verified, when it was over */
  uint32_t gave;             /* peers that gave something good, when it was over */
};

#endif
