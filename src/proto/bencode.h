/*
 * bencode: the encoding of torrents, tracker replies and extension messages (BEP 3).
 *
 *   integer     i<decimal>e            no leading zeros, no "-0"
 *   string      <length>:<bytes>       no leading zeros in the length
 *   list        l<value>*e
 *   dictionary  d(<string><value>)*e   keys sorted as raw bytes, each once
 *
 * The decoder works without recursion and in one pass: it turns the input into a flat array of
 * tokens in the order of the bytes; a container's token knows how many tokens lie inside it.
 * Nothing is copied: tokens are spans of the input, which must outlive the document. That raw span
 * of any value is what makes the info hash exact: it is taken over the bytes as they came.
 *
 * Strictness: malformed integers and lengths, missing ends, depth or token count over the limit and
 * trailing bytes are errors. Keys that are unsorted or that repeat are remembered per dictionary
 * (BEN_UNSORTED, BEN_DUPLICATE), because only the reader of that dictionary knows whether it
 * matters.
 */
#ifndef WEFT_PROTO_BENCODE_H
#define WEFT_PROTO_BENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum ben_type { BEN_INT, BEN_STR, BEN_LIST, BEN_DICT };

enum { BEN_UNSORTED = 1, BEN_DUPLICATE = 2 }; /* flags of a dictionary */

struct ben_token {
  uint8_t type;      /* enum ben_type */
  uint8_t flags;     /* of a dictionary */
  uint32_t start;    /* offset of the value's first byte in the input */
  uint32_t end;      /* offset behind its last byte: [start, end) is the raw span */
  uint32_t body;     /* BEN_STR: offset of its first content byte (content ends at `end`);
                      * BEN_DICT with BEN_DUPLICATE: index of a key that was there before */
  uint32_t next;     /* index of the first token behind this value and all that is inside it */
};

struct ben_limits {
  size_t max_bytes;  /* of input; at most UINT32_MAX */
  size_t max_tokens;
  size_t max_depth;  /* containers inside each other; at most BENCODE_DEPTH_MAX */
  bool prefix;       /* allow bytes behind the first value (BEP 9 data messages) */
};

enum { BENCODE_DEPTH_MAX = 100 };

/* Limits for a torrent file and for a message from the network (tracker, extension). */
extern const struct ben_limits bencode_torrent_limits; /* 64 MiB, 4,194,304 tokens, depth 100 */
extern const struct ben_limits bencode_message_limits; /* 1 MiB, 20,000 tokens, depth 20 */

struct ben_doc {
  const uint8_t *in; /* not owned */
  size_t in_len;     /* bytes that the value takes (all of the input unless limits.prefix) */
  struct ben_token *tokens; /* owned; tokens[0] is the root */
  size_t count;
  size_t error_at;       /* on failure: offset of the byte that is wrong */
  const char *error_why; /* on failure: what was expected there, static text */
};

/*
 * Decodes `len` bytes at `in`, which must stay unchanged while `doc` is used.
 * Returns ERR_OK; ERR_FORMAT or ERR_LIMIT with error_at and error_why set; ERR_MEMORY.
 * bencode_free(doc) is due only after ERR_OK, and harmless otherwise.
 */
enum err bencode_decode(struct ben_doc *doc, const void *in, size_t len,
                        const struct ben_limits *limits);
void bencode_free(struct ben_doc *doc);

/* --- Reading. A value is a token index; BEN_NONE stands for "not there" and is accepted
 *     everywhere: getters then answer false, lookups BEN_NONE. --- */
#define BEN_NONE UINT32_MAX
typedef uint32_t ben_val;

/* The outermost value; BEN_NONE if nothing was decoded. */
static inline ben_val bencode_root(const struct ben_doc *d) {
  return d->count ? 0 : BEN_NONE;
}
/* Is `v` there, and of this type? */
bool bencode_is(const struct ben_doc *d, ben_val v, enum ben_type type);
/* The value of key `key` in dictionary `dict`; the first one if it repeats. BEN_NONE if `dict` is
 * no dictionary or has no such key. */
ben_val bencode_get(const struct ben_doc *d, ben_val dict, const char *key);
/* bencode_get() that also insists on the type: BEN_NONE when it is another. */
ben_val bencode_get_typed(const struct ben_doc *d, ben_val dict, const char *key,
                          enum ben_type type);
/* The content of a string, in place, not NUL-terminated. False if `v` is no string. */
bool bencode_str(const struct ben_doc *d, ben_val v, const char **s, size_t *len);
/* Copies the content of a string into `out` (`size` > 0 bytes) as a C string: up to its first NUL,
 * cut at a UTF-8 character if it is too long. False, and "" in `out`, if `v` is no string. */
bool bencode_cstr(const struct ben_doc *d, ben_val v, char *out, size_t size);
/* False if `v` is no integer or does not fit. */
bool bencode_int(const struct ben_doc *d, ben_val v, int64_t *out);
/* The raw bytes of any value. False for BEN_NONE. */
bool bencode_raw(const struct ben_doc *d, ben_val v, const uint8_t **p, size_t *len);
/* Members of a list, or keys and values in turn of a dictionary, in order of the input:
 *   for (ben_val k = bencode_first(d, v); k != BEN_NONE; k = bencode_next(d, v, k))
 * For a dictionary, the value behind key k is bencode_next(d, v, k). */
ben_val bencode_first(const struct ben_doc *d, ben_val container);
ben_val bencode_next(const struct ben_doc *d, ben_val container, ben_val member);
/* Members of a list, pairs of a dictionary; 0 for anything else. */
size_t bencode_count(const struct ben_doc *d, ben_val container);
/* A key that is in dictionary `dict` more than once, as a value (a string); BEN_NONE if there is
 * none. */
ben_val bencode_repeated(const struct ben_doc *d, ben_val dict);

/* --- Writing. Appends to `b` (see buf.h for overflow). Canonical as long as the caller gives
 *     dictionary keys in order. --- */
void bencode_put_int(struct buf *b, int64_t v);
void bencode_put_str(struct buf *b, const void *s, size_t len);
void bencode_put_cstr(struct buf *b, const char *s); /* also for keys */
static inline void bencode_open_list(struct buf *b) { buf_put_u8(b, 'l'); }
static inline void bencode_open_dict(struct buf *b) { buf_put_u8(b, 'd'); }
static inline void bencode_close(struct buf *b) { buf_put_u8(b, 'e'); }

#endif
