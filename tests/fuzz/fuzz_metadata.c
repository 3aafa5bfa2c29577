/*
 * Payloads of ut_metadata messages from a peer: proto/metadata. The first two bytes say how long
 * the dictionary is claimed to be, in steps of 100 bytes; then each message has two bytes of length
 * in front. What must hold:
 *
 *   - a message that is read, written by us and read again, is the same;
 *   - the assembler keeps only pieces that exist and have their length, and counts them right;
 *   - what it hands out has the hash, and what has not is forgotten.
 */
#include "fuzz.h"

#include <stdbool.h>

#include "base/sha1.h"
#include "proto/metadata.h"

static void check_round_trip(const struct metadata_message *m) {
  struct metadata_message back;
  struct buf b;
  buf_init(&b, 1 << 20);
  if (m->type == METADATA_REQUEST) metadata_put_request(&b, m->piece);
  if (m->type == METADATA_REJECT) metadata_put_reject(&b, m->piece);
  if (m->type == METADATA_DATA)
    metadata_put_data(&b, m->piece, m->total_size ? m->total_size : 1, m->data, m->data_len);
  CHECK(!b.failed && metadata_decode(&back, b.data, b.len) == ERR_OK);
  CHECK(back.type == m->type && back.piece == m->piece && back.data_len == m->data_len);
  CHECK(m->data_len == 0 || memcmp(back.data, m->data, m->data_len) == 0);
  buf_free(&b);
}

static void check_sound(const struct metadata *a) {
  uint32_t have = 0;
  for (uint32_t i = 0; i < METADATA_PIECES_MAX; i++) {
    CHECK(i < a->pieces || a->piece[i] == NULL);
    have += a->piece[i] != NULL;
  }
  CHECK(have == a->have);
  CHECK((metadata_missing(a, 0) == a->pieces) == (have == a->pieces));
}

/* One message from `data`; how many bytes it took. */
static size_t step(struct metadata *a, const uint8_t *data, size_t size) {
  struct metadata_message m;
  size_t len = (size_t)data[0] << 8 | data[1];
  if (len > size - 2) len = size - 2;
  uint8_t *in = fuzz_copy(data + 2, len);
  enum err e = metadata_decode(&m, in, len);
  CHECK(e == ERR_OK || e == ERR_FORMAT || e == ERR_UNSUPPORTED);
  if (e == ERR_OK) {
    check_round_trip(&m);
    bool was_there = m.piece < a->pieces && a->piece[m.piece] != NULL;
    e = metadata_take(a, &m);
    CHECK(e == ERR_OK || e == ERR_EXISTS || e == ERR_PROTOCOL);
    CHECK(e != ERR_EXISTS || was_there);
    if (e == ERR_OK) {
      CHECK(!was_there && m.type == METADATA_DATA);
      CHECK(m.data_len == metadata_piece_len(a, m.piece));
      CHECK(memcmp(a->piece[m.piece], m.data, m.data_len) == 0);
    }
    check_sound(a);
  }
  free(in);
  return 2 + len;
}

/* With `right`, the hash is made to be that of what came. */
static void finish(struct metadata *a, bool right) {
  uint8_t *out = NULL;
  size_t len = 0;
  bool complete = a->have == a->pieces;
  if (right && complete) {
    struct sha1 s;
    CHECK(sha1_init(&s));
    for (uint32_t i = 0; i < a->pieces; i++)
      sha1_update(&s, a->piece[i], metadata_piece_len(a, i));
    sha1_final(&s, a->info_hash);
  }
  enum err e = metadata_finish(a, &out, &len);
  CHECK((e == ERR_OK) == (right && complete));
  CHECK(e == ERR_OK || (e == ERR_MISMATCH && a->have == 0 && out == NULL));
  if (e == ERR_OK) CHECK(len == a->size);
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t hash[20] = "no hash of anything";
  struct metadata a;
  if (size < 3) return 0;
  uint64_t claimed = ((uint64_t)data[0] << 8 | data[1]) * 100;
  enum err e = metadata_init(&a, hash, claimed);
  CHECK((e == ERR_OK) == (claimed >= 1 && claimed <= METADATA_SIZE_MAX));
  bool right = data[2] & 1;
  data += 3;
  size -= 3;
  while (size >= 2) {
    size_t n = step(&a, data, size);
    data += n;
    size -= n;
  }
  if (e == ERR_OK) finish(&a, right);
  metadata_free(&a);
  return 0;
}
