/*
 * The list of files in a torrent: proto/metainfo_files.
 */
#include "torrents.h"

TEST(files_are_laid_end_to_end) {
  struct metainfo m = loaded("multi.torrent");
  static const uint64_t offset[] = {0, 20000, 20000, 36384};
  assert_true(m.multi);
  assert_int_equal(m.file_count, 4);
  for (size_t i = 0; i < 4; i++) assert_int_equal(m.files[i].offset, offset[i]);
  assert_int_equal(m.files[1].length, 0);
  assert_int_equal(m.files[2].depth, 3);
  assert_string_equal(m.files[2].path[1], "deeper");
  assert_string_equal(m.name, "folder");
  assert_int_equal(m.geo.total, 36385);
  assert_int_equal(metainfo_payload(&m), 36385);
  metainfo_free(&m);
}

TEST(attributes_and_checksums_of_files_are_kept) {
  struct metainfo m = loaded("multi.torrent");
  assert_int_equal(strlen(m.files[0].md5sum), 32);
  assert_string_equal(m.files[1].md5sum, "");
  assert_true(m.files[2].executable && m.files[3].hidden);
  assert_false(m.files[0].executable || m.files[0].hidden || m.files[0].padding);
  metainfo_free(&m);
}

TEST(padding_takes_room_and_is_no_payload) {
  struct metainfo m = loaded("padding.torrent");
  assert_false(m.files[0].padding);
  assert_true(m.files[1].padding && m.files[3].padding);
  assert_true(m.files[4].symlink && m.files[4].length == 0);
  assert_int_equal(m.files[2].offset, 16384);
  assert_int_equal(m.geo.total, 49157);
  assert_int_equal(metainfo_payload(&m), 21005);
  metainfo_free(&m);
}

TEST(hostile_names_are_kept_as_they_are) {
  struct metainfo m = loaded("evil-path.torrent");
  assert_string_equal(m.name, "../evil");
  assert_string_equal(m.files[0].path[0], "..");
  assert_string_equal(m.files[4].path[0], "");
  assert_int_equal(m.files[6].path_len[0], 3);
  assert_memory_equal(m.files[6].path[0], "a\0b", 4);
  metainfo_free(&m);
}

TEST(lengths_must_be_sensible) {
  static const char rest[] = "'name': 'a', 'piece length': 1, 'pieces': #20}}";
  static const struct {
    const char *length;
    enum err e;
    const char *why;
  } row[] = {{"-1", ERR_FORMAT, "at least 0"},
             {"'1'", ERR_FORMAT, "integer"},
             {"99999999999999999999", ERR_FORMAT, "64 bits"},
             {"9223372036854775807", ERR_LIMIT, "PiB"},
             {"1125899906842625", ERR_LIMIT, "PiB"}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    char text[200];
    snprintf(text, sizeof text, "{'info': {'length': %s, %s", row[i].length, rest);
    bad(text, row[i].e, "info.length", row[i].why);
  }
}

TEST(the_list_of_files_must_be_one) {
  bad(FILES("[]"), ERR_FORMAT, "info.files", "empty");
  bad(FILES("5"), ERR_FORMAT, "info.files", "list");
  bad(FILES("[5]"), ERR_FORMAT, "info.files[0]", "dictionary");
  bad(FILES("[{'length': 1, 'path': ['a']}, {'path': ['b']}]"), ERR_FORMAT,
      "info.files[1].length", "missing");
  bad(FILES("[{'length': -5, 'path': ['a']}]"), ERR_FORMAT, "info.files[0].length", "at least");
}

TEST(every_file_needs_a_path) {
  bad(FILES("[{'length': 1}]"), ERR_FORMAT, "info.files[0].path", "missing");
  bad(FILES("[{'length': 1, 'path': []}]"), ERR_FORMAT, "info.files[0].path", "one or more");
  bad(FILES("[{'length': 1, 'path': 'a'}]"), ERR_FORMAT, "info.files[0].path", "list");
  bad(FILES("[{'length': 1, 'path': ['a', 5]}]"), ERR_FORMAT, "info.files[0].path", "strings");
}

/* A torrent whose one file lies in `depth` - 1 folders. */
static enum err parse_deep(size_t depth, struct metainfo *m, struct metainfo_error *err) {
  struct buf text;
  buf_init(&text, 10000);
  buf_put_str(&text, "{'info': {'files': [{'length': 1, 'path': [");
  for (size_t i = 0; i < depth; i++) buf_put_str(&text, "'d',");
  buf_put_str(&text, "]}], 'name': 'n', 'piece length': 1, 'pieces': #20}}");
  enum err e = parse_ben(buf_cstr(&text), m, err);
  buf_free(&text);
  return e;
}

TEST(paths_are_64_deep_at_most) {
  struct metainfo m;
  struct metainfo_error err;
  assert_int_equal(parse_deep(64, &m, &err), ERR_OK);
  assert_int_equal(m.files[0].depth, 64);
  metainfo_free(&m);
  assert_int_equal(parse_deep(65, &m, &err), ERR_LIMIT);
  assert_string_equal(err.field, "info.files[0].path");
}

TEST(the_sum_of_lengths_cannot_wrap) {
  bad(FILES("[{'length': 600000000000000, 'path': ['a']},"
            " {'length': 600000000000000, 'path': ['b']}]"),
      ERR_LIMIT, "info.files[1].length", "PiB");
}

TEST(a_path_variant_of_the_wrong_type_is_passed_over) {
  struct metainfo m = good(FILES("[{'length': 1, 'path': ['a'], 'path.utf-8': 'b'},"
                                 " {'length': 1, 'path': ['c'], 'path.utf-8': [1]},"
                                 " {'length': 1, 'path': ['d'], 'path.utf-8': []}]"));
  assert_string_equal(m.files[0].path[0], "a");
  assert_string_equal(m.files[1].path[0], "c");
  assert_string_equal(m.files[2].path[0], "d");
  metainfo_free(&m);
}

TEST(symbolic_links_take_no_room) {
  struct metainfo m = good(FILES("[{'attr': 'l', 'path': ['a']},"
                                 " {'attr': 'lx', 'length': 99, 'path': ['b']},"
                                 " {'length': 5, 'path': ['c']}]"));
  assert_true(m.files[1].symlink && m.files[1].executable);
  assert_int_equal(m.files[2].offset, 0);
  assert_int_equal(m.geo.total, 5);
  metainfo_free(&m);
}

TEST(the_only_file_is_never_padding) {
  struct metainfo m = good(INSIDE("'attr': 'plx', "));
  assert_false(m.files[0].padding || m.files[0].symlink);
  assert_true(m.files[0].executable);
  metainfo_free(&m);
}

TEST(a_checksum_that_is_none_is_left_out) {
  struct metainfo m = good(INSIDE("'md5sum': #32, "));
  assert_string_equal(m.files[0].md5sum, "");
  metainfo_free(&m);
  m = good(INSIDE("'md5sum': '0123456789abcdef0123456789ABCDEF', "));
  assert_string_equal(m.files[0].md5sum, "0123456789abcdef0123456789ABCDEF");
  metainfo_free(&m);
}

int main(void) {
  RUN(T(files_are_laid_end_to_end), T(attributes_and_checksums_of_files_are_kept),
      T(padding_takes_room_and_is_no_payload), T(hostile_names_are_kept_as_they_are),
      T(lengths_must_be_sensible), T(the_list_of_files_must_be_one), T(every_file_needs_a_path),
      T(paths_are_64_deep_at_most), T(the_sum_of_lengths_cannot_wrap),
      T(a_path_variant_of_the_wrong_type_is_passed_over), T(symbolic_links_take_no_room),
      T(the_only_file_is_never_padding), T(a_checksum_that_is_none_is_left_out));
}
