#include "app/report.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/human.h"
#include "app/report_json.h"
#include "app/tracing.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/version.h"

/* TRACED: no progress, as the trace shows more than that on the same stderr. */
enum mode { MODE_QUIET, MODE_BAR, MODE_PLAIN, MODE_JSON, MODE_TRACED };

enum {
  REDRAW_MS = 100,        /* the bar, at most so often */
  PLAIN_MS = 10000,       /* a plain line, at most so often... */
  PLAIN_TENTHS = 100,     /* ...and not before so many thousandths more are there */
  EVENT_MS = 1000,        /* a progress event; a plain line when the phase changes */
  STALL_REPEAT_MS = 30000, /* the same reason again */
  TEXT_MAX = 1024,
  PATIENCE_MS = 5000      /* how long "done" waits for a reader that takes nothing */
};

struct report {
  enum mode mode; /* not changed after report_new(), as `colour` */
  bool colour;

  pthread_mutex_t lock; /* guards all below; a leaf: nothing is logged while it is held */
  char name[TEXT_MAX];  /* escaped */
  struct report_progress now;
  bool any;             /* `now` is filled */
  bool on_screen;       /* a bar stands on the terminal's last line */
  unsigned hidden;      /* lines that the log is writing: no bar meanwhile */
  int64_t moved_ms;     /* when `now` last had other bytes, or another phase; 0: never */
  int64_t shown_ms;     /* when progress was last shown, in any mode */
  enum report_phase shown_phase;
  uint64_t shown_tenths; /* thousandths that were there then */
  char stalled[TEXT_MAX];
  int64_t stalled_ms;
  uint64_t stalled_received;
  struct report_json events;
  bool told_failure;    /* the log knows that stdout is broken */
};

/* --- the terminal --- */

/* Columns of the terminal, asked anew for each line: a change of its size needs no signal. */
static unsigned terminal_width(void) {
  struct winsize ws;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0) return ws.ws_col;
  return 80;
}

/* In the background the bar would scribble over what the foreground does. */
static bool in_background(void) {
  pid_t foreground = tcgetpgrp(STDERR_FILENO);
  return foreground > 0 && foreground != getpgrp();
}

/* Writes human text in one go. Failure is no news: there is nowhere to tell it. */
static void put_stderr(struct buf *b) {
  size_t at = 0;
  while (at < b->len && log_stderr_ready(0)) {
    ssize_t n = write(STDERR_FILENO, b->data + at, b->len - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    at += (size_t)n;
  }
  buf_free(b);
}

/* Caller must hold r->lock. */
static void wipe(struct report *r) {
  if (!r->on_screen) return;
  struct buf b;
  buf_init(&b, 16);
  buf_put_str(&b, "\r\033[K");
  put_stderr(&b);
  r->on_screen = false;
}

/* Caller must hold r->lock. */
static void draw(struct report *r) {
  if (!r->any || r->hidden > 0 || in_background()) return;
  struct buf b;
  buf_init(&b, 8192);
  buf_put_str(&b, "\r");
  report_term_bar(&b, r->name, &r->now, terminal_width(), r->colour);
  buf_put_str(&b, "\033[K");
  put_stderr(&b);
  r->on_screen = true;
}

static void before_log(void *arg) {
  struct report *r = arg;
  pthread_mutex_lock(&r->lock);
  wipe(r);
  r->hidden++;
  pthread_mutex_unlock(&r->lock);
}

static void after_log(void *arg) {
  struct report *r = arg;
  pthread_mutex_lock(&r->lock);
  r->hidden--;
  draw(r);
  pthread_mutex_unlock(&r->lock);
}

static enum mode choose_mode(const struct options *o) {
  if (o->json) return MODE_JSON;
  if (o->quiet) return MODE_QUIET;
  if (tracing_is_on_stderr(o)) return MODE_TRACED;
  const char *term = getenv("TERM");
  bool dumb = term == NULL || *term == '\0' || strcmp(term, "dumb") == 0;
  return isatty(STDERR_FILENO) && !dumb ? MODE_BAR : MODE_PLAIN;
}

/* --- JSON --- */

/* Drops the lock; then tells the log, once, that stdout is broken. */
static void unlock(struct report *r) {
  int failed = r->told_failure ? 0 : r->events.failed;
  if (failed != 0) r->told_failure = true;
  pthread_mutex_unlock(&r->lock);
  if (failed == EPIPE)
    log_info("whoever read the events has gone; the download goes on without them");
  else if (failed != 0)
    log_warn("events can no longer be written (%s); the download goes on without them",
             strerror(failed));
}

static void hello(struct report *r) {
  struct json *j = report_json_begin(&r->events, "hello");
  json_u64(j, "version", 1);
  json_cstr(j, "program", "weft");
  json_cstr(j, "program_version", WEFT_VERSION);
  report_json_end(&r->events);
  report_json_flush(&r->events);
}

/* Caller must hold r->lock. */
static void progress_event(struct report *r) {
  static const char *const phases[] = {[PHASE_CHECKING] = "checking",
                                       [PHASE_CONNECTING] = "connecting",
                                       [PHASE_DOWNLOADING] = "downloading",
                                       [PHASE_FINISHING] = "finishing",
                                       [PHASE_HASHING] = "hashing"};
  const struct report_progress *p = &r->now;
  struct json *j = report_json_begin(&r->events, "progress");
  json_cstr(j, "phase", phases[p->phase]);
  json_u64(j, "total", p->total);
  json_u64(j, "verified", p->verified);
  json_u64(j, "received", p->received);
  json_u64(j, "wasted", p->wasted);
  json_u64(j, "rate", p->rate);
  json_u64(j, "pieces", p->pieces);
  json_u64(j, "peers", p->connected);
  json_u64(j, "dialling", p->dialling);
  json_u64(j, "known", p->known);
  json_u64(j, "choked", p->choked);
  report_json_end(&r->events);
}

/* An event with one text. */
static void text_event(struct report *r, const char *event, const char *key, const char *text) {
  if (r->mode != MODE_JSON) return;
  pthread_mutex_lock(&r->lock);
  json_sentence(report_json_begin(&r->events, event), key, text);
  report_json_end(&r->events);
  report_json_flush(&r->events);
  unlock(r);
}

/* --- what the session calls --- */

struct report *report_new(const struct options *o) {
  struct report *r = calloc(1, sizeof *r);
  if (r == NULL) return NULL;
  if (pthread_mutex_init(&r->lock, NULL) != 0) {
    free(r);
    return NULL;
  }
  r->mode = choose_mode(o);
  const char *no_color = getenv("NO_COLOR");
  r->colour = no_color == NULL || *no_color == '\0';
  report_json_init(&r->events, STDOUT_FILENO);
  if (r->mode == MODE_BAR) log_set_hooks(before_log, after_log, r);
  pthread_mutex_lock(&r->lock);
  if (r->mode == MODE_JSON) hello(r);
  unlock(r);
  return r;
}

void report_free(struct report *r) {
  if (r == NULL) return;
  if (r->mode == MODE_BAR) {
    log_set_hooks(NULL, NULL, NULL);
    wipe(r);
  }
  report_json_free(&r->events);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

void report_name(struct report *r, const char *name, size_t len) {
  pthread_mutex_lock(&r->lock);
  escape_term(name, len, r->name, sizeof r->name);
  pthread_mutex_unlock(&r->lock);
}

/* Files without padding. */
static size_t count_files(const struct metainfo *m) {
  size_t n = 0;
  for (size_t i = 0; i < m->file_count; i++)
    if (!m->files[i].padding) n++;
  return n;
}

void report_metadata(struct report *r, const struct metainfo *m, const char *path) {
  char size[HUMAN_MAX];
  char piece[HUMAN_MAX];
  uint64_t payload = metainfo_payload(m);
  size_t files = count_files(m);
  pthread_mutex_lock(&r->lock);
  const char *slash = strrchr(path, '/');
  const char *last = slash != NULL ? slash + 1 : path;
  if (m->name_len > 0) escape_term(m->name, m->name_len, r->name, sizeof r->name);
  else escape_term(last, strlen(last), r->name, sizeof r->name);
  if (r->mode == MODE_JSON) {
    struct json *j = report_json_begin(&r->events, "metadata");
    json_str(j, "name", m->name, m->name_len);
    json_hex(j, "info_hash", m->info_hash, sizeof m->info_hash);
    json_cstr(j, "path", path);
    json_u64(j, "length", payload);
    json_u64(j, "piece_length", m->geo.piece_len);
    json_u64(j, "pieces", m->geo.pieces);
    json_u64(j, "files", files);
    json_bool(j, "private", m->is_private);
    report_json_end(&r->events);
    report_json_flush(&r->events);
  }
  unlock(r);
  log_info("%s: %s in %zu file%s, %u piece%s of %s, in %s", m->name_len > 0 ? m->name : last,
           human_size(payload, size), files, human_plural(files), m->geo.pieces,
           human_plural(m->geo.pieces), human_size(m->geo.piece_len, piece), path);
}

/* Is it time for another plain line? Caller must hold r->lock. */
static bool plain_due(const struct report *r, int64_t now_ms, uint64_t tenths) {
  if (r->now.phase != r->shown_phase) return now_ms - r->shown_ms >= EVENT_MS;
  return now_ms - r->shown_ms >= PLAIN_MS && tenths >= r->shown_tenths + PLAIN_TENTHS;
}

static bool due(const struct report *r, bool first, int64_t now_ms, uint64_t tenths) {
  switch (r->mode) {
  case MODE_BAR:
    return first || now_ms - r->shown_ms >= REDRAW_MS;
  case MODE_PLAIN:
    return first || plain_due(r, now_ms, tenths);
  case MODE_JSON:
    return first || r->now.phase != r->shown_phase || now_ms - r->shown_ms >= EVENT_MS;
  case MODE_QUIET:
  case MODE_TRACED:
    break;
  }
  return false;
}

/* Caller must hold r->lock. */
static void show(struct report *r) {
  struct buf b;
  switch (r->mode) {
  case MODE_BAR:
    draw(r);
    break;
  case MODE_PLAIN:
    buf_init(&b, 8192);
    report_term_plain(&b, r->name, &r->now);
    put_stderr(&b);
    break;
  case MODE_JSON:
    progress_event(r);
    break;
  case MODE_QUIET:
  case MODE_TRACED:
    break;
  }
}

void report_progress(struct report *r, const struct report_progress *p) {
  pthread_mutex_lock(&r->lock);
  bool first = !r->any;
  int64_t now_ms = clock_now_ms();
  uint64_t tenths = p->total > 0 ? (uint64_t)((double)p->verified / (double)p->total * 1000) : 1000;
  if (first || p->phase != r->now.phase || p->verified != r->now.verified ||
      p->received != r->now.received)
    r->moved_ms = now_ms;
  r->now = *p;
  r->any = true;
  if (due(r, first, now_ms, tenths)) {
    show(r);
    r->shown_ms = now_ms;
    r->shown_phase = p->phase;
    r->shown_tenths = tenths;
  }
  if (r->mode == MODE_JSON) report_json_flush(&r->events);
  unlock(r);
}

int64_t report_moved_ms(struct report *r) {
  pthread_mutex_lock(&r->lock);
  int64_t moved_ms = r->moved_ms;
  pthread_mutex_unlock(&r->lock);
  return moved_ms;
}

void report_peer(struct report *r, enum report_peer what, const struct addr *a, const char *client,
                 const char *why) {
  static const char *const names[] = {[PEER_CONNECTED] = "connected",
                                      [PEER_DISCONNECTED] = "disconnected",
                                      [PEER_BANNED] = "banned"};
  char text[ADDR_TEXT_MAX];
  addr_text(a, text);
  if (what != PEER_BANNED) /* the log knows: whoever bans says so */
    log_debug("%s %s%s%s%s%s", text, names[what], *client != '\0' ? " " : "", client,
              why != NULL ? ": " : "", why != NULL ? why : "");
  if (r->mode != MODE_JSON) return;
  pthread_mutex_lock(&r->lock);
  struct json *j = report_json_begin(&r->events, "peer");
  json_cstr(j, "what", names[what]);
  json_cstr(j, "address", text);
  json_cstr(j, "client", client);
  json_sentence(j, "why", why);
  report_json_end(&r->events);
  unlock(r);
}

void report_piece(struct report *r, uint32_t index, uint32_t length, bool good) {
  if (r->mode != MODE_JSON) return;
  pthread_mutex_lock(&r->lock);
  struct json *j = report_json_begin(&r->events, "piece");
  json_u64(j, "index", index);
  json_u64(j, "length", length);
  json_bool(j, "good", good);
  report_json_end(&r->events);
  unlock(r);
}

void report_warning(struct report *r, const char *fmt, ...) {
  char text[TEXT_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  log_warn("%s", text);
  text_event(r, "warning", "text", text);
}

void report_stalled(struct report *r, const char *why) {
  char text[TEXT_MAX];
  snprintf(text, sizeof text, "%s", why);
  pthread_mutex_lock(&r->lock);
  int64_t now_ms = clock_now_ms();
  bool known = strcmp(text, r->stalled) == 0 &&
               (r->now.received == r->stalled_received || now_ms - r->stalled_ms < STALL_REPEAT_MS);
  memcpy(r->stalled, text, sizeof text);
  r->stalled_received = r->now.received;
  if (!known) r->stalled_ms = now_ms;
  pthread_mutex_unlock(&r->lock);
  if (known) return;
  log_warn("nothing arrives: %s", text);
  text_event(r, "stalled", "why", text);
}

/* Caller must hold r->lock. */
static void done_event(struct report *r, const struct report_summary *s, int exit_code,
                       const char *why) {
  if (r->any) progress_event(r);
  struct json *j = report_json_begin(&r->events, "done");
  json_i64(j, "exit_code", exit_code);
  json_sentence(j, "why", why);
  json_bool(j, "complete", s->complete);
  json_cstr(j, "path", s->path);
  json_u64(j, "total", s->total);
  json_u64(j, "received", s->received);
  json_u64(j, "wasted", s->wasted);
  json_u64(j, "already", s->already);
  json_i64(j, "elapsed_ms", s->elapsed_ms);
  json_u64(j, "peers", s->peers_used);
  json_u64(j, "lost_events", r->events.lost);
  /* Room first: "done" must not be the event that is lost. Whoever pressed Ctrl-C does not want to
   * wait, and one who reads nothing is not waited for twice. */
  int patience = exit_code >= 128 ? PATIENCE_MS / 10 : PATIENCE_MS;
  bool reads = report_json_drain(&r->events, patience);
  report_json_end(&r->events);
  report_json_drain(&r->events, reads ? patience : 0);
}

/* The last line for humans. Caller must hold r->lock. */
static void done_line(struct report *r, const struct report_summary *s, int exit_code) {
  char path[TEXT_MAX] = "";
  struct buf b;
  uint64_t there = r->any && r->now.phase != PHASE_CHECKING ? r->now.verified : 0;
  /* All had come, and yet it failed: the failure has said what is where. */
  if (!s->complete && (there == 0 || there == s->total)) return;
  if (s->path != NULL) escape_term(s->path, strlen(s->path), path, sizeof path);
  buf_init(&b, 8192);
  /* Whoever interrupted us was told already that it can go on. */
  report_term_summary(&b, path, s, there, exit_code < 128);
  put_stderr(&b);
}

void report_done(struct report *r, const struct report_summary *s, int exit_code, const char *why) {
  static const struct report_summary nothing;
  char told[TEXT_MAX] = "";
  if (s == NULL) s = &nothing;
  if (exit_code != 0 && why != NULL) log_error("%s", why);
  if (exit_code != 0 && why == NULL) log_last_error(told, sizeof told);
  if (why == NULL) why = told;
  pthread_mutex_lock(&r->lock);
  if (r->mode == MODE_JSON) {
    done_event(r, s, exit_code, why);
  } else if (r->mode != MODE_QUIET) {
    wipe(r);
    done_line(r, s, exit_code);
  }
  r->any = false; /* no bar after the end */
  unlock(r);
}
