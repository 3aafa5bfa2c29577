#include "peer/messages.h"

#include <stdio.h>

#include "base/log.h"
#include "peer/download.h"
#include "peer/peer_trace.h"

static bool has_piece(const struct peer *p, uint32_t index) {
  return geometry_has_piece(&p->sw->meta->geo, index);
}

static enum err on_choke(struct peer *p) {
  if (p->choking_us) return ERR_OK;
  p->choking_us = true;
  atomic_store(&p->seat.choked, true);
  p->useless_ms = 0;
  download_choked(p);
  return ERR_OK;
}

static enum err on_unchoke(struct peer *p) {
  if (!p->choking_us) return ERR_OK;
  p->choking_us = false;
  atomic_store(&p->seat.choked, false);
  p->take_ms = 0;
  return ERR_OK;
}

static enum err on_have(struct peer *p, const struct wire_message *m) {
  if (!has_piece(p, m->index)) return ERR_PROTOCOL;
  enum err e = pieces_set_have(p->sw->pieces, &p->pp, m->index);
  if (e == ERR_OK && !atomic_load(&p->seat.interesting)) download_update_interest(p);
  return e;
}

/* The peer has said what it has, perhaps for the second time: are we interested, and is there
 * something that it holds no longer? */
static enum err on_pieces_told(struct peer *p) {
  p->told_pieces = true;
  download_update_interest(p);
  return download_on_bell(p);
}

/* BEP 3: the bits must be exactly as many as there are pieces, the spare ones zero. */
static enum err on_bitfield(struct peer *p, const struct wire_message *m) {
  struct bitset has;
  if (!bitset_init(&has, p->sw->meta->geo.pieces)) return ERR_MEMORY;
  enum err e = ERR_PROTOCOL;
  if (bitset_from_wire(&has, m->data, m->data_len))
    e = pieces_set_bitfield(p->sw->pieces, &p->pp, &has);
  bitset_free(&has);
  return e == ERR_OK ? on_pieces_told(p) : e;
}

static enum err on_have_all_or_none(struct peer *p, bool all) {
  if (!p->fast) return ERR_PROTOCOL;
  if (all) pieces_set_have_all(p->sw->pieces, &p->pp);
  else pieces_set_have_none(p->sw->pieces, &p->pp);
  return on_pieces_told(p);
}

/* A reject of no request that is open. It may answer one that we cancelled or gave back: of those
 * p->forgiven knows the bytes. What goes beyond that answers nothing. */
static void on_stray_reject(struct peer *p, const struct wire_message *m) {
  bool whole = m->begin % BLOCK_LEN == 0 &&
               m->length == geometry_block_len(&p->sw->meta->geo, m->index, m->begin / BLOCK_LEN);
  if (whole && p->forgiven >= m->length) {
    p->forgiven -= m->length;
    return;
  }
  p->reject_count++;
  p->chatter++;
}

/* BEP 6: a request will not be answered. A whole window of them in a row comes with every choke,
 * before or after it; only what goes beyond that is somebody who rejects whatever we ask, or what
 * we never asked. */
static enum err on_reject(struct peer *p, const struct wire_message *m) {
  if (!p->fast || !geometry_has_block(&p->sw->meta->geo, m->index, m->begin, m->length))
    return ERR_PROTOCOL;
  if (download_rejected(p, m->index, m->begin, m->length)) p->reject_count++;
  else on_stray_reject(p, m);
  return p->reject_count > PEER_REJECTS_MAX + p->window ? ERR_LIMIT : ERR_OK;
}

static void put_reject(struct peer *p, const struct wire_message *m) {
  size_t at = p->out.len;
  wire_put_range(&p->out, WIRE_REJECT, m->index, m->begin, m->length);
  if (peer_trace_is_on(p)) peer_trace_sent(p, at, "we choke it, and BEP 6 wants an answer");
}

/* We upload nothing yet and choke everybody: whoever asks all the same is answered only where BEP
 * 6 says that every request is answered. */
static enum err on_request(struct peer *p, const struct wire_message *m) {
  if (!geometry_has_block(&p->sw->meta->geo, m->index, m->begin, m->length)) return ERR_PROTOCOL;
  if (++p->request_count > PEER_REQUESTS_MAX) return ERR_LIMIT;
  if (p->fast) put_reject(p, m);
  return ERR_OK;
}

static enum err on_extended(struct peer *p, const struct wire_message *m) {
  if (!p->extended) return ERR_PROTOCOL;
  if (m->ext_id != EXTEND_HANDSHAKE_ID) return ERR_OK; /* we offered nothing: ignore it */
  if (extend_decode(&p->ext, m->data, m->data_len) != ERR_OK) return ERR_PROTOCOL;
  snprintf(p->client, sizeof p->client, "%s", p->ext.version);
  return ERR_OK;
}

/* BEP 3 wants one every two minutes; a flood of them costs us and says nothing. */
static enum err on_keepalive(struct peer *p) {
  if (p->now_ms - p->keepalive_ms >= 1000) {
    p->keepalive_ms = p->now_ms;
    p->keepalive_count = 0;
  }
  return ++p->keepalive_count > PEER_KEEPALIVES_PER_S ? ERR_LIMIT : ERR_OK;
}

/* What a message weighs that is worth nothing: a HAVE that is news weighs nothing. */
static uint32_t weight(const struct peer *p, const struct wire_message *m) {
  switch (m->id) {
  case WIRE_HAVE:
    return has_piece(p, m->index) && !p->pp.seed && !bitset_get(&p->pp.has, m->index) ? 0 : 1;
  case WIRE_BITFIELD:
  case WIRE_HAVE_ALL:
  case WIRE_HAVE_NONE:
    return p->told_pieces ? 100 : 0;
  case WIRE_REJECT: /* weighed by on_reject(), which knows what it answers */
    return 0;
  default:
    return 1;
  }
}

/* Nobody may keep us busy with words. */
static bool is_flood(struct peer *p, const struct wire_message *m) {
  if (p->now_ms - p->chatter_ms >= 1000) {
    p->chatter_ms = p->now_ms;
    p->chatter = 0;
  }
  p->chatter += weight(p, m);
  return p->chatter > PEER_CHATTER_PER_S;
}

enum err messages_handle(struct peer *p, const struct wire_message *m) {
  char text[ADDR_TEXT_MAX];
  log_debug("%s: <- %s", peer_name(p, text), wire_name(m->id));
  p->heard = true;
  if (is_flood(p, m)) return ERR_LIMIT;
  switch (m->id) {
  case WIRE_CHOKE:
    return on_choke(p);
  case WIRE_UNCHOKE:
    return on_unchoke(p);
  case WIRE_INTERESTED:
    p->interested_in_us = true;
    return ERR_OK;
  case WIRE_NOT_INTERESTED:
    p->interested_in_us = false;
    return ERR_OK;
  case WIRE_HAVE:
    return on_have(p, m);
  case WIRE_BITFIELD:
    return on_bitfield(p, m);
  case WIRE_HAVE_ALL:
    return on_have_all_or_none(p, true);
  case WIRE_HAVE_NONE:
    return on_have_all_or_none(p, false);
  case WIRE_REQUEST:
    return on_request(p, m);
  case WIRE_REJECT:
    return on_reject(p, m);
  case WIRE_SUGGEST:
  case WIRE_ALLOWED_FAST:
    return has_piece(p, m->index) ? ERR_OK : ERR_PROTOCOL; /* advice; we follow our own queue */
  case WIRE_EXTENDED:
    return on_extended(p, m);
  case WIRE_KEEPALIVE:
    return on_keepalive(p);
  case WIRE_UNKNOWN:
    return ++p->unknown_count > PEER_UNKNOWN_MAX ? ERR_LIMIT : ERR_OK;
  case WIRE_CANCEL: /* nothing of ours is queued */
  case WIRE_PORT:   /* no DHT yet */
  case WIRE_PIECE:  /* never: see the header */
  default:
    return ERR_OK;
  }
}
