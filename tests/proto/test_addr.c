/*
 * Addresses in all the forms that trackers and sockets bring them: proto/addr.
 */
#include "../test.h"

#include <arpa/inet.h>
#include <string.h>

#include "proto/addr.h"

static struct addr parsed(const char *text) {
  struct addr a = {0};
  assert_true(addr_parse(text, strlen(text), &a));
  return a;
}

static bool parses(const char *text) {
  struct addr a;
  return addr_parse(text, strlen(text), &a);
}

static void assert_text(struct addr a, const char *want) {
  char text[ADDR_TEXT_MAX];
  assert_string_equal(addr_text(&a, text), want);
}

TEST(compact_ipv4_is_four_bytes_and_a_port) {
  assert_text(addr_from_compact4((const uint8_t[]){192, 0, 2, 7, 0x1a, 0xe1}), "192.0.2.7:6881");
}

TEST(compact_ipv6_is_sixteen_bytes_and_a_port) {
  static const uint8_t raw[18] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1, [16] = 0xff, [17] = 0xff};
  assert_text(addr_from_compact6(raw), "[2001:db8::1]:65535");
}

TEST(a_mapped_address_becomes_plain_ipv4) {
  static const uint8_t raw[18] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1, 0, 80};
  assert_text(addr_from_compact6(raw), "10.0.0.1:80");
  assert_text(parsed("[::ffff:10.0.0.1]:80"), "10.0.0.1:80");
  struct addr plain = parsed("10.0.0.1:80");
  struct addr mapped = parsed("[::ffff:10.0.0.1]:80");
  assert_true(addr_equal(&plain, &mapped));
}

TEST(text_goes_there_and_back) {
  static const char *const same[] = {"1.2.3.4:80", "255.255.255.255:1", "[::1]:6881",
                                     "[2001:db8:1:2:3:4:5:6]:65535", "0.0.0.0:0"};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) assert_text(parsed(same[i]), same[i]);
}

TEST(the_longest_text_fits) {
  struct addr a = {.family = 6, .port = 65535};
  memset(a.ip, 0xff, sizeof a.ip);
  assert_text(a, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
  assert_text((struct addr){0}, "none");
}

TEST(anything_but_an_address_and_a_port_is_refused) {
  static const char *const bad[] = {
    "",           ":",         ":80",         "1.2.3.4",      "1.2.3.4:",   "1.2.3.4:65536",
    "1.2.3.4:-1", "1.2.3:80",  "1.2.3.4.5:1", "256.1.1.1:80", "01.2.3.4:1", "1.2.3.4:000080",
    "::1:80",     "[::1]",     "[::1]80",     "[::1:80",      "::1]:80",    "[1.2.3.4]:80",
    "[]:80",      "[fe80::1%eth0]:80", "localhost:80", "example.org:80", "1.2.3.4 :80",
    " 1.2.3.4:80", "1.2.3.4:80 ", "1.2.3.4:+80", "[:80", "]:80",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (parses(bad[i])) fail_msg("took \"%s\"", bad[i]);
}

TEST(a_nul_inside_the_text_is_refused) {
  struct addr a;
  assert_false(addr_parse("1.2.3.4\0:80", 11, &a));
  assert_false(addr_parse_ip("1.2.3.4\0", 8, 80, &a));
}

TEST(a_bare_literal_takes_its_port_from_elsewhere) {
  struct addr a;
  assert_true(addr_parse_ip("::1", 3, 80, &a));
  assert_text(a, "[::1]:80");
  assert_true(addr_parse_ip("127.0.0.1 and more", 9, 81, &a));
  assert_text(a, "127.0.0.1:81");
  assert_false(addr_parse_ip("localhost", 9, 80, &a));
  assert_false(addr_parse_ip("", 0, 80, &a));
}

TEST(text_of_any_length_is_safe) {
  char text[4096];
  struct addr a;
  memset(text, '1', sizeof text);
  for (size_t n = 0; n < sizeof text; n++) assert_false(addr_parse_ip(text, n, 1, &a));
}

TEST(a_sockaddr_goes_there_and_back) {
  static const char *const both[] = {"192.0.2.1:6881", "[2001:db8::5]:51413"};
  for (size_t i = 0; i < 2; i++) {
    struct addr a = parsed(both[i]);
    struct sockaddr_storage ss;
    struct addr back;
    assert_int_equal(addr_to_sockaddr(&a, &ss),
                     i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    assert_true(addr_from_sockaddr((const struct sockaddr *)&ss, &back));
    assert_true(addr_equal(&a, &back));
  }
}

TEST(other_families_are_no_address) {
  struct sockaddr_storage ss = {.ss_family = AF_UNIX};
  struct addr none = {0};
  struct addr out;
  assert_false(addr_from_sockaddr((const struct sockaddr *)&ss, &out));
  assert_int_equal(addr_to_sockaddr(&none, &ss), 0);
}

TEST(a_dual_stack_socket_reports_plain_ipv4) {
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(99)};
  struct addr a;
  assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.9", &v6.sin6_addr), 1);
  assert_true(addr_from_sockaddr((const struct sockaddr *)&v6, &a));
  assert_text(a, "192.0.2.9:99");
}

TEST(equality_looks_at_the_port_and_same_host_does_not) {
  struct addr a = parsed("1.2.3.4:80");
  struct addr b = parsed("1.2.3.4:81");
  struct addr c = parsed("1.2.3.5:80");
  assert_false(addr_equal(&a, &b));
  assert_true(addr_same_host(&a, &b));
  assert_false(addr_same_host(&a, &c));
}

TEST(families_with_equal_bytes_are_different_hosts) {
  struct addr a = parsed("1.2.3.4:80");
  struct addr b = a;
  b.family = 6;
  assert_false(addr_equal(&a, &b));
  assert_int_not_equal(addr_hash(&a, 1), addr_hash(&b, 1));
}

TEST(the_hash_depends_on_everything_and_the_seed) {
  struct addr a = parsed("1.2.3.4:80");
  struct addr same = parsed("[::ffff:1.2.3.4]:80");
  struct addr port = parsed("1.2.3.4:81");
  struct addr host = parsed("1.2.3.5:80");
  assert_true(addr_hash(&a, 7) == addr_hash(&same, 7));
  assert_true(addr_hash(&a, 7) != addr_hash(&port, 7));
  assert_true(addr_hash(&a, 7) != addr_hash(&host, 7));
  assert_true(addr_hash(&a, 7) != addr_hash(&a, 8));
}

TEST(neighbouring_addresses_spread_over_the_buckets) {
  enum { BUCKETS = 64, COUNT = 6400 };
  unsigned used[BUCKETS] = {0};
  for (uint32_t i = 0; i < COUNT; i++) {
    struct addr a = {.family = 4, .ip = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}, .port = 6881};
    used[addr_hash(&a, 42) % BUCKETS]++;
  }
  for (size_t i = 0; i < BUCKETS; i++) assert_in_range(used[i], 50, 150); /* 100 each, evenly */
}

TEST(impossible_peers_are_told_apart) {
  static const char *const bad[] = {"1.2.3.4:0",     "0.0.0.0:80",         "0.1.2.3:80",
                                    "224.0.0.1:80",  "239.255.255.255:80", "240.0.0.1:80",
                                    "255.255.255.255:80", "[::]:80",       "[ff02::1]:80",
                                    "[fe80::1]:80",  "[febf::1]:80"};
  static const char *const good[] = {"1.2.3.4:1",     "127.0.0.1:80",  "10.0.0.1:80",
                                     "223.255.255.255:80", "[::1]:80", "[2001:db8::1]:80",
                                     "[fc00::1]:80",  "[fec0::1]:80"};
  struct addr none = {.port = 80};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct addr a = parsed(bad[i]);
    if (addr_is_peer(&a)) fail_msg("%s is no peer", bad[i]);
  }
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    struct addr a = parsed(good[i]);
    if (!addr_is_peer(&a)) fail_msg("%s may be a peer", good[i]);
  }
  assert_false(addr_is_peer(&none));
}

TEST(loopback_is_127_and_one) {
  struct addr a = parsed("127.255.0.1:1");
  struct addr b = parsed("[::1]:1");
  struct addr c = parsed("128.0.0.1:1");
  struct addr d = parsed("[::2]:1");
  assert_true(addr_is_loopback(&a) && addr_is_loopback(&b));
  assert_false(addr_is_loopback(&c) || addr_is_loopback(&d));
}

TEST(local_ranges_end_where_they_should) {
  static const struct {
    const char *text;
    bool local;
  } row[] = {
    {"10.255.255.255:1", true},  {"11.0.0.0:1", false},     {"172.15.255.255:1", false},
    {"172.16.0.0:1", true},      {"172.31.255.255:1", true}, {"172.32.0.0:1", false},
    {"192.168.0.1:1", true},     {"192.169.0.1:1", false},  {"169.254.169.254:1", true},
    {"169.253.0.1:1", false},    {"100.64.0.0:1", true},    {"100.127.255.255:1", true},
    {"100.128.0.0:1", false},    {"100.63.255.255:1", false}, {"127.0.0.1:1", true},
    {"8.8.8.8:1", false},        {"[::1]:1", true},         {"[fe80::1]:1", true},
    {"[febf::1]:1", true},       {"[fec0::1]:1", false},    {"[fc00::1]:1", true},
    {"[fdff::1]:1", true},       {"[fe00::1]:1", false},    {"[2001:db8::1]:1", false},
    {"[::ffff:10.0.0.1]:1", true},
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    struct addr a = parsed(row[i].text);
    if (addr_is_local(&a) != row[i].local) fail_msg("%s", row[i].text);
  }
}

TEST(a_scope_goes_to_the_socket_address_and_back) {
  struct addr a, back;
  char text[ADDR_TEXT_MAX];
  struct sockaddr_storage s;
  assert_true(addr_parse("[fe80::1]:80", 12, &a));
  assert_false(addr_is_peer(&a));
  a.scope = UINT32_MAX;
  assert_true(addr_is_peer(&a));
  assert_string_equal(addr_text(&a, text), "[fe80::1%4294967295]:80");
  assert_int_equal(addr_to_sockaddr(&a, &s), sizeof(struct sockaddr_in6));
  assert_true(addr_from_sockaddr((struct sockaddr *)&s, &back));
  assert_true(addr_equal(&a, &back));
  assert_int_equal(addr_hash(&a, 7), addr_hash(&back, 7));
  back.scope = 1;
  assert_false(addr_same_host(&a, &back));
  assert_true(addr_hash(&a, 7) != addr_hash(&back, 7));
}

int main(void) {
  RUN(T(a_scope_goes_to_the_socket_address_and_back),
      T(compact_ipv4_is_four_bytes_and_a_port),
      T(compact_ipv6_is_sixteen_bytes_and_a_port),
      T(a_mapped_address_becomes_plain_ipv4), T(text_goes_there_and_back),
      T(the_longest_text_fits), T(anything_but_an_address_and_a_port_is_refused),
      T(a_nul_inside_the_text_is_refused), T(a_bare_literal_takes_its_port_from_elsewhere),
      T(text_of_any_length_is_safe), T(a_sockaddr_goes_there_and_back),
      T(other_families_are_no_address), T(a_dual_stack_socket_reports_plain_ipv4),
      T(equality_looks_at_the_port_and_same_host_does_not),
      T(families_with_equal_bytes_are_different_hosts),
      T(the_hash_depends_on_everything_and_the_seed),
      T(neighbouring_addresses_spread_over_the_buckets), T(impossible_peers_are_told_apart),
      T(loopback_is_127_and_one), T(local_ranges_end_where_they_should));
}
