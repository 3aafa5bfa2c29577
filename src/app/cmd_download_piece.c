/*
 * weft download_piece: one piece of a torrent, into a file (BEP 3).
 *
 * What a download does a thousand times, done once and in the order of the protocol: handshake,
 * wait for the bitfield, interested, wait for unchoke, ask for the blocks (many at a time, so that
 * the line is never idle), put them together, compare the SHA-1. The steps themselves stand in
 * peer/solo_fetch.c. A peer that fails is named, and the next one is asked.
 */
#include "app/cmd.h"

#include "app/errand.h"
#include "app/exits.h"
#include "app/tracing.h"

static int run(const struct options *o) {
  struct errand e;
  int code = errand_torrent(&e, o);
  if (code == EXIT_OK) code = errand_piece(&e, o->args[1]);
  errand_end(&e);
  return code;
}

static const struct command_option options[] = {
  OPTION_OUTPUT("the file to write"),
  ERRAND_OVERWRITE,
  ERRAND_OPTIONS,
  OPTIONS_OF_TRACE,
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_download_piece = {
  .name = "download_piece",
  .usage = "TORRENT INDEX",
  .summary = "download one piece into a file",
  .about = "Downloads piece INDEX (from 0) from one peer, checks its hash, writes it to the\n"
           "file that -o names. Peers are asked one after the other until one gives it.\n"
           COMMAND_TORRENT_IS,
  .options = options,
  .least_args = 2,
  .most_args = 2,
  .run = run,
};
