#include "proto/geometry.h"

enum err geometry_init(struct geometry *g, uint64_t total, uint64_t piece_len) {
  *g = (struct geometry){0};
  if (piece_len < 1 || piece_len > GEOMETRY_PIECE_LEN_MAX) return ERR_LIMIT;
  if (total > GEOMETRY_TOTAL_MAX) return ERR_LIMIT;
  uint64_t pieces = (total + piece_len - 1) / piece_len;
  if (pieces > GEOMETRY_PIECES_MAX) return ERR_LIMIT;
  *g = (struct geometry){
    .total = total,
    .piece_len = (uint32_t)piece_len,
    .pieces = (uint32_t)pieces,
  };
  return ERR_OK;
}

bool geometry_has_block(const struct geometry *g, uint32_t index, uint32_t begin, uint32_t len) {
  if (!geometry_has_piece(g, index) || len == 0) return false;
  return (uint64_t)begin + len <= geometry_piece_len(g, index);
}

uint64_t geometry_piece_offset(const struct geometry *g, uint32_t index) {
  return (uint64_t)index * g->piece_len;
}

uint32_t geometry_piece_len(const struct geometry *g, uint32_t index) {
  uint64_t rest = g->total - geometry_piece_offset(g, index);
  return rest < g->piece_len ? (uint32_t)rest : g->piece_len;
}

uint32_t geometry_blocks(const struct geometry *g, uint32_t index) {
  return (geometry_piece_len(g, index) + BLOCK_LEN - 1) / BLOCK_LEN;
}

uint32_t geometry_block_len(const struct geometry *g, uint32_t index, uint32_t block) {
  return geometry_run_len(g, index, block, 1);
}

uint32_t geometry_run_len(const struct geometry *g, uint32_t index, uint32_t first,
                          uint32_t count) {
  uint32_t begin = first * BLOCK_LEN;
  uint32_t rest = geometry_piece_len(g, index) - begin;
  uint64_t run = (uint64_t)count * BLOCK_LEN;
  return run < rest ? (uint32_t)run : rest;
}
