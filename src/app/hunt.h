/*
 * hunt: peers for commands that talk to one at a time.
 *
 *   while (hunt_next(&h, &addr) == ERR_OK) { talk; if that failed: hunt_failed(&h, ...); }
 *   return hunt_code(&h, "metadata");
 *
 * First come those that the user named (--peer), then those of the magnet link, then those of the
 * trackers: one tracker is asked when nobody is left to try, in the order of the torrent, those of
 * --tracker first. Whoever fails is named on stderr with the reason and not tried again. How a
 * tracker is asked, and that it is told "stopped" at once, is find/ask's part.
 *
 * Bounds: 64 trackers, 15 s for each (less with --timeout), 200 addresses, 50 of them from one
 * tracker. Asking happens in another thread, so that Ctrl-C is heard. Only the main thread calls
 * this, after signals_block().
 */
#ifndef WEFT_APP_HUNT_H
#define WEFT_APP_HUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/options.h"
#include "base/err.h"
#include "proto/addr.h"

enum { HUNT_TRACKERS_MAX = 64, HUNT_PEERS_MAX = 200, HUNT_WANTED = 50 };

struct hunt {
  const struct options *o;
  uint8_t info_hash[20];
  uint8_t peer_id[20];
  uint64_t left;
  int signals;             /* readable: a signal came; what is polled besides sockets */
  int sig;                 /* its number, once hunt_interrupted() took it */
  const char *urls[HUNT_TRACKERS_MAX]; /* not owned */
  size_t url_count;
  size_t url_next;
  struct addr peers[HUNT_PEERS_MAX];
  size_t peer_count;
  size_t peer_next;
  size_t failed;           /* peers that hunt_failed() was told of */
  int worst;               /* the exit code for the worst of these */
};

/*
 * Begins: makes a peer id, opens the signals, takes --peer and --tracker from `o`, which must
 * outlive it. `left`: bytes to tell trackers, at least 1. hunt_end() is due in both cases. Returns
 * ERR_OK, or ERR_MEMORY (no descriptor, told).
 */
enum err hunt_begin(struct hunt *h, const struct options *o, const uint8_t info_hash[static 20],
                    uint64_t left);
/* Closes. Safe on a zeroed struct with `signals` -1. */
void hunt_end(struct hunt *h);

/* Adds a tracker (the text must stay) or a peer, behind those that are there. One that is known, or
 * too many, is left out; so are trackers with --no-trackers. */
void hunt_add_tracker(struct hunt *h, const char *url);
void hunt_add_peer(struct hunt *h, const struct addr *a);

/* The next address; asks trackers if it must, and waits for them. What they say is told. Returns
 * ERR_OK; ERR_NOT_FOUND: nobody is left; ERR_CANCELLED: a signal; ERR_MEMORY. */
enum err hunt_next(struct hunt *h, struct addr *a);

/* Something failed with peer `a`, before or after it was `connected`: tells it, `why` being raw,
 * and remembers how bad that was. A cancellation is not told, but its signal is taken. */
void hunt_failed(struct hunt *h, const struct addr *a, enum err e, bool connected,
                 const char *why);

/* Returns the exit code for a failure with the only peer that counts: EXIT_MISMATCH for wrong data
 * or another torrent, EXIT_STALLED for one that connects and then keeps silent, EXIT_UNEXPECTED for
 * one that breaks the protocol, EXIT_RESOURCES, else EXIT_NO_SOURCE. */
int hunt_exit(enum err e, bool connected);

/* Nobody is left, or a signal came: says that nobody gave `what`, and returns the exit code: that
 * of the signal; or EXIT_MISMATCH if somebody sent wrong data, else EXIT_STALLED if somebody kept
 * silent, else EXIT_NO_SOURCE. */
int hunt_code(struct hunt *h, const char *what);

#endif
