#include "io/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/version.h"
#include "io/http_guard.h"
#include "io/http_redact.h"
#include "proto/addr.h"

#define USER_AGENT "weft/" WEFT_VERSION
#define MAX_REDIRECTS 5L
#define CONNECT_TIMEOUT_MS 5000L
#define NO_TIMEOUT_MS 0x7fffffffL /* curl takes 0 for its own default */
#define SLOW_BYTES_PER_S 100L
#define SLOW_TIME_S 10L

enum {
  LOOK_MS = 50,            /* how often *cancel is looked at while nothing happens */
  LOOK_OFTEN_MS = 5,       /* the same if there is a *no_reply to look at */
  LINGER_MS = 40,          /* from the request's departure to the end, with *no_reply */
  HEADERS_MAX = 256 * 1024 /* bytes of headers, all redirects together */
};

struct transfer {
  const struct http_request *q;
  struct http_reply *r;
  CURL *easy;
  struct http_guard guard;
  size_t header_bytes;
  char method;        /* first letter of the request that is being sent, 0 between requests */
  unsigned ending;    /* how much of the empty line that ends it has gone */
  int64_t sent_ms;    /* when the GET had gone to the kernel; 0: it has not */
  bool too_big;       /* ended by on_body() or on_header() */
  bool forbidden;     /* on_socket() refused a target */
  bool no_descriptor; /* on_socket() got no socket */
  char detail[CURL_ERROR_SIZE];
};

enum err http_global_init(void) {
  return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? ERR_OK : ERR_MEMORY;
}

void http_global_cleanup(void) {
  curl_global_cleanup();
}

const char *http_version(void) {
  static _Thread_local char text[64];
  snprintf(text, sizeof text, "libcurl %s", curl_version_info(CURLVERSION_NOW)->version);
  return text;
}

void http_reply_free(struct http_reply *r) {
  buf_free(&r->body);
}

bool http_is_url(const char *text) {
  return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

/* --- what curl calls while the transfer runs --- */

/* Part of the decoded body: whatever it was compressed from, this is where it is counted. */
static size_t on_body(char *data, size_t one, size_t len, void *arg) {
  struct transfer *t = arg;
  (void)one;
  buf_put(&t->r->body, data, len);
  if (!t->r->body.failed) return len;
  t->too_big = t->r->body.len + len > t->r->body.max; /* else: out of memory */
  return 0;
}

/* The value of "Retry-After: <seconds>"; -1 for a date. */
static int64_t parse_retry_after(const char *s, size_t len) {
  int64_t v = 0;
  size_t digits = 0;
  for (; len > 0 && (*s == ' ' || *s == '\t'); s++) len--;
  for (; digits < len && s[digits] >= '0' && s[digits] <= '9'; digits++)
    if (v < INT32_MAX) v = v * 10 + (s[digits] - '0');
  bool ended = digits == len || strchr(" \t\r\n", s[digits]) != NULL;
  return digits > 0 && ended ? v : -1;
}

/* One header line. A status line starts the next reply (after a redirect): what came before is
 * void. */
static size_t on_header(char *line, size_t one, size_t len, void *arg) {
  static const char retry[] = "retry-after:";
  struct transfer *t = arg;
  (void)one;
  t->header_bytes += len;
  if (t->header_bytes > HEADERS_MAX) {
    t->too_big = true;
    return 0;
  }
  if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
    buf_clear(&t->r->body);
    t->r->retry_after_s = -1;
  } else if (len >= sizeof retry - 1 && strncasecmp(line, retry, sizeof retry - 1) == 0) {
    t->r->retry_after_s = parse_retry_after(line + sizeof retry - 1, len - (sizeof retry - 1));
  }
  return len;
}

/* A connection is about to be made, to an address that is already resolved. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to) {
  struct transfer *t = arg;
  struct addr a;
  long hop = 0;
  (void)purpose;
  t->sent_ms = 0; /* what goes out next is another request: a redirect came in time */
  curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_COUNT, &hop);
  if (!addr_from_sockaddr(&to->addr, &a) || !http_guard_allow(&t->guard, hop, &a)) {
    t->forbidden = true;
    return CURL_SOCKET_BAD;
  }
  int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  if (fd < 0 && err_from_errno(errno) == ERR_MEMORY) t->no_descriptor = true;
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/*
 * Finds out when the request has left: curl tells here what it has just written to the socket
 * (through TLS, where there is some), in as many parts as the socket took. A GET has no body, so
 * the empty line is its end. The CONNECT that opens a way through a proxy is none of ours.
 */
static int on_debug(CURL *easy, curl_infotype type, char *data, size_t len, void *arg) {
  static const char end[] = "\r\n\r\n";
  struct transfer *t = arg;
  (void)easy;
  for (size_t i = 0; type == CURLINFO_HEADER_OUT && i < len; i++) {
    if (t->method == 0) t->method = data[i];
    t->ending = data[i] == end[t->ending] ? t->ending + 1 : data[i] == '\r';
    if (t->ending < sizeof end - 1) continue;
    if (t->method == 'G') t->sent_ms = clock_now_ms();
    t->method = 0;
    t->ending = 0;
  }
  return 0;
}

#if LIBCURL_VERSION_NUM >= 0x075000 /* 7.80.0 */
static int on_connected(void *arg, char *to, char *from, int to_port, int from_port) {
  const struct transfer *t = arg;
  (void)to;
  (void)from;
  (void)to_port;
  (void)from_port;
  t->q->on_connected(t->q->arg);
  return CURL_PREREQFUNC_OK;
}
#endif

/* --- settings --- */

/* The port of the proxy that the environment names for a scheme, 0 if none: the variables are those
 * that curl reads. */
static uint16_t proxy_port(const char *lower, const char *upper) {
  const char *names[] = {lower, upper, "all_proxy", "ALL_PROXY"};
  const char *value = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && value == NULL; i++)
    if (names[i] != NULL) value = getenv(names[i]);
  if (value == NULL || *value == '\0') return 0;
  const char *mark = strstr(value, "://");
  bool https = strncasecmp(value, "https://", 8) == 0;
  const char *colon = strrchr(mark == NULL ? value : mark + 3, ':');
  char *end = NULL;
  unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);
  if (port >= 1 && port <= UINT16_MAX && (*end == '\0' || *end == '/')) return (uint16_t)port;
  return https ? 443 : 1080; /* curl's defaults */
}

#define SET(option, value) (curl_easy_setopt(t->easy, (option), (value)) == CURLE_OK)

static bool set_schemes(struct transfer *t) {
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85.0 */
  return SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  long both = CURLPROTO_HTTP | CURLPROTO_HTTPS;
  return SET(CURLOPT_PROTOCOLS, both) && SET(CURLOPT_REDIR_PROTOCOLS, both);
#endif
}

/* A name is resolved in a thread of curl's, which can't be interrupted. With QUICK_EXIT curl
 * leaves a cancelled one to end by itself; before 7.87.0 it waits for it (some seconds while DNS
 * is down). */
static bool set_resolver(struct transfer *t) {
#if LIBCURL_VERSION_NUM >= 0x075700
  return SET(CURLOPT_QUICK_EXIT, 1L);
#else
  (void)t;
  return true;
#endif
}

/* What a server may not make us do. TLS is always verified: there is no switch. */
static bool set_safety(struct transfer *t) {
  return set_schemes(t) && set_resolver(t) && SET(CURLOPT_NOSIGNAL, 1L) &&
         SET(CURLOPT_FOLLOWLOCATION, 1L) && SET(CURLOPT_MAXREDIRS, MAX_REDIRECTS) &&
         SET(CURLOPT_UNRESTRICTED_AUTH, 0L) && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
         SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
         SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
         SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static bool set_limits(struct transfer *t) {
  const struct http_request *q = t->q;
  int rest_ms = clock_poll_timeout(q->deadline_ms); /* -1: no deadline, for curl 0 */
  return SET(CURLOPT_TIMEOUT_MS, rest_ms < 0 ? 0L : (long)rest_ms + 1) &&
         SET(CURLOPT_CONNECTTIMEOUT_MS, q->patient ? NO_TIMEOUT_MS : CONNECT_TIMEOUT_MS) &&
         SET(CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_S) &&
         SET(CURLOPT_LOW_SPEED_TIME, q->patient ? 0L : SLOW_TIME_S) &&
         SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)q->max_body);
}

static bool set_transfer(struct transfer *t) {
  return SET(CURLOPT_URL, t->q->url) && SET(CURLOPT_USERAGENT, USER_AGENT) &&
         SET(CURLOPT_ACCEPT_ENCODING, "gzip") && SET(CURLOPT_ERRORBUFFER, t->detail) &&
         SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, t) &&
         SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, t) &&
         SET(CURLOPT_OPENSOCKETFUNCTION, on_socket) && SET(CURLOPT_OPENSOCKETDATA, t);
}

/* Where the request stands: CURLOPT_VERBOSE makes curl call on_debug(), and print nothing. An old
 * curl can't say when it is connected: whoever wants to wait then waits before that. */
static bool set_departure(struct transfer *t) {
  const struct http_request *q = t->q;
  if (q->no_reply != NULL && !(SET(CURLOPT_DEBUGFUNCTION, on_debug) &&
                               SET(CURLOPT_DEBUGDATA, t) && SET(CURLOPT_VERBOSE, 1L)))
    return false;
  if (q->on_connected == NULL) return true;
#if LIBCURL_VERSION_NUM >= 0x075000
  return SET(CURLOPT_PREREQFUNCTION, on_connected) && SET(CURLOPT_PREREQDATA, t);
#else
  q->on_connected(q->arg);
  return true;
#endif
}

/* --- failures in words --- */

static enum err fail(struct transfer *t, enum err e, const char *before, const char *after) {
  char host[128];
  char *url = NULL;
  curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
  http_redact_host(url != NULL ? url : t->q->url, host, sizeof host);
  snprintf(t->r->why, sizeof t->r->why, "%s%s%s", before, host, after);
  return e;
}

static enum err fail_connect(struct transfer *t) {
  long number = 0;
  char text[128];
  char after[160];
  if (t->forbidden)
    return fail(t, ERR_ACCESS, "not allowed: ", " is an address inside the local network");
  if (t->no_descriptor)
    return fail(t, ERR_MEMORY, "could not connect to ", ": no socket left (see ulimit -n)");
  curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
  if (number == 0) return fail(t, ERR_REFUSED, "could not connect to ", "");
  const char *words = strerror_r((int)number, text, sizeof text);
  int first = words[0] >= 'A' && words[0] <= 'Z' ? words[0] + ('a' - 'A') : words[0];
  snprintf(after, sizeof after, ": %c%s", first, words + 1);
  return fail(t, ERR_REFUSED, "could not connect to ", after);
}

static enum err fail_timeout(struct transfer *t) {
  curl_off_t named_us = 0;
  curl_off_t connected_us = 0;
  curl_easy_getinfo(t->easy, CURLINFO_NAMELOOKUP_TIME_T, &named_us);
  curl_easy_getinfo(t->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
  if (named_us == 0) return fail(t, ERR_TIMEOUT, "no name server told the address of ", " in time");
  if (connected_us == 0) return fail(t, ERR_TIMEOUT, "could not connect to ", " in time");
  if (t->r->status == 0) return fail(t, ERR_TIMEOUT, "", " did not answer in time");
  return fail(t, ERR_TIMEOUT, "", " began to answer and was too slow to end");
}

static enum err fail_too_big(struct transfer *t) {
  char after[80];
  if (t->header_bytes > HEADERS_MAX)
    return fail(t, ERR_LIMIT, "the headers in the reply of ", " are too long");
  snprintf(after, sizeof after, " is larger than %zu bytes", t->q->max_body);
  return fail(t, ERR_LIMIT, "the reply of ", after);
}

/* curl says so for a scheme we do not allow, and for a server that does not speak HTTP/1. */
static enum err fail_scheme(struct transfer *t) {
  char *url = NULL;
  curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
  if (url != NULL && http_is_url(url)) return fail(t, ERR_PROTOCOL, "", " does not speak HTTP");
  snprintf(t->r->why, sizeof t->r->why,
           "not allowed: redirected to something that is neither http nor https");
  return ERR_ACCESS;
}

/* Names no host: what makes the URL invalid may well be that there is none. */
static enum err fail_url(struct transfer *t) {
  char host[128];
  http_redact_host(t->q->url, host, sizeof host);
  snprintf(t->r->why, sizeof t->r->why, "not a valid URL%s%.120s",
           t->detail[0] ? ": " : *host == '\0' ? ": it names no host" : "", t->detail);
  return ERR_FORMAT;
}

static enum err fail_tls(struct transfer *t) {
  char after[160];
  snprintf(after, sizeof after, ": %.120s", t->detail);
  return fail(t, ERR_ACCESS, "no safe connection to ", t->detail[0] ? after : "");
}

/* Turns curl's result into ours. */
static enum err explain(struct transfer *t, CURLcode code) {
  if (code == CURLE_OK) return ERR_OK;
  if (t->too_big) return fail_too_big(t);
  switch ((int)code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
      return fail_connect(t);
    case CURLE_OPERATION_TIMEDOUT:
      return fail_timeout(t);
    case CURLE_FILESIZE_EXCEEDED:
      return fail_too_big(t);
    case CURLE_UNSUPPORTED_PROTOCOL:
      return fail_scheme(t);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return fail_tls(t);
    case CURLE_COULDNT_RESOLVE_HOST:
      return fail(t, ERR_NOT_FOUND, "no address was found for the name ", "");
    case CURLE_COULDNT_RESOLVE_PROXY:
      return fail(t, ERR_NOT_FOUND, "no address was found for the proxy on the way to ", "");
    case CURLE_TOO_MANY_REDIRECTS:
      return fail(t, ERR_LIMIT, "too many redirects, the last one to ", "");
    case CURLE_URL_MALFORMAT:
      return fail_url(t);
    case CURLE_OUT_OF_MEMORY:
    case CURLE_WRITE_ERROR:
      return fail(t, ERR_MEMORY, "out of memory in the reply of ", "");
    case CURLE_GOT_NOTHING:
      return fail(t, ERR_CLOSED, "", " closed the connection without an answer");
    case CURLE_BAD_CONTENT_ENCODING:
      return fail(t, ERR_PROTOCOL, "the reply of ", " is damaged");
    case CURLE_WEIRD_SERVER_REPLY:
      return fail(t, ERR_PROTOCOL, "", " does not speak HTTP");
    default:
      return fail(t, ERR_CLOSED, "the connection to ", " was cut before the end of the reply");
  }
}

/* --- the transfer --- */

static bool is_cancelled(const struct transfer *t) {
  return t->q->cancel != NULL && atomic_load(t->q->cancel);
}

static CURLcode result_of(CURLM *multi) {
  int left = 0;
  for (CURLMsg *m; (m = curl_multi_info_read(multi, &left)) != NULL;)
    if (m->msg == CURLMSG_DONE) return m->data.result;
  return CURLE_OUT_OF_MEMORY;
}

/* Nobody waits for the reply, and the request has left long enough ago. */
static bool may_leave(const struct transfer *t, int64_t now_ms) {
  if (t->q->no_reply == NULL || !atomic_load(t->q->no_reply) || t->sent_ms == 0) return false;
  return now_ms >= t->sent_ms + LINGER_MS || now_ms >= t->q->deadline_ms;
}

/* Forgets what may have come of a reply. */
static enum err leave(struct transfer *t) {
  buf_clear(&t->r->body);
  t->r->status = 0;
  t->r->retry_after_s = -1;
  return ERR_OK;
}

static void note_progress(struct transfer *t) {
  long hops = 0;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->r->status);
  curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_COUNT, &hops);
  t->r->redirected = hops > 0;
}

/*
 * Runs the transfer to its end. curl_easy_perform() would look at a progress callback only once a
 * second while nothing arrives; so this is a multi handle of one, whose waits are LOOK_MS long.
 */
static enum err drive(struct transfer *t, CURLM *multi) {
  int look_ms = t->q->no_reply != NULL ? LOOK_OFTEN_MS : LOOK_MS;
  for (;;) {
    int running = 0;
    if (is_cancelled(t)) return fail(t, ERR_CANCELLED, "stopped while asking ", "");
    if (curl_multi_perform(multi, &running) != CURLM_OK) return explain(t, CURLE_OUT_OF_MEMORY);
    note_progress(t);
    if (running == 0) return explain(t, result_of(multi));
    if (may_leave(t, clock_now_ms())) return leave(t);
    int rest_ms = clock_poll_timeout(t->q->deadline_ms);
    if (rest_ms == 0) return fail_timeout(t);
    if (rest_ms < 0 || rest_ms > look_ms) rest_ms = look_ms;
    curl_multi_poll(multi, NULL, 0, rest_ms, NULL);
  }
}

static enum err perform(struct transfer *t) {
  enum err e = ERR_MEMORY;
  CURLM *multi = curl_multi_init();
  if (multi == NULL) return e;
  if (curl_multi_add_handle(multi, t->easy) == CURLM_OK) {
    e = drive(t, multi);
    curl_multi_remove_handle(multi, t->easy);
  }
  curl_multi_cleanup(multi);
  return e;
}

enum err http_get(const struct http_request *q, struct http_reply *r) {
  *r = (struct http_reply){.retry_after_s = -1};
  buf_init(&r->body, q->max_body);
  if (!http_is_url(q->url)) {
    snprintf(r->why, sizeof r->why, "not an http or https URL");
    return ERR_FORMAT;
  }
  struct transfer t = {.q = q, .r = r, .easy = curl_easy_init()};
  http_guard_init(&t.guard, q->refuse_local);
  t.guard.proxy_port[0] = proxy_port("http_proxy", NULL);
  t.guard.proxy_port[1] = proxy_port("https_proxy", "HTTPS_PROXY");
  enum err e = ERR_MEMORY;
  if (t.easy != NULL && set_safety(&t) && set_limits(&t) && set_transfer(&t) && set_departure(&t))
    e = perform(&t);
  if (e == ERR_MEMORY && r->why[0] == '\0')
    snprintf(r->why, sizeof r->why, "out of memory for a request over HTTP");
  curl_easy_cleanup(t.easy);
  return e;
}
