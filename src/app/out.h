/*
 * out: standard output, where the data go that somebody asked for.
 *
 * Everything that `info`, `files`, `verify` and `-h` print passes through here, so that one place
 * knows what to do when it can't be written. A reader that has seen enough (`weft info x | head
 * -1`) is no error: the rest is dropped in silence. A full disk or a closed descriptor is one:
 * whoever asked did not get the data, so out_finish() says why. SIGPIPE is ignored by main. Main
 * thread only.
 */
#ifndef WEFT_APP_OUT_H
#define WEFT_APP_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Writes like printf; does nothing once a write has failed. */
__attribute__((format(printf, 1, 2))) void out_printf(const char *fmt, ...);
/* `len` bytes from outside, escaped for a terminal. */
void out_escaped(const char *text, size_t len);
/* One line of words, wrapped to out_columns(): it begins at column `column`, where the caller is;
 * the lines below are indented by `indent`. */
void out_wrapped(const char *text, size_t column, size_t indent);
/* Writes what `b` holds and empties it. */
void out_buf(struct buf *b);
/* Columns of the terminal that standard output is; 80 if it is none, or if nobody knows. */
size_t out_columns(void);
/* Sends on what has been written so far. */
void out_flush(void);
/* A write has failed: what follows would be for nobody. */
bool out_broken(void);
/* Flushes. Returns ERR_OK, also when the reader has gone; otherwise one sentence was logged:
 * ERR_SPACE, ERR_IO, ERR_ACCESS, or ERR_MEMORY when a buffer could not grow. */
enum err out_finish(void);

#endif
