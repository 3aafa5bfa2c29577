/*
 * tracker: keeps a torrent's trackers informed and asks them for peers (BEP 3, 12).
 *
 * A tier's trackers are shuffled once; they are asked in order, and the first that answers moves to
 * the front and is asked again after its interval (BEP 12). BEP 12 has a client turn to the second
 * tier only when the first has failed; waiting for a dead tracker's time-out would leave a user
 * staring at nothing, so here tier n+1 also starts when tier n has not answered soon (1.5 s for the
 * first, 0.25 s for each further one), and goes to sleep again while a tier before it works; and
 * the next tracker of a tier is asked beside a silent one after the same times. Twelve are asked at
 * a time, each by a thread, started when it is needed; if there are more trackers than that, one
 * that never answered gets 5 s before it is the next one's turn. A tracker that
 * fails is tried again after 5 s * 2^n, at most 30 minutes, or when its `retry in` says; the tier
 * goes on to its next tracker at once. When peers are wanted one that works is asked again before
 * its interval is over, as soon as its min interval allows (10 s at least), or if it names none
 * after 30 s, then 60 s, 120 s and so on. UDP trackers are skipped for now, as are other
 * schemes: tracker_status() says so from the start, for the caller to tell.
 *
 * Events: the first successful announce to each tracker says "started"; tracker_completed() makes
 * each say "completed" once; tracker_stop() says "stopped" to those that had answered, to all at
 * the same time, and gives up after its deadline. A download that exits right after its end still
 * gets its "completed" out: tracker_stop() gives that the first half of its time. At the end the
 * replies are not waited for, only that the requests left, in order (find/tracker_stop.c).
 */
#ifndef WEFT_FIND_TRACKER_H
#define WEFT_FIND_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/addr.h"
#include "proto/announce.h"
#include "proto/metainfo.h"

struct tracker_totals { /* as the tracker wants them, bytes */
  uint64_t uploaded;
  uint64_t downloaded;
  uint64_t left;
};

struct tracker_config {
  const struct metainfo_tier *tiers; /* copied */
  size_t tier_count;
  uint8_t info_hash[20];
  uint8_t peer_id[20];
  uint16_t port;
  int32_t numwant;
  /* Called from the tier threads; must be quick and thread-safe. */
  void (*on_peers)(void *arg, const struct addr *peers, size_t count);
  void (*on_event)(void *arg); /* tracker_status() is worth a look; may be NULL */
  void (*get_totals)(void *arg, struct tracker_totals *out);
  void *arg;
  struct trace *trace; /* NULL: requests and replies are not traced */
};

struct tracker_set;

/* Starts the threads (none if no usable URL). A URL that is named twice is asked once; 500 are
 * enough. http_global_init() comes first. ERR_OK with *out set, or ERR_MEMORY. */
enum err tracker_start(const struct tracker_config *config, struct tracker_set **out);

/* Wakes every tier for an announce now, if its min interval allows (we ran out of peers). May be
 * called as often as you like; it counts until peers come. */
void tracker_want_peers(struct tracker_set *t);
/* The download is complete: tells the trackers that answered before, at once unless all
 * threads are busy. Does not wait; the earlier before tracker_stop(), the sooner that is done. */
void tracker_completed(struct tracker_set *t);
/* Cancels what runs but for "completed", sends "stopped" where due, waits at most until
 * `deadline_ms` for both to be on their way (usually a round trip and 80 ms; replies are waited for
 * only where a tracker redirects), joins and frees everything. NULL is fine. */
void tracker_stop(struct tracker_set *t, int64_t deadline_ms);

enum tracker_state {
  TRACKER_IDLE,     /* not asked yet */
  TRACKER_ASKING,
  TRACKER_OK,       /* the last announce worked */
  TRACKER_FAILED,   /* it did not: `message` says why */
  TRACKER_SKIPPED   /* a scheme we do not speak */
};

struct tracker_status {
  char url[256];    /* redacted, fit for showing after escaping */
  size_t tier;
  enum tracker_state state;
  char message[512]; /* failure reason, warning, or error sentence; "" if none */
  int64_t seeders;   /* -1 unknown */
  int64_t leechers;
  size_t peers;      /* in the last reply */
  int64_t next_ms;   /* when it is asked again; CLOCK_NEVER: never, or it was never asked yet */
};

/* Copies up to `max` entries; returns how many there are in all. Any thread. */
size_t tracker_status(struct tracker_set *t, struct tracker_status *out, size_t max);
/* True while some tracker has yet to give its first answer or error. Those that stand behind one
 * that works are not waited for: nobody asks them. */
bool tracker_pending(struct tracker_set *t);
/* True while some tracker is being asked for peers, or may be asked again, however late. Once it is
 * false it stays so, and all peers there ever were have been handed to on_peers. */
bool tracker_may_ask(struct tracker_set *t);
/* True while a tracker that has answered before is being asked: there may be peers in a moment. */
bool tracker_may_answer(struct tracker_set *t);
/* The external address a tracker told us (BEP 24); family 0 if none. */
struct addr tracker_external_ip(struct tracker_set *t);

#endif
