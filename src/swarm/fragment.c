#include "swarm/fragment.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "proto/geometry.h"

enum { POOL_IDLE_MAX = 32 << 20 };

/* Few sizes, so that what one run gave back fits the next; pages that are not used cost nothing. */
static const uint32_t sizes[] = {2, 8, FRAGMENT_BLOCKS_MAX};
enum { CLASSES = sizeof sizes / sizeof sizes[0] };

struct fragment_pool {
  pthread_mutex_t lock;
  /* guarded by lock: */
  struct fragment *idle[CLASSES];
  uint64_t idle_bytes;
};

static unsigned class_of(uint32_t count) {
  unsigned c = 0;
  while (sizes[c] < count) c++;
  return c;
}

struct fragment_pool *fragment_pool_new(void) {
  struct fragment_pool *p = calloc(1, sizeof *p);
  if (p != NULL) pthread_mutex_init(&p->lock, NULL);
  return p;
}

/* The data come straight from the kernel and go straight back: on a heap, small things that live
 * longer would settle between them and pin its size. */
static void destroy(struct fragment *f) {
  munmap(f->data, (size_t)f->capacity * BLOCK_LEN);
  free(f);
}

void fragment_pool_free(struct fragment_pool *p) {
  if (p == NULL) return;
  for (unsigned c = 0; c < CLASSES; c++)
    while (p->idle[c] != NULL) {
      struct fragment *f = p->idle[c];
      p->idle[c] = f->next;
      destroy(f);
    }
  pthread_mutex_destroy(&p->lock);
  free(p);
}

static struct fragment *create(uint32_t capacity) {
  struct fragment *f = calloc(1, sizeof *f);
  if (f == NULL) return NULL;
  void *data = mmap(NULL, (size_t)capacity * BLOCK_LEN, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    free(f);
    return NULL;
  }
  f->data = data;
  f->capacity = capacity;
  return f;
}

/* Takes the last one given back of class `c`, or NULL. Caller must hold p->lock. */
static struct fragment *pop(struct fragment_pool *p, unsigned c) {
  struct fragment *f = p->idle[c];
  if (f == NULL) return NULL;
  p->idle[c] = f->next;
  p->idle_bytes -= (uint64_t)f->capacity * BLOCK_LEN;
  return f;
}

/* Takes idle fragments of other sizes, as much as one of class `c` needs: what is used changes as
 * rates become known, and memory is not to hold the most of every size. Caller must hold p->lock.
 */
static struct fragment *pop_others(struct fragment_pool *p, unsigned c) {
  struct fragment *list = NULL;
  uint32_t blocks = 0;
  for (unsigned k = 0; k < CLASSES && blocks < sizes[c]; k++) {
    struct fragment *f;
    while (k != c && blocks < sizes[c] && (f = pop(p, k)) != NULL) {
      blocks += f->capacity;
      f->next = list;
      list = f;
    }
  }
  return list;
}

struct fragment *fragment_get(struct fragment_pool *p, uint32_t count) {
  unsigned c = class_of(count);
  pthread_mutex_lock(&p->lock);
  struct fragment *f = pop(p, c);
  struct fragment *others = f == NULL ? pop_others(p, c) : NULL;
  pthread_mutex_unlock(&p->lock);
  while (others != NULL) {
    struct fragment *next = others->next;
    destroy(others);
    others = next;
  }
  if (f == NULL) f = create(sizes[c]);
  if (f == NULL) return NULL;
  *f = (struct fragment){.count = count, .capacity = f->capacity, .data = f->data};
  return f;
}

void fragment_put(struct fragment_pool *p, struct fragment *f) {
  if (f == NULL) return;
  uint64_t bytes = (uint64_t)f->capacity * BLOCK_LEN;
  unsigned c = class_of(f->capacity);
  pthread_mutex_lock(&p->lock);
  bool keep = p->idle_bytes + bytes <= POOL_IDLE_MAX;
  if (keep) {
    f->next = p->idle[c];
    p->idle[c] = f;
    p->idle_bytes += bytes;
  }
  pthread_mutex_unlock(&p->lock);
  if (!keep) destroy(f);
}
