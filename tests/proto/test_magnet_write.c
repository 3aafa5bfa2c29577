/*
 * Torrents as magnet links: proto/magnet_write, and proto/magnet reads the same from them.
 */
#include "../test.h"

#include <string.h>

#include "proto/magnet.h"
#include "proto/magnet_write.h"

static char *two_urls[] = {(char[]){"http://a/x?k=1&b=%20"}, (char[]){"udp://b:1"}};
static char *one_url[] = {(char[]){"http://c/"}};
static const struct metainfo_tier tiers[] = {{two_urls, 2}, {one_url, 1}};

static struct identity identity(bool v1, bool v2, const char *name) {
  struct identity id = {.has_v1 = v1, .has_v2 = v2, .name = name, .name_len = strlen(name)};
  memset(id.v1, 0xab, sizeof id.v1);
  memset(id.v2, 0xcd, sizeof id.v2);
  return id;
}

#define V1 "xt=urn:btih:abababababababababababababababababababab"
#define V2 "xt=urn:btmh:1220" "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd" "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

static void assert_link(const struct identity *id, const char *want) {
  struct buf b;
  buf_init(&b, 4096);
  magnet_write(&b, id, NULL, 0, NULL, 0);
  assert_string_equal(buf_cstr(&b), want);
  buf_free(&b);
}

TEST(each_version_has_its_own_hash_and_a_hybrid_has_both) {
  struct identity v1 = identity(true, false, "");
  struct identity v2 = identity(false, true, "");
  struct identity hybrid = identity(true, true, "");
  assert_link(&v1, "magnet:?" V1);
  assert_link(&v2, "magnet:?" V2);
  assert_link(&hybrid, "magnet:?" V1 "&" V2);
}

TEST(every_byte_that_could_mean_something_is_escaped) {
  struct identity id = identity(true, false, "Az09-._~ +&=%/\xc3\xa9\xff\n");
  assert_link(&id, "magnet:?" V1 "&dn=Az09-._~%20%2B%26%3D%25%2F%C3%A9%FF%0A");
}

TEST(a_link_is_read_back_as_it_was) {
  static const char name[] = "a \xff & b = c % d + e";
  struct identity id = identity(true, true, name);
  struct buf b;
  struct magnet m;
  buf_init(&b, 4096);
  magnet_write(&b, &id, tiers, 2, one_url, 1);
  assert_false(b.failed);
  assert_int_equal(magnet_parse(&m, (const char *)b.data, b.len, NULL), ERR_OK);
  assert_true(m.has_v1 && m.has_v2);
  assert_memory_equal(m.info_hash, id.v1, 20);
  assert_memory_equal(m.info_hash_v2, id.v2, 32);
  assert_int_equal(m.name_len, strlen(name));
  assert_memory_equal(m.name, name, m.name_len);
  assert_int_equal(m.tracker_count, 3);
  assert_string_equal(m.trackers[0], two_urls[0]);
  assert_string_equal(m.trackers[2], one_url[0]);
  assert_int_equal(m.web_seed_count, 1);
  assert_string_equal(m.web_seeds[0], one_url[0]);
  magnet_free(&m);
  buf_free(&b);
}

TEST(a_buffer_that_is_too_small_shows_it) {
  struct identity id = identity(true, false, "name");
  struct buf b;
  buf_init(&b, 30);
  magnet_write(&b, &id, NULL, 0, NULL, 0);
  assert_true(b.failed);
  buf_free(&b);
}

int main(void) {
  RUN(T(each_version_has_its_own_hash_and_a_hybrid_has_both),
      T(every_byte_that_could_mean_something_is_escaped), T(a_link_is_read_back_as_it_was),
      T(a_buffer_that_is_too_small_shows_it));
}
