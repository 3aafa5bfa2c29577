#include "io/http_redact.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "io/http.h"

enum {
  KEY_RUN = 16, /* so many letters and digits in a row, a digit among them, look like a key */
  KEY_LONG = 24 /* so many of the base64 alphabet do without a digit, unless there is a dot */
};

struct sink {
  char *out;
  size_t left; /* room, the NUL included */
};

static void put(struct sink *s, const char *text, size_t len) {
  if (len >= s->left) return;
  memcpy(s->out, text, len);
  s->out += len;
  s->left -= len;
  *s->out = '\0';
}

/* Visible ASCII as it is, everything else as %XX. */
static void put_visible(struct sink *s, const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    char hex[4];
    if (c > 0x20 && c < 0x7f) {
      put(s, &text[i], 1);
    } else {
      snprintf(hex, sizeof hex, "%%%02X", (unsigned)c);
      put(s, hex, 3);
    }
  }
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Does a path element contain what could be a key? */
static bool is_key(const char *p, size_t len) {
  size_t run = 0;
  size_t wide = 0;
  size_t widest = 0;
  bool digit = false;
  for (size_t i = 0; i < len; i++) {
    if (!is_alnum(p[i])) digit = false;
    run = is_alnum(p[i]) ? run + 1 : 0;
    digit = digit || is_digit(p[i]);
    if (run >= KEY_RUN && digit) return true;
    wide = is_alnum(p[i]) || strchr("-_=%", p[i]) != NULL ? wide + 1 : 0;
    if (wide > widest) widest = wide;
  }
  return widest >= KEY_LONG && memchr(p, '.', len) == NULL;
}

static void put_path(struct sink *s, const char *path, size_t len) {
  for (size_t i = 0; i < len;) {
    if (path[i] == '/') {
      put(s, &path[i++], 1);
      continue;
    }
    const char *slash = memchr(path + i, '/', len - i);
    size_t n = slash == NULL ? len - i : (size_t)(slash - path) - i;
    if (is_key(path + i, n))
      put(s, "...", 3);
    else
      put_visible(s, path + i, n);
    i += n;
  }
}

/* "a=1&b=2" as "a=...&b=..."; a part without "=" is hidden whole. */
static void put_query(struct sink *s, const char *query, size_t len) {
  put(s, "?", 1);
  for (size_t i = 0; i <= len;) {
    const char *end = i < len ? memchr(query + i, '&', len - i) : NULL;
    size_t n = end == NULL ? len - i : (size_t)(end - query) - i;
    const char *equals = n > 0 ? memchr(query + i, '=', n) : NULL;
    if (equals != NULL) put_visible(s, query + i, (size_t)(equals - query) - i + 1);
    if (n > 0) put(s, "...", 3);
    if (end != NULL) put(s, "&", 1);
    i += n + 1;
  }
}

/* Where the authority of a URL is; false if it has none. User info is at [*start, *host). */
static bool split_authority(const char *url, size_t *start, size_t *host, size_t *end) {
  const char *mark = strstr(url, "://");
  if (mark == NULL || strcspn(url, "/?#") < (size_t)(mark - url)) return false;
  *start = (size_t)(mark - url) + 3;
  *end = *start + strcspn(url + *start, "/?#\\");
  *host = *start;
  for (size_t i = *start; i < *end; i++)
    if (url[i] == '@') *host = i + 1;
  return true;
}

const char *http_redact_host(const char *url, char *out, size_t size) {
  struct sink s = {out, size};
  size_t start;
  size_t host;
  size_t end;
  *out = '\0';
  if (split_authority(url, &start, &host, &end)) put_visible(&s, url + host, end - host);
  return out;
}

const char *http_redact(const char *url, char *out, size_t size) {
  struct sink s = {out, size};
  size_t start = 0;
  size_t host = 0;
  size_t end = 0;
  *out = '\0';
  if (split_authority(url, &start, &host, &end)) {
    put_visible(&s, url, start);
    if (host > start) put(&s, "...@", 4);
    put_visible(&s, url + host, end - host);
  }
  size_t path_len = strcspn(url + end, "?#");
  put_path(&s, url + end, path_len);
  const char *query = url + end + path_len;
  if (*query == '?') put_query(&s, query + 1, strcspn(query + 1, "#"));
  return out;
}
