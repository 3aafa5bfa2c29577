#include "app/errand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/exits.h"
#include "app/human.h"
#include "app/signals.h"
#include "app/torrent.h"
#include "base/log.h"
#include "base/version.h"
#include "io/whole_file.h"
#include "peer/solo_fetch.h"

/* --- what it is about --- */

/* Nothing is open yet. */
static void clear(struct errand *e, const struct options *o) {
  memset(e, 0, sizeof *e);
  e->o = o;
  e->hunt.signals = -1;
  e->solo.fd = -1;
}

int errand_torrent(struct errand *e, const struct options *o) {
  clear(e, o);
  int code = torrent_load(&e->meta, o->args[0], o->timeout_ms);
  if (code != EXIT_OK) return code;
  e->known = true;
  memcpy(e->info_hash, e->meta.info_hash, sizeof e->info_hash);
  signals_block();
  if (hunt_begin(&e->hunt, o, e->info_hash, e->meta.geo.total) != ERR_OK) return EXIT_RESOURCES;
  for (size_t t = 0; t < e->meta.tier_count; t++)
    for (size_t i = 0; i < e->meta.tiers[t].count; i++)
      hunt_add_tracker(&e->hunt, e->meta.tiers[t].urls[i]);
  return EXIT_OK;
}

/* Reads the link into e->link. */
static int read_link(struct errand *e, const char *text) {
  const char *why;
  if (magnet_hash(text, strlen(text), e->link.info_hash)) {
    e->link.has_v1 = true;
    return EXIT_OK;
  }
  if (!magnet_is_link(text)) {
    log_error("'%.200s' is no magnet link; one begins with \"magnet:?\"", text);
    return EXIT_BAD_TORRENT;
  }
  enum err err = magnet_parse(&e->link, text, strlen(text), &why);
  if (err != ERR_OK) {
    log_error("the magnet link is no good: %s", why);
    return err == ERR_MEMORY ? EXIT_RESOURCES : EXIT_BAD_TORRENT;
  }
  if (e->link.has_v1) return EXIT_OK;
  log_error("the magnet link is of a BitTorrent v2-only torrent; weft knows v1 and hybrid ones");
  return EXIT_BAD_TORRENT;
}

int errand_magnet(struct errand *e, const struct options *o) {
  clear(e, o);
  e->is_magnet = true;
  int code = read_link(e, o->args[0]);
  if (code != EXIT_OK) return code;
  memcpy(e->info_hash, e->link.info_hash, sizeof e->info_hash);
  signals_block();
  if (hunt_begin(&e->hunt, o, e->info_hash, 1) != ERR_OK) return EXIT_RESOURCES;
  if (e->link.peer_names > 0)
    log_warn("%zu peer%s of the link %s the name of a host; only addresses are used",
             e->link.peer_names, human_plural(e->link.peer_names),
             e->link.peer_names == 1 ? "is" : "are");
  for (size_t i = 0; i < e->link.peer_count; i++) hunt_add_peer(&e->hunt, &e->link.peers[i]);
  for (size_t i = 0; i < e->link.tracker_count; i++)
    hunt_add_tracker(&e->hunt, e->link.trackers[i]);
  return EXIT_OK;
}

void errand_end(struct errand *e) {
  solo_close(&e->solo);
  hunt_end(&e->hunt);
  magnet_free(&e->link);
  metainfo_free(&e->meta);
}

/* --- one peer --- */

static enum err greet(struct errand *e) {
  struct solo *s = &e->solo;
  struct wire_handshake ours = {.reserved = WIRE_RESERVED_EXTENSION};
  memcpy(ours.info_hash, e->info_hash, sizeof ours.info_hash);
  memcpy(ours.peer_id, e->hunt.peer_id, sizeof ours.peer_id);
  enum err err = solo_dial(s);
  if (err == ERR_OK) err = solo_shake_hands(s, &ours);
  if (err != ERR_OK || !e->is_magnet) return err;
  struct extend_offer offer = {.ut_metadata = SOLO_FETCH_UT_METADATA,
                               .version = "weft/" WEFT_VERSION, .yourip = &s->addr};
  return solo_fetch_extend(s, &offer);
}

/* The metadata have the right hash, so it is the author's fault if they can't be read: no other
 * peer has better ones. */
static enum err fetch_metadata(struct errand *e, int *code) {
  struct metainfo_error why = {.field = ""};
  uint8_t *info;
  size_t len;
  enum err err = solo_fetch_metadata(&e->solo, e->info_hash, &info, &len);
  if (err != ERR_OK) return err;
  err = metainfo_parse_info(&e->meta, info, len, &why);
  free(info);
  e->known = err == ERR_OK;
  if (e->known) return ERR_OK;
  log_error("the metadata that the link names are no good: %s: %s", why.field, why.why);
  *code = err == ERR_MEMORY ? EXIT_RESOURCES : EXIT_BAD_TORRENT;
  return err;
}

/* Goes as far as `depth` with the peer; *code if that is the end of all. */
static enum err advance(struct errand *e, enum errand_depth depth, int *code) {
  enum err err = e->solo.fd < 0 ? greet(e) : ERR_OK;
  if (err != ERR_OK || depth == ERRAND_GREETED) return err;
  if (!e->known) err = fetch_metadata(e, code);
  return err == ERR_OK ? solo_know(&e->solo, &e->meta.geo) : err;
}

void errand_drop(struct errand *e, enum err why) {
  if (why != ERR_OK)
    hunt_failed(&e->hunt, &e->solo.addr, why, e->solo.fd >= 0, e->solo.why);
  solo_close(&e->solo);
}

int errand_reach(struct errand *e, enum errand_depth depth, const char *what) {
  for (;;) {
    int code = EXIT_OK;
    if (e->solo.fd < 0) {
      struct addr a;
      if (hunt_next(&e->hunt, &a) != ERR_OK) return hunt_code(&e->hunt, what);
      solo_init(&e->solo, &a, e->hunt.signals, e->o->timeout_ms, e->o->trace);
    }
    enum err err = advance(e, depth, &code);
    if (err == ERR_OK) return EXIT_OK;
    if (code != EXIT_OK) return code;
    errand_drop(e, err);
  }
}

int errand_signal(struct errand *e) {
  if (e->hunt.sig == 0) e->hunt.sig = signals_take(e->hunt.signals);
  if (e->hunt.sig == 0) return EXIT_OK;
  log_error("interrupted");
  return signals_exit_code(e->hunt.sig);
}

/* --- one piece, into a file --- */

/* Is `index` a piece of the torrent? If not, says so. */
static bool has_piece(const struct errand *e, uint32_t index) {
  uint32_t pieces = e->meta.geo.pieces;
  if (geometry_has_piece(&e->meta.geo, index)) return true;
  log_error("there is no piece %u: the torrent has %u piece%s, counted from 0", index, pieces,
            human_plural(pieces));
  return false;
}

/* Asks one peer after the other, until one gives it. */
static int fetch_piece(struct errand *e, uint32_t index, uint8_t *data, const char *what) {
  const uint8_t *hash = e->meta.hashes + (size_t)index * SHA1_LEN;
  for (;;) {
    int code = errand_reach(e, ERRAND_KNOWN, what);
    if (code != EXIT_OK) return code;
    enum err err = solo_fetch_piece(&e->solo, index, hash, data);
    errand_drop(e, err);
    if (err == ERR_OK) return EXIT_OK;
  }
}

/* The whole of it is in memory: at most 512 MiB, touched only as it arrives. */
static int save_piece(struct errand *e, uint32_t index, const char *what) {
  if (!has_piece(e, index)) return EXIT_USAGE;
  uint32_t len = geometry_piece_len(&e->meta.geo, index);
  uint8_t *data = malloc(len);
  if (data == NULL) {
    log_error("there is not enough memory for a piece of %u bytes", len);
    return EXIT_RESOURCES;
  }
  int code = fetch_piece(e, index, data, what);
  if (code == EXIT_OK) code = exits_of(whole_file_write(e->o->output, data, len, e->o->overwrite));
  free(data);
  return code;
}

int errand_piece(struct errand *e, const char *index) {
  char what[32];
  uint64_t n;
  if (!options_number(index, 0, UINT32_MAX, &n)) {
    log_error("'%.100s' is no index of a piece; they are counted from 0", index);
    return EXIT_USAGE;
  }
  if (e->o->output == NULL) {
    log_error("where shall the piece go? -o FILE says that");
    return EXIT_USAGE;
  }
  enum err err = whole_file_check(e->o->output, e->o->overwrite);
  if (err != ERR_OK) return exits_of(err);
  if (e->known && !has_piece(e, (uint32_t)n)) return EXIT_USAGE;
  snprintf(what, sizeof what, "piece %u", (uint32_t)n);
  int code = errand_reach(e, ERRAND_KNOWN, e->known ? what : "the metadata");
  return code == EXIT_OK ? save_piece(e, (uint32_t)n, what) : code;
}
