/*
 * client: what a handshake tells about who sent it (BEP 20, and the reserved bytes).
 *
 * A peer id is 20 bytes that a client makes up, but most begin with a mark of theirs:
 *
 *   Azureus   "-qB4650-" and 12 random bytes: two letters for the client, four of version
 *   Shadow    "T03I----" ...: one letter for the client, up to five digits of version
 *   Mainline  "M7-2-1--" ...: version in decimal between dashes
 *
 * and some have a way of their own. How the four version characters are to be read is each client's
 * own business too; the table says it. Nothing of this is proof: anybody can claim to be anybody,
 * and the bytes are a stranger's until base/escape has seen them. The 64 reserved bits of the
 * handshake say which extensions the sender speaks; those that somebody has defined have a name.
 */
#ifndef WEFT_PROTO_CLIENT_H
#define WEFT_PROTO_CLIENT_H

#include <stddef.h>
#include <stdint.h>

enum { CLIENT_NAME_MAX = 64 };

/*
 * Writes the name and version of the client that a peer id claims, "qBittorrent 4.6.5", into `out`;
 * for a style that we know with a client that we don't, "unknown client XY 1.2.3.4". Printable
 * UTF-8. Returns `out`, "" if the id says nothing.
 */
const char *client_name(const uint8_t peer_id[static 20], char out[static CLIENT_NAME_MAX]);

/* One bit of the reserved bytes that has a meaning. */
struct client_bit {
  uint64_t mask;    /* over the 8 bytes read big-endian, as in wire.h */
  const char *name; /* "fast extension" */
  unsigned bep;     /* where it is defined; 0: in no BEP */
};

/* Returns the `i`th bit with a meaning, from the lowest; NULL behind the last. */
const struct client_bit *client_reserved(size_t i);

#endif
