/*
 * trace_line: one event of the wire as a line of text, of JSON, or of text with its bytes.
 *
 *   0.104 127.0.0.1:6881 <- unchoke                5 bytes  BEP 3  changed: it chokes us: yes -> no
 *
 * Time in seconds, who, the direction ("->" we sent, "<-" we received, "--" nothing was sent), what
 * it is, its fields, its size on the wire, where it is defined, what it changed, and why. Whoever
 * reads only text learns names and numbers as the specification has them. What strangers wrote
 * stands between quotes, escaped; what is long is shortened, and says so. On a terminal a line that
 * is too long goes on in the next, indented, with what it changed; elsewhere it is always one.
 *
 * The format hex is the text, and below it a line for each field with its offset and bytes. What
 * JSON looks like is documented in io/trace.h. Pure: bytes in, text out.
 */
#ifndef WEFT_IO_TRACE_LINE_H
#define WEFT_IO_TRACE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "io/trace_field.h"

enum trace_format { TRACE_OFF, TRACE_AS_TEXT, TRACE_AS_JSON, TRACE_AS_HEX };

enum trace_dir { TRACE_NO_DIR, TRACE_IN, TRACE_OUT };

/* Every kind of line. The first are the messages, by their ids on the wire. */
enum trace_type {
  TRACE_UNKNOWN = 22, /* ids that nobody knows */
  TRACE_KEEPALIVE,
  TRACE_HANDSHAKE,
  TRACE_TRACKER,
  TRACE_CONNECTION,
  TRACE_LOST, /* lines that could not be written */
  TRACE_TYPES
};

/* The kind of a message: `raw` is its first `len` >= 4 bytes. */
enum trace_type trace_line_type(const uint8_t *raw, size_t len);
/* "not-interested": the name in the specification, with '-' for blanks. NULL: there is no such
 * type. */
const char *trace_line_name(enum trace_type type, char out[static 24]);
/* The BEP that defines it; 0: none. */
unsigned trace_line_bep(enum trace_type type);

/* Something that is different now. */
struct trace_change {
  const char *name;  /* in JSON */
  const char *words; /* in text; NULL: it goes without saying there */
  bool flag;         /* yes or no; else a number */
  uint64_t before;
  uint64_t after;
};

enum { TRACE_CHANGES_MAX = 8 };

struct trace_event {
  int64_t us;               /* since the trace began */
  const char *peer;         /* address, or the tracker's host; printable; NULL: nobody */
  unsigned peer_width;      /* columns for it in text; trace_put() sees to that */
  enum trace_dir dir;
  enum trace_type type;
  unsigned bep;             /* 0: none */
  bool sized;               /* `size` is known */
  size_t size;              /* bytes on the wire */
  const struct trace_fields *fields; /* NULL: none */
  struct trace_change changes[TRACE_CHANGES_MAX];
  size_t change_count;
  const char *why;          /* one sentence; may be NULL. A stranger's words may be in it. */
};

/* Appends the line, newline included, or with TRACE_AS_HEX the lines. `columns`: of the terminal
 * that will show them; 0: none. Overflow shows in b->failed. */
void trace_line_put(struct buf *b, enum trace_format format, const struct trace_event *e,
                    unsigned columns);

#endif
