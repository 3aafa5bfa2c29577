/*
 * peer.h: one connection of the seeder, from the handshake to its end, on a thread of its own.
 *
 * A seat is one address that the seeder listens on: a peer of the swarm as a client sees it. Its
 * group says how it behaves. What a seat has sent is counted here and printed at the end, so that
 * whoever downloaded can be told how much of it was waste.
 *
 * The states of a connection:
 *
 *     handshake -> greeted (extended handshake, bitfield, unchoke) -> serving -> ended
 *                                                  `-> pushing (floor program) -> ended
 *     serving -> silent: reads on, answers nothing more, keeps the connection open
 */
#ifndef LAB_PEER_H
#define LAB_PEER_H

#include "image.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>

/* How the peers of one --listen behave. 0 means: does not do that. */
struct group {
    uint64_t rate;       /* payload and headers, bytes per second and connection */
    uint64_t chunk;      /* bytes sent at a time under `rate`; default: a block or 20 ms of rate */
    double corrupt;      /* probability that a block has one bit flipped */
    uint64_t silent;     /* bytes after which the address never answers again */
    uint64_t cut;        /* bytes after which a connection ends (FIN behind the data) */
    uint64_t reset;      /* bytes after which a connection is reset */
    uint32_t delay_ms;   /* time between a request and its answer, at least */
    uint32_t part;       /* holds the pieces p with p % parts == part ... */
    uint32_t parts;      /* ... unless this is 0: holds all */
    bool part_by_seat;   /* part = number of the address within its group */
    bool choke;          /* never unchokes */
    uint32_t reqq;       /* requests it says it takes (BEP 10) */
};

/* One address. Filled in by the seeder, then shared by all threads; counters are atomics. */
struct seat {
    struct sockaddr_in addr;
    int listener;
    const struct group *group;
    uint32_t part; /* which part of group->parts it holds */
    uint32_t number;
    uint8_t peer_id[20];
    atomic_ullong connections;
    atomic_ullong handshakes; /* connections that got past the handshake */
    atomic_ullong wire;       /* bytes of piece messages, headers included */
    atomic_ullong payload;    /* bytes of blocks, wrong ones included */
    atomic_ullong corrupted;  /* blocks sent with a flipped bit */
    atomic_ullong requests;
    atomic_ullong cancels;
    atomic_ullong open;    /* connections at this moment */
    atomic_ullong left_us; /* when the last one that ended did, on lab_now's clock */
};

/* What all connections share. */
struct swarm {
    struct image image;
    uint64_t seed;         /* of every random choice */
    FILE *log;             /* one line per event; NULL: none */
    atomic_uint *sent_map; /* a bit per block: sent whole at least once, unharmed */
    atomic_ullong distinct;   /* bytes of the blocks in sent_map */
    atomic_ullong t99_us;     /* when distinct passed 99 %, on lab_now's clock; 0: not yet */
    atomic_ullong t100_us;    /* when it was everything */
};

/*
 * Serves the connected socket `fd` for `seat` until either side ends it, then closes it.
 * Waits; runs on a thread of its own. Implements BEP 3, 6 (have all, reject) and 10 (reqq).
 */
void peer_serve(const struct swarm *swarm, struct seat *seat, int fd);

/* Writes one line "TIME EVENT ADDRESS details" to the log, if there is one. Any thread. */
void peer_log(const struct swarm *swarm, const struct seat *seat, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
