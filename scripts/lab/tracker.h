/*
 * tracker.h: the tracker of a laboratory swarm: answers every announce with the same list.
 */
#ifndef LAB_TRACKER_H
#define LAB_TRACKER_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>

struct tracker {
    struct sockaddr_in addr;   /* where it listens; port 0 becomes the real one */
    struct sockaddr_in *peers; /* in the order in which they are told */
    size_t peer_count;
    FILE *log; /* one line per announce; NULL: none */
    int listener;
};

/*
 * Binds t->addr, then starts a thread that answers announces (BEP 3, compact as in BEP 23) until
 * the process ends. *t must live as long. Dies when the address cannot be bound.
 */
void tracker_start(struct tracker *t);

#endif
