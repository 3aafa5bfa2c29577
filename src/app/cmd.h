/*
 * cmd: what main.c can start, one function per command, each in a file of its own.
 *
 * A command gets its parsed options (options_parse() has checked the number of arguments), does its
 * work in the main thread and returns the exit code. What was asked for goes through app/out to
 * stdout; errors are told to the log where they are seen. main flushes stdout afterwards.
 */
#ifndef WEFT_APP_CMD_H
#define WEFT_APP_CMD_H

#include <stddef.h>

#include "app/options.h"
#include "app/session.h"
#include "base/err.h"
#include "base/json.h"
#include "proto/metainfo.h"

/* `weft download TORRENT [PATH]`. Returns what session_run() returns, or torrent_load(). */
int cmd_download(const struct options *o);
/* `weft info TORRENT`. Returns EXIT_OK, or what torrent_load() returns. */
int cmd_info(const struct options *o);
/* `weft files TORRENT`. Returns EXIT_OK, or what torrent_load() returns. */
int cmd_files(const struct options *o);
/* `weft verify TORRENT [PATH]`. Returns EXIT_OK if everything matches, EXIT_MISMATCH, EXIT_DISK,
 * EXIT_RESOURCES, EXIT_INTERRUPTED, EXIT_TERMINATED, or what torrent_load() returns. */
int cmd_verify(const struct options *o);

/* One line of `weft files`: the size in `width` columns, and the path; `info` shows files like this
 * too. */
void cmd_files_line(const struct metainfo *m, size_t file, int width, const char *indent);
/* Prints the torrent's name, escaped; if it has none, the one that its data get on disk. */
void cmd_files_name(const struct metainfo *m);
/* The object of one file in the JSON of `files` and `info`. */
void cmd_files_json(struct json *j, const struct metainfo *m, size_t file);
/* Digits of the longest size. */
int cmd_files_width(const struct metainfo *m);
/* How many files there are without padding. */
size_t cmd_files_count(const struct metainfo *m);

#endif
