#include "app/made.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "app/human.h"
#include "app/out.h"
#include "base/json.h"

static void print_sizes(const struct made *k) {
  char size[HUMAN_MAX];
  char piece[HUMAN_MAX];
  const char *out = k->out != NULL ? k->out : "-";
  out_printf("Torrent: ");
  out_escaped(out, strlen(out));
  out_printf("\nName: ");
  out_escaped(k->name, strlen(k->name));
  out_printf("\nSize: %s in %zu file%s, %u piece%s of %s\n", human_size(k->tree->total, size),
             k->tree->count, human_plural(k->tree->count), k->geo->pieces,
             human_plural(k->geo->pieces), human_size(k->geo->piece_len, piece));
}

static void print_files(const struct made *k) {
  const struct tree *t = k->tree;
  int width = 1;
  for (size_t i = 0; i < t->count; i++) {
    int digits = snprintf(NULL, 0, "%" PRIu64, t->files[i].length);
    if (digits > width) width = digits;
  }
  for (size_t i = 0; i < t->count && !out_broken(); i++) {
    out_printf("%*" PRIu64 "  ", width, t->files[i].length);
    out_escaped(k->name, strlen(k->name));
    if (!t->single) {
      out_printf("/");
      out_escaped(t->files[i].path, strlen(t->files[i].path));
    }
    out_printf("\n");
  }
}

static void json_file(struct json *j, const struct made *k, const struct tree_file *f) {
  json_open_object(j, NULL);
  json_open_array(j, "path");
  json_cstr(j, NULL, k->name);
  for (const char *p = f->path; !k->tree->single && p != NULL;) {
    size_t len = strcspn(p, "/");
    json_str(j, NULL, p, len);
    p = p[len] == '/' ? p + len + 1 : NULL;
  }
  json_close(j, ']');
  json_u64(j, "length", f->length);
  json_close(j, '}');
  out_buf(j->b);
}

void made_print_json(const struct made *k) {
  struct json j;
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  json_begin(&j, &b);
  json_open_object(&j, NULL);
  json_u64(&j, "version", 1);
  json_bool(&j, "dry_run", k->naming == NULL);
  json_cstr(&j, "torrent", k->out);
  json_cstr(&j, "name", k->name);
  json_u64(&j, "length", k->tree->total);
  json_u64(&j, "piece_length", k->geo->piece_len);
  json_u64(&j, "pieces", k->geo->pieces);
  json_bool(&j, "private", k->is_private);
  json_u64(&j, "file_count", k->tree->count);
  if (k->naming != NULL) {
    naming_json(k->naming, &j);
  } else {
    json_open_array(&j, "files");
    for (size_t i = 0; i < k->tree->count && !out_broken(); i++)
      json_file(&j, k, &k->tree->files[i]);
    json_close(&j, ']');
  }
  json_close(&j, '}');
  buf_put_u8(&b, '\n');
  out_buf(&b);
  buf_free(&b);
}

void made_print(const struct made *k) {
  if (k->naming == NULL) print_files(k);
  print_sizes(k);
  if (k->naming != NULL) naming_print(k->naming);
}
