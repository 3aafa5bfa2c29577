/*
 * Trackers as people write them: proto/tiers.
 */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "proto/tiers.h"

static const char *why;

static void add(struct tiers *t, const char *text) {
  if (tiers_add(t, text, &why) != ERR_OK) fail_msg("%s: %s", text, why);
}

TEST(each_text_is_a_tier_and_commas_join_equals) {
  struct tiers t = {0};
  add(&t, "http://a/x,udp://b:1");
  add(&t, "https://c/");
  assert_int_equal(t.count, 2);
  assert_int_equal(t.v[0].count, 2);
  assert_string_equal(t.v[0].urls[0], "http://a/x");
  assert_string_equal(t.v[0].urls[1], "udp://b:1");
  assert_int_equal(t.v[1].count, 1);
  assert_string_equal(t.v[1].urls[0], "https://c/");
  tiers_free(&t);
  assert_int_equal(t.count, 0);
}

TEST(a_url_stands_in_the_list_once) {
  struct tiers t = {0};
  add(&t, "http://a/,http://a/,http://b/");
  add(&t, "http://b/,http://c/");
  add(&t, "http://c/");
  assert_int_equal(t.count, 2);
  assert_int_equal(t.v[0].count, 2);
  assert_int_equal(t.v[1].count, 1);
  assert_string_equal(t.v[1].urls[0], "http://c/");
  tiers_free(&t);
}

TEST(what_is_no_url_of_a_tracker_is_refused_and_changes_nothing) {
  static const char *const texts[] = {"", ",", "http://a/,", "http://a/,,http://b/", "a", "http://",
                                      "http:///x", "ftp://a/", "http://a b/", "http://a/\n",
                                      "http://a/\x7f", "//a/", "udp://:1", "http://?x"};
  struct tiers t = {0};
  add(&t, "http://kept/");
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    why = NULL;
    if (tiers_add(&t, texts[i], &why) != ERR_FORMAT) fail_msg("'%s' is taken", texts[i]);
    assert_non_null(why);
    assert_int_equal(t.count, 1);
  }
  tiers_free(&t);
}

TEST(a_url_has_2048_bytes_at_most) {
  char url[2100] = "http://a/";
  memset(url + 9, 'x', 2048 - 9);
  assert_true(tiers_is_tracker(url));
  url[2048] = 'x';
  assert_false(tiers_is_tracker(url));
}

TEST(there_are_64_tiers_at_most_and_64_in_one) {
  struct tiers t = {0};
  char text[64 * 32] = "";
  for (int i = 0; i < 64; i++) {
    char url[32];
    snprintf(url, sizeof url, "http://a/%d", i);
    add(&t, url);
  }
  assert_int_equal(tiers_add(&t, "http://a/64", &why), ERR_LIMIT);
  assert_int_equal(t.count, 64);
  tiers_free(&t);
  for (size_t i = 0, at = 0; i < 65; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, "%shttp://a/%zu", i ? "," : "", i);
  assert_int_equal(tiers_add(&t, text, &why), ERR_LIMIT);
  assert_int_equal(t.count, 0);
  *strrchr(text, ',') = '\0';
  add(&t, text);
  assert_int_equal(t.v[0].count, 64);
  tiers_free(&t);
}

TEST(web_seeds_are_http_or_ftp) {
  assert_true(tiers_is_web_seed("http://a/") && tiers_is_web_seed("HTTPS://a") &&
              tiers_is_web_seed("ftp://a/x"));
  assert_false(tiers_is_web_seed("udp://a:1") || tiers_is_web_seed("a") ||
               tiers_is_web_seed("http://"));
}

int main(void) {
  RUN(T(each_text_is_a_tier_and_commas_join_equals), T(a_url_stands_in_the_list_once),
      T(what_is_no_url_of_a_tracker_is_refused_and_changes_nothing),
      T(a_url_has_2048_bytes_at_most), T(there_are_64_tiers_at_most_and_64_in_one),
      T(web_seeds_are_http_or_ftp));
}
