/*
 * mend: would `weft download` mend what `weft verify` found, and if not, what has to be done first?
 *
 * Files that are damaged or missing are what a download puts right, unless
 *   - something is in the way, or is not known to be of this torrent (app/foreign): then it
 *     refuses to begin;
 *   - there is a record of an unfinished download, and the files have the sizes and times that it
 *     names (io/resume): then the pieces that it claims are believed, and what went wrong in them
 *     without a trace would stay wrong.
 *
 * A promise that the next command breaks is worse than none, so this asks just those who will
 * decide then.
 */
#ifndef WEFT_APP_MEND_H
#define WEFT_APP_MEND_H

#include "base/bitset.h"
#include "base/buf.h"
#include "io/store.h"
#include "proto/metainfo.h"

/* Appends one sentence for a terminal to `b`, escaped. `s` comes from store_open(), for reading
 * alone or not; of `m`, the pieces in `good` verify, and not all do. Changes nothing on disk. Waits
 * for the disk; if that fails, which is logged, there is no sentence. */
void mend_advise(struct store *s, const struct metainfo *m, const struct bitset *good,
                 struct buf *b);

#endif
