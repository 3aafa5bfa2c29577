/*
 * Patterns as people write them: base/glob.
 */
#include "../test.h"

#include <string.h>

#include "base/cores.h"
#include "base/glob.h"

struct pair {
  const char *pattern;
  const char *text;
};

static void all(const struct pair *pairs, size_t count, bool want) {
  for (size_t i = 0; i < count; i++)
    if (glob_match(pairs[i].pattern, pairs[i].text) != want)
      fail_msg("'%s' and '%s'", pairs[i].pattern, pairs[i].text);
}

#define MATCH(...) \
  do { \
    static const struct pair p[] = {__VA_ARGS__}; \
    all(p, sizeof p / sizeof *p, true); \
  } while (0)
#define NO_MATCH(...) \
  do { \
    static const struct pair p[] = {__VA_ARGS__}; \
    all(p, sizeof p / sizeof *p, false); \
  } while (0)

TEST(a_text_matches_itself_and_nothing_else) {
  MATCH({"", ""}, {"a", "a"}, {"a/b.c", "a/b.c"}, {"\xc3\xa9", "\xc3\xa9"}, {"\xff", "\xff"});
  NO_MATCH({"", "a"}, {"a", ""}, {"a", "A"}, {"a", "ab"}, {"ab", "a"}, {"\xff", "\xfe"});
}

TEST(a_star_takes_anything_within_one_name) {
  MATCH({"*", ""}, {"*", "abc"}, {"*.c", "a.c"}, {"*.c", ".c"}, {"a*b*c", "aXbYbZc"},
        {"a*", "a"}, {"*a*a*", "banana"}, {"*/x", "d/x"}, {"*\xc3\xa9", "ab\xc3\xa9"});
  NO_MATCH({"*", "a/b"}, {"*.c", "a.cc"}, {"a*b", "ac"}, {"a*", "ba"}, {"*/x", "c/d/x"},
           {"*ab", "ab/"});
}

TEST(two_stars_take_folders_too) {
  MATCH({"**", ""}, {"**", "a/b/c"}, {"a/**", "a/b/c"}, {"**/x", "x"}, {"**/x", "a/x"},
        {"**/x", "a/b/x"}, {"a/**/x", "a/x"}, {"a/**/x", "a/b/c/x"}, {"a**x", "ab/cx"},
        {"**/*.c", "a/b/d.c"}, {"**/a*/b", "a/ax/b"}, {"**/a/**/b", "a/c/a/b"});
  NO_MATCH({"**/x", "ax"}, {"**/x", "a/bx"}, {"a/**/x", "ax"}, {"a/**", "b/a/c"},
           {"**/*.c", "a/b/d.cc"}, {"**/x", "x/y"});
}

TEST(a_question_mark_is_one_character_of_utf_8) {
  MATCH({"?", "a"}, {"?", "\xc3\xa9"}, {"?", "\xf0\x9f\x98\x80"}, {"?", "\xff"},
        {"a?c", "a\xe2\x82\xac" "c"});
  NO_MATCH({"?", ""}, {"?", "ab"}, {"?", "/"}, {"??", "\xc3\xa9"});
}

TEST(a_set_is_one_of_its_characters) {
  MATCH({"[abc]", "b"}, {"[a-c]x", "cx"}, {"[!a-c]", "d"}, {"[^a]", "b"}, {"[]]", "]"},
        {"[!]]", "a"}, {"[a-]", "-"}, {"[\\]]", "]"}, {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9"},
        {"[\\a]", "a"});
  NO_MATCH({"[abc]", "d"}, {"[a-c]", ""}, {"[!a-c]", "b"}, {"[!a]", "/"}, {"[/]", "/"},
           {"[]]", "["}, {"[a-c]", "B"});
}

TEST(a_star_never_ends_within_a_character) {
  NO_MATCH({"*[!a-z\xc3\xa9]*", "\xc3\xa9"}, {"**[!\xc3\xa9]**", "\xc3\xa9\xc3\xa9"},
           {"*\xa9", "\xc3\xa9"});
  MATCH({"*[!a-z]*", "ab\xc3\xa9"}, {"*\xa9", "\xc3\xa9\xa9"});
}

TEST(a_bracket_without_its_end_stands_for_itself) {
  MATCH({"[a", "[a"}, {"[", "["}, {"a[", "a["}, {"[!", "[!"}, {"[]", "[]"});
  NO_MATCH({"[a", "a"});
}

TEST(a_backslash_takes_the_meaning_away) {
  MATCH({"\\*", "*"}, {"\\?x", "?x"}, {"\\[a]", "[a]"}, {"\\\\", "\\"}, {"\\", "\\"});
  NO_MATCH({"\\*", "a"}, {"\\?", "a"});
}

TEST(a_hostile_pattern_ends_in_time) {
  char text[3001];
  memset(text, 'a', 3000);
  text[3000] = '\0';
  assert_false(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
  assert_false(glob_match("**a*a**a*a**a*a**a*a**a*a**b", text));
}

TEST(a_pattern_without_a_slash_means_names_in_every_folder) {
  assert_true(glob_match_path("*.tmp", "a/b/c.tmp", false));
  assert_true(glob_match_path("*.tmp", "c.tmp", false));
  assert_true(glob_match_path("b", "a/b", true));
  assert_false(glob_match_path("*.tmp", "a.tmp/b", false));
}

TEST(one_with_a_slash_means_the_whole_path) {
  assert_true(glob_match_path("a/*.tmp", "a/c.tmp", false));
  assert_true(glob_match_path("/c.tmp", "c.tmp", false));
  assert_false(glob_match_path("/c.tmp", "a/c.tmp", false));
  assert_false(glob_match_path("a/*.tmp", "b/a/c.tmp", false));
}

TEST(a_slash_at_the_end_means_folders_only) {
  assert_true(glob_match_path("cache/", "a/cache", true));
  assert_false(glob_match_path("cache/", "a/cache", false));
  assert_true(glob_match_path("a/cache/", "a/cache", true));
  assert_false(glob_match_path("b/cache/", "a/cache", true));
}

TEST(there_is_a_core_at_least) {
  assert_in_range(cores_usable(), 1, 1 << 20);
}

int main(void) {
  RUN(T(a_text_matches_itself_and_nothing_else), T(a_star_takes_anything_within_one_name),
      T(two_stars_take_folders_too), T(a_question_mark_is_one_character_of_utf_8),
      T(a_set_is_one_of_its_characters),
      T(a_star_never_ends_within_a_character), T(a_bracket_without_its_end_stands_for_itself),
      T(a_backslash_takes_the_meaning_away), T(a_hostile_pattern_ends_in_time),
      T(a_pattern_without_a_slash_means_names_in_every_folder),
      T(one_with_a_slash_means_the_whole_path), T(a_slash_at_the_end_means_folders_only),
      T(there_is_a_core_at_least));
}
