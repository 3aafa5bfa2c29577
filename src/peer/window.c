#include "peer/window.h"

#include "proto/geometry.h"
#include "proto/wire.h"
#include "swarm/fragment.h"

enum {
  WINDOW_START = 32,        /* blocks */
  WINDOW_MIN = 2,           /* one arriving, one on its way */
  SLACK_MAX_MS = 300,       /* time that the window covers beyond the round trip */
  SLACK_MIN_MS = 20,
  SLACK_BYTES = 2 << 20,    /* in between: this much */
  PATIENT_MS = 2000,        /* no peer is asked for more than this only to save wake-ups */
  METER_MS = 100,           /* how often the rate is measured, */
  METER_BLOCKS = 4,         /* with at least so many blocks in it, */
  METER_MAX_MS = 1000,      /* or this much time */
  LOW_WATER = WIRE_PIECE_HEADER_LEN + 16384, /* a block with its header */
  WAKE_MS = 10,             /* at high rates wake up as seldom as this, if the buffers are deep */
  WAKE_BLOCKS_MAX = 8,
  BUFFER_SHARE = 8,         /* and the part of the buffer that may fill up meanwhile */
  STAY_MS = 20000,          /* a limit that was learnt holds so long at first, */
  STAY_MAX_MS = 640000      /* and no longer than this, as to try costs a silence */
};

static uint32_t clamp(uint64_t v, uint32_t low, uint32_t high) {
  if (high < low) high = low;
  return v < low ? low : v > high ? high : (uint32_t)v;
}

bool window_measure(struct window_meter *m, int64_t now_ms, uint64_t *rate) {
  int64_t dt = now_ms - m->since_ms;
  bool begun = m->since_ms != 0;
  if (begun && dt < METER_MS) return false;
  if (begun && dt < METER_MAX_MS && m->bytes < METER_BLOCKS * BLOCK_LEN) return false;
  if (begun) {
    uint64_t now = m->bytes * 1000 / (uint64_t)dt;
    uint64_t old = *rate;
    if (now <= old + old / 4) m->steady = true;
    *rate = now <= old ? (3 * old + now) / 4 : m->steady ? (old + now) / 2 : now;
    if (*rate == 0) *rate = 1;
  }
  m->since_ms = now_ms;
  m->bytes = 0;
  return begun;
}

void window_discount(struct window_meter *m, int64_t ms) {
  if (m->since_ms != 0) m->since_ms += ms;
}

/* The rule, for a rate that is known. */
static uint32_t needed(const struct window_facts *f) {
  uint64_t slack_ms = clamp(UINT64_C(1000) * SLACK_BYTES / f->rate, SLACK_MIN_MS, SLACK_MAX_MS);
  uint64_t us = f->rtt_us + slack_ms * 1000;
  return clamp(f->rate * us / 1000000 / BLOCK_LEN + 1, WINDOW_MIN, UINT32_MAX);
}

/* Slow, but not too slow to be asked for a little more than it needs, so that one wake-up brings
 * two blocks? */
static bool may_save_wakeups(const struct window_facts *f) {
  return needed(f) < WINDOW_PATIENT && f->rate >= WINDOW_PATIENT * BLOCK_LEN * 1000 / PATIENT_MS;
}

bool window_minds_fair(const struct window_facts *f) {
  return f->rate == 0 || !f->steady || may_save_wakeups(f);
}

uint32_t window_size(const struct window_facts *f) {
  uint32_t takes = f->reqq < f->cap ? f->reqq : f->cap;
  uint32_t most = clamp(f->memory, takes < WINDOW_MIN ? takes : WINDOW_MIN, takes);
  /* Until the rate is known, nobody gets more than half of its share of what is left. */
  if (f->rate == 0) return clamp(clamp(f->fair / 2, WINDOW_MIN, WINDOW_START), 1, most);
  uint32_t want = needed(f);
  bool far_from_end = f->fair >= 4 * WINDOW_PATIENT;
  if (may_save_wakeups(f) && far_from_end) want = WINDOW_PATIENT;
  if (!f->steady) { /* slow start doubles what comes with each round trip: stay ahead of it */
    uint32_t fair = clamp(f->fair / 2, WINDOW_MIN, UINT32_MAX / 2);
    uint32_t twice = 2 * want > f->now ? 2 * want : f->now;
    want = twice < fair ? twice : want;
  }
  return clamp(want, 1, most);
}

void window_cap_asked(struct window_cap *c, uint32_t count, uint32_t outstanding) {
  if (outstanding > c->peak) c->peak = outstanding;
  c->doubt -= c->doubt < count ? c->doubt : count;
}

void window_cap_forgone(struct window_cap *c, uint32_t count) {
  c->peak -= c->peak < count ? c->peak : count;
}

void window_cap_silent(struct window_cap *c, uint32_t outstanding, int64_t now_ms) {
  uint32_t peak = c->peak;
  c->peak = 0;
  c->doubt = 0;
  if (peak <= outstanding) return; /* the shortest queue holds one: this is something else */
  c->before = c->limit;
  c->limit = peak - outstanding;
  c->doubt = 2 * peak; /* the late ones may come just as they are asked for again, then twice */
  c->stay_ms = c->stay_ms == 0                ? STAY_MS
               : c->stay_ms < STAY_MAX_MS / 2 ? 2 * c->stay_ms
                                              : STAY_MAX_MS;
  c->rise_ms = now_ms + c->stay_ms;
}

void window_cap_late(struct window_cap *c) {
  if (c->doubt == 0) return;
  c->doubt = 0;
  c->limit = c->before;
  if (c->limit == 0) c->stay_ms = 0;
}

uint32_t window_cap_limit(struct window_cap *c, int64_t now_ms) {
  if (c->limit == 0) return UINT32_MAX;
  if (now_ms >= c->rise_ms) {
    c->limit = c->limit < UINT32_MAX / 2 ? 2 * c->limit : UINT32_MAX;
    c->rise_ms = now_ms + c->stay_ms;
  }
  return c->limit;
}

uint32_t window_batch(uint32_t window) {
  return clamp(window / 4, 1, FRAGMENT_BLOCKS_MAX);
}

uint32_t window_wake_blocks(uint64_t rate, uint64_t buffer) {
  return clamp(rate * WAKE_MS / 1000 / LOW_WATER, 1,
               clamp(buffer / BUFFER_SHARE / LOW_WATER, 1, WAKE_BLOCKS_MAX));
}

uint32_t window_low_water(uint32_t wake_blocks, bool steady, uint32_t blocks, uint64_t bytes) {
  if (bytes < 2 * LOW_WATER) return 1;
  if (wake_blocks > 1 && 4 * wake_blocks <= blocks) return wake_blocks * LOW_WATER;
  return steady && blocks >= WINDOW_PATIENT ? 2 * LOW_WATER : LOW_WATER;
}
