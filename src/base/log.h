/*
 * log: sentences for the user, on stderr or in a file.
 *
 * Levels: LOG_ERROR (why we fail and what to do), LOG_WARN (something the user should know),
 * LOG_INFO (-v: what happens), LOG_DEBUG (-vv: what each peer does). stderr shows up to the level
 * chosen (LOG_WARN by default, LOG_ERROR with -q); a --log-file gets everything up to LOG_DEBUG.
 * Every line passes through escape_line(), so nothing that came from outside can move the cursor.
 *
 * While a progress bar is on the terminal, log_set_hooks() lets its owner wipe the bar before a
 * line and draw it again after. All functions may be called from any thread; one mutex orders the
 * lines.
 */
#ifndef WEFT_BASE_LOG_H
#define WEFT_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Sets what stderr shows. Call before threads start. */
void log_set_level(enum log_level level);

/*
 * Also appends every line, with its time since the start, to the file `path` (created 0600 if it is
 * not there; not followed if it is a symbolic link; nobody is waited for if it is a pipe). When a
 * line can't be written there, stderr is told, and the file gets no more. Call before threads
 * start. Returns ERR_OK; or ERR_ACCESS, ERR_NOT_FOUND, ERR_MEMORY, ERR_IO, and errno says more.
 */
enum err log_open_file(const char *path);

/* `before` and `after` are called around each line written to stderr, under the log's mutex: they
 * must not log. NULL, NULL removes them. */
void log_set_hooks(void (*before)(void *), void (*after)(void *), void *arg);

/* Writes one line at `level`; no newline at the end of `fmt`. errno is kept. */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *fmt, ...);

/* Writes a line that went through escape_term() already, as a whole or in what it quotes; escaped
 * again, its backslashes would be doubled. */
void log_escaped(enum log_level level, const char *text);

/* Copies the last line at LOG_ERROR, as it was before escaping and cut to fit, into out[0..size).
 * Returns false, and "", if there has been none. Any thread. */
bool log_last_error(char *out, size_t size);

/* Can stderr take a line within `wait_ms` without holding us up? A pipe that nobody reads, or a
 * terminal stopped with Ctrl-S, can't; what is not worth waiting for is then left out, because a
 * program that hangs in its own progress line hears no Ctrl-C. */
bool log_stderr_ready(int wait_ms);

/* True if somebody would see a line of this level: saves preparing an expensive one. */
bool log_enabled(enum log_level level);

/* Flushes and closes the log file. Nothing else may log meanwhile. */
void log_close(void);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) \
  do { \
    if (log_enabled(LOG_DEBUG)) log_line(LOG_DEBUG, __VA_ARGS__); \
  } while (0)

#endif
