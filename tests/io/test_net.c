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

TEST(an_address_with_a_scope_leads_to_that_interface_only) {
  struct addr a, b;
  char text[ADDR_TEXT_MAX];
  assert_true(net_parse_addr("[fe80::1%lo]:6881", &a));
  assert_int_equal(a.scope, if_nametoindex("lo"));
  assert_true(addr_is_peer(&a));
  assert_true(net_parse_addr(addr_text(&a, text), &b)); /* with its number */
  assert_true(addr_equal(&a, &b));
  b.scope++;
  assert_false(addr_equal(&a, &b));
  assert_false(addr_same_host(&a, &b));
  assert_true(net_parse_addr("[fe80::1]:6881", &a));
  assert_false(addr_is_peer(&a));
  assert_true(net_parse_addr("1.2.3.4:80", &a));
  static const char *const bad[] = {
    "[fe80::1%]:80", "[fe80::1%no such]:80", "[fe80::1%lo:80",   "fe80::1%lo:80",
    "[::1%lo]:80",   "[2001:db8::1%lo]:80",  "1.2.3.4%lo:80",    "[1.2.3.4%lo]:80",
    "[fe80::1%0]:80", "[fe80::1%4294967297]:80", "[fe80::1%99999999999999999999]:80",
    "[fe80::1%lo]",  "[fe80::1%lo%lo]:80",   "%]:80",            "[%lo]:80",
    "[fe80::1%an_interface_with_a_name_far_too_long_for_one]:80"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (net_parse_addr(bad[i], &a)) fail_msg("'%s' was taken", bad[i]);
}

TEST(a_link_local_peer_is_dialled_on_its_interface) {
  struct { /* in6_ifreq, which <net/if.h> does not go together with */
    struct in6_addr address;
    uint32_t prefix_bits;
    int interface;
  } r = {.prefix_bits = 64};
  new_network();
  loopback_up();
  r.interface = (int)if_nametoindex("lo");
  int six = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert_int_equal(inet_pton(AF_INET6, "fe80::1", &r.address), 1);
  if (six < 0 || ioctl(six, SIOCSIFADDR, &r) != 0) skip();
  close(six);
  struct sockaddr_storage s;
  struct addr a;
  assert_true(net_parse_addr("[fe80::1%lo]:6881", &a));
  int listening = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t len = addr_to_sockaddr(&a, &s);
  int64_t until_ms = clock_now_ms() + PATIENCE_MS;
  while (bind(listening, (struct sockaddr *)&s, len) != 0) { /* the kernel takes it in later */
    assert_int_equal(errno, EADDRNOTAVAIL);
    assert_true(clock_now_ms() < until_ms);
    usleep(1000);
  }
  assert_int_equal(listen(listening, 1), 0);
  int fd = -1;
  assert_int_equal(dial(&a, &fd), ERR_OK);
  close(fd);
  close(listening);
}

int main(void) {
  RUN(T(an_address_with_a_scope_leads_to_that_interface_only),
      T(a_link_local_peer_is_dialled_on_its_interface),
      T(without_a_descriptor_the_address_is_not_to_blame),
      T(a_network_that_is_down_is_no_route), T(ipv6_switched_off_is_no_route),
      T(without_a_default_route_nothing_beyond_is_reached), T(where_nobody_listens_is_refused),
      T(when_every_local_port_is_taken_the_address_is_not_to_blame),
      T(when_every_local_port_is_taken_the_ipv6_address_is_not_to_blame));
}
