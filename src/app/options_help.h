/*
 * options_help: what a command and an option are, and the text of `weft -h` and `weft COMMAND -h`.
 *
 * The tables themselves stand in options.c; here they become text that fits into 80 columns. Also
 * finds the name that somebody probably meant. Appends to a buffer, prints nothing, and knows of no
 * single command or option.
 */
#ifndef WEFT_APP_OPTIONS_HELP_H
#define WEFT_APP_OPTIONS_HELP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* What an option takes and the type of its field. */
enum option_kind {
  OPTION_HELP,     /* nothing */
  OPTION_FLAG,     /* nothing -> bool */
  OPTION_COUNT,    /* nothing, may repeat -> int */
  OPTION_TEXT,     /* -> const char * */
  OPTION_NUMBER,   /* -> uint32_t, within least..most */
  OPTION_PORT,     /* -> uint16_t */
  OPTION_SIZE,     /* -> uint64_t bytes, at least `least` */
  OPTION_DURATION, /* -> int64_t milliseconds */
  OPTION_ALLOCATE, /* none, sparse or full -> enum store_allocate */
  OPTION_PEER,     /* may repeat -> peers[], peer_count */
  OPTION_TRACKER   /* may repeat -> trackers[], tracker_count */
};

struct option_spec {
  const char *name;    /* "max-peers" */
  char letter;         /* 'o', or 0 */
  uint8_t kind;        /* enum option_kind */
  uint8_t commands;    /* FOR_... */
  uint16_t offset;     /* of its field in struct options */
  uint64_t least;      /* bounds where the kind has them */
  uint64_t most;
  const char *takes;   /* the word for its value in the help; NULL if it takes none */
  const char *help;    /* may hold a newline between two lines of help */
};

struct command_spec {
  const char *name;
  uint8_t bit;         /* its FOR_... */
  bool implied;        /* its name may be left out: `weft TORRENT` */
  bool path;           /* the second argument is another way to say --output */
  size_t most_args;    /* each command needs one at least */
  const char *usage;   /* "TORRENT [PATH]" */
  const char *summary; /* one line for `weft -h` */
  const char *about;   /* a paragraph for `weft COMMAND -h` */
};

/* Appends usage, commands and exit codes of the whole program. */
void options_help_program(struct buf *b, const struct command_spec *commands, size_t count);
/* Appends usage, explanation and options of one command. */
void options_help_command(struct buf *b, const struct command_spec *c,
                          const struct option_spec *specs, size_t count);

/* The command that `word` is at most two typing errors away from, or NULL. */
const char *options_help_near_command(const struct command_spec *commands, size_t count,
                                      const char *word);
/* The same for the long options of command `c`; `len` bytes of `word`. */
const char *options_help_near_option(const struct command_spec *c, const struct option_spec *specs,
                                     size_t count, const char *word, size_t len);

#endif
