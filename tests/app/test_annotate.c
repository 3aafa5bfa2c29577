/*
 * The tree of bytes: every byte has its line, every known key its meaning, hashes and departures
 * their places. app/annotate, app/annotate_keys.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "../fixture.h"
#include "../support/annotated.h"
#include "base/crypto.h"

/* The tree of `len` bytes, checked; freed by the next call. */
static const char *tree_with(const void *in, size_t len, const struct annotate_options *o) {
  static struct buf out;
  struct canon c;
  buf_free(&out);
  buf_init(&out, 1 << 24);
  uint8_t *copy = malloc(len ? len : 1);
  assert_non_null(copy);
  memcpy(copy, in, len);
  assert_int_equal(canon_read(&c, copy, len), ERR_OK);
  annotated_make(&c, o, &out);
  assert_false(out.failed);
  const char *wrong = annotated_check(&c, buf_cstr(&out), out.len);
  if (wrong != NULL) fail_msg("%s: %.*s\n%s", wrong, (int)len, (const char *)in, buf_cstr(&out));
  canon_free(&c);
  free(copy);
  return buf_cstr(&out);
}

static const char *tree(const void *in, size_t len, size_t width) {
  return tree_with(in, len, &(struct annotate_options){.width = width, .full = true});
}

/* As it is without --full. */
static const char *short_tree(const void *in, size_t len, size_t width) {
  return tree_with(in, len, &(struct annotate_options){.width = width, .newline = true});
}

static void shows(const char *text, const char *want) {
  if (strstr(text, want) == NULL) fail_msg("no \"%s\" in:\n%s", want, text);
}

static void hides(const char *text, const char *other) {
  if (strstr(text, other) != NULL) fail_msg("\"%s\" is in:\n%s", other, text);
}

TEST(a_small_value_reads_like_this) {
  assert_string_equal(tree("d1:ai-5e4:textl0:ee", 19, 80),
    "at: offset, counted from 0. len: number of bytes. [+N]: N more bytes. +: bytes\n"
    "of the value above, as text in quotes or in hexadecimal.\n"
    " at len  bytes                        what it is\n"
    "  0  19  d                            dictionary of 2 keys\n"
    "  1   3  | 1:a                        key\n"
    "  4   4  | i-5e                       integer\n"
    "  8   6  | 4:text                     key\n"
    " 14   4  | l                          list of 1 item\n"
    " 15   2  | | 0:                       string of 0 bytes\n"
    " 17   1  | e                          ends the list of byte 14\n"
    " 18   1  e                            ends the dictionary of byte 0\n"
    "\n"
    "19 bytes.\n"
    "  = This is canonical bencoding (BEP 3).\n");
}

TEST(a_narrow_terminal_gets_the_meaning_below) {
  assert_string_equal(tree("l5:helloe", 9, 40),
    "at: offset, counted from 0. len: number\n"
    "of bytes. [+N]: N more bytes. +: bytes\n"
    "of the value above, as text in quotes or\n"
    "in hexadecimal.\n"
    " at len  bytes\n"
    "  0   9  l\n"
    "           list of 1 item\n"
    "  1   7  | 5:hello\n"
    "           string of 5 bytes\n"
    "  8   1  e\n"
    "           ends the list of byte 0\n"
    "\n"
    "9 bytes.\n"
    "  = This is canonical bencoding (BEP 3).\n");
}

/* "d5:peers120:...e", the peers of bytes 128 to 247. */
static size_t make_peers(char in[static 200]) {
  size_t n = (size_t)snprintf(in, 200, "d8:intervali1800e5:peers120:");
  for (int i = 0; i < 120; i++) in[n++] = (char)(128 + i);
  in[n++] = 'e';
  return n;
}

TEST(peers_stand_one_to_a_line_the_first_of_them_or_all) {
  char in[200];
  size_t len = make_peers(in);
  const char *text = short_tree(in, len, 80);
  shows(text, " 24 124  | 120:\\x80\\x81\\x82 [+117]    string of 120 bytes: 20 peers of 6 bytes\n"
              " 28   +  | 80818283 8485              128.129.130.131:33925\n"
              " 34   +  | 86878889 8a8b              134.135.136.137:35467\n");
  shows(text, " 70   +  | aaabacad aeaf              170.171.172.173:44719\n"
              " 76   +  | [+72]                      12 more peers: --full\n"
              "148   1  e ");
  text = tree(in, len, 80);
  shows(text, "142   +  | f2f3f4f5 f6f7              242.243.244.245:63223\n"
              "148   1  e ");
  hides(text, "--full");
  text = tree(in, len, 40);
  shows(text, "142   +  | f2f3f4f5 f6f7\n"
              "           242.243.244.245:63223\n");
}

TEST(bytes_of_no_meaning_are_dumped_16_to_a_line) {
  char in[300] = "200:";
  for (int i = 0; i < 200; i++) in[4 + i] = (char)i;
  const char *text = short_tree(in, 204, 80);
  shows(text, "  4   +  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................\n"
              " 20   +  10 11 ");
  shows(text, " 36   +  20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f  .!\"#$%&'()*+,-./\n");
  shows(text, "132   +  [+72]                        72 more bytes: --full\n");
  text = tree(in, 204, 80);
  shows(text, "196   +  c0 c1 c2 c3 c4 c5 c6 c7                          ........\n");
  text = tree(in, 204, 40);
  shows(text, "  4   +  00 01 02 03 04 05 06 07\n");
  in[0] = '1', in[1] = '2', in[2] = '9'; /* what would be one more line is shown */
  hides(short_tree(in, 133, 80), "--full");
}

TEST(text_and_integers_that_have_no_room_are_whole_below) {
  shows(short_tree("31:http://tracker.example/announce", 34, 80),
        "  0  34  31:http://tracker.exa [+13]  string of 31 bytes\n"
        "  3   +  \"http://tracker.example/announce\"\n");
  shows(short_tree("37:\xe2\x82\xac\xe2\x82\xac tab\tend \xe2\x80\xae \xe2\x82\xac\xe2\x82\xac"
                   "\xe2\x82\xac\xe2\x82\xac\\\"    ", 40, 80),
        "\n  3   +  \"\u20ac\u20ac tab\\x09end \\u{202e} \u20ac\u20ac\u20ac\u20ac\\\\\"    \"\n");
  char digits[300] = "i";
  memset(digits + 1, '7', 200);
  digits[201] = 'e';
  const char *text = short_tree(digits, 202, 80);
  shows(text, " [+");
  shows(text, "\n  0   +  \"i77777");
  shows(text, "7777e\"\n");
}

TEST(each_hash_has_its_line_and_its_piece) {
  struct fixture f = fixture("single.torrent");
  const char *text = tree(f.data, f.len, 80);
  shows(text, "  piece 0\n");
  shows(text, "  piece 3\n");
  hides(text, "  piece 4\n");
  free(f.data);
  f = fixture("v2only.torrent");
  text = tree(f.data, f.len, 120);
  shows(text, "piece 0\n");
  free(f.data);
}

TEST(nodes_and_flags_are_split_too) {
  const char *text = tree("d1:rd2:id20:aaaaaaaaaaaaaaaaaaaa5:nodes26:bbbbbbbbbbbbbbbbbbbb\x01\x02"
                          "\x03\x04\x00\x50" "6:valuesl6:\x05\x06\x07\x08\x00\x51"
                          "ee1:t2:aa1:y1:re", 101, 80);
  shows(text, "  a node,\n");
  shows(text, "  1.2.3.4:80\n");
  shows(text, "  5.6.7.8:81\n");
  text = tree("d5:added6:aaaaaa7:added.f1:\x13" "e", 29, 80);
  shows(text, "13                         prefers encryption, downloads nothing, can\n");
}

TEST(what_is_hashed_is_said_to_the_byte) {
  struct fixture f = fixture("single.torrent");
  const char *text = tree(f.data, f.len, 80);
  shows(text, "# bytes 293 to 457 (165 bytes) are hashed\n");
  shows(text, "# SHA-1, the info hash: a838fdf50b9b0f3eb8efde08f0bb97a1288778a5\n");
  shows(text, "4 SHA-1 hashes of 20");
  shows(text, "2023-11-14 22:13:20 UTC");
  shows(text, "a torrent file\n                                      (BEP 3)\n");
  hides(text, "SHA-256");
  hides(text, "  ! ");
  free(f.data);
  f = fixture("hybrid.torrent");
  text = tree(f.data, f.len, 80);
  shows(text, "# SHA-1, the info hash: fe14fbba05ff6669b3dd587972081b35137e8eba\n");
  shows(text, "# SHA-256, the info hash of version 2:");
  shows(text, "name of a file or folder");
  free(f.data);
}

TEST(a_torrent_of_version_2_alone_has_no_sha_1) {
  struct fixture f = fixture("v2only.torrent");
  const char *text = tree(f.data, f.len, 80);
  hides(text, "SHA-1, the info hash");
  shows(text, "# SHA-256, the info hash of version 2:");
  shows(text, "nothing of version 1");
  free(f.data);
}

TEST(a_version_is_its_whole_number) {
  const char *text = tree("d4:infod12:meta versioni23e4:name1:a6:pieces0:ee", 48, 80);
  hides(text, "of version 2:");
  shows(text, "SHA-1, the info hash");
  shows(text, "\"meta version\" is none that weft knows");
  text = tree("d4:infod12:meta versioni23e4:name1:aee", 38, 80);
  hides(text, "SHA-1, the info hash");
}

TEST(an_info_that_is_there_twice_is_no_one_hash) {
  static const char twice[] = "d4:infod4:name1:ae4:infod4:name1:bee";
  const char *text = tree(twice, sizeof twice - 1, 80);
  shows(text, "# bytes 7 to 17 (11 bytes) are hashed by programs that read this \"info\"\n");
  shows(text, "# bytes 24 to 34 (11 bytes) are hashed by programs that read this \"info\"\n");
  shows(text, "! \"info\" is there 2 times. Programs differ in which one they read");
  hides(text, "are hashed\n");
  static const char second[] = "d4:infoi5e4:infod4:name1:bee";
  text = tree(second, sizeof second - 1, 80);
  shows(text, "a torrent file");
  shows(text, "# bytes 16 to 26 (11 bytes) are hashed by programs");
  shows(text, "! \"info\" is there 2 times.");
}

TEST(an_info_alone_is_hashed_whole) {
  const char *text = tree("d6:lengthi5e4:name1:x12:piece lengthi16384e6:pieces0:e", 54, 80);
  shows(text, "# bytes 0 to 53 (54 bytes) are hashed");
  shows(text, "dictionary of 4 keys: the info of a\n");
}

TEST(a_torrent_that_is_cut_has_no_info_hash) {
  struct fixture f = fixture("single.torrent");
  const char *text = tree(f.data, 400, 80);
  shows(text, "cut off, so there is no info hash");
  hides(text, "SHA-1, the info hash");
  shows(text, "! byte 356: expected a string no longer than the rest of the input");
  free(f.data);
}

TEST(departures_stand_below_the_line_that_they_are_about) {
  const char *text = tree("d1:bi01e1:ai1e1:a0:e\n", 21, 80);
  shows(text, "  4   4  | i01e                       integer\n"
              "  ! byte 5: expected an integer without leading zeros\n");
  shows(text, "  8   3  | 1:a                        key\n"
              "  ! byte 8: keys are not in order: \"a\" belongs before \"b\" of byte 1\n");
  shows(text, "  ! byte 14: the key \"a\" was there before, at byte 8\n");
  shows(text, "not canonical bencoding (BEP 3): 4 departures");
  shows(text, "! duplicate-key, at byte 14\n");
  shows(text, "21 bytes, read up to byte 20.\n");
}

TEST(many_departures_of_a_kind_are_counted) {
  char in[200] = "l";
  for (int i = 0; i < 30; i++) memcpy(in + 1 + 4 * i, "i-0e", 4);
  in[121] = 'e';
  const char *text = tree(in, 122, 80);
  shows(text, "30 departures");
  shows(text, "! minus-zero, at byte 3, 7, 11, 15, 19, 23, 27, 31, 35, 39 and 20 more\n");
}

TEST(each_kind_of_message_is_recognised) {
  static const struct {
    const char *in;
    const char *want[3];
  } rows[] = {
    {"d8:intervali1800e5:peers12:\x7f\x00\x00\x01\x1a\xe1\x7f\x00\x00\x01\x1a\xe2" "e",
     {"the answer of a tracker", "2 peers of 6 bytes", "(BEP 23)"}},
    {"d14:failure reason2:noe", {"the answer of a tracker", "why there is no answer", "(BEP 3)"}},
    {"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei5eeee",
     {"the answer to a scrape", "info hash of a torrent (BEP 48)", "have everything (BEP 48)"}},
    {"d1:md11:ut_metadatai1e3:xyzi2ee1:v4:weft4:reqqi1ee",
     {"handshake of the extension", "send the info dictionary (BEP 9)",
      "name of an extension (BEP 10)"}},
    {"d8:msg_typei0e5:piecei0ee", {"a message of ut_metadata", "16 KiB", "(BEP 9)"}},
    {"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:aa1:y1:qe",
     {"a packet of the DHT (BEP 5)", "id of the node that asks", "name of the query"}},
    {"d1:rd2:id20:aaaaaaaaaaaaaaaaaaaa5:token1:xe1:t2:aa1:y1:re",
     {"a packet of the DHT (BEP 5)", "id of the node that answers", "shown when announcing"}},
    {"d5:added6:aaaaaa7:added.f1:xe", {"a message of ut_pex", "6 bytes: a peer", "(BEP 11)"}},
    {"d8:announce1:x3:food1:ai1eee", {"a torrent file", "URL of the tracker", "| | 1:a"}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    size_t len = i == 0 ? 40 : strlen(rows[i].in);
    const char *text = tree(rows[i].in, len, 120);
    for (size_t k = 0; k < 3; k++) shows(text, rows[i].want[k]);
  }
}

TEST(what_stands_behind_a_metadata_message_is_no_departure) {
  const char *text = tree("d8:msg_typei1e5:piecei0e10:total_sizei8eeDATADATA", 49, 80);
  shows(text, "= bytes 41 to 48 (8): a piece of the info dictionary");
  shows(text, "= This is canonical");
}

TEST(the_end_of_a_line_is_no_departure_where_it_was_allowed) {
  static const struct annotate_options strict = {.width = 80};
  shows(short_tree("i5e\n", 4, 80), "= bytes 3 to 3 (1): the end of a line");
  shows(short_tree("i5e\r\n", 5, 80), "canonical bencoding (BEP 3) but for the end of a line");
  shows(short_tree("i5e\n\n", 5, 80), "! byte 3: expected the end of the input");
  shows(tree_with("i5e\n", 4, &strict), "! byte 3: expected the end of the input");
}

TEST(a_limit_of_ours_is_no_departure) {
  char deep[300];
  memset(deep, 'l', 150);
  memset(deep + 150, 'e', 150);
  const char *text = tree(deep, sizeof deep, 80);
  hides(text, "canonical");
  shows(text, "! weft read no further than to byte 100, which is a limit of weft and no fault");
}

TEST(meanings_stop_where_nothing_is_known) {
  const char *text = tree("d3:food4:infoi1e4:name1:xee", 27, 80);
  hides(text, "BEP 3)\n ");
  hides(text, "key:");
  text = tree("d4:infod5:filesld4:pathl4:infoe6:lengthi1eeeee", 46, 120);
  shows(text, "size of the file, in bytes");
  shows(text, "folders and, last, the name of the file");
  hides(text, "as they stand");
}

TEST(every_key_of_the_table_has_a_meaning_and_a_bep) {
  for (int place = 1; place < PLACE_COUNT; place++) {
    const struct annotate_key *k = annotate_keys_find((enum annotate_place)place, "length", 6);
    if (k != NULL) assert_true(k->meaning != NULL && k->place == place);
  }
  assert_null(annotate_keys_find(PLACE_NONE, "info", 4));
  assert_null(annotate_keys_find(PLACE_TORRENT, "inf", 3));
  assert_null(annotate_keys_find(PLACE_TORRENT, "info\0", 5));
  assert_int_equal(annotate_keys_find(PLACE_INFO, "private", 7)->bep, 27);
}

TEST(deep_levels_are_counted_instead_of_drawn) {
  char deep[2 * BENCODE_DEPTH_MAX];
  memset(deep, 'l', BENCODE_DEPTH_MAX);
  memset(deep + BENCODE_DEPTH_MAX, 'e', BENCODE_DEPTH_MAX);
  const char *text = tree(deep, sizeof deep, 80);
  shows(text, " 99   2  | | | | 99| l ");
  for (const char *line = text; *line; line = strchr(line, '\n') + 1)
    assert_in_range(strcspn(line, "\n"), 0, 80);
}

TEST(no_line_of_a_real_torrent_is_wider_than_asked_for) {
  static const char *const names[] = {"single.torrent", "multi.torrent", "hybrid.torrent",
                                      "unsorted.torrent", "ext-handshake.bin"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct fixture f = fixture(names[i]);
    for (size_t width = ANNOTATE_WIDTH_MIN; width <= ANNOTATE_WIDTH_MAX; width += 5) {
      const char *text = tree(f.data, f.len, width);
      for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        if (strcspn(line, "\n") > width && strcspn(line, "\n") > 64 + 4)
          fail_msg("%s at %zu: %.*s", names[i], width, (int)strcspn(line, "\n"), line);
    }
    free(f.data);
  }
}

TEST(whatever_the_input_is_its_bytes_have_their_lines) {
  static const char *const parts[] = {
    "d", "l", "e", "e", "i1e", "i-0e", "1:a", "1:b", "4:info", "6:pieces", "5:files", "4:path",
    "3:\x1b[2", "4:\xe2\x80\xae.", "2:\xc2\x9b", "01:x", " ", "i1x2e", "1:\x7f", "9:short", "i12"};
  struct crypto_rng r = {.s = 34};
  for (size_t i = 0; i < 30000; i++) {
    char in[128];
    size_t len = crypto_rng_below(&r, 3) ? 1 : 0;
    in[0] = 'd';
    while (len < 100 && crypto_rng_below(&r, 15) != 0) {
      const char *part = parts[crypto_rng_below(&r, sizeof parts / sizeof *parts)];
      memcpy(in + len, part, strlen(part));
      len += strlen(part);
    }
    tree(in, len, 30 + (size_t)crypto_rng_below(&r, 100));
  }
}

int main(void) {
  RUN(T(a_small_value_reads_like_this), T(a_narrow_terminal_gets_the_meaning_below),
      T(peers_stand_one_to_a_line_the_first_of_them_or_all),
      T(bytes_of_no_meaning_are_dumped_16_to_a_line),
      T(text_and_integers_that_have_no_room_are_whole_below),
      T(each_hash_has_its_line_and_its_piece), T(nodes_and_flags_are_split_too),
      T(a_torrent_of_version_2_alone_has_no_sha_1), T(a_version_is_its_whole_number),
      T(an_info_that_is_there_twice_is_no_one_hash),
      T(the_end_of_a_line_is_no_departure_where_it_was_allowed),
      T(a_limit_of_ours_is_no_departure),
      T(what_is_hashed_is_said_to_the_byte), T(an_info_alone_is_hashed_whole),
      T(a_torrent_that_is_cut_has_no_info_hash),
      T(departures_stand_below_the_line_that_they_are_about),
      T(many_departures_of_a_kind_are_counted), T(each_kind_of_message_is_recognised),
      T(what_stands_behind_a_metadata_message_is_no_departure),
      T(meanings_stop_where_nothing_is_known), T(every_key_of_the_table_has_a_meaning_and_a_bep),
      T(deep_levels_are_counted_instead_of_drawn),
      T(no_line_of_a_real_torrent_is_wider_than_asked_for),
      T(whatever_the_input_is_its_bytes_have_their_lines));
}
