/*
 * cmd_files: how `weft files` shows a file, for other commands too.
 *
 * As text it is one line: the size in bytes, two spaces, the path as the torrent says it, escaped.
 * As JSON it is an object; the essay in cmd_files.c says which members it has. Padding (BEP 47) is
 * no file that anybody gets, so text and counts leave it out. Everything here prints through
 * app/out; main thread only.
 */
#ifndef WEFT_APP_CMD_FILES_H
#define WEFT_APP_CMD_FILES_H

#include <stddef.h>

#include "base/json.h"
#include "proto/metainfo.h"

/* Prints one line: the size in `width` columns, and the path, with `indent` in front. */
void cmd_files_line(const struct metainfo *m, size_t file, int width, const char *indent);
/* Prints the torrent's name, escaped; if it has none, the one that its data get on disk. */
void cmd_files_name(const struct metainfo *m);
/* Appends the object of one file, an element of an array. */
void cmd_files_json(struct json *j, const struct metainfo *m, size_t file);
/* Returns the digits of the longest size. */
int cmd_files_width(const struct metainfo *m);
/* Returns how many files there are without padding. */
size_t cmd_files_count(const struct metainfo *m);

#endif
