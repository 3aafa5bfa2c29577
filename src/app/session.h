/*
 * session: one torrent from start to end.
 *
 *   opening       what is there already (app/present)? Complete: over. Else threads are started
 *   downloading   a tick ten times a second: dial who is due, show progress, say why nothing moves,
 *                 decide whether anything can still come
 *   finishing     every piece is verified; the saver (app/saver) makes sure that all of it is on
 *                 disk. Files that vanished meanwhile are lost pieces: back to downloading
 *   over          there is an exit code, and everything is put away (app/session_end)
 *
 * From each state it may be over at once: a signal, a failure, a time-out, nobody left to ask.
 *
 * The main thread never waits for the disk, so that it always hears signals and can say what is
 * going on: whatever opens, syncs or closes is done by the saver or beside it (app/aside). After a
 * signal all that has 1.6 s; what hangs in a system call then is left there, and the process ends
 * without a new record: the old one is true, or the next run hashes.
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
