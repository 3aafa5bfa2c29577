/*
 * json: writes JSON (RFC 8259) into a struct buf, commas included.
 *
 *   json_begin(&j, &buf);
 *   json_open_object(&j, NULL);
 *   json_cstr(&j, "name", text);          "key": value inside an object
 *   json_open_array(&j, "sizes");
 *   json_u64(&j, NULL, 5);                no key inside an array
 *   json_close(&j, ']');
 *   json_key(&j, key, key_len);           a key that a stranger chose,
 *   json_null(&j, NULL);                  and its value, with no other
 *   json_close(&j, '}');
 *
 * All on one line and in ASCII: strings pass through escape_json(). Names and texts come from
 * strangers and may be any bytes, which JSON can't hold; this is how all JSON of weft writes them,
 * keys and values alike:
 *
 *   valid UTF-8 that does not begin with "hex:"   as it is
 *   anything else                                 "hex:" and two lower-case digits for each byte
 *
 * So nothing is lost, and the way back is never in doubt: the two bytes ff 00 are "hex:ff00", and
 * the text "hex:" is "hex:6865783a". Other programs write such bytes as characters, which is
 * ambiguous, or as lone surrogates, which many readers refuse or replace.
 *
 * The buffer may be emptied between two calls, so a document of any size and any depth needs little
 * memory. What the calls make is valid if opening and closing match, and that is for the caller to
 * see to, as it knows what it is in anyway. Overflow shows in buf->failed.
 */
#ifndef WEFT_BASE_JSON_H
#define WEFT_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
  struct buf *b; /* not owned */
  bool comma;    /* a value stands before the next one */
};

/* Starts a document at the end of `b`, which must outlive `j`. Nothing here waits; one thread at a
 * time. */
void json_begin(struct json *j, struct buf *b);

/* Everywhere below: `key` is NULL inside an array, for the outermost value and after json_key();
 * keys are ours and need no escaping. */

/* Begins {...} or [...]. */
void json_open_object(struct json *j, const char *key);
void json_open_array(struct json *j, const char *key);
/* `bracket` is '}' or ']', as what was opened last demands. */
void json_close(struct json *j, char bracket);

/* What stands in front of digits, in place of a string that is no text. */
#define JSON_HEX "hex:"

/* Are the `len` bytes text that is written as it is? */
bool json_is_text(const char *s, size_t len);

/* The key of the next value, `len` raw bytes from anywhere. */
void json_key(struct json *j, const char *key, size_t len);

/* `len` raw bytes from anywhere; `s` may be NULL if there are none. */
void json_str(struct json *j, const char *key, const char *s, size_t len);
/* A NUL-terminated string, or null when `s` is NULL. */
void json_cstr(struct json *j, const char *key, const char *s);
/* A sentence for people, or null. As it may quote bytes from anywhere, or be cut, it is escaped as
 * on a terminal (escape_term), and so is never "hex:". */
void json_sentence(struct json *j, const char *key, const char *s);
/* All 64 bits, as digits; some readers keep only 53 of them. */
void json_u64(struct json *j, const char *key, uint64_t v);
void json_i64(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);
/* A number of any length: its `len` characters are copied, so they must be a number of JSON. */
void json_number(struct json *j, const char *key, const char *digits, size_t len);

/* A string that comes in parts, between json_open_str() and json_close_str(): text, to be cut only
 * between two characters, and bytes as hexadecimal digits. So a long one needs no long buffer. */
void json_open_str(struct json *j, const char *key);
void json_part(struct json *j, const char *s, size_t len);
void json_part_hex(struct json *j, const uint8_t *bytes, size_t len);
/* Ends it. `name`: it was the key of the next value, and not a value itself. */
void json_close_str(struct json *j, bool name);

/* `len` bytes as a string of hexadecimal digits. */
void json_hex(struct json *j, const char *key, const uint8_t *bytes, size_t len);

#endif
