/*
 * trace_field: what a message says, field by field, for the tracer.
 *
 * The same list serves every format: text and JSON show the value, hex also where its bytes stand.
 *
 *   handshake   reserved, info_hash, peer_id, client
 *   have, suggest-piece, allowed-fast         index
 *   request, cancel, reject-request           index, begin, length
 *   piece                                     index, begin, length
 *   bitfield    pieces (how many bits are set), bits
 *   port        port
 *   extended    id, extension (its name, if it was offered), payload (bencoding as JSON), and
 *               data_length if bytes follow behind that (BEP 9)
 *   unknown     id, body
 *
 * The others have none. Fields point into the bytes they were made from: nothing is copied, nothing
 * here waits. Every length comes from the bytes that are there, whatever they claim.
 */
#ifndef WEFT_IO_TRACE_FIELD_H
#define WEFT_IO_TRACE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_value {
  TRACE_NUMBER,   /* `number` */
  TRACE_TEXT,     /* `bytes`: a stranger's, to be escaped */
  TRACE_HEX,      /* `bytes` as digits, all of them: 32 at most */
  TRACE_ID,       /* `bytes`: a peer id; digits in JSON, where nothing may be lost, else text */
  TRACE_RESERVED, /* `bytes`, 8 of them: digits, and the names of the bits */
  TRACE_BENCODE,  /* `bytes` as JSON */
  TRACE_BYTES     /* `bytes`, the first of them only where there are many; no text */
};

enum {
  TRACE_FIELDS_MAX = 20,
  TRACE_DATA_SHOWN = 32 /* bytes of data; the rest is said to be left out */
};

struct trace_field {
  const char *name;     /* as JSON has it; text shows blanks for its underscores */
  enum trace_value kind;
  uint64_t number;
  const void *bytes;    /* not owned */
  size_t len;           /* of these */
  size_t at;            /* where in the message it stands, */
  size_t size;          /* and how many bytes it has there; 0: it is not in the message as such */
  bool frame;           /* says how the message is made, not what it says: of the hex format only */
  bool bare;            /* text shows the value without the name */
};

struct trace_fields {
  struct trace_field at[TRACE_FIELDS_MAX];
  size_t count;
  char client[64];      /* what the field "client" points to */
};

/* What begins each list: `f` is empty then. */
void trace_field_clear(struct trace_fields *f);
/* Appends one that stands in no message; one too many is left out. Text may be NULL: the field is
 * left out. */
void trace_field_add_number(struct trace_fields *f, const char *name, uint64_t v);
void trace_field_add_text(struct trace_fields *f, const char *name, const char *text);
void trace_field_add_bytes(struct trace_fields *f, const char *name, enum trace_value kind,
                           const void *bytes, size_t len);

/* The fields of a handshake, 68 bytes. */
void trace_field_of_handshake(struct trace_fields *f, const uint8_t raw[static 68]);

/*
 * The fields of a whole message, length prefix included: the first `len` >= 4 of its `size` bytes
 * are at `raw`. `extension` is the name behind its extension id, or NULL. A message that has fewer
 * bytes than its id wants has fewer fields.
 */
void trace_field_of_message(struct trace_fields *f, const uint8_t *raw, size_t len, size_t size,
                            const char *extension);

#endif
