/*
 * peer.c: one connection of the seeder (see peer.h).
 *
 * The loop is: read whatever has arrived in one gulp and put its requests in the queue; take from
 * the head of the queue as many requests as follow each other in the wire image; send them with one
 * sendfile(). Requests that arrive together thus cost two calls, whatever their number. A request
 * that is not one of the payload's blocks, and a block that is to be corrupted, is copied instead.
 *
 * Rates are kept by a virtual line: every chunk occupies it for chunk / rate seconds and is handed
 * over when its last byte would have arrived, so a connection is never faster than its rate, and
 * bytes / rate is a true lower bound for whoever downloads. While the line is busy the socket is
 * watched, so that a cancel can still take back what has not left.
 *
 * Replies to requests (reject, BEP 6) are kept in `control` until no block is half sent.
 *
 * The floor program announces itself by PUSH_MARK in the reserved bytes and is sent its share of
 * the pieces without asking for them: it measures receiving, not talking.
 */
#include "peer.h"

#include "lab.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    IN_ROOM = 65536,       /* bytes of one gulp */
    QUEUE_ROOM = 8192,     /* requests; a power of two */
    CONTROL_ROOM = 262144, /* bytes of replies */
    RUN_BLOCKS = 64,       /* blocks of one sendfile() */
    LONGEST_REQUEST = 131072,
    HANDSHAKE = 68,
    PUSH_MARK = 0xf1,
};

static const uint64_t MESSAGE = LAB_HEADER + LAB_BLOCK;
static const double CATCH_UP = 0.2; /* seconds of its rate that a late sender may make up for */

struct request {
    uint32_t piece;
    uint32_t begin;
    uint32_t length; /* 0: cancelled */
    bool corrupt;
    double due; /* not to be answered before; 0: at once */
};

struct conn {
    const struct swarm *swarm;
    struct seat *seat;
    int fd;
    bool fast;   /* the other side speaks BEP 6 */
    bool ended;  /* end of stream, error, cut or nonsense */
    bool silent;
    uint64_t random;
    double line_free_at;
    uint64_t wire;    /* piece message bytes of this connection */
    uint64_t payload; /* of which blocks */
    uint8_t *in;
    size_t in_used;
    size_t skip; /* bytes still to be thrown away of a message that nobody needs */
    struct request *queue;
    size_t head, tail; /* counting up; index modulo QUEUE_ROOM */
    uint8_t *control;
    size_t control_used;
    uint8_t *copy; /* LAB_HEADER + LONGEST_REQUEST, made when first needed */
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

/* --- what this peer holds ------------------------------------------------------------------- */

static bool holds(const struct conn *c, uint32_t piece) {
    uint32_t parts = c->seat->group->parts;
    return parts == 0 || piece % parts == c->seat->part;
}

/* --- reading -------------------------------------------------------------------------------- */

static void control_put(struct conn *c, const void *bytes, size_t length) {
    if (c->control_used + length > CONTROL_ROOM) {
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
    control_put(c, message, sizeof message);
}

static void on_request(struct conn *c, uint32_t piece, uint32_t begin, uint32_t length) {
    const struct group *g = c->seat->group;
    const struct torrent *t = c->swarm->image.torrent;

    atomic_fetch_add(&c->seat->requests, 1);
    peer_log(c->swarm, c->seat, "request %u %u %u", piece, begin, length);
    if (piece >= t->pieces || length == 0 || length > LONGEST_REQUEST ||
        (uint64_t)begin + length > torrent_piece_size(t, piece)) {
        peer_log(c->swarm, c->seat, "bad-request %u %u %u", piece, begin, length);
        c->ended = true;
        return;
    }
    if (c->silent) return;
    if (g->choke || !holds(c, piece) || c->tail - c->head == QUEUE_ROOM) {
        reject(c, piece, begin, length);
        return;
    }
    double now = g->rate > 0 || g->delay_ms > 0 ? lab_now() : 0;
    if (c->tail == c->head && c->line_free_at < now) c->line_free_at = now;
    struct request *r = &c->queue[c->tail++ % QUEUE_ROOM];
    *r = (struct request){piece, begin, length, false, g->delay_ms > 0 ? now + g->delay_ms / 1e3 : 0};
    if (g->corrupt > 0) r->corrupt = (double)(lab_random(&c->random) >> 11) * 0x1p-53 < g->corrupt;
}

static void on_cancel(struct conn *c, uint32_t piece, uint32_t begin, uint32_t length) {
    atomic_fetch_add(&c->seat->cancels, 1);
    peer_log(c->swarm, c->seat, "cancel %u %u %u", piece, begin, length);
    for (size_t i = c->head; i != c->tail; i++) {
        struct request *r = &c->queue[i % QUEUE_ROOM];
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
static void take_input(struct conn *c, bool wait) {
    ssize_t n = recv(c->fd, c->in + c->in_used, IN_ROOM - c->in_used, wait ? 0 : MSG_DONTWAIT);

    if (n > 0) {
        c->in_used += (size_t)n;
        parse(c);
    } else if (n == 0) {
        c->ended = true;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (wait && !c->silent) control_put(c, "\0\0\0\0", 4);
    } else if (errno != EINTR) {
        c->ended = true;
    }
}

/* --- sending -------------------------------------------------------------------------------- */

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
        if (ppoll(&watched, 1, &timeout, NULL) > 0) take_input(c, false);
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
        while (recv(c->fd, c->in, IN_ROOM, 0) > 0) continue;
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
    if (c->copy == NULL) c->copy = lab_alloc(LAB_HEADER + LONGEST_REQUEST);
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
    while (c->head != c->tail && c->queue[c->head % QUEUE_ROOM].length == 0) c->head++;
    if (c->head == c->tail) return false;
    const struct request *r = &c->queue[c->head % QUEUE_ROOM];
    if (!is_plain(c, r) || r->due > now) return false;
    uint64_t at = image_offset(&c->swarm->image, r->piece, r->begin / LAB_BLOCK);
    if (at != run->offset + run->length || run->length % MESSAGE != 0) return false;
    run->length += LAB_HEADER + r->length;
    c->head++;
    return true;
}

/* Answers the head of the queue, and with it what follows it in the image. */
static void answer(struct conn *c) {
    struct request first = c->queue[c->head % QUEUE_ROOM];
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

/* --- the connection ------------------------------------------------------------------------- */

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
        control_put(c, "\0\0\0\1\16", 5);
        return;
    }
    uint8_t *message = lab_alloc(5 + bytes);
    lab_put32(message, (uint32_t)(1 + bytes));
    message[4] = 5;
    for (uint32_t p = 0; p < pieces; p++) {
        if (holds(c, p)) message[5 + p / 8] |= (uint8_t)(0x80U >> (p % 8));
    }
    control_put(c, message, 5 + bytes);
    free(message);
}

/* Everything a seeder has to say, in one segment: what it is, what it has, and: unchoke. */
static void put_greeting(struct conn *c, const uint8_t *theirs) {
    static const uint8_t first[28] = "\x13" "BitTorrent protocol\0\0\0\0\0\x10\0\x04";
    char extended[96];

    control_put(c, first, sizeof first);
    control_put(c, c->swarm->image.torrent->info_hash, 20);
    control_put(c, c->seat->peer_id, 20);
    if (theirs[20] == PUSH_MARK) return;
    if (theirs[25] & 0x10) {
        int n = snprintf(extended + 6, sizeof extended - 6, "d1:mde4:reqqi%ue1:v6:seedere",
                         c->seat->group->reqq);
        lab_put32((uint8_t *)extended, (uint32_t)n + 2);
        extended[4] = 20;
        extended[5] = 0;
        control_put(c, extended, (size_t)n + 6);
    }
    put_bitfield(c);
    if (!c->seat->group->choke) control_put(c, "\0\0\0\1\1", 5);
}

static void flush_control(struct conn *c) {
    if (c->control_used == 0) return;
    send_all(c, c->control, c->control_used);
    c->control_used = 0;
}

/*
 * Sends share k of n of the payload, as the floor program's handshake says: after the mark come
 * [k 2 bytes][n 2 bytes], and in the seventh reserved byte the binary logarithm of the unit. The
 * share is the units k, k + n, k + 2n ... A unit is at least a piece.
 */
static void push(struct conn *c, const uint8_t *theirs) {
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
    flush_control(c);
    if (theirs[20] == PUSH_MARK) {
        push(c, theirs);
    }
    while (!c->ended) {
        take_input(c, c->head == c->tail);
        flush_control(c);
        if (c->head != c->tail && !c->ended) answer(c);
    }
}

void peer_serve(const struct swarm *swarm, struct seat *seat, int fd) {
    struct conn c = {.swarm = swarm, .seat = seat, .fd = fd};
    static const struct timeval keep_alive = {.tv_sec = 100};
    uint64_t number = atomic_fetch_add(&seat->connections, 1);
    atomic_fetch_add(&seat->open, 1);

    c.in = lab_alloc(IN_ROOM);
    c.queue = lab_alloc(QUEUE_ROOM * sizeof *c.queue);
    c.control = lab_alloc(CONTROL_ROOM);
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
