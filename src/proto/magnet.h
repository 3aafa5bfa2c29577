/*
 * magnet: a link that names a torrent by its info hash (BEP 9, BEP 53).
 *
 *   magnet:?xt=urn:btih:<info hash>&dn=<name>&tr=<tracker>&ws=<web seed>&x.pe=<peer>&so=0,2-5
 *
 *   xt    the only one that must be there. "urn:btih:" and 40 hexadecimal digits or, in old links,
 *         32 of base 32 (RFC 4648); "urn:btmh:" and a multihash, the info hash of version 2
 *   dn    a name to show until the metadata are there, and not to be believed
 *   tr    a tracker; ws a web seed; x.pe a peer's address; each may be there many times
 *   so    select only: the indexes of the files to download, from 0
 *
 * A link is the text of a stranger: at most 64 KiB are read and counts are bounded, what is over is
 * left out, as are keys that nobody knows and values that make no sense. Only a hash that cannot be
 * read makes a link worthless. Keys may carry a number ("tr.1=..."), and "&amp;", which a web page
 * leaves behind, counts as "&". Percent signs that no two digits follow stand for themselves; "+"
 * is a space in a name and nothing else anywhere else.
 */
#ifndef WEFT_PROTO_MAGNET_H
#define WEFT_PROTO_MAGNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/addr.h"

enum {
  MAGNET_LEN_MAX = 64 << 10,   /* bytes of a link */
  MAGNET_URLS_MAX = 64,        /* trackers, and web seeds */
  MAGNET_URL_LEN_MAX = 2048,
  MAGNET_NAME_LEN_MAX = 4096,
  MAGNET_PEERS_MAX = 64,
  MAGNET_RANGES_MAX = 256
};

/* The files first, first + 1, ... last. */
struct magnet_range {
  uint32_t first;
  uint32_t last; /* not below `first` */
};

struct magnet {
  bool has_v1;
  uint8_t info_hash[20];    /* when has_v1 */
  bool has_v2;
  uint8_t info_hash_v2[32]; /* when has_v2 */
  char *name;               /* decoded, owned, with a NUL behind it; NULL if absent. Any bytes. */
  size_t name_len;
  char **trackers;          /* decoded; NULL if there is none */
  size_t tracker_count;
  char **web_seeds;
  size_t web_seed_count;
  struct addr peers[MAGNET_PEERS_MAX]; /* all pass addr_is_peer() */
  size_t peer_count;
  size_t peer_names;        /* x.pe with the name of a host: not kept, as nothing is looked up */
  struct magnet_range select[MAGNET_RANGES_MAX]; /* as given; may overlap */
  size_t select_count;      /* 0: all files */
};

/*
 * Reads the `len` bytes of a link into `m`, to be freed by magnet_free() after ERR_OK; after
 * anything else `m` is empty. *why (may be NULL) becomes one sentence about what is wrong, static
 * text. Returns ERR_OK; ERR_FORMAT if it is no magnet link, names no torrent, or two different
 * ones; ERR_LIMIT if it is too long; ERR_MEMORY. A link may have only a v2 hash: ask has_v1.
 */
enum err magnet_parse(struct magnet *m, const char *text, size_t len, const char **why);

/* Frees what is inside `m`, zeroes it. Safe on a zeroed struct. */
void magnet_free(struct magnet *m);

/* Reads an info hash of version 1 alone: 40 hexadecimal digits or 32 of base 32, either case.
 * Returns true with `out` filled, or false. */
bool magnet_hash(const char *text, size_t len, uint8_t out[static 20]);

/* Does `text` begin like a magnet link, in either case? Returns true if so. */
bool magnet_is_link(const char *text);

#endif
