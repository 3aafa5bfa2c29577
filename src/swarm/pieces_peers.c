/*
 * pieces_peers: the connections of the work queue, and what each of their peers has.
 *
 * A connection has a slot of the table from pieces_join() to pieces_leave(). What its peer has is
 * counted in the rarity of each piece, bit by bit as it is told (BEP 3: bitfield, have; BEP 6: have
 * all, have none). A seed is counted apart: it adds the same to every piece, so that a crowd of
 * seeds costs nothing. Who tells anew what it has may have lost something by that, and no longer
 * holds a piece alone.
 *
 * What an address is known for outlives its connections: whether it is proven, and how much it gave
 * that is not judged yet. So nobody has anything to gain from hanging up and coming back.
 */
#include "swarm/pieces_impl.h"

#include <stdlib.h>
#include <string.h>

/* --- who is there --- */

/* Finds a slot in the table of connections. Caller must hold q->lock. */
static bool take_slot(struct pieces *q, struct pieces_peer *p) {
  for (uint32_t i = 0; i < q->peer_slots; i++)
    if (q->peers[i] == NULL) {
      q->peers[i] = p;
      p->slot = i;
      return true;
    }
  uint32_t more = q->peer_slots ? q->peer_slots * 2 : 16;
  struct pieces_peer **peers = realloc(q->peers, more * sizeof(*peers));
  if (peers == NULL) return false;
  memset(peers + q->peer_slots, 0, (more - q->peer_slots) * sizeof(*peers));
  p->slot = q->peer_slots;
  peers[p->slot] = p;
  q->peers = peers;
  q->peer_slots = more;
  return true;
}

/* Makes sure that there is a place for what is known of `number`. Caller must hold q->lock. */
static bool make_standing(struct pieces *q, uint32_t number) {
  if (number < q->standings) return true;
  uint32_t more = number + number / 2 + 16;
  struct standing *standing = realloc(q->standing, more * sizeof *standing);
  if (standing == NULL) return false;
  memset(standing + q->standings, 0, (more - q->standings) * sizeof *standing);
  q->standing = standing;
  q->standings = more;
  return true;
}

/* Takes up what is known from earlier connections. Caller must hold q->lock. */
static void resume(const struct pieces *q, struct pieces_peer *p) {
  p->unjudged = q->standing[p->number].unjudged;
  p->proven = q->standing[p->number].proven;
}

enum err pieces_join(struct pieces *q, struct pieces_peer *p, uint32_t number) {
  p->number = number;
  p->fd = -1;
  p->seed = false;
  p->run_count = p->asked = 0;
  p->on_trial = p->refused = false;
  p->snubbed = false;
  p->holds = UINT32_MAX;
  atomic_store(&p->gap_ms, 0);
  if (!bitset_init(&p->has, q->geo.pieces)) return ERR_MEMORY;
  pthread_mutex_lock(&q->lock);
  bool ok = make_standing(q, number) && take_slot(q, p);
  if (ok) resume(q, p);
  if (ok) q->peer_count++;
  pthread_mutex_unlock(&q->lock);
  if (ok) return ERR_OK;
  bitset_free(&p->has);
  return ERR_MEMORY;
}

/* Stops counting what the peer has. Caller must hold q->lock. */
static void uncount(struct pieces *q, struct pieces_peer *p) {
  if (p->seed) {
    q->seeds--;
  } else {
    for (size_t i = bitset_next(&p->has, 0); i < p->has.bits; i = bitset_next(&p->has, i + 1))
      rarity_dec(&q->rarity, (uint32_t)i);
  }
  p->seed = false;
  bitset_reset(&p->has);
}

void pieces_leave(struct pieces *q, struct pieces_peer *p) {
  pthread_mutex_lock(&q->lock);
  uint32_t freed = pieces_unask(q, p);
  uncount(q, p);
  q->standing[p->number] = (struct standing){p->unjudged, p->proven};
  q->peers[p->slot] = NULL;
  q->peer_count--;
  pthread_mutex_unlock(&q->lock);
  bitset_free(&p->has);
  if (freed > 0) q->ring(q->ring_arg, 0);
}

bool pieces_is_alone(struct pieces *q) {
  pthread_mutex_lock(&q->lock);
  bool yes = q->peer_count == 1;
  pthread_mutex_unlock(&q->lock);
  return yes;
}

uint32_t pieces_availability(struct pieces *q, uint32_t index) {
  pthread_mutex_lock(&q->lock);
  uint32_t n = q->rarity.avail[index] + q->seeds;
  pthread_mutex_unlock(&q->lock);
  return n;
}

bool pieces_is_proven(struct pieces *q, const struct pieces_peer *p) {
  pthread_mutex_lock(&q->lock);
  bool yes = p->proven;
  pthread_mutex_unlock(&q->lock);
  return yes;
}

/* --- what it has --- */

/* Caller must hold q->lock. */
static void become_seed(struct pieces *q, struct pieces_peer *p) {
  uncount(q, p);
  bitset_fill(&p->has);
  p->seed = true;
  q->seeds++;
}

void pieces_set_have_all(struct pieces *q, struct pieces_peer *p) {
  pthread_mutex_lock(&q->lock);
  become_seed(q, p);
  pthread_mutex_unlock(&q->lock);
}

void pieces_set_have_none(struct pieces *q, struct pieces_peer *p) {
  pthread_mutex_lock(&q->lock);
  pieces_drop_hold(q, p);
  uncount(q, p);
  pthread_mutex_unlock(&q->lock);
}

/* Caller must hold q->lock. */
static enum err count_one(struct pieces *q, struct pieces_peer *p, uint32_t index) {
  if (p->seed || bitset_get(&p->has, index)) return ERR_OK;
  if (!rarity_inc(&q->rarity, index)) return ERR_MEMORY;
  bitset_set(&p->has, index);
  if (bitset_full(&p->has)) become_seed(q, p);
  return ERR_OK;
}

enum err pieces_set_have(struct pieces *q, struct pieces_peer *p, uint32_t index) {
  pthread_mutex_lock(&q->lock);
  enum err e = count_one(q, p, index);
  pthread_mutex_unlock(&q->lock);
  return e;
}

enum err pieces_set_bitfield(struct pieces *q, struct pieces_peer *p, const struct bitset *has) {
  enum err e = ERR_OK;
  pthread_mutex_lock(&q->lock);
  if (bitset_full(has)) {
    become_seed(q, p);
  } else {
    pieces_drop_hold(q, p); /* which it may not have any more */
    uncount(q, p);
    for (size_t i = bitset_next(has, 0); e == ERR_OK && i < has->bits; i = bitset_next(has, i + 1))
      e = count_one(q, p, (uint32_t)i);
  }
  pthread_mutex_unlock(&q->lock);
  return e;
}

bool pieces_interesting(struct pieces *q, const struct pieces_peer *p) {
  pthread_mutex_lock(&q->lock);
  bool yes = p->seed ? !bitset_full(&q->done)
                     : bitset_next_andnot(&p->has, &q->done, 0) < q->geo.pieces;
  pthread_mutex_unlock(&q->lock);
  return yes;
}
