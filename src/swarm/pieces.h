/*
 * pieces: the work queue: who fetches which block, and why.
 *
 * A piece is in exactly one of these states:
 *
 *   MISSING --take--> OPEN --last block received--> WRITING --verified--> DONE
 *                       ^                              |
 *                       +--------- hash wrong ---------+
 *
 * and a block of an OPEN piece in one of these:
 *
 *   FREE --take--> ASKED (of one connection) --received--> RECEIVED
 *     ^                |   ^
 *     +----give back---+   +--taken over by a faster connection
 *
 * Work is handed out as runs: up to 32 consecutive blocks of one piece, which is what one
 * fragment holds. What a worker gets from pieces_take(), in this order:
 *
 *   fast connections (they could fetch a whole piece alone in OWN_WITHIN_MS): the next run of the
 *   piece they hold; a piece somebody left; a new piece, which they then hold alone, so that a
 *   wrong hash has one name on it;
 *
 *   slow connections: a run of a piece that is being shared; a piece somebody left; a new piece,
 *   shared from the start: no piece hangs on its slowest owner;
 *
 *   when nothing is left to begin: a free run of anybody's piece, the emptiest first;
 *
 *   when not even that is left (end game): the last half of what the connection that will need
 *   longest still has to deliver, if that gets it here clearly sooner. The loser is told by its
 *   bell and cancels; should its blocks come first after all, they count.
 *
 * A connection on trial, one whose address had no part in a verified piece yet, gets no more than
 * one piece's worth of blocks before the first verdict, unless it is the only one: so a liar spoils
 * no more than that.
 *
 * When a piece is wrong to which several had given, it is contested, and there are several copies
 * of it from then on. Those who gave to it are parted in two halves, and each half completes a copy
 * of its own, which begins with the blocks that its members have given: so one of the halves is rid
 * of a liar. If a copy is wrong, too, its half is parted likewise, until a copy that is wrong has
 * one giver only. Whoever has not given to the piece may fetch it as if nothing had been, into the
 * common copy. The first copy that is right is the piece, and says of all who lied.
 *
 *   Nobody is asked twice for the same block, not even after he was cut off and came back. So a
 *   liar costs one piece at most; and an honest peer that was asked for every block has brought the
 *   piece, whatever the others do: they can't keep him from it by lying, leaving or being slow.
 *
 * Of the copies of a contested piece the one that lacks least goes before new pieces: often that
 * is a block or two. The others are for the end, when everybody works on what he may, and for those
 * who are on trial and get nothing else, if the first does not come soon.
 *
 * New pieces are chosen rarest first with random ties; the very first ones at random, because
 * rare pieces are slow and the sooner there is something to give, the better (BEP 3).
 *
 * HAVE without mailboxes: finished pieces are appended to a list; every worker has its own
 * cursor.
 *
 * One mutex guards everything; every call is a few microseconds, without I/O or hashing. `struct
 * pieces_peer` belongs to one worker thread, which alone calls with it.
 */
#ifndef WEFT_SWARM_PIECES_H
#define WEFT_SWARM_PIECES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bitset.h"
#include "base/err.h"
#include "proto/geometry.h"

struct pieces;

/* How pieces_take() came to a run, for those who want to know (peer/peer_trace). */
enum run_why {
  RUN_UNTOLD,    /* it was not taken from the queue */
  RUN_RANDOM,    /* a new piece, one of the very first */
  RUN_RAREST,    /* a new piece, none is rarer */
  RUN_HELD,      /* the next blocks of the piece that this connection holds */
  RUN_LEFT,      /* a piece that somebody left unfinished */
  RUN_SHARED,    /* a piece that slow connections share */
  RUN_HELP,      /* nothing is left to begin: the end of a piece that others are at */
  RUN_AGAIN,     /* its hash was wrong */
  RUN_PROOF,     /* so it was, with others it had a part in it: this is for their half's copy */
  RUN_TAKEN_OVER /* end game: from a connection that would need longer */
};

struct run { /* consecutive blocks of one piece */
  uint32_t piece;
  uint32_t first;
  uint32_t count; /* 1 to 32 */
  uint16_t why;   /* enum run_why */
  uint16_t peers; /* connections whose peer has the piece, at most UINT16_MAX; 0: not counted */
};

enum { PIECES_RUNS_MAX = 128 }; /* runs that one connection may hold */

/* One connection, as the queue sees it. */
struct pieces_peer {
  uint32_t number;        /* roster number, never 0 */
  struct bitset has;      /* which pieces the peer has */
  bool seed;              /* it has all: then it is counted apart */
  _Atomic uint64_t rate;  /* bytes per second it delivers; 0: not known yet */
  _Atomic uint32_t rtt_us;
  int fd;                 /* its socket, -1: none; valid from pieces_join to pieces_leave */
  _Atomic int64_t last_ms; /* when the last block came, or asking began */
  _Atomic int64_t gap_ms;  /* how long it had let us wait for that block */
  bool snubbed;           /* its own thread's: it was silent too long, is tried with one block */
  /* guarded by the queue's lock: */
  struct run runs[PIECES_RUNS_MAX]; /* what it was asked for, oldest first */
  uint8_t robbed[PIECES_RUNS_MAX];  /* how often the blocks of each had been taken over before */
  uint32_t run_count;
  uint32_t asked;         /* blocks in ASKED under its number */
  uint32_t unjudged;      /* while not proven: blocks received from it without a verdict yet, over
                             this connection and earlier ones */
  bool on_trial;          /* it was refused more for want of a verdict */
  bool proven;            /* what it gave to some piece was right; so it stays when it comes back */
  bool refused;           /* a liar: nothing counts that it delivers */
  uint32_t holds;         /* piece it holds alone, or UINT32_MAX */
  uint32_t slot;          /* index in the queue's table of connections */
};

/* `done` (may be NULL) are pieces that are there already. `ring` is called, outside the lock, with
 * the number of a connection that should look at pieces_lost(), or 0 for all that idle. NULL: no
 * memory. */
struct pieces *pieces_new(const struct geometry *g, const struct bitset *done,
                          void (*ring)(void *arg, uint32_t number), void *arg);
void pieces_free(struct pieces *q);

/* Registers a connection that has nothing yet. ERR_OK, ERR_MEMORY. */
enum err pieces_join(struct pieces *q, struct pieces_peer *p, uint32_t number);
/* Gives back all it was asked for, stops counting what it has, frees `has`. */
void pieces_leave(struct pieces *q, struct pieces_peer *p);

/* What the peer says it has. Bits and indices are checked by the caller. A second bitfield replaces
 * the first. ERR_OK, or ERR_MEMORY. */
enum err pieces_set_bitfield(struct pieces *q, struct pieces_peer *p, const struct bitset *has);
enum err pieces_set_have(struct pieces *q, struct pieces_peer *p, uint32_t index);
void pieces_set_have_all(struct pieces *q, struct pieces_peer *p);
void pieces_set_have_none(struct pieces *q, struct pieces_peer *p);
/* Does it have a piece that we lack? */
bool pieces_interesting(struct pieces *q, const struct pieces_peer *p);

enum take { TAKE_RUN, TAKE_NOTHING, TAKE_DONE, TAKE_NO_MEMORY };
/*
 * Hands out one run of at most `max_blocks` (1 to 32). TAKE_NOTHING: nothing for this peer now; the
 * caller will be rung, or asks again in a quarter of a second. TAKE_DONE: every piece is DONE.
 * TAKE_NO_MEMORY: nothing either, and so it has been for everybody for ten seconds, because there
 * is no memory to begin another piece with.
 */
enum take pieces_take(struct pieces *q, struct pieces_peer *p, uint32_t max_blocks,
                      int64_t now_ms, struct run *out);

/* These blocks of `run` arrived (bit i: block first + i). Returns those that were still needed:
 * they must now go to the writer; the others are waste. */
uint32_t pieces_received(struct pieces *q, struct pieces_peer *p, const struct run *run,
                         uint32_t mask);
/* Gives back the blocks of `mask`, which will not arrive. */
void pieces_release(struct pieces *q, struct pieces_peer *p, const struct run *run, uint32_t mask);
/* It has been silent: of what it is asked for it may not have the pieces that it claims, so others
 * come first when it asks again. To be called before the blocks are given back. */
void pieces_note_silence(struct pieces *q, struct pieces_peer *p);
/* It will not go on for now (choked, silent): the piece it holds alone is anybody's. */
void pieces_let_go(struct pieces *q, struct pieces_peer *p);
/* The blocks of `run` that are no longer this peer's to deliver: taken over or received
 * elsewhere. */
uint32_t pieces_lost(struct pieces *q, struct pieces_peer *p, const struct run *run);
/* A block is arriving that was given back before. True: it is still wanted, and is asked of `p`
 * again, as a run of one. */
bool pieces_claim(struct pieces *q, struct pieces_peer *p, uint32_t piece, uint32_t block);

/* Returns how many connections have a peer with piece `index`. */
uint32_t pieces_availability(struct pieces *q, uint32_t index);
/* Is this the only connection? */
bool pieces_is_alone(struct pieces *q);
/* Had this peer, over this connection or an earlier one, a part in a verified piece? */
bool pieces_is_proven(struct pieces *q, const struct pieces_peer *p);

/* --- For the writer --- */
/* The piece is on disk and its hash is right. If it was contested, the caller says what that means
 * for those who gave to it: pieces_trust(), pieces_refuse(). */
void pieces_verified(struct pieces *q, uint32_t index);
/* The connections that delivered this copy of piece `index` (OPEN or WRITING): copies the number
 * for each block, block count long; 0 where it is not RECEIVED, or no longer: what a liar gave is
 * made FREE again. Call before pieces_failed. */
void pieces_origin(struct pieces *q, uint32_t index, uint32_t copy, uint32_t *from);
/* This connection lied: it gets no more work, what it delivers does not count, and what it has
 * delivered to pieces that are not DONE is FREE again. */
void pieces_refuse(struct pieces *q, uint32_t number);
/* What this connection gave to a contested piece was right: it is proven. */
void pieces_trust(struct pieces *q, uint32_t number);
/* Which blocks of `mask` in `run` are still noted as received from `number`: not those that were
 * made FREE again while they were on their way to the writer. *copy: to which copy they belong. */
uint32_t pieces_still_from(struct pieces *q, uint32_t number, const struct run *run,
                           uint32_t mask, uint32_t *copy);
/*
 * The hash of this copy, which is WRITING, is wrong. `lied`: one of those who gave to it is to
 * blame. If they were several, the piece is contested: where[b] becomes the number of the copy that
 * block b counts in now (the data are the caller's to move), and true is returned. Otherwise, or if
 * there is no memory, nothing of it counts any more, and false is returned: all blocks of the
 * common copy are FREE again, another copy is gone. `where` has room for every block of the piece.
 */
bool pieces_failed(struct pieces *q, uint32_t index, uint32_t copy, bool lied, uint32_t *where);
/* A verified piece turned out to be lost on disk: MISSING again. */
void pieces_reset(struct pieces *q, uint32_t index);

/* --- For everybody --- */
struct pieces_stats {
  uint32_t done;          /* DONE pieces */
  uint64_t done_bytes;
  uint32_t open;          /* OPEN or WRITING */
  uint32_t unavailable;   /* MISSING pieces that no connected peer has */
  bool complete;
};
/* Where things stand, all of one moment. */
void pieces_stats(struct pieces *q, struct pieces_stats *out);
/* Is a piece WRITING, so that a verdict is still to come? Looks at every piece. */
bool pieces_undecided(struct pieces *q);
/* Copies the DONE bits (g->pieces of them). */
void pieces_done(struct pieces *q, struct bitset *out);
/* Finished pieces since *cursor (start with 0, those present at the beginning are not in it):
 * copies up to `max`, moves the cursor, returns how many. */
uint32_t pieces_finished(struct pieces *q, uint32_t *cursor, uint32_t *out, uint32_t max);

#endif
