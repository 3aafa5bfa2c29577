#include "io/trace.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
  STEP = 4096,    /* a pipe that is ready takes so much without waiting */
  PEER_WIDTH = 21 /* "255.255.255.255:65535" */
};

struct trace {
  struct trace_config config; /* these three do not change */
  int64_t start_us;
  bool terminal;
  atomic_bool over;           /* nothing more can be written */
  atomic_uint widest;         /* columns of the longest peer until now */

  pthread_mutex_t lock;       /* guards what follows, and the order of lines */
  int failed;                 /* errno of the write that ended it; 0: none */
  uint64_t lost;              /* lines that the reader missed, and was not told of */
  struct buf rest;            /* of a line that was begun: it comes before anything else */
};

/* --- what is to be traced --- */

bool trace_parse_peer(const char *text, struct addr *a) {
  size_t len = strlen(text);
  if (addr_parse(text, len, a)) return true;
  if (len > 2 && text[0] == '[' && text[len - 1] == ']')
    return addr_parse_ip(text + 1, len - 2, 0, a);
  return addr_parse_ip(text, len, 0, a);
}

static bool add_type(const char *name, size_t len, uint32_t *types) {
  char known[24];
  for (unsigned i = 0; i < TRACE_TYPES; i++) {
    if (trace_line_name((enum trace_type)i, known) == NULL) continue;
    if (strlen(known) != len || memcmp(known, name, len) != 0) continue;
    *types |= UINT32_C(1) << i;
    return true;
  }
  return false;
}

const char *trace_parse_types(const char *text, uint32_t *types) {
  for (;;) {
    size_t len = strcspn(text, ",");
    if (!add_type(text, len, types)) return text;
    if (text[len] == '\0') return NULL;
    text += len + 1;
  }
}

bool trace_wants_peer(const struct trace *t, const struct addr *a) {
  for (size_t i = 0; i < t->config.peer_count; i++) {
    const struct addr *wanted = &t->config.peers[i];
    if (wanted->port == 0 ? addr_same_host(wanted, a) : addr_equal(wanted, a)) return true;
  }
  return t->config.peer_count == 0;
}

bool trace_wants(const struct trace *t, enum trace_type type) {
  if (atomic_load(&t->over)) return false;
  return t->config.types == 0 || (t->config.types >> type & 1);
}

bool trace_wants_trackers(const struct trace *t) {
  return t->config.peer_count == 0 && trace_wants(t, TRACE_TRACKER);
}

/* --- from beginning to end --- */

struct trace *trace_new(const struct trace_config *c) {
  struct trace *t = calloc(1, sizeof *t);
  if (t == NULL) return NULL;
  if (pthread_mutex_init(&t->lock, NULL) != 0) {
    free(t);
    return NULL;
  }
  t->config = *c;
  t->start_us = clock_now_us();
  t->terminal = isatty(c->fd);
  buf_init(&t->rest, TRACE_LINES_MAX);
  return t;
}

void trace_free(struct trace *t) {
  if (t == NULL) return;
  pthread_mutex_destroy(&t->lock);
  buf_free(&t->rest);
  free(t);
}

int64_t trace_now_us(const struct trace *t) {
  return clock_now_us() - t->start_us;
}

static unsigned columns(const struct trace *t) {
  struct winsize ws;
  if (t->terminal && ioctl(t->config.fd, TIOCGWINSZ, &ws) == 0) return ws.ws_col;
  return 0;
}

/* How wide the column of peers is: as the longest until now, or PEER_WIDTH if that is less. */
static unsigned peer_width(struct trace *t, const char *peer) {
  size_t len = peer != NULL ? strlen(peer) : 0;
  unsigned mine = len < PEER_WIDTH ? (unsigned)len : PEER_WIDTH;
  unsigned widest = atomic_load(&t->widest);
  while (mine > widest && !atomic_compare_exchange_weak(&t->widest, &widest, mine)) continue;
  return mine > widest ? mine : widest;
}

void trace_put(struct trace *t, struct buf *lines, const struct trace_event *e) {
  size_t before = lines->len;
  struct trace_event shaped = *e;
  shaped.peer_width = peer_width(t, e->peer);
  trace_line_put(lines, t->config.format, &shaped, columns(t));
  if (lines->failed) lines->len = before; /* never a part of a line */
}

/* --- writing --- */

static ssize_t write_step(int fd, const uint8_t *data, size_t len) {
  ssize_t n = write(fd, data, len < STEP ? len : STEP);
  return n < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : n;
}

/* Writes all of it, or until nobody has read for `patience_ms`, or until it fails. Returns how
 * much. Caller must hold t->lock. */
static size_t write_some(struct trace *t, const uint8_t *data, size_t len, int patience_ms) {
  size_t at = 0;
  while (at < len && t->failed == 0) {
    struct pollfd p = {.fd = t->config.fd, .events = POLLOUT};
    int ready = poll(&p, 1, patience_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) break;
    ssize_t n = write_step(t->config.fd, data + at, len - at);
    if (n < 0) t->failed = errno;
    else at += (size_t)n;
  }
  return at;
}

/* The line that says how many are missing. Caller must hold t->lock. */
static void put_lost(struct trace *t, struct buf *b) {
  struct trace_fields f = {.count = 0};
  struct trace_event e = {.us = trace_now_us(t), .type = TRACE_LOST, .fields = &f,
                          .why = "nobody read them"};
  trace_field_add_number(&f, "lines", t->lost);
  trace_put(t, b, &e);
  t->lost = 0;
}

/* Writes what is left of a line that was begun, and tells what is missing, if anything is. Returns
 * false if the reader does not read yet. Caller must hold t->lock. */
static bool catch_up(struct trace *t) {
  while (t->rest.len > 0 || t->lost > 0) {
    if (t->rest.len == 0) put_lost(t, &t->rest);
    if (t->rest.len == 0) return true; /* no memory for that line */
    size_t n = write_some(t, t->rest.data, t->rest.len, 0);
    buf_consume(&t->rest, n);
    if (t->rest.len > 0) return false;
  }
  return true;
}

/* Keeps the end of the line that stands at `at`, if it was begun; the others are lost. Caller must
 * hold t->lock. */
static void keep_rest(struct trace *t, const struct buf *lines, size_t at) {
  if (at > 0 && at < lines->len && lines->data[at - 1] != '\n') {
    const uint8_t *end = memchr(lines->data + at, '\n', lines->len - at);
    size_t n = (size_t)(end - lines->data) + 1 - at;
    buf_put(&t->rest, lines->data + at, n);
    at += n;
  }
  for (; at < lines->len; at++) t->lost += lines->data[at] == '\n';
}

/* Caller must hold t->lock. */
static void write_lines(struct trace *t, const struct buf *lines) {
  if (lines->failed) t->lost++;
  if (lines->len == 0 || t->failed != 0) return;
  size_t n = catch_up(t) ? write_some(t, lines->data, lines->len, TRACE_PATIENCE_MS) : 0;
  keep_rest(t, lines, n);
}

static void tell_failure(const struct trace *t, int errnum) {
  if (errnum == EPIPE)
    log_warn("whoever read the trace has gone; going on without it");
  else
    log_warn("the trace can no longer be written to %s (%s); going on without it", t->config.what,
             strerror(errnum));
}

void trace_write(struct trace *t, struct buf *lines) {
  pthread_mutex_lock(&t->lock);
  bool worked = t->failed == 0;
  write_lines(t, lines);
  int failed = worked ? t->failed : 0;
  pthread_mutex_unlock(&t->lock);
  buf_clear(lines);
  if (failed == 0) return;
  atomic_store(&t->over, true);
  tell_failure(t, failed);
}
