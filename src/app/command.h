/*
 * command: what a command of weft is, and how its words are parsed.
 *
 * A command is one const struct in a file of its own, src/app/cmd_NAME.c: its name, its help, its
 * options, and the function that does it. The list of all is one line each in app/cmd. To add one:
 * write that file, add that line.
 *
 *   struct info_options { struct options common; bool list_pieces; };
 *
 *   static const struct command_option info_options[] = {
 *     {.name = "pieces", .kind = OPTION_FLAG, .field = offsetof(struct info_options, list_pieces),
 *      .help = "list the hash of every piece, however many"},
 *     OPTION_JSON("print one JSON object instead of text"),
 *     OPTIONS_OF_ALL("no warnings, only errors"),
 *     {.name = NULL},
 *   };
 *
 * Parsing, the help and the error messages all come from these tables, and the help lists the
 * options in their order. Long options have GNU spelling ("--max-peers 50", "--max-peers=50");
 * abbreviations are *not* accepted, as scripts must not break when an option is added. Options and
 * arguments may be mixed, "--" ends the options.
 */
#ifndef WEFT_APP_COMMAND_H
#define WEFT_APP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/options.h"

/* What an option takes, and the type of its field. */
enum option_kind {
  OPTION_HELP,     /* nothing; has no field */
  OPTION_FLAG,     /* nothing -> bool */
  OPTION_COUNT,    /* nothing, may repeat -> int */
  OPTION_TEXT,     /* anything but nothing -> const char * */
  OPTION_NUMBER,   /* -> uint32_t, within least..most */
  OPTION_PORT,     /* -> uint16_t, 1..65535 */
  OPTION_SIZE,     /* -> uint64_t bytes, at least `least` */
  OPTION_DURATION, /* -> int64_t milliseconds */
  OPTION_CHOICE,   /* one of `choices` -> an enum, whose values are the places in that list */
  OPTION_MAYBE,    /* the same, or no value at all: then the first but one; "off" is the first */
  OPTION_LIST,     /* anything but nothing, may repeat -> struct options_list */
  OPTION_TRACKER,  /* the URL of one, may repeat -> struct options_list */
  OPTION_PEER      /* may repeat -> peers[], peer_count of struct options */
};

struct command_option {
  const char *name;            /* "max-peers"; NULL ends the table */
  char letter;                 /* 'o', or 0 */
  enum option_kind kind;
  size_t field;                /* its offset in the struct of the command */
  const char *takes;           /* the word for its value in the help; NULL if it takes none */
  const char *help;            /* may hold newlines: 49 columns in each line */
  uint64_t least;              /* bounds where the kind has them */
  uint64_t most;
  const char *const *choices;  /* of OPTION_CHOICE and _MAYBE; NULL ends the list */
};

struct command {
  const char *name;
  const char *usage;    /* its arguments: "TORRENT [PATH]" */
  const char *summary;  /* one line for `weft -h` */
  const char *about;    /* a paragraph for `weft COMMAND -h` */
  const struct command_option *options;
  size_t size;          /* of its own struct, which begins with a struct options; 0: it has none */
  size_t least_args;
  size_t most_args;     /* OPTIONS_ARGS_MAX at most */
  bool path;            /* the second argument is another way to say --output */
  bool empty;           /* an argument may be empty */
  bool implied;         /* its name may be left out: `weft TORRENT`; one command is so */
  /* Does it. Returns the exit code. In the main thread, before there is any other. */
  int (*run)(const struct options *o);
};

/* The options that more than one command has; what is in brackets differs between them. */
#define OPTION_FIELD(member) .field = offsetof(struct options, member)
#define OPTION_OUTPUT(what) \
  {.name = "output", .letter = 'o', .kind = OPTION_TEXT, OPTION_FIELD(output), .takes = "PATH", \
   .help = what}
#define OPTION_JSON(what) \
  {.name = "json", .kind = OPTION_FLAG, OPTION_FIELD(json), .help = what}
#define OPTION_TIMEOUT(what) \
  {.name = "timeout", .kind = OPTION_DURATION, OPTION_FIELD(timeout_ms), .takes = "TIME", \
   .help = what "\n(default 60s; 0: never)"}
#define OPTION_TRACKERS \
  {.name = "tracker", .kind = OPTION_TRACKER, OPTION_FIELD(trackers), .takes = "URL", \
   .help = "also ask this tracker, first; up to 64 times"}, \
  {.name = "no-trackers", .kind = OPTION_FLAG, OPTION_FIELD(no_trackers), \
   .help = "do not ask the torrent's trackers"}
#define OPTION_TIMEOUT_OF_URL OPTION_TIMEOUT("give up on a URL or pipe that takes longer")
/* Every command ends its table with these. */
#define OPTIONS_OF_ALL(quiet_is) \
  {.name = "quiet", .letter = 'q', .kind = OPTION_FLAG, OPTION_FIELD(quiet), .help = quiet_is}, \
  {.name = "verbose", .letter = 'v', .kind = OPTION_COUNT, OPTION_FIELD(verbose), \
   .help = "say what happens; -vv: in every detail"}, \
  {.name = "log-file", .kind = OPTION_TEXT, OPTION_FIELD(log_file), .takes = "FILE", \
   .help = "append everything that -vv would say to FILE"}, \
  {.name = "help", .letter = 'h', .kind = OPTION_HELP, .help = "show this and exit"}

/* Sentences for `about`. */
#define COMMAND_TORRENT_IS \
  "TORRENT is a .torrent file, the http(s) URL of one, or \"-\" for standard input.\n"
#define COMMAND_PATH_IS(what) \
  "PATH says where " what ": inside PATH if it is a folder or ends in \"/\",\n" \
  "under the very name PATH if not, in the current folder if it is left out.\n"

/* Bytes of the struct that command_parse() fills for `c`. */
size_t command_size(const struct command *c);

enum command_result { COMMAND_OK, COMMAND_HELP, COMMAND_BAD };

/*
 * Parses argv[1..argc) for command `c` into *o, which has command_size(c) bytes: struct options at
 * its defaults, what is the command's own zeroed, before the first word. Strings point into argv.
 * `all`, which a NULL ends, is for saying that an option belongs to another command.
 * Returns COMMAND_OK; COMMAND_HELP: the help was written to stdout, exit 0; COMMAND_BAD: one
 * sentence was written to stderr, with a hint at the help, exit 2. Waits for nothing but a slow
 * reader of these.
 */
enum command_result command_parse(const struct command *c, const struct command *const *all,
                                  struct options *o, int argc, char **argv);

/* Writes the help of the whole program to stdout: `weft -h`. */
void command_overview(const struct command *const *all);

#endif
