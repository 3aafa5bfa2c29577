/*
 * The info dictionary from other peers: proto/metadata.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "../ben.h"
#include "base/sha1.h"
#include "proto/metadata.h"

enum { SIZE = 2 * METADATA_PIECE_LEN + 100 };

static uint8_t whole[SIZE];
static uint8_t hash[20];

static void fill(void) {
  for (size_t i = 0; i < SIZE; i++) whole[i] = (uint8_t)(i * 31 + i / 256);
  sha1_once(whole, SIZE, hash);
}

/* A data message with the right bytes of piece `n`. */
static struct metadata_message data(uint32_t n) {
  size_t begin = (size_t)n * METADATA_PIECE_LEN;
  size_t len = SIZE - begin < METADATA_PIECE_LEN ? SIZE - begin : METADATA_PIECE_LEN;
  return (struct metadata_message){METADATA_DATA, n, SIZE, whole + begin, len};
}

static struct metadata begun(void) {
  struct metadata a;
  fill();
  assert_int_equal(metadata_init(&a, hash, SIZE), ERR_OK);
  return a;
}

static enum err decoded(struct metadata_message *m, const char *text) {
  static uint8_t kept[1 << 16];
  struct buf b = ben(text);
  if (b.len > 0) memcpy(kept, b.data, b.len); /* an empty buffer has no data */
  enum err e = metadata_decode(m, kept, b.len);
  buf_free(&b);
  return e;
}

TEST(the_three_messages_are_read) {
  struct metadata_message m;
  assert_int_equal(decoded(&m, "{'msg_type': 0, 'piece': 5}"), ERR_OK);
  assert_true(m.type == METADATA_REQUEST && m.piece == 5 && m.data_len == 0);
  assert_int_equal(decoded(&m, "{'msg_type': 1, 'piece': 1, 'total_size': 34256}<abc>"), ERR_OK);
  assert_true(m.type == METADATA_DATA && m.piece == 1 && m.total_size == 34256);
  assert_int_equal(m.data_len, 3);
  assert_memory_equal(m.data, "abc", 3);
  assert_int_equal(decoded(&m, "{'msg_type': 2, 'piece': 0}"), ERR_OK);
  assert_true(m.type == METADATA_REJECT && m.piece == 0);
}

TEST(what_is_no_message_is_refused) {
  static const char *const bad[] = {
    "", "<x>", "5", "[]", "{}", "{'msg_type': 0}", "{'piece': 0}", "{'msg_type': '0', 'piece': 0}",
    "{'msg_type': 0, 'piece': -1}", "{'msg_type': 0, 'piece': 4294967296}",
    "{'msg_type': 1, 'piece': 0, 'total_size': 0}", "{'msg_type': 1, 'piece': 0, 'total_size': -5}",
    "{'msg_type': 1, 'piece': 0, 'total_size': 16777217}",
    "{'msg_type': 1, 'piece': 0, 'total_size': '5'}", "{'msg_type': 0, 'piece': 0"};
  struct metadata_message m;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(decoded(&m, bad[i]), ERR_FORMAT);
}

TEST(a_type_that_nobody_knows_is_told_apart) {
  struct metadata_message m;
  assert_int_equal(decoded(&m, "{'msg_type': 3, 'piece': 0}"), ERR_UNSUPPORTED);
  assert_int_equal(decoded(&m, "{'msg_type': -1}"), ERR_UNSUPPORTED);
}

TEST(a_deep_message_is_refused) {
  struct metadata_message m;
  uint8_t deep[200];
  memset(deep, 'l', sizeof deep);
  assert_int_equal(metadata_decode(&m, deep, sizeof deep), ERR_FORMAT);
}

static void assert_put(void (*put)(struct buf *b, uint32_t piece), const char *want) {
  struct buf b;
  buf_init(&b, 1000);
  put(&b, 7);
  assert_string_equal(buf_cstr(&b), want);
  buf_free(&b);
}

TEST(messages_are_written_as_the_bep_shows_them) {
  struct buf b;
  assert_put(metadata_put_request, "d8:msg_typei0e5:piecei7ee");
  assert_put(metadata_put_reject, "d8:msg_typei2e5:piecei7ee");
  buf_init(&b, 1000);
  metadata_put_data(&b, 0, 3425, (const uint8_t *)"xyz", 3);
  assert_string_equal(buf_cstr(&b), "d8:msg_typei1e5:piecei0e10:total_sizei3425eexyz");
  buf_free(&b);
}

TEST(pieces_in_any_order_make_the_dictionary) {
  static const uint32_t order[] = {2, 0, 1};
  struct metadata a = begun();
  uint8_t *out;
  size_t len;
  assert_int_equal(a.pieces, 3);
  assert_int_equal(metadata_piece_len(&a, 2), 100);
  for (size_t i = 0; i < 3; i++) {
    struct metadata_message m = data(order[i]);
    assert_int_equal(metadata_take(&a, &m), ERR_OK);
    assert_int_equal(metadata_take(&a, &m), ERR_EXISTS);
    assert_int_equal(metadata_missing(&a, 0), i == 0 ? 0 : i == 1 ? 1 : 3);
  }
  assert_int_equal(metadata_finish(&a, &out, &len), ERR_OK);
  assert_int_equal(len, SIZE);
  assert_memory_equal(out, whole, SIZE);
  free(out);
  metadata_free(&a);
}

TEST(pieces_that_cannot_be_are_refused) {
  struct metadata a = begun();
  struct metadata_message m = data(0);
  m.data_len--;
  assert_int_equal(metadata_take(&a, &m), ERR_PROTOCOL);
  m = data(2);
  m.data_len = 0;
  assert_int_equal(metadata_take(&a, &m), ERR_PROTOCOL);
  m = data(0);
  m.total_size = SIZE - 1;
  assert_int_equal(metadata_take(&a, &m), ERR_PROTOCOL);
  m = data(0);
  m.piece = 3;
  assert_int_equal(metadata_take(&a, &m), ERR_PROTOCOL);
  m.piece = UINT32_MAX;
  assert_int_equal(metadata_take(&a, &m), ERR_PROTOCOL);
  m = data(0);
  m.type = METADATA_REJECT;
  assert_int_equal(metadata_take(&a, &m), ERR_PROTOCOL);
  assert_int_equal(a.have, 0);
  m = data(0);
  m.total_size = 0; /* not said */
  assert_int_equal(metadata_take(&a, &m), ERR_OK);
  metadata_free(&a);
}

TEST(a_wrong_byte_anywhere_is_noticed_and_all_is_forgotten) {
  struct metadata a = begun();
  uint8_t *out = NULL;
  size_t len;
  for (uint32_t i = 0; i < 3; i++) {
    struct metadata_message m = data(i);
    assert_int_equal(metadata_take(&a, &m), ERR_OK);
  }
  a.piece[1][77] ^= 1;
  assert_int_equal(metadata_finish(&a, &out, &len), ERR_MISMATCH);
  assert_null(out);
  assert_int_equal(metadata_missing(&a, 0), 0);
  assert_int_equal(a.have, 0);
  metadata_free(&a);
}

TEST(what_is_not_complete_is_not_right) {
  struct metadata a = begun();
  uint8_t *out = NULL;
  size_t len;
  struct metadata_message m = data(1);
  assert_int_equal(metadata_take(&a, &m), ERR_OK);
  assert_int_equal(metadata_finish(&a, &out, &len), ERR_MISMATCH);
  assert_null(out);
  metadata_free(&a);
  metadata_free(&a);
}

TEST(sizes_are_bounded) {
  struct metadata a;
  fill();
  assert_int_equal(metadata_init(&a, hash, 0), ERR_LIMIT);
  assert_int_equal(metadata_init(&a, hash, METADATA_SIZE_MAX + 1), ERR_LIMIT);
  assert_int_equal(metadata_init(&a, hash, UINT64_MAX), ERR_LIMIT);
  metadata_free(&a);
  assert_int_equal(metadata_init(&a, hash, METADATA_SIZE_MAX), ERR_OK);
  assert_int_equal(a.pieces, METADATA_PIECES_MAX);
  assert_int_equal(metadata_piece_len(&a, METADATA_PIECES_MAX - 1), METADATA_PIECE_LEN);
  metadata_free(&a);
  assert_int_equal(metadata_init(&a, hash, 1), ERR_OK);
  assert_int_equal(metadata_piece_len(&a, 0), 1);
  metadata_free(&a);
}

int main(void) {
  RUN(T(the_three_messages_are_read), T(what_is_no_message_is_refused),
      T(a_type_that_nobody_knows_is_told_apart), T(a_deep_message_is_refused),
      T(messages_are_written_as_the_bep_shows_them), T(pieces_in_any_order_make_the_dictionary),
      T(pieces_that_cannot_be_are_refused),
      T(a_wrong_byte_anywhere_is_noticed_and_all_is_forgotten),
      T(what_is_not_complete_is_not_right), T(sizes_are_bounded));
}
