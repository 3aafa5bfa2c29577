/*
 * saver: the thread that keeps the resume record up to date.
 *
 * Every few seconds in which pieces were finished: take the list of verified pieces, sync the
 * data to disk, and only then write the record that claims them (io/resume). A sync may take
 * seconds on a slow disk; in a thread of its own it holds up neither the timers nor the signals.
 */
#ifndef WEFT_APP_SAVER_H
#define WEFT_APP_SAVER_H

#include <stdbool.h>

#include "base/err.h"
#include "io/store.h"
#include "proto/metainfo.h"
#include "swarm/pieces.h"

struct saver;

/* Starts the thread. All arguments must outlive it. ERR_OK, ERR_MEMORY. */
enum err saver_start(struct store *s, const struct metainfo *m, struct pieces *q,
                     struct saver **out);
/* The first sync that failed: what was written since the last good one can't be trusted. ERR_OK:
 * none. */
enum err saver_error(struct saver *v);
/* Ends the thread; with `save` after writing a last record. Waits. NULL is fine. */
void saver_stop(struct saver *v, bool save);

#endif
