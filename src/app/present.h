/*
 * present: what is on disk already when a download begins.
 *
 *   a record that fits the files exactly    its pieces are believed
 *   a record, but the files have changed    they are ours: everything is hashed
 *   no record, files are there              hashed; if not one piece verifies they are somebody
 *                                           else's, and nothing is touched without --overwrite
 *
 * Main thread only. The hashing runs on all cores beside it, so that progress is shown and
 * signals are obeyed.
 */
#ifndef WEFT_APP_PRESENT_H
#define WEFT_APP_PRESENT_H

#include "app/options.h"
#include "app/report.h"
#include "base/bitset.h"
#include "base/err.h"
#include "io/store.h"

/*
 * Opens and locks the output, finds out which pieces are there, and gets everything ready to be
 * written. *out is the store (also after most failures: close it in any case), *done (zeroed by
 * the caller) has a bit for each piece that is there. `signals` comes from signals_open(); *sig
 * is set when one ended the check. Failures are told. ERR_OK; ERR_CANCELLED (signal); ERR_EXISTS
 * (another weft, somebody else's files); ERR_ACCESS, ERR_SPACE, ERR_NOT_FOUND, ERR_IO,
 * ERR_FORMAT, ERR_MEMORY.
 */
enum err present_open(const struct options *o, const struct metainfo *m, struct report *r,
                      int signals, int *sig, struct store **out, struct bitset *done);

/* Bytes in the pieces of `done`. */
uint64_t present_bytes(const struct metainfo *m, const struct bitset *done);

#endif
