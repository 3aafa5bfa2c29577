/*
 * blame: suspicions about pieces whose hash was wrong and that several connections had a part in.
 *
 * BitTorrent hashes pieces, not blocks, so a wrong piece with several givers does not say who
 * lied. What each gave is kept as a digest per block; when the piece has been fetched again and
 * is right, the blocks that differ say it. Belongs to the writer thread alone (swarm/writer), so
 * it has no lock.
 */
#ifndef WEFT_SWARM_BLAME_H
#define WEFT_SWARM_BLAME_H

#include <stdbool.h>
#include <stdint.h>

enum { BLAME_DIGEST_LEN = 20, BLAME_MAX = 256 };

struct suspicion {
  uint32_t piece;
  uint32_t blocks;
  uint32_t *from;   /* who gave each block; 0: it had not come */
  uint8_t (*digest)[BLAME_DIGEST_LEN]; /* of each block as it came */
  struct suspicion *next;
};

struct blame {
  struct suspicion *first;
  uint32_t count;
};

/* If every entry of from[0..blocks) is the same number, that number; else 0. */
uint32_t blame_single(const uint32_t *from, uint32_t blocks);
/* Remembers a suspicion; takes ownership of `from` and `digest` (both from malloc) whatever the
 * outcome. Beyond BLAME_MAX the oldest is forgotten. */
void blame_add(struct blame *b, uint32_t piece, uint32_t blocks, uint32_t *from,
               uint8_t (*digest)[BLAME_DIGEST_LEN]);
/* Are there suspicions about this piece? */
bool blame_has(const struct blame *b, uint32_t piece);
/* Had this connection a part in a wrong piece about which there still are suspicions? */
bool blame_suspects(const struct blame *b, uint32_t number);
/* The piece is right now and its blocks have these digests: tells `verdict` of each connection that
 * had a part in it, once for each suspicion, whether it had given a different block; then forgets
 * the suspicions about it. */
void blame_resolve(struct blame *b, uint32_t piece, uint8_t (*digest)[BLAME_DIGEST_LEN],
                   void (*verdict)(void *arg, uint32_t number, bool liar), void *arg);
void blame_free(struct blame *b);

#endif
