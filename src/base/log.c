#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"

enum {
  LINE_MAX_BYTES = 2048,
  PATIENCE_MS = 200 /* how long an error or a warning waits for a stderr that is stuck */
};

static enum log_level shown = LOG_WARN; /* set before threads start */
static FILE *file;                      /* the same */
static int64_t started_ms;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*hook_before)(void *); /* guarded by lock, with the two below */
static void (*hook_after)(void *);
static void *hook_arg;

void log_set_level(enum log_level level) {
  shown = level;
}

enum err log_open_file(const char *path) {
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return err_from_errno(errno);
  FILE *f = fdopen(fd, "a");
  if (f == NULL) {
    close(fd);
    return ERR_MEMORY;
  }
  setvbuf(f, NULL, _IOLBF, 0);
  started_ms = clock_now_ms();
  file = f;
  return ERR_OK;
}

void log_set_hooks(void (*before)(void *), void (*after)(void *), void *arg) {
  pthread_mutex_lock(&lock);
  hook_before = before;
  hook_after = after;
  hook_arg = arg;
  pthread_mutex_unlock(&lock);
}

bool log_enabled(enum log_level level) {
  return level <= shown || file != NULL;
}

bool log_stderr_ready(int wait_ms) {
  struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
  return poll(&p, 1, wait_ms) == 1 && (p.revents & POLLOUT);
}

static void write_stderr(enum log_level level, const char *text) {
  static const char *const prefix[] = {"weft: ", "weft: warning: ", "weft: ", "weft: "};
  if (!log_stderr_ready(level <= LOG_WARN ? PATIENCE_MS : 0)) return;
  if (hook_before) hook_before(hook_arg);
  fprintf(stderr, "%s%s\n", prefix[level], text);
  if (hook_after) hook_after(hook_arg);
}

void log_line(enum log_level level, const char *fmt, ...) {
  if (!log_enabled(level)) return;
  int kept = errno;
  char raw[LINE_MAX_BYTES];
  char safe[LINE_MAX_BYTES];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(raw, sizeof raw, fmt, ap);
  va_end(ap);
  escape_term(raw, strlen(raw), safe, sizeof safe);
  pthread_mutex_lock(&lock);
  if (level <= shown) write_stderr(level, safe);
  if (file != NULL) {
    static const char mark[] = "EWID";
    double t = (double)(clock_now_ms() - started_ms) / 1000.0;
    fprintf(file, "%9.3f %c %s\n", t, mark[level], safe);
  }
  pthread_mutex_unlock(&lock);
  errno = kept;
}

void log_close(void) {
  if (file != NULL) fclose(file);
  file = NULL;
}
