/*
 * json: writes JSON (RFC 8259) into a struct buf, commas included.
 *
 *   json_begin(&j, &buf);
 *   json_open_object(&j, NULL);
 *   json_cstr(&j, "name", text);          "key": value inside an object
 *   json_open_array(&j, "sizes");
 *   json_u64(&j, NULL, 5);                no key inside an array
 *   json_close(&j, ']');
 *   json_close(&j, '}');
 *
 * All on one line and in ASCII: strings pass through escape_json(). The buffer may be emptied
 * between two calls, so a document of any size needs little memory. Overflow shows in buf->failed.
 */
#ifndef WEFT_APP_JSON_H
#define WEFT_APP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
  struct buf *b; /* not owned */
  bool comma;    /* a value stands before the next one */
};

/* Starts a document at the end of `b`, which must outlive `j`. */
void json_begin(struct json *j, struct buf *b);

/* `key` is NULL inside an array and for the outermost value; keys are ours and need no escaping. */
void json_open_object(struct json *j, const char *key);
void json_open_array(struct json *j, const char *key);
/* `bracket` is '}' or ']', as what was opened last demands. */
void json_close(struct json *j, char bracket);

/* `len` raw bytes from anywhere. */
void json_str(struct json *j, const char *key, const char *s, size_t len);
/* A NUL-terminated string, or null when `s` is NULL. */
void json_cstr(struct json *j, const char *key, const char *s);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_i64(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);
/* `len` bytes as a string of hexadecimal digits; at most 32 bytes. */
void json_hex(struct json *j, const char *key, const uint8_t *bytes, size_t len);

#endif
