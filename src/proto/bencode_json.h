/*
 * bencode_json: a bencoded value as JSON, without losing a byte.
 *
 *   integer     a number with all of its digits, however many (some readers of JSON keep only 53
 *               bits of them)
 *   list        an array
 *   dictionary  an object, its members in the order of the input; a key that repeats, repeats
 *   string      a string, written as base/json writes all of them: its text, if it is valid UTF-8
 *               and does not begin with "hex:"; any other is "hex:" and two digits for each byte
 *
 * So the way back is never in doubt, for keys as for values.
 *
 * The walk needs no recursion and stops after each step, a bounded number of bytes, so that the
 * caller can empty the buffer: documents of any size pass through a small one.
 */
#ifndef WEFT_PROTO_BENCODE_JSON_H
#define WEFT_PROTO_BENCODE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "proto/bencode.h"

enum { BENCODE_JSON_STEP_MAX = 200000 }; /* a step writes fewer bytes, integers and keys aside */

struct bencode_json {
  const struct ben_doc *d; /* not owned */
  ben_val at;              /* the token that is next */
  ben_val end;             /* behind the last one */
  uint32_t done;           /* bytes of a string that were written; 0: it was not begun */
  bool hex;                /* it is written as digits */
  bool open;               /* a string was begun and not ended */
  size_t depth;
  struct {
    ben_val end;           /* behind the container */
    bool dict;
    bool value;            /* dictionary: the key was written, its value was not */
  } frames[BENCODE_DEPTH_MAX];
};

/* Begins to write value `v` of `d`, which bencode_decode() made and which must outlive the walk.
 * BEN_NONE is written as null. Nothing here waits. */
void bencode_json_begin(struct bencode_json *w, const struct ben_doc *d, ben_val v);

/* Writes the next part into `j`; its buffer may be emptied between two steps, and its overflow
 * shows there (json.h). Returns false when the value is complete and there was nothing to write. */
bool bencode_json_step(struct bencode_json *w, struct json *j);

/* The whole value at once, as the next one of `j`. Returns nothing; overflow as above. */
void bencode_json_put(struct json *j, const struct ben_doc *d, ben_val v);

#endif
