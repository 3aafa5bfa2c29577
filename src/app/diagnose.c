#include "app/diagnose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/human.h"
#include "base/buf.h"
#include "base/clock.h"

enum { URLS_SHOWN = 3, SENTENCE_MAX = 4096, WRITER_BEHIND = 4 };

/* --- the trackers --- */

static size_t count_state(const struct diagnose_facts *f, enum tracker_state state) {
  size_t n = 0;
  for (size_t i = 0; i < f->tracker_count; i++) n += f->trackers[i].state == state;
  return n;
}

/* Those of which nothing has been heard at all. */
static size_t count_unheard(const struct diagnose_facts *f) {
  size_t n = count_state(f, TRACKER_IDLE);
  for (size_t i = 0; i < f->tracker_count; i++)
    n += f->trackers[i].state == TRACKER_ASKING && f->trackers[i].next_ms == CLOCK_NEVER;
  return n;
}

static const struct tracker_status *first_failed(const struct diagnose_facts *f) {
  for (size_t i = 0; i < f->tracker_count; i++)
    if (f->trackers[i].state == TRACKER_FAILED) return &f->trackers[i];
  return NULL;
}

/* What those said that can be asked; there is one. */
static void put_answers(struct buf *b, const struct diagnose_facts *f) {
  size_t worked = count_state(f, TRACKER_OK);
  size_t failed = count_state(f, TRACKER_FAILED);
  size_t unheard = count_unheard(f);
  const struct tracker_status *shown = first_failed(f);
  if (worked > 0) {
    buf_put_str(b, worked == 1 ? "the tracker answers but knows no more peers"
                               : "the trackers answer but know no more peers");
  } else if (shown != NULL) {
    buf_printf(b, "tracker %s: %s", shown->url, shown->message);
    if (failed > 1) buf_printf(b, " (and %zu more failed)", failed - 1);
  } else if (unheard > 0) {
    buf_put_str(b, unheard == 1 ? "the tracker has not answered yet"
                                : "the trackers have not answered yet");
  } else {
    buf_put_str(b, count_state(f, TRACKER_ASKING) == 1 ? "the tracker is being asked again"
                                                       : "the trackers are being asked again");
  }
}

static void put_trackers(struct buf *b, const struct diagnose_facts *f) {
  char unusable[1024];
  size_t usable = diagnose_unusable(f->trackers, f->tracker_count, unusable, sizeof unusable);
  size_t skipped = f->tracker_count - usable;
  if (usable > 0) {
    put_answers(b, f);
    if (skipped > 0)
      buf_printf(b, "; %zu other%s can't be asked (-v says which)", skipped, human_plural(skipped));
  } else {
    buf_put_str(b, skipped > 0 ? unusable : "there is no tracker to ask");
  }
}

/* One group: the first few that can't be asked for the reason `why`. */
static void put_group(struct buf *b, const struct tracker_status *t, size_t count,
                      const char *why) {
  size_t n = 0;
  for (size_t i = 0; i < count; i++) {
    if (t[i].state != TRACKER_SKIPPED || strcmp(t[i].message, why) != 0) continue;
    if (n < URLS_SHOWN) buf_printf(b, "%s%s", n > 0 ? ", " : b->len > 0 ? "; " : "", t[i].url);
    n++;
  }
  if (n > URLS_SHOWN) buf_printf(b, " and %zu more", n - URLS_SHOWN);
  buf_printf(b, ": %s", why);
}

/* Is this the first of its group? */
static bool leads(const struct tracker_status *t, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (t[k].state == TRACKER_SKIPPED && strcmp(t[k].message, t[i].message) == 0) return false;
  return t[i].state == TRACKER_SKIPPED;
}

size_t diagnose_unusable(const struct tracker_status *trackers, size_t count, char *out,
                         size_t size) {
  struct buf b;
  size_t usable = 0;
  buf_init(&b, SENTENCE_MAX);
  for (size_t i = 0; i < count; i++) {
    usable += trackers[i].state != TRACKER_SKIPPED;
    if (leads(trackers, i)) put_group(&b, trackers, count, trackers[i].message);
  }
  snprintf(out, size, "%s", buf_cstr(&b));
  buf_free(&b);
  return usable;
}

/* --- the addresses --- */

/* One clause of the list of what became of the addresses. */
static void put_count(struct buf *b, const char **before, size_t n, size_t all,
                      const char *what) {
  if (n == 0) return;
  if (n < all) buf_printf(b, "%s%zu %s", *before, n, what);
  else buf_printf(b, "%s%s%s", *before, all == 1 ? "" : all == 2 ? "both " : "all ", what);
  *before = ", ";
}

static void put_dials(struct buf *b, const struct addrbook_stats *a) {
  static const struct {
    enum addrbook_outcome how;
    const char *what;
  } words[] = {
    {ADDR_UNREACHABLE, "refused"},        {ADDR_NO_ROUTE, "without a route"},
    {ADDR_SILENT, "without an answer"},
    {ADDR_WRONG, "not of this torrent"},  {ADDR_CUT, "hung up"},
    {ADDR_USELESS, "gave nothing"},       {ADDR_MISBEHAVED, "broke the protocol"},
    {ADDR_DUPLICATE, "the same as another"}, {ADDR_SELF, "weft itself"},
    {ADDR_LIAR, "banned for wrong data"},
    {ADDR_FULL, "waiting for a free port, thread or descriptor"},
  };
  size_t all = a->known + a->dead;
  const char *before = ": ";
  if (all == 0) return;
  buf_printf(b, "; %zu address%s known", all, all == 1 ? "" : "es");
  put_count(b, &before, a->taken, all, "being dialled");
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    put_count(b, &before, a->failed[words[i].how], all, words[i].what);
}

/* --- the peers --- */

/* "2 of 3 connected peers", or "all 3", or "both". */
static void put_share(struct buf *b, uint32_t some, uint32_t all) {
  if (some < all) buf_printf(b, "%u of %u", some, all);
  else if (all == 2) buf_put_str(b, "both");
  else buf_printf(b, "all %u", all);
  buf_put_str(b, " connected peers");
}

/* All of them choke us or have nothing. */
static void put_choked(struct buf *b, const struct roster_stats *r) {
  if (r->connected == 1) {
    buf_put_str(b, "the only connected peer chokes us");
  } else {
    put_share(b, r->choked, r->connected);
    buf_put_str(b, r->choked == 1 ? " chokes us" : " choke us");
  }
  buf_put_str(b, ": waiting for a turn");
  if (r->uninteresting > 0)
    buf_printf(b, "; %u %s nothing that we need", r->uninteresting,
               r->uninteresting == 1 ? "has" : "have");
}

/* Some owe us what we asked for. */
static void put_owing(struct buf *b, const struct roster_stats *r) {
  uint32_t asked = r->connected - r->choked - r->uninteresting;
  if (r->connected == 1) {
    buf_put_str(b, "the only connected peer was asked but sends nothing");
  } else {
    put_share(b, asked, r->connected);
    buf_put_str(b, asked == 1 ? " was asked but sends nothing" : " were asked but send nothing");
  }
  if (r->choked > 0) buf_printf(b, "; %u choke%s us", r->choked, r->choked == 1 ? "s" : "");
}

static void put_connected(struct buf *b, const struct roster_stats *r,
                          const struct pieces_stats *p) {
  if (r->uninteresting == r->connected && r->connected == 1)
    buf_put_str(b, "the only connected peer has no piece that we still need");
  else if (r->uninteresting == r->connected)
    buf_printf(b, "none of the %u connected peers has a piece that we still need", r->connected);
  else if (r->choked + r->uninteresting >= r->connected)
    put_choked(b, r);
  else
    put_owing(b, r);
  if (p->unavailable > 0)
    buf_printf(b, "; %u missing piece%s with nobody", p->unavailable,
               p->unavailable == 1 ? " is" : "s are");
}

/* --- the sentence --- */

void diagnose_words(const struct diagnose_facts *f, char *out, size_t size) {
  struct buf b;
  buf_init(&b, SENTENCE_MAX);
  if (f->disk_is_slow) {
    buf_put_str(&b, "the disk is too slow: received data wait to be written");
  } else if (f->roster.connected > 0) {
    put_connected(&b, &f->roster, &f->pieces);
  } else {
    buf_put_str(&b, "no peer is connected: ");
    put_trackers(&b, f);
    put_dials(&b, &f->book);
  }
  snprintf(out, size, "%s", buf_cstr(&b));
  buf_free(&b);
}

/* Asks the trackers for the facts. Returns what is to be freed when they were told. */
static struct tracker_status *get_trackers(struct diagnose_facts *f, struct tracker_set *trackers) {
  if (trackers == NULL) return NULL;
  size_t n = tracker_status(trackers, NULL, 0); /* never changes */
  struct tracker_status *s = calloc(n + 1, sizeof *s);
  if (s != NULL) f->tracker_count = tracker_status(trackers, s, n);
  f->trackers = s;
  return s;
}

void diagnose_stall(struct swarm *sw, struct tracker_set *trackers, int64_t now_ms, char *out,
                    size_t size) {
  struct diagnose_facts f = {.disk_is_slow = chan_count(sw->results) >= WRITER_BEHIND};
  struct tracker_status *s = get_trackers(&f, trackers);
  roster_stats(sw->roster, &f.roster);
  pieces_stats(sw->pieces, &f.pieces);
  addrbook_stats(sw->book, now_ms, &f.book);
  diagnose_words(&f, out, size);
  free(s);
}

void diagnose_nobody(struct swarm *sw, struct tracker_set *trackers, int64_t now_ms, char *out,
                     size_t size) {
  struct diagnose_facts f = {0};
  struct tracker_status *s = get_trackers(&f, trackers);
  struct buf b;
  buf_init(&b, SENTENCE_MAX);
  addrbook_stats(sw->book, now_ms, &f.book);
  put_trackers(&b, &f);
  put_dials(&b, &f.book);
  snprintf(out, size, "%s", buf_cstr(&b));
  buf_free(&b);
  free(s);
}
