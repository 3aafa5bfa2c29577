/*
 * errand: something to be got from one peer after the other.
 *
 *   errand_torrent(), errand_magnet()     what: the argument of the command
 *   errand_reach()                        a peer that is ready, however many it takes
 *   solo_fetch_piece(&e.solo, ...) ...    ask it
 *   errand_drop()                         it failed, or has no more: the next one, please
 *   errand_end()
 *
 * Peers are talked to one at a time (app/hunt finds them, peer/solo talks), with the extension bit
 * and no other, so that a learner's own peer sees nothing that the exercise has not explained yet.
 * With a torrent that means a handshake. With a magnet link the first message is the extension
 * handshake and the second the request for the metadata, if they are not known yet. Ctrl-C ends
 * every wait.
 */
#ifndef WEFT_APP_ERRAND_H
#define WEFT_APP_ERRAND_H

#include <stdbool.h>
#include <stdint.h>

#include "app/command.h"
#include "app/hunt.h"
#include "peer/solo.h"
#include "proto/magnet.h"
#include "proto/metainfo.h"

/* How far errand_reach() goes with a peer. */
enum errand_depth {
  ERRAND_GREETED, /* handshake, and with a magnet link the extension handshake */
  ERRAND_KNOWN    /* and the metadata are there; the peer's pieces are checked against them */
};

struct errand {
  const struct options *o;
  struct hunt hunt;
  bool is_magnet;
  struct magnet link;   /* when is_magnet */
  struct metainfo meta; /* when known */
  bool known;
  uint8_t info_hash[20];
  struct solo solo;     /* fd -1: nobody is connected */
};

/*
 * Loads the torrent, or reads the link, that o->args[0] is, and begins to hunt. A link may be an
 * info hash alone. Returns EXIT_OK; or, told, EXIT_USAGE, EXIT_BAD_TORRENT, EXIT_DISK,
 * EXIT_NO_SOURCE (a URL), EXIT_RESOURCES. errand_end() is due in every case. Signals no longer end
 * the process from then on.
 */
int errand_torrent(struct errand *e, const struct options *o);
int errand_magnet(struct errand *e, const struct options *o);
/* Hangs up, frees. */
void errand_end(struct errand *e);

/* Returns EXIT_OK with a connected peer that has come so far; it stays so until errand_drop() or
 * errand_end(). Or the exit code, told, with `what` as what nobody gave. Waits. */
int errand_reach(struct errand *e, enum errand_depth depth, const char *what);
/* The peer has failed, and e->solo.why says why: tells it and hangs up. ERR_OK: it has done its
 * part, nothing is told. */
void errand_drop(struct errand *e, enum err why);
/* A signal came while something else was waited for: the exit code; EXIT_OK if none did. */
int errand_signal(struct errand *e);

/*
 * Reads `index`, fetches that piece from whoever gives it, and writes it as the file that -o names,
 * whole or not at all. What can be seen to be wrong with either is told before anybody is asked.
 * Returns EXIT_OK or the exit code, told. Waits for peers and the disk.
 */
int errand_piece(struct errand *e, const char *index);

/* The options that these commands share. */
#define ERRAND_OPTIONS \
  {.name = "peer", .kind = OPTION_PEER, OPTION_FIELD(peers), .takes = "IP:PORT", \
   .help = "ask this peer first; up to 64 times"}, \
  {.name = "tracker", .kind = OPTION_TRACKER, OPTION_FIELD(trackers), .takes = "URL", \
   .help = "also ask this tracker, first; up to 64 times"}, \
  {.name = "no-trackers", .kind = OPTION_FLAG, OPTION_FIELD(no_trackers), \
   .help = "ask no tracker that is not given here"}, \
  ERRAND_TIMEOUT

/* How long each step may take on its own stands in peer/solo.h. */
#define ERRAND_TIMEOUT \
  {.name = "timeout", .kind = OPTION_DURATION, OPTION_FIELD(timeout_ms), .takes = "TIME", \
   .help = "wait at most so long for any one answer (without\n" \
           "this, and at most: 5s to 30s, by what it is)"}

#define ERRAND_OVERWRITE \
  {.name = "overwrite", .kind = OPTION_FLAG, OPTION_FIELD(overwrite), \
   .help = "replace a file that is there already"}

#define ERRAND_LINK_IS \
  "LINK is a magnet link (in quotes, as it has a & in it) or an info hash.\n"

#endif
