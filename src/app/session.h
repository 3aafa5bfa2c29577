/*
 * session: one torrent from start to end.
 *
 * Runs in the main thread: opens the store, finds out what is there, starts trackers, writer and
 * workers, keeps the timers (progress, stall diagnosis, time-outs), and decides when it is over.
 * Returns an exit code after every thread has ended and everything is saved.
 *
 * The main thread never waits for the disk, so that it always hears signals and can say what is
 * going on: whatever opens, syncs or closes is done by the saver (app/saver) or beside it
 * (app/aside). After a signal all that has 1.8 s; what hangs in a system call then is left there,
 * and the process ends without a new record: the old one is true, or the next run hashes.
 */
#ifndef WEFT_APP_SESSION_H
#define WEFT_APP_SESSION_H

#include "app/exits.h"
#include "app/options.h"
#include "app/report.h"
#include "proto/metainfo.h"

/* Downloads `m` to o->output. Returns the exit code; errors are told already. Main thread only,
 * after signals_block() (app/signals), which must come before any thread is started. Does not
 * return, but ends the process, if a signal came and the disk does not answer in time. */
int session_run(const struct options *o, const struct metainfo *m, struct report *r);

#endif
