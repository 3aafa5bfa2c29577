#include "app/json.h"

#include <inttypes.h>
#include <string.h>

#include "base/crypto.h"
#include "base/escape.h"

void json_begin(struct json *j, struct buf *b) {
  *j = (struct json){.b = b};
}

/* The comma and the key that a value needs in front; the value itself follows. */
static void lead(struct json *j, const char *key) {
  if (j->comma) buf_put_u8(j->b, ',');
  j->comma = true;
  if (key == NULL) return;
  buf_put_u8(j->b, '"');
  buf_put_str(j->b, key);
  buf_put_str(j->b, "\":");
}

static void open_with(struct json *j, const char *key, char bracket) {
  lead(j, key);
  buf_put_u8(j->b, (uint8_t)bracket);
  j->comma = false;
}

void json_open_object(struct json *j, const char *key) {
  open_with(j, key, '{');
}

void json_open_array(struct json *j, const char *key) {
  open_with(j, key, '[');
}

void json_close(struct json *j, char bracket) {
  buf_put_u8(j->b, (uint8_t)bracket);
  j->comma = true;
}

void json_str(struct json *j, const char *key, const char *s, size_t len) {
  lead(j, key);
  buf_put_u8(j->b, '"');
  size_t room;
  uint8_t *to = NULL;
  if (__builtin_mul_overflow(len, 6, &room) || room == SIZE_MAX)
    j->b->failed = true;
  else
    to = buf_reserve(j->b, room + 1);
  if (to != NULL) j->b->len += escape_json(s, len, (char *)to, room + 1);
  buf_put_u8(j->b, '"');
}

void json_cstr(struct json *j, const char *key, const char *s) {
  if (s != NULL) {
    json_str(j, key, s, strlen(s));
    return;
  }
  lead(j, key);
  buf_put_str(j->b, "null");
}

void json_u64(struct json *j, const char *key, uint64_t v) {
  lead(j, key);
  buf_printf(j->b, "%" PRIu64, v);
}

void json_i64(struct json *j, const char *key, int64_t v) {
  lead(j, key);
  buf_printf(j->b, "%" PRId64, v);
}

void json_bool(struct json *j, const char *key, bool v) {
  lead(j, key);
  buf_put_str(j->b, v ? "true" : "false");
}

void json_hex(struct json *j, const char *key, const uint8_t *bytes, size_t len) {
  char text[65] = "";
  if (len <= 32) crypto_hex(bytes, len, text);
  json_cstr(j, key, text);
}
