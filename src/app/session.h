/*
 * session: one torrent from start to end.
 *
 * Runs in the main thread: opens the store, finds out what is there, starts trackers, writer and
 * workers, keeps the timers (progress, stall diagnosis, time-outs), and decides when it is over.
 * Returns an exit code after every thread has ended and everything is saved.
 */
#ifndef WEFT_APP_SESSION_H
#define WEFT_APP_SESSION_H

#include "app/exits.h"
#include "app/options.h"
#include "app/report.h"
#include "proto/metainfo.h"

/* Downloads `m` to o->output. Returns the exit code; errors are told already. Main thread only,
 * after signals_block() (app/signals), which must come before any thread is started. */
int session_run(const struct options *o, const struct metainfo *m, struct report *r);

#endif
