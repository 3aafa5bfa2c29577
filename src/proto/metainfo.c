#include "proto/metainfo.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha1.h"
#include "proto/bencode.h"

enum { HASH_LEN = 20 };

/* What every step of reading needs. */
struct reader {
  struct metainfo *m;
  const struct ben_doc *d;
  struct metainfo_error *err;
};

static enum err out_of_memory(struct metainfo_error *err) {
  return metainfo_field_fail(err, ERR_MEMORY, "torrent", NULL, "out of memory");
}

/* --- What is this, when it is no bencoding? --- */

static const struct {
  const char *start;
  const char *why;
} impostors[] = {
  {"<", "this is a web page (HTML or XML), not a torrent"},
  {"\xef\xbb\xbf<", "this is a web page (HTML or XML), not a torrent"},
  {"{", "this is JSON, not a torrent"},
  {"magnet:", "this is a magnet link, not a torrent file"},
  {"\x1f\x8b", "this is compressed with gzip; decompress it first"},
  {"PK\x03\x04", "this is a ZIP archive; unpack it first"},
};

/* The sentence for input that does not start like a dictionary, or NULL. */
static const char *recognise(const char *in, size_t len) {
  if (len == 0) return "it is empty";
  while (len > 0 && (*in == ' ' || *in == '\t' || *in == '\r' || *in == '\n')) in++, len--;
  for (size_t i = 0; i < sizeof impostors / sizeof *impostors; i++) {
    size_t n = strlen(impostors[i].start);
    if (len >= n && memcmp(in, impostors[i].start, n) == 0) return impostors[i].why;
  }
  return NULL;
}

static enum err explain(const struct ben_doc *d, enum err e, const void *in, size_t len,
                        struct metainfo_error *err) {
  const char *why = recognise(in, len);
  if (e == ERR_MEMORY) return out_of_memory(err);
  if (why != NULL) return metainfo_field_fail(err, ERR_FORMAT, "torrent", NULL, "%s", why);
  return metainfo_field_fail(err, e, "torrent", NULL, "at byte %zu: %s", d->error_at,
                             d->error_why);
}

/* --- The info dictionary. --- */

/* BEP 52: version 2 describes files by a tree of their own and has no "pieces". A reader looks at
 * this first, so that it can say "newer" instead of "broken". */
static enum err refuse_v2_only(struct reader *r, ben_val info) {
  int64_t version = 1;
  bool tree = bencode_get_typed(r->d, info, "file tree", BEN_DICT) != BEN_NONE;
  bencode_int(r->d, bencode_get(r->d, info, "meta version"), &version);
  r->m->has_v2 = version == 2;
  if (bencode_get(r->d, info, "pieces") != BEN_NONE || (version < 2 && !tree)) return ERR_OK;
  return metainfo_field_fail(
    r->err, ERR_UNSUPPORTED, "info", NULL,
    "this is a BitTorrent v2-only torrent; weft downloads v1 and hybrid torrents");
}

/* A torrent without a name is tolerated: its name is "". */
static enum err read_name(struct reader *r, ben_val info) {
  struct metainfo *m = r->m;
  ben_val v = metainfo_field_utf8(r->d, info, "name", BEN_STR);
  if (v == BEN_NONE && bencode_get(r->d, info, "name") != BEN_NONE)
    return metainfo_field_fail(r->err, ERR_FORMAT, "info", "name", "must be a string");
  if (v == BEN_NONE)
    m->name = calloc(1, 1);
  else
    metainfo_field_copy(r->d, v, &m->name, &m->name_len);
  return m->name == NULL ? out_of_memory(r->err) : ERR_OK;
}

static enum err read_files(struct reader *r, ben_val info, uint64_t *total) {
  struct metainfo *m = r->m;
  struct metainfo_files f;
  enum err e = metainfo_files_read(&f, r->d, info, m->name, m->name_len, r->err);
  m->files = f.all;
  m->file_count = f.count;
  m->multi = f.multi;
  *total = f.total;
  return e;
}

static enum err read_geometry(struct reader *r, ben_val info, uint64_t total) {
  int64_t piece_len;
  enum err e = metainfo_field_number(r->d, info, "info", "piece length", 1, &piece_len, r->err);
  if (e != ERR_OK) return e;
  if (piece_len > GEOMETRY_PIECE_LEN_MAX)
    return metainfo_field_fail(r->err, ERR_LIMIT, "info", "piece length",
                               "is larger than 512 MiB");
  if (geometry_init(&r->m->geo, total, (uint64_t)piece_len) != ERR_OK)
    return metainfo_field_fail(r->err, ERR_LIMIT, "info", "piece length",
                               "would cut the files into more than %u pieces",
                               GEOMETRY_PIECES_MAX);
  return ERR_OK;
}

/* "pieces": the SHA-1 hashes of all pieces, one behind the other. */
static enum err read_hashes(struct reader *r, ben_val info) {
  const char *s;
  size_t len;
  size_t want = (size_t)r->m->geo.pieces * HASH_LEN;
  ben_val v = bencode_get(r->d, info, "pieces");
  if (v == BEN_NONE)
    return metainfo_field_fail(r->err, ERR_FORMAT, "info", "pieces", "is missing");
  if (!bencode_str(r->d, v, &s, &len))
    return metainfo_field_fail(r->err, ERR_FORMAT, "info", "pieces", "must be a string");
  if (len != want)
    return metainfo_field_fail(r->err, ERR_FORMAT, "info", "pieces",
                               "has a length of %zu, but these files need %zu bytes of hashes",
                               len, want);
  r->m->hashes = malloc(len ? len : 1);
  if (r->m->hashes == NULL) return out_of_memory(r->err);
  memcpy(r->m->hashes, s, len);
  return ERR_OK;
}

/* The info hash is over the bytes as they stand in the file; they are kept for BEP 9. */
static enum err read_raw(struct reader *r, ben_val info) {
  struct metainfo *m = r->m;
  const uint8_t *p;
  size_t len;
  if (!bencode_raw(r->d, info, &p, &len)) return ERR_FORMAT;
  sha1_once(p, len, m->info_hash);
  if (m->has_v2) SHA256(p, len, m->info_hash_v2);
  m->info_raw = malloc(len);
  if (m->info_raw == NULL) return out_of_memory(r->err);
  memcpy(m->info_raw, p, len);
  m->info_raw_len = len;
  return ERR_OK;
}

static bool is_sorted(const struct ben_doc *d, ben_val dict) {
  return !(d->tokens[dict].flags & BEN_UNSORTED);
}

static enum err read_info(struct reader *r, ben_val info) {
  struct metainfo *m = r->m;
  int64_t private = 0;
  uint64_t total = 0;
  if (info == BEN_NONE)
    return metainfo_field_fail(r->err, ERR_FORMAT, "info", NULL, "is missing");
  if (!bencode_is(r->d, info, BEN_DICT))
    return metainfo_field_fail(r->err, ERR_FORMAT, "info", NULL, "must be a dictionary");
  enum err e = refuse_v2_only(r, info);
  if (e == ERR_OK) e = metainfo_field_unique(r->d, info, "info", r->err);
  if (e == ERR_OK) e = read_name(r, info);
  if (e == ERR_OK) e = read_files(r, info, &total);
  if (e == ERR_OK) e = read_geometry(r, info, total);
  if (e == ERR_OK) e = read_hashes(r, info);
  if (e == ERR_OK) e = read_raw(r, info);
  if (e != ERR_OK) return e;
  m->is_private = bencode_int(r->d, bencode_get(r->d, info, "private"), &private) && private == 1;
  m->sorted = is_sorted(r->d, info);
  if (metainfo_field_copy(r->d, bencode_get(r->d, info, "source"), &m->source, NULL) != ERR_OK)
    return out_of_memory(r->err);
  return ERR_OK;
}

/* --- What stands beside it. --- */

static enum err read_texts(struct reader *r, ben_val root) {
  const struct ben_doc *d = r->d;
  struct metainfo *m = r->m;
  ben_val comment = metainfo_field_utf8(d, root, "comment", BEN_STR);
  ben_val creator = metainfo_field_utf8(d, root, "created by", BEN_STR);
  enum err e = metainfo_field_copy(d, comment, &m->comment, NULL);
  if (e == ERR_OK) e = metainfo_field_copy(d, creator, &m->created_by, NULL);
  if (e == ERR_OK) e = metainfo_field_copy(d, bencode_get(d, root, "encoding"), &m->encoding, NULL);
  ben_val date = bencode_get(d, root, "creation date");
  m->has_creation_date = bencode_int(d, date, &m->creation_date);
  return e;
}

static enum err read_sources(struct reader *r, ben_val root) {
  const struct ben_doc *d = r->d;
  struct metainfo *m = r->m;
  ben_val http = bencode_get_typed(d, root, "httpseeds", BEN_LIST);
  enum err e = metainfo_sources_tiers(d, root, &m->tiers, &m->tier_count);
  m->trackers_left_out = metainfo_sources_left_out(d, root, m->tiers, m->tier_count);
  if (e == ERR_OK)
    e = metainfo_sources_urls(d, bencode_get(d, root, "url-list"), &m->web_seeds,
                              &m->web_seed_count);
  if (e == ERR_OK) e = metainfo_sources_urls(d, http, &m->http_seeds, &m->http_seed_count);
  if (e == ERR_OK) e = metainfo_sources_nodes(d, root, &m->nodes, &m->node_count);
  return e;
}

static enum err read_root(struct reader *r, ben_val root) {
  if (!bencode_is(r->d, root, BEN_DICT))
    return metainfo_field_fail(r->err, ERR_FORMAT, "torrent", NULL, "must be a dictionary");
  if (bencode_repeated(r->d, root) != BEN_NONE)
    return metainfo_field_unique(r->d, root, "torrent", r->err);
  enum err e = read_info(r, bencode_get(r->d, root, "info"));
  if (e != ERR_OK) return e;
  r->m->sorted = r->m->sorted && is_sorted(r->d, root);
  e = read_texts(r, root);
  if (e == ERR_OK) e = read_sources(r, root);
  return e == ERR_OK ? e : out_of_memory(r->err);
}

/* --- From bytes to a metainfo. --- */

static enum err parse(struct metainfo *m, const void *in, size_t len, struct metainfo_error *err,
                      enum err (*read)(struct reader *r, ben_val root)) {
  struct metainfo_error unwanted;
  struct ben_doc d;
  struct reader r = {.m = m, .d = &d, .err = err ? err : &unwanted};
  *m = (struct metainfo){0};
  *r.err = (struct metainfo_error){0};
  enum err e = bencode_decode(&d, in, len, &bencode_torrent_limits);
  if (e != ERR_OK) return explain(&d, e, in, len, r.err);
  e = read(&r, bencode_root(&d));
  bencode_free(&d);
  if (e != ERR_OK) metainfo_free(m);
  return e;
}

enum err metainfo_parse(struct metainfo *m, const void *in, size_t len,
                        struct metainfo_error *err) {
  const uint8_t *p = in;
  /* A dictionary ends with an 'e', so a newline there is an editor's, and no part of it. */
  if (len > 1 && p[len - 1] == '\n') len--;
  return parse(m, in, len, err, read_root);
}

enum err metainfo_parse_info(struct metainfo *m, const void *info, size_t len,
                             struct metainfo_error *err) {
  return parse(m, info, len, err, read_info);
}

void metainfo_free(struct metainfo *m) {
  char *texts[] = {m->name, m->source, m->comment, m->created_by, m->encoding};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
  free(m->hashes);
  free(m->info_raw);
  metainfo_files_free(m->files, m->file_count);
  metainfo_sources_free_tiers(m->tiers, m->tier_count);
  metainfo_sources_free_urls(m->web_seeds, m->web_seed_count);
  metainfo_sources_free_urls(m->http_seeds, m->http_seed_count);
  metainfo_sources_free_nodes(m->nodes, m->node_count);
  *m = (struct metainfo){0};
}

uint64_t metainfo_payload(const struct metainfo *m) {
  uint64_t sum = 0;
  for (size_t i = 0; i < m->file_count; i++)
    if (!m->files[i].padding) sum += m->files[i].length;
  return sum;
}
