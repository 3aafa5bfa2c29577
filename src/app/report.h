/*
 * report: everything a download tells its user while it runs.
 *
 * The session calls these functions; here they become one redrawn line on a terminal, a plain line now and then on a pipe,
 * or one JSON object per line on stdout with --json, and nothing with -q (errors excepted). Human text goes to stderr, JSON
 * to stdout. Everything from outside is escaped. Any thread may call; one mutex inside; nothing here waits on the network.
 * A closed or full stdout (EPIPE, ENOSPC) is noted once in the log and ends the JSON, never the download.
 *
 * On a terminal:   ubuntu.iso  [#########-------]  57.3%  612M/1.1G  48.1M/s  peers 31/208  eta 0:11
 */
#ifndef WEFT_APP_REPORT_H
#define WEFT_APP_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "app/options.h"
#include "proto/addr.h"
#include "proto/metainfo.h"

enum report_phase { PHASE_CHECKING, PHASE_CONNECTING, PHASE_DOWNLOADING, PHASE_FINISHING };

struct report_progress {
  enum report_phase phase;
  uint64_t total;         /* bytes of the torrent */
  uint64_t verified;      /* bytes in verified pieces (CHECKING: bytes looked at) */
  uint64_t received;      /* payload bytes received this run */
  uint64_t wasted;        /* of these: duplicates and data that failed their hash */
  uint64_t rate;          /* bytes per second now */
  uint32_t connected;
  uint32_t dialling;
  uint32_t known;         /* addresses */
  uint32_t choked;        /* connected peers that choke us */
  uint32_t pieces;        /* verified */
};

struct report_summary {
  bool complete;
  uint64_t total;
  uint64_t received;
  uint64_t wasted;
  uint64_t already;       /* bytes that were there before */
  int64_t elapsed_ms;
  uint32_t peers_used;    /* distinct peers that gave at least one good block */
  const char *path;
};

struct report;

/* NULL when out of memory. `o` must outlive it. Hooks itself into the log so that the bar is wiped and redrawn. */
struct report *report_new(const struct options *o);
/* Wipes the bar. NULL is fine. */
void report_free(struct report *r);

void report_metadata(struct report *r, const struct metainfo *m, const char *path);
/* Call as often as you like (the session does 4 to 10 times a second); it draws when it is time to. */
void report_progress(struct report *r, const struct report_progress *p);

enum report_peer { PEER_CONNECTED, PEER_DISCONNECTED, PEER_BANNED };
/* `client` (may be "") and `why` (may be NULL) are raw. Only --json and -vv show these. */
void report_peer(struct report *r, enum report_peer what, const struct addr *a, const char *client,
                 const char *why);
/* A piece was verified, or failed its hash. Only --json shows it. */
void report_piece(struct report *r, uint32_t index, uint32_t length, bool good);
/* Shown once in words: log_warn() and a "warning" event. */
__attribute__((format(printf, 2, 3))) void report_warning(struct report *r, const char *fmt, ...);
/* Nothing has moved for 5 s: `why` is one sentence. Not repeated while it stays the same. */
void report_stalled(struct report *r, const char *why);
/* The end, good or bad. `exit_code` goes into the "done" event; on success one summary line for humans. */
void report_done(struct report *r, const struct report_summary *s, int exit_code, const char *why);

#endif
