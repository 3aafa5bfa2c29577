/*
 * weft magnet_info: the metadata that a magnet link names, from a peer (BEP 9).
 *
 * The info dictionary is fetched from the first peer that gives one whose SHA-1 is the info hash,
 * and shown as `weft info` shows that of a torrent: the lines of the exercise. What stands beside
 * the info dictionary in a .torrent (comment, date, other trackers) is not to be had this way.
 */
#include "app/cmd.h"

#include <inttypes.h>
#include <string.h>

#include "app/errand.h"
#include "app/exits.h"
#include "app/out.h"
#include "app/signals.h"
#include "app/tracing.h"
#include "base/crypto.h"
#include "base/sha1.h"

enum { HASHES_LISTED = 64 };

struct magnet_info_options {
  struct options common;
  bool list_pieces;
};

static void put_hashes(const struct metainfo *m, bool all) {
  char hex[2 * SHA1_LEN + 1];
  if (m->geo.pieces > HASHES_LISTED && !all) {
    out_printf("Piece Hashes: %u (--pieces lists them)\n", m->geo.pieces);
    return;
  }
  out_printf("Piece Hashes:\n");
  for (uint32_t i = 0; i < m->geo.pieces && !out_broken(); i++) {
    crypto_hex(m->hashes + (size_t)i * SHA1_LEN, SHA1_LEN, hex);
    out_printf("%s\n", hex);
  }
}

static void print(const struct errand *e, bool all_hashes) {
  const char *tracker = e->link.tracker_count > 0 ? e->link.trackers[0] : "none";
  char hex[2 * SHA1_LEN + 1];
  crypto_hex(e->info_hash, SHA1_LEN, hex);
  out_printf("Tracker URL: ");
  out_escaped(tracker, strlen(tracker));
  out_printf("\nLength: %" PRIu64 "\n", metainfo_payload(&e->meta));
  out_printf("Info Hash: %s\n", hex);
  out_printf("Piece Length: %u\n", e->meta.geo.piece_len);
  put_hashes(&e->meta, all_hashes);
}

static int run(const struct options *o) {
  const struct magnet_info_options *own = (const struct magnet_info_options *)o;
  struct errand e;
  int code = errand_magnet(&e, o);
  if (code == EXIT_OK) code = errand_reach(&e, ERRAND_KNOWN, "the metadata");
  if (code == EXIT_OK) {
    solo_close(&e.solo); /* it need not wait for our reader */
    signals_let_through();
    print(&e, own->list_pieces);
  }
  errand_end(&e);
  return code;
}

static const struct command_option options[] = {
  {.name = "pieces", .kind = OPTION_FLAG,
   .field = offsetof(struct magnet_info_options, list_pieces),
   .help = "list the hash of every piece, however many"},
  ERRAND_OPTIONS,
  OPTIONS_OF_TRACE,
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_magnet_info = {
  .name = "magnet_info",
  .usage = "LINK",
  .summary = "fetch what a magnet link names from a peer, show it",
  .about = "Fetches the metadata of a magnet link (the info dictionary of its torrent) from\n"
           "a peer, checks their hash, prints what they say, as 'weft info' begins.\n"
           ERRAND_LINK_IS,
  .options = options,
  .size = sizeof(struct magnet_info_options),
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
