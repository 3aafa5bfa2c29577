/*
 * present: what is on disk already when a download begins.
 *
 *   a record that fits the files exactly    its pieces are believed
 *   a record, but the files have changed    everything is hashed
 *   no record, files are there              everything is hashed
 *   nothing                                 then nothing shall be left either, should not one
 *                                           piece come
 *
 * After the hashing each file is judged by itself (io/store_whose): without --overwrite one that is
 * somebody else's ends it, before anything is touched.
 *
 * One thread at a time: before the download the one that opens (app/aside), after it the one that
 * puts away. The hashing runs on all cores beside it, so that it can show progress and obey
 * signals.
 */
#ifndef WEFT_APP_PRESENT_H
#define WEFT_APP_PRESENT_H

#include "app/options.h"
#include "app/report.h"
#include "base/bitset.h"
#include "base/err.h"
#include "io/store.h"

/* What present_open() found. `done` and the pointer `store` never change after it, and may then be
 * read from anywhere; for what the store itself allows see io/store. */
struct present {
  struct store *store; /* opened and locked; NULL if that failed */
  struct bitset done;  /* the pieces that are there */
  bool fresh;          /* there was neither a record nor a file with content */
  int sig;             /* the signal that ended the check, or 0 */
};

/*
 * Opens and locks the output, finds out which pieces are there, and gets everything ready to be
 * written; not if all is complete, as then nobody needs to be allowed to write. Fills *p, which is
 * to be given to present_close() also after failures; what was made is taken back by then.
 * `signals` comes from signals_open(). Waits for the disk; failures are told. Returns ERR_OK;
 * ERR_CANCELLED (signal); ERR_EXISTS (another weft, somebody else's files); ERR_ACCESS, ERR_SPACE,
 * ERR_NOT_FOUND, ERR_IO, ERR_FORMAT, ERR_MEMORY.
 */
enum err present_open(struct present *p, const struct options *o, const struct metainfo *m,
                      struct report *r, int signals);
/*
 * The end of a download that failed with `pieces` verified: if there is none, and nothing was there
 * before, removes everything that was made, the record last. An earlier run's record is kept with
 * its files. After a failed present_open() it does nothing. No other thread may use the store.
 */
void present_undo(struct present *p, const struct metainfo *m, uint32_t pieces);
/* Closes the store and frees. Safe on a zeroed struct. */
void present_close(struct present *p);

/* Bytes in the pieces of `done`. */
uint64_t present_bytes(const struct metainfo *m, const struct bitset *done);

#endif
