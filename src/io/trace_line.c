#include "io/trace_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/escape.h"
#include "base/json.h"
#include "proto/bencode_json.h"
#include "proto/client.h"
#include "proto/wire.h"

enum {
  NAME_WIDTH = 10,     /* of a type in text; */
  SAID_WIDTH = 19,     /* with its fields */
  JSON_BYTES = 1024,   /* of a bitfield in JSON */
  BENCODE_MAX = 8192,  /* what is longer is data */
  TEXT_MAX = 512,      /* of a stranger's text */
  ROW = 16,            /* bytes in a line of hex */
  TAIL_INDENT = 9      /* the tail begins with two blanks more */
};

/* --- the kinds of lines --- */

enum trace_type trace_line_type(const uint8_t *raw, size_t len) {
  if (len < 5) return TRACE_KEEPALIVE;
  char name[24];
  enum trace_type type = raw[4] < TRACE_UNKNOWN ? (enum trace_type)raw[4] : TRACE_UNKNOWN;
  return trace_line_name(type, name) != NULL ? type : TRACE_UNKNOWN;
}

static const char *name_of(enum trace_type type) {
  switch (type) {
  case TRACE_UNKNOWN:
    return "unknown";
  case TRACE_KEEPALIVE:
    return wire_name(WIRE_KEEPALIVE);
  case TRACE_HANDSHAKE:
    return "handshake";
  case TRACE_TRACKER:
    return "tracker";
  case TRACE_CONNECTION:
    return "connection";
  case TRACE_LOST:
    return "lost";
  default:
    break;
  }
  const char *name = type < TRACE_UNKNOWN ? wire_name((enum wire_id)type) : "unknown";
  return strcmp(name, "unknown") == 0 ? NULL : name;
}

const char *trace_line_name(enum trace_type type, char out[static 24]) {
  const char *name = name_of(type);
  if (name == NULL) return NULL;
  size_t i = 0;
  for (; name[i] != '\0' && i < 23; i++) out[i] = name[i] == ' ' ? '-' : name[i];
  out[i] = '\0';
  return out;
}

unsigned trace_line_bep(enum trace_type type) {
  switch (type) {
  case TRACE_UNKNOWN:
  case TRACE_CONNECTION:
  case TRACE_LOST:
    return 0;
  case TRACE_KEEPALIVE:
  case TRACE_HANDSHAKE:
  case TRACE_TRACKER:
    return 3;
  default:
    break;
  }
  if ((unsigned)type == WIRE_PORT) return 5;
  if ((unsigned)type == WIRE_EXTENDED) return 10;
  return (unsigned)type >= WIRE_SUGGEST ? 6 : 3;
}

/* --- values as text --- */

/* A stranger's text between quotes, or bare. Backslashes come out doubled, so \" ends nothing. */
static void put_said(struct buf *b, const char *s, size_t len, const char *mark) {
  char safe[8 * TEXT_MAX + 1];
  bool cut = len > TEXT_MAX;
  if (cut) len = TEXT_MAX;
  buf_put_str(b, mark);
  while (len > 0) {
    const char *quote = memchr(s, '"', len);
    size_t n = quote != NULL ? (size_t)(quote - s) : len;
    buf_put(b, safe, escape_term(s, n, safe, sizeof safe));
    if (quote != NULL) buf_put_str(b, "\\\"");
    if (quote != NULL) n++;
    s += n;
    len -= n;
  }
  buf_put_str(b, cut ? "..." : "");
  buf_put_str(b, mark);
}

/* Random bytes in part, so what happens to be UTF-8 is none: all but ASCII comes out as \xNN. */
static void put_id(struct buf *b, const char *s, size_t len) {
  char safe[16];
  buf_put_u8(b, '"');
  for (size_t i = 0; i < len; i++)
    if (s[i] == '"') buf_put_str(b, "\\\"");
    else buf_put(b, safe, escape_term(s + i, 1, safe, sizeof safe));
  buf_put_u8(b, '"');
}

static void put_hex(struct buf *b, const uint8_t *bytes, size_t len) {
  char digits[2 * TRACE_DATA_SHOWN + 1];
  crypto_hex(bytes, len < TRACE_DATA_SHOWN ? len : TRACE_DATA_SHOWN, digits);
  buf_put_str(b, digits);
}

/* The `i`th of the bits that are set and have a name, or NULL. */
static const struct client_bit *named_bit(const uint8_t *reserved, size_t i) {
  uint64_t bits = (uint64_t)be32_get(reserved) << 32 | be32_get(reserved + 4);
  const struct client_bit *bit;
  for (size_t k = 0; (bit = client_reserved(k)) != NULL; k++)
    if ((bits & bit->mask) && i-- == 0) return bit;
  return NULL;
}

static void put_reserved(struct buf *b, const uint8_t *reserved) {
  const struct client_bit *bit;
  put_hex(b, reserved, 8);
  for (size_t i = 0; (bit = named_bit(reserved, i)) != NULL; i++)
    buf_printf(b, "%s%s", i == 0 ? " (" : ", ", bit->name);
  if (named_bit(reserved, 0) != NULL) buf_put_u8(b, ')');
}

/* As JSON, which is ASCII and so safe to be shown. */
static void put_bencode(struct json *j, const void *bytes, size_t len) {
  struct ben_doc d;
  enum err e = bencode_decode(&d, bytes, len, &bencode_message_limits);
  if (e == ERR_OK) bencode_json_put(j, &d, bencode_root(&d));
  else json_null(j, NULL);
  if (e == ERR_OK) bencode_free(&d);
}

static void put_name(struct buf *b, const char *name) {
  for (; *name != '\0'; name++) buf_put_u8(b, *name == '_' ? ' ' : (uint8_t)*name);
}

static bool is_long_bencode(const struct trace_field *x) {
  return x->kind == TRACE_BENCODE && x->len > BENCODE_MAX;
}

static void put_value(struct buf *b, const struct trace_field *x) {
  struct json j;
  switch (x->kind) {
  case TRACE_NUMBER:
    buf_printf(b, "%" PRIu64, x->number);
    break;
  case TRACE_TEXT:
    put_said(b, x->bytes, x->len, x->bare ? "" : "\"");
    break;
  case TRACE_ID:
    put_id(b, x->bytes, x->len);
    break;
  case TRACE_HEX:
    put_hex(b, x->bytes, x->len);
    break;
  case TRACE_RESERVED:
    put_reserved(b, x->bytes);
    break;
  case TRACE_BENCODE:
    json_begin(&j, b);
    if (is_long_bencode(x)) buf_printf(b, "of %zu bytes, too long to show", x->len);
    else put_bencode(&j, x->bytes, x->len);
    break;
  case TRACE_BYTES:
    break;
  }
}

/* --- a line of text --- */

static void put_fields(struct buf *b, const struct trace_fields *fields) {
  const char *before = "";
  for (size_t i = 0; fields != NULL && i < fields->count; i++) {
    const struct trace_field *x = &fields->at[i];
    if (x->frame || x->kind == TRACE_BYTES) continue;
    buf_put_str(b, before);
    before = ", ";
    if (!x->bare && x->kind != TRACE_BENCODE) {
      put_name(b, x->name);
      buf_put_u8(b, ' ');
    }
    put_value(b, x);
  }
}

static void put_state(struct buf *b, const struct trace_change *c, uint64_t v) {
  if (c->flag) buf_put_str(b, v != 0 ? "yes" : "no");
  else buf_printf(b, "%" PRIu64, v);
}

/* What changed, and why. */
static void put_tail(struct buf *b, const struct trace_event *e) {
  const char *before = "  changed: ";
  for (size_t i = 0; i < e->change_count; i++) {
    const struct trace_change *c = &e->changes[i];
    if (c->words == NULL) continue;
    buf_printf(b, "%s%s: ", before, c->words);
    before = ", ";
    put_state(b, c, c->before);
    buf_put_str(b, " -> ");
    put_state(b, c, c->after);
  }
  if (e->why == NULL) return;
  char safe[8 * TEXT_MAX + 1];
  size_t len = strnlen(e->why, TEXT_MAX);
  buf_put_str(b, "  why: ");
  buf_put(b, safe, escape_term(e->why, len, safe, sizeof safe));
}

static void pad(struct buf *b, size_t from, size_t width) {
  while (b->len - from < width && !b->failed) buf_put_u8(b, ' ');
}

/* The name as the specification has it; a connection's state says all. */
static void put_type(struct buf *b, enum trace_type type) {
  const char *name = name_of(type);
  if (type == TRACE_CONNECTION) return;
  buf_put_str(b, name != NULL ? name : "unknown");
  buf_put_u8(b, ' ');
}

/* Everything before what changed. */
static void put_head(struct buf *b, const struct trace_event *e) {
  static const char *const arrows[] = {[TRACE_NO_DIR] = "--", [TRACE_IN] = "<-",
                                       [TRACE_OUT] = "->"};
  buf_printf(b, "%8.3f %-*s %s ", (double)e->us / 1e6, (int)e->peer_width,
             e->peer != NULL ? e->peer : "-", arrows[e->dir]);
  size_t said = b->len;
  put_type(b, e->type);
  size_t bare = b->len;
  if (bare > said) pad(b, said, NAME_WIDTH + 1);
  size_t fields = b->len;
  put_fields(b, e->fields);
  if (b->len == fields && !b->failed) b->len = bare > said ? bare - 1 : said; /* there are none */
  if (e->sized) {
    pad(b, said, SAID_WIDTH);
    buf_printf(b, " %5zu byte%s", e->size, e->size == 1 ? " " : "s");
  }
  if (e->bep != 0) buf_printf(b, "  BEP %u", e->bep);
}

static void put_text(struct buf *b, const struct trace_event *e, unsigned columns) {
  size_t start = b->len;
  put_head(b, e);
  size_t head = b->len;
  put_tail(b, e);
  if (columns > 0 && b->len - start > columns && b->len > head) {
    b->len = head;
    buf_put_u8(b, '\n');
    pad(b, head + 1, TAIL_INDENT);
    put_tail(b, e);
  }
  buf_put_u8(b, '\n');
}

/* --- the bytes, field by field --- */

/* What the bytes of a field mean, where that is not just the bytes again. */
static void put_meaning(struct buf *b, const struct trace_field *x) {
  const struct client_bit *bit;
  put_name(b, x->name);
  if (x->kind == TRACE_NUMBER || x->kind == TRACE_TEXT) {
    buf_put_u8(b, ' ');
    put_value(b, x);
  }
  for (size_t i = 0; x->kind == TRACE_RESERVED && (bit = named_bit(x->bytes, i)) != NULL; i++)
    buf_printf(b, "%s%s", i == 0 ? ": " : ", ", bit->name);
}

/* One row: offset, up to ROW bytes, and with the first one what they mean. */
static void put_row(struct buf *b, const struct trace_field *x, size_t from, size_t n) {
  const uint8_t *bytes = x->bytes;
  buf_printf(b, "%10zu ", x->at + from);
  for (size_t i = 0; i < n; i++) buf_printf(b, " %02x", bytes[from + i]);
  if (from > 0) return;
  buf_printf(b, "%*s", (int)(3 * (ROW - n) + 2), "");
  put_meaning(b, x);
}

static void put_bytes(struct buf *b, const struct trace_field *x) {
  bool data = x->kind == TRACE_BYTES || is_long_bencode(x);
  size_t n = data && x->len > TRACE_DATA_SHOWN ? TRACE_DATA_SHOWN : x->len;
  for (size_t from = 0; from < n; from += ROW) {
    put_row(b, x, from, n - from < ROW ? n - from : ROW);
    if (from == 0 && n < x->size) buf_printf(b, ", the first %zu of %zu bytes", n, x->size);
    buf_put_u8(b, '\n');
  }
}

static void put_text_and_bytes(struct buf *b, const struct trace_event *e, unsigned columns) {
  put_text(b, e, columns);
  for (size_t i = 0; e->fields != NULL && i < e->fields->count; i++)
    if (e->fields->at[i].size > 0) put_bytes(b, &e->fields->at[i]);
}

/* --- JSON --- */

static void json_reserved(struct json *j, const struct trace_field *x) {
  const struct client_bit *bit;
  json_hex(j, x->name, x->bytes, 8);
  json_open_array(j, "extensions");
  for (size_t i = 0; (bit = named_bit(x->bytes, i)) != NULL; i++) json_cstr(j, NULL, bit->name);
  json_close(j, ']');
}

/* Bytes: all, or if that is too many the first ones, and then the member "shortened". */
static void json_bytes(struct json *j, const struct trace_field *x) {
  bool cut = x->len < x->size || x->len > JSON_BYTES;
  json_hex(j, x->name, x->bytes, cut && x->len > TRACE_DATA_SHOWN ? TRACE_DATA_SHOWN : x->len);
  if (cut) json_bool(j, "shortened", true);
}

static void json_field(struct json *j, const struct trace_field *x) {
  switch (x->kind) {
  case TRACE_NUMBER:
    json_u64(j, x->name, x->number);
    break;
  case TRACE_TEXT:
    json_str(j, x->name, x->bytes, x->len);
    break;
  case TRACE_HEX:
  case TRACE_ID:
    json_hex(j, x->name, x->bytes, x->len);
    break;
  case TRACE_RESERVED:
    json_reserved(j, x);
    break;
  case TRACE_BENCODE:
    if (is_long_bencode(x)) {
      json_bytes(j, x);
      break;
    }
    json_key(j, x->name, strlen(x->name));
    put_bencode(j, x->bytes, x->len);
    break;
  case TRACE_BYTES:
    json_bytes(j, x);
    break;
  }
}

static void json_changes(struct json *j, const struct trace_event *e) {
  json_open_object(j, "changed");
  for (size_t i = 0; i < e->change_count; i++) {
    const struct trace_change *c = &e->changes[i];
    json_open_array(j, c->name);
    for (int k = 0; k < 2; k++) {
      uint64_t v = k == 0 ? c->before : c->after;
      if (c->flag) json_bool(j, NULL, v != 0);
      else json_u64(j, NULL, v);
    }
    json_close(j, ']');
  }
  json_close(j, '}');
}

static void put_time(struct json *j, int64_t us) {
  char digits[32];
  int n = snprintf(digits, sizeof digits, "%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000);
  json_number(j, "t", digits, (size_t)n);
}

static void put_json(struct buf *b, const struct trace_event *e) {
  static const char *const dirs[] = {[TRACE_NO_DIR] = NULL, [TRACE_IN] = "in", [TRACE_OUT] = "out"};
  struct json j;
  char name[24];
  json_begin(&j, b);
  json_open_object(&j, NULL);
  json_u64(&j, "trace", 1);
  put_time(&j, e->us);
  json_cstr(&j, "peer", e->peer);
  json_cstr(&j, "dir", dirs[e->dir]);
  json_cstr(&j, "type", trace_line_name(e->type, name));
  if (e->sized) json_u64(&j, "size", e->size);
  else json_null(&j, "size");
  if (e->bep != 0) json_u64(&j, "bep", e->bep);
  else json_null(&j, "bep");
  json_open_object(&j, "fields");
  for (size_t i = 0; e->fields != NULL && i < e->fields->count; i++)
    if (!e->fields->at[i].frame) json_field(&j, &e->fields->at[i]);
  json_close(&j, '}');
  json_changes(&j, e);
  json_cstr(&j, "why", e->why);
  json_close(&j, '}');
  buf_put_u8(b, '\n');
}

void trace_line_put(struct buf *b, enum trace_format format, const struct trace_event *e,
                    unsigned columns) {
  if (format == TRACE_AS_JSON) put_json(b, e);
  else if (format == TRACE_AS_HEX) put_text_and_bytes(b, e, columns);
  else put_text(b, e, columns);
}
