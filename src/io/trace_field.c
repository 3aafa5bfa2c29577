#include "io/trace_field.h"

#include <string.h>

#include "base/buf.h"
#include "proto/bencode.h"
#include "proto/client.h"
#include "proto/wire.h"

_Static_assert(sizeof((struct trace_fields *)0)->client == CLIENT_NAME_MAX, "room for the name");

void trace_field_clear(struct trace_fields *f) {
  f->count = 0;
}

/* The next field, named; one that is overwritten again if there are too many. */
static struct trace_field *next(struct trace_fields *f, const char *name, enum trace_value kind) {
  if (f->count == TRACE_FIELDS_MAX) f->count--;
  struct trace_field *x = &f->at[f->count++];
  *x = (struct trace_field){.name = name, .kind = kind};
  return x;
}

void trace_field_add_number(struct trace_fields *f, const char *name, uint64_t v) {
  if (f->count < TRACE_FIELDS_MAX) next(f, name, TRACE_NUMBER)->number = v;
}

void trace_field_add_bytes(struct trace_fields *f, const char *name, enum trace_value kind,
                           const void *bytes, size_t len) {
  if (f->count == TRACE_FIELDS_MAX) return;
  struct trace_field *x = next(f, name, kind);
  x->bytes = bytes;
  x->len = len;
}

void trace_field_add_text(struct trace_fields *f, const char *name, const char *text) {
  if (text != NULL) trace_field_add_bytes(f, name, TRACE_TEXT, text, strlen(text));
}

/* --- what stands in a message --- */

/* The bytes of a message, as far as they are there. */
struct source {
  struct trace_fields *f;
  const uint8_t *raw;
  size_t len;
  size_t size;
};

/* The field of `size` bytes at `at`, or as much of it as is there. NULL: nothing. */
static struct trace_field *span(struct source *s, const char *name, enum trace_value kind,
                                size_t at, size_t size) {
  if (at >= s->len || size == 0) return NULL;
  struct trace_field *x = next(s->f, name, kind);
  x->bytes = s->raw + at;
  x->len = size < s->len - at ? size : s->len - at;
  x->at = at;
  x->size = size;
  return x;
}

/* A number, big-endian. */
static void number(struct source *s, const char *name, size_t at, size_t size, bool frame) {
  if (at + size > s->len) return;
  struct trace_field *x = span(s, name, TRACE_NUMBER, at, size);
  if (x == NULL) return;
  for (size_t i = 0; i < size; i++) x->number = x->number << 8 | s->raw[at + i];
  x->frame = frame;
}

void trace_field_of_handshake(struct trace_fields *f, const uint8_t raw[static 68]) {
  struct source s = {f, raw, WIRE_HANDSHAKE_LEN, WIRE_HANDSHAKE_LEN};
  trace_field_clear(f);
  number(&s, "length", 0, 1, true);
  span(&s, "protocol", TRACE_TEXT, 1, 19)->frame = true;
  span(&s, "reserved", TRACE_RESERVED, 20, 8);
  span(&s, "info_hash", TRACE_HEX, 28, 20);
  span(&s, "peer_id", TRACE_ID, 48, 20);
  client_name(raw + 48, f->client);
  trace_field_add_text(f, "client", f->client[0] != '\0' ? f->client : NULL);
}

static void put_index(struct source *s) {
  number(s, "index", 5, 4, false);
}

static void put_range(struct source *s) {
  number(s, "index", 5, 4, false);
  number(s, "begin", 9, 4, false);
  number(s, "length", 13, 4, false);
}

static void put_bitfield(struct source *s) {
  uint64_t set = 0;
  for (size_t i = 5; i < s->len; i++) set += (uint64_t)__builtin_popcount(s->raw[i]);
  trace_field_add_number(s->f, "pieces", set);
  span(s, "bits", TRACE_BYTES, 5, s->size - 5);
}

static void put_piece(struct source *s) {
  number(s, "index", 5, 4, false);
  number(s, "begin", 9, 4, false);
  if (s->size < WIRE_PIECE_HEADER_LEN) return;
  trace_field_add_number(s->f, "length", s->size - WIRE_PIECE_HEADER_LEN);
  struct trace_field *data = span(s, "data", TRACE_BYTES, WIRE_PIECE_HEADER_LEN,
                                  s->size - WIRE_PIECE_HEADER_LEN);
  if (data != NULL) data->frame = true;
}

/* How many of these bytes are one bencoded value; 0: they begin with none. */
static size_t bencoded(const uint8_t *bytes, size_t len) {
  struct ben_limits limits = bencode_message_limits;
  struct ben_doc d;
  limits.prefix = true;
  if (bencode_decode(&d, bytes, len, &limits) != ERR_OK) return 0;
  size_t n = d.in_len;
  bencode_free(&d);
  return n;
}

static void put_extended(struct source *s, const char *extension) {
  number(s, "id", 5, 1, false);
  trace_field_add_text(s->f, "extension", extension);
  if (extension != NULL) s->f->at[s->f->count - 1].bare = true;
  if (s->len <= 6) return;
  size_t n = bencoded(s->raw + 6, s->len - 6);
  span(s, "payload", n > 0 ? TRACE_BENCODE : TRACE_BYTES, 6, n > 0 ? n : s->size - 6);
  if (n == 0 || 6 + n == s->size) return;
  trace_field_add_number(s->f, "data_length", s->size - 6 - n);
  struct trace_field *data = span(s, "data", TRACE_BYTES, 6 + n, s->size - 6 - n);
  if (data != NULL) data->frame = true;
}

static void put_unknown(struct source *s) {
  number(s, "id", 4, 1, false);
  span(s, "body", TRACE_BYTES, 5, s->size - 5);
}

void trace_field_of_message(struct trace_fields *f, const uint8_t *raw, size_t len, size_t size,
                            const char *extension) {
  struct source s = {f, raw, len, size};
  trace_field_clear(f);
  number(&s, "length", 0, 4, true);
  if (len < 5) return;
  bool known = strcmp(wire_name((enum wire_id)raw[4]), "unknown") != 0;
  if (known) number(&s, "id", 4, 1, true);
  switch (known ? (enum wire_id)raw[4] : WIRE_UNKNOWN) {
  case WIRE_HAVE:
  case WIRE_SUGGEST:
  case WIRE_ALLOWED_FAST:
    put_index(&s);
    break;
  case WIRE_REQUEST:
  case WIRE_CANCEL:
  case WIRE_REJECT:
    put_range(&s);
    break;
  case WIRE_BITFIELD:
    put_bitfield(&s);
    break;
  case WIRE_PIECE:
    put_piece(&s);
    break;
  case WIRE_PORT:
    number(&s, "port", 5, 2, false);
    break;
  case WIRE_EXTENDED:
    put_extended(&s, extension);
    break;
  case WIRE_UNKNOWN:
    put_unknown(&s);
    break;
  default:
    break;
  }
}
