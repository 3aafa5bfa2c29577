/*
 * What torrents of each version are called: proto/identity.
 */
#include "torrents.h"

#include "base/crypto.h"
#include "proto/identity.h"

static struct fixture file;
static struct ben_doc doc;

static struct identity identity_of(const char *name) {
  struct identity id;
  file = fixture(name);
  assert_int_equal(bencode_decode(&doc, file.data, file.len, &bencode_torrent_limits), ERR_OK);
  assert_int_equal(identity_read(&id, &doc), ERR_OK);
  return id;
}

static void end(void) {
  bencode_free(&doc);
  free(file.data);
}

static void assert_hex(const uint8_t *hash, size_t len, const char *want) {
  char hex[65];
  crypto_hex(hash, len, hex);
  assert_string_equal(hex, want);
}

TEST(version_1_has_the_sha_1_hash) {
  struct identity id = identity_of("single.torrent");
  assert_true(id.has_v1 && !id.has_v2);
  assert_hex(id.v1, 20, "a838fdf50b9b0f3eb8efde08f0bb97a1288778a5");
  assert_int_equal(id.name_len, 9);
  assert_memory_equal(id.name, "hello.txt", 9);
  end();
}

TEST(a_hybrid_has_both_and_they_are_those_that_metainfo_finds) {
  struct identity id = identity_of("hybrid.torrent");
  struct metainfo m = loaded("hybrid.torrent");
  assert_true(id.has_v1 && id.has_v2);
  assert_hex(id.v1, 20, "fe14fbba05ff6669b3dd587972081b35137e8eba");
  assert_memory_equal(id.v2, m.info_hash_v2, 32);
  metainfo_free(&m);
  end();
}

TEST(version_2_alone_has_the_sha_256_hash) {
  struct identity id = identity_of("v2only.torrent");
  assert_true(!id.has_v1 && id.has_v2);
  end();
}

TEST(the_name_in_utf_8_is_preferred) {
  struct identity id = identity_of("utf8.torrent");
  struct metainfo m = loaded("utf8.torrent");
  assert_int_equal(id.name_len, m.name_len);
  assert_memory_equal(id.name, m.name, m.name_len);
  metainfo_free(&m);
  end();
}

TEST(what_has_no_info_of_a_known_version_has_no_identity) {
  static const char *const texts[] = {"[]", "{}", "{'info': 1}", "{'info': {}}",
                                      "{'info': {'meta version': 3, 'file tree': {}}}",
                                      "{'info': {'meta version': 2}}", "{'info': {'pieces': 1}}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct buf b = ben(texts[i]);
    struct ben_doc d;
    struct identity id;
    assert_int_equal(bencode_decode(&d, b.data, b.len, &bencode_torrent_limits), ERR_OK);
    assert_int_equal(identity_read(&id, &d), ERR_FORMAT);
    bencode_free(&d);
    buf_free(&b);
  }
}

int main(void) {
  RUN(T(version_1_has_the_sha_1_hash), T(a_hybrid_has_both_and_they_are_those_that_metainfo_finds),
      T(version_2_alone_has_the_sha_256_hash), T(the_name_in_utf_8_is_preferred),
      T(what_has_no_info_of_a_known_version_has_no_identity));
}
