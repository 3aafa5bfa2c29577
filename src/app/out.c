#include "app/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/wrap.h"
#include "base/escape.h"
#include "base/log.h"

enum { COLUMNS = 80 };

static int failed; /* errno of the first write that failed; 0 */

/* `rc` < 0 stands for a failure whose errno is still there. */
static void note(int rc) {
  if (rc < 0 && failed == 0) failed = errno != 0 ? errno : EIO;
}

void out_printf(const char *fmt, ...) {
  if (failed != 0) return;
  va_list ap;
  va_start(ap, fmt);
  note(vprintf(fmt, ap));
  va_end(ap);
}

void out_escaped(const char *text, size_t len) {
  char safe[1024];
  for (size_t at = 0; at < len;) {
    size_t n = len - at < 120 ? len - at : 120;
    /* A piece may end only where a character begins. */
    while (at + n < len && n > 116 && ((unsigned char)text[at + n] & 0xc0) == 0x80) n--;
    escape_term(text + at, n, safe, sizeof safe);
    out_printf("%s", safe);
    at += n;
  }
}

void out_buf(struct buf *b) {
  if (b->failed) {
    failed = ENOMEM;
  } else if (failed == 0 && b->len > 0 && fwrite(b->data, 1, b->len, stdout) != b->len) {
    note(-1);
  }
  buf_clear(b);
}

void out_wrapped(const char *text, size_t column, size_t indent) {
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  wrap_put(&b, text, column, indent, out_columns());
  out_buf(&b);
  buf_free(&b);
}

size_t out_columns(void) {
  struct winsize ws;
  bool known = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0;
  return known && ws.ws_col > 0 ? ws.ws_col : COLUMNS;
}

void out_flush(void) {
  if (failed == 0) note(fflush(stdout));
}

bool out_broken(void) {
  return failed != 0;
}

enum err out_finish(void) {
  if (failed == 0) note(fflush(stdout));
  if (failed == 0 || failed == EPIPE) return ERR_OK;
  if (failed == ENOMEM)
    log_error("there is not enough memory for this output");
  else
    log_error("the output could not be written: %s", strerror(failed));
  return err_from_errno(failed);
}
