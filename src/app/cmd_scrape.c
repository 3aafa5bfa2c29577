/*
 * weft scrape: how big is the swarm? Asks each tracker of a torrent for its counts (BEP 48).
 *
 * Nothing is joined and nobody hears of us. stdout has a line for each tracker that knows the
 * torrent, as it answers: "URL: N seeders, N leechers, N downloads (N ms)", with "?" for a count
 * that it does not give; the others say on stderr why not: it can't be scraped, it does not know
 * the torrent, it can't be reached. Exit 0 if there are counts, 4 if there are none.
 *
 * --json prints one object when all have answered:
 *   "version": 1   "info_hash": hex   "trackers_left_out": how many of the torrent's were not asked
 *   "trackers": [ what survey_json() in app/survey.h lists, and
 *     "seeders", "leechers", "downloads": null if unknown
 *     "min_interval": seconds between two scrapes as the tracker wishes, null if it did not say
 *   ]
 * in the order of their tiers. "downloads" counts those that came to an end.
 */
#include "app/cmd.h"

#include <inttypes.h>

#include "app/exits.h"
#include "app/human.h"
#include "app/out.h"
#include "app/survey.h"
#include "app/tracing.h"

enum { LINE_BYTES = 1024 };

/* "1 seeder", "5 seeders", "? seeders" */
static void put_count(struct buf *b, const char *before, const char *what, int64_t n) {
  if (n < 0) buf_printf(b, "%s? %ss", before, what);
  else buf_printf(b, "%s%" PRId64 " %s%s", before, n, what, human_plural((uint64_t)n));
}

static void tell(struct survey *s, const struct ask_tracker *t) {
  const struct scrape_reply *r = t->scraped;
  if (r == NULL) {
    survey_tell(s, t, NULL);
    return;
  }
  if (s->o->json) return;
  struct buf b;
  buf_init(&b, LINE_BYTES);
  buf_printf(&b, "%s: ", t->url);
  put_count(&b, "", "seeder", r->complete);
  put_count(&b, ", ", "leecher", r->incomplete);
  put_count(&b, ", ", "download", r->downloaded);
  buf_printf(&b, " (%" PRId64 " ms)\n", t->took_ms);
  survey_put(s, &b);
  buf_free(&b);
}

static void json_tracker(struct json *j, const struct ask_tracker *t) {
  static const struct scrape_reply none = {.complete = -1, .incomplete = -1, .downloaded = -1};
  const struct scrape_reply *r = t->scraped != NULL ? t->scraped : &none;
  survey_json(t, j);
  survey_json_count(j, "seeders", r->complete);
  survey_json_count(j, "leechers", r->incomplete);
  survey_json_count(j, "downloads", r->downloaded);
  survey_json_count(j, "min_interval", r->min_interval_s > 0 ? r->min_interval_s : -1);
  json_close(j, '}');
}

static void print_json(struct survey *s) {
  struct json j;
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  json_begin(&j, &b);
  json_open_object(&j, NULL);
  json_u64(&j, "version", 1);
  json_hex(&j, "info_hash", s->m.info_hash, sizeof s->m.info_hash);
  json_u64(&j, "trackers_left_out", s->m.trackers_left_out);
  json_open_array(&j, "trackers");
  for (size_t i = 0; i < ask_count(s->ask); i++) json_tracker(&j, ask_get(s->ask, i));
  json_close(&j, ']');
  json_close(&j, '}');
  buf_put_u8(&b, '\n');
  if (b.failed) out_buf(&b); /* which says so */
  survey_put(s, &b);
  buf_free(&b);
}

static int run(const struct options *o) {
  struct survey s;
  int code = survey_open(&s, o, true);
  if (code != EXIT_OK) return code;
  for (const struct ask_tracker *t; (t = survey_next(&s)) != NULL;) tell(&s, t);
  if (survey_whole(&s) && o->json) print_json(&s);
  return survey_close(&s, "counts");
}

static const struct command_option options[] = {
  OPTION_TRACKERS,
  OPTION_TIMEOUT("give up on a tracker that takes longer than this"),
  OPTION_JSON("print one JSON object instead of text"),
  OPTIONS_OF_TRACE,
  OPTIONS_OF_ALL("print the counts only, and errors"),
  {.name = NULL},
};

const struct command cmd_scrape = {
  .name = "scrape",
  .usage = "TORRENT",
  .summary = "ask the trackers how big the swarm is",
  .about = "Asks every tracker of a torrent, all at the same time, how many have it, want it\n"
           "and have downloaded it, without joining them. One line per tracker; why one did\n"
           "not answer goes to standard error. Exits with 4 if none has any counts.\n"
           COMMAND_TORRENT_IS,
  .options = options,
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
