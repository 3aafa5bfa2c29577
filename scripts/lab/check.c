/*
 * check.c: the least that checking a payload on disk can cost: reads the file and hashes its
 * pieces, three side by side on each thread (sha1x3.h), and nothing else.
 *
 *     check --torrent FILE --data FILE [--threads N]
 *
 * Each thread takes the next three pieces and reads a slice of each by turns, so that what it
 * hashes is still in the processor's cache. Exit 0: every piece verified; 1: not.
 */
#include "lab.h"
#include "sha1x3.h"
#include "torrent.h"

#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLICE = 65536 };

static struct torrent torrent;
static int data_fd;
static atomic_uint next_piece;
static atomic_uint bad_pieces;

/* Reads and hashes `count` pieces from `first` on. */
static void check_pieces(struct sha1x3 sha[], uint8_t *room, uint32_t first, uint32_t count) {
    struct sha1x3 *streams[SHA1X3_LANES];
    const uint8_t *data[SHA1X3_LANES];
    size_t length[SHA1X3_LANES];
    uint8_t digest[20];

    for (uint32_t i = 0; i < count; i++) sha1x3_begin(streams[i] = &sha[i]);
    for (uint32_t begin = 0; begin < torrent.piece_length; begin += SLICE) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t size = torrent_piece_size(&torrent, first + i);
            uint32_t left = begin < size ? size - begin : 0;
            uint64_t at = (uint64_t)(first + i) * torrent.piece_length + begin;
            data[i] = room + (size_t)i * SLICE;
            length[i] = left < SLICE ? left : SLICE;
            ssize_t n = pread(data_fd, room + (size_t)i * SLICE, length[i], (off_t)at);
            if (n != (ssize_t)length[i]) lab_die("data is too short");
        }
        sha1x3_update(streams, data, length, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        sha1x3_end(&sha[i], digest);
        bool bad = memcmp(digest, torrent.hashes + (size_t)(first + i) * 20, 20) != 0;
        if (bad) atomic_fetch_add(&bad_pieces, 1);
    }
}

static void *run(void *argument) {
    (void)argument;
    struct sha1x3 sha[SHA1X3_LANES] = {0};
    uint8_t *room = lab_alloc((size_t)SHA1X3_LANES * SLICE);

    for (;;) {
        uint32_t first = atomic_fetch_add(&next_piece, SHA1X3_LANES);
        if (first >= torrent.pieces) break;
        uint32_t left = torrent.pieces - first;
        check_pieces(sha, room, first, left < SHA1X3_LANES ? left : SHA1X3_LANES);
    }
    free(room);
    return NULL;
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"torrent", 1, NULL, 't'}, {"data", 1, NULL, 'd'}, {"threads", 1, NULL, 'n'}, {0}};
    const char *torrent_path = NULL, *data = NULL;
    long threads = sysconf(_SC_NPROCESSORS_ONLN);

    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (c == 't') torrent_path = optarg;
        if (c == 'd') data = optarg;
        if (c == 'n') threads = strtol(optarg, NULL, 10);
    }
    if (torrent_path == NULL || data == NULL || threads < 1 || threads > 256) {
        fputs("usage: check --torrent FILE --data FILE [--threads N]\n", stderr);
        return 2;
    }
    torrent_load(torrent_path, &torrent);
    data_fd = open(data, O_RDONLY | O_CLOEXEC);
    if (data_fd < 0) lab_die("%s", data);
    pthread_t list[256];
    for (long i = 0; i < threads; i++) {
        if (pthread_create(&list[i], NULL, run, NULL) != 0) lab_die("thread");
    }
    for (long i = 0; i < threads; i++) pthread_join(list[i], NULL);
    printf("check pieces %u bad %u\n", torrent.pieces, bad_pieces);
    return bad_pieces > 0;
}
