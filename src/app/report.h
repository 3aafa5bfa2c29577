/*
 * report: everything a download tells its user while it runs.
 *
 * The session calls these functions; here they become one redrawn line on a terminal, a plain line
 * now and then on a pipe, or one JSON object per line on stdout with --json, and nothing with -q
 * (errors excepted). Human text goes to stderr, JSON to stdout. Everything from outside is escaped.
 * Any thread may call; one mutex inside; nothing here waits on the network, and only report_done()
 * on a slow reader of stdout. A closed or full stdout (EPIPE, ENOSPC) is noted once in the log and
 * ends the JSON, never the download.
 *
 * On a terminal:
 *   ubuntu.iso  [######-----]  57.3%  612M/1.1G  48.1M/s  peers 31/208  eta 0:11
 *
 * Events of --json; each also has "time_ms" since the start. Readers skip events and members that
 * they do not know; "version" grows when a known one changes its meaning.
 *   hello      version (1), program, program_version
 *   metadata   name, info_hash, path, length, piece_length, pieces, files, private
 *   progress   phase, total, verified, received, wasted, rate, pieces, peers, dialling, known,
 *              choked; once a second and at every change of phase
 *   peer       what (connected, disconnected, banned), address, client, why
 *   piece      index, length, good
 *   warning    text          stalled   why
 *   done       exit_code, why, complete, path, total, received, wasted, already, elapsed_ms, peers,
 *              lost_events
 */
#ifndef WEFT_APP_REPORT_H
#define WEFT_APP_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "app/options.h"
#include "app/report_term.h" /* struct report_progress, struct report_summary */
#include "proto/addr.h"
#include "proto/metainfo.h"

struct report;

/* NULL when out of memory. `o` must outlive it. Hooks itself into the log so that the bar is wiped
 * and redrawn: one report at a time. */
struct report *report_new(const struct options *o);
/* Wipes the bar. NULL is fine. No thread may be inside another call. */
void report_free(struct report *r);

/* What the bar is about, when there is no torrent yet: `len` raw bytes. */
void report_name(struct report *r, const char *name, size_t len);
/* What is being downloaded, to where. */
void report_metadata(struct report *r, const struct metainfo *m, const char *path);
/* Call as often as you like (the session does 4 to 10 times a second); it draws when it is time
 * to. */
void report_progress(struct report *r, const struct report_progress *p);
/* When report_progress() last had anything new, in ms of base/clock; 0: never. */
int64_t report_moved_ms(struct report *r);

enum report_peer { PEER_CONNECTED, PEER_DISCONNECTED, PEER_BANNED };
/* `client` (may be "") and `why` (may be NULL) are raw. Only --json and -vv show these; bans only
 * --json, as the log has them already. */
void report_peer(struct report *r, enum report_peer what, const struct addr *a, const char *client,
                 const char *why);
/* A piece was verified, or failed its hash. Only --json shows it. */
void report_piece(struct report *r, uint32_t index, uint32_t length, bool good);
/* Shown once in words: log_warn() and a "warning" event. */
__attribute__((format(printf, 2, 3))) void report_warning(struct report *r, const char *fmt, ...);
/* Nothing has moved for 5 s: `why` is one sentence. Not repeated while it stays the same and
 * nothing arrives. */
void report_stalled(struct report *r, const char *why);
/* The end, good or bad; call once. `exit_code` and `why` go into the "done" event. For humans: if
 * exit_code is not 0, `why` as the last error; then one line with what was saved, or how much of it
 * is there. A `why` of NULL says that the log knows already: the event gets its last error, and
 * humans hear it no second time. `s` may be NULL when it ended before it began. */
void report_done(struct report *r, const struct report_summary *s, int exit_code, const char *why);

#endif
