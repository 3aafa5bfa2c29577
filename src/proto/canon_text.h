/*
 * canon_text: departures from canonical bencoding in words.
 *
 * One sentence for each kind that proto/canon tells apart: what was expected at that byte, what is
 * there instead, and the other place that it has to do with. Offsets count from 0. Keys and bytes
 * of the input pass through base/escape, so a sentence can go to a terminal as it is. Programs
 * compare the short name instead, which stays when a sentence changes.
 */
#ifndef WEFT_PROTO_CANON_TEXT_H
#define WEFT_PROTO_CANON_TEXT_H

#include "base/buf.h"
#include "proto/canon.h"

/* The short name of a kind ("unsorted-key"). Returns NULL only for what is no kind. */
const char *canon_text_name(enum canon_what what);

/* Appends the sentence for `f`, one of c->faults, without "at byte N" and without full stop. The
 * input must still be there. Returns nothing; see buf.h for overflow. */
void canon_text_put(const struct canon *c, const struct canon_fault *f, struct buf *out);

#endif
