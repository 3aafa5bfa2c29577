#include "app/rehearsal.h"

#include <stdlib.h>
#include <string.h>

#include "app/exits.h"
#include "base/log.h"
#include "io/store_path.h"
#include "proto/bencode.h"
#include "proto/metainfo.h"

/* Says how many of the names become others, and shows one. */
static void warn(size_t changed, const char *from, const char *to) {
  if (changed == 0) return;
  log_warn("%zu name%s not safe everywhere: whoever downloads this, with weft or others, may get "
           "another one, such as '%.200s' for '%.200s'",
           changed, changed == 1 ? " is" : "s are", to, from);
}

/* Compares the names here with those of a download. */
static enum err compare(const struct metainfo *m, const struct tree *t, const char *name) {
  size_t changed = 0;
  size_t first = 0;
  char **paths;
  char *top = store_path_top(m);
  if (top == NULL) return ERR_MEMORY;
  bool renamed = strcmp(top, name) != 0;
  enum err e = store_path_all(m, &paths);
  if (e == ERR_OK && !t->single) {
    for (size_t i = 0; i < t->count; i++)
      if (strcmp(paths[i], t->files[i].path) != 0 && changed++ == 0) first = i;
    if (changed > 0) warn(changed, t->files[first].path, paths[first]);
  }
  if (e == ERR_OK && renamed) warn(1, name, top);
  if (e == ERR_OK) store_path_free(paths, m->file_count);
  free(top);
  return e;
}

static bool is_refused(const char *path) {
  return strpbrk(path, "\b\t\n\f\r") != NULL;
}

/* The names that aria2 refuses. False: that is the end, and it is told. */
static bool check_names(const struct tree *t, const char *name, bool allowed) {
  size_t count = is_refused(name);
  const char *first = name;
  for (size_t i = 0; i < t->count && !t->single; i++)
    if (is_refused(t->files[i].path) && count++ == 0) first = t->files[i].path;
  if (count == 0) return true;
  if (allowed)
    log_warn("aria2 refuses this torrent: a tab, line break or the like is in %zu name%s, such as "
             "'%.200s'", count, count == 1 ? "" : "s", first);
  else
    log_error("a tab, line break or the like is in %zu name%s, such as '%.200s', and aria2 refuses "
              "such torrents; rename, leave out with --exclude, or insist with --odd-names",
              count, count == 1 ? "" : "s", first);
  return allowed;
}

static void tell_refusal(enum err e, const struct metainfo_error *why) {
  if (e == ERR_LIMIT && strcmp(why->field, "torrent") == 0)
    log_error("readers would refuse this torrent: the paths of so many files take more than %zu "
              "bencoded values; make several torrents of them", bencode_torrent_limits.max_tokens);
  else
    log_error("readers would refuse this torrent: %s%s%s", why->field, why->field[0] ? ": " : "",
              why->why);
}

int rehearsal_run(const struct buf *torrent, const struct tree *t, const char *name,
                  bool odd_names) {
  struct metainfo m;
  struct metainfo_error why;
  if (!check_names(t, name, odd_names)) return EXIT_BAD_TORRENT;
  enum err e = metainfo_parse(&m, torrent->data, torrent->len, &why);
  if (e != ERR_OK && e != ERR_MEMORY) {
    tell_refusal(e, &why);
    return EXIT_BAD_TORRENT;
  }
  if (e == ERR_OK) {
    e = compare(&m, t, name);
    metainfo_free(&m);
  }
  if (e == ERR_OK || e == ERR_LIMIT) return EXIT_OK; /* too many collisions: told, no failure */
  log_error("there is not enough memory to make this torrent");
  return EXIT_RESOURCES;
}
