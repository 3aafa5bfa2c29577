/*
 * weft magnet_handshake: shakes hands with a peer of a magnet link, twice (BEP 3, BEP 10).
 *
 * The first handshake says that we speak the extension protocol; if the peer does, too, the second
 * one, a message, says which extensions each side speaks, and under which ids it wants to be sent
 * their messages. For a magnet link "ut_metadata" is the one that matters (BEP 9): a peer that does
 * not have it is passed over.
 */
#include "app/cmd.h"

#include "app/errand.h"
#include "app/exits.h"
#include "app/out.h"
#include "app/tracing.h"
#include "base/crypto.h"

static int shake(struct errand *e) {
  char hex[2 * WIRE_PEER_ID_LEN + 1];
  for (;;) {
    int code = errand_reach(e, ERRAND_GREETED, "its extension handshake");
    if (code != EXIT_OK) return code;
    if (e->solo.ext.ut_metadata != 0) break;
    errand_drop(e, solo_fail(&e->solo, ERR_UNSUPPORTED, "it offers no metadata (BEP 9)"));
  }
  crypto_hex(e->solo.theirs.peer_id, WIRE_PEER_ID_LEN, hex);
  out_printf("Peer ID: %s\nPeer Metadata Extension ID: %u\n", hex, e->solo.ext.ut_metadata);
  return EXIT_OK;
}

static int run(const struct options *o) {
  struct errand e;
  int code = errand_magnet(&e, o);
  if (code == EXIT_OK) code = shake(&e);
  errand_end(&e);
  return code;
}

static const struct command_option options[] = {
  ERRAND_OPTIONS,
  OPTIONS_OF_TRACE,
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_magnet_handshake = {
  .name = "magnet_handshake",
  .usage = "LINK",
  .summary = "shake hands with a peer of a magnet link",
  .about = "Exchanges handshakes and extension handshakes with a peer of a magnet link,\n"
           "prints its peer id and the id that it has for metadata messages.\n"
           ERRAND_LINK_IS,
  .options = options,
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
