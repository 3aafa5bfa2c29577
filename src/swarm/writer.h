/*
 * writer: the one thread that writes payload to disk, and the judge of what came.
 *
 * It takes all fragments that wait in the results channel, hashes them together (several
 * pieces at a time: base/sha1 says why), writes each with one call, and when a piece is whole
 * turns it into HAVE or into blame. A piece is hashed in order while its fragments come in any
 * order: each open piece has a cursor; what arrives ahead of it is written at once and read back,
 * from the page cache, when its turn comes.
 *
 * Blame (BEP 3 leaves it to us). A failed piece that came over one connection names its liar:
 * that address is banned. One that came over several is kept as a suspicion: who gave which
 * block, and the SHA-1 of each block as it lies on disk. The piece is fetched again by one
 * connection alone; when it is right, the blocks that differ from the suspicion name the liars,
 * and nobody else is harmed.
 */
#ifndef WEFT_SWARM_WRITER_H
#define WEFT_SWARM_WRITER_H

#include "base/err.h"
#include "swarm/swarm.h"

struct writer;

/* Starts the thread. ERR_OK, ERR_MEMORY. */
enum err writer_start(struct swarm *sw, struct writer **out);
/* Waits until the results channel (closed by the caller) is empty, then ends the thread and frees
 * it. While sw->stopping, what is in the channel is dropped. NULL is fine. */
void writer_stop(struct writer *w);

#endif
