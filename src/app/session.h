/*
 * session: one torrent from start to end.
 *
 * Runs in the main thread: opens the store, finds out what is there, starts trackers, writer and workers, keeps the timers
 * (resume record, progress, stall diagnosis), and decides when it is over. Returns the exit code of DESIGN.md, after
 * every thread has ended and everything is saved.
 */
#ifndef WEFT_APP_SESSION_H
#define WEFT_APP_SESSION_H

#include "app/options.h"
#include "app/report.h"
#include "proto/metainfo.h"

enum exit_code {
  EXIT_OK = 0,
  EXIT_UNEXPECTED = 1,
  EXIT_USAGE = 2,
  EXIT_BAD_TORRENT = 3,
  EXIT_NO_SOURCE = 4,
  EXIT_DISK = 5,
  EXIT_RESOURCES = 6,
  EXIT_STALLED = 7,
  EXIT_MISMATCH = 8,
  EXIT_HOOK = 9,
  EXIT_INTERRUPTED = 130,
  EXIT_TERMINATED = 143
};

/* Downloads `m` to o->output. The errors are already told. Main thread only; blocks SIGINT, SIGTERM and SIGHUP
 * handling into itself: call session_block_signals() before any thread is started. */
int session_run(const struct options *o, const struct metainfo *m, struct report *r);

/* Blocks the signals that session_run() waits for, ignores SIGPIPE and SIGXFSZ. Once, first thing in main. */
void session_block_signals(void);

#endif
