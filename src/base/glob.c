#include "base/glob.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

/* The character at `s` (not at its end); returns its length. A byte that is no UTF-8 gets a number
 * that no character has. */
static size_t character(const char *s, uint32_t *cp) {
  size_t n = escape_utf8((const uint8_t *)s, strnlen(s, 4), cp);
  if (n > 0) return n;
  *cp = 0x110000 + (uint8_t)*s;
  return 1;
}

/* A character of a pattern, with or without a backslash; returns what is behind it. */
static const char *literal(const char *p, uint32_t *cp) {
  if (p[0] == '\\' && p[1] != '\0') p++;
  return p + character(p, cp);
}

/* The set at `p`, which begins with '['. Returns what is behind its ']', and in *in whether `cp` is
 * a member; NULL: it has no end. */
static const char *match_set(const char *p, uint32_t cp, bool *in) {
  bool negated = p[1] == '!' || p[1] == '^';
  bool found = false;
  p += negated ? 2 : 1;
  for (bool first = true; *p != ']' || first; first = false) {
    uint32_t low, high;
    if (*p == '\0') return NULL;
    p = literal(p, &low);
    high = low;
    if (p[0] == '-' && p[1] != ']' && p[1] != '\0') p = literal(p + 1, &high);
    found = found || (low <= cp && cp <= high);
  }
  *in = found != negated && cp != '/';
  return p + 1;
}

/* Does one character of the pattern match the one at `*t`? Moves both on if so. */
static bool match_one(const char **p, const char **t) {
  uint32_t have, want;
  bool in;
  size_t n = character(*t, &have);
  const char *next;
  if (**p == '\0') return false;
  if (**p == '?') {
    in = have != '/';
    next = *p + 1;
  } else if (**p == '[' && (next = match_set(*p, have, &in)) != NULL) {
    /* `in` says it */
  } else {
    next = literal(*p, &want);
    in = want == have;
  }
  if (!in) return false;
  *p = next;
  *t += n;
  return true;
}

/* Where to go on when a guess was wrong: behind the last * or **, with one more taken by it. */
struct retry {
  const char *pattern; /* behind the star; NULL: there was none */
  const char *text;    /* what it has not taken */
  bool folders;        /* it takes whole folders */
};

/* Lets the star take more. False: it can't. */
static bool take_more(struct retry *r, bool deep) {
  if (r->pattern == NULL || *r->text == '\0' || (!deep && *r->text == '/')) return false;
  if (!r->folders) {
    uint32_t cp;
    r->text += character(r->text, &cp);
    return true;
  }
  const char *slash = strchr(r->text, '/');
  if (slash == NULL) return false;
  r->text = slash + 1;
  return true;
}

bool glob_match(const char *p, const char *t) {
  struct retry star = {0}; /* the last *, behind the last ** */
  struct retry deep = {0}; /* the last ** */
  for (;;) {
    if (p[0] == '*' && p[1] == '*') {
      bool folders = p[2] == '/';
      p += folders ? 3 : 2;
      deep = (struct retry){.pattern = p, .text = t, .folders = folders};
      star.pattern = NULL;
    } else if (*p == '*') {
      star = (struct retry){.pattern = ++p, .text = t};
    } else if (*t == '\0' && *p == '\0') {
      return true;
    } else if (*t != '\0' && match_one(&p, &t)) {
      continue;
    } else if (take_more(&star, false)) {
      p = star.pattern;
      t = star.text;
    } else if (take_more(&deep, true)) {
      p = deep.pattern;
      t = deep.text;
      star.pattern = NULL;
    } else {
      return false;
    }
  }
}

bool glob_match_path(const char *pattern, const char *path, bool is_folder) {
  char room[4096];
  size_t len = strlen(pattern);
  const char *slash = strrchr(path, '/');
  if (len > 1 && pattern[len - 1] == '/') {
    if (!is_folder || len > sizeof room) return false;
    snprintf(room, sizeof room, "%.*s", (int)len - 1, pattern);
    pattern = room;
  }
  if (strchr(pattern, '/') == NULL && slash != NULL) path = slash + 1;
  return glob_match(*pattern == '/' ? pattern + 1 : pattern, path);
}
