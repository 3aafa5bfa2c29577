/*
 * Any bytes to `weft decode`: proto/canon, proto/bencode_json and app/annotate. What must hold:
 *
 *   - the strict decoder and the tolerant walk agree: input is refused if and only if a departure
 *     of the sort that is refused was found, and at the byte of the first of them;
 *   - input without any departure is accepted, its dictionaries in order and without repeated keys;
 *   - departures are in order, each inside the input, each with a name and a sentence that a
 *     terminal can take;
 *   - JSON goes back to the very bytes that it came from;
 *   - the tree has a line for each byte, whatever the width, and nothing in it acts on a terminal.
 */
#include "fuzz.h"

#include "../support/annotated.h"
#include "../support/json_back.h"
#include "proto/bencode_json.h"
#include "proto/canon_text.h"

static void check_faults(const struct canon *c) {
  struct buf text;
  buf_init(&text, 4096);
  for (size_t i = 0; i < c->fault_count; i++) {
    const struct canon_fault *f = &c->faults[i];
    CHECK(f->at <= c->len && f->other <= c->len);
    CHECK(i == 0 || c->faults[i - 1].at <= f->at);
    CHECK(canon_text_name((enum canon_what)f->what) != NULL);
    CHECK(canon_count(c, (enum canon_what)f->what) > 0);
    buf_clear(&text);
    canon_text_put(c, f, &text);
    CHECK(!text.failed && text.len > 0 && !annotated_obeyed(buf_cstr(&text), text.len));
  }
  buf_free(&text);
}

/* What both say about input that is no more than the limits allow. */
static void check_agreement(const struct canon *c, const struct ben_doc *d, enum err e) {
  const struct canon_fault *f = canon_refusal(c);
  CHECK((e == ERR_OK) == (f == NULL));
  if (f != NULL) {
    CHECK(f->at == d->error_at);
    CHECK((e == ERR_LIMIT) == (f->what == CANON_DEEP || f->what == CANON_MANY));
    return;
  }
  size_t flagged = 0;
  CHECK(c->doc.count == d->count && c->doc.in_len == d->in_len);
  for (size_t i = 0; i < d->count; i++) {
    const struct ben_token *a = &c->doc.tokens[i];
    const struct ben_token *b = &d->tokens[i];
    CHECK(a->type == b->type && a->start == b->start && a->end == b->end && a->next == b->next);
    CHECK(b->type != BEN_DICT || a->flags == b->flags);
    flagged += b->type == BEN_DICT && b->flags != 0;
  }
  CHECK((flagged == 0) == (c->fault_count == 0));
}

static void check_json(const struct ben_doc *d, const uint8_t *in, size_t size) {
  struct bencode_json w;
  struct json j;
  struct buf part;
  struct buf all;
  struct buf back;
  buf_init(&part, BENCODE_JSON_STEP_MAX + 12 * size);
  buf_init(&all, 64 + 12 * size);
  buf_init(&back, 64 + 12 * size);
  json_begin(&j, &part);
  bencode_json_begin(&w, d, bencode_root(d));
  while (bencode_json_step(&w, &j)) {
    buf_put(&all, part.data, part.len);
    buf_clear(&part);
  }
  CHECK(!all.failed && json_back(buf_cstr(&all), &back));
  CHECK(!back.failed && back.len == size && memcmp(back.data, in, size) == 0);
  buf_free(&part);
  buf_free(&all);
  buf_free(&back);
}

static void check_tree(const struct canon *c, size_t width, bool full) {
  struct buf out;
  struct annotate_options o = {.width = width, .full = full, .newline = full};
  buf_init(&out, SIZE_MAX / 2);
  annotated_make(c, &o, &out);
  const char *wrong = annotated_check(c, buf_cstr(&out), out.len);
  if (wrong != NULL) fprintf(stderr, "%s:\n%s", wrong, buf_cstr(&out));
  CHECK(wrong == NULL && !out.failed);
  buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct canon c;
  struct ben_doc d;
  uint8_t *in = fuzz_copy(data, size);
  CHECK(canon_read(&c, in, size) == ERR_OK);
  enum err e = bencode_decode(&d, in, size, &bencode_torrent_limits);
  check_faults(&c);
  check_agreement(&c, &d, e);
  if (e == ERR_OK && size > 0) check_json(&d, in, size);
  check_tree(&c, size % 2 ? 80 : 40, size % 3 > 0);
  bencode_free(&d);
  canon_free(&c);
  free(in);
  return 0;
}
