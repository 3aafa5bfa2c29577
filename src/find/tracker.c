#include "find/tracker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "find/tracker_impl.h"
#include "io/http.h"
#include "io/http_redact.h"

enum {
  TRACKERS_MAX = 500,        /* in all tiers; what is beyond is ignored */
  WHY_MAX = ANNOUNCE_TEXT_MAX - 48, /* of a failure, so that there is room for what we add */
  CROWDED_MS = 5 * 1000,     /* for a first answer, if others wait to be asked; doubled each time */
  CROWDED_DOUBLINGS = 4,
  THREAD_STACK = 1024 * 1024 /* libcurl and TLS want more than a worker's */
};

/* --- one announce --- */

void tracker_prepare(struct tracker_job *j, const struct tier *tier, size_t slot,
                     enum announce_event event) {
  const struct tracker_set *set = tier->set;
  const struct tracker *tr = &tier->trackers[slot];
  *j = (struct tracker_job){.url = tr->url, .redirects = tr->redirects};
  j->q = (struct announce_request){
    .key = set->key,
    .port = set->config.port,
    .event = event,
    .numwant = event == ANNOUNCE_STOPPED ? 0 : set->config.numwant,
  };
  memcpy(j->q.info_hash, set->config.info_hash, sizeof j->q.info_hash);
  memcpy(j->q.peer_id, set->config.peer_id, sizeof j->q.peer_id);
  tracker_job_set_id(j, tr->id, tr->id_len);
}

bool tracker_run(struct tracker_job *j, const struct tracker_config *config,
                 const struct tracker_http_how *how) {
  struct tracker_totals totals = {0};
  config->get_totals(config->arg, &totals);
  j->q.uploaded = totals.uploaded;
  j->q.downloaded = totals.downloaded;
  j->q.left = totals.left;
  bool ok = tracker_job_run(j, how);
  tracker_job_log(j);
  return ok;
}

/* Caller must hold set->lock. */
static void note_failure(struct tier *tier, size_t slot, const struct tracker_job *j) {
  struct tracker *tr = &tier->trackers[slot];
  tr->state = TRACKER_FAILED;
  struct tracker_tier *plan = &tier->set->plans[tier->index];
  tracker_tier_on_failure(plan, slot, j->q.event, j->out.retry_in_s, clock_now_ms());
  bool never = plan->slots[slot].due_ms == CLOCK_NEVER;
  snprintf(tr->message, sizeof tr->message, "%.*s%s", WHY_MAX, j->out.why,
           never ? " (and it is not to be asked again)" : "");
}

/* Caller must hold set->lock. */
static void note_reply(struct tier *tier, size_t slot, const struct tracker_job *j) {
  struct tracker *tr = &tier->trackers[slot];
  const struct announce_reply *r = &j->out.r;
  tr->state = TRACKER_OK;
  tr->redirects = j->out.redirected;
  snprintf(tr->message, sizeof tr->message, "%s", r->warning);
  tr->seeders = r->complete;
  tr->leechers = r->incomplete;
  tr->peers = r->peer_count;
  if (r->tracker_id_len > 0) {
    memcpy(tr->id, r->tracker_id, r->tracker_id_len);
    tr->id_len = r->tracker_id_len;
  }
  if (r->external_ip.family != 0) tier->set->external_ip = r->external_ip;
  for (size_t t = 0; r->peer_count > 0 && t < tier->set->tier_count; t++)
    tracker_tier_want(&tier->set->plans[t], false);
  tracker_tier_on_reply(&tier->set->plans[tier->index], slot, j->q.event, r->interval_s,
                        r->min_interval_s, clock_now_ms());
}

/* "completed" is on its way, and nobody will hear an answer. Caller must hold set->lock. */
static void note_sent(struct tier *tier, size_t slot) {
  tier->trackers[slot].state = TRACKER_OK;
  tracker_tier_on_sent(&tier->set->plans[tier->index], slot);
}

/* Hands out what the reply brought, then lets the plan learn from it: in this order, so that
 * whoever sees the new status already has the peers. */
static void job_finish(struct tracker_job *j, struct tier *tier, size_t slot, bool ok) {
  struct tracker_set *set = tier->set;
  const struct tracker_config *config = &set->config;
  const struct announce_reply *r = &j->out.r;
  if (ok && r->peer_count > 0) config->on_peers(config->arg, r->peers, r->peer_count);
  pthread_mutex_lock(&set->lock);
  if (ok && j->out.unanswered)
    note_sent(tier, slot);
  else if (ok)
    note_reply(tier, slot, j);
  else
    note_failure(tier, slot, j);
  pthread_cond_broadcast(&set->changed);
  pthread_mutex_unlock(&set->lock);
  tracker_job_free(j);
  if (config->on_event != NULL) config->on_event(config->arg);
}

/* --- the threads --- */

/* A job, and for whom it is. */
struct work {
  struct tracker_job job;
  struct tier *tier;
  size_t slot;
  int64_t deadline_ms;
};

/* How long a tracker may take. One that has never answered must not keep others from being asked.
 * Caller must hold set->lock. */
static int64_t deadline_of(const struct tracker_set *set, const struct tracker_slot *s,
                           int64_t now_ms) {
  if (!set->crowded || s->answered || s->fails >= CROWDED_DOUBLINGS) return CLOCK_NEVER;
  return now_ms + ((int64_t)CROWDED_MS << s->fails);
}

/* What a tier would do now. Caller must hold set->lock. */
static struct tracker_step look(const struct tier *tier, int64_t opens_ms, int64_t now_ms) {
  const struct tracker_set *set = tier->set;
  struct tracker_step step = tracker_tier_next(&set->plans[tier->index], opens_ms, now_ms);
  if (set->phase == ENDING || (set->phase == DRAINING && step.event != ANNOUNCE_COMPLETED))
    step.ask = false;
  return step;
}

/* Notes what is done now, and prepares it. Caller must hold set->lock. */
static void begin(struct tier *tier, const struct tracker_step *step, int64_t now_ms,
                  struct work *w) {
  struct tracker_set *set = tier->set;
  struct tracker_tier *plan = &set->plans[tier->index];
  w->tier = tier;
  w->slot = step->slot;
  w->deadline_ms = deadline_of(set, &plan->slots[step->slot], now_ms);
  tier->trackers[step->slot].state = TRACKER_ASKING;
  tracker_tier_on_ask(plan, step->slot, now_ms);
  tracker_prepare(&w->job, tier, step->slot, step->event);
}

/* Begins what is to be done now: in the first tier that has something, but those who failed have
 * the patience to wait for those who did not. Otherwise false, and *until_ms is when that may
 * change. Caller must hold set->lock. */
static bool find_work(struct tracker_set *set, struct work *w, int64_t *until_ms) {
  int64_t opens_ms = set->start_ms;
  int64_t now_ms = clock_now_ms();
  struct tracker_step best = {0};
  struct tier *of = NULL;
  unsigned fails = 0;
  *until_ms = CLOCK_NEVER;
  for (size_t t = 0; t < set->tier_count && (of == NULL || fails > 0); t++) {
    struct tracker_step step = look(&set->tiers[t], opens_ms, now_ms);
    const struct tracker_slot *s = &set->plans[t].slots[step.slot];
    if (step.ask && (of == NULL || s->fails < fails)) {
      best = step;
      of = &set->tiers[t];
      fails = s->fails;
    }
    if (step.until_ms < *until_ms) *until_ms = step.until_ms;
    opens_ms = tracker_tier_then(&set->plans[t], t, opens_ms);
  }
  if (of != NULL) begin(of, &best, now_ms, w);
  return of != NULL;
}

static void *run_thread(void *arg);

/* Starts one more thread, if that makes sense and is possible. Caller must hold set->lock. */
static void add_thread(struct tracker_set *set) {
  pthread_attr_t attr;
  if (set->idle > 0 || set->started >= set->threads_max) return;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, THREAD_STACK);
  if (pthread_create(&set->threads[set->started], &attr, run_thread, set) == 0) {
    set->started++;
    set->running++;
    set->idle++;
  }
  pthread_attr_destroy(&attr);
}

/* Waits for the next work, and sees to it that somebody else waits for the one after it. False: it
 * is time to stop. */
static bool next_work(struct tracker_set *set, struct work *w) {
  bool got;
  int64_t until_ms;
  pthread_mutex_lock(&set->lock);
  while (!(got = find_work(set, w, &until_ms)) && set->phase == RUNNING) {
    struct timespec until = clock_timespec(until_ms);
    pthread_cond_timedwait(&set->changed, &set->lock, &until);
  }
  set->idle--;
  if (got) {
    add_thread(set);
  } else {
    set->running--;
    pthread_cond_broadcast(&set->changed);
  }
  pthread_mutex_unlock(&set->lock);
  return got;
}

static void do_work(struct tracker_set *set, struct work *w) {
  struct tracker_job *j = &w->job;
  bool completed = j->q.event == ANNOUNCE_COMPLETED;
  struct tracker_http_how how = {
    .deadline_ms = w->deadline_ms,
    .cancel = completed ? &set->cancel_completed : &set->cancel,
    .no_reply = completed && !j->redirects ? &set->no_reply : NULL,
    .trace = set->config.trace,
  };
  job_finish(j, w->tier, w->slot, tracker_run(j, &set->config, &how));
}

static void *run_thread(void *arg) {
  struct tracker_set *set = arg;
  struct work w;
  while (next_work(set, &w)) {
    do_work(set, &w);
    pthread_mutex_lock(&set->lock);
    set->idle++;
    pthread_mutex_unlock(&set->lock);
  }
  return NULL;
}

/* --- starting --- */

/* Takes a tracker out of use, before any thread runs. */
static void skip(struct tier *tier, size_t slot, enum tracker_state state, const char *why) {
  struct tracker *tr = &tier->trackers[slot];
  tr->state = state;
  snprintf(tr->message, sizeof tr->message, "%s", why);
  tracker_tier_skip(&tier->set->plans[tier->index], slot, clock_now_ms());
}

/* Sorts out the URLs that can't be asked. Whoever started us tells the user of them. */
static void skip_unusable(struct tracker_set *set) {
  for (size_t t = 0; t < set->tier_count; t++) {
    for (size_t i = 0; i < set->plans[t].count; i++) {
      const char *why = tracker_http_refuses(set->tiers[t].trackers[i].url);
      if (why != NULL) skip(&set->tiers[t], i, TRACKER_SKIPPED, why);
    }
  }
}

static bool is_known(const struct tracker_set *set, const char *url) {
  for (size_t t = 0; t < set->tier_count; t++)
    for (size_t i = 0; i < set->plans[t].count; i++)
      if (strcmp(set->tiers[t].trackers[i].url, url) == 0) return true;
  return false;
}

/* Copies the URLs of `from` that are new into the tier behind the last one; a tier that has none
 * is left out. *total counts all of them. */
static enum err add_tier(struct tracker_set *set, const struct metainfo_tier *from,
                         struct crypto_rng *rng, size_t *total) {
  size_t n = 0;
  struct tier *tier = &set->tiers[set->tier_count];
  *tier = (struct tier){.set = set, .index = set->tier_count};
  tier->trackers = calloc(from->count + 1, sizeof *tier->trackers);
  if (tier->trackers == NULL) return ERR_MEMORY;
  for (size_t i = 0; i < from->count && *total < TRACKERS_MAX; i++) {
    if (is_known(set, from->urls[i])) continue;
    tier->trackers[n] = (struct tracker){.seeders = -1, .leechers = -1};
    tier->trackers[n].url = strdup(from->urls[i]);
    if (tier->trackers[n].url == NULL) goto fail;
    n++;
    ++*total;
  }
  if (n == 0) {
    free(tier->trackers);
    return ERR_OK;
  }
  if (tracker_tier_init(&set->plans[set->tier_count], n, rng) != ERR_OK) goto fail;
  set->tier_count++;
  return ERR_OK;

fail:
  while (n > 0) free(tier->trackers[--n].url);
  free(tier->trackers);
  return ERR_MEMORY;
}

void tracker_free(struct tracker_set *set) {
  if (set == NULL) return;
  for (size_t t = 0; t < set->tier_count; t++) {
    for (size_t i = 0; i < set->plans[t].count; i++) free(set->tiers[t].trackers[i].url);
    free(set->tiers[t].trackers);
    tracker_tier_free(&set->plans[t]);
  }
  free(set->plans);
  free(set->tiers);
  pthread_cond_destroy(&set->changed);
  pthread_mutex_destroy(&set->lock);
  free(set);
}

/* A set without threads, or NULL. */
static struct tracker_set *set_new(const struct tracker_config *config) {
  struct tracker_set *set = calloc(1, sizeof *set);
  if (set == NULL) return NULL;
  clock_cond_init(&set->changed);
  pthread_mutex_init(&set->lock, NULL);
  set->config = *config;
  set->start_ms = clock_now_ms();
  crypto_random(&set->key, sizeof set->key);
  set->plans = calloc(config->tier_count + 1, sizeof *set->plans);
  set->tiers = calloc(config->tier_count + 1, sizeof *set->tiers);
  struct crypto_rng rng;
  crypto_rng_init(&rng);
  size_t total = 0;
  bool ok = set->plans != NULL && set->tiers != NULL;
  for (size_t t = 0; ok && t < config->tier_count; t++)
    ok = add_tier(set, &config->tiers[t], &rng, &total) == ERR_OK;
  if (ok) return set;
  tracker_free(set);
  return NULL;
}

static size_t count_usable(const struct tracker_set *set) {
  size_t n = 0;
  for (size_t t = 0; t < set->tier_count; t++)
    for (size_t i = 0; i < set->plans[t].count; i++) n += set->plans[t].slots[i].usable;
  return n;
}

/* Starts the first thread, which starts more when they are needed. False if there is something to
 * ask, and no thread to be had. */
static bool start_threads(struct tracker_set *set) {
  size_t usable = count_usable(set);
  set->threads_max = usable < TRACKER_THREADS_MAX ? usable : TRACKER_THREADS_MAX;
  set->crowded = usable > TRACKER_THREADS_MAX;
  pthread_mutex_lock(&set->lock);
  add_thread(set);
  bool ok = usable == 0 || set->started > 0;
  pthread_mutex_unlock(&set->lock);
  return ok;
}

enum err tracker_start(const struct tracker_config *config, struct tracker_set **out) {
  struct tracker_set *set = set_new(config);
  *out = NULL;
  if (set == NULL) return ERR_MEMORY;
  skip_unusable(set);
  if (!start_threads(set)) {
    tracker_free(set);
    return ERR_MEMORY;
  }
  *out = set;
  return ERR_OK;
}

void tracker_want_peers(struct tracker_set *t) {
  pthread_mutex_lock(&t->lock);
  bool changed = false;
  for (size_t i = 0; i < t->tier_count; i++)
    changed = tracker_tier_want(&t->plans[i], true) || changed;
  if (changed) pthread_cond_broadcast(&t->changed);
  pthread_mutex_unlock(&t->lock);
}

void tracker_completed(struct tracker_set *t) {
  pthread_mutex_lock(&t->lock);
  for (size_t i = 0; i < t->tier_count; i++) tracker_tier_complete(&t->plans[i], clock_now_ms());
  pthread_cond_broadcast(&t->changed);
  pthread_mutex_unlock(&t->lock);
}

/* --- what others want to know --- */

static void fill_status(const struct tracker_set *set, size_t tier, size_t i,
                        struct tracker_status *out) {
  const struct tracker *tr = &set->tiers[tier].trackers[i];
  const struct tracker_slot *slot = &set->plans[tier].slots[i];
  *out = (struct tracker_status){
    .tier = tier,
    .state = tr->state,
    .seeders = tr->seeders,
    .leechers = tr->leechers,
    .peers = tr->peers,
    .next_ms = slot->usable && slot->tried ? slot->due_ms : CLOCK_NEVER,
  };
  http_redact(tr->url, out->url, sizeof out->url);
  snprintf(out->message, sizeof out->message, "%s", tr->message);
}

size_t tracker_status(struct tracker_set *t, struct tracker_status *out, size_t max) {
  size_t n = 0;
  pthread_mutex_lock(&t->lock);
  for (size_t k = 0; k < t->tier_count; k++)
    for (size_t i = 0; i < t->plans[k].count; i++, n++)
      if (n < max) fill_status(t, k, i, &out[n]);
  pthread_mutex_unlock(&t->lock);
  return n;
}

bool tracker_pending(struct tracker_set *t) {
  bool pending = false;
  pthread_mutex_lock(&t->lock);
  for (size_t k = 0; k < t->tier_count && t->plans[k].state != TIER_WORKING; k++)
    pending = pending || tracker_tier_untried(&t->plans[k]);
  pthread_mutex_unlock(&t->lock);
  return pending;
}

bool tracker_may_ask(struct tracker_set *t) {
  bool may = false;
  pthread_mutex_lock(&t->lock);
  for (size_t k = 0; k < t->tier_count; k++)
    for (size_t i = 0; i < t->plans[k].count; i++)
      may = may || (t->plans[k].slots[i].usable && t->plans[k].slots[i].due_ms != CLOCK_NEVER);
  pthread_mutex_unlock(&t->lock);
  return may;
}

bool tracker_may_answer(struct tracker_set *t) {
  bool may = false;
  pthread_mutex_lock(&t->lock);
  for (size_t k = 0; k < t->tier_count; k++)
    for (size_t i = 0; i < t->plans[k].count; i++)
      may = may || (t->plans[k].slots[i].answered &&
                    t->tiers[k].trackers[i].state == TRACKER_ASKING);
  pthread_mutex_unlock(&t->lock);
  return may;
}

struct addr tracker_external_ip(struct tracker_set *t) {
  pthread_mutex_lock(&t->lock);
  struct addr a = t->external_ip;
  pthread_mutex_unlock(&t->lock);
  return a;
}
