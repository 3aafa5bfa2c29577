/*
 * Writing torrents, and changing what stands beside the info dictionary: proto/author.
 */
#include "torrents.h"

#include "proto/author.h"
#include "proto/identity.h"

static const uint8_t hashes[60] = "xxxxxxxxxxxxxxxxxxxxyyyyyyyyyyyyyyyyyyyyzzzzzzzzzzzzzzzzzzzz";

static char *first_tier[] = {(char[]){"http://a/x"}, (char[]){"udp://b:1"}};
static char *second_tier[] = {(char[]){"http://c/"}};
static const struct metainfo_tier two_tiers[] = {{first_tier, 2}, {second_tier, 1}};
static const struct metainfo_tier one_url[] = {{second_tier, 1}};
static const char *const seeds[] = {"http://s/1", "http://s/2"};

static struct buf room(void) {
  struct buf b;
  buf_init(&b, 1 << 20);
  return b;
}

/* The buffer must hold exactly this text; it is freed. */
static void assert_text(struct buf *b, const char *want) {
  assert_false(b->failed);
  assert_string_equal(buf_cstr(b), want);
  buf_free(b);
}

/* --- author_piece_len --- */

TEST(the_piece_length_makes_2048_pieces_at_most_as_long_as_it_is_below_16_mib) {
  assert_int_equal(author_piece_len(0), 16 << 10);
  assert_int_equal(author_piece_len(1), 16 << 10);
  assert_int_equal(author_piece_len(UINT64_C(32) << 20), 16 << 10);
  assert_int_equal(author_piece_len((UINT64_C(32) << 20) + 1), 32 << 10);
  assert_int_equal(author_piece_len(UINT64_C(1) << 30), 512 << 10);
  assert_int_equal(author_piece_len(UINT64_C(32) << 30), 16 << 20);
  assert_int_equal(author_piece_len((UINT64_C(32) << 30) + 1), 16 << 20);
}

TEST(a_huge_torrent_gets_the_pieces_it_may_have) {
  assert_int_equal(author_piece_len(UINT64_C(32) << 40), 16 << 20);
  assert_int_equal(author_piece_len((UINT64_C(32) << 40) + 1), 32 << 20);
  assert_int_equal(author_piece_len(GEOMETRY_TOTAL_MAX), 512 << 20);
  assert_int_equal(author_piece_len(GEOMETRY_TOTAL_MAX + 1), 0);
}

/* --- author_put_info --- */

TEST(a_single_file_is_written_canonically) {
  struct buf b = room();
  struct author_file f = {.length = 7};
  author_put_info(&b, &(struct author_info){.name = "n.txt", .files = &f, .file_count = 1,
                                            .piece_len = 16384, .hashes = hashes, .pieces = 1});
  assert_text(&b, "d6:lengthi7e4:name5:n.txt12:piece lengthi16384e6:pieces20:"
                  "xxxxxxxxxxxxxxxxxxxxe");
}

TEST(files_in_folders_private_and_source_are_written_canonically) {
  struct buf b = room();
  struct author_file f[] = {{"a", 1}, {"d/e/f", 0}};
  author_put_info(&b, &(struct author_info){.name = "top", .multi = true, .files = f,
                                            .file_count = 2, .piece_len = 16384, .hashes = hashes,
                                            .pieces = 1, .is_private = true, .source = "S"});
  assert_text(&b, "d5:filesld6:lengthi1e4:pathl1:aeed6:lengthi0e4:pathl1:d1:e1:feee4:name3:top"
                  "12:piece lengthi16384e6:pieces20:xxxxxxxxxxxxxxxxxxxx7:privatei1e6:source1:Se");
}

TEST(a_folder_with_one_file_stays_a_folder) {
  struct buf b = room();
  struct author_file f = {"a", 1};
  author_put_info(&b, &(struct author_info){.name = "t", .multi = true, .files = &f,
                                            .file_count = 1, .piece_len = 16384, .hashes = hashes,
                                            .pieces = 1});
  assert_text(&b, "d5:filesld6:lengthi1e4:pathl1:aeee4:name1:t12:piece lengthi16384e6:pieces20:"
                  "xxxxxxxxxxxxxxxxxxxxe");
}

/* --- author_put_torrent --- */

TEST(what_has_nothing_to_say_is_left_out) {
  struct buf b = room();
  author_put_torrent(&b, &(struct author_outside){.date = -1}, (const uint8_t *)"de", 2);
  assert_text(&b, "d4:infodee");
}

TEST(a_single_tracker_needs_no_list) {
  struct buf b = room();
  author_put_torrent(&b, &(struct author_outside){.tiers = one_url, .tier_count = 1, .date = 0},
                     (const uint8_t *)"de", 2);
  assert_text(&b, "d8:announce9:http://c/13:creation datei0e4:infodee");
}

TEST(everything_beside_info_is_written_canonically) {
  struct buf b = room();
  struct author_outside o = {.tiers = two_tiers, .tier_count = 2, .web_seeds = seeds,
                             .web_seed_count = 2, .comment = "C", .created_by = "W", .date = 5};
  author_put_torrent(&b, &o, (const uint8_t *)"de", 2);
  assert_text(&b, "d8:announce10:http://a/x13:announce-listll10:http://a/x9:udp://b:1e"
                  "l9:http://c/ee7:comment1:C10:created by1:W13:creation datei5e4:infode"
                  "8:url-listl10:http://s/110:http://s/2ee");
}

TEST(what_is_written_is_read_back) {
  struct buf info = room();
  struct buf b = room();
  struct author_file f[] = {{"a", 20000}, {"d/\xff", 30000}};
  author_put_info(&info, &(struct author_info){.name = "top", .multi = true, .files = f,
                                               .file_count = 2, .piece_len = 32768,
                                               .hashes = hashes, .pieces = 2});
  author_put_torrent(&b, &(struct author_outside){.tiers = two_tiers, .tier_count = 2, .date = -1,
                                                  .web_seeds = seeds, .web_seed_count = 2},
                     info.data, info.len);
  struct metainfo m;
  assert_int_equal(metainfo_parse(&m, b.data, b.len, NULL), ERR_OK);
  assert_true(m.multi && m.sorted);
  assert_int_equal(m.file_count, 2);
  assert_string_equal(m.files[1].path[1], "\xff");
  assert_int_equal(m.geo.pieces, 2);
  assert_memory_equal(m.hashes, hashes, 40);
  assert_int_equal(m.tier_count, 2);
  assert_string_equal(m.tiers[1].urls[0], "http://c/");
  assert_int_equal(m.web_seed_count, 2);
  assert_int_equal(m.info_raw_len, info.len);
  metainfo_free(&m);
  buf_free(&info);
  buf_free(&b);
}

/* The limits of files, of bencoded values and of bytes agree. */
TEST(as_many_files_as_a_torrent_may_have_are_read_back) {
  struct author_file *f = calloc(METAINFO_FILES_MAX + 1, sizeof *f);
  assert_non_null(f);
  for (size_t i = 0; i <= METAINFO_FILES_MAX; i++) f[i] = (struct author_file){"a/b/c", i < 1};
  for (size_t n = METAINFO_FILES_MAX; n <= METAINFO_FILES_MAX + 1; n++) {
    struct buf info, b;
    struct metainfo m;
    buf_init(&info, 64 << 20);
    buf_init(&b, 64 << 20);
    author_put_info(&info, &(struct author_info){.name = "top", .multi = true, .files = f,
                                                 .file_count = n, .piece_len = 16384,
                                                 .hashes = hashes, .pieces = 1});
    author_put_torrent(&b, &(struct author_outside){.tiers = two_tiers, .tier_count = 2,
                                                    .comment = "c", .created_by = "b"},
                       info.data, info.len);
    enum err e = metainfo_parse(&m, b.data, b.len, NULL);
    assert_int_equal(e, n > METAINFO_FILES_MAX ? ERR_LIMIT : ERR_OK);
    metainfo_free(&m);
    buf_free(&info);
    buf_free(&b);
  }
  free(f);
}

TEST(a_buffer_that_is_too_small_shows_it) {
  struct buf b;
  buf_init(&b, 20);
  author_put_torrent(&b, &(struct author_outside){.comment = "a rather long comment", .date = -1},
                     (const uint8_t *)"de", 2);
  assert_true(b.failed);
  buf_free(&b);
}

/* --- author_edit --- */

/* Edits the torrent `text` (see ben.h): `want` must come out. */
static void assert_edit(const char *text, const struct author_change *c, const char *want) {
  struct buf in = ben(text);
  struct buf wanted = ben(want);
  struct buf out = room();
  struct ben_doc d;
  assert_int_equal(bencode_decode(&d, in.data, in.len, &bencode_torrent_limits), ERR_OK);
  assert_int_equal(author_edit(&out, &d, c), ERR_OK);
  assert_string_equal(buf_cstr(&out), buf_cstr(&wanted));
  bencode_free(&d);
  buf_free(&in);
  buf_free(&out);
  buf_free(&wanted);
}

TEST(no_change_changes_nothing) {
  assert_edit("{'announce': 'x', 'info': {'b': 1}, 'zz': [1, {'k': 'v'}]}",
              &(struct author_change){0},
              "{'announce': 'x', 'info': {'b': 1}, 'zz': [1, {'k': 'v'}]}");
}

/* A bencoded value, as what author_change takes. */
static struct buf value(const char *text) {
  struct buf b = room();
  buf_put_str(&b, text);
  return b;
}

TEST(trackers_are_replaced_and_unknown_keys_stay) {
  struct buf announce = value("10:http://a/x");
  struct buf list = value("ll10:http://a/xei5ee");
  assert_edit("{'announce': 'x', 'announce-list': [['x']], 'aaa': 1, 'info': {'b': 1}, 'zz': 'y'}",
              &(struct author_change){.trackers = true, .announce = &announce,
                                      .announce_list = &list},
              "{'aaa': 1, 'announce': 'http://a/x', 'announce-list': [['http://a/x'], 5],"
              " 'info': {'b': 1}, 'zz': 'y'}");
  buf_free(&announce);
  buf_free(&list);
}

TEST(trackers_web_seeds_and_comment_can_go) {
  struct buf none = room();
  assert_edit("{'announce': 'x', 'announce-list': [['x']], 'comment': 'c', 'comment.utf-8': 'c',"
              " 'info': {}, 'url-list': 'u'}",
              &(struct author_change){.trackers = true, .announce = &none, .announce_list = &none,
                                      .web_seeds = true, .comment = true},
              "{'info': {}}");
}

TEST(a_comment_replaces_both_of_its_spellings) {
  assert_edit("{'comment': 'c', 'comment.utf-8': 'c', 'info': {}}",
              &(struct author_change){.comment = true, .text = "new"},
              "{'comment': 'new', 'info': {}}");
}

TEST(web_seeds_become_a_list) {
  assert_edit("{'info': {}, 'url-list': 'u'}",
              &(struct author_change){.web_seeds = true, .urls = seeds, .url_count = 2},
              "{'info': {}, 'url-list': ['http://s/1', 'http://s/2']}");
}

TEST(the_outer_keys_come_in_order_and_info_stays_out_of_order) {
  assert_edit("{'zz': 1, 'info': {'b': 1, 'a': 2}, 'aa': 1}",
              &(struct author_change){.comment = true, .text = "c"},
              "{'aa': 1, 'comment': 'c', 'info': {'b': 1, 'a': 2}, 'zz': 1}");
}

static void assert_refused(const char *text) {
  struct buf in = ben(text);
  struct buf out = room();
  struct ben_doc d;
  assert_int_equal(bencode_decode(&d, in.data, in.len, &bencode_torrent_limits), ERR_OK);
  assert_int_equal(author_edit(&out, &d, &(struct author_change){.comment = true}), ERR_FORMAT);
  bencode_free(&d);
  buf_free(&in);
  buf_free(&out);
}

TEST(what_is_no_torrent_is_refused) {
  assert_refused("[]");
  assert_refused("{}");
  assert_refused("{'info': 1}");
  assert_refused("{'a': 1, 'a': 2, 'info': {}}");
  assert_refused("{'info': {}, 'info': {}}");
}

/* Every real torrent keeps its info hash, and all bytes of info, whatever is changed beside it. */
TEST(the_info_hash_survives_every_change) {
  static const char *const names[] = {"single.torrent", "multi.torrent", "hybrid.torrent",
                                      "v2only.torrent", "unsorted.torrent", "utf8.torrent"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct fixture f = fixture(names[i]);
    struct buf out = room();
    struct ben_doc before, after;
    struct identity was, is;
    struct buf announce = value("1:x");
    struct buf list = value("ll1:xee");
    struct author_change c = {.trackers = true, .announce = &announce, .announce_list = &list,
                              .web_seeds = true, .urls = seeds, .url_count = 2, .comment = true,
                              .text = "another"};
    assert_int_equal(bencode_decode(&before, f.data, f.len, &bencode_torrent_limits), ERR_OK);
    assert_int_equal(author_edit(&out, &before, &c), ERR_OK);
    assert_int_equal(bencode_decode(&after, out.data, out.len, &bencode_torrent_limits), ERR_OK);
    assert_int_equal(identity_read(&was, &before), ERR_OK);
    assert_int_equal(identity_read(&is, &after), ERR_OK);
    assert_true(was.has_v1 == is.has_v1 && was.has_v2 == is.has_v2);
    assert_memory_equal(was.v1, is.v1, sizeof is.v1);
    assert_memory_equal(was.v2, is.v2, sizeof is.v2);
    const uint8_t *raw[2];
    size_t len[2] = {0};
    bool has_layers = bencode_raw(&before, bencode_get(&before, 0, "piece layers"), &raw[0],
                                  &len[0]);
    assert_int_equal(bencode_raw(&after, bencode_get(&after, 0, "piece layers"), &raw[1],
                                 &len[1]), has_layers);
    assert_int_equal(len[0], len[1]);
    if (has_layers) assert_memory_equal(raw[0], raw[1], len[0]);
    bencode_free(&before);
    bencode_free(&after);
    buf_free(&announce);
    buf_free(&list);
    buf_free(&out);
    free(f.data);
  }
}

int main(void) {
  RUN(T(the_piece_length_makes_2048_pieces_at_most_as_long_as_it_is_below_16_mib),
      T(a_huge_torrent_gets_the_pieces_it_may_have), T(a_single_file_is_written_canonically),
      T(files_in_folders_private_and_source_are_written_canonically),
      T(a_folder_with_one_file_stays_a_folder), T(what_has_nothing_to_say_is_left_out),
      T(a_single_tracker_needs_no_list), T(everything_beside_info_is_written_canonically),
      T(what_is_written_is_read_back),
      T(as_many_files_as_a_torrent_may_have_are_read_back),
      T(a_buffer_that_is_too_small_shows_it),
      T(no_change_changes_nothing), T(trackers_are_replaced_and_unknown_keys_stay),
      T(trackers_web_seeds_and_comment_can_go), T(a_comment_replaces_both_of_its_spellings),
      T(web_seeds_become_a_list), T(the_outer_keys_come_in_order_and_info_stays_out_of_order),
      T(what_is_no_torrent_is_refused), T(the_info_hash_survives_every_change));
}
