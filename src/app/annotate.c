#include "app/annotate.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/wrap.h"
#include "base/crypto.h"
#include "proto/canon_text.h"

enum {
  ROWS = 8,         /* of a string, without --full */
  OFFSETS_MAX = 10, /* departures of a kind in the summary */
  TEXT_MAX = 512
};

/* --- What it means. --- */

static const char *plural(size_t n) {
  return n == 1 ? "" : "s";
}

/* An integer of at most 18 digits and nothing else. */
static bool plain_int(const uint8_t *p, size_t len, int64_t *v) {
  size_t minus = len > 1 && p[1] == '-';
  *v = 0;
  if (len < 3 + minus || len > 20 + minus) return false;
  for (size_t i = 1 + minus; i + 1 < len; i++) {
    if (p[i] < '0' || p[i] > '9') return false;
    *v = *v * 10 + (p[i] - '0');
  }
  if (minus) *v = -*v;
  return p[len - 1] == 'e';
}

static void describe_int(const struct annotate *a, const struct annotate_key *k,
                         const struct ben_token *t, char *out, size_t size) {
  int64_t v;
  struct tm tm;
  size_t n = (size_t)snprintf(out, size, "integer");
  if (k == NULL || k->items == NULL || k->items->form != FORM_TIME) return;
  if (!plain_int(a->c->doc.in + t->start, t->end - t->start, &v)) return;
  time_t seconds = (time_t)v;
  if (gmtime_r(&seconds, &tm) != NULL)
    strftime(out + n, size - n, ": %Y-%m-%d %H:%M:%S UTC", &tm);
}

static void describe_str(const struct annotate_key *k, const struct ben_token *t, char *out,
                         size_t size) {
  size_t len = t->end - t->body;
  size_t n = (size_t)snprintf(out, size, "string of %zu byte%s", len, plural(len));
  const struct annotate_items *items = k != NULL ? k->items : NULL;
  size_t unit = annotate_keys_unit(items, len);
  if (unit == len && len > 0)
    snprintf(out + n, size - n, ": %s", items->one);
  else if (unit > 0)
    snprintf(out + n, size - n, ": %zu %s of %zu byte%s", len / unit, items->many, unit,
             plural(unit));
  else if (items != NULL && items->unit > 0 && len > 0)
    snprintf(out + n, size - n, ": no whole number of %s of %u bytes", items->many, items->unit);
}

static void describe_container(const struct annotate *a, ben_val v, char *out, size_t size) {
  const struct ben_doc *d = &a->c->doc;
  size_t count = bencode_count(d, v);
  const char *title = v == 0 ? annotate_keys_title(a->root) : NULL;
  bool dict = d->tokens[v].type == BEN_DICT;
  snprintf(out, size, "%s of %zu %s%s%s%s", dict ? "dictionary" : "list", count,
           dict ? "key" : "item", plural(count), title ? ": " : "", title ? title : "");
}

static void describe_key(const struct annotate_key *k, char *out, size_t size) {
  if (k == NULL)
    snprintf(out, size, "key");
  else if (k->bep == 0)
    snprintf(out, size, "key: %s (no BEP)", k->meaning);
  else
    snprintf(out, size, "key: %s (BEP %u)", k->meaning, k->bep);
}

/* --- Departures. --- */

static const char *const behind_texts[] = {
  [BEHIND_PIECE] = "a piece of the info dictionary, which stands behind the message and is not "
                   "part of it (BEP 9)",
  [BEHIND_NEWLINE] = "the end of a line, as editors and echo leave it, which stands behind the "
                     "value and is not part of it",
};

bool annotate_excuses(const struct annotate *a, const struct canon_fault *f) {
  return f->what == CANON_TRAILING && a->behind != BEHIND_NOTHING;
}

/* Does it say that the encoding is not canonical? What is excused and our own limits do not. */
static bool counts(const struct annotate *a, enum canon_what what) {
  if (what == CANON_TRAILING) return a->behind == BEHIND_NOTHING;
  return what != CANON_DEEP && what != CANON_MANY;
}

/* Those that are at a byte before `end`. */
static void put_faults(struct annotate *a, struct buf *out, size_t end) {
  const struct canon *c = a->c;
  for (; a->fault < c->fault_count && c->faults[a->fault].at < end; a->fault++) {
    const struct canon_fault *f = &c->faults[a->fault];
    struct buf text;
    if (annotate_excuses(a, f)) {
      annotate_row_note(&a->page, out, "=", "bytes %u to %zu (%zu): %s", f->at, c->len - 1,
                        c->len - f->at, behind_texts[a->behind]);
      continue;
    }
    buf_init(&text, 4096);
    canon_text_put(c, f, &text);
    annotate_row_note(&a->page, out, "!", "byte %u: %s", f->at, buf_cstr(&text));
    buf_free(&text);
  }
}

/* Departures of one kind: the first offsets of them. */
static void put_kind(const struct annotate *a, struct buf *out, enum canon_what what) {
  char text[TEXT_MAX];
  const struct canon *c = a->c;
  size_t total = canon_count(c, what);
  size_t listed = 0;
  if (total == 0) return;
  size_t n = (size_t)snprintf(text, sizeof text, "%s, at byte", canon_text_name(what));
  for (size_t i = 0; i < c->fault_count && listed < OFFSETS_MAX; i++) {
    if (c->faults[i].what != what) continue;
    n += (size_t)snprintf(text + n, sizeof text - n, "%s %u", listed++ ? "," : "",
                          c->faults[i].at);
  }
  if (total > listed) snprintf(text + n, sizeof text - n, " and %zu more", total - listed);
  annotate_row_note(&a->page, out, "!", "%s", text);
}

/* --- What is hashed. --- */

/* The version of the format that `info` has: 0 if none is said, -1 if it is none that we know. */
static int version_of(const struct ben_doc *d, ben_val info) {
  const uint8_t *p;
  size_t len;
  if (!bencode_raw(d, bencode_get(d, info, "meta version"), &p, &len)) return 0;
  return len == 3 && p[0] == 'i' && (p[1] == '1' || p[1] == '2') ? p[1] - '0' : -1;
}

/* What comes out: SHA-1 for version 1, SHA-256 for version 2 (BEP 52), both for a hybrid. */
static void put_hashes(const struct annotate *a, struct buf *out, ben_val info) {
  const struct ben_doc *d = &a->c->doc;
  const struct ben_token *t = &d->tokens[info];
  uint8_t hash[SHA256_DIGEST_LENGTH];
  char hex[2 * sizeof hash + 1];
  size_t len = t->end - t->start;
  int version = version_of(d, info);
  bool v1 = version == 0 || version == 1 ||
            bencode_get_typed(d, info, "pieces", BEN_STR) != BEN_NONE;
  if (v1) {
    sha1_once(d->in + t->start, len, hash);
    crypto_hex(hash, SHA1_LEN, hex);
    annotate_row_note(&a->page, out, "#", "SHA-1, the info hash: %s", hex);
  }
  if (version == 2) {
    SHA256(d->in + t->start, len, hash);
    crypto_hex(hash, sizeof hash, hex);
    annotate_row_note(&a->page, out, "#", "SHA-256, the info hash of version 2: %s", hex);
  }
  if (!v1 && version == 2)
    annotate_row_note(&a->page, out, "#", "nothing of version 1 is in it; where an info hash has "
                      "20 bytes, as in the handshake, the first 20 of these stand for it (BEP 52)");
  if (version < 0)
    annotate_row_note(&a->page, out, "#", "\"meta version\" is none that weft knows (2: BEP 52), "
                      "so there may be other hashes");
}

/* Which bytes of dictionary `info` are hashed. */
static void put_hashed(const struct annotate *a, struct buf *out, ben_val info) {
  const struct ben_token *t = &a->c->doc.tokens[info];
  if (t->flags & CANON_OPEN) {
    annotate_row_note(&a->page, out, "#", "the info dictionary is cut off, so there is no info "
                      "hash");
    return;
  }
  annotate_row_note(&a->page, out, "#", "bytes %u to %u (%u bytes) are hashed%s", t->start,
                    t->end - 1, t->end - t->start,
                    a->info_count > 1 ? " by programs that read this \"info\"" : "");
  put_hashes(a, out, info);
}

/* The same once more at the end, or why nobody can say. */
static void put_hashed_summary(const struct annotate *a, struct buf *out) {
  if (a->info_count > 1)
    annotate_row_note(&a->page, out, "!", "\"info\" is there %zu times. Programs differ in which "
                      "one they read, so there is no one info hash; weft refuses such a torrent.",
                      a->info_count);
  else if (a->info != BEN_NONE)
    put_hashed(a, out, a->info);
}

/* --- The walk. --- */

static void put_head(const struct annotate *a, struct buf *out) {
  wrap_put(out, "at: offset, counted from 0. len: number of bytes. [+N]: N more bytes. +: bytes of "
              "the value above, as text in quotes or in hexadecimal.", 0, 0, a->page.width);
  annotate_row_titles(&a->page, out);
}

static void put_verdict(const struct annotate *a, struct buf *out) {
  const struct canon *c = a->c;
  size_t wrong = 0;
  bool limit = false;
  for (size_t i = 0; i < c->fault_count; i++) {
    wrong += counts(a, (enum canon_what)c->faults[i].what);
    limit |= c->faults[i].what == CANON_DEEP || c->faults[i].what == CANON_MANY;
  }
  if (wrong > 0)
    annotate_row_note(&a->page, out, "!", "This is not canonical bencoding (BEP 3): %zu "
                      "departure%s, above with this mark.", wrong, plural(wrong));
  else if (!limit)
    annotate_row_note(&a->page, out, "=", "This is canonical bencoding (BEP 3)%s.",
                      a->behind == BEHIND_NEWLINE ? " but for the end of a line behind it" : "");
  if (limit)
    annotate_row_note(&a->page, out, "!", "weft read no further than to byte %zu, which is a limit "
                      "of weft and no fault of the input.", c->doc.in_len);
  for (int what = 0; what < CANON_COUNT; what++)
    if (counts(a, (enum canon_what)what)) put_kind(a, out, (enum canon_what)what);
}

static void put_tail(struct annotate *a, struct buf *out) {
  const struct canon *c = a->c;
  put_faults(a, out, SIZE_MAX);
  buf_printf(out, "\n%zu byte%s", c->len, plural(c->len));
  if (c->doc.in_len < c->len) buf_printf(out, ", read up to byte %zu", c->doc.in_len);
  buf_put_str(out, ".\n");
  put_hashed_summary(a, out);
  put_verdict(a, out);
}

/* The dictionaries that are "info" in the root: how many values there are of that name, and the
 * first dictionary of them. */
static void look_for_info(struct annotate *a) {
  const struct ben_doc *d = &a->c->doc;
  for (ben_val k = bencode_first(d, 0); k != BEN_NONE;) {
    ben_val v = bencode_next(d, 0, k);
    if (annotate_keys_is(d, k, "info")) {
      a->info_count++;
      if (a->info == BEN_NONE && bencode_is(d, v, BEN_DICT)) a->info = v;
    }
    k = bencode_next(d, 0, v);
  }
}

/* What may stand behind the value, and is no departure. */
static enum annotate_behind look_behind(const struct annotate *a, bool newline) {
  const struct canon *c = a->c;
  size_t at = c->doc.in_len;
  size_t rest = c->len - at;
  if (canon_count(c, CANON_TRAILING) == 0) return BEHIND_NOTHING;
  if (a->root == PLACE_METADATA) return BEHIND_PIECE;
  if (newline && ((rest == 1 && c->doc.in[at] == '\n') ||
                  (rest == 2 && memcmp(c->doc.in + at, "\r\n", 2) == 0)))
    return BEHIND_NEWLINE;
  return BEHIND_NOTHING;
}

void annotate_begin(struct annotate *a, const struct canon *c,
                    const struct annotate_options *o) {
  *a = (struct annotate){.c = c, .info = BEN_NONE};
  annotate_row_page(&a->page, o->width, c->len);
  a->rows = o->full ? SIZE_MAX : ROWS;
  a->root = annotate_keys_root(&c->doc);
  if (a->root == PLACE_TORRENT) look_for_info(a);
  if (a->root == PLACE_INFO) a->info = bencode_root(&c->doc);
  a->behind = look_behind(a, o->newline);
}

/* Is container `v`, which lies in the root, an "info"? Its key is the value in front of it. */
static bool is_info(const struct annotate *a, ben_val v) {
  if (a->root == PLACE_INFO) return v == a->info;
  const struct ben_doc *d = &a->c->doc;
  return a->root == PLACE_TORRENT && a->depth == 1 && bencode_is(d, v, BEN_DICT) &&
         annotate_keys_is(d, v - 1, "info");
}

/* The 'e' of a container, and what concerns all of it. */
static void close_container(struct annotate *a, struct buf *out) {
  ben_val v = a->frames[a->depth - 1].token;
  const struct ben_token *t = &a->c->doc.tokens[v];
  char text[TEXT_MAX];
  a->depth--;
  if (!(t->flags & CANON_OPEN)) {
    put_faults(a, out, t->end - 1);
    snprintf(text, sizeof text, "ends the %s of byte %u",
             t->type == BEN_DICT ? "dictionary" : "list", t->start);
    annotate_row_value(&a->page, out, a->depth, t->end - 1, 1, a->c->doc.in + t->end - 1, 1, text);
    put_faults(a, out, t->end);
  }
  if (is_info(a, v)) put_hashed(a, out, v);
}

/* Is token `v` of frame `f` a key? If so, what belongs to it becomes known. */
static bool take_key(struct annotate *a, struct annotate_frame *f, ben_val v) {
  const struct ben_token *t = &a->c->doc.tokens[v];
  f->value = !f->value;
  if (!f->value) return false;
  f->key = t->type == BEN_STR
             ? annotate_keys_find((enum annotate_place)f->place,
                                  (const char *)a->c->doc.in + t->body, t->end - t->body)
             : NULL;
  return true;
}

/* Begins the rows that show all bytes of an integer or a string, where its own does not, and those
 * that split what is made of parts. */
static void begin_dump(struct annotate *a, const struct ben_token *t,
                       const struct annotate_items *items, bool shown) {
  const uint8_t *in = a->c->doc.in;
  if (t->type == BEN_INT && !shown)
    annotate_dump_begin(&a->dump, in, t->start, t->end, NULL, a->depth, a->rows);
  if (t->type == BEN_STR && (!shown || annotate_keys_unit(items, t->end - t->body) > 0))
    annotate_dump_begin(&a->dump, in, t->body, t->end, items, a->depth, a->rows);
}

/* The row of token `v`, and what belongs to it. */
static void put_row(struct annotate *a, struct buf *out, ben_val v, bool key,
                    const struct annotate_key *k) {
  char text[TEXT_MAX];
  const struct ben_token *t = &a->c->doc.tokens[v];
  bool container = t->type == BEN_LIST || t->type == BEN_DICT;
  if (container)
    describe_container(a, v, text, sizeof text);
  else if (key)
    describe_key(k, text, sizeof text);
  else if (t->type == BEN_STR)
    describe_str(k, t, text, sizeof text);
  else
    describe_int(a, k, t, text, sizeof text);
  put_faults(a, out, t->start);
  size_t len = t->end - t->start;
  bool shown = annotate_row_value(&a->page, out, a->depth, t->start, t->end - t->start,
                                  a->c->doc.in + t->start, container ? 1 : len, text);
  put_faults(a, out, container ? t->start + 1 : t->end);
  begin_dump(a, t, key || k == NULL ? NULL : k->items, shown);
}

static void put_token(struct annotate *a, struct buf *out) {
  ben_val v = a->at++;
  const struct ben_token *t = &a->c->doc.tokens[v];
  struct annotate_frame *f = a->depth > 0 ? &a->frames[a->depth - 1] : NULL;
  bool dict = f != NULL && a->c->doc.tokens[f->token].type == BEN_DICT;
  bool key = dict && take_key(a, f, v);
  const struct annotate_key *k = f != NULL ? f->key : NULL;
  put_row(a, out, v, key, k);
  if (t->type != BEN_LIST && t->type != BEN_DICT) return;
  enum annotate_place place = f == NULL ? a->root : k != NULL ? (enum annotate_place)k->inside : 0;
  a->frames[a->depth++] = (struct annotate_frame){
    .token = v, .place = (uint8_t)place, .key = t->type == BEN_LIST ? k : NULL};
}

bool annotate_step(struct annotate *a, struct buf *out) {
  if (a->done) return false;
  if (annotate_dump_step(&a->dump, &a->page, out)) return true;
  if (!a->begun) put_head(a, out);
  a->begun = true;
  if (a->depth > 0 && a->at == a->c->doc.tokens[a->frames[a->depth - 1].token].next) {
    close_container(a, out);
  } else if (a->at < a->c->doc.count) {
    put_token(a, out);
  } else {
    put_tail(a, out);
    a->done = true;
  }
  return true;
}
