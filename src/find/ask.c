#include "find/ask.h"

#include <ifaddrs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/version.h"
#include "find/tracker_http.h"
#include "find/tracker_job.h"
#include "io/http.h"

enum {
  THREADS_MAX = 100,          /* a request may take five descriptors, and 1,024 are usual */
  THREAD_STACK = 1024 * 1024, /* libcurl and TLS want that much */
  NUMWANT = 200,
  PEERS_MAX = 4000000,        /* of all replies together, see ask.h */
  GOODBYE_MS = 2000,          /* for "stopped" */
  PORT_FIRST = 61000,         /* to 65535: assigned to nobody (RFC 6335), and not given out by */
  PORT_COUNT = 4536           /* the kernel, which stops at 60999 (ip_local_port_range) */
};

struct slot {
  struct ask_tracker seen;
  char *url; /* owned */
  struct tracker_job job;
  struct tracker_http_scraped scraped;
};

struct ask {
  struct ask_config config;
  struct announce_request q;
  atomic_bool cancel;
  atomic_size_t peers;      /* in the replies so far */
  atomic_bool no_reply;     /* always true: nobody waits for the reply to "stopped" */
  struct slot *slots;       /* owned; each one the thread's that took it, until it is in ended[] */
  size_t count;
  size_t room;              /* for slots, and in ended[] */
  size_t *ended;            /* owned; slots in the order of their end */
  pthread_t threads[THREADS_MAX];
  size_t thread_count;

  pthread_mutex_t lock;
  /* guarded by lock: */
  size_t taken;    /* slots up to here are some thread's business, or were skipped */
  size_t ended_count;
  size_t handed;   /* of ended[], given out by ask_next() */
  size_t running;  /* threads */
};

/* --- one tracker --- */

static void fail(struct slot *s, const char *why, bool refused, int64_t retry_in_s) {
  s->seen.state = ASK_FAILED;
  s->seen.refused = refused;
  s->seen.retry_in_s = retry_in_s;
  snprintf(s->seen.why, sizeof s->seen.why, "%s", why);
}

/* Is it the host of one of these interfaces? */
static bool is_here(const struct addr *a, const struct ifaddrs *all) {
  struct addr own;
  bool found = addr_is_loopback(a);
  for (const struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next)
    found = i->ifa_addr != NULL && addr_from_sockaddr(i->ifa_addr, &own) && addr_same_host(&own, a);
  return found;
}

/* A tracker that counts us at once may name us to ourselves. Returns how often it did. */
static size_t drop_ourselves(struct announce_reply *r, uint16_t port) {
  struct ifaddrs *all = NULL;
  size_t count = r->peer_count;
  if (getifaddrs(&all) != 0) all = NULL;
  r->peer_count = 0;
  for (size_t i = 0; i < count; i++) {
    const struct addr *a = &r->peers[i];
    if (a->port != port || !(addr_same_host(a, &r->external_ip) || is_here(a, all)))
      r->peers[r->peer_count++] = *a;
  }
  freeifaddrs(all);
  return count - r->peer_count;
}

static void announce(struct ask *a, struct slot *s, const struct tracker_http_how *how) {
  s->job = (struct tracker_job){.url = s->url, .q = a->q};
  bool ok = tracker_job_run(&s->job, how);
  tracker_job_log(&s->job);
  if (!ok) {
    fail(s, s->job.out.why, s->job.result == ERR_OK, s->job.out.retry_in_s);
    return;
  }
  atomic_fetch_add(&a->peers, s->job.out.r.peer_count);
  s->seen.our_port = a->q.port;
  s->seen.ourselves = drop_ourselves(&s->job.out.r, a->q.port);
  s->seen.state = ASK_ANSWERED;
  s->seen.announced = &s->job.out.r;
}

static void scrape(const struct ask *a, struct slot *s, const struct tracker_http_how *how) {
  const struct scrape_reply *r = &s->scraped.r;
  enum err e = tracker_http_scrape(s->url, a->config.info_hash, how, &s->scraped);
  if (e != ERR_OK) {
    fail(s, s->scraped.why, false, s->scraped.retry_in_s);
  } else if (r->failure[0] != '\0') {
    fail(s, r->failure, true, r->retry_in_s);
  } else if (!r->found) {
    fail(s, "it does not know this torrent", true, -1);
  } else if (r->complete < 0 && r->incomplete < 0 && r->downloaded < 0) {
    fail(s, "it knows this torrent, and gives no counts of it", false, -1);
  } else {
    s->seen.state = ASK_ANSWERED;
    s->seen.scraped = r;
    return;
  }
  if (e != ERR_CANCELLED) log_info("scrape of %s: %s", s->seen.url, s->seen.why);
}

static void ask_one(struct ask *a, struct slot *s) {
  int64_t start_ms = clock_now_ms();
  struct tracker_http_how how = {.deadline_ms = CLOCK_NEVER, .patient = true,
                                 .cancel = &a->cancel, .trace = a->config.trace};
  if (atomic_load(&a->peers) < PEERS_MAX) how.peers_max = SIZE_MAX;
  if (a->config.timeout_ms > 0) how.deadline_ms = start_ms + a->config.timeout_ms;
  if (a->config.scrape) scrape(a, s, &how);
  else announce(a, s, &how);
  s->seen.took_ms = clock_now_ms() - start_ms;
}

/* Leaves the swarm again. A tracker that sends its clients elsewhere is waited for: the announce
 * has not arrived before the redirect has been followed. */
static void say_stopped(struct ask *a, const struct slot *s) {
  const struct announce_reply *r = &s->job.out.r;
  struct tracker_job j = {.url = s->url, .q = a->q};
  struct tracker_http_how how = {
    .deadline_ms = clock_now_ms() + GOODBYE_MS,
    .cancel = &a->cancel,
    .no_reply = s->job.out.redirected ? NULL : &a->no_reply,
    .trace = a->config.trace,
  };
  j.q.event = ANNOUNCE_STOPPED;
  j.q.numwant = 0;
  tracker_job_set_id(&j, r->tracker_id, r->tracker_id_len);
  tracker_job_run(&j, &how);
  tracker_job_log(&j);
  tracker_job_free(&j);
}

/* --- the threads --- */

/* Takes the next slot that is to be asked, or returns NULL. */
static struct slot *take(struct ask *a) {
  struct slot *s = NULL;
  pthread_mutex_lock(&a->lock);
  while (s == NULL && a->taken < a->count && !atomic_load(&a->cancel)) {
    s = &a->slots[a->taken++];
    if (s->seen.state == ASK_SKIPPED) s = NULL;
  }
  pthread_mutex_unlock(&a->lock);
  return s;
}

static void note_end(struct ask *a, const struct slot *s) {
  pthread_mutex_lock(&a->lock);
  a->ended[a->ended_count++] = (size_t)(s - a->slots);
  pthread_mutex_unlock(&a->lock);
  a->config.on_change(a->config.arg);
}

static void *run(void *arg) {
  struct ask *a = arg;
  for (struct slot *s; (s = take(a)) != NULL;) {
    ask_one(a, s);
    note_end(a, s);
    if (s->seen.announced != NULL) say_stopped(a, s);
  }
  pthread_mutex_lock(&a->lock);
  a->running--;
  pthread_mutex_unlock(&a->lock);
  a->config.on_change(a->config.arg);
  return NULL;
}

/* One thread for each slot that is to be asked, as far as there are so many: with fewer, some ask
 * more than one. Returns false if there is none at all. */
static bool start_threads(struct ask *a) {
  size_t wanted = a->count - a->ended_count;
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, THREAD_STACK);
  pthread_mutex_lock(&a->lock); /* none may end before all are counted */
  while (a->running < wanted && a->running < THREADS_MAX) {
    if (pthread_create(&a->threads[a->running], &attr, run, a) != 0) break;
    a->running++;
  }
  a->thread_count = a->running;
  pthread_mutex_unlock(&a->lock);
  pthread_attr_destroy(&attr);
  return wanted == 0 || a->thread_count > 0;
}

/* --- starting --- */

/* What is the same in every announce. */
static void prepare(struct ask *a) {
  struct crypto_rng rng;
  crypto_rng_init(&rng);
  a->q = (struct announce_request){
    .port = (uint16_t)(PORT_FIRST + crypto_rng_below(&rng, PORT_COUNT)),
    .left = a->config.left,
    .event = ANNOUNCE_STARTED,
    .numwant = NUMWANT,
  };
  memcpy(a->q.info_hash, a->config.info_hash, sizeof a->q.info_hash);
  crypto_random(a->q.peer_id, sizeof a->q.peer_id);
  memcpy(a->q.peer_id, WEFT_PEER_ID_START, sizeof WEFT_PEER_ID_START - 1);
  crypto_random(&a->q.key, sizeof a->q.key);
}

static bool is_known(const struct ask *a, const char *url) {
  for (size_t i = 0; i < a->count; i++)
    if (strcmp(a->slots[i].url, url) == 0) return true;
  return false;
}

struct ask *ask_new(const struct ask_config *config) {
  struct ask *a = calloc(1, sizeof *a);
  if (a == NULL) return NULL;
  a->config = *config;
  atomic_store(&a->no_reply, true);
  pthread_mutex_init(&a->lock, NULL);
  return a;
}

/* Makes room for one more. Nothing points into the slots before ask_start(). */
static bool make_room(struct ask *a) {
  if (a->count < a->room) return true;
  size_t room = a->room > 0 ? 2 * a->room : 4;
  struct slot *slots = reallocarray(a->slots, room, sizeof *slots);
  if (slots != NULL) a->slots = slots;
  size_t *ended = reallocarray(a->ended, room, sizeof *ended);
  if (ended != NULL) a->ended = ended;
  if (slots == NULL || ended == NULL) return false;
  a->room = room;
  return true;
}

enum err ask_add(struct ask *a, const char *url, size_t tier) {
  if (is_known(a, url)) return ERR_OK;
  if (!make_room(a)) return ERR_MEMORY;
  const char *why = tracker_http_refuses(url);
  struct slot *s = &a->slots[a->count];
  *s = (struct slot){.seen = {.tier = tier, .retry_in_s = -1}};
  s->url = strdup(url);
  if (s->url == NULL) return ERR_MEMORY;
  http_redact(url, s->seen.url, sizeof s->seen.url);
  if (why != NULL) {
    fail(s, why, false, -1);
    s->seen.state = ASK_SKIPPED;
    a->ended[a->ended_count++] = a->count;
  }
  a->count++;
  return ERR_OK;
}

enum err ask_start(struct ask *a) {
  prepare(a);
  return start_threads(a) ? ERR_OK : ERR_MEMORY;
}

/* --- looking --- */

size_t ask_count(const struct ask *a) {
  return a->count;
}

const struct ask_tracker *ask_get(const struct ask *a, size_t i) {
  return &a->slots[i].seen;
}

const struct ask_tracker *ask_next(struct ask *a) {
  const struct ask_tracker *t = NULL;
  pthread_mutex_lock(&a->lock);
  if (a->handed < a->ended_count) t = &a->slots[a->ended[a->handed++]].seen;
  pthread_mutex_unlock(&a->lock);
  return t;
}

bool ask_over(struct ask *a) {
  pthread_mutex_lock(&a->lock);
  bool over = a->running == 0;
  pthread_mutex_unlock(&a->lock);
  return over;
}

void ask_free(struct ask *a) {
  if (a == NULL) return;
  atomic_store(&a->cancel, true);
  for (size_t i = 0; i < a->thread_count; i++) pthread_join(a->threads[i], NULL);
  for (size_t i = 0; i < a->count; i++) {
    if (a->slots[i].seen.announced != NULL) tracker_job_free(&a->slots[i].job);
    free(a->slots[i].url);
  }
  pthread_mutex_destroy(&a->lock);
  free(a->ended);
  free(a->slots);
  free(a);
}
