/*
 * tracker_http: one announce over HTTP or HTTPS (BEP 3, 7, 23, 24, 31).
 *
 * GET <announce url>?info_hash=...&peer_id=...&...  The reply is bencoded. Bounds: 15 s in total,
 * 1 MiB decoded, 5 redirects (io/http). Statuses other than 200 are failures, but a bencoded
 * "failure reason" in their body is preferred as the message.
 */
#ifndef WEFT_FIND_TRACKER_HTTP_H
#define WEFT_FIND_TRACKER_HTTP_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/announce.h"

/*
 * Asks `url` and waits for the reply, at most until `deadline_ms`, or until *cancel.
 * ERR_OK: `r` holds the reply (which may be a failure message), to be freed by announce_free().
 * Otherwise `why` has one sentence and the code is http_get()'s, ERR_FORMAT (reply is no bencode)
 * or ERR_REFUSED (HTTP status; `retry_in_s` set from Retry-After, -1 if none).
 */
enum err tracker_http_announce(const char *url, const struct announce_request *q,
                               int64_t deadline_ms, const atomic_bool *cancel,
                               struct announce_reply *r, char *why, size_t why_size,
                               int64_t *retry_in_s);

#endif
