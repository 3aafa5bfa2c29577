/*
 * tie: a connection for fuzz_peer.c, as it looks from outside: what the peer has said to it, what
 * it has said, and what may be concluded from that.
 *
 * sound() looks at all of them and at the queue and aborts when something is not as it must be.
 * flush() lets a connection send and checks each message. say_...() is the peer's side of the
 * conversation; a peer that said something no honest one says is called mad from then on. All of it
 * is about the one swarm `f`.
 */
#ifndef WEFT_TESTS_TIE_H
#define WEFT_TESTS_TIE_H

#include "fake_net.h"
#include "fuzz.h"

#include "../support/swarm_fixture.h"

enum { LINKS = 3, BLOCKS_MAX = 128 };

struct program { /* what is left of the input */
  const uint8_t *at;
  size_t left;
};

/* One connection, and what we know of it from outside. */
struct tie {
  struct fix_link l;
  struct fake *net;
  uint8_t host;
  bool here;
  bool rung;                /* since it last looked */
  bool interested;          /* as it last said */
  bool shaking;             /* what it says begins with a handshake */
  bool requested;           /* it asked for something just now */
  bool late;                /* what it sends now it may have wanted to say long ago */
  bool mad;                 /* the peer may have said what no peer may say */
  uint32_t words;           /* messages but for answers that the peer has said */
  uint32_t earlier;         /* blocks without a verdict that came under its number before it did */
  bool asked[BLOCKS_MAX];   /* it has sent a request for this block */
  bool answered[BLOCKS_MAX]; /* and the peer an answer since */
};

static struct fix *f;
static struct tie ties[LINKS + 1];
static bool doubt; /* there are liars or contested pieces: a block may be asked for again */
static bool wild; /* somebody sent bytes of the input's own: contents may be wrong */

static uint8_t next(struct program *g) {
  if (g->left == 0) return 0;
  g->left--;
  return *g->at++;
}

static uint32_t number_of_block(uint32_t piece, uint32_t block) {
  return piece * f->piece_blocks + block;
}

/* --- what must hold --- */

/* Does another job than `k` have the block at bit `i` of it, arrived or not? */
static bool is_twice(const struct peer *p, uint32_t k, uint32_t i) {
  const struct peer_job *j = &p->jobs[(p->job_head + k) % PEER_JOBS_MAX];
  for (uint32_t n = 0; n < p->job_count; n++) {
    const struct peer_job *o = &p->jobs[(p->job_head + n) % PEER_JOBS_MAX];
    uint32_t at = j->run.first + i - o->run.first;
    if (n != k && !o->ended && o->run.piece == j->run.piece && at < o->run.count &&
        !(o->gone >> at & 1))
      return true;
  }
  return false;
}

/* Whatever is outstanding on this connection and is no longer its own to deliver: it was told. The
 * block that is just arriving it may keep. And no block is in two jobs. */
static const char *robbed_fault(struct tie *t) {
  const struct peer *p = t->l.p;
  if (p->pp.refused) doubt = true;
  if (p->pp.refused) return NULL; /* what it was asked for was taken from it, and it is shut */
  for (uint32_t k = 0; k < p->job_count; k++) {
    const struct peer_job *j = &p->jobs[(p->job_head + k) % PEER_JOBS_MAX];
    const struct open_piece *op = pieces_copy_of(f->sw.pieces, p->pp.number, j->run.piece);
    for (uint32_t m = j->ended ? 0 : fix_job_open(j); m != 0; m &= m - 1) {
      uint32_t i = (uint32_t)__builtin_ctz(m);
      if (is_twice(p, k, i)) return "a block is in two jobs";
      if (op != NULL && op->asked[j->run.first + i] == p->pp.slot + 1) continue;
      if (t->rung || (j == p->cur_job && i == p->cur_block)) continue;
      return "a block was taken over and no bell rang";
    }
  }
  return NULL;
}

static void sound(void) {
  const char *fault = fix_queue_fault(f->sw.pieces);
  for (int i = 0; i <= LINKS && fault == NULL; i++) {
    if (!ties[i].here) continue;
    fault = fix_peer_fault(ties[i].l.p);
    if (fault == NULL) fault = robbed_fault(&ties[i]);
  }
  if (fault == NULL) return;
  fprintf(stderr, "%s\n", fault);
  abort();
}

static void on_ring(void *arg, uint32_t number) {
  (void)arg;
  for (int i = 0; i <= LINKS; i++) {
    if (!ties[i].here) continue;
    const struct roster_seat *s = &ties[i].l.p->seat;
    if (number == 0 ? atomic_load(&s->idle) : s->number == number) ties[i].rung = true;
  }
}

/* --- what it sends --- */

static void heard_request(struct tie *t, const struct wire_message *m) {
  const struct geometry *g = &f->meta.geo;
  uint32_t block = m->begin / BLOCK_LEN;
  CHECK(geometry_has_block(g, m->index, m->begin, m->length) && m->begin % BLOCK_LEN == 0);
  CHECK(m->length == geometry_block_len(g, m->index, block));
  bool *asked = &t->asked[number_of_block(m->index, block)];
  if (m->id == WIRE_CANCEL) {
    CHECK(*asked);
    return;
  }
  *asked = true;
  t->answered[number_of_block(m->index, block)] = false;
  t->requested = true;
  CHECK(t->interested);
  if (t->late) return;
  CHECK(pieces_peer_has(&t->l.p->pp, m->index) && !t->l.p->choking_us);
  CHECK(!bitset_get(&f->sw.pieces->done, m->index));
}

static void heard(struct tie *t, const struct wire_message *m) {
  switch (m->id) {
  case WIRE_INTERESTED:
  case WIRE_NOT_INTERESTED:
    CHECK(t->interested != (m->id == WIRE_INTERESTED));
    t->interested = !t->interested;
    break;
  case WIRE_HAVE:
    CHECK(m->index < f->meta.geo.pieces);
    break;
  case WIRE_REQUEST:
  case WIRE_CANCEL:
    heard_request(t, m);
    break;
  case WIRE_REJECT:
    CHECK(t->l.p->fast);
    break;
  case WIRE_BITFIELD:
    CHECK(m->data_len == bitset_wire_len(f->meta.geo.pieces));
    break;
  case WIRE_EXTENDED:
    CHECK(m->ext_id == EXTEND_HANDSHAKE_ID);
    break;
  default:
    CHECK(m->id == WIRE_KEEPALIVE);
  }
}

/* Blocks that came under this number and lie in pieces without a verdict. */
static uint32_t unjudged(uint32_t number) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < f->meta.geo.pieces; i++) {
    const struct open_piece *op = f->sw.pieces->open[i];
    for (uint32_t b = 0; op != NULL && b < op->blocks; b++) n += op->from[b] == number;
  }
  return n;
}

/* Whoever was just given something and is on trial has no more than one piece's worth, or one block
 * after a wait. */
static void check_trial(const struct tie *t) {
  const struct pieces_peer *pp = &t->l.p->pp;
  CHECK(!pp->refused);
  if (pp->proven || f->sw.pieces->peer_count == 1 || pp->asked <= 1 || doubt) return;
  CHECK(pp->asked + unjudged(pp->number) <= f->piece_blocks + t->earlier);
}

static size_t heard_handshake(struct tie *t) {
  struct wire_handshake h;
  if (!t->shaking || t->net->heard_len < WIRE_HANDSHAKE_LEN) return 0;
  CHECK(wire_get_handshake(t->net->heard, &h) == ERR_OK);
  CHECK(memcmp(h.info_hash, f->meta.info_hash, sizeof h.info_hash) == 0);
  t->shaking = false;
  return WIRE_HANDSHAKE_LEN;
}

/* The connection sends; whole messages are heard. */
static void flush(struct tie *t) {
  static const struct wire_limits limits = {.bitfield_len = UINT32_MAX, .other_max = 65536};
  struct fake *k = t->net;
  struct wire_message m;
  size_t used;
  size_t need;
  t->requested = false;
  CHECK(peer_flush(t->l.p) == ERR_OK);
  size_t at = heard_handshake(t);
  while (!t->shaking &&
         wire_decode(k->heard + at, k->heard_len - at, &limits, &m, &used, &need) == ERR_OK) {
    heard(t, &m);
    at += used;
  }
  k->heard_len -= at;
  CHECK(k->heard_len < 256); /* less than a message of ours */
  memmove(k->heard, k->heard + at, k->heard_len);
  if (t->requested && !t->late) check_trial(t);
  t->late = k->heard_len > 0 || t->l.p->out.len > 0;
}

/* --- what it hears --- */

static void say(struct tie *t, struct buf *b) {
  CHECK(!b->failed);
  fake_say(t->net, b->data, b->len);
  buf_free(b);
}

static void say_block(struct tie *t, uint32_t piece, uint32_t block) {
  bool *answered = &t->answered[number_of_block(piece, block)];
  uint8_t head[WIRE_PIECE_HEADER_LEN];
  uint32_t len = geometry_block_len(&f->meta.geo, piece, block);
  if (!fake_has_room(t->net, sizeof head)) return;
  t->mad = t->mad || *answered || !t->asked[number_of_block(piece, block)];
  *answered = true;
  wire_piece_header(head, piece, block * BLOCK_LEN, len);
  fake_say(t->net, head, sizeof head);
  fake_refer(t->net, fix_block(f, piece, block), len);
}

/* Right answers to `most` of what is asked of it, from the k-th on. */
static void say_answers(struct tie *t, uint32_t k, uint32_t most) {
  const struct peer *p = t->l.p;
  for (uint32_t i = 0; i < p->job_count; i++) {
    const struct peer_job *j = &p->jobs[(p->job_head + i) % PEER_JOBS_MAX];
    for (uint32_t m = j->ended ? 0 : fix_job_open(j); m != 0 && most > 0; m &= m - 1) {
      if (k > 0) k--;
      else say_block(t, j->run.piece, j->run.first + (uint32_t)__builtin_ctz(m)), most--;
    }
  }
}

static void say_raw(struct tie *t, struct program *g, size_t n) {
  t->mad = wild = true;
  if (n > g->left) n = g->left;
  fake_say(t->net, g->at, n);
  g->at += n;
  g->left -= n;
}

static void say_bitfield(struct program *g, struct buf *b) {
  uint8_t bits[16] = {0};
  size_t n = bitset_wire_len(f->meta.geo.pieces);
  for (size_t i = 0; i < n; i++) bits[i] = next(g);
  if (f->meta.geo.pieces % 8) bits[n - 1] &= (uint8_t)(0xff00 >> f->meta.geo.pieces % 8);
  wire_put_bitfield(b, bits, n);
}

static void say_message(struct tie *t, struct program *g) {
  static const enum wire_id simple[] = {WIRE_CHOKE, WIRE_UNCHOKE, WIRE_UNCHOKE, WIRE_HAVE_ALL,
                                        WIRE_HAVE_NONE, WIRE_INTERESTED, WIRE_NOT_INTERESTED};
  uint8_t kind = next(g);
  uint32_t index = next(g) % (f->meta.geo.pieces + 1);
  uint32_t begin = kind / 16 % (f->piece_blocks + 1) * BLOCK_LEN;
  struct buf b;
  buf_init(&b, 4096);
  if (kind % 16 > 8 || index == f->meta.geo.pieces || !t->l.p->fast || ++t->words > 8)
    t->mad = true;
  switch (kind % 16) {
  case 7:
    wire_put_index(&b, WIRE_HAVE, index);
    break;
  case 8:
    say_bitfield(g, &b);
    break;
  case 9:
    wire_put_range(&b, WIRE_REJECT, index, begin, BLOCK_LEN);
    break;
  case 10:
    wire_put_range(&b, kind & 16 ? WIRE_REQUEST : WIRE_CANCEL, index, begin, 1);
    break;
  case 11:
    wire_put_keepalive(&b);
    break;
  case 12:
    wire_put_extended(&b, kind >> 7, "d4:reqqi3e1:v3:abce", 19);
    break;
  case 13:
    wire_put_index(&b, kind & 16 ? WIRE_SUGGEST : WIRE_ALLOWED_FAST, index);
    break;
  case 14: /* any block of the torrent, asked for or not */
  case 15:
    if (index < f->meta.geo.pieces && begin / BLOCK_LEN < geometry_blocks(&f->meta.geo, index))
      say_block(t, index, begin / BLOCK_LEN);
    break;
  default:
    wire_put_simple(&b, simple[kind % 16]);
  }
  say(t, &b);
}

#endif
