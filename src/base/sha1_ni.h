/*
 * The SHA-1 compression function on the processor's own SHA instructions, up to four hashes at a
 * time. This is the engine room of base/sha1; nobody else needs it. It knows 64-byte blocks and
 * nothing of tails, padding or lengths.
 *
 * A "lane" is one hash among those that advance together. The lanes have nothing to do with each
 * other: they run side by side because one hash alone keeps the processor waiting (sha1_ni.c).
 */
#ifndef WEFT_BASE_SHA1_NI_H
#define WEFT_BASE_SHA1_NI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA1_BLOCK_LEN 64
#define SHA1_NI_LANES 4

/* One hash that has whole blocks to take in. */
struct sha1_ni_lane {
  uint32_t *state;     /* the five words a..e of this hash, read and written */
  const uint8_t *data; /* the next block; no alignment is needed */
  size_t blocks;       /* whole blocks waiting at `data` */
};

/*
 * Whether this processor has the instructions (SHA, SSE4.1, SSSE3). Asks the processor once;
 * any thread may call it at any time. Always false in a build for anything but x86-64.
 *
 * Returns true if sha1_ni_run may be called, false if it must not be.
 */
bool sha1_ni_usable(void);

/*
 * Takes as many blocks into each lane as the shortest lane holds, all lanes advancing together,
 * then moves `data` and `blocks` of each lane past them: on return at least one lane has
 * `blocks == 0`.
 *
 *   lanes    `count` lanes with different states, each with at least one block. The data may
 *            overlap; it is only read.
 *   count    1 to SHA1_NI_LANES.
 *
 * Never waits; touches nothing but its arguments. Call only where sha1_ni_usable() is true.
 * Returns nothing.
 */
void sha1_ni_run(struct sha1_ni_lane *lanes, size_t count);

#endif
