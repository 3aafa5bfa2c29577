/*
 * messages: what each message of a peer changes (BEP 3, 6, 10).
 *
 * The four flags, what the peer has, what it will not send, what it calls itself. Everything a peer
 * names is checked against the torrent before it is used; what the protocol forbids ends the
 * connection, what it merely leaves unsaid (an unknown message, a keep-alive) is borne for a while.
 * PIECE never comes here: its data are handled where they arrive (peer/receive).
 */
#ifndef WEFT_PEER_MESSAGES_H
#define WEFT_PEER_MESSAGES_H

#include "base/err.h"
#include "peer/peer.h"
#include "proto/wire.h"

/* Acts on one complete message. ERR_OK; ERR_PROTOCOL, ERR_LIMIT: the peer has gone too far, hang
 * up; ERR_MEMORY; ERR_CLOSED: the results channel is. */
enum err messages_handle(struct peer *p, const struct wire_message *m);

#endif
