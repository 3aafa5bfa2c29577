#include "app/survey.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/exits.h"
#include "app/out.h"
#include "app/signals.h"
#include "app/torrent.h"
#include "base/escape.h"
#include "base/log.h"
#include "io/net.h"

enum {
  LINE_BYTES = 16 * 1024, /* all that a tracker may say, escaped */
  STDOUT_BYTES = 4096, /* what a pipe takes whole (PIPE_BUF) when it takes anything */
  PATIENCE_MS = 200 /* how long a line waits for a stderr that is stuck */
};

/* --- beginning --- */

static void on_change(void *arg) {
  const struct survey *s = arg;
  net_bell_ring(s->bell);
}

/* Those of --tracker first, then the torrent's. */
static enum err add_all(struct survey *s) {
  const struct options *o = s->o;
  enum err e = ERR_OK;
  for (size_t i = 0; e == ERR_OK && i < o->trackers.count; i++)
    e = ask_add(s->ask, o->trackers.at[i], 0);
  for (size_t t = 0; !o->no_trackers && t < s->m.tier_count; t++)
    for (size_t i = 0; e == ERR_OK && i < s->m.tiers[t].count; i++)
      e = ask_add(s->ask, s->m.tiers[t].urls[i], t + 1);
  if (!o->no_trackers && s->m.trackers_left_out > 0)
    log_warn("%zu of the torrent's trackers are not asked: weft reads 64 tiers of 64 trackers, and "
             "what is no URL is none", s->m.trackers_left_out);
  return e;
}

static int begin(struct survey *s, bool scrape) {
  uint64_t left = s->m.geo.total;
  struct ask_config c = {.scrape = scrape, .left = left > 0 ? left : 1,
                         .timeout_ms = s->o->timeout_ms, .on_change = on_change, .arg = s,
                         .trace = s->o->trace};
  memcpy(c.info_hash, s->m.info_hash, sizeof c.info_hash);
  signals_block();
  s->signals = signals_open();
  s->bell = net_bell_new();
  s->ask = ask_new(&c);
  if (s->signals >= 0 && s->bell >= 0 && s->ask != NULL && add_all(s) == ERR_OK) {
    if (ask_count(s->ask) == 0) {
      log_error("the torrent names no tracker to ask; --tracker URL does");
      return EXIT_NO_SOURCE;
    }
    if (ask_start(s->ask) == ERR_OK) return EXIT_OK;
  }
  log_error("there is not enough memory, or no thread left, to ask the trackers");
  return EXIT_RESOURCES;
}

static void free_all(struct survey *s) {
  ask_free(s->ask);
  if (s->bell >= 0) close(s->bell);
  if (s->signals >= 0) close(s->signals);
  metainfo_free(&s->m);
}

int survey_open(struct survey *s, const struct options *o, bool scrape) {
  *s = (struct survey){.o = o, .bell = -1, .signals = -1};
  int code = torrent_load(&s->m, o->args[0], o->timeout_ms);
  if (code == EXIT_OK) code = begin(s, scrape);
  if (code != EXIT_OK) free_all(s);
  return code;
}

/* --- waiting --- */

/* Waits for the bell or a signal. */
static void listen_to(struct survey *s) {
  struct pollfd p[2] = {{.fd = s->signals, .events = POLLIN}, {.fd = s->bell, .events = POLLIN}};
  if (poll(p, 2, -1) <= 0) return;
  if (p[0].revents) s->sig = signals_take(s->signals);
  if (p[1].revents) net_bell_clear(s->bell);
}

/* Waits until stdout takes STDOUT_BYTES without blocking. False: a signal came instead. */
static bool await_reader(struct survey *s) {
  struct pollfd p[2] = {{.fd = s->signals, .events = POLLIN},
                        {.fd = STDOUT_FILENO, .events = POLLOUT}};
  while (s->sig == 0) {
    if (poll(p, 2, -1) < 0) continue;
    if (p[0].revents) s->sig = signals_take(s->signals);
    else return true;
  }
  return false;
}

bool survey_put(struct survey *s, struct buf *b) {
  size_t at = 0;
  while (at < b->len && !out_broken() && await_reader(s)) {
    size_t n = b->len - at < STDOUT_BYTES ? b->len - at : STDOUT_BYTES;
    out_printf("%.*s", (int)n, (const char *)b->data + at);
    out_flush();
    at += n;
  }
  buf_clear(b);
  return s->sig == 0 && !out_broken();
}

const struct ask_tracker *survey_next(struct survey *s) {
  while (s->sig == 0) {
    const struct ask_tracker *t = ask_next(s->ask);
    if (t != NULL) {
      s->ended++;
      s->answered += t->state == ASK_ANSWERED;
      return t;
    }
    if (survey_whole(s)) return NULL;
    listen_to(s);
  }
  return NULL;
}

bool survey_whole(const struct survey *s) {
  return s->sig == 0 && s->ended == ask_count(s->ask);
}

/* --- the end --- */

/* No tracker answered: says so, with the reason of the first one that was asked, or else of the
 * first. */
static void tell_nobody(const struct survey *s, const char *what) {
  size_t n = ask_count(s->ask);
  const struct ask_tracker *first = ask_get(s->ask, 0);
  for (size_t i = 0; i < n && first->state == ASK_SKIPPED; i++) first = ask_get(s->ask, i);
  if (first->state == ASK_SKIPPED) first = ask_get(s->ask, 0);
  const char *refused = first->refused ? " refused" : "";
  if (n > 1)
    log_error("none of the %zu trackers gave %s; %s%s: %s", n, what, first->url, refused,
              first->why);
  else if (first->refused)
    log_error("the tracker %s refused: %s", first->url, first->why);
  else
    log_error("the tracker %s gave no %s: %s", first->url, what, first->why);
}

int survey_close(struct survey *s, const char *what) {
  while (s->sig == 0 && !ask_over(s->ask)) listen_to(s);
  int code = s->sig != 0 ? signals_exit_code(s->sig) : EXIT_OK;
  if (code == EXIT_OK && s->answered == 0) {
    tell_nobody(s, what);
    code = EXIT_NO_SOURCE;
  }
  free_all(s);
  return code;
}

/* --- what both commands show of a tracker --- */

/* Why there is no answer. */
static void put_failure(struct buf *line, const struct ask_tracker *t) {
  static const char *const kinds[] = {"failed", "refused", "skipped"};
  char why[8 * sizeof t->why];
  escape_term(t->why, strlen(t->why), why, sizeof why);
  buf_printf(line, "%s: %s", kinds[t->state == ASK_SKIPPED ? 2 : t->refused], why);
  if (t->retry_in_s == INT64_MAX)
    buf_put_str(line, "; never to be asked again");
  else if (t->retry_in_s >= 0)
    buf_printf(line, "; to be asked again in %" PRId64 " s", t->retry_in_s);
}

void survey_tell(const struct survey *s, const struct ask_tracker *t, const char *said) {
  struct buf line;
  if (s->o->quiet || s->o->json) return;
  buf_init(&line, LINE_BYTES);
  buf_printf(&line, "%s: ", t->url);
  if (t->state == ASK_ANSWERED)
    buf_put_str(&line, said);
  else
    put_failure(&line, t);
  if (t->state != ASK_SKIPPED) buf_printf(&line, " (%" PRId64 " ms)", t->took_ms);
  buf_put_u8(&line, '\n');
  const char *text = buf_cstr(&line);
  if (log_stderr_ready(PATIENCE_MS)) fputs(text, stderr);
  buf_free(&line);
}

void survey_json_count(struct json *j, const char *key, int64_t n) {
  if (n < 0) json_null(j, key);
  else json_i64(j, key, n);
}

void survey_json(const struct ask_tracker *t, struct json *j) {
  static const char *const states[] = {
    [ASK_PENDING] = "failed", [ASK_ANSWERED] = "answered", [ASK_FAILED] = "failed",
    [ASK_SKIPPED] = "skipped"};
  json_open_object(j, NULL);
  json_cstr(j, "url", t->url);
  json_u64(j, "tier", t->tier);
  json_cstr(j, "state", t->refused ? "refused" : states[t->state]);
  json_sentence(j, "error", t->state == ASK_ANSWERED ? NULL : t->why);
  if (t->retry_in_s == INT64_MAX) json_cstr(j, "retry_in", "never");
  else survey_json_count(j, "retry_in", t->retry_in_s);
  json_i64(j, "ms", t->took_ms);
}
