/*
 * Connections under hostile peers: peer/receive, peer/messages, peer/download and the queue below
 * them. The input is a program: each step has one of up to three connections do something: hear
 * bytes (any bytes, or right answers to what was asked), receive some of them, ask, let time pass,
 * look at its bell, send, end or begin anew; or it plays the writer, who may find a hash wrong or a
 * piece gone from the disk. Times, rates and round trips are the input's too. What must hold:
 *
 *   - after every step all counts of the connections and of the queue are right (fix_peer_fault,
 *     fix_queue_fault), and who was robbed of a block has been rung;
 *   - what a connection sends are whole messages that make sense: it asks for whole blocks of
 *     pieces that the peer has and we lack, not while choked, cancels only what it asked for;
 *   - a peer that does nothing wrong is not thrown out, one on trial gets no more than a piece;
 *   - no block is accepted twice, each with its right content (unless the peer sent wild bytes),
 *     and the queue knows whom it came from;
 *   - a connection that ends leaves nothing behind, wherever it was: when all have gone, one
 *     honest, unknown peer can bring everything that is missing.
 *
 * Each connection is a tie (tie.h). Sockets and clock are made up (fake_net.h); swarm, pool and
 * content are made once, only the queue is new with each run. Nothing in this file is instrumented:
 * only src/ is looked at.
 */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

#include "fake_net.h"
#include "fuzz.h"
#include "tie.h"

#include "base/log.h"

enum { HONEST = LINKS, START_MS = 1000000, SHAPES = 4 };

static struct fix shapes[SHAPES];
static struct addrbook *nobody_waits;
static struct addrbook *somebody_waits;
static uint32_t brought_by[BLOCKS_MAX];
static bool contested[BLOCKS_MAX]; /* pieces of which only the queue knows what counts */
static int64_t now_ms;

/* --- its life --- */

static void join(struct tie *t, uint8_t how) {
  fake_reset(t->net);
  int fd = FAKE_FD + (int)(t->net - fakes);
  t->l = fix_peer_on(f, t->host, fd, -1, -1);
  t->here = t->interested = true;
  t->rung = t->late = t->shaking = false;
  t->mad = t->requested = false;
  t->words = 0;
  t->earlier = unjudged(t->l.p->pp.number);
  memset(t->asked, 0, sizeof t->asked);
  memset(t->answered, 0, sizeof t->answered);
  struct peer *p = t->l.p;
  p->pp.proven = how & 1;
  p->fast = !(how & 2);
  p->extended = !(how & 4);
  p->now_ms = p->message_ms = p->last_sent_ms = now_ms;
  if (how & 8) return; /* choked, and with nothing */
  pieces_set_have_all(f->sw.pieces, &p->pp);
  download_update_interest(p);
  p->choking_us = false;
}

static void leave(struct tie *t) {
  if (!t->here) return;
  fix_leave(&t->l);
  t->here = false;
}

/* Begins with the handshake; the peer's is right, or any bytes. */
static void shake_hands(struct tie *t, struct program *g) {
  struct wire_handshake h = {.peer_id = "-XX0001-somebodyelse"};
  uint8_t how = next(g);
  uint8_t id[WIRE_PEER_ID_LEN];
  struct buf b;
  join(t, 8);
  t->interested = t->l.p->am_interested = false;
  t->shaking = true;
  t->l.p->seat.polite = how & 1;
  t->net->end = how & 2 ? EAGAIN : 0;
  t->net->room = how & 4 ? how : SIZE_MAX;
  t->net->comes = how & 8 ? SIZE_MAX : 1 + how;
  memcpy(h.info_hash, f->meta.info_hash, sizeof h.info_hash);
  h.info_hash[0] ^= how >> 7;
  h.reserved = next(g) * (WIRE_RESERVED_EXTENSION | WIRE_RESERVED_FAST) / 255;
  buf_init(&b, WIRE_HANDSHAKE_LEN);
  wire_put_handshake(&b, &h);
  if (how & 16) say(t, &b);
  else say_raw(t, g, WIRE_HANDSHAKE_LEN);
  buf_free(&b);
  enum err e = peer_shake_hands(t->l.p, now_ms + 10000, id);
  CHECK(e != ERR_OK || !(how & 16) || memcmp(id, h.peer_id, sizeof id) == 0);
  now_ms = fake_us / 1000;
  if (e == ERR_OK) flush(t);
  else leave(t);
}

/* Receives up to `n` of the bytes on their way, as the worker does. */
static enum err receive(struct tie *t, size_t n) {
  bool more = true;
  enum err e = ERR_OK;
  t->net->arrived = n < t->net->len ? n : t->net->len;
  while (e == ERR_OK && t->net->arrived > 0) e = receive_some(t->l.p, &more);
  if (e == ERR_OK) e = receive_some(t->l.p, &more); /* nothing, or the end */
  download_count(t->l.p);
  return e;
}

static enum err look_at_bell(struct tie *t) {
  t->rung = false;
  return download_on_bell(t->l.p);
}

static enum err pass_time(struct tie *t, uint32_t ms) {
  int64_t next_ms = CLOCK_NEVER;
  now_ms += ms;
  fake_us = now_ms * 1000;
  t->l.p->now_ms = now_ms;
  enum err e = download_tick(t->l.p, &next_ms);
  if (e != ERR_OK) return e;
  download_ask(t->l.p);
  peer_put_news(t->l.p);
  download_set_lowat(t->l.p);
  next_ms = CLOCK_NEVER;
  e = download_tick(t->l.p, &next_ms);
  CHECK(e != ERR_OK || next_ms > now_ms); /* else the worker's loop would spin */
  return e;
}

static void measure(struct tie *t, uint8_t how) {
  atomic_store(&t->l.p->pp.rate, how & 1 ? UINT64_C(1) << (how >> 3) : 0);
  t->net->rtt_us = how & 2 ? 300000 : 100;
  atomic_store(&t->l.p->pp.rtt_us, t->net->rtt_us);
  t->net->room = how & 4 ? how : SIZE_MAX;
}

static void ask(struct tie *t, uint8_t window) {
  if (window > 0) t->l.p->window = window;
  t->l.p->take_ms = 0;
  download_ask(t->l.p);
}

/* --- the writer --- */

static void scribble(struct fragment *g, uint32_t i) {
  for (uint32_t at = 0; at < BLOCK_LEN; at += BLOCK_LEN / 2 - 8)
    memset(g->data + (size_t)i * BLOCK_LEN + at, 0xa5, 16);
}

/* What came is accepted once, is right, and would be missed were it not written: afterwards the
 * memory holds nothing that could pass for it. */
static void write_fragment(struct fragment *g) {
  struct run run = {.piece = g->piece, .first = g->first, .count = g->count};
  uint32_t still = pieces_still_from(f->sw.pieces, g->from, &run, g->valid, &g->copy);
  CHECK(still == g->valid || doubt);
  g->valid = still;
  for (uint32_t i = 0; i < g->count; i++) {
    uint32_t b = number_of_block(g->piece, g->first + i);
    if (!(g->valid >> i & 1)) continue;
    CHECK(++f->times[b] == 1 || doubt);
    brought_by[b] = g->from;
    CHECK(wild || memcmp(g->data + (size_t)i * BLOCK_LEN, fix_block(f, g->piece, g->first + i),
                         geometry_block_len(&f->meta.geo, g->piece, g->first + i)) == 0);
    scribble(g, i);
  }
  fragment_put(f->sw.pool, g);
}

static void forget_piece(uint32_t piece) {
  memset(f->times + number_of_block(piece, 0), 0, f->piece_blocks * sizeof *f->times);
}

/* Judges the copies of a contested piece that are whole; all that was received has been written. */
static void judge_copy(uint32_t piece, uint8_t verdict) {
  const struct open_piece *op = f->sw.pieces->open[piece];
  uint32_t where[BLOCKS_MAX];
  while (op != NULL && op->missing > 0) op = op->other;
  if (op == NULL) return;
  if (verdict & 1) {
    pieces_failed(f->sw.pieces, piece, op->copy, verdict & 2, where);
    return;
  }
  for (uint32_t b = 0; b < op->blocks; b++) f->times[number_of_block(piece, b)] = 1;
  contested[piece] = false;
  pieces_verified(f->sw.pieces, piece);
}

static void judge(uint32_t piece, uint8_t verdict) {
  uint32_t from[BLOCKS_MAX];
  uint32_t where[BLOCKS_MAX];
  if (contested[piece]) return; /* later, when all is written */
  if (!fix_piece_whole(f, piece) || bitset_get(&f->sw.pieces->done, piece)) return;
  pieces_origin(f->sw.pieces, piece, 0, from);
  for (uint32_t b = 0; b < geometry_blocks(&f->meta.geo, piece); b++) {
    uint32_t n = number_of_block(piece, b);
    if (from[b] != 0 && from[b] == brought_by[n]) continue;
    CHECK(doubt);
    f->times[n] = 0; /* taken back: it will come again */
  }
  if (!fix_piece_whole(f, piece)) return;
  if (verdict & 1) {
    forget_piece(piece);
    contested[piece] = pieces_failed(f->sw.pieces, piece, 0, verdict & 2, where);
    doubt = doubt || contested[piece];
  } else {
    pieces_verified(f->sw.pieces, piece);
  }
}

static void write_all(uint8_t verdict) {
  void *item;
  size_t n;
  while (chan_count(f->sw.results) > 0) {
    CHECK(chan_receive(f->sw.results, &item, 1, &n, CLOCK_NEVER) == ERR_OK);
    uint32_t piece = ((struct fragment *)item)->piece;
    write_fragment(item);
    judge(piece, verdict);
  }
  for (uint32_t i = 0; i < f->meta.geo.pieces; i++)
    if (contested[i]) judge_copy(i, verdict);
}

/* Who lied is known, or who did not. */
static void convict(uint32_t number, bool liar) {
  doubt = true;
  if (liar) pieces_refuse(f->sw.pieces, number);
  else pieces_trust(f->sw.pieces, number);
}

/* A piece is gone from the disk. */
static void lose(uint32_t piece) {
  if (piece >= f->meta.geo.pieces || !bitset_get(&f->sw.pieces->done, piece)) return;
  forget_piece(piece);
  pieces_reset(f->sw.pieces, piece);
}

/* --- the program --- */

/* The peer speaks; that alone changes nothing. */
static void speak(struct tie *t, uint8_t op, struct program *g) {
  switch (op & 0xf) {
  case 0:
    say_raw(t, g, next(g));
    break;
  case 1:
    say_answers(t, op >> 6, 1);
    break;
  case 2:
    say_answers(t, op >> 6, 1 + next(g) % 64);
    break;
  default:
    say_message(t, g);
  }
}

static enum err act(struct tie *t, uint8_t op, struct program *g) {
  uint8_t arg = op >> 6;
  t->l.p->now_ms = now_ms;
  switch (op & 0xf) {
  case 5:
    return receive(t, next(g));
  case 6:
    return receive(t, SIZE_MAX);
  case 7:
    return receive(t, (size_t)next(g) * 257);
  case 8:
    ask(t, next(g));
    return ERR_OK;
  case 9:
    return pass_time(t, (uint32_t)next(g) << 2 * arg);
  case 10:
    return look_at_bell(t);
  case 11:
    measure(t, next(g));
    return ERR_OK;
  default:
    t->net->end = arg & 1 ? 0 : ECONNRESET;
    return receive(t, SIZE_MAX);
  }
}

static void step(struct program *g) {
  uint8_t op = next(g);
  struct tie *t = &ties[(op >> 4 & 3) % LINKS];
  if ((op & 0xf) == 13) {
    write_all(op >> 6);
  } else if ((op & 0xf) == 14) {
    uint8_t what = next(g);
    if (what < 128) lose(what);
    else convict(1 + what % LINKS, what / LINKS % 2);
  } else if (!t->here && (op & 0xf) == 15) {
    shake_hands(t, g);
  } else if (!t->here) {
    join(t, op & 0xf);
  } else if ((op & 0xf) < 5) {
    speak(t, op, g);
    return;
  } else {
    enum err e = act(t, op, g);
    CHECK(e == ERR_OK || e == ERR_TIMEOUT || t->mad || t->net->end != EAGAIN);
    if (e == ERR_OK) flush(t);
    else leave(t);
  }
  sound();
}

/* All have gone: one that nobody knows brings the rest. */
static void finish(void) {
  struct tie *t = &ties[HONEST];
  struct pieces_stats s;
  for (int i = 0; i < LINKS; i++) {
    leave(&ties[i]);
    sound();
  }
  write_all(0);
  join(t, 0);
  for (int round = 0;; round++) {
    CHECK(round < 1000);
    CHECK(look_at_bell(t) == ERR_OK && pass_time(t, 10) == ERR_OK);
    ask(t, 255);
    flush(t);
    say_answers(t, 0, UINT32_MAX);
    CHECK(receive(t, SIZE_MAX) == ERR_OK);
    write_all(0);
    pieces_stats(f->sw.pieces, &s);
    if (s.complete) break;
  }
  sound();
  CHECK(s.done_bytes == f->meta.geo.total && s.open == 0 && s.unavailable == 0);
  for (uint32_t i = 0; i < f->meta.geo.pieces; i++) CHECK(fix_piece_whole(f, i));
  leave(t);
  sound();
}

/* --- set-up --- */

/* Fragments of all sizes in such number that no run maps or unmaps any. */
static struct fragment_pool *stocked_pool(void) {
  static const uint32_t counts[] = {2, 8, 32};
  struct fragment *list[3 * 40];
  struct fragment_pool *pool = fragment_pool_new();
  CHECK(pool != NULL);
  for (int i = 0; i < 3 * 40; i++) CHECK((list[i] = fragment_get(pool, counts[i / 40])) != NULL);
  for (int i = 0; i < 3 * 40; i++) fragment_put(pool, list[i]);
  return pool;
}

/* What stays: the rosters know everybody in the same order in every run. */
static void set_up(void) {
  static const struct {
    uint64_t total;
    uint32_t piece_len;
  } sizes[SHAPES] = {{6 * 50 + 17, 50},
                     {3 * 5 * BLOCK_LEN + BLOCK_LEN + 33, 5 * BLOCK_LEN},
                     {34 * BLOCK_LEN + 1, 33 * BLOCK_LEN},
                     {34 * 3 - 1, 3}};
  struct addr waiting = {.family = 4, .ip = {10, 0, 0, 99}, .port = 6881};
  struct fragment_pool *pool = stocked_pool();
  log_set_level(LOG_ERROR);
  nobody_waits = addrbook_new(64);
  somebody_waits = addrbook_new(64);
  CHECK(nobody_waits && somebody_waits);
  CHECK(addrbook_add(somebody_waits, &waiting, FROM_USER, 0));
  for (int i = 0; i <= LINKS; i++) ties[i] = (struct tie){.net = &fakes[i], .host = (uint8_t)i + 1};
  for (int s = 0; s < SHAPES; s++) {
    f = &shapes[s];
    fix_swarm(f, sizes[s].total, sizes[s].piece_len);
    CHECK(f->meta.geo.pieces * f->piece_blocks <= BLOCKS_MAX);
    addrbook_free(f->sw.book);
    fragment_pool_free(f->sw.pool);
    f->sw.pool = pool;
    for (int i = 0; i <= LINKS; i++) {
      join(&ties[i], 0);
      leave(&ties[i]);
    }
  }
}

/* A new queue, whose random choices are the same in every run of an input. */
static void begin(uint8_t shape, uint8_t how) {
  f = &shapes[shape % SHAPES];
  pieces_free(f->sw.pieces);
  f->sw.pieces = pieces_new(&f->meta.geo, NULL, on_ring, NULL);
  CHECK(f->sw.pieces != NULL);
  f->sw.pieces->rng.s = 1;
  rarity_free(&f->sw.pieces->rarity);
  CHECK(rarity_init(&f->sw.pieces->rarity, f->meta.geo.pieces, &f->sw.pieces->rng));
  f->sw.book = how & 1 ? somebody_waits : nobody_waits;
  f->sw.memory = how & 2 ? 8 * BLOCK_LEN : 1 << 27;
  memset(f->times, 0, (size_t)f->meta.geo.pieces * f->piece_blocks * sizeof *f->times);
  now_ms = START_MS;
  fake_us = now_ms * 1000;
  wild = doubt = false;
  memset(contested, 0, sizeof contested);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool is_set_up;
  struct program g = {data, size};
  if (!is_set_up) set_up();
  is_set_up = fake_running = true;
  uint8_t shape = next(&g);
  begin(shape, shape >> 4);
  for (int i = 0; i < LINKS; i++)
    if (shape >> 2 & 3 & (1 << i)) join(&ties[i], 1);
  while (g.left > 0) step(&g);
  finish();
  fake_running = false;
  return 0;
}

/* The fewer blocks the address sanitizer keeps for later, the fewer pages are new in each run. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "quarantine_size_mb=8:malloc_context_size=8";
}

#pragma clang attribute pop
