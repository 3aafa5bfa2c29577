#include "proto/author.h"

#include <stdlib.h>
#include <string.h>

#include "proto/geometry.h"

enum { HASH_LEN = 20 };

uint32_t author_piece_len(uint64_t total) {
  uint64_t len = AUTHOR_PIECE_LEAST;
  while (len < AUTHOR_PIECE_MOST && total > len * AUTHOR_PIECES_WANTED) len *= 2;
  while (len < GEOMETRY_PIECE_LEN_MAX && total > len * GEOMETRY_PIECES_MAX) len *= 2;
  struct geometry g;
  return geometry_init(&g, total, len) == ERR_OK ? (uint32_t)len : 0;
}

/* --- info --- */

/* "a/b/c" as a list of its elements. */
static void put_path(struct buf *b, const char *path) {
  bencode_open_list(b);
  for (;;) {
    size_t len = strcspn(path, "/");
    bencode_put_str(b, path, len);
    if (path[len] == '\0') break;
    path += len + 1;
  }
  bencode_close(b);
}

static void put_number(struct buf *b, const char *key, uint64_t v) {
  bencode_put_cstr(b, key);
  bencode_put_int(b, (int64_t)v);
}

static void put_text(struct buf *b, const char *key, const char *text) {
  bencode_put_cstr(b, key);
  bencode_put_cstr(b, text);
}

static void put_files(struct buf *b, const struct author_info *i) {
  bencode_put_cstr(b, "files");
  bencode_open_list(b);
  for (size_t f = 0; f < i->file_count; f++) {
    bencode_open_dict(b);
    put_number(b, "length", i->files[f].length);
    bencode_put_cstr(b, "path");
    put_path(b, i->files[f].path);
    bencode_close(b);
  }
  bencode_close(b);
}

void author_put_info(struct buf *b, const struct author_info *i) {
  bencode_open_dict(b);
  if (i->multi)
    put_files(b, i);
  else
    put_number(b, "length", i->files[0].length);
  put_text(b, "name", i->name);
  put_number(b, "piece length", i->piece_len);
  bencode_put_cstr(b, "pieces");
  bencode_put_str(b, i->hashes, (size_t)i->pieces * HASH_LEN);
  if (i->is_private) put_number(b, "private", 1);
  if (i->source != NULL) put_text(b, "source", i->source);
  bencode_close(b);
}

/* --- beside it --- */

/* The values alone: the caller has put their keys. */
static void put_urls(struct buf *b, const char *const *urls, size_t count) {
  bencode_open_list(b);
  for (size_t i = 0; i < count; i++) bencode_put_cstr(b, urls[i]);
  bencode_close(b);
}

static void put_tiers(struct buf *b, const struct metainfo_tier *tiers, size_t count) {
  bencode_open_list(b);
  for (size_t i = 0; i < count; i++)
    put_urls(b, (const char *const *)tiers[i].urls, tiers[i].count);
  bencode_close(b);
}

static bool is_list_needed(const struct metainfo_tier *tiers, size_t count) {
  return count > 1 || (count == 1 && tiers[0].count > 1);
}

void author_put_torrent(struct buf *b, const struct author_outside *o, const uint8_t *info,
                        size_t info_len) {
  bencode_open_dict(b);
  if (o->tier_count > 0) put_text(b, "announce", o->tiers[0].urls[0]);
  if (is_list_needed(o->tiers, o->tier_count)) {
    bencode_put_cstr(b, "announce-list");
    put_tiers(b, o->tiers, o->tier_count);
  }
  if (o->comment != NULL) put_text(b, "comment", o->comment);
  if (o->created_by != NULL) put_text(b, "created by", o->created_by);
  if (o->date >= 0) put_number(b, "creation date", (uint64_t)o->date);
  bencode_put_cstr(b, "info");
  buf_put(b, info, info_len);
  if (o->web_seed_count > 0) {
    bencode_put_cstr(b, "url-list");
    put_urls(b, o->web_seeds, o->web_seed_count);
  }
  bencode_close(b);
}

/* --- changing what is there --- */

/* A pair of the outermost dictionary: what stands in the old torrent, or what is to be written. */
struct pair {
  const char *key;
  size_t key_len;
  const uint8_t *raw; /* the old value; NULL: by put_new() */
  size_t raw_len;
};

static bool is_key(const struct pair *p, const char *name) {
  return p->key_len == strlen(name) && memcmp(p->key, name, p->key_len) == 0;
}

/* Does the change take this key away (and maybe put another value in its place)? */
static bool is_replaced(const struct pair *p, const struct author_change *c) {
  return (c->trackers && (is_key(p, "announce") || is_key(p, "announce-list"))) ||
         (c->web_seeds && is_key(p, "url-list")) ||
         (c->comment && (is_key(p, "comment") || is_key(p, "comment.utf-8")));
}

static void put_new(struct buf *b, const struct pair *p, const struct author_change *c) {
  if (is_key(p, "announce")) buf_put(b, c->announce->data, c->announce->len);
  if (is_key(p, "announce-list")) buf_put(b, c->announce_list->data, c->announce_list->len);
  if (is_key(p, "comment")) bencode_put_cstr(b, c->text);
  if (is_key(p, "url-list")) put_urls(b, c->urls, c->url_count);
}

/* As raw bytes, the shorter one first where one begins the other (BEP 3). */
static int compare(const void *left, const void *right) {
  const struct pair *a = left;
  const struct pair *b = right;
  size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
  int order = memcmp(a->key, b->key, n);
  if (order != 0) return order;
  return a->key_len < b->key_len ? -1 : a->key_len > b->key_len;
}

/* The pairs that stay. Returns how many. */
static size_t keep(struct pair *pairs, const struct ben_doc *d, const struct author_change *c) {
  ben_val root = bencode_root(d);
  size_t n = 0;
  for (ben_val k = bencode_first(d, root); k != BEN_NONE; k = bencode_next(d, root, k)) {
    struct pair p = {0};
    bencode_str(d, k, &p.key, &p.key_len);
    k = bencode_next(d, root, k);
    bencode_raw(d, k, &p.raw, &p.raw_len);
    if (!is_replaced(&p, c)) pairs[n++] = p;
  }
  return n;
}

/* The pairs that are new, behind the `n` that stay. Returns how many there are then. */
static size_t add(struct pair *pairs, size_t n, const struct author_change *c) {
  const struct {
    const char *key;
    bool wanted;
  } fresh[] = {
    {"announce", c->trackers && c->announce->len > 0},
    {"announce-list", c->trackers && c->announce_list->len > 0},
    {"comment", c->comment && c->text != NULL},
    {"url-list", c->web_seeds && c->url_count > 0},
  };
  for (size_t i = 0; i < sizeof fresh / sizeof *fresh; i++)
    if (fresh[i].wanted)
      pairs[n++] = (struct pair){.key = fresh[i].key, .key_len = strlen(fresh[i].key)};
  return n;
}

enum err author_edit(struct buf *b, const struct ben_doc *d, const struct author_change *c) {
  enum { NEW_MOST = 4 };
  ben_val root = bencode_root(d);
  if (bencode_get_typed(d, root, "info", BEN_DICT) == BEN_NONE ||
      bencode_repeated(d, root) != BEN_NONE)
    return ERR_FORMAT;
  struct pair *pairs = calloc(bencode_count(d, root) + NEW_MOST, sizeof *pairs);
  if (pairs == NULL) return ERR_MEMORY;
  size_t n = add(pairs, keep(pairs, d, c), c);
  qsort(pairs, n, sizeof *pairs, compare);
  bencode_open_dict(b);
  for (size_t i = 0; i < n; i++) {
    bencode_put_str(b, pairs[i].key, pairs[i].key_len);
    if (pairs[i].raw != NULL)
      buf_put(b, pairs[i].raw, pairs[i].raw_len);
    else
      put_new(b, &pairs[i], c);
  }
  bencode_close(b);
  free(pairs);
  return b->failed ? ERR_MEMORY : ERR_OK;
}
