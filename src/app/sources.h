/*
 * sources: is there anybody to download from?
 *
 * Asked when the trackers are started and before anything is waited for: a torrent whose
 * trackers are all of a kind that weft can't ask would otherwise look like one whose trackers are
 * slow. What can't be asked is named: as a warning when the user named it too or nothing else is
 * left but the peers that were given, with -v when there are other trackers.
 *
 * And asked all the time after that: when the last address is banned or dead, and no tracker is
 * ever to be asked again, nothing can come any more, and waiting for it would be a lie.
 */
#ifndef WEFT_APP_SOURCES_H
#define WEFT_APP_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include "app/options.h"
#include "app/report.h"
#include "find/tracker.h"
#include "proto/metainfo.h"
#include "swarm/swarm.h"

/* Tells of trackers that can't be asked. `trackers` may be NULL; `known` addresses can be dialled.
 * Returns true if there is something to wait for; false, with the reason and what to do about it
 * in why[0..size), if there is nobody. Does not wait. */
bool sources_check(const struct options *o, const struct metainfo *m, struct tracker_set *trackers,
                   size_t known, struct report *r, char *why, size_t size);

/* For the thread that starts the workers. Returns true while something may still come: a worker
 * runs, an address is due now or later, a tracker may be asked, or a piece waits for its verdict.
 * False: never again, and why[0..size) says why and what to do about it. `trackers` may be NULL.
 * Does not wait. */
bool sources_left(struct swarm *sw, struct tracker_set *trackers, int64_t now_ms, char *why,
                  size_t size);

#endif
