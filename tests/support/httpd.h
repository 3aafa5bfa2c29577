/*
 * httpd: a small HTTP server inside a test process, whose answers the test scripts.
 *
 *   static void answer(struct httpd_call *c) { httpd_reply(c, 200, "", "hello", 5); }
 *   struct httpd h;
 *   httpd_start(&h, answer, arg);  ...  httpd_stop(&h);
 *
 * It listens on 127.0.0.1 at a port of the kernel's choice. Each connection brings one request and
 * has a thread of its own, so that an answer may stall or trickle while others go on; the handler
 * runs there, with blocking sends. Every request is kept as it came: httpd_wait() waits until n of
 * them have been read, httpd_request() shows them in the order in which the kernel received them,
 * whichever thread came to read its own first. httpd_stop() cuts what is still open and joins
 * every thread.
 *
 * Everything is static inline, so that a test that needs only a part of it compiles without
 * warnings.
 */
#ifndef WEFT_TESTS_HTTPD_H
#define WEFT_TESTS_HTTPD_H

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HTTPD_CALLS = 256, HTTPD_REQUEST_MAX = 16 * 1024, HTTPD_WAIT_S = 60 };

struct httpd;

struct httpd_call {
  struct httpd *h;
  pthread_t thread;
  int fd;          /* -1 once closed; guarded by h->lock */
  char *request;   /* as it came, with its empty line; NULL before; guarded by h->lock */
  struct timespec arrived; /* the end of the request */
  char path[2048]; /* between the method and the "?" */
  char query[4096]; /* behind the "?" */
};

struct httpd {
  void (*answer)(struct httpd_call *c);
  void *arg;
  uint16_t port;
  int listener;
  pthread_t thread;

  pthread_mutex_t lock;
  pthread_cond_t changed;
  /* guarded by lock: */
  bool stopping;
  size_t count; /* of calls[] in use */
  size_t requests;
  struct httpd_call calls[HTTPD_CALLS];
  size_t order[HTTPD_CALLS]; /* calls in the order of their requests' arrival */
};

/* Sends all of it; false when the client is gone. */
static inline bool httpd_send(struct httpd_call *c, const void *data, size_t len) {
  const char *p = data;
  while (len > 0) {
    ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    len -= (size_t)n;
  }
  return true;
}

static inline bool httpd_send_text(struct httpd_call *c, const char *text) {
  return httpd_send(c, text, strlen(text));
}

/* A whole reply. `headers`: further lines, each ending in "\r\n", or "". */
static inline bool httpd_reply(struct httpd_call *c, int status, const char *headers,
                               const void *body, size_t len) {
  char head[1024];
  snprintf(head, sizeof head,
           "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n", status,
           len, headers);
  return httpd_send_text(c, head) && httpd_send(c, body, len);
}

/* 302 to `location`. */
static inline bool httpd_redirect(struct httpd_call *c, const char *location) {
  char header[2200];
  snprintf(header, sizeof header,
           "HTTP/1.1 302 Found\r\nContent-Length: 5\r\nConnection: close\r\nLocation: %s\r\n"
           "\r\nmoved",
           location);
  return httpd_send_text(c, header);
}

/* Nothing more, until the client hangs up or the server stops. */
static inline void httpd_stall(struct httpd_call *c) {
  char waste[256];
  while (recv(c->fd, waste, sizeof waste, 0) > 0) continue;
}

/* One byte now and then, until the client hangs up or the server stops. */
static inline void httpd_trickle(struct httpd_call *c) {
  struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
  while (httpd_send(c, "x", 1)) nanosleep(&pause, NULL);
}

static inline bool httpd_is_before(const struct httpd_call *a, const struct httpd_call *b) {
  if (a->arrived.tv_sec != b->arrived.tv_sec) return a->arrived.tv_sec < b->arrived.tv_sec;
  return a->arrived.tv_nsec < b->arrived.tv_nsec;
}

/* recv(), with the time when the kernel got the bytes (or now, should it not say). */
static inline ssize_t httpd_recv(struct httpd_call *c, char *to, size_t room) {
  union {
    struct cmsghdr head;
    char bytes[256];
  } notes;
  struct iovec part = {.iov_base = to, .iov_len = room};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1,
                     .msg_control = &notes, .msg_controllen = sizeof notes};
  ssize_t n = recvmsg(c->fd, &m, 0);
  clock_gettime(CLOCK_REALTIME, &c->arrived);
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); n > 0 && h != NULL; h = CMSG_NXTHDR(&m, h))
    if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMPNS)
      memcpy(&c->arrived, CMSG_DATA(h), sizeof c->arrived);
  return n;
}

/* Takes the request line apart and notes the request. */
static inline void httpd_note(struct httpd_call *c, char *request) {
  struct httpd *h = c->h;
  const char *target = strchr(request, ' ');
  target = target == NULL ? request : target + 1;
  size_t len = strcspn(target, " \r");
  const char *mark = memchr(target, '?', len);
  size_t path_len = mark == NULL ? len : (size_t)(mark - target);
  snprintf(c->path, sizeof c->path, "%.*s", (int)path_len, target);
  if (mark != NULL)
    snprintf(c->query, sizeof c->query, "%.*s", (int)(len - path_len - 1), mark + 1);
  pthread_mutex_lock(&h->lock);
  c->request = request;
  size_t at = h->requests++;
  for (; at > 0 && httpd_is_before(c, &h->calls[h->order[at - 1]]); at--)
    h->order[at] = h->order[at - 1];
  h->order[at] = (size_t)(c - h->calls);
  pthread_cond_broadcast(&h->changed);
  pthread_mutex_unlock(&h->lock);
}

/* Reads one request; false if the client hangs up before its end. */
static inline bool httpd_read(struct httpd_call *c) {
  char *request = calloc(1, HTTPD_REQUEST_MAX);
  size_t len = 0;
  if (request == NULL) abort();
  while (strstr(request, "\r\n\r\n") == NULL) {
    ssize_t n = httpd_recv(c, request + len, HTTPD_REQUEST_MAX - 1 - len);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      free(request);
      return false;
    }
    len += (size_t)n;
  }
  httpd_note(c, request);
  return true;
}

static inline void *httpd_run_call(void *arg) {
  struct httpd_call *c = arg;
  if (httpd_read(c)) {
    c->h->answer(c);
    shutdown(c->fd, SHUT_WR); /* then wait for the client: a close at once might lose bytes */
    httpd_stall(c);
  }
  pthread_mutex_lock(&c->h->lock);
  close(c->fd);
  c->fd = -1;
  pthread_mutex_unlock(&c->h->lock);
  return NULL;
}

static inline void *httpd_run(void *arg) {
  struct httpd *h = arg;
  for (;;) {
    int fd = accept(h->listener, NULL, NULL);
    if (fd < 0 && errno == EINTR) continue;
    if (fd < 0) return NULL;
    pthread_mutex_lock(&h->lock);
    if (h->stopping || h->count == HTTPD_CALLS) {
      close(fd);
    } else {
      struct httpd_call *c = &h->calls[h->count++];
      *c = (struct httpd_call){.h = h, .fd = fd};
      if (pthread_create(&c->thread, NULL, httpd_run_call, c) != 0) abort();
    }
    pthread_mutex_unlock(&h->lock);
  }
}

static inline void httpd_start(struct httpd *h, void (*answer)(struct httpd_call *), void *arg) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  int on = 1;
  memset(h, 0, sizeof *h);
  h->answer = answer;
  h->arg = arg;
  pthread_mutex_init(&h->lock, NULL);
  pthread_cond_init(&h->changed, NULL);
  h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (h->listener < 0 ||
      setsockopt(h->listener, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 || /* inherited */
      bind(h->listener, (struct sockaddr *)&a, sizeof a) != 0 ||
      listen(h->listener, 64) != 0 || getsockname(h->listener, (struct sockaddr *)&a, &len) != 0)
    abort();
  h->port = ntohs(a.sin_port);
  if (pthread_create(&h->thread, NULL, httpd_run, h) != 0) abort();
}

static inline void httpd_stop(struct httpd *h) {
  pthread_mutex_lock(&h->lock);
  h->stopping = true;
  for (size_t i = 0; i < h->count; i++)
    if (h->calls[i].fd >= 0) shutdown(h->calls[i].fd, SHUT_RDWR);
  pthread_mutex_unlock(&h->lock);
  shutdown(h->listener, SHUT_RDWR);
  pthread_join(h->thread, NULL);
  close(h->listener);
  for (size_t i = 0; i < h->count; i++) {
    pthread_join(h->calls[i].thread, NULL);
    free(h->calls[i].request);
  }
  pthread_cond_destroy(&h->changed);
  pthread_mutex_destroy(&h->lock);
}

/* Waits until `n` requests have been read; false when that has not happened in a minute. */
static inline bool httpd_wait(struct httpd *h, size_t n) {
  struct timespec until;
  bool ok = true;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += HTTPD_WAIT_S;
  pthread_mutex_lock(&h->lock);
  while (ok && h->requests < n)
    ok = pthread_cond_timedwait(&h->changed, &h->lock, &until) == 0;
  ok = h->requests >= n;
  pthread_mutex_unlock(&h->lock);
  return ok;
}

/* How many requests have been read. */
static inline size_t httpd_count(struct httpd *h) {
  pthread_mutex_lock(&h->lock);
  size_t n = h->requests;
  pthread_mutex_unlock(&h->lock);
  return n;
}

/* The i-th request as it came, or "" if there is none; stays until httpd_stop(). */
static inline const char *httpd_request(struct httpd *h, size_t i) {
  pthread_mutex_lock(&h->lock);
  const char *text = i < h->requests ? h->calls[h->order[i]].request : "";
  pthread_mutex_unlock(&h->lock);
  return text;
}

/* Does the i-th request contain `text`? */
static inline bool httpd_saw(struct httpd *h, size_t i, const char *text) {
  return strstr(httpd_request(h, i), text) != NULL;
}

/* "http://127.0.0.1:PORT" and `path`; returns `out`. */
static inline const char *httpd_url(const struct httpd *h, const char *path, char *out,
                                    size_t size) {
  snprintf(out, size, "http://127.0.0.1:%u%s", (unsigned)h->port, path);
  return out;
}

/* A port on 127.0.0.1 where nobody listens, and nobody else will: *fd keeps it; close it at the
 * end. */
static inline uint16_t httpd_dead_port(int *fd) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (*fd < 0 || bind(*fd, (struct sockaddr *)&a, sizeof a) != 0 ||
      getsockname(*fd, (struct sockaddr *)&a, &len) != 0)
    abort();
  return ntohs(a.sin_port);
}

#endif
