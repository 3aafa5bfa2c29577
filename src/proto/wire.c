#include "proto/wire.h"

#include <string.h>

#include "base/rd.h"
#include "proto/geometry.h"

static const char protocol[20] = "\x13" "BitTorrent protocol";

/* --- The handshake: 19, "BitTorrent protocol", 8 reserved bytes, info hash, peer id. BEP 3. --- */

void wire_put_handshake(struct buf *b, const struct wire_handshake *h) {
  buf_put(b, protocol, sizeof protocol);
  buf_put_u64(b, h->reserved);
  buf_put(b, h->info_hash, sizeof h->info_hash);
  buf_put(b, h->peer_id, sizeof h->peer_id);
}

enum err wire_get_handshake(const uint8_t in[static WIRE_HANDSHAKE_LEN],
                            struct wire_handshake *h) {
  *h = (struct wire_handshake){0};
  if (memcmp(in, protocol, sizeof protocol) != 0) return ERR_PROTOCOL;
  h->reserved = (uint64_t)be32_get(in + 20) << 32 | be32_get(in + 24);
  memcpy(h->info_hash, in + 28, sizeof h->info_hash);
  memcpy(h->peer_id, in + 48, sizeof h->peer_id);
  return ERR_OK;
}

/* --- The messages: what each id is called, and what its body looks like. --- */

enum shape {
  SHAPE_UNKNOWN,  /* anything */
  SHAPE_EMPTY,    /* nothing */
  SHAPE_INDEX,    /* u32 index */
  SHAPE_RANGE,    /* u32 index, u32 begin, u32 length */
  SHAPE_PORT,     /* u16 port */
  SHAPE_BITFIELD, /* a bit per piece */
  SHAPE_PIECE,    /* u32 index, u32 begin, data */
  SHAPE_EXTENDED  /* u8 extension id, payload */
};

static const struct {
  enum shape shape;
  const char *name;
} messages[] = {
  [WIRE_CHOKE] = {SHAPE_EMPTY, "choke"},
  [WIRE_UNCHOKE] = {SHAPE_EMPTY, "unchoke"},
  [WIRE_INTERESTED] = {SHAPE_EMPTY, "interested"},
  [WIRE_NOT_INTERESTED] = {SHAPE_EMPTY, "not interested"},
  [WIRE_HAVE] = {SHAPE_INDEX, "have"},
  [WIRE_BITFIELD] = {SHAPE_BITFIELD, "bitfield"},
  [WIRE_REQUEST] = {SHAPE_RANGE, "request"},
  [WIRE_PIECE] = {SHAPE_PIECE, "piece"},
  [WIRE_CANCEL] = {SHAPE_RANGE, "cancel"},
  [WIRE_PORT] = {SHAPE_PORT, "port"},
  [WIRE_SUGGEST] = {SHAPE_INDEX, "suggest piece"},
  [WIRE_HAVE_ALL] = {SHAPE_EMPTY, "have all"},
  [WIRE_HAVE_NONE] = {SHAPE_EMPTY, "have none"},
  [WIRE_REJECT] = {SHAPE_RANGE, "reject request"},
  [WIRE_ALLOWED_FAST] = {SHAPE_INDEX, "allowed fast"},
  [WIRE_EXTENDED] = {SHAPE_EXTENDED, "extended"},
};
enum { MESSAGES = sizeof messages / sizeof *messages };

static enum shape shape_of(uint8_t id) {
  return id < MESSAGES ? messages[id].shape : SHAPE_UNKNOWN;
}

const char *wire_name(enum wire_id id) {
  if (id == WIRE_KEEPALIVE) return "keep-alive";
  if ((unsigned)id >= MESSAGES || messages[id].name == NULL) return "unknown";
  return messages[id].name;
}

/* --- Decoding. --- */

static enum err exactly(uint32_t body, uint32_t want) {
  return body == want ? ERR_OK : ERR_PROTOCOL;
}

static enum err between(uint32_t body, uint32_t least, uint64_t most) {
  if (body < least) return ERR_PROTOCOL;
  return body > most ? ERR_LIMIT : ERR_OK;
}

/* Is `body`, the number of bytes behind the id, right for that id? */
static enum err check_body(enum shape shape, uint32_t body, const struct wire_limits *limits) {
  switch (shape) {
  case SHAPE_EMPTY:
    return exactly(body, 0);
  case SHAPE_INDEX:
    return exactly(body, 4);
  case SHAPE_RANGE:
    return exactly(body, 12);
  case SHAPE_PORT:
    return exactly(body, 2);
  case SHAPE_BITFIELD:
    if (limits->bitfield_len != UINT32_MAX) return exactly(body, limits->bitfield_len);
    return between(body, 0, GEOMETRY_PIECES_MAX / 8);
  case SHAPE_PIECE: /* an empty block is no block */
    return between(body, 9, (uint64_t)limits->piece_max + 8);
  case SHAPE_EXTENDED:
    return between(body, 1, limits->other_max);
  case SHAPE_UNKNOWN:
    break;
  }
  return between(body, 0, limits->other_max);
}

/* Reads the body of a message whose length was checked. */
static void read_body(enum shape shape, struct rd *r, struct wire_message *m) {
  if (shape == SHAPE_INDEX || shape == SHAPE_RANGE || shape == SHAPE_PIECE) m->index = rd_u32(r);
  if (shape == SHAPE_RANGE || shape == SHAPE_PIECE) m->begin = rd_u32(r);
  if (shape == SHAPE_RANGE) m->length = rd_u32(r);
  if (shape == SHAPE_PORT) m->port = rd_u16(r);
  if (shape == SHAPE_EXTENDED) m->ext_id = rd_u8(r);
  m->data_len = r->left;
  m->data = rd_bytes(r, r->left);
  if (shape == SHAPE_PIECE) m->length = (uint32_t)m->data_len;
}

static enum err need_more(size_t total, size_t *need) {
  *need = total;
  return ERR_TIMEOUT;
}

enum err wire_decode(const uint8_t *in, size_t len, const struct wire_limits *limits,
                     struct wire_message *m, size_t *used, size_t *need) {
  *m = (struct wire_message){.id = WIRE_KEEPALIVE};
  *used = 0;
  *need = 0;
  if (len < 4) return need_more(4, need);
  uint32_t length = be32_get(in);
  if (length == 0) {
    *used = 4;
    return ERR_OK;
  }
  if (length > WIRE_MESSAGE_MAX) return ERR_LIMIT;
  if (len < 5) return need_more(5, need);
  enum shape shape = shape_of(in[4]);
  enum err e = check_body(shape, length - 1, limits);
  if (e != ERR_OK) return e;
  size_t total = 4 + (size_t)length;
  if (len < total) return need_more(total, need);
  struct rd r;
  rd_init(&r, in + 5, length - 1);
  m->raw_id = in[4];
  m->id = shape == SHAPE_UNKNOWN ? WIRE_UNKNOWN : (enum wire_id)in[4];
  read_body(shape, &r, m);
  *used = total;
  return ERR_OK;
}

/* --- Encoding. --- */

static void put_head(struct buf *b, enum wire_id id, size_t body) {
  buf_put_u32(b, (uint32_t)(body + 1));
  buf_put_u8(b, (uint8_t)id);
}

void wire_put_keepalive(struct buf *b) {
  buf_put_u32(b, 0);
}

void wire_put_simple(struct buf *b, enum wire_id id) {
  put_head(b, id, 0);
}

void wire_put_index(struct buf *b, enum wire_id id, uint32_t index) {
  put_head(b, id, 4);
  buf_put_u32(b, index);
}

void wire_put_range(struct buf *b, enum wire_id id, uint32_t index, uint32_t begin,
                    uint32_t length) {
  put_head(b, id, 12);
  buf_put_u32(b, index);
  buf_put_u32(b, begin);
  buf_put_u32(b, length);
}

void wire_put_bitfield(struct buf *b, const uint8_t *bits, size_t len) {
  put_head(b, WIRE_BITFIELD, len);
  buf_put(b, bits, len);
}

void wire_piece_header(uint8_t out[static WIRE_PIECE_HEADER_LEN], uint32_t index, uint32_t begin,
                       uint32_t length) {
  be32_put(out, 9 + length);
  out[4] = WIRE_PIECE;
  be32_put(out + 5, index);
  be32_put(out + 9, begin);
}

void wire_put_piece(struct buf *b, uint32_t index, uint32_t begin, const uint8_t *data,
                    size_t len) {
  uint8_t header[WIRE_PIECE_HEADER_LEN];
  wire_piece_header(header, index, begin, (uint32_t)len);
  buf_put(b, header, sizeof header);
  buf_put(b, data, len);
}

void wire_put_port(struct buf *b, uint16_t port) {
  put_head(b, WIRE_PORT, 2);
  buf_put_u16(b, port);
}

void wire_put_extended(struct buf *b, uint8_t ext_id, const void *payload, size_t len) {
  put_head(b, WIRE_EXTENDED, 1 + len);
  buf_put_u8(b, ext_id);
  buf_put(b, payload, len);
}
