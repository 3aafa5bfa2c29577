#include "proto/bencode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

const struct ben_limits bencode_torrent_limits = {
  .max_bytes = 64u << 20,
  .max_tokens = 1 << 22,
  .max_depth = BENCODE_DEPTH_MAX,
};
const struct ben_limits bencode_message_limits = {
  .max_bytes = 1u << 20,
  .max_tokens = 20000,
  .max_depth = 20,
};

/* A container that is open: the explicit stack that stands in for recursion. */
struct frame {
  uint32_t token;
  uint32_t last_key; /* dictionary: token of the latest key, BEN_NONE before the first */
  bool value_due;    /* dictionary: a key was read and its value was not */
};

struct parser {
  struct ben_doc *doc;
  const struct ben_limits *limits;
  const uint8_t *in;
  size_t len;
  size_t at;
  size_t cap; /* tokens that fit into doc->tokens */
  size_t depth;
  struct frame frames[BENCODE_DEPTH_MAX];
};

static enum err fail(struct parser *p, enum err e, size_t at, const char *why) {
  p->doc->error_at = at;
  p->doc->error_why = at < p->len ? why : "the input ends in the middle of a value";
  return e;
}

/* The byte at the cursor, -1 at the end. */
static int peek(const struct parser *p) {
  return p->at < p->len ? p->in[p->at] : -1;
}

static bool is_digit(int c) {
  return c >= '0' && c <= '9';
}

/* --- Keys: are they in order, and each there once? --- */

static int compare_strings(const uint8_t *in, const struct ben_token *a,
                           const struct ben_token *b) {
  uint32_t a_len = a->end - a->body;
  uint32_t b_len = b->end - b->body;
  int c = memcmp(in + a->body, in + b->body, a_len < b_len ? a_len : b_len);
  if (c != 0) return c;
  return a_len < b_len ? -1 : a_len > b_len;
}

static void mark_repeated(struct ben_doc *d, ben_val dict, ben_val key) {
  d->tokens[dict].flags |= BEN_DUPLICATE;
  d->tokens[dict].body = key;
}

static void note_key(struct parser *p, struct frame *f, uint32_t key) {
  struct ben_token *t = p->doc->tokens;
  if (f->last_key != BEN_NONE) {
    int c = compare_strings(p->in, &t[f->last_key], &t[key]);
    if (c > 0) t[f->token].flags |= BEN_UNSORTED;
    if (c == 0) mark_repeated(p->doc, f->token, key);
  }
  f->last_key = key;
}

static int compare_keys(const void *a, const void *b, void *doc) {
  const struct ben_doc *d = doc;
  const uint32_t *x = a;
  const uint32_t *y = b;
  return compare_strings(d->in, &d->tokens[*x], &d->tokens[*y]);
}

/* Equal keys need not be neighbours in an unsorted dictionary: sort a list of them to see. Every
 * key belongs to one dictionary, so this is n log n over the whole input. */
static enum err find_duplicate(struct ben_doc *d, ben_val dict) {
  size_t n = bencode_count(d, dict);
  size_t i = 0;
  uint32_t *keys = malloc(n * sizeof *keys);
  if (keys == NULL) return ERR_MEMORY;
  for (ben_val k = bencode_first(d, dict); k != BEN_NONE; k = bencode_next(d, dict, k)) {
    keys[i++] = k;
    k = bencode_next(d, dict, k);
  }
  qsort_r(keys, n, sizeof *keys, compare_keys, d);
  for (i = 1; i < n; i++)
    if (compare_keys(&keys[i - 1], &keys[i], d) == 0) mark_repeated(d, dict, keys[i]);
  free(keys);
  return ERR_OK;
}

/* --- Tokens. --- */

static enum err make_room(struct parser *p) {
  struct ben_doc *d = p->doc;
  if (d->count >= p->limits->max_tokens)
    return fail(p, ERR_LIMIT, p->at, "more values than we accept");
  if (d->count < p->cap) return ERR_OK;
  size_t cap = p->cap ? p->cap * 2 : 32;
  struct ben_token *t = realloc(d->tokens, cap * sizeof *t);
  if (t == NULL) return ERR_MEMORY;
  d->tokens = t;
  p->cap = cap;
  return ERR_OK;
}

/* Appends a token; `t.next` is set here. In a dictionary it is by turns a key and a value. */
static enum err add(struct parser *p, struct ben_token t) {
  enum err e = make_room(p);
  if (e != ERR_OK) return e;
  uint32_t index = (uint32_t)p->doc->count++;
  t.next = index + 1;
  p->doc->tokens[index] = t;
  if (p->depth == 0) return ERR_OK;
  struct frame *f = &p->frames[p->depth - 1];
  if (p->doc->tokens[f->token].type != BEN_DICT) return ERR_OK;
  if (!f->value_due) note_key(p, f, index);
  f->value_due = !f->value_due;
  return ERR_OK;
}

/* integer = "i" ( "0" | [ "-" ] nonzero digit* ) "e" */
static enum err read_int(struct parser *p) {
  size_t start = p->at++;
  bool minus = peek(p) == '-';
  if (minus) p->at++;
  size_t digits = p->at;
  while (is_digit(peek(p))) p->at++;
  if (p->at == digits) return fail(p, ERR_FORMAT, p->at, "expected a digit of an integer");
  if (p->in[digits] == '0' && (minus || p->at - digits > 1))
    return fail(p, ERR_FORMAT, digits, "an integer has a leading zero or is -0");
  if (peek(p) != 'e') return fail(p, ERR_FORMAT, p->at, "expected the 'e' that ends an integer");
  p->at++;
  return add(p, (struct ben_token){
                  .type = BEN_INT, .start = (uint32_t)start, .end = (uint32_t)p->at});
}

/* string = ( "0" | nonzero digit* ) ":" byte*   as many bytes as the number says */
static enum err read_str(struct parser *p) {
  static const char too_long[] = "a string is longer than the rest of the input";
  size_t start = p->at;
  uint64_t n = 0;
  while (is_digit(peek(p)) && p->at - start < 11) n = n * 10 + (uint64_t)(p->in[p->at++] - '0');
  if (p->in[start] == '0' && p->at - start > 1)
    return fail(p, ERR_FORMAT, start, "the length of a string has a leading zero");
  if (n > p->len) return fail(p, ERR_FORMAT, start, too_long);
  if (peek(p) != ':') return fail(p, ERR_FORMAT, p->at, "expected the ':' before a string");
  size_t body = p->at + 1;
  if (n > p->len - body) return fail(p, ERR_FORMAT, start, too_long);
  p->at = body + n;
  return add(p, (struct ben_token){.type = BEN_STR,
                                   .start = (uint32_t)start,
                                   .end = (uint32_t)p->at,
                                   .body = (uint32_t)body});
}

/* list = "l" value* "e"    dictionary = "d" ( string value )* "e" */
static enum err open_container(struct parser *p, enum ben_type type) {
  if (p->depth >= p->limits->max_depth || p->depth >= BENCODE_DEPTH_MAX)
    return fail(p, ERR_LIMIT, p->at, "lists or dictionaries are nested too deeply");
  enum err e = add(p, (struct ben_token){.type = (uint8_t)type, .start = (uint32_t)p->at});
  if (e != ERR_OK) return e;
  uint32_t token = (uint32_t)p->doc->count - 1;
  p->frames[p->depth++] = (struct frame){.token = token, .last_key = BEN_NONE};
  p->at++;
  return ERR_OK;
}

static enum err close_container(struct parser *p) {
  const struct frame *f = &p->frames[p->depth - 1];
  if (f->value_due) return fail(p, ERR_FORMAT, p->at, "a key of a dictionary has no value");
  struct ben_token *t = &p->doc->tokens[f->token];
  p->at++;
  t->end = (uint32_t)p->at;
  t->next = (uint32_t)p->doc->count;
  p->depth--;
  return t->flags & BEN_UNSORTED ? find_duplicate(p->doc, f->token) : ERR_OK;
}

/* Reads one integer or string, or the first or last byte of a container. */
static enum err step(struct parser *p) {
  int c = peek(p);
  if (p->depth > 0) {
    const struct frame *f = &p->frames[p->depth - 1];
    if (c == 'e') return close_container(p);
    if (p->doc->tokens[f->token].type == BEN_DICT && !f->value_due && !is_digit(c))
      return fail(p, ERR_FORMAT, p->at, "expected a key or the 'e' that ends a dictionary");
  }
  if (is_digit(c)) return read_str(p);
  if (c == 'i') return read_int(p);
  if (c == 'l') return open_container(p, BEN_LIST);
  if (c == 'd') return open_container(p, BEN_DICT);
  return fail(p, ERR_FORMAT, p->at, "expected a value: a digit, 'i', 'l' or 'd'");
}

enum err bencode_decode(struct ben_doc *doc, const void *in, size_t len,
                        const struct ben_limits *limits) {
  struct parser p = {.doc = doc, .limits = limits, .in = in, .len = len};
  *doc = (struct ben_doc){.in = in};
  enum err e = ERR_OK;
  if (len > limits->max_bytes || len > UINT32_MAX)
    e = fail(&p, ERR_LIMIT, 0, "more bytes than we accept");
  else
    do e = step(&p);
    while (e == ERR_OK && p.depth > 0);
  if (e == ERR_OK && p.at < len && !limits->prefix)
    e = fail(&p, ERR_FORMAT, p.at, "nothing may follow the value");
  doc->in_len = p.at;
  if (e != ERR_OK) bencode_free(doc);
  return e;
}

void bencode_free(struct ben_doc *doc) {
  free(doc->tokens);
  doc->tokens = NULL;
  doc->count = 0;
}

/* --- Reading. --- */

bool bencode_is(const struct ben_doc *d, ben_val v, enum ben_type type) {
  return v != BEN_NONE && d->tokens[v].type == type;
}

static bool is_container(const struct ben_doc *d, ben_val v) {
  return bencode_is(d, v, BEN_LIST) || bencode_is(d, v, BEN_DICT);
}

ben_val bencode_first(const struct ben_doc *d, ben_val container) {
  if (!is_container(d, container)) return BEN_NONE;
  return container + 1 < d->tokens[container].next ? container + 1 : BEN_NONE;
}

ben_val bencode_next(const struct ben_doc *d, ben_val container, ben_val member) {
  if (member == BEN_NONE || !is_container(d, container)) return BEN_NONE;
  uint32_t next = d->tokens[member].next;
  return next < d->tokens[container].next ? next : BEN_NONE;
}

size_t bencode_count(const struct ben_doc *d, ben_val container) {
  size_t n = 0;
  for (ben_val k = bencode_first(d, container); k != BEN_NONE; k = bencode_next(d, container, k))
    n++;
  return bencode_is(d, container, BEN_DICT) ? n / 2 : n;
}

ben_val bencode_repeated(const struct ben_doc *d, ben_val dict) {
  if (!bencode_is(d, dict, BEN_DICT) || !(d->tokens[dict].flags & BEN_DUPLICATE)) return BEN_NONE;
  return d->tokens[dict].body;
}

ben_val bencode_get(const struct ben_doc *d, ben_val dict, const char *key) {
  size_t key_len = strlen(key);
  if (!bencode_is(d, dict, BEN_DICT)) return BEN_NONE;
  for (ben_val k = bencode_first(d, dict); k != BEN_NONE; k = bencode_next(d, dict, k)) {
    const struct ben_token *t = &d->tokens[k];
    k = bencode_next(d, dict, k);
    if (t->end - t->body == key_len && memcmp(d->in + t->body, key, key_len) == 0) return k;
  }
  return BEN_NONE;
}

ben_val bencode_get_typed(const struct ben_doc *d, ben_val dict, const char *key,
                          enum ben_type type) {
  ben_val v = bencode_get(d, dict, key);
  return bencode_is(d, v, type) ? v : BEN_NONE;
}

bool bencode_str(const struct ben_doc *d, ben_val v, const char **s, size_t *len) {
  if (!bencode_is(d, v, BEN_STR)) return false;
  *s = (const char *)d->in + d->tokens[v].body;
  *len = d->tokens[v].end - d->tokens[v].body;
  return true;
}

/* How many of the `len` bytes fit into `max` without cutting a UTF-8 character in two. */
static size_t fit(const char *s, size_t len, size_t max) {
  size_t i = 0;
  while (i < len) {
    uint32_t c;
    size_t n = escape_utf8((const uint8_t *)s + i, len - i, &c);
    if (n == 0) n = 1;
    if (i + n > max) break;
    i += n;
  }
  return i;
}

bool bencode_cstr(const struct ben_doc *d, ben_val v, char *out, size_t size) {
  const char *s;
  size_t len;
  out[0] = '\0';
  if (!bencode_str(d, v, &s, &len)) return false;
  len = fit(s, strnlen(s, len), size - 1);
  memcpy(out, s, len);
  out[len] = '\0';
  return true;
}

bool bencode_int(const struct ben_doc *d, ben_val v, int64_t *out) {
  if (!bencode_is(d, v, BEN_INT)) return false;
  const uint8_t *p = d->in + d->tokens[v].start + 1;
  bool minus = *p == '-';
  int64_t n = 0;
  for (p += minus; *p != 'e'; p++) {
    int digit = *p - '0';
    if (__builtin_mul_overflow(n, 10, &n)) return false;
    if (__builtin_add_overflow(n, minus ? -digit : digit, &n)) return false;
  }
  *out = n;
  return true;
}

bool bencode_raw(const struct ben_doc *d, ben_val v, const uint8_t **p, size_t *len) {
  if (v == BEN_NONE) return false;
  *p = d->in + d->tokens[v].start;
  *len = d->tokens[v].end - d->tokens[v].start;
  return true;
}

/* --- Writing. --- */

void bencode_put_int(struct buf *b, int64_t v) {
  buf_printf(b, "i%" PRId64 "e", v);
}

void bencode_put_str(struct buf *b, const void *s, size_t len) {
  buf_printf(b, "%zu:", len);
  buf_put(b, s, len);
}

void bencode_put_cstr(struct buf *b, const char *s) {
  bencode_put_str(b, s, strlen(s));
}
