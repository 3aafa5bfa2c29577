/*
 * http_guard: decides whether a resolved address may be connected to (SSRF).
 *
 * A tracker's URL is a stranger's text, and a redirect is a stranger's text again. Followed
 * blindly it makes the user's machine ask for things that only that machine can reach: the
 * router's admin page, a cloud's metadata address, a database on loopback ("server side request
 * forgery", SSRF). The rule: the first URL may name a local address, because people do run
 * trackers at home; but once a request has spoken to a public address, no redirect may lead it to
 * a local one, and no redirect at all leads to a link-local one, where clouds keep their metadata.
 * The rule is applied to the *resolved* address at the moment of connecting, so a name that
 * resolves to 127.0.0.1 gains nothing.
 *
 * Behind a proxy we see only the proxy's address, and the proxy resolves the names: a connection
 * to the proxy's port counts as public and is always allowed. (The price: a local service that
 * happens to use the port number of the configured proxy is taken for it.)
 *
 * No I/O here: io/http tells what is about to be connected, the answer is arithmetic.
 */
#ifndef WEFT_IO_HTTP_GUARD_H
#define WEFT_IO_HTTP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/addr.h"

struct http_guard {
  bool refuse_local;      /* local addresses are refused even for the first URL */
  uint16_t proxy_port[2]; /* of the proxies for http and https; 0: none */
  bool public_before;     /* an earlier hop tried a public address */
  bool public_now;        /* this hop did */
  long hop;               /* redirects followed so far */
};

/* A guard for one request. `refuse_local`: also the first URL must be public. */
void http_guard_init(struct http_guard *g, bool refuse_local);

/*
 * May a connection be opened to `to`, after `hop` redirects (0: for the URL itself)? To be asked
 * for each address before it is connected, in that order; several per hop are normal (a name has
 * several). Returns true for yes, and remembers the address for later hops.
 */
bool http_guard_allow(struct http_guard *g, long hop, const struct addr *to);

#endif
