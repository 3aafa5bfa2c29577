/*
 * cmd: the list of the commands, each in a file of its own.
 *
 * src/app/cmd_NAME.c defines `const struct command cmd_NAME` (app/command) and says all that is to
 * be said of it: options, help, what it does. A command gets its parsed options, the number of its
 * arguments checked, does its work in the main thread and returns the exit code. What was asked for
 * goes through app/out to stdout, which main flushes afterwards; errors are told to the log where
 * they are seen.
 */
#ifndef WEFT_APP_CMD_H
#define WEFT_APP_CMD_H

#include "app/command.h"

/* All of them, in the order of `weft -h`: X(NAME) for each. */
#define CMD_ALL(X) \
  X(download) \
  X(info) \
  X(files) \
  X(verify) \
  X(create) \
  X(edit) \
  X(magnet) \
  X(peers) \
  X(scrape) \
  X(decode) \
  X(handshake) \
  X(probe) \
  X(download_piece) \
  X(magnet_parse) \
  X(magnet_handshake) \
  X(magnet_info) \
  X(magnet_download_piece) \
  X(magnet_download)

#define CMD_DECLARE(name) extern const struct command cmd_##name;
CMD_ALL(CMD_DECLARE)
#undef CMD_DECLARE

/* The same as the elements of an array of pointers, with the NULL at its end. */
#define CMD_POINTER(name) &cmd_##name,
#define CMD_POINTERS CMD_ALL(CMD_POINTER) NULL

#endif
