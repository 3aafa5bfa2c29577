/*
 * wire: the handshake and every peer message, to and from bytes (BEP 3, 6, 10; port of BEP 5).
 *
 *   handshake  <19>"BitTorrent protocol" <8 reserved> <20 info hash> <20 peer id>
 *   message    <u32 length> <u8 id> <body>      length counts id and body; 0 is a keep-alive
 *
 * Decoding never waits and never allocates: wire_decode() looks at the bytes there are and says how
 * many more it needs, or what the first message is. Big bodies (piece data, bitfields, extension
 * payloads) stay where they are; the decoded message points at them. Whether an index is inside the
 * torrent is proto/geometry's question; whether the length is right for the id is answered here.
 */
#ifndef WEFT_PROTO_WIRE_H
#define WEFT_PROTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum wire_id {
  WIRE_CHOKE = 0,         /* BEP 3 */
  WIRE_UNCHOKE = 1,
  WIRE_INTERESTED = 2,
  WIRE_NOT_INTERESTED = 3,
  WIRE_HAVE = 4,          /* index */
  WIRE_BITFIELD = 5,      /* bits */
  WIRE_REQUEST = 6,       /* index, begin, length */
  WIRE_PIECE = 7,         /* index, begin, data */
  WIRE_CANCEL = 8,        /* index, begin, length */
  WIRE_PORT = 9,          /* BEP 5: u16 DHT port */
  WIRE_SUGGEST = 13,      /* BEP 6: index */
  WIRE_HAVE_ALL = 14,
  WIRE_HAVE_NONE = 15,
  WIRE_REJECT = 16,       /* index, begin, length */
  WIRE_ALLOWED_FAST = 17, /* index */
  WIRE_EXTENDED = 20,     /* BEP 10: u8 extension id, payload */
  WIRE_KEEPALIVE = 256,   /* not an id on the wire: the message of length 0 */
  WIRE_UNKNOWN = 257      /* an id we don't know; the body is skipped */
};

enum {
  WIRE_HANDSHAKE_LEN = 68,
  WIRE_PIECE_HEADER_LEN = 13, /* u32 length, u8 id, u32 index, u32 begin */
  WIRE_PEER_ID_LEN = 20,
  WIRE_MESSAGE_MAX = 1 << 20  /* no message of ours or theirs may claim more than this */
};

/* Bits in the reserved bytes of the handshake, as masks over the 8 bytes read big-endian. */
#define WIRE_RESERVED_EXTENSION UINT64_C(0x100000) /* BEP 10: byte 5, 0x10 */
#define WIRE_RESERVED_FAST UINT64_C(0x04)          /* BEP 6 */
#define WIRE_RESERVED_DHT UINT64_C(0x01)           /* BEP 5 */
#define WIRE_RESERVED_V2 UINT64_C(0x10)            /* BEP 52: byte 7, 0x10 */

struct wire_handshake {
  uint64_t reserved;
  uint8_t info_hash[20];
  uint8_t peer_id[WIRE_PEER_ID_LEN];
};

/* Appends the 68 bytes of a handshake. */
void wire_put_handshake(struct buf *b, const struct wire_handshake *h);
/* Reads exactly WIRE_HANDSHAKE_LEN bytes. Returns ERR_OK, or ERR_PROTOCOL if the protocol string
 * differs. */
enum err wire_get_handshake(const uint8_t in[static WIRE_HANDSHAKE_LEN], struct wire_handshake *h);

struct wire_message {
  enum wire_id id;
  uint8_t raw_id;        /* the byte on the wire, also for WIRE_UNKNOWN */
  uint32_t index;        /* HAVE, REQUEST, PIECE, CANCEL, REJECT, SUGGEST, ALLOWED_FAST */
  uint32_t begin;        /* REQUEST, PIECE, CANCEL, REJECT */
  uint32_t length;       /* REQUEST, CANCEL, REJECT: as asked for; PIECE: bytes of data */
  uint16_t port;         /* PORT */
  uint8_t ext_id;        /* EXTENDED */
  const uint8_t *data;   /* PIECE data, BITFIELD bits, EXTENDED payload, UNKNOWN body: no copy */
  size_t data_len;
};

/* What a peer of one torrent may send; bounds every length before it is waited for. */
struct wire_limits {
  uint32_t bitfield_len; /* exact length of a bitfield; UINT32_MAX while pieces are not known */
  uint32_t piece_max;    /* most data in a PIECE message */
  uint32_t other_max;    /* most body in EXTENDED and unknown messages */
};

/*
 * Decodes the first message in in[0..len). Returns
 *   ERR_OK        *used bytes (4 + length) belong to it, `m` describes it;
 *   ERR_TIMEOUT   not all there yet: *need is how many bytes in total make the next step possible
 *                 (never more than 4 + the length that was checked);
 *   ERR_LIMIT     the length is over the limits;
 *   ERR_PROTOCOL  the length is wrong for this id (BEP 3: CHOKE 1, HAVE 5, REQUEST 13, PIECE > 9).
 * A wrong length is told as soon as the id is there, before the body arrives.
 */
enum err wire_decode(const uint8_t *in, size_t len, const struct wire_limits *limits,
                     struct wire_message *m, size_t *used, size_t *need);

/* Encoders: each appends one whole message to `b` (see base/buf for what happens when it is full).
 * `id` must be one of those named. */
void wire_put_keepalive(struct buf *b);
/* CHOKE to NOT_INTERESTED, HAVE_ALL, HAVE_NONE. */
void wire_put_simple(struct buf *b, enum wire_id id);
/* HAVE, SUGGEST, ALLOWED_FAST. */
void wire_put_index(struct buf *b, enum wire_id id, uint32_t index);
/* REQUEST, CANCEL, REJECT. */
void wire_put_range(struct buf *b, enum wire_id id, uint32_t index, uint32_t begin,
                    uint32_t length);
/* The messages with a body: `data` and `bits` are copied. */
void wire_put_bitfield(struct buf *b, const uint8_t *bits, size_t len);
void wire_put_piece(struct buf *b, uint32_t index, uint32_t begin, const uint8_t *data, size_t len);
void wire_put_port(struct buf *b, uint16_t port);
void wire_put_extended(struct buf *b, uint8_t ext_id, const void *payload, size_t len);
/* The 13 bytes before the data of a PIECE message with `length` bytes of data. */
void wire_piece_header(uint8_t out[static WIRE_PIECE_HEADER_LEN], uint32_t index, uint32_t begin,
                       uint32_t length);

/* The name in the specification, "choke", "have all", "extended"...; "unknown" for others. */
const char *wire_name(enum wire_id id);

#endif
