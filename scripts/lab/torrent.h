/*
 * torrent.h: as much of a .torrent as a seeder needs (BEP 3): info hash, lengths, piece hashes and
 * the files in their order. Trusts its input no further than its end: a damaged file ends the
 * program with a message, which is all that a laboratory asks of it.
 */
#ifndef LAB_TORRENT_H
#define LAB_TORRENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct torrent_file {
    char *path;      /* relative to the payload's directory; NULL for padding (BEP 47) */
    uint64_t length; /* bytes */
};

struct torrent {
    uint8_t info_hash[20];
    uint64_t length;       /* bytes of all files together */
    uint32_t piece_length; /* bytes */
    uint32_t pieces;
    uint8_t *hashes; /* 20 bytes per piece */
    struct torrent_file *files;
    size_t file_count;
    bool multi; /* the payload is a directory */
};

/* Reads the .torrent at `path` into *t, which you never free: it lives as long as the program.
 * Dies with a message when it cannot. Waits for the disk. */
void torrent_load(const char *path, struct torrent *t);

/* The length in bytes of piece `piece` (the last one may be short). */
uint32_t torrent_piece_size(const struct torrent *t, uint32_t piece);

#endif
