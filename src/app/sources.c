#include "app/sources.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/diagnose.h"
#include "base/log.h"
#include "io/http.h"

enum { UNUSABLE_MAX = 768 };

/* Did the user name a tracker that can't be asked? */
static bool named_unusable(const struct options *o) {
  for (size_t i = 0; i < o->trackers.count; i++)
    if (!http_is_url(o->trackers.at[i])) return true;
  return false;
}

/* Nobody is there. `unusable` names the trackers that can't be asked, or is "". */
static void give_up(const struct options *o, const struct metainfo *m, const char *unusable,
                    char *why, size_t size) {
  const char *reason = *unusable != '\0'   ? unusable
                       : o->no_trackers    ? "--no-trackers leaves nobody to ask"
                       : m->tier_count > 0 ? "the torrent names only trackers that are no URLs"
                                           : "the torrent names no tracker, and other ways to find "
                                             "peers are not supported yet";
  snprintf(why, size, "nobody to download from: %s; name a peer with --peer IP:PORT or %s tracker "
           "with --tracker URL", reason, *unusable != '\0' ? "another" : "a");
}

bool sources_check(const struct options *o, const struct metainfo *m, struct tracker_set *trackers,
                   size_t known, struct report *r, char *why, size_t size) {
  char unusable[UNUSABLE_MAX];
  size_t count = trackers == NULL ? 0 : tracker_status(trackers, NULL, 0);
  struct tracker_status *status = calloc(count + 1, sizeof *status);
  if (status == NULL) return true; /* the reason will be told when nothing arrives */
  if (count > 0) tracker_status(trackers, status, count);
  size_t usable = diagnose_unusable(status, count, unusable, sizeof unusable);
  free(status);
  if (usable == 0 && known == 0) {
    give_up(o, m, unusable, why, size);
    return false;
  }
  if (*unusable != '\0' && (usable == 0 || named_unusable(o)))
    report_warning(r, "%s", unusable);
  else if (*unusable != '\0')
    log_info("%s", unusable);
  return true;
}

/* In this order: what stands further up may lead to what stands below, never the other way round.
 */
static bool may_come(struct swarm *sw, struct tracker_set *trackers, int64_t now_ms) {
  struct addrbook_stats book;
  struct pieces_stats pieces;
  if (atomic_load(&sw->workers) > 0) return true;
  if (trackers != NULL && tracker_may_ask(trackers)) return true;
  if (pieces_undecided(sw->pieces)) return true;
  pieces_stats(sw->pieces, &pieces);
  addrbook_stats(sw->book, now_ms, &book);
  return pieces.complete || book.known > 0;
}

bool sources_left(struct swarm *sw, struct tracker_set *trackers, int64_t now_ms, char *why,
                  size_t size) {
  char reason[UNUSABLE_MAX];
  if (may_come(sw, trackers, now_ms)) return true;
  diagnose_nobody(sw, trackers, now_ms, reason, sizeof reason);
  snprintf(why, size, "nobody is left to download from: %s; name another peer with --peer IP:PORT "
           "or another tracker with --tracker URL", reason);
  return false;
}
