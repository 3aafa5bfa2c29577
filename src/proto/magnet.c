#include "proto/magnet.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "proto/metainfo_files.h"

/* Bytes of the link, between two marks. */
struct span {
  const char *p;
  size_t len;
};

static const char scheme[] = "magnet:?";
enum { SCHEME_LEN = sizeof scheme - 1 };

/* --- Percent-encoding, RFC 3986. --- */

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* The bytes that `s` stands for, in fresh memory with a NUL behind them; NULL: out of memory. */
static char *unescape(struct span s, bool plus_is_space, size_t *len) {
  char *out = malloc(s.len + 1);
  size_t n = 0;
  if (out == NULL) return NULL;
  for (size_t i = 0; i < s.len; i++) {
    int high = i + 2 < s.len && s.p[i] == '%' ? hex_value(s.p[i + 1]) : -1;
    int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;
    if (low >= 0) {
      out[n++] = (char)(high << 4 | low);
      i += 2;
    } else {
      out[n++] = s.p[i] == '+' && plus_is_space ? ' ' : s.p[i];
    }
  }
  out[n] = '\0';
  *len = n;
  return out;
}

/* --- xt: which torrent. --- */

static int base32_value(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= 'A' && c <= 'Z') return c - 'A';
  return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/* 32 digits of 5 bits, the highest first, make 20 bytes with none left over. RFC 4648. */
static bool read_base32(const char *text, uint8_t out[static 20]) {
  uint32_t bits = 0;
  size_t have = 0;
  size_t n = 0;
  for (size_t i = 0; i < 32; i++) {
    int v = base32_value(text[i]);
    if (v < 0) return false;
    bits = bits << 5 | (uint32_t)v;
    have += 5;
    if (have < 8) continue;
    have -= 8;
    out[n++] = (uint8_t)(bits >> have);
  }
  return true;
}

bool magnet_hash(const char *text, size_t len, uint8_t out[static 20]) {
  uint8_t hash[20];
  bool ok = len == 32 ? read_base32(text, hash) : crypto_unhex(text, len, hash, sizeof hash);
  if (ok) memcpy(out, hash, sizeof hash);
  return ok;
}

static bool starts_with(struct span s, const char *start) {
  size_t len = strlen(start);
  return s.len >= len && strncasecmp(s.p, start, len) == 0;
}

/* Keeps a hash, unless another one of that kind is there. */
static enum err keep_hash(bool *has, uint8_t *kept, const uint8_t *hash, size_t len,
                          const char **why) {
  if (*has && memcmp(kept, hash, len) != 0) {
    *why = "it names two different torrents";
    return ERR_FORMAT;
  }
  memcpy(kept, hash, len);
  *has = true;
  return ERR_OK;
}

/* "urn:btih:<hash>", or "urn:btmh:1220<SHA-256>": 0x12 is SHA-256 and 0x20 its length, says the
 * table of multihash. Other names are for other networks. */
static enum err read_topic(struct magnet *m, struct span v, const char **why) {
  uint8_t v1[20];
  uint8_t v2[34];
  if (starts_with(v, "urn:btih:")) {
    if (!magnet_hash(v.p + 9, v.len - 9, v1)) {
      *why = "its info hash is neither 40 hexadecimal digits nor 32 of base 32";
      return ERR_FORMAT;
    }
    return keep_hash(&m->has_v1, m->info_hash, v1, sizeof v1, why);
  }
  if (starts_with(v, "urn:btmh:")) {
    if (!crypto_unhex(v.p + 9, v.len - 9, v2, sizeof v2) || v2[0] != 0x12 || v2[1] != 0x20) {
      *why = "its version 2 info hash is not \"1220\" and 64 hexadecimal digits";
      return ERR_FORMAT;
    }
    return keep_hash(&m->has_v2, m->info_hash_v2, v2 + 2, 32, why);
  }
  return ERR_OK;
}

/* --- The other keys. --- */

static enum err read_name(struct magnet *m, struct span v) {
  if (m->name != NULL || v.len == 0 || v.len > 3 * MAGNET_NAME_LEN_MAX) return ERR_OK;
  m->name = unescape(v, true, &m->name_len);
  if (m->name == NULL) return ERR_MEMORY;
  if (m->name_len <= MAGNET_NAME_LEN_MAX) return ERR_OK;
  free(m->name);
  m->name = NULL;
  m->name_len = 0;
  return ERR_OK;
}

/* A URL of printable ASCII: anything else would have to be encoded. */
static bool is_url(const char *text, size_t len) {
  if (len == 0 || len > MAGNET_URL_LEN_MAX) return false;
  for (size_t i = 0; i < len; i++)
    if (text[i] <= ' ' || text[i] > '~') return false;
  return true;
}

static enum err add_url(char ***list, size_t *count, struct span v) {
  size_t len;
  if (*count == MAGNET_URLS_MAX || v.len > 3 * MAGNET_URL_LEN_MAX) return ERR_OK;
  char *url = unescape(v, false, &len);
  if (url == NULL) return ERR_MEMORY;
  bool wanted = is_url(url, len);
  for (size_t i = 0; i < *count && wanted; i++) wanted = strcmp((*list)[i], url) != 0;
  char **more = wanted ? realloc(*list, (*count + 1) * sizeof **list) : NULL;
  if (more == NULL) {
    free(url);
    return wanted ? ERR_MEMORY : ERR_OK;
  }
  *list = more;
  more[(*count)++] = url;
  return ERR_OK;
}

/* "1.2.3.4:6881", "[::1]:6881", or the name of a host. */
static enum err add_peer(struct magnet *m, struct span v) {
  struct addr a;
  size_t len;
  if (m->peer_count == MAGNET_PEERS_MAX || v.len > 1000) return ERR_OK;
  char *text = unescape(v, false, &len);
  if (text == NULL) return ERR_MEMORY;
  if (!addr_parse(text, len, &a)) {
    m->peer_names += len > 0;
  } else if (addr_is_peer(&a)) {
    bool known = false;
    for (size_t i = 0; i < m->peer_count; i++) known = known || addr_equal(&m->peers[i], &a);
    if (!known) m->peers[m->peer_count++] = a;
  }
  free(text);
  return ERR_OK;
}

/* Digits up to the highest index a file can have; returns what is behind them, NULL if there are
 * none or too many. */
static const char *read_index(const char *p, const char *end, uint32_t *out) {
  const char *start = p;
  *out = 0;
  for (; p < end && *p >= '0' && *p <= '9'; p++) {
    *out = *out * 10 + (uint32_t)(*p - '0');
    if (*out >= METAINFO_FILES_MAX) return NULL;
  }
  return p > start ? p : NULL;
}

/* BEP 53: "0,2,4,6-8"; what is malformed is left out. */
static void read_select(struct magnet *m, const char *p, size_t len) {
  const char *end = p + len;
  while (p < end && m->select_count < MAGNET_RANGES_MAX) {
    const char *comma = memchr(p, ',', (size_t)(end - p));
    const char *stop = comma ? comma : end;
    struct magnet_range r;
    const char *q = read_index(p, stop, &r.first);
    r.last = r.first;
    if (q != NULL && q < stop && *q == '-') q = read_index(q + 1, stop, &r.last);
    if (q == stop && r.last >= r.first) m->select[m->select_count++] = r;
    p = comma ? comma + 1 : end;
  }
}

static enum err add_select(struct magnet *m, struct span v) {
  size_t len;
  char *text = unescape(v, false, &len);
  if (text == NULL) return ERR_MEMORY;
  read_select(m, text, len);
  free(text);
  return ERR_OK;
}

/* --- The whole link. --- */

/* Is it this key, or this key with a number: "tr", "tr.1"? */
static bool is_key(struct span k, const char *name) {
  size_t len = strlen(name);
  if (!starts_with(k, name)) return false;
  if (k.len == len) return true;
  if (k.p[len] != '.' || k.len == len + 1) return false;
  for (size_t i = len + 1; i < k.len; i++)
    if (k.p[i] < '0' || k.p[i] > '9') return false;
  return true;
}

static enum err read_pair(struct magnet *m, struct span k, struct span v, const char **why) {
  enum err e = ERR_OK;
  if (starts_with(k, "amp;")) k = (struct span){k.p + 4, k.len - 4};
  if (is_key(k, "xt")) {
    size_t len;
    char *topic = unescape(v, false, &len); /* the colons of a URN are often encoded */
    if (topic == NULL) return ERR_MEMORY;
    e = read_topic(m, (struct span){topic, len}, why);
    free(topic);
  } else if (is_key(k, "dn")) {
    e = read_name(m, v);
  } else if (is_key(k, "tr")) {
    e = add_url(&m->trackers, &m->tracker_count, v);
  } else if (is_key(k, "ws")) {
    e = add_url(&m->web_seeds, &m->web_seed_count, v);
  } else if (is_key(k, "x.pe")) {
    e = add_peer(m, v);
  } else if (is_key(k, "so")) {
    e = add_select(m, v);
  }
  return e;
}

static enum err read_pairs(struct magnet *m, const char *p, const char *end, const char **why) {
  while (p < end) {
    const char *amp = memchr(p, '&', (size_t)(end - p));
    const char *stop = amp ? amp : end;
    const char *equals = memchr(p, '=', (size_t)(stop - p));
    if (equals != NULL) {
      struct span k = {p, (size_t)(equals - p)};
      struct span v = {equals + 1, (size_t)(stop - equals - 1)};
      enum err e = read_pair(m, k, v, why);
      if (e != ERR_OK) return e;
    }
    p = amp ? amp + 1 : end;
  }
  if (m->has_v1 || m->has_v2) return ERR_OK;
  *why = "it names no torrent: \"xt=urn:btih:\" and an info hash is missing";
  return ERR_FORMAT;
}

bool magnet_is_link(const char *text) {
  return strncasecmp(text, scheme, SCHEME_LEN - 1) == 0;
}

enum err magnet_parse(struct magnet *m, const char *text, size_t len, const char **why) {
  const char *unwanted;
  if (why == NULL) why = &unwanted;
  memset(m, 0, sizeof *m);
  *why = "";
  if (len > MAGNET_LEN_MAX) {
    *why = "it is longer than 64 KiB";
    return ERR_LIMIT;
  }
  if (!starts_with((struct span){text, len}, scheme)) {
    *why = "it does not begin with \"magnet:?\"";
    return ERR_FORMAT;
  }
  enum err e = read_pairs(m, text + SCHEME_LEN, text + len, why);
  if (e == ERR_MEMORY) *why = "out of memory";
  if (e != ERR_OK) magnet_free(m);
  return e;
}

void magnet_free(struct magnet *m) {
  for (size_t i = 0; i < m->tracker_count; i++) free(m->trackers[i]);
  for (size_t i = 0; i < m->web_seed_count; i++) free(m->web_seeds[i]);
  free(m->trackers);
  free(m->web_seeds);
  free(m->name);
  memset(m, 0, sizeof *m);
}
