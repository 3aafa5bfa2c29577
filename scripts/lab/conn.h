/*
 * conn.h: one connection of the seeder, as its three parts share it: input.c reads requests into
 * the queue, answer.c sends what stands there, peer.c opens, runs and closes it. Belongs to one
 * thread.
 */
#ifndef LAB_CONN_H
#define LAB_CONN_H

#include "lab.h"
#include "peer.h"

enum {
    CONN_IN_ROOM = 65536,       /* bytes of one gulp */
    CONN_QUEUE_ROOM = 8192,     /* requests; a power of two */
    CONN_CONTROL_ROOM = 262144, /* bytes of replies */
    CONN_LONGEST_REQUEST = 131072,
};

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
    size_t head, tail; /* counting up; index modulo CONN_QUEUE_ROOM */
    uint8_t *control;
    size_t control_used;
    uint8_t *copy; /* LAB_HEADER + CONN_LONGEST_REQUEST, made when first needed */
};

/* True when this peer has the piece, as its group says. */
static inline bool conn_holds(const struct conn *c, uint32_t piece) {
    uint32_t parts = c->seat->group->parts;
    return parts == 0 || piece % parts == c->seat->part;
}

/*
 * Reads one gulp and takes in its messages: requests into the queue, cancels out of it. With `wait`
 * waits for it, 100 s at most: then it is time for a keep-alive. Sets c->ended when that was it.
 */
void input_take(struct conn *c, bool wait);

/* Keeps `length` bytes to be sent when no block is half sent. Sets c->ended if they are too
 * many. */
void input_reply(struct conn *c, const void *bytes, size_t length);

/* Sends what input_reply kept. Waits while the socket is full. */
void answer_flush(struct conn *c);

/* Answers the head of the queue, which is not empty, and with it what follows it in the image.
 * Waits for the peer's rate and delay, and while the socket is full. May end the connection. */
void answer_next(struct conn *c);

/* Sends the floor program its share, as its handshake `theirs` (68 bytes) asks. Waits. */
void answer_push(struct conn *c, const uint8_t *theirs);

#endif
