/*
 * receive: bytes from the socket become messages; block data go straight to their place.
 *
 * A peer that serves us sends [13-byte header][16 KiB of data] again and again, nearly always in
 * the order we asked. So one recvmsg() scatters over a vector of just that shape: header, place
 * of the next expected block, header, place of the one after ... When the headers turn out to be
 * what was expected, the data are already where they belong, without a copy and with one system
 * call for up to half a megabyte.
 *
 * When something else stands in between (a HAVE, a choke, another order), what was received is
 * still a stream like any other: it is gathered from that point on into p->in and parsed message
 * by message, and the data in it are copied to their place. The state between two calls is one
 * of:
 *
 *   p->cur_job != NULL   in the middle of a block; p->cur_left bytes of it are missing
 *   p->skip_left > 0     in the middle of data nobody wants
 *   p->in.len > 0        the beginning of a message lies in p->in
 *   none of these        between two messages
 */
#ifndef WEFT_PEER_RECEIVE_H
#define WEFT_PEER_RECEIVE_H

#include <stdbool.h>

#include "base/err.h"
#include "peer/peer.h"

/*
 * Receives once, without waiting for bytes, and acts on every message that is complete; waits only
 * while the results channel is full. *more: the kernel probably has more right now. ERR_OK (also
 * when there was nothing), ERR_CLOSED (or the results channel is), ERR_REFUSED (reset),
 * ERR_PROTOCOL, ERR_LIMIT, ERR_MEMORY.
 */
enum err receive_some(struct peer *p, bool *more);

#endif
