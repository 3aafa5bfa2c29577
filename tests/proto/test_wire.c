/*
 * The handshake and every message, whole, cut off, too short and too long: proto/wire.
 */
#include "../test.h"

#include <string.h>

#include "proto/wire.h"

/* A torrent of 20 pieces, blocks of 16 KiB. */
static const struct wire_limits usual = {.bitfield_len = 3, .piece_max = 16384, .other_max = 100};

static enum err decode(const void *in, size_t len, struct wire_message *m) {
  size_t used;
  size_t need;
  return wire_decode(in, len, &usual, m, &used, &need);
}

/* The one message in `b`, which is freed. `m->data` is not to be used afterwards. */
static struct wire_message only(struct buf *b) {
  struct wire_message m;
  size_t used;
  size_t need;
  assert_false(b->failed);
  assert_int_equal(wire_decode(b->data, b->len, &usual, &m, &used, &need), ERR_OK);
  assert_int_equal(used, b->len);
  buf_free(b);
  return m;
}

/* What `length` and `id` alone give, before any of the body is there. */
static enum err head(uint32_t length, uint8_t id) {
  uint8_t in[5];
  struct wire_message m;
  be32_put(in, length);
  in[4] = id;
  return decode(in, sizeof in, &m);
}

TEST(a_handshake_goes_there_and_back) {
  struct wire_handshake h = {.reserved = WIRE_RESERVED_EXTENSION | WIRE_RESERVED_FAST};
  struct wire_handshake back;
  struct buf b;
  memset(h.info_hash, 0xab, sizeof h.info_hash);
  memcpy(h.peer_id, "-WF0100-abcdefghijkl", 20);
  buf_init(&b, 100);
  wire_put_handshake(&b, &h);
  assert_int_equal(b.len, WIRE_HANDSHAKE_LEN);
  assert_int_equal(wire_get_handshake(b.data, &back), ERR_OK);
  assert_memory_equal(&h, &back, sizeof h);
  buf_free(&b);
}

TEST(the_reserved_bits_stand_where_the_specifications_put_them) {
  struct wire_handshake h = {0};
  struct buf b;
  buf_init(&b, 1000);
  h.reserved = WIRE_RESERVED_EXTENSION;
  wire_put_handshake(&b, &h);
  assert_int_equal(b.data[20 + 5], 0x10);
  buf_clear(&b);
  h.reserved = WIRE_RESERVED_FAST | WIRE_RESERVED_DHT | WIRE_RESERVED_V2;
  wire_put_handshake(&b, &h);
  assert_int_equal(b.data[20 + 7], 0x15);
  buf_free(&b);
}

TEST(another_protocol_is_refused) {
  uint8_t in[WIRE_HANDSHAKE_LEN] = "\x13" "BitTorrent protocol";
  struct wire_handshake h;
  assert_int_equal(wire_get_handshake(in, &h), ERR_OK);
  for (size_t i = 0; i < 20; i++) {
    in[i] ^= 1;
    assert_int_equal(wire_get_handshake(in, &h), ERR_PROTOCOL);
    in[i] ^= 1;
  }
}

TEST(a_keepalive_is_four_zeros) {
  struct buf b;
  buf_init(&b, 100);
  wire_put_keepalive(&b);
  assert_memory_equal(b.data, "\0\0\0\0", 4);
  assert_int_equal(only(&b).id, WIRE_KEEPALIVE);
}

TEST(messages_without_body_go_there_and_back) {
  static const enum wire_id id[] = {WIRE_CHOKE,          WIRE_UNCHOKE,  WIRE_INTERESTED,
                                    WIRE_NOT_INTERESTED, WIRE_HAVE_ALL, WIRE_HAVE_NONE};
  for (size_t i = 0; i < sizeof id / sizeof *id; i++) {
    struct buf b;
    buf_init(&b, 100);
    wire_put_simple(&b, id[i]);
    assert_int_equal(b.len, 5);
    assert_int_equal(only(&b).id, id[i]);
  }
}

TEST(messages_with_an_index_go_there_and_back) {
  static const enum wire_id id[] = {WIRE_HAVE, WIRE_SUGGEST, WIRE_ALLOWED_FAST};
  for (size_t i = 0; i < sizeof id / sizeof *id; i++) {
    struct buf b;
    buf_init(&b, 100);
    wire_put_index(&b, id[i], 0xdeadbeef);
    struct wire_message m = only(&b);
    assert_int_equal(m.id, id[i]);
    assert_int_equal(m.index, 0xdeadbeef);
  }
}

TEST(messages_with_a_range_go_there_and_back) {
  static const enum wire_id id[] = {WIRE_REQUEST, WIRE_CANCEL, WIRE_REJECT};
  for (size_t i = 0; i < sizeof id / sizeof *id; i++) {
    struct buf b;
    buf_init(&b, 100);
    wire_put_range(&b, id[i], 1, 0x4000, UINT32_MAX);
    struct wire_message m = only(&b);
    assert_int_equal(m.id, id[i]);
    assert_true(m.index == 1 && m.begin == 0x4000 && m.length == UINT32_MAX);
  }
}

TEST(a_request_is_these_bytes) {
  struct buf b;
  buf_init(&b, 100);
  wire_put_range(&b, WIRE_REQUEST, 1, 2, 0x4000);
  assert_int_equal(b.len, 17);
  assert_memory_equal(b.data, "\0\0\0\x0d\x06\0\0\0\1\0\0\0\2\0\0\x40\0", 17);
  buf_free(&b);
}

TEST(a_piece_points_at_its_data) {
  struct buf b;
  struct wire_message m;
  size_t used;
  size_t need;
  buf_init(&b, 100);
  wire_put_piece(&b, 7, 0x8000, (const uint8_t *)"hello", 5);
  assert_int_equal(wire_decode(b.data, b.len, &usual, &m, &used, &need), ERR_OK);
  assert_true(m.id == WIRE_PIECE && m.index == 7 && m.begin == 0x8000 && m.length == 5);
  assert_ptr_equal(m.data, b.data + WIRE_PIECE_HEADER_LEN);
  assert_int_equal(m.data_len, 5);
  buf_free(&b);
}

TEST(the_piece_header_alone_is_the_same_bytes) {
  uint8_t header[WIRE_PIECE_HEADER_LEN];
  struct buf b;
  buf_init(&b, 100);
  wire_put_piece(&b, 7, 0x8000, (const uint8_t *)"hello", 5);
  wire_piece_header(header, 7, 0x8000, 5);
  assert_memory_equal(b.data, header, sizeof header);
  buf_free(&b);
}

TEST(a_bitfield_points_at_its_bits) {
  struct buf b;
  struct wire_message m;
  buf_init(&b, 100);
  wire_put_bitfield(&b, (const uint8_t *)"\xff\xff\xf0", 3);
  assert_int_equal(decode(b.data, b.len, &m), ERR_OK);
  assert_true(m.id == WIRE_BITFIELD && m.data_len == 3);
  assert_memory_equal(m.data, "\xff\xff\xf0", 3);
  buf_free(&b);
}

TEST(a_port_goes_there_and_back) {
  struct buf b;
  buf_init(&b, 100);
  wire_put_port(&b, 6881);
  struct wire_message m = only(&b);
  assert_true(m.id == WIRE_PORT && m.port == 6881);
}

TEST(an_extended_message_has_an_id_of_its_own) {
  struct buf b;
  struct wire_message m;
  buf_init(&b, 100);
  wire_put_extended(&b, 3, "de", 2);
  assert_memory_equal(b.data, "\0\0\0\4\x14\3" "de", 8);
  assert_int_equal(decode(b.data, b.len, &m), ERR_OK);
  assert_true(m.id == WIRE_EXTENDED && m.ext_id == 3 && m.data_len == 2);
  assert_memory_equal(m.data, "de", 2);
  buf_free(&b);
}

TEST(an_unknown_id_is_kept_with_its_body) {
  struct wire_message m;
  assert_int_equal(decode("\0\0\0\3\x63xy", 7, &m), ERR_OK);
  assert_true(m.id == WIRE_UNKNOWN && m.raw_id == 0x63 && m.data_len == 2);
  assert_memory_equal(m.data, "xy", 2);
  assert_int_equal(decode("\0\0\0\1\x0a", 5, &m), ERR_OK);
  assert_true(m.id == WIRE_UNKNOWN && m.data_len == 0);
  assert_int_equal(decode("\0\0\0\1\xff", 5, &m), ERR_OK);
  assert_int_equal(m.id, WIRE_UNKNOWN);
}

TEST(the_second_message_is_left_alone) {
  struct wire_message m;
  size_t used;
  size_t need;
  const uint8_t in[] = "\0\0\0\1\0\0\0\0\1\1";
  assert_int_equal(wire_decode(in, 10, &usual, &m, &used, &need), ERR_OK);
  assert_true(m.id == WIRE_CHOKE && used == 5);
}

TEST(what_is_missing_is_said_step_by_step) {
  static const uint8_t in[] = "\0\0\0\x0d\6\0\0\0\1\0\0\0\2\0\0\x40\0";
  for (size_t n = 0; n < 17; n++) {
    struct wire_message m;
    size_t used;
    size_t need;
    assert_int_equal(wire_decode(in, n, &usual, &m, &used, &need), ERR_TIMEOUT);
    assert_int_equal(need, n < 4 ? 4 : n < 5 ? 5 : 17);
    assert_int_equal(used, 0);
  }
}

TEST(a_wrong_length_is_told_before_the_body_arrives) {
  static const struct {
    uint8_t id;
    uint32_t length;
  } right[] = {{0, 1}, {1, 1}, {2, 1}, {3, 1},  {4, 5},  {5, 4},  {6, 13}, {8, 13},
               {9, 3}, {13, 5}, {14, 1}, {15, 1}, {16, 13}, {17, 5}};
  for (size_t i = 0; i < sizeof right / sizeof *right; i++)
    for (uint32_t length = 1; length < 40; length++) {
      enum err e = head(length, right[i].id);
      enum err want = length == 1 ? ERR_OK : ERR_TIMEOUT;
      if (e != (length == right[i].length ? want : ERR_PROTOCOL))
        fail_msg("id %u length %u gave %d", right[i].id, length, (int)e);
    }
}

TEST(a_piece_has_at_least_one_byte_and_at_most_a_block) {
  for (uint32_t length = 1; length <= 9; length++)
    assert_int_equal(head(length, WIRE_PIECE), ERR_PROTOCOL);
  assert_int_equal(head(10, WIRE_PIECE), ERR_TIMEOUT);
  assert_int_equal(head(9 + 16384, WIRE_PIECE), ERR_TIMEOUT);
  assert_int_equal(head(10 + 16384, WIRE_PIECE), ERR_LIMIT);
}

TEST(extended_and_unknown_bodies_are_bounded) {
  assert_int_equal(head(1, WIRE_EXTENDED), ERR_PROTOCOL);
  assert_int_equal(head(101, WIRE_EXTENDED), ERR_TIMEOUT);
  assert_int_equal(head(102, WIRE_EXTENDED), ERR_LIMIT);
  assert_int_equal(head(101, 99), ERR_TIMEOUT);
  assert_int_equal(head(102, 99), ERR_LIMIT);
}

TEST(a_length_bomb_is_refused_without_its_id) {
  struct wire_message m;
  assert_int_equal(decode("\xff\xff\xff\xff", 4, &m), ERR_LIMIT);
  assert_int_equal(decode("\0\x10\0\1", 4, &m), ERR_LIMIT);
  assert_int_equal(decode("\0\x10\0\0", 4, &m), ERR_TIMEOUT);
}

TEST(while_pieces_are_unknown_a_bitfield_is_only_bounded) {
  struct wire_limits limits = {.bitfield_len = UINT32_MAX, .piece_max = 16384, .other_max = 100};
  uint8_t in[5] = {[4] = WIRE_BITFIELD};
  struct wire_message m;
  size_t used;
  size_t need;
  be32_put(in, 1 + (1u << 18));
  assert_int_equal(wire_decode(in, 5, &limits, &m, &used, &need), ERR_TIMEOUT);
  be32_put(in, 2 + (1u << 18));
  assert_int_equal(wire_decode(in, 5, &limits, &m, &used, &need), ERR_LIMIT);
}

TEST(the_greatest_limits_do_not_wrap) {
  struct wire_limits limits = {UINT32_MAX - 1, UINT32_MAX, UINT32_MAX};
  uint8_t in[5] = {[4] = WIRE_PIECE};
  struct wire_message m;
  size_t used;
  size_t need;
  be32_put(in, WIRE_MESSAGE_MAX);
  assert_int_equal(wire_decode(in, 5, &limits, &m, &used, &need), ERR_TIMEOUT);
  assert_int_equal(need, 4 + WIRE_MESSAGE_MAX);
}

TEST(every_message_has_a_name) {
  assert_string_equal(wire_name(WIRE_CHOKE), "choke");
  assert_string_equal(wire_name(WIRE_EXTENDED), "extended");
  assert_string_equal(wire_name(WIRE_KEEPALIVE), "keep-alive");
  assert_string_equal(wire_name(WIRE_UNKNOWN), "unknown");
  assert_string_equal(wire_name((enum wire_id)10), "unknown");
  assert_string_equal(wire_name((enum wire_id)21), "unknown");
}

int main(void) {
  RUN(T(a_handshake_goes_there_and_back),
      T(the_reserved_bits_stand_where_the_specifications_put_them),
      T(another_protocol_is_refused), T(a_keepalive_is_four_zeros),
      T(messages_without_body_go_there_and_back), T(messages_with_an_index_go_there_and_back),
      T(messages_with_a_range_go_there_and_back), T(a_request_is_these_bytes),
      T(a_piece_points_at_its_data), T(the_piece_header_alone_is_the_same_bytes),
      T(a_bitfield_points_at_its_bits), T(a_port_goes_there_and_back),
      T(an_extended_message_has_an_id_of_its_own), T(an_unknown_id_is_kept_with_its_body),
      T(the_second_message_is_left_alone), T(what_is_missing_is_said_step_by_step),
      T(a_wrong_length_is_told_before_the_body_arrives),
      T(a_piece_has_at_least_one_byte_and_at_most_a_block),
      T(extended_and_unknown_bodies_are_bounded), T(a_length_bomb_is_refused_without_its_id),
      T(while_pieces_are_unknown_a_bitfield_is_only_bounded), T(the_greatest_limits_do_not_wrap),
      T(every_message_has_a_name));
}
