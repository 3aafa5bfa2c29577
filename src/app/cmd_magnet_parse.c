/*
 * weft magnet_parse: what a magnet link says (BEP 9, BEP 53).
 *
 * The first lines are those of the exercise: a "Tracker URL:" for each tracker, and the info hash
 * in hexadecimal, also if the link has it in base 32. What else the link says follows, one "Name:
 * value" per line; what it does not say is left out. Nobody is asked anything. proto/magnet.c reads
 * the link.
 */
#include "app/cmd.h"

#include <string.h>

#include "app/exits.h"
#include "app/out.h"
#include "base/crypto.h"
#include "base/log.h"
#include "proto/magnet.h"

static void put_text(const char *label, const char *text, size_t len) {
  out_printf("%s: ", label);
  out_escaped(text, len);
  out_printf("\n");
}

static void put_hash(const char *label, const uint8_t *hash, size_t len) {
  char hex[65];
  crypto_hex(hash, len, hex);
  out_printf("%s: %s\n", label, hex);
}

static void put_select(const struct magnet *m) {
  if (m->select_count == 0) return;
  out_printf("Files:");
  for (size_t i = 0; i < m->select_count; i++) {
    const struct magnet_range *r = &m->select[i];
    out_printf("%s%u", i == 0 ? " " : ",", r->first);
    if (r->last != r->first) out_printf("-%u", r->last);
  }
  out_printf("\n");
}

static void print(const struct magnet *m) {
  char text[ADDR_TEXT_MAX];
  if (m->tracker_count == 0) out_printf("Tracker URL: none\n");
  for (size_t i = 0; i < m->tracker_count; i++)
    put_text("Tracker URL", m->trackers[i], strlen(m->trackers[i]));
  if (m->has_v1) put_hash("Info Hash", m->info_hash, sizeof m->info_hash);
  if (m->has_v2) put_hash("Info Hash v2", m->info_hash_v2, sizeof m->info_hash_v2);
  if (m->name != NULL) put_text("Name", m->name, m->name_len);
  for (size_t i = 0; i < m->web_seed_count; i++)
    put_text("Web seed", m->web_seeds[i], strlen(m->web_seeds[i]));
  for (size_t i = 0; i < m->peer_count; i++) {
    addr_text(&m->peers[i], text);
    out_printf("Peer: %s\n", text);
  }
  put_select(m);
}

static int run(const struct options *o) {
  struct magnet m;
  const char *why;
  enum err e = magnet_parse(&m, o->args[0], strlen(o->args[0]), &why);
  if (e != ERR_OK) {
    log_error("'%.200s' is no magnet link that could be used: %s", o->args[0], why);
    return e == ERR_MEMORY ? EXIT_RESOURCES : EXIT_BAD_TORRENT;
  }
  print(&m);
  magnet_free(&m);
  return EXIT_OK;
}

static const struct command_option options[] = {
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_magnet_parse = {
  .name = "magnet_parse",
  .usage = "LINK",
  .summary = "say what a magnet link says",
  .about = "Prints the trackers, the info hash and whatever else a magnet link holds.\n"
           "LINK begins with \"magnet:?\" and has & in it: put it in quotes.\n",
  .options = options,
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
