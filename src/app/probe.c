#include "app/probe.h"

#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/version.h"
#include "io/net.h"
#include "peer/solo_fetch.h"
#include "proto/metadata.h"

struct talk {
  struct probe *p;
  int64_t deadline_ms;
  int64_t interested_us; /* when these were sent */
  int64_t metadata_us;
  int64_t block_us;
};

static enum err say(struct talk *t, const struct wire_message *m) {
  return solo_send(&t->p->solo, m, t->deadline_ms);
}

/* --- what we say first --- */

static enum err say_extensions(struct talk *t) {
  struct solo *s = &t->p->solo;
  struct buf payload;
  struct extend_offer offer = {.ut_metadata = SOLO_FETCH_UT_METADATA,
                               .version = "weft/" WEFT_VERSION, .reqq = 250, .yourip = &s->addr};
  buf_init(&payload, 4096);
  extend_put(&payload, &offer);
  struct wire_message m = {.id = WIRE_EXTENDED, .ext_id = EXTEND_HANDSHAKE_ID,
                           .data = payload.data, .data_len = payload.len};
  enum err e = payload.failed ? ERR_MEMORY : say(t, &m);
  buf_free(&payload);
  return e;
}

static enum err greet(struct talk *t) {
  struct solo *s = &t->p->solo;
  enum err e = ERR_OK;
  if (s->fast) e = say(t, &(struct wire_message){.id = WIRE_HAVE_NONE});
  if (e == ERR_OK && s->extended) e = say_extensions(t);
  t->interested_us = clock_now_us();
  if (e == ERR_OK) e = say(t, &(struct wire_message){.id = WIRE_INTERESTED});
  return e;
}

/* --- what we ask for --- */

static enum err ask_metadata(struct talk *t) {
  struct probe *p = t->p;
  struct buf payload;
  if (p->metadata != PROBE_NOT_ASKED || p->solo.ext.ut_metadata == 0) return ERR_OK;
  buf_init(&payload, 128);
  metadata_put_request(&payload, 0);
  struct wire_message m = {.id = WIRE_EXTENDED, .ext_id = p->solo.ext.ut_metadata,
                           .data = payload.data, .data_len = payload.len};
  t->metadata_us = clock_now_us();
  enum err e = payload.failed ? ERR_MEMORY : say(t, &m);
  buf_free(&payload);
  p->metadata = PROBE_SILENT;
  return e;
}

/* The first block of the first piece that it has. */
static enum err ask_block(struct talk *t) {
  struct probe *p = t->p;
  const struct geometry *geo = &p->solo.geo;
  uint32_t i = 0;
  if (p->block != PROBE_NOT_ASKED || p->solo.choking_us) return ERR_OK;
  while (i < geo->pieces && !solo_has(&p->solo, i)) i++;
  if (i == geo->pieces) return ERR_OK;
  struct wire_message m = {.id = WIRE_REQUEST, .index = i,
                           .length = geometry_block_len(geo, i, 0)};
  t->block_us = clock_now_us();
  enum err e = say(t, &m);
  p->block = PROBE_SILENT;
  p->block_piece = i;
  return e;
}

/* --- what it says --- */

static void hear_metadata(struct talk *t, const struct wire_message *m) {
  struct metadata_message answer;
  if (m->ext_id != SOLO_FETCH_UT_METADATA || t->p->metadata != PROBE_SILENT) return;
  if (metadata_decode(&answer, m->data, m->data_len) != ERR_OK) return;
  if (answer.type == METADATA_REQUEST || answer.piece != 0) return;
  t->p->metadata = answer.type == METADATA_DATA ? PROBE_GIVEN : PROBE_REFUSED;
  t->p->metadata_us = clock_now_us() - t->metadata_us;
}

static void hear_block(struct talk *t, const struct wire_message *m) {
  struct probe *p = t->p;
  if (p->block != PROBE_SILENT || m->index != p->block_piece || m->begin != 0) return;
  p->block = m->id == WIRE_PIECE ? PROBE_GIVEN : PROBE_REFUSED;
  p->block_us = clock_now_us() - t->block_us;
}

static enum err hear(struct talk *t, const struct wire_message *m) {
  struct probe *p = t->p;
  enum err e = ERR_OK;
  if (m->id == WIRE_UNCHOKE && p->unchoke_us == 0)
    p->unchoke_us = clock_now_us() - t->interested_us;
  if (m->id == WIRE_PIECE || m->id == WIRE_REJECT) hear_block(t, m);
  if (m->id == WIRE_EXTENDED) hear_metadata(t, m); /* before anything is sent: m points into s */
  if (p->solo.told_extend && p->has_hash) e = ask_metadata(t);
  return e == ERR_OK ? ask_block(t) : e;
}

/* Is there nothing left that we wait for? A peer that has nothing has no reason to unchoke. */
static bool is_over(const struct probe *p) {
  const struct solo *s = &p->solo;
  if (s->extended && !s->told_extend) return false;
  if (p->metadata == PROBE_SILENT || p->block == PROBE_SILENT || !s->told_pieces) return false;
  bool has_nothing = !s->has_all && solo_count(s) == 0;
  return has_nothing || p->unchoke_us > 0;
}

/* --- all of it --- */

static enum err talk(struct probe *p) {
  struct talk t = {.p = p, .deadline_ms = solo_deadline(&p->solo, PROBE_TALK_MS)};
  struct wire_message m;
  enum err e = greet(&t);
  while (e == ERR_OK && !is_over(p)) {
    e = solo_receive(&p->solo, &m, t.deadline_ms);
    if (e == ERR_OK) e = hear(&t, &m);
  }
  return e == ERR_TIMEOUT ? ERR_OK : e;
}

static enum err shake_hands(struct probe *p) {
  struct wire_handshake ours = {.reserved = WIRE_RESERVED_EXTENSION | WIRE_RESERVED_FAST};
  memcpy(ours.info_hash, p->info_hash, sizeof ours.info_hash);
  crypto_random(ours.peer_id, sizeof ours.peer_id);
  memcpy(ours.peer_id, WEFT_PEER_ID_START, sizeof WEFT_PEER_ID_START - 1);
  int64_t start_us = clock_now_us();
  enum err e = solo_dial(&p->solo);
  if (e != ERR_OK) return e;
  p->connected = true;
  p->dial_us = clock_now_us() - start_us;
  start_us = clock_now_us();
  e = solo_shake_hands(&p->solo, &ours);
  if (p->solo.shaken) p->handshake_us = clock_now_us() - start_us;
  return e;
}

enum err probe_run(struct probe *p, const struct addr *a, const uint8_t *info_hash,
                   const struct geometry *geo, int signals, int64_t patience_ms,
                   struct trace *trace) {
  memset(p, 0, sizeof *p);
  solo_init(&p->solo, a, signals, patience_ms, trace);
  p->has_hash = info_hash != NULL;
  if (info_hash != NULL) memcpy(p->info_hash, info_hash, sizeof p->info_hash);
  else crypto_random(p->info_hash, sizeof p->info_hash);
  enum err e = shake_hands(p);
  if (e == ERR_OK && geo != NULL) e = solo_know(&p->solo, geo);
  if (e == ERR_OK) p->end = talk(p);
  if (p->end == ERR_PROTOCOL || p->end == ERR_LIMIT || p->end == ERR_CANCELLED) e = p->end;
  if (p->connected) p->rtt_us = net_min_rtt_us(p->solo.fd);
  p->result = e;
  return e;
}

void probe_end(struct probe *p) {
  solo_close(&p->solo);
}
