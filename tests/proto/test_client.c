/*
 * Who a peer id says it is, and what the reserved bits are called: proto/client.
 */
#include "../test.h"

#include <string.h>

#include "base/crypto.h"
#include "base/escape.h"
#include "proto/client.h"
#include "proto/wire.h"

/* The client of an id that begins with `start` and goes on with a byte that means nothing. */
static const char *named(const char *start, size_t len) {
  static char out[CLIENT_NAME_MAX];
  uint8_t id[20];
  memset(id, 0xf7, sizeof id);
  memcpy(id, start, len);
  return client_name(id, out);
}

#define assert_client(start, name) assert_string_equal(named(start, sizeof start - 1), name)

TEST(azureus_style_names_client_and_version) {
  assert_client("-qB4650-", "qBittorrent 4.6.5");
  assert_client("-LT2090-", "libtorrent 2.0.9");
  assert_client("-lt0D80-", "libTorrent (rTorrent) 0.13.8");
  assert_client("-DE211s-", "Deluge 2.1.1.54");
  assert_client("-AZ5760-", "Azureus (Vuze) 5.7.6");
  assert_client("-BC0164-", "BitComet 1.64");
  assert_client("-UT355W-", "\xc2\xb5Torrent 3.5.5");
  assert_client("-WW0109-", "WebTorrent 1.9");
  assert_client("-WF0100-", "weft 0.1.0");
}

TEST(transmission_counts_in_its_own_way) {
  assert_client("-TR2940-", "Transmission 2.94");
  assert_client("-TR3000-", "Transmission 3.00");
  assert_client("-TR4030-", "Transmission 4.0.3");
  assert_client("-TR0006-", "Transmission 0.06");
  assert_client("-TR410B-", "Transmission 4.1.0");
}

TEST(a_client_that_nobody_knows_is_shown_by_its_letters) {
  assert_client("-XY1234-", "unknown client XY 1.2.3.4");
  assert_client("-x~12?4-", "unknown client x~");
}

TEST(a_version_that_cannot_be_read_is_left_out) {
  assert_client("-qB4?50-", "qBittorrent");
  assert_client("-BC01A4-", "BitComet");
  assert_client("-LW1234-", "LimeWire");
}

TEST(bytes_that_are_not_printable_are_no_azureus_style) {
  assert_client("-\x1b[2J]0-", "");
  assert_client("-qB46\x07" "0-", "");
}

TEST(shadows_style_has_one_letter_and_up_to_five_digits) {
  assert_client("S58B-----", "Shadow's client 5.8.11");
  assert_client("T03I-----", "BitTornado 0.3.18");
  assert_client("A310-----", "ABC 3.1.0");
  assert_client("Z58B-----", "");
  assert_client("S58B--x--", "");
}

TEST(decimals_between_dashes_are_mainline_and_aria2) {
  assert_client("M7-2-1--", "BitTorrent 7.2.1");
  assert_client("M4-20-8-", "BitTorrent 4.20.8");
  assert_client("Q1-10-0-", "Queen Bee 1.10.0");
  assert_client("A2-1-36-0-", "aria2 1.36.0");
  assert_client("M-------", "");
  assert_client("M7-2", "");
  assert_client("M1234567890123456789", "");
}

TEST(some_have_a_way_of_their_own) {
  assert_client("exbc\x00\x38", "BitComet 0.56");
  assert_client("exbc\x01\x02LORD", "BitLord 1.02");
  assert_client("-ML2.7.2-kgjjfkd", "MLdonkey");
  assert_client("XBT054d-", "XBT Client");
  assert_client("OP0123456789abcdef01", "Opera");
  assert_client("OPxx", "");
  assert_client("\0\3BS", "BitSpirit");
  assert_client("AZ2500BT", "BitTyrant");
}

TEST(random_bytes_are_nobody) {
  assert_client("\x80\x81\x82\x83", "");
  assert_client("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "");
}

TEST(whatever_the_bytes_are_the_name_is_printable) {
  static const char *const styles[] = {"-",   "M",   "A2-", "S", "exbc",
                                       "-TR", "-BC", "OP",  "T", "XBT"};
  char shown[8 * CLIENT_NAME_MAX + 1];
  struct crypto_rng rng = {.s = 1};
  uint8_t id[20];
  for (int i = 0; i < 200000; i++) {
    const char *style = styles[i % 10];
    for (int k = 0; k < 20; k++) id[k] = (uint8_t)crypto_rng_below(&rng, 256);
    if (i % 3 == 0)
      for (int k = 0; k < 20; k++) id[k] = (uint8_t)(' ' + id[k] % 95);
    if (i % 2 == 0) id[7] = '-';
    memcpy(id, style, strlen(style));
    char out[CLIENT_NAME_MAX];
    client_name(id, out);
    size_t len = escape_term(out, strlen(out), shown, sizeof shown);
    if (len != strlen(out) && strchr(out, '\\') == NULL) fail_msg("not printable: %s", shown);
  }
}

TEST(every_reserved_bit_with_a_meaning_has_a_name_and_only_one) {
  uint64_t seen = 0;
  size_t n = 0;
  for (const struct client_bit *b; (b = client_reserved(n)) != NULL; n++) {
    assert_true(b->mask != 0 && (b->mask & (b->mask - 1)) == 0);
    assert_true(b->mask > seen);
    assert_true(strlen(b->name) > 0);
    seen |= b->mask;
  }
  assert_int_equal(seen & 0xff, 0x1f);
  assert_true(seen & WIRE_RESERVED_EXTENSION && seen & UINT64_C(1) << 63);
  assert_null(client_reserved(n + 100));
}

int main(void) {
  RUN(T(azureus_style_names_client_and_version), T(transmission_counts_in_its_own_way),
      T(a_client_that_nobody_knows_is_shown_by_its_letters),
      T(a_version_that_cannot_be_read_is_left_out),
      T(bytes_that_are_not_printable_are_no_azureus_style),
      T(shadows_style_has_one_letter_and_up_to_five_digits),
      T(decimals_between_dashes_are_mainline_and_aria2), T(some_have_a_way_of_their_own),
      T(random_bytes_are_nobody), T(whatever_the_bytes_are_the_name_is_printable),
      T(every_reserved_bit_with_a_meaning_has_a_name_and_only_one));
}
