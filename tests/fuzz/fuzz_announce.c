/*
 * Any bytes as the reply of a tracker, and as its tracker id in our next query: proto/announce.
 * What must hold:
 *
 *   - every peer that is kept can be one, and its text reads back as the same address;
 *   - numbers are within their bounds, texts are terminated, a failure comes without peers;
 *   - bytes behind the reply change nothing;
 *   - the query holds only characters that may stand in one, and decodes to what was put in.
 */
#include "fuzz.h"

#include "proto/announce.h"

static void check_peers(const struct announce_reply *r) {
  CHECK(r->peer_count <= ANNOUNCE_PEERS_MAX && (r->peers != NULL || r->peer_count == 0));
  for (size_t i = 0; i < r->peer_count; i++) {
    char text[ADDR_TEXT_MAX];
    struct addr back;
    CHECK(addr_is_peer(&r->peers[i]));
    addr_text(&r->peers[i], text);
    CHECK(addr_parse(text, strlen(text), &back) && addr_equal(&back, &r->peers[i]));
    CHECK(addr_hash(&back, 1) == addr_hash(&r->peers[i], 1));
  }
}

static void check_reply(const struct announce_reply *r) {
  CHECK(r->interval_s >= 60 && r->interval_s <= 3600);
  CHECK(r->min_interval_s >= 0 && r->min_interval_s <= 3600);
  CHECK(r->told_interval_s >= -1 && r->told_min_interval_s >= -1);
  CHECK(r->complete >= -1 && r->incomplete >= -1);
  CHECK(r->retry_in_s == -1 || r->retry_in_s >= 60);
  CHECK(strlen(r->failure) < ANNOUNCE_TEXT_MAX && strlen(r->warning) < ANNOUNCE_TEXT_MAX);
  CHECK(r->tracker_id_len <= sizeof r->tracker_id);
  CHECK(r->external_ip.family == 0 || r->external_ip.port == 0);
  CHECK(r->failure[0] == '\0' || r->peer_count == 0);
  check_peers(r);
}

static void check_rest(const uint8_t *data, size_t size, const struct announce_reply *r) {
  struct announce_reply again;
  uint8_t *more = malloc(size + 1);
  if (more == NULL) abort();
  memcpy(more, data, size);
  more[size] = '\n';
  CHECK(announce_parse(&again, more, size + 1, ANNOUNCE_PEERS_MAX) == ERR_OK);
  CHECK(again.peer_count == r->peer_count && again.interval_s == r->interval_s);
  announce_free(&again);
  free(more);
}

/* One character of a query's value, decoded; moves `s` on. */
static uint8_t unescaped(const char **s) {
  char hex[3] = {0};
  if (**s != '%') return (uint8_t)*(*s)++;
  memcpy(hex, *s + 1, 2);
  *s += 3;
  return (uint8_t)strtoul(hex, NULL, 16);
}

static void check_query(const uint8_t *data, size_t size) {
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~%&=";
  struct announce_request q = {.port = 1, .numwant = -1, .event = ANNOUNCE_STARTED};
  struct buf b;
  memcpy(q.info_hash, data, size < 20 ? size : 20);
  q.tracker_id = (const char *)data;
  q.tracker_id_len = size;
  buf_init(&b, 1000 + 3 * size);
  announce_put_query(&b, &q);
  const char *text = buf_cstr(&b);
  CHECK(!b.failed && strlen(text) == b.len && strspn(text, allowed) == b.len);
  const char *s = text + strlen("info_hash=");
  for (size_t i = 0; i < 20; i++) CHECK(unescaped(&s) == q.info_hash[i]);
  const char *id = strstr(text, "&trackerid=");
  CHECK((id != NULL) == (size > 0));
  if (id != NULL) id += strlen("&trackerid=");
  for (size_t i = 0; i < size; i++) CHECK(unescaped(&id) == data[i]);
  buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct announce_reply r;
  uint8_t *in = fuzz_copy(data, size);
  enum err e = announce_parse(&r, in, size, ANNOUNCE_PEERS_MAX);
  CHECK(e == ERR_OK || e == ERR_FORMAT);
  if (e == ERR_OK) {
    check_reply(&r);
    check_rest(in, size, &r);
    announce_free(&r);
  } else {
    CHECK(r.peers == NULL);
  }
  check_query(in, size);
  free(in);
  return 0;
}
