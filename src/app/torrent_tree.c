#include "app/torrent_tree.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd_files.h"
#include "app/human.h"
#include "app/out.h"

static int compare_names(const struct metainfo_file *a, const struct metainfo_file *b, size_t i) {
  size_t x = a->path_len[i];
  size_t y = b->path_len[i];
  int c = memcmp(a->path[i], b->path[i], x < y ? x : y);
  return c ? c : (x > y) - (x < y);
}

/* How many folders at the start of both paths are the same. */
static size_t common(const struct metainfo_file *a, const struct metainfo_file *b) {
  size_t i = 0;
  while (i + 1 < a->depth && i + 1 < b->depth && compare_names(a, b, i) == 0) i++;
  return i;
}

/* Element by element, then by place. So a folder's files stand together. */
static int compare(const void *a, const void *b, void *arg) {
  const struct metainfo *m = arg;
  size_t x = *(const size_t *)a;
  size_t y = *(const size_t *)b;
  const struct metainfo_file *f = &m->files[x];
  const struct metainfo_file *g = &m->files[y];
  for (size_t i = 0; i < f->depth && i < g->depth; i++) {
    bool folder_f = i + 1 < f->depth;
    bool folder_g = i + 1 < g->depth;
    int c = compare_names(f, g, i);
    if (c != 0) return c;
    if (folder_f != folder_g) return folder_f ? 1 : -1;
  }
  return (x > y) - (x < y);
}

static void put_name(const char *name, size_t len) {
  if (len == 0) out_printf("(empty name)");
  out_escaped(name, len);
}

static void put_folder(const char *name, size_t len, int width, size_t depth) {
  out_printf("  %*s  %*s", width, "", 2 * (int)depth, "");
  put_name(name, len);
  out_printf("/\n");
}

static const char *remark(const struct metainfo_file *f) {
  return f->symlink      ? "  (symbolic link, not made)"
         : f->hidden     ? "  (hidden)"
         : f->executable ? "  (executable)"
                         : "";
}

/* A remark that has no room behind the name goes below it. */
static void put_file(const struct metainfo_file *f, int width, size_t depth) {
  const char *name = f->path[f->depth - 1];
  size_t len = f->path_len[f->depth - 1];
  size_t indent = 2 * depth + (size_t)width + 4;
  out_printf("  %*" PRIu64 "  %*s", width, f->length, 2 * (int)depth, "");
  put_name(name, len);
  if (*remark(f) != '\0' && indent + len + strlen(remark(f)) > out_columns())
    out_printf("\n%*s", (int)indent, "");
  out_printf("%s\n", remark(f));
}

/* A line of ours below the files. */
__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...) {
  char text[128];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  out_printf("  ");
  out_wrapped(text, 2, 4);
}

static void put_padding(const struct metainfo *m) {
  uint64_t bytes = 0;
  size_t count = m->file_count - cmd_files_count(m);
  for (size_t i = 0; i < m->file_count; i++)
    if (m->files[i].padding) bytes += m->files[i].length;
  if (count > 0) say("and %zu of padding, %" PRIu64 " bytes, which are not saved", count, bytes);
}

/* The files in `order`, below the folder that the torrent's name is. */
static void put_tree(const struct metainfo *m, const size_t *order, size_t n) {
  int width = cmd_files_width(m);
  out_printf("  %*s  ", width, "");
  cmd_files_name(m);
  out_printf("/\n");
  for (size_t i = 0; i < n && !out_broken(); i++) {
    const struct metainfo_file *f = &m->files[order[i]];
    size_t from = i > 0 ? common(f, &m->files[order[i - 1]]) : 0;
    for (size_t k = from; k + 1 < f->depth; k++)
      put_folder(f->path[k], f->path_len[k], width, k + 1);
    put_file(f, width, f->depth);
  }
}

enum err torrent_tree_print(const struct metainfo *m, size_t limit) {
  size_t n = 0;
  size_t *order = malloc((m->file_count + 1) * sizeof *order);
  if (order == NULL) return ERR_MEMORY;
  for (size_t i = 0; i < m->file_count; i++)
    if (!m->files[i].padding) order[n++] = i;
  union {
    const void *from;
    void *to;
  } arg = {.from = m}; /* which compare() only reads */
  qsort_r(order, n, sizeof *order, compare, arg.to);
  size_t shown = n < limit ? n : limit;
  out_printf("Files:\n");
  if (m->multi)
    put_tree(m, order, shown);
  else
    cmd_files_line(m, 0, cmd_files_width(m), "  ");
  if (shown < n)
    say("and %zu more file%s: 'weft files' lists all", n - shown, human_plural(n - shown));
  put_padding(m);
  free(order);
  return ERR_OK;
}
