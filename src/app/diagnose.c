#include "app/diagnose.h"

#include <stdio.h>

#include "base/buf.h"

enum { TRACKERS_SHOWN = 16, SENTENCE_MAX = 2048, WRITER_BEHIND = 4 };

/* What the trackers said, in at most two clauses. */
static void put_trackers(struct buf *b, struct tracker_set *trackers) {
  struct tracker_status s[TRACKERS_SHOWN];
  size_t n = trackers == NULL ? 0 : tracker_status(trackers, s, TRACKERS_SHOWN);
  if (n > TRACKERS_SHOWN) n = TRACKERS_SHOWN;
  size_t failed = 0;
  size_t asking = 0;
  size_t worked = 0;
  const struct tracker_status *shown = NULL;
  for (size_t i = 0; i < n; i++) {
    if (s[i].state == TRACKER_FAILED) {
      failed++;
      if (shown == NULL) shown = &s[i];
    }
    asking += s[i].state == TRACKER_ASKING || s[i].state == TRACKER_IDLE;
    worked += s[i].state == TRACKER_OK;
  }
  if (n == 0) buf_put_str(b, "no tracker to ask");
  else if (worked > 0) buf_put_str(b, "the tracker answers but knows no more peers");
  else if (shown != NULL)
    buf_printf(b, "tracker %s: %s", shown->url, shown->message);
  else if (asking > 0) buf_put_str(b, "the tracker has not answered yet");
  else buf_put_str(b, "no tracker that weft can speak to");
  if (failed > 1 && worked == 0) buf_printf(b, " (and %zu more failed)", failed - 1);
}

/* One clause of the list of what became of the addresses. */
static void put_count(struct buf *b, const char **before, uint64_t n, const char *what) {
  if (n == 0) return;
  buf_printf(b, "%s%llu %s", *before, (unsigned long long)n, what);
  *before = ", ";
}

static void put_dials(struct buf *b, const struct addrbook_stats *a) {
  size_t all = a->known + a->dead;
  const char *before = ": ";
  if (all == 0) return;
  buf_printf(b, "; %zu address%s known", all, all == 1 ? "" : "es");
  put_count(b, &before, a->taken, "being dialled");
  put_count(b, &before, a->failed[ADDR_UNREACHABLE], "refused");
  put_count(b, &before, a->failed[ADDR_SILENT], "without an answer");
  put_count(b, &before, a->failed[ADDR_WRONG], "not of this torrent");
  put_count(b, &before, a->failed[ADDR_CUT], "hung up");
  put_count(b, &before, a->banned, "banned for wrong data");
}

static void put_connected(struct buf *b, const struct roster_stats *r,
                          const struct pieces_stats *p) {
  if (r->uninteresting == r->connected) {
    buf_printf(b, "none of the %u connected peers has a piece we still need", r->connected);
    if (p->unavailable > 0) buf_printf(b, "; %u pieces are with nobody", p->unavailable);
  } else if (r->choked + r->uninteresting == r->connected) {
    buf_printf(b, "choked by %u of %u connected peers: waiting for a turn", r->choked,
               r->connected);
    if (r->uninteresting > 0) buf_printf(b, "; %u have nothing we need", r->uninteresting);
  } else {
    buf_printf(b, "%u connected peers were asked but send nothing",
               r->connected - r->choked - r->uninteresting);
  }
}

void diagnose_stall(struct swarm *sw, struct tracker_set *trackers, int64_t now_ms, char *out,
                    size_t size) {
  struct roster_stats r;
  struct pieces_stats p;
  struct addrbook_stats a;
  struct buf b;
  roster_stats(sw->roster, &r);
  pieces_stats(sw->pieces, &p);
  addrbook_stats(sw->book, now_ms, &a);
  buf_init(&b, SENTENCE_MAX);
  if (chan_count(sw->results) >= WRITER_BEHIND) {
    buf_put_str(&b, "the disk is too slow: received data wait to be written");
  } else if (r.connected > 0) {
    put_connected(&b, &r, &p);
  } else {
    buf_put_str(&b, "no peer is connected: ");
    put_trackers(&b, trackers);
    put_dials(&b, &a);
  }
  snprintf(out, size, "%s", buf_cstr(&b));
  buf_free(&b);
}
