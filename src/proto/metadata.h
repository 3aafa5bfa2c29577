/*
 * metadata: the info dictionary from other peers (BEP 9, "ut_metadata").
 *
 * Whoever has only an info hash asks peers for the dictionary that has it. An extended message
 * (BEP 10) under the id that the receiver gave to "ut_metadata" holds a bencoded dictionary:
 *
 *   {"msg_type": 0, "piece": n}                      request
 *   {"msg_type": 1, "piece": n, "total_size": bytes} data; the bytes of the piece follow behind it
 *   {"msg_type": 2, "piece": n}                      reject
 *
 * A piece is 16 KiB, the last one may be shorter. The assembler collects pieces and, when all are
 * there, compares their SHA-1 with the info hash: only then is any of it believed. Until then it is
 * what a stranger sent, so memory is taken piece by piece as they arrive, never by a size that
 * somebody claims, and at most 16 MiB. All of this is pure: no network, no clock.
 */
#ifndef WEFT_PROTO_METADATA_H
#define WEFT_PROTO_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
  METADATA_PIECE_LEN = 16 << 10,
  METADATA_SIZE_MAX = 16 << 20,
  METADATA_PIECES_MAX = METADATA_SIZE_MAX / METADATA_PIECE_LEN
};

enum metadata_type { METADATA_REQUEST = 0, METADATA_DATA = 1, METADATA_REJECT = 2 };

struct metadata_message {
  enum metadata_type type;
  uint32_t piece;
  uint32_t total_size; /* METADATA_DATA: 1 to METADATA_SIZE_MAX; 0 if it does not say */
  const uint8_t *data; /* METADATA_DATA: what stands behind the dictionary; no copy */
  size_t data_len;
};

/*
 * Reads the payload of an extended message (behind the extension id). `m` points into `in`. Returns
 * ERR_OK; ERR_UNSUPPORTED for a msg_type that nobody knows, which BEP 9 wants ignored; ERR_FORMAT
 * if it is no dictionary, lacks a key, or has a number that cannot be; ERR_MEMORY.
 */
enum err metadata_decode(struct metadata_message *m, const uint8_t *in, size_t len);

/* Each appends a payload for wire_put_extended(): ask for a piece, send one of a dictionary that
 * has `total_size` bytes, refuse one. */
void metadata_put_request(struct buf *b, uint32_t piece);
void metadata_put_data(struct buf *b, uint32_t piece, uint32_t total_size, const uint8_t *data,
                       size_t len);
void metadata_put_reject(struct buf *b, uint32_t piece);

/* What has come of one info dictionary. One thread at a time. */
struct metadata {
  uint8_t info_hash[20];
  uint32_t size;    /* bytes of the dictionary, as somebody said */
  uint32_t pieces;  /* that many bytes take so many */
  uint32_t have;    /* pieces that are there */
  uint8_t *piece[METADATA_PIECES_MAX]; /* owned; NULL: not there */
};

/* Begins with nothing. `size` is what a peer claims. Returns ERR_OK; then metadata_free() is due;
 * or ERR_LIMIT if it is not within 1 to METADATA_SIZE_MAX. */
enum err metadata_init(struct metadata *a, const uint8_t info_hash[static 20], uint64_t size);
/* Frees the pieces. Safe on a zeroed struct, and twice. */
void metadata_free(struct metadata *a);

/* Returns the first piece at or after `from` that is not there, or a->pieces. */
uint32_t metadata_missing(const struct metadata *a, uint32_t from);
/* Bytes of piece `index` < a->pieces. */
uint32_t metadata_piece_len(const struct metadata *a, uint32_t index);

/*
 * Takes a METADATA_DATA message; its bytes are copied. Returns ERR_OK; ERR_EXISTS if the piece was
 * there (it stays as it was); ERR_PROTOCOL if there is no such piece, or its length or total_size
 * is not what it must be; ERR_MEMORY.
 */
enum err metadata_take(struct metadata *a, const struct metadata_message *m);

/*
 * To be called when no piece is missing. Returns ERR_OK with the dictionary in *out, which has the
 * info hash and is the caller's to free(), and its length; ERR_MISMATCH if the hash is another: all
 * pieces are forgotten then, as nobody knows which was wrong; ERR_MEMORY.
 */
enum err metadata_finish(struct metadata *a, uint8_t **out, size_t *len);

#endif
