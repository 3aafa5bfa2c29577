/*
 * command_help: the text of `weft -h` and `weft COMMAND -h`, and what somebody probably meant.
 *
 * The tables of the commands (app/command) become text that fits into 80 columns: what there is on
 * the left, what it does from column 28 on. Appends to a buffer, prints nothing, and knows of no
 * single command or option. A name that is not in a table may be one with a typing error; then it
 * is suggested, never taken for it.
 */
#ifndef WEFT_APP_COMMAND_HELP_H
#define WEFT_APP_COMMAND_HELP_H

#include <stddef.h>

#include "app/command.h"
#include "base/buf.h"

/* Where the second parts of rows begin, and how many columns the text is made for. */
enum { COMMAND_HELP_COLUMN = 28, COMMAND_HELP_WIDTH = 80 };

/* Appends usage, commands and exit codes of the whole program. A NULL ends `all`. */
void command_help_overview(struct buf *b, const struct command *const *all);
/* Appends usage, explanation and options of one command. */
void command_help_put(struct buf *b, const struct command *c);

/* Returns the name of the command that `word` is one typing error away from, or two if it is long;
 * or NULL. */
const char *command_help_near(const struct command *const *all, const char *word);
/* The same for the long options of `c`; `word` has `len` bytes. */
const char *command_help_near_option(const struct command *c, const char *word, size_t len);

#endif
