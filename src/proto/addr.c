#include "proto/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static uint16_t port_from(const uint8_t p[static 2]) {
  return (uint16_t)(p[0] << 8 | p[1]);
}

static struct addr from_ip4(const uint8_t ip[static 4], uint16_t port) {
  struct addr a = {.family = 4, .port = port};
  memcpy(a.ip, ip, 4);
  return a;
}

/* An IPv4-mapped address (::ffff:a.b.c.d) becomes plain IPv4. */
static struct addr from_ip6(const uint8_t ip[static 16], uint16_t port) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  if (memcmp(ip, mapped, sizeof mapped) == 0) return from_ip4(ip + 12, port);
  struct addr a = {.family = 6, .port = port};
  memcpy(a.ip, ip, 16);
  return a;
}

struct addr addr_from_compact4(const uint8_t p[static 6]) {
  return from_ip4(p, port_from(p + 4));
}

struct addr addr_from_compact6(const uint8_t p[static 18]) {
  return from_ip6(p, port_from(p + 16));
}

bool addr_parse_ip(const char *text, size_t len, uint16_t port, struct addr *out) {
  char literal[INET6_ADDRSTRLEN];
  uint8_t ip[16];
  if (len >= sizeof literal || memchr(text, '\0', len) != NULL) return false;
  memcpy(literal, text, len);
  literal[len] = '\0';
  if (inet_pton(AF_INET, literal, ip) == 1)
    *out = from_ip4(ip, port);
  else if (inet_pton(AF_INET6, literal, ip) == 1)
    *out = from_ip6(ip, port);
  else
    return false;
  return true;
}

/* One to five digits, up to 65535. */
static bool parse_port(const char *text, size_t len, uint16_t *port) {
  uint32_t v = 0;
  if (len < 1 || len > 5) return false;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    v = v * 10 + (uint32_t)(text[i] - '0');
  }
  *port = (uint16_t)v;
  return v <= UINT16_MAX;
}

bool addr_parse(const char *text, size_t len, struct addr *out) {
  uint16_t port;
  bool bracket = len > 0 && text[0] == '[';
  size_t colon = len; /* the last one */
  while (colon > 0 && text[colon - 1] != ':') colon--;
  if (colon == 0 || !parse_port(text + colon, len - colon, &port)) return false;
  size_t ip_len = colon - 1;
  if (bracket) {
    if (ip_len < 2 || text[ip_len - 1] != ']') return false;
    text += 1;
    ip_len -= 2;
  }
  /* An IPv6 address has colons of its own and needs the brackets; IPv4 must not have them. */
  bool v6 = memchr(text, ':', ip_len) != NULL;
  return v6 == bracket && addr_parse_ip(text, ip_len, port, out);
}

const char *addr_text(const struct addr *a, char out[static ADDR_TEXT_MAX]) {
  char ip[INET6_ADDRSTRLEN] = "";
  if (a->family == 4) {
    inet_ntop(AF_INET, a->ip, ip, sizeof ip);
    snprintf(out, ADDR_TEXT_MAX, "%s:%u", ip, a->port);
  } else if (a->family == 6) {
    inet_ntop(AF_INET6, a->ip, ip, sizeof ip);
    if (a->scope != 0) snprintf(out, ADDR_TEXT_MAX, "[%s%%%u]:%u", ip, a->scope, a->port);
    else snprintf(out, ADDR_TEXT_MAX, "[%s]:%u", ip, a->port);
  } else {
    snprintf(out, ADDR_TEXT_MAX, "none");
  }
  return out;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  if (a->family == 4) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(a->port)};
    memcpy(&v4.sin_addr, a->ip, 4);
    memcpy(out, &v4, sizeof v4);
    return sizeof v4;
  }
  if (a->family == 6) {
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port),
                              .sin6_scope_id = a->scope};
    memcpy(&v6.sin6_addr, a->ip, 16);
    memcpy(out, &v6, sizeof v6);
    return sizeof v6;
  }
  return 0;
}

bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *out) {
  if (sa->sa_family == AF_INET) {
    struct sockaddr_in v4;
    memcpy(&v4, sa, sizeof v4);
    uint8_t ip[4];
    memcpy(ip, &v4.sin_addr, sizeof ip);
    *out = from_ip4(ip, ntohs(v4.sin_port));
    return true;
  }
  if (sa->sa_family == AF_INET6) {
    struct sockaddr_in6 v6;
    memcpy(&v6, sa, sizeof v6);
    *out = from_ip6(v6.sin6_addr.s6_addr, ntohs(v6.sin6_port));
    if (addr_is_link6(out)) out->scope = v6.sin6_scope_id;
    return true;
  }
  return false;
}

bool addr_same_host(const struct addr *a, const struct addr *b) {
  return a->family == b->family && a->scope == b->scope &&
         memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b) {
  return a->port == b->port && addr_same_host(a, b);
}

/* A bijection of 64 bits in which every input bit reaches every output bit (the finalizer of
 * MurmurHash3). */
static uint64_t mix(uint64_t v) {
  v = (v ^ v >> 33) * UINT64_C(0xff51afd7ed558ccd);
  v = (v ^ v >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
  return v ^ v >> 33;
}

uint64_t addr_hash(const struct addr *a, uint64_t seed) {
  uint64_t half[2];
  memcpy(half, a->ip, sizeof half);
  uint64_t h = mix(seed ^ ((uint64_t)a->scope << 24 | (uint64_t)a->family << 16 | a->port));
  h = mix(h + half[0]);
  return mix(h + half[1]);
}

bool addr_is_peer(const struct addr *a) {
  static const uint8_t unspecified[16];
  if (a->port == 0) return false;
  if (a->family == 4) return a->ip[0] != 0 && a->ip[0] < 224;
  if (a->family != 6) return false;
  if (a->ip[0] == 0xff) return false;
  if (addr_is_link6(a)) return a->scope != 0;
  return memcmp(a->ip, unspecified, sizeof unspecified) != 0;
}

bool addr_is_link6(const struct addr *a) {
  return a->family == 6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

bool addr_is_loopback(const struct addr *a) {
  static const uint8_t one[16] = {[15] = 1};
  if (a->family == 4) return a->ip[0] == 127;
  return a->family == 6 && memcmp(a->ip, one, sizeof one) == 0;
}

static bool is_local4(const uint8_t ip[static 4]) {
  if (ip[0] == 10) return true;
  if (ip[0] == 172 && (ip[1] & 0xf0) == 16) return true;
  if (ip[0] == 192 && ip[1] == 168) return true;
  if (ip[0] == 169 && ip[1] == 254) return true;
  return ip[0] == 100 && (ip[1] & 0xc0) == 64;
}

bool addr_is_local(const struct addr *a) {
  if (addr_is_loopback(a)) return true;
  if (a->family == 4) return is_local4(a->ip);
  if (a->family != 6) return false;
  return (a->ip[0] & 0xfe) == 0xfc || addr_is_link6(a);
}
