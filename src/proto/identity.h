/*
 * identity: what a torrent is called: its info hashes and its name (BEP 3, BEP 52).
 *
 * Everything that needs no more of a torrent than that (a magnet link, changing what stands beside
 * the info value) asks here, and so works for all kinds: version 1 ("pieces", known by its SHA-1),
 * version 2 ("meta version" 2 and a "file tree", known by its SHA-256), and hybrids, which are both
 * and have both names. The hashes are taken over the info value's bytes as they stand.
 */
#ifndef WEFT_PROTO_IDENTITY_H
#define WEFT_PROTO_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/bencode.h"

struct identity {
  bool has_v1;
  bool has_v2;
  uint8_t v1[20]; /* SHA-1, when has_v1 */
  uint8_t v2[32]; /* SHA-256, when has_v2 */
  const char *name; /* "name.utf-8" or "name", in place; "" if there is none */
  size_t name_len;
};

/* Reads the torrent `d`, which must outlive `id`. Returns ERR_OK, or ERR_FORMAT: there is no info
 * dictionary, or it is of neither version. Never waits; any thread. */
enum err identity_read(struct identity *id, const struct ben_doc *d);

#endif
