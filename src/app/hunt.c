#include "app/hunt.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "app/exits.h"
#include "app/human.h"
#include "app/signals.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/version.h"
#include "find/ask.h"
#include "io/net.h"

enum { TRACKER_MS = 15000 };

/* --- what there is to begin with --- */

void hunt_add_tracker(struct hunt *h, const char *url) {
  if (h->o->no_trackers || h->url_count == HUNT_TRACKERS_MAX) return;
  for (size_t i = 0; i < h->url_count; i++)
    if (strcmp(h->urls[i], url) == 0) return;
  h->urls[h->url_count++] = url;
}

void hunt_add_peer(struct hunt *h, const struct addr *a) {
  if (h->peer_count == HUNT_PEERS_MAX) return;
  for (size_t i = 0; i < h->peer_count; i++)
    if (addr_equal(&h->peers[i], a)) return;
  h->peers[h->peer_count++] = *a;
}

enum err hunt_begin(struct hunt *h, const struct options *o, const uint8_t info_hash[static 20],
                    uint64_t left) {
  *h = (struct hunt){.o = o, .left = left > 0 ? left : 1, .signals = -1};
  memcpy(h->info_hash, info_hash, sizeof h->info_hash);
  crypto_random(h->peer_id, sizeof h->peer_id);
  memcpy(h->peer_id, WEFT_PEER_ID_START, sizeof WEFT_PEER_ID_START - 1);
  for (size_t i = 0; i < o->peer_count; i++) hunt_add_peer(h, &o->peers[i]);
  for (size_t i = 0; i < o->trackers.count && !o->no_trackers; i++)
    hunt_add_tracker(h, o->trackers.at[i]);
  h->signals = signals_open();
  if (h->signals >= 0) return ERR_OK;
  log_error("there are too few descriptors to begin (see ulimit -n)");
  return ERR_MEMORY;
}

void hunt_end(struct hunt *h) {
  if (h->signals >= 0) close(h->signals);
  h->signals = -1;
}

/* --- asking a tracker --- */

static void on_change(void *arg) {
  const int *bell = arg;
  net_bell_ring(*bell);
}

/* Waits until find/ask is done with its only tracker, or until a signal comes. */
static enum err await(struct hunt *h, struct ask *a, int bell) {
  while (!ask_over(a)) {
    struct pollfd p[2] = {{.fd = bell, .events = POLLIN}, {.fd = h->signals, .events = POLLIN}};
    poll(p, 2, -1);
    if (p[0].revents) net_bell_clear(bell);
    if (p[1].revents) h->sig = signals_take(h->signals);
    if (h->sig != 0) return ERR_CANCELLED;
  }
  return ERR_OK;
}

/* Keeps the peers of a reply, and says what it was. */
static void take_reply(struct hunt *h, const char *shown, const struct announce_reply *r) {
  size_t count = r->peer_count < HUNT_WANTED ? r->peer_count : HUNT_WANTED;
  if (r->warning[0] != '\0') log_warn("tracker %s: %s", shown, r->warning);
  for (size_t i = 0; i < count; i++) hunt_add_peer(h, &r->peers[i]);
  if (r->peer_count == 0) log_warn("tracker %s: knows no peer", shown);
  else log_info("tracker %s: %zu peer%s", shown, r->peer_count, human_plural(r->peer_count));
}

/* Begins to ask one tracker; NULL: no memory, or no thread. */
static struct ask *begin_to_ask(const struct hunt *h, const char *url, int *bell) {
  int64_t ms = h->o->timeout_ms > 0 && h->o->timeout_ms < TRACKER_MS ? h->o->timeout_ms
                                                                     : TRACKER_MS;
  struct ask_config c = {.left = h->left, .timeout_ms = ms, .on_change = on_change,
                         .arg = bell, .trace = h->o->trace};
  memcpy(c.info_hash, h->info_hash, sizeof c.info_hash);
  struct ask *a = ask_new(&c);
  if (a != NULL && ask_add(a, url, 0) == ERR_OK && ask_start(a) == ERR_OK) return a;
  ask_free(a);
  return NULL;
}

static enum err ask_tracker(struct hunt *h, const char *url) {
  int bell = net_bell_new();
  struct ask *a = bell >= 0 ? begin_to_ask(h, url, &bell) : NULL;
  enum err e = a != NULL ? await(h, a, bell) : ERR_MEMORY;
  const struct ask_tracker *t = e == ERR_OK ? ask_next(a) : NULL;
  if (t != NULL && t->announced != NULL) take_reply(h, t->url, t->announced);
  else if (t != NULL) log_warn("tracker %s: %s", t->url, t->why);
  if (e == ERR_MEMORY) log_error("there is not enough memory, or no thread, to ask a tracker");
  ask_free(a);
  if (bell >= 0) close(bell);
  return e;
}

enum err hunt_next(struct hunt *h, struct addr *a) {
  if (h->sig != 0) return ERR_CANCELLED;
  while (h->peer_next == h->peer_count) {
    if (h->url_next == h->url_count) return ERR_NOT_FOUND;
    enum err e = ask_tracker(h, h->urls[h->url_next++]);
    if (e != ERR_OK) return e;
  }
  *a = h->peers[h->peer_next++];
  return ERR_OK;
}

/* --- failures --- */

int hunt_exit(enum err e, bool connected) {
  switch (e) {
  case ERR_OK:
    return EXIT_OK;
  case ERR_MISMATCH:
    return EXIT_MISMATCH;
  case ERR_TIMEOUT:
    return connected ? EXIT_STALLED : EXIT_NO_SOURCE;
  case ERR_PROTOCOL:
  case ERR_LIMIT:
    return EXIT_UNEXPECTED;
  case ERR_MEMORY:
    return EXIT_RESOURCES;
  default:
    return EXIT_NO_SOURCE;
  }
}

/* Which of two codes says more about why nobody delivered. */
static int worse(int a, int b) {
  static const int order[] = {EXIT_MISMATCH, EXIT_RESOURCES, EXIT_STALLED};
  for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
    if (a == order[i] || b == order[i]) return order[i];
  return EXIT_NO_SOURCE;
}

void hunt_failed(struct hunt *h, const struct addr *a, enum err e, bool connected,
                 const char *why) {
  char text[ADDR_TEXT_MAX];
  if (e == ERR_CANCELLED) {
    if (h->sig == 0) h->sig = signals_take(h->signals);
    return;
  }
  h->failed++;
  h->worst = worse(h->worst, hunt_exit(e, connected));
  log_warn("%s: %s", addr_text(a, text), why);
}

int hunt_code(struct hunt *h, const char *what) {
  if (h->sig != 0) {
    log_error("interrupted");
    return signals_exit_code(h->sig);
  }
  if (h->failed > 0)
    log_error("no peer gave %s: %s", what,
              h->failed == 1 ? "the only one that there is failed" : "all that there are failed");
  else
    log_error("no peer gave %s: there is none to ask; --peer IP:PORT names one", what);
  return h->failed > 0 ? h->worst : EXIT_NO_SOURCE;
}
