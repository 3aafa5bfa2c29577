#include "../test.h"

#include <string.h>

#include "app/report_term.h"
#include "base/escape.h"

static const struct report_progress HALF = {
  .phase = PHASE_DOWNLOADING, .total = UINT64_C(1181116006), .verified = UINT64_C(677000000),
  .received = UINT64_C(677000000), .rate = UINT64_C(50436506), .connected = 31, .known = 208};

static struct buf b;

static const char *bar(const char *name, const struct report_progress *p, unsigned width) {
  buf_free(&b);
  buf_init(&b, 1 << 16);
  report_term_bar(&b, name, p, width, false);
  return buf_cstr(&b);
}

static const char *plain(const struct report_progress *p) {
  buf_free(&b);
  buf_init(&b, 1 << 16);
  report_term_plain(&b, "a.iso", p);
  return buf_cstr(&b);
}

TEST(at_eighty_columns_everything_is_there) {
  const char *line = bar("ubuntu.iso", &HALF, 84);
  assert_string_equal(line, "ubuntu.iso  [######------]   57.3%  646M/1.1G   48.1M/s  "
                            "peers 31/208   eta 0:09");
}

/* Where `c` stands in the bar line. */
static size_t place_of(char c, const struct report_progress *p) {
  const char *line = bar("ubuntu.iso", p, 100);
  return strcspn(line, (const char[]){c, '\0'});
}

TEST(eighty_columns_are_enough_for_every_field_of_a_large_torrent) {
  struct report_progress p = HALF;
  p.total = UINT64_C(99) << 30;
  p.verified = UINT64_C(10) << 30;
  const char *line = bar("a name of more than eight letters", &p, 80);
  assert_non_null(strstr(line, "10.0G/99.0G  48.1M/s  peers 31/208   eta "));
  assert_non_null(strchr(line, '['));
}

TEST(nothing_jumps_when_the_figures_grow) {
  static const uint64_t sizes[] = {0, 1500, 10150000, 104857000, 1048570000, 1100000000};
  static const uint32_t peers[] = {0, 9, 10, 99, 200};
  struct report_progress p = HALF;
  p.phase = PHASE_DOWNLOADING;
  size_t bracket = place_of(']', &p);
  const char *first = bar("ubuntu.iso", &p, 100);
  size_t eta = strlen(first) - strlen(strstr(first, "eta"));
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (size_t k = 0; k < sizeof peers / sizeof peers[0]; k++) {
      p.verified = sizes[i];
      p.connected = peers[k];
      p.known = peers[k] * 4;
      p.rate = sizes[i] / 10;
      assert_int_equal(place_of(']', &p), bracket);
      const char *line = bar("ubuntu.iso", &p, 100);
      assert_int_equal(strlen(line) - strlen(strstr(line, "eta")), eta);
    }
}

TEST(a_bar_never_reaches_the_right_edge) {
  static char long_name[500]; /* longer than any terminal below is wide */
  static const char *const names[] = {
    "", "a", "ubuntu-24.04.1-desktop-amd64.iso",
    "\xe4\xb8\x96\xe7\x95\x8c\xe4\xb8\x96\xe7\x95\x8c\xe4\xb8\x96\xe7\x95\x8c.mkv", long_name};
  struct report_progress p = HALF;
  memset(long_name, 'n', sizeof long_name - 1);
  for (int phase = PHASE_CHECKING; phase <= PHASE_HASHING; phase++) {
    p.phase = (enum report_phase)phase;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
      for (unsigned width = 1; width <= 300; width++) {
        const char *line = bar(names[i], &p, width);
        assert_in_range(report_term_columns(line), 0, width - 1);
        assert_null(strchr(line, '\n'));
      }
  }
}

TEST(the_percents_are_the_last_to_go) {
  assert_non_null(strstr(bar("ubuntu.iso", &HALF, 40), "57.3%"));
  assert_non_null(strstr(bar("ubuntu.iso", &HALF, 40), "48.1M/s"));
  assert_null(strstr(bar("ubuntu.iso", &HALF, 40), "peers"));
  assert_non_null(strstr(bar("ubuntu.iso", &HALF, 12), "57.3%"));
  assert_string_equal(bar("ubuntu.iso", &HALF, 4), "");
}

TEST(a_wide_terminal_gets_a_longer_bar_but_not_an_endless_one) {
  const char *line = bar("a", &HALF, 300);
  const char *from = strchr(line, '[');
  assert_non_null(from);
  assert_int_equal(strcspn(from, "]"), 61);
}

TEST(a_long_name_is_cut_at_a_character) {
  const char *line = bar("\xe4\xb8\x96\xe7\x95\x8c\xe4\xb8\x96\xe7\x95\x8c\xe4\xb8\x96\xe7\x95\x8c"
                         "\xe4\xb8\x96\xe7\x95\x8c\xe4\xb8\x96\xe7\x95\x8c", &HALF, 80);
  uint32_t cp;
  for (const char *s = line; *s != '\0';) {
    size_t n = escape_utf8((const uint8_t *)s, strlen(s), &cp);
    assert_int_not_equal(n, 0);
    s += n;
  }
  assert_non_null(strstr(line, ".."));
}

/* Where the n-th field begins does not depend on the numbers in it. */
TEST(fields_keep_their_places_when_numbers_change) {
  struct report_progress p = HALF;
  size_t bracket = strcspn(bar("ubuntu.iso", &p, 100), "]");
  p.verified = 10;
  p.rate = 999;
  p.connected = 1;
  p.known = 5;
  assert_int_equal(strcspn(bar("ubuntu.iso", &p, 100), "]"), bracket);
  p.rate = 0;
  assert_int_equal(strcspn(bar("ubuntu.iso", &p, 100), "]"), bracket);
}

TEST(a_full_bar_means_everything) {
  struct report_progress p = HALF;
  p.verified = p.total - 1;
  assert_non_null(strstr(bar("x", &p, 80), "-]"));
  assert_non_null(strstr(bar("x", &p, 80), "99.9%"));
  p.verified = p.total;
  assert_null(strstr(bar("x", &p, 80), "-]"));
  assert_non_null(strstr(bar("x", &p, 80), "100.0%"));
}

TEST(extreme_numbers_do_no_harm) {
  struct report_progress p = {.phase = PHASE_DOWNLOADING, .total = UINT64_MAX, .verified = 0,
                              .rate = 1, .connected = UINT32_MAX, .known = UINT32_MAX};
  assert_non_null(strstr(bar("x", &p, 120), "eta -"));
  p.total = 0;
  assert_non_null(strstr(bar("x", &p, 120), "100.0%"));
}

TEST(each_phase_says_what_it_is) {
  struct report_progress p = HALF;
  p.phase = PHASE_CHECKING;
  assert_non_null(strstr(bar("x", &p, 80), "57.3% checked"));
  assert_string_equal(plain(&p), "a.iso: checking what is on disk, 57.3 % of 1.1 GiB\n");
  p.phase = PHASE_HASHING;
  assert_non_null(strstr(bar("x", &p, 80), "57.3% hashed"));
  assert_string_equal(plain(&p), "a.iso: hashed 57.3 % of 1.1 GiB, 48.1 MiB/s\n");
  p.phase = PHASE_CONNECTING;
  assert_non_null(strstr(bar("x", &p, 80), "connecting"));
  assert_string_equal(plain(&p), "a.iso: 57.3 % of 1.1 GiB, looking for peers: "
                                 "208 known, none connected\n");
  p.phase = PHASE_DOWNLOADING;
  assert_string_equal(plain(&p), "a.iso: 57.3 % of 1.1 GiB, 48.1 MiB/s, peers 31/208, 0:09 left\n");
  p.rate = 0;
  assert_string_equal(plain(&p), "a.iso: 57.3 % of 1.1 GiB, 0 B/s, peers 31/208\n");
  p.phase = PHASE_FINISHING;
  assert_non_null(strstr(bar("x", &p, 80), "57.3% writing to disk"));
  assert_string_equal(plain(&p), "a.iso: writing the last bytes to disk\n");
}

TEST(colour_takes_no_columns_and_is_switched_off_again) {
  buf_free(&b);
  buf_init(&b, 1 << 16);
  report_term_bar(&b, "x", &HALF, 80, true);
  assert_non_null(strstr(buf_cstr(&b), "[\033[32m#"));
  assert_non_null(strstr(buf_cstr(&b), "#\033[0m-"));
  assert_null(strchr(bar("x", &HALF, 80), '\033'));
}

static const char *summary(const struct report_summary *s, uint64_t verified, bool advice) {
  buf_free(&b);
  buf_init(&b, 1 << 16);
  report_term_summary(&b, "a.iso", s, verified, advice);
  return buf_cstr(&b);
}

TEST(the_last_line_says_what_was_done) {
  struct report_summary s = {.complete = true, .total = UINT64_C(1181116006),
                             .received = UINT64_C(1181116006), .wasted = 2400000,
                             .elapsed_ms = 23400, .peers_used = 31};
  assert_string_equal(summary(&s, 0, true),
                      "saved a.iso: 1.1 GiB in 0:23, 48.0 MiB/s, 31 peers, 0.2 % wasted\n");
  s.peers_used = 1;
  s.already = 1 << 20;
  assert_string_equal(summary(&s, 0, true), "saved a.iso: 1.1 GiB in 0:23, 48.0 MiB/s, 1 peer, "
                                            "0.2 % wasted, 1.0 MiB were there already\n");
  s.wasted = s.received / 2; /* waste is no speed */
  s.already = 0;
  assert_string_equal(summary(&s, 0, true),
                      "saved a.iso: 1.1 GiB in 0:23, 24.1 MiB/s, 1 peer, 50.0 % wasted\n");
  s.received = 0;
  assert_string_equal(summary(&s, 0, true), "a.iso is complete: all 1.1 GiB were there already\n");
  s.complete = false;
  assert_string_equal(summary(&s, 1 << 20, true), "not complete: 1.0 MiB of 1.1 GiB are there; "
                                                  "the same command goes on from here\n");
  assert_string_equal(summary(&s, 1 << 20, false),
                      "not complete: 1.0 MiB of 1.1 GiB are there\n");
  buf_free(&b);
}

int main(void) {
  RUN(T(at_eighty_columns_everything_is_there),
      T(eighty_columns_are_enough_for_every_field_of_a_large_torrent),
      T(nothing_jumps_when_the_figures_grow), T(a_bar_never_reaches_the_right_edge),
      T(the_percents_are_the_last_to_go),
      T(a_wide_terminal_gets_a_longer_bar_but_not_an_endless_one),
      T(a_long_name_is_cut_at_a_character), T(fields_keep_their_places_when_numbers_change),
      T(a_full_bar_means_everything), T(extreme_numbers_do_no_harm),
      T(each_phase_says_what_it_is), T(colour_takes_no_columns_and_is_switched_off_again),
      T(the_last_line_says_what_was_done));
}
