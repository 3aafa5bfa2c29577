/*
 * Trackers changed in place: proto/retrack.
 */
#include "../ben.h"
#include "../test.h"

#include <stdio.h>

#include "proto/retrack.h"

/* What is added and removed, as on a command line; NULL ends the lists. */
struct words {
  bool fresh;
  const char *add[4];
  const char *remove[4];
  size_t which; /* out */
};

static struct tiers tiers_of(const char *const *texts) {
  struct tiers t = {0};
  const char *why;
  for (; *texts != NULL; texts++) assert_int_equal(tiers_add(&t, *texts, &why), ERR_OK);
  return t;
}

static enum err change(struct retrack *r, const char *torrent, struct words *w) {
  struct buf in = ben(torrent);
  struct tiers add = tiers_of(w->add);
  struct retrack_change c = {.fresh = w->fresh, .remove = w->remove, .add = &add};
  struct ben_doc d;
  while (w->remove[c.remove_count] != NULL) c.remove_count++;
  assert_int_equal(bencode_decode(&d, in.data, in.len, &bencode_torrent_limits), ERR_OK);
  enum err e = retrack_make(r, &d, &c, &w->which);
  bencode_free(&d);
  tiers_free(&add);
  buf_free(&in);
  return e;
}

/* `announce` and `list`: the values that must come out, "" for none. */
static void assert_change(const char *torrent, struct words w, const char *announce,
                          const char *list) {
  struct retrack r;
  struct buf want[2] = {ben(announce), ben(list)};
  assert_int_equal(change(&r, torrent, &w), ERR_OK);
  assert_string_equal(buf_cstr(&r.announce), buf_cstr(&want[0]));
  assert_string_equal(buf_cstr(&r.list), buf_cstr(&want[1]));
  buf_free(&want[0]);
  buf_free(&want[1]);
  retrack_free(&r);
}

#define ADD(...) (struct words){.add = {__VA_ARGS__}}
#define REMOVE(...) (struct words){.remove = {__VA_ARGS__}}

TEST(no_change_changes_nothing) {
  assert_change("{'announce': 'x', 'announce-list': [[], 'y', [' z ', 5], {}]}", (struct words){0},
                "'x'", "[[], 'y', [' z ', 5], {}]");
  assert_change("{'announce': 7, 'announce-list': 'no list'}", (struct words){0}, "7",
                "'no list'");
  assert_change("{}", (struct words){0}, "", "");
  assert_change("{'announce-list': []}", (struct words){0}, "", "[]");
}

TEST(a_tracker_that_is_in_no_tier_stays_when_another_is_added) {
  assert_change("{'announce': 'http://main/', 'announce-list': [['http://b/'], ['http://c/']]}",
                ADD("http://new/"), "'http://main/'",
                "[['http://b/'], ['http://c/'], ['http://new/']]");
}

TEST(what_nobody_can_use_stays_too) {
  assert_change("{'announce-list': [['http://b/', 'http://has blank/'], 'http://bare/', [], 5]}",
                ADD("http://new/"), "",
                "[['http://b/', 'http://has blank/'], 'http://bare/', [], 5, ['http://new/']]");
  assert_change("{'announce-list': [['http://b/', 'http://has blank/'], 'http://bare/', [], 5]}",
                REMOVE("http://b/"), "", "[['http://has blank/'], 'http://bare/', [], 5]");
}

TEST(announce_alone_becomes_the_first_tier_when_another_is_added) {
  assert_change("{'announce': 'http://a/'}", ADD("http://b/,http://c/"), "'http://a/'",
                "[['http://a/'], ['http://b/', 'http://c/']]");
  assert_change("{'announce': 'http://a/', 'announce-list': [[]]}", ADD("http://b/"),
                "'http://a/'", "[['http://a/'], [], ['http://b/']]");
  assert_change("{'announce': ''}", ADD("http://b/"), "''", "[['http://b/']]");
}

TEST(the_first_tracker_of_all_needs_no_list) {
  assert_change("{}", ADD("http://b/"), "'http://b/'", "");
  assert_change("{}", ADD("http://b/", "http://c/"), "'http://b/'",
                "[['http://b/'], ['http://c/']]");
  assert_change("{'announce': 'x', 'announce-list': [['y']]}",
                ((struct words){.fresh = true, .add = {"http://b/"}}), "'http://b/'", "");
  assert_change("{'announce': 'x', 'announce-list': [['y']]}", ((struct words){.fresh = true}), "",
                "");
}

TEST(what_is_there_already_is_not_added_again) {
  assert_change("{'announce': 'http://a/'}", ADD("http://a/"), "'http://a/'", "");
  assert_change("{'announce-list': [['http://a/', 'http://b/']]}", ADD("http://b/,http://c/"), "",
                "[['http://a/', 'http://b/'], ['http://c/']]");
  /* of no use where a list stands beside it, so it is not there */
  assert_change("{'announce': 'http://a/', 'announce-list': [['http://b/']]}", ADD("http://a/"),
                "'http://a/'", "[['http://b/'], ['http://a/']]");
}

TEST(what_is_named_goes_from_everywhere) {
  assert_change("{'announce': 'http://a/', 'announce-list': [['http://a/'], [' http://a/ ', "
                "'http://b/'], 'http://a/']}",
                REMOVE("http://a/"), "'http://b/'", "[['http://b/']]");
  assert_change("{'announce': 'http://main/', 'announce-list': [['http://b/']]}",
                REMOVE("http://main/"), "'http://b/'", "[['http://b/']]");
  assert_change("{'announce': 'http://main/', 'announce-list': [['http://b/']]}",
                REMOVE("http://b/"), "'http://main/'", "");
  assert_change("{'announce': 'http://a/'}", REMOVE("http://a/"), "", "");
  assert_change("{'announce-list': [['http://has blank/'], ['x']]}", REMOVE("http://has blank/"),
                "", "[['x']]");
}

TEST(one_goes_and_another_comes) {
  assert_change("{'announce': 'http://a/', 'announce-list': [['http://a/']]}",
                ((struct words){.add = {"http://a/,http://n/"}, .remove = {"http://a/"}}),
                "'http://a/'", "[['http://a/', 'http://n/']]");
  assert_change("{'announce': 'http://a/'}",
                ((struct words){.add = {"http://n/"}, .remove = {"http://a/"}}), "'http://n/'", "");
}

TEST(what_is_not_there_can_not_go) {
  struct retrack r;
  struct words w = REMOVE("http://a/", "http://x/");
  assert_int_equal(change(&r, "{'announce': 'http://a/'}", &w), ERR_NOT_FOUND);
  assert_int_equal(w.which, 1);
  retrack_free(&r);
}

TEST(nothing_is_added_to_what_is_no_list) {
  struct retrack r;
  struct words w = ADD("http://a/");
  assert_int_equal(change(&r, "{'announce-list': 'x'}", &w), ERR_FORMAT);
  retrack_free(&r);
}

/* "['http://0/', ...]", `n` URLs each behind `before` and before `after`. */
static char *numbered(int from, int n, const char *before, const char *after) {
  struct buf b;
  buf_init(&b, 1 << 20);
  for (int i = from; i < n; i++) buf_printf(&b, "%s'http://%d/'%s", before, i, after);
  char *text = strdup(buf_cstr(&b));
  assert_non_null(text);
  buf_free(&b);
  return text;
}

TEST(no_limit_of_ours_cuts_what_is_there) {
  char torrent[8192], want[8192];
  char *all = numbered(0, 100, "", " ");
  char *rest = numbered(1, 100, "", " ");
  snprintf(torrent, sizeof torrent, "{'announce-list': [[%s]]}", all);
  snprintf(want, sizeof want, "[[%s], ['http://new/']]", all);
  assert_change(torrent, ADD("http://new/"), "", want);
  free(all);
  all = numbered(0, 100, "[", "]");
  snprintf(torrent, sizeof torrent, "{'announce-list': [%s]}", all);
  free(rest);
  rest = numbered(1, 100, "[", "]");
  snprintf(want, sizeof want, "[%s]", rest);
  assert_change(torrent, REMOVE("http://0/"), "", want);
  free(all);
  free(rest);
}

TEST(a_tier_that_readers_would_not_reach_is_not_added) {
  char torrent[8192];
  struct retrack r;
  struct words w = ADD("http://new/");
  char *all = numbered(0, 64, "[", "]");
  snprintf(torrent, sizeof torrent, "{'announce-list': [%s]}", all);
  assert_int_equal(change(&r, torrent, &w), ERR_LIMIT);
  retrack_free(&r);
  free(all);
}

int main(void) {
  RUN(T(no_change_changes_nothing), T(a_tracker_that_is_in_no_tier_stays_when_another_is_added),
      T(what_nobody_can_use_stays_too),
      T(announce_alone_becomes_the_first_tier_when_another_is_added),
      T(the_first_tracker_of_all_needs_no_list), T(what_is_there_already_is_not_added_again),
      T(what_is_named_goes_from_everywhere), T(one_goes_and_another_comes),
      T(what_is_not_there_can_not_go), T(nothing_is_added_to_what_is_no_list),
      T(no_limit_of_ours_cuts_what_is_there), T(a_tier_that_readers_would_not_reach_is_not_added));
}
