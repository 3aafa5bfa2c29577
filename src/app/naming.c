#include "app/naming.h"

#include "app/exits.h"
#include "app/out.h"
#include "base/crypto.h"
#include "base/log.h"
#include "proto/magnet_write.h"
#include "proto/metainfo_sources.h"

enum { LINK_BYTES_MAX = 1 << 24 };

/* The link; with `sources` with all trackers and web seeds that can be used. */
static enum err write_link(struct naming *n, bool sources) {
  struct metainfo_tier *tiers = NULL;
  char **seeds = NULL;
  size_t tier_count = 0;
  size_t seed_count = 0;
  enum err e = ERR_OK;
  ben_val root = bencode_root(&n->doc);
  if (sources) e = metainfo_sources_tiers(&n->doc, root, &tiers, &tier_count);
  if (sources && e == ERR_OK)
    e = metainfo_sources_urls(&n->doc, bencode_get(&n->doc, root, "url-list"), &seeds,
                              &seed_count);
  buf_init(&n->magnet, LINK_BYTES_MAX);
  if (e == ERR_OK) magnet_write(&n->magnet, &n->id, tiers, tier_count, seeds, seed_count);
  if (n->magnet.failed) e = ERR_MEMORY;
  metainfo_sources_free_tiers(tiers, tier_count);
  metainfo_sources_free_urls(seeds, seed_count);
  return e;
}

static int no_memory(void) {
  log_error("there is not enough memory for this torrent");
  return EXIT_RESOURCES;
}

int naming_read(struct naming *n, const void *bytes, size_t len, bool sources) {
  *n = (struct naming){.magnet = {.len = 0}};
  enum err e = bencode_decode(&n->doc, bytes, len, &bencode_torrent_limits);
  if (e == ERR_MEMORY) return no_memory();
  if (e != ERR_OK) {
    log_error("the torrent would be more than readers of torrents take: %s", n->doc.error_why);
    return EXIT_BAD_TORRENT;
  }
  e = identity_read(&n->id, &n->doc);
  if (e == ERR_OK) e = write_link(n, sources);
  if (e == ERR_OK) return EXIT_OK;
  naming_free(n);
  if (e == ERR_MEMORY) return no_memory();
  log_error("this torrent has no info hash: its info is of no known version");
  return EXIT_BAD_TORRENT;
}

void naming_print(const struct naming *n) {
  char hex[2 * sizeof n->id.v2 + 1];
  crypto_hex(n->id.v1, sizeof n->id.v1, hex);
  if (n->id.has_v1) out_printf("Info Hash: %s\n", hex);
  crypto_hex(n->id.v2, sizeof n->id.v2, hex);
  if (n->id.has_v2) out_printf("Info Hash v2: %s\n", hex);
  out_printf("Magnet: %.*s\n", (int)n->magnet.len, (const char *)n->magnet.data);
}

void naming_json(const struct naming *n, struct json *j) {
  if (n->id.has_v1) json_hex(j, "info_hash", n->id.v1, sizeof n->id.v1);
  if (n->id.has_v2) json_hex(j, "info_hash_v2", n->id.v2, sizeof n->id.v2);
  json_str(j, "magnet", (const char *)n->magnet.data, n->magnet.len);
}

void naming_free(struct naming *n) {
  bencode_free(&n->doc);
  buf_free(&n->magnet);
}
