/*
 * Torrents as they should be, as they come, and as nobody should send them: proto/metainfo.
 * The files are described in fixtures/README; info hashes were computed by libtorrent.
 */
#include "torrents.h"

#include "base/crypto.h"

static void assert_hash(const struct metainfo *m, const char *want) {
  char hex[41];
  crypto_hex(m->info_hash, 20, hex);
  assert_string_equal(hex, want);
}

/* --- Whole files. --- */

TEST(a_single_file_torrent_is_read) {
  struct metainfo m = loaded("single.torrent");
  assert_hash(&m, "a838fdf50b9b0f3eb8efde08f0bb97a1288778a5");
  assert_false(m.multi);
  assert_int_equal(m.file_count, 1);
  assert_string_equal(m.files[0].path[0], "hello.txt");
  assert_int_equal(m.files[0].length, 50000);
  assert_int_equal(m.geo.pieces, 4);
  assert_int_equal(geometry_piece_len(&m.geo, 3), 848);
  assert_true(m.sorted);
  assert_false(m.is_private || m.has_v2);
  metainfo_free(&m);
}

TEST(every_standard_field_is_kept) {
  struct metainfo m = loaded("single.torrent");
  assert_string_equal(m.comment, "a fixture");
  assert_string_equal(m.created_by, "make.py");
  assert_string_equal(m.encoding, "UTF-8");
  assert_string_equal(m.source, "fixtures");
  assert_int_equal(m.creation_date, 1700000000);
  assert_int_equal(m.tier_count, 2);
  assert_int_equal(m.tiers[0].count, 2);
  assert_string_equal(m.tiers[0].urls[1], "http://second.example/announce");
  assert_string_equal(m.tiers[1].urls[0], "udp://third.example:6969");
  assert_int_equal(m.web_seed_count, 1);
  assert_string_equal(m.web_seeds[0], "http://seed.example/hello.txt");
  assert_int_equal(m.http_seed_count, 1);
  assert_string_equal(m.http_seeds[0], "http://seed.example/old");
  assert_int_equal(m.node_count, 2);
  assert_string_equal(m.nodes[0].host, "router.example");
  assert_int_equal(m.nodes[1].port, 6882);
  metainfo_free(&m);
}

TEST(what_is_absent_is_null_or_zero) {
  struct metainfo m = good(BESIDE(""));
  assert_null(m.comment);
  assert_null(m.created_by);
  assert_null(m.encoding);
  assert_null(m.source);
  assert_null(m.tiers);
  assert_null(m.web_seeds);
  assert_null(m.http_seeds);
  assert_null(m.nodes);
  assert_int_equal(m.creation_date, 0);
  metainfo_free(&m);
}

TEST(a_hybrid_is_read_by_its_first_half) {
  struct metainfo m = loaded("hybrid.torrent");
  char hex[65];
  assert_hash(&m, "fe14fbba05ff6669b3dd587972081b35137e8eba");
  assert_true(m.has_v2);
  crypto_hex(m.info_hash_v2, 32, hex);
  assert_string_equal(hex, "2d4c0f15f4c0c6e924e6a88a142cda8cd4b5df9b9783d3bb037665c017951b28");
  assert_int_equal(m.file_count, 5);
  assert_true(m.files[1].padding && m.files[4].padding);
  assert_int_equal(m.geo.total, 81920);
  metainfo_free(&m);
}

TEST(a_v2_only_torrent_is_refused_in_words) {
  struct fixture f = fixture("v2only.torrent");
  struct metainfo m;
  struct metainfo_error err;
  assert_int_equal(metainfo_parse(&m, f.data, f.len, &err), ERR_UNSUPPORTED);
  assert_string_equal(
    err.why, "this is a BitTorrent v2-only torrent; weft downloads v1 and hybrid torrents");
  free(f.data);
}

TEST(a_torrent_of_empty_files_has_no_pieces) {
  struct metainfo m = loaded("empty.torrent");
  assert_int_equal(m.geo.pieces, 0);
  assert_int_equal(m.file_count, 2);
  metainfo_free(&m);
}

TEST(the_utf8_variant_of_a_name_is_preferred) {
  struct metainfo m = loaded("utf8.torrent");
  assert_hash(&m, "bee6afd28c8afb2d2beed4c7906d770b602a2cba");
  assert_string_equal(m.name, "na\xc3\xafve");
  assert_string_equal(m.files[0].path[0], "caf\xc3\xa9");
  metainfo_free(&m);
}

TEST(unsorted_keys_are_tolerated_and_hashed_as_they_stand) {
  struct metainfo m = loaded("unsorted.torrent");
  assert_hash(&m, "99ef31159527ccde5ff8d8fe0da390d903b6db04");
  assert_false(m.sorted);
  metainfo_free(&m);
}

static bool is_sorted(const char *text) {
  struct metainfo m = good(text);
  bool sorted = m.sorted;
  metainfo_free(&m);
  return sorted;
}

TEST(keys_must_be_in_order_in_the_root_and_in_info) {
  assert_true(is_sorted(BESIDE("'comment': 'c', ")));
  assert_false(is_sorted(BESIDE("'z': 1, ")));
  assert_false(is_sorted(INSIDE("'private': 1, ")));
}

TEST(one_newline_behind_the_torrent_is_tolerated) {
  struct metainfo m = loaded("newline.torrent");
  assert_hash(&m, "bf47ef047f18c42967d52be509ffed6bfe9cbf60");
  metainfo_free(&m);
  bad(BESIDE("") "<\n\n>", ERR_FORMAT, "torrent", "nothing may follow");
}

TEST(the_raw_info_is_kept_and_parses_alone) {
  struct metainfo m = loaded("multi.torrent");
  struct metainfo again;
  assert_int_equal(metainfo_parse_info(&again, m.info_raw, m.info_raw_len, NULL), ERR_OK);
  assert_memory_equal(m.info_hash, again.info_hash, 20);
  assert_int_equal(again.file_count, 4);
  assert_int_equal(again.tier_count, 0);
  metainfo_free(&again);
  assert_int_equal(metainfo_parse_info(&again, "i1e", 3, NULL), ERR_FORMAT);
  metainfo_free(&m);
}

/* --- Refusals, each with the field that is to blame. --- */

TEST(broken_torrents_are_refused_by_field) {
  refused("bad-short-pieces.torrent", ERR_FORMAT, "info.pieces");
  refused("bad-both.torrent", ERR_FORMAT, "info");
  refused("bad-neither.torrent", ERR_FORMAT, "info");
  refused("bad-negative.torrent", ERR_FORMAT, "info.length");
  refused("bad-piece-length.torrent", ERR_FORMAT, "info.piece length");
  refused("bad-overflow.torrent", ERR_LIMIT, "info.files[0].length");
  refused("bad-duplicate.torrent", ERR_FORMAT, "info.pieces");
  refused("bad-trailing.torrent", ERR_FORMAT, "torrent");
  refused("bad-deep.torrent", ERR_LIMIT, "torrent");
  refused("bad-page.torrent", ERR_FORMAT, "torrent");
}

TEST(every_truncation_is_refused) {
  struct fixture f = fixture("single.torrent");
  for (size_t n = 0; n < f.len; n++) {
    struct metainfo m;
    struct metainfo_error err;
    uint8_t *part = malloc(n ? n : 1);
    assert_non_null(part);
    memcpy(part, f.data, n);
    assert_int_equal(metainfo_parse(&m, part, n, &err), ERR_FORMAT);
    free(part);
  }
  free(f.data);
}

static void assert_why(const void *in, size_t len, const char *word) {
  struct metainfo m;
  struct metainfo_error err;
  assert_int_equal(metainfo_parse(&m, in, len, &err), ERR_FORMAT);
  if (strstr(err.why, word) == NULL) fail_msg("no \"%s\" in \"%s\"", word, err.why);
}

TEST(what_is_no_torrent_is_called_by_its_name) {
  assert_why("", 0, "empty");
  assert_why("\n", 1, "byte 0");
  assert_why("<html>", 6, "web page");
  assert_why("\n  <!DOCTYPE html>", 17, "web page");
  assert_why("\xef\xbb\xbf<html>", 9, "web page");
  assert_why("magnet:?xt=urn:btih:0", 21, "magnet link");
  assert_why("\x1f\x8b\x08\x00", 4, "gzip");
  assert_why("PK\x03\x04zip", 7, "ZIP");
  assert_why("{\"a\": 1}", 8, "JSON");
  assert_why("404 page not found", 18, "byte");
  assert_why("d4:infoi1e", 10, "ends in the middle");
  assert_why("le", 2, "dictionary");
  assert_why("5:hello", 7, "dictionary");
}

TEST(the_error_may_be_left_out) {
  struct metainfo m;
  assert_int_equal(metainfo_parse(&m, "x", 1, NULL), ERR_FORMAT);
  assert_int_equal(metainfo_parse(&m, "de", 2, NULL), ERR_FORMAT);
}

TEST(info_must_be_a_dictionary) {
  bad("{'announce': 'x'}", ERR_FORMAT, "info", "missing");
  bad("{'info': 5}", ERR_FORMAT, "info", "dictionary");
  bad("{'info': []}", ERR_FORMAT, "info", "dictionary");
  bad("{'info': {}}", ERR_FORMAT, "info", "neither");
}

TEST(repeated_keys_are_refused_by_name) {
  bad("{'info': {}, 'info': {}}", ERR_FORMAT, "torrent.info", "more than once");
  bad("{'b': 1, 'info': {}, 'a': 1, 'b': 2}", ERR_FORMAT, "torrent.b", "more than once");
  bad(INSIDE("'length': 2, "), ERR_FORMAT, "info.length", "more than once");
  bad(INSIDE("'pieces': 'x', "), ERR_FORMAT, "info.pieces", "more than once");
  bad(FILES("[{'length': 1, 'length': 2, 'path': ['a']}]"), ERR_FORMAT, "info.files[0].length",
      "more than once");
}

TEST(piece_lengths_are_bounded) {
  static const char format[] =
    "{'info': {'length': 1, 'name': 'a', 'piece length': %s, 'pieces': #20}}";
  static const struct {
    const char *piece_len;
    enum err e;
    const char *why;
  } row[] = {{"0", ERR_FORMAT, "at least 1"},
             {"-16384", ERR_FORMAT, "at least 1"},
             {"536870913", ERR_LIMIT, "512 MiB"},
             {"4294967297", ERR_LIMIT, "512 MiB"},
             {"'16384'", ERR_FORMAT, "integer"}};
  char text[200];
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    snprintf(text, sizeof text, format, row[i].piece_len);
    bad(text, row[i].e, "info.piece length", row[i].why);
  }
  snprintf(text, sizeof text, format, "536870912");
  struct metainfo m = good(text);
  metainfo_free(&m);
  bad("{'info': {'length': 1, 'name': 'a', 'pieces': #20}}", ERR_FORMAT, "info.piece length",
      "missing");
  bad("{'info': {'length': 2097153, 'name': 'a', 'piece length': 1, 'pieces': #20}}", ERR_LIMIT,
      "info.piece length", "2097152 pieces");
}

TEST(pieces_must_fit_the_length_exactly) {
  static const char *const pieces[] = {"#0", "#19", "#21", "#40"};
  char text[200];
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    snprintf(text, sizeof text,
             "{'info': {'length': 9, 'name': 'a', 'piece length': 9, 'pieces': %s}}", pieces[i]);
    bad(text, ERR_FORMAT, "info.pieces", "need 20 bytes");
  }
  bad("{'info': {'length': 9, 'name': 'a', 'piece length': 9}}", ERR_FORMAT, "info.pieces",
      "missing");
  bad("{'info': {'length': 9, 'name': 'a', 'piece length': 9, 'pieces': 20}}", ERR_FORMAT,
      "info.pieces", "string");
}

/* --- Tolerance. --- */

TEST(a_missing_name_is_the_empty_name) {
  struct metainfo m = good("{'info': {'length': 1, 'piece length': 1, 'pieces': #20}}");
  assert_string_equal(m.name, "");
  assert_int_equal(m.files[0].path_len[0], 0);
  metainfo_free(&m);
  m = good("{'info': {'length': 1, 'name.utf-8': 'u', 'piece length': 1, 'pieces': #20}}");
  assert_string_equal(m.name, "u");
  metainfo_free(&m);
  bad("{'info': {'length': 1, 'name': 5, 'piece length': 1, 'pieces': #20}}", ERR_FORMAT,
      "info.name", "string");
}

static bool is_private(const char *text) {
  struct metainfo m = good(text);
  bool private = m.is_private;
  metainfo_free(&m);
  return private;
}

TEST(only_the_integer_one_makes_a_torrent_private) {
  struct metainfo m = loaded("private.torrent");
  assert_true(m.is_private);
  metainfo_free(&m);
  assert_true(is_private(INSIDE("'private': 1, ")));
  assert_false(is_private(INSIDE("'private': 0, ")));
  assert_false(is_private(INSIDE("'private': 2, ")));
  assert_false(is_private(INSIDE("'private': '1', ")));
  assert_false(is_private(BESIDE("'private': 1, ")));
}

TEST(a_date_may_be_0_or_before_1970) {
  struct metainfo m = good(BESIDE("'creation date': 0, "));
  assert_true(m.has_creation_date && m.creation_date == 0);
  metainfo_free(&m);
  m = good(BESIDE("'creation date': -5, "));
  assert_true(m.has_creation_date && m.creation_date == -5);
  metainfo_free(&m);
}

TEST(texts_of_the_wrong_type_are_left_out) {
  struct metainfo m = good(BESIDE("'comment': 5, 'created by': [], 'creation date': 'now', "
                                  "'encoding': {}, 'nodes': 1, 'url-list': 7, "));
  assert_null(m.comment);
  assert_null(m.created_by);
  assert_null(m.encoding);
  assert_false(m.has_creation_date);
  assert_int_equal(m.creation_date, 0);
  assert_int_equal(m.node_count, 0);
  assert_int_equal(m.web_seed_count, 0);
  metainfo_free(&m);
}

TEST(a_newer_version_without_a_first_half_is_refused) {
  bad("{'info': {'file tree': {}, 'name': 'a', 'piece length': 16384}}", ERR_UNSUPPORTED, "info",
      "v2-only");
  bad("{'info': {'meta version': 3, 'name': 'a'}}", ERR_UNSUPPORTED, "info", "v2-only");
  struct metainfo m = good(INSIDE("'meta version': 3, "));
  assert_false(m.has_v2);
  metainfo_free(&m);
}

TEST(freeing_twice_is_harmless) {
  struct metainfo m = loaded("single.torrent");
  metainfo_free(&m);
  metainfo_free(&m);
  assert_null(m.files);
}

int main(void) {
  RUN(T(a_single_file_torrent_is_read), T(every_standard_field_is_kept),
      T(what_is_absent_is_null_or_zero), T(a_hybrid_is_read_by_its_first_half),
      T(a_v2_only_torrent_is_refused_in_words), T(a_torrent_of_empty_files_has_no_pieces),
      T(the_utf8_variant_of_a_name_is_preferred),
      T(unsorted_keys_are_tolerated_and_hashed_as_they_stand),
      T(keys_must_be_in_order_in_the_root_and_in_info),
      T(one_newline_behind_the_torrent_is_tolerated), T(the_raw_info_is_kept_and_parses_alone),
      T(broken_torrents_are_refused_by_field), T(every_truncation_is_refused),
      T(what_is_no_torrent_is_called_by_its_name), T(the_error_may_be_left_out),
      T(info_must_be_a_dictionary), T(repeated_keys_are_refused_by_name),
      T(piece_lengths_are_bounded), T(pieces_must_fit_the_length_exactly),
      T(a_missing_name_is_the_empty_name), T(only_the_integer_one_makes_a_torrent_private),
      T(a_date_may_be_0_or_before_1970),
      T(texts_of_the_wrong_type_are_left_out), T(a_newer_version_without_a_first_half_is_refused),
      T(freeing_twice_is_harmless));
}
