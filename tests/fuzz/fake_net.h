/*
 * fake_net: sockets and a clock that exist only in the fuzz target, so that a run makes no system
 * call, waits for nothing, and is the same each time.
 *
 * The functions of the C library that src/ calls on a connection are defined here again; the
 * linker prefers these. They know the descriptors from FAKE_FD on; any other goes to the kernel.
 * What the peer has said reaches the code under test as far as `arrived` allows; what the code
 * sends ends in `heard`, as much at a time as `room` allows.
 *
 * CLOCK_MONOTONIC stands still at fake_us while fake_running, and moves when the target moves it.
 * Outside of that, and for other threads of the fuzzer's own in that time, it is not used for
 * anything that matters.
 */
#ifndef WEFT_TESTS_FAKE_NET_H
#define WEFT_TESTS_FAKE_NET_H

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum {
  FAKES = 4,
  FAKE_FD = 1 << 20,
  FAKE_PARTS = 4096,
  FAKE_WORDS = 1 << 15,
  FAKE_HEARD = 1 << 16
};

struct fake_part { /* bytes that lie somewhere else and stay there */
  const uint8_t *at;
  size_t len;
};

struct fake {
  struct fake_part said[FAKE_PARTS]; /* of which [from, to) are still to be received */
  size_t from;
  size_t to;
  size_t len;     /* bytes in all of these */
  size_t arrived; /* of these, how many can be received now */
  size_t comes;   /* so many more arrive while somebody waits for them */
  int end;        /* what a receive meets when nothing is left: 0 (closed) or an errno */
  uint8_t words[FAKE_WORDS]; /* copies of short things that were said */
  size_t words_len;
  uint8_t heard[FAKE_HEARD];
  size_t heard_len;
  size_t room;    /* what the next send takes; 0: EAGAIN */
  uint32_t rtt_us;
};

static struct fake fakes[FAKES];
static bool fake_running;
static int64_t fake_us;

static void fake_reset(struct fake *k) {
  k->from = k->to = k->len = k->arrived = k->comes = k->words_len = k->heard_len = 0;
  k->end = EAGAIN;
  k->room = SIZE_MAX;
  k->rtt_us = 0;
}

static struct fake *fake_of(int fd) {
  return fd >= FAKE_FD && fd < FAKE_FD + FAKES ? &fakes[fd - FAKE_FD] : NULL;
}

/* Is there room for one more copy of `len` bytes, and for something after it? */
static bool fake_has_room(struct fake *k, size_t len) {
  if (k->len == 0) k->from = k->to = k->words_len = 0;
  return k->to + 2 <= FAKE_PARTS && len <= FAKE_WORDS - k->words_len;
}

/* The peer says these bytes, which stay where they are. */
static void fake_refer(struct fake *k, const uint8_t *data, size_t len) {
  CHECK(k->to < FAKE_PARTS);
  k->said[k->to++] = (struct fake_part){data, len};
  k->len += len;
}

/* The peer says this; what there is no room for is not said. */
static void fake_say(struct fake *k, const uint8_t *data, size_t len) {
  if (len == 0 || !fake_has_room(k, len)) return;
  memcpy(k->words + k->words_len, data, len);
  fake_refer(k, k->words + k->words_len, len);
  k->words_len += len;
}

static size_t fake_take(struct fake *k, uint8_t *to, size_t len) {
  size_t n = 0;
  while (n < len && k->arrived > 0) {
    struct fake_part *part = &k->said[k->from];
    size_t some = part->len < len - n ? part->len : len - n;
    if (some > k->arrived) some = k->arrived;
    memcpy(to + n, part->at, some);
    n += some;
    part->at += some;
    part->len -= some;
    k->arrived -= some;
    k->len -= some;
    if (part->len == 0) k->from++;
  }
  return n;
}

static ssize_t fake_received(const struct fake *k, size_t n) {
  if (n > 0 || k->end == 0) return (ssize_t)n;
  errno = k->end;
  return -1;
}

/* --- instead of the C library's --- */

ssize_t recv(int fd, void *to, size_t len, int flags) {
  struct fake *k = fake_of(fd);
  if (k == NULL) return syscall(SYS_recvfrom, fd, to, len, flags, NULL, NULL);
  return fake_received(k, fake_take(k, to, len));
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags) {
  struct fake *k = fake_of(fd);
  size_t n = 0;
  if (k == NULL) return syscall(SYS_recvmsg, fd, m, flags);
  for (size_t i = 0; i < m->msg_iovlen; i++)
    n += fake_take(k, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
  return fake_received(k, n);
}

ssize_t send(int fd, const void *data, size_t len, int flags) {
  struct fake *k = fake_of(fd);
  if (k == NULL) return syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
  size_t n = len < k->room ? len : k->room;
  CHECK(n <= FAKE_HEARD - k->heard_len); /* who listens takes it out */
  memcpy(k->heard + k->heard_len, data, n);
  k->heard_len += n;
  errno = EAGAIN;
  return n > 0 ? (ssize_t)n : -1;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len) {
  struct fake *k = fake_of(fd);
  if (k == NULL) return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
  memset(value, 0, *len);
  if (level == IPPROTO_TCP && name == TCP_INFO) {
    CHECK(*len == sizeof(struct tcp_info));
    ((struct tcp_info *)value)->tcpi_min_rtt = k->rtt_us;
  } else if (level == SOL_SOCKET && name == SO_RCVBUF) {
    *(int *)value = 4 << 20;
  }
  return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len) {
  if (fake_of(fd) == NULL) return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
  return 0;
}

/* One socket; a second descriptor, the bell, is silent. Nothing there: the time has passed. */
int poll(struct pollfd *p, nfds_t count, int timeout_ms) {
  struct fake *k = count > 0 ? fake_of(p->fd) : NULL;
  if (k == NULL) return (int)syscall(SYS_poll, p, count, timeout_ms);
  if (k->arrived == 0) k->arrived = k->comes < k->len ? k->comes : k->len;
  for (nfds_t i = 0; i < count; i++) p[i].revents = 0;
  if (k->arrived > 0 || k->end != EAGAIN) p->revents |= POLLIN;
  if (k->room > 0) p->revents |= p->events & POLLOUT;
  if (p->revents != 0) return 1;
  CHECK(timeout_ms >= 0); /* else it would wait for ever */
  fake_us += (int64_t)timeout_ms * 1000;
  return 0;
}

int clock_gettime(clockid_t id, struct timespec *t) {
  if (!fake_running || id != CLOCK_MONOTONIC) return (int)syscall(SYS_clock_gettime, id, t);
  *t = (struct timespec){.tv_sec = fake_us / 1000000, .tv_nsec = fake_us % 1000000 * 1000};
  return 0;
}

#endif
