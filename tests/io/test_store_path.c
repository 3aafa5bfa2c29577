/*
 * Names from a stranger become names for the disk: io/store_path.
 */
#include "made.h"

#include <strings.h>

#include "base/crypto.h"
#include "base/escape.h"
#include "io/store_path.h"

static void cleans(const char *name, size_t len, const char *want) {
  char *got = store_path_clean(name, len);
  assert_non_null(got);
  assert_string_equal(got, want);
  free(got);
}

#define CLEANS(name, want) cleans(name, sizeof(name) - 1, want)

TEST(ordinary_names_stay_as_they_are) {
  CLEANS("a", "a");
  CLEANS("Debian 12 (amd64).iso", "Debian 12 (amd64).iso");
  CLEANS(".profile", ".profile");
  CLEANS("...", "...");
  CLEANS("..a", "..a");
  CLEANS("-rf", "-rf");
  CLEANS("\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9");
  CLEANS("\xe2\x82\xac \xf0\x9f\x8e\xb5", "\xe2\x82\xac \xf0\x9f\x8e\xb5");
}

TEST(names_that_lead_elsewhere_do_not) {
  CLEANS("", "_");
  CLEANS(".", "_");
  CLEANS("..", "_");
  CLEANS("/", "_");
  CLEANS("/etc/passwd", "_etc_passwd");
  CLEANS("../../x", ".._.._x");
  CLEANS("..\\..\\x", ".._.._x");
  CLEANS("a\0b", "a_b");
  CLEANS("\0", "_");
}

TEST(what_moves_the_cursor_or_deceives_the_eye_is_replaced) {
  CLEANS("a\x1b[2Jb\n\t\x7f", "a_[2Jb___");
  CLEANS("\xc2\x9b" "31m", "_31m");                   /* C1 CSI */
  CLEANS("gpj.\xe2\x80\xae" "exe", "gpj._exe");       /* U+202E */
  CLEANS("a\xe2\x80\x8b" "b\xef\xbb\xbf", "a_b_");    /* U+200B, U+FEFF */
  CLEANS("\xe2\x81\xa6x\xe2\x81\xa9\xd8\x9c", "_x__"); /* isolates, U+061C */
  CLEANS("\xef\xbf\xbf\xef\xb7\x90", "__");           /* noncharacters */
}

TEST(bytes_that_are_not_utf8_are_replaced_one_by_one) {
  CLEANS("\xc0\xae\xc0\xae", "____");       /* overlong dots */
  CLEANS("\xc0\xaf", "__");                 /* overlong slash */
  CLEANS("\xed\xa0\x80", "___");            /* surrogate */
  CLEANS("\xf4\x90\x80\x80", "____");       /* above U+10FFFF */
  CLEANS("caf\xe9.txt", "caf_.txt");        /* Latin-1 */
  CLEANS("x\xe2\x82", "x__");               /* cut off */
}

TEST(a_long_name_is_cut_before_its_extension) {
  char name[600];
  memset(name, 'n', sizeof name);
  memcpy(name + 590, ".tar.xz", 8);
  char *got = store_path_clean(name, 597);
  assert_int_equal(strlen(got), 255);
  assert_string_equal(got + 255 - 7, "nnnn.xz");
  free(got);
  name[590] = 'n'; /* the only dot is too far from the end to be an extension */
  name[594] = 'n';
  name[300] = '.';
  got = store_path_clean(name, 597);
  assert_int_equal(strlen(got), 255);
  assert_null(strchr(got, '.'));
  free(got);
  cleans(name, 255, (name[255] = '\0', name));
}

TEST(a_long_name_is_cut_between_characters) {
  for (size_t pad = 0; pad < 4; pad++) {
    char name[500] = "aaa";
    size_t n = pad;
    while (n + 4 < 400) {
      memcpy(name + n, "\xf0\x9f\x8e\xb5", 4);
      n += 4;
    }
    memcpy(name + n, ".mp3", 5);
    char *got = store_path_clean(name, n + 4);
    size_t len = strlen(got);
    assert_true(len > 251 && len <= 255);
    assert_string_equal(got + len - 4, ".mp3");
    uint32_t cp;
    for (size_t i = 0; i < len;) {
      size_t used = escape_utf8((const uint8_t *)got + i, len - i, &cp);
      assert_true(used > 0);
      i += used;
    }
    free(got);
  }
}

static void top_is(const char *name, size_t len, const char *want) {
  struct made t = made_single("x", 16384, 1);
  free(t.m.name);
  t.m.name = malloc(len + 1);
  memcpy(t.m.name, name, len);
  t.m.name_len = len;
  char *got = store_path_top(&t.m);
  char hex[41];
  crypto_hex(t.m.info_hash, 20, hex);
  assert_string_equal(got, want ? want : hex);
  free(got);
  made_free(&t);
}

TEST(a_top_name_of_which_nothing_is_left_becomes_the_info_hash) {
  top_is("", 0, NULL);
  top_is(".", 1, NULL);
  top_is("..", 2, NULL);
  top_is("/\\", 2, NULL);
  top_is("\x01\xff\0", 3, NULL);
  top_is("_", 1, "_");
  top_is("/a", 2, "_a");
}

/* All paths of a multi-file torrent with these files, one string each, must come out as `want`. */
static void paths_are(const char *const *in, const char *const *want, size_t n) {
  struct made_file files[16] = {0};
  for (size_t i = 0; i < n; i++) files[i].path = in[i];
  struct made t = made_torrent("top", true, 16384, files, n);
  char **got;
  assert_int_equal(store_path_all(&t.m, &got), ERR_OK);
  for (size_t i = 0; i < n; i++) assert_string_equal(got[i], want[i]);
  store_path_free(got, n);
  made_free(&t);
}

#define PATHS(...) ((const char *const[]){__VA_ARGS__})

TEST(the_same_path_twice_gets_a_number_before_its_extension) {
  paths_are(PATHS("a/x.txt", "b", "a/x.txt", "a/x.txt", "b"),
            PATHS("a/x.txt", "b", "a/x.1.txt", "a/x.2.txt", "b.1"), 5);
  paths_are(PATHS("x.txt", "x.1.txt", "x.txt"), PATHS("x.txt", "x.1.txt", "x.2.txt"), 3);
  paths_are(PATHS("x", "x", "x.1"), PATHS("x", "x.1", "x.1.1"), 3);
  paths_are(PATHS("\x01", "\x02"), PATHS("_", "_.1"), 2);
  paths_are(PATHS(".rc", ".rc"), PATHS(".rc", ".rc.1"), 2);
}

TEST(names_that_differ_in_case_only_are_kept_apart) {
  paths_are(PATHS("README", "readme", "Readme"), PATHS("README", "readme.1", "Readme.2"), 3);
  paths_are(PATHS("A/x", "a/X", "a/y"), PATHS("A/x", "a/X.1", "a/y"), 3);
}

TEST(a_file_gives_way_to_a_folder_wherever_that_comes) {
  paths_are(PATHS("a", "a/b", "a/b/c"), PATHS("a.1", "a/b.1", "a/b/c"), 3);
  paths_are(PATHS("a/b/c", "a/b", "A"), PATHS("a/b/c", "a/b.1", "A.1"), 3);
  paths_are(PATHS("x.1", "x", "x", "x.1/y"), PATHS("x.1.1", "x", "x.2", "x.1/y"), 4);
}

TEST(padding_and_links_are_not_on_disk) {
  struct made_file files[] = {{.path = "a", .length = 5},
                              {.path = ".pad/7", .length = 7, .padding = true},
                              {.path = "l", .symlink = true},
                              {.path = "m", .length = 3, .symlink = true},
                              {.path = "a", .padding = true}};
  struct made t = made_torrent("top", true, 16384, files, 5);
  char **got;
  assert_int_equal(store_path_all(&t.m, &got), ERR_OK);
  assert_string_equal(got[0], "a");
  assert_null(got[1]);
  assert_null(got[2]);
  assert_string_equal(got[3], "m"); /* a "link" with content is a file */
  assert_null(got[4]);
  store_path_free(got, 5);
  made_free(&t);
}

/* A torrent of `n` files, all called `name`. */
static enum err many_of(const char *name, size_t n, char ***got, struct made *t) {
  struct made_file *files = calloc(n, sizeof *files);
  for (size_t i = 0; i < n; i++) files[i].path = name;
  *t = made_torrent("top", true, 16384, files, n);
  free(files);
  return store_path_all(&t->m, got);
}

TEST(five_hundred_collisions_of_a_name_are_enough) {
  char **got;
  struct made t;
  assert_int_equal(many_of("a/b.c", 501, &got, &t), ERR_OK);
  assert_string_equal(got[500], "a/b.500.c");
  store_path_free(got, 501);
  made_free(&t);
  made_listen();
  assert_int_equal(many_of("a/b.c", 502, &got, &t), ERR_LIMIT);
  made_told("b.c");
  assert_null(got);
  made_free(&t);
}

TEST(a_number_fits_into_a_name_of_full_length) {
  char name[256];
  memset(name, 'n', 251);
  memcpy(name + 251, ".iso", 5);
  char **got;
  struct made t;
  assert_int_equal(many_of(name, 12, &got, &t), ERR_OK);
  assert_string_equal(got[0], name);
  assert_int_equal(strlen(got[11]), 255);
  assert_string_equal(got[11] + 255 - 9, "nn.11.iso");
  store_path_free(got, 12);
  made_free(&t);
}

/* What must hold for any element, whatever it was made from. */
static void assert_safe(const char *name, size_t len) {
  assert_true(len >= 1 && len <= 255);
  assert_false(len <= 2 && strspn(name, ".") == len);
  char shown[255 * 8 + 1];
  assert_int_equal(escape_term(name, len, shown, sizeof shown), len); /* nothing to escape */
  assert_int_equal(strcspn(name, "/\\"), len);
}

/* Bytes that make trouble come up often. */
static size_t random_name(struct crypto_rng *r, char *out, size_t max) {
  static const char *const parts[] = {
    "/", "\\", ".",        "..",   "\xe2\x80\xae", "\xc0\xae", "\n",   "a",
    "A", ".txt", "\xc3\xa9", "\xff", "_",            ".1",       "long", "\xef\xbf\xbf"};
  size_t n = 0, want = crypto_rng_below(r, 4) ? crypto_rng_below(r, 12) : crypto_rng_below(r, max);
  while (n + 4 < want) {
    const char *part = parts[crypto_rng_below(r, sizeof parts / sizeof *parts)];
    if (crypto_rng_below(r, 3)) {
      memcpy(out + n, part, strlen(part));
      n += strlen(part);
    } else {
      out[n++] = (char)crypto_rng_below(r, 256);
    }
  }
  return n;
}

TEST(random_bytes_always_give_a_safe_name) {
  struct crypto_rng r = {.s = 1};
  for (int i = 0; i < 20000; i++) {
    char name[700];
    size_t len = random_name(&r, name, sizeof name);
    char *got = store_path_clean(name, len);
    assert_safe(got, strlen(got));
    char *again = store_path_clean(got, strlen(got));
    assert_string_equal(again, got); /* clean stays clean */
    free(again);
    free(got);
  }
}

static void replace_names(struct made *t, struct crypto_rng *r) {
  for (size_t i = 0; i < t->m.file_count; i++)
    for (size_t d = 0; d < t->m.files[i].depth; d++) {
      free(t->m.files[i].path[d]);
      t->m.files[i].path[d] = malloc(700);
      t->m.files[i].path_len[d] = random_name(r, t->m.files[i].path[d], 20);
    }
}

/* Is `a` the same as `b` or a folder above it, whatever the case? */
static bool clash(const char *a, const char *b) {
  size_t n = strlen(a);
  return strncasecmp(a, b, n) == 0 && (b[n] == '\0' || b[n] == '/');
}

TEST(random_torrents_never_have_two_files_in_one_place) {
  struct crypto_rng r = {.s = 2};
  for (int round = 0; round < 300; round++) {
    enum { N = 24 };
    struct made_file files[N] = {0};
    for (size_t i = 0; i < N; i++)
      files[i].path = (const char *[]){"a", "a/b", "a/b/c"}[crypto_rng_below(&r, 3)];
    struct made t = made_torrent("top", true, 16384, files, N);
    replace_names(&t, &r);
    char **got;
    assert_int_equal(store_path_all(&t.m, &got), ERR_OK);
    for (size_t i = 0; i < N; i++) {
      for (size_t j = 0; j < N; j++)
        if (i != j && clash(got[i], got[j])) fail_msg("%s and %s", got[i], got[j]);
      for (const char *p = got[i];; p++) {
        char element[256] = "";
        size_t n = strcspn(p, "/");
        memcpy(element, p, n < 255 ? n : 255);
        assert_safe(element, n);
        p += n;
        if (*p == '\0') break;
      }
    }
    store_path_free(got, N);
    made_free(&t);
  }
}

TEST(a_hundred_thousand_files_with_evil_names_take_no_quadratic_time) {
  enum { N = 100000 };
  struct made_file *files = calloc(N, sizeof *files);
  char(*names)[32] = calloc(N, sizeof *names);
  for (size_t i = 0; i < N; i++) { /* 200 names, each 500 times: every one collides */
    snprintf(names[i], sizeof names[i], "d%zu/f.%zu.x", i % 10, i % 200);
    files[i].path = names[i];
  }
  struct made t = made_torrent("top", true, 16384, files, N);
  char **got;
  assert_int_equal(store_path_all(&t.m, &got), ERR_OK);
  assert_string_equal(got[0], "d0/f.0.x");
  assert_string_equal(got[200], "d0/f.0.1.x");
  assert_string_equal(got[N - 1], "d9/f.199.499.x");
  store_path_free(got, N);
  made_free(&t);
  free(names);
  free(files);
}

int main(void) {
  RUN(T(ordinary_names_stay_as_they_are), T(names_that_lead_elsewhere_do_not),
      T(what_moves_the_cursor_or_deceives_the_eye_is_replaced),
      T(bytes_that_are_not_utf8_are_replaced_one_by_one),
      T(a_long_name_is_cut_before_its_extension), T(a_long_name_is_cut_between_characters),
      T(a_top_name_of_which_nothing_is_left_becomes_the_info_hash),
      T(the_same_path_twice_gets_a_number_before_its_extension),
      T(names_that_differ_in_case_only_are_kept_apart),
      T(a_file_gives_way_to_a_folder_wherever_that_comes), T(padding_and_links_are_not_on_disk),
      MADE(five_hundred_collisions_of_a_name_are_enough),
      T(a_number_fits_into_a_name_of_full_length), T(random_bytes_always_give_a_safe_name),
      T(random_torrents_never_have_two_files_in_one_place),
      T(a_hundred_thousand_files_with_evil_names_take_no_quadratic_time));
}
