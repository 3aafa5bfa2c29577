#include "proto/announce.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
  INTERVAL_MIN_S = 60,
  INTERVAL_MAX_S = 3600,
  INTERVAL_DEFAULT_S = 1800,
  MINUTE_S = 60,
  COMPACT4_LEN = 6,
  COMPACT6_LEN = 18
};

/* A megabyte of dictionary peers, at 26 bytes and 5 tokens each, still fits. */
static const struct ben_limits reply_limits = {
  .max_bytes = 1u << 20,
  .max_tokens = 250000,
  .max_depth = 20,
  .prefix = true,
};

/* --- The query. --- */

static bool is_unreserved(uint8_t c) {
  if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return true;
  return c == '-' || c == '.' || c == '_' || c == '~';
}

/* RFC 3986, 2.1. */
void announce_put_escaped(struct buf *b, const void *data, size_t len) {
  const uint8_t *p = data;
  for (size_t i = 0; i < len; i++) {
    if (is_unreserved(p[i]))
      buf_put_u8(b, p[i]);
    else
      buf_printf(b, "%%%02X", p[i]);
  }
}

const char *announce_event_name(enum announce_event e) {
  switch (e) {
  case ANNOUNCE_STARTED:
    return "started";
  case ANNOUNCE_COMPLETED:
    return "completed";
  case ANNOUNCE_STOPPED:
    return "stopped";
  case ANNOUNCE_NONE:
    break;
  }
  return "";
}

void announce_put_query(struct buf *b, const struct announce_request *q) {
  buf_put_str(b, "info_hash=");
  announce_put_escaped(b, q->info_hash, sizeof q->info_hash);
  buf_put_str(b, "&peer_id=");
  announce_put_escaped(b, q->peer_id, sizeof q->peer_id);
  buf_printf(b, "&port=%u&uploaded=%" PRIu64 "&downloaded=%" PRIu64 "&left=%" PRIu64, q->port,
             q->uploaded, q->downloaded, q->left);
  buf_printf(b, "&compact=1&no_peer_id=1&key=%08" PRIX32, q->key);
  if (q->numwant >= 0) buf_printf(b, "&numwant=%" PRId32, q->numwant);
  if (q->event != ANNOUNCE_NONE) buf_printf(b, "&event=%s", announce_event_name(q->event));
  if (q->tracker_id != NULL && q->tracker_id_len > 0) {
    buf_put_str(b, "&trackerid=");
    announce_put_escaped(b, q->tracker_id, q->tracker_id_len);
  }
}

/* --- The peers of a reply. --- */

/* Keeps the address if it can be a peer and there is room, only counts it otherwise. */
static void keep(struct announce_reply *r, size_t room, const struct addr *a) {
  if (!addr_is_peer(a))
    r->peer_skipped++;
  else if (r->peer_count < room)
    r->peers[r->peer_count++] = *a;
  else
    r->peer_over++;
}

/* Compact peers: `size` bytes each, a rest at the end is one more bad entry. */
static void read_compact(struct announce_reply *r, size_t room, const struct ben_doc *d, ben_val v,
                         size_t size) {
  const char *s;
  size_t len;
  if (!bencode_str(d, v, &s, &len)) return;
  const uint8_t *p = (const uint8_t *)s;
  for (; len >= size; p += size, len -= size) {
    struct addr a = size == COMPACT4_LEN ? addr_from_compact4(p) : addr_from_compact6(p);
    keep(r, room, &a);
  }
  if (len > 0) r->peer_skipped++;
}

/* A dictionary peer: { "ip": an address as text, "port": number }. No names: nothing is looked up.
 * */
static struct addr read_peer(const struct ben_doc *d, ben_val v) {
  struct addr a = {0};
  const char *ip;
  size_t len;
  int64_t port;
  if (!bencode_int(d, bencode_get(d, v, "port"), &port) || port < 1 || port > UINT16_MAX) return a;
  if (!bencode_str(d, bencode_get(d, v, "ip"), &ip, &len)) return a;
  if (!addr_parse_ip(ip, len, (uint16_t)port, &a)) return (struct addr){0};
  return a;
}

static void read_list(struct announce_reply *r, size_t room, const struct ben_doc *d, ben_val v) {
  if (!bencode_is(d, v, BEN_LIST)) return;
  for (ben_val k = bencode_first(d, v); k != BEN_NONE; k = bencode_next(d, v, k)) {
    struct addr a = read_peer(d, k);
    keep(r, room, &a);
  }
}

/* How many peers the value `v` can hold at most. */
static size_t claims(const struct ben_doc *d, ben_val v, size_t size) {
  const char *s;
  size_t len;
  if (bencode_str(d, v, &s, &len)) return len / size;
  return bencode_is(d, v, BEN_LIST) ? bencode_count(d, v) : 0;
}

static enum err read_peers(struct announce_reply *r, const struct ben_doc *d, ben_val root,
                           size_t peers_max) {
  ben_val peers = bencode_get(d, root, "peers");
  ben_val peers6 = bencode_get(d, root, "peers6");
  size_t room = claims(d, peers, COMPACT4_LEN) + claims(d, peers6, COMPACT6_LEN);
  if (room > peers_max) room = peers_max;
  if (room > 0) {
    r->peers = calloc(room, sizeof *r->peers);
    if (r->peers == NULL) return ERR_MEMORY;
  }
  read_compact(r, room, d, peers, COMPACT4_LEN);
  read_compact(r, room, d, peers6, COMPACT6_LEN);
  read_list(r, room, d, peers);
  read_list(r, room, d, peers6);
  return ERR_OK;
}

/* --- The rest of it. --- */

static int64_t clamp(int64_t v, int64_t least, int64_t most) {
  if (v < least) return least;
  return v > most ? most : v;
}

/* A count, -1 if it is absent or negative. */
static int64_t read_count(const struct ben_doc *d, ben_val v) {
  int64_t n;
  return bencode_int(d, v, &n) && n >= 0 ? n : -1;
}

static void read_intervals(struct announce_reply *r, const struct ben_doc *d, ben_val root) {
  int64_t n = r->told_interval_s = read_count(d, bencode_get(d, root, "interval"));
  r->interval_s = n > 0 ? clamp(n, INTERVAL_MIN_S, INTERVAL_MAX_S) : INTERVAL_DEFAULT_S;
  n = r->told_min_interval_s = read_count(d, bencode_get(d, root, "min interval"));
  r->min_interval_s = clamp(n, 0, INTERVAL_MAX_S);
}

/* BEP 31, "retry in": minutes, as an integer or as digits (the BEP shows both), or "never". */
int64_t announce_retry_in(const struct ben_doc *d, ben_val v) {
  char text[24];
  int64_t minutes = 0;
  if (bencode_cstr(d, v, text, sizeof text)) {
    if (strcmp(text, "never") == 0) return INT64_MAX;
    if (text[strspn(text, "0123456789")] != '\0') return -1;
    minutes = strtoll(text, NULL, 10); /* saturates */
  } else if (!bencode_int(d, v, &minutes)) {
    return -1;
  }
  if (minutes <= 0) return -1;
  return minutes > INT64_MAX / MINUTE_S ? INT64_MAX : minutes * MINUTE_S;
}

/* BEP 24, "external ip": 4 or 16 bytes. */
static struct addr read_external_ip(const struct ben_doc *d, ben_val v) {
  uint8_t compact[COMPACT6_LEN] = {0};
  const char *s;
  size_t len;
  if (!bencode_str(d, v, &s, &len) || (len != 4 && len != 16)) return (struct addr){0};
  memcpy(compact, s, len);
  return len == 4 ? addr_from_compact4(compact) : addr_from_compact6(compact);
}

static void read_tracker_id(struct announce_reply *r, const struct ben_doc *d, ben_val v) {
  const char *s;
  size_t len;
  if (!bencode_str(d, v, &s, &len) || len > sizeof r->tracker_id) return;
  memcpy(r->tracker_id, s, len);
  r->tracker_id_len = len;
}

/* A tracker that says no without a reason has said no all the same. */
static void read_failure(struct announce_reply *r, const struct ben_doc *d, ben_val v) {
  static const char unsaid[] = "the tracker gave no reason";
  if (v == BEN_NONE) return;
  bencode_cstr(d, v, r->failure, sizeof r->failure);
  if (r->failure[0] == '\0') memcpy(r->failure, unsaid, sizeof unsaid);
}

static enum err read_reply(struct announce_reply *r, const struct ben_doc *d, ben_val root,
                           size_t peers_max) {
  if (!bencode_is(d, root, BEN_DICT)) return ERR_FORMAT;
  read_failure(r, d, bencode_get(d, root, "failure reason"));
  bencode_cstr(d, bencode_get(d, root, "warning message"), r->warning, sizeof r->warning);
  r->retry_in_s = announce_retry_in(d, bencode_get(d, root, "retry in"));
  read_intervals(r, d, root);
  read_tracker_id(r, d, bencode_get(d, root, "tracker id"));
  r->complete = read_count(d, bencode_get(d, root, "complete"));
  r->incomplete = read_count(d, bencode_get(d, root, "incomplete"));
  r->external_ip = read_external_ip(d, bencode_get(d, root, "external ip"));
  return r->failure[0] != '\0' ? ERR_OK : read_peers(r, d, root, peers_max);
}

enum err announce_parse(struct announce_reply *r, const void *in, size_t len, size_t peers_max) {
  struct ben_doc d;
  *r = (struct announce_reply){0};
  enum err e = bencode_decode(&d, in, len, &reply_limits);
  if (e != ERR_OK) return e == ERR_MEMORY ? ERR_MEMORY : ERR_FORMAT;
  e = read_reply(r, &d, bencode_root(&d), peers_max);
  bencode_free(&d);
  return e;
}

void announce_free(struct announce_reply *r) {
  free(r->peers);
  *r = (struct announce_reply){0};
}
