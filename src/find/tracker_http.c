#include "find/tracker_http.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "io/http.h"
#include "io/http_redact.h"

enum {
  TOTAL_MS = 15 * 1000,
  REPLY_MAX = 1024 * 1024,
  URL_MAX = 16 * 1024,
  STATUS_OK = 200,
};

/* The announce URL, without its fragment, and the query behind it. */
static void put_url(struct buf *b, const char *url, const struct announce_request *q) {
  size_t len = strcspn(url, "#");
  const char *query = memchr(url, '?', len);
  buf_put(b, url, len);
  if (query == NULL)
    buf_put_u8(b, '?');
  else if (url[len - 1] != '?' && url[len - 1] != '&')
    buf_put_u8(b, '&');
  announce_put_query(b, q);
}

/* A status other than 200. Many trackers still send a bencoded reason with it. */
static enum err explain_status(const char *url, const struct http_reply *h,
                               struct tracker_http_outcome *out) {
  char host[128];
  struct announce_reply r;
  out->retry_in_s = h->retry_after_s;
  snprintf(out->why, sizeof out->why, "%s answered with HTTP status %ld",
           http_redact_host(url, host, sizeof host), h->status);
  if (announce_parse(&r, h->body.data, h->body.len) != ERR_OK) return ERR_REFUSED;
  if (r.failure[0] != '\0') snprintf(out->why, sizeof out->why, "%s", r.failure);
  if (r.retry_in_s >= 0) out->retry_in_s = r.retry_in_s;
  announce_free(&r);
  return ERR_REFUSED;
}

/* A body that is no tracker's reply. */
static void explain_body(const char *url, const struct buf *body,
                         struct tracker_http_outcome *out) {
  char host[128];
  const char *what = "something that is no tracker's reply";
  if (body->len == 0) what = "an empty reply";
  else if (body->data[0] == '<') what = "a web page, not a tracker's reply";
  snprintf(out->why, sizeof out->why, "%s sent %s", http_redact_host(url, host, sizeof host), what);
}

static enum err read_reply(const char *url, const struct http_reply *h,
                           struct tracker_http_outcome *out) {
  out->redirected = h->redirected;
  out->unanswered = h->status == 0;
  if (out->unanswered) return ERR_OK;
  if (h->status != STATUS_OK) return explain_status(url, h, out);
  enum err e = announce_parse(&out->r, h->body.data, h->body.len);
  if (e == ERR_MEMORY) snprintf(out->why, sizeof out->why, "out of memory for a tracker's reply");
  else if (e != ERR_OK) explain_body(url, &h->body, out);
  return e;
}

enum err tracker_http_announce(const char *url, const struct announce_request *q,
                               const struct tracker_http_how *how,
                               struct tracker_http_outcome *out) {
  struct buf full;
  struct http_reply h;
  int64_t latest_ms = clock_now_ms() + TOTAL_MS;
  *out = (struct tracker_http_outcome){.retry_in_s = -1};
  buf_init(&full, URL_MAX);
  put_url(&full, url, q);
  if (full.failed) {
    buf_free(&full);
    snprintf(out->why, sizeof out->why, "the announce URL is too long");
    return ERR_FORMAT;
  }
  struct http_request get = {
    .url = buf_cstr(&full),
    .deadline_ms = how->deadline_ms < latest_ms ? how->deadline_ms : latest_ms,
    .max_body = REPLY_MAX,
    .cancel = how->cancel,
    .no_reply = how->no_reply,
    .on_connected = how->on_connected,
    .arg = how->arg,
  };
  enum err e = http_get(&get, &h);
  if (e == ERR_OK)
    e = read_reply(url, &h, out);
  else
    snprintf(out->why, sizeof out->why, "%s", h.why);
  http_reply_free(&h);
  buf_free(&full);
  return e;
}
