#include "proto/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "base/sha1.h"
#include "proto/bencode.h"

/* The dictionary has three numbers in it; who sends more has a reason that is not ours. */
static const struct ben_limits message_limits = {
  .max_bytes = 64 << 10,
  .max_tokens = 1000,
  .max_depth = 10,
  .prefix = true,
};

/* --- Reading a message. --- */

static enum err read_numbers(struct metadata_message *m, const struct ben_doc *d, ben_val root) {
  int64_t type;
  int64_t piece;
  int64_t total = 0;
  if (!bencode_int(d, bencode_get(d, root, "msg_type"), &type)) return ERR_FORMAT;
  if (type < METADATA_REQUEST || type > METADATA_REJECT) return ERR_UNSUPPORTED;
  if (!bencode_int(d, bencode_get(d, root, "piece"), &piece)) return ERR_FORMAT;
  if (piece < 0 || piece > UINT32_MAX) return ERR_FORMAT;
  m->type = (enum metadata_type)type;
  m->piece = (uint32_t)piece;
  ben_val v = bencode_get(d, root, "total_size");
  if (m->type != METADATA_DATA || v == BEN_NONE) return ERR_OK;
  if (!bencode_int(d, v, &total) || total < 1 || total > METADATA_SIZE_MAX) return ERR_FORMAT;
  m->total_size = (uint32_t)total;
  return ERR_OK;
}

enum err metadata_decode(struct metadata_message *m, const uint8_t *in, size_t len) {
  struct ben_doc d;
  *m = (struct metadata_message){0};
  size_t look = len < message_limits.max_bytes ? len : message_limits.max_bytes;
  enum err e = bencode_decode(&d, in, look, &message_limits);
  if (e != ERR_OK) return e == ERR_MEMORY ? ERR_MEMORY : ERR_FORMAT;
  e = bencode_is(&d, bencode_root(&d), BEN_DICT) ? read_numbers(m, &d, bencode_root(&d))
                                                 : ERR_FORMAT;
  if (e == ERR_OK && m->type == METADATA_DATA) {
    m->data = in + d.in_len;
    m->data_len = len - d.in_len;
  }
  bencode_free(&d);
  return e;
}

/* --- Writing one: keys in order of their bytes. --- */

static void put_head(struct buf *b, enum metadata_type type, uint32_t piece) {
  bencode_open_dict(b);
  bencode_put_cstr(b, "msg_type");
  bencode_put_int(b, type);
  bencode_put_cstr(b, "piece");
  bencode_put_int(b, piece);
}

void metadata_put_request(struct buf *b, uint32_t piece) {
  put_head(b, METADATA_REQUEST, piece);
  bencode_close(b);
}

void metadata_put_data(struct buf *b, uint32_t piece, uint32_t total_size, const uint8_t *data,
                       size_t len) {
  put_head(b, METADATA_DATA, piece);
  bencode_put_cstr(b, "total_size");
  bencode_put_int(b, total_size);
  bencode_close(b);
  buf_put(b, data, len);
}

void metadata_put_reject(struct buf *b, uint32_t piece) {
  put_head(b, METADATA_REJECT, piece);
  bencode_close(b);
}

/* --- The assembler. --- */

enum err metadata_init(struct metadata *a, const uint8_t info_hash[static 20], uint64_t size) {
  memset(a, 0, sizeof *a);
  memcpy(a->info_hash, info_hash, sizeof a->info_hash);
  if (size < 1 || size > METADATA_SIZE_MAX) return ERR_LIMIT;
  a->size = (uint32_t)size;
  a->pieces = (a->size - 1) / METADATA_PIECE_LEN + 1;
  return ERR_OK;
}

static void forget(struct metadata *a) {
  for (uint32_t i = 0; i < a->pieces; i++) {
    free(a->piece[i]);
    a->piece[i] = NULL;
  }
  a->have = 0;
}

void metadata_free(struct metadata *a) {
  forget(a);
  a->size = 0;
  a->pieces = 0;
}

uint32_t metadata_missing(const struct metadata *a, uint32_t from) {
  while (from < a->pieces && a->piece[from] != NULL) from++;
  return from < a->pieces ? from : a->pieces;
}

uint32_t metadata_piece_len(const struct metadata *a, uint32_t index) {
  uint32_t begin = index * METADATA_PIECE_LEN;
  return a->size - begin < METADATA_PIECE_LEN ? a->size - begin : METADATA_PIECE_LEN;
}

enum err metadata_take(struct metadata *a, const struct metadata_message *m) {
  if (m->type != METADATA_DATA || m->piece >= a->pieces) return ERR_PROTOCOL;
  if (m->total_size != 0 && m->total_size != a->size) return ERR_PROTOCOL;
  if (m->data_len != metadata_piece_len(a, m->piece)) return ERR_PROTOCOL;
  if (a->piece[m->piece] != NULL) return ERR_EXISTS;
  uint8_t *copy = malloc(m->data_len);
  if (copy == NULL) return ERR_MEMORY;
  memcpy(copy, m->data, m->data_len);
  a->piece[m->piece] = copy;
  a->have++;
  return ERR_OK;
}

enum err metadata_finish(struct metadata *a, uint8_t **out, size_t *len) {
  uint8_t hash[SHA1_LEN] = {0};
  uint8_t *whole = malloc(a->size ? a->size : 1);
  if (whole == NULL) return ERR_MEMORY;
  if (a->have == a->pieces) {
    for (uint32_t i = 0; i < a->pieces; i++)
      memcpy(whole + (size_t)i * METADATA_PIECE_LEN, a->piece[i], metadata_piece_len(a, i));
    sha1_once(whole, a->size, hash);
  }
  if (a->have < a->pieces || memcmp(hash, a->info_hash, sizeof hash) != 0) {
    free(whole);
    forget(a);
    return ERR_MISMATCH;
  }
  *out = whole;
  *len = a->size;
  return ERR_OK;
}
