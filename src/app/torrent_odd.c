#include "app/torrent_odd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/annotate_keys.h"
#include "app/human.h"
#include "app/torrent_paths.h"
#include "base/escape.h"
#include "io/store_path.h"
#include "proto/canon_text.h"

enum {
  SHOWN = 60,                  /* bytes of a name in a sentence */
  PIECE_MIN = 16 << 10,        /* smaller than a block (BEP 3) */
  PIECE_MAX = 16 << 20,
  FIRST_RELEASE = 994032000,   /* 2 July 2001 */
  DAY = 86400
};

/* A name in quotes, escaped and cut. */
struct shown {
  char text[8 * SHOWN + 8];
};

static struct shown show(const char *name, size_t len) {
  struct shown s;
  char safe[8 * SHOWN + 1];
  escape_term(name, len < SHOWN ? len : SHOWN, safe, sizeof safe);
  snprintf(s.text, sizeof s.text, "\"%s%s\"", safe, len > SHOWN ? "..." : "");
  return s;
}

__attribute__((format(printf, 3, 4))) static void add(struct torrent_odd *odd, const char *code,
                                                      const char *fmt, ...) {
  va_list ap;
  if (odd->count == TORRENT_ODD_MAX) return;
  odd->all[odd->count].code = code;
  va_start(ap, fmt);
  vsnprintf(odd->all[odd->count++].text, TORRENT_ODD_TEXT, fmt, ap);
  va_end(ap);
}

/* --- Where peers and data come from. --- */

static void find_private(struct torrent_odd *odd, const struct metainfo *m, const struct canon *c,
                         ben_val info) {
  const struct ben_doc *d = &c->doc;
  const uint8_t *p;
  size_t len;
  if (m->is_private && m->tier_count == 0)
    add(odd, "private-no-tracker",
        "it is private, so only trackers may tell of peers, but it names none");
  if (m->is_private && m->node_count > 0)
    add(odd, "private-nodes", "it is private, and yet it names nodes of the DHT");
  if (!bencode_raw(d, bencode_get(d, info, "private"), &p, &len)) return;
  if (len == 3 && (memcmp(p, "i0e", 3) == 0 || memcmp(p, "i1e", 3) == 0)) return;
  add(odd, "private-value",
      "\"private\" is neither 0 nor 1; weft takes it as 0, other programs may not");
}

static bool known_scheme(const char *url) {
  static const char *const schemes[] = {"http://", "https://", "udp://"};
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
    if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0) return true;
  return false;
}

static int compare_urls(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `urls` are all trackers, `n` of them. */
static void find_in_urls(struct torrent_odd *odd, const char **urls, size_t n) {
  size_t strange = 0;
  size_t repeated = 0;
  const char *first_strange = NULL;
  const char *first_repeated = NULL;
  qsort(urls, n, sizeof *urls, compare_urls);
  for (size_t i = 0; i < n; i++) {
    if (!known_scheme(urls[i]) && strange++ == 0) first_strange = urls[i];
    if (i > 0 && strcmp(urls[i - 1], urls[i]) == 0 && repeated++ == 0) first_repeated = urls[i];
  }
  if (strange > 0)
    add(odd, "tracker-scheme", "%zu tracker%s that weft knows no protocol for, as in %s", strange,
        human_plural(strange), show(first_strange, strlen(first_strange)).text);
  if (repeated > 0)
    add(odd, "tracker-repeated", "%zu tracker%s listed again, as in %s", repeated,
        human_plural(repeated), show(first_repeated, strlen(first_repeated)).text);
}

/* The URLs of "announce-list", and "announce", against what was kept of them. */
static void find_in_lists(struct torrent_odd *odd, const struct ben_doc *d, size_t kept,
                          const char *const *urls) {
  const char *s;
  size_t len;
  size_t entries = 0;
  ben_val list = bencode_get_typed(d, bencode_root(d), "announce-list", BEN_LIST);
  for (ben_val t = bencode_first(d, list); t != BEN_NONE; t = bencode_next(d, list, t))
    entries += bencode_is(d, t, BEN_LIST) ? bencode_count(d, t) : 1;
  if (entries > kept)
    add(odd, "tracker-unusable", "%zu of %zu entries of \"announce-list\" can't be used",
        entries - kept, entries);
  if (entries == 0 || !bencode_str(d, bencode_get(d, bencode_root(d), "announce"), &s, &len))
    return;
  for (size_t i = 0; i < kept; i++)
    if (strlen(urls[i]) == len && memcmp(urls[i], s, len) == 0) return;
  add(odd, "tracker-not-listed",
      "\"announce\" names %s, which is not in \"announce-list\"; programs that know that list ask "
      "only who is in it", show(s, len).text);
}

static enum err find_trackers(struct torrent_odd *odd, const struct metainfo *m,
                              const struct canon *c) {
  size_t n = 0;
  if (m->tier_count == 0 && m->node_count == 0 && m->web_seed_count == 0 &&
      m->http_seed_count == 0 && !m->is_private)
    add(odd, "no-source", "it names no tracker, no DHT node and no web seed");
  for (size_t i = 0; i < m->tier_count; i++) n += m->tiers[i].count;
  const char **urls = malloc((n + 1) * sizeof *urls);
  if (urls == NULL) return ERR_MEMORY;
  n = 0;
  for (size_t i = 0; i < m->tier_count; i++)
    for (size_t k = 0; k < m->tiers[i].count; k++) urls[n++] = m->tiers[i].urls[k];
  find_in_urls(odd, urls, n);
  find_in_lists(odd, &c->doc, n, urls);
  free(urls);
  return ERR_OK;
}

/* --- Names. --- */

static void add_clash(struct torrent_odd *odd, const struct torrent_paths_clash *clash,
                      const char *code, const char *what) {
  if (clash->count == 0) return;
  bool saved = clash->saved != NULL;
  add(odd, code, "%zu file%s %s, as in %s%s%s", clash->count, human_plural(clash->count), what,
      show(clash->path, strlen(clash->path)).text, saved ? ", which is saved as " : "",
      saved ? show(clash->saved, strlen(clash->saved)).text : "");
}

static enum err find_names(struct torrent_odd *odd, const struct metainfo *m) {
  struct torrent_paths p;
  enum err e = torrent_paths_look(&p, m);
  if (e != ERR_OK) return e;
  if (m->name_len == 0) add(odd, "no-name", "it has no name");
  if (p.unsafe > 0)
    add(odd, "unsafe-name", "%zu name%s can't be saved unchanged, as in %s, which becomes %s",
        p.unsafe, human_plural(p.unsafe), show(p.unsafe_name, p.unsafe_len).text,
        show(p.unsafe_saved, strlen(p.unsafe_saved)).text);
  add_clash(odd, &p.same, "same-path", "with the path of another");
  add_clash(odd, &p.letters, "case-clash", "with a path that differs from another in case only");
  add_clash(odd, &p.folders, "file-and-folder", "with the path of a folder");
  if (p.crowded[0] != '\0')
    add(odd, "too-many-alike", "more than %d files would be called %s: weft does not download it",
        STORE_PATH_PROBES_MAX, show(p.crowded, strlen(p.crowded)).text);
  torrent_paths_free(&p);
  size_t links = 0;
  for (size_t i = 0; i < m->file_count; i++) links += m->files[i].symlink;
  if (links > 0)
    add(odd, "symlink", "%zu symbolic link%s, which weft does not make", links,
        human_plural(links));
  return ERR_OK;
}

/* --- Numbers and bytes. --- */

static void find_numbers(struct torrent_odd *odd, const struct metainfo *m, int64_t now) {
  uint32_t n = m->geo.piece_len;
  if (metainfo_payload(m) == 0) add(odd, "empty", "it holds no data");
  if ((n & (n - 1)) != 0)
    add(odd, "piece-length", "the piece length of %u is no power of two", n);
  else if (n < PIECE_MIN)
    add(odd, "piece-length", "the piece length of %u is less than a block of 16 KiB", n);
  else if (n > PIECE_MAX)
    add(odd, "piece-length", "the piece length of %u MiB is more than many programs take", n >> 20);
  if (m->creation_date > now + DAY)
    add(odd, "date", "it says that it was made in the future");
  else if (m->has_creation_date && m->creation_date < FIRST_RELEASE)
    add(odd, "date", "it says that it was made before there was BitTorrent");
}

static void find_unknown(struct torrent_odd *odd, const struct ben_doc *d, ben_val info) {
  size_t count = 0;
  const char *first = "";
  size_t first_len = 0;
  for (ben_val k = bencode_first(d, info); k != BEN_NONE; k = bencode_next(d, info, k)) {
    const char *s;
    size_t len;
    if (bencode_str(d, k, &s, &len) && annotate_keys_find(PLACE_INFO, s, len) == NULL &&
        count++ == 0) {
      first = s;
      first_len = len;
    }
    k = bencode_next(d, info, k);
  }
  if (count > 0)
    add(odd, "unknown-key", "%zu key%s of \"info\" that weft does not know, as in %s: they only "
        "change the info hash", count, human_plural(count), show(first, first_len).text);
}

static void find_departures(struct torrent_odd *odd, const struct canon *c) {
  struct buf text;
  if (c->fault_count == 0) return;
  buf_init(&text, 4096);
  canon_text_put(c, &c->faults[0], &text);
  add(odd, "not-canonical", "the encoding is not canonical in %zu place%s, first at byte %u: %s; "
      "'weft decode --annotate' shows all", c->fault_count, human_plural(c->fault_count),
      c->faults[0].at, buf_cstr(&text));
  buf_free(&text);
}

enum err torrent_odd_find(struct torrent_odd *odd, const struct metainfo *m, const struct canon *c,
                          int64_t now) {
  odd->count = 0;
  ben_val info = bencode_get(&c->doc, bencode_root(&c->doc), "info");
  find_private(odd, m, c, info);
  enum err e = find_trackers(odd, m, c);
  if (e == ERR_OK) e = find_names(odd, m);
  if (e != ERR_OK) return e;
  find_numbers(odd, m, now);
  find_unknown(odd, &c->doc, info);
  find_departures(odd, c);
  return ERR_OK;
}
