#include "proto/bencode_json.h"

enum { PART = 16384 }; /* bytes of a string in one step; six times as many come out at most */

void bencode_json_begin(struct bencode_json *w, const struct ben_doc *d, ben_val v) {
  w->d = d;
  w->at = v;
  w->end = v == BEN_NONE ? BEN_NONE : d->tokens[v].next;
  w->done = 0;
  w->hex = false;
  w->open = false;
  w->depth = 0;
}

/* How much of the text belongs to this step: a part that ends where a character does. */
static size_t text_part(const uint8_t *s, size_t len) {
  size_t n = len < PART ? len : PART;
  while (n < len && (s[n] & 0xc0) == 0x80) n--;
  return n;
}

/* A value or a key is complete: the next one of a dictionary is of the other sort. */
static void advance(struct bencode_json *w) {
  w->at++;
  if (w->depth > 0) w->frames[w->depth - 1].value = !w->frames[w->depth - 1].value;
}

static bool is_key(const struct bencode_json *w) {
  return w->depth > 0 && w->frames[w->depth - 1].dict && !w->frames[w->depth - 1].value;
}

/* The next part of a string; its quotes come with the first and the last. */
static void put_string(struct bencode_json *w, struct json *j) {
  const struct ben_token *t = &w->d->tokens[w->at];
  const uint8_t *s = w->d->in + t->body + w->done;
  size_t left = t->end - t->body - w->done;
  if (!w->open) {
    w->open = true;
    w->hex = !json_is_text((const char *)s, left);
    json_open_str(j, NULL);
    if (w->hex) json_part(j, JSON_HEX, sizeof JSON_HEX - 1);
  }
  size_t n = w->hex ? (left < PART ? left : PART) : text_part(s, left);
  if (w->hex)
    json_part_hex(j, s, n);
  else
    json_part(j, (const char *)s, n);
  w->done += (uint32_t)n;
  if (n < left) return;
  json_close_str(j, is_key(w));
  w->open = false;
  w->done = 0;
  advance(w);
}

static void open_container(struct bencode_json *w, struct json *j, bool dict) {
  ben_val end = w->d->tokens[w->at].next;
  if (dict)
    json_open_object(j, NULL);
  else
    json_open_array(j, NULL);
  advance(w);
  w->frames[w->depth].end = end;
  w->frames[w->depth].dict = dict;
  w->frames[w->depth].value = false;
  w->depth++;
}

bool bencode_json_step(struct bencode_json *w, struct json *j) {
  if (w->depth > 0 && !w->open && w->at == w->frames[w->depth - 1].end) {
    json_close(j, w->frames[--w->depth].dict ? '}' : ']');
    return true;
  }
  if (w->at == w->end) {
    if (w->end != BEN_NONE) return false;
    w->end = w->at = 0;
    json_null(j, NULL);
    return true;
  }
  const struct ben_token *t = &w->d->tokens[w->at];
  if (t->type == BEN_STR) {
    put_string(w, j);
  } else if (t->type == BEN_INT) {
    json_number(j, NULL, (const char *)w->d->in + t->start + 1, t->end - t->start - 2);
    advance(w);
  } else {
    open_container(w, j, t->type == BEN_DICT);
  }
  return true;
}

void bencode_json_put(struct json *j, const struct ben_doc *d, ben_val v) {
  struct bencode_json w;
  bencode_json_begin(&w, d, v);
  while (bencode_json_step(&w, j))
    ;
}
