/*
 * What a dial comes to, in a network namespace of its own, where a test may switch IPv6 off and
 * make ports scarce: no way to the address, an address with every local port taken, and nobody who
 * listens are three different things. Skipped where no namespace is to be had.
 */
#include "../test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/net.h"

enum { PATIENCE_MS = 30000 };

static bool put(const char *file, const char *text) {
  int fd = open(file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  close(fd);
  return ok;
}

/* A new network, in which not even the loopback is up yet. Skips the test if there is none. */
static void new_network(void) {
  char map[40];
  uid_t user = geteuid();
  if (unshare(CLONE_NEWNET) == 0) return;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) skip();
  snprintf(map, sizeof map, "0 %u 1", (unsigned)user);
  put("/proc/self/setgroups", "deny");
  if (!put("/proc/self/uid_map", map)) skip();
}

static void loopback_up(void) {
  struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
  close(fd);
}

static bool has_ipv6(void) {
  return access("/proc/sys/net/ipv6", F_OK) == 0;
}

static void switch_ipv6(bool on) {
  static const char *const which[] = {"all", "default", "lo"};
  char file[80];
  for (size_t i = 0; i < 3; i++) {
    snprintf(file, sizeof file, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", which[i]);
    if (!put(file, on ? "0" : "1")) skip();
  }
}

static struct addr named(const char *text) {
  struct addr a;
  assert_true(addr_parse(text, strlen(text), &a));
  return a;
}

/* Dials; on success *fd is open. */
static enum err dial(const struct addr *a, int *fd) {
  int bell = net_bell_new();
  assert_true(bell >= 0);
  enum err e = net_dial(a, bell, clock_now_ms() + PATIENCE_MS, fd);
  close(bell);
  return e;
}

static void assert_dial(const char *text, enum err wanted) {
  struct addr a = named(text);
  int fd = -1;
  enum err e = dial(&a, &fd);
  if (e != wanted) fail_msg("%s: %s", text, err_name(e));
  assert_int_equal(fd, -1);
}

/* Somebody who listens on the loopback address of a family, on a port of ours. */
static int listener(bool six, struct addr *a) {
  struct sockaddr_storage sa;
  *a = named(six ? "[::1]:7777" : "127.0.0.1:7777");
  socklen_t len = addr_to_sockaddr(a, &sa);
  int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
  assert_int_equal(listen(fd, 8), 0);
  return fd;
}

TEST(a_network_that_is_down_is_no_route) {
  new_network();
  assert_dial("127.0.0.1:80", ERR_NO_ROUTE);
  assert_dial("192.0.2.1:6881", ERR_NO_ROUTE);
  assert_dial("[::1]:80", ERR_NO_ROUTE);
  assert_dial("[2001:db8::1]:6881", ERR_NO_ROUTE);
}

TEST(ipv6_switched_off_is_no_route) {
  if (!has_ipv6()) skip();
  new_network();
  switch_ipv6(false);
  loopback_up();
  assert_dial("[::1]:80", ERR_NO_ROUTE);
  assert_dial("[2001:db8::1]:6881", ERR_NO_ROUTE);
  assert_dial("127.0.0.1:80", ERR_REFUSED);
}

TEST(without_a_default_route_nothing_beyond_is_reached) {
  new_network();
  loopback_up();
  assert_dial("192.0.2.1:6881", ERR_NO_ROUTE);
  assert_dial("[2001:db8::1]:6881", ERR_NO_ROUTE);
}

TEST(where_nobody_listens_is_refused) {
  new_network();
  loopback_up();
  assert_dial("127.0.0.1:80", ERR_REFUSED);
}

/* With two ports in all, the third connection to the same address finds none. */
static void use_all_ports(bool six) {
  struct addr a;
  int fd[3] = {-1, -1, -1};
  new_network();
  loopback_up();
  assert_true(put("/proc/sys/net/ipv4/ip_local_port_range", "50000 50001"));
  int at = listener(six, &a);
  assert_int_equal(dial(&a, &fd[0]), ERR_OK);
  assert_int_equal(dial(&a, &fd[1]), ERR_OK);
  assert_int_equal(dial(&a, &fd[2]), ERR_MEMORY);
  close(fd[0]);
  close(fd[1]);
  close(at);
}

TEST(when_every_local_port_is_taken_the_address_is_not_to_blame) {
  use_all_ports(false);
}

TEST(when_every_local_port_is_taken_the_ipv6_address_is_not_to_blame) {
  if (!has_ipv6()) skip();
  use_all_ports(true);
}

TEST(without_a_descriptor_the_address_is_not_to_blame) {
  struct rlimit was;
  struct rlimit none;
  struct addr a = named("127.0.0.1:80");
  int fd = -1;
  int bell = net_bell_new();
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
  none = (struct rlimit){.rlim_cur = 0, .rlim_max = was.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  enum err e = net_dial(&a, bell, clock_now_ms() + PATIENCE_MS, &fd);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
  assert_int_equal(e, ERR_MEMORY);
  close(bell);
}

int main(void) {
  RUN(T(without_a_descriptor_the_address_is_not_to_blame),
      T(a_network_that_is_down_is_no_route), T(ipv6_switched_off_is_no_route),
      T(without_a_default_route_nothing_beyond_is_reached), T(where_nobody_listens_is_refused),
      T(when_every_local_port_is_taken_the_address_is_not_to_blame),
      T(when_every_local_port_is_taken_the_ipv6_address_is_not_to_blame));
}
