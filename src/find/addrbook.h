/*
 * addrbook: every address we heard of, from whom, how it behaved, and when to try it next.
 *
 * Each address is in exactly one state:
 *
 *   WAITING --addrbook_take()--> TAKEN --addrbook_report()--> WAITING again, later, or DEAD
 *
 * A fresh address is due at once. One that refused or stayed silent, or to which there is no way
 * from here, waits 60 s, then 120 s; it is DEAD after the third failure in a row if it has been
 * failing for three minutes by then (named again after that it gets one more try, not before 10
 * minutes). One that worked and was cut off is due again at once when it had given us data, after
 * 10 s when not (20 s, 40 s... up to 10 minutes if that goes on). A wrong info hash or protocol:
 * not before 10 minutes, and a failure as above. A liar (bad data) is DEAD for good, as is an
 * address that turned out to be ourselves. When a second port on the same non-loopback host is
 * caught lying, the whole host is banned.
 *
 * While we are alone (addrbook_set_alone) there is nothing to lose: then those that failed, were
 * cut off or gave nothing are tried again after 5 s, 10 s, 20 s and every 30 s.
 *
 * Order: addresses that gave data before, then fresh ones in random order, then retries by time
 * due. At most `max` addresses are kept; new ones beyond that are refused, DEAD ones are evicted
 * first, bans only when they fill more than half of the book. One mutex inside; no call waits for
 * anything but it. Time comes as an argument, so tests need no clock.
 */
#ifndef WEFT_FIND_ADDRBOOK_H
#define WEFT_FIND_ADDRBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/addr.h"

enum addrbook_source {
  FROM_TRACKER,
  FROM_USER,
  FROM_DHT,
  FROM_PEX,
  FROM_LSD,
  FROM_INBOUND,
  FROM_COUNT
};

enum addrbook_outcome {
  ADDR_UNREACHABLE,  /* refused, reset before the handshake */
  ADDR_NO_ROUTE,     /* this machine knows no way to it; as if it had refused */
  ADDR_SILENT,       /* connected or not, nothing came before the deadline */
  ADDR_WRONG,        /* not BitTorrent, or another torrent */
  ADDR_SELF,         /* our own listener */
  ADDR_DUPLICATE,    /* the same peer under another address, or so it says: as if cut off */
  ADDR_FULL,         /* we had no slot after all, or no thread: due again in 1 s, no blame */
  ADDR_USELESS,      /* worked, but gave us nothing (choked for ever, has nothing we need): 60 s */
  ADDR_CUT,          /* the connection ended after the handshake; see `gave_data` */
  ADDR_MISBEHAVED,   /* broke the protocol: 10 minutes, DEAD the second time */
  ADDR_LIAR          /* sent data with a wrong hash: never again */
};

struct addrbook;

/* NULL when out of memory. */
struct addrbook *addrbook_new(size_t max);
void addrbook_free(struct addrbook *b);

/* Adds one address; a known one is only confirmed. Returns true if it is new. Addresses that fail
 * addr_is_peer(), are banned or beyond the maximum are dropped. */
bool addrbook_add(struct addrbook *b, const struct addr *a, enum addrbook_source from,
                  int64_t now_ms);

/* Nobody who could give us anything is connected, or somebody is again: changes when those that
 * wait are due. Cheap if it is known. At first we are not alone. */
void addrbook_set_alone(struct addrbook *b, bool alone);

/*
 * Takes the best address that is due. ERR_OK: *out is TAKEN and must be reported later.
 * ERR_NOT_FOUND: none is due; *due_ms is when the next one will be (CLOCK_NEVER if none).
 */
enum err addrbook_take(struct addrbook *b, int64_t now_ms, struct addr *out, int64_t *due_ms);

/* How the taken address did. `gave_data`: at least one useful block came from it this time, be
 * there a verdict on it or not, and nothing speaks against it. */
void addrbook_report(struct addrbook *b, const struct addr *a, enum addrbook_outcome how,
                     bool gave_data, int64_t now_ms);
/* Marks an address (TAKEN or not) as a liar right now, while its worker still runs. */
void addrbook_ban(struct addrbook *b, const struct addr *a);
bool addrbook_is_banned(struct addrbook *b, const struct addr *a);

struct addrbook_stats {
  size_t known;       /* all but DEAD */
  size_t waiting;     /* due now or later */
  size_t due;         /* due now */
  size_t untried;     /* never tried, or taken for the first time */
  size_t taken;
  size_t dead;
  size_t banned;      /* of the dead and taken: liars, and addresses of banned hosts */
  size_t from[FROM_COUNT]; /* first heard from */
  /* Addresses by how their last attempt ended, each in one place at most: those that are taken or
   * were never tried stand nowhere, those that are banned under ADDR_LIAR. */
  size_t failed[ADDR_LIAR + 1];
};
/* Fills in `out`; `now_ms` decides what is due. Looks at every address: for once a second. */
void addrbook_stats(struct addrbook *b, int64_t now_ms, struct addrbook_stats *out);

#endif
