/*
 * tiers: lists of trackers as people write them on a command line (BEP 12).
 *
 * Trackers stand in tiers: a client asks the first tier, and the next one only if nobody there
 * answers; the trackers of one tier are equals. So each text given is one tier, and commas inside
 * it join equals: "http://a/announce,udp://b:6969" are two trackers of one tier. (A comma that
 * belongs to a URL is written %2C.) A URL stands in the whole list once.
 *
 * Memory only; nothing waits. One thread at a time.
 */
#ifndef WEFT_PROTO_TIERS_H
#define WEFT_PROTO_TIERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "proto/metainfo_sources.h"

struct tiers {
  struct metainfo_tier *v; /* owned; each tier has a URL at least */
  size_t count;
};

/*
 * Appends a tier from `text`, a URL or several with commas between them; a URL that is in the list
 * already is left out. *why (static text) says what is wrong after ERR_FORMAT and ERR_LIMIT.
 * Returns ERR_OK; ERR_FORMAT: an empty URL, or one that tiers_is_tracker() refuses; ERR_LIMIT: more
 * than 64 tiers or 64 in one; ERR_MEMORY. After a failure `t` is as it was.
 */
enum err tiers_add(struct tiers *t, const char *text, const char **why);
/* Frees everything; `t` is empty again. Safe on a zeroed struct. */
void tiers_free(struct tiers *t);

/* Is this the URL of a tracker: http, https, udp, ws or wss, with a host, without blanks and
 * control characters, at most 2,048 bytes? */
bool tiers_is_tracker(const char *url);
/* The same of a web seed: http, https or ftp (BEP 19). */
bool tiers_is_web_seed(const char *url);

#endif
