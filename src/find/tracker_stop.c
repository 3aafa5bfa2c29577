/*
 * The end of a set of trackers: the threads of the tiers, "completed" and "stopped".
 *
 * A user waits for this at the end of every download, on a long line for every round trip that is
 * waited for here. So each "stopped" has its thread and its connection, and these are made while
 * another thread still gets rid of "completed"; only the request is held back until that one is
 * through, so that the tracker hears them in order. Neither waits for its reply (see http_get()).
 *
 *   a thread         connect . "completed" -- 40 ms, or the reply --.
 *   "stopped"        connect . . . . . . . . . . . . . . . . . . .  "stopped" -- the same --.
 *
 * That is one round trip (as many more as TLS wants) and 80 ms; on a short line the replies come
 * before the 40 ms are over. A tracker that sends its clients to another URL is waited for: the
 * announce has not arrived before the redirect has been followed. The price: that a request was
 * lost on the way is not noticed here; the kernel repeats it, and nobody reads a refusal.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "find/tracker_impl.h"

enum { STOPS_MAX = 64 }; /* that many "stopped" are sent */

struct stop { /* one "stopped" under way */
  struct tracker_job job;
  struct tier *tier;
  size_t slot;
  int64_t deadline_ms;
  pthread_t thread;
};

struct stops {
  struct stop all[STOPS_MAX];
  size_t count;
};

/* Is anything still being said to it, or about to be? Caller must hold set->lock. */
static bool is_spoken_to(const struct tracker_slot *s) {
  return s->asking || (s->owes_completed && s->completed_due_ms <= clock_now_ms());
}

/* Waits until the tracker has heard everything that comes before. */
static void wait_for_turn(void *arg) {
  const struct stop *s = arg;
  struct tracker_set *set = s->tier->set;
  struct timespec until = clock_timespec(s->deadline_ms);
  pthread_mutex_lock(&set->lock);
  while (set->phase != ENDING && is_spoken_to(&set->plans[s->tier->index].slots[s->slot]))
    if (pthread_cond_timedwait(&set->changed, &set->lock, &until) != 0) break;
  pthread_mutex_unlock(&set->lock);
}

static void *run_stop(void *arg) {
  struct stop *s = arg;
  struct tracker_set *set = s->tier->set;
  struct tracker_http_how how = {
    .deadline_ms = s->deadline_ms,
    .no_reply = s->job.redirects ? NULL : &set->no_reply,
    .on_connected = wait_for_turn,
    .arg = s,
    .trace = set->config.trace,
  };
  tracker_run(&s->job, &set->config, &how);
  tracker_job_free(&s->job);
  return NULL;
}

/* Begins to say "stopped" to a tracker. Caller must hold set->lock. */
static void begin_stop(struct stops *stops, struct tier *tier, size_t slot, int64_t deadline_ms) {
  struct stop *s = &stops->all[stops->count];
  tracker_prepare(&s->job, tier, slot, ANNOUNCE_STOPPED);
  s->tier = tier;
  s->slot = slot;
  s->deadline_ms = deadline_ms;
  tier->trackers[slot].told_stopped = true;
  if (pthread_create(&s->thread, NULL, run_stop, s) == 0) stops->count++;
}

/* Begins it with every tracker that has answered and is not being told yet. */
static void begin_stops(struct stops *stops, struct tracker_set *set, int64_t deadline_ms) {
  if (stops == NULL || clock_now_ms() >= deadline_ms) return;
  pthread_mutex_lock(&set->lock);
  for (size_t t = 0; t < set->tier_count; t++) {
    struct tier *tier = &set->tiers[t];
    for (size_t i = 0; i < set->plans[t].count && stops->count < STOPS_MAX; i++)
      if (set->plans[t].slots[i].answered && !tier->trackers[i].told_stopped)
        begin_stop(stops, tier, i, deadline_ms);
  }
  pthread_mutex_unlock(&set->lock);
}

/* From now on nothing but "completed" is announced to the tiers, and what else runs is cut. */
static void drain(struct tracker_set *set) {
  atomic_store(&set->cancel, true);
  atomic_store(&set->no_reply, true);
  pthread_mutex_lock(&set->lock);
  set->phase = DRAINING;
  pthread_cond_broadcast(&set->changed);
  pthread_mutex_unlock(&set->lock);
}

/* Waits for the threads to end; after `drain_ms` they may not even say "completed". */
static void end_threads(struct tracker_set *set, int64_t drain_ms) {
  struct timespec until = clock_timespec(drain_ms);
  pthread_mutex_lock(&set->lock);
  while (set->running > 0)
    if (pthread_cond_timedwait(&set->changed, &set->lock, &until) != 0) break;
  set->phase = ENDING;
  atomic_store(&set->cancel_completed, true);
  pthread_cond_broadcast(&set->changed);
  pthread_mutex_unlock(&set->lock);
  for (size_t i = 0; i < set->started; i++) pthread_join(set->threads[i], NULL);
}

void tracker_stop(struct tracker_set *t, int64_t deadline_ms) {
  if (t == NULL) return;
  int64_t now_ms = clock_now_ms();
  int64_t rest_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
  struct stops *stops = calloc(1, sizeof *stops); /* NULL: there is no memory for manners */
  drain(t);
  begin_stops(stops, t, deadline_ms);
  end_threads(t, now_ms + rest_ms / 2);
  begin_stops(stops, t, deadline_ms); /* whose first answer came in the last moment */
  while (stops != NULL && stops->count > 0) pthread_join(stops->all[--stops->count].thread, NULL);
  free(stops);
  tracker_free(t);
}
