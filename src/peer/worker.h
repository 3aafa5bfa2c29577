/*
 * worker: the thread that owns one connection, from dialling to good-bye.
 *
 *   dial -> shake hands -> loop { speak; wait; receive; look at the clock } -> report
 *
 * The loop waits in one place, for the socket, the bell or the time. Stacks are 128 KiB: the
 * deepest path is a receive with its 33 vectors (2 KiB) and a log line (4 KiB); what is big lies
 * on the heap.
 */
#ifndef WEFT_PEER_WORKER_H
#define WEFT_PEER_WORKER_H

#include "base/err.h"
#include "proto/addr.h"
#include "swarm/swarm.h"

/*
 * Starts a thread that talks to `a`, which was taken from the address book; the thread reports it
 * there and rings sw->bell when it ends. sw->workers counts the threads until worker_reap() has
 * seen the last of them, so that never more exist than it says, not even for a moment; the session
 * frees nothing before it is 0. ERR_OK; ERR_MEMORY: no thread; the address has been reported as
 * ADDR_FULL.
 */
enum err worker_start(struct swarm *sw, const struct addr *a);

/* Joins the threads that have done their work. Waits for no more than their last instructions. One
 * thread at a time may call it. Returns how many workers are left. */
uint32_t worker_reap(struct swarm *sw);

#endif
