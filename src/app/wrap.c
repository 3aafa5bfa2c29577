#include "app/wrap.h"

#include <stdbool.h>
#include <string.h>

/* The length of the word at `text`; "(BEP 3)" is one. */
static size_t word(const char *text) {
  static const char bep[] = "(BEP ";
  size_t len = strcspn(text, " ");
  if (strncmp(text, bep, sizeof bep - 1) == 0) len += 1 + strcspn(text + len + 1, " ");
  return len;
}

void wrap_put(struct buf *out, const char *text, size_t column, size_t indent, size_t width) {
  bool fresh = true; /* nothing stands on this line yet */
  while (*text != '\0') {
    size_t len = word(text);
    if (!fresh && column + 1 + len > width) {
      column = indent + len <= width ? indent : len < width ? width - len : 0;
      buf_printf(out, "\n%*s", (int)column, "");
      fresh = true;
    }
    buf_printf(out, "%s%.*s", fresh ? "" : " ", (int)len, text);
    column += len + !fresh;
    fresh = false;
    text += len;
    text += strspn(text, " ");
  }
  buf_put_u8(out, '\n');
}
