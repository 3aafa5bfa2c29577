#include "find/addrbook_wait.h"

enum {
  FIRST_WAIT_MS = 60 * 1000,     /* after the first refusal; doubled after the second */
  LONG_WAIT_MS = 10 * 60 * 1000, /* wrong torrent, misbehaviour, back from the dead */
  CUT_WAIT_MS = 10 * 1000,       /* doubled by each cut without data, up to LONG_WAIT_MS */
  USELESS_WAIT_MS = 60 * 1000,
  FULL_WAIT_MS = 1000,
  ALONE_WAIT_MS = 5 * 1000,      /* while we are alone; doubled each time, up to */
  ALONE_LONG_MS = 30 * 1000,
  DYING_MS = 3 * 60 * 1000,      /* from the first failure in a row to the last, at least */
  MAX_FAILS = 3,
  MAX_STRIKES = 2,
  DOUBLINGS = 20                 /* of any time: more make no difference */
};

/* `first_ms`, doubled `times` times, at most `most_ms`. */
static int64_t doubled(int64_t first_ms, unsigned times, int64_t most_ms) {
  int64_t ms = times < DOUBLINGS ? first_ms << times : most_ms;
  return ms < most_ms ? ms : most_ms;
}

static enum addrbook_fate wait_for(struct addrbook_times *out, int64_t wait_ms, int64_t alone_ms,
                                   int64_t now_ms) {
  out->due_ms = now_ms + wait_ms;
  out->alone_ms = now_ms + (alone_ms < wait_ms ? alone_ms : wait_ms);
  return ADDRBOOK_WAITS;
}

/* `again`: it may be different soon. */
static enum addrbook_fate on_failure(struct addrbook_record *r, bool again, int64_t now_ms,
                                     struct addrbook_times *out) {
  unsigned before = r->fails;
  if (before == 0) r->since_ms = now_ms;
  if (r->fails < UINT8_MAX) r->fails++;
  if (r->fails >= MAX_FAILS && now_ms - r->since_ms >= DYING_MS) {
    r->died_ms = now_ms;
    return ADDRBOOK_DEAD;
  }
  if (!again) return wait_for(out, LONG_WAIT_MS, LONG_WAIT_MS, now_ms);
  return wait_for(out, doubled(FIRST_WAIT_MS, before, 2 * FIRST_WAIT_MS),
                  doubled(ALONE_WAIT_MS, before, ALONE_LONG_MS), now_ms);
}

static enum addrbook_fate on_cut(struct addrbook_record *r, bool gave_data, int64_t now_ms,
                                 struct addrbook_times *out) {
  unsigned before = r->cuts;
  r->fails = 0;
  r->cuts = gave_data ? 0 : before < DOUBLINGS ? (uint8_t)(before + 1) : DOUBLINGS;
  if (gave_data) return wait_for(out, 0, 0, now_ms);
  return wait_for(out, doubled(CUT_WAIT_MS, before, LONG_WAIT_MS),
                  doubled(ALONE_WAIT_MS, before, ALONE_LONG_MS), now_ms);
}

static enum addrbook_fate on_misbehaved(struct addrbook_record *r, int64_t now_ms,
                                        struct addrbook_times *out) {
  r->fails = 0;
  if (r->strikes < MAX_STRIKES) r->strikes++;
  if (r->strikes < MAX_STRIKES) return wait_for(out, LONG_WAIT_MS, LONG_WAIT_MS, now_ms);
  r->died_ms = now_ms;
  return ADDRBOOK_DEAD;
}

enum addrbook_fate addrbook_wait_after(struct addrbook_record *r, enum addrbook_outcome how,
                                       bool gave_data, int64_t now_ms,
                                       struct addrbook_times *out) {
  switch (how) {
    case ADDR_UNREACHABLE:
    case ADDR_NO_ROUTE:
    case ADDR_SILENT:
    case ADDR_WRONG:
      return on_failure(r, how != ADDR_WRONG, now_ms, out);
    case ADDR_CUT:
    case ADDR_DUPLICATE:
      return on_cut(r, gave_data, now_ms, out);
    case ADDR_MISBEHAVED:
      return on_misbehaved(r, now_ms, out);
    case ADDR_FULL:
      return wait_for(out, FULL_WAIT_MS, FULL_WAIT_MS, now_ms);
    case ADDR_USELESS:
      r->fails = 0;
      return wait_for(out, USELESS_WAIT_MS, ALONE_LONG_MS, now_ms);
    case ADDR_SELF:
    case ADDR_LIAR:
      break;
  }
  return ADDRBOOK_NEVER;
}

void addrbook_wait_again(struct addrbook_record *r, struct addrbook_times *out) {
  r->fails = MAX_FAILS - 1;
  wait_for(out, LONG_WAIT_MS, LONG_WAIT_MS, r->died_ms);
}
