/*
 * options: the command line as one struct.
 *
 * What several commands may be told stands here, each with its unit and default; which of them a
 * command knows it says itself (app/command). An option that only one command has stands in a
 * struct of that command, which begins with this one:
 *
 *   struct info_options { struct options common; bool list_pieces; };
 *
 * so that a pointer to the one is a pointer to the other, and nothing here grows with the number of
 * commands. Also what numbers, sizes and times look like on the command line.
 */
#ifndef WEFT_APP_OPTIONS_H
#define WEFT_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/store.h"
#include "io/trace.h"
#include "proto/addr.h"

enum { OPTIONS_LIST_MAX = 64, OPTIONS_ARGS_MAX = 4 };

/* An option that may be repeated. */
struct options_list {
  const char *at[OPTIONS_LIST_MAX];
  size_t count;
};

struct options {
  const char *output;        /* -o, --output PATH; NULL */
  bool quiet;                /* -q */
  int verbose;               /* -v, -vv */
  bool json;                 /* --json */
  const char *log_file;      /* --log-file FILE */
  uint32_t max_peers;        /* --max-peers N, default 200, 1..10000 */
  uint64_t memory;           /* --memory SIZE of payload buffers, default 128M, at least 4M */
  int64_t timeout_ms;        /* --timeout DURATION: give up (exit 4) when no peer was connected for
                              * so long; default 60 s; 0: never */
  int64_t stall_timeout_ms;  /* --stall-timeout DURATION: exit 7 when no payload arrived for so
                              * long; default 0: never */
  uint16_t port;             /* --port N told to trackers, default 6881 */
  struct addr peers[OPTIONS_LIST_MAX]; /* --peer IP:PORT, up to 64 times */
  size_t peer_count;
  struct options_list trackers; /* --tracker URL, repeatable: an extra tier in front */
  bool no_trackers;          /* --no-trackers */
  enum store_allocate allocate; /* --allocate none|sparse|full, default sparse */
  bool overwrite;            /* --overwrite */
  enum trace_format trace_format; /* --trace[=text|json|hex] */
  const char *trace_file;    /* --trace-file FILE; NULL: stderr */
  struct options_list trace_peers; /* --trace-peer IP[:PORT], up to 64 times */
  struct options_list trace_types; /* --trace-type NAME[,NAME...] */
  struct trace *trace;       /* what these make (app/tracing), NULL: nothing is traced */
  const char *args[OPTIONS_ARGS_MAX]; /* what is left over; one that is a PATH is in `output` too */
  size_t arg_count;
};

/* Every default. */
void options_init(struct options *o);

/* Whole digits from `least` to `most`. Returns false, and *v stays, for anything else. */
bool options_number(const char *text, uint64_t least, uint64_t most, uint64_t *v);
/* "500K", "2M", "1.5G" (1024-based) or plain bytes. Returns false, and *bytes stays, if it is
 * anything else or overflows. */
bool options_size(const char *text, uint64_t *bytes);
/* "90", "90s", "2m", "1h", "1.5m" -> milliseconds. Returns false, and *ms stays, for anything else
 * and for more than 100 years. */
bool options_duration(const char *text, int64_t *ms);

#endif
