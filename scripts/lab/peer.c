/*
 * peer.c: one connection of the seeder, from handshake to end (see peer.h, conn.h).
 *
 * The loop is: read whatever has arrived in one gulp (input.c), answer the head of the queue and
 * what follows it (answer.c). Requests that arrive together thus cost two calls, whatever their
 * number.
 *
 * The floor program announces itself by PUSH_MARK in the reserved bytes and is sent its share of
 * the pieces without asking for them: it measures receiving, not talking.
 */
#include "conn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HANDSHAKE = 68,
    PUSH_MARK = 0xf1,
};

void peer_log(const struct swarm *swarm, const struct seat *seat, const char *format, ...) {
    char line[256], addr[32];
    va_list arguments;

    if (swarm->log == NULL) return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lab_addr_text(&seat->addr, addr);
    fprintf(swarm->log, "%.6f %s %s\n", lab_now(), addr, line);
}

static bool recv_exact(struct conn *c, uint8_t *out, size_t length) {
    size_t used = 0;
    while (used < length) {
        ssize_t n = recv(c->fd, out + used, length - used, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        used += (size_t)n;
    }
    return true;
}

/* bitfield: [1 + n][5][bits]; have all: [1][14], have none: [1][15] (BEP 6) */
static void put_bitfield(struct conn *c) {
    uint32_t pieces = c->swarm->image.torrent->pieces;
    size_t bytes = (pieces + 7) / 8;

    if (c->fast && c->seat->group->parts == 0) {
        input_reply(c, "\0\0\0\1\16", 5);
        return;
    }
    uint8_t *message = lab_alloc(5 + bytes);
    lab_put32(message, (uint32_t)(1 + bytes));
    message[4] = 5;
    for (uint32_t p = 0; p < pieces; p++) {
        if (conn_holds(c, p)) message[5 + p / 8] |= (uint8_t)(0x80U >> (p % 8));
    }
    input_reply(c, message, 5 + bytes);
    free(message);
}

/* Everything a seeder has to say, in one segment: what it is, what it has, and: unchoke. */
static void put_greeting(struct conn *c, const uint8_t *theirs) {
    static const uint8_t first[28] = "\x13" "BitTorrent protocol\0\0\0\0\0\x10\0\x04";
    char extended[96];

    input_reply(c, first, sizeof first);
    input_reply(c, c->swarm->image.torrent->info_hash, 20);
    input_reply(c, c->seat->peer_id, 20);
    if (theirs[20] == PUSH_MARK) return;
    if (theirs[25] & 0x10) {
        int n = snprintf(extended + 6, sizeof extended - 6, "d1:mde4:reqqi%ue1:v6:seedere",
                         c->seat->group->reqq);
        lab_put32((uint8_t *)extended, (uint32_t)n + 2);
        extended[4] = 20;
        extended[5] = 0;
        input_reply(c, extended, (size_t)n + 6);
    }
    put_bitfield(c);
    if (!c->seat->group->choke) input_reply(c, "\0\0\0\1\1", 5);
}

static void serve(struct conn *c) {
    uint8_t theirs[HANDSHAKE];
    const struct torrent *t = c->swarm->image.torrent;

    if (!recv_exact(c, theirs, HANDSHAKE)) return;
    if (memcmp(theirs, "\x13" "BitTorrent protocol", 20) != 0 ||
        memcmp(theirs + 28, t->info_hash, 20) != 0) {
        peer_log(c->swarm, c->seat, "foreign-handshake");
        return;
    }
    atomic_fetch_add(&c->seat->handshakes, 1);
    peer_log(c->swarm, c->seat, "handshake");
    c->fast = (theirs[27] & 4) != 0;
    put_greeting(c, theirs);
    answer_flush(c);
    if (theirs[20] == PUSH_MARK) {
        answer_push(c, theirs);
    }
    while (!c->ended) {
        input_take(c, c->head == c->tail);
        answer_flush(c);
        if (c->head != c->tail && !c->ended) answer_next(c);
    }
}

void peer_serve(const struct swarm *swarm, struct seat *seat, int fd) {
    struct conn c = {.swarm = swarm, .seat = seat, .fd = fd};
    static const struct timeval keep_alive = {.tv_sec = 100};
    uint64_t number = atomic_fetch_add(&seat->connections, 1);
    atomic_fetch_add(&seat->open, 1);

    c.in = lab_alloc(CONN_IN_ROOM);
    c.queue = lab_alloc(CONN_QUEUE_ROOM * sizeof *c.queue);
    c.control = lab_alloc(CONN_CONTROL_ROOM);
    c.random = swarm->seed ^ (uint64_t)seat->number << 32 ^ number;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &keep_alive, sizeof keep_alive);
    if (seat->group->silent > 0) c.silent = atomic_load(&seat->wire) >= seat->group->silent;
    peer_log(swarm, seat, "connect");
    serve(&c);
    peer_log(swarm, seat, "close payload %llu", (unsigned long long)c.payload);
    close(fd);
    atomic_store(&seat->left_us, (uint64_t)(lab_now() * 1e6));
    atomic_fetch_sub(&seat->open, 1);
    free(c.in);
    free(c.queue);
    free(c.control);
    free(c.copy);
}
