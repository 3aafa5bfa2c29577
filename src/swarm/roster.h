/*
 * roster: who is connected, and how to reach the thread that owns the connection.
 *
 * Every address that a worker dials gets a number, and keeps it for the whole session: blocks
 * remember it, so that a wrong hash can be laid at the right door hours later. While a worker
 * runs, its seat stands in the roster; others use it to ring the worker's bell or to shut its
 * socket down. A seat leaves the roster before its descriptors are closed, so nobody can hit a
 * number that the kernel gave to somebody else meanwhile.
 *
 * The fields of a seat are written by its worker and read by anybody (the progress line); they
 * are atomics. One mutex guards the table. Ringing a bell under it is the one system call made
 * under a lock here; it never waits, and doing it outside would need the very guarantee that the
 * lock gives.
 */
#ifndef WEFT_SWARM_ROSTER_H
#define WEFT_SWARM_ROSTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/addr.h"

struct roster;

struct roster_seat {
  uint32_t number;         /* set by roster_enter */
  struct addr addr;
  int bell;
  int fd;                  /* -1 while not connected */
  bool polite;             /* set by roster_enter: this address wants to be greeted step by step */
  uint8_t peer_id[20];     /* set by roster_introduce, as is the next */
  int64_t since_ms;        /* when it was introduced */
  atomic_bool connected;   /* the handshake is complete */
  atomic_bool choked;      /* the peer chokes us */
  atomic_bool interesting; /* it has pieces that we lack */
  atomic_bool idle;        /* waits for work: rung by roster_ring(r, 0) */
  _Atomic uint64_t received; /* payload bytes over this connection */
};

/* `max_connected` seats may have completed handshakes at a time; `self_id` is our own peer id.
 * NULL: no memory. */
struct roster *roster_new(uint32_t max_connected, const uint8_t self_id[static 20]);
void roster_free(struct roster *r);

/* Enters a worker that is about to dial s->addr; s->bell is set. ERR_OK; ERR_EXISTS: that address
 * has a seat already; ERR_CANCELLED: we are leaving; ERR_LIMIT: no number, or no memory, is left
 * for another address. */
enum err roster_enter(struct roster *r, struct roster_seat *s);
/* TCP is up: from now on roster_close_all() and roster_shut_host() can reach the socket. ERR_OK,
 * ERR_CANCELLED. */
enum err roster_connected(struct roster *r, struct roster_seat *s, int fd);
/* The connection is given up, another will be tried: before the descriptor is closed. `polite` is
 * remembered for this address. */
void roster_disconnected(struct roster *r, struct roster_seat *s, bool polite);
/* The handshake came, at `now_ms`. ERR_OK; ERR_LIMIT: enough peers; ERR_EXISTS: that peer id is
 * connected already; ERR_REFUSED: it is our own. A peer id can be copied, and proves nothing: under
 * the address of another host it is let in although it is connected if the older one has had ten
 * seconds and gives next to nothing. (If it is one client after all, it has two connections then,
 * neither of which it uses well.) */
enum err roster_introduce(struct roster *r, struct roster_seat *s,
                          const uint8_t peer_id[static 20], int64_t now_ms);
/* Takes the seat out of the roster: before its descriptors are closed. */
void roster_leave(struct roster *r, struct roster_seat *s);

/* Rings one worker, or (0) every worker whose seat is idle. Harmless when it is gone. */
void roster_ring(struct roster *r, uint32_t number);
/* Rings every worker, also one whose peer had nothing we lacked: verified pieces were lost, and it
 * has them. */
void roster_ring_all(struct roster *r);
/* Ends every connection and keeps new ones from beginning: threads find their sockets shut down. */
void roster_close_all(struct roster *r);
/* The address behind a number. False if there is none. */
bool roster_addr(struct roster *r, uint32_t number, struct addr *out);
/* Shuts down every connection to this host, whatever its port: a liar is banned by address. */
void roster_shut_host(struct roster *r, const struct addr *a);

struct roster_stats {
  uint32_t seats;      /* workers: dialling, shaking hands or connected */
  uint32_t shaking;    /* of these: TCP is up, the handshake is still to come */
  uint32_t connected;
  uint32_t choked;     /* connected, interesting, and choking us */
  uint32_t uninteresting; /* connected, nothing we need */
  uint32_t gave;       /* distinct addresses that gave at least one good block, so far */
};
/* Counts over all seats; those of a worker that is just changing may be either. */
void roster_stats(struct roster *r, struct roster_stats *out);
/* A block from this number was good: no doubt any more. */
void roster_gave(struct roster *r, uint32_t number);
/* It had a part in a wrong piece, and so had others: from now on it is doubted, until something
 * that it gave turns out to be right (roster_gave, roster_trust). */
void roster_doubt(struct roster *r, uint32_t number);
/* What it gave to a wrong piece was right: no doubt any more. */
void roster_trust(struct roster *r, uint32_t number);
/* Is it doubted? The answer outlives the connection. */
bool roster_is_doubted(struct roster *r, uint32_t number);
/* Waits until no seat is taken any more. True; false: the deadline passed first. */
bool roster_wait_empty(struct roster *r, int64_t deadline_ms);

#endif
