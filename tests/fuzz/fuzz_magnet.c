/*
 * Any bytes as a magnet link: proto/magnet. What must hold:
 *
 *   - counts, lengths and addresses are within their bounds;
 *   - what was read, written as a link and read again, is the same;
 *   - what is refused leaves nothing behind, and has a reason.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/crypto.h"
#include "proto/magnet.h"

static void check_urls(char **urls, size_t count) {
  CHECK(count <= MAGNET_URLS_MAX && (count == 0) == (urls == NULL));
  for (size_t i = 0; i < count; i++) {
    size_t len = strlen(urls[i]);
    CHECK(len > 0 && len <= MAGNET_URL_LEN_MAX);
    for (size_t k = 0; k < len; k++) CHECK(urls[i][k] > ' ' && urls[i][k] <= '~');
  }
}

static void check_bounds(const struct magnet *m) {
  CHECK(m->has_v1 || m->has_v2);
  check_urls(m->trackers, m->tracker_count);
  check_urls(m->web_seeds, m->web_seed_count);
  CHECK(m->peer_count <= MAGNET_PEERS_MAX && m->select_count <= MAGNET_RANGES_MAX);
  for (size_t i = 0; i < m->peer_count; i++) CHECK(addr_is_peer(&m->peers[i]));
  for (size_t i = 0; i < m->select_count; i++) {
    CHECK(m->select[i].first <= m->select[i].last && m->select[i].last < 1000000);
  }
  CHECK(m->name_len <= MAGNET_NAME_LEN_MAX && (m->name != NULL || m->name_len == 0));
  CHECK(m->name == NULL || m->name[m->name_len] == '\0');
}

static void check_equal(const struct magnet *a, const struct magnet *b) {
  CHECK(a->has_v1 == b->has_v1 && memcmp(a->info_hash, b->info_hash, 20) == 0);
  CHECK(a->has_v2 == b->has_v2 && memcmp(a->info_hash_v2, b->info_hash_v2, 32) == 0);
  CHECK(a->name_len == b->name_len);
  CHECK(a->name_len == 0 || memcmp(a->name, b->name, a->name_len) == 0);
  CHECK(a->tracker_count == b->tracker_count && a->web_seed_count == b->web_seed_count);
  for (size_t i = 0; i < a->tracker_count; i++)
    CHECK(strcmp(a->trackers[i], b->trackers[i]) == 0);
  for (size_t i = 0; i < a->web_seed_count; i++)
    CHECK(strcmp(a->web_seeds[i], b->web_seeds[i]) == 0);
  CHECK(a->peer_count == b->peer_count && a->select_count == b->select_count);
  for (size_t i = 0; i < a->peer_count; i++) CHECK(addr_equal(&a->peers[i], &b->peers[i]));
  CHECK(memcmp(a->select, b->select, sizeof a->select) == 0);
}

static bool is_unreserved(char c) {
  if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return true;
  return c == '-' || c == '.' || c == '_' || c == '~';
}

static void put_escaped(struct buf *b, const char *key, const char *s, size_t len) {
  buf_printf(b, "&%s=", key);
  for (size_t i = 0; i < len; i++) {
    if (is_unreserved(s[i]))
      buf_put_u8(b, (uint8_t)s[i]);
    else
      buf_printf(b, "%%%02X", (unsigned char)s[i]);
  }
}

static void put_select(struct buf *b, const struct magnet *m) {
  for (size_t i = 0; i < m->select_count; i++) {
    const struct magnet_range *r = &m->select[i];
    buf_put_str(b, i == 0 ? "&so=" : ",");
    buf_printf(b, "%u", r->first);
    if (r->last != r->first) buf_printf(b, "-%u", r->last);
  }
}

static void write_link(struct buf *b, const struct magnet *m) {
  char hex[65];
  const char *before = "magnet:?";
  if (m->has_v1) {
    crypto_hex(m->info_hash, sizeof m->info_hash, hex);
    buf_printf(b, "%sxt=urn:btih:%s", before, hex);
    before = "&";
  }
  if (m->has_v2) {
    crypto_hex(m->info_hash_v2, sizeof m->info_hash_v2, hex);
    buf_printf(b, "%sxt=urn:btmh:1220%s", before, hex);
  }
  if (m->name != NULL) put_escaped(b, "dn", m->name, m->name_len);
  for (size_t i = 0; i < m->tracker_count; i++)
    put_escaped(b, "tr", m->trackers[i], strlen(m->trackers[i]));
  for (size_t i = 0; i < m->web_seed_count; i++)
    put_escaped(b, "ws", m->web_seeds[i], strlen(m->web_seeds[i]));
  for (size_t i = 0; i < m->peer_count; i++) {
    char text[ADDR_TEXT_MAX];
    addr_text(&m->peers[i], text);
    buf_printf(b, "&x.pe=%s", text);
  }
  put_select(b, m);
}

static void check_round_trip(const struct magnet *m) {
  struct magnet back;
  struct buf b;
  buf_init(&b, 1 << 20);
  write_link(&b, m);
  CHECK(!b.failed);
  if (b.len <= MAGNET_LEN_MAX) {
    CHECK(magnet_parse(&back, (char *)b.data, b.len, NULL) == ERR_OK);
    check_equal(m, &back);
    magnet_free(&back);
  }
  buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct magnet empty;
  struct magnet m;
  const char *why = NULL;
  uint8_t *in = fuzz_copy(data, size);
  enum err e = magnet_parse(&m, (const char *)in, size, &why);
  CHECK(e == ERR_OK || e == ERR_FORMAT || e == ERR_LIMIT);
  if (e == ERR_OK) {
    check_bounds(&m);
    check_round_trip(&m);
    magnet_free(&m);
  } else {
    CHECK(why != NULL && why[0] != '\0');
    CHECK(memcmp(&m, &empty, sizeof m) == 0);
  }
  free(in);
  return 0;
}
