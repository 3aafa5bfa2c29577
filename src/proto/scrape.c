#include "proto/scrape.h"

#include <string.h>

#include "proto/announce.h"
#include "proto/bencode.h"

enum { HASH_LEN = 20, MIN_INTERVAL_MAX_S = 24 * 3600 };

/* A megabyte of torrents, at 26 bytes and 3 tokens each, still fits: some trackers send all. */
static const struct ben_limits reply_limits = {
  .max_bytes = 1u << 20,
  .max_tokens = 250000,
  .max_depth = 20,
  .prefix = true,
};

/* --- the request --- */

/* Where the path of a URL begins and ends. */
static void find_path(const char *url, size_t *from, size_t *to) {
  const char *mark = strstr(url, "://");
  size_t host = mark == NULL ? 0 : (size_t)(mark - url) + 3;
  *from = host + strcspn(url + host, "/?#");
  *to = *from + strcspn(url + *from, "?#");
}

bool scrape_put_url(struct buf *b, const char *announce) {
  static const char word[] = "announce";
  const size_t len = sizeof word - 1;
  size_t from;
  size_t to;
  size_t found = SIZE_MAX;
  find_path(announce, &from, &to);
  for (size_t i = from; i + 1 + len <= to; i++)
    if (announce[i] == '/' && memcmp(announce + i + 1, word, len) == 0) found = i + 1;
  if (found == SIZE_MAX) return false;
  buf_put(b, announce, found);
  buf_put_str(b, "scrape");
  buf_put(b, announce + found + len, strcspn(announce + found + len, "#"));
  return true;
}

void scrape_put_query(struct buf *b, const uint8_t info_hash[static HASH_LEN]) {
  buf_put_str(b, "info_hash=");
  announce_put_escaped(b, info_hash, HASH_LEN);
}

/* --- the reply --- */

/* "files": dictionaries by raw info hash, which may hold any byte. */
static ben_val find_torrent(const struct ben_doc *d, ben_val files, const uint8_t *info_hash) {
  const char *s;
  size_t len;
  for (ben_val k = bencode_first(d, files); k != BEN_NONE;) {
    ben_val v = bencode_next(d, files, k);
    if (bencode_str(d, k, &s, &len) && len == HASH_LEN && memcmp(s, info_hash, HASH_LEN) == 0)
      return v;
    k = bencode_next(d, files, v);
  }
  return BEN_NONE;
}

static int64_t read_count(const struct ben_doc *d, ben_val torrent, const char *key) {
  int64_t n;
  return bencode_int(d, bencode_get(d, torrent, key), &n) && n >= 0 ? n : -1;
}

static int64_t read_min_interval(const struct ben_doc *d, ben_val root) {
  int64_t n;
  ben_val flags = bencode_get_typed(d, root, "flags", BEN_DICT);
  if (!bencode_int(d, bencode_get(d, flags, "min_request_interval"), &n) || n < 0) return 0;
  return n > MIN_INTERVAL_MAX_S ? MIN_INTERVAL_MAX_S : n;
}

/* What the reply shares with that to an announce: a failure reason, and when to ask again. BEP 48
 * spells the first one with "_", BEP 3 and every tracker with a blank. */
static void read_failure(struct scrape_reply *r, const struct ben_doc *d, ben_val root) {
  static const char unsaid[] = "the tracker gave no reason";
  ben_val v = bencode_get(d, root, "failure reason");
  if (v == BEN_NONE) v = bencode_get(d, root, "failure_reason");
  if (v == BEN_NONE) return;
  bencode_cstr(d, v, r->failure, sizeof r->failure);
  if (r->failure[0] == '\0') memcpy(r->failure, unsaid, sizeof unsaid);
  r->retry_in_s = announce_retry_in(d, bencode_get(d, root, "retry in"));
}

static enum err read_reply(struct scrape_reply *r, const struct ben_doc *d, ben_val root,
                           const uint8_t *info_hash) {
  read_failure(r, d, root);
  if (r->failure[0] != '\0') return ERR_OK;
  ben_val files = bencode_get_typed(d, root, "files", BEN_DICT);
  if (files == BEN_NONE) return ERR_FORMAT;
  r->min_interval_s = read_min_interval(d, root);
  ben_val torrent = find_torrent(d, files, info_hash);
  r->found = bencode_is(d, torrent, BEN_DICT);
  r->complete = read_count(d, torrent, "complete");
  r->incomplete = read_count(d, torrent, "incomplete");
  r->downloaded = read_count(d, torrent, "downloaded");
  return ERR_OK;
}

enum err scrape_parse(struct scrape_reply *r, const void *in, size_t len,
                      const uint8_t info_hash[static HASH_LEN]) {
  struct ben_doc d;
  *r = (struct scrape_reply){
    .retry_in_s = -1, .complete = -1, .incomplete = -1, .downloaded = -1};
  enum err e = bencode_decode(&d, in, len, &reply_limits);
  if (e != ERR_OK) return e == ERR_MEMORY ? ERR_MEMORY : ERR_FORMAT;
  e = read_reply(r, &d, bencode_root(&d), info_hash);
  bencode_free(&d);
  return e;
}
