#include "peer/solo_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "proto/bencode.h"
#include "proto/metadata.h"

enum {
  WINDOW = 32,             /* blocks asked for and not there, unless its reqq is less */
  UNKNOWN_SIZE = 0         /* of the metadata: it has to be told with the first piece */
};

/* A step has had no answer in time. */
static enum err late(struct solo *s, enum err e, const char *why) {
  return e == ERR_TIMEOUT ? solo_fail(s, e, "%s", why) : e;
}

/* --- BEP 10 --- */

enum err solo_fetch_extend(struct solo *s, const struct extend_offer *offer) {
  struct wire_message m;
  struct buf payload;
  if (!s->extended)
    return solo_fail(s, ERR_UNSUPPORTED, "it does not speak the extension protocol (BEP 10)");
  buf_init(&payload, 4096);
  extend_put(&payload, offer);
  struct wire_message ours = {
    .id = WIRE_EXTENDED, .ext_id = EXTEND_HANDSHAKE_ID, .data = payload.data,
    .data_len = payload.len};
  int64_t deadline_ms = solo_deadline(s, SOLO_EXTEND_MS);
  enum err e = payload.failed ? ERR_MEMORY : solo_send(s, &ours, deadline_ms);
  buf_free(&payload);
  while (e == ERR_OK && !s->told_extend) e = solo_receive(s, &m, deadline_ms);
  return late(s, e, "it sent no extension handshake in time");
}

/* --- BEP 9 --- */

/* "metadata_size" as it stands in the extension handshake; UNKNOWN_SIZE if it is not there. */
static enum err claimed_size(struct solo *s, uint64_t *size) {
  struct ben_doc d;
  int64_t n;
  enum err e = bencode_decode(&d, s->ext_raw.data, s->ext_raw.len, &bencode_message_limits);
  if (e != ERR_OK) return solo_fail(s, e, "its extension handshake can't be read");
  ben_val v = bencode_get(&d, bencode_root(&d), "metadata_size");
  bool there = v != BEN_NONE;
  bool number = bencode_int(&d, v, &n);
  bencode_free(&d);
  *size = UNKNOWN_SIZE;
  if (!there) return ERR_OK;
  if (!number) return solo_fail(s, ERR_PROTOCOL, "its metadata_size is no number");
  if (n < 1)
    return solo_fail(s, ERR_PROTOCOL, "it claims metadata of %lld bytes", (long long)n);
  if (n > METADATA_SIZE_MAX)
    return solo_fail(s, ERR_LIMIT, "it claims metadata of %lld bytes, more than the 16 MiB that "
                     "are allowed", (long long)n);
  *size = (uint64_t)n;
  return ERR_OK;
}

static enum err ask_metadata(struct solo *s, uint32_t piece, int64_t deadline_ms) {
  struct buf payload;
  if (s->ext.ut_metadata == 0) /* a later handshake took the id back; 0 is for handshakes */
    return solo_fail(s, ERR_UNSUPPORTED, "it offers no metadata any more (BEP 9)");
  buf_init(&payload, 128);
  metadata_put_request(&payload, piece);
  struct wire_message m = {.id = WIRE_EXTENDED, .ext_id = s->ext.ut_metadata,
                           .data = payload.data, .data_len = payload.len};
  enum err e = payload.failed ? solo_fail(s, ERR_MEMORY, "out of memory")
                              : solo_send(s, &m, deadline_ms);
  buf_free(&payload);
  return e;
}

/* The answer to a request for `piece`: data. */
static enum err hear_metadata(struct solo *s, uint32_t piece, int64_t deadline_ms,
                              struct metadata_message *answer) {
  for (;;) {
    struct wire_message m;
    enum err e = solo_receive(s, &m, deadline_ms);
    if (e != ERR_OK) return late(s, e, "it did not answer a request for metadata in time");
    if (m.id != WIRE_EXTENDED || m.ext_id != SOLO_FETCH_UT_METADATA) continue;
    e = metadata_decode(answer, m.data, m.data_len);
    if (e == ERR_UNSUPPORTED) continue; /* BEP 9 */
    if (e == ERR_MEMORY) return solo_fail(s, e, "out of memory");
    if (e != ERR_OK) return solo_fail(s, ERR_PROTOCOL, "its metadata message can't be read");
    if (answer->type == METADATA_REQUEST) continue;
    if (answer->piece != piece)
      return solo_fail(s, ERR_PROTOCOL, "it was asked for piece %u of the metadata and answers for "
                       "piece %u", piece, answer->piece);
    if (answer->type == METADATA_REJECT)
      return solo_fail(s, ERR_REFUSED, "it rejects the request for piece %u of the metadata",
                       piece);
    return ERR_OK;
  }
}

/* One piece: asked for, answered, kept. The first one may have to tell the size of all. */
static enum err fetch_metadata_piece(struct solo *s, struct metadata *a, uint32_t piece) {
  struct metadata_message m;
  int64_t deadline_ms = solo_deadline(s, SOLO_METADATA_MS);
  enum err e = ask_metadata(s, piece, deadline_ms);
  if (e == ERR_OK) e = hear_metadata(s, piece, deadline_ms, &m);
  if (e != ERR_OK) return e;
  if (a->pieces == 0) {
    uint8_t hash[20];
    memcpy(hash, a->info_hash, sizeof hash);
    if (metadata_init(a, hash, m.total_size) != ERR_OK)
      return solo_fail(s, ERR_PROTOCOL, "it does not say how long the metadata are");
  }
  if (m.total_size != 0 && m.total_size != a->size)
    return solo_fail(s, ERR_PROTOCOL, "it said that the metadata have %u bytes, and now %u",
                     a->size, m.total_size);
  e = metadata_take(a, &m);
  if (e == ERR_MEMORY) return solo_fail(s, e, "out of memory");
  if (e == ERR_OK) return e;
  return solo_fail(s, ERR_PROTOCOL, "piece %u of its metadata has %zu bytes, not %u", piece,
                   m.data_len, piece < a->pieces ? metadata_piece_len(a, piece) : 0);
}

static enum err fetch_all_metadata(struct solo *s, struct metadata *a, uint8_t **info,
                                   size_t *len) {
  enum err e;
  do {
    e = fetch_metadata_piece(s, a, metadata_missing(a, 0));
    if (e != ERR_OK) return e;
  } while (a->have < a->pieces);
  e = metadata_finish(a, info, len);
  if (e == ERR_MISMATCH) return solo_fail(s, e, "its metadata do not have the info hash");
  return e == ERR_OK ? e : solo_fail(s, e, "out of memory");
}

enum err solo_fetch_metadata(struct solo *s, const uint8_t info_hash[static 20], uint8_t **info,
                             size_t *len) {
  uint64_t size;
  if (s->ext.ut_metadata == 0)
    return solo_fail(s, ERR_UNSUPPORTED, "it offers no metadata (BEP 9)");
  enum err e = claimed_size(s, &size);
  if (e != ERR_OK) return e;
  struct metadata *a = malloc(sizeof *a);
  if (a == NULL) return solo_fail(s, ERR_MEMORY, "out of memory");
  metadata_init(a, info_hash, size); /* UNKNOWN_SIZE: it has no pieces yet */
  e = fetch_all_metadata(s, a, info, len);
  metadata_free(a);
  free(a);
  return e;
}

/* --- unchoke --- */

static enum err wait_unchoked(struct solo *s, int64_t deadline_ms) {
  struct wire_message m;
  enum err e = ERR_OK;
  while (e == ERR_OK && s->choking_us) e = solo_receive(s, &m, deadline_ms);
  return late(s, e, "it keeps choking us");
}

enum err solo_fetch_unchoke(struct solo *s) {
  int64_t deadline_ms = solo_deadline(s, SOLO_UNCHOKE_MS);
  enum err e = ERR_OK;
  if (!s->am_interested) e = solo_send(s, &(struct wire_message){.id = WIRE_INTERESTED},
                                       deadline_ms);
  return e == ERR_OK ? wait_unchoked(s, deadline_ms) : e;
}

/* --- a piece --- */

enum { UNASKED, ASKED, GOT };

struct fetch {
  struct solo *s;
  uint32_t index;
  uint32_t blocks;
  uint32_t next;      /* no block before it is UNASKED */
  uint32_t reach;     /* blocks behind the last one that was ever asked for */
  uint32_t asked;     /* and not there */
  uint32_t got;
  uint8_t *state;     /* of each block */
  uint8_t *data;
  int64_t deadline_ms; /* for the next block */
};

/* Asks for as many blocks as may be under way. */
static enum err ask_blocks(struct fetch *f) {
  uint32_t window = f->s->ext.reqq < WINDOW ? f->s->ext.reqq : WINDOW;
  for (; f->next < f->blocks && f->asked < window && !f->s->choking_us; f->next++) {
    if (f->state[f->next] != UNASKED) continue;
    struct wire_message m = {
      .id = WIRE_REQUEST, .index = f->index, .begin = f->next * BLOCK_LEN,
      .length = geometry_block_len(&f->s->geo, f->index, f->next)};
    enum err e = solo_send(f->s, &m, f->deadline_ms);
    if (e != ERR_OK) return e;
    f->state[f->next] = ASKED;
    f->asked++;
    if (f->reach <= f->next) f->reach = f->next + 1;
  }
  return ERR_OK;
}

/* The number of the block that a message is about; f->blocks if it is none of this piece. */
static uint32_t block_of(const struct fetch *f, const struct wire_message *m) {
  uint32_t block = m->begin / BLOCK_LEN;
  if (m->index != f->index || m->begin % BLOCK_LEN != 0 || block >= f->blocks) return f->blocks;
  return m->length == geometry_block_len(&f->s->geo, f->index, block) ? block : f->blocks;
}

/* A block that came after a choke had taken its request back is as good as any. */
static enum err on_block(struct fetch *f, const struct wire_message *m) {
  uint32_t block = block_of(f, m);
  if (block >= f->reach)
    return solo_fail(f->s, ERR_PROTOCOL, "it sent %u bytes from %u of piece %u, which were not "
                     "asked for", m->length, m->begin, m->index);
  if (f->state[block] == GOT) return ERR_OK;
  if (f->state[block] == ASKED) f->asked--;
  memcpy(f->data + m->begin, m->data, m->data_len);
  f->state[block] = GOT;
  f->got++;
  f->deadline_ms = solo_deadline(f->s, SOLO_BLOCK_MS);
  return ERR_OK;
}

/* BEP 3: a choke takes back all that was asked for. BEP 6: not for who speaks that. */
static void on_choke(struct fetch *f) {
  if (f->s->fast) return;
  for (uint32_t i = 0; i < f->next; i++)
    if (f->state[i] == ASKED) f->state[i] = UNASKED;
  f->next = 0;
  f->asked = 0;
}

static enum err on_answer(struct fetch *f, const struct wire_message *m) {
  if (m->id == WIRE_PIECE) return on_block(f, m);
  if (m->id == WIRE_CHOKE) on_choke(f);
  if (m->id == WIRE_REJECT && block_of(f, m) < f->blocks)
    return solo_fail(f->s, ERR_REFUSED, "it rejects the request for %u bytes from %u of piece %u",
                     m->length, m->begin, m->index);
  return ERR_OK;
}

static enum err fetch_blocks(struct fetch *f) {
  struct wire_message m;
  f->deadline_ms = solo_deadline(f->s, SOLO_BLOCK_MS);
  while (f->got < f->blocks) {
    enum err e = ask_blocks(f);
    if (e == ERR_OK) e = solo_receive(f->s, &m, f->deadline_ms);
    if (e == ERR_TIMEOUT)
      return solo_fail(f->s, e, "%s %u blocks of piece %u, no more came in time",
                       f->s->choking_us ? "it choked us again: after" : "after", f->got, f->index);
    if (e == ERR_OK) e = on_answer(f, &m);
    if (e != ERR_OK) return e;
  }
  return ERR_OK;
}

static enum err compare(struct fetch *f, const uint8_t hash[static SHA1_LEN]) {
  uint8_t found[SHA1_LEN];
  sha1_once(f->data, geometry_piece_len(&f->s->geo, f->index), found);
  if (memcmp(found, hash, SHA1_LEN) == 0) return ERR_OK;
  return solo_fail(f->s, ERR_MISMATCH, "its piece %u does not have the hash that the torrent says",
                   f->index);
}

enum err solo_fetch_piece(struct solo *s, uint32_t index, const uint8_t hash[static SHA1_LEN],
                          uint8_t *data) {
  struct fetch f = {.s = s, .index = index, .data = data,
                    .blocks = geometry_blocks(&s->geo, index)};
  enum err e = solo_fetch_unchoke(s);
  if (e != ERR_OK) return e;
  if (s->told_pieces && !solo_has(s, index))
    return solo_fail(s, ERR_NOT_FOUND, "it does not have piece %u", index);
  f.state = calloc(f.blocks, 1);
  if (f.state == NULL) return solo_fail(s, ERR_MEMORY, "out of memory");
  e = fetch_blocks(&f);
  if (e == ERR_OK) e = compare(&f, hash);
  free(f.state);
  return e;
}
