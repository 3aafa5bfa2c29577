#include "app/session.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/aside.h"
#include "app/diagnose.h"
#include "app/human.h"
#include "app/limits.h"
#include "app/session_end.h"
#include "app/session_impl.h"
#include "app/signals.h"
#include "app/sources.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/version.h"
#include "io/net.h"
#include "peer/worker.h"

enum {
  TICK_MS = 100,
  ADDRESSES_MAX = 5000,
  RATE_MS = 500,
  STALL_MS = 5000,          /* without a byte: say why */
  GAP_MS = 5000,            /* between two ticks: we were not running */
  BARE_MS = 5000,           /* without any thread: give up */
  CHANNEL_SLOTS = 256,
  CHANNEL_BYTES = 4 << 20,
  WANT_PEERS_BELOW = 20,
  CHANCE_MS = 14000         /* to dial and to shake hands, as long as that may take (peer/worker) */
};

/* --- waiting, which is the same at any time --- */

/* Waits for a signal, the bell, or the time of one tick. */
static void listen_to(struct session *s) {
  struct pollfd p[2] = {{.fd = s->signals, .events = POLLIN}, {.fd = s->sw.bell, .events = POLLIN}};
  if (poll(p, 2, TICK_MS) <= 0) return;
  if (p[0].revents) session_end_signal(s, signals_take(s->signals));
  if (p[1].revents) net_bell_clear(s->sw.bell);
}

/* Waits for a job that waits for the disk. After a signal only so long as it is allowed to. */
static void wait_for(struct session *s, struct aside *a) {
  int64_t now = clock_now_ms();
  int64_t since = now;
  for (int64_t before = now; !aside_is_over(a); before = now) {
    listen_to(s);
    now = clock_now_ms();
    if (now - before >= GAP_MS) since = now;
    if (now >= s->leave_ms && !aside_is_over(a)) session_end_leave(s);
    int64_t moved = report_moved_ms(s->report);
    if (now - (moved > since ? moved : since) >= STALL_MS)
      report_stalled(s->report, "weft waits for the disk, which takes long to answer");
  }
  aside_end(a);
}

/* --- what is there already? --- */

struct opening {
  struct session *s;
  int signals; /* for present_open() */
  enum err result;
};

/* The job for app/aside: everything that waits for the disk. */
static void open_all(void *arg) {
  struct opening *o = arg;
  struct session *s = o->s;
  o->result = present_open(&s->there, s->o, s->m, s->report, o->signals);
  if (o->result != ERR_OK) return;
  s->already = present_bytes(s->m, &s->there.done);
  if (!bitset_full(&s->there.done)) return;
  o->result = store_finish(s->there.store, NULL);
  s->whole = o->result == ERR_OK;
}

/* Does it here if there is no thread to be had. */
static enum err begin(struct session *s) {
  struct aside a;
  struct opening o = {.s = s, .signals = signals_relay()};
  if (o.signals < 0) return ERR_MEMORY;
  s->relay = o.signals;
  if (aside_start(&a, open_all, &o, s->sw.bell)) {
    wait_for(s, &a);
  } else {
    o.signals = s->signals;
    open_all(&o);
    session_end_signal(s, s->there.sig);
  }
  close(s->relay);
  s->relay = -1;
  if (s->there.store != NULL) s->path = strdup(store_top_path(s->there.store));
  return o.result == ERR_OK && s->path == NULL ? ERR_MEMORY : o.result;
}

/* --- hooks, called by other threads --- */

static void ring_worker(void *arg, uint32_t number) {
  struct session *s = arg;
  roster_ring(s->sw.roster, number);
}

static void on_peers(void *arg, const struct addr *peers, size_t count) {
  struct session *s = arg;
  int64_t now = clock_now_ms();
  for (size_t i = 0; i < count; i++) addrbook_add(s->sw.book, &peers[i], FROM_TRACKER, now);
  net_bell_ring(s->sw.bell);
}

static void on_tracker_event(void *arg) {
  struct session *s = arg;
  net_bell_ring(s->sw.bell);
}

static void get_totals(void *arg, struct tracker_totals *out) {
  struct session *s = arg;
  struct pieces_stats p;
  pieces_stats(s->sw.pieces, &p);
  *out = (struct tracker_totals){
    .downloaded = atomic_load(&s->sw.received),
    .left = s->m->geo.total - p.done_bytes,
  };
}

static void on_peer_up(void *arg, const struct addr *a, const char *client) {
  struct session *s = arg;
  report_peer(s->report, PEER_CONNECTED, a, client, NULL);
}

static void on_peer_down(void *arg, const struct addr *a, const char *why) {
  struct session *s = arg;
  /* A socket that roster_close_all() shut down looks as if the peer had closed it. */
  report_peer(s->report, PEER_DISCONNECTED, a, "",
              atomic_load(&s->sw.stopping) ? "weft ends all connections" : why);
}

static void on_banned(void *arg, const struct addr *a) {
  struct session *s = arg;
  report_peer(s->report, PEER_BANNED, a, "", "sent data with a wrong hash");
}

static void on_piece(void *arg, uint32_t index, uint32_t length, bool good) {
  struct session *s = arg;
  report_piece(s->report, index, length, good);
}

/* --- starting --- */

static void make_peer_id(uint8_t id[static 20]) {
  crypto_random(id, 20);
  memcpy(id, WEFT_PEER_ID_START, sizeof WEFT_PEER_ID_START - 1);
}

static enum err open_swarm(struct session *s) {
  struct swarm *sw = &s->sw;
  sw->meta = s->m;
  sw->store = s->there.store;
  sw->port = s->o->port;
  sw->memory = s->o->memory;
  sw->trace = s->o->trace;
  make_peer_id(sw->peer_id);
  sw->hooks = (struct swarm_hooks){s, on_peer_up, on_peer_down, on_banned, on_piece};
  sw->book = addrbook_new(ADDRESSES_MAX);
  sw->roster = roster_new(s->o->max_peers, sw->peer_id);
  sw->pool = fragment_pool_new();
  sw->pieces = pieces_new(&s->m->geo, &s->there.done, ring_worker, s);
  uint64_t weight = sw->memory / 4 < CHANNEL_BYTES ? sw->memory / 4 : CHANNEL_BYTES;
  sw->results = chan_new(CHANNEL_SLOTS, weight);
  if (!sw->book || !sw->roster || !sw->pool || !sw->pieces || !sw->results) return ERR_MEMORY;
  enum err e = writer_start(sw, &s->writer);
  if (e == ERR_OK) e = saver_start(s->there.store, s->m, sw->pieces, sw->bell, &s->saver);
  return e;
}

/* The user's trackers come first, as a tier of their own; with --no-trackers they are all. */
static enum err start_trackers(struct session *s) {
  const struct options *o = s->o;
  size_t of_torrent = o->no_trackers ? 0 : s->m->tier_count;
  if (o->trackers.count + of_torrent == 0) return ERR_OK;
  struct metainfo_tier *tiers = calloc(s->m->tier_count + 1, sizeof *tiers);
  char *urls[OPTIONS_LIST_MAX];
  size_t n = 0;
  if (tiers == NULL) return ERR_MEMORY;
  for (size_t i = 0; i < o->trackers.count; i++) urls[i] = strdup(o->trackers.at[i]);
  if (o->trackers.count > 0) tiers[n++] = (struct metainfo_tier){urls, o->trackers.count};
  for (size_t i = 0; i < of_torrent; i++) tiers[n++] = s->m->tiers[i];
  struct tracker_config c = {
    .tiers = tiers,
    .tier_count = n,
    .port = o->port,
    .numwant = o->max_peers < 200 ? 200 : (int32_t)o->max_peers,
    .on_peers = on_peers,
    .on_event = on_tracker_event,
    .get_totals = get_totals,
    .arg = s,
    .trace = o->trace,
  };
  memcpy(c.info_hash, s->m->info_hash, sizeof c.info_hash);
  memcpy(c.peer_id, s->sw.peer_id, sizeof c.peer_id);
  enum err e = tracker_start(&c, &s->trackers);
  for (size_t i = 0; i < o->trackers.count; i++) free(urls[i]);
  free(tiers);
  return e;
}

static enum err start(struct session *s) {
  enum err e = open_swarm(s);
  for (size_t i = 0; e == ERR_OK && i < s->o->peer_count; i++)
    addrbook_add(s->sw.book, &s->o->peers[i], FROM_USER, clock_now_ms());
  if (e == ERR_OK) e = start_trackers(s);
  return e;
}

/* --- the timers --- */

/* The system gives no more threads than we have. */
static void do_without(struct session *s, uint32_t have, int64_t now) {
  uint32_t cap = have > 1 ? have : 1;
  s->spawn_ms = now + 1000;
  if (have > 0) s->bare_ms = 0;
  else if (s->bare_ms == 0) s->bare_ms = now;
  else if (now - s->bare_ms >= BARE_MS)
    session_end_with(s, EXIT_RESOURCES, "the system gives weft no thread for any connection: end "
                     "other programs, or raise the limit of processes (ulimit -u)");
  if (s->worker_cap != cap)
    log_warn("the system gives no more threads: going on with %u connection%s", cap,
             human_plural(cap));
  s->worker_cap = cap;
}

/* Dials what is due. With enough peers connected nobody is bothered with a handshake that leads
 * nowhere. */
static void spawn_workers(struct session *s, uint32_t connected, int64_t now) {
  struct addr a;
  worker_reap(&s->sw);
  s->spawn_ms = CLOCK_NEVER;
  if (connected >= s->o->max_peers) return;
  while (atomic_load(&s->sw.workers) < s->worker_cap) {
    if (addrbook_take(s->sw.book, now, &a, &s->spawn_ms) != ERR_OK) return;
    if (worker_start(&s->sw, &a) == ERR_OK) {
      s->bare_ms = 0;
      continue;
    }
    do_without(s, atomic_load(&s->sw.workers), now);
    return;
  }
}

static void update_rate(struct session *s, int64_t now) {
  uint64_t bytes = atomic_load(&s->sw.received);
  if (bytes != s->moved_bytes) {
    s->moved_bytes = bytes;
    s->moved_ms = now;
  }
  int64_t dt = now - s->rate_ms;
  if (dt < RATE_MS) return;
  uint64_t inst = (bytes - s->rate_bytes) * 1000 / (uint64_t)dt;
  s->rate = s->rate == 0 ? inst : (3 * s->rate + inst) / 4;
  s->rate_ms = now;
  s->rate_bytes = bytes;
}

static void show_progress(struct session *s, const struct pieces_stats *p,
                          const struct roster_stats *r, int64_t now) {
  struct addrbook_stats a;
  addrbook_stats(s->sw.book, now, &a);
  struct report_progress out = {
    .phase = s->finishing                                          ? PHASE_FINISHING
             : r->connected > 0 || p->done_bytes > s->already ? PHASE_DOWNLOADING
                                                              : PHASE_CONNECTING,
    .total = s->m->geo.total,
    .verified = p->done_bytes,
    .received = atomic_load(&s->sw.received),
    .wasted = atomic_load(&s->sw.wasted),
    .rate = s->rate,
    .connected = r->connected,
    .dialling = r->seats - r->connected,
    .known = (uint32_t)a.known,
    .choked = r->choked,
    .pieces = p->done,
  };
  report_progress(s->report, &out);
}

/* The user's patience is over. */
static void stop_waiting(struct session *s, int code, const char *what, int64_t ms,
                         const char *option, const char *why) {
  char text[sizeof s->why];
  snprintf(text, sizeof text, "gave up after %.15g s%s (%s): %s", (double)ms / 1000, what,
           option, why);
  session_end_with(s, code, text);
}

/* The time is up, but somebody new is being dialled, or has been reached, or a tracker that works
 * is being asked: that gets its chance. */
static bool is_promising(struct session *s, const struct roster_stats *r, int64_t now) {
  struct addrbook_stats a;
  if (now - s->answer_ms >= s->o->timeout_ms + CHANCE_MS) return false;
  addrbook_stats(s->sw.book, now, &a);
  return a.untried > 0 || r->shaking > 0 ||
         (s->trackers != NULL && tracker_may_answer(s->trackers));
}

/* --timeout and --stall-timeout, and the sentence when nothing moves. */
static void check_stall(struct session *s, const struct roster_stats *r, int64_t now) {
  char why[768];
  if (r->connected > 0) s->answer_ms = now;
  if (s->moved_ms > s->answer_ms) s->answer_ms = s->moved_ms; /* it came and went between ticks */
  int64_t still_ms = now - s->moved_ms;
  bool stalled = s->o->stall_timeout_ms > 0 && still_ms >= s->o->stall_timeout_ms;
  bool alone = s->o->timeout_ms > 0 && now - s->answer_ms >= s->o->timeout_ms &&
               !is_promising(s, r, now);
  if (still_ms < STALL_MS && !stalled && !alone) return;
  diagnose_stall(&s->sw, s->trackers, now, why, sizeof why);
  if (still_ms >= STALL_MS) report_stalled(s->report, why);
  if (stalled)
    stop_waiting(s, EXIT_STALLED, " without data", s->o->stall_timeout_ms, "--stall-timeout", why);
  if (alone)
    stop_waiting(s, EXIT_NO_SOURCE, "", s->o->timeout_ms, "--timeout", why);
}

/* Nothing to ask and nobody to dial: waiting would not help. */
static void check_sources(struct session *s) {
  char why[sizeof s->why];
  struct addrbook_stats a;
  addrbook_stats(s->sw.book, clock_now_ms(), &a);
  if (!sources_check(s->o, s->m, s->trackers, a.known, s->report, why, sizeof why))
    session_end_with(s, EXIT_NO_SOURCE, why);
}

/* Every piece is verified: the saver is to see to it that all of it stays. */
static void begin_to_finish(struct session *s, int64_t now) {
  s->finishing = true;
  s->finish_ms = now;
  saver_finish(s->saver, s->o->allocate);
}

static void go_on_finishing(struct session *s, int64_t now) {
  enum err e;
  if (!saver_finished(s->saver, &e)) {
    if (now - s->finish_ms >= STALL_MS)
      report_stalled(s->report, "all of it is here; weft waits for the disk to have written it");
    return;
  }
  s->finishing = false;
  if (e == ERR_NOT_FOUND) {
    report_warning(s->report, "files were removed or replaced meanwhile: fetching them again");
    roster_ring_all(s->sw.roster);
    s->moved_ms = now;
  } else if (e != ERR_OK) {
    session_end_failed(s, e);
  } else {
    session_end_with(s, EXIT_OK, "");
  }
}

/* Time in which we were stopped (SIGSTOP, a machine that sleeps) is nobody's fault. */
static void allow_for_gap(struct session *s, int64_t now) {
  int64_t gap = now - s->tick_ms;
  s->tick_ms = now;
  if (gap < GAP_MS) return;
  s->answer_ms += gap;
  s->moved_ms += gap;
  s->finish_ms += gap;
}

static void tick(struct session *s) {
  int64_t now = clock_now_ms();
  allow_for_gap(s, now);
  struct pieces_stats p;
  struct roster_stats r;
  char why[sizeof s->why];
  pieces_stats(s->sw.pieces, &p);
  roster_stats(s->sw.roster, &r);
  bool alone = r.connected == r.uninteresting;
  addrbook_set_alone(s->sw.book, alone);
  if (!s->finishing) spawn_workers(s, r.connected, now);
  update_rate(s, now);
  show_progress(s, &p, &r, now);
  enum err disk = (enum err)atomic_load(&s->sw.disk_error);
  if (disk == ERR_OK) disk = saver_error(s->saver);
  if (disk != ERR_OK) session_end_failed(s, disk);
  else if (s->finishing) go_on_finishing(s, now);
  else if (p.complete) begin_to_finish(s, now);
  else if (sources_left(&s->sw, s->trackers, now, why, sizeof why)) check_stall(s, &r, now);
  else session_end_with(s, EXIT_NO_SOURCE, why);
  bool wanting = !p.complete && r.seats < WANT_PEERS_BELOW &&
                 (alone || s->spawn_ms == CLOCK_NEVER);
  if (s->trackers != NULL && wanting) tracker_want_peers(s->trackers);
}

/* --- one download, from start to end --- */

static void download(struct session *s) {
  enum err e = start(s);
  if (e != ERR_OK) {
    session_end_failed(s, e);
    return;
  }
  s->start_ms = s->answer_ms = s->moved_ms = s->rate_ms = s->tick_ms = clock_now_ms();
  check_sources(s);
  while (s->exit_code < 0) {
    tick(s);
    if (s->exit_code < 0) listen_to(s);
  }
}

static void end(struct session *s) {
  struct aside a;
  s->hurry = s->sig != 0;
  if (aside_start(&a, session_end_close, s, s->sw.bell)) wait_for(s, &a);
  else session_end_close(s);
}

int session_run(const struct options *o, const struct metainfo *m, struct report *r) {
  struct session s = {
    .o = o, .m = m, .report = r, .exit_code = -1, .relay = -1, .leave_ms = CLOCK_NEVER};
  limits_tame_malloc();
  s.start_ms = clock_now_ms();
  s.signals = signals_open();
  s.sw.bell = net_bell_new();
  s.worker_cap = limits_workers(o->max_peers);
  enum err e = ERR_MEMORY;
  if (s.signals >= 0 && s.sw.bell >= 0 && s.worker_cap > 0) e = begin(&s);
  if (e != ERR_OK) session_end_failed(&s, e);
  else if (s.whole) session_end_with(&s, EXIT_OK, "");
  if (s.exit_code < 0) download(&s);
  end(&s);
  session_end_tell(&s);
  free(s.path);
  if (s.sw.bell >= 0) close(s.sw.bell);
  if (s.signals >= 0) close(s.signals);
  return s.exit_code;
}
