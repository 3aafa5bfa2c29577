/*
 * canon: where bencoding departs from its canonical form (BEP 3).
 *
 * Every value has exactly one right encoding: integers and lengths without leading zeros or signs
 * that say nothing, keys that are strings, sorted as raw bytes, each there once, and nothing behind
 * the outermost value. The info hash of a torrent rests on that: a program that reads a torrent
 * and writes it again must get the same bytes.
 *
 * This works on input of any kind. The decoder of proto/bencode stops at the first thing that is
 * wrong, as it should with bytes from a stranger. Who wants to know what exactly is wrong, and
 * where else, reads the input with this module: it names each departure with its offset and goes on
 * as far as that makes sense. The departures below the line REFUSED are those that the decoder
 * refuses; the first of them is at the byte at which the decoder gives up. Those from ENDS on also
 * end the walk.
 *
 * The values found on the way are a struct ben_doc, to be walked with the functions of bencode. As
 * it may hold what the decoder never lets through (a key that is no string, a key without value,
 * a value that is cut off), bencode_int() must not be called on it.
 *
 * One pass, no recursion; sorting the keys of dictionaries that are out of order comes on top.
 */
#ifndef WEFT_PROTO_CANON_H
#define WEFT_PROTO_CANON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/bencode.h"

enum canon_what {
  CANON_UNSORTED,  /* a key is smaller than the one before it */
  CANON_DUPLICATE, /* a key was there before */
  CANON_REFUSED,   /* no departure: where those begin that the decoder refuses */
  CANON_INT_ZEROS, /* i007e, i-07e */
  CANON_INT_MINUS_ZERO,
  CANON_INT_PLUS,
  CANON_INT_EMPTY, /* ie, i-e, ixe: no digit where the first must be */
  CANON_INT_JUNK,  /* something between the digits and the 'e' */
  CANON_LEN_ZEROS, /* 05:hello */
  CANON_BLANK,     /* blanks or newlines between values */
  CANON_KEY_TYPE,  /* a key that is no string */
  CANON_NO_VALUE,  /* a key without a value */
  CANON_TRAILING,  /* bytes behind the outermost value */
  CANON_ENDS,      /* no departure: where those begin that end the walk */
  CANON_CUT,       /* the input ends inside an integer, a length, a list or a dictionary */
  CANON_STR_CUT,   /* a string is longer than the rest of the input */
  CANON_NO_COLON,  /* a length without ':' */
  CANON_UNKNOWN,   /* a byte that begins no value */
  CANON_NO_KEY,    /* the same, where a key must be */
  CANON_DEEP,      /* nested more than BENCODE_DEPTH_MAX deep */
  CANON_MANY,      /* more values than bencode_torrent_limits allows */
  CANON_COUNT
};

/* Flag of a token beside those of proto/bencode: the input ended, or the walk did, before the value
 * was complete. Its `end` is how far it came. */
enum { CANON_OPEN = 4 };

struct canon_fault {
  uint8_t what;   /* enum canon_what */
  uint32_t at;    /* offset of the byte that is wrong */
  uint32_t other; /* what it has to do with: the key before it, the first key of this name, the
                   * value that is open and began there; `at` itself if there is no such place */
};

struct canon {
  struct ben_doc doc;         /* in_len: how far the walk came */
  size_t len;                 /* of the input */
  struct canon_fault *faults; /* owned; in order of `at` */
  size_t fault_count;
};

/*
 * Reads `len` bytes at `in`, which must stay unchanged while `c` is used. Returns ERR_OK, whatever
 * the bytes are, with `c` to be freed by canon_free(); ERR_LIMIT if there are more than
 * bencode_torrent_limits.max_bytes of them; ERR_MEMORY. After these two there is nothing to free.
 */
enum err canon_read(struct canon *c, const void *in, size_t len);
/* Safe on a zeroed struct. */
void canon_free(struct canon *c);

/* The first departure that proto/bencode refuses; NULL if it accepts the input. Valid until
 * canon_free(). */
const struct canon_fault *canon_refusal(const struct canon *c);
/* How many departures of kind `what` there are. */
size_t canon_count(const struct canon *c, enum canon_what what);

#endif
