#include "find/tracker_tier.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
  SLOW_MS = 1500,      /* so long the first in line is waited for alone, */
  NEXT_MS = 250,       /* and so long each of the others */
  FIRST_RETRY_MS = 5 * 1000,
  LAST_RETRY_MS = 30 * 60 * 1000,
  MIN_INTERVAL_S = 10, /* of a tracker that names one */
  EARLY_S = 30,        /* of one that does not; doubled each time, up to its interval */
  EARLY_MAX = 8,
  RETRY_DAYS = 30, /* a tracker that asks to be left alone for longer is not asked again */
};

enum err tracker_tier_init(struct tracker_tier *t, size_t count, struct crypto_rng *rng) {
  *t = (struct tracker_tier){.count = count};
  t->slots = calloc(count + 1, sizeof *t->slots);
  t->order = calloc(count + 1, sizeof *t->order);
  if (t->slots == NULL || t->order == NULL) {
    tracker_tier_free(t);
    return ERR_MEMORY;
  }
  for (size_t i = 0; i < count; i++) {
    size_t j = crypto_rng_below(rng, i + 1);
    t->slots[i].usable = true;
    t->order[i] = t->order[j];
    t->order[j] = i;
  }
  return ERR_OK;
}

void tracker_tier_free(struct tracker_tier *t) {
  free(t->slots);
  free(t->order);
  *t = (struct tracker_tier){0};
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

/* The slot that is asked while the tier works: the first one in order. */
static size_t front(const struct tracker_tier *t) {
  return t->order[0];
}

static bool is_due(const struct tracker_slot *s, int64_t now_ms) {
  return s->usable && s->due_ms <= now_ms;
}

static void set_state(struct tracker_tier *t, enum tracker_tier_state state, int64_t now_ms) {
  if (t->state == state) return;
  t->state = state;
  t->since_ms = now_ms;
  if (state == TIER_ASKING) t->asking_ms = now_ms;
}

/* A tier that does not work and has nobody left to ask now has failed. */
static void note_failed(struct tracker_tier *t, int64_t now_ms) {
  if (t->state != TIER_ASKING) return;
  for (size_t i = 0; i < t->count; i++)
    if (t->slots[i].asking || is_due(&t->slots[i], now_ms)) return;
  set_state(t, TIER_FAILED, now_ms);
}

void tracker_tier_skip(struct tracker_tier *t, size_t i, int64_t now_ms) {
  t->slots[i].usable = false;
  t->slots[i].due_ms = CLOCK_NEVER;
  note_failed(t, now_ms);
}

int64_t tracker_tier_then(const struct tracker_tier *t, size_t index, int64_t opens_ms) {
  if (t->state == TIER_WORKING || opens_ms == CLOCK_NEVER) return CLOCK_NEVER;
  int64_t slow_ms = larger(opens_ms, t->asking_ms) + (index == 0 ? SLOW_MS : NEXT_MS);
  if (t->state == TIER_ASKING || t->since_ms > slow_ms) return slow_ms;
  return larger(opens_ms, t->since_ms);
}

/* --- deciding --- */

/* Considers asking `slot` at `at_ms`: now, or as one more thing to wait for. True: now. */
static bool consider(struct tracker_step *step, size_t slot, int64_t at_ms, int64_t now_ms) {
  if (at_ms <= now_ms) {
    step->ask = true;
    step->slot = slot;
    return true;
  }
  if (at_ms < step->until_ms) step->until_ms = at_ms;
  return false;
}

/* "completed" to those who are owed it. */
static bool next_completed(const struct tracker_tier *t, struct tracker_step *step,
                           int64_t now_ms) {
  for (size_t i = 0; i < t->count; i++) {
    const struct tracker_slot *s = &t->slots[i];
    if (!s->owes_completed || s->asking) continue;
    if (!consider(step, i, s->completed_due_ms, now_ms)) continue;
    step->event = ANNOUNCE_COMPLETED;
    return true;
  }
  return false;
}

/* Considers those who have failed, or those who have not, in order; but each waits for those before
 * it that are being asked. */
static void next_in_line(const struct tracker_tier *t, struct tracker_step *step, bool failed,
                         int64_t now_ms) {
  int64_t turn_ms = 0;
  for (size_t i = 0; i < t->count && !step->ask; i++) {
    const struct tracker_slot *s = &t->slots[t->order[i]];
    if (s->asking)
      turn_ms = larger(turn_ms, s->asked_ms + (turn_ms == 0 ? SLOW_MS : NEXT_MS));
    else if (s->usable && (s->fails > 0) == failed)
      consider(step, t->order[i], larger(s->due_ms, turn_ms), now_ms);
  }
}

/* The announce for peers: the front alone while it works, otherwise whoever is due. */
static void next_regular(const struct tracker_tier *t, struct tracker_step *step, int64_t now_ms) {
  if (t->state == TIER_WORKING) {
    const struct tracker_slot *s = &t->slots[front(t)];
    if (s->asking) return;
    bool early = t->wanted && s->not_before_ms < s->due_ms;
    consider(step, front(t), early ? s->not_before_ms : s->due_ms, now_ms);
  } else {
    next_in_line(t, step, false, now_ms);
    if (!step->ask) next_in_line(t, step, true, now_ms);
  }
  if (step->ask && !t->slots[step->slot].answered) step->event = ANNOUNCE_STARTED;
}

struct tracker_step tracker_tier_next(const struct tracker_tier *t, int64_t opens_ms,
                                      int64_t now_ms) {
  struct tracker_step step = {.until_ms = CLOCK_NEVER};
  if (t->count == 0 || next_completed(t, &step, now_ms)) return step;
  if (opens_ms <= now_ms || (t->wanted && opens_ms == CLOCK_NEVER))
    next_regular(t, &step, now_ms);
  else if (opens_ms < step.until_ms)
    step.until_ms = opens_ms;
  return step;
}

/* --- learning --- */

void tracker_tier_on_ask(struct tracker_tier *t, size_t slot, int64_t now_ms) {
  t->slots[slot].asking = true;
  t->slots[slot].asked_ms = now_ms;
}

/* Moves `slot` to the front, the others keep their order (BEP 12). */
static void promote(struct tracker_tier *t, size_t slot) {
  size_t at = 0;
  while (t->order[at] != slot) at++;
  memmove(t->order + 1, t->order, at * sizeof *t->order);
  t->order[0] = slot;
}

/* When `s`, which has just answered, may be asked again if peers are wanted: as soon as it says.
 * One that names no min interval is bothered less and less. */
static int64_t not_before(const struct tracker_slot *s, int64_t interval_s, int64_t min_interval_s,
                          int64_t now_ms) {
  int64_t early_s = (int64_t)EARLY_S << s->early;
  if (min_interval_s > 0) return now_ms + larger(MIN_INTERVAL_S, min_interval_s) * 1000;
  return now_ms + (early_s < interval_s ? early_s : interval_s) * 1000;
}

void tracker_tier_on_reply(struct tracker_tier *t, size_t slot, enum announce_event event,
                           int64_t interval_s, int64_t min_interval_s, int64_t now_ms) {
  struct tracker_slot *s = &t->slots[slot];
  bool early = s->answered && now_ms < s->due_ms && event != ANNOUNCE_COMPLETED;
  s->early = !early ? 0 : s->early < EARLY_MAX ? s->early + 1 : EARLY_MAX;
  s->asking = false;
  s->tried = true;
  s->answered = true;
  s->fails = 0;
  s->due_ms = now_ms + larger(interval_s, min_interval_s) * 1000;
  s->not_before_ms = not_before(s, interval_s, min_interval_s, now_ms);
  if (event == ANNOUNCE_COMPLETED) {
    s->owes_completed = false;
    return;
  }
  if (t->state != TIER_WORKING) promote(t, slot); /* else it comes too late for that */
  set_state(t, TIER_WORKING, now_ms);
  t->wanted = false;
}

void tracker_tier_on_sent(struct tracker_tier *t, size_t slot) {
  t->slots[slot].asking = false;
  t->slots[slot].owes_completed = false;
}

static int64_t retry_at(const struct tracker_slot *s, int64_t retry_in_s, int64_t now_ms) {
  if (retry_in_s > (int64_t)RETRY_DAYS * 24 * 3600) return CLOCK_NEVER;
  if (retry_in_s >= 0) return now_ms + larger(retry_in_s * 1000, FIRST_RETRY_MS);
  int64_t wait_ms = LAST_RETRY_MS;
  if (s->fails < 10) wait_ms = (int64_t)FIRST_RETRY_MS << (s->fails - 1);
  return now_ms + (wait_ms < LAST_RETRY_MS ? wait_ms : LAST_RETRY_MS);
}

void tracker_tier_on_failure(struct tracker_tier *t, size_t slot, enum announce_event event,
                             int64_t retry_in_s, int64_t now_ms) {
  struct tracker_slot *s = &t->slots[slot];
  s->asking = false;
  s->tried = true;
  s->fails++;
  int64_t at_ms = retry_at(s, retry_in_s, now_ms);
  if (event == ANNOUNCE_COMPLETED) s->completed_due_ms = at_ms;
  s->due_ms = at_ms;
  if (t->state == TIER_WORKING && slot == front(t)) set_state(t, TIER_ASKING, now_ms);
  note_failed(t, now_ms);
  if (t->state == TIER_FAILED) t->wanted = false;
}

bool tracker_tier_want(struct tracker_tier *t, bool wanted) {
  bool changed = t->wanted != wanted;
  t->wanted = wanted;
  return changed;
}

void tracker_tier_complete(struct tracker_tier *t, int64_t now_ms) {
  for (size_t i = 0; i < t->count; i++) {
    if (!t->slots[i].answered) continue;
    t->slots[i].owes_completed = true;
    t->slots[i].completed_due_ms = now_ms;
  }
}

bool tracker_tier_untried(const struct tracker_tier *t) {
  for (size_t i = 0; i < t->count; i++)
    if (t->slots[i].usable && !t->slots[i].tried) return true;
  return false;
}
