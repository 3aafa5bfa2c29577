#include "io/http_guard.h"

void http_guard_init(struct http_guard *g, bool refuse_local) {
  *g = (struct http_guard){.refuse_local = refuse_local};
}

static bool is_proxy(const struct http_guard *g, const struct addr *to) {
  return to->port != 0 && (to->port == g->proxy_port[0] || to->port == g->proxy_port[1]);
}

/* Connecting to 0.0.0.0 or :: reaches this machine too, so what can be no peer counts as local. */
static bool is_local(const struct addr *to) {
  return addr_is_local(to) || !addr_is_peer(to);
}

/* 169.254/16 and fe80::/10: where clouds keep their metadata, and no tracker lives. */
static bool is_link_local(const struct addr *to) {
  if (to->family == 4) return to->ip[0] == 169 && to->ip[1] == 254;
  return to->ip[0] == 0xfe && (to->ip[1] & 0xc0) == 0x80;
}

bool http_guard_allow(struct http_guard *g, long hop, const struct addr *to) {
  if (hop != g->hop) {
    g->public_before = g->public_before || g->public_now;
    g->public_now = false;
    g->hop = hop;
  }
  if (is_proxy(g, to) || !is_local(to)) {
    g->public_now = true;
    return true;
  }
  if (hop > 0 && is_link_local(to)) return false;
  return !g->refuse_local && !g->public_before;
}
