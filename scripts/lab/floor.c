/*
 * floor.c: the least that any downloader can cost: receive, hash, store, with no protocol beyond
 * the handshake. What a client needs more than this is the price of its protocol and its shape.
 *
 * The seeder sends worker k of n its share of the pieces without being asked (peer.c, PUSH_MARK).
 * Three ways to take it in:
 *
 *   default       workers only receive: one recvmsg() scatters 32 headers and blocks into a
 *                 fragment of 512 KiB; one thread takes up to three fragments of different pieces
 *                 from a bounded queue, hashes them side by side (sha1x3.h) and writes each with
 *                 one call
 *   --one-stream  each worker hashes (OpenSSL) and writes what it received
 *   --unit P      share the payload out in units of 2^P bytes (20), or of a piece if that is more
 *   --lowat N     with either: poll() with SO_RCVLOWAT = N before each receive, to wake less often
 *
 * Needs a piece length that is a multiple of 16 KiB. Exit 0: every piece verified; 1: not.
 */
#include "lab.h"
#include "sha1x3.h"
#include "torrent.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    MOST_BLOCKS = 32, /* of a fragment */
    PUSH_MARK = 0xf1,
    HANDSHAKE = 68,
};

static const char usage[] =
    "usage: floor --torrent FILE --out FILE --peers ADDRESSES [--fragment SIZE] [--one-stream]\n"
    "             [--lowat SIZE] [--unit POWER]\n";

/* A run of payload inside one piece, or several whole pieces when those are small. */
struct fragment {
    uint64_t offset;
    size_t length;
    uint8_t *bytes;
    struct fragment *next;
};

/* The hash of a piece of which some fragments have come. Free when `open` is false. */
struct cursor {
    bool open;
    uint32_t piece;
    struct sha1x3 sha;
};

struct worker {
    pthread_t thread;
    size_t number;
    int fd;
    size_t lowat_now; /* what SO_RCVLOWAT is set to */
    EVP_MD *sha1; /* for the one-stream way */
    EVP_MD_CTX *context;
};

static struct torrent torrent;
static int out_fd;
static size_t fragment_size = (size_t)MOST_BLOCKS * LAB_BLOCK;
static unsigned unit_power = 20; /* 2 to this power: bytes that a worker gets at a time */
static size_t lowat;
static bool one_stream;
static atomic_uint bad_pieces;
static struct sockaddr_in *peers;
static size_t peer_count;

/* The queue between workers and hasher, and the pool of free fragments. All behind `lock`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static struct fragment *queue_head, **queue_tail = &queue_head;
static struct fragment *pool;
static size_t workers_left;
static bool hasher_waits;

/* --- the queue ------------------------------------------------------------------------------ */

static void pool_fill(size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct fragment *f = lab_alloc(sizeof *f);
        f->bytes = lab_alloc(fragment_size);
        f->next = pool;
        pool = f;
    }
}

/* Takes a free fragment; waits until there is one. */
static struct fragment *pool_take(void) {
    pthread_mutex_lock(&lock);
    while (pool == NULL) pthread_cond_wait(&freed, &lock);
    struct fragment *f = pool;
    pool = f->next;
    pthread_mutex_unlock(&lock);
    return f;
}

static void queue_put(struct fragment *f) {
    f->next = NULL;
    pthread_mutex_lock(&lock);
    *queue_tail = f;
    queue_tail = &f->next;
    if (hasher_waits) pthread_cond_signal(&filled);
    pthread_mutex_unlock(&lock);
}

static bool same_piece(const struct fragment *a, const struct fragment *b) {
    return a->offset / torrent.piece_length == b->offset / torrent.piece_length;
}

/*
 * Takes up to three fragments of different pieces, the oldest first, after giving back those of the
 * last time. Waits for one. Returns how many; 0 when no more will come.
 */
static size_t queue_take(struct fragment *taken[SHA1X3_LANES], size_t give_back) {
    size_t count = 0;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < give_back; i++) {
        taken[i]->next = pool;
        pool = taken[i];
        pthread_cond_signal(&freed);
    }
    while (queue_head == NULL && workers_left > 0) {
        hasher_waits = true;
        pthread_cond_wait(&filled, &lock);
        hasher_waits = false;
    }
    for (struct fragment **at = &queue_head; *at != NULL && count < SHA1X3_LANES;) {
        struct fragment *f = *at;
        bool taken_piece = false;
        for (size_t i = 0; i < count; i++) taken_piece |= same_piece(f, taken[i]);
        if (taken_piece) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        if (*at == NULL) queue_tail = at;
        taken[count++] = f;
    }
    pthread_mutex_unlock(&lock);
    return count;
}

/* --- hashing and writing -------------------------------------------------------------------- */

static void write_out(const struct fragment *f) {
    size_t done = 0;
    while (done < f->length) {
        ssize_t n = pwrite(out_fd, f->bytes + done, f->length - done, (off_t)(f->offset + done));
        if (n < 0) lab_die("write");
        done += (size_t)n;
    }
}

static void judge(uint32_t piece, const uint8_t *digest) {
    if (memcmp(digest, torrent.hashes + (size_t)piece * 20, 20) == 0) return;
    atomic_fetch_add(&bad_pieces, 1);
    fprintf(stderr, "floor: piece %u is wrong\n", piece);
}

/* The cursor of a piece, new if its first fragment is this one. */
static struct cursor *cursor_of(struct cursor *cursors, size_t count, uint32_t piece) {
    struct cursor *unused = NULL;

    for (size_t i = 0; i < count; i++) {
        if (cursors[i].open && cursors[i].piece == piece) return &cursors[i];
        if (!cursors[i].open) unused = &cursors[i];
    }
    if (unused == NULL) lab_die("too many open pieces");
    unused->open = true;
    unused->piece = piece;
    sha1x3_begin(&unused->sha);
    return unused;
}

/* Hashes fragments of pieces that are longer than a fragment. */
static void hash_parts(struct cursor *cursors, size_t cursor_count, struct fragment **fragments,
                       size_t count) {
    struct cursor *at[SHA1X3_LANES];
    struct sha1x3 *streams[SHA1X3_LANES];
    const uint8_t *data[SHA1X3_LANES];
    size_t length[SHA1X3_LANES];
    uint8_t digest[20];

    for (size_t i = 0; i < count; i++) {
        uint32_t piece = (uint32_t)(fragments[i]->offset / torrent.piece_length);
        at[i] = cursor_of(cursors, cursor_count, piece);
        streams[i] = &at[i]->sha;
        data[i] = fragments[i]->bytes;
        length[i] = fragments[i]->length;
    }
    sha1x3_update(streams, data, length, count);
    for (size_t i = 0; i < count; i++) {
        if (at[i]->sha.length < torrent_piece_size(&torrent, at[i]->piece)) continue;
        sha1x3_end(&at[i]->sha, digest);
        judge(at[i]->piece, digest);
        at[i]->open = false;
    }
}

/* Hashes the whole pieces from `piece` on that `length` bytes hold, three at a time. */
static void hash_whole(uint32_t piece, const uint8_t *bytes, size_t length) {
    static _Thread_local struct sha1x3 sha[SHA1X3_LANES];
    struct sha1x3 *streams[SHA1X3_LANES] = {&sha[0], &sha[1], &sha[2]};
    uint8_t digest[20];

    while (length > 0) {
        const uint8_t *data[SHA1X3_LANES];
        size_t sizes[SHA1X3_LANES], count = 0;
        for (; count < SHA1X3_LANES && length > 0; count++) {
            sizes[count] = length < torrent.piece_length ? length : torrent.piece_length;
            data[count] = bytes;
            sha1x3_begin(streams[count]);
            bytes += sizes[count];
            length -= sizes[count];
        }
        sha1x3_update(streams, data, sizes, count);
        for (size_t i = 0; i < count; i++) {
            sha1x3_end(streams[i], digest);
            judge(piece++, digest);
        }
    }
}

static void *run_hasher(void *argument) {
    (void)argument;
    struct fragment *taken[SHA1X3_LANES];
    size_t count = 0, cursor_count = peer_count * 2 + 64;
    struct cursor *cursors = lab_alloc(cursor_count * sizeof *cursors);

    while ((count = queue_take(taken, count)) > 0) {
        if (torrent.piece_length > fragment_size) {
            hash_parts(cursors, cursor_count, taken, count);
        } else {
            for (size_t i = 0; i < count; i++) {
                hash_whole((uint32_t)(taken[i]->offset / torrent.piece_length), taken[i]->bytes,
                           taken[i]->length);
            }
        }
        for (size_t i = 0; i < count; i++) write_out(taken[i]);
    }
    free(cursors);
    return NULL;
}

/* The one-stream way: this worker hashes what it received with OpenSSL, and writes it. */
static void hash_here(struct worker *w, const struct fragment *f) {
    uint8_t digest[20];

    for (size_t done = 0; done < f->length;) {
        uint64_t at = f->offset + done;
        uint32_t piece = (uint32_t)(at / torrent.piece_length);
        size_t within = (size_t)(at % torrent.piece_length);
        size_t left = torrent_piece_size(&torrent, piece) - within;
        size_t n = f->length - done < left ? f->length - done : left;
        if (within == 0) EVP_DigestInit_ex(w->context, w->sha1, NULL);
        EVP_DigestUpdate(w->context, f->bytes + done, n);
        done += n;
        if (n < left) break;
        EVP_DigestFinal_ex(w->context, digest, NULL);
        judge(piece, digest);
    }
    write_out(f);
}

/* --- receiving ------------------------------------------------------------------------------ */

static void await_bytes(struct worker *w, size_t left) {
    size_t want = lowat < left ? lowat : left;
    struct pollfd watched = {.fd = w->fd, .events = POLLIN};

    if (want != w->lowat_now) {
        int value = (int)want;
        setsockopt(w->fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value);
        w->lowat_now = want;
    }
    poll(&watched, 1, -1);
}

/* Receives exactly what the vector has room for; `left` bytes of the connection are to come. */
static void receive(struct worker *w, struct iovec *at, size_t count, uint64_t left) {
    while (count > 0) {
        struct msghdr message = {.msg_iov = at, .msg_iovlen = count};
        if (lowat > 0) await_bytes(w, left < SIZE_MAX ? (size_t)left : SIZE_MAX);
        ssize_t got = recvmsg(w->fd, &message, lowat > 0 ? MSG_DONTWAIT : MSG_WAITALL);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) lab_die("receive");
        size_t n = (size_t)got;
        left -= n;
        for (; count > 0 && n >= at->iov_len; at++, count--) n -= at->iov_len;
        if (count == 0) return;
        at->iov_base = (uint8_t *)at->iov_base + n;
        at->iov_len -= n;
    }
}

/* Receives the fragment at f->offset; `left` wire bytes are to come with and after it. */
static uint64_t receive_fragment(struct worker *w, struct fragment *f, uint64_t left) {
    uint8_t headers[MOST_BLOCKS][LAB_HEADER];
    struct iovec vector[2 * MOST_BLOCKS];
    size_t blocks = 0, total = 0;

    for (size_t done = 0; done < f->length; done += LAB_BLOCK, blocks++) {
        size_t n = f->length - done < LAB_BLOCK ? f->length - done : LAB_BLOCK;
        vector[2 * blocks] = (struct iovec){headers[blocks], LAB_HEADER};
        vector[2 * blocks + 1] = (struct iovec){f->bytes + done, n};
        total += LAB_HEADER + n;
    }
    receive(w, vector, 2 * blocks, left);
    for (size_t i = 0; i < blocks; i++) {
        uint64_t at = (uint64_t)lab_get32(headers[i] + 5) * torrent.piece_length;
        if (at + lab_get32(headers[i] + 9) != f->offset + i * LAB_BLOCK) lab_die("wrong block");
    }
    return total;
}

static void greet(struct worker *w) {
    uint8_t hello[HANDSHAKE] = "\x13" "BitTorrent protocol", theirs[HANDSHAKE];

    hello[20] = PUSH_MARK;
    hello[21] = (uint8_t)(w->number >> 8);
    hello[22] = (uint8_t)w->number;
    hello[23] = (uint8_t)(peer_count >> 8);
    hello[24] = (uint8_t)peer_count;
    hello[26] = (uint8_t)unit_power;
    memcpy(hello + 28, torrent.info_hash, 20);
    memcpy(hello + 48, "-FL0100-floor-floor-", 20);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(w->fd, (struct sockaddr *)&peers[w->number], sizeof *peers) != 0) {
        lab_die("connect");
    }
    if (send(w->fd, hello, HANDSHAKE, MSG_NOSIGNAL) != HANDSHAKE) lab_die("send");
    if (recv(w->fd, theirs, HANDSHAKE, MSG_WAITALL) != HANDSHAKE) lab_die("handshake");
}

/* The end of the unit of pieces that starts at `from`, in bytes (peer.c, push). */
static uint64_t unit_end(uint64_t from, uint64_t unit) {
    return from + unit < torrent.length ? from + unit : torrent.length;
}

/* Bytes that worker `number` will be sent, headers included. */
static uint64_t share_on_wire(size_t number, uint64_t unit) {
    uint64_t total = 0;

    for (uint64_t from = number * unit; from < torrent.length; from += peer_count * unit) {
        uint64_t n = unit_end(from, unit) - from;
        total += n + (n + LAB_BLOCK - 1) / LAB_BLOCK * LAB_HEADER;
    }
    return total;
}

static void pool_give(struct fragment *f) {
    pthread_mutex_lock(&lock);
    f->next = pool;
    pool = f;
    pthread_mutex_unlock(&lock);
}

/* Takes in the pieces from `from` to `end`. Returns what is left to come on the wire after them. */
static uint64_t take_unit(struct worker *w, uint64_t from, uint64_t end, uint64_t left) {
    for (uint64_t at = from; at < end;) {
        struct fragment *f = pool_take();
        f->offset = at;
        f->length = end - at < fragment_size ? (size_t)(end - at) : fragment_size;
        at += f->length;
        left -= receive_fragment(w, f, left);
        if (one_stream) {
            hash_here(w, f);
            pool_give(f);
        } else {
            queue_put(f);
        }
    }
    return left;
}

static void *run_worker(void *argument) {
    struct worker *w = argument;
    uint64_t unit = torrent.piece_length, want = 1ULL << unit_power;

    if (unit < want) unit *= want / unit;
    uint64_t left = share_on_wire(w->number, unit);
    w->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    w->context = EVP_MD_CTX_new();
    greet(w);
    for (uint64_t from = w->number * unit; from < torrent.length; from += peer_count * unit) {
        left = take_unit(w, from, unit_end(from, unit), left);
    }
    close(w->fd);
    EVP_MD_CTX_free(w->context);
    EVP_MD_free(w->sha1);
    pthread_mutex_lock(&lock);
    workers_left--;
    pthread_cond_signal(&filled);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void download(const char *out) {
    struct worker *workers = lab_alloc(peer_count * sizeof *workers);
    pthread_attr_t attributes;
    pthread_t hasher;

    out_fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (out_fd < 0) lab_die("%s", out);
    workers_left = peer_count;
    pool_fill(one_stream ? peer_count : peer_count * 2 + 8);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 131072); /* the vectors are 2 KiB; OpenSSL needs some */
    if (pthread_create(&hasher, NULL, run_hasher, NULL) != 0) lab_die("thread");
    for (size_t i = 0; i < peer_count; i++) {
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, &attributes, run_worker, &workers[i]) != 0) {
            lab_die("thread");
        }
    }
    for (size_t i = 0; i < peer_count; i++) pthread_join(workers[i].thread, NULL);
    pthread_join(hasher, NULL);
    if (ftruncate(out_fd, (off_t)torrent.length) != 0 || close(out_fd) != 0) lab_die("%s", out);
    free(workers);
}

static size_t size_option(const char *text) {
    uint64_t size;
    if (!lab_size(text, &size) || size == 0 || size > 1U << 30) lab_die("no size: %s", text);
    return (size_t)size;
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"torrent", 1, NULL, 't'},    {"out", 1, NULL, 'o'},   {"peers", 1, NULL, 'p'},
        {"fragment", 1, NULL, 'f'},   {"lowat", 1, NULL, 'l'}, {"one-stream", 0, NULL, '1'},
        {"unit", 1, NULL, 'u'},       {NULL, 0, NULL, 0}};
    const char *torrent_path = NULL, *out = NULL;

    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 't': torrent_path = optarg; break;
        case 'o': out = optarg; break;
        case 'p': peers = lab_range(optarg, &peer_count); break;
        case 'f': fragment_size = size_option(optarg); break;
        case 'l': lowat = size_option(optarg); break;
        case 'u': unit_power = (unsigned)size_option(optarg) % 32; break;
        case '1': one_stream = true; break;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (torrent_path == NULL || out == NULL || peer_count == 0 || optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    if (fragment_size % LAB_BLOCK != 0 || fragment_size > (size_t)MOST_BLOCKS * LAB_BLOCK) {
        lab_die("a fragment is 1 to %d blocks of 16 KiB", MOST_BLOCKS);
    }
    torrent_load(torrent_path, &torrent);
    if (torrent.piece_length % LAB_BLOCK != 0) lab_die("pieces must be multiples of 16 KiB");
    double start = lab_now();
    download(out);
    double seconds = lab_now() - start;
    printf("floor bytes %llu seconds %.3f MB/s %.0f bad %u sha-ni %d\n",
           (unsigned long long)torrent.length, seconds, (double)torrent.length / seconds / 1e6,
           bad_pieces, sha1x3_accelerated());
    return bad_pieces > 0;
}
