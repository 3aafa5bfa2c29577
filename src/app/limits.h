/*
 * limits: what the system lets this process have.
 *
 * A thousand peers are a thousand threads and two thousand descriptors; the usual limits and the
 * usual allocator are made for less. What can be raised is raised; where that is not enough weft
 * goes on with fewer connections, and says so.
 */
#ifndef WEFT_APP_LIMITS_H
#define WEFT_APP_LIMITS_H

#include <stdint.h>

/* Makes all threads share two heaps: a thousand that seldom allocate need not have one each. Before
 * any thread is started. */
void limits_tame_malloc(void);
/*
 * Raises the limit of descriptors as far as we may. Returns how many workers may be there at a
 * time, each of which needs a socket and a bell: at most some more than `max_peers`, as some only
 * dial. If fewer, the log has a warning; 0: there are too few descriptors to do anything, logged.
 */
uint32_t limits_workers(uint32_t max_peers);

#endif
