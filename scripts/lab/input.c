/*
 * input.c: what the other side of a connection asks for (see conn.h).
 *
 * Everything that has arrived is read in one gulp, up to 64 KiB, and taken apart:
 *
 *     request, cancel   [13][6 or 8][index][begin][length]     (BEP 3)
 *
 * go into the queue or take something out of it; every other message is of no interest to a seeder
 * and is thrown away, however long it says it is, without a buffer for it. A request that no honest
 * client would send ends the connection.
 */
#include "conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void input_reply(struct conn *c, const void *bytes, size_t length) {
    if (c->control_used + length > CONN_CONTROL_ROOM) {
        c->ended = true;
        return;
    }
    memcpy(c->control + c->control_used, bytes, length);
    c->control_used += length;
}

/* reject: [13][16][index][begin][length] (BEP 6) */
static void reject(struct conn *c, uint32_t piece, uint32_t begin, uint32_t length) {
    uint8_t message[17] = {0, 0, 0, 13, 16};

    if (!c->fast) return;
    lab_put32(message + 5, piece);
    lab_put32(message + 9, begin);
    lab_put32(message + 13, length);
    input_reply(c, message, sizeof message);
}

static void on_request(struct conn *c, uint32_t piece, uint32_t begin, uint32_t length) {
    const struct group *g = c->seat->group;
    const struct torrent *t = c->swarm->image.torrent;

    atomic_fetch_add(&c->seat->requests, 1);
    peer_log(c->swarm, c->seat, "request %u %u %u", piece, begin, length);
    if (piece >= t->pieces || length == 0 || length > CONN_LONGEST_REQUEST ||
        (uint64_t)begin + length > torrent_piece_size(t, piece)) {
        peer_log(c->swarm, c->seat, "bad-request %u %u %u", piece, begin, length);
        c->ended = true;
        return;
    }
    if (c->silent) return;
    if (g->choke || !conn_holds(c, piece) || c->tail - c->head == CONN_QUEUE_ROOM) {
        reject(c, piece, begin, length);
        return;
    }
    double now = g->rate > 0 || g->delay_ms > 0 ? lab_now() : 0;
    if (c->tail == c->head && c->line_free_at < now) c->line_free_at = now;
    struct request *r = &c->queue[c->tail++ % CONN_QUEUE_ROOM];
    *r = (struct request){.piece = piece, .begin = begin, .length = length};
    if (g->delay_ms > 0) r->due = now + g->delay_ms / 1e3;
    if (g->corrupt > 0) r->corrupt = (double)(lab_random(&c->random) >> 11) * 0x1p-53 < g->corrupt;
}

static void on_cancel(struct conn *c, uint32_t piece, uint32_t begin, uint32_t length) {
    atomic_fetch_add(&c->seat->cancels, 1);
    peer_log(c->swarm, c->seat, "cancel %u %u %u", piece, begin, length);
    for (size_t i = c->head; i != c->tail; i++) {
        struct request *r = &c->queue[i % CONN_QUEUE_ROOM];
        if (r->piece != piece || r->begin != begin || r->length != length) continue;
        r->length = 0;
        reject(c, piece, begin, length);
        return;
    }
}

/* Takes one message from `at`, where `have` bytes are. Returns its length, 0: not all there. */
static size_t on_message(struct conn *c, const uint8_t *at, size_t have) {
    if (have < 4) return 0;
    uint32_t length = lab_get32(at);
    if (length == 0) return 4;
    if (have < 5) return 0;
    if (length == 13 && (at[4] == 6 || at[4] == 8)) {
        if (have < 17) return 0;
        uint32_t piece = lab_get32(at + 5), begin = lab_get32(at + 9), size = lab_get32(at + 13);
        if (at[4] == 6) {
            on_request(c, piece, begin, size);
        } else {
            on_cancel(c, piece, begin, size);
        }
        return 17;
    }
    if (length > 1U << 24) c->ended = true;
    c->skip = (size_t)length + 4;
    return 0;
}

static void parse(struct conn *c) {
    size_t at = 0;

    while (at < c->in_used && !c->ended) {
        if (c->skip > 0) {
            size_t n = c->in_used - at < c->skip ? c->in_used - at : c->skip;
            at += n;
            c->skip -= n;
            continue;
        }
        size_t n = on_message(c, c->in + at, c->in_used - at);
        if (n == 0 && c->skip == 0) break;
        at += n;
    }
    memmove(c->in, c->in + at, c->in_used - at);
    c->in_used -= at;
}

/* Reads one gulp. With `wait` waits for it (100 s at most: then it is time for a keep-alive). */
void input_take(struct conn *c, bool wait) {
    ssize_t n = recv(c->fd, c->in + c->in_used, CONN_IN_ROOM - c->in_used, wait ? 0 : MSG_DONTWAIT);

    if (n > 0) {
        c->in_used += (size_t)n;
        parse(c);
    } else if (n == 0) {
        c->ended = true;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (wait && !c->silent) input_reply(c, "\0\0\0\0", 4);
    } else if (errno != EINTR) {
        c->ended = true;
    }
}

