/*
 * Magnet links, read and written: proto/magnet.
 */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "proto/magnet.h"
#include "proto/metainfo_files.h"

#define HASH "ad42ce8109f54c99613ce38f9b4d87e70f24a165"
#define XT "magnet:?xt=urn:btih:" HASH

/* The parts of `text` behind the hash. The caller frees the result. */
static struct magnet parsed(const char *text) {
  struct magnet m;
  const char *why;
  if (magnet_parse(&m, text, strlen(text), &why) != ERR_OK) fail_msg("%s: %s", text, why);
  return m;
}

static enum err refused(const char *text) {
  struct magnet m;
  const char *why = NULL;
  enum err e = magnet_parse(&m, text, strlen(text), &why);
  assert_int_not_equal(e, ERR_OK);
  assert_true(why != NULL && why[0] != '\0');
  assert_true(!m.has_v1 && !m.has_v2 && m.trackers == NULL && m.name == NULL);
  return e;
}

static void assert_hash(const struct magnet *m, const char *want) {
  char hex[41];
  assert_true(m->has_v1);
  crypto_hex(m->info_hash, 20, hex);
  assert_string_equal(hex, want);
}

TEST(a_link_with_everything_is_read) {
  struct magnet m = parsed(
    XT "&dn=a%20film+2.mkv&tr=http%3A%2F%2Ft.example%3A80%2Fa%3Fk%3D1&tr=udp://u.example:1337"
       "&ws=https%3A%2F%2Fw.example%2Ff&x.pe=192.0.2.1:6881&x.pe=%5B2001:db8::1%5D:51413"
       "&x.pe=host.example:1&so=0,2,4,6-8&unknown=1");
  char text[ADDR_TEXT_MAX];
  assert_hash(&m, HASH);
  assert_string_equal(m.name, "a film 2.mkv");
  assert_int_equal(m.name_len, 12);
  assert_int_equal(m.tracker_count, 2);
  assert_string_equal(m.trackers[0], "http://t.example:80/a?k=1");
  assert_string_equal(m.trackers[1], "udp://u.example:1337");
  assert_int_equal(m.web_seed_count, 1);
  assert_string_equal(m.web_seeds[0], "https://w.example/f");
  assert_int_equal(m.peer_count, 2);
  assert_string_equal(addr_text(&m.peers[0], text), "192.0.2.1:6881");
  assert_string_equal(addr_text(&m.peers[1], text), "[2001:db8::1]:51413");
  assert_int_equal(m.peer_names, 1);
  assert_int_equal(m.select_count, 4);
  assert_true(m.select[1].first == 2 && m.select[1].last == 2);
  assert_true(m.select[3].first == 6 && m.select[3].last == 8);
  magnet_free(&m);
}

TEST(the_hash_alone_is_enough) {
  struct magnet m = parsed(XT);
  assert_hash(&m, HASH);
  assert_true(m.name == NULL && m.tracker_count == 0 && m.peer_count == 0 && m.select_count == 0);
  magnet_free(&m);
}

TEST(case_numbers_and_escapes_of_keys_and_topics_do_not_matter) {
  static const char *const links[] = {
    "MAGNET:?XT=URN:BTIH:AD42CE8109F54C99613CE38F9B4D87E70F24A165",
    "magnet:?xt=urn%3Abtih%3A" HASH,
    "magnet:?xt.1=urn:btih:" HASH,
    "magnet:?dn=x&amp;xt=urn:btih:" HASH,
    "magnet:?&&dn&=&xt=urn:sha1:abc&xt=urn:btih:" HASH "&xt=urn:btih:" HASH "&",
  };
  for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
    struct magnet m = parsed(links[i]);
    assert_hash(&m, HASH);
    magnet_free(&m);
  }
}

TEST(base_32_is_the_same_hash) {
  uint8_t hash[20];
  char hex[41];
  assert_true(magnet_hash("VVBM5AIJ6VGJSYJ44OHZWTMH44HSJILF", 32, hash));
  crypto_hex(hash, 20, hex);
  assert_string_equal(hex, HASH);
  struct magnet m = parsed("magnet:?xt=urn:btih:vvbm5aij6vgjsyj44ohzwtmh44hsjilf");
  assert_hash(&m, HASH);
  magnet_free(&m);
}

TEST(what_is_no_info_hash_is_refused) {
  uint8_t hash[20];
  assert_false(magnet_hash("", 0, hash));
  assert_false(magnet_hash(HASH, 39, hash));
  assert_false(magnet_hash(HASH "0", 41, hash));
  assert_false(magnet_hash("VVBM5AIJ6VGJSYJ44OHZWTMH44HSJIL1", 32, hash));
  assert_false(magnet_hash("gd42ce8109f54c99613ce38f9b4d87e70f24a165", 40, hash));
}

TEST(a_version_2_hash_is_a_multihash) {
  static const char *const v2 =
    "caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e";
  char link[200];
  snprintf(link, sizeof link, "magnet:?xt=urn:btmh:1220%s&xt=urn:btih:" HASH, v2);
  struct magnet m = parsed(link);
  char hex[65];
  assert_true(m.has_v1 && m.has_v2);
  crypto_hex(m.info_hash_v2, 32, hex);
  assert_string_equal(hex, v2);
  magnet_free(&m);
  snprintf(link, sizeof link, "magnet:?xt=urn:btmh:1220%s", v2);
  m = parsed(link);
  assert_true(!m.has_v1 && m.has_v2);
  magnet_free(&m);
  snprintf(link, sizeof link, "magnet:?xt=urn:btmh:1120%s", v2);
  assert_int_equal(refused(link), ERR_FORMAT);
}

TEST(what_names_no_torrent_or_two_is_refused) {
  static const char *const links[] = {
    "", "magnet:", "magnet:?", "magnet:?dn=x", "http://x/?xt=urn:btih:" HASH,
    "magnet:?xt=urn:btih:", "magnet:?xt=urn:btih:abc", "magnet:?xt=urn:ed2k:" HASH, "magnet:?xt",
    XT "&xt=urn:btih:0000000000000000000000000000000000000000", " " XT,
  };
  for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
    assert_int_equal(refused(links[i]), ERR_FORMAT);
}

TEST(a_link_over_64_kib_is_refused) {
  char *link = malloc(MAGNET_LEN_MAX + 2);
  assert_non_null(link);
  memset(link, 'x', MAGNET_LEN_MAX + 1);
  link[MAGNET_LEN_MAX + 1] = '\0';
  memcpy(link, XT "&dn=", strlen(XT "&dn="));
  assert_int_equal(refused(link), ERR_LIMIT);
  link[MAGNET_LEN_MAX] = '\0';
  struct magnet m = parsed(link);
  assert_null(m.name); /* too long for a name */
  magnet_free(&m);
  free(link);
}

TEST(percent_signs_without_digits_stand_for_themselves) {
  struct magnet m = parsed(XT "&dn=100%25%2&tr=http://a/b+c");
  assert_string_equal(m.name, "100%%2");
  assert_string_equal(m.trackers[0], "http://a/b+c");
  magnet_free(&m);
  m = parsed(XT "&dn=%zz%a%");
  assert_string_equal(m.name, "%zz%a%");
  magnet_free(&m);
}

TEST(a_name_may_hold_any_bytes) {
  struct magnet m = parsed(XT "&dn=a%00b%1B%5B2J&dn=second");
  assert_int_equal(m.name_len, 7);
  assert_memory_equal(m.name, "a\0b\x1b[2J", 8);
  magnet_free(&m);
}

TEST(urls_are_printable_once_each_and_not_endless) {
  struct magnet m = parsed(XT "&tr=http://a/%0D%0AHost:x&tr=http://b/ c&tr=&tr=http://c"
                              "&tr=http%3a//c&tr=http://%00");
  assert_int_equal(m.tracker_count, 1);
  assert_string_equal(m.trackers[0], "http://c");
  magnet_free(&m);
  struct buf b;
  buf_init(&b, 1 << 16);
  buf_put_str(&b, XT "&tr=");
  for (int i = 0; i < MAGNET_URL_LEN_MAX + 1; i++) buf_put_u8(&b, 'u');
  m = parsed(buf_cstr(&b));
  assert_int_equal(m.tracker_count, 0);
  magnet_free(&m);
  buf_free(&b);
}

TEST(counts_are_bounded) {
  struct buf b;
  buf_init(&b, 1 << 16);
  buf_put_str(&b, XT);
  for (unsigned i = 0; i < 300; i++)
    buf_printf(&b, "&tr=http://t/%u&ws=http://w/%u&x.pe=192.0.2.1:%u&so=%u", i, i, i + 1, i);
  struct magnet m = parsed(buf_cstr(&b));
  buf_free(&b);
  assert_int_equal(m.tracker_count, MAGNET_URLS_MAX);
  assert_int_equal(m.web_seed_count, MAGNET_URLS_MAX);
  assert_int_equal(m.peer_count, MAGNET_PEERS_MAX);
  assert_int_equal(m.select_count, MAGNET_RANGES_MAX);
  magnet_free(&m);
}

TEST(addresses_that_can_be_no_peer_are_left_out) {
  struct magnet m = parsed(XT "&x.pe=0.0.0.0:1&x.pe=192.0.2.1:0&x.pe=224.0.0.1:5&x.pe="
                              "&x.pe=192.0.2.1:5&x.pe=192.0.2.1:5");
  assert_int_equal(m.peer_count, 1);
  magnet_free(&m);
}

TEST(a_selection_that_makes_no_sense_is_left_out) {
  struct magnet m = parsed(XT "&so=,3-1,-2,5-,x,1x,999999999999,500000,7&so=499999");
  assert_int_equal(m.select_count, 2);
  assert_int_equal(m.select[0].first, 7);
  assert_int_equal(m.select[1].last, METAINFO_FILES_MAX - 1);
  magnet_free(&m);
}

TEST(only_the_scheme_makes_a_link) {
  assert_true(magnet_is_link("magnet:?"));
  assert_true(magnet_is_link("MAGNET:x"));
  assert_false(magnet_is_link("magnet"));
  assert_false(magnet_is_link("x.torrent"));
}

int main(void) {
  RUN(T(a_link_with_everything_is_read), T(the_hash_alone_is_enough),
      T(case_numbers_and_escapes_of_keys_and_topics_do_not_matter), T(base_32_is_the_same_hash),
      T(what_is_no_info_hash_is_refused), T(a_version_2_hash_is_a_multihash),
      T(what_names_no_torrent_or_two_is_refused), T(a_link_over_64_kib_is_refused),
      T(percent_signs_without_digits_stand_for_themselves), T(a_name_may_hold_any_bytes),
      T(urls_are_printable_once_each_and_not_endless), T(counts_are_bounded),
      T(addresses_that_can_be_no_peer_are_left_out),
      T(a_selection_that_makes_no_sense_is_left_out), T(only_the_scheme_makes_a_link));
}
