/*
 * metainfo_sources: where a torrent says that peers and data are to be found.
 *
 *   "announce"        URL of a tracker (BEP 3)
 *   "announce-list"   [ [URL, ...], ... ], tiers of trackers; replaces "announce" (BEP 12)
 *   "url-list"        URL or [URL, ...], web seeds (BEP 19)
 *   "httpseeds"       [URL, ...], web seeds of the older kind (BEP 17)
 *   "nodes"           [ [host, port], ... ], where to enter the DHT (BEP 5)
 *
 * None of this is needed to know what is downloaded, so nothing here makes a torrent invalid:
 * entries that are malformed, and entries beyond the limits, are left out. Which schemes can be
 * used is the user's question (find/tracker, peer/webseed), not this module's.
 */
#ifndef WEFT_PROTO_METAINFO_SOURCES_H
#define WEFT_PROTO_METAINFO_SOURCES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/bencode.h"

enum {
  METAINFO_TIERS_MAX = 64,
  METAINFO_URLS_MAX = 64, /* of one tier, and of web seeds of each kind */
  METAINFO_NODES_MAX = 64,
  METAINFO_URL_LEN_MAX = 2048,
  METAINFO_HOST_LEN_MAX = 255
};

struct metainfo_tier {
  char **urls;
  size_t count;
};

struct metainfo_node { /* DHT bootstrap node, BEP 5 */
  char *host;
  uint16_t port;
};

/* Each reads one thing from `root` (or from the value `v`) into fresh memory, and returns ERR_OK,
 * or ERR_MEMORY; what *out and *count describe is the caller's to free in both cases. Nothing
 * found: NULL and 0. First the trackers: announce-list if it holds a usable URL, else announce. */
enum err metainfo_sources_tiers(const struct ben_doc *d, ben_val root, struct metainfo_tier **out,
                                size_t *count);
/* How many trackers "announce-list" holds beside those in `tiers`: over a limit, or no usable URL.
 * Empty ones are not counted (and one too few where "announce" had to do instead). */
size_t metainfo_sources_left_out(const struct ben_doc *d, ben_val root,
                                 const struct metainfo_tier *tiers, size_t count);
/* A list of URLs, or a single one. */
enum err metainfo_sources_urls(const struct ben_doc *d, ben_val v, char ***out, size_t *count);
/* The DHT nodes. */
enum err metainfo_sources_nodes(const struct ben_doc *d, ben_val root, struct metainfo_node **out,
                                size_t *count);

/* They free what the functions above made. Safe on NULL, 0. */
void metainfo_sources_free_tiers(struct metainfo_tier *tiers, size_t count);
void metainfo_sources_free_urls(char **urls, size_t count);
void metainfo_sources_free_nodes(struct metainfo_node *nodes, size_t count);

#endif
