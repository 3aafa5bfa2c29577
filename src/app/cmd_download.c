/*
 * weft download: the main job, and what `weft TORRENT` does.
 *
 * Only the frame is here: load the torrent, open the report, hand both to the session. With --json
 * a reader gets "hello" first and "done" last even when the torrent can't be loaded. Signals keep
 * their usual effect until the torrent is there (Ctrl-C simply ends us); then the session takes
 * them over, before any thread of ours exists.
 */
#include "app/cmd.h"

#include "app/report.h"
#include "app/session.h"
#include "app/signals.h"
#include "app/torrent.h"
#include "app/tracing.h"
#include "base/log.h"

static int run(const struct options *o) {
  struct metainfo m;
  struct report *r = report_new(o);
  if (r == NULL) {
    log_error("there is not enough memory to begin");
    return EXIT_RESOURCES;
  }
  int code = torrent_load(&m, o->args[0], o->timeout_ms);
  if (code == EXIT_OK) {
    signals_block();
    code = session_run(o, &m, r);
    metainfo_free(&m);
  } else {
    report_done(r, NULL, code, NULL);
  }
  report_free(r);
  return code;
}

static const char *const allocations[] = {
  [ALLOCATE_NONE] = "none", [ALLOCATE_SPARSE] = "sparse", [ALLOCATE_FULL] = "full", NULL};
_Static_assert(sizeof(enum store_allocate) == sizeof(unsigned), "what OPTION_CHOICE writes");

static const struct command_option options[] = {
  OPTION_OUTPUT("the same as the argument PATH"),
  {.name = "overwrite", .kind = OPTION_FLAG, OPTION_FIELD(overwrite),
   .help = "replace files that are not of this download"},
  {.name = "allocate", .kind = OPTION_CHOICE, OPTION_FIELD(allocate), .takes = "HOW",
   .choices = allocations,
   .help = "files grow (none), have holes until they are full\n"
           "(sparse, the default), or get all their space at\nonce (full)"},
  {.name = "max-peers", .kind = OPTION_NUMBER, OPTION_FIELD(max_peers), .takes = "N",
   .least = 1, .most = 10000, .help = "connections at a time, 1 to 10000 (default 200)"},
  {.name = "memory", .kind = OPTION_SIZE, OPTION_FIELD(memory), .takes = "SIZE",
   .least = UINT64_C(4) << 20, .help = "memory for data in flight, at least 4M\n(default 128M)"},
  OPTION_TIMEOUT("give up when no peer is connected for so long"),
  {.name = "stall-timeout", .kind = OPTION_DURATION, OPTION_FIELD(stall_timeout_ms),
   .takes = "TIME", .help = "give up when no data arrive for so long\n(default 0: never)"},
  {.name = "peer", .kind = OPTION_PEER, OPTION_FIELD(peers), .takes = "IP:PORT",
   .help = "also connect to this peer; up to 64 times"},
  OPTION_TRACKERS,
  {.name = "port", .kind = OPTION_PORT, OPTION_FIELD(port), .takes = "N",
   .help = "port to tell trackers, 1 to 65535 (default 6881)"},
  OPTION_JSON("print what happens as JSON, one event per line"),
  OPTIONS_OF_TRACE,
  OPTIONS_OF_ALL("no progress and no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_download = {
  .name = "download",
  .usage = "TORRENT [PATH]",
  .summary = "download, check every piece, exit when done",
  .about = "Downloads the files of a torrent, checks every piece, and exits when all is on\n"
           "disk. If it was interrupted, the same command goes on where it stopped.\n"
           COMMAND_TORRENT_IS COMMAND_PATH_IS("the files go"),
  .options = options,
  .least_args = 1,
  .most_args = 2,
  .path = true,
  .implied = true,
  .run = run,
};
