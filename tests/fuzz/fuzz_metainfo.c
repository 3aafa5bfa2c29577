/*
 * Any bytes as a torrent: proto/metainfo. What must hold for one that is accepted:
 *
 *   - the files lie end to end and add up to the geometry's total, and the hashes fit the pieces;
 *   - every text is terminated where its length says, every URL within its bounds;
 *   - the info hash is the SHA-1 of the raw info, which parses alone to the same;
 *   - a newline behind it changes nothing, and any other byte makes it no torrent.
 *
 * A torrent that is refused leaves nothing behind and a field and a reason to show.
 */
#include "fuzz.h"

#include <openssl/sha.h>

#include "proto/metainfo.h"

static void check_files(const struct metainfo *m) {
  uint64_t total = 0;
  CHECK(m->file_count > 0 && (m->multi || m->file_count == 1));
  for (size_t i = 0; i < m->file_count; i++) {
    const struct metainfo_file *f = &m->files[i];
    CHECK(f->offset == total && f->length <= GEOMETRY_TOTAL_MAX);
    CHECK(f->depth >= 1 && f->depth <= METAINFO_DEPTH_MAX);
    CHECK(strlen(f->md5sum) == 0 || strlen(f->md5sum) == 32);
    for (size_t k = 0; k < f->depth; k++) CHECK(f->path[k][f->path_len[k]] == '\0');
    total += f->length;
  }
  CHECK(total == m->geo.total && metainfo_payload(m) <= total);
}

static void check_geometry(const struct metainfo *m) {
  const struct geometry *g = &m->geo;
  CHECK(g->piece_len >= 1 && g->piece_len <= GEOMETRY_PIECE_LEN_MAX);
  CHECK(g->pieces <= GEOMETRY_PIECES_MAX);
  CHECK((uint64_t)g->pieces * g->piece_len >= g->total);
  volatile uint8_t sum = 0; /* every hash can be read */
  for (size_t i = 0; i < (size_t)g->pieces * 20; i++) sum = sum ^ m->hashes[i];
  if (g->pieces == 0) return;
  uint32_t last = g->pieces - 1;
  CHECK(geometry_piece_offset(g, last) + geometry_piece_len(g, last) == g->total);
}

static void check_urls(char *const *urls, size_t count) {
  CHECK(count <= METAINFO_URLS_MAX);
  for (size_t i = 0; i < count; i++) {
    size_t len = strlen(urls[i]);
    CHECK(len >= 1 && len <= METAINFO_URL_LEN_MAX && strpbrk(urls[i], " \t\r\n") == NULL);
  }
}

static void check_sources(const struct metainfo *m) {
  CHECK(m->tier_count <= METAINFO_TIERS_MAX && m->node_count <= METAINFO_NODES_MAX);
  for (size_t i = 0; i < m->tier_count; i++) {
    CHECK(m->tiers[i].count > 0);
    check_urls(m->tiers[i].urls, m->tiers[i].count);
  }
  check_urls(m->web_seeds, m->web_seed_count);
  check_urls(m->http_seeds, m->http_seed_count);
  for (size_t i = 0; i < m->node_count; i++)
    CHECK(m->nodes[i].port > 0 && strlen(m->nodes[i].host) <= METAINFO_HOST_LEN_MAX);
}

static void check_info(const struct metainfo *m) {
  struct metainfo alone;
  uint8_t hash[32];
  SHA1(m->info_raw, m->info_raw_len, hash);
  CHECK(memcmp(hash, m->info_hash, 20) == 0);
  SHA256(m->info_raw, m->info_raw_len, hash);
  CHECK(!m->has_v2 || memcmp(hash, m->info_hash_v2, 32) == 0);
  uint8_t *raw = fuzz_copy(m->info_raw, m->info_raw_len);
  CHECK(metainfo_parse_info(&alone, raw, m->info_raw_len, NULL) == ERR_OK);
  free(raw);
  CHECK(memcmp(alone.info_hash, m->info_hash, 20) == 0);
  CHECK(alone.file_count == m->file_count && alone.geo.total == m->geo.total);
  CHECK(alone.name_len == m->name_len && alone.name[alone.name_len] == '\0');
  metainfo_free(&alone);
}

/* Parses the input with one more byte behind it. */
static enum err parse_with(const uint8_t *data, size_t size, uint8_t byte, struct metainfo *m) {
  uint8_t *in = malloc(size + 1);
  if (in == NULL) abort();
  memcpy(in, data, size);
  in[size] = byte;
  enum err e = metainfo_parse(m, in, size + 1, NULL);
  free(in);
  return e;
}

static void check_rest(const uint8_t *data, size_t size, const struct metainfo *m) {
  struct metainfo again;
  if (data[size - 1] == '\n') return;
  CHECK(parse_with(data, size, '\n', &again) == ERR_OK);
  CHECK(memcmp(again.info_hash, m->info_hash, 20) == 0);
  metainfo_free(&again);
  CHECK(parse_with(data, size, 'e', &again) == ERR_FORMAT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct metainfo zero;
  struct metainfo m;
  struct metainfo_error err;
  uint8_t *in = fuzz_copy(data, size);
  enum err e = metainfo_parse(&m, in, size, &err);
  free(in);
  if (e == ERR_OK) {
    check_files(&m);
    check_geometry(&m);
    check_sources(&m);
    check_info(&m);
    check_rest(data, size, &m);
    metainfo_free(&m);
  } else {
    CHECK(e == ERR_FORMAT || e == ERR_LIMIT || e == ERR_UNSUPPORTED);
    CHECK(err.why[0] != '\0' && strlen(err.field) < sizeof err.field);
  }
  CHECK(memcmp(&m, &zero, sizeof m) == 0);
  return 0;
}
