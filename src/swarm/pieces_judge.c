/*
 * pieces_judge: what a verdict on a piece does to the work queue and to its givers.
 *
 * A right piece is DONE, and everybody who had a part in it is proven. A wrong one is OPEN again,
 * to be fetched by one connection alone, so that the second verdict has one name on it. If several
 * had a part in it, nobody knows yet which of them lied: those that never had a part in a right
 * piece are suspects, and wait (pieces_take.c) until the piece has been fetched again.
 *
 * A liar that is found is refused: nothing that it delivers counts from then on, and what it has
 * delivered to pieces without a verdict is FREE again, before it can spoil them. The writer calls
 * all of this, from its one thread, so a verdict and its consequences are one step.
 */
#include "swarm/pieces_impl.h"

#include <string.h>

/* The verdict on a piece is there: whoever had a part in it and is not proven yet is judged by it.
 * `lied`: it is wrong, and one of them is to blame; who gave all of it is no suspect but the liar.
 * True if somebody was waiting for that. Caller must hold q->lock. */
static bool judge(struct pieces *q, const struct open_piece *op, bool good, bool lied) {
  bool awaited = false;
  for (uint32_t i = 0; i < q->peer_slots; i++) {
    struct pieces_peer *p = q->peers[i];
    if (p == NULL || p->proven || p->unjudged == 0) continue;
    uint32_t part = 0;
    for (uint32_t b = 0; b < op->blocks; b++) part += op->from[b] == p->number;
    if (part == 0) continue;
    p->unjudged -= part < p->unjudged ? part : p->unjudged;
    p->proven = good;
    if (good) p->suspect = false;
    else if (lied) p->suspect = part < op->blocks;
    p->suspect_ms = 0;
    awaited = awaited || p->on_trial;
    p->on_trial = false;
  }
  return awaited;
}

/* Caller must hold q->lock. */
static struct pieces_peer *find(struct pieces *q, uint32_t number) {
  for (uint32_t i = 0; i < q->peer_slots; i++)
    if (q->peers[i] != NULL && q->peers[i]->number == number) return q->peers[i];
  return NULL;
}

void pieces_verified(struct pieces *q, uint32_t index) {
  bool news = false;
  pthread_mutex_lock(&q->lock);
  if (q->open[index] != NULL) {
    news = judge(q, q->open[index], true, false);
    pieces_open_close(q, q->open[index]);
  }
  if (bitset_set(&q->done, index)) {
    q->done_bytes += geometry_piece_len(&q->geo, index);
    if (q->finished_count < q->geo.pieces) q->finished[q->finished_count++] = index;
  }
  bool complete = bitset_full(&q->done);
  pthread_mutex_unlock(&q->lock);
  if (complete || news) q->ring(q->ring_arg, 0);
}

bool pieces_undecided(struct pieces *q) {
  bool found = false;
  pthread_mutex_lock(&q->lock);
  for (uint32_t i = 0; i < q->geo.pieces && !found; i++)
    found = q->open[i] != NULL && q->open[i]->missing == 0;
  pthread_mutex_unlock(&q->lock);
  return found;
}

void pieces_origin(struct pieces *q, uint32_t index, uint32_t *from) {
  pthread_mutex_lock(&q->lock);
  struct open_piece *op = q->open[index];
  uint32_t n = geometry_blocks(&q->geo, index);
  for (uint32_t b = 0; b < n; b++) from[b] = op == NULL ? 0 : op->from[b];
  pthread_mutex_unlock(&q->lock);
}

void pieces_failed(struct pieces *q, uint32_t index, bool alone) {
  pthread_mutex_lock(&q->lock);
  struct open_piece *op = q->open[index];
  if (op != NULL && op->missing == 0) {
    judge(q, op, false, alone);
    memset(op->from, 0, op->blocks * sizeof *op->from);
    op->missing = op->blocks;
    op->holder = 0;
    op->shared = false;
    op->alone = alone;
    pieces_open_set_free(q, op, op->blocks);
  }
  pthread_mutex_unlock(&q->lock);
  q->ring(q->ring_arg, 0);
}

void pieces_refuse(struct pieces *q, uint32_t number) {
  uint32_t freed = 0;
  pthread_mutex_lock(&q->lock);
  struct pieces_peer *p = find(q, number);
  if (p != NULL) {
    p->refused = true;
    freed = pieces_unask(q, p);
  }
  for (uint32_t i = 0; i < q->geo.pieces; i++)
    if (q->open[i] != NULL) freed += pieces_disown(q, q->open[i], number);
  pthread_mutex_unlock(&q->lock);
  if (freed > 0) q->ring(q->ring_arg, 0);
}

void pieces_trust(struct pieces *q, uint32_t number) {
  pthread_mutex_lock(&q->lock);
  struct pieces_peer *p = find(q, number);
  bool news = p != NULL && p->suspect;
  if (p != NULL) {
    p->proven = true;
    p->suspect = p->on_trial = false;
  }
  pthread_mutex_unlock(&q->lock);
  if (news) q->ring(q->ring_arg, 0);
}

uint32_t pieces_still_from(struct pieces *q, uint32_t number, const struct run *run,
                           uint32_t mask) {
  uint32_t still = 0;
  pthread_mutex_lock(&q->lock);
  const struct open_piece *op = q->open[run->piece];
  for (uint32_t i = 0; op != NULL && i < run->count; i++)
    if ((mask >> i & 1) && op->from[run->first + i] == number) still |= UINT32_C(1) << i;
  pthread_mutex_unlock(&q->lock);
  return still;
}

void pieces_reset(struct pieces *q, uint32_t index) {
  pthread_mutex_lock(&q->lock);
  if (bitset_clear(&q->done, index)) {
    q->done_bytes -= geometry_piece_len(&q->geo, index);
    rarity_insert(&q->rarity, index);
  }
  pthread_mutex_unlock(&q->lock);
  q->ring(q->ring_arg, 0);
}
