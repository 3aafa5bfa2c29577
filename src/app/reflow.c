#include "app/reflow.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "app/wrap.h"

enum { BELOW = 6 }; /* indentation of a second part that goes below its first */

/* What is being collected: a paragraph, or one part of a row. */
struct state {
  struct buf *out;
  struct buf text;
  size_t width;
  size_t column;  /* of second parts in the input */
  size_t start;   /* column of the first line that comes out */
  size_t indent;  /* of the others */
  bool at_margin; /* a paragraph: the next line at the margin belongs to it */
  bool second;    /* a second part: the next line at `column` belongs to it */
};

static void finish(struct state *s) {
  if (s->text.len > 0) {
    buf_printf(s->out, "%*s", (int)s->start, "");
    wrap_put(s->out, buf_cstr(&s->text), s->start, s->indent, s->width);
  }
  buf_clear(&s->text);
  s->at_margin = s->second = false;
}

static void add(struct state *s, const char *text, size_t len) {
  if (s->text.len > 0) buf_put_u8(&s->text, ' ');
  buf_put(&s->text, text, len);
}

static void begin(struct state *s, const char *text, size_t len, size_t start, size_t indent) {
  finish(s);
  s->start = start;
  s->indent = indent;
  add(s, text, len);
}

/* Where the second part of a row begins; `len` if it has none. */
static size_t second_part(const char *line, size_t len, size_t from) {
  for (size_t i = from; i + 2 < len; i++)
    if (line[i] == ' ' && line[i + 1] == ' ') return i + strspn(line + i, " ");
  return len;
}

static void put_second(struct state *s, const char *text, size_t len) {
  begin(s, text, len, BELOW, BELOW);
  s->second = true;
}

/* A row whose second part begins at `part`. */
static void put_row(struct state *s, const char *line, size_t len, size_t from, size_t part) {
  if (part == s->column) {
    begin(s, line + from, part - from, from < 2 ? from : 2, BELOW);
    put_second(s, line + part, len - part);
  } else if (part <= s->width / 4) { /* a short word and what it means */
    finish(s);
    buf_put(s->out, line, part);
    buf_put(&s->text, line + part, len - part);
    s->start = 0;
    s->indent = part;
    wrap_put(s->out, buf_cstr(&s->text), part, part, s->width);
    buf_clear(&s->text);
  } else {
    begin(s, line + from, len - from, from, from + 2);
  }
}

static void put_line(struct state *s, const char *line, size_t len) {
  size_t from = strspn(line, " ");
  if (len == 0) {
    finish(s);
    buf_put_u8(s->out, '\n');
    return;
  }
  size_t part = second_part(line, len, from);
  if (from == s->column && s->second)
    add(s, line + from, len - from);
  else if (from == s->column)
    put_second(s, line + from, len - from);
  else if (part < len)
    put_row(s, line, len, from, part);
  else if (from == 0 && s->at_margin)
    add(s, line, len);
  else {
    begin(s, line + from, len - from, from == 0 || from > BELOW + 1 ? from : 2, from + 2);
    if (from == 0) s->indent = 0;
    s->at_margin = from == 0;
  }
}

void reflow_put(struct buf *out, const char *text, size_t column, size_t width) {
  struct state s = {.out = out, .width = width, .column = column};
  buf_init(&s.text, SIZE_MAX / 2);
  for (size_t len; *text != '\0'; text += len + (text[len] == '\n')) {
    len = strcspn(text, "\n");
    put_line(&s, text, len);
  }
  finish(&s);
  buf_free(&s.text);
}
