/*
 * Any bytes as an extension handshake: proto/extend. What must hold:
 *
 *   - every value is within its bounds, the version is terminated;
 *   - the same handshake a second time changes nothing;
 *   - what was read, offered by us and read again, is the same;
 *   - what is refused changes nothing.
 */
#include "fuzz.h"

#include "proto/extend.h"

static void check_bounds(const struct extend *e) {
  CHECK(e->reqq >= 1 && e->reqq <= 10000);
  CHECK(e->metadata_size <= 16u << 20);
  CHECK(memchr(e->version, '\0', sizeof e->version) != NULL);
  CHECK(e->yourip.family == 0 || e->yourip.family == 4 || e->yourip.family == 6);
  CHECK(e->yourip.port == 0);
}

static void check_equal(const struct extend *a, const struct extend *b) {
  CHECK(a->ut_metadata == b->ut_metadata && a->ut_pex == b->ut_pex);
  CHECK(a->lt_donthave == b->lt_donthave && strcmp(a->version, b->version) == 0);
  CHECK(a->port == b->port && a->reqq == b->reqq && a->metadata_size == b->metadata_size);
  CHECK(a->upload_only == b->upload_only && addr_equal(&a->yourip, &b->yourip));
}

static void check_round_trip(const struct extend *e) {
  struct extend_offer o = {.ut_metadata = e->ut_metadata,
                           .ut_pex = e->ut_pex,
                           .lt_donthave = e->lt_donthave,
                           .version = e->version,
                           .port = e->port,
                           .reqq = e->reqq,
                           .metadata_size = e->metadata_size,
                           .upload_only = e->upload_only,
                           .yourip = &e->yourip};
  struct extend back;
  struct buf b;
  buf_init(&b, 1000);
  extend_put(&b, &o);
  CHECK(!b.failed);
  extend_init(&back);
  CHECK(extend_decode(&back, b.data, b.len) == ERR_OK);
  buf_free(&b);
  check_equal(e, &back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct extend before;
  struct extend e;
  uint8_t *in = fuzz_copy(data, size);
  memset(&before, 0, sizeof before);
  extend_init(&before);
  memcpy(&e, &before, sizeof e);
  enum err error = extend_decode(&e, in, size);
  CHECK(error == ERR_OK || error == ERR_FORMAT);
  if (error == ERR_OK) {
    struct extend once = e;
    check_bounds(&e);
    CHECK(extend_decode(&e, in, size) == ERR_OK);
    check_equal(&once, &e);
    check_round_trip(&e);
  } else {
    CHECK(memcmp(&e, &before, sizeof e) == 0);
  }
  free(in);
  return 0;
}
