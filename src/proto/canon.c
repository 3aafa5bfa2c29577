#include "proto/canon.h"

#include <stdlib.h>
#include <string.h>

enum { JUNK_MAX = 64 }; /* how far behind junk in an integer its 'e' is looked for */

/* A container that is open. */
struct frame {
  uint32_t token;
  uint32_t last_key; /* token of the latest key that is a string, BEN_NONE before the first */
  bool value_due;    /* a key was read and its value was not */
  bool doubtful;     /* keys are not strictly ascending: look for repeated ones at the end */
};

struct walk {
  struct canon *c;
  const uint8_t *in;
  size_t len;
  size_t at;
  size_t token_cap;
  size_t fault_cap;
  size_t depth;
  bool stop; /* nobody can say how it goes on */
  struct frame frames[BENCODE_DEPTH_MAX];
};

static int peek(const struct walk *w) {
  return w->at < w->len ? w->in[w->at] : -1;
}

static bool is_digit(int c) {
  return c >= '0' && c <= '9';
}

static bool is_blank(int c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* --- Departures. --- */

static enum err note(struct walk *w, enum canon_what what, size_t at, size_t other) {
  struct canon *c = w->c;
  if (c->fault_count == w->fault_cap) {
    size_t cap = w->fault_cap ? w->fault_cap * 2 : 16;
    struct canon_fault *f = realloc(c->faults, cap * sizeof *f);
    if (f == NULL) return ERR_MEMORY;
    c->faults = f;
    w->fault_cap = cap;
  }
  c->faults[c->fault_count++] =
    (struct canon_fault){.what = (uint8_t)what, .at = (uint32_t)at, .other = (uint32_t)other};
  if (what > CANON_ENDS) w->stop = true;
  return ERR_OK;
}

/* Where the innermost open container began; `otherwise` if none is open. */
static size_t open_at(const struct walk *w, size_t otherwise) {
  return w->depth > 0 ? w->c->doc.tokens[w->frames[w->depth - 1].token].start : otherwise;
}

static int compare(const struct ben_doc *d, uint32_t a, uint32_t b) {
  const struct ben_token *x = &d->tokens[a];
  const struct ben_token *y = &d->tokens[b];
  uint32_t x_len = x->end - x->body;
  uint32_t y_len = y->end - y->body;
  int c = memcmp(d->in + x->body, d->in + y->body, x_len < y_len ? x_len : y_len);
  return c ? c : (x_len > y_len) - (x_len < y_len);
}

/* By content, then by place. */
static int compare_keys(const void *a, const void *b, void *doc) {
  uint32_t x = *(const uint32_t *)a;
  uint32_t y = *(const uint32_t *)b;
  int c = compare(doc, x, y);
  return c ? c : (x > y) - (x < y);
}

/* BEP 3: keys are sorted as raw strings, and each is there once. */
static enum err note_key(struct walk *w, struct frame *f, uint32_t key) {
  struct ben_doc *d = &w->c->doc;
  enum err e = ERR_OK;
  if (d->tokens[key].type != BEN_STR)
    return note(w, CANON_KEY_TYPE, d->tokens[key].start, d->tokens[f->token].start);
  if (f->last_key != BEN_NONE) {
    int c = compare(d, f->last_key, key);
    if (c >= 0) f->doubtful = true;
    if (c > 0) {
      d->tokens[f->token].flags |= BEN_UNSORTED;
      e = note(w, CANON_UNSORTED, d->tokens[key].start, d->tokens[f->last_key].start);
    }
  }
  f->last_key = key;
  return e;
}

/* The keys of `dict` that are strings, in fresh memory. */
static uint32_t *list_keys(const struct ben_doc *d, ben_val dict, size_t *count) {
  uint32_t *keys = malloc((bencode_count(d, dict) + 1) * sizeof *keys);
  *count = 0;
  if (keys == NULL) return NULL;
  for (ben_val k = bencode_first(d, dict); k != BEN_NONE; k = bencode_next(d, dict, k)) {
    if (d->tokens[k].type == BEN_STR) keys[(*count)++] = k;
    k = bencode_next(d, dict, k);
  }
  return keys;
}

static enum err note_repeated(struct walk *w, ben_val dict) {
  struct ben_doc *d = &w->c->doc;
  size_t n;
  size_t first = 0;
  uint32_t *keys = list_keys(d, dict, &n);
  if (keys == NULL) return ERR_MEMORY;
  qsort_r(keys, n, sizeof *keys, compare_keys, d);
  enum err e = ERR_OK;
  for (size_t i = 1; i < n && e == ERR_OK; i++) {
    if (compare(d, keys[first], keys[i]) != 0) {
      first = i;
      continue;
    }
    d->tokens[dict].flags |= BEN_DUPLICATE;
    d->tokens[dict].body = keys[i];
    e = note(w, CANON_DUPLICATE, d->tokens[keys[i]].start, d->tokens[keys[first]].start);
  }
  free(keys);
  return e;
}

/* --- Values. --- */

/* Appends a token that begins at `start`; in a dictionary it is by turns a key and a value. */
static enum err add(struct walk *w, enum ben_type type, size_t start, size_t body, size_t end) {
  struct ben_doc *d = &w->c->doc;
  if (d->count >= bencode_torrent_limits.max_tokens) return note(w, CANON_MANY, start, start);
  if (d->count == w->token_cap) {
    size_t cap = w->token_cap ? w->token_cap * 2 : 32;
    struct ben_token *t = realloc(d->tokens, cap * sizeof *t);
    if (t == NULL) return ERR_MEMORY;
    d->tokens = t;
    w->token_cap = cap;
  }
  uint32_t index = (uint32_t)d->count++;
  d->tokens[index] = (struct ben_token){.type = (uint8_t)type,
                                        .flags = w->stop ? CANON_OPEN : 0,
                                        .start = (uint32_t)start,
                                        .body = (uint32_t)body,
                                        .end = (uint32_t)end,
                                        .next = index + 1};
  if (w->depth == 0) return ERR_OK;
  struct frame *f = &w->frames[w->depth - 1];
  if (d->tokens[f->token].type != BEN_DICT) return ERR_OK;
  f->value_due = !f->value_due;
  return f->value_due ? note_key(w, f, index) : ERR_OK;
}

/* Behind the digits of an integer: its 'e', or what stands in its place. */
static enum err finish_int(struct walk *w, size_t start, bool told) {
  enum err e = ERR_OK;
  size_t junk = w->at;
  if (peek(w) != 'e' && w->at < w->len) {
    if (!told) e = note(w, CANON_INT_JUNK, junk, start);
    while (w->at < w->len && w->at - junk < JUNK_MAX && peek(w) != 'e') w->at++;
  }
  if (e != ERR_OK) return e;
  if (w->at == w->len) {
    e = note(w, CANON_CUT, w->at, start);
  } else if (peek(w) == 'e') {
    w->at++;
  } else {
    w->stop = true; /* nothing says where the next value begins */
  }
  return e == ERR_OK ? add(w, BEN_INT, start, w->at, w->at) : e;
}

/* integer = "i" ( "0" | [ "-" ] nonzero digit* ) "e" */
static enum err read_int(struct walk *w) {
  enum err e = ERR_OK;
  size_t start = w->at++;
  bool minus = peek(w) == '-';
  if (minus) {
    w->at++;
  } else if (peek(w) == '+') {
    e = note(w, CANON_INT_PLUS, w->at++, start);
  }
  size_t digits = w->at;
  while (is_digit(peek(w))) w->at++;
  bool empty = w->at == digits && w->at < w->len;
  bool zero = w->at - digits == 1 && w->in[digits] == '0';
  if (e == ERR_OK && empty)
    e = note(w, CANON_INT_EMPTY, digits, start);
  else if (e == ERR_OK && zero && minus)
    e = note(w, CANON_INT_MINUS_ZERO, digits, start);
  else if (e == ERR_OK && w->at - digits > 1 && w->in[digits] == '0')
    e = note(w, CANON_INT_ZEROS, digits, start);
  return e == ERR_OK ? finish_int(w, start, empty) : e;
}

/* The digits of a length, which becomes *n, up to the ':' behind them. */
static enum err read_length(struct walk *w, uint64_t *n) {
  enum err e = ERR_OK;
  size_t start = w->at;
  for (*n = 0; is_digit(peek(w)); w->at++)
    if (*n <= w->len) *n = *n * 10 + (uint64_t)(w->in[w->at] - '0');
  if (w->in[start] == '0' && w->at - start > 1) e = note(w, CANON_LEN_ZEROS, start, start);
  if (e != ERR_OK) return e;
  if (*n > w->len) return note(w, CANON_STR_CUT, start, start);
  if (w->at == w->len) return note(w, CANON_CUT, w->at, start);
  return peek(w) == ':' ? ERR_OK : note(w, CANON_NO_COLON, w->at, start);
}

/* string = ( "0" | nonzero digit* ) ":" byte*   as many bytes as the number says */
static enum err read_str(struct walk *w) {
  size_t start = w->at;
  uint64_t n;
  enum err e = read_length(w, &n);
  size_t body = w->at;
  if (e == ERR_OK && peek(w) == ':') {
    body = ++w->at;
    if (n > w->len - body && !w->stop) e = note(w, CANON_STR_CUT, start, start);
    w->at = n > w->len - body ? w->len : body + (size_t)n;
  }
  return e == ERR_OK ? add(w, BEN_STR, start, body, w->at) : e;
}

/* list = "l" value* "e"    dictionary = "d" ( string value )* "e" */
static enum err open_container(struct walk *w, enum ben_type type) {
  if (w->depth == BENCODE_DEPTH_MAX) return note(w, CANON_DEEP, w->at, open_at(w, w->at));
  enum err e = add(w, type, w->at, w->at + 1, w->at + 1);
  if (e != ERR_OK || w->stop) return e;
  uint32_t token = (uint32_t)w->c->doc.count - 1;
  w->frames[w->depth++] = (struct frame){.token = token, .last_key = BEN_NONE};
  w->at++;
  return ERR_OK;
}

/* Takes the innermost container off the stack; it ends where the walk is. */
static enum err leave(struct walk *w) {
  const struct frame *f = &w->frames[--w->depth];
  struct ben_token *t = &w->c->doc.tokens[f->token];
  t->end = (uint32_t)w->at;
  t->next = (uint32_t)w->c->doc.count;
  if (w->stop) t->flags |= CANON_OPEN;
  return f->doubtful ? note_repeated(w, f->token) : ERR_OK;
}

static enum err close_container(struct walk *w) {
  enum err e = ERR_OK;
  if (w->frames[w->depth - 1].value_due)
    e = note(w, CANON_NO_VALUE, w->at, open_at(w, w->at));
  w->at++;
  return e == ERR_OK ? leave(w) : e;
}

static bool key_due(const struct walk *w) {
  if (w->depth == 0) return false;
  const struct frame *f = &w->frames[w->depth - 1];
  return w->c->doc.tokens[f->token].type == BEN_DICT && !f->value_due;
}

/* Reads one integer or string, or the first or last byte of a container. */
static enum err step(struct walk *w) {
  int c = peek(w);
  if (is_blank(c)) {
    size_t from = w->at;
    while (is_blank(peek(w))) w->at++;
    return note(w, CANON_BLANK, from, open_at(w, from));
  }
  if (c < 0) return note(w, CANON_CUT, w->at, open_at(w, w->at));
  if (c == 'e' && w->depth > 0) return close_container(w);
  if (is_digit(c)) return read_str(w);
  if (c == 'i') return read_int(w);
  if (c == 'l') return open_container(w, BEN_LIST);
  if (c == 'd') return open_container(w, BEN_DICT);
  return note(w, key_due(w) ? CANON_NO_KEY : CANON_UNKNOWN, w->at, open_at(w, w->at));
}

static int compare_faults(const void *a, const void *b) {
  const struct canon_fault *x = a;
  const struct canon_fault *y = b;
  if (x->at != y->at) return x->at < y->at ? -1 : 1;
  return (x->what > y->what) - (x->what < y->what);
}

enum err canon_read(struct canon *c, const void *in, size_t len) {
  struct walk w = {.c = c, .in = in, .len = len};
  enum err e = ERR_OK;
  *c = (struct canon){.doc = {.in = in}, .len = len};
  if (len > bencode_torrent_limits.max_bytes) return ERR_LIMIT;
  do e = step(&w);
  while (e == ERR_OK && !w.stop && (w.depth > 0 || c->doc.count == 0));
  if (e == ERR_OK && !w.stop && w.at < len) e = note(&w, CANON_TRAILING, w.at, w.at);
  c->doc.in_len = w.at;
  while (e == ERR_OK && w.depth > 0) e = leave(&w);
  if (e != ERR_OK)
    canon_free(c);
  else if (c->fault_count > 0)
    qsort(c->faults, c->fault_count, sizeof *c->faults, compare_faults);
  return e;
}

void canon_free(struct canon *c) {
  bencode_free(&c->doc);
  free(c->faults);
  c->faults = NULL;
  c->fault_count = 0;
}

const struct canon_fault *canon_refusal(const struct canon *c) {
  for (size_t i = 0; i < c->fault_count; i++)
    if (c->faults[i].what > CANON_REFUSED) return &c->faults[i];
  return NULL;
}

size_t canon_count(const struct canon *c, enum canon_what what) {
  size_t n = 0;
  for (size_t i = 0; i < c->fault_count; i++) n += c->faults[i].what == what;
  return n;
}
