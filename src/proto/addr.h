/*
 * addr: an IP address and a port, as BitTorrent passes them around.
 *
 * Trackers, PEX and DHT send peers in compact form: 4 (BEP 23) or 16 (BEP 7) bytes of address and
 * 2 of port, big-endian. IPv4-mapped IPv6 addresses are turned into plain IPv4 at the door, so that
 * one peer has one form. No name is ever looked up here.
 */
#ifndef WEFT_PROTO_ADDR_H
#define WEFT_PROTO_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct addr {
  uint8_t family;  /* 4 or 6; 0 means none */
  uint8_t ip[16];  /* network order; the first 4 bytes for family 4, the rest zero */
  uint16_t port;   /* host order */
  uint32_t scope;  /* of IPv6 link-local: the number of the interface; else 0, or not known */
};

enum { ADDR_TEXT_MAX = 68 }; /* "[ipv6%4294967295]:65535" and a NUL */

/* The address in compact form: BEP 23 and BEP 7. Any bytes give an address; ask addr_is_peer(). */
struct addr addr_from_compact4(const uint8_t p[static 6]);
struct addr addr_from_compact6(const uint8_t p[static 18]);
/* Reads "1.2.3.4:80" or "[::1]:80" from the `len` bytes of `text`. True and *out set, or false for
 * anything else (names, scopes, blanks); then *out may hold rubbish. What a user wrote is for
 * net_parse_addr(), which knows scopes. */
bool addr_parse(const char *text, size_t len, struct addr *out);
/* Reads an address literal without port or brackets, as dictionary peers carry it (BEP 3), and
 * gives it `port`. True and *out set, or false. */
bool addr_parse_ip(const char *text, size_t len, uint16_t port, struct addr *out);

/* Writes "1.2.3.4:80", "[2001:db8::1]:80", "[fe80::1%2]:80", or "none" for family 0; returns
 * `out`. */
const char *addr_text(const struct addr *a, char out[static ADDR_TEXT_MAX]);
/* Fills a sockaddr; returns its length, 0 for family 0. */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);
/* Reads a sockaddr of IPv4 or IPv6. True and *out set, or false for other families. */
bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *out);

/* Are these the same address, with the port; and the same host, whatever the port? Link-local
 * addresses of two interfaces are two hosts. */
bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_same_host(const struct addr *a, const struct addr *b);
/* A seeded hash over family, address and port, for hash tables. */
uint64_t addr_hash(const struct addr *a, uint64_t seed);

/* Can a peer be there at all? False for port 0, multicast, broadcast, unspecified, 0.0.0.0/8,
 * 240.0.0.0/4, and IPv6 link-local without a scope to use it with. */
bool addr_is_peer(const struct addr *a);
/* fe80::/10, which means nothing without a scope. */
bool addr_is_link6(const struct addr *a);
/* 127.0.0.0/8 or ::1. */
bool addr_is_loopback(const struct addr *a);
/* Loopback, RFC 1918, link-local (169.254/16, fe80::/10), unique local fc00::/7, 100.64/10: an
 * address inside somebody's own network. */
bool addr_is_local(const struct addr *a);

#endif
