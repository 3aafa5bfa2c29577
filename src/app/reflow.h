/*
 * reflow: text that was laid out for 80 columns, in fewer of them.
 *
 * The help of weft is written as it looks at 80 columns: paragraphs at the margin, and rows of two
 * parts with blanks in between, the second of which may go on below, at its column. On a narrow
 * terminal those lines would be cut where they end. This takes them apart and lays them out anew:
 * a paragraph is wrapped, a row's second part goes below its first, indented, unless it begins
 * close to the margin. It knows nothing of what the text says.
 */
#ifndef WEFT_APP_REFLOW_H
#define WEFT_APP_REFLOW_H

#include <stddef.h>

#include "base/buf.h"

/* Appends `text`, lines that each end with a newline, whose rows have their second parts at column
 * `column`, to `out` in `width` columns. Returns nothing; see buf.h for overflow. */
void reflow_put(struct buf *out, const char *text, size_t column, size_t width);

#endif
