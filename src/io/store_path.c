#include "io/store_path.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/escape.h"
#include "base/log.h"

enum {
  EXTENSION_MAX = 32, /* bytes with the dot; what is longer is no extension */
  SUFFIX_ROOM = 8,    /* spare bytes behind every path, for ".500" */
};

/* ---- one element ----------------------------------------------------------------------------- */

/* May this character, `len` bytes, stand in a name: shows as itself, alone, and separates nothing?
 * */
static bool is_plain(const char *character, size_t len) {
  char shown[16];
  return *character != '/' && escape_term(character, len, shown, sizeof shown) == len;
}

/* The length without the extension: "a.tar.gz" -> 5; the whole of ".profile", of "name". */
static size_t stem_len(const char *name, size_t len) {
  for (size_t i = len; i > 1 && len - i < EXTENSION_MAX; i--)
    if (name[i - 1] == '.') return i - 1;
  return len;
}

/* Writes the stem of `name`, then `suffix`, then its extension; at most 255 bytes, for which the
 * stem is cut at a character. `out` may not be `name`. */
static void compose(const char *name, size_t len, const char *suffix,
                    char out[static STORE_PATH_ELEMENT_MAX + 1]) {
  size_t stem = stem_len(name, len);
  size_t suffix_len = strlen(suffix);
  size_t extension_len = len - stem;
  size_t room = STORE_PATH_ELEMENT_MAX - suffix_len - extension_len;
  size_t keep = stem < room ? stem : room;
  while (keep < stem && keep > 0 && ((uint8_t)name[keep] & 0xc0) == 0x80) keep--;
  memcpy(out, name, keep);
  memcpy(out + keep, suffix, suffix_len);
  memcpy(out + keep + suffix_len, name + stem, extension_len);
  out[keep + suffix_len + extension_len] = '\0';
}

/* Replaces what is not plain. Returns the length written to `out` (room for `len` bytes), and in
 * *kept how many characters came through. */
static size_t replace(const char *name, size_t len, char *out, size_t *kept) {
  size_t n = 0;
  *kept = 0;
  for (size_t i = 0; i < len;) {
    uint32_t cp = 0;
    size_t used = escape_utf8((const uint8_t *)name + i, len - i, &cp);
    if (used > 0 && is_plain(name + i, used)) {
      memcpy(out + n, name + i, used);
      n += used;
      ++*kept;
    } else {
      out[n++] = '_';
    }
    i += used ? used : 1;
  }
  return n;
}

/* Cleans into `out`; *kept as above, 0 also for "." and "..". False: out of memory. */
static bool clean(const char *name, size_t len, char out[static STORE_PATH_ELEMENT_MAX + 1],
                  size_t *kept) {
  char *whole = malloc(len + 1);
  if (whole == NULL) return false;
  size_t n = replace(name, len, whole, kept);
  bool dots = (n == 1 || n == 2) && whole[0] == '.' && whole[n - 1] == '.';
  if (n == 0 || dots) {
    *kept = 0;
    whole[0] = '_';
    n = 1;
  }
  compose(whole, n, "", out);
  free(whole);
  return true;
}

char *store_path_clean(const char *name, size_t len) {
  char element[STORE_PATH_ELEMENT_MAX + 1];
  size_t kept;
  return clean(name, len, element, &kept) ? strdup(element) : NULL;
}

char *store_path_top(const struct metainfo *m) {
  char element[STORE_PATH_ELEMENT_MAX + 1];
  size_t kept;
  if (!clean(m->name, m->name_len, element, &kept)) return NULL;
  if (kept == 0) crypto_hex(m->info_hash, sizeof m->info_hash, element);
  return strdup(element);
}

/* ---- the set of paths that are taken --------------------------------------------------------- */

struct taken {
  const char *path; /* not NUL-terminated: folders are the beginning of some file's path */
  uint32_t len;
  uint32_t hash;
  unsigned next; /* the suffix to try first for the next file that wants this path */
};

struct set {
  struct taken *slots; /* open addressing; path NULL: free */
  size_t cap;          /* a power of two, never more than half full */
  size_t used;
  uint64_t basis; /* secret, so that nobody can prepare names that all fall into one slot */
  uint64_t factor;
};

static uint8_t fold(char c) {
  return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static uint64_t hash_more(const struct set *s, uint64_t h, char c) {
  h = (h ^ fold(c)) * s->factor;
  return h ^ h >> 32;
}

static uint64_t hash_all(const struct set *s, const char *path, size_t len) {
  uint64_t h = s->basis;
  for (size_t i = 0; i < len; i++) h = hash_more(s, h, path[i]);
  return h;
}

static bool same(const struct taken *t, const char *path, size_t len, uint32_t hash) {
  if (t->hash != hash || t->len != len) return false;
  for (size_t i = 0; i < len; i++)
    if (fold(t->path[i]) != fold(path[i])) return false;
  return true;
}

/* The slot that holds the path, or the free one where it belongs. */
static struct taken *set_slot(const struct set *s, const char *path, size_t len, uint64_t h) {
  for (size_t i = (size_t)h & (s->cap - 1);; i = (i + 1) & (s->cap - 1)) {
    struct taken *t = &s->slots[i];
    if (t->path == NULL || same(t, path, len, (uint32_t)h)) return t;
  }
}

static bool set_grow(struct set *s) {
  struct set bigger = *s;
  bigger.cap = s->cap ? s->cap * 2 : 64;
  bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
  if (bigger.slots == NULL) return false;
  for (size_t i = 0; i < s->cap; i++) {
    struct taken *t = &s->slots[i];
    if (t->path == NULL) continue;
    *set_slot(&bigger, t->path, t->len, hash_all(s, t->path, t->len)) = *t;
  }
  free(s->slots);
  *s = bigger;
  return true;
}

/* Makes the path taken; it must stay where it is. False: out of memory. */
static bool set_add(struct set *s, const char *path, size_t len, uint64_t h) {
  if (s->used * 2 >= s->cap && !set_grow(s)) return false;
  struct taken *t = set_slot(s, path, len, h);
  if (t->path != NULL) return true;
  *t = (struct taken){.path = path, .len = (uint32_t)len, .hash = (uint32_t)h, .next = 1};
  s->used++;
  return true;
}

static bool set_init(struct set *s) {
  *s = (struct set){0};
  crypto_random(&s->basis, sizeof s->basis);
  crypto_random(&s->factor, sizeof s->factor);
  s->factor |= 1;
  return set_grow(s);
}

/* ---- all paths of a torrent ------------------------------------------------------------------ */

static bool on_disk(const struct metainfo_file *f) {
  return !f->padding && !(f->symlink && f->length == 0);
}

/* The cleaned elements joined by '/', with room for a suffix. NULL: out of memory. */
static char *join(const struct metainfo_file *f) {
  char *path = malloc(f->depth * (STORE_PATH_ELEMENT_MAX + 1) + SUFFIX_ROOM);
  size_t n = 0;
  for (size_t d = 0; path != NULL && d < f->depth; d++) {
    char element[STORE_PATH_ELEMENT_MAX + 1];
    size_t kept;
    if (!clean(f->path[d], f->path_len[d], element, &kept)) {
      free(path);
      return NULL;
    }
    if (d > 0) path[n++] = '/';
    size_t len = strlen(element);
    memcpy(path + n, element, len);
    n += len;
  }
  if (path == NULL) return NULL;
  path[n] = '\0';
  char *fitting = realloc(path, n + SUFFIX_ROOM);
  return fitting ? fitting : path;
}

/* Every folder above the file is taken. False: out of memory. */
static bool add_folders(struct set *s, const char *path) {
  uint64_t h = s->basis;
  for (size_t i = 0; path[i]; i++) {
    if (path[i] == '/' && !set_add(s, path, i, h)) return false;
    h = hash_more(s, h, path[i]);
  }
  return true;
}

/* Gives the file the first free name and takes it. The name changes in place, so the folders that
 * point into the string stay valid. */
static enum err settle(struct set *s, char *path, char *crowded) {
  size_t len = strlen(path);
  uint64_t h = hash_all(s, path, len);
  struct taken *holder = set_slot(s, path, len, h);
  if (holder->path == NULL) return set_add(s, path, len, h) ? ERR_OK : ERR_MEMORY;

  char *slash = strrchr(path, '/');
  char *name = slash ? slash + 1 : path;
  char original[STORE_PATH_ELEMENT_MAX + 1];
  size_t original_len = len - (size_t)(name - path);
  memcpy(original, name, original_len + 1);
  while (holder->next <= STORE_PATH_PROBES_MAX) {
    char suffix[SUFFIX_ROOM];
    snprintf(suffix, sizeof suffix, ".%u", holder->next++);
    char renamed[STORE_PATH_ELEMENT_MAX + 1];
    compose(original, original_len, suffix, renamed);
    memcpy(name, renamed, strlen(renamed) + 1);
    len = strlen(path);
    h = hash_all(s, path, len);
    if (set_slot(s, path, len, h)->path == NULL)
      return set_add(s, path, len, h) ? ERR_OK : ERR_MEMORY;
  }
  memcpy(crowded, original, original_len + 1);
  return ERR_LIMIT;
}

static enum err settle_all(char **paths, size_t count, char *crowded) {
  struct set set;
  if (!set_init(&set)) return ERR_MEMORY;
  enum err e = ERR_OK;
  for (size_t i = 0; i < count && e == ERR_OK; i++)
    if (paths[i] != NULL && !add_folders(&set, paths[i])) e = ERR_MEMORY;
  for (size_t i = 0; i < count && e == ERR_OK; i++)
    if (paths[i] != NULL) e = settle(&set, paths[i], crowded);
  free(set.slots);
  return e;
}

enum err store_path_try(const struct metainfo *m, char ***out,
                        char crowded[static STORE_PATH_ELEMENT_MAX + 1]) {
  *out = NULL;
  crowded[0] = '\0';
  char **paths = calloc(m->file_count, sizeof *paths);
  if (paths == NULL) return ERR_MEMORY;
  enum err e = ERR_OK;
  for (size_t i = 0; i < m->file_count && e == ERR_OK; i++) {
    if (!on_disk(&m->files[i])) continue;
    paths[i] = m->multi ? join(&m->files[i]) : store_path_top(m);
    if (paths[i] == NULL) e = ERR_MEMORY;
  }
  if (e == ERR_OK && m->multi) e = settle_all(paths, m->file_count, crowded);
  if (e != ERR_OK) {
    store_path_free(paths, m->file_count);
    return e;
  }
  *out = paths;
  return ERR_OK;
}

enum err store_path_all(const struct metainfo *m, char ***out) {
  char crowded[STORE_PATH_ELEMENT_MAX + 1];
  enum err e = store_path_try(m, out, crowded);
  if (e == ERR_LIMIT)
    log_error("the torrent has more than %d files of the name %s", STORE_PATH_PROBES_MAX, crowded);
  return e;
}

void store_path_free(char **paths, size_t count) {
  for (size_t i = 0; paths != NULL && i < count; i++) free(paths[i]);
  free(paths);
}
