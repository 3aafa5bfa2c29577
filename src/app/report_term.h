/*
 * report_term: progress as text for people.
 *
 * Pure: numbers in, bytes out. A bar is one line without a newline that fits into the columns it is
 * given, the last one left free, because a terminal that is filled to its edge would wrap. What
 * does not fit is left out, least important first: sizes, peers, time left, speed, then the bar
 * itself; percent and phase stay, the name is shortened. Fields have fixed widths so that nothing
 * jumps. Each character beyond ASCII counts as two columns; some need only one, none needs more.
 *
 *   ubuntu.iso  [######-----]  57.3%  612M/1.1G  48.1M/s  peers 31/208  eta 0:11
 */
#ifndef WEFT_APP_REPORT_TERM_H
#define WEFT_APP_REPORT_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* CONNECTING: nobody is connected, and nothing has come yet. */
enum report_phase {
  PHASE_CHECKING,
  PHASE_CONNECTING,
  PHASE_DOWNLOADING,
  PHASE_FINISHING,
  PHASE_HASHING /* a torrent is being made of these bytes */
};

struct report_progress {
  enum report_phase phase;
  uint64_t total;     /* bytes of the torrent */
  uint64_t verified;  /* bytes in verified pieces (CHECKING, HASHING: looked at) */
  uint64_t received;  /* payload bytes received this run */
  uint64_t wasted;    /* of these: duplicates and data that failed their hash */
  uint64_t rate;      /* bytes per second now */
  uint32_t connected;
  uint32_t dialling;
  uint32_t known;     /* addresses */
  uint32_t choked;    /* connected peers that choke us */
  uint32_t pieces;    /* verified */
};

struct report_summary {
  bool complete;
  uint64_t total;
  uint64_t received;
  uint64_t wasted;
  uint64_t already;   /* bytes that were there before */
  int64_t elapsed_ms;
  uint32_t peers_used; /* distinct peers that gave at least one good block */
  const char *path;
};

/* Appends the line for a terminal of `width` columns. `name` is escaped already. With `colour` the
 * full part of the bar is green; its escape sequences take no column. */
void report_term_bar(struct buf *b, const char *name, const struct report_progress *p,
                     unsigned width, bool colour);
/* Appends a line of any length with its newline, for a pipe or a file. */
void report_term_plain(struct buf *b, const char *name, const struct report_progress *p);
/* Appends the last line of a run, with its newline: what was saved, or how much of it is there:
 * `verified` bytes, and with `advice` what to do then. `path` is escaped already. */
void report_term_summary(struct buf *b, const char *path, const struct report_summary *s,
                         uint64_t verified, bool advice);
/* Columns that escaped text may take, and how many bytes of it fit into `most` columns. */
unsigned report_term_columns(const char *text);
size_t report_term_fit(const char *text, unsigned most);

#endif
