/*
 * capture: what a piece of the program writes to one of its standard descriptors.
 *
 *   struct capture c = capture_start(STDERR_FILENO);
 *   log_error("...");
 *   capture_end(&c, text, sizeof text);
 *
 * The descriptor becomes a file in memory meanwhile, so nothing can fill up or block.
 */
#ifndef WEFT_TESTS_APP_CAPTURE_H
#define WEFT_TESTS_APP_CAPTURE_H

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct capture {
  int fd;    /* which one */
  int kept;  /* where it led before */
  int file;
};

/* Redirects `fd`; to be undone by capture_end(). */
static inline struct capture capture_start(int fd) {
  fflush(stdout);
  struct capture c = {.fd = fd, .kept = dup(fd), .file = memfd_create("capture", 0)};
  dup2(c.file, fd);
  return c;
}

/* Restores the descriptor; what was written to it is in text[0..size), cut to fit, with a NUL.
 * Returns `text`. */
static inline const char *capture_end(struct capture *c, char *text, size_t size) {
  fflush(stdout);
  dup2(c->kept, c->fd);
  close(c->kept);
  ssize_t n = pread(c->file, text, size - 1, 0);
  close(c->file);
  text[n > 0 ? n : 0] = '\0';
  return text;
}

#endif
