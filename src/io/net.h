/*
 * net: sockets that can be waited for only with an absolute deadline, and bells.
 *
 * Every socket here is non-blocking; a thread "blocks" in net_wait(), the one place where a worker
 * waits: for its socket, for its bell, or for the time to pass. A bell is how another thread wakes
 * it: an eventfd, rung any number of times, heard once.
 */
#ifndef WEFT_IO_NET_H
#define WEFT_IO_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/addr.h"

enum { NET_READABLE = 1, NET_WRITABLE = 2, NET_BELL = 4 };

/* A new bell, or -1 when there are no descriptors left. Closed with close(). */
int net_bell_new(void);
/* Never waits; any thread, as long as the bell is open. */
void net_bell_ring(int bell);
/* Makes it silent again. */
void net_bell_clear(int bell);

/* Reads an address that a user wrote: what addr_parse() takes, and link-local ones of IPv6 with the
 * interface, "[fe80::1%eth0]:6881" or "[fe80::1%2]:6881". True and *out set, or false, also when
 * there is no such interface; then *out may hold rubbish. Waits for nobody. */
bool net_parse_addr(const char *text, struct addr *out);

/*
 * Opens a TCP connection to `a` and waits for it until `deadline_ms`, or until `bell` rings. On
 * ERR_OK *fd is the caller's, non-blocking, TCP_NODELAY, close-on-exec.
 * Else: ERR_REFUSED (also reset), ERR_NO_ROUTE (also where this machine has no address of that
 * family), ERR_TIMEOUT, ERR_CANCELLED (bell), ERR_MEMORY (no descriptor, or no local port left).
 */
enum err net_dial(const struct addr *a, int bell, int64_t deadline_ms, int *fd);

/*
 * Waits until `fd` is readable, or writable too if `want_write`, or `bell` rings, or `deadline_ms`
 * passes. Returns a set of NET_ bits; 0: the deadline. An error or hang-up counts as readable: the
 * next read tells. SO_RCVLOWAT delays NET_READABLE until so many bytes are there.
 */
int net_wait(int fd, int bell, bool want_write, int64_t deadline_ms);

/* Sets SO_RCVLOWAT: how many bytes make the socket readable. */
void net_set_lowat(int fd, int bytes);
/* The size of the receive buffer, which the kernel tunes as the connection runs; bytes. */
int net_receive_buffer(int fd);
/* Bytes that have arrived and wait to be received. Any thread may ask, while `fd` is open. */
uint32_t net_unread(int fd);
/* The least round trip the kernel has seen on this connection, microseconds; 0 if unknown. */
uint32_t net_min_rtt_us(int fd);

#endif
