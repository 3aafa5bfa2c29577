/*
 * scrape: asking a tracker how big a swarm is, without joining it, as bytes (BEP 48).
 *
 *   announce URL   http://tracker/x/announce.php?key=1
 *   scrape URL     http://tracker/x/scrape.php?key=1&info_hash=...
 *   reply          { "files": { <20 bytes of info hash>: { "complete": seeders,
 *                    "downloaded": downloads ever finished, "incomplete": leechers } },
 *                    "flags": { "min_request_interval": seconds } }
 *
 * "flags" is older than the BEP, and still sent. A tracker that offers no scrape is told by its
 * announce URL already: there is no "announce" in it to replace. One that offers it may yet leave
 * the torrent out of its reply, which is its way to say that it does not know it.
 *
 * Pure, as proto/announce is; find/tracker_http sends the one and receives the other. The info hash
 * always stands in the query: a scrape without it asks for every torrent of the tracker. Whatever a
 * reply holds beside the torrent asked for is passed over.
 */
#ifndef WEFT_PROTO_SCRAPE_H
#define WEFT_PROTO_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { SCRAPE_TEXT_MAX = 512 };

struct scrape_reply {
  char failure[SCRAPE_TEXT_MAX]; /* "failure reason"; "" if there is none. As it came: escape to
                                  * show. */
  int64_t retry_in_s;     /* BEP 31, as in struct announce_reply; -1 absent */
  bool found;             /* the torrent is in the reply */
  int64_t complete;       /* seeders; -1 absent, as the two below */
  int64_t incomplete;     /* leechers */
  int64_t downloaded;     /* how often it was downloaded to the end */
  int64_t min_interval_s; /* not to be asked sooner again; clamped to 0..86400; 0 if absent */
};

/*
 * Appends the scrape URL that belongs to an announce URL: "announce" becomes "scrape" at the start
 * of the last path element that begins with it; host and query stay, a fragment does not. Returns
 * false, and appends nothing, if there is no such element: that tracker can't be scraped.
 */
bool scrape_put_url(struct buf *b, const char *announce);
/* Appends "info_hash=..." with every byte that is not unreserved percent-encoded. */
void scrape_put_query(struct buf *b, const uint8_t info_hash[static 20]);

/*
 * Reads the body of a reply: what it says of the torrent `info_hash`. Bytes behind the dictionary
 * are passed over. Nothing has to be freed. Returns ERR_OK; ERR_FORMAT if it is no bencoded
 * dictionary, or has neither "files" nor a failure reason; ERR_MEMORY.
 */
enum err scrape_parse(struct scrape_reply *r, const void *in, size_t len,
                      const uint8_t info_hash[static 20]);

#endif
