/*
 * naming: the lines that say how a torrent is called from now on.
 *
 * `create`, `edit` and `magnet` end with the same thing: the info hashes and the magnet link of a
 * torrent whose bytes they have. Here it is taken from the bytes themselves, by the same reader
 * that everybody else's torrents pass through, so what is printed is what others will see, and a
 * torrent that weft could not read is noticed before it is written.
 */
#ifndef WEFT_APP_NAMING_H
#define WEFT_APP_NAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "proto/identity.h"

struct naming {
  struct ben_doc doc; /* of the torrent's bytes, which must outlive this */
  struct identity id;
  struct buf magnet;  /* the link */
};

/* Reads the torrent of `len` bytes at `bytes`; its trackers and web seeds go into the link with
 * `sources`. Returns an exit code: EXIT_OK, and naming_free() is due; or, after one sentence in the
 * log, EXIT_BAD_TORRENT or EXIT_RESOURCES. */
int naming_read(struct naming *n, const void *bytes, size_t len, bool sources);
/* Prints "Info Hash: ", "Info Hash v2: " and "Magnet: ", as far as there are any. */
void naming_print(const struct naming *n);
/* The same as members "info_hash", "info_hash_v2" and "magnet" of a JSON object. */
void naming_json(const struct naming *n, struct json *j);
/* Frees what is inside. */
void naming_free(struct naming *n);

#endif
