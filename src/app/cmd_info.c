/*
 * weft info: what a torrent says about itself.
 *
 * The first lines, from "Tracker URL:" to the hashes under "Piece Hashes:", are those of the
 * CodeCrafters exercise, so that learners can compare; a page about everything else follows, and at
 * its end what is odd (app/info_text, app/torrent_odd). --json prints all of it as one object
 * (app/info_json). The bytes are kept beside what was read from them, because how a torrent is
 * encoded is part of what it says.
 */
#include "app/cmd.h"

#include <time.h>

#include "app/exits.h"
#include "app/info_json.h"
#include "app/info_text.h"
#include "app/torrent.h"
#include "base/log.h"

struct info_options {
  struct options common;
  bool list_pieces; /* --pieces */
};

/* Prints what `m`, read from `b`, says. Returns ERR_OK or ERR_MEMORY. */
static enum err print(const struct info_options *own, const struct metainfo *m,
                      const struct buf *b) {
  struct torrent_odd odd;
  struct canon c;
  enum err e = canon_read(&c, b->data, b->len);
  if (e != ERR_OK) return e;
  e = torrent_odd_find(&odd, m, &c, (int64_t)time(NULL));
  if (e == ERR_OK && own->common.json) {
    info_json_print(m, &c, &odd);
  } else if (e == ERR_OK) {
    info_text_basics(m, own->list_pieces);
    e = info_text_page(m, &odd);
  }
  canon_free(&c);
  return e;
}

static int run(const struct options *o) {
  struct metainfo m;
  struct buf b;
  int code = torrent_fetch(&b, o->args[0], o->timeout_ms);
  if (code == EXIT_OK) code = torrent_parse(&m, o->args[0], &b);
  if (code == EXIT_OK) {
    enum err e = print((const struct info_options *)o, &m, &b);
    if (e != ERR_OK) log_error("there is not enough memory to show this torrent");
    code = exits_of(e);
    metainfo_free(&m);
  }
  buf_free(&b);
  return code;
}

static const struct command_option options[] = {
  OPTION_TIMEOUT_OF_URL,
  {.name = "pieces", .kind = OPTION_FLAG, .field = offsetof(struct info_options, list_pieces),
   .help = "list the hash of every piece, however many"},
  OPTION_JSON("print one JSON object instead of text"),
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_info = {
  .name = "info",
  .usage = "TORRENT",
  .summary = "say what a torrent holds",
  .about = "Prints what a torrent says about itself: hashes, sizes, trackers, files, and\n"
           "warns of whatever is odd about it.\n"
           COMMAND_TORRENT_IS,
  .options = options,
  .size = sizeof(struct info_options),
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
