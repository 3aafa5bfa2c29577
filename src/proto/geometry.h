/*
 * geometry: the arithmetic of pieces, blocks and files.
 *
 * A torrent is one long run of bytes, the files laid end to end, cut into pieces of equal length
 * (the last may be short). Pieces are what is hashed; blocks of 16 KiB are what is asked for. This
 * is the only place where an index that came from outside becomes a checked one: whatever a peer
 * names passes geometry_has_piece() or geometry_has_block() before it is used.
 */
#ifndef WEFT_PROTO_GEOMETRY_H
#define WEFT_PROTO_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define BLOCK_LEN UINT32_C(16384)
#define GEOMETRY_PIECE_LEN_MAX (UINT32_C(512) << 20)
#define GEOMETRY_PIECES_MAX (UINT32_C(1) << 21)
#define GEOMETRY_TOTAL_MAX (UINT64_C(1) << 50)

struct geometry {
  uint64_t total;     /* bytes, padding included */
  uint32_t piece_len; /* bytes, 1 to GEOMETRY_PIECE_LEN_MAX */
  uint32_t pieces;    /* ceil(total / piece_len), at most GEOMETRY_PIECES_MAX */
};

/* Returns ERR_OK, or ERR_LIMIT if piece_len, total or the count of pieces is out of bounds. A total
 * of 0 has 0 pieces. */
enum err geometry_init(struct geometry *g, uint64_t total, uint64_t piece_len);

/* Is `index`, which may be any value, a piece of this torrent? */
static inline bool geometry_has_piece(const struct geometry *g, uint32_t index) {
  return index < g->pieces;
}
/* Is [begin, begin + len) a non-empty range inside piece `index`? Any values are allowed. */
bool geometry_has_block(const struct geometry *g, uint32_t index, uint32_t begin, uint32_t len);

/* In all of these `index` must be below g->pieces, `block` and `first` below the piece's count of
 * blocks. First: the bytes of a piece, shorter for the last one. */
uint32_t geometry_piece_len(const struct geometry *g, uint32_t index);
/* Where the piece starts in the torrent, in bytes. */
uint64_t geometry_piece_offset(const struct geometry *g, uint32_t index);
/* How many blocks it has, the short last one included. */
uint32_t geometry_blocks(const struct geometry *g, uint32_t index);
/* The bytes of one block: BLOCK_LEN, or fewer for the last of a piece. */
uint32_t geometry_block_len(const struct geometry *g, uint32_t index, uint32_t block);
/* Bytes of the run of `count` blocks from `first`, which may include the short last one. */
uint32_t geometry_run_len(const struct geometry *g, uint32_t index, uint32_t first, uint32_t count);

#endif
