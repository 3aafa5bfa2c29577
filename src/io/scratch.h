/*
 * scratch: a file without a name, for bytes that may be needed and mostly are not.
 *
 * It is divided into slots of one length, taken and given back by number. It lies on the file
 * system of the download (O_TMPFILE), where there is room for more than fits into memory; where
 * that cannot be, in memory (memfd). It has no name at any time, so nothing is left behind
 * whatever ends us. What was never written reads as zeros or as what was in the slot before.
 * Belongs to one thread at a time.
 */
#ifndef WEFT_IO_SCRATCH_H
#define WEFT_IO_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct scratch;

/* `dirfd`: the folder on whose file system it is to be, needed only during the call. `slot_len`
 * bytes each. To be freed with scratch_free(). NULL: no memory, or no descriptor. */
struct scratch *scratch_new(int dirfd, uint64_t slot_len);
void scratch_free(struct scratch *s); /* NULL is fine */

/* Takes a slot. ERR_OK, ERR_MEMORY. */
enum err scratch_take(struct scratch *s, uint32_t *slot);
/* Gives it back: the next that is taken may be it. */
void scratch_give(struct scratch *s, uint32_t slot);

/* Writes / reads [offset, offset + len) of a slot that is taken; waits for the disk. ERR_OK,
 * ERR_SPACE, ERR_IO, both logged. */
enum err scratch_write(struct scratch *s, uint32_t slot, uint64_t offset, const void *data,
                       size_t len);
enum err scratch_read(struct scratch *s, uint32_t slot, uint64_t offset, void *data, size_t len);

#endif
