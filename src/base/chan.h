/*
 * chan: a bounded channel of pointers between threads.
 *
 * Each item has a weight (bytes of payload); the channel holds at most `capacity` of weight, but
 * always takes one item when empty, however heavy. A full channel makes senders wait: that is how a
 * slow disk slows the network down instead of filling memory. The receiver takes everything that
 * waits in one call, so work collects into batches by itself just when there is much of it.
 */
#ifndef WEFT_BASE_CHAN_H
#define WEFT_BASE_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct chan; /* any number of senders and receivers */

/* Returns NULL when out of memory. `slots` bounds the number of items, `capacity` their weight. */
struct chan *chan_new(size_t slots, uint64_t capacity);
/* No thread may be inside another call. Items left in it are not freed. NULL is fine. */
void chan_free(struct chan *c);

/*
 * Waits for room until `deadline_ms`. Returns ERR_OK (the channel owns the item), ERR_TIMEOUT or
 * ERR_CLOSED (you still own it).
 */
enum err chan_send(struct chan *c, void *item, uint64_t weight, int64_t deadline_ms);

/*
 * Waits until at least one item is there, then takes up to `max` in order of arrival into `items`
 * and sets *n. Returns ERR_OK, ERR_TIMEOUT (*n = 0), or ERR_CLOSED when it is closed and empty.
 */
enum err chan_receive(struct chan *c, void **items, size_t max, size_t *n, int64_t deadline_ms);

/* Senders get ERR_CLOSED from now on; receivers still get what is in it. */
void chan_close(struct chan *c);

/* Items waiting now; may be old when it returns. */
size_t chan_count(struct chan *c);

#endif
