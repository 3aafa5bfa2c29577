/*
 * The address book in the long run: random calls with made-up time, against a model that is too
 * simple to be wrong: an array that is searched from end to end. The model does not choose, it
 * judges: whatever the book hands out must be one of the best choices there were, and what it
 * counts must be what the model counts. The seeds are fixed, so that a failure comes again.
 */
#include "../test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "find/addrbook.h"

enum { S = 1000, MIN = 60 * S, NAMES = 120, ROOM = 400 };

/* Four ports on each host. */
static struct addr numbered(unsigned n) {
  struct addr a = {.family = 4, .port = (uint16_t)(1024 + n % 4)};
  a.ip[0] = 10;
  a.ip[2] = (uint8_t)(n / 4 / 250);
  a.ip[3] = (uint8_t)(1 + n / 4 % 250);
  return a;
}

struct model {
  bool known, taken, dead, final, liar, good, tried, ended;
  int64_t due_ms, alone_ms, since_ms, died_ms;
  int fails, cuts, strikes;
};

static bool alone; /* what the book was told */

static int64_t model_due(const struct model *m) {
  return alone ? m->alone_ms : m->due_ms;
}

static int number_of(const struct addr *a) {
  for (unsigned i = 0; i < NAMES; i++) {
    struct addr x = numbered(i);
    if (addr_equal(&x, a)) return (int)i;
  }
  fail_msg("the book made an address up");
  return -1;
}

static bool model_host_banned(const struct model *m, int n) {
  int liars = 0;
  for (int i = n / 4 * 4; i < n / 4 * 4 + 4 && i < NAMES; i++) liars += m[i].liar;
  return liars >= 2;
}

static void model_ban(struct model *m, int n) {
  m[n].known = m[n].liar = true;
  for (int i = n / 4 * 4; i < n / 4 * 4 + 4 && i < NAMES; i++) {
    if (model_host_banned(m, n)) m[i].liar = m[i].liar || m[i].known;
    if (m[i].liar) m[i].final = true;
  }
}

static bool model_waits(const struct model *m) {
  return m->known && !m->taken && !m->dead && !m->final;
}

/* 0: good and due, 1: fresh, 2: retry and due, 3: not now. */
static int model_rank(const struct model *m, int64_t now_ms) {
  if (!model_waits(m)) return 3;
  if (!m->tried) return 1;
  if (model_due(m) > now_ms) return 3;
  return m->good ? 0 : 2;
}

static void model_add(struct model *m, int n, bool is_new) {
  struct model *e = &m[n];
  assert_int_equal(is_new, !e->known && !model_host_banned(m, n));
  if (is_new) e->known = true;
  if (!e->dead || e->final) return;
  e->dead = false;
  e->fails = 2;
  e->due_ms = e->alone_ms = e->died_ms + 10 * MIN;
}

static void model_take(struct model *m, enum err e, const struct addr *got, int64_t due_ms,
                       int64_t now_ms) {
  int best = 3;
  int64_t next_ms = CLOCK_NEVER;
  for (int i = 0; i < NAMES; i++) {
    int rank = model_rank(&m[i], now_ms);
    if (rank < best) best = rank;
    if (rank == 3 && model_waits(&m[i]) && model_due(&m[i]) < next_ms)
      next_ms = model_due(&m[i]);
  }
  assert_int_equal(e, best == 3 ? ERR_NOT_FOUND : ERR_OK);
  if (best == 3) {
    assert_int_equal(due_ms, next_ms);
    return;
  }
  int n = number_of(got);
  assert_int_equal(model_rank(&m[n], now_ms), best);
  for (int i = 0; i < NAMES && best != 1; i++)
    if (model_rank(&m[i], now_ms) == best) assert_true(model_due(&m[i]) >= model_due(&m[n]));
  m[n].taken = m[n].tried = true;
}

/* While we are alone: 5, 10, 20, 30, 30 s... */
static int64_t sooner_ms(int before) {
  return before == 0 ? 5 * S : before == 1 ? 10 * S : before == 2 ? 20 * S : 30 * S;
}

static void model_fail(struct model *e, int64_t wait_ms, int64_t alone_ms, int64_t now_ms) {
  if (e->fails == 0) e->since_ms = now_ms;
  e->due_ms = now_ms + wait_ms;
  e->alone_ms = now_ms + alone_ms;
  e->dead = ++e->fails >= 3 && now_ms - e->since_ms >= 3 * MIN;
  e->died_ms = now_ms;
}

static void model_report(struct model *m, int n, enum addrbook_outcome how, bool gave,
                         int64_t now_ms) {
  static const int64_t wait_ms[] = {
    [ADDR_FULL] = S, [ADDR_USELESS] = MIN,
    [ADDR_MISBEHAVED] = 10 * MIN, [ADDR_LIAR] = 0};
  struct model *e = &m[n];
  if (how == ADDR_LIAR) model_ban(m, n);
  e->taken = false;
  e->ended = true;
  e->good = e->good || gave;
  if (e->final) return;
  if (how == ADDR_SELF) e->final = true;
  if (how == ADDR_UNREACHABLE || how == ADDR_NO_ROUTE || how == ADDR_SILENT) {
    model_fail(e, e->fails == 0 ? MIN : 2 * MIN, sooner_ms(e->fails), now_ms);
  } else if (how == ADDR_WRONG) {
    model_fail(e, 10 * MIN, 10 * MIN, now_ms);
  } else if (how == ADDR_CUT || how == ADDR_DUPLICATE) {
    int64_t cut_ms = gave ? 0 : (int64_t)10 * S << e->cuts;
    e->due_ms = now_ms + (cut_ms > 10 * MIN ? 10 * MIN : cut_ms);
    e->alone_ms = gave ? now_ms : now_ms + sooner_ms(e->cuts);
    e->cuts = gave ? 0 : e->cuts + (e->cuts < 10);
    e->fails = 0;
  } else {
    e->due_ms = now_ms + wait_ms[how];
    e->alone_ms = how == ADDR_USELESS ? now_ms + 30 * S : e->due_ms;
    if (how == ADDR_USELESS || how == ADDR_MISBEHAVED) e->fails = 0;
    if (how == ADDR_MISBEHAVED && ++e->strikes >= 2) {
      e->dead = true;
      e->died_ms = now_ms;
    }
  }
}

static void model_compare(const struct model *m, struct addrbook *b, int64_t now_ms) {
  size_t waiting = 0;
  size_t due = 0;
  size_t taken = 0;
  size_t ended = 0; /* tried or banned, and not taken now: each has one outcome */
  size_t told = 0;
  size_t untried = 0;
  for (int i = 0; i < NAMES; i++) {
    waiting += model_waits(&m[i]);
    due += model_rank(&m[i], now_ms) < 3;
    taken += m[i].taken;
    untried += m[i].known && !m[i].ended && (m[i].taken || !m[i].final);
    ended += m[i].known && !m[i].taken && (m[i].tried || m[i].liar || model_host_banned(m, i));
    struct addr a = numbered((unsigned)i);
    assert_int_equal(addrbook_is_banned(b, &a), m[i].liar || model_host_banned(m, i));
  }
  struct addrbook_stats s;
  addrbook_stats(b, now_ms, &s);
  assert_int_equal(s.waiting, waiting);
  assert_int_equal(s.due, due);
  assert_int_equal(s.taken, taken);
  assert_int_equal(s.untried, untried);
  assert_int_equal(s.known, waiting + taken);
  for (int how = 0; how <= ADDR_LIAR; how++) told += s.failed[how];
  assert_int_equal(told, ended);
}

/* Mostly harmless outcomes, so that the run does not end with everybody banned. */
static enum addrbook_outcome random_outcome(struct crypto_rng *rng) {
  static const enum addrbook_outcome rare[] = {ADDR_SELF, ADDR_LIAR, ADDR_WRONG, ADDR_MISBEHAVED};
  static const enum addrbook_outcome common[] = {
    ADDR_UNREACHABLE, ADDR_SILENT, ADDR_DUPLICATE, ADDR_FULL, ADDR_USELESS, ADDR_CUT, ADDR_CUT,
    ADDR_NO_ROUTE};
  if (crypto_rng_below(rng, 40) == 0) return rare[crypto_rng_below(rng, 4)];
  return common[crypto_rng_below(rng, 8)];
}

static void random_step(struct addrbook *b, struct model *m, struct crypto_rng *rng,
                        int64_t now_ms) {
  int n = (int)crypto_rng_below(rng, NAMES);
  struct addr a = numbered((unsigned)n);
  struct addr got;
  int64_t due_ms = -1;
  uint64_t what = crypto_rng_below(rng, 100);
  if (what < 30) {
    model_add(m, n, addrbook_add(b, &a, FROM_TRACKER, now_ms));
  } else if (what < 60) {
    enum err e = addrbook_take(b, now_ms, &got, &due_ms);
    model_take(m, e, &got, due_ms, now_ms);
  } else if (what < 62) {
    alone = !alone;
    addrbook_set_alone(b, alone);
  } else if (what < 99) {
    for (int i = 0; i < NAMES && !m[n].taken; i++) n = (n + 1) % NAMES;
    if (!m[n].taken) return;
    a = numbered((unsigned)n);
    enum addrbook_outcome how = random_outcome(rng);
    bool gave = crypto_rng_below(rng, 4) == 0;
    addrbook_report(b, &a, how, gave, now_ms);
    model_report(m, n, how, gave, now_ms);
  } else if (crypto_rng_below(rng, 20) == 0) {
    addrbook_ban(b, &a);
    model_ban(m, n);
  }
}

TEST(random_use_agrees_with_a_naive_model) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct crypto_rng rng = {.s = seed};
    struct model *m = calloc(NAMES, sizeof *m);
    struct addrbook *b = addrbook_new(ROOM);
    int64_t now_ms = 0;
    alone = false;
    assert_non_null(m);
    for (int i = 0; i < 4000; i++) {
      now_ms += (int64_t)crypto_rng_below(&rng, 20 * S);
      random_step(b, m, &rng, now_ms);
      if (i % 50 == 0) model_compare(m, b, now_ms);
    }
    addrbook_free(b);
    free(m);
  }
}

int main(void) {
  RUN(T(random_use_agrees_with_a_naive_model));
}
