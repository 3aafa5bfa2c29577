/*
 * One connection, step by step: peer/solo and peer/solo_fetch, over a socket pair whose other end
 * the test holds. What the peer is going to say lies there before weft asks: each step must take
 * its answer from it, send exactly what it should, and refuse what cannot be.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sha1.h"
#include "peer/solo_fetch.h"
#include "proto/metadata.h"

enum { PIECE = 3 * 16384 + 100, PIECES = 10, PATIENCE_MS = 2000 };

static struct solo s;
static int other = -1;
static struct buf says; /* what the peer is going to say */
static uint8_t data[PIECE];
static uint8_t data_hash[20];
static const struct geometry geo = {.total = PIECES * PIECE, .piece_len = PIECE, .pieces = PIECES};

static void open_pair(int64_t patience_ms) {
  struct addr a = {.family = 4, .ip = {192, 0, 2, 1}, .port = 6881};
  int fd[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
  solo_init(&s, &a, -1, patience_ms, NULL);
  s.fd = fd[0];
  other = fd[1];
  buf_init(&says, 1 << 20);
  for (size_t i = 0; i < PIECE; i++) data[i] = (uint8_t)(i * 7 + i / 256);
  sha1_once(data, PIECE, data_hash);
}

static void close_pair(void) {
  solo_close(&s);
  buf_free(&says);
  close(other);
}

/* The peer says what was collected; with `hang_up` that is its last word. */
static void speak(bool hang_up) {
  size_t at = 0;
  while (at < says.len) {
    ssize_t n = send(other, says.data + at, says.len - at, 0);
    assert_true(n > 0);
    at += (size_t)n;
  }
  buf_clear(&says);
  if (hang_up) shutdown(other, SHUT_WR);
}

/* All that weft has sent so far. The caller frees it. */
static struct buf heard(void) {
  struct buf b;
  uint8_t part[4096];
  ssize_t n;
  buf_init(&b, 1 << 20);
  while ((n = recv(other, part, sizeof part, MSG_DONTWAIT)) > 0) buf_put(&b, part, (size_t)n);
  return b;
}

static void assert_heard(const struct buf *want) {
  struct buf b = heard();
  assert_int_equal(b.len, want->len);
  assert_memory_equal(b.data, want->data, b.len);
  buf_free(&b);
}

static struct wire_handshake handshake(uint64_t reserved, uint8_t fill) {
  struct wire_handshake h = {.reserved = reserved};
  memset(h.info_hash, 'h', sizeof h.info_hash);
  memset(h.peer_id, fill, sizeof h.peer_id);
  return h;
}

/* Shakes hands with a peer that has these bits. */
static void shake(uint64_t reserved) {
  struct wire_handshake ours = handshake(WIRE_RESERVED_EXTENSION, 'w');
  struct wire_handshake theirs = handshake(reserved, 'p');
  wire_put_handshake(&says, &theirs);
  speak(false);
  assert_int_equal(solo_shake_hands(&s, &ours), ERR_OK);
  struct buf b = heard();
  assert_int_equal(b.len, WIRE_HANDSHAKE_LEN);
  buf_free(&b);
}

/* An extended message with the dictionary `text`, and `len` bytes behind it. */
static void say_extended(uint8_t id, const char *text, const uint8_t *tail, size_t len) {
  struct buf b;
  buf_init(&b, 1 << 17);
  buf_put_str(&b, text);
  buf_put(&b, tail, len);
  wire_put_extended(&says, id, b.data, b.len);
  buf_free(&b);
}

static void assert_why(const char *part) {
  if (strstr(s.why, part) == NULL) fail_msg("'%s' does not say '%s'", s.why, part);
}

/* A deadline for what is there already. */
static int64_t soon(void) {
  return solo_deadline(&s, 60000);
}

/* --- handshakes --- */

TEST(a_handshake_sends_68_bytes_and_keeps_what_came_back) {
  open_pair(PATIENCE_MS);
  shake(WIRE_RESERVED_EXTENSION | WIRE_RESERVED_FAST);
  assert_true(s.shaken && s.extended);
  assert_false(s.fast); /* we did not offer it */
  assert_int_equal(s.theirs.peer_id[19], 'p');
  close_pair();
}

static enum err shake_badly(const void *bytes, size_t len, bool hang_up) {
  struct wire_handshake ours = handshake(WIRE_RESERVED_EXTENSION, 'w');
  buf_put(&says, bytes, len);
  speak(hang_up);
  return solo_shake_hands(&s, &ours);
}

TEST(what_is_no_handshake_is_refused_with_its_reason) {
  struct wire_handshake theirs = handshake(0, 'p');
  theirs.info_hash[0] = 'x';
  struct buf b;
  buf_init(&b, 100);
  wire_put_handshake(&b, &theirs);
  open_pair(PATIENCE_MS);
  assert_int_equal(shake_badly("HTTP", 4, false), ERR_PROTOCOL);
  assert_why("not BitTorrent");
  close_pair();
  open_pair(PATIENCE_MS);
  assert_int_equal(shake_badly("", 0, true), ERR_CLOSED);
  assert_why("hung up on our handshake");
  close_pair();
  open_pair(PATIENCE_MS);
  assert_int_equal(shake_badly(b.data, 60, true), ERR_CLOSED);
  assert_why("middle of its handshake");
  close_pair();
  open_pair(PATIENCE_MS);
  assert_int_equal(shake_badly(b.data, b.len, false), ERR_MISMATCH);
  assert_why("another torrent, 7868");
  close_pair();
  open_pair(20);
  assert_int_equal(shake_badly(b.data, 60, false), ERR_TIMEOUT);
  assert_why("no handshake in time");
  close_pair();
  buf_free(&b);
}

TEST(messages_that_come_with_the_handshake_are_not_lost) {
  struct wire_handshake theirs = handshake(0, 'p');
  struct wire_message m;
  open_pair(PATIENCE_MS);
  wire_put_handshake(&says, &theirs);
  wire_put_index(&says, WIRE_HAVE, 9);
  wire_put_simple(&says, WIRE_UNCHOKE);
  buf_put(&says, "\0", 1);
  assert_int_equal(shake_badly("", 0, false), ERR_OK);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_OK);
  assert_true(m.id == WIRE_HAVE && solo_has(&s, 9) && !solo_has(&s, 8) && solo_count(&s) == 1);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_OK);
  assert_false(s.choking_us);
  assert_int_equal(solo_receive(&s, &m, 0), ERR_TIMEOUT);
  close_pair();
}

/* --- what it has --- */

TEST(a_bitfield_is_kept_until_the_torrent_is_known_and_then_checked) {
  struct wire_message m;
  open_pair(PATIENCE_MS);
  wire_put_bitfield(&says, (const uint8_t *)"\x80\x40", 2);
  speak(false);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_OK);
  assert_int_equal(solo_know(&s, &geo), ERR_OK);
  assert_true(solo_has(&s, 0) && solo_has(&s, 9) && solo_count(&s) == 2);
  close_pair();
  static const char *const bad[] = {"\x80\x20", "\x80\x00\x00"};
  for (size_t i = 0; i < 2; i++) {
    open_pair(PATIENCE_MS);
    wire_put_bitfield(&says, (const uint8_t *)bad[i], 2 + i);
    speak(false);
    assert_int_equal(solo_receive(&s, &m, soon()), ERR_OK);
    assert_int_equal(solo_know(&s, &geo), ERR_PROTOCOL);
    assert_why("pieces that the torrent does not have");
    close_pair();
  }
}

TEST(once_the_torrent_is_known_messages_are_held_to_it) {
  struct wire_message m;
  open_pair(PATIENCE_MS);
  assert_int_equal(solo_know(&s, &geo), ERR_OK);
  wire_put_simple(&says, WIRE_HAVE_ALL);
  wire_put_bitfield(&says, (const uint8_t *)"\x00\x60", 2);
  speak(false);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_OK);
  assert_true(solo_has(&s, 3) && solo_count(&s) == PIECES);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_PROTOCOL);
  close_pair();
  open_pair(PATIENCE_MS);
  assert_int_equal(solo_know(&s, &geo), ERR_OK);
  wire_put_index(&says, WIRE_HAVE, PIECES);
  speak(false);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_PROTOCOL);
  assert_why("it claims piece 10");
  close_pair();
}

TEST(claims_about_an_unknown_torrent_take_bounded_memory) {
  struct wire_message m;
  open_pair(PATIENCE_MS);
  wire_put_index(&says, WIRE_HAVE, GEOMETRY_PIECES_MAX - 1);
  wire_put_index(&says, WIRE_HAVE, UINT32_MAX);
  speak(false);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_OK);
  assert_int_equal(s.bits.len, GEOMETRY_PIECES_MAX / 8);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_PROTOCOL);
  close_pair();
}

TEST(a_message_that_cannot_be_ends_it) {
  struct wire_message m;
  open_pair(PATIENCE_MS);
  buf_put(&says, "\x7f\xff\xff\xff", 4);
  speak(false);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_LIMIT);
  assert_why("2147483647 bytes");
  close_pair();
  open_pair(PATIENCE_MS);
  buf_put(&says, "\0\0\0\2\0x", 6);
  speak(true);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_PROTOCOL);
  close_pair();
}

/* --- metadata --- */

static void put_request_for(struct buf *b, uint8_t id, uint32_t piece) {
  struct buf payload;
  buf_init(&payload, 100);
  metadata_put_request(&payload, piece);
  wire_put_extended(b, id, payload.data, payload.len);
  buf_free(&payload);
}

/* Extension handshakes; the peer's dictionary is `text`. */
static void extend(const char *text) {
  struct extend_offer offer = {.ut_metadata = SOLO_FETCH_UT_METADATA};
  shake(WIRE_RESERVED_EXTENSION);
  say_extended(0, text, NULL, 0);
  speak(false);
  assert_int_equal(solo_fetch_extend(&s, &offer), ERR_OK);
  struct buf want;
  buf_init(&want, 1000);
  wire_put_extended(&want, 0, "d1:md11:ut_metadatai1eee", 24);
  assert_heard(&want);
  buf_free(&want);
}

TEST(metadata_are_asked_for_under_their_id_and_taken_under_ours) {
  uint8_t *info = NULL;
  size_t len = 0;
  uint8_t hash[20];
  struct buf want;
  open_pair(PATIENCE_MS);
  sha1_once(data, 16384 + 5, hash);
  extend("d1:md11:ut_metadatai200ee13:metadata_sizei16389ee");
  wire_put_keepalive(&says);
  say_extended(1, "d8:msg_typei9e5:piecei0ee", NULL, 0);
  say_extended(77, "junk", NULL, 0);
  say_extended(1, "d8:msg_typei1e5:piecei0e10:total_sizei16389ee", data, 16384);
  say_extended(1, "d8:msg_typei1e5:piecei1e10:total_sizei16389ee", data + 16384, 5);
  speak(false);
  assert_int_equal(solo_fetch_metadata(&s, hash, &info, &len), ERR_OK);
  assert_int_equal(len, 16389);
  assert_memory_equal(info, data, len);
  free(info);
  buf_init(&want, 1000);
  put_request_for(&want, 200, 0);
  put_request_for(&want, 200, 1);
  assert_heard(&want);
  buf_free(&want);
  close_pair();
}

static void assert_metadata_fails(const char *extension, const char *answer, enum err e,
                                  const char *why) {
  uint8_t *info = NULL;
  size_t len = 0;
  static const uint8_t hash[20];
  open_pair(20);
  extend(extension);
  if (answer != NULL) say_extended(1, answer, data, 10);
  speak(false);
  assert_int_equal(solo_fetch_metadata(&s, hash, &info, &len), e);
  assert_null(info);
  assert_why(why);
  close_pair();
}

TEST(metadata_that_cannot_be_are_refused) {
  static const char *const ten = "d1:md11:ut_metadatai3ee13:metadata_sizei10ee";
  assert_metadata_fails("de", NULL, ERR_UNSUPPORTED, "offers no metadata");
  assert_metadata_fails("d1:md11:ut_metadatai3ee13:metadata_sizei0ee", NULL, ERR_PROTOCOL,
                        "metadata of 0 bytes");
  assert_metadata_fails("d1:md11:ut_metadatai3ee13:metadata_sizei16777217ee", NULL, ERR_LIMIT,
                        "more than the 16 MiB");
  assert_metadata_fails(ten, "d8:msg_typei2e5:piecei0ee", ERR_REFUSED, "rejects");
  assert_metadata_fails(ten, "d8:msg_typei1e5:piecei1ee", ERR_PROTOCOL, "answers for piece 1");
  assert_metadata_fails(ten, "d8:msg_typei1e5:piecei0e10:total_sizei9ee", ERR_PROTOCOL, "now 9");
  assert_metadata_fails(ten, "d8:msg_typei1e5:piecei0e10:total_sizei10ee", ERR_MISMATCH, "hash");
  assert_metadata_fails(ten, "x", ERR_PROTOCOL, "can't be read");
  assert_metadata_fails(ten, NULL, ERR_TIMEOUT, "in time");
  assert_metadata_fails("d1:md11:ut_metadatai3eee", "d8:msg_typei1e5:piecei0ee", ERR_PROTOCOL,
                        "does not say how long");
}

/* --- a piece --- */

static void say_block(uint32_t begin, uint32_t len) {
  wire_put_piece(&says, 4, begin, data + begin, len);
}

static enum err fetch(void) {
  static uint8_t out[PIECE];
  assert_int_equal(solo_know(&s, &geo), ERR_OK);
  enum err e = solo_fetch_piece(&s, 4, data_hash, out);
  if (e == ERR_OK) assert_memory_equal(out, data, PIECE);
  return e;
}

TEST(a_piece_is_interested_and_all_its_requests_at_once) {
  struct buf want;
  open_pair(PATIENCE_MS);
  shake(0);
  wire_put_simple(&says, WIRE_UNCHOKE);
  say_block(16384, 16384);
  say_block(3 * 16384, 100);
  wire_put_keepalive(&says);
  say_block(0, 16384);
  say_block(0, 16384); /* once more: no harm */
  say_block(2 * 16384, 16384);
  speak(false);
  assert_int_equal(fetch(), ERR_OK);
  buf_init(&want, 1000);
  wire_put_simple(&want, WIRE_INTERESTED);
  for (uint32_t i = 0; i < 4; i++)
    wire_put_range(&want, WIRE_REQUEST, 4, i * 16384, i < 3 ? 16384 : 100);
  assert_heard(&want);
  buf_free(&want);
  close_pair();
}

TEST(after_a_choke_all_that_is_missing_is_asked_for_again) {
  struct buf want;
  open_pair(PATIENCE_MS);
  shake(0);
  wire_put_simple(&says, WIRE_UNCHOKE);
  say_block(0, 16384);
  wire_put_simple(&says, WIRE_CHOKE);
  say_block(16384, 16384); /* was under way */
  wire_put_simple(&says, WIRE_UNCHOKE);
  say_block(2 * 16384, 16384);
  say_block(3 * 16384, 100);
  speak(false);
  assert_int_equal(fetch(), ERR_OK);
  buf_init(&want, 1000);
  wire_put_simple(&want, WIRE_INTERESTED);
  for (uint32_t i = 0; i < 6; i++) {
    uint32_t block = i < 4 ? i : i - 2;
    wire_put_range(&want, WIRE_REQUEST, 4, block * 16384, block < 3 ? 16384 : 100);
  }
  assert_heard(&want);
  buf_free(&want);
  close_pair();
}

static void assert_piece_fails(void (*say)(void), enum err e, const char *why) {
  open_pair(20);
  shake(0);
  wire_put_simple(&says, WIRE_UNCHOKE);
  say();
  speak(false);
  assert_int_equal(fetch(), e);
  assert_why(why);
  close_pair();
}

static void say_nothing(void) {
}

static void say_one_block(void) {
  say_block(0, 16384);
}

static void say_short_block(void) {
  say_block(0, 16383);
}

static void say_odd_block(void) {
  say_block(1, 16384);
}

static void say_other_piece(void) {
  wire_put_piece(&says, 5, 0, data, 16384);
}

static void say_reject(void) {
  wire_put_range(&says, WIRE_REJECT, 4, 0, 16384);
}

static void say_wrong_byte(void) {
  data[5] ^= 1;
  for (uint32_t i = 0; i < 4; i++) say_block(i * 16384, i < 3 ? 16384 : 100);
}

static void say_lacks_it(void) {
  wire_put_bitfield(&says, (const uint8_t *)"\xf7\xc0", 2);
  wire_put_simple(&says, WIRE_CHOKE);
  wire_put_simple(&says, WIRE_UNCHOKE);
}

TEST(blocks_that_cannot_be_are_refused) {
  assert_piece_fails(say_nothing, ERR_TIMEOUT, "after 0 blocks");
  assert_piece_fails(say_one_block, ERR_TIMEOUT, "after 1 blocks");
  assert_piece_fails(say_short_block, ERR_PROTOCOL, "not asked for");
  assert_piece_fails(say_odd_block, ERR_PROTOCOL, "not asked for");
  assert_piece_fails(say_other_piece, ERR_PROTOCOL, "not asked for");
  assert_piece_fails(say_reject, ERR_REFUSED, "rejects");
  assert_piece_fails(say_wrong_byte, ERR_MISMATCH, "piece 4 does not have the hash");
}

TEST(a_piece_that_the_peer_does_not_have_is_not_asked_for) {
  struct wire_message m;
  open_pair(PATIENCE_MS);
  shake(0);
  say_lacks_it();
  speak(false);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_OK);
  assert_int_equal(fetch(), ERR_NOT_FOUND);
  assert_why("does not have piece 4");
  struct buf b = heard();
  assert_int_equal(b.len, 5); /* interested */
  buf_free(&b);
  close_pair();
}

TEST(the_bell_ends_every_wait) {
  struct wire_message m;
  int bell[2];
  assert_int_equal(pipe(bell), 0);
  assert_int_equal(write(bell[1], "x", 1), 1);
  open_pair(PATIENCE_MS);
  s.bell = bell[0];
  assert_int_equal(solo_receive(&s, &m, solo_deadline(&s, 60000)), ERR_CANCELLED);
  close_pair();
  close(bell[0]);
  close(bell[1]);
}

TEST(what_comes_without_end_moves_no_deadline) {
  struct wire_message m;
  open_pair(PATIENCE_MS);
  wire_put_keepalive(&says);
  speak(false);
  assert_int_equal(solo_receive(&s, &m, 1), ERR_TIMEOUT);
  assert_int_equal(solo_receive(&s, &m, soon()), ERR_OK);
  close_pair();
}

int main(void) {
  RUN(T(a_handshake_sends_68_bytes_and_keeps_what_came_back),
      T(what_is_no_handshake_is_refused_with_its_reason),
      T(messages_that_come_with_the_handshake_are_not_lost),
      T(a_bitfield_is_kept_until_the_torrent_is_known_and_then_checked),
      T(once_the_torrent_is_known_messages_are_held_to_it),
      T(claims_about_an_unknown_torrent_take_bounded_memory),
      T(a_message_that_cannot_be_ends_it),
      T(metadata_are_asked_for_under_their_id_and_taken_under_ours),
      T(metadata_that_cannot_be_are_refused), T(a_piece_is_interested_and_all_its_requests_at_once),
      T(after_a_choke_all_that_is_missing_is_asked_for_again),
      T(blocks_that_cannot_be_are_refused),
      T(a_piece_that_the_peer_does_not_have_is_not_asked_for), T(the_bell_ends_every_wait),
      T(what_comes_without_end_moves_no_deadline));
}
