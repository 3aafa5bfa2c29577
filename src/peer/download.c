#include "peer/download.h"

#include "base/clock.h"
#include "base/log.h"
#include "io/net.h"
#include "peer/peer_trace.h"

enum {
  RETRY_MS = 250,           /* when the queue had nothing for us; */
  RETRY_SHARE = 64,         /* with more connections than this less often, */
  RETRY_MAX_MS = 1000,      /* but at least as often as this */
  SILENCE_MS = 2000,        /* without a block, at least; */
  SILENCE_ALONE_MS = 5000,  /* when nobody else is there to ask */
  PAUSE_MAX_MS = 15000,     /* who pauses for longer is silent each time */
  DROP_SILENT_MS = 60000,   /* without a block: give the place away */
  DROP_USELESS_MS = 60000,  /* choked or nothing to ask for, while others wait */
  RTT_EVERY_MS = 1000,
  RTT_SLOW_MS = 5000,       /* where it hardly matters */
  WORDS_PER_BLOCK = 4       /* so many idle messages are paid for by one block of use */
};

static struct peer_job *job_at(struct peer *p, uint32_t i) {
  return &p->jobs[(p->job_head + i) % PEER_JOBS_MAX];
}

static uint32_t job_full(const struct peer_job *j) {
  return j->run.count == 32 ? UINT32_MAX : (UINT32_C(1) << j->run.count) - 1;
}

static uint32_t job_block_len(const struct peer *p, const struct peer_job *j, uint32_t i) {
  return geometry_block_len(&p->sw->meta->geo, j->run.piece, j->run.first + i);
}

/* --- the window --- */

/* The even share of what is left, in blocks, for each worker. */
static uint64_t fair_share(const struct peer *p, uint32_t workers) {
  struct pieces_stats s;
  pieces_stats(p->sw->pieces, &s);
  return (p->sw->meta->geo.total - s.done_bytes) / BLOCK_LEN / workers;
}

static void update_window(struct peer *p) {
  uint32_t workers = atomic_load(&p->sw->workers);
  if (workers == 0) workers = 1;
  struct window_facts f = {
    .rate = atomic_load(&p->pp.rate),
    .rtt_us = atomic_load(&p->pp.rtt_us),
    .steady = p->meter.steady,
    .now = p->window,
    .memory = p->sw->memory / BLOCK_LEN / workers,
    .reqq = p->ext.reqq,
    .cap = window_cap_limit(&p->cap, p->now_ms),
  };
  if (!p->pp.snubbed && window_minds_fair(&f)) f.fair = fair_share(p, workers);
  p->window = p->pp.snubbed ? 1 : window_size(&f);
}

/* Asks the kernel what it knows of the connection; for the size of its buffer only if that can
 * matter. */
static void look_at_socket(struct peer *p, uint64_t rate) {
  atomic_store(&p->pp.rtt_us, net_min_rtt_us(p->fd));
  p->wake_blocks = window_wake_blocks(rate, UINT64_MAX);
  if (p->wake_blocks > 1)
    p->wake_blocks = window_wake_blocks(rate, (uint64_t)net_receive_buffer(p->fd));
  p->rtt_ms = p->now_ms;
}

/* Measures the rate when enough has come, and the round trip now and then. */
static void measure(struct peer *p) {
  uint64_t rate = atomic_load(&p->pp.rate);
  if (!window_measure(&p->meter, p->now_ms, &rate)) return;
  atomic_store(&p->pp.rate, rate);
  if (p->now_ms - p->rtt_ms >= (p->window > WINDOW_PATIENT ? RTT_EVERY_MS : RTT_SLOW_MS))
    look_at_socket(p, rate);
  update_window(p);
  p->usual_ms = (int64_t)((uint64_t)p->window * BLOCK_LEN * 1000 / rate);
}

void download_count(struct peer *p) {
  if (p->arrived == 0) return;
  atomic_fetch_add(&p->sw->received, p->arrived);
  atomic_fetch_add(&p->seat.received, p->arrived);
  p->meter.bytes += p->arrived;
  p->arrived = 0;
  p->block_ms = p->now_ms;
  atomic_store(&p->pp.gap_ms, p->now_ms - atomic_load(&p->pp.last_ms));
  atomic_store(&p->pp.last_ms, p->now_ms);
  measure(p);
}

/* --- the ring of jobs --- */

/* The blocks of a job that are still to come. */
static uint32_t job_open(const struct peer_job *j) {
  return j->ended ? 0 : job_full(j) & ~(j->got | j->gone);
}

/* The job in which this block is still to come, as bit *i; NULL: there is none. */
static struct peer_job *find_open(struct peer *p, uint32_t piece, uint32_t block, uint32_t *i) {
  for (uint32_t k = 0; k < p->job_count; k++) {
    struct peer_job *j = job_at(p, k);
    if (j->run.piece != piece || block - j->run.first >= j->run.count) continue;
    *i = block - j->run.first;
    if (job_open(j) >> *i & 1) return j;
  }
  return NULL;
}

/* The blocks of `run` that the peer has been asked for already, or has sent: others had taken them
 * over, and gave them back, before we heard of it. */
static uint32_t asked_before(struct peer *p, const struct run *run) {
  uint32_t mask = 0;
  for (uint32_t k = 0; k < p->job_count; k++) {
    const struct peer_job *j = job_at(p, k);
    if (j->ended || j->run.piece != run->piece) continue;
    for (uint32_t i = 0; i < run->count; i++) {
      uint32_t at = run->first + i - j->run.first;
      if (at < j->run.count && !(j->gone >> at & 1)) mask |= UINT32_C(1) << i;
    }
  }
  return mask;
}

/* --- asking --- */

static void put_requests(struct peer *p, const struct run *run) {
  if (p->outstanding == 0 && !p->pp.snubbed) p->block_ms = p->now_ms; /* silence counts from here */
  uint32_t before = asked_before(p, run);
  struct peer_job *j = job_at(p, p->job_count);
  *j = (struct peer_job){.run = *run, .gone = before};
  if (before == job_full(j)) return;
  p->job_count++;
  for (uint32_t i = 0; i < run->count; i++) {
    if (before >> i & 1) continue;
    uint32_t len = job_block_len(p, j, i);
    size_t at = p->out.len;
    wire_put_range(&p->out, WIRE_REQUEST, run->piece, (run->first + i) * BLOCK_LEN, len);
    p->outstanding_bytes += len;
    p->outstanding++;
    if (peer_trace_is_on(p)) peer_trace_request(p, at, run);
  }
  window_cap_asked(&p->cap, run->count, p->outstanding);
  p->voided = false;
}

/* When many idle, each of them need not look so often whether somebody else has become slow. */
static int64_t retry_ms(const struct peer *p) {
  int64_t ms = (int64_t)RETRY_MS * atomic_load(&p->sw->workers) / RETRY_SHARE;
  return ms < RETRY_MS ? RETRY_MS : ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
}

void download_ask(struct peer *p) {
  if (p->choking_us || !p->am_interested) {
    atomic_store(&p->seat.idle, false); /* nothing to ask, so no time to ask again either */
    return;
  }
  if (p->now_ms < p->take_ms) return;
  if (p->window == 0 || atomic_load(&p->pp.rate) == 0 || p->pp.snubbed) update_window(p);
  uint32_t batch = window_batch(p->window);
  while (p->outstanding < p->window && p->job_count < PEER_JOBS_MAX) {
    uint32_t room = p->window - p->outstanding;
    if (room < batch && p->outstanding > 0) break;
    struct run run;
    enum take t = pieces_take(p->sw->pieces, &p->pp, room < batch ? room : batch, p->now_ms, &run);
    if (t == TAKE_NO_MEMORY) swarm_fail(p->sw, ERR_MEMORY);
    if (t != TAKE_RUN) {
      download_update_interest(p);
      p->take_ms = p->now_ms + retry_ms(p);
      atomic_store(&p->seat.idle, true);
      return;
    }
    put_requests(p, &run);
  }
  atomic_store(&p->seat.idle, false);
}

void download_set_lowat(struct peer *p) {
  int want = 1;
  if (!p->choking_us)
    want = (int)window_low_water(p->wake_blocks, p->meter.steady, p->outstanding,
                                 p->outstanding_bytes);
  if (want == p->lowat) return;
  net_set_lowat(p->fd, want);
  p->lowat = want;
}

/* --- arriving --- */

/* Passes a fragment to the writer, which takes it. Should that mean to wait for the disk, it is not
 * the peer's fault: it is not robbed meanwhile, and its clocks stand still. */
static enum err pass(struct peer *p, struct fragment *f) {
  int64_t before_ms = clock_now_ms();
  atomic_store(&p->pp.last_ms, CLOCK_NEVER);
  enum err e = chan_send(p->sw->results, f, (uint64_t)f->capacity * BLOCK_LEN, CLOCK_NEVER);
  if (e != ERR_OK) fragment_put(p->sw->pool, f);
  int64_t waited_ms = clock_now_ms() - before_ms;
  p->now_ms += waited_ms;
  atomic_store(&p->pp.last_ms, p->now_ms);
  window_discount(&p->meter, waited_ms);
  p->block_ms = p->now_ms;
  return e;
}

/* Takes the jobs that have ended off the front of the ring. */
static void drop_ended(struct peer *p) {
  while (p->job_count > 0 && job_at(p, 0)->ended) {
    p->job_head = (p->job_head + 1) % PEER_JOBS_MAX;
    p->job_count--;
  }
}

/* The job's blocks have all come, or never will: what came and is still needed goes to the
 * writer. */
static enum err hand_on(struct peer *p, struct peer_job *j) {
  enum err e = ERR_OK;
  struct fragment *f = j->frag;
  uint32_t needed = 0;
  j->frag = NULL;
  j->ended = true;
  if (j->got != 0) needed = pieces_received(p->sw->pieces, &p->pp, &j->run, j->got);
  for (uint32_t i = 0; i < j->run.count; i++)
    if ((j->got & ~needed) >> i & 1) atomic_fetch_add(&p->sw->wasted, job_block_len(p, j, i));
  if (needed != 0) {
    p->gave_data = true;
    f->piece = j->run.piece;
    f->first = j->run.first;
    f->valid = needed;
    f->from = p->seat.number;
    e = pass(p, f);
  } else {
    fragment_put(p->sw->pool, f);
  }
  drop_ended(p);
  return e;
}

static enum err end_if_whole(struct peer *p, struct peer_job *j) {
  if (j->ended || job_open(j) != 0) return ERR_OK;
  return hand_on(p, j);
}

/* It has been silent for so long that its blocks went to others, and goes on. Some send in bursts:
 * such a silence means nothing the next time. */
static void note_pause(struct peer *p) {
  int64_t pause = p->now_ms - p->silent_ms;
  if (pause > PAUSE_MAX_MS) pause = PAUSE_MAX_MS;
  if (pause > p->pause_ms) p->pause_ms = pause;
}

static enum err on_arrived(struct peer *p, struct peer_job *job, uint32_t block) {
  job->got |= UINT32_C(1) << block;
  p->outstanding--;
  if (p->pp.snubbed) note_pause(p);
  p->pp.snubbed = false;
  p->reject_count = 0;
  p->chatter -= p->chatter < WORDS_PER_BLOCK ? p->chatter : WORDS_PER_BLOCK;
  return end_if_whole(p, job);
}

/* The same, shown. The data are gone once they are handed on. Kept apart so that its memory costs
 * nothing where nothing is shown. */
__attribute__((noinline))
static enum err on_arrived_traced(struct peer *p, struct peer_job *job, uint32_t block) {
  struct peer_trace_message t;
  uint32_t len = job_block_len(p, job, block);
  peer_trace_begin_block(p, &t, job->run.piece, (job->run.first + block) * BLOCK_LEN, len,
                         job->frag->data + (size_t)block * BLOCK_LEN, len);
  enum err e = on_arrived(p, job, block);
  peer_trace_end(p, &t, NULL);
  return e;
}

enum err download_arrived(struct peer *p, struct peer_job *job, uint32_t block) {
  return peer_trace_is_on(p) ? on_arrived_traced(p, job, block) : on_arrived(p, job, block);
}

static bool place(struct peer *p, struct peer_job *j, uint32_t i, struct download_slot *s) {
  if (j->frag == NULL) {
    j->frag = fragment_get(p->sw->pool, j->run.count);
    if (j->frag == NULL) return false;
  }
  *s = (struct download_slot){
    .job = j,
    .block = i,
    .piece = j->run.piece,
    .begin = (j->run.first + i) * BLOCK_LEN,
    .len = job_block_len(p, j, i),
    .dest = j->frag->data + (size_t)i * BLOCK_LEN,
  };
  return true;
}

uint32_t download_expected(struct peer *p, struct download_slot *slots, uint32_t max) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < p->job_count; k++) {
    struct peer_job *j = job_at(p, k);
    uint32_t open = job_open(j);
    if (j == p->cur_job) open &= ~(UINT32_C(1) << p->cur_block);
    for (; open != 0; open &= open - 1) {
      if (n == max || !place(p, j, (uint32_t)__builtin_ctz(open), &slots[n])) return n;
      n++;
    }
  }
  return n;
}

/* Takes back a block that was given back, now that it comes after all. */
static enum err claim(struct peer *p, uint32_t piece, uint32_t block, struct download_slot *slot) {
  struct run run = {.piece = piece, .first = block, .count = 1};
  if (p->job_count == PEER_JOBS_MAX || asked_before(p, &run) != 0) return ERR_NOT_FOUND;
  if (!pieces_claim(p->sw->pieces, &p->pp, piece, block)) return ERR_NOT_FOUND;
  struct peer_job *j = job_at(p, p->job_count++);
  *j = (struct peer_job){.run = run};
  p->outstanding++;
  p->outstanding_bytes += job_block_len(p, j, 0);
  p->forgiven -= job_block_len(p, j, 0);
  p->keeps_requests = p->keeps_requests || p->voided;
  return place(p, j, 0, slot) ? ERR_OK : ERR_MEMORY;
}

enum err download_find(struct peer *p, uint32_t piece, uint32_t begin, uint32_t len,
                       struct download_slot *slot) {
  uint32_t block = begin / BLOCK_LEN;
  uint32_t i;
  struct peer_job *j = find_open(p, piece, block, &i);
  if (j != NULL) return place(p, j, i, slot) ? ERR_OK : ERR_MEMORY;
  if (p->forgiven < len) return ERR_NOT_FOUND;
  window_cap_late(&p->cap);
  return claim(p, piece, block, slot);
}

/* --- not arriving --- */

/* The blocks of `mask` in job `j` will not come: no longer outstanding. */
static void forgo(struct peer *p, struct peer_job *j, uint32_t mask) {
  mask &= job_open(j);
  j->gone |= mask;
  window_cap_forgone(&p->cap, (uint32_t)__builtin_popcount(mask));
  for (; mask != 0; mask &= mask - 1) {
    uint32_t len = job_block_len(p, j, (uint32_t)__builtin_ctz(mask));
    p->outstanding--;
    p->outstanding_bytes -= len;
    p->forgiven += len;
  }
}

void download_give_back(struct peer *p) {
  if (p->cur_job != NULL) { /* the rest of a half-received block is thrown away when it comes */
    uint32_t have = job_block_len(p, p->cur_job, p->cur_block) - p->cur_left;
    p->outstanding_bytes += have;
    atomic_fetch_add(&p->sw->wasted, have);
    p->skip_left = p->cur_left;
    p->cur_job = NULL;
    p->cur_left = 0;
  }
  for (uint32_t k = p->job_count; k > 0; k--) { /* from the back: ending jobs moves the front */
    struct peer_job *j = job_at(p, k - 1);
    if (j->ended) continue;
    pieces_release(p->sw->pieces, &p->pp, &j->run, job_open(j));
    forgo(p, j, UINT32_MAX);
    hand_on(p, j);
  }
  pieces_let_go(p->sw->pieces, &p->pp);
}

static void put_cancel(struct peer *p, const struct peer_job *j, uint32_t i) {
  size_t at = p->out.len;
  wire_put_range(&p->out, WIRE_CANCEL, j->run.piece, (j->run.first + i) * BLOCK_LEN,
                 job_block_len(p, j, i));
  if (peer_trace_is_on(p)) peer_trace_sent(p, at, "another peer brings it, or has brought it");
}

/* Cancels what is not asked of this peer any more: taken over by another, or there already. */
static enum err cancel_lost(struct peer *p) {
  for (uint32_t k = p->job_count; k > 0; k--) {
    struct peer_job *j = job_at(p, k - 1);
    if (j->ended) continue;
    uint32_t lost = pieces_lost(p->sw->pieces, &p->pp, &j->run) & job_open(j);
    if (j == p->cur_job) lost &= ~(UINT32_C(1) << p->cur_block); /* it is nearly here */
    for (uint32_t m = lost; m != 0; m &= m - 1) put_cancel(p, j, (uint32_t)__builtin_ctz(m));
    forgo(p, j, lost);
    enum err e = end_if_whole(p, j);
    if (e != ERR_OK) return e;
  }
  return ERR_OK;
}

void download_choked(struct peer *p) {
  if (p->fast || p->keeps_requests) {
    pieces_let_go(p->sw->pieces, &p->pp);
    cancel_lost(p);
    return;
  }
  p->voided = p->outstanding > 0;
  download_give_back(p);
}

bool download_rejected(struct peer *p, uint32_t piece, uint32_t begin, uint32_t len) {
  uint32_t i;
  struct peer_job *j = find_open(p, piece, begin / BLOCK_LEN, &i);
  if (j == NULL || begin % BLOCK_LEN != 0 || len != job_block_len(p, j, i)) return false;
  pieces_release(p->sw->pieces, &p->pp, &j->run, UINT32_C(1) << i);
  forgo(p, j, UINT32_C(1) << i);
  end_if_whole(p, j);
  cancel_lost(p);
  return true;
}

enum err download_on_bell(struct peer *p) {
  p->take_ms = 0;
  if (!p->am_interested) download_update_interest(p); /* a piece may have failed its hash */
  return cancel_lost(p);
}

/* --- patience --- */

static void lower(int64_t *next_ms, int64_t t) {
  if (t < *next_ms) *next_ms = t;
}

static bool others_wait(struct peer *p) {
  struct addrbook_stats s;
  addrbook_stats(p->sw->book, p->now_ms, &s);
  return s.due > 0;
}

/* How long without a block counts as silent: much longer than is usual for this peer. */
static int64_t silence_ms(const struct peer *p) {
  int64_t ms = 4 * p->usual_ms > 2 * p->pause_ms ? 4 * p->usual_ms : 2 * p->pause_ms;
  if (ms < SILENCE_MS) ms = SILENCE_MS;
  return ms < SILENCE_ALONE_MS && pieces_is_alone(p->sw->pieces) ? SILENCE_ALONE_MS : ms;
}

/* It has gone silent: what it owes goes to others, and it is tried with one block. */
static void snub(struct peer *p) {
  char text[ADDR_TEXT_MAX];
  log_debug("%s: silent for %lld ms, its blocks go to others", peer_name(p, text),
            (long long)(p->now_ms - p->block_ms));
  pieces_note_silence(p->sw->pieces, &p->pp);
  window_cap_silent(&p->cap, p->outstanding, p->now_ms);
  download_give_back(p);
  if (peer_trace_is_on(p)) peer_trace_event(p, "silent", "what it was asked for goes to others");
  p->voided = false;
  p->pp.snubbed = true;
  p->silent_ms = p->block_ms;
  p->meter.since_ms = 0;
  download_ask(p);
}

/* Of a peer that owes us blocks. */
static enum err check_silence(struct peer *p, int64_t *next_ms) {
  int64_t limit_ms = p->pp.snubbed ? DROP_SILENT_MS : silence_ms(p);
  if (p->now_ms - p->block_ms >= limit_ms) {
    if (p->pp.snubbed) return ERR_TIMEOUT;
    snub(p);
    limit_ms = DROP_SILENT_MS;
  }
  lower(next_ms, p->block_ms + limit_ms);
  return ERR_OK;
}

/* Of a peer that owes us nothing. */
static enum err check_use(struct peer *p, int64_t *next_ms) {
  if (p->useless_ms == 0) p->useless_ms = p->now_ms;
  if (p->now_ms - p->useless_ms >= DROP_USELESS_MS) {
    if (others_wait(p)) return ERR_TIMEOUT;
    p->useless_ms = p->now_ms;
  }
  lower(next_ms, p->useless_ms + DROP_USELESS_MS);
  return ERR_OK;
}

enum err download_tick(struct peer *p, int64_t *next_ms) {
  if (p->outstanding == 0) return check_use(p, next_ms);
  p->useless_ms = 0;
  return check_silence(p, next_ms);
}

void download_update_interest(struct peer *p) {
  bool yes = pieces_interesting(p->sw->pieces, &p->pp);
  atomic_store(&p->seat.interesting, yes);
  p->take_ms = 0;
  if (yes == p->am_interested) return;
  size_t at = p->out.len;
  p->am_interested = yes;
  wire_put_simple(&p->out, yes ? WIRE_INTERESTED : WIRE_NOT_INTERESTED);
  if (peer_trace_is_on(p))
    peer_trace_sent(p, at, yes ? "it has pieces that we lack" : "it has no piece that we lack");
}

void download_end(struct peer *p) {
  download_give_back(p);
  download_count(p);
}
