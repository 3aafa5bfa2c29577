/*
 * answer.c: what the seeder sends, and how badly (see conn.h).
 *
 * From the head of the queue it takes as many requests as follow each other in the wire image and
 * sends them with one sendfile(). A request that is not one of the payload's blocks, and a block
 * that is to be corrupted, is copied instead.
 *
 * Rates are kept by a virtual line: every chunk occupies it for chunk / rate seconds and is handed
 * over when its last byte would have arrived, so a connection is never faster than its rate, and
 * bytes / rate is a true lower bound for whoever downloads. While the line is busy the socket is
 * watched, so that a cancel can still take back what has not left.
 */
#include "conn.h"

#include <errno.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>

enum { RUN_BLOCKS = 64 }; /* blocks of one sendfile() */

static const uint64_t MESSAGE = LAB_HEADER + LAB_BLOCK;
static const double CATCH_UP = 0.2; /* seconds of its rate that a late sender may make up for */

static void send_all(struct conn *c, const uint8_t *bytes, size_t length) {
    while (length > 0 && !c->ended) {
        ssize_t n = send(c->fd, bytes, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            c->ended = true;
            return;
        }
        bytes += n;
        length -= (size_t)n;
    }
}

static void send_image(struct conn *c, uint64_t offset, size_t length) {
    off_t at = (off_t)offset;

    while (length > 0 && !c->ended) {
        ssize_t n = sendfile(c->fd, c->swarm->image.fd, &at, length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            c->ended = true;
            return;
        }
        length -= (size_t)n;
    }
}

/* Waits until `when`, taking in what arrives meanwhile. */
static void wait_until(struct conn *c, double when) {
    while (!c->ended) {
        double left = when - lab_now();
        if (left <= 0) return;
        struct pollfd watched = {.fd = c->fd, .events = POLLIN};
        struct timespec timeout = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
        if (ppoll(&watched, 1, &timeout, NULL) > 0) input_take(c, false);
    }
}

/* Occupies the line with `bytes` and waits until they are through. */
static void pace(struct conn *c, size_t bytes) {
    double earliest = lab_now() - CATCH_UP;

    if (c->line_free_at < earliest) c->line_free_at = earliest;
    c->line_free_at += (double)bytes / (double)c->seat->group->rate;
    wait_until(c, c->line_free_at);
}

/* Piece messages on their way out: `length` bytes of them, each of `message` bytes but the last. */
struct run {
    const uint8_t *bytes; /* NULL: they are in the image at `offset` */
    uint64_t offset;
    size_t length;
    size_t message;
};

/* Bytes of blocks among the first x bytes of a run. */
static uint64_t payload_of(const struct run *run, uint64_t x) {
    uint64_t rest = x % run->message;
    return x / run->message * (run->message - LAB_HEADER) +
           (rest > LAB_HEADER ? rest - LAB_HEADER : 0);
}

/* How many bytes may go before this peer misbehaves; what it then does, in *then. */
static uint64_t allowance(const struct conn *c, uint64_t want, char *then) {
    const struct group *g = c->seat->group;
    uint64_t seat_wire = atomic_load(&c->seat->wire);
    uint64_t limits[] = {g->silent, g->cut, g->reset};
    uint64_t used[] = {seat_wire, c->wire, c->wire};

    for (int i = 0; i < 3; i++) {
        if (limits[i] == 0) continue;
        uint64_t left = limits[i] > used[i] ? limits[i] - used[i] : 0;
        if (left <= want) {
            want = left;
            *then = "scr"[i];
        }
    }
    return want;
}

static void misbehave(struct conn *c, char how) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    static const struct timeval patience = {.tv_sec = 2};

    if (how == 's') {
        c->silent = true;
        c->head = c->tail;
        peer_log(c->swarm, c->seat, "silent");
        return;
    }
    peer_log(c->swarm, c->seat, how == 'c' ? "cut" : "reset");
    if (how == 'r') {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    } else {
        /* Unread requests would turn the close into a reset, which takes sent data with it. */
        shutdown(c->fd, SHUT_WR);
        setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        while (recv(c->fd, c->in, CONN_IN_ROOM, 0) > 0) continue;
    }
    c->ended = true;
}

static size_t chunk_bytes(const struct group *g) {
    if (g->rate == 0) return SIZE_MAX;
    if (g->chunk > 0) return (size_t)g->chunk;
    return g->rate / 50 > MESSAGE ? (size_t)(g->rate / 50) : (size_t)MESSAGE;
}

/* Sends a run. Returns how many bytes went before the peer misbehaved or the connection ended. */
static size_t send_run(struct conn *c, const struct run *run) {
    size_t chunk = chunk_bytes(c->seat->group), sent = 0;
    char then = 0;

    while (sent < run->length && !c->ended && then == 0) {
        size_t n = run->length - sent < chunk ? run->length - sent : chunk;
        n = (size_t)allowance(c, n, &then);
        if (c->seat->group->rate > 0) pace(c, n);
        if (run->bytes != NULL) {
            send_all(c, run->bytes + sent, n);
        } else {
            send_image(c, run->offset + sent, n);
        }
        if (c->ended) break;
        uint64_t payload = payload_of(run, sent + n) - payload_of(run, sent);
        sent += n;
        c->wire += n;
        c->payload += payload;
        atomic_fetch_add(&c->seat->wire, n);
        atomic_fetch_add(&c->seat->payload, payload);
    }
    if (then != 0 && !c->ended) misbehave(c, then);
    return sent;
}

/* Marks `count` blocks, from `block` of `piece` on, as sent once. */
static void mark_sent(struct conn *c, uint32_t piece, uint32_t block, size_t count) {
    struct swarm *s = (struct swarm *)(uintptr_t)c->swarm;
    const struct image *image = &s->image;
    uint64_t number = (uint64_t)piece * image->blocks_per_piece + block, fresh = 0;

    for (size_t i = 0; i < count; i++, number++) {
        unsigned bit = 1U << (number % 32);
        if (atomic_fetch_or(&s->sent_map[number / 32], bit) & bit) continue;
        fresh += image_block_size(image, (uint32_t)(number / image->blocks_per_piece),
                                  (uint32_t)(number % image->blocks_per_piece));
    }
    uint64_t length = image->torrent->length, mark = length - length / 100;
    uint64_t before = atomic_fetch_add(&s->distinct, fresh), after = before + fresh;
    uint64_t now_us = (uint64_t)(lab_now() * 1e6);
    if (before < mark && after >= mark) atomic_store(&s->t99_us, now_us);
    if (before < length && after >= length) atomic_store(&s->t100_us, now_us);
}

static void send_copy(struct conn *c, const struct request *r) {
    if (c->copy == NULL) c->copy = lab_alloc(LAB_HEADER + CONN_LONGEST_REQUEST);
    lab_put32(c->copy, 9 + r->length);
    c->copy[4] = 7;
    lab_put32(c->copy + 5, r->piece);
    lab_put32(c->copy + 9, r->begin);
    image_read(&c->swarm->image, r->piece, r->begin, r->length, c->copy + LAB_HEADER);
    if (r->corrupt) {
        uint64_t bit = lab_random(&c->random) % ((uint64_t)r->length * 8);
        c->copy[LAB_HEADER + bit / 8] ^= (uint8_t)(1U << (bit % 8));
        atomic_fetch_add(&c->seat->corrupted, 1);
        peer_log(c->swarm, c->seat, "corrupt %u %u %u", r->piece, r->begin, r->length);
    }
    size_t length = LAB_HEADER + r->length;
    send_run(c, &(struct run){.bytes = c->copy, .length = length, .message = length});
}

/* Is it a block of the image that may leave as it is? */
static bool is_plain(const struct conn *c, const struct request *r) {
    return !r->corrupt && r->begin % LAB_BLOCK == 0 &&
           r->length == image_block_size(&c->swarm->image, r->piece, r->begin / LAB_BLOCK);
}

/* Takes the head of the queue into the run, if it goes on there. Returns false if it does not. */
static bool extend_run(struct conn *c, struct run *run, double now) {
    while (c->head != c->tail && c->queue[c->head % CONN_QUEUE_ROOM].length == 0) c->head++;
    if (c->head == c->tail) return false;
    const struct request *r = &c->queue[c->head % CONN_QUEUE_ROOM];
    if (!is_plain(c, r) || r->due > now) return false;
    uint64_t at = image_offset(&c->swarm->image, r->piece, r->begin / LAB_BLOCK);
    if (at != run->offset + run->length || run->length % MESSAGE != 0) return false;
    run->length += LAB_HEADER + r->length;
    c->head++;
    return true;
}

/* Answers the head of the queue, and with it what follows it in the image. */
void answer_next(struct conn *c) {
    struct request first = c->queue[c->head % CONN_QUEUE_ROOM];
    size_t most = chunk_bytes(c->seat->group), count = 1;
    double now = first.due > 0 ? lab_now() : 0;

    if (first.due > now) {
        wait_until(c, first.due);
        return;
    }
    c->head++;
    if (first.length == 0) return;
    if (!is_plain(c, &first)) {
        send_copy(c, &first);
        return;
    }
    uint32_t block = first.begin / LAB_BLOCK;
    struct run run = {.offset = image_offset(&c->swarm->image, first.piece, block),
                      .length = LAB_HEADER + first.length,
                      .message = MESSAGE};
    if (most > RUN_BLOCKS * MESSAGE) most = RUN_BLOCKS * MESSAGE;
    while (run.length + MESSAGE <= most && extend_run(c, &run, now)) count++;
    size_t sent = send_run(c, &run);
    mark_sent(c, first.piece, block, sent == run.length ? count : sent / MESSAGE);
}

void answer_flush(struct conn *c) {
    if (c->control_used == 0) return;
    send_all(c, c->control, c->control_used);
    c->control_used = 0;
}

/*
 * Sends share k of n of the payload, as the floor program's handshake says: after the mark come
 * [k 2 bytes][n 2 bytes], and in the seventh reserved byte the binary logarithm of the unit. The
 * share is the units k, k + n, k + 2n ... A unit is at least a piece.
 */
void answer_push(struct conn *c, const uint8_t *theirs) {
    const struct torrent *t = c->swarm->image.torrent;
    uint32_t share = lab_get32(theirs + 21) >> 16, shares = lab_get32(theirs + 21) & 0xffff;
    uint64_t unit_bytes = 1ULL << (theirs[26] & 31);
    uint32_t unit = t->piece_length < unit_bytes ? (uint32_t)(unit_bytes / t->piece_length) : 1;
    uint32_t bpp = c->swarm->image.blocks_per_piece;

    if (shares == 0) return;
    c->line_free_at = lab_now();
    for (uint64_t p = (uint64_t)share * unit; p < t->pieces && !c->ended;
         p += (uint64_t)shares * unit) {
        uint32_t from = (uint32_t)p, to = from + unit < t->pieces ? from + unit : t->pieces;
        uint32_t tail = (torrent_piece_size(t, to - 1) + LAB_BLOCK - 1) / LAB_BLOCK;
        uint64_t offset = image_offset(&c->swarm->image, from, 0);
        uint64_t end = image_offset(&c->swarm->image, to - 1, tail - 1) + LAB_HEADER +
                       image_block_size(&c->swarm->image, to - 1, tail - 1);
        size_t length = (size_t)(end - offset);
        send_run(c, &(struct run){.offset = offset, .length = length, .message = MESSAGE});
        if (!c->ended) mark_sent(c, from, 0, (size_t)(to - 1 - from) * bpp + tail);
    }
}
