#include "app/report_json.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* PENDING_MAX holds some ten thousand events; a line is at most a torrent name, escaped. */
enum { PENDING_MAX = 1 << 20, LINE_MAX_BYTES = 1 << 16, BATCH = 4096 };

void report_json_init(struct report_json *r, int fd) {
  *r = (struct report_json){.fd = fd, .started_ms = clock_now_ms()};
  buf_init(&r->pending, PENDING_MAX);
  buf_init(&r->line, LINE_MAX_BYTES);
}

void report_json_free(struct report_json *r) {
  buf_free(&r->pending);
  buf_free(&r->line);
}

struct json *report_json_begin(struct report_json *r, const char *event) {
  buf_clear(&r->line);
  json_begin(&r->json, &r->line);
  json_open_object(&r->json, NULL);
  json_cstr(&r->json, "event", event);
  json_i64(&r->json, "time_ms", clock_now_ms() - r->started_ms);
  return &r->json;
}

/* Forgets what is written already. Moves the rest, so only done when room is needed and much is
 * gained. */
static void drop_sent(struct report_json *r) {
  if (r->sent < PENDING_MAX / 2 && r->sent < r->pending.len) return;
  buf_consume(&r->pending, r->sent);
  r->sent = 0;
}

void report_json_end(struct report_json *r) {
  json_close(&r->json, '}');
  buf_put_u8(&r->line, '\n');
  if (r->failed != 0) return;
  if (r->line.len > PENDING_MAX - r->pending.len) drop_sent(r);
  if (r->line.failed || r->line.len > PENDING_MAX - r->pending.len) {
    r->lost++;
    return;
  }
  buf_put(&r->pending, r->line.data, r->line.len);
  if (r->pending.failed) { /* no memory: what is queued stays good */
    r->pending.failed = false;
    r->lost++;
  }
  if (r->pending.len - r->sent >= BATCH) report_json_flush(r);
}

/* One write, after at most `wait_ms` of waiting for room. A pipe that poll() calls writable has
 * room for PIPE_BUF bytes, so no write asks for more. False when nothing went out. */
static bool write_some(struct report_json *r, int wait_ms) {
  struct pollfd pfd = {.fd = r->fd, .events = POLLOUT};
  int rc = poll(&pfd, 1, wait_ms);
  if (rc <= 0) return rc < 0 && errno == EINTR && wait_ms > 0;
  size_t left = r->pending.len - r->sent;
  ssize_t done = write(r->fd, r->pending.data + r->sent, left < PIPE_BUF ? left : PIPE_BUF);
  if (done < 0) {
    if (errno == EINTR || errno == EAGAIN) return false;
    r->failed = errno;
    r->sent = r->pending.len;
    return false;
  }
  r->sent += (size_t)done;
  return true;
}

void report_json_flush(struct report_json *r) {
  report_json_drain(r, 0);
}

bool report_json_drain(struct report_json *r, int patience_ms) {
  while (r->sent < r->pending.len && write_some(r, patience_ms)) continue;
  if (r->sent < r->pending.len) return false;
  buf_clear(&r->pending);
  r->sent = 0;
  return true;
}
