/*
 * weft magnet_download_piece: one piece of what a magnet link names, into a file (BEP 3, 9, 10).
 *
 * The metadata first, as they say how long a piece is and what its hash has to be; then, on the
 * same connection, the same steps as in download_piece. A peer that gives the metadata and fails
 * with the piece is named; the next one is asked for the piece alone.
 */
#include "app/cmd.h"

#include "app/errand.h"
#include "app/exits.h"
#include "app/tracing.h"

static int run(const struct options *o) {
  struct errand e;
  int code = errand_magnet(&e, o);
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

const struct command cmd_magnet_download_piece = {
  .name = "magnet_download_piece",
  .usage = "LINK INDEX",
  .summary = "download one piece of a magnet link into a file",
  .about = "Fetches the metadata of a magnet link and then piece INDEX (from 0) from peers,\n"
           "checks both hashes, writes the piece to the file that -o names.\n"
           ERRAND_LINK_IS,
  .options = options,
  .least_args = 2,
  .most_args = 2,
  .run = run,
};
