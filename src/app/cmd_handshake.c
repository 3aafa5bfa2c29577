/*
 * weft handshake: shakes hands with one peer and says what its peer id is (BEP 3).
 *
 * The first step of every conversation between peers, and here the only one: 68 bytes there, 68
 * bytes back, good-bye. Of the reserved bits only that of the extension protocol is set, as the
 * exercise expects. `weft probe` asks a peer for everything else.
 */
#include "app/cmd.h"

#include <string.h>

#include "app/errand.h"
#include "app/exits.h"
#include "app/out.h"
#include "app/tracing.h"
#include "base/crypto.h"
#include "base/log.h"
#include "io/net.h"

static int fail(struct errand *e, enum err err) {
  char text[ADDR_TEXT_MAX];
  if (err == ERR_CANCELLED) return errand_signal(e);
  log_error("%s: %s", addr_text(&e->solo.addr, text), e->solo.why);
  return hunt_exit(err, e->solo.fd >= 0);
}

static int shake(struct errand *e, const struct addr *a) {
  char hex[2 * WIRE_PEER_ID_LEN + 1];
  struct wire_handshake ours = {.reserved = WIRE_RESERVED_EXTENSION};
  memcpy(ours.info_hash, e->info_hash, sizeof ours.info_hash);
  memcpy(ours.peer_id, e->hunt.peer_id, sizeof ours.peer_id);
  solo_init(&e->solo, a, e->hunt.signals, e->o->timeout_ms, e->o->trace);
  enum err err = solo_dial(&e->solo);
  if (err == ERR_OK) err = solo_shake_hands(&e->solo, &ours);
  if (err != ERR_OK) return fail(e, err);
  crypto_hex(e->solo.theirs.peer_id, WIRE_PEER_ID_LEN, hex);
  out_printf("Peer ID: %s\n", hex);
  return EXIT_OK;
}

static int run(const struct options *o) {
  struct errand e;
  struct addr a;
  if (!net_parse_addr(o->args[1], &a) || !addr_is_peer(&a)) {
    log_error("'%.200s' is no address of a peer; one looks like 192.0.2.1:6881 or "
              "[2001:db8::1]:6881", o->args[1]);
    return EXIT_USAGE;
  }
  int code = errand_torrent(&e, o);
  if (code == EXIT_OK) code = shake(&e, &a);
  errand_end(&e);
  return code;
}

static const struct command_option options[] = {
  ERRAND_TIMEOUT,
  OPTIONS_OF_TRACE,
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_handshake = {
  .name = "handshake",
  .usage = "TORRENT IP:PORT",
  .summary = "shake hands with one peer, print its peer id",
  .about = "Connects to a peer, exchanges handshakes, prints its peer id in hexadecimal.\n"
           "Exits with 4 if nobody answers there, with 7 if the peer keeps silent, with 8 if\n"
           "it answers for another torrent, with 1 if it does not speak BitTorrent.\n"
           COMMAND_TORRENT_IS,
  .options = options,
  .least_args = 2,
  .most_args = 2,
  .run = run,
};
