/*
 * diagnose: why nothing moves, in one sentence.
 *
 * A download that stands still owes its user a reason, not a spinner. diagnose_stall() looks at the
 * state of the swarm and picks the most telling facts: what the trackers said, how many dials
 * failed and how, who chokes us, which pieces nobody has, whether it is the disk. Choosing the
 * words is diagnose_words(), which is pure: figures in, a sentence out. Each address is counted in
 * one place only, so that the figures add up.
 */
#ifndef WEFT_APP_DIAGNOSE_H
#define WEFT_APP_DIAGNOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "find/tracker.h"
#include "swarm/swarm.h"

/* What a sentence is made of, all of about the same moment. */
struct diagnose_facts {
  struct roster_stats roster;
  struct pieces_stats pieces;
  struct addrbook_stats book;
  const struct tracker_status *trackers;
  size_t tracker_count;
  bool disk_is_slow; /* received data wait to be written */
};

/* Writes the sentence (no newline, raw: escape before showing) into out[0..size). Pure. */
void diagnose_words(const struct diagnose_facts *f, char *out, size_t size);

/* The same for a swarm as it is now. `trackers` may be NULL. Does not wait. */
void diagnose_stall(struct swarm *sw, struct tracker_set *trackers, int64_t now_ms, char *out,
                    size_t size);

/* Who there was, if nobody is left: what the trackers said, what became of the addresses. As raw;
 * `trackers` may be NULL. Does not wait. */
void diagnose_nobody(struct swarm *sw, struct tracker_set *trackers, int64_t now_ms, char *out,
                     size_t size);

/* Names the trackers that can't be asked, and why: "udp://a:1, udp://b:2 and 3 more: UDP trackers
 * are not supported yet"; "" if there is none. As raw as the others. Returns how many can be asked.
 * Pure. */
size_t diagnose_unusable(const struct tracker_status *trackers, size_t count, char *out,
                         size_t size);

#endif
