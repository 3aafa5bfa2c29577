/*
 * download: what we ask one peer for, and where it goes.
 *
 * Requests go out ahead of the data, across piece boundaries, as many as the window allows (see
 * peer/window). What to ask for is the work queue's choice (swarm/pieces): runs of blocks.
 *
 * Asked-for runs stand in a ring of jobs in the order of asking, which is the order in which a
 * well-behaved peer answers. Each job gets a fragment when its first block is about to arrive.
 * When all of its blocks have come (or are known not to come) it is handed to the writer.
 *
 * A peer that sends no block for two seconds, or for much longer than is usual for it, is silent:
 * its blocks go back to the queue, the connection stays and is tried with one block at a time. All
 * functions: the owning thread only.
 */
#ifndef WEFT_PEER_DOWNLOAD_H
#define WEFT_PEER_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "peer/peer.h"

/* Appends requests to p->out as far as the window allows. When the queue has nothing, the seat is
 * idle until p->take_ms, when this wants to be called again. */
void download_ask(struct peer *p);

/* The place for one block that is expected. */
struct download_slot {
  struct peer_job *job;
  uint32_t block; /* bit in the job */
  uint32_t piece;
  uint32_t begin; /* in the piece */
  uint32_t len;
  uint8_t *dest;
};
/* The next up to `max` expected blocks in order, without the one that is arriving (p->cur_*). Gets
 * fragments for them; fewer are returned when memory is short. */
uint32_t download_expected(struct peer *p, struct download_slot *slots, uint32_t max);
/* The place for this block, a whole one of the torrent, if it was asked for, in any order, or is
 * wanted all the same although it was given back. ERR_OK; ERR_NOT_FOUND: nobody wants it;
 * ERR_MEMORY: no place for it. */
enum err download_find(struct peer *p, uint32_t piece, uint32_t begin, uint32_t len,
                       struct download_slot *slot);
/* All bytes of this block are in place. Waits while the results channel is full. ERR_OK;
 * ERR_CLOSED: that channel is closed, all is over. */
enum err download_arrived(struct peer *p, struct peer_job *job, uint32_t block);
/* Accounts what arrived with one receive: rate, totals. */
void download_count(struct peer *p);

/* Nothing under way will come: the peer went silent, or chokes. */
void download_give_back(struct peer *p);
/* The peer chokes us, which it did not before. BEP 3 has it forget what it was asked, which goes
 * back to the queue. BEP 6 has it answer or reject each request, so we wait; and for those, too,
 * that have been seen to answer after a choke although they know nothing of BEP 6: to ask them
 * again after each choke would bring every block many times. */
void download_choked(struct peer *p);
/* One request was rejected (BEP 6). Returns true if it was open, and gives its block back; false:
 * there is no such request. */
bool download_rejected(struct peer *p, uint32_t piece, uint32_t begin, uint32_t len);
/* Our bell rang: cancels what others have taken over. Returns, and waits, as download_arrived(). */
enum err download_on_bell(struct peer *p);
/* Looks at the clock: silence, patience. ERR_OK; ERR_TIMEOUT: the peer is of no use, give its
 * place to another. *next_ms is lowered to when this wants to be called again. */
enum err download_tick(struct peer *p, int64_t *next_ms);
/* Sets SO_RCVLOWAT to what is worth waking up for. */
void download_set_lowat(struct peer *p);
/* What the peer has changed: are we interested now? Says so to the peer. */
void download_update_interest(struct peer *p);
/* The connection is over: everything back to the queue, received blocks to the writer. */
void download_end(struct peer *p);

#endif
