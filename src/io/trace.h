/*
 * trace: the wire tracer, one line for each message that was sent or received.
 *
 * One per program, made by --trace; who talks has a pointer to it, NULL when nobody asked for a
 * trace: each hook is one test of that pointer, and nothing is computed or copied before it. A line
 * is made in the thread that sent or received the message (io/trace_conn), and leaves in one piece
 * under the tracer's lock. A reader that takes nothing for TRACE_PATIENCE_MS loses lines, and is
 * told how many when it reads again; a reader that is gone, or a full disk, ends the trace with one
 * warning. The download goes on in every case.
 *
 * Version 1 of the JSON: one object per line, in this order, all members always there.
 *   trace    1; grows when a member changes its meaning. Readers skip what they do not know.
 *   t        seconds since the trace began, six decimals
 *   peer     "ip:port", "[ip]:port"; of a tracker the host, and the port if its URL has one
 *   dir      "out" we sent it, "in" we received it, null: nothing was sent ("connection")
 *   type     a message by its name in the specification with '-' for blanks: choke, unchoke,
 *            interested, not-interested, have, bitfield, request, piece, cancel, port,
 *            suggest-piece, have-all, have-none, reject-request, allowed-fast, extended,
 *            keep-alive, unknown; handshake; tracker; connection; lost
 *   size     bytes on the wire, length prefix included; of a tracker's reply its body; or null
 *   bep      the number of the BEP that defines it, or null
 *   fields   an object:
 *              messages     what io/trace_field.h says, numbers as numbers. Bytes are digits, all
 *                           of them or the first 32, and then "shortened" is true. "payload" is
 *                           bencoding as JSON (proto/bencode_json)
 *              handshake    reserved, extensions (names of the reserved bits), info_hash, peer_id,
 *                           client (if the id names one)
 *              tracker out  request ("announce", "scrape"), url (secrets as "..."), and what the
 *                           query says: info_hash and peer_id as digits, numbers as numbers, key
 *                           and trackerid as "..."
 *              tracker in   request, and what there is of status, failure, warning, interval,
 *                           min_interval, complete, incomplete, downloaded, peers (their count),
 *                           external_ip; error: one sentence, if there is no answer
 *              connection   state: "dialling", "connected", "silent", "closed"; closed: unsent,
 *                           bytes of the messages above that never left
 *              lost         lines: how many the reader missed
 *   changed  an object, name: [before, after], of what is not as it was at the line before of the
 *            same connection: am_interested, peer_choking, peer_interested (true, false), window
 *            (blocks that may be asked for at a time), outstanding (blocks asked for), has (pieces
 *            the peer has), availability (connections whose peer has the piece of this "have").
 *            Messages sent while one received is being acted on come behind it and show none.
 *   why      a sentence: why we sent it, or what becomes of it; or null
 *
 * Lines of one connection stand in order; those of different ones may be a little out of time.
 */
#ifndef WEFT_IO_TRACE_H
#define WEFT_IO_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/trace_line.h"
#include "proto/addr.h"

enum {
  TRACE_PEERS_MAX = 64,
  TRACE_PATIENCE_MS = 3000,
  TRACE_LINES_MAX = 1 << 20 /* bytes of the lines that belong together */
};

struct trace;

struct trace_config {
  enum trace_format format;
  int fd;                      /* where it goes; not closed */
  const char *what;            /* what to call that in a warning */
  struct addr peers[TRACE_PEERS_MAX]; /* only these; port 0: any port */
  size_t peer_count;           /* 0: all */
  uint32_t types;              /* only these, as 1 << enum trace_type; 0: all */
};

/* Reads "IP", "[IP]", "IP:PORT" or "[IP]:PORT" into *a. Returns false if it is none of these. */
bool trace_parse_peer(const char *text, struct addr *a);
/* Adds the types in a list with commas between the names to *types. Returns NULL, or where in
 * `text` the first unknown name begins. */
const char *trace_parse_types(const char *text, uint32_t *types);

/* Begins. The time starts here. Returns NULL when out of memory. trace_free() is due. */
struct trace *trace_new(const struct trace_config *c);
/* No thread may trace any more. NULL is fine. */
void trace_free(struct trace *t);

/* Is a connection to `a` to be traced? Are events of this type to be shown, and can they? Any
 * thread. */
bool trace_wants_peer(const struct trace *t, const struct addr *a);
bool trace_wants(const struct trace *t, enum trace_type type);
/* The same for trackers, which are no peers: not if only some peers are wanted. */
bool trace_wants_trackers(const struct trace *t);

/* Microseconds since the beginning. Any thread. */
int64_t trace_now_us(const struct trace *t);
/* Appends the line of `e` to `lines`. Any thread. */
void trace_put(struct trace *t, struct buf *lines, const struct trace_event *e);
/* Writes whole lines and empties `lines`; what did not fit in it is lost. Waits for a slow reader,
 * TRACE_PATIENCE_MS at most. Any thread. */
void trace_write(struct trace *t, struct buf *lines);

#endif
