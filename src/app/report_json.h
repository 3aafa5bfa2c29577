/*
 * report_json: the event stream of `--json`, one JSON object per line.
 *
 * Each event begins with {"event": NAME, "time_ms": milliseconds since the start}. The reader at
 * the other end may be slow, may go away, or may be a full disk; none of this may hold up a
 * download. So lines wait in a bounded buffer and are written only as far as poll() promises that a
 * write will not block. When the buffer is full, events are lost and counted; "done" tells how
 * many. A write that fails ends the stream.
 *
 *   struct json *j = report_json_begin(&stream, "progress");
 *   json_u64(j, "verified", n);
 *   report_json_end(&stream);
 *
 * Not locked: the owner (report) has the lock.
 */
#ifndef WEFT_APP_REPORT_JSON_H
#define WEFT_APP_REPORT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"

struct report_json {
  int fd;             /* not owned */
  int64_t started_ms;
  struct buf pending; /* lines that wait */
  size_t sent;        /* bytes of these that are written already, perhaps up to the middle of one */
  struct buf line;    /* the event in the making */
  struct json json;
  uint64_t lost;      /* events that found no room */
  int failed;         /* errno that ended the stream; 0 */
};

/* Events go to `fd`. Allocates nothing yet. */
void report_json_init(struct report_json *r, int fd);
void report_json_free(struct report_json *r);

/* Opens an event; the caller adds members and ends it. */
struct json *report_json_begin(struct report_json *r, const char *event);
/* Queues the event; writes when about a page waits. */
void report_json_end(struct report_json *r);
/* Writes what can be written without waiting. */
void report_json_flush(struct report_json *r);
/* Writes all that is left; gives up when the reader takes nothing for `patience_ms`. Waits. True if
 * nothing is left. */
bool report_json_drain(struct report_json *r, int patience_ms);

#endif
