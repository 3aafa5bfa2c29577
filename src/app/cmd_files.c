/*
 * weft files: the files of a torrent, one per line, size in bytes and path.
 *
 * Paths are as the torrent says them, with its name in front if it holds a folder; on disk they may
 * differ where a name is unsafe (io/store_path). Padding (BEP 47) is no file that anybody gets, so
 * only --json shows it. With --json: {"version": 1, "name": ..., "info_hash": ..., "files":
 * [{"path": [...], "length": ..., "offset": ..., "padding": ..., "executable": ..., "hidden": ...,
 * "symlink": ..., "md5sum": ...}]}; a path is a list, because an element may hold any byte, even a
 * slash.
 */
#include "app/cmd_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "app/exits.h"
#include "app/out.h"
#include "app/torrent.h"
#include "io/store_path.h"

int cmd_files_width(const struct metainfo *m) {
  uint64_t most = 0;
  for (size_t i = 0; i < m->file_count; i++)
    if (!m->files[i].padding && m->files[i].length > most) most = m->files[i].length;
  return snprintf(NULL, 0, "%" PRIu64, most);
}

size_t cmd_files_count(const struct metainfo *m) {
  size_t n = 0;
  for (size_t i = 0; i < m->file_count; i++)
    if (!m->files[i].padding) n++;
  return n;
}

void cmd_files_name(const struct metainfo *m) {
  char *top = m->name_len > 0 ? NULL : store_path_top(m);
  out_escaped(top != NULL ? top : m->name, top != NULL ? strlen(top) : m->name_len);
  free(top);
}

void cmd_files_line(const struct metainfo *m, size_t file, int width, const char *indent) {
  const struct metainfo_file *f = &m->files[file];
  out_printf("%s%*" PRIu64 "  ", indent, width, f->length);
  if (m->multi || m->name_len == 0) cmd_files_name(m);
  if (m->multi) out_printf("/");
  for (size_t i = 0; i < f->depth; i++) {
    if (i > 0) out_printf("/");
    out_escaped(f->path[i], f->path_len[i]);
  }
  out_printf("\n");
}

void cmd_files_json(struct json *j, const struct metainfo *m, size_t file) {
  const struct metainfo_file *f = &m->files[file];
  json_open_object(j, NULL);
  json_open_array(j, "path");
  if (m->multi) json_str(j, NULL, m->name, m->name_len);
  for (size_t i = 0; i < f->depth; i++) json_str(j, NULL, f->path[i], f->path_len[i]);
  json_close(j, ']');
  json_u64(j, "length", f->length);
  json_u64(j, "offset", f->offset);
  json_bool(j, "padding", f->padding);
  json_bool(j, "executable", f->executable);
  json_bool(j, "hidden", f->hidden);
  json_bool(j, "symlink", f->symlink);
  json_cstr(j, "md5sum", f->md5sum[0] != '\0' ? f->md5sum : NULL);
  json_close(j, '}');
}

static void print_json(const struct metainfo *m) {
  struct json j;
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  json_begin(&j, &b);
  json_open_object(&j, NULL);
  json_u64(&j, "version", 1);
  json_str(&j, "name", m->name, m->name_len);
  json_hex(&j, "info_hash", m->info_hash, sizeof m->info_hash);
  json_open_array(&j, "files");
  for (size_t i = 0; i < m->file_count && !out_broken(); i++) {
    cmd_files_json(&j, m, i);
    out_buf(&b);
  }
  json_close(&j, ']');
  json_close(&j, '}');
  buf_put_u8(&b, '\n');
  out_buf(&b);
  buf_free(&b);
}

static int run(const struct options *o) {
  struct metainfo m;
  int code = torrent_load(&m, o->args[0], o->timeout_ms);
  if (code != EXIT_OK) return code;
  int width = cmd_files_width(&m);
  if (o->json) {
    print_json(&m);
  } else {
    for (size_t i = 0; i < m.file_count && !out_broken(); i++)
      if (!m.files[i].padding) cmd_files_line(&m, i, width, "");
  }
  metainfo_free(&m);
  return EXIT_OK;
}

static const struct command_option options[] = {
  OPTION_TIMEOUT_OF_URL,
  OPTION_JSON("print one JSON object instead of text"),
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_files = {
  .name = "files",
  .usage = "TORRENT",
  .summary = "list the files: size in bytes and path",
  .about = "Lists the files of a torrent, one per line: size in bytes, two spaces, path.\n"
           COMMAND_TORRENT_IS,
  .options = options,
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
