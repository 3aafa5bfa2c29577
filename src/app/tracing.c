#include "app/tracing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "app/exits.h"
#include "base/log.h"
#include "io/store_beneath.h"

const char *const tracing_formats[] = {
  [TRACE_OFF] = "off", [TRACE_AS_TEXT] = "text", [TRACE_AS_JSON] = "json", [TRACE_AS_HEX] = "hex",
  NULL};
_Static_assert(sizeof(enum trace_format) == sizeof(unsigned), "what OPTION_MAYBE writes");

static int file = -1; /* of --trace-file; only main() begins and ends a trace */

bool tracing_is_on_stderr(const struct options *o) {
  return o->trace != NULL && o->trace_file == NULL;
}

static bool is_wanted(const struct options *o) {
  return o->trace_format != TRACE_OFF || o->trace_file != NULL || o->trace_peers.count > 0 ||
         o->trace_types.count > 0;
}

static bool read_peers(const struct options *o, struct trace_config *c) {
  for (size_t i = 0; i < o->trace_peers.count; i++) {
    if (!trace_parse_peer(o->trace_peers.at[i], &c->peers[i])) {
      log_error("--trace-peer takes an address such as 192.0.2.1, 192.0.2.1:6881 or "
                "[2001:db8::1]:6881, not '%.100s'", o->trace_peers.at[i]);
      return false;
    }
    c->peer_count++;
  }
  return true;
}

static bool read_types(const struct options *o, struct trace_config *c) {
  for (size_t i = 0; i < o->trace_types.count; i++) {
    const char *wrong = trace_parse_types(o->trace_types.at[i], &c->types);
    if (wrong == NULL) continue;
    log_error("--trace-type knows no '%.*s'; it takes names of messages such as request, piece or "
              "have-all, and handshake, tracker, connection",
              (int)(strcspn(wrong, ",") < 100 ? strcspn(wrong, ",") : 100), wrong);
    return false;
  }
  return true;
}

static const char *why_not(int errnum) {
  if (errnum == ENOENT) return "the folder it should be in does not exist; make that first";
  if (errnum == EISDIR) return "it is a folder; name a file in it";
  if (errnum == ENXIO) return "nobody reads from that pipe";
  return store_beneath_why(errnum);
}

/* A pipe that nobody reads must not be waited for, here or later. */
static int open_file(const char *path) {
  return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
}

int tracing_start(struct options *o) {
  struct trace_config c = {.fd = STDERR_FILENO, .what = "standard error"};
  if (!is_wanted(o)) return EXIT_OK;
  c.format = o->trace_format == TRACE_OFF ? TRACE_AS_TEXT : o->trace_format;
  if (!read_peers(o, &c) || !read_types(o, &c)) return EXIT_USAGE;
  if (o->trace_file != NULL) {
    file = open_file(o->trace_file);
    if (file < 0) {
      log_error("the trace file '%s' can't be opened: %s", o->trace_file, why_not(errno));
      return EXIT_DISK;
    }
    c.fd = file;
    c.what = o->trace_file;
  }
  o->trace = trace_new(&c);
  if (o->trace == NULL) {
    log_error("there is not enough memory to begin");
    return EXIT_RESOURCES;
  }
  if (c.format == TRACE_AS_JSON && o->trace_file == NULL) {
    o->quiet = true;
    log_set_level(LOG_ERROR);
  }
  return EXIT_OK;
}

void tracing_end(struct options *o) {
  trace_free(o->trace);
  o->trace = NULL;
  if (file >= 0) close(file);
  file = -1;
}
