#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
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
static FILE *file;                      /* the same; guarded by lock when it is given up */
static atomic_bool has_file;
static int64_t started_ms;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*hook_before)(void *); /* guarded by lock, with the two below */
static void (*hook_after)(void *);
static void *hook_arg;
static char last_error[LINE_MAX_BYTES]; /* guarded by lock */

void log_set_level(enum log_level level) {
  shown = level;
}

enum err log_open_file(const char *path) {
  static const int how = O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
  int fd = open(path, O_WRONLY | O_APPEND | how, 0600);
  if (fd < 0) return err_from_errno(errno);
  FILE *f = fdopen(fd, "a");
  if (f == NULL) {
    close(fd);
    return ERR_MEMORY;
  }
  setvbuf(f, NULL, _IOLBF, 0);
  started_ms = clock_now_ms();
  file = f;
  atomic_store(&has_file, true);
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
  return level <= shown || atomic_load(&has_file);
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

/* Caller must hold lock. */
static void write_file(enum log_level level, const char *text) {
  static const char mark[] = "EWID";
  double t = (double)(clock_now_ms() - started_ms) / 1000.0;
  if (fprintf(file, "%9.3f %c %s\n", t, mark[level], text) >= 0) return;
  char why[128];
  snprintf(why, sizeof why, "the log file can no longer be written (%s); going on without it",
           strerror(errno));
  fclose(file);
  file = NULL;
  atomic_store(&has_file, false);
  if (shown >= LOG_WARN) write_stderr(LOG_WARN, why);
}

/* `raw` is the line before escaping, `safe` what may be shown. */
static void put(enum log_level level, const char *raw, const char *safe) {
  pthread_mutex_lock(&lock);
  if (level == LOG_ERROR) snprintf(last_error, sizeof last_error, "%s", raw);
  if (level <= shown) write_stderr(level, safe);
  if (file != NULL) write_file(level, safe);
  pthread_mutex_unlock(&lock);
}

void log_escaped(enum log_level level, const char *text) {
  int kept = errno;
  if (log_enabled(level)) put(level, text, text);
  errno = kept;
}

void log_line(enum log_level level, const char *fmt, ...) {
  if (!log_enabled(level)) return;
  int kept = errno;
  char raw[LINE_MAX_BYTES] = "";
  char safe[LINE_MAX_BYTES];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(raw, sizeof raw, fmt, ap);
  va_end(ap);
  escape_term(raw, strlen(raw), safe, sizeof safe);
  put(level, raw, safe);
  errno = kept;
}

bool log_last_error(char *out, size_t size) {
  pthread_mutex_lock(&lock);
  snprintf(out, size, "%s", last_error);
  pthread_mutex_unlock(&lock);
  return *out != '\0';
}

void log_close(void) {
  if (file != NULL) fclose(file);
  file = NULL;
  atomic_store(&has_file, false);
}
