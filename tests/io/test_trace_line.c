/*
 * Lines of the trace: every message as text, as JSON and with its bytes, and what strangers wrote
 * never out of its quotes.
 */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "io/trace_line.h"
#include "proto/wire.h"

static struct buf line;
static struct trace_fields fields;
static struct trace_event event;

/* The line of a message that was encoded into `m`. */
static const char *show(struct buf *m, enum trace_format format, const char *extension) {
  event.type = trace_line_type(m->data, m->len);
  event.bep = trace_line_bep(event.type);
  event.us = 104233;
  event.peer = "127.0.0.1:6881";
  event.sized = true;
  event.size = m->len;
  event.fields = &fields;
  trace_field_of_message(&fields, m->data, m->len, m->len, extension);
  buf_free(&line);
  buf_init(&line, 1 << 20);
  trace_line_put(&line, format, &event, 0);
  assert_false(line.failed);
  return buf_cstr(&line);
}

/* An empty message; the one before is gone. Fields point into it. */
static struct buf *message(void) {
  static struct buf m;
  buf_free(&m);
  buf_init(&m, 1 << 20);
  memset(&event, 0, sizeof event);
  event.dir = TRACE_IN;
  return &m;
}

static struct buf *simple(enum wire_id id) {
  struct buf *m = message();
  wire_put_simple(m, id);
  return m;
}

static struct buf *range(enum wire_id id) {
  struct buf *m = message();
  wire_put_range(m, id, 5, 16384, 16384);
  return m;
}

static void change(const char *name, const char *words, bool flag, uint64_t from, uint64_t to) {
  event.changes[event.change_count++] = (struct trace_change){name, words, flag, from, to};
}

TEST(an_unchoke_is_read_as_a_sentence_of_a_hundred_columns) {
  struct buf *m = simple(WIRE_UNCHOKE);
  change("peer_choking", "it chokes us", true, 1, 0);
  const char *text = show(m, TRACE_AS_TEXT, NULL);
  assert_string_equal(text, "   0.104 127.0.0.1:6881 <- unchoke                 5 bytes  BEP 3  "
                            "changed: it chokes us: yes -> no\n");
  assert_true(strlen(text) <= 101);
}

TEST(a_request_says_what_and_why) {
  struct buf *m = range(WIRE_REQUEST);
  event.dir = TRACE_OUT;
  event.why = "rarest, 3 peers have it";
  assert_string_equal(show(m, TRACE_AS_TEXT, NULL),
                      "   0.104 127.0.0.1:6881 -> request    index 5, begin 16384, length 16384"
                      "    17 bytes  BEP 3  why: rarest, 3 peers have it\n");
}

TEST(a_request_in_json_is_one_object_with_all_members) {
  struct buf *m = range(WIRE_REQUEST);
  event.dir = TRACE_OUT;
  event.why = "rarest, 3 peers have it";
  change("outstanding", NULL, false, 7, 8);
  assert_string_equal(show(m, TRACE_AS_JSON, NULL),
                      "{\"trace\":1,\"t\":0.104233,\"peer\":\"127.0.0.1:6881\",\"dir\":\"out\","
                      "\"type\":\"request\",\"size\":17,\"bep\":3,\"fields\":{\"index\":5,"
                      "\"begin\":16384,\"length\":16384},\"changed\":{\"outstanding\":[7,8]},"
                      "\"why\":\"rarest, 3 peers have it\"}\n");
}

TEST(a_request_in_hex_shows_each_field_with_its_bytes) {
  assert_string_equal(
    show(range(WIRE_REQUEST), TRACE_AS_HEX, NULL),
    "   0.104 127.0.0.1:6881 <- request    index 5, begin 16384, length 16384    17 bytes  BEP 3\n"
    "         0  00 00 00 0d                                      length 13\n"
    "         4  06                                               id 6\n"
    "         5  00 00 00 05                                      index 5\n"
    "         9  00 00 40 00                                      begin 16384\n"
    "        13  00 00 40 00                                      length 16384\n");
}

TEST(every_message_has_its_name_its_bep_and_its_fields) {
  static const struct {
    enum wire_id id;
    const char *name;
    const char *fields;
    unsigned bep;
  } all[] = {
    {WIRE_CHOKE, "choke", "{}", 3}, {WIRE_UNCHOKE, "unchoke", "{}", 3},
    {WIRE_INTERESTED, "interested", "{}", 3}, {WIRE_NOT_INTERESTED, "not-interested", "{}", 3},
    {WIRE_HAVE, "have", "{\"index\":5}", 3}, {WIRE_SUGGEST, "suggest-piece", "{\"index\":5}", 6},
    {WIRE_ALLOWED_FAST, "allowed-fast", "{\"index\":5}", 6},
    {WIRE_HAVE_ALL, "have-all", "{}", 6}, {WIRE_HAVE_NONE, "have-none", "{}", 6},
    {WIRE_CANCEL, "cancel", "{\"index\":5,\"begin\":16384,\"length\":16384}", 3},
    {WIRE_REJECT, "reject-request", "{\"index\":5,\"begin\":16384,\"length\":16384}", 6},
    {WIRE_PORT, "port", "{\"port\":6881}", 5},
    {WIRE_BITFIELD, "bitfield", "{\"pieces\":9,\"bits\":\"ff80\"}", 3},
    {WIRE_PIECE, "piece", "{\"index\":1,\"begin\":2,\"length\":3}", 3},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct buf *m = message();
    char want[160];
    switch (all[i].id) {
    case WIRE_HAVE: case WIRE_SUGGEST: case WIRE_ALLOWED_FAST:
      wire_put_index(m, all[i].id, 5);
      break;
    case WIRE_CANCEL: case WIRE_REJECT:
      wire_put_range(m, all[i].id, 5, 16384, 16384);
      break;
    case WIRE_PORT:
      wire_put_port(m, 6881);
      break;
    case WIRE_BITFIELD:
      wire_put_bitfield(m, (const uint8_t *)"\xff\x80", 2);
      break;
    case WIRE_PIECE:
      wire_put_piece(m, 1, 2, (const uint8_t *)"abc", 3);
      break;
    default:
      wire_put_simple(m, all[i].id);
    }
    const char *text = show(m, TRACE_AS_JSON, NULL);
    snprintf(want, sizeof want, "\"type\":\"%s\",", all[i].name);
    assert_non_null(strstr(text, want));
    snprintf(want, sizeof want, "\"bep\":%u,\"fields\":%s,", all[i].bep, all[i].fields);
    assert_non_null(strstr(text, want));
  }
  struct buf *m = message();
  wire_put_keepalive(m);
  assert_non_null(strstr(show(m, TRACE_AS_TEXT, NULL), "<- keep-alive              4 bytes  BEP"));
}

TEST(an_unknown_message_is_shown_with_its_id_and_bytes) {
  struct buf *m = message();
  buf_put(m, "\0\0\0\3\x63" "ab", 7);
  assert_non_null(strstr(show(m, TRACE_AS_JSON, NULL),
                         "\"type\":\"unknown\",\"size\":7,\"bep\":null,"
                         "\"fields\":{\"id\":99,\"body\":\"6162\"}"));
  for (unsigned id = 0; id < 256; id++) { /* none makes trouble, whatever its length */
    m = message();
    buf_put_u32(m, 1);
    buf_put_u8(m, (uint8_t)id);
    show(m, TRACE_AS_HEX, "x");
    m = message();
    buf_put_u32(m, 3);
    buf_put_u8(m, (uint8_t)id);
    buf_put_u16(m, 0);
    show(m, TRACE_AS_JSON, NULL);
  }
}

TEST(data_are_shortened_and_it_is_said) {
  uint8_t data[16384] = {0xab};
  struct buf *m = message();
  wire_put_piece(m, 5, 0, data, sizeof data);
  const char *text = show(m, TRACE_AS_HEX, NULL);
  assert_non_null(strstr(text, "index 5, begin 0, length 16384 16397 bytes  BEP 3\n"));
  assert_non_null(strstr(text, "        13  ab 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  "
                               "data, the first 32 of 16384 bytes\n"
                               "        29  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"));
  assert_null(strstr(text, "        45 "));
  m = message();
  wire_put_bitfield(m, data, 2000);
  text = show(m, TRACE_AS_JSON, NULL);
  assert_non_null(strstr(text, "0000\",\"shortened\":true}"));
  assert_true(strlen(text) < 400);
}

TEST(a_handshake_names_its_bits_and_its_client) {
  struct wire_handshake h = {.reserved = WIRE_RESERVED_EXTENSION | WIRE_RESERVED_FAST};
  struct buf m;
  memcpy(h.peer_id, "-LT2080-\xc3\xa4\"\\\x1b 123456", 20);
  buf_init(&m, 100);
  wire_put_handshake(&m, &h);
  memset(&event, 0, sizeof event);
  trace_field_of_handshake(&fields, m.data);
  event = (struct trace_event){.peer = "[::1]:1", .dir = TRACE_OUT, .type = TRACE_HANDSHAKE,
                               .bep = 3, .sized = true, .size = 68, .fields = &fields};
  buf_free(&line);
  trace_line_put(&line, TRACE_AS_TEXT, &event, 0);
  assert_non_null(strstr(buf_cstr(&line), "-> handshake  reserved 0000000000100004 (fast extension"
                                          ", extension protocol), info hash 0000000"));
  assert_non_null(strstr(buf_cstr(&line), "peer id \"-LT2080-\\xc3\\xa4\\\"\\\\\\x1b 123456\", "
                                          "client \"libtorrent 2.0.8\"    68 bytes"));
  buf_clear(&line);
  trace_line_put(&line, TRACE_AS_JSON, &event, 0);
  assert_non_null(strstr(buf_cstr(&line), "\"extensions\":[\"fast extension\","
                                          "\"extension protocol\"],\"info_hash\":\"00000000"));
  buf_clear(&line);
  trace_line_put(&line, TRACE_AS_HEX, &event, 0);
  assert_non_null(strstr(buf_cstr(&line), "        48  2d 4c 54 32 30 38 30 2d"));
  buf_free(&m);
}

TEST(an_extended_message_is_its_dictionary_and_the_bytes_behind_it) {
  struct buf *m = message();
  wire_put_extended(m, 3, "d8:msg_typei1e5:piecei0ee....", 29);
  const char *text = show(m, TRACE_AS_JSON, "ut_metadata");
  assert_non_null(strstr(text, "\"fields\":{\"id\":3,\"extension\":\"ut_metadata\",\"payload\":"
                               "{\"msg_type\":1,\"piece\":0},\"data_length\":4}"));
  m = message();
  wire_put_extended(m, 3, "d8:msg_typei1e5:piecei0ee....", 29);
  text = show(m, TRACE_AS_TEXT, "ut_metadata");
  assert_non_null(strstr(text, "id 3, ut_metadata, {\"msg_type\":1,\"piece\":0}, data length 4"));
  m = message();
  wire_put_extended(m, 9, "no bencoding", 12);
  assert_non_null(strstr(show(m, TRACE_AS_JSON, NULL),
                         "\"fields\":{\"id\":9,\"payload\":\"6e6f2062656e636f64696e67\"}"));
}

/* What a stranger puts anywhere reaches no terminal, and no JSON but inside a string. */
TEST(hostile_names_stay_between_their_quotes) {
  static const char evil[] = "\x1b[2J\r\n\"}, \"why\": \"x\\\xe2\x80\xae\xff";
  struct buf *m = message();
  struct buf payload;
  buf_init(&payload, 1000);
  buf_printf(&payload, "d1:v%zu:%se", sizeof evil - 1, evil);
  wire_put_extended(m, 0, payload.data, payload.len);
  buf_free(&payload);
  for (int i = 0; i < 2; i++) {
    event.why = evil;
    const char *text = show(m, i == 0 ? TRACE_AS_TEXT : TRACE_AS_JSON, evil);
    size_t len = strlen(text);
    assert_int_equal(text[len - 1], '\n');
    for (size_t k = 0; k + 1 < len; k++) assert_in_range((uint8_t)text[k], 0x20, 0x7e);
    m = message();
    wire_put_simple(m, WIRE_CHOKE);
  }
  trace_field_clear(&fields);
  event.fields = &fields;
  trace_field_add_text(&fields, "warning", evil);
  buf_clear(&line);
  trace_line_put(&line, TRACE_AS_TEXT, &event, 0);
  assert_non_null(strstr(buf_cstr(&line), "warning \"\\x1b[2J\\x0d\\x0a\\\"}, \\\"why\\\": \\\"x"
                                          "\\\\\\u{202e}\\xff\""));
}

TEST(a_line_too_long_for_the_terminal_goes_on_in_the_next_with_what_changed) {
  struct buf *m = range(WIRE_REQUEST);
  event.why = "rarest, 3 peers have it";
  show(m, TRACE_AS_TEXT, NULL);
  size_t whole = line.len - 1;
  buf_clear(&line);
  trace_line_put(&line, TRACE_AS_TEXT, &event, 100);
  assert_non_null(strstr(buf_cstr(&line), "BEP 3\n           why: rarest, 3 peers have it\n"));
  buf_clear(&line);
  trace_line_put(&line, TRACE_AS_TEXT, &event, (unsigned)whole);
  assert_int_equal(line.len, whole + 1);
  assert_ptr_equal(strchr(buf_cstr(&line), '\n'), line.data + whole);
}

TEST(a_buffer_that_is_full_is_said_to_be) {
  struct buf *m = range(WIRE_REQUEST);
  show(m, TRACE_AS_TEXT, NULL);
  for (int format = TRACE_AS_TEXT; format <= TRACE_AS_HEX; format++) {
    for (size_t max = 0; max < 80; max++) {
      struct buf small;
      buf_init(&small, max);
      trace_line_put(&small, (enum trace_format)format, &event, 40);
      assert_true(small.failed && small.len <= max);
      buf_free(&small);
    }
  }
}

TEST(types_have_names_that_lead_back_to_them) {
  char name[24];
  unsigned known = 0;
  for (unsigned i = 0; i < TRACE_TYPES; i++) {
    if (trace_line_name((enum trace_type)i, name) == NULL) continue;
    assert_null(strchr(name, ' '));
    known++;
  }
  assert_int_equal(known, 16 + 6);
}

int main(void) {
  RUN(T(an_unchoke_is_read_as_a_sentence_of_a_hundred_columns), T(a_request_says_what_and_why),
      T(a_request_in_json_is_one_object_with_all_members),
      T(a_request_in_hex_shows_each_field_with_its_bytes),
      T(every_message_has_its_name_its_bep_and_its_fields),
      T(an_unknown_message_is_shown_with_its_id_and_bytes), T(data_are_shortened_and_it_is_said),
      T(a_handshake_names_its_bits_and_its_client),
      T(an_extended_message_is_its_dictionary_and_the_bytes_behind_it),
      T(hostile_names_stay_between_their_quotes),
      T(a_line_too_long_for_the_terminal_goes_on_in_the_next_with_what_changed),
      T(a_buffer_that_is_full_is_said_to_be), T(types_have_names_that_lead_back_to_them));
}
