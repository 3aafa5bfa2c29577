/*
 * retrack: changes some trackers of a torrent, leaves all others as they stand (BEP 3, BEP 12).
 *
 *   "announce"        URL
 *   "announce-list"   [ [URL, ...], ... ]; clients that know it do not look at "announce"
 *
 * A reader of torrents leaves out what it can't use: empty tiers, a URL where a tier should be, the
 * 65th tier. Whoever edits must not, for what nobody named is to stay. So the values themselves are
 * edited: members that are not named are copied byte for byte, usable or not.
 *
 *   remove   the URL goes from "announce", from every tier, and where it stands in place of a tier.
 *            A tier that becomes empty by that goes as well, a list that becomes empty, too. If it
 *            was "announce", the first tracker of the list takes its place
 *   add      the tiers come behind those that are there, without the URLs that are there already.
 *            Where "announce" is all that counts so far, it becomes the first tier of the list, as
 *            it would be forgotten otherwise
 *   fresh    what was there goes first, whatever it is
 *
 * Pure: memory in, memory out. Nothing waits; any thread may call.
 */
#ifndef WEFT_PROTO_RETRACK_H
#define WEFT_PROTO_RETRACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/bencode.h"
#include "proto/tiers.h"

struct retrack_change {
  bool fresh;                /* begin with no trackers */
  const char *const *remove; /* URLs */
  size_t remove_count;
  const struct tiers *add;
};

/* The two values, bencoded; one without bytes is a key that goes. */
struct retrack {
  struct buf announce;
  struct buf list;
};

/*
 * Works out the trackers of the torrent `d` after the change; `r` is the caller's to free in every
 * case. Returns ERR_OK; ERR_NOT_FOUND: c->remove[*which] is none of its trackers; ERR_LIMIT: with
 * what is added there would be more than the 64 tiers that we read; ERR_FORMAT: there is an
 * "announce-list" that is no list, so nothing can be added to it; ERR_MEMORY.
 */
enum err retrack_make(struct retrack *r, const struct ben_doc *d, const struct retrack_change *c,
                      size_t *which);
/* Frees what is inside. Safe on a zeroed struct. */
void retrack_free(struct retrack *r);

#endif
