/*
 * tracker_http: one announce (BEP 3, 7, 23, 24, 31) or one scrape (BEP 48) over HTTP or HTTPS.
 *
 * GET <announce url>?info_hash=...&peer_id=...&...  The reply is bencoded. Bounds: 15 s in total
 * and those that io/http has for slow servers, unless the caller is patient; 1 MiB decoded, 5
 * redirects (io/http). Statuses other than 200 are failures, but a bencoded "failure reason" in
 * their body is preferred as the message. The same goes for a scrape, whose URL comes from the
 * announce URL (proto/scrape).
 */
#ifndef WEFT_FIND_TRACKER_HTTP_H
#define WEFT_FIND_TRACKER_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "io/trace.h"
#include "proto/announce.h"
#include "proto/scrape.h"

struct tracker_http_how {
  int64_t deadline_ms;         /* CLOCK_NEVER: only the 15 s, or nothing */
  bool patient;                /* the deadline is the only limit in time */
  size_t peers_max;            /* of a reply to an announce; 0: ANNOUNCE_PEERS_MAX */
  const atomic_bool *cancel;   /* these as in struct http_request */
  const atomic_bool *no_reply;
  void (*on_connected)(void *arg);
  void *arg;
  struct trace *trace;         /* NULL: nobody wants to see request and reply */
};

struct tracker_http_outcome {
  struct announce_reply r;     /* after ERR_OK; announce_free() is due then */
  bool unanswered;             /* the announce was sent and left alone (*no_reply); r is empty */
  bool redirected;             /* its reply came from another URL */
  char why[ANNOUNCE_TEXT_MAX]; /* after a failure: one sentence, else "" */
  int64_t retry_in_s;          /* the tracker's wish after a failure; -1 none */
};

/* Why the tracker at `url` can't be asked here at all, in words; NULL if it can. */
const char *tracker_http_refuses(const char *url);

/*
 * Asks `url` and waits for the reply, as `how` says.
 * ERR_OK: out->r holds the reply (which may be a failure message), or nothing if `unanswered`.
 * Otherwise `why` has one sentence and the code is http_get()'s, ERR_FORMAT (reply is no bencode)
 * or ERR_REFUSED (HTTP status; `retry_in_s` set from Retry-After).
 */
enum err tracker_http_announce(const char *url, const struct announce_request *q,
                               const struct tracker_http_how *how,
                               struct tracker_http_outcome *out);

struct tracker_http_scraped {
  struct scrape_reply r;       /* after ERR_OK */
  char why[ANNOUNCE_TEXT_MAX]; /* as above */
  int64_t retry_in_s;
};

/*
 * Scrapes the tracker whose announce URL is `url`, and waits for the reply as `how` says (but for
 * no_reply, which would be pointless).
 * ERR_OK: out->r holds the reply, which may be a failure message or not know the torrent.
 * ERR_UNSUPPORTED: the announce URL leads to no scrape URL. The others are those of
 * tracker_http_announce(); `why` has one sentence for each.
 */
enum err tracker_http_scrape(const char *url, const uint8_t info_hash[static 20],
                             const struct tracker_http_how *how,
                             struct tracker_http_scraped *out);

#endif
