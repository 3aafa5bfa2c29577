/*
 * fragment: received blocks on their way from a worker to the writer.
 *
 * A fragment is memory for a run of up to 32 consecutive blocks of one piece (512 KiB). A worker
 * receives into it, the writer hashes and writes it with one call, then it goes back to the pool.
 * Why not whole pieces: they may be 512 MiB long; why not blocks: a system call and a wake-up
 * each.
 *
 * The pool keeps what was given back, by size, and hands out the last one first, so that what is
 * used is what is still in the processor's cache. How many exist at a time is bounded by the
 * request windows (peer/download) and the channel; of the idle ones the pool keeps POOL_IDLE_MAX
 * bytes.
 */
#ifndef WEFT_SWARM_FRAGMENT_H
#define WEFT_SWARM_FRAGMENT_H

#include <stdint.h>

enum { FRAGMENT_BLOCKS_MAX = 32 };

struct fragment {
  uint32_t piece;
  uint32_t first;    /* index in the piece of its first block */
  uint32_t count;    /* blocks, 1 to FRAGMENT_BLOCKS_MAX */
  uint32_t valid;    /* bit i: block first + i is in `data` and is to be written */
  uint32_t from;     /* the connection it came over (roster number) */
  uint32_t copy;     /* which copy of the piece it belongs to (swarm/pieces); the writer's */
  uint32_t capacity; /* blocks that fit; the pool's business */
  uint8_t *data;     /* block i starts at i * BLOCK_LEN */
  struct fragment *next;
};

struct fragment_pool;

/* An empty pool; any thread may use it. NULL: no memory. */
struct fragment_pool *fragment_pool_new(void);
/* Frees the pool and what lies in it; fragments still out must have come back. NULL is fine. */
void fragment_pool_free(struct fragment_pool *p);

/* A fragment with room for `count` blocks; fields zero but count and capacity. NULL: no memory. */
struct fragment *fragment_get(struct fragment_pool *p, uint32_t count);
/* Gives it back. NULL is fine. */
void fragment_put(struct fragment_pool *p, struct fragment *f);

#endif
