#include "find/addrbook.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "find/addrbook_wait.h"

enum { NONE = -1 };

/*
 * Where an entry is. The first three are WAITING in the words of the header, the two DEADs are
 * DEAD. GOOD and RETRY are heaps by due time; FRESH, DEAD and BURIED are pools, in no order.
 */
enum place {
  FRESH,  /* never tried: due now */
  GOOD,   /* gave us data at some time */
  RETRY,  /* tried, and never gave data */
  DEAD,   /* may be named again, or evicted */
  BURIED, /* liars, banned hosts, ourselves: never again */
  QUEUES,
  TAKEN = QUEUES,
  UNUSED
};

struct entry {
  struct addr a;    /* port 0: the ban of a whole host */
  struct addrbook_record record;
  struct addrbook_times times; /* GOOD, RETRY */
  int32_t next;     /* in its hash chain, or in the list of unused entries */
  uint32_t at;      /* its index in the queue it is in */
  uint8_t place;    /* enum place */
  int8_t last;      /* enum addrbook_outcome of the last attempt; NONE: none, or TAKEN now */
  bool gave_data;
  bool tried;       /* its first attempt is over */
  bool liar;
};

struct queue {
  uint32_t *items; /* indices of entries */
  size_t count;
};

struct addrbook {
  size_t max;       /* fixed, as are mask and seed */
  size_t mask;      /* number of hash chains - 1 */
  uint64_t seed;

  pthread_mutex_t lock;
  /* guarded by lock: */
  struct entry *entries; /* max of them */
  int32_t *chains;       /* first entry of each hash chain */
  int32_t unused;        /* first of the list of entries that were given up */
  size_t used;           /* entries[used..] were never used */
  struct queue queues[QUEUES];
  bool alone;            /* the heaps are in order of alone_ms */
  size_t taken;
  size_t first_tries;    /* TAKEN and not tried before */
  size_t liars;          /* addresses and hosts */
  size_t hosts;          /* of these: bans of whole hosts */
  size_t from[FROM_COUNT];
  size_t failed[ADDR_LIAR + 1]; /* entries by `last` */
  struct crypto_rng rng;
};

/* --- queues: pools and heaps whose members know their index. Caller must hold b->lock. --- */

static void queue_set(struct addrbook *b, struct queue *q, size_t at, uint32_t i) {
  q->items[at] = i;
  b->entries[i].at = (uint32_t)at;
}

static int64_t due(const struct addrbook *b, const struct entry *e) {
  return b->alone ? e->times.alone_ms : e->times.due_ms;
}

static bool sooner(const struct addrbook *b, const struct queue *q, size_t x, size_t y) {
  return due(b, &b->entries[q->items[x]]) < due(b, &b->entries[q->items[y]]);
}

static void queue_swap(struct addrbook *b, struct queue *q, size_t x, size_t y) {
  uint32_t i = q->items[x];
  queue_set(b, q, x, q->items[y]);
  queue_set(b, q, y, i);
}

static void sift_up(struct addrbook *b, struct queue *q, size_t at) {
  while (at > 0 && sooner(b, q, at, (at - 1) / 2)) {
    queue_swap(b, q, at, (at - 1) / 2);
    at = (at - 1) / 2;
  }
}

static void sift_down(struct addrbook *b, struct queue *q, size_t at) {
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= q->count) return;
    if (child + 1 < q->count && sooner(b, q, child + 1, child)) child++;
    if (!sooner(b, q, child, at)) return;
    queue_swap(b, q, at, child);
    at = child;
  }
}

/* Puts all members in order. */
static void heapify(struct addrbook *b, struct queue *q) {
  for (size_t i = q->count / 2; i > 0; i--) sift_down(b, q, i - 1);
}

static bool is_heap(enum place p) {
  return p == GOOD || p == RETRY;
}

/* Moves entry `i`, which is in no queue, into the one of `p`; TAKEN has none. */
static void put(struct addrbook *b, uint32_t i, enum place p) {
  b->entries[i].place = (uint8_t)p;
  if (p == TAKEN) {
    b->taken++;
    return;
  }
  struct queue *q = &b->queues[p];
  queue_set(b, q, q->count++, i);
  if (is_heap(p)) sift_up(b, q, q->count - 1);
}

/* Takes entry `i` out of its queue; put() or discard() must follow. */
static void pull(struct addrbook *b, uint32_t i) {
  enum place p = b->entries[i].place;
  if (p == TAKEN) {
    b->taken--;
    return;
  }
  struct queue *q = &b->queues[p];
  size_t at = b->entries[i].at;
  uint32_t last = q->items[--q->count];
  if (last == i) return;
  queue_set(b, q, at, last);
  if (!is_heap(p)) return;
  sift_up(b, q, at);
  sift_down(b, q, b->entries[last].at);
}

/* --- the hash table. Caller must hold b->lock. --- */

static int32_t *chain_of(struct addrbook *b, const struct addr *a) {
  return &b->chains[addr_hash(a, b->seed) & b->mask];
}

/* The entry of `a`, or NULL. */
static struct entry *find(struct addrbook *b, const struct addr *a) {
  for (int32_t i = *chain_of(b, a); i != NONE; i = b->entries[i].next)
    if (addr_equal(&b->entries[i].a, a)) return &b->entries[i];
  return NULL;
}

static uint32_t index_of(const struct addrbook *b, const struct entry *e) {
  return (uint32_t)(e - b->entries);
}

static struct addr host_of(const struct addr *a) {
  struct addr host = *a;
  host.port = 0;
  return host;
}

/* Notes how the last attempt with `e` ended. Whoever is caught lying is that, however it ended. */
static void set_last(struct addrbook *b, struct entry *e, int how) {
  if (e->last != NONE) b->failed[e->last]--;
  if (how != NONE && e->a.port != 0) b->failed[how]++;
  e->last = e->a.port != 0 ? (int8_t)how : NONE;
}

static bool host_banned(struct addrbook *b, const struct addr *a) {
  struct addr host = host_of(a);
  return find(b, &host) != NULL;
}

/* Forgets entry `i`, which is in a queue. */
static void discard(struct addrbook *b, uint32_t i) {
  struct entry *e = &b->entries[i];
  pull(b, i);
  int32_t *link = chain_of(b, &e->a);
  while (*link != (int32_t)i) link = &b->entries[*link].next;
  *link = e->next;
  if (e->liar) b->liars--;
  if (e->a.port == 0) b->hosts--;
  set_last(b, e, NONE);
  *e = (struct entry){.next = b->unused, .place = UNUSED};
  b->unused = (int32_t)i;
}

static bool discard_one_of(struct addrbook *b, enum place p) {
  struct queue *q = &b->queues[p];
  if (q->count == 0) return false;
  discard(b, q->items[crypto_rng_below(&b->rng, q->count)]);
  return true;
}

/* Makes sure an unused entry is there. DEAD ones go first. Bans are kept as long as they leave
 * half of the book free; for the sake of a new ban (`must`) an untried address goes too. */
static bool make_room(struct addrbook *b, bool must) {
  if (b->unused != NONE || b->used < b->max) return true;
  if (discard_one_of(b, DEAD)) return true;
  if (b->queues[BURIED].count > b->max / 2) return discard_one_of(b, BURIED);
  return must && (discard_one_of(b, FRESH) || discard_one_of(b, RETRY));
}

/* A new entry for `a` in the queue of `p`, or NULL if there is no room. */
static struct entry *create(struct addrbook *b, const struct addr *a, enum place p, bool must) {
  if (!make_room(b, must)) return NULL;
  uint32_t i;
  if (b->unused != NONE) {
    i = (uint32_t)b->unused;
    b->unused = b->entries[i].next;
  } else {
    i = (uint32_t)b->used++;
  }
  int32_t *chain = chain_of(b, a);
  b->entries[i] = (struct entry){.a = *a, .next = *chain, .last = NONE};
  if (a->port == 0) b->hosts++;
  *chain = (int32_t)i;
  put(b, i, p);
  return &b->entries[i];
}

/* --- making and freeing --- */

struct addrbook *addrbook_new(size_t max) {
  struct addrbook *b = calloc(1, sizeof *b);
  if (b == NULL) return NULL;
  if (max == 0) max = 1;
  if (max > INT32_MAX / 4) max = INT32_MAX / 4;
  size_t chains = 16;
  while (chains < max * 2) chains *= 2;
  b->max = max;
  b->mask = chains - 1;
  b->unused = NONE;
  crypto_random(&b->seed, sizeof b->seed);
  crypto_rng_init(&b->rng);
  pthread_mutex_init(&b->lock, NULL);
  b->entries = calloc(max, sizeof *b->entries);
  b->chains = malloc(chains * sizeof *b->chains);
  bool ok = b->entries != NULL && b->chains != NULL;
  for (int q = 0; q < QUEUES; q++) {
    b->queues[q].items = calloc(max, sizeof(uint32_t));
    ok = ok && b->queues[q].items != NULL;
  }
  if (!ok) {
    addrbook_free(b);
    return NULL;
  }
  for (size_t i = 0; i < chains; i++) b->chains[i] = NONE;
  return b;
}

void addrbook_free(struct addrbook *b) {
  if (b == NULL) return;
  for (int q = 0; q < QUEUES; q++) free(b->queues[q].items);
  free(b->chains);
  free(b->entries);
  pthread_mutex_destroy(&b->lock);
  free(b);
}

/* --- adding and taking --- */

/* A known address is named again: a dead one gets one more try. Caller must hold b->lock. */
static void confirm(struct addrbook *b, struct entry *e) {
  if (e->place != DEAD) return;
  pull(b, index_of(b, e));
  addrbook_wait_again(&e->record, &e->times);
  put(b, index_of(b, e), e->gave_data ? GOOD : RETRY);
}

bool addrbook_add(struct addrbook *b, const struct addr *a, enum addrbook_source from,
                  int64_t now_ms) {
  (void)now_ms; /* a fresh address is due at once, and a dead one keeps its own time */
  if (!addr_is_peer(a)) return false;
  bool added = false;
  pthread_mutex_lock(&b->lock);
  struct entry *e = find(b, a);
  if (e != NULL) {
    confirm(b, e);
  } else if (!host_banned(b, a) && create(b, a, FRESH, false) != NULL) {
    b->from[from]++;
    added = true;
  }
  pthread_mutex_unlock(&b->lock);
  return added;
}

/* The entry of a heap that is due first, or NULL. Caller must hold b->lock. */
static struct entry *first(struct addrbook *b, enum place p) {
  return b->queues[p].count == 0 ? NULL : &b->entries[b->queues[p].items[0]];
}

/* The best entry that is due, or NULL and when the next one will be. Caller must hold b->lock. */
static struct entry *best(struct addrbook *b, int64_t now_ms, int64_t *due_ms) {
  struct entry *good = first(b, GOOD);
  if (good != NULL && due(b, good) <= now_ms) return good;
  struct queue *fresh = &b->queues[FRESH];
  if (fresh->count > 0)
    return &b->entries[fresh->items[crypto_rng_below(&b->rng, fresh->count)]];
  struct entry *retry = first(b, RETRY);
  if (retry != NULL && due(b, retry) <= now_ms) return retry;
  if (good != NULL) *due_ms = due(b, good);
  if (retry != NULL && due(b, retry) < *due_ms) *due_ms = due(b, retry);
  return NULL;
}

void addrbook_set_alone(struct addrbook *b, bool alone) {
  pthread_mutex_lock(&b->lock);
  if (b->alone != alone) {
    b->alone = alone;
    heapify(b, &b->queues[GOOD]);
    heapify(b, &b->queues[RETRY]);
  }
  pthread_mutex_unlock(&b->lock);
}

enum err addrbook_take(struct addrbook *b, int64_t now_ms, struct addr *out, int64_t *due_ms) {
  *due_ms = CLOCK_NEVER;
  pthread_mutex_lock(&b->lock);
  struct entry *e = best(b, now_ms, due_ms);
  if (e != NULL) {
    pull(b, index_of(b, e));
    put(b, index_of(b, e), TAKEN);
    set_last(b, e, NONE);
    b->first_tries += !e->tried;
    *out = e->a;
  }
  pthread_mutex_unlock(&b->lock);
  return e == NULL ? ERR_NOT_FOUND : ERR_OK;
}

/* --- bans. Caller must hold b->lock. --- */

static void set_liar(struct addrbook *b, struct entry *e) {
  if (!e->liar) b->liars++;
  e->liar = true;
  if (e->place == TAKEN) return; /* its report buries it */
  set_last(b, e, ADDR_LIAR);
  if (e->place == BURIED) return;
  pull(b, index_of(b, e));
  put(b, index_of(b, e), BURIED);
}

static bool another_port_lied(struct addrbook *b, const struct addr *a) {
  for (size_t i = 0; i < b->used; i++) {
    const struct entry *e = &b->entries[i];
    if (e->liar && e->a.port != a->port && addr_same_host(&e->a, a)) return true;
  }
  return false;
}

static void ban_host(struct addrbook *b, const struct addr *a) {
  for (size_t i = 0; i < b->used; i++)
    if (b->entries[i].place != UNUSED && addr_same_host(&b->entries[i].a, a))
      set_liar(b, &b->entries[i]);
  struct addr host = host_of(a);
  if (find(b, &host) != NULL) return;
  struct entry *e = create(b, &host, BURIED, true);
  if (e != NULL) set_liar(b, e);
}

/* Looks through the whole book, which is cheap enough for something this rare. */
static void ban(struct addrbook *b, const struct addr *a) {
  struct entry *e = find(b, a);
  if (e == NULL) e = create(b, a, BURIED, true);
  if (e == NULL) return; /* every entry is taken */
  set_liar(b, e);
  if (!addr_is_loopback(a) && another_port_lied(b, a)) ban_host(b, a);
}

void addrbook_ban(struct addrbook *b, const struct addr *a) {
  pthread_mutex_lock(&b->lock);
  ban(b, a);
  pthread_mutex_unlock(&b->lock);
}

bool addrbook_is_banned(struct addrbook *b, const struct addr *a) {
  pthread_mutex_lock(&b->lock);
  const struct entry *e = find(b, a);
  bool banned = (e != NULL && e->liar) || host_banned(b, a);
  pthread_mutex_unlock(&b->lock);
  return banned;
}

/* --- reports. Caller must hold b->lock; the entry is in no queue. --- */

static void settle(struct addrbook *b, struct entry *e, enum addrbook_outcome how, bool gave_data,
                   int64_t now_ms) {
  enum addrbook_fate fate = addrbook_wait_after(&e->record, how, gave_data, now_ms, &e->times);
  enum place waits = e->gave_data ? GOOD : RETRY;
  put(b, index_of(b, e), fate == ADDRBOOK_WAITS ? waits : fate == ADDRBOOK_DEAD ? DEAD : BURIED);
}

void addrbook_report(struct addrbook *b, const struct addr *a, enum addrbook_outcome how,
                     bool gave_data, int64_t now_ms) {
  pthread_mutex_lock(&b->lock);
  if (how == ADDR_LIAR) ban(b, a);
  struct entry *e = find(b, a);
  if (e != NULL && e->place == TAKEN) {
    pull(b, index_of(b, e));
    if (gave_data) e->gave_data = true;
    b->first_tries -= !e->tried;
    e->tried = true;
    if (e->liar) how = ADDR_LIAR; /* we ended it, whatever it looked like to its worker */
    set_last(b, e, (int)how);
    settle(b, e, how, gave_data, now_ms);
  }
  pthread_mutex_unlock(&b->lock);
}

/* --- stats --- */

static size_t count_due(const struct addrbook *b, enum place p, int64_t now_ms) {
  size_t n = 0;
  for (size_t i = 0; i < b->queues[p].count; i++)
    if (due(b, &b->entries[b->queues[p].items[i]]) <= now_ms) n++;
  return n;
}

void addrbook_stats(struct addrbook *b, int64_t now_ms, struct addrbook_stats *out) {
  pthread_mutex_lock(&b->lock);
  size_t fresh = b->queues[FRESH].count;
  *out = (struct addrbook_stats){
    .waiting = fresh + b->queues[GOOD].count + b->queues[RETRY].count,
    .due = fresh + count_due(b, GOOD, now_ms) + count_due(b, RETRY, now_ms),
    .untried = fresh + b->first_tries,
    .taken = b->taken,
    .dead = b->queues[DEAD].count + b->queues[BURIED].count - b->hosts,
    .banned = b->liars - b->hosts,
  };
  out->known = out->waiting + out->taken;
  memcpy(out->from, b->from, sizeof out->from);
  memcpy(out->failed, b->failed, sizeof out->failed);
  pthread_mutex_unlock(&b->lock);
}
