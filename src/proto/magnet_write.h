/*
 * magnet_write: a torrent as a magnet link (BEP 9, BEP 52).
 *
 *   magnet:?xt=urn:btih:<40 hex>     the info hash of version 1
 *          &xt=urn:btmh:1220<64 hex> that of version 2, as a multihash; a hybrid has both
 *          &dn=<name>                what to call it until its metadata are there
 *          &tr=<url>                 a tracker, each one of all tiers: a link knows no tiers
 *          &ws=<url>                 a web seed
 *
 * Every byte of a value that is neither letter nor digit nor one of - . _ ~ is written as %XX (RFC
 * 3986), so any name and any URL comes back as it was, and the link is plain ASCII. The way back,
 * from a link to what it says, is proto/magnet.
 */
#ifndef WEFT_PROTO_MAGNET_WRITE_H
#define WEFT_PROTO_MAGNET_WRITE_H

#include "base/buf.h"
#include "proto/identity.h"
#include "proto/metainfo_sources.h"

/* Appends the link to `b`. Nothing is kept. Returns nothing: that it did not fit shows in
 * b->failed. Never waits; any thread. */
void magnet_write(struct buf *b, const struct identity *id, const struct metainfo_tier *tiers,
                  size_t tier_count, char *const *web_seeds, size_t web_seed_count);

#endif
