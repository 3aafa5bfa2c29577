/*
 * writer_impl: the inside of the writer, for writer.c (from the channel to the disk) and
 * writer_verdict.c (from the hash to HAVE or blame) only.
 *
 * Everything here belongs to the writer's one thread, so nothing of it has a lock. Of each piece
 * that is under way, and of each copy of a contested one, the writer keeps a struct hashing, from
 * its first block to the verdict:
 *
 *   incomplete --last block hashed--> judged --right, or wrong--> forgotten
 *        ^                             |    ^
 *        |             wrong, but wait |    | long enough
 *        |                             v    |
 *        +--a block is FREE again--- deferred
 *
 * Who gave each block is noted twice: by the queue when a block is received, and here when it is
 * written. Where the two differ the queue is right: it has refused that giver since.
 *
 * The common copy of a piece lies where it belongs, the others lie in slots of a scratch file, and
 * the one that is right is put in its place. So nothing that anybody has given is lost when another
 * spoils the piece.
 */
#ifndef WEFT_SWARM_WRITER_IMPL_H
#define WEFT_SWARM_WRITER_IMPL_H

#include <pthread.h>

#include "base/bitset.h"
#include "base/sha1.h"
#include "io/scratch.h"
#include "swarm/blame.h"
#include "swarm/writer.h"

enum {
  WRITER_BATCH_MAX = 32, /* fragments taken at a time */
  WRITER_JOBS_MAX = WRITER_BATCH_MAX * FRAGMENT_BLOCKS_MAX / 2, /* with every other block each */
  WRITER_BUCKETS = 256
};

struct hashing { /* one copy of an open piece, as the writer sees it */
  uint32_t piece;
  uint32_t copy;       /* its number in the queue, 0: the common one */
  uint32_t slot;       /* of the scratch file, unless it is the common one */
  uint32_t blocks;
  uint32_t next;       /* the hash cursor: blocks before it are hashed */
  struct bitset ahead; /* blocks beyond the cursor that are on disk already */
  uint32_t *from;      /* per block that is on disk: number of the connection that gave it, or 0 */
  bool reread;         /* some of it was hashed as it lay on disk */
  int64_t wrong_ms;    /* its hash was wrong at this time, the verdict waits; 0: no */
  struct sha1 sha;
  struct hashing *chain;
};

struct writer {
  struct swarm *sw;
  pthread_t thread;
  struct hashing *table[WRITER_BUCKETS];
  struct blame blame;
  int64_t batch_ms;    /* when this batch began */
  uint32_t deferred;   /* pieces whose verdict waits */
  struct sha1_job jobs[WRITER_JOBS_MAX]; /* this batch's hashing */
  size_t job_count;
  uint8_t *buffer;     /* for reading back: a few fragments' worth of blocks */
  uint32_t *origin;    /* who gave each block of a piece, as the queue has it */
  uint32_t *where;     /* the copy that each block of a piece counts in now */
  struct scratch *scratch; /* for copies; NULL until there is one */
};

/* What the writer has of a copy, NULL: nothing. */
struct hashing *writer_lookup(const struct writer *w, uint32_t piece, uint32_t copy);
/* The same, made now if there is nothing. NULL: no memory. */
struct hashing *writer_lookup_or_begin(struct writer *w, uint32_t piece, uint32_t copy);
/* Reads `n` blocks (at most a fragment's worth) of a copy, from block `first` on, back to `to`.
 * Returns their length in bytes, 0 when the disk failed (told). */
uint32_t writer_read_back(struct writer *w, const struct hashing *h, uint32_t first, uint32_t n,
                          uint8_t *to);
/* Writes `n` blocks from `data`, and has them hashed later. False: the disk failed (told). */
bool writer_put(struct writer *w, const struct hashing *h, uint32_t first, uint32_t n,
                const uint8_t *data);
/* A block that is on disk counts no longer: another will come in its place. */
void writer_unwrite(struct writer *w, struct hashing *h, uint32_t block);
/* Takes a piece out of the table and frees it. */
void writer_forget(struct writer *w, struct hashing *h);

/* Every block of the piece is hashed: is it right? Then it is told to all and forgotten, as it is
 * when it is wrong; or it stays, deferred, or because a block of it counts no longer. */
void writer_judge(struct writer *w, struct hashing *h);
/* Judges those of the deferred pieces that have waited long enough. */
void writer_judge_deferred(struct writer *w);

#endif
