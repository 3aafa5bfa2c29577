/*
 * ask: every tracker of a torrent asked once, all at the same time (BEP 3, 12, 48).
 *
 * A download turns to one tracker after the other and keeps to those that serve it (find/tracker).
 * Here somebody wants to see them all: each gets one announce, or one scrape, whatever its tier, in
 * a thread of its own (at most 100 at a time), and what it said can be looked at as it comes.
 *
 *   PENDING --its thread--> ANSWERED or FAILED            SKIPPED from the start
 *
 * Manners. A scrape only looks. An announce joins the swarm, whatever event it names: from then on
 * the tracker counts us as a leecher and hands our address to others, until we say "stopped" or
 * have been silent for an hour or so. To leave the event out would hide that, not change it; and
 * "stopped" alone, which joins nothing, brings no peers. So each announce says "started", as the
 * first one of a peer does, and "stopped" follows as soon as the reply is there, in the same
 * thread, without waiting for its own reply. The peer id and the key are fresh, and the port is a
 * random one above those that Linux gives out by itself: many trackers know a peer by address and
 * port alone, and under the port of a client that runs here our "stopped" would take that one out
 * of the swarm. An address with this port in a reply is left out if it is one of this machine's, or
 * the one where the tracker sees us (BEP 24). Any other may be another peer's, and stays.
 *
 * All peers of a reply are kept. Only when the trackers have named 4,000,000 together, which takes
 * dozens of replies at the limit of 1 MiB, each further one may bring ANNOUNCE_PEERS_MAX.
 *
 * The price: an announce that was not answered in time, or that was cancelled, may have been
 * counted all the same, and nothing takes it back but the tracker's own patience.
 */
#ifndef WEFT_FIND_ASK_H
#define WEFT_FIND_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/announce.h"
#include "proto/scrape.h"

enum ask_state { ASK_PENDING, ASK_ANSWERED, ASK_FAILED, ASK_SKIPPED };

struct ask_tracker { /* one tracker, and what it said */
  char url[256];       /* redacted, fit for showing */
  size_t tier;         /* as ask_add() was told */
  enum ask_state state;
  bool refused;        /* of FAILED: the tracker itself said no; `why` are its words */
  char why[ANNOUNCE_TEXT_MAX]; /* of FAILED and SKIPPED: one sentence; escape to show */
  int64_t retry_in_s;  /* of FAILED: when it wants to be asked again; -1 unsaid; INT64_MAX never */
  int64_t took_ms;     /* from the start of the request to the end of the reply; 0 if SKIPPED */
  uint16_t our_port;   /* the port that we said we have */
  size_t ourselves;    /* of ANSWERED: addresses in the reply that are our own, and left out */
  const struct announce_reply *announced; /* of ANSWERED; NULL otherwise, and for a scrape */
  const struct scrape_reply *scraped;     /* of ANSWERED; NULL otherwise, and for an announce. The
                                           * torrent is in it, with a count at least: less is a
                                           * failure. */
};

struct ask_config {
  bool scrape;         /* scrape instead of announce */
  uint8_t info_hash[20];
  uint64_t left;       /* bytes that we claim to lack; at least 1, or we would count as a seeder */
  int64_t timeout_ms;  /* for each tracker, from the moment it is asked to the end of its answer; 0:
                        * as long as it takes. "stopped" has 2 s of its own behind that. */
  void (*on_change)(void *arg); /* ask_next() or ask_over() has news; any thread, must be quick */
  void *arg;
  struct trace *trace; /* NULL: requests and replies are not traced */
};

struct ask;

/* NULL when out of memory. http_global_init() comes first. */
struct ask *ask_new(const struct ask_config *config);
/* Adds a tracker by its announce URL (copied). `tier` is only noted. One that was added already is
 * passed over. However many there are, all are asked, 100 at a time; each takes about 4 KiB of
 * memory. Returns ERR_OK, or ERR_MEMORY. Not after ask_start(). */
enum err ask_add(struct ask *a, const char *url, size_t tier);
/* Begins to ask them. Returns ERR_OK, or ERR_MEMORY if there is no thread to be had. */
enum err ask_start(struct ask *a);
/* How many trackers there are; and each of them, in the order they were added, once ask_next() has
 * had it. */
size_t ask_count(const struct ask *a);
const struct ask_tracker *ask_get(const struct ask *a, size_t i);
/* The next tracker that is no longer PENDING, in the order in which they ended; each comes once.
 * NULL: none for now. Never waits. What it points to stays until ask_free(). */
const struct ask_tracker *ask_next(struct ask *a);
/* True when nothing runs any more, "stopped" included. */
bool ask_over(struct ask *a);
/* Cancels what runs ("stopped" too), waits for its end (about 100 ms), frees. NULL is fine. */
void ask_free(struct ask *a);

#endif
