/*
 * The extension handshake, from others and from us: proto/extend.
 */
#include "../test.h"

#include <string.h>

#include "../ben.h"
#include "../fixture.h"
#include "proto/extend.h"

static struct extend decoded(const char *text) {
  struct extend e;
  struct buf b = ben(text);
  extend_init(&e);
  assert_int_equal(extend_decode(&e, b.data, b.len), ERR_OK);
  buf_free(&b);
  return e;
}

/* Reads `text` on top of what is known. */
static enum err again(struct extend *e, const char *text) {
  struct buf b = ben(text);
  enum err error = extend_decode(e, b.data, b.len);
  buf_free(&b);
  return error;
}

TEST(before_any_handshake_nothing_is_offered) {
  struct extend e;
  extend_init(&e);
  assert_int_equal(e.ut_metadata | e.ut_pex | e.lt_donthave | e.ut_holepunch, 0);
  assert_int_equal(e.reqq, 250);
  assert_int_equal(e.metadata_size, 0);
  assert_int_equal(e.yourip.family, 0);
  assert_string_equal(e.version, "");
}

TEST(every_key_we_know_is_read) {
  struct fixture f = fixture("ext-handshake.bin");
  struct extend e;
  char text[ADDR_TEXT_MAX];
  extend_init(&e);
  assert_int_equal(extend_decode(&e, f.data, f.len), ERR_OK);
  free(f.data);
  assert_true(e.ut_pex == 1 && e.ut_metadata == 2 && e.ut_holepunch == 4 && e.lt_donthave == 7);
  assert_string_equal(e.version, "Other 1.2 \xc2\xb5");
  assert_int_equal(e.port, 6881);
  assert_int_equal(e.reqq, 500);
  assert_int_equal(e.metadata_size, 180);
  assert_true(e.upload_only);
  assert_string_equal(addr_text(&e.yourip, text), "192.0.2.9:0");
}

TEST(an_empty_dictionary_is_a_handshake) {
  struct extend e = decoded("{}");
  assert_int_equal(e.reqq, 250);
}

TEST(anything_but_a_dictionary_is_refused_and_changes_nothing) {
  static const char *const bad[] = {"[]", "5", "'m'", "{'m': {}", "{} 5", ""};
  struct extend e = decoded("{'m': {'ut_pex': 3}, 'reqq': 7}");
  struct extend before = e;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(again(&e, bad[i]), ERR_FORMAT);
    assert_memory_equal(&e, &before, sizeof e);
  }
}

TEST(depth_and_size_over_the_limits_are_refused) {
  struct extend e;
  uint8_t deep[100];
  extend_init(&e);
  memset(deep, 'l', sizeof deep);
  assert_int_equal(extend_decode(&e, deep, sizeof deep), ERR_FORMAT);
}

TEST(a_later_handshake_changes_only_what_it_names) {
  struct extend e = decoded("{'m': {'ut_metadata': 2, 'ut_pex': 1}, 'p': 80, 'v': 'one'}");
  assert_int_equal(again(&e, "{'m': {'ut_pex': 0}, 'v': 'two'}"), ERR_OK);
  assert_int_equal(e.ut_metadata, 2);
  assert_int_equal(e.ut_pex, 0);
  assert_int_equal(e.port, 80);
  assert_string_equal(e.version, "two");
}

TEST(ids_out_of_range_are_ignored) {
  struct extend e = decoded("{'m': {'lt_donthave': 257, 'ut_metadata': -1, 'ut_pex': 255,"
                            " 'ut_holepunch': '4'}}");
  assert_int_equal(e.lt_donthave, 0);
  assert_int_equal(e.ut_metadata, 0);
  assert_int_equal(e.ut_pex, 255);
  assert_int_equal(e.ut_holepunch, 0);
  assert_int_equal(decoded("{'m': 5}").ut_pex, 0);
}

TEST(the_request_queue_is_clamped) {
  assert_int_equal(decoded("{'reqq': 1}").reqq, 1);
  assert_int_equal(decoded("{'reqq': 0}").reqq, 250);
  assert_int_equal(decoded("{'reqq': -1}").reqq, 250);
  assert_int_equal(decoded("{'reqq': 10001}").reqq, 10000);
  assert_int_equal(decoded("{'reqq': 9223372036854775807}").reqq, 10000);
  assert_int_equal(decoded("{'reqq': 99999999999999999999}").reqq, 250);
  assert_int_equal(decoded("{'reqq': '500'}").reqq, 250);
}

TEST(the_size_of_the_metadata_is_bounded) {
  assert_int_equal(decoded("{'metadata_size': 16777216}").metadata_size, 16777216);
  assert_int_equal(decoded("{'metadata_size': 16777217}").metadata_size, 0);
  assert_int_equal(decoded("{'metadata_size': 0}").metadata_size, 0);
  assert_int_equal(decoded("{'metadata_size': -1}").metadata_size, 0);
  assert_int_equal(decoded("{'metadata_size': 2147483648}").metadata_size, 0);
}

TEST(ports_are_ports) {
  assert_int_equal(decoded("{'p': 65535}").port, 65535);
  assert_int_equal(decoded("{'p': 65536}").port, 0);
  assert_int_equal(decoded("{'p': -1}").port, 0);
}

TEST(our_address_has_4_or_16_bytes) {
  assert_int_equal(decoded("{'yourip': '1234'}").yourip.family, 4);
  assert_int_equal(decoded("{'yourip': '1234567890123456'}").yourip.family, 6);
  assert_int_equal(decoded("{'yourip': '12345'}").yourip.family, 0);
  assert_int_equal(decoded("{'yourip': ''}").yourip.family, 0);
  assert_int_equal(decoded("{'yourip': 1234}").yourip.family, 0);
}

TEST(a_long_version_is_cut) {
  struct extend e = decoded("{'v': #5000}");
  assert_int_equal(strlen(e.version), sizeof e.version - 1);
}

static void assert_offer(const struct extend_offer *o, const char *want) {
  struct buf b;
  struct buf w = ben(want);
  buf_init(&b, 1000);
  extend_put(&b, o);
  assert_false(b.failed);
  assert_int_equal(b.len, w.len);
  assert_memory_equal(b.data, w.data, w.len);
  buf_free(&b);
  buf_free(&w);
}

TEST(what_we_do_not_offer_is_left_out) {
  assert_offer(&(struct extend_offer){0}, "{'m': {}}");
  assert_offer(&(struct extend_offer){.version = "", .yourip = &(struct addr){0}}, "{'m': {}}");
}

TEST(what_we_offer_is_canonical) {
  struct addr ip = {.family = 4, .ip = {'a', 'b', 'c', 'd'}};
  struct extend_offer o = {.ut_metadata = 2, .ut_pex = 1, .lt_donthave = 3, .version = "weft",
                           .port = 6881, .reqq = 250, .metadata_size = 99, .upload_only = true,
                           .yourip = &ip};
  assert_offer(&o, "{'m': {'lt_donthave': 3, 'ut_metadata': 2, 'ut_pex': 1},"
                   " 'metadata_size': 99, 'p': 6881, 'reqq': 250, 'upload_only': 1,"
                   " 'v': 'weft', 'yourip': 'abcd'}");
}

TEST(what_we_offer_can_be_read) {
  struct addr ip = {.family = 6, .ip = {0x20, 1, [15] = 1}};
  struct extend_offer o = {.ut_pex = 9, .version = "weft 1", .reqq = 77, .yourip = &ip};
  struct extend e;
  struct buf b;
  extend_init(&e);
  buf_init(&b, 1000);
  extend_put(&b, &o);
  assert_int_equal(extend_decode(&e, b.data, b.len), ERR_OK);
  assert_true(e.ut_pex == 9 && e.reqq == 77 && addr_equal(&e.yourip, &ip));
  assert_string_equal(e.version, "weft 1");
  buf_free(&b);
}

int main(void) {
  RUN(T(before_any_handshake_nothing_is_offered), T(every_key_we_know_is_read),
      T(an_empty_dictionary_is_a_handshake),
      T(anything_but_a_dictionary_is_refused_and_changes_nothing),
      T(depth_and_size_over_the_limits_are_refused),
      T(a_later_handshake_changes_only_what_it_names), T(ids_out_of_range_are_ignored),
      T(the_request_queue_is_clamped), T(the_size_of_the_metadata_is_bounded),
      T(ports_are_ports), T(our_address_has_4_or_16_bytes), T(a_long_version_is_cut),
      T(what_we_do_not_offer_is_left_out), T(what_we_offer_is_canonical),
      T(what_we_offer_can_be_read));
}
