#include "proto/metainfo_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "proto/geometry.h"

static enum err out_of_memory(struct metainfo_error *err) {
  return metainfo_field_fail(err, ERR_MEMORY, "info.files", NULL, "out of memory");
}

/* Path pointers, lengths and the bytes themselves share one allocation, which `path` owns. */
static bool alloc_path(struct metainfo_file *file, size_t depth, size_t bytes, char **text) {
  file->path = malloc(depth * (sizeof(char *) + sizeof(size_t)) + bytes + depth);
  if (file->path == NULL) return false;
  file->path_len = (void *)(file->path + depth);
  *text = (void *)(file->path_len + depth);
  return true;
}

/* Adds one element at `*text`, where there is room for it, and moves that on. */
static void add_element(struct metainfo_file *file, const char *s, size_t len, char **text) {
  file->path[file->depth] = *text;
  file->path_len[file->depth++] = len;
  memcpy(*text, s, len);
  (*text)[len] = '\0';
  *text += len + 1;
}

/* Counts elements and bytes of a path. False if `list` is not a list of one or more strings. */
static bool measure_path(const struct ben_doc *d, ben_val list, size_t *depth, size_t *bytes) {
  *depth = 0;
  *bytes = 0;
  for (ben_val k = bencode_first(d, list); k != BEN_NONE; k = bencode_next(d, list, k)) {
    const char *s;
    size_t len;
    if (!bencode_str(d, k, &s, &len)) return false;
    *depth += 1;
    *bytes += len;
  }
  return bencode_is(d, list, BEN_LIST) && *depth > 0;
}

/* path.utf-8 or path: a list of strings, the folders and then the name. */
static enum err read_path(const struct ben_doc *d, ben_val entry, const char *where,
                          struct metainfo_file *file, struct metainfo_error *err) {
  size_t depth;
  size_t bytes;
  char *text;
  ben_val list = bencode_get(d, entry, "path.utf-8");
  if (!measure_path(d, list, &depth, &bytes)) {
    list = bencode_get(d, entry, "path");
    if (list == BEN_NONE) return metainfo_field_fail(err, ERR_FORMAT, where, "path", "is missing");
    if (!measure_path(d, list, &depth, &bytes))
      return metainfo_field_fail(err, ERR_FORMAT, where, "path",
                                 "must be a list of one or more strings");
  }
  if (depth > METAINFO_DEPTH_MAX)
    return metainfo_field_fail(err, ERR_LIMIT, where, "path", "has %zu elements, at most %d", depth,
                               METAINFO_DEPTH_MAX);
  if (!alloc_path(file, depth, bytes, &text)) return out_of_memory(err);
  for (ben_val k = bencode_first(d, list); k != BEN_NONE; k = bencode_next(d, list, k)) {
    const char *s;
    size_t len;
    if (bencode_str(d, k, &s, &len)) add_element(file, s, len, &text);
  }
  return ERR_OK;
}

/* BEP 47: "attr" is a string of letters in any order; unknown ones are ignored. */
static void read_attributes(const struct ben_doc *d, ben_val v, struct metainfo_file *file) {
  const char *s;
  size_t len;
  uint8_t md5[16];
  if (bencode_str(d, bencode_get(d, v, "attr"), &s, &len)) {
    file->padding = memchr(s, 'p', len) != NULL;
    file->executable = memchr(s, 'x', len) != NULL;
    file->hidden = memchr(s, 'h', len) != NULL;
    file->symlink = memchr(s, 'l', len) != NULL;
  }
  if (bencode_str(d, bencode_get(d, v, "md5sum"), &s, &len) &&
      crypto_unhex(s, len, md5, sizeof md5))
    memcpy(file->md5sum, s, len);
}

/* BitComet pads with files of this name, and did so before there was an attribute for it. */
static bool is_bitcomet_padding(const struct metainfo_file *file) {
  static const char prefix[] = "_____padding_file_";
  return strncmp(file->path[file->depth - 1], prefix, sizeof prefix - 1) == 0;
}

/* Places the file behind those before it. */
static enum err add_length(struct metainfo_files *f, struct metainfo_file *file, int64_t length,
                           const char *where, struct metainfo_error *err) {
  file->offset = f->total;
  file->length = (uint64_t)length;
  if (__builtin_add_overflow(f->total, file->length, &f->total) || f->total > GEOMETRY_TOTAL_MAX)
    return metainfo_field_fail(err, ERR_LIMIT, where, "length",
                               "the files are larger than 1 PiB together");
  return ERR_OK;
}

/* One entry of "files"; `file` is zeroed. */
static enum err read_entry(struct metainfo_files *f, const struct ben_doc *d, ben_val entry,
                           size_t index, struct metainfo_error *err) {
  struct metainfo_file *file = &f->all[index];
  char where[40];
  int64_t length = 0;
  snprintf(where, sizeof where, "info.files[%zu]", index);
  if (!bencode_is(d, entry, BEN_DICT))
    return metainfo_field_fail(err, ERR_FORMAT, where, NULL, "must be a dictionary");
  enum err e = metainfo_field_unique(d, entry, where, err);
  if (e != ERR_OK) return e;
  read_attributes(d, entry, file);
  if (!file->symlink) e = metainfo_field_number(d, entry, where, "length", 0, &length, err);
  if (e == ERR_OK) e = add_length(f, file, length, where, err);
  if (e == ERR_OK) e = read_path(d, entry, where, file, err);
  if (e == ERR_OK) file->padding = file->padding || is_bitcomet_padding(file);
  return e;
}

static enum err read_many(struct metainfo_files *f, const struct ben_doc *d, ben_val list,
                          struct metainfo_error *err) {
  if (!bencode_is(d, list, BEN_LIST))
    return metainfo_field_fail(err, ERR_FORMAT, "info", "files", "must be a list");
  size_t count = bencode_count(d, list);
  if (count == 0) return metainfo_field_fail(err, ERR_FORMAT, "info", "files", "is empty");
  if (count > METAINFO_FILES_MAX)
    return metainfo_field_fail(err, ERR_LIMIT, "info", "files", "lists %zu files, at most %d",
                               count, METAINFO_FILES_MAX);
  f->all = calloc(count, sizeof *f->all);
  if (f->all == NULL) return out_of_memory(err);
  f->count = count;
  f->multi = true;
  size_t i = 0;
  for (ben_val k = bencode_first(d, list); k != BEN_NONE; k = bencode_next(d, list, k)) {
    enum err e = read_entry(f, d, k, i++, err);
    if (e != ERR_OK) return e;
  }
  return ERR_OK;
}

/* The one file of a torrent is always written: padding would leave nothing. */
static enum err read_one(struct metainfo_files *f, const struct ben_doc *d, ben_val info,
                         const char *name, size_t name_len, struct metainfo_error *err) {
  int64_t length;
  char *text;
  enum err e = metainfo_field_number(d, info, "info", "length", 0, &length, err);
  if (e != ERR_OK) return e;
  f->all = calloc(1, sizeof *f->all);
  if (f->all == NULL) return out_of_memory(err);
  f->count = 1;
  read_attributes(d, info, f->all);
  f->all->padding = false;
  f->all->symlink = false;
  if (!alloc_path(f->all, 1, name_len, &text)) return out_of_memory(err);
  add_element(f->all, name, name_len, &text);
  return add_length(f, f->all, length, "info", err);
}

enum err metainfo_files_read(struct metainfo_files *f, const struct ben_doc *d, ben_val info,
                             const char *name, size_t name_len, struct metainfo_error *err) {
  *f = (struct metainfo_files){0};
  ben_val list = bencode_get(d, info, "files");
  bool single = bencode_get(d, info, "length") != BEN_NONE;
  if (list == BEN_NONE && !single)
    return metainfo_field_fail(err, ERR_FORMAT, "info", NULL,
                               "has neither \"length\" nor \"files\"");
  if (list != BEN_NONE && single)
    return metainfo_field_fail(err, ERR_FORMAT, "info", NULL, "has both \"length\" and \"files\"");
  if (single) return read_one(f, d, info, name, name_len, err);
  return read_many(f, d, list, err);
}

void metainfo_files_free(struct metainfo_file *all, size_t count) {
  for (size_t i = 0; i < count; i++) free(all[i].path);
  free(all);
}
