/*
 * pieces_take: the choices of the work queue, what a connection is given to fetch.
 *
 * The order of preference and the reasons stand in swarm/pieces.h; choose() at the end of this file
 * is that list as code. Nothing here sorts or copies: the list of begun pieces with free blocks is
 * short, the choice of a new one is rarity's, and the end game looks once over the connections.
 */
#include "swarm/pieces_impl.h"

#include "io/net.h"

enum {
  OWN_WITHIN_MS = 2500,     /* who can fetch a whole piece in this time may hold one alone */
  RANDOM_FIRST = 4,         /* pieces to begin at random before going by rarity */
  UNKNOWN_RATE = 256 << 10, /* bytes per second, guessed until a first block has come */
  UNKNOWN_WAIT_MS = 300,    /* how long an untried connection may stay silent before it is robbed */
  TRIAL_WAIT_MS = 2000,     /* how long a connection on trial waits for a verdict, */
  RIVAL_WAIT_MS = 1000,     /* and for one from another copy of a piece than its own */
  STARVED_MAX_MS = 10000,   /* how long there may be no memory and nothing to hand out */
  NO_RUN = PIECES_RUNS_MAX,
  ROBBED_MAX = 16,
  UNREAD_MAX = 8,           /* so many connections whose data only wait for us: the end can wait */
  MARGIN_MIN_MS = 60,       /* a take-over must gain half of the time, and more than this, */
  MARGIN_MAX_MS = 1000,
  MARGIN_SHARE = 100        /* or than this part of the time that the download has taken */
};

/* Could this connection fetch whole pieces alone? An untried one is given the chance. */
static bool is_fast(const struct pieces *q, const struct pieces_peer *p) {
  if (p->snubbed) return false;
  uint64_t rate = atomic_load(&p->rate);
  return rate == 0 || rate >= (uint64_t)q->geo.piece_len * 1000 / OWN_WITHIN_MS;
}

static bool is_free(const struct open_piece *op, uint32_t block) {
  return op->asked[block] == 0 && op->from[block] == 0;
}

/* The first free run of at most `max` blocks. Caller must hold q->lock; op->free > 0. */
static enum take give_first(struct pieces *q, struct open_piece *op, struct pieces_peer *p,
                            uint32_t max, struct run *out) {
  uint32_t first = 0;
  while (!is_free(op, first)) first++;
  uint32_t n = 1;
  while (n < max && first + n < op->blocks && is_free(op, first + n)) n++;
  pieces_assign(q, op, p, first, n);
  *out = (struct run){.piece = op->index, .first = first, .count = n};
  return TAKE_RUN;
}

/* The last free run, for somebody who helps out: the holder goes on from the front. Caller must
 * hold q->lock; op->free > 0. */
static enum take give_last(struct pieces *q, struct open_piece *op, struct pieces_peer *p,
                           uint32_t max, struct run *out) {
  uint32_t last = op->blocks - 1;
  while (!is_free(op, last)) last--;
  uint32_t half = (op->free + 1) / 2;
  uint32_t n = 1;
  while (n < max && n < half && last >= n && is_free(op, last - n)) n++;
  pieces_assign(q, op, p, last - n + 1, n);
  *out = (struct run){.piece = op->index, .first = last - n + 1, .count = n};
  return TAKE_RUN;
}

static void hold(struct open_piece *op, struct pieces_peer *p) {
  op->holder = p->slot + 1;
  p->holds = op->index;
}

/* What this connection holds alone, while it still has free blocks. A piece that is asked for
 * completely needs no holder: nobody is given any of it. */
static struct open_piece *held(struct pieces *q, struct pieces_peer *p, bool fast) {
  if (p->holds == UINT32_MAX) return NULL;
  struct open_piece *op = q->open[p->holds];
  if (op != NULL && op->holder == p->slot + 1) {
    if (op->free > 0 && fast) return op;
    op->holder = 0;
    op->shared = !fast;
  }
  p->holds = UINT32_MAX;
  return NULL;
}

static bool is_contested(const struct pieces *q, const struct open_piece *op) {
  return q->open[op->index]->other != NULL;
}

/* May this connection give to this copy? Of a contested piece there is one for everybody. */
static bool may_give(const struct pieces *q, const struct open_piece *op,
                     const struct pieces_peer *p) {
  if (!pieces_peer_has(p, op->index)) return false;
  return !is_contested(q, op) || pieces_copy_of(q, p->number, op->index) == op;
}

/* Is another copy of the same piece being fetched, that lacks no more than this one? */
static bool is_rival(const struct pieces *q, const struct open_piece *op) {
  if (!is_contested(q, op)) return false;
  for (const struct open_piece *c = q->open[op->index]; c != NULL; c = c->other)
    if (c != op && c->missing > c->free && c->missing <= op->missing) return true;
  return false;
}

/* Is it nobody's, and may this connection choose it? What it was silent about it is given only when
 * nothing else is left (emptiest). */
static bool is_for(const struct pieces *q, const struct open_piece *op,
                   const struct pieces_peer *p) {
  return op->holder == 0 && op->silent != p->slot + 1 && may_give(q, op, p);
}

/* A begun piece that this connection may join: left by its holder, or shared by slow ones, or
 * contested, and no other copy of it will be there sooner. */
static struct open_piece *joinable(struct pieces *q, const struct pieces_peer *p, bool fast) {
  for (struct open_piece *op = q->ready; op != NULL; op = op->next)
    if (is_for(q, op, p) && (!op->shared || !fast) && !is_rival(q, op)) return op;
  return NULL;
}

/* Is this copy of a contested piece one to go on with, although another is? At the end all are;
 * before that the other one has some time to come first. */
static bool is_due(const struct pieces *q, struct open_piece *op, int64_t now_ms) {
  if (q->rarity.candidates == 0 || !is_rival(q, op)) return true;
  if (op->rival_ms == 0) op->rival_ms = now_ms;
  return now_ms - op->rival_ms >= RIVAL_WAIT_MS;
}

/* A contested piece of which this connection may complete a copy that only its members give to. */
static struct open_piece *own_copy(const struct pieces *q, const struct pieces_peer *p,
                                   int64_t now_ms) {
  for (struct open_piece *op = q->ready; op != NULL; op = op->next)
    if (op->copy != 0 && may_give(q, op, p) && is_due(q, op, now_ms)) return op;
  return NULL;
}

static struct open_piece *begin(struct pieces *q, struct pieces_peer *p, bool fast) {
  const struct bitset *has = p->seed ? NULL : &p->has;
  uint32_t index = q->done.count < RANDOM_FIRST ? rarity_pick_any(&q->rarity, has, &q->rng)
                                                : rarity_pick(&q->rarity, has, &q->rng);
  if (index == RARITY_NONE) return NULL;
  struct open_piece *op = pieces_open_new(q, index);
  if (op != NULL) op->shared = !fast;
  else q->no_memory = true;
  return op;
}

/* Makes `p` the holder of `op` if it is fast. A copy that has members is for all of them. */
static void join(struct open_piece *op, struct pieces_peer *p, bool fast) {
  if (p->snubbed || op->copy != 0) return;
  if (fast && !op->shared) hold(op, p);
  else op->shared = true;
}

/* Anybody's piece with free blocks, the emptiest. */
static struct open_piece *emptiest(struct pieces *q, const struct pieces_peer *p) {
  struct open_piece *best = NULL;
  for (struct open_piece *op = q->ready; op != NULL; op = op->next)
    if ((best == NULL || op->free > best->free) && may_give(q, op, p)) best = op;
  return best;
}

/* --- end game --- */

static int64_t time_for(uint32_t blocks, uint64_t rate) {
  return (int64_t)((uint64_t)blocks * BLOCK_LEN * 1000 / (rate ? rate : UNKNOWN_RATE));
}

/* By how many milliseconds a wait is longer than its rate lets one expect. */
static int64_t lag_ms(const struct pieces_peer *p, int64_t wait_ms) {
  uint64_t rate = atomic_load(&p->rate);
  int64_t usual = rate ? time_for(2, rate) + atomic_load(&p->rtt_us) / 1000 : 0;
  return wait_ms > usual ? wait_ms - usual : 0;
}

/* Milliseconds until connection `v` will have delivered what it was asked for, as far as one can
 * tell: silence counts against it, now or before its last block. */
static int64_t eta_ms(const struct pieces_peer *v, int64_t now_ms) {
  uint64_t rate = atomic_load(&v->rate);
  int64_t silent = now_ms - atomic_load(&v->last_ms);
  int64_t gap = atomic_load(&v->gap_ms);
  if (rate == 0 && silent < UNKNOWN_WAIT_MS) return 0;
  return time_for(v->asked, rate) + 2 * lag_ms(v, rate != 0 && gap > silent ? gap : silent);
}

/* Milliseconds until `p` could have delivered one block more, if it does not let us wait again. */
static int64_t own_eta_ms(const struct pieces_peer *p) {
  uint64_t rate = atomic_load(&p->rate);
  int64_t lag = rate != 0 ? lag_ms(p, atomic_load(&p->gap_ms)) : 0;
  return time_for(p->asked + 1, rate) + atomic_load(&p->rtt_us) / 1000 + 2 * lag;
}

/* The last blocks of `run` that are still asked of `v`: first and count, at most `max`. */
static uint32_t tail_of(const struct pieces *q, const struct pieces_peer *v, const struct run *run,
                        uint32_t max, uint32_t *first) {
  const struct open_piece *op = pieces_copy_of(q, v->number, run->piece);
  uint32_t b = run->first + run->count;
  while (b > run->first && op->asked[b - 1] != v->slot + 1) b--;
  uint32_t n = 0;
  while (n < max && b - n > run->first && op->asked[b - n - 1] == v->slot + 1) n++;
  *first = b - n;
  return n;
}

/* The latest run of `v` that `p` could deliver as well. Its index in v->runs, or NO_RUN. */
static uint32_t last_run(const struct pieces *q, const struct pieces_peer *v,
                         const struct pieces_peer *p) {
  for (uint32_t i = v->run_count; i > 0; i--) {
    const struct run *run = &v->runs[i - 1];
    const struct open_piece *op = pieces_copy_of(q, v->number, run->piece);
    uint32_t first;
    if (op == NULL || !may_give(q, op, p)) continue;
    if (tail_of(q, v, run, 1, &first) > 0) return i - 1;
  }
  return NO_RUN;
}

/* Is a block of it here, and only its thread had no time yet? Then it is we who are slow. To ask
 * the kernel under the lock is quick, and seldom done. */
static bool is_unread(const struct pieces_peer *v) {
  return v->fd >= 0 && net_unread(v->fd) >= BLOCK_LEN;
}

/* What a take-over must gain at least. The loser may have sent already what it is to cancel, so
 * each costs something; a download need not end a hundredth sooner for that. */
static int64_t margin_ms(const struct pieces *q, int64_t now_ms) {
  int64_t part = (now_ms - q->start_ms) / MARGIN_SHARE;
  return part < MARGIN_MIN_MS ? MARGIN_MIN_MS : part > MARGIN_MAX_MS ? MARGIN_MAX_MS : part;
}

/* The connection that will need longest for what it was asked, and has something that `p` could
 * bring clearly sooner; the run that has it, or NO_RUN. What was taken over before is worth less
 * each time: on a slow machine everybody seems slow, and blocks would go round for ever. Not so in
 * a contested piece: there liars would take them over from each other to keep them. */
static uint32_t slowest(struct pieces *q, const struct pieces_peer *p, int64_t now_ms,
                        struct pieces_peer **victim) {
  uint32_t best = NO_RUN;
  int64_t gain = 2 * own_eta_ms(p) + margin_ms(q, now_ms);
  int64_t worst = gain;
  uint32_t unread = 0;
  for (uint32_t i = 0; i < q->peer_slots; i++) {
    struct pieces_peer *v = q->peers[i];
    if (v == NULL || v == p || v->asked == 0) continue;
    int64_t eta = eta_ms(v, now_ms);
    if (eta <= worst) continue;
    uint32_t run = last_run(q, v, p);
    if (run == NO_RUN || eta <= gain << v->robbed[run]) continue;
    if (is_unread(v)) {
      if (++unread == UNREAD_MAX) return NO_RUN;
      continue;
    }
    best = run;
    worst = eta;
    *victim = v;
  }
  return best;
}

/* Takes over the end of what the slowest connection owes. *victim_number is to be rung. */
static enum take take_over(struct pieces *q, struct pieces_peer *p, uint32_t max, int64_t now_ms,
                           struct run *out, uint32_t *victim_number) {
  struct pieces_peer *v = NULL;
  uint32_t at = slowest(q, p, now_ms, &v);
  if (at == NO_RUN) return TAKE_NOTHING;
  const struct run *run = &v->runs[at];
  uint32_t half = (v->asked + 1) / 2;
  uint32_t first = 0;
  uint32_t n = tail_of(q, v, run, max < half ? max : half, &first);
  if (n == 0) return TAKE_NOTHING;
  struct open_piece *op = pieces_copy_of(q, v->number, run->piece);
  *out = (struct run){.piece = run->piece, .first = first, .count = n};
  *victim_number = v->number;
  pieces_assign(q, op, p, first, n);
  if (op->copy == 0)
    p->robbed[p->run_count - 1] = v->robbed[at] < ROBBED_MAX ? v->robbed[at] + 1 : ROBBED_MAX;
  return TAKE_RUN;
}

/* How many blocks this connection may be given before there is a verdict on it. When the verdict is
 * long in coming (what it gave lies in pieces that others are to complete), one at a time. */
static uint32_t trial_left(const struct pieces *q, const struct pieces_peer *p, int64_t now_ms) {
  if (p->proven || q->peer_count == 1) return UINT32_MAX;
  uint32_t one_piece = (q->geo.piece_len + BLOCK_LEN - 1) / BLOCK_LEN;
  uint32_t given = p->asked + p->unjudged;
  if (given < one_piece) return one_piece - given;
  return p->asked == 0 && now_ms - atomic_load(&p->last_ms) > TRIAL_WAIT_MS ? 1 : 0;
}

/* Why a piece that was begun before is gone on with. */
static enum run_why why_joined(const struct open_piece *op, enum run_why otherwise) {
  return op->copy != 0 ? RUN_PROOF : op->again ? RUN_AGAIN : otherwise;
}

/* Caller must hold q->lock. */
static enum take choose(struct pieces *q, struct pieces_peer *p, uint32_t max, int64_t now_ms,
                        struct run *out, enum run_why *why, uint32_t *victim) {
  if (bitset_full(&q->done)) return TAKE_DONE;
  if (p->run_count == PIECES_RUNS_MAX || p->refused) return TAKE_NOTHING;
  uint32_t left = trial_left(q, p, now_ms);
  p->on_trial = left == 0;
  if (left == 0) {
    struct open_piece *own = own_copy(q, p, now_ms);
    *why = RUN_PROOF;
    return own == NULL ? TAKE_NOTHING : give_first(q, own, p, max, out);
  }
  if (max > left) max = left;
  bool fast = is_fast(q, p);
  struct open_piece *op = held(q, p, fast);
  *why = op != NULL && op->again ? RUN_AGAIN : RUN_HELD;
  if (op != NULL) return give_first(q, op, p, max, out);
  op = joinable(q, p, fast);
  if (op != NULL) {
    *why = why_joined(op, op->shared ? RUN_SHARED : RUN_LEFT);
  } else {
    *why = q->done.count < RANDOM_FIRST ? RUN_RANDOM : RUN_RAREST;
    op = begin(q, p, fast);
  }
  if (op != NULL) {
    join(op, p, fast);
    return give_first(q, op, p, max, out);
  }
  op = emptiest(q, p);
  *why = op != NULL ? why_joined(op, RUN_HELP) : RUN_TAKEN_OVER;
  if (op != NULL) return (op->copy != 0 ? give_first : give_last)(q, op, p, max, out);
  return p->snubbed ? TAKE_NOTHING : take_over(q, p, max, now_ms, out, victim);
}

/* Caller must hold q->lock. */
static void note_why(const struct pieces *q, struct run *run, enum run_why why) {
  uint32_t peers = q->rarity.avail[run->piece] + q->seeds;
  run->why = (uint16_t)why;
  run->peers = peers < UINT16_MAX ? (uint16_t)peers : UINT16_MAX;
}

/* `t` was the choice. Memory that is refused may be there again soon, other pieces give theirs back
 * when they are done; so it is an answer only when nobody has been given anything for long. Caller
 * must hold q->lock. */
static enum take note_memory(struct pieces *q, enum take t, int64_t now_ms) {
  if (t == TAKE_RUN) q->starved_ms = 0;
  if (t != TAKE_NOTHING || !q->no_memory) return t;
  if (q->starved_ms == 0) q->starved_ms = now_ms;
  return now_ms - q->starved_ms >= STARVED_MAX_MS ? TAKE_NO_MEMORY : TAKE_NOTHING;
}

enum take pieces_take(struct pieces *q, struct pieces_peer *p, uint32_t max_blocks, int64_t now_ms,
                      struct run *out) {
  uint32_t victim = 0;
  pthread_mutex_lock(&q->lock);
  bool idle = p->asked == 0;
  if (q->start_ms == 0) q->start_ms = now_ms;
  q->no_memory = false;
  enum run_why why = RUN_UNTOLD;
  enum take t = note_memory(q, choose(q, p, max_blocks, now_ms, out, &why, &victim), now_ms);
  if (t == TAKE_RUN) note_why(q, out, why);
  if (t == TAKE_RUN && idle && !p->snubbed) atomic_store(&p->last_ms, now_ms);
  pthread_mutex_unlock(&q->lock);
  if (victim != 0) q->ring(q->ring_arg, victim);
  return t;
}
