/*
 * tracker_trace: what we ask trackers and what they answer, as lines of the trace.
 *
 * A request is shown as the URL without its secrets (io/http_redact), and the query that we put
 * behind it, decoded: what a tracker learns of us. The key and the tracker's id stay hidden, as
 * who knows them can speak in our name. A reply is shown as the fields that were read from it, with
 * the count of its peers; in hex with the beginning of its body. Both are lines of type "tracker";
 * see io/trace.h.
 */
#ifndef WEFT_FIND_TRACKER_TRACE_H
#define WEFT_FIND_TRACKER_TRACE_H

#include <stddef.h>

#include "io/http.h"
#include "io/trace.h"
#include "proto/announce.h"
#include "proto/scrape.h"

/* A GET of `url`, of which the query that we made begins at `own`. `t` may be NULL here and below:
 * nothing is done. All of them may wait as trace_write() does; any thread. */
void tracker_trace_asked(struct trace *t, const char *url, size_t own, bool scrape);

/* The reply `h` of the tracker at `url`; `r` is what was read from it, NULL if nothing could be;
 * `why`: what is wrong, or "". */
void tracker_trace_announced(struct trace *t, const char *url, const struct http_reply *h,
                             const struct announce_reply *r, const char *why);
void tracker_trace_scraped(struct trace *t, const char *url, const struct http_reply *h,
                           const struct scrape_reply *r, const char *why);

#endif
