/*
 * metainfo: what a .torrent file says (BEP 3, 5, 12, 17, 19, 27, 47, 52).
 *
 * metainfo_parse() reads the bencoded file once, checks every field it uses and copies what is
 * kept, so that the result lives on its own. The info hash is SHA-1 over the raw bytes of the
 * "info" value, as they stand in the file. Names stay bytes as the author wrote them (the UTF-8
 * variant is preferred where there is one): making them safe for a file system is io/store's
 * business, making them safe for a terminal base/escape's.
 *
 * Version 2 (BEP 52): a hybrid is read by its v1 half. A v2-only torrent gives ERR_UNSUPPORTED with
 * a sentence. The v2 info hash and meta version are kept where they are present, for the later
 * task.
 */
#ifndef WEFT_PROTO_METAINFO_H
#define WEFT_PROTO_METAINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/geometry.h"
#include "proto/metainfo_field.h"
#include "proto/metainfo_files.h"
#include "proto/metainfo_sources.h"

struct metainfo {
  uint8_t info_hash[20];
  bool has_v2;              /* "meta version" 2 beside a v1 half */
  uint8_t info_hash_v2[32]; /* SHA-256 of the info value, when has_v2 */
  struct geometry geo;
  uint8_t *hashes;          /* geo.pieces * 20 bytes */

  char *name;               /* "name.utf-8" or "name"; never NULL, may be "" or unsafe */
  size_t name_len;
  bool multi;               /* "files" is there: name is a folder */
  struct metainfo_file *files; /* never empty */
  size_t file_count;
  bool is_private;          /* BEP 27 */
  char *source;             /* "source" in info; NULL if absent, as the five below */

  char *comment;
  char *created_by;
  char *encoding;
  bool has_creation_date;   /* it is there, as a number that fits */
  int64_t creation_date;    /* seconds since 1970, negative before; 0 if absent */
  struct metainfo_tier *tiers; /* announce-list, or announce as the only tier; BEP 12 */
  size_t tier_count;
  size_t trackers_left_out; /* of announce-list, see metainfo_sources_left_out() */
  char **web_seeds;         /* "url-list", BEP 19 */
  size_t web_seed_count;
  char **http_seeds;        /* "httpseeds", BEP 17 */
  size_t http_seed_count;
  struct metainfo_node *nodes;
  size_t node_count;

  bool sorted;              /* the keys of the root and of info were in order; false: the encoding
                             * is not canonical, worth a warning */
  uint8_t *info_raw;        /* copy of the info value's bytes (served to others by BEP 9) */
  size_t info_raw_len;
};

/*
 * Parses the `len` bytes of a torrent file. On success fills `m`, to be freed by metainfo_free();
 * `in` is no longer needed. On failure `m` is zeroed and `err` (may be NULL) says which field and
 * why. Returns ERR_OK, ERR_FORMAT, ERR_LIMIT, ERR_UNSUPPORTED (v2 only), ERR_MEMORY.
 * Limits: 64 MiB of input, 64 trackers per tier and tiers, 64 web seeds, 500,000 files, paths 64
 * deep, URLs 2,048 bytes; what is over a count limit of trackers, seeds or nodes is ignored, not an
 * error.
 */
enum err metainfo_parse(struct metainfo *m, const void *in, size_t len, struct metainfo_error *err);

/* The same from the info value alone, as BEP 9 delivers it: no trackers, and no byte behind it. */
enum err metainfo_parse_info(struct metainfo *m, const void *info, size_t len,
                             struct metainfo_error *err);

/* Frees everything inside `m`, zeroes it. Safe on a zeroed struct. */
void metainfo_free(struct metainfo *m);

/* Bytes of the files without padding. */
uint64_t metainfo_payload(const struct metainfo *m);

#endif
