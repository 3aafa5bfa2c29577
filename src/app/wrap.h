/*
 * wrap: sentences in lines of a given width.
 *
 * Lines are broken between words only, "(BEP 3)" being one word; a word that is too long for the
 * indented line begins as far left as it must, and is never cut, so that a hash can be copied. Each
 * byte counts as one column, which holds for the ASCII that our own sentences are in.
 */
#ifndef WEFT_APP_WRAP_H
#define WEFT_APP_WRAP_H

#include <stddef.h>

#include "base/buf.h"

/* Appends `text` and a newline. The first line begins at column `column`, where the caller is; the
 * others are indented by `indent` blanks. Returns nothing; see buf.h for overflow. */
void wrap_put(struct buf *out, const char *text, size_t column, size_t indent, size_t width);

#endif
