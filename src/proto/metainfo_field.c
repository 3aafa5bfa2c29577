#include "proto/metainfo_field.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err metainfo_field_fail(struct metainfo_error *err, enum err e, const char *dict,
                             const char *key, const char *fmt, ...) {
  va_list ap;
  snprintf(err->field, sizeof err->field, "%s%s%s", dict, key ? "." : "", key ? key : "");
  va_start(ap, fmt);
  vsnprintf(err->why, sizeof err->why, fmt, ap);
  va_end(ap);
  return e;
}

enum err metainfo_field_unique(const struct ben_doc *d, ben_val v, const char *dict,
                               struct metainfo_error *err) {
  char key[100];
  ben_val repeated = bencode_repeated(d, v);
  if (repeated == BEN_NONE) return ERR_OK;
  bencode_cstr(d, repeated, key, sizeof key);
  return metainfo_field_fail(err, ERR_FORMAT, dict, key, "this key is there more than once");
}

enum err metainfo_field_number(const struct ben_doc *d, ben_val v, const char *dict,
                               const char *key, int64_t least, int64_t *out,
                               struct metainfo_error *err) {
  ben_val n = bencode_get(d, v, key);
  if (n == BEN_NONE) return metainfo_field_fail(err, ERR_FORMAT, dict, key, "is missing");
  if (!bencode_is(d, n, BEN_INT))
    return metainfo_field_fail(err, ERR_FORMAT, dict, key, "must be an integer");
  if (!bencode_int(d, n, out))
    return metainfo_field_fail(err, ERR_FORMAT, dict, key, "does not fit into 64 bits");
  if (*out < least)
    return metainfo_field_fail(err, ERR_FORMAT, dict, key,
                               "is %" PRId64 ", must be at least %" PRId64, *out, least);
  return ERR_OK;
}

ben_val metainfo_field_utf8(const struct ben_doc *d, ben_val v, const char *key,
                            enum ben_type type) {
  char utf8[32];
  snprintf(utf8, sizeof utf8, "%s.utf-8", key);
  ben_val found = bencode_get_typed(d, v, utf8, type);
  return found != BEN_NONE ? found : bencode_get_typed(d, v, key, type);
}

enum err metainfo_field_copy(const struct ben_doc *d, ben_val v, char **out, size_t *len) {
  const char *s;
  size_t n;
  if (!bencode_str(d, v, &s, &n)) return ERR_OK;
  char *copy = malloc(n + 1);
  if (copy == NULL) return ERR_MEMORY;
  memcpy(copy, s, n);
  copy[n] = '\0';
  *out = copy;
  if (len != NULL) *len = n;
  return ERR_OK;
}
