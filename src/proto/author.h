/*
 * author: writes .torrent files (BEP 3, 12, 19, 27).
 *
 *   {                                            info: {
 *     "announce":      the first tracker           "files":  [ {"length", "path": [...]} ... ]
 *     "announce-list": [ [URL, ...], ... ]                   or "length" for a single file
 *     "comment"                                    "name"
 *     "created by"                                 "piece length"
 *     "creation date": seconds since 1970          "pieces": the SHA-1 hashes, end to end
 *     "info"                                       "private": 1
 *     "url-list":      [ URL, ... ]                "source"
 *   }                                            }
 *
 * All of it canonical bencoding: the same plan gives the same bytes, whoever writes them. Keys with
 * nothing to say are left out; "announce-list" stands there only if there is more than one tracker.
 * The torrent's identity is the hash of the info value alone, so what stands beside it can be
 * changed later: author_edit() does that and copies the info value as the bytes that it is.
 *
 * Pure: memory in, memory out. Nothing here waits; any thread may call. That memory ran out, or
 * that the torrent is larger than the buffer may become, shows in buf->failed.
 */
#ifndef WEFT_PROTO_AUTHOR_H
#define WEFT_PROTO_AUTHOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/bencode.h"
#include "proto/metainfo_sources.h"

enum {
  AUTHOR_PIECE_LEAST = 16 << 10, /* of what author_piece_len() chooses, and of what it is wise to */
  AUTHOR_PIECE_MOST = 16 << 20,  /* chosen without need */
  AUTHOR_PIECES_WANTED = 2048    /* at most so many while the length is below AUTHOR_PIECE_MOST */
};

/*
 * The piece length for `total` bytes: the smallest power of two, of 16 KiB to 16 MiB, that makes no
 * more than 2,048 pieces; a larger one, up to 512 MiB, only where there would be more pieces than a
 * torrent may have. Small pieces make a swarm quick and a damaged one cheap, but each costs 20
 * bytes of the .torrent and a message to every peer. Returns bytes; 0: no length is enough.
 */
uint32_t author_piece_len(uint64_t total);

struct author_file {
  const char *path; /* below the torrent's folder, elements joined by single '/' */
  uint64_t length;  /* bytes */
};

/* What the info hash is made of. Everything stays the caller's. */
struct author_info {
  const char *name;         /* of the file, or of the folder around the files */
  bool multi;               /* files in a folder, even if it is only one */
  const struct author_file *files; /* in their order; exactly one if not multi, its path unused */
  size_t file_count;
  uint32_t piece_len;       /* bytes */
  const uint8_t *hashes;    /* 20 bytes for each piece */
  uint32_t pieces;
  bool is_private;          /* BEP 27 */
  const char *source;       /* NULL: none */
};

/* Appends the info value. Returns nothing; see buf->failed. */
void author_put_info(struct buf *b, const struct author_info *i);

/* What stands beside the info value. Everything stays the caller's. */
struct author_outside {
  const struct metainfo_tier *tiers; /* each with one URL at least */
  size_t tier_count;
  const char *const *web_seeds;
  size_t web_seed_count;
  const char *comment;     /* NULL: none, as the next */
  const char *created_by;
  int64_t date;            /* seconds since 1970; below 0: none */
};

/* Appends a whole torrent around the `info_len` bytes of an info value. Returns nothing; see
 * buf->failed. */
void author_put_torrent(struct buf *b, const struct author_outside *o, const uint8_t *info,
                        size_t info_len);

/* What author_edit() shall change; what is false stays as it is. */
struct author_change {
  bool trackers;   /* by these values, bencoded already; one without bytes: its key goes */
  const struct buf *announce;
  const struct buf *announce_list;
  bool web_seeds;  /* by `urls`: "url-list"; none of them: it goes */
  const char *const *urls;
  size_t url_count;
  bool comment;    /* by `text`: "comment", "comment.utf-8"; NULL: both go */
  const char *text;
};

/*
 * Appends the torrent `d` with the change made. The info value and every key that the change does
 * not name are copied byte for byte; the keys of the outermost dictionary are put in order.
 * Returns ERR_OK; ERR_FORMAT if `d` is no dictionary with an "info" dictionary, or has a key twice;
 * ERR_MEMORY, also when the buffer did not take it. Nothing of use is in `b` after a failure.
 */
enum err author_edit(struct buf *b, const struct ben_doc *d, const struct author_change *c);

#endif
