#include "app/torrent_paths.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

/* One element, cleaned, in fresh memory; counted if that changed it. */
static char *clean(struct torrent_paths *p, const char *name, size_t len) {
  char *safe = store_path_clean(name, len);
  if (safe == NULL || (strlen(safe) == len && memcmp(safe, name, len) == 0)) return safe;
  if (p->unsafe++ > 0) return safe;
  p->unsafe_name = name;
  p->unsafe_len = len;
  p->unsafe_saved = strdup(safe);
  if (p->unsafe_saved != NULL) return safe;
  free(safe);
  return NULL;
}

/* The path of a file with each element cleaned, in fresh memory; NULL: no memory. */
static char *join(struct torrent_paths *p, const struct metainfo_file *f) {
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  for (size_t i = 0; i < f->depth; i++) {
    char *safe = clean(p, f->path[i], f->path_len[i]);
    if (safe == NULL) b.failed = true;
    else buf_put_str(&b, safe);
    free(safe);
    buf_put_u8(&b, i + 1 < f->depth ? '/' : '\0');
  }
  char *path = b.failed ? NULL : strdup((const char *)b.data);
  buf_free(&b);
  return path;
}

static enum err clean_all(struct torrent_paths *p, const struct metainfo *m) {
  p->clean = calloc(m->file_count, sizeof *p->clean);
  if (p->clean == NULL) return ERR_MEMORY;
  p->count = m->file_count;
  char *top = m->name_len > 0 ? clean(p, m->name, m->name_len) : strdup("");
  if (top == NULL) return ERR_MEMORY;
  free(top);
  for (size_t i = 0; i < m->file_count && m->multi; i++) {
    if (m->files[i].padding || m->files[i].symlink) continue;
    p->clean[i] = join(p, &m->files[i]);
    if (p->clean[i] == NULL) return ERR_MEMORY;
  }
  return ERR_OK;
}

/* --- Who meets whom. --- */

/* By letters without their case, then with it, then by place. */
static int compare(const void *a, const void *b, void *arg) {
  const struct torrent_paths *p = arg;
  size_t x = *(const size_t *)a;
  size_t y = *(const size_t *)b;
  int c = strcasecmp(p->clean[x], p->clean[y]);
  if (c == 0) c = strcmp(p->clean[x], p->clean[y]);
  return c ? c : (x > y) - (x < y);
}

static void count_clash(const struct torrent_paths *p, struct torrent_paths_clash *clash,
                        size_t file) {
  if (clash->count++ > 0) return;
  clash->path = p->clean[file];
  clash->saved = p->saved != NULL ? p->saved[file] : NULL;
}

/* Does file `i` of a group that is alike lose its name? Without names on disk, all but one do. */
static bool renamed(const struct torrent_paths *p, const size_t *order, size_t i) {
  if (p->saved == NULL) return i > 0;
  size_t file = order[i];
  return p->saved[file] != NULL && strcmp(p->clean[file], p->saved[file]) != 0;
}

/* A group of paths that are equal without case, in `order`. Of those, one keeps its name. */
static void count_group(struct torrent_paths *p, const size_t *order, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (!renamed(p, order, i)) continue;
    bool same = (i > 0 && strcmp(p->clean[order[i - 1]], p->clean[order[i]]) == 0) ||
                (i + 1 < n && strcmp(p->clean[order[i + 1]], p->clean[order[i]]) == 0);
    count_clash(p, same ? &p->same : n > 1 ? &p->letters : &p->folders, order[i]);
  }
}

static enum err find_clashes(struct torrent_paths *p) {
  size_t n = 0;
  size_t *order = malloc((p->count + 1) * sizeof *order);
  if (order == NULL) return ERR_MEMORY;
  for (size_t i = 0; i < p->count; i++)
    if (p->clean[i] != NULL) order[n++] = i;
  qsort_r(order, n, sizeof *order, compare, p);
  for (size_t from = 0; from < n;) {
    size_t to = from + 1;
    while (to < n && strcasecmp(p->clean[order[from]], p->clean[order[to]]) == 0) to++;
    count_group(p, order + from, to - from);
    from = to;
  }
  free(order);
  return ERR_OK;
}

enum err torrent_paths_look(struct torrent_paths *p, const struct metainfo *m) {
  *p = (struct torrent_paths){0};
  enum err e = clean_all(p, m);
  if (e == ERR_OK && m->multi) e = store_path_try(m, &p->saved, p->crowded);
  if (e == ERR_LIMIT) e = ERR_OK;
  if (e == ERR_OK && m->multi) e = find_clashes(p);
  if (e != ERR_OK) torrent_paths_free(p);
  return e;
}

void torrent_paths_free(struct torrent_paths *p) {
  for (size_t i = 0; i < p->count && p->clean != NULL; i++) free(p->clean[i]);
  free(p->clean);
  store_path_free(p->saved, p->count);
  free(p->unsafe_saved);
  *p = (struct torrent_paths){0};
}
