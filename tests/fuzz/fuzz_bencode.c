/*
 * Any bytes to the decoder of proto/bencode. What must hold:
 *
 *   - a decoded document, encoded again from its tokens, gives the bytes it came from: the decoder
 *     accepts one form of each value only, and loses nothing;
 *   - tokens nest: each lies inside its container, behind its older siblings;
 *   - the flags of a dictionary say what comparing all of its keys says;
 *   - the answer does not depend on what stands behind the value, if that is allowed to be there;
 *   - a refusal names a place inside the input and a reason.
 */
#include "fuzz.h"

#include "proto/bencode.h"

/* Tokens inside `v` follow each other without overlap and end inside it. */
static void check_nesting(const struct ben_doc *d) {
  CHECK(d->count > 0 && d->tokens[0].start == 0 && d->tokens[0].end == d->in_len);
  CHECK(d->tokens[0].next == d->count);
  for (uint32_t i = 0; i < d->count; i++) {
    const struct ben_token *t = &d->tokens[i];
    uint32_t at = t->start + 1;
    CHECK(t->start < t->end && t->end <= d->in_len);
    CHECK(t->next > i && t->next <= d->count);
    if (t->type == BEN_STR) CHECK(t->body > t->start && t->body <= t->end);
    if (t->type == BEN_STR || t->type == BEN_INT) {
      CHECK(t->next == i + 1);
      continue;
    }
    for (ben_val k = bencode_first(d, i); k != BEN_NONE; k = bencode_next(d, i, k)) {
      CHECK(d->tokens[k].start == at);
      at = d->tokens[k].end;
    }
    CHECK(at + 1 == t->end && d->in[at] == 'e');
  }
}

static void put_leaf(const struct ben_doc *d, uint32_t i, struct buf *out) {
  const char *s;
  const uint8_t *raw;
  size_t len;
  int64_t n;
  if (bencode_str(d, i, &s, &len))
    bencode_put_str(out, s, len);
  else if (bencode_int(d, i, &n))
    bencode_put_int(out, n);
  else if (bencode_raw(d, i, &raw, &len)) /* an integer beyond 64 bits */
    buf_put(out, raw, len);
}

static void check_round_trip(const struct ben_doc *d) {
  uint32_t ends[BENCODE_DEPTH_MAX];
  size_t depth = 0;
  struct buf out;
  buf_init(&out, d->in_len);
  for (uint32_t i = 0; i < d->count; i++) {
    uint8_t type = d->tokens[i].type;
    if (type == BEN_LIST) bencode_open_list(&out);
    if (type == BEN_DICT) bencode_open_dict(&out);
    if (type == BEN_LIST || type == BEN_DICT) {
      CHECK(depth < BENCODE_DEPTH_MAX);
      ends[depth++] = d->tokens[i].next;
    } else {
      put_leaf(d, i, &out);
    }
    for (; depth > 0 && ends[depth - 1] == i + 1; depth--) bencode_close(&out);
  }
  CHECK(depth == 0 && !out.failed && out.len == d->in_len);
  CHECK(memcmp(out.data, d->in, out.len) == 0);
  buf_free(&out);
}

static int compare(const struct ben_doc *d, ben_val a, ben_val b) {
  const char *s;
  const char *t;
  size_t m;
  size_t n;
  CHECK(bencode_str(d, a, &s, &m) && bencode_str(d, b, &t, &n));
  int c = memcmp(s, t, m < n ? m : n);
  return c ? c : (m > n) - (m < n);
}

/* Compares every key with every other; only where that is affordable. */
static void check_keys(const struct ben_doc *d, ben_val dict) {
  uint8_t flags = 0;
  ben_val keys[64];
  size_t n = 0;
  if (!bencode_is(d, dict, BEN_DICT) || bencode_count(d, dict) > 64) return;
  for (ben_val k = bencode_first(d, dict); k != BEN_NONE; k = bencode_next(d, dict, k)) {
    keys[n++] = k;
    k = bencode_next(d, dict, k);
    CHECK(k != BEN_NONE);
  }
  CHECK(n == bencode_count(d, dict));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++)
      if (compare(d, keys[j], keys[i]) == 0) flags |= BEN_DUPLICATE;
  for (size_t i = 1; i < n; i++)
    if (compare(d, keys[i - 1], keys[i]) > 0) flags |= BEN_UNSORTED;
  CHECK(flags == d->tokens[dict].flags);
  CHECK((flags & BEN_DUPLICATE) == 0 || bencode_is(d, bencode_repeated(d, dict), BEN_STR));
}

/* The same value with a byte behind it is refused, and accepted where a rest is allowed. */
static void check_rest(const uint8_t *data, size_t size) {
  struct ben_limits limits = bencode_torrent_limits;
  struct ben_doc d;
  uint8_t *more = malloc(size + 1);
  if (more == NULL) abort();
  memcpy(more, data, size);
  more[size] = 'e';
  CHECK(bencode_decode(&d, more, size + 1, &limits) == ERR_FORMAT);
  CHECK(d.error_at == size);
  limits.prefix = true;
  CHECK(bencode_decode(&d, more, size + 1, &limits) == ERR_OK);
  CHECK(d.in_len == size);
  bencode_free(&d);
  free(more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ben_doc d;
  struct ben_doc small;
  uint8_t *in = fuzz_copy(data, size);
  enum err e = bencode_decode(&d, in, size, &bencode_torrent_limits);
  enum err e_small = bencode_decode(&small, in, size, &bencode_message_limits);
  CHECK(e_small != ERR_OK || e == ERR_OK);
  bencode_free(&small);
  if (e == ERR_OK) {
    CHECK(d.in_len == size);
    check_nesting(&d);
    check_round_trip(&d);
    for (uint32_t i = 0; i < d.count; i++) check_keys(&d, i);
    check_rest(in, size);
  } else {
    CHECK(d.error_at <= size && d.error_why != NULL && d.tokens == NULL && d.count == 0);
  }
  bencode_free(&d);
  free(in);
  return 0;
}
