/*
 * survey: the trackers of a torrent, all asked, for `weft peers` and `weft scrape`.
 *
 *   int code = survey_open(&s, o, false);
 *   if (code != EXIT_OK) return code;
 *   while ((t = survey_next(&s)) != NULL) tell(t);
 *   if (survey_whole(&s)) show the rest;
 *   return survey_close(&s, "addresses");
 *
 * Both commands load the torrent, put the trackers of --tracker before its own, wait for each one's
 * answer and for signals (Ctrl-C ends everything at once), and have the same exit codes; what they
 * show is theirs. --timeout is for each tracker, from the moment when it is asked, and for the
 * fetching of a torrent by its URL.
 *
 * All trackers are asked that the torrent parser reads (4,096 at most); if it left any out, a
 * warning says how many, and --json has "trackers_left_out".
 *
 * What a tracker said goes to stderr where it is not what was asked for, a line for each; -q leaves
 * that out, and --json has it on stdout anyway.
 */
#ifndef WEFT_APP_SURVEY_H
#define WEFT_APP_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

#include "app/options.h"
#include "base/buf.h"
#include "base/json.h"
#include "find/ask.h"
#include "proto/metainfo.h"

struct survey {
  const struct options *o;
  struct metainfo m;
  struct ask *ask;
  size_t ended;    /* trackers that survey_next() gave */
  size_t answered; /* of these */
  int bell;
  int signals;
  int sig;         /* what ended it; 0 */
};

/* Loads the torrent and begins to ask its trackers, or to scrape them. Returns EXIT_OK, and
 * survey_close() is due; otherwise one sentence was logged: what torrent_load() returns,
 * EXIT_NO_SOURCE (there is no tracker), EXIT_RESOURCES. Waits for the torrent; before any thread is
 * started. */
int survey_open(struct survey *s, const struct options *o, bool scrape);
/* Writes what `b` holds to stdout, flushed, and empties it. While the reader takes nothing it waits
 * for signals, too. Returns false if nobody wants the rest: a signal came, or a write failed. */
bool survey_put(struct survey *s, struct buf *b);
/* Waits for the next tracker's answer. NULL: all have answered, or a signal came. */
const struct ask_tracker *survey_next(struct survey *s);
/* Has every tracker had its say? False after a signal: what was put is all then. */
bool survey_whole(const struct survey *s);
/* Waits until the trackers know that we have left again, then frees everything. Returns EXIT_OK if
 * a tracker answered; EXIT_NO_SOURCE, after one sentence in the log that none gave `what`; or the
 * signal's code. */
int survey_close(struct survey *s, const char *what);

/* One line on stderr: the tracker, `said`, and the time it took; for one that did not answer why
 * not, and `said` is left out (may be NULL). Nothing with -q or --json. */
void survey_tell(const struct survey *s, const struct ask_tracker *t, const char *said);
/* Opens the object that stands for a tracker in --json, with the members that both commands have:
 *   "url": without its secrets        "tier": 1, 2...; 0 for those of --tracker
 *   "state": "answered", "refused" (the tracker said no), "failed", "skipped"
 *   "error": null or a sentence       "retry_in": null, seconds or "never" (after a failure)
 *   "ms": the time it took
 * The caller adds its own and closes it. */
void survey_json(const struct ask_tracker *t, struct json *j);
/* A number that may be unknown: null if it is negative. */
void survey_json_count(struct json *j, const char *key, int64_t n);

#endif
