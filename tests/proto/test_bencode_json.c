/*
 * Bencoding as JSON, and the way back: proto/bencode_json.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "../support/json_back.h"
#include "base/crypto.h"
#include "proto/bencode_json.h"

/* Writes `len` bytes of bencoding as JSON, emptying the buffer after each step into `out`. */
static void write_json(const void *in, size_t len, struct buf *out) {
  struct ben_doc d;
  struct bencode_json w;
  struct json j;
  struct buf part;
  assert_int_equal(bencode_decode(&d, in, len, &bencode_torrent_limits), ERR_OK);
  buf_init(&part, BENCODE_JSON_STEP_MAX);
  json_begin(&j, &part);
  bencode_json_begin(&w, &d, bencode_root(&d));
  while (bencode_json_step(&w, &j)) {
    assert_false(part.failed);
    buf_put(out, part.data, part.len);
    buf_clear(&part);
  }
  assert_false(bencode_json_step(&w, &j));
  buf_free(&part);
  bencode_free(&d);
}

static void becomes_of(const char *in, size_t len, const char *want) {
  struct buf b;
  buf_init(&b, 100000);
  write_json(in, len, &b);
  assert_string_equal(buf_cstr(&b), want);
  buf_free(&b);
}

static void becomes(const char *in, const char *want) {
  becomes_of(in, strlen(in), want);
}

TEST(the_examples_of_the_exercise_come_out_to_the_byte) {
  becomes("5:hello", "\"hello\"");
  becomes("16:http://a.b:80/an", "\"http://a.b:80/an\"");
  becomes("i52e", "52");
  becomes("i-52e", "-52");
  becomes("i4294967300e", "4294967300");
  becomes("l5:helloi52ee", "[\"hello\",52]");
  becomes("le", "[]");
  becomes("lli4eei5ee", "[[4],5]");
  becomes("d3:foo3:bar5:helloi52ee", "{\"foo\":\"bar\",\"hello\":52}");
  becomes("de", "{}");
  becomes("d1:ad1:bleee", "{\"a\":{\"b\":[]}}");
}

TEST(integers_keep_all_their_digits) {
  becomes("i-123456789012345678901234567890123456789e", "-123456789012345678901234567890123456789");
  becomes("i18446744073709551616e", "18446744073709551616");
}

TEST(a_string_that_is_no_text_is_digits) {
  becomes("2:\xff\x01", "\"hex:ff01\"");
  becomes("3:a\xc3\x28", "\"hex:61c328\"");
  becomes("d1:\x80" "0:e", "{\"hex:80\":\"\"}");
  becomes("3:\xed\xa0\x80", "\"hex:eda080\"");
  becomes_of("2:\0\n", 4, "\"\\u0000\\u000a\"");
  becomes("2:\xc3\xa9", "\"\\u00e9\"");
  becomes("4:\xf0\x9f\xa7\xb5", "\"\\ud83e\\uddf5\"");
}

TEST(text_that_looks_like_digits_is_told_from_them) {
  becomes("4:hex:", "\"hex:6865783a\"");
  becomes("6:hex:ff", "\"hex:6865783a6666\"");
  becomes("3:hex", "\"hex\"");
  becomes("4:Hex:", "\"Hex:\"");
  becomes("5: hex:", "\" hex:\"");
}

TEST(keys_that_repeat_or_are_out_of_order_stay_as_they_are) {
  becomes("d1:bi1e1:ai2e1:bi3ee", "{\"b\":1,\"a\":2,\"b\":3}");
}

TEST(a_value_can_stand_inside_other_json) {
  struct ben_doc d;
  struct json j;
  struct buf b;
  buf_init(&b, 1000);
  json_begin(&j, &b);
  assert_int_equal(bencode_decode(&d, "d1:ali1eee", 10, &bencode_message_limits), ERR_OK);
  json_open_object(&j, NULL);
  json_u64(&j, "n", 1);
  json_key(&j, "dict", 4);
  bencode_json_put(&j, &d, bencode_root(&d));
  json_key(&j, "list", 4);
  bencode_json_put(&j, &d, bencode_get(&d, 0, "a"));
  json_key(&j, "none", 4);
  bencode_json_put(&j, &d, BEN_NONE);
  json_close(&j, '}');
  assert_string_equal(buf_cstr(&b), "{\"n\":1,\"dict\":{\"a\":[1]},\"list\":[1],\"none\":null}");
  bencode_free(&d);
  buf_free(&b);
}

/* --- The property: JSON goes back to the very bytes that it came from. --- */

/* A string made to do harm: controls, bidi marks, cut, overlong and surrogate forms, our own mark,
 * what JSON and HTML act on. */
static void put_hostile(struct crypto_rng *r, struct buf *b) {
  static const char *const tricks[] = {
    "\x1b]0;x\x07", "\xc2\x9b",     "\xe2\x80\xae",     "\xe2\x81\xa6", "\xc0\x80", "\xe0\x80\x80",
    "\xed\xa0\x80", "\xed\xb2\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf4\x8f\xbf\xbf",
    "\\u0041",      "\\",           "\"",               "hex:",         "ff",       "</script>",
    "\xef\xbb\xbf", "\xef\xbf\xbd", "\xc3",             "\xf0\x9f\xa7", "\n",       "\x7f"};
  struct buf s;
  buf_init(&s, 4096);
  for (uint64_t n = crypto_rng_below(r, 6); n > 0; n--) {
    uint64_t kind = crypto_rng_below(r, 4);
    if (kind == 0) buf_put_u8(&s, (uint8_t)crypto_rng_below(r, 256));
    if (kind == 1) json_back_utf8(&s, (uint32_t)crypto_rng_below(r, 0xd800));
    if (kind == 2) json_back_utf8(&s, 0xe000 + (uint32_t)crypto_rng_below(r, 0x102000));
    if (kind == 3) buf_put_str(&s, tricks[crypto_rng_below(r, sizeof tricks / sizeof *tricks)]);
  }
  bencode_put_str(b, s.data, s.len);
  buf_free(&s);
}

static void put_number(struct crypto_rng *r, struct buf *b) {
  buf_printf(b, "i%s%llu", crypto_rng_below(r, 2) ? "-" : "",
             (unsigned long long)crypto_rng_below(r, 1000) + 1);
  for (uint64_t n = crypto_rng_below(r, 40); n > 0; n--) buf_put_u8(b, '7');
  buf_put_u8(b, 'e');
}

/* A random document; closes what it opens. */
static void put_document(struct crypto_rng *r, struct buf *b) {
  char open[BENCODE_DEPTH_MAX];
  size_t depth = 0;
  do {
    uint64_t kind = crypto_rng_below(r, 6);
    if (depth > 0 && open[depth - 1] == 'd' && kind != 5) put_hostile(r, b);
    if (kind == 5 && depth > 0) {
      bencode_close(b);
      depth--;
    } else if (kind >= 3 && depth < BENCODE_DEPTH_MAX && b->len < 4000) {
      open[depth++] = kind == 3 ? 'l' : 'd';
      buf_put_u8(b, (uint8_t)open[depth - 1]);
    } else if (kind == 0) {
      put_number(r, b);
    } else {
      put_hostile(r, b);
    }
  } while (depth > 0);
}

TEST(whatever_the_strings_are_json_goes_back_to_the_same_bytes) {
  struct crypto_rng r = {.s = 33};
  struct buf in;
  struct buf out;
  struct buf back;
  buf_init(&in, 1 << 20);
  buf_init(&out, 8 << 20);
  buf_init(&back, 1 << 20);
  for (size_t i = 0; i < 20000; i++) {
    buf_clear(&in);
    buf_clear(&out);
    buf_clear(&back);
    put_document(&r, &in);
    assert_false(in.failed);
    write_json(in.data, in.len, &out);
    if (!json_back(buf_cstr(&out), &back)) fail_msg("no JSON: %s", buf_cstr(&out));
    assert_int_equal(back.len, in.len);
    assert_memory_equal(back.data, in.data, in.len);
  }
  buf_free(&in);
  buf_free(&out);
  buf_free(&back);
}

TEST(long_strings_come_in_parts_that_end_between_characters) {
  static const char *const units[] = {"a", "\xe2\x82\xac", "\xf0\x9f\xa7\xb5", "\xff", "\x01"};
  struct buf in;
  struct buf out;
  struct buf back;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    size_t n = strlen(units[i]);
    buf_init(&in, 1 << 20);
    buf_init(&out, 8 << 20);
    buf_init(&back, 1 << 20);
    buf_printf(&in, "d%zu:", 100001 * n);
    for (size_t k = 0; k < 100001; k++) buf_put(&in, units[i], n);
    buf_put_str(&in, "i1ee");
    write_json(in.data, in.len, &out);
    assert_true(json_back(buf_cstr(&out), &back));
    assert_int_equal(back.len, in.len);
    assert_memory_equal(back.data, in.data, in.len);
    buf_free(&in);
    buf_free(&out);
    buf_free(&back);
  }
}

int main(void) {
  RUN(T(the_examples_of_the_exercise_come_out_to_the_byte), T(integers_keep_all_their_digits),
      T(a_string_that_is_no_text_is_digits), T(text_that_looks_like_digits_is_told_from_them),
      T(keys_that_repeat_or_are_out_of_order_stay_as_they_are),
      T(a_value_can_stand_inside_other_json),
      T(whatever_the_strings_are_json_goes_back_to_the_same_bytes),
      T(long_strings_come_in_parts_that_end_between_characters));
}
