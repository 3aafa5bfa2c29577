#include "find/tracker_http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "find/tracker_trace.h"
#include "io/http.h"
#include "io/http_redact.h"

enum {
  TOTAL_MS = 15 * 1000,
  REPLY_MAX = 1024 * 1024,
  URL_MAX = 16 * 1024,
  STATUS_OK = 200,
};

const char *tracker_http_refuses(const char *url) {
  if (http_is_url(url)) return NULL;
  return strncasecmp(url, "udp://", 6) == 0 ? "UDP trackers are not supported yet"
                                            : "trackers are asked over http or https only";
}

/* --- what both have in common --- */

/* What stands between the end of a URL (a query or none) and more of its query. */
static void put_joint(struct buf *b) {
  if (memchr(b->data, '?', b->len) == NULL)
    buf_put_u8(b, '?');
  else if (b->data[b->len - 1] != '?' && b->data[b->len - 1] != '&')
    buf_put_u8(b, '&');
}

/* GETs the URL in `full`, of which our query begins at `own`. On failure `why` says why. */
static enum err fetch(struct buf *full, size_t own, bool scrape, const struct tracker_http_how *how,
                      struct http_reply *h, char why[static ANNOUNCE_TEXT_MAX]) {
  int64_t latest_ms = how->patient ? CLOCK_NEVER : clock_now_ms() + TOTAL_MS;
  struct http_request get = {
    .url = buf_cstr(full),
    .deadline_ms = how->deadline_ms < latest_ms ? how->deadline_ms : latest_ms,
    .patient = how->patient,
    .max_body = REPLY_MAX,
    .cancel = how->cancel,
    .no_reply = how->no_reply,
    .on_connected = how->on_connected,
    .arg = how->arg,
  };
  *h = (struct http_reply){0};
  if (full->failed) {
    snprintf(why, ANNOUNCE_TEXT_MAX, "the announce URL is too long");
    return ERR_FORMAT;
  }
  tracker_trace_asked(how->trace, get.url, own, scrape);
  enum err e = http_get(&get, h);
  if (e != ERR_OK) snprintf(why, ANNOUNCE_TEXT_MAX, "%s", h->why);
  return e;
}

/* A status other than 200. Many trackers still send a bencoded reason with it. */
static enum err explain_status(const char *url, const struct http_reply *h,
                               char why[static ANNOUNCE_TEXT_MAX], int64_t *retry_in_s) {
  char host[128];
  struct announce_reply r;
  *retry_in_s = h->retry_after_s;
  snprintf(why, ANNOUNCE_TEXT_MAX, "%s answered with HTTP status %ld",
           http_redact_host(url, host, sizeof host), h->status);
  if (announce_parse(&r, h->body.data, h->body.len, 0) != ERR_OK) return ERR_REFUSED;
  if (r.failure[0] != '\0') snprintf(why, ANNOUNCE_TEXT_MAX, "%s", r.failure);
  if (r.retry_in_s >= 0) *retry_in_s = r.retry_in_s;
  announce_free(&r);
  return ERR_REFUSED;
}

/* A body that could not be read, and why: `e`. */
static enum err explain_body(const char *url, const struct buf *body, enum err e,
                             char why[static ANNOUNCE_TEXT_MAX]) {
  char host[128];
  const char *what = "something that is no tracker's reply";
  if (body->len == 0) what = "an empty reply";
  else if (body->data[0] == '<') what = "a web page, not a tracker's reply";
  if (e == ERR_MEMORY)
    snprintf(why, ANNOUNCE_TEXT_MAX, "out of memory for a tracker's reply");
  else if (e != ERR_OK)
    snprintf(why, ANNOUNCE_TEXT_MAX, "%s sent %s", http_redact_host(url, host, sizeof host), what);
  return e;
}

/* --- an announce --- */

static enum err read_announced(const char *url, const struct http_reply *h, size_t peers_max,
                               struct tracker_http_outcome *out) {
  out->redirected = h->redirected;
  out->unanswered = h->status == 0;
  if (out->unanswered) return ERR_OK;
  if (h->status != STATUS_OK) return explain_status(url, h, out->why, &out->retry_in_s);
  if (peers_max == 0) peers_max = ANNOUNCE_PEERS_MAX;
  enum err e = announce_parse(&out->r, h->body.data, h->body.len, peers_max);
  return explain_body(url, &h->body, e, out->why);
}

enum err tracker_http_announce(const char *url, const struct announce_request *q,
                               const struct tracker_http_how *how,
                               struct tracker_http_outcome *out) {
  struct buf full;
  struct http_reply h;
  *out = (struct tracker_http_outcome){.retry_in_s = -1};
  buf_init(&full, URL_MAX);
  buf_put(&full, url, strcspn(url, "#"));
  if (full.len > 0) put_joint(&full);
  size_t own = full.len;
  announce_put_query(&full, q);
  enum err e = fetch(&full, own, false, how, &h, out->why);
  if (e == ERR_OK) e = read_announced(url, &h, how->peers_max, out);
  bool read = e == ERR_OK && !out->unanswered;
  tracker_trace_announced(how->trace, url, &h, read ? &out->r : NULL,
                          out->unanswered ? "not waited for" : out->why);
  http_reply_free(&h);
  buf_free(&full);
  return e;
}

/* --- a scrape --- */

static enum err read_scraped(const char *url, const struct http_reply *h,
                             const uint8_t *info_hash, struct tracker_http_scraped *out) {
  if (h->status != STATUS_OK) return explain_status(url, h, out->why, &out->retry_in_s);
  enum err e = scrape_parse(&out->r, h->body.data, h->body.len, info_hash);
  return explain_body(url, &h->body, e, out->why);
}

enum err tracker_http_scrape(const char *url, const uint8_t info_hash[static 20],
                             const struct tracker_http_how *how,
                             struct tracker_http_scraped *out) {
  struct buf full;
  struct http_reply h;
  struct tracker_http_how waiting = *how;
  *out = (struct tracker_http_scraped){.retry_in_s = -1};
  buf_init(&full, URL_MAX);
  if (!scrape_put_url(&full, url)) {
    snprintf(out->why, sizeof out->why,
             "can't be scraped: there is no \"announce\" in its URL to replace (BEP 48)");
    return ERR_UNSUPPORTED;
  }
  if (full.len > 0) put_joint(&full);
  size_t own = full.len;
  scrape_put_query(&full, info_hash);
  waiting.no_reply = NULL;
  enum err e = fetch(&full, own, true, &waiting, &h, out->why);
  if (e == ERR_OK) e = read_scraped(url, &h, info_hash, out);
  tracker_trace_scraped(how->trace, url, &h, e == ERR_OK ? &out->r : NULL, out->why);
  http_reply_free(&h);
  buf_free(&full);
  return e;
}
