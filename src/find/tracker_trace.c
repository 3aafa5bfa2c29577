#include "find/tracker_trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "io/http_redact.h"

enum { URL_SHOWN = 512, VALUE_MAX = 256, PARAMETERS_MAX = 14, BEP_SCRAPE = 48, BEP_ANNOUNCE = 3 };

/* A line about a tracker, and the texts that its fields point to. */
struct record {
  struct trace_event e;
  struct trace_fields f;
  char host[128];
  char url[URL_SHOWN];
  char ip[ADDR_TEXT_MAX];
  struct {
    char name[24];
    char value[VALUE_MAX];
  } parameters[PARAMETERS_MAX];
};

static void begin(struct record *r, const struct trace *t, const char *url, enum trace_dir dir,
                  bool scrape) {
  memset(r, 0, sizeof *r);
  http_redact_host(url, r->host, sizeof r->host);
  r->e = (struct trace_event){.us = trace_now_us(t), .peer = r->host, .dir = dir,
                              .type = TRACE_TRACKER, .bep = scrape ? BEP_SCRAPE : BEP_ANNOUNCE,
                              .fields = &r->f};
  trace_field_add_text(&r->f, "request", scrape ? "scrape" : "announce");
  r->f.at[0].bare = true;
}

static void put(struct trace *t, const struct record *r) {
  struct buf line;
  buf_init(&line, TRACE_LINES_MAX);
  trace_put(t, &line, &r->e);
  trace_write(t, &line);
  buf_free(&line);
}

/* --- requests --- */

/* "%41b" -> "Ab", cut to fit; returns its length. */
static size_t decode(const char *in, size_t len, char out[static VALUE_MAX]) {
  size_t n = 0;
  for (size_t i = 0; i < len && n < VALUE_MAX - 1; i++, n++) {
    uint8_t byte;
    out[n] = in[i];
    if (in[i] != '%' || len - i < 3 || !crypto_unhex(in + i + 1, 2, &byte, 1)) continue;
    out[n] = (char)byte;
    i += 2;
  }
  out[n] = '\0';
  return n;
}

static bool is_number(const char *s, uint64_t *v) {
  *v = 0;
  size_t len = strlen(s);
  for (size_t i = 0; i < len; i++) {
    if (s[i] < '0' || s[i] > '9') return false;
    *v = *v * 10 + (uint64_t)(s[i] - '0');
  }
  return len > 0 && len < 19;
}

/* One parameter of the query, as parameter `i` of the record. */
static void put_parameter(struct record *r, size_t i, const char *text, size_t len) {
  char *name = r->parameters[i].name;
  char *value = r->parameters[i].value;
  const char *equals = memchr(text, '=', len);
  size_t name_len = equals != NULL ? (size_t)(equals - text) : len;
  if (equals == NULL || name_len >= sizeof r->parameters[i].name) return;
  memcpy(name, text, name_len);
  size_t n = decode(equals + 1, len - name_len - 1, value);
  uint64_t v;
  if (strcmp(name, "key") == 0 || strcmp(name, "trackerid") == 0)
    trace_field_add_text(&r->f, name, "...");
  else if (strcmp(name, "info_hash") == 0)
    trace_field_add_bytes(&r->f, name, TRACE_HEX, value, n);
  else if (strcmp(name, "peer_id") == 0)
    trace_field_add_bytes(&r->f, name, TRACE_ID, value, n);
  else if (is_number(value, &v))
    trace_field_add_number(&r->f, name, v);
  else
    trace_field_add_bytes(&r->f, name, TRACE_TEXT, value, n);
}

void tracker_trace_asked(struct trace *t, const char *url, size_t own, bool scrape) {
  struct record r;
  if (t == NULL || !trace_wants_trackers(t)) return;
  begin(&r, t, url, TRACE_OUT, scrape);
  char *theirs = strndup(url, own > 0 ? own - 1 : 0); /* without the '?' or '&' in between */
  if (theirs == NULL) return;
  trace_field_add_text(&r.f, "url", http_redact(theirs, r.url, sizeof r.url));
  r.f.at[r.f.count - 1].bare = true;
  free(theirs);
  const char *at = url + own;
  for (size_t i = 0; i < PARAMETERS_MAX && *at != '\0'; i++) {
    size_t len = strcspn(at, "&");
    put_parameter(&r, i, at, len);
    at += len + (at[len] == '&');
  }
  put(t, &r);
}

/* --- replies --- */

static void put_count(struct record *r, const char *name, int64_t n) {
  if (n >= 0 && n < INT64_MAX) trace_field_add_number(&r->f, name, (uint64_t)n);
}

static void put_words(struct record *r, const char *name, const char *text) {
  if (text[0] != '\0') trace_field_add_text(&r->f, name, text);
}

/* What every reply has, and the first bytes of it. */
static void put_reply(struct record *r, const struct http_reply *h) {
  if (h->status > 0) trace_field_add_number(&r->f, "status", (uint64_t)h->status);
  r->e.sized = h->status > 0;
  r->e.size = h->body.len;
}

static void put_body(struct record *r, const struct http_reply *h) {
  if (h->body.len == 0 || r->f.count == TRACE_FIELDS_MAX) return;
  trace_field_add_bytes(&r->f, "body", TRACE_BYTES, h->body.data, h->body.len);
  r->f.at[r->f.count - 1].size = h->body.len;
  r->f.at[r->f.count - 1].frame = true;
}

void tracker_trace_announced(struct trace *t, const char *url, const struct http_reply *h,
                             const struct announce_reply *a, const char *why) {
  struct record r;
  if (t == NULL || !trace_wants_trackers(t)) return;
  begin(&r, t, url, TRACE_IN, false);
  put_reply(&r, h);
  if (a != NULL) {
    put_words(&r, "failure", a->failure);
    put_words(&r, "warning", a->warning);
    put_count(&r, "interval", a->told_interval_s);
    put_count(&r, "min_interval", a->told_min_interval_s);
    put_count(&r, "complete", a->complete);
    put_count(&r, "incomplete", a->incomplete);
    trace_field_add_number(&r.f, "peers", a->peer_count);
    if (a->external_ip.family != 0)
      trace_field_add_text(&r.f, "external_ip", addr_text(&a->external_ip, r.ip));
  }
  put_words(&r, "error", why);
  put_body(&r, h);
  put(t, &r);
}

void tracker_trace_scraped(struct trace *t, const char *url, const struct http_reply *h,
                           const struct scrape_reply *s, const char *why) {
  struct record r;
  if (t == NULL || !trace_wants_trackers(t)) return;
  begin(&r, t, url, TRACE_IN, true);
  put_reply(&r, h);
  if (s != NULL) {
    put_words(&r, "failure", s->failure);
    put_count(&r, "complete", s->complete);
    put_count(&r, "incomplete", s->incomplete);
    put_count(&r, "downloaded", s->downloaded);
    put_count(&r, "min_interval", s->min_interval_s > 0 ? s->min_interval_s : -1);
  }
  put_words(&r, "error", why);
  put_body(&r, h);
  put(t, &r);
}
