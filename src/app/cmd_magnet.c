/*
 * weft magnet: the magnet link of a torrent (BEP 9).
 *
 * One line on stdout, ready to be copied. The info hash is all that a link needs; name, trackers
 * and web seeds help whoever opens it, and go in unless --no-trackers keeps the latter two back:
 * the tracker URLs of private torrents often hold a key that belongs to one person. A hybrid
 * torrent is named by both of its hashes, one of version 2 by its own (BEP 52).
 */
#include "app/cmd.h"

#include "app/exits.h"
#include "app/naming.h"
#include "app/out.h"
#include "app/torrent.h"

static int run(const struct options *o) {
  struct buf torrent;
  struct naming n;
  int code = torrent_load_bytes(&torrent, o->args[0], o->timeout_ms);
  if (code == EXIT_OK) code = naming_read(&n, torrent.data, torrent.len, !o->no_trackers);
  if (code == EXIT_OK) {
    out_printf("%.*s\n", (int)n.magnet.len, (const char *)n.magnet.data);
    naming_free(&n);
  }
  buf_free(&torrent);
  return code;
}

static const struct command_option options[] = {
  {.name = "no-trackers", .kind = OPTION_FLAG, OPTION_FIELD(no_trackers),
   .help = "leave out trackers and web seeds"},
  OPTION_TIMEOUT_OF_URL,
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_magnet = {
  .name = "magnet",
  .usage = "TORRENT",
  .summary = "print the magnet link of a torrent",
  .about = "Prints the magnet link of a torrent: info hash, name, trackers and web seeds.\n"
           COMMAND_TORRENT_IS,
  .options = options,
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
