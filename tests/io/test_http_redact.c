/*
 * URLs as they may be shown: no user names, no passkeys, nothing that could imitate another host,
 * and still enough to recognise the tracker. Plus a little fuzzing: any bytes, any room.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "io/http.h"
#include "io/http_redact.h"

static void assert_shown(const char *url, const char *want) {
  char out[512];
  assert_string_equal(http_redact(url, out, sizeof out), want);
}

static void assert_host(const char *url, const char *want) {
  char out[128];
  assert_string_equal(http_redact_host(url, out, sizeof out), want);
}

TEST(an_open_tracker_is_shown_as_it_is) {
  assert_shown("http://tracker.example:6969/announce", "http://tracker.example:6969/announce");
  assert_shown("https://[2001:db8::1]/a/b.php", "https://[2001:db8::1]/a/b.php");
  assert_shown("udp://tracker.example:80", "udp://tracker.example:80");
  assert_shown("https://cd.example/iso/debian-12.4.0-amd64-netinst.iso.torrent",
               "https://cd.example/iso/debian-12.4.0-amd64-netinst.iso.torrent");
}

TEST(user_info_is_hidden) {
  assert_shown("http://me:secret@t.example/announce", "http://...@t.example/announce");
  assert_shown("http://a@b@t.example/announce", "http://...@t.example/announce");
  assert_shown("http://t.example/a@b", "http://t.example/a@b");
}

TEST(passkeys_in_the_path_are_hidden) {
  assert_shown("http://t.example/0123456789abcdef0123456789abcdef/announce",
               "http://t.example/.../announce");
  assert_shown("http://t.example:80/announce/a1b2c3d4e5f6a7b8", "http://t.example:80/announce/...");
  assert_shown("http://t.example/123e4567-e89b-12d3-a456-426614174000/announce",
               "http://t.example/.../announce");
  assert_shown("http://t.example/dGhpcyBpcyBhIHNlY3JldA_-x/announce",
               "http://t.example/.../announce");
  assert_shown("http://t.example/0123456789abcdef0123456789abcdef.php/a", "http://t.example/.../a");
}

TEST(values_of_a_query_are_hidden) {
  assert_shown("http://t.example/a.php?passkey=abc&id=7",
               "http://t.example/a.php?passkey=...&id=...");
  assert_shown("http://t.example/a?0123456789abcdef", "http://t.example/a?...");
  assert_shown("http://t.example/a?x=1#top", "http://t.example/a?x=...");
  assert_shown("http://t.example/a?", "http://t.example/a?");
  assert_shown("http://t.example?k=v", "http://t.example?k=...");
}

TEST(foreign_letters_and_controls_come_out_as_percent) {
  assert_shown("http://p\xc3\xa1ypal.example/\x1b[2Jx", "http://p%C3%A1ypal.example/%1B[2Jx");
  assert_host("http://ev\xe2\x80\xaeil.example/", "ev%E2%80%AEil.example");
}

TEST(the_host_stands_between_user_info_and_path) {
  assert_host("http://me:pw@t.example:6969/announce?x=@y", "t.example:6969");
  assert_host("HTTPS://[::1]:80", "[::1]:80");
  assert_host("http://t.example\\@evil.example/", "t.example");
  assert_host("no url at all", "");
  assert_host("/path?u=http://other/", "");
}

TEST(what_does_not_fit_is_left_out) {
  char out[12];
  http_redact("http://tracker.example/announce", out, sizeof out);
  assert_true(strlen(out) < sizeof out);
  char one[1];
  assert_string_equal(http_redact("http://t/", one, sizeof one), "");
}

TEST(any_bytes_and_any_room_are_safe) {
  static const char alphabet[] = ":/?#&=@.[]%\\ abcdef0123456789\x1b\xff";
  struct crypto_rng rng = {.s = 42};
  for (int round = 0; round < 20000; round++) {
    size_t len = crypto_rng_below(&rng, 80);
    size_t room = 1 + crypto_rng_below(&rng, 100);
    char *url = malloc(len + 1); /* on the heap: a sanitizer sees one byte too many */
    char *out = malloc(room);
    assert_true(url != NULL && out != NULL);
    for (size_t i = 0; i < len; i++) url[i] = alphabet[crypto_rng_below(&rng, sizeof alphabet - 1)];
    url[len] = '\0';
    http_redact(url, out, room);
    assert_true(strlen(out) < room);
    for (const char *p = out; *p != '\0'; p++) assert_true(*p > 0x20 && *p < 0x7f);
    http_redact_host(url, out, room);
    assert_true(strlen(out) < room);
    free(out);
    free(url);
  }
}

int main(void) {
  RUN(T(an_open_tracker_is_shown_as_it_is), T(user_info_is_hidden),
      T(passkeys_in_the_path_are_hidden), T(values_of_a_query_are_hidden),
      T(foreign_letters_and_controls_come_out_as_percent),
      T(the_host_stands_between_user_info_and_path), T(what_does_not_fit_is_left_out),
      T(any_bytes_and_any_room_are_safe));
}
