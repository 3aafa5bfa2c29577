#include "proto/metainfo_sources.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Finds the text of `v` without blanks around it. False if it is no string, empty, longer than
 * `max` or holds blanks or control characters. */
static bool find_text(const struct ben_doc *d, ben_val v, size_t max, const char **s,
                      size_t *len) {
  if (!bencode_str(d, v, s, len)) return false;
  while (*len > 0 && is_blank((*s)[0])) *s += 1, *len -= 1;
  while (*len > 0 && is_blank((*s)[*len - 1])) *len -= 1;
  for (size_t i = 0; i < *len; i++) {
    uint8_t c = (uint8_t)(*s)[i];
    if (c <= ' ' || c == 0x7f) return false;
  }
  return *len > 0 && *len <= max;
}

/* The number of members of `list`, at most `max`, and at least 1 so that it can be allocated. */
static size_t room_for(const struct ben_doc *d, ben_val list, size_t max) {
  size_t n = bencode_count(d, list);
  if (n > max) n = max;
  return n ? n : 1;
}

/* Appends a URL to an array with room for it; one that is unusable is left out. */
static enum err add_url(const struct ben_doc *d, ben_val v, char **urls, size_t *count) {
  const char *s;
  size_t len;
  if (!find_text(d, v, METAINFO_URL_LEN_MAX, &s, &len)) return ERR_OK;
  urls[*count] = strndup(s, len);
  if (urls[*count] == NULL) return ERR_MEMORY;
  *count += 1;
  return ERR_OK;
}

enum err metainfo_sources_urls(const struct ben_doc *d, ben_val v, char ***out, size_t *count) {
  *out = NULL;
  *count = 0;
  if (v == BEN_NONE) return ERR_OK;
  *out = calloc(room_for(d, v, METAINFO_URLS_MAX), sizeof **out);
  if (*out == NULL) return ERR_MEMORY;
  enum err e = ERR_OK;
  if (!bencode_is(d, v, BEN_LIST)) {
    e = add_url(d, v, *out, count);
  } else {
    ben_val k = bencode_first(d, v);
    for (; k != BEN_NONE && *count < METAINFO_URLS_MAX && e == ERR_OK; k = bencode_next(d, v, k))
      e = add_url(d, k, *out, count);
  }
  if (*count == 0) {
    free(*out);
    *out = NULL;
  }
  return e;
}

/* Appends a tier unless it holds no usable URL. */
static enum err add_tier(const struct ben_doc *d, ben_val v, struct metainfo_tier *tiers,
                         size_t *count) {
  struct metainfo_tier *t = &tiers[*count];
  enum err e = metainfo_sources_urls(d, v, &t->urls, &t->count);
  if (t->count > 0) *count += 1;
  return e;
}

static enum err read_announce_list(const struct ben_doc *d, ben_val list,
                                   struct metainfo_tier **out, size_t *count) {
  *out = calloc(room_for(d, list, METAINFO_TIERS_MAX), sizeof **out);
  if (*out == NULL) return ERR_MEMORY;
  enum err e = ERR_OK;
  ben_val k = bencode_first(d, list);
  for (; k != BEN_NONE && *count < METAINFO_TIERS_MAX && e == ERR_OK; k = bencode_next(d, list, k))
    if (bencode_is(d, k, BEN_LIST)) e = add_tier(d, k, *out, count);
  return e;
}

enum err metainfo_sources_tiers(const struct ben_doc *d, ben_val root, struct metainfo_tier **out,
                                size_t *count) {
  *out = NULL;
  *count = 0;
  ben_val list = bencode_get_typed(d, root, "announce-list", BEN_LIST);
  enum err e = read_announce_list(d, list, out, count);
  ben_val announce = bencode_get_typed(d, root, "announce", BEN_STR);
  if (e == ERR_OK && *count == 0 && announce != BEN_NONE) e = add_tier(d, announce, *out, count);
  if (*count == 0) {
    free(*out);
    *out = NULL;
  }
  return e;
}

/* The members of a tier that are more than an empty string. */
static size_t count_entries(const struct ben_doc *d, ben_val tier) {
  size_t n = 0;
  for (ben_val k = bencode_first(d, tier); k != BEN_NONE; k = bencode_next(d, tier, k)) {
    const char *s;
    size_t len;
    n += !bencode_str(d, k, &s, &len) || len > 0;
  }
  return n;
}

size_t metainfo_sources_left_out(const struct ben_doc *d, ben_val root,
                                 const struct metainfo_tier *tiers, size_t count) {
  ben_val list = bencode_get_typed(d, root, "announce-list", BEN_LIST);
  size_t there = 0;
  size_t kept = 0;
  for (ben_val k = bencode_first(d, list); k != BEN_NONE; k = bencode_next(d, list, k))
    there += bencode_is(d, k, BEN_LIST) ? count_entries(d, k) : 1;
  for (size_t i = 0; i < count; i++) kept += tiers[i].count;
  return there > kept ? there - kept : 0;
}

/* Appends [host, port]; one that is malformed is left out. */
static enum err add_node(const struct ben_doc *d, ben_val pair, struct metainfo_node *nodes,
                         size_t *count) {
  const char *s;
  size_t len;
  int64_t port;
  ben_val host = bencode_is(d, pair, BEN_LIST) ? bencode_first(d, pair) : BEN_NONE;
  if (!find_text(d, host, METAINFO_HOST_LEN_MAX, &s, &len)) return ERR_OK;
  if (!bencode_int(d, bencode_next(d, pair, host), &port)) return ERR_OK;
  if (port < 1 || port > UINT16_MAX) return ERR_OK;
  char *copy = strndup(s, len);
  if (copy == NULL) return ERR_MEMORY;
  nodes[*count] = (struct metainfo_node){.host = copy, .port = (uint16_t)port};
  *count += 1;
  return ERR_OK;
}

enum err metainfo_sources_nodes(const struct ben_doc *d, ben_val root, struct metainfo_node **out,
                                size_t *count) {
  *out = NULL;
  *count = 0;
  ben_val list = bencode_get_typed(d, root, "nodes", BEN_LIST);
  if (list == BEN_NONE) return ERR_OK;
  *out = calloc(room_for(d, list, METAINFO_NODES_MAX), sizeof **out);
  if (*out == NULL) return ERR_MEMORY;
  enum err e = ERR_OK;
  ben_val k = bencode_first(d, list);
  for (; k != BEN_NONE && *count < METAINFO_NODES_MAX && e == ERR_OK; k = bencode_next(d, list, k))
    e = add_node(d, k, *out, count);
  if (*count == 0) {
    free(*out);
    *out = NULL;
  }
  return e;
}

void metainfo_sources_free_urls(char **urls, size_t count) {
  for (size_t i = 0; i < count; i++) free(urls[i]);
  free(urls);
}

void metainfo_sources_free_tiers(struct metainfo_tier *tiers, size_t count) {
  for (size_t i = 0; i < count; i++) metainfo_sources_free_urls(tiers[i].urls, tiers[i].count);
  free(tiers);
}

void metainfo_sources_free_nodes(struct metainfo_node *nodes, size_t count) {
  for (size_t i = 0; i < count; i++) free(nodes[i].host);
  free(nodes);
}
