#include "base/json.h"

#include <inttypes.h>
#include <string.h>

#include "base/crypto.h"
#include "base/escape.h"

enum {
  HEX_STEP = 64,       /* bytes that are turned into digits at a time */
  SENTENCE_MAX = 4096  /* bytes of a sentence, once escaped */
};

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

void json_open_str(struct json *j, const char *key) {
  open_with(j, key, '"');
}

void json_part(struct json *j, const char *s, size_t len) {
  size_t room;
  uint8_t *to = NULL;
  if (__builtin_mul_overflow(len, 6, &room) || room == SIZE_MAX)
    j->b->failed = true;
  else
    to = buf_reserve(j->b, room + 1);
  if (to != NULL) j->b->len += escape_json(s, len, (char *)to, room + 1);
}

void json_part_hex(struct json *j, const uint8_t *bytes, size_t len) {
  char text[2 * HEX_STEP + 1];
  for (size_t at = 0; at < len; at += HEX_STEP) {
    crypto_hex(bytes + at, len - at < HEX_STEP ? len - at : HEX_STEP, text);
    buf_put_str(j->b, text);
  }
}

void json_close_str(struct json *j, bool name) {
  buf_put_str(j->b, name ? "\":" : "\"");
  j->comma = !name;
}

bool json_is_text(const char *s, size_t len) {
  static const char mark[] = JSON_HEX;
  uint32_t c;
  if (len >= sizeof mark - 1 && memcmp(s, mark, sizeof mark - 1) == 0) return false;
  for (size_t i = 0; i < len;) {
    size_t n = escape_utf8((const uint8_t *)s + i, len - i, &c);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

/* The inside of a string that may be any bytes. */
static void put_any(struct json *j, const char *s, size_t len) {
  if (json_is_text(s, len)) {
    json_part(j, s, len);
    return;
  }
  buf_put_str(j->b, JSON_HEX);
  json_part_hex(j, (const uint8_t *)s, len);
}

void json_key(struct json *j, const char *key, size_t len) {
  json_open_str(j, NULL);
  put_any(j, key, len);
  json_close_str(j, true);
}

void json_str(struct json *j, const char *key, const char *s, size_t len) {
  json_open_str(j, key);
  put_any(j, s, len);
  json_close_str(j, false);
}

void json_cstr(struct json *j, const char *key, const char *s) {
  if (s != NULL) json_str(j, key, s, strlen(s));
  else json_null(j, key);
}

void json_sentence(struct json *j, const char *key, const char *s) {
  char safe[SENTENCE_MAX];
  if (s == NULL) {
    json_null(j, key);
    return;
  }
  size_t len = escape_term(s, strlen(s), safe, sizeof safe);
  json_open_str(j, key);
  json_part(j, safe, len);
  json_close_str(j, false);
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

void json_null(struct json *j, const char *key) {
  lead(j, key);
  buf_put_str(j->b, "null");
}

void json_number(struct json *j, const char *key, const char *digits, size_t len) {
  lead(j, key);
  buf_put(j->b, digits, len);
}

void json_hex(struct json *j, const char *key, const uint8_t *bytes, size_t len) {
  json_open_str(j, key);
  json_part_hex(j, bytes, len);
  json_close_str(j, false);
}
