#include "peer/peer.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/net.h"
#include "peer/peer_trace.h"

enum {
  OUT_MAX = 4 << 20,       /* a bitfield of 2 million pieces, and requests */
  IN_MAX = 2 << 20,
  KEEPALIVE_MS = 110000,   /* BEP 3: connections may be closed after two minutes of silence */
  OUR_REQQ = 250
};

static const char client_version[] = "weft/0.1";

void peer_init(struct peer *p, struct swarm *sw, const struct addr *a) {
  memset(p, 0, sizeof *p);
  p->sw = sw;
  p->seat.addr = *a;
  p->bell = p->seat.fd = -1;
  trace_conn_open(&p->trace, sw->trace, a);
  peer_restart(p);
}

void peer_restart(struct peer *p) {
  peer_free(p);
  if (peer_trace_is_on(p)) trace_conn_restart(&p->trace);
  memset((char *)p + offsetof(struct peer, pp), 0, sizeof *p - offsetof(struct peer, pp));
  p->fd = -1;
  p->choking_us = true;
  atomic_store(&p->seat.choked, true);
  p->lowat = 1;
  p->wake_blocks = 1;
  p->ahead = PEER_AHEAD_MIN;
  buf_init(&p->out, OUT_MAX);
  buf_init(&p->in, IN_MAX);
  extend_init(&p->ext);
}

void peer_free(struct peer *p) {
  buf_free(&p->out);
  buf_free(&p->in);
}

const char *peer_name(const struct peer *p, char text[static ADDR_TEXT_MAX]) {
  return addr_text(&p->seat.addr, text);
}

/* --- sending --- */

enum err peer_flush(struct peer *p) {
  if (p->out.failed) return ERR_MEMORY;
  if (p->out.len == 0) return ERR_OK;
  ssize_t n = send(p->fd, p->out.data, p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? ERR_OK : ERR_CLOSED;
  buf_consume(&p->out, (size_t)n);
  p->last_sent_ms = p->now_ms;
  return ERR_OK;
}

static void put_have(struct peer *p, uint32_t index) {
  size_t at = p->out.len;
  wire_put_index(&p->out, WIRE_HAVE, index);
  if (peer_trace_is_on(p)) peer_trace_sent(p, at, "we have it now, and it lacks it");
}

static void put_keepalive(struct peer *p) {
  size_t at = p->out.len;
  wire_put_keepalive(&p->out);
  if (peer_trace_is_on(p)) peer_trace_sent(p, at, "nothing was sent for nearly two minutes");
}

void peer_put_news(struct peer *p) {
  uint32_t fresh[64];
  uint32_t n;
  while (!p->pp.seed && (n = pieces_finished(p->sw->pieces, &p->have_cursor, fresh, 64)) > 0)
    for (uint32_t i = 0; i < n; i++)
      if (!bitset_get(&p->pp.has, fresh[i])) put_have(p, fresh[i]);
  if (p->out.len == 0 && p->now_ms - p->last_sent_ms >= KEEPALIVE_MS) put_keepalive(p);
}

/* --- the handshake --- */

/* Our bitfield. BEP 3 would let us leave it out while it is all zeros; BEP 6 wants one message of
 * this kind before any other. Whether the peer speaks BEP 6 can't be known yet: so it is always
 * sent. */
static void put_bitfield(struct peer *p) {
  struct bitset done;
  size_t pieces = p->sw->meta->geo.pieces;
  uint32_t told[64]; /* what is finished by now needs no HAVE */
  while (pieces_finished(p->sw->pieces, &p->have_cursor, told, 64) > 0) continue;
  if (!bitset_init(&done, pieces)) return;
  pieces_done(p->sw->pieces, &done);
  size_t len = bitset_wire_len(pieces);
  uint8_t *bits = malloc(len);
  if (bits != NULL) {
    size_t at = p->out.len;
    bitset_to_wire(&done, bits);
    wire_put_bitfield(&p->out, bits, len);
    if (peer_trace_is_on(p)) peer_trace_sent(p, at, "what we have comes before anything else");
  }
  free(bits);
  bitset_free(&done);
}

static void put_handshake(struct peer *p) {
  struct wire_handshake h = {.reserved = WIRE_RESERVED_EXTENSION | WIRE_RESERVED_FAST};
  size_t at = p->out.len;
  memcpy(h.info_hash, p->sw->meta->info_hash, sizeof h.info_hash);
  memcpy(h.peer_id, p->sw->peer_id, sizeof h.peer_id);
  wire_put_handshake(&p->out, &h);
  if (peer_trace_is_on(p)) peer_trace_shaken(p, at);
}

static void put_extension_handshake(struct peer *p) {
  struct buf ext;
  size_t at = p->out.len;
  buf_init(&ext, 4096);
  struct extend_offer offer = {
    .version = client_version, .port = p->sw->port, .reqq = OUR_REQQ, .yourip = &p->seat.addr};
  extend_put(&ext, &offer);
  wire_put_extended(&p->out, EXTEND_HANDSHAKE_ID, ext.data, ext.len);
  buf_free(&ext);
  if (peer_trace_is_on(p)) peer_trace_sent(p, at, "which extensions we know, and who we are");
}

/* What is said right after the handshake. */
static void put_greeting(struct peer *p) {
  put_bitfield(p);
  put_extension_handshake(p);
  size_t at = p->out.len;
  wire_put_simple(&p->out, WIRE_INTERESTED);
  p->am_interested = true;
  if (peer_trace_is_on(p)) peer_trace_sent(p, at, "we lack pieces; what it has is not known yet");
}

/* Fills in[0..WIRE_HANDSHAKE_LEN) before the deadline, and sends what is still to be sent
 * meanwhile. */
static enum err read_handshake(struct peer *p, uint8_t *in, int64_t deadline_ms) {
  size_t have = 0;
  while (have < WIRE_HANDSHAKE_LEN) {
    enum err e = peer_flush(p);
    if (e != ERR_OK) return e;
    int got = net_wait(p->fd, p->bell, p->out.len > 0, deadline_ms);
    if (got == 0) return ERR_TIMEOUT;
    if (got & NET_BELL) {
      net_bell_clear(p->bell);
      if (atomic_load(&p->sw->stopping)) return ERR_CANCELLED;
    }
    if (!(got & NET_READABLE)) continue;
    ssize_t n = recv(p->fd, in + have, WIRE_HANDSHAKE_LEN - have, MSG_DONTWAIT);
    if (n == 0) return ERR_CLOSED;
    if (n < 0 && errno != EAGAIN && errno != EINTR) return ERR_REFUSED;
    if (n > 0) have += (size_t)n;
    /* Not BitTorrent? Then don't wait for 68 bytes of it. */
    static const char start[] = "\x13" "BitTorrent protocol";
    size_t look = have < sizeof start - 1 ? have : sizeof start - 1;
    if (memcmp(in, start, look) != 0) return ERR_PROTOCOL;
  }
  return ERR_OK;
}

enum err peer_shake_hands(struct peer *p, int64_t deadline_ms, uint8_t peer_id[static 20]) {
  uint8_t raw[WIRE_HANDSHAKE_LEN];
  struct wire_handshake h;
  put_handshake(p);
  if (!p->seat.polite) put_greeting(p);
  enum err e = read_handshake(p, raw, deadline_ms);
  if (e == ERR_OK) e = wire_get_handshake(raw, &h);
  if (e != ERR_OK) return e;
  if (peer_trace_is_on(p)) peer_trace_greeted(p, raw);
  if (memcmp(h.info_hash, p->sw->meta->info_hash, sizeof h.info_hash) != 0) return ERR_NOT_FOUND;
  p->fast = h.reserved & WIRE_RESERVED_FAST;
  p->extended = h.reserved & WIRE_RESERVED_EXTENSION;
  p->limits = (struct wire_limits){
    .bitfield_len = (uint32_t)bitset_wire_len(p->sw->meta->geo.pieces),
    .piece_max = BLOCK_LEN,
    .other_max = 64 << 10,
  };
  memcpy(peer_id, h.peer_id, WIRE_PEER_ID_LEN);
  if (p->seat.polite) put_greeting(p);
  return ERR_OK;
}
