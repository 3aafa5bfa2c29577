#include "io/net.h"

#include <errno.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

int net_bell_new(void) {
  return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void net_bell_ring(int bell) {
  uint64_t one = 1;
  ssize_t n = write(bell, &one, sizeof one);
  (void)n; /* EAGAIN: it has rung 2^64 - 2 times and is still ringing */
}

void net_bell_clear(int bell) {
  uint64_t count;
  ssize_t n = read(bell, &count, sizeof count);
  (void)n; /* EAGAIN: it was silent */
}

/* The number of an interface by its name, or by its number; 0: there is none. */
static uint32_t interface_number(const char *name) {
  uint64_t number = 0;
  char found[IF_NAMESIZE];
  for (const char *p = name; *p >= '0' && *p <= '9' && p - name < 10; p++)
    number = 10 * number + (uint64_t)(*p - '0');
  bool digits = *name != '\0' && strspn(name, "0123456789") == strlen(name);
  if (!digits) return if_nametoindex(name);
  return number <= UINT32_MAX && if_indextoname((unsigned)number, found) ? (uint32_t)number : 0;
}

bool net_parse_addr(const char *text, struct addr *out) {
  char plain[ADDR_TEXT_MAX], name[IF_NAMESIZE];
  const char *percent = strchr(text, '%');
  if (percent == NULL) return addr_parse(text, strlen(text), out);
  const char *end = strchr(percent, ']');
  if (end == NULL || (size_t)(end - percent) > sizeof name) return false;
  size_t before = (size_t)(percent - text), len = (size_t)(end - percent) - 1;
  if (before + strlen(end) >= sizeof plain) return false;
  memcpy(name, percent + 1, len);
  name[len] = '\0';
  memcpy(plain, text, before);
  memcpy(plain + before, end, strlen(end) + 1);
  if (!addr_parse(plain, strlen(plain), out) || !addr_is_link6(out)) return false;
  out->scope = interface_number(name);
  return out->scope != 0;
}

int net_wait(int fd, int bell, bool want_write, int64_t deadline_ms) {
  struct pollfd p[2] = {
    {.fd = fd, .events = (short)(POLLIN | (want_write ? POLLOUT : 0))},
    {.fd = bell, .events = POLLIN},
  };
  for (;;) {
    int n = poll(p, 2, clock_poll_timeout(deadline_ms));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    int got = 0;
    if (p[0].revents & (POLLIN | POLLERR | POLLHUP | POLLNVAL)) got |= NET_READABLE;
    if (p[0].revents & (POLLOUT | POLLERR)) got |= NET_WRITABLE;
    if (p[1].revents) got |= NET_BELL;
    return got;
  }
}

/* What a socket(), a connect(), or its outcome later, says. */
static enum err connect_error(int errnum) {
  switch (errnum) {
  case ETIMEDOUT:
    return ERR_TIMEOUT;
  case ENOMEM:
  case ENOBUFS:
  case EMFILE:
  case ENFILE:
    return ERR_MEMORY;
  case ENETUNREACH:
  case EHOSTUNREACH:
  case ENETDOWN:
  case EHOSTDOWN:
  case ENONET:
  case EADDRNOTAVAIL: /* but see no_local_end() */
  case EAFNOSUPPORT:  /* a kernel without IPv6 */
  case EACCES:        /* a route that prohibits, a filter */
  case EPERM:
  case EINVAL:        /* a route into a black hole */
    return ERR_NO_ROUTE;
  default:
    return ERR_REFUSED;
  }
}

/* connect() has found no local end, EADDRNOTAVAIL: either there is no address to speak from, as
 * where IPv6 is switched off, or there is one with every port of it taken. A datagram socket is
 * given an address in the same way, but has ports of its own, and its connect() sends nothing. */
static enum err no_local_end(const struct sockaddr *sa, socklen_t len) {
  int fd = socket(sa->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return connect_error(errno);
  bool has_address = connect(fd, sa, len) == 0 || errno == EAGAIN;
  close(fd);
  if (!has_address) return ERR_NO_ROUTE;
  log_debug("every local port is taken");
  return ERR_MEMORY;
}

/* Waits for the outcome of a connect() under way. */
static enum err await_connect(int fd, int bell, int64_t deadline_ms) {
  for (;;) {
    int got = net_wait(fd, bell, true, deadline_ms);
    if (got & NET_BELL) return ERR_CANCELLED;
    if (got == 0) return ERR_TIMEOUT;
    int errnum = 0;
    socklen_t len = sizeof errnum;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len);
    if (errnum) return connect_error(errnum);
    if (got & NET_WRITABLE) return ERR_OK;
  }
}

static enum err connect_to(int fd, const struct sockaddr *sa, socklen_t len, int bell,
                           int64_t deadline_ms) {
  if (connect(fd, sa, len) == 0) return ERR_OK;
  if (errno == EINPROGRESS) return await_connect(fd, bell, deadline_ms);
  return errno == EADDRNOTAVAIL ? no_local_end(sa, len) : connect_error(errno);
}

enum err net_dial(const struct addr *a, int bell, int64_t deadline_ms, int *out) {
  struct sockaddr_storage sa;
  socklen_t len = addr_to_sockaddr(a, &sa);
  int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return connect_error(errno);
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  enum err e = connect_to(fd, (struct sockaddr *)&sa, len, bell, deadline_ms);
  if (e != ERR_OK) {
    close(fd);
    return e;
  }
  *out = fd;
  return ERR_OK;
}

void net_set_lowat(int fd, int bytes) {
  setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

int net_receive_buffer(int fd) {
  int bytes = 0;
  socklen_t len = sizeof bytes;
  return getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len) == 0 ? bytes : 0;
}

uint32_t net_unread(int fd) {
  int bytes = 0;
  return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0 ? (uint32_t)bytes : 0;
}

uint32_t net_min_rtt_us(int fd) {
  struct tcp_info info = {0};
  socklen_t len = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) return 0;
  if (len < offsetof(struct tcp_info, tcpi_min_rtt) + sizeof info.tcpi_min_rtt)
    return info.tcpi_rtt;
  return info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt;
}
