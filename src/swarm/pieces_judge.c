/*
 * pieces_judge: what a verdict on a piece does to the work queue and to its givers.
 *
 * A right piece is DONE, and everybody who had a part in it is proven. A wrong one with a single
 * giver is fetched again: its liar is known. If several had a part in it, nobody knows yet which of
 * them lied, and they are parted (swarm/pieces.h): those that are proven from those that are not,
 * if there are both, else by lot. Each part gets a copy with the blocks that it has given.
 *
 * Who gave to a copy is a member of one of its parts from then on, and every block that he gave
 * counts in the copy of that part.
 *
 * A liar that is found is refused: nothing that it delivers counts from then on, and what it has
 * delivered to pieces without a verdict is FREE again, before it can spoil them. The writer calls
 * all of this, from its one thread, so a verdict and its consequences are one step.
 */
#include "swarm/pieces_impl.h"

#include <stdlib.h>
#include <string.h>

/* Caller must hold q->lock. */
static struct pieces_peer *find(struct pieces *q, uint32_t number) {
  for (uint32_t i = 0; i < q->peer_slots; i++)
    if (q->peers[i] != NULL && q->peers[i]->number == number) return q->peers[i];
  return NULL;
}

/* This copy of a piece, or NULL. Caller must hold q->lock. */
static struct open_piece *find_copy(struct pieces *q, uint32_t index, uint32_t copy) {
  struct open_piece *op = q->open[index];
  while (op != NULL && op->copy != copy) op = op->other;
  return op;
}

static bool is_in(uint32_t number, const uint32_t *list, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (list[i] == number) return true;
  return false;
}

static void lower(uint32_t *count, uint32_t by) {
  *count -= by < *count ? by : *count;
}

/* A verdict on `part` blocks of one giver, who may be gone. True if it was waiting for that. Caller
 * must hold q->lock. */
static bool judge_one(struct pieces *q, uint32_t number, uint32_t part, bool good) {
  struct pieces_peer *p = find(q, number);
  if (p == NULL) {
    if (number >= q->standings) return false;
    lower(&q->standing[number].unjudged, part);
    if (good) q->standing[number].proven = true;
    return false;
  }
  lower(&p->unjudged, part);
  if (good) p->proven = true;
  bool awaited = p->on_trial;
  p->on_trial = false;
  return awaited;
}

/* The verdict on a piece is there: whoever had a part in it is judged by it. True if somebody was
 * waiting for that. Caller must hold q->lock. */
static bool judge(struct pieces *q, const struct open_piece *op, bool good) {
  bool awaited = false;
  uint32_t part = 0;
  for (uint32_t b = 0; b < op->blocks; b += part) {
    part = 1;
    while (b + part < op->blocks && op->from[b + part] == op->from[b]) part++;
    if (op->from[b] != 0 && judge_one(q, op->from[b], part, good)) awaited = true;
  }
  return awaited;
}

/* The numbers of those who are asked for something of one of the copies, with a 0 behind the last.
 * They are to cancel it. NULL: there are none, or no memory: then they deliver for nothing. Caller
 * must hold q->lock. */
static uint32_t *owing(const struct pieces *q, const struct open_piece *op) {
  uint32_t *list = op->other == NULL ? NULL : calloc(q->peer_slots + 1, sizeof *list);
  uint32_t n = 0;
  for (; list != NULL && op != NULL; op = op->other)
    for (uint32_t b = 0; op->missing > 0 && b < op->blocks; b++) {
      if (op->asked[b] == 0) continue;
      uint32_t number = q->peers[op->asked[b] - 1]->number;
      if (!is_in(number, list, n)) list[n++] = number;
    }
  return list;
}

void pieces_verified(struct pieces *q, uint32_t index) {
  bool news = false;
  uint32_t *late = NULL;
  pthread_mutex_lock(&q->lock);
  if (q->open[index] != NULL) {
    if (q->open[index]->other == NULL) news = judge(q, q->open[index], true);
    late = owing(q, q->open[index]);
    pieces_open_close(q, q->open[index]);
  }
  if (bitset_set(&q->done, index)) {
    q->done_bytes += geometry_piece_len(&q->geo, index);
    if (q->finished_count < q->geo.pieces) q->finished[q->finished_count++] = index;
  }
  bool complete = bitset_full(&q->done);
  pthread_mutex_unlock(&q->lock);
  for (uint32_t i = 0; late != NULL && late[i] != 0; i++) q->ring(q->ring_arg, late[i]);
  free(late);
  if (complete || news) q->ring(q->ring_arg, 0);
}

static bool is_whole(const struct open_piece *op) {
  while (op != NULL && op->missing > 0) op = op->other;
  return op != NULL;
}

bool pieces_undecided(struct pieces *q) {
  bool found = false;
  pthread_mutex_lock(&q->lock);
  for (uint32_t i = 0; i < q->geo.pieces && !found; i++) found = is_whole(q->open[i]);
  pthread_mutex_unlock(&q->lock);
  return found;
}

void pieces_origin(struct pieces *q, uint32_t index, uint32_t copy, uint32_t *from) {
  pthread_mutex_lock(&q->lock);
  struct open_piece *op = find_copy(q, index, copy);
  uint32_t n = geometry_blocks(&q->geo, index);
  for (uint32_t b = 0; b < n; b++) from[b] = op == NULL ? 0 : op->from[b];
  pthread_mutex_unlock(&q->lock);
}

/* --- wrong --- */

/* Everybody who gave to it, each once; returns how many. `list` has room for every block. */
static uint32_t givers(const struct open_piece *op, uint32_t *list) {
  uint32_t n = 0;
  for (uint32_t b = 0; b < op->blocks; b++)
    if ((b == 0 || op->from[b] != op->from[b - 1]) && !is_in(op->from[b], list, n))
      list[n++] = op->from[b];
  return n;
}

/* Caller must hold q->lock. */
static bool is_proven(struct pieces *q, uint32_t number) {
  const struct pieces_peer *p = find(q, number);
  return p != NULL ? p->proven : number < q->standings && q->standing[number].proven;
}

/* Puts a list of two or more into the order in which it is to be parted; returns how many belong to
 * the first part. Caller must hold q->lock. */
static uint32_t part(struct pieces *q, uint32_t *list, uint32_t count) {
  uint32_t proven = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t at = i - (uint32_t)crypto_rng_below(&q->rng, i + 1);
    uint32_t moved = list[i];
    list[i] = list[at];
    list[at] = moved;
  }
  for (uint32_t i = 0; i < count; i++) {
    if (!is_proven(q, list[i])) continue;
    uint32_t moved = list[proven];
    list[proven++] = list[i];
    list[i] = moved;
  }
  return proven > 0 && proven < count ? proven : count / 2;
}

/* A copy for some of those who gave to `op`, with all that they gave; notes it in `where`. Caller
 * must hold q->lock. */
static bool inherit(struct pieces *q, const struct open_piece *op, const uint32_t *list,
                    uint32_t count, uint32_t *where) {
  struct open_piece *heir = pieces_copy_new(q, q->open[op->index], list, count);
  if (heir == NULL) return false;
  for (uint32_t b = 0; b < op->blocks; b++) {
    if (!is_in(op->from[b], list, count)) continue;
    heir->from[b] = op->from[b];
    heir->missing--;
    where[b] = heir->copy;
  }
  pieces_open_set_free(q, heir, heir->missing);
  return true;
}

/* Parts those who gave to `op`. False: it was only one, or there is no memory. Caller must hold
 * q->lock. */
static bool contest(struct pieces *q, const struct open_piece *op, uint32_t *where) {
  uint32_t *list = malloc(op->blocks * sizeof *list);
  uint32_t n = list == NULL ? 0 : givers(op, list);
  bool ok = false;
  if (n > 1) {
    uint32_t first = part(q, list, n);
    memset(where, 0, op->blocks * sizeof *where);
    ok = inherit(q, op, list, first, where);
    if (ok && !inherit(q, op, list + first, n - first, where)) {
      pieces_copy_close(q, q->open[op->index]->other);
      ok = false;
    }
  }
  free(list);
  return ok;
}

bool pieces_failed(struct pieces *q, uint32_t index, uint32_t copy, bool lied, uint32_t *where) {
  bool contested = false;
  pthread_mutex_lock(&q->lock);
  struct open_piece *op = find_copy(q, index, copy);
  if (op != NULL && op->missing == 0) {
    contested = lied && contest(q, op, where);
    if (copy != 0) {
      pieces_copy_close(q, op);
    } else {
      if (!contested) judge(q, op, false);
      memset(op->from, 0, op->blocks * sizeof *op->from);
      op->missing = op->blocks;
      op->holder = 0;
      op->shared = false;
      op->again = true;
      pieces_open_set_free(q, op, op->blocks);
    }
  }
  pthread_mutex_unlock(&q->lock);
  q->ring(q->ring_arg, 0);
  return contested;
}

/* --- liars and others --- */

void pieces_refuse(struct pieces *q, uint32_t number) {
  uint32_t freed = 0;
  pthread_mutex_lock(&q->lock);
  struct pieces_peer *p = find(q, number);
  if (p != NULL) {
    p->refused = true;
    freed = pieces_unask(q, p);
  }
  for (uint32_t i = 0; i < q->geo.pieces; i++)
    for (struct open_piece *op = q->open[i]; op != NULL; op = op->other)
      freed += pieces_disown(q, op, number);
  pthread_mutex_unlock(&q->lock);
  if (freed > 0) q->ring(q->ring_arg, 0);
}

void pieces_trust(struct pieces *q, uint32_t number) {
  pthread_mutex_lock(&q->lock);
  bool news = judge_one(q, number, UINT32_MAX, true);
  pthread_mutex_unlock(&q->lock);
  if (news) q->ring(q->ring_arg, 0);
}

uint32_t pieces_still_from(struct pieces *q, uint32_t number, const struct run *run,
                           uint32_t mask, uint32_t *copy) {
  uint32_t still = 0;
  pthread_mutex_lock(&q->lock);
  const struct open_piece *op = pieces_copy_of(q, number, run->piece);
  *copy = op == NULL ? 0 : op->copy;
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
