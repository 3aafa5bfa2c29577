/*
 * Help that was laid out for 80 columns, in fewer: app/reflow.
 */
#include "../test.h"

#include <string.h>

#include "app/reflow.h"

static void becomes(const char *text, size_t width, const char *want) {
  struct buf b;
  buf_init(&b, 1 << 16);
  reflow_put(&b, text, 20, width);
  assert_string_equal(buf_cstr(&b), want);
  buf_free(&b);
}

TEST(a_paragraph_is_wrapped_as_one) {
  becomes("One two three\nfour five.\n\nSix.\n", 12, "One two\nthree four\nfive.\n\nSix.\n");
}

TEST(the_second_part_of_a_row_goes_below_the_first) {
  becomes("Options:\n"
          "  -o, --output PATH\n"
          "                    put it there, under\n"
          "                    that name\n"
          "  -q, --quiet       no warnings\n", 24,
          "Options:\n"
          "  -o, --output PATH\n"
          "      put it there,\n"
          "      under that name\n"
          "  -q, --quiet\n"
          "      no warnings\n");
}

TEST(what_begins_close_to_the_margin_stays_beside) {
  becomes("  3  not a valid torrent\n  4  nothing\n", 20,
          "  3  not a valid\n     torrent\n  4  nothing\n");
}

TEST(a_word_that_is_too_long_is_never_cut) {
  becomes("  x                 aaaaaaaaaaaaaaaaaaaa b\n", 10,
          "  x\n      aaaaaaaaaaaaaaaaaaaa\n      b\n");
}

TEST(an_end_without_a_newline_is_one) {
  becomes("", 10, "");
  becomes("a b", 10, "a b\n");
}

int main(void) {
  RUN(T(a_paragraph_is_wrapped_as_one), T(the_second_part_of_a_row_goes_below_the_first),
      T(what_begins_close_to_the_margin_stays_beside), T(a_word_that_is_too_long_is_never_cut),
      T(an_end_without_a_newline_is_one));
}
