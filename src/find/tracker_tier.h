/*
 * tracker_tier: which tracker of a tier to ask next, and when (BEP 12, BEP 31). Pure: no threads,
 * no clock, no network; find/tracker does what is decided here.
 *
 * A tier is a list of trackers that stand in for each other. They are shuffled once. As long as
 * the one in front works, it alone is asked, at its interval. When it fails the others follow at
 * once, in order, and the first that answers moves to the front. They do so too when it is silent:
 * the second is asked 1.5 s after the first, each further one 0.25 s later, and none of them is cut
 * off. One that failed waits 5 s, 10 s, 20 s... up to 30 minutes, or as long as its "retry in"
 * says; then it comes after those that have not failed.
 *
 * A tier is in one of these states:
 *
 *   ASKING --a tracker answers--> WORKING --the one in front fails--> ASKING (the others, if due)
 *   ASKING --none is left that is due--> FAILED --a tracker answers--> WORKING
 *
 * Tier n+1 opens when tier n has FAILED, or when it has been ASKING for 1.5 s (0.25 s if it is not
 * the first), and is closed while a tier before it is WORKING. A closed tier sleeps, except for two
 * errands: somebody needs peers (tracker_tier_want), or a tracker that answered is owed the news
 * that the download is complete.
 */
#ifndef WEFT_FIND_TRACKER_TIER_H
#define WEFT_FIND_TRACKER_TIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/err.h"
#include "proto/announce.h"

enum tracker_tier_state { TIER_ASKING, TIER_WORKING, TIER_FAILED };

struct tracker_slot { /* one tracker; all zero and `usable` when new */
  bool usable;             /* its scheme is one we speak */
  bool tried;              /* it answered or failed at least once */
  bool asking;             /* it is being asked */
  int64_t asked_ms;        /* since then */
  bool answered;           /* it answered at least once: it knows us */
  bool owes_completed;     /* it is to be told "completed" */
  unsigned fails;          /* in a row */
  unsigned early;          /* replies in a row to announces before its interval was over */
  int64_t due_ms;          /* when it may be asked next; CLOCK_NEVER */
  int64_t completed_due_ms; /* when "completed" may be sent */
  int64_t not_before_ms;   /* what its min interval allows when peers are wanted */
};

struct tracker_tier {
  struct tracker_slot *slots; /* owned; in the order they were given */
  size_t *order;              /* owned; slots in the order they are asked */
  size_t count;
  enum tracker_tier_state state;
  int64_t since_ms;           /* when it got into that state; 0: from the start */
  int64_t asking_ms;          /* when it last became ASKING; 0: from the start */
  bool wanted;                /* peers are wanted, even if a tier before this one works */
};

/* What to do now. */
struct tracker_step {
  bool ask;                  /* true: ask `slot`; false: wait until `until_ms` */
  size_t slot;
  enum announce_event event; /* to send with it */
  int64_t until_ms;          /* absolute; CLOCK_NEVER */
};

/* `count` usable slots in random order. ERR_OK or ERR_MEMORY; tracker_tier_free() is due after
 * ERR_OK. */
enum err tracker_tier_init(struct tracker_tier *t, size_t count, struct crypto_rng *rng);
/* Safe on a zeroed struct. */
void tracker_tier_free(struct tracker_tier *t);
/* Takes slot `i` out of use (before the first step); a tier without usable slots is FAILED. */
void tracker_tier_skip(struct tracker_tier *t, size_t i, int64_t now_ms);

/* When the tier behind `t` opens, if `t` opens at `opens_ms` and stands at place `index` of all;
 * CLOCK_NEVER while this one or one before it works. */
int64_t tracker_tier_then(const struct tracker_tier *t, size_t index, int64_t opens_ms);

/* The next step of a tier that opens at `opens_ms`. */
struct tracker_step tracker_tier_next(const struct tracker_tier *t, int64_t opens_ms,
                                      int64_t now_ms);

/* The step that says so is done: `slot` is being asked, until one of the next three is called. */
void tracker_tier_on_ask(struct tracker_tier *t, size_t slot, int64_t now_ms);
/* `slot` answered an announce with `event`; both intervals in seconds, as announce_parse() gives
 * them. */
void tracker_tier_on_reply(struct tracker_tier *t, size_t slot, enum announce_event event,
                           int64_t interval_s, int64_t min_interval_s, int64_t now_ms);
/* `slot` was sent "completed", and nobody waited for its reply. */
void tracker_tier_on_sent(struct tracker_tier *t, size_t slot);
/* It did not answer, or with a failure. `retry_in_s`: -1 if it did not say, INT64_MAX for never. */
void tracker_tier_on_failure(struct tracker_tier *t, size_t slot, enum announce_event event,
                             int64_t retry_in_s, int64_t now_ms);

/* Peers are wanted: the tier asks as soon as the min interval (10 s at least; if the tracker names
 * none, 30 s, then 60 s, 120 s...) and back-off allow, even if a tier before it works. False takes
 * that back. Returns true if this changes anything. */
bool tracker_tier_want(struct tracker_tier *t, bool wanted);
/* The download is complete: every tracker that answered is owed the news. */
void tracker_tier_complete(struct tracker_tier *t, int64_t now_ms);
/* True if a usable slot has never been tried. */
bool tracker_tier_untried(const struct tracker_tier *t);

#endif
