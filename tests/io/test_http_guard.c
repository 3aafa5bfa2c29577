/*
 * Which addresses a request may be led to: the rule against SSRF, as a table of hops. Each case is
 * one request: the addresses that are about to be connected, hop by hop, and what the answer must
 * be for the last of them.
 */
#include "../test.h"

#include <string.h>

#include "io/http_guard.h"

static struct addr at(const char *text) {
  struct addr a = {0};
  assert_true(addr_parse(text, strlen(text), &a));
  return a;
}

static bool allow(struct http_guard *g, long hop, const char *text) {
  struct addr a = at(text);
  return http_guard_allow(g, hop, &a);
}

TEST(the_first_url_may_be_anywhere) {
  static const char *const any[] = {"127.0.0.1:80",  "10.1.2.3:6969", "192.168.1.1:80", "[::1]:80",
                                    "[fd00::1]:80",  "8.8.8.8:80",    "[2001:4860::8]:443",
                                    "100.64.1.1:80", "169.254.169.254:80"};
  for (size_t i = 0; i < sizeof any / sizeof *any; i++) {
    struct http_guard g;
    http_guard_init(&g, false);
    assert_true(allow(&g, 0, any[i]));
  }
}

TEST(a_public_server_cannot_redirect_into_the_local_network) {
  static const char *const local[] = {
    "127.0.0.1:80",       "127.255.255.254:80", "10.0.0.1:80",  "172.16.0.1:80",
    "172.31.255.255:80",  "192.168.0.1:80",     "[::1]:80",     "169.254.169.254:80",
    "100.64.0.1:80",      "[fe80::1]:80",       "[fc00::1]:80", "[fd12:3456::1]:80",
    "0.0.0.0:80",         "0.1.2.3:80",         "[::]:80",      "[::ffff:127.0.0.1]:80",
    "[::ffff:10.0.0.1]:8", "255.255.255.255:80"};
  for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
    struct http_guard g;
    http_guard_init(&g, false);
    assert_true(allow(&g, 0, "93.184.216.34:80"));
    assert_false(allow(&g, 1, local[i]));
    assert_true(allow(&g, 1, "93.184.216.35:80")); /* the name's other address */
  }
}

TEST(a_local_server_may_redirect_locally_and_outwards_but_not_back_in) {
  struct http_guard g;
  http_guard_init(&g, false);
  assert_true(allow(&g, 0, "192.168.1.5:8000"));
  assert_true(allow(&g, 1, "127.0.0.1:8000"));
  assert_true(allow(&g, 2, "93.184.216.34:80"));
  assert_false(allow(&g, 3, "127.0.0.1:8000"));
}

TEST(no_redirect_leads_to_a_link_local_address_wherever_it_began) {
  static const char *const link_local[] = {"169.254.169.254:80", "169.254.0.1:80", "[fe80::1]:80",
                                           "[febf::1]:80", "[::ffff:169.254.169.254]:80"};
  for (size_t i = 0; i < sizeof link_local / sizeof *link_local; i++) {
    struct http_guard g;
    http_guard_init(&g, false);
    assert_true(allow(&g, 0, "127.0.0.1:80"));
    assert_false(allow(&g, 1, link_local[i]));
    assert_true(allow(&g, 1, "127.0.0.1:80"));
  }
}

TEST(a_name_with_local_and_public_addresses_counts_as_public_afterwards) {
  struct http_guard g;
  http_guard_init(&g, false);
  assert_true(allow(&g, 0, "[2001:db8:1::1]:80"));
  assert_true(allow(&g, 0, "10.0.0.1:80"));
  assert_false(allow(&g, 1, "10.0.0.1:80"));
}

TEST(a_hop_that_opens_no_connection_changes_nothing) {
  struct http_guard g;
  http_guard_init(&g, false);
  assert_true(allow(&g, 0, "93.184.216.34:80"));
  assert_false(allow(&g, 4, "127.0.0.1:80")); /* hops 1 to 3 used the connection again */
}

TEST(urls_from_strangers_may_not_even_begin_locally) {
  struct http_guard g;
  http_guard_init(&g, true);
  assert_false(allow(&g, 0, "127.0.0.1:80"));
  assert_true(allow(&g, 0, "93.184.216.34:80"));
  assert_false(allow(&g, 1, "10.0.0.1:80"));
}

TEST(a_local_proxy_is_no_local_target) {
  struct http_guard g;
  http_guard_init(&g, true);
  g.proxy_port[0] = 3128;
  assert_true(allow(&g, 0, "127.0.0.1:3128"));
  assert_true(allow(&g, 1, "127.0.0.1:3128"));
  assert_false(allow(&g, 2, "127.0.0.1:80"));
}

int main(void) {
  RUN(T(the_first_url_may_be_anywhere), T(a_public_server_cannot_redirect_into_the_local_network),
      T(a_local_server_may_redirect_locally_and_outwards_but_not_back_in),
      T(no_redirect_leads_to_a_link_local_address_wherever_it_began),
      T(a_name_with_local_and_public_addresses_counts_as_public_afterwards),
      T(a_hop_that_opens_no_connection_changes_nothing),
      T(urls_from_strangers_may_not_even_begin_locally), T(a_local_proxy_is_no_local_target));
}
