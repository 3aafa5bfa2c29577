/*
 * swarm: everything that the threads of one torrent share, in one place to look at.
 *
 * The session fills it before any thread starts and frees it after all have ended. Each member
 * takes care of its own locking; the plain fields never change while threads run; what changes
 * without a lock is atomic. Whoever wants to know which threads can meet where need only follow
 * these pointers.
 */
#ifndef WEFT_SWARM_SWARM_H
#define WEFT_SWARM_SWARM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/chan.h"
#include "base/err.h"
#include "find/addrbook.h"
#include "io/store.h"
#include "io/trace.h"
#include "proto/metainfo.h"
#include "swarm/fragment.h"
#include "swarm/pieces.h"
#include "swarm/roster.h"

/* What the session wants to hear of. Called from worker and writer threads; must be quick. Any
 * may be NULL. */
struct swarm_hooks {
  void *arg;
  void (*peer_up)(void *arg, const struct addr *a, const char *client);
  void (*peer_down)(void *arg, const struct addr *a, const char *why);
  void (*banned)(void *arg, const struct addr *a);
  void (*piece)(void *arg, uint32_t index, uint32_t length, bool good);
};

struct swarm {
  const struct metainfo *meta;
  struct store *store;
  struct addrbook *book;
  struct roster *roster;
  struct pieces *pieces;
  struct chan *results;        /* of struct fragment, weighed in bytes */
  struct fragment_pool *pool;
  struct swarm_hooks hooks;
  struct trace *trace;         /* NULL: nobody wants to see the messages */
  uint8_t peer_id[20];
  uint16_t port;               /* told to peers */
  uint64_t memory;             /* bytes of payload that may be under way in all */
  int bell;                    /* wakes the session's main thread */

  atomic_bool stopping;        /* everybody out */
  _Atomic uint64_t received;   /* payload bytes that arrived */
  _Atomic uint64_t wasted;     /* of these: not needed, or with a wrong hash */
  _Atomic uint32_t workers;    /* threads that were started and not joined yet (peer/worker) */
  void *_Atomic ended;         /* those of them that end now: a list, peer/worker's own */
  _Atomic int disk_error;      /* enum err that ends the download, mostly of the disk; 0: none */
};

/* The download can't go on because of `e`: the first that is told is what the session ends with.
 * Never waits; any thread. */
void swarm_fail(struct swarm *sw, enum err e);

#endif
