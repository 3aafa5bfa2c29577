#include "swarm/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "swarm/pieces_impl.h"

struct pieces *pieces_new(const struct geometry *g, const struct bitset *done,
                          void (*ring)(void *arg, uint32_t number), void *arg) {
  struct pieces *q = calloc(1, sizeof *q);
  if (q == NULL) return NULL;
  size_t n = g->pieces ? g->pieces : 1;
  q->geo = *g;
  q->ring = ring;
  q->ring_arg = arg;
  pthread_mutex_init(&q->lock, NULL);
  crypto_rng_init(&q->rng);
  q->open = calloc(n, sizeof(*q->open));
  q->finished = calloc(n, sizeof *q->finished);
  bool ok = rarity_init(&q->rarity, g->pieces, &q->rng) && bitset_init(&q->done, g->pieces);
  if (!ok || q->open == NULL || q->finished == NULL) {
    pieces_free(q);
    return NULL;
  }
  for (uint32_t i = 0; done != NULL && i < g->pieces; i++) {
    if (!bitset_get(done, i)) continue;
    bitset_set(&q->done, i);
    q->done_bytes += geometry_piece_len(g, i);
    rarity_remove(&q->rarity, i);
  }
  return q;
}

static void open_free(struct open_piece *op) {
  while (op != NULL) {
    struct open_piece *other = op->other;
    free(op->members);
    free(op->asked);
    free(op->from);
    free(op);
    op = other;
  }
}

void pieces_free(struct pieces *q) {
  if (q == NULL) return;
  for (uint32_t i = 0; q->open != NULL && i < q->geo.pieces; i++) open_free(q->open[i]);
  free(q->open);
  free(q->finished);
  free(q->peers);
  free(q->standing);
  rarity_free(&q->rarity);
  bitset_free(&q->done);
  pthread_mutex_destroy(&q->lock);
  free(q);
}

/* --- open pieces --- */

void pieces_open_set_free(struct pieces *q, struct open_piece *op, uint32_t free_blocks) {
  if (op->free == 0 && free_blocks > 0) {
    op->prev = NULL;
    op->next = q->ready;
    if (q->ready != NULL) q->ready->prev = op;
    q->ready = op;
  } else if (op->free > 0 && free_blocks == 0) {
    if (op->next != NULL) op->next->prev = op->prev;
    if (op->prev != NULL) op->prev->next = op->next;
    else q->ready = op->next;
  }
  op->free = free_blocks;
}

/* All blocks FREE, but not in the list of those that have such. NULL: no memory. */
static struct open_piece *open_make(const struct pieces *q, uint32_t index) {
  struct open_piece *op = calloc(1, sizeof *op);
  if (op == NULL) return NULL;
  op->index = index;
  op->blocks = op->missing = geometry_blocks(&q->geo, index);
  op->asked = calloc(op->blocks, sizeof *op->asked);
  op->from = calloc(op->blocks, sizeof *op->from);
  if (op->asked != NULL && op->from != NULL) return op;
  open_free(op);
  return NULL;
}

struct open_piece *pieces_open_new(struct pieces *q, uint32_t index) {
  struct open_piece *op = open_make(q, index);
  if (op == NULL) return NULL;
  rarity_remove(&q->rarity, index);
  q->open[index] = op;
  q->open_count++;
  pieces_open_set_free(q, op, op->blocks);
  return op;
}

/* Nothing of it is asked of anybody any more, and it is in no list. Caller must hold q->lock. */
static void retire(struct pieces *q, struct open_piece *op) {
  for (uint32_t b = 0; op->missing > 0 && b < op->blocks; b++)
    if (op->asked[b] != 0) q->peers[op->asked[b] - 1]->asked--;
  pieces_open_set_free(q, op, 0);
}

void pieces_open_close(struct pieces *q, struct open_piece *op) {
  for (struct open_piece *c = op; c != NULL; c = c->other) retire(q, c);
  q->open[op->index] = NULL;
  q->open_count--;
  open_free(op);
}

struct open_piece *pieces_copy_new(struct pieces *q, struct open_piece *op,
                                   const uint32_t *members, uint32_t count) {
  struct open_piece *c = open_make(q, op->index);
  if (c == NULL) return NULL;
  c->members = malloc(count * sizeof *members);
  if (c->members == NULL) {
    open_free(c);
    return NULL;
  }
  memcpy(c->members, members, count * sizeof *members);
  c->member_count = count;
  c->copy = ++q->last_copy;
  c->other = op->other;
  op->other = c;
  pieces_open_set_free(q, c, c->blocks);
  return c;
}

void pieces_copy_close(struct pieces *q, struct open_piece *op) {
  struct open_piece **at = &q->open[op->index]->other;
  while (*at != op) at = &(*at)->other;
  *at = op->other;
  op->other = NULL;
  retire(q, op);
  open_free(op);
}

static bool is_member(const struct open_piece *op, uint32_t number) {
  for (uint32_t i = 0; i < op->member_count; i++)
    if (op->members[i] == number) return true;
  return false;
}

struct open_piece *pieces_copy_of(const struct pieces *q, uint32_t number, uint32_t index) {
  struct open_piece *common = q->open[index];
  for (struct open_piece *c = common ? common->other : NULL; c != NULL; c = c->other)
    if (is_member(c, number)) return c;
  return common;
}

/* --- giving back --- */

uint32_t pieces_disown(struct pieces *q, struct open_piece *op, uint32_t number) {
  uint32_t n = 0;
  for (uint32_t b = 0; b < op->blocks; b++) {
    if (op->from[b] != number) continue;
    op->from[b] = 0;
    n++;
  }
  op->missing += n;
  if (n > 0) pieces_open_set_free(q, op, op->free + n);
  return n;
}

/* Is anything of `run` asked of `p`? Caller must hold q->lock. */
static bool is_owed(const struct pieces *q, const struct pieces_peer *p, const struct run *run) {
  const struct open_piece *op = pieces_copy_of(q, p->number, run->piece);
  for (uint32_t b = run->first; op != NULL && b < run->first + run->count; b++)
    if (op->asked[b] == p->slot + 1) return true;
  return false;
}

/* Forgets the runs of a piece of which nothing is asked of `p` any more. All of them are looked at,
 * since a block that was claimed lies in two. Caller must hold q->lock. */
static void prune_runs(struct pieces *q, struct pieces_peer *p, uint32_t piece) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < p->run_count; i++)
    if (p->runs[i].piece != piece || is_owed(q, p, &p->runs[i])) {
      p->robbed[kept] = p->robbed[i];
      p->runs[kept++] = p->runs[i];
    }
  p->run_count = kept;
}

uint32_t pieces_drop_hold(struct pieces *q, struct pieces_peer *p) {
  uint32_t left = 0;
  if (p->holds == UINT32_MAX) return 0;
  struct open_piece *op = q->open[p->holds];
  if (op != NULL && op->holder == p->slot + 1) {
    op->holder = 0;
    left = op->free;
  }
  p->holds = UINT32_MAX;
  return left;
}

/* Makes the asked blocks of `mask` FREE. Caller must hold q->lock. */
static uint32_t give_back(struct pieces *q, struct pieces_peer *p, const struct run *run,
                          uint32_t mask) {
  struct open_piece *op = pieces_copy_of(q, p->number, run->piece);
  uint32_t freed = 0;
  for (uint32_t i = 0; op != NULL && i < run->count; i++) {
    if (!(mask >> i & 1) || op->asked[run->first + i] != p->slot + 1) continue;
    op->asked[run->first + i] = 0;
    p->asked--;
    freed++;
  }
  if (freed > 0) pieces_open_set_free(q, op, op->free + freed);
  return freed;
}

uint32_t pieces_unask(struct pieces *q, struct pieces_peer *p) {
  uint32_t freed = 0;
  for (uint32_t i = 0; i < p->run_count; i++) freed += give_back(q, p, &p->runs[i], UINT32_MAX);
  p->run_count = 0;
  return freed + pieces_drop_hold(q, p);
}

/* --- blocks --- */

void pieces_assign(struct pieces *q, struct open_piece *op, struct pieces_peer *p, uint32_t first,
                   uint32_t count) {
  uint32_t was_free = 0;
  for (uint32_t b = first; b < first + count; b++) {
    if (op->asked[b] == 0) was_free++;
    else q->peers[op->asked[b] - 1]->asked--;
    op->asked[b] = p->slot + 1;
  }
  p->asked += count;
  p->robbed[p->run_count] = 0;
  p->runs[p->run_count++] = (struct run){.piece = op->index, .first = first, .count = count};
  if (was_free > 0) pieces_open_set_free(q, op, op->free - was_free);
}

/* Notes one block as received. Caller must hold q->lock. Returns the number of another connection
 * that it was asked of, or 0. */
static uint32_t take_in(struct pieces *q, struct open_piece *op, struct pieces_peer *p,
                        uint32_t block) {
  uint32_t other = 0;
  uint32_t asked = op->asked[block];
  if (asked == 0) {
    pieces_open_set_free(q, op, op->free - 1);
  } else {
    q->peers[asked - 1]->asked--;
    if (asked != p->slot + 1) other = q->peers[asked - 1]->number;
  }
  op->asked[block] = 0;
  op->from[block] = p->number;
  if (op->copy == 0) p->unjudged++; /* what is in another copy can harm nobody but its members */
  op->missing--;
  return other;
}

uint32_t pieces_received(struct pieces *q, struct pieces_peer *p, const struct run *run,
                         uint32_t mask) {
  uint32_t needed = 0;
  uint32_t others[RUN_BLOCKS_MAX];
  uint32_t other_count = 0;
  pthread_mutex_lock(&q->lock);
  struct open_piece *op = pieces_copy_of(q, p->number, run->piece);
  for (uint32_t i = 0; op != NULL && !p->refused && i < run->count; i++) {
    if (!(mask >> i & 1) || op->from[run->first + i] != 0) continue;
    uint32_t other = take_in(q, op, p, run->first + i);
    if (other != 0 && (other_count == 0 || others[other_count - 1] != other))
      others[other_count++] = other;
    needed |= UINT32_C(1) << i;
  }
  prune_runs(q, p, run->piece);
  pthread_mutex_unlock(&q->lock);
  for (uint32_t i = 0; i < other_count; i++) q->ring(q->ring_arg, others[i]);
  return needed;
}

void pieces_release(struct pieces *q, struct pieces_peer *p, const struct run *run,
                    uint32_t mask) {
  pthread_mutex_lock(&q->lock);
  uint32_t freed = give_back(q, p, run, mask);
  if (p->holds == run->piece) pieces_drop_hold(q, p);
  prune_runs(q, p, run->piece);
  pthread_mutex_unlock(&q->lock);
  if (freed > 0) q->ring(q->ring_arg, 0);
}

void pieces_note_silence(struct pieces *q, struct pieces_peer *p) {
  pthread_mutex_lock(&q->lock);
  for (uint32_t i = 0; i < p->run_count; i++)
    if (is_owed(q, p, &p->runs[i]))
      pieces_copy_of(q, p->number, p->runs[i].piece)->silent = p->slot + 1;
  pthread_mutex_unlock(&q->lock);
}

void pieces_let_go(struct pieces *q, struct pieces_peer *p) {
  pthread_mutex_lock(&q->lock);
  uint32_t left = pieces_drop_hold(q, p);
  pthread_mutex_unlock(&q->lock);
  if (left > 0) q->ring(q->ring_arg, 0);
}

uint32_t pieces_lost(struct pieces *q, struct pieces_peer *p, const struct run *run) {
  uint32_t lost = 0;
  pthread_mutex_lock(&q->lock);
  struct open_piece *op = pieces_copy_of(q, p->number, run->piece);
  for (uint32_t i = 0; i < run->count; i++)
    if (op == NULL || op->asked[run->first + i] != p->slot + 1) lost |= UINT32_C(1) << i;
  if (lost != 0) prune_runs(q, p, run->piece);
  pthread_mutex_unlock(&q->lock);
  return lost;
}

bool pieces_claim(struct pieces *q, struct pieces_peer *p, uint32_t piece, uint32_t block) {
  pthread_mutex_lock(&q->lock);
  struct open_piece *op = pieces_copy_of(q, p->number, piece);
  bool wanted = op != NULL && op->from[block] == 0 && op->asked[block] == 0 &&
                p->run_count < PIECES_RUNS_MAX && !p->refused;
  if (wanted) pieces_assign(q, op, p, block, 1);
  pthread_mutex_unlock(&q->lock);
  return wanted;
}

/* --- for everybody --- */

void pieces_stats(struct pieces *q, struct pieces_stats *out) {
  pthread_mutex_lock(&q->lock);
  *out = (struct pieces_stats){
    .done = (uint32_t)q->done.count,
    .done_bytes = q->done_bytes,
    .open = q->open_count,
    .unavailable = q->seeds > 0 ? 0 : q->rarity.start[1] - q->rarity.start[0],
    .complete = bitset_full(&q->done),
  };
  pthread_mutex_unlock(&q->lock);
}

void pieces_done(struct pieces *q, struct bitset *out) {
  pthread_mutex_lock(&q->lock);
  bitset_copy(out, &q->done);
  pthread_mutex_unlock(&q->lock);
}

uint32_t pieces_finished(struct pieces *q, uint32_t *cursor, uint32_t *out, uint32_t max) {
  uint32_t n = 0;
  pthread_mutex_lock(&q->lock);
  while (n < max && *cursor < q->finished_count) out[n++] = q->finished[(*cursor)++];
  pthread_mutex_unlock(&q->lock);
  return n;
}
