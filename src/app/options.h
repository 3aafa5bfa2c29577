/*
 * options: the command line as one struct.
 *
 * Every option stands in one table, in options.c: its name, its short form, what it takes, its
 * unit and default, the commands that know it, and its line of help. Parsing, `-h` and the error
 * messages all come from that table. Long options have GNU spelling ("--max-peers 50",
 * "--max-peers=50", unambiguous prefixes are *not* accepted: scripts must not break when an option
 * is added); options and arguments may be mixed, "--" ends the options.
 */
#ifndef WEFT_APP_OPTIONS_H
#define WEFT_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/store.h"
#include "proto/addr.h"

enum { OPTIONS_LIST_MAX = 64 };

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
  const char *trackers[OPTIONS_LIST_MAX]; /* --tracker URL, repeatable: an extra tier in front */
  size_t tracker_count;
  bool no_trackers;          /* --no-trackers */
  enum store_allocate allocate; /* --allocate none|sparse|full, default sparse */
  bool overwrite;            /* --overwrite */
  bool list_pieces;          /* --pieces (info) */
  const char *args[2];       /* what is left over; a second one that is a PATH is in `output` too */
  size_t arg_count;
};

/* What the parser decided besides filling the struct. */
enum options_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_BAD };

/*
 * Parses argv[1..argc) for `command_name` (e.g. "download"), whose usage line says how many
 * arguments it takes. OPTIONS_BAD: one sentence was written to stderr, with a hint at --help; exit
 * 2. OPTIONS_HELP: the help for this command was written to stdout; exit 0. Strings point into
 * argv.
 */
enum options_result options_parse(struct options *o, const char *command_name, int argc,
                                  char **argv);

/* Writes the help of the whole program to stdout: `weft -h`. */
void options_overview(void);
/* The command that `word` is at most two typing errors away from, or NULL. */
const char *options_near_command(const char *word);

/* "500K", "2M", "1.5G" (1024-based) or plain bytes. False, and *bytes untouched, if it is anything
 * else or overflows. */
bool options_size(const char *text, uint64_t *bytes);
/* "90", "90s", "2m", "1h", "1.5m" -> milliseconds. False, and *ms untouched, for anything else
 * and for more than 100 years. */
bool options_duration(const char *text, int64_t *ms);

#endif
