/*
 * Departures from canonical bencoding, each named at its byte, and agreement with the strict
 * decoder about any input: proto/canon, proto/canon_text.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "proto/canon_text.h"

/* Reads a heap copy of exactly `len` bytes, so that ASan notices a read past the end. */
static struct canon reads(const void *in, size_t len) {
  struct canon c;
  uint8_t *copy = malloc(len ? len : 1);
  assert_non_null(copy);
  memcpy(copy, in, len);
  assert_int_equal(canon_read(&c, copy, len), ERR_OK);
  return c;
}

static void drop(struct canon *c) {
  free((void *)(uintptr_t)c->doc.in);
  canon_free(c);
}

/* "at:name" of every departure, with blanks in between. */
static void departs(const char *text, const char *want) {
  struct canon c = reads(text, strlen(text));
  struct buf b;
  buf_init(&b, 10000);
  for (size_t i = 0; i < c.fault_count; i++)
    buf_printf(&b, "%s%u:%s", i ? " " : "", c.faults[i].at, canon_text_name(c.faults[i].what));
  if (strcmp(buf_cstr(&b), want) != 0)
    fail_msg("\"%s\" gave \"%s\", not \"%s\"", text, buf_cstr(&b), want);
  buf_free(&b);
  drop(&c);
}

/* The sentence of the first departure. */
static void says(const char *text, const char *want) {
  struct canon c = reads(text, strlen(text));
  struct buf b;
  buf_init(&b, 10000);
  assert_true(c.fault_count > 0);
  canon_text_put(&c, &c.faults[0], &b);
  if (strcmp(buf_cstr(&b), want) != 0)
    fail_msg("\"%s\" says \"%s\", not \"%s\"", text, buf_cstr(&b), want);
  buf_free(&b);
  drop(&c);
}

TEST(canonical_input_departs_nowhere) {
  departs("i0e", "");
  departs("i-1e", "");
  departs("i123456789012345678901234567890e", "");
  departs("0:", "");
  departs("le", "");
  departs("de", "");
  departs("d0:0:1:ad1:xleee", "");
  departs("d2:aai1e2:abi2e3:abai3ee", "");
}

TEST(integers_have_one_form) {
  departs("i007e", "1:leading-zero");
  departs("i00e", "1:leading-zero");
  departs("i-07e", "2:leading-zero");
  departs("i-0e", "2:minus-zero");
  departs("i+5e", "1:plus-sign");
  departs("i+05e", "1:plus-sign 2:leading-zero");
  departs("ie", "1:no-digit");
  departs("i-e", "2:no-digit");
  departs("i--5e", "2:no-digit");
  departs("i1.5e", "2:junk-in-integer");
  departs("li1 ei2ee", "3:junk-in-integer");
}

TEST(lengths_have_one_form) {
  departs("05:hello", "0:length-leading-zero");
  departs("00:", "0:length-leading-zero");
  departs("5:hell", "0:string-too-long");
  departs("l99999999999999999999999:ae", "1:string-too-long");
  departs("5hello", "1:no-colon");
  departs("3", "0:string-too-long");
  departs("0", "1:input-ends");
  departs("01", "0:length-leading-zero 2:input-ends");
}

TEST(keys_are_in_order_and_there_once) {
  departs("d1:b0:1:a0:e", "6:unsorted-key");
  departs("d1:a0:1:a0:e", "6:duplicate-key");
  departs("d2:ab0:1:a0:e", "7:unsorted-key");
  departs("d1:a0:1:b0:1:a0:e", "11:unsorted-key 11:duplicate-key");
  departs("d1:a0:1:a0:1:a0:e", "6:duplicate-key 11:duplicate-key");
  departs("d1:c0:1:ad1:z0:1:y0:e1:b0:e", "6:unsorted-key 15:unsorted-key");
  departs("di1e0:e", "1:key-not-a-string");
  departs("dle1:ae", "1:key-not-a-string");
  departs("d1:ae", "4:key-without-value");
  departs("d1:b0:i1e0:1:b0:e", "6:key-not-a-string 11:duplicate-key");
}

TEST(nothing_stands_between_or_behind_values) {
  departs("i5e\n", "3:trailing-bytes");
  departs("i5ei6e", "3:trailing-bytes");
  departs(" i5e", "0:blank");
  departs("l i5e \r\n e", "1:blank 5:blank");
  departs("d1:a i1ee", "4:blank");
}

TEST(what_ends_too_early_is_read_as_far_as_it_goes) {
  departs("", "0:input-ends");
  departs("i12", "3:input-ends");
  departs("i", "1:input-ends");
  departs("i-", "2:input-ends");
  departs("l", "1:input-ends");
  departs("d1:b0:1:a", "6:unsorted-key 9:input-ends");
  departs("lld1:a", "6:input-ends");
  departs("l5:hello", "8:input-ends");
}

TEST(a_byte_that_begins_nothing_ends_the_walk) {
  departs("x", "0:no-value");
  departs("e", "0:no-value");
  departs("li1e?i2e", "4:no-value");
  departs("d1:a-", "4:no-value");
  departs("d?", "1:no-key");
  departs("l-5:helloe", "1:no-value");
}

TEST(one_walk_finds_them_all) {
  departs("d1:bi01e1:ali-0ee1:a02:xye\n",
          "5:leading-zero 8:unsorted-key 14:minus-zero 17:duplicate-key 20:length-leading-zero "
          "26:trailing-bytes");
}

TEST(depth_ends_at_its_bound) {
  char deep[2 * BENCODE_DEPTH_MAX + 3];
  memset(deep, 'l', BENCODE_DEPTH_MAX);
  memset(deep + BENCODE_DEPTH_MAX, 'e', BENCODE_DEPTH_MAX);
  deep[2 * BENCODE_DEPTH_MAX] = '\0';
  departs(deep, "");
  memset(deep, 'l', sizeof deep - 1);
  deep[sizeof deep - 1] = '\0';
  departs(deep, "100:too-deep");
}

TEST(too_much_is_refused_before_it_is_read) {
  struct canon c;
  uint8_t byte = 'i'; /* the length alone decides: nothing behind the first byte is looked at */
  assert_int_equal(canon_read(&c, &byte, bencode_torrent_limits.max_bytes + 1), ERR_LIMIT);
  assert_null(c.doc.tokens);
  canon_free(&c);
}

TEST(the_number_of_values_is_bounded) {
  size_t count = bencode_torrent_limits.max_tokens; /* and the list around them */
  size_t len = 2 * count + 2;
  uint8_t *in = malloc(len);
  assert_non_null(in);
  in[0] = 'l';
  for (size_t i = 0; i < count; i++) memcpy(in + 1 + 2 * i, "0:", 2);
  in[len - 1] = 'e';
  struct canon c;
  assert_int_equal(canon_read(&c, in, len), ERR_OK);
  assert_int_equal(c.fault_count, 1);
  assert_int_equal(c.faults[0].what, CANON_MANY);
  assert_int_equal(c.doc.count, bencode_torrent_limits.max_tokens);
  canon_free(&c);
  free(in);
}

TEST(sentences_say_what_was_expected) {
  says("d1:b0:1:a0:e", "keys are not in order: \"a\" belongs before \"b\" of byte 1");
  says("d1:a0:1:a0:e", "the key \"a\" was there before, at byte 1");
  says("d3:\x1b[20:3:\x1b[20:e", "the key \"\\x1b[2\" was there before, at byte 1");
  says("i5", "the input ends, expected the 'e' of the integer that begins at byte 0");
  says("l",
       "the input ends, expected the rest, up to the 'e', of the list that begins at byte 0");
  says("d1:ai1e",
       "the input ends, expected the rest, up to the 'e', of the dictionary that begins at byte "
       "0");
  says("", "the input ends, expected a value: a digit, 'i', 'l' or 'd'");
  says("x", "expected a value (a digit, 'i', 'l' or 'd'), found 'x'");
  says("l\x1b", "expected a value (a digit, 'i', 'l' or 'd') or the 'e' of the list that begins at "
                "byte 0, found byte 0x1b");
  says("di1ei2ee", "expected a key, which is a string, or the 'e' of the dictionary that begins at "
                   "byte 0, found 'i'");
  says("d1:ae", "expected the value of the last key of the dictionary that begins at byte 0, found "
                "its 'e'");
  says("9:abc", "expected a string no longer than the rest of the input, which has 5 bytes from "
                "here on");
  says("i5exyz", "expected the end of the input, found 3 more bytes");
  says("5hello", "expected a digit or the ':' behind the length of a string, found 'h'");
}

TEST(every_kind_has_a_name) {
  for (int i = 0; i < CANON_COUNT; i++)
    if (i != CANON_REFUSED && i != CANON_ENDS) assert_non_null(canon_text_name((enum canon_what)i));
}

/* Random bencoding, with some bytes of it then changed, put in or taken out. */
static size_t mangled(struct crypto_rng *r, uint8_t *out, size_t size) {
  static const char *const parts[] = {"d", "l", "e", "e", "e", "i1e", "i0e", "i-5e", "1:a", "1:b",
                                      "2:ab", "0:", "i-", "01:", "e", "d1:a"};
  size_t len = 0;
  if (crypto_rng_below(r, 4) != 0) out[len++] = 'd';
  while (len + 8 < size && crypto_rng_below(r, 12) != 0) {
    const char *part = parts[crypto_rng_below(r, sizeof parts / sizeof *parts)];
    memcpy(out + len, part, strlen(part));
    len += strlen(part);
  }
  for (uint64_t n = crypto_rng_below(r, 3); n > 0 && len > 0; n--)
    out[crypto_rng_below(r, len)] = (uint8_t) "dlei:0123-+ \nx"[crypto_rng_below(r, 14)];
  return len;
}

TEST(the_strict_decoder_gives_up_at_the_first_departure_that_it_refuses) {
  struct crypto_rng r = {.s = 31};
  size_t good = 0;
  for (size_t i = 0; i < 200000; i++) {
    uint8_t in[64];
    struct ben_doc d;
    struct canon c;
    size_t len = mangled(&r, in, sizeof in);
    assert_int_equal(canon_read(&c, in, len), ERR_OK);
    enum err e = bencode_decode(&d, in, len, &bencode_torrent_limits);
    const struct canon_fault *f = canon_refusal(&c);
    assert_int_equal(e == ERR_OK, f == NULL);
    if (f != NULL && f->at != d.error_at)
      fail_msg("%.*s: %u, not %zu", (int)len, (const char *)in, f->at, d.error_at);
    if (f == NULL) {
      good++;
      assert_int_equal(c.doc.count, d.count);
      for (size_t k = 0; k < d.count; k++) {
        assert_int_equal(c.doc.tokens[k].flags, d.tokens[k].flags);
        assert_int_equal(c.doc.tokens[k].next, d.tokens[k].next);
        assert_int_equal(c.doc.tokens[k].end, d.tokens[k].end);
      }
    }
    bencode_free(&d);
    canon_free(&c);
  }
  assert_true(good > 100);
}

int main(void) {
  RUN(T(canonical_input_departs_nowhere), T(integers_have_one_form), T(lengths_have_one_form),
      T(keys_are_in_order_and_there_once), T(nothing_stands_between_or_behind_values),
      T(what_ends_too_early_is_read_as_far_as_it_goes),
      T(a_byte_that_begins_nothing_ends_the_walk), T(one_walk_finds_them_all),
      T(depth_ends_at_its_bound), T(too_much_is_refused_before_it_is_read),
      T(the_number_of_values_is_bounded), T(sentences_say_what_was_expected),
      T(every_kind_has_a_name),
      T(the_strict_decoder_gives_up_at_the_first_departure_that_it_refuses));
}
