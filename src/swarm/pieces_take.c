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
  ALONE_WAIT_MS = 5000,     /* how long the end may hang on a piece that is to be fetched alone */
  TRIAL_WAIT_MS = 2000,     /* how long a connection on trial waits for a verdict */
  SUSPECT_WAIT_MS = 2000,   /* how long suspects leave the wrong piece to those that are proven, */
  SUSPECT_TURN_MS = 300,    /* or to each other if nobody is */
  SUSPECT_ALONE_MS = 4000,  /* how long a suspect works alone only, if there is nothing for it */
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
 * completely needs no holder, not even one for one alone: nobody is given any of it, and who gives
 * a block back loses the right to be the only one (pieces.c, give_back). */
static struct open_piece *held(struct pieces *q, struct pieces_peer *p, bool fast) {
  if (p->holds == UINT32_MAX) return NULL;
  struct open_piece *op = q->open[p->holds];
  if (op != NULL && op->holder == p->slot + 1) {
    if (op->free > 0 && (fast || op->alone)) return op;
    op->holder = 0;
    op->shared = !fast;
  }
  p->holds = UINT32_MAX;
  return NULL;
}

/* Will it be given all that is missing of a piece that one connection is to fetch alone? A trial
 * (trial_left) may end before. */
static bool may_finish(const struct open_piece *op, uint32_t trial) {
  return !op->alone || op->missing <= trial;
}

/* Is it nobody's, and may this connection choose it? What it was silent about it is given only when
 * nothing else is left (emptiest). */
static bool is_for(const struct open_piece *op, const struct pieces_peer *p) {
  return op->holder == 0 && pieces_peer_has(p, op->index) && op->silent != p->slot + 1;
}

/* A begun piece that this connection may join: left by its holder, or shared by slow ones. */
static struct open_piece *joinable(struct pieces *q, const struct pieces_peer *p, bool fast,
                                   uint32_t trial) {
  for (struct open_piece *op = q->ready; op != NULL; op = op->next)
    if (is_for(op, p) && may_finish(op, trial) && (!op->shared || !fast)) return op;
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

/* Makes `p` the holder of `op` if it is fast, or if the piece is to be fetched by one alone. */
static void join(struct open_piece *op, struct pieces_peer *p, bool fast) {
  if (p->snubbed) return;
  if (op->alone || (fast && !op->shared)) hold(op, p);
  else op->shared = true;
}

/* Is this piece to be fetched alone, by somebody who will have it soon? */
static bool is_reserved(const struct pieces *q, const struct open_piece *op) {
  if (!op->alone || op->holder == 0) return false;
  uint64_t rate = atomic_load(&q->peers[op->holder - 1]->rate);
  return rate == 0 || (uint64_t)op->missing * BLOCK_LEN * 1000 / rate < ALONE_WAIT_MS;
}

/* Anybody's piece with free blocks, the emptiest. */
static struct open_piece *emptiest(struct pieces *q, const struct pieces_peer *p,
                                   uint32_t trial) {
  struct open_piece *best = NULL;
  for (struct open_piece *op = q->ready; op != NULL; op = op->next) {
    if (!pieces_peer_has(p, op->index) || is_reserved(q, op) || !may_finish(op, trial)) continue;
    if (best == NULL || op->free > best->free) best = op;
  }
  return best;
}

/* --- end game --- */

static int64_t time_for(uint32_t blocks, uint64_t rate) {
  return (int64_t)((uint64_t)blocks * BLOCK_LEN * 1000 / (rate ? rate : UNKNOWN_RATE));
}

/* Milliseconds until connection `v` will have delivered what it was asked for, as far as one can
 * tell: silence so far counts against it. */
static int64_t eta_ms(const struct pieces_peer *v, int64_t now_ms) {
  uint64_t rate = atomic_load(&v->rate);
  int64_t eta = time_for(v->asked, rate);
  int64_t silent = now_ms - atomic_load(&v->last_ms);
  int64_t usual = rate ? time_for(2, rate) + atomic_load(&v->rtt_us) / 1000 : 0;
  if (silent > usual) eta += 2 * (silent - usual);
  if (rate == 0 && silent < UNKNOWN_WAIT_MS) return 0;
  return eta;
}

/* The last blocks of `run` that are still asked of `v`: first and count, at most `max`. */
static uint32_t tail_of(const struct pieces *q, const struct pieces_peer *v, const struct run *run,
                        uint32_t max, uint32_t *first) {
  const struct open_piece *op = q->open[run->piece];
  uint32_t b = run->first + run->count;
  while (b > run->first && op->asked[b - 1] != v->slot + 1) b--;
  uint32_t n = 0;
  while (n < max && b - n > run->first && op->asked[b - n - 1] == v->slot + 1) n++;
  *first = b - n;
  return n;
}

/* The latest run of `v` that is in a piece which `p` has and may be split: one to be fetched
 * alone only if waiting for it is `hopeless`. Its index in v->runs, or NO_RUN. */
static uint32_t last_run(const struct pieces *q, const struct pieces_peer *v,
                         const struct pieces_peer *p, bool hopeless) {
  for (uint32_t i = v->run_count; i > 0; i--) {
    const struct run *run = &v->runs[i - 1];
    const struct open_piece *op = q->open[run->piece];
    uint32_t first;
    if (op == NULL || !pieces_peer_has(p, run->piece) || (op->alone && !hopeless)) continue;
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
 * each time: on a slow machine everybody seems slow, and blocks would go round for ever. */
static uint32_t slowest(struct pieces *q, const struct pieces_peer *p, int64_t now_ms,
                        struct pieces_peer **victim) {
  uint32_t best = NO_RUN;
  uint64_t rate = atomic_load(&p->rate);
  int64_t mine = time_for(p->asked + 1, rate) + atomic_load(&p->rtt_us) / 1000;
  int64_t gain = 2 * mine + margin_ms(q, now_ms);
  int64_t worst = gain;
  uint32_t unread = 0;
  for (uint32_t i = 0; i < q->peer_slots; i++) {
    struct pieces_peer *v = q->peers[i];
    if (v == NULL || v == p || v->asked == 0) continue;
    int64_t eta = eta_ms(v, now_ms);
    if (eta <= worst) continue;
    uint32_t run = last_run(q, v, p, eta > ALONE_WAIT_MS);
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
  struct open_piece *op = q->open[run->piece];
  *out = (struct run){.piece = run->piece, .first = first, .count = n};
  *victim_number = v->number;
  pieces_assign(q, op, p, first, n);
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

/* A piece that is to be fetched alone, or of which nothing is there or asked for. */
static struct open_piece *to_be_proven(struct pieces *q, const struct pieces_peer *p) {
  for (struct open_piece *op = q->ready; op != NULL; op = op->next)
    if (is_for(op, p) && (op->alone || op->free == op->blocks)) return op;
  return NULL;
}

static bool is_anybody_proven(const struct pieces *q) {
  for (uint32_t i = 0; i < q->peer_slots; i++)
    if (q->peers[i] != NULL && q->peers[i]->proven && !q->peers[i]->refused) return true;
  return false;
}

/* What a suspect may fetch, alone: it leaves the wrong piece to others for a while, and holds one
 * piece at a time until there is a verdict. */
static struct open_piece *for_suspect(struct pieces *q, struct pieces_peer *p, int64_t now_ms) {
  if (p->suspect_ms == 0) p->suspect_ms = now_ms;
  if (p->holds != UINT32_MAX) {
    struct open_piece *op = q->open[p->holds];
    if (op != NULL && op->holder == p->slot + 1) {
      op->alone = true;
      return op->free > 0 ? op : NULL;
    }
    p->holds = UINT32_MAX;
  }
  int64_t waited = now_ms - p->suspect_ms;
  if (waited < SUSPECT_TURN_MS || (waited < SUSPECT_WAIT_MS && is_anybody_proven(q))) return NULL;
  struct open_piece *op = to_be_proven(q, p);
  if (op == NULL) op = begin(q, p, true);
  if (op == NULL) return NULL;
  op->alone = true;
  hold(op, p);
  return op;
}

/* Is it to work alone? Not if it is the only one anyway, nor for ever when there is nothing for it:
 * those that had a part in what is left may be gone. */
static bool is_set_apart(const struct pieces *q, const struct pieces_peer *p, int64_t now_ms) {
  if (!p->suspect || q->peer_count == 1) return false;
  return p->asked > 0 || p->suspect_ms == 0 || now_ms - p->suspect_ms < SUSPECT_ALONE_MS ||
         now_ms - atomic_load(&p->last_ms) < SUSPECT_ALONE_MS;
}

/* Why a piece that somebody else had begun is joined. */
static enum run_why why_joined(const struct open_piece *op) {
  return op->alone ? RUN_AGAIN : op->shared ? RUN_SHARED : RUN_LEFT;
}

/* Caller must hold q->lock. */
static enum take choose(struct pieces *q, struct pieces_peer *p, uint32_t max, int64_t now_ms,
                        struct run *out, enum run_why *why, uint32_t *victim) {
  if (bitset_full(&q->done)) return TAKE_DONE;
  if (p->run_count == PIECES_RUNS_MAX || p->refused) return TAKE_NOTHING;
  if (is_set_apart(q, p, now_ms)) {
    struct open_piece *own = p->quitter && p->asked > 0 ? NULL : for_suspect(q, p, now_ms);
    *why = RUN_PROOF;
    return own == NULL ? TAKE_NOTHING : give_first(q, own, p, p->quitter ? 1 : max, out);
  }
  uint32_t left = trial_left(q, p, now_ms);
  p->on_trial = left == 0;
  if (left == 0) return TAKE_NOTHING;
  if (max > left) max = left;
  bool fast = is_fast(q, p);
  struct open_piece *op = held(q, p, fast);
  *why = op != NULL && op->alone ? RUN_AGAIN : RUN_HELD;
  if (op != NULL) return give_first(q, op, p, max, out);
  op = joinable(q, p, fast, left);
  if (op != NULL) {
    *why = why_joined(op);
  } else {
    *why = q->done.count < RANDOM_FIRST ? RUN_RANDOM : RUN_RAREST;
    op = begin(q, p, fast);
  }
  if (op != NULL) {
    join(op, p, fast);
    return give_first(q, op, p, max, out);
  }
  op = emptiest(q, p, left);
  *why = op != NULL ? RUN_HELP : RUN_TAKEN_OVER;
  if (op != NULL) return give_last(q, op, p, max, out);
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
