/*
 * members: connections of a work queue without anything behind them, for the tests of swarm/pieces.
 *
 * begin() makes a queue around a torrent of that size, end() looks at it once more and ends it. A
 * member is a struct pieces_peer that the test moves itself: bare() has nothing, seed() has all;
 * take(), deliver() and the others do one call and look at the whole queue afterwards
 * (fix_queue_fault). Rates and times are made up: FAST is beyond anything where a connection might
 * be thought slow, SLOW far below, so that no tuning of a constant changes an answer.
 */
#ifndef WEFT_TESTS_MEMBERS_H
#define WEFT_TESTS_MEMBERS_H

#include "../test.h"

#include "swarm_fixture.h"

enum { NOW = 1000000, KIB = 1024, PEERS = 8 };
#define FAST (UINT64_C(1) << 30)
#define SLOW UINT64_C(1000)

static struct fix f;
static struct pieces *q;
static struct pieces_peer member[PEERS];

static inline void begin(uint64_t total, uint32_t piece_len) {
  fix_swarm(&f, total, piece_len);
  q = f.sw.pieces;
  memset(member, 0, sizeof member);
}

static inline void sound(void) {
  const char *fault = fix_queue_fault(q);
  if (fault != NULL) fail_msg("%s", fault);
}

static inline void end(void) {
  sound();
  for (int i = 0; i < PEERS; i++)
    if (member[i].number != 0) pieces_leave(q, &member[i]);
  sound();
  fix_free(&f);
}

/* Connection number i + 1, which has nothing yet. */
static inline struct pieces_peer *bare(int i, uint64_t rate) {
  struct pieces_peer *p = &member[i];
  assert_int_equal(pieces_join(q, p, (uint32_t)i + 1), ERR_OK);
  p->proven = true; /* but for those that are about trials */
  atomic_store(&p->rate, rate);
  atomic_store(&p->last_ms, NOW);
  return p;
}

static inline struct pieces_peer *seed(int i, uint64_t rate) {
  struct pieces_peer *p = bare(i, rate);
  pieces_set_have_all(q, p);
  return p;
}

static inline void gone(struct pieces_peer *p) {
  pieces_leave(q, p);
  p->number = 0;
}

static inline struct run take_at(struct pieces_peer *p, uint32_t max, int64_t now_ms) {
  struct run r = {0};
  assert_int_equal(pieces_take(q, p, max, now_ms, &r), TAKE_RUN);
  assert_in_range(r.count, 1, max);
  assert_true(r.first + r.count <= geometry_blocks(&f.meta.geo, r.piece));
  sound();
  return r;
}

static inline struct run take(struct pieces_peer *p, uint32_t max) {
  return take_at(p, max, NOW);
}

static inline void nothing_at(struct pieces_peer *p, int64_t now_ms) {
  struct run r;
  assert_int_equal(pieces_take(q, p, 32, now_ms, &r), TAKE_NOTHING);
  sound();
}

static inline void nothing(struct pieces_peer *p) {
  nothing_at(p, NOW);
}

static inline uint32_t all_of(const struct run *r) {
  return r->count == 32 ? UINT32_MAX : (UINT32_C(1) << r->count) - 1;
}

static inline void deliver(struct pieces_peer *p, const struct run *r) {
  assert_int_equal(pieces_received(q, p, r, all_of(r)), all_of(r));
  sound();
}

#endif
