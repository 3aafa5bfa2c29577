/*
 * session_end: how a download ends: the decision, everybody out, the last words.
 *
 * The decision is an exit code and a sentence, and the first one counts: what fails because it is
 * over already, or while all is put away, changes neither. From then on the order matters, so that
 * nothing is lost and nothing untrue stays behind:
 *
 *   workers     give back what they hold and hang up; nothing new comes in
 *   trackers    hear "completed" or "stopped", in 0.9 s at most
 *   writer      hashes and writes what is still under way
 *   saver       syncs that, and writes the last record, unless all is done
 *   record      goes when all is done; all that was made goes too, if nothing came of it
 *   store       closed, and with it the lock: another weft may go on from here
 *
 * Everything that waits for the disk is in session_end_close(), a job for app/aside. After a signal
 * it has 1.6 s, less than the 2 that are promised to who pressed Ctrl-C; then session_end_leave()
 * ends the process without it. What is synced by then is safe, and the record on disk is true.
 */
#ifndef WEFT_APP_SESSION_END_H
#define WEFT_APP_SESSION_END_H

#include "app/exits.h"
#include "base/err.h"

struct session;

/* All below are for the main thread and do not wait, except session_end_close(). */

/* It is over: `code` (enum exit_code) and why, as a sentence for the user ("" with EXIT_OK), which
 * is copied. Does nothing if it is over already. */
void session_end_with(struct session *s, int code, const char *why);
/* It is over because of `e`, and whoever met that has told it. */
void session_end_failed(struct session *s, enum err e);
/* It is over because signal `sig` came (0: none did, nothing happens). Sets the time after which
 * session_end_leave() is due, and passes the signal on to who is opening the store. */
void session_end_signal(struct session *s, int sig);

/* Ends every thread of the download, saves or removes the record, closes and frees everything that
 * was opened or started, however far that had come. `session` is a struct session that is over;
 * s->hurry must be set. Waits, for the disk among others; any thread, while no other uses *s. */
void session_end_close(void *session);

/* The last words: the summary, and why, if that was not told yet. After session_end_close(). */
void session_end_tell(struct session *s);

/* Ends the process at once, with the exit code of the signal that came and words of its own: a
 * thread hangs in a system call that nobody can end. */
_Noreturn void session_end_leave(struct session *s);

#endif
