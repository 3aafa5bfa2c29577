/*
 * announce: what goes to a tracker and what comes back, as bytes (BEP 3, 7, 23, 24, 31).
 *
 * The query of an HTTP announce is built here, and its bencoded reply is read here, both without
 * any network: find/tracker_http sends the one and receives the other. A reply is untrusted: bad
 * entries in a peer list are skipped and good ones kept, and every number is clamped.
 */
#ifndef WEFT_PROTO_ANNOUNCE_H
#define WEFT_PROTO_ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/addr.h"
#include "proto/bencode.h"

enum announce_event { ANNOUNCE_NONE, ANNOUNCE_STARTED, ANNOUNCE_COMPLETED, ANNOUNCE_STOPPED };

struct announce_request {
  uint8_t info_hash[20];
  uint8_t peer_id[20];
  uint32_t key;        /* random per run: lets a tracker know us after an address change */
  uint16_t port;       /* where we listen; while we do not: a port number all the same (1..65535) */
  uint64_t uploaded;   /* bytes since `started` */
  uint64_t downloaded;
  uint64_t left;
  enum announce_event event;
  int32_t numwant;     /* how many peers we would like; -1: leave it to the tracker */
  const char *tracker_id; /* from an earlier reply of the same tracker, or NULL; raw bytes */
  size_t tracker_id_len;
};

enum { ANNOUNCE_PEERS_MAX = 2000, /* enough for a download */
       ANNOUNCE_TEXT_MAX = 512 };

struct announce_reply {
  char failure[ANNOUNCE_TEXT_MAX];  /* "failure reason"; "" if there is none. As it came, like the
                                     * warning: escape to show. */
  char warning[ANNOUNCE_TEXT_MAX];  /* "warning message" */
  int64_t retry_in_s;    /* BEP 31: seconds; -1 absent; INT64_MAX for "never" */
  int64_t interval_s;    /* clamped to 60..3600; 1800 if absent or senseless */
  int64_t min_interval_s; /* clamped to 0..3600; 0 if absent */
  int64_t told_interval_s; /* both once more, as they stand in the reply; -1 absent or negative */
  int64_t told_min_interval_s;
  uint8_t tracker_id[128];
  size_t tracker_id_len; /* 0 if absent (or longer than fits) */
  int64_t complete;      /* seeders; -1 absent */
  int64_t incomplete;    /* leechers; -1 absent */
  struct addr external_ip; /* BEP 24; family 0 if absent */
  struct addr *peers;    /* owned; all pass addr_is_peer() */
  size_t peer_count;     /* not over the maximum that announce_parse() was told */
  size_t peer_over;      /* that could be peers, but were over the maximum */
  size_t peer_skipped;   /* entries that were malformed or impossible */
};

/* Appends "info_hash=...&peer_id=...&port=..." with every byte that is not unreserved (RFC 3986)
 * percent-encoded, always with compact=1 and no_peer_id=1. */
void announce_put_query(struct buf *b, const struct announce_request *q);
/* Appends `len` bytes, percent-encoded as in that query. */
void announce_put_escaped(struct buf *b, const void *data, size_t len);
/* "started", "completed", "stopped", or "". */
const char *announce_event_name(enum announce_event e);

/*
 * Reads the body of a reply: compact (string) and dictionary (list) peers, peers6, and the rest.
 * A reply with a failure reason is ERR_OK with `failure` set and no peers. Bytes behind the
 * dictionary are passed over: some trackers send a newline. At most `peers_max` peers are kept; a
 * reply itself may have 1 MiB, which can be 174,762 of them.
 * Returns ERR_OK (then announce_free() is due), ERR_FORMAT if it is no bencoded dictionary,
 * ERR_MEMORY.
 */
enum err announce_parse(struct announce_reply *r, const void *in, size_t len, size_t peers_max);
/* The value of "retry in" (BEP 31), as struct announce_reply has it: seconds, -1, or INT64_MAX. */
int64_t announce_retry_in(const struct ben_doc *d, ben_val v);
/* Frees the peers. Safe on a zeroed struct. */
void announce_free(struct announce_reply *r);

#endif
