/*
 * image.h: the wire image of a payload: for each block of 16 KiB the 13 bytes that announce it on
 * the wire, then the block. A run of blocks that follow each other in the payload is then one run
 * of bytes in one file, and leaves with one sendfile() however many blocks it has: no copy, no
 * header to build. That is what makes the seeder cheaper than whatever it is measuring.
 *
 * The price is a second copy of the payload in memory (tmpfs), built once.
 */
#ifndef LAB_IMAGE_H
#define LAB_IMAGE_H

#include "torrent.h"

struct image {
    const struct torrent *torrent;
    int fd;
    uint32_t blocks_per_piece; /* of a whole piece */
    uint64_t stride;           /* bytes of a whole piece with its headers */
};

/*
 * Opens the image of the payload at `data` (a file, or for a torrent of many files a directory).
 * With `cache` not NULL the image is kept in that file (tmpfs, please) and found again there by
 * its size; else it lives in memory and ends with the process. Dies when it cannot. Waits.
 */
void image_open(struct image *image, const struct torrent *torrent, const char *data,
                const char *cache);

/* Where the message of block `block` of piece `piece` starts in the image. */
uint64_t image_offset(const struct image *image, uint32_t piece, uint32_t block);

/* The length in bytes of block `block` of `piece` without its header; 0 when there is none. */
uint32_t image_block_size(const struct image *image, uint32_t piece, uint32_t block);

/*
 * Copies the payload bytes [begin, begin + length) of a piece to `out`, which has room for them.
 * The caller has checked that the piece has them. May be called from any thread.
 */
void image_read(const struct image *image, uint32_t piece, uint32_t begin, uint32_t length,
                uint8_t *out);

#endif
