/*
 * A connection under a hostile peer: peer/receive, peer/messages, peer/download and the queue below
 * them. The input is a program: each step puts bytes into the stream (any bytes, or right answers
 * to what was asked), lets the connection receive some of it, moves the clock, rings the bell, lets
 * a second connection take, take over, deliver or leave, or plays the writer, who may find a hash
 * wrong. What must hold:
 *
 *   - after every step all counts of the connection and of the queue are right (fix_peer_fault,
 *     fix_queue_fault);
 *   - no block is accepted twice;
 *   - when the connection ends, wherever it was, nothing is outstanding and nothing is asked of
 *     it, and another connection can fetch all the rest.
 */
#include "fuzz.h"

#include "../support/swarm_fixture.h"
#include "base/log.h"

struct program {
  const uint8_t *at;
  size_t left;
};

static struct fix f;
static struct fix_link l;
static struct fix_link other;
static struct buf stream; /* what the peer has said and the connection has not received */
static int64_t now_ms;

static uint8_t next(struct program *g) {
  if (g->left == 0) return 0;
  g->left--;
  return *g->at++;
}

static void sound(void) {
  const char *fault = fix_queue_fault(f.sw.pieces);
  if (fault == NULL && !l.left && l.error == ERR_OK) fault = fix_peer_fault(l.p);
  if (fault == NULL && !other.left) fault = fix_peer_fault(other.p);
  if (fault == NULL) return;
  fprintf(stderr, "%s\n", fault);
  abort();
}

/* --- the peer --- */

/* A right answer to the k-th of what is asked of the connection. */
static void put_answer(struct fix_link *to, struct buf *b, uint32_t k) {
  for (uint32_t i = 0; i < to->p->job_count; i++) {
    const struct peer_job *j = &to->p->jobs[(to->p->job_head + i) % PEER_JOBS_MAX];
    for (uint32_t m = j->ended ? 0 : fix_job_open(j); m != 0; m &= m - 1) {
      if (k-- != 0) continue;
      fix_put_block(&f, b, j->run.piece, j->run.first + (uint32_t)__builtin_ctz(m));
      return;
    }
  }
}

static void put_message(struct program *g) {
  uint32_t index = next(g) % (f.meta.geo.pieces + 1);
  uint32_t block = next(g) % (f.piece_blocks + 1);
  switch (next(g) % 10) {
  case 0:
    wire_put_simple(&stream, WIRE_CHOKE);
    break;
  case 1:
  case 2:
    wire_put_simple(&stream, WIRE_UNCHOKE);
    break;
  case 3:
    wire_put_index(&stream, WIRE_HAVE, index);
    break;
  case 4:
    wire_put_simple(&stream, index % 2 ? WIRE_HAVE_ALL : WIRE_HAVE_NONE);
    break;
  case 5:
    wire_put_range(&stream, WIRE_REJECT, index, block * BLOCK_LEN, BLOCK_LEN);
    break;
  case 6:
    wire_put_range(&stream, WIRE_REQUEST, index, block * BLOCK_LEN, BLOCK_LEN);
    break;
  case 7:
    wire_put_keepalive(&stream);
    break;
  case 8:
    wire_put_extended(&stream, 0, "d4:reqqi3ee", 11);
    break;
  default: /* any block of the torrent, asked for or not */
    if (index < f.meta.geo.pieces && block < geometry_blocks(&f.meta.geo, index))
      fix_put_block(&f, &stream, index, block);
  }
}

static void put_raw(struct program *g) {
  size_t n = next(g);
  if (n > g->left) n = g->left;
  buf_put(&stream, g->at, n);
  g->at += n;
  g->left -= n;
}

/* The connection receives up to `n` bytes of the stream. */
static void receive(size_t n) {
  bool more;
  if (n > stream.len) n = stream.len;
  while (n > 0 && l.error == ERR_OK) {
    size_t some = n < 32768 ? n : 32768;
    fix_feed_by(&l, stream.data, some, some);
    buf_consume(&stream, some);
    n -= some;
  }
  if (l.error == ERR_OK) l.error = receive_some(l.p, &more); /* there is nothing: no harm */
}

/* --- the others --- */

static void judge(uint32_t piece, bool wrong) {
  uint32_t *times = f.times + (size_t)piece * f.piece_blocks;
  uint32_t n = geometry_blocks(&f.meta.geo, piece);
  for (uint32_t b = 0; b < n; b++)
    if (times[b] == 0) return;
  if (!wrong) {
    pieces_verified(f.sw.pieces, piece);
    return;
  }
  memset(times, 0, n * sizeof *times);
  pieces_failed(f.sw.pieces, piece, true);
}

static void write_all(bool wrong) {
  void *item;
  size_t n;
  while (chan_count(f.sw.results) > 0) {
    CHECK(chan_receive(f.sw.results, &item, 1, &n, CLOCK_NEVER) == ERR_OK);
    struct fragment *g = item;
    for (uint32_t i = 0; i < g->count; i++)
      if (g->valid >> i & 1)
        CHECK(++f.times[(size_t)g->piece * f.piece_blocks + g->first + i] == 1);
    uint32_t piece = g->piece;
    fragment_put(f.sw.pool, g);
    judge(piece, wrong);
  }
}

static void other_delivers(uint32_t most) {
  while (other.p->outstanding > 0 && most-- > 0) {
    struct buf b;
    buf_init(&b, 1 << 16);
    put_answer(&other, &b, 0);
    CHECK(fix_feed(&other, &b) == ERR_OK);
  }
}

static void other_acts(uint8_t how) {
  other.p->now_ms = now_ms;
  switch (how % 5) {
  case 0:
    other.p->window = 1 + how / 5;
    atomic_store(&other.p->pp.rate, 1 + (UINT64_C(1) << how / 8));
    other.p->take_ms = 0;
    download_ask(other.p);
    break;
  case 1:
    other_delivers(how / 5);
    break;
  case 2:
    CHECK(download_on_bell(other.p) == ERR_OK);
    break;
  case 3:
    download_give_back(other.p);
    break;
  default:
    fix_leave(&other);
    other = fix_peer(&f, 2);
    other.p->now_ms = now_ms;
    fix_open_seed(&other);
  }
  buf_clear(&other.p->out);
}

/* --- the connection's own life --- */

static void pass_time(uint32_t ms) {
  int64_t next_ms = CLOCK_NEVER;
  now_ms += ms;
  l.p->now_ms = now_ms;
  enum err e = download_tick(l.p, &next_ms);
  if (l.error == ERR_OK) l.error = e;
  download_ask(l.p);
  peer_put_news(l.p);
  buf_clear(&l.p->out);
}

static void ask(uint8_t window) {
  l.p->window = 1 + window;
  atomic_store(&l.p->pp.rate, 1 + (UINT64_C(1) << window / 8));
  l.p->take_ms = 0;
  download_ask(l.p);
  buf_clear(&l.p->out);
}

static void step(struct program *g) {
  uint8_t op = next(g);
  uint8_t arg = op >> 4;
  l.p->now_ms = now_ms;
  switch (op & 0xf) {
  case 0:
  case 1:
    put_raw(g);
    break;
  case 2:
  case 3:
  case 4:
    put_answer(&l, &stream, arg);
    break;
  case 5:
  case 6:
    put_message(g);
    break;
  case 7:
    receive(next(g));
    break;
  case 8:
    receive(SIZE_MAX);
    break;
  case 9:
    receive((size_t)next(g) * 257);
    break;
  case 10:
    ask(next(g));
    break;
  case 11:
    pass_time((uint32_t)next(g) * 40);
    break;
  case 12:
    l.error = download_on_bell(l.p);
    break;
  case 13:
    write_all(arg % 4 == 3);
    break;
  default:
    other_acts(next(g));
  }
}

/* The connection has ended: another one gets all the rest. */
static void finish(void) {
  fix_leave(&l);
  sound();
  for (int round = 0; round < 1000; round++) {
    struct pieces_stats s;
    other.p->now_ms = now_ms += 10;
    CHECK(download_on_bell(other.p) == ERR_OK);
    fix_ask_for_all(&other);
    buf_clear(&other.p->out);
    other_delivers(UINT32_MAX);
    write_all(false);
    pieces_stats(f.sw.pieces, &s);
    if (s.complete) break;
    CHECK(round < 999);
  }
  fix_leave(&other);
  sound();
}

/* The queue's random choices are the same in every run, so that an input can be run again. */
static void steady_choices(void) {
  struct pieces *q = f.sw.pieces;
  q->rng.s = 1;
  rarity_free(&q->rarity);
  CHECK(rarity_init(&q->rarity, f.meta.geo.pieces, &q->rng));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct program g = {data, size};
  log_set_level(LOG_ERROR);
  if (next(&g) % 2) fix_swarm(&f, 6 * 50 + 17, 50);
  else fix_swarm(&f, 3 * 5 * BLOCK_LEN + BLOCK_LEN + 33, 5 * BLOCK_LEN);
  steady_choices();
  buf_init(&stream, 1 << 20);
  l = fix_peer(&f, 1);
  other = fix_peer(&f, 2);
  now_ms = l.p->now_ms;
  fix_open_seed(&other);
  download_give_back(other.p);
  if (next(&g) % 4) fix_open_seed(&l); /* else it begins choked and with nothing */
  while (g.left > 0 && l.error == ERR_OK && !stream.failed) {
    step(&g);
    sound();
  }
  finish();
  buf_free(&stream);
  fix_free(&f);
  return 0;
}
