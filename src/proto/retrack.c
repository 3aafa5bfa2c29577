#include "proto/retrack.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 64 << 20 }; /* of a torrent, so of what is in it, too */

struct job {
  const struct ben_doc *d;
  const struct retrack_change *c;
  ben_val announce;    /* as they are now; BEN_NONE: not there, or to be forgotten */
  ben_val list;
  struct buf stay;     /* the members of the list that stay */
  ben_val *kept;       /* the URLs that stay and count */
  size_t kept_count;
  size_t tiers;        /* that stay and hold a usable URL */
  bool *removed;       /* for each of c->remove: it was there */
  bool announce_stays;
  bool announce_counts; /* it stays, it is usable, and no list takes its place */
};

/* --- looking at URLs --- */

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The text of `v` without the blanks around it, which nobody gets to see. */
static bool find_text(const struct ben_doc *d, ben_val v, const char **s, size_t *len) {
  if (!bencode_str(d, v, s, len)) return false;
  while (*len > 0 && is_blank((*s)[0])) *s += 1, *len -= 1;
  while (*len > 0 && is_blank((*s)[*len - 1])) *len -= 1;
  return true;
}

static bool is_url(const struct ben_doc *d, ben_val v, const char *url) {
  const char *s;
  size_t len;
  return find_text(d, v, &s, &len) && len == strlen(url) && memcmp(s, url, len) == 0;
}

/* Would readers take it for a URL (proto/metainfo_sources does not ask for more)? */
static bool is_usable(const struct ben_doc *d, ben_val v) {
  const char *s;
  size_t len;
  if (!find_text(d, v, &s, &len)) return false;
  for (size_t i = 0; i < len; i++)
    if ((uint8_t)s[i] <= ' ' || s[i] == 0x7f) return false;
  return len > 0 && len <= METAINFO_URL_LEN_MAX;
}

/* Is this one to go? Notes that it was there. */
static bool goes(struct job *j, ben_val v) {
  bool any = false;
  for (size_t i = 0; i < j->c->remove_count; i++) {
    if (!is_url(j->d, v, j->c->remove[i])) continue;
    j->removed[i] = true;
    any = true;
  }
  return any;
}

static bool is_kept(const struct job *j, const char *url) {
  for (size_t i = 0; i < j->kept_count; i++)
    if (is_url(j->d, j->kept[i], url)) return true;
  return false;
}

/* --- what stays --- */

static void copy(const struct job *j, ben_val v, struct buf *to) {
  const uint8_t *raw;
  size_t len;
  if (bencode_raw(j->d, v, &raw, &len)) buf_put(to, raw, len);
}

/* What stays of a tier; nothing of it if that leaves none of those it had. */
static void keep_tier(struct job *j, ben_val tier) {
  size_t start = j->stay.len;
  size_t usable = 0;
  size_t gone = 0;
  bencode_open_list(&j->stay);
  for (ben_val u = bencode_first(j->d, tier); u != BEN_NONE; u = bencode_next(j->d, tier, u)) {
    if (goes(j, u)) {
      gone++;
      continue;
    }
    copy(j, u, &j->stay);
    if (!is_usable(j->d, u)) continue;
    j->kept[j->kept_count++] = u;
    usable++;
  }
  bencode_close(&j->stay);
  if (gone > 0 && gone == bencode_count(j->d, tier) && !j->stay.failed) j->stay.len = start;
  j->tiers += usable > 0;
}

static void keep(struct job *j) {
  ben_val t = bencode_is(j->d, j->list, BEN_LIST) ? bencode_first(j->d, j->list) : BEN_NONE;
  for (; t != BEN_NONE; t = bencode_next(j->d, j->list, t)) {
    if (bencode_is(j->d, t, BEN_LIST))
      keep_tier(j, t);
    else if (!goes(j, t))
      copy(j, t, &j->stay);
  }
  j->announce_stays = j->announce != BEN_NONE && !goes(j, j->announce);
  j->announce_counts = j->announce_stays && j->tiers == 0 && is_usable(j->d, j->announce);
}

/* --- what comes --- */

static size_t count_new(const struct job *j, const struct metainfo_tier *tier) {
  size_t n = 0;
  for (size_t u = 0; u < tier->count; u++) n += !is_kept(j, tier->urls[u]);
  return n;
}

/* Tiers that have something new in them; *urls: how many URLs those are, *first: the first one. */
static size_t count_new_tiers(const struct job *j, size_t *urls, const char **first) {
  size_t tiers = 0;
  *urls = 0;
  *first = NULL;
  for (size_t i = 0; i < j->c->add->count; i++) {
    const struct metainfo_tier *tier = &j->c->add->v[i];
    size_t n = count_new(j, tier);
    for (size_t u = 0; u < tier->count && *first == NULL; u++)
      if (!is_kept(j, tier->urls[u])) *first = tier->urls[u];
    tiers += n > 0;
    *urls += n;
  }
  return tiers;
}

static void put_new_tiers(const struct job *j, struct buf *to) {
  for (size_t i = 0; i < j->c->add->count; i++) {
    const struct metainfo_tier *tier = &j->c->add->v[i];
    if (count_new(j, tier) == 0) continue;
    bencode_open_list(to);
    for (size_t u = 0; u < tier->count; u++)
      if (!is_kept(j, tier->urls[u])) bencode_put_cstr(to, tier->urls[u]);
    bencode_close(to);
  }
}

/* --- both values --- */

/* What is in the list, with the old "announce" before it if that would be forgotten. */
static void put_list(const struct job *j, struct buf *to) {
  bencode_open_list(to);
  if (j->announce_counts) {
    bencode_open_list(to);
    copy(j, j->announce, to);
    bencode_close(to);
  }
  buf_put(to, j->stay.data, j->stay.len);
  put_new_tiers(j, to);
  bencode_close(to);
}

/* "announce" stays if it was not named. If it goes, or if nothing takes its place, the first
 * tracker there is becomes it. */
static void put_announce(const struct job *j, struct buf *to, const char *first_new) {
  if (j->announce_stays)
    copy(j, j->announce, to);
  else if (j->announce == BEN_NONE && j->tiers > 0)
    return;
  else if (j->kept_count > 0)
    copy(j, j->kept[0], to);
  else if (first_new != NULL)
    bencode_put_cstr(to, first_new);
}

static enum err put(const struct job *j, struct retrack *r) {
  size_t urls;
  const char *first;
  size_t fresh = count_new_tiers(j, &urls, &first);
  bool there = j->list != BEN_NONE;
  bool emptied = there && j->stay.len == 0 && bencode_count(j->d, j->list) > 0;
  if (there && !bencode_is(j->d, j->list, BEN_LIST)) {
    if (fresh > 0) return ERR_FORMAT;
    copy(j, j->list, &r->list);
  } else if (fresh > 0) {
    if (j->tiers + j->announce_counts + fresh > METAINFO_TIERS_MAX) return ERR_LIMIT;
    if ((there && !emptied) || j->announce_stays || urls > 1) put_list(j, &r->list);
  } else if (there && !emptied) {
    bencode_open_list(&r->list);
    buf_put(&r->list, j->stay.data, j->stay.len);
    bencode_close(&r->list);
  }
  put_announce(j, &r->announce, first);
  return j->stay.failed || r->list.failed || r->announce.failed ? ERR_MEMORY : ERR_OK;
}

/* All members of all tiers, at least 1. */
static size_t room(const struct job *j) {
  size_t n = 1;
  ben_val t = bencode_is(j->d, j->list, BEN_LIST) ? bencode_first(j->d, j->list) : BEN_NONE;
  for (; t != BEN_NONE; t = bencode_next(j->d, j->list, t)) n += bencode_count(j->d, t);
  return n;
}

enum err retrack_make(struct retrack *r, const struct ben_doc *d, const struct retrack_change *c,
                      size_t *which) {
  struct job j = {.d = d, .c = c, .announce = BEN_NONE, .list = BEN_NONE};
  if (!c->fresh) {
    j.announce = bencode_get(d, bencode_root(d), "announce");
    j.list = bencode_get(d, bencode_root(d), "announce-list");
  }
  buf_init(&r->announce, BYTES_MAX);
  buf_init(&r->list, BYTES_MAX);
  buf_init(&j.stay, BYTES_MAX);
  j.kept = calloc(room(&j), sizeof *j.kept);
  j.removed = calloc(c->remove_count + 1, sizeof *j.removed);
  enum err e = j.kept != NULL && j.removed != NULL ? ERR_OK : ERR_MEMORY;
  if (e == ERR_OK) {
    keep(&j);
    if (j.announce_counts) j.kept[j.kept_count++] = j.announce;
    for (*which = 0; *which < c->remove_count && j.removed[*which];) ++*which;
    e = *which < c->remove_count ? ERR_NOT_FOUND : put(&j, r);
  }
  free(j.removed);
  free(j.kept);
  buf_free(&j.stay);
  return e;
}

void retrack_free(struct retrack *r) {
  buf_free(&r->announce);
  buf_free(&r->list);
}
