/*
 * metainfo_field: the small steps that every part of reading a torrent shares.
 *
 * Each helper looks at one field and, when something is wrong with it, says in a metainfo_error
 * which field that was and what is wrong, in words for the person who made or got the torrent. The
 * name is that of a dictionary ("info", "info.files[3]") and a key in it. Values are looked up
 * strictly by type; text is copied as it stands, since what is safe for a terminal or a file system
 * is not decided here.
 */
#ifndef WEFT_PROTO_METAINFO_FIELD_H
#define WEFT_PROTO_METAINFO_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/bencode.h"

/* Why parsing failed: the field ("info.files[3].path") and what is wrong with it. Both may hold
 * bytes of the torrent as they came: escape them to show them. */
struct metainfo_error {
  char field[128];
  char why[160];
};

/* Fills `err` with the field "dict.key" (`key` may be NULL: the dictionary itself) and the sentence
 * of `fmt`. Returns `e`. */
__attribute__((format(printf, 5, 6))) enum err metainfo_field_fail(struct metainfo_error *err,
                                                                   enum err e, const char *dict,
                                                                   const char *key,
                                                                   const char *fmt, ...);

/* Is every key in dictionary `v`, called `dict` in errors, there once? ERR_OK or ERR_FORMAT. */
enum err metainfo_field_unique(const struct ben_doc *d, ben_val v, const char *dict,
                               struct metainfo_error *err);

/* The integer `key` of dictionary `v`, which must be there and be at least `least`. Returns ERR_OK
 * with *out set, or ERR_FORMAT. */
enum err metainfo_field_number(const struct ben_doc *d, ben_val v, const char *dict,
                               const char *key, int64_t least, int64_t *out,
                               struct metainfo_error *err);

/* The value of "key.utf-8" if it is there with this type, else of "key" if that has it, else
 * BEN_NONE. `key` has at most 24 bytes. */
ben_val metainfo_field_utf8(const struct ben_doc *d, ben_val v, const char *key,
                            enum ben_type type);

/* Copies a string into fresh memory with a NUL behind it; the caller owns *out. *len (may be NULL)
 * becomes its length. BEN_NONE or another type leaves *out alone. Returns ERR_OK or ERR_MEMORY. */
enum err metainfo_field_copy(const struct ben_doc *d, ben_val v, char **out, size_t *len);

#endif
