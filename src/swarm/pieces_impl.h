/*
 * pieces_impl: the inside of the work queue, for pieces.c (pieces and blocks), pieces_peers.c
 * (connections), pieces_take.c (choices) and pieces_judge.c (verdicts) only.
 *
 * What the states mean stands in swarm/pieces.h. A piece that is MISSING or DONE is nothing but a
 * bit and a place in the rarity order; only OPEN and WRITING ones have a struct open_piece, so
 * that memory follows the work under way. A contested piece has several, one for each copy. Blocks
 * name connections by slot + 1 while they are asked for (a slot is free again when its connection
 * has given everything back) and by number once they came (numbers are for ever). Every function
 * here says "Caller must hold q->lock"; none of them waits.
 */
#ifndef WEFT_SWARM_PIECES_IMPL_H
#define WEFT_SWARM_PIECES_IMPL_H

#include <pthread.h>

#include "swarm/pieces.h"
#include "swarm/rarity.h"

enum { RUN_BLOCKS_MAX = 32 };

struct open_piece { /* a copy of a piece: OPEN, or WRITING when missing == 0 */
  uint32_t index;
  uint32_t copy;      /* 0: the common one; else this is one that only its members give to */
  uint32_t blocks;
  uint32_t free;      /* blocks that are FREE */
  uint32_t missing;   /* blocks that are not RECEIVED */
  uint32_t holder;    /* slot + 1 of the connection that holds it alone, 0: nobody */
  uint32_t silent;    /* slot + 1 of the connection that last was silent about it, 0: none */
  bool shared;        /* begun by a slow connection: anybody may join */
  bool again;         /* its hash was wrong */
  uint32_t *asked;    /* per block: slot + 1 of the connection it is asked of, or 0 */
  uint32_t *from;     /* per block: number of the connection it was received from, or 0 */
  int64_t rival_ms;   /* since when it waits for another copy to come first, 0: it does not */
  uint32_t *members;  /* of another than the common one: the numbers of who may give to it */
  uint32_t member_count;
  struct open_piece *other; /* the next copy of this piece; the common one is the first */
  struct open_piece *next; /* list of those with free blocks */
  struct open_piece *prev;
};

struct standing { /* what is known of an address while it has no connection */
  uint32_t unjudged;
  bool proven;
};

struct pieces {
  struct geometry geo;                /* fixed, as the two below */
  void (*ring)(void *, uint32_t);
  void *ring_arg;

  pthread_mutex_t lock;
  /* guarded by lock: */
  struct crypto_rng rng;
  int64_t start_ms;                   /* when the first run was asked for, 0: not yet */
  bool no_memory;                     /* the last choice wanted to begin a piece and got none */
  int64_t starved_ms;                 /* since when, with no run handed out since; 0: not */
  struct rarity rarity;               /* candidates are the MISSING pieces */
  struct open_piece **open;           /* per piece: its common copy, NULL if MISSING or DONE */
  uint32_t open_count;
  struct open_piece *ready;           /* those with free > 0 */
  struct bitset done;
  uint64_t done_bytes;
  uint32_t *finished;                 /* pieces in order of being verified */
  uint32_t finished_count;
  uint32_t seeds;                     /* connections that have everything */
  struct pieces_peer **peers;         /* by slot; NULL: free */
  uint32_t peer_slots;
  uint32_t peer_count;                /* slots in use */
  struct standing *standing;          /* by number, as of when its last connection left */
  uint32_t standings;
  uint32_t last_copy;                 /* the number that was given to a copy last */
};

/* Does the peer have this piece? No lock is needed for one's own peer. */
static inline bool pieces_peer_has(const struct pieces_peer *p, uint32_t index) {
  return p->seed || bitset_get(&p->has, index);
}

/* Opens a MISSING piece. NULL: no memory. Caller must hold q->lock. */
struct open_piece *pieces_open_new(struct pieces *q, uint32_t index);
/* Ends an open piece, `op` being its common copy, with all its copies: it goes to DONE or MISSING.
 * Caller must hold q->lock. */
void pieces_open_close(struct pieces *q, struct open_piece *op);
/* Adds a copy of `op`, the common one, for these members; they are copied. NULL: no memory. Caller
 * must hold q->lock. */
struct open_piece *pieces_copy_new(struct pieces *q, struct open_piece *op,
                                   const uint32_t *members, uint32_t count);
/* Ends one copy, not the common one. Caller must hold q->lock. */
void pieces_copy_close(struct pieces *q, struct open_piece *op);
/* The copy of a piece that connection `number` gives to; NULL: the piece is not OPEN. Caller must
 * hold q->lock. */
struct open_piece *pieces_copy_of(const struct pieces *q, uint32_t number, uint32_t index);
/* Sets op->free, and links or unlinks the piece from the ready list. Caller must hold q->lock. */
void pieces_open_set_free(struct pieces *q, struct open_piece *op, uint32_t free_blocks);
/* Makes the blocks that connection `number` delivered to `op` FREE; returns how many. Caller must
 * hold q->lock. */
uint32_t pieces_disown(struct pieces *q, struct open_piece *op, uint32_t number);
/* Nothing is asked of `p` any more, and it holds nothing. Returns how many blocks are FREE by that.
 * Caller must hold q->lock. */
uint32_t pieces_unask(struct pieces *q, struct pieces_peer *p);
/* The piece that `p` held alone is anybody's now. Returns how many blocks of it are FREE. Caller
 * must hold q->lock. */
uint32_t pieces_drop_hold(struct pieces *q, struct pieces_peer *p);
/* Asks FREE or ASKED blocks [first, first + count) of `p` and notes the run. Caller must hold
 * q->lock. */
void pieces_assign(struct pieces *q, struct open_piece *op, struct pieces_peer *p, uint32_t first,
                   uint32_t count);

#endif
