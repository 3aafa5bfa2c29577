#include "base/chan.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

struct slot {
  void *item;
  uint64_t weight;
};

struct chan {
  size_t slots;      /* fixed */
  uint64_t capacity; /* fixed */

  pthread_mutex_t lock;
  pthread_cond_t not_full;
  pthread_cond_t not_empty;
  /* guarded by lock: */
  struct slot *ring;
  size_t head; /* the oldest */
  size_t count;
  uint64_t weight;
  size_t senders_waiting;
  size_t receivers_waiting;
  bool closed;
};

struct chan *chan_new(size_t slots, uint64_t capacity) {
  struct chan *c = calloc(1, sizeof *c);
  if (c == NULL) return NULL;
  c->ring = calloc(slots, sizeof *c->ring);
  if (c->ring == NULL) {
    free(c);
    return NULL;
  }
  c->slots = slots;
  c->capacity = capacity;
  pthread_mutex_init(&c->lock, NULL);
  clock_cond_init(&c->not_full);
  clock_cond_init(&c->not_empty);
  return c;
}

void chan_free(struct chan *c) {
  if (c == NULL) return;
  pthread_cond_destroy(&c->not_full);
  pthread_cond_destroy(&c->not_empty);
  pthread_mutex_destroy(&c->lock);
  free(c->ring);
  free(c);
}

/* Waits on `cond` until the deadline; false when it has passed. Caller must hold c->lock. */
static bool wait_on(struct chan *c, pthread_cond_t *cond, size_t *waiting, int64_t deadline_ms) {
  struct timespec t = clock_timespec(deadline_ms);
  (*waiting)++;
  int rc = pthread_cond_timedwait(cond, &c->lock, &t);
  (*waiting)--;
  return rc == 0;
}

/* Caller must hold c->lock. */
static bool has_room(const struct chan *c, uint64_t weight) {
  if (c->count == 0) return true;
  return c->count < c->slots && weight <= c->capacity && c->weight <= c->capacity - weight;
}

enum err chan_send(struct chan *c, void *item, uint64_t weight, int64_t deadline_ms) {
  enum err e = ERR_OK;
  pthread_mutex_lock(&c->lock);
  while (!c->closed && !has_room(c, weight))
    if (!wait_on(c, &c->not_full, &c->senders_waiting, deadline_ms)) {
      e = ERR_TIMEOUT;
      break;
    }
  if (c->closed) e = ERR_CLOSED;
  if (e == ERR_TIMEOUT && has_room(c, weight)) e = ERR_OK;
  if (e == ERR_OK) {
    c->ring[(c->head + c->count++) % c->slots] = (struct slot){item, weight};
    c->weight += weight;
    if (c->receivers_waiting) pthread_cond_signal(&c->not_empty);
  }
  pthread_mutex_unlock(&c->lock);
  return e;
}

enum err chan_receive(struct chan *c, void **items, size_t max, size_t *n, int64_t deadline_ms) {
  *n = 0;
  pthread_mutex_lock(&c->lock);
  while (c->count == 0 && !c->closed)
    if (!wait_on(c, &c->not_empty, &c->receivers_waiting, deadline_ms)) break;
  while (*n < max && c->count > 0) {
    items[(*n)++] = c->ring[c->head].item;
    c->weight -= c->ring[c->head].weight;
    c->head = (c->head + 1) % c->slots;
    c->count--;
  }
  if (*n > 0 && c->senders_waiting) pthread_cond_broadcast(&c->not_full);
  if (c->count > 0 && c->receivers_waiting) pthread_cond_signal(&c->not_empty);
  bool closed = c->closed;
  pthread_mutex_unlock(&c->lock);
  if (*n > 0) return ERR_OK;
  return closed ? ERR_CLOSED : ERR_TIMEOUT;
}

void chan_close(struct chan *c) {
  pthread_mutex_lock(&c->lock);
  c->closed = true;
  pthread_cond_broadcast(&c->not_full);
  pthread_cond_broadcast(&c->not_empty);
  pthread_mutex_unlock(&c->lock);
}

size_t chan_count(struct chan *c) {
  pthread_mutex_lock(&c->lock);
  size_t n = c->count;
  pthread_mutex_unlock(&c->lock);
  return n;
}
