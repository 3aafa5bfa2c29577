/*
 * solo_fetch: the steps with one peer that take several messages.
 *
 *   solo_fetch_extend     extension handshakes, ours and theirs (BEP 10)
 *   solo_fetch_metadata   the info dictionary, piece by piece (BEP 9)
 *   solo_fetch_unchoke    interested, and the wait for unchoke (BEP 3)
 *   solo_fetch_piece      one piece of the torrent, its requests pipelined, its hash compared
 *
 * Each sends what stands in its name and no more, waits for each answer with a deadline of its own
 * (see solo.h: no keep-alive, no trickle of bytes makes it later), and passes over messages that
 * have nothing to do with it. Once one has failed, s->why says why, and the connection is of no
 * more use; with ERR_UNSUPPORTED and ERR_NOT_FOUND the peer did nothing wrong, it only can't help.
 */
#ifndef WEFT_PEER_SOLO_FETCH_H
#define WEFT_PEER_SOLO_FETCH_H

#include "base/sha1.h"
#include "peer/solo.h"

/* The id that we offer for ut_metadata messages. */
enum { SOLO_FETCH_UT_METADATA = 1 };

/* All may also return what solo_send() and solo_receive() do, ERR_TIMEOUT with `why` set. */

/* Sends our extension handshake and waits for theirs, if it has not come already. Returns ERR_OK;
 * ERR_UNSUPPORTED: the peer does not speak BEP 10. */
enum err solo_fetch_extend(struct solo *s, const struct extend_offer *offer);

/*
 * Fetches the dictionary with this info hash, after solo_fetch_extend(); one request at a time.
 * Returns ERR_OK with *info, which has the hash and is the caller's to free(); ERR_UNSUPPORTED: it
 * offers none; ERR_REFUSED: it rejects; ERR_PROTOCOL: what it claims or sends cannot be; ERR_LIMIT:
 * it is over 16 MiB; ERR_MISMATCH: the hash is another.
 */
enum err solo_fetch_metadata(struct solo *s, const uint8_t info_hash[static 20], uint8_t **info,
                             size_t *len);

/* Says that we are interested, if that was not said, and waits until we are not choked. Returns
 * ERR_OK. */
enum err solo_fetch_unchoke(struct solo *s);

/*
 * Fetches piece `index` of the torrent that solo_know() was told into `data`, which has
 * geometry_piece_len() bytes, and compares its SHA-1. Unchokes first, where necessary. Returns
 * ERR_OK; ERR_NOT_FOUND: it has told what it has, and that is not among it; ERR_REFUSED: it
 * rejects a request; ERR_PROTOCOL: a block that was not asked for; ERR_MISMATCH: the hash.
 */
enum err solo_fetch_piece(struct solo *s, uint32_t index, const uint8_t hash[static SHA1_LEN],
                          uint8_t *data);

#endif
