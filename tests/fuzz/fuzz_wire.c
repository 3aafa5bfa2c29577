/*
 * A stream of bytes from a peer: proto/wire. The first byte chooses the limits and how the stream
 * is cut; the rest is the stream. What must hold:
 *
 *   - fed byte by byte or in any pieces, it gives the same messages and the same end as when it is
 *     there at once;
 *   - a decoded message, encoded again, gives the bytes it came from;
 *   - what is said to be missing is more than there is, and never more than an allowed message;
 *   - a message stays within the limits it was decoded under;
 *   - the tracer shows it in whole lines of printable ASCII (io/trace_line).
 */
#include "fuzz.h"

#include <stdbool.h>

#include "io/trace_line.h"
#include "proto/wire.h"

static const struct wire_limits choices[] = {
  {.bitfield_len = 1, .piece_max = 16384, .other_max = 1024},
  {.bitfield_len = 0, .piece_max = 1, .other_max = 0},
  {.bitfield_len = UINT32_MAX, .piece_max = 131072, .other_max = 1 << 20},
  {.bitfield_len = 100, .piece_max = UINT32_MAX, .other_max = UINT32_MAX},
};

static void encode(const struct wire_message *m, struct buf *b) {
  if (m->id == WIRE_KEEPALIVE) {
    wire_put_keepalive(b);
  } else if (m->id == WIRE_UNKNOWN) {
    buf_put_u32(b, (uint32_t)m->data_len + 1);
    buf_put_u8(b, m->raw_id);
    buf_put(b, m->data, m->data_len);
  } else if (m->id == WIRE_PIECE) {
    wire_put_piece(b, m->index, m->begin, m->data, m->data_len);
  } else if (m->id == WIRE_BITFIELD) {
    wire_put_bitfield(b, m->data, m->data_len);
  } else if (m->id == WIRE_EXTENDED) {
    wire_put_extended(b, m->ext_id, m->data, m->data_len);
  } else if (m->id == WIRE_PORT) {
    wire_put_port(b, m->port);
  } else if (m->id == WIRE_REQUEST || m->id == WIRE_CANCEL || m->id == WIRE_REJECT) {
    wire_put_range(b, m->id, m->index, m->begin, m->length);
  } else if (m->id == WIRE_HAVE || m->id == WIRE_SUGGEST || m->id == WIRE_ALLOWED_FAST) {
    wire_put_index(b, m->id, m->index);
  } else {
    wire_put_simple(b, m->id);
  }
}

/* One line in each format, and below that of hex one for each row of bytes. */
static void check_lines(const uint8_t *in, size_t used) {
  struct trace_fields fields;
  struct trace_event e = {.peer = "[::1]:1", .dir = TRACE_IN, .type = trace_line_type(in, used),
                          .sized = true, .size = used, .fields = &fields};
  trace_field_of_message(&fields, in, used, used, used % 2 ? "ut_metadata" : NULL);
  for (int format = TRACE_AS_TEXT; format <= TRACE_AS_HEX; format++) {
    struct buf b;
    buf_init(&b, 16 << 20);
    trace_line_put(&b, (enum trace_format)format, &e, 0);
    CHECK(!b.failed && b.len > 0 && b.data[b.len - 1] == '\n');
    const uint8_t *end = memchr(b.data, '\n', b.len);
    CHECK(format == TRACE_AS_HEX || end == b.data + b.len - 1);
    for (size_t i = 0; i < b.len; i++)
      CHECK(b.data[i] == '\n' || (b.data[i] >= 0x20 && b.data[i] <= 0x7e));
    buf_free(&b);
  }
}

static void check_message(const struct wire_message *m, const uint8_t *in, size_t used,
                          const struct wire_limits *limits) {
  struct buf b;
  buf_init(&b, used);
  encode(m, &b);
  CHECK(!b.failed && b.len == used && memcmp(b.data, in, used) == 0);
  buf_free(&b);
  check_lines(in, used);
  CHECK(m->id == WIRE_UNKNOWN || m->id == WIRE_KEEPALIVE || (uint8_t)m->id == m->raw_id);
  CHECK((strcmp(wire_name(m->id), "unknown") == 0) == (m->id == WIRE_UNKNOWN));
  if (m->id == WIRE_PIECE) CHECK(m->length == m->data_len && m->length <= limits->piece_max);
  if (m->id == WIRE_PIECE) CHECK(m->length > 0);
  if (m->id == WIRE_UNKNOWN) CHECK(m->data_len <= limits->other_max);
  if (m->data_len > 0) CHECK(m->data >= in && m->data + m->data_len == in + used);
}

struct outcome {
  size_t messages;
  size_t consumed;
  enum err end; /* ERR_TIMEOUT: wants more */
};

/* Decodes from `in` as far as it goes, checking every message. */
static struct outcome decode_all(const uint8_t *in, size_t len, const struct wire_limits *limits) {
  struct outcome o = {0};
  for (;;) {
    struct wire_message m;
    size_t used;
    size_t need;
    size_t left = len - o.consumed;
    o.end = wire_decode(in + o.consumed, left, limits, &m, &used, &need);
    if (o.end == ERR_TIMEOUT) CHECK(used == 0 && need > left && need <= 4 + WIRE_MESSAGE_MAX);
    if (o.end != ERR_OK) return o;
    CHECK(used >= 4 && used <= left);
    check_message(&m, in + o.consumed, used, limits);
    o.consumed += used;
    o.messages++;
  }
}

/* The same with the stream arriving in pieces, as a peer's reader sees it. What is there always
 * ends where the memory of `there` ends. */
static struct outcome feed(const uint8_t *in, size_t len, const struct wire_limits *limits,
                           uint32_t seed) {
  struct outcome o = {.end = ERR_TIMEOUT};
  uint8_t *there = fuzz_copy(in, len);
  size_t have = 0;
  while (have < len && o.end == ERR_TIMEOUT) {
    seed = seed * 1664525u + 1013904223u;
    size_t step = 1 + (seed >> 24) % (seed & 0x10000 ? 8 : 64);
    have = step < len - have ? have + step : len;
    size_t n = have - o.consumed;
    memcpy(there + len - n, in + o.consumed, n);
    struct outcome now = decode_all(there + len - n, n, limits);
    o.messages += now.messages;
    o.consumed += now.consumed;
    o.end = now.end;
  }
  free(there);
  return o;
}

static void check_handshake(const uint8_t *in, size_t len) {
  struct wire_handshake h;
  struct buf b;
  if (len < WIRE_HANDSHAKE_LEN) return;
  enum err e = wire_get_handshake(in, &h);
  CHECK(e == ERR_OK || e == ERR_PROTOCOL);
  if (e != ERR_OK) return;
  buf_init(&b, WIRE_HANDSHAKE_LEN);
  wire_put_handshake(&b, &h);
  CHECK(!b.failed && memcmp(b.data, in, WIRE_HANDSHAKE_LEN) == 0);
  buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const struct wire_limits *limits = &choices[data[0] % 4];
  size_t len = size - 1;
  uint8_t *in = fuzz_copy(data + 1, len);
  check_handshake(in, len);
  struct outcome whole = decode_all(in, len, limits);
  struct outcome parts = feed(in, len, limits, data[0]);
  CHECK(whole.messages == parts.messages && whole.consumed == parts.consumed);
  CHECK(whole.end == parts.end);
  free(in);
  return 0;
}
