/*
 * http: one blocking GET with every bound set. The only user of libcurl.
 *
 * Trackers, torrents given as URLs and (later) web seeds come through here. What a hostile server
 * could do is bounded here once: http and https only, also after redirects; at most 5 redirects;
 * TLS 1.2 or newer, always verified; a total deadline; 5 s to connect and 100 bytes/s over any 10 s
 * (unless the caller is patient: a user who set a deadline means it); a limit on the *decoded* body
 * counted as it arrives; no cookies, no netrc, no credentials sent to another host.
 * A request that began at a public address may not be redirected to a local one (SSRF): loopback
 * and private targets are allowed only when the first URL itself was local, and no redirect leads
 * to a link-local one (io/http_guard).
 *
 * The proxies that the environment names (http_proxy, https_proxy, all_proxy, no_proxy) are used,
 * as people expect of anything built on libcurl. The process must ignore SIGPIPE.
 *
 * Each call makes its own easy handle, so any thread may call at any time after http_global_init().
 */
#ifndef WEFT_IO_HTTP_H
#define WEFT_IO_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Once, before threads start. ERR_OK or ERR_MEMORY. */
enum err http_global_init(void);
void http_global_cleanup(void);
/* The name and version of libcurl, as "libcurl 7.88.1"; any thread, and valid as
 * long as the thread lives. */
const char *http_version(void);

struct http_request {
  const char *url;        /* http:// or https:// */
  int64_t deadline_ms;    /* absolute (base/clock); the whole transfer, redirects included */
  bool patient;           /* nothing but the deadline ends the wait for a slow server */
  size_t max_body;        /* decoded bytes */
  const atomic_bool *cancel; /* may be NULL; once true the call returns within 200 ms */
  const atomic_bool *no_reply; /* may be NULL; while true the reply is hardly waited for, see
                                * http_get(); may become true at any time */
  /* May be NULL. Called when the connection stands and the request is about to be sent; in the
   * caller's thread. It may wait; the deadline is its own business. */
  void (*on_connected)(void *arg);
  void *arg;              /* for on_connected */
  bool refuse_local;      /* also refuse a first URL that is local (URLs found in a magnet) */
};

struct http_reply {
  long status;            /* 200, 404...; 0 if none arrived */
  struct buf body;        /* up to max_body bytes; free with http_reply_free() */
  int64_t retry_after_s;  /* of the Retry-After header in seconds; -1 if absent or a date */
  bool redirected;        /* the reply is another URL's */
  char why[256];          /* on failure: one sentence, already without user names or passkeys */
};

/*
 * Fetches. Returns ERR_OK when a reply with *any* status arrived whole; the caller looks at the
 * status. Else: ERR_TIMEOUT, ERR_REFUSED (connection), ERR_NOT_FOUND (name), ERR_LIMIT (too big,
 * too many redirects), ERR_ACCESS (TLS, forbidden target or scheme), ERR_CANCELLED, ERR_CLOSED
 * (cut short), ERR_FORMAT (no valid URL), ERR_PROTOCOL (that is not HTTP), ERR_MEMORY. `r` is
 * always filled and always to be freed.
 *
 * With *no_reply: ERR_OK with status 0 and no body, when the kernel has the whole request and
 * neither a reply nor a redirect has come within 40 ms of that. The delivery goes on after the
 * call, and after the end of the process. The 40 ms are for servers that stand behind another one:
 * a proxy that sees the request and the end of the connection in one gulp takes the client for
 * gone, and drops the request (nginx does, with status 499).
 */
enum err http_get(const struct http_request *q, struct http_reply *r);
void http_reply_free(struct http_reply *r);

/* The URL fit for a log: user info and the query's values and long path elements that look like
 * passkeys replaced by "...". Writes at most `size` bytes with NUL; returns `out`. */
const char *http_redact(const char *url, char *out, size_t size);
/* "http://" or "https://", any case. */
bool http_is_url(const char *text);

#endif
