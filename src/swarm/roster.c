#include "swarm/roster.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "io/net.h"

enum {
  ROSTER_ADDRESSES_MAX = 1 << 16,
  BUCKETS = 4096,
  NEW_MS = 10 * 1000,    /* so long nobody has to have given anything; */
  EARNING_RATE = 16 << 10 /* bytes per second, from its start on: then it earns its place */
};

struct entry { /* one address, for ever */
  struct addr addr;
  struct roster_seat *seat; /* NULL: nobody is there now */
  uint32_t next;            /* number of the next entry in the same hash bucket, 0: none */
  bool gave;
  bool doubted;
  bool polite;
};

struct roster {
  uint32_t max_connected; /* fixed, as the three below */
  uint8_t self_id[20];
  uint64_t seed;

  pthread_mutex_t lock;
  pthread_cond_t emptied;
  /* guarded by lock: */
  struct entry *entries; /* entries[number]; 0 is not used */
  uint32_t count;        /* numbers given out */
  uint32_t capacity;
  uint32_t bucket[BUCKETS];
  uint32_t seats;
  uint32_t connected;
  uint32_t gave;
  bool leaving;
};

struct roster *roster_new(uint32_t max_connected, const uint8_t self_id[static 20]) {
  struct roster *r = calloc(1, sizeof *r);
  if (r == NULL) return NULL;
  r->max_connected = max_connected;
  memcpy(r->self_id, self_id, sizeof r->self_id);
  crypto_random(&r->seed, sizeof r->seed);
  pthread_mutex_init(&r->lock, NULL);
  clock_cond_init(&r->emptied);
  return r;
}

void roster_free(struct roster *r) {
  if (r == NULL) return;
  pthread_cond_destroy(&r->emptied);
  pthread_mutex_destroy(&r->lock);
  free(r->entries);
  free(r);
}

/* The number of an address, given out now if it has none. 0: no room. Caller must hold r->lock. */
static uint32_t number_of(struct roster *r, const struct addr *a) {
  uint32_t *head = &r->bucket[addr_hash(a, r->seed) % BUCKETS];
  for (uint32_t n = *head; n != 0; n = r->entries[n].next)
    if (addr_equal(&r->entries[n].addr, a)) return n;
  if (r->count + 1 >= r->capacity) {
    uint32_t more = r->capacity ? r->capacity * 2 : 256;
    if (more > ROSTER_ADDRESSES_MAX) return 0;
    struct entry *entries = realloc(r->entries, more * sizeof *entries);
    if (entries == NULL) return 0;
    r->entries = entries;
    r->capacity = more;
  }
  uint32_t n = ++r->count;
  r->entries[n] = (struct entry){.addr = *a, .next = *head};
  *head = n;
  return n;
}

enum err roster_enter(struct roster *r, struct roster_seat *s) {
  enum err e = ERR_OK;
  s->fd = -1;
  pthread_mutex_lock(&r->lock);
  uint32_t n = r->leaving ? 0 : number_of(r, &s->addr);
  if (r->leaving) {
    e = ERR_CANCELLED;
  } else if (n == 0) {
    e = ERR_LIMIT;
  } else if (r->entries[n].seat != NULL) {
    e = ERR_EXISTS;
  } else {
    s->number = n;
    s->polite = r->entries[n].polite;
    r->entries[n].seat = s;
    r->seats++;
  }
  pthread_mutex_unlock(&r->lock);
  return e;
}

enum err roster_connected(struct roster *r, struct roster_seat *s, int fd) {
  pthread_mutex_lock(&r->lock);
  s->fd = fd;
  bool leaving = r->leaving;
  pthread_mutex_unlock(&r->lock);
  return leaving ? ERR_CANCELLED : ERR_OK;
}

void roster_disconnected(struct roster *r, struct roster_seat *s, bool polite) {
  pthread_mutex_lock(&r->lock);
  s->fd = -1;
  s->polite = r->entries[s->number].polite = polite;
  if (atomic_exchange(&s->connected, false)) r->connected--;
  pthread_mutex_unlock(&r->lock);
}

/* Does `old` keep a peer with the same id out? */
static bool keeps_out(const struct roster_seat *old, const struct roster_seat *s, int64_t now_ms) {
  int64_t age_ms = now_ms - old->since_ms;
  if (age_ms < NEW_MS || addr_same_host(&old->addr, &s->addr)) return true;
  return atomic_load(&old->received) >= (uint64_t)age_ms / 1000 * EARNING_RATE;
}

/* Is a peer with this id connected, who keeps `s` out? Caller must hold r->lock. */
static bool is_double(const struct roster *r, const struct roster_seat *s, const uint8_t *peer_id,
                      int64_t now_ms) {
  for (uint32_t n = 1; n <= r->count; n++) {
    const struct roster_seat *old = r->entries[n].seat;
    if (old == NULL || !atomic_load(&old->connected)) continue;
    if (memcmp(old->peer_id, peer_id, 20) == 0 && keeps_out(old, s, now_ms)) return true;
  }
  return false;
}

enum err roster_introduce(struct roster *r, struct roster_seat *s,
                          const uint8_t peer_id[static 20], int64_t now_ms) {
  enum err e = ERR_OK;
  pthread_mutex_lock(&r->lock);
  if (memcmp(peer_id, r->self_id, 20) == 0) {
    e = ERR_REFUSED;
  } else if (r->connected >= r->max_connected) {
    e = ERR_LIMIT;
  } else if (is_double(r, s, peer_id, now_ms)) {
    e = ERR_EXISTS;
  } else {
    memcpy(s->peer_id, peer_id, 20);
    s->since_ms = now_ms;
    atomic_store(&s->connected, true);
    r->connected++;
  }
  pthread_mutex_unlock(&r->lock);
  return e;
}

void roster_leave(struct roster *r, struct roster_seat *s) {
  pthread_mutex_lock(&r->lock);
  r->entries[s->number].seat = NULL;
  if (atomic_load(&s->connected)) r->connected--;
  if (--r->seats == 0) pthread_cond_broadcast(&r->emptied);
  pthread_mutex_unlock(&r->lock);
}

void roster_ring(struct roster *r, uint32_t number) {
  pthread_mutex_lock(&r->lock);
  uint32_t from = number ? number : 1;
  uint32_t to = number ? number : r->count;
  for (uint32_t n = from; n <= to && n <= r->count; n++) {
    struct roster_seat *s = r->entries[n].seat;
    if (s != NULL && (number != 0 || atomic_load(&s->idle))) net_bell_ring(s->bell);
  }
  pthread_mutex_unlock(&r->lock);
}

void roster_ring_all(struct roster *r) {
  pthread_mutex_lock(&r->lock);
  for (uint32_t n = 1; n <= r->count; n++)
    if (r->entries[n].seat != NULL) net_bell_ring(r->entries[n].seat->bell);
  pthread_mutex_unlock(&r->lock);
}

void roster_close_all(struct roster *r) {
  pthread_mutex_lock(&r->lock);
  r->leaving = true;
  for (uint32_t n = 1; n <= r->count; n++) {
    struct roster_seat *s = r->entries[n].seat;
    if (s == NULL) continue;
    if (s->fd >= 0) shutdown(s->fd, SHUT_RDWR);
    net_bell_ring(s->bell);
  }
  pthread_mutex_unlock(&r->lock);
}

bool roster_addr(struct roster *r, uint32_t number, struct addr *out) {
  pthread_mutex_lock(&r->lock);
  bool ok = number != 0 && number <= r->count;
  if (ok) *out = r->entries[number].addr;
  pthread_mutex_unlock(&r->lock);
  return ok;
}

void roster_shut_host(struct roster *r, const struct addr *a) {
  pthread_mutex_lock(&r->lock);
  for (uint32_t n = 1; n <= r->count; n++) {
    struct roster_seat *s = r->entries[n].seat;
    if (s != NULL && s->fd >= 0 && addr_same_host(&s->addr, a)) shutdown(s->fd, SHUT_RDWR);
  }
  pthread_mutex_unlock(&r->lock);
}

/* NULL if that number was never given out. Caller must hold r->lock. */
static struct entry *entry_of(struct roster *r, uint32_t number) {
  return number != 0 && number <= r->count ? &r->entries[number] : NULL;
}

void roster_gave(struct roster *r, uint32_t number) {
  pthread_mutex_lock(&r->lock);
  struct entry *e = entry_of(r, number);
  if (e != NULL) {
    r->gave += !e->gave;
    e->gave = true;
    e->doubted = false;
  }
  pthread_mutex_unlock(&r->lock);
}

static void set_doubt(struct roster *r, uint32_t number, bool doubted) {
  pthread_mutex_lock(&r->lock);
  struct entry *e = entry_of(r, number);
  if (e != NULL) e->doubted = doubted;
  pthread_mutex_unlock(&r->lock);
}

void roster_doubt(struct roster *r, uint32_t number) {
  set_doubt(r, number, true);
}

void roster_trust(struct roster *r, uint32_t number) {
  set_doubt(r, number, false);
}

bool roster_is_doubted(struct roster *r, uint32_t number) {
  pthread_mutex_lock(&r->lock);
  const struct entry *e = entry_of(r, number);
  bool doubted = e != NULL && e->doubted;
  pthread_mutex_unlock(&r->lock);
  return doubted;
}

void roster_stats(struct roster *r, struct roster_stats *out) {
  pthread_mutex_lock(&r->lock);
  *out = (struct roster_stats){.seats = r->seats, .connected = r->connected, .gave = r->gave};
  for (uint32_t n = 1; n <= r->count; n++) {
    const struct roster_seat *s = r->entries[n].seat;
    if (s == NULL) continue;
    if (!atomic_load(&s->connected)) {
      out->shaking += s->fd >= 0;
      continue;
    }
    if (!atomic_load(&s->interesting)) out->uninteresting++;
    else if (atomic_load(&s->choked)) out->choked++;
  }
  pthread_mutex_unlock(&r->lock);
}

bool roster_wait_empty(struct roster *r, int64_t deadline_ms) {
  struct timespec t = clock_timespec(deadline_ms);
  pthread_mutex_lock(&r->lock);
  while (r->seats > 0)
    if (pthread_cond_timedwait(&r->emptied, &r->lock, &t) != 0) break;
  bool empty = r->seats == 0;
  pthread_mutex_unlock(&r->lock);
  return empty;
}
