/*
 * image.c: builds the wire image (see image.h).
 *
 * Layout: piece p starts at p * stride; inside it block b starts at b * (13 + 16384). Only the last
 * block of a piece may be shorter, so both are plain arithmetic and there is no index.
 */
#include "image.h"

#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The files of the payload as one stream of bytes. */
struct source {
    const struct torrent *torrent;
    const char *data;
    size_t next;     /* the file after the open one */
    uint64_t left;   /* bytes left of the open one */
    int fd;          /* -1: padding */
};

static void source_advance(struct source *s) {
    const struct torrent_file *file = &s->torrent->files[s->next++];
    char path[4096];

    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
    s->left = file->length;
    if (file->path == NULL) return;
    snprintf(path, sizeof path, "%s%s%s", s->data, s->torrent->multi ? "/" : "", file->path);
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) lab_die("%s", path);
}

static void source_read(struct source *s, uint8_t *out, size_t length) {
    while (length > 0) {
        while (s->left == 0) source_advance(s);
        size_t n = length < s->left ? length : (size_t)s->left;
        if (s->fd >= 0) {
            ssize_t got = read(s->fd, out, n);
            if (got <= 0) lab_die("payload is shorter than its torrent says");
            n = (size_t)got;
        } else {
            memset(out, 0, n);
        }
        out += n;
        length -= n;
        s->left -= n;
    }
}

static void write_all(int fd, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0) lab_die("cannot write the wire image");
        bytes += n;
        length -= (size_t)n;
    }
}

/* Writes the messages of all blocks of one piece. */
static void build_piece(struct image *image, struct source *source, uint32_t piece, uint8_t *room) {
    uint32_t size = torrent_piece_size(image->torrent, piece);

    for (uint32_t begin = 0; begin < size; begin += LAB_BLOCK) {
        uint32_t length = size - begin < LAB_BLOCK ? size - begin : LAB_BLOCK;
        lab_put32(room, 9 + length);
        room[4] = 7;
        lab_put32(room + 5, piece);
        lab_put32(room + 9, begin);
        source_read(source, room + LAB_HEADER, length);
        write_all(image->fd, room, LAB_HEADER + length);
    }
}

static void build(struct image *image, const char *data) {
    struct source source = {.torrent = image->torrent, .data = data, .fd = -1};
    uint8_t *room = lab_alloc(LAB_HEADER + LAB_BLOCK);

    for (uint32_t piece = 0; piece < image->torrent->pieces; piece++) {
        build_piece(image, &source, piece, room);
    }
    if (source.fd >= 0) close(source.fd);
    free(room);
}

static uint64_t image_size(const struct image *image) {
    const struct torrent *t = image->torrent;
    if (t->pieces == 0) return 0;
    uint32_t last = torrent_piece_size(t, t->pieces - 1);
    uint64_t headers = (last + LAB_BLOCK - 1) / LAB_BLOCK;
    return (t->pieces - 1) * image->stride + last + headers * LAB_HEADER;
}

void image_open(struct image *image, const struct torrent *torrent, const char *data,
                const char *cache) {
    struct stat info;
    char fresh[4096];

    image->torrent = torrent;
    image->blocks_per_piece = (torrent->piece_length + LAB_BLOCK - 1) / LAB_BLOCK;
    image->stride = torrent->piece_length + (uint64_t)image->blocks_per_piece * LAB_HEADER;
    if (cache == NULL) {
        image->fd = memfd_create("wire-image", MFD_CLOEXEC);
        if (image->fd < 0) lab_die("memfd");
        build(image, data);
        return;
    }
    image->fd = open(cache, O_RDONLY | O_CLOEXEC);
    if (image->fd >= 0 && fstat(image->fd, &info) == 0 &&
        (uint64_t)info.st_size == image_size(image)) {
        return;
    }
    if (image->fd >= 0) close(image->fd);
    snprintf(fresh, sizeof fresh, "%s.new", cache);
    image->fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (image->fd < 0) lab_die("%s", fresh);
    build(image, data);
    if (rename(fresh, cache) != 0) lab_die("%s", cache);
    errno = 0;
}

uint64_t image_offset(const struct image *image, uint32_t piece, uint32_t block) {
    return piece * image->stride + (uint64_t)block * (LAB_HEADER + LAB_BLOCK);
}

uint32_t image_block_size(const struct image *image, uint32_t piece, uint32_t block) {
    uint32_t size = torrent_piece_size(image->torrent, piece);
    uint64_t begin = (uint64_t)block * LAB_BLOCK;
    if (begin >= size) return 0;
    return size - begin < LAB_BLOCK ? (uint32_t)(size - begin) : LAB_BLOCK;
}

void image_read(const struct image *image, uint32_t piece, uint32_t begin, uint32_t length,
                uint8_t *out) {
    while (length > 0) {
        uint32_t within = begin % LAB_BLOCK;
        uint32_t n = LAB_BLOCK - within < length ? LAB_BLOCK - within : length;
        uint64_t at = image_offset(image, piece, begin / LAB_BLOCK) + LAB_HEADER + within;
        if (pread(image->fd, out, n, (off_t)at) != (ssize_t)n) lab_die("wire image");
        out += n;
        begin += n;
        length -= n;
    }
}
