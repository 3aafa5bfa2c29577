/*
 * window: how many blocks to have under way from one peer.
 *
 * To a peer that is asked for one block at a time each block costs a round trip. So requests go out
 * ahead of the data: as many as the peer can answer in a round trip, which is the bandwidth-delay
 * product, and a little more, the slack, for all that the two of them do not do at once:
 *
 *   window = rate * (round trip + slack)
 *
 * What is asked for must not be more than the peer wants to hear of ("reqq", BEP 10), nor than this
 * connection's share of --memory. Before the rate is known the window is a guess of 32 blocks, or
 * less when little is left to fetch: nobody shall hold what others could bring sooner.
 *
 * A window that is too small holds the measured rate down. Because the slack always asks for more
 * than the rate needs, the window grows by a factor each round trip while that pays; and as long as
 * the rate rises as in TCP's slow start, by twice that, to stay ahead of it.
 *
 * Some peers have a short queue and drop without a word what goes beyond it. What was dropped stays
 * outstanding, so such a peer ends up silent, with nothing but dropped requests on our list; and at
 * no time were more outstanding than its queue holds and those. So the most that ever was, less
 * those that are left, is what it can take: known at the first silence, and from then on the cap.
 *
 * Pure: time and bytes come in as arguments, nothing here knows a socket or a lock.
 */
#ifndef WEFT_PEER_WINDOW_H
#define WEFT_PEER_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* The rate of one connection, interval by interval. All zero: nothing has come yet. */
struct window_meter {
  int64_t since_ms; /* when this interval began, 0: with the next block, behind a round trip */
  uint64_t bytes;   /* that have come in it */
  bool steady;      /* the rate has stopped rising as in TCP's slow start */
};

/* Closes the interval if it is long enough by `now_ms` and has enough in it: then *rate, the bytes
 * per second as known so far (0: not at all), is brought up to date and never 0. Returns whether
 * it was. */
bool window_measure(struct window_meter *m, int64_t now_ms, uint64_t *rate);
/* So much time of this interval, if one has begun, was not the peer's: we were busy. */
void window_discount(struct window_meter *m, int64_t ms);

/* A window that is no larger is a slow peer's: two blocks arriving, two on their way. */
enum { WINDOW_PATIENT = 4 };

struct window_facts {
  uint64_t rate;   /* bytes per second that the peer delivers, 0: not known yet */
  uint32_t rtt_us; /* the round trip */
  bool steady;     /* as in the meter */
  uint32_t now;    /* the window as it is */
  uint64_t memory; /* its share of --memory, in blocks */
  uint32_t reqq;   /* requests that the peer takes at a time, as it says, */
  uint32_t cap;    /* and as window_cap_limit() has learnt */
  uint64_t fair;   /* its even share of what is left to fetch, in blocks; see window_minds_fair() */
};

/* Does the window depend on `fair`? True: it must be filled in. False: it is not looked at. */
bool window_minds_fair(const struct window_facts *f);
/* Returns the window, in blocks, at least 1. */
uint32_t window_size(const struct window_facts *f);

/* What a peer was seen to drop. All zero: nothing yet. No call is needed for a block that comes. */
struct window_cap {
  uint32_t peak;    /* most blocks outstanding at a time since the last silence */
  uint32_t limit;   /* that it can take, 0: as many as we like */
  uint32_t before;  /* the limit before the last silence */
  uint32_t doubt;   /* blocks to be asked for until that silence surely was no pause */
  int64_t stay_ms;  /* how long a limit stays before it is tried whether it still holds, */
  int64_t rise_ms;  /* and until when that is */
};

/* `count` blocks were asked for, so that `outstanding` are now. */
void window_cap_asked(struct window_cap *c, uint32_t count, uint32_t outstanding);
/* `count` of those outstanding were cancelled, rejected or given back: that they did not come means
 * nothing. */
void window_cap_forgone(struct window_cap *c, uint32_t count);
/* The peer went silent while it owed us `outstanding` blocks. They count as dropped, unless it has
 * not answered anything since the last silence: then it is something else that keeps it. */
void window_cap_silent(struct window_cap *c, uint32_t outstanding, int64_t now_ms);
/* A block came that had been given back: if it was not long after a silence, the peer had only
 * paused, and what was learnt from that is forgotten. */
void window_cap_late(struct window_cap *c);
/* Returns how many blocks the peer takes at a time, 1 or more; UINT32_MAX: no limit is known. A
 * limit that has lasted doubles, and lasts twice as long the next time it proves right. */
uint32_t window_cap_limit(struct window_cap *c, int64_t now_ms);

/* Returns how many blocks to take from the queue at a time: much fewer than the window, so that
 * what is under way renews itself little by little; 1 to FRAGMENT_BLOCKS_MAX. */
uint32_t window_batch(uint32_t window);

/* Returns how many blocks of a connection are worth a wake-up, 1 or more, if the socket's buffer
 * takes `buffer` bytes: it must never come near to being full. */
uint32_t window_wake_blocks(uint64_t rate, uint64_t buffer);

/* Returns the low-water mark (SO_RCVLOWAT, bytes) for a connection of which so many blocks, and of
 * these so many bytes, are still to come: `wake_blocks` where many are, and never more than will
 * come. 1: any byte is worth a wake-up. */
uint32_t window_low_water(uint32_t wake_blocks, bool steady, uint32_t blocks, uint64_t bytes);

#endif
