/*
 * annotated: reads the tree of app/annotate as a person would, and holds it against its input.
 *
 * annotated_check() demands that the lines account for the bytes in their order, none twice, and
 * none left out but the blanks that a remark names and what stands behind the end of the walk; and
 * that no byte of the input reaches the text unescaped. It returns NULL, or what is wrong.
 */
#ifndef WEFT_TESTS_ANNOTATED_H
#define WEFT_TESTS_ANNOTATED_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "app/annotate.h"

/* Does the text hold what a terminal would obey? */
static inline bool annotated_obeyed(const char *text, size_t len) {
  static const char *const tricks[] = {"\xc2\x9b", "\xe2\x80\xae", "\xe2\x81\xa6", "\xef\xbb\xbf"};
  for (size_t i = 0; i < len; i++)
    if ((uint8_t)text[i] < ' ' && text[i] != '\n') return true;
  if (memchr(text, 0x7f, len) != NULL) return true;
  for (size_t i = 0; i < sizeof tricks / sizeof *tricks; i++)
    if (strstr(text, tricks[i]) != NULL) return true;
  return false;
}

/* Is there nothing but blanks of the input in [from, to)? */
static inline bool annotated_blank(const struct canon *c, size_t from, size_t to) {
  for (; from < to; from++)
    if (memchr(" \t\r\n", c->doc.in[from], 4) == NULL) return false;
  return true;
}

/* The whole tree of `c` in `out`, in steps. */
static inline void annotated_make(const struct canon *c, const struct annotate_options *o,
                                  struct buf *out) {
  struct annotate a;
  annotate_begin(&a, c, o);
  while (annotate_step(&a, out))
    ;
}

static inline const char *annotated_check(const struct canon *c, const char *text, size_t len) {
  size_t covered = 0;
  if (annotated_obeyed(text, len)) return "a control character came through";
  for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
    unsigned at;
    unsigned size;
    int used = 0;
    char copy[256];
    if (strchr(line, '\n') == NULL) return "the last line has no end";
    if (line[0] == '\n') break; /* the summary */
    snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\n"), line);
    if (sscanf(copy, "%u %u%n", &at, &size, &used) != 2) continue;
    if (strncmp(copy + used, "  ", 2) != 0) continue; /* words that begin with numbers */
    if (at < covered || !annotated_blank(c, covered, at)) return "a byte is in no line, or in two";
    if (size == 0 || at + size > c->len) return "a line is about more than there is";
    bool container = c->doc.in[at] == 'd' || c->doc.in[at] == 'l';
    covered = at + (container ? 1 : size);
  }
  if (!annotated_blank(c, covered, c->doc.in_len)) return "the end is in no line";
  return NULL;
}

#endif
