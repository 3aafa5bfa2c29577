#include "proto/tiers.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Does it begin with one of the schemes, and does a host follow? */
static bool is_url(const char *url, const char *const *schemes) {
  const char *host = NULL;
  for (; *schemes != NULL && host == NULL; schemes++)
    if (strncasecmp(url, *schemes, strlen(*schemes)) == 0) host = url + strlen(*schemes);
  if (host == NULL || strchr("/:?#", *host) != NULL || strlen(url) > METAINFO_URL_LEN_MAX)
    return false;
  for (const char *c = url; *c != '\0'; c++)
    if ((uint8_t)*c <= ' ' || *c == 0x7f) return false;
  return true;
}

bool tiers_is_tracker(const char *url) {
  static const char *const schemes[] = {"http://", "https://", "udp://", "ws://", "wss://", NULL};
  return is_url(url, schemes);
}

bool tiers_is_web_seed(const char *url) {
  static const char *const schemes[] = {"http://", "https://", "ftp://", NULL};
  return is_url(url, schemes);
}

static bool is_there(const struct tiers *t, const struct metainfo_tier *fresh, const char *url) {
  for (size_t i = 0; i < t->count; i++)
    for (size_t u = 0; u < t->v[i].count; u++)
      if (strcmp(t->v[i].urls[u], url) == 0) return true;
  for (size_t u = 0; u < fresh->count; u++)
    if (strcmp(fresh->urls[u], url) == 0) return true;
  return false;
}

/* One URL of `len` bytes into a tier with room for it. */
static enum err add_url(const struct tiers *t, struct metainfo_tier *fresh, const char *text,
                        size_t len, const char **why) {
  enum err e = ERR_OK;
  char *url = strndup(text, len);
  if (url == NULL) return ERR_MEMORY;
  if (!tiers_is_tracker(url)) {
    *why = "a tracker is a URL such as http://example.org/announce or udp://example.org:6969";
    e = ERR_FORMAT;
  } else if (fresh->count == METAINFO_URLS_MAX) {
    *why = "a tier holds at most 64 trackers";
    e = ERR_LIMIT;
  } else if (!is_there(t, fresh, url)) {
    fresh->urls[fresh->count++] = url;
    return ERR_OK;
  }
  free(url);
  return e;
}

static void free_tier(struct metainfo_tier *tier) {
  for (size_t i = 0; i < tier->count; i++) free(tier->urls[i]);
  free(tier->urls);
  *tier = (struct metainfo_tier){0};
}

/* Makes room for one more tier. */
static enum err grow(struct tiers *t, const char **why) {
  if (t->count == METAINFO_TIERS_MAX) {
    *why = "there can be at most 64 tiers of trackers";
    return ERR_LIMIT;
  }
  struct metainfo_tier *more = realloc(t->v, (t->count + 1) * sizeof *more);
  if (more == NULL) return ERR_MEMORY;
  t->v = more;
  return ERR_OK;
}

enum err tiers_add(struct tiers *t, const char *text, const char **why) {
  struct metainfo_tier fresh = {.urls = calloc(METAINFO_URLS_MAX, sizeof *fresh.urls)};
  if (fresh.urls == NULL) return ERR_MEMORY;
  enum err e = grow(t, why);
  for (bool more = true; more && e == ERR_OK;) {
    size_t len = strcspn(text, ",");
    e = add_url(t, &fresh, text, len, why);
    more = text[len] == ',';
    text += len + 1;
  }
  if (e != ERR_OK || fresh.count == 0) {
    free_tier(&fresh);
    return e;
  }
  t->v[t->count++] = fresh;
  return ERR_OK;
}

void tiers_free(struct tiers *t) {
  for (size_t i = 0; i < t->count; i++) free_tier(&t->v[i]);
  free(t->v);
  *t = (struct tiers){0};
}
