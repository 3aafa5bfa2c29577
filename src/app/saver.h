/*
 * saver: the thread that waits for the disk, so that no other has to.
 *
 * Every few seconds in which pieces were finished it takes the list of verified pieces, syncs the
 * data to disk, and only then writes the record that claims them (io/resume). When all pieces are
 * there it is asked to finish: is it all really on the disk? A sync may take seconds on a slow
 * disk; here it holds up neither the timers nor the signals.
 *
 * At the end one more record is written. When there is hurry, because somebody pressed Ctrl-C, it
 * is one round of syncs at most: if one is under way and does not end at once, its record has to
 * do, though it claims less.
 */
#ifndef WEFT_APP_SAVER_H
#define WEFT_APP_SAVER_H

#include <stdbool.h>

#include "base/err.h"
#include "io/store.h"
#include "proto/metainfo.h"
#include "swarm/pieces.h"

struct saver;

/* Starts the thread. `bell` (io/net) rings whenever saver_finished() has something to say. All
 * arguments must outlive it. ERR_OK, ERR_MEMORY. */
enum err saver_start(struct store *s, const struct metainfo *m, struct pieces *q, int bell,
                     struct saver **out);
/* The first sync that failed, or the way in which the finish did: what was written since the last
 * good sync can't be trusted. ERR_OK: none. Never waits. */
enum err saver_error(struct saver *v);
/*
 * Asks for the end: store_finish(), and where that finds something lost also store_prepare()
 * (`how`), after which the lost pieces are MISSING again. No piece may be open, and nobody may
 * write, until it is over. Never waits; may be called again once it is over.
 */
void saver_finish(struct saver *v, enum store_allocate how);
/* Is it over? Says so once: *e is ERR_OK, ERR_NOT_FOUND (pieces were lost; their takers are to be
 * woken), or why it failed. Never waits. */
bool saver_finished(struct saver *v, enum err *e);
/* Ends the thread; with `save` after writing a last record, with `hurry` only if it is worth its
 * time. A finish that has begun is waited for. Waits for the disk. NULL is fine. */
void saver_stop(struct saver *v, bool save, bool hurry);

#endif
