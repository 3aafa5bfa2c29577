/*
 * exits: the exit codes, and which failure has which.
 *
 * A script sees nothing of a download but this number, so it is part of the contract: each is
 * named in the README and tested. 0 means that every wanted piece was verified, written and
 * synced under its final path; nothing else is 0.
 */
#ifndef WEFT_APP_EXITS_H
#define WEFT_APP_EXITS_H

#include "base/err.h"

enum exit_code {
  EXIT_OK = 0,
  EXIT_UNEXPECTED = 1,
  EXIT_USAGE = 2,
  EXIT_BAD_TORRENT = 3,
  EXIT_NO_SOURCE = 4,
  EXIT_DISK = 5,
  EXIT_RESOURCES = 6,
  EXIT_STALLED = 7,
  EXIT_MISMATCH = 8,
  EXIT_HOOK = 9,
  EXIT_INTERRUPTED = 130, /* as the shell has it: 128 + SIGINT */
  EXIT_TERMINATED = 143
};

/* The exit code for a failure of disk, memory or torrent that was told already: EXIT_RESOURCES for
 * ERR_MEMORY, EXIT_BAD_TORRENT for ERR_FORMAT, otherwise EXIT_DISK; EXIT_OK for ERR_OK. */
int exits_of(enum err e);

#endif
