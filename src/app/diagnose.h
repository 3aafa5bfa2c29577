/*
 * diagnose: why nothing moves, in one sentence.
 *
 * A download that stands still is the commonest complaint about every client, and the commonest
 * answer is a bar that says 0 %. Here the numbers that the threads keep anyway become words: what
 * the trackers said, how many dials failed and how, who chokes us, which pieces nobody has, whether
 * it is the disk.
 */
#ifndef WEFT_APP_DIAGNOSE_H
#define WEFT_APP_DIAGNOSE_H

#include <stddef.h>
#include <stdint.h>

#include "find/tracker.h"
#include "swarm/swarm.h"

/* Writes the sentence (no newline, raw: escape before showing) into out[0..size). `trackers` may be
 * NULL. */
void diagnose_stall(struct swarm *sw, struct tracker_set *trackers, int64_t now_ms, char *out,
                    size_t size);

#endif
