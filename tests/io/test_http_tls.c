/*
 * TLS is verified, always: a server whose certificate nobody vouches for gets no request.
 *
 * The server is OpenSSL's, in a thread, with a certificate made on the spot: right name, right
 * time, signed by itself. weft does not link libssl, libcurl does; so its functions are looked up
 * in the running process, and where libcurl uses another TLS library this test has nothing to
 * stand on and is skipped.
 */
#include "../test.h"

#include <dlfcn.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/http_setup.h"
#include "base/clock.h"
#include "io/http.h"

enum { LONG_MS = 60 * 1000 };

/* What the server needs of libssl. */
static struct {
  const SSL_METHOD *(*method)(void);
  SSL_CTX *(*ctx_new)(const SSL_METHOD *);
  void (*ctx_free)(SSL_CTX *);
  int (*use_certificate)(SSL_CTX *, X509 *);
  int (*use_key)(SSL_CTX *, EVP_PKEY *);
  SSL *(*new)(SSL_CTX *);
  void (*free)(SSL *);
  int (*set_fd)(SSL *, int);
  int (*accept)(SSL *);
  int (*read)(SSL *, void *, int);
} ssl;

static bool look_up(void *function, const char *name) {
  void *found = dlsym(RTLD_DEFAULT, name);
  memcpy(function, &found, sizeof found);
  return found != NULL;
}

static bool find_libssl(void) {
  return look_up(&ssl.method, "TLS_server_method") && look_up(&ssl.ctx_new, "SSL_CTX_new") &&
         look_up(&ssl.ctx_free, "SSL_CTX_free") &&
         look_up(&ssl.use_certificate, "SSL_CTX_use_certificate") &&
         look_up(&ssl.use_key, "SSL_CTX_use_PrivateKey") && look_up(&ssl.new, "SSL_new") &&
         look_up(&ssl.free, "SSL_free") && look_up(&ssl.set_fd, "SSL_set_fd") &&
         look_up(&ssl.accept, "SSL_accept") && look_up(&ssl.read, "SSL_read");
}

/* A certificate for 127.0.0.1 that vouches for itself. */
static X509 *self_signed(EVP_PKEY *key) {
  X509 *x = X509_new();
  assert_non_null(x);
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_set_pubkey(x, key);
  X509_NAME *name = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"127.0.0.1", -1, -1,
                             0);
  X509_set_issuer_name(x, name);
  X509_EXTENSION *san =
    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
  assert_non_null(san);
  X509_add_ext(x, san, -1);
  X509_EXTENSION_free(san);
  assert_true(X509_sign(x, key, EVP_sha256()) > 0);
  return x;
}

struct server {
  int listener;
  uint16_t port;
  SSL_CTX *ctx;
  pthread_t thread;
  int handshake; /* SSL_accept()'s answer */
  int received;  /* bytes of a request, after the handshake */
};

/* Serves one connection. */
static void *serve(void *arg) {
  struct server *s = arg;
  char request[256];
  int fd = accept(s->listener, NULL, NULL);
  SSL *one = ssl.new(s->ctx);
  ssl.set_fd(one, fd);
  s->handshake = ssl.accept(one);
  s->received = s->handshake == 1 ? ssl.read(one, request, sizeof request) : 0;
  ssl.free(one);
  close(fd);
  return NULL;
}

/* The same without TLS: answers whatever comes. */
static void *serve_plain(void *arg) {
  struct server *s = arg;
  static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  char waste[256];
  int fd = accept(s->listener, NULL, NULL);
  send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL);
  while (recv(fd, waste, sizeof waste, 0) > 0) continue;
  close(fd);
  return NULL;
}

static void listen_on(struct server *s, void *(*run)(void *)) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(listen(s->listener, 4), 0);
  assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &len), 0);
  s->port = ntohs(a.sin_port);
  assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

/* One request over https; the server is gone afterwards. */
static enum err ask(struct server *s, struct http_reply *r) {
  char url[64];
  snprintf(url, sizeof url, "https://127.0.0.1:%u/announce", (unsigned)s->port);
  struct http_request q = {
    .url = url, .deadline_ms = clock_now_ms() + LONG_MS, .max_body = 1000};
  enum err e = http_get(&q, r);
  pthread_join(s->thread, NULL);
  close(s->listener);
  return e;
}

TEST(a_certificate_that_nobody_vouches_for_is_refused) {
  struct server s = {0};
  struct http_reply r;
  if (!find_libssl()) skip();
  EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
  assert_non_null(key);
  X509 *x = self_signed(key);
  s.ctx = ssl.ctx_new(ssl.method());
  assert_non_null(s.ctx);
  assert_int_equal(ssl.use_certificate(s.ctx, x), 1);
  assert_int_equal(ssl.use_key(s.ctx, key), 1);
  listen_on(&s, serve);
  assert_int_equal(ask(&s, &r), ERR_ACCESS);
  assert_non_null(strstr(r.why, "no safe connection to 127.0.0.1"));
  assert_non_null(strstr(r.why, "certificate"));
  assert_true(s.received <= 0);
  http_reply_free(&r);
  ssl.ctx_free(s.ctx);
  X509_free(x);
  EVP_PKEY_free(key);
}

TEST(a_server_without_tls_is_no_https_server) {
  struct server s = {0};
  struct http_reply r;
  listen_on(&s, serve_plain);
  assert_int_equal(ask(&s, &r), ERR_ACCESS);
  assert_int_equal(r.body.len, 0);
  http_reply_free(&r);
}

int main(void) {
  if (!http_setup()) return 1;
  RUN(T(a_certificate_that_nobody_vouches_for_is_refused),
      T(a_server_without_tls_is_no_https_server));
}
