#include "app/annotate.h"

#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/wrap.h"
#include "base/crypto.h"
#include "base/escape.h"
#include "proto/canon_text.h"

enum {
  WIDE = 64,        /* columns from which on meanings stand beside the bytes */
  BARS_MAX = 5,     /* levels that are drawn; deeper ones are counted */
  OFFSETS_MAX = 10, /* departures of a kind in the summary */
  TEXT_MAX = 512
};

/* --- Text in columns. --- */

/* A line of its own below another: `mark` and a sentence. */
__attribute__((format(printf, 4, 5))) static void put_note(const struct annotate *a,
                                                           struct buf *out, const char *mark,
                                                           const char *fmt, ...) {
  char text[2 * TEXT_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  buf_printf(out, "  %s ", mark);
  wrap_put(out, text, 4, 4, a->width);
}

/* One byte, visibly; returns its columns. */
static size_t show_byte(uint8_t byte, char out[static 9]) {
  return escape_term((const char *)&byte, 1, out, 9);
}

/* " [+N]": how many bytes are left out. Returns its columns. */
static size_t show_rest(size_t rest, char out[static 32]) {
  out[0] = '\0';
  return rest == 0 ? 0 : (size_t)snprintf(out, 32, " [+%zu]", rest);
}

/* How many of the `len` bytes fit into `room` columns together with the count of the others. */
static size_t fitting(const uint8_t *p, size_t len, size_t room) {
  char text[32];
  size_t best = 0;
  size_t columns = 0;
  for (size_t n = 0; n <= len; n++) {
    if (columns + show_rest(len - n, text) <= room) best = n;
    if (n < len) columns += show_byte(p[n], text);
    if (columns > room) break;
  }
  return best;
}

/* Appends bytes in at most `room` columns; returns how many it took. */
static size_t put_bytes(struct buf *out, const uint8_t *p, size_t len, size_t room) {
  char text[32];
  size_t columns = 0;
  size_t n = fitting(p, len, room);
  for (size_t i = 0; i < n; i++) {
    columns += show_byte(p[i], text);
    buf_put_str(out, text);
  }
  columns += show_rest(len - n, text);
  buf_put_str(out, text);
  return columns;
}

/* The lines that lead down from the root; deep down the level stands there as a number. Returns its
 * columns. */
static size_t put_bars(struct buf *out, size_t depth) {
  size_t bars = depth > BARS_MAX ? BARS_MAX - 1 : depth;
  size_t before = out->len;
  for (size_t i = 0; i < bars; i++) buf_put_str(out, "| ");
  if (depth > BARS_MAX) buf_printf(out, "%zu| ", depth);
  return out->len - before;
}

/* A line: offset, length, the `shown` bytes from there on, and what they are. */
static void put_line(const struct annotate *a, struct buf *out, uint32_t at, uint32_t len,
                     uint32_t shown, const char *meaning) {
  int number = (int)a->number_width;
  size_t left = 2 * a->number_width + 3;
  buf_printf(out, "%*u %*u  ", number, at, number, len);
  size_t used = put_bars(out, a->depth);
  size_t room = a->raw_width > used + 8 ? a->raw_width - used : 8;
  used += put_bytes(out, a->c->doc.in + at, shown, room);
  if (a->width < WIDE) {
    buf_printf(out, "\n%*s", (int)left + 2, "");
    wrap_put(out, meaning, left + 2, left + 2, a->width);
    return;
  }
  size_t column = left + a->raw_width + 2;
  size_t pad = used < a->raw_width ? a->raw_width - used : 0;
  buf_printf(out, "%*s", (int)pad + 2, "");
  wrap_put(out, meaning, column, column, a->width);
}

/* --- What it means. --- */

static const char *plural(size_t n) {
  return n == 1 ? "" : "s";
}

/* An integer of at most 18 digits and nothing else. */
static bool plain_int(const uint8_t *p, size_t len, int64_t *v) {
  *v = 0;
  if (len < 3 || len > 20) return false;
  for (size_t i = 1; i + 1 < len; i++) {
    if (p[i] < '0' || p[i] > '9') return false;
    *v = *v * 10 + (p[i] - '0');
  }
  return p[len - 1] == 'e';
}

static void describe_int(const struct annotate *a, const struct annotate_key *k,
                         const struct ben_token *t, char *out, size_t size) {
  int64_t v;
  struct tm tm;
  size_t n = (size_t)snprintf(out, size, "integer");
  if (k == NULL || k->items == NULL || strcmp(k->items, "date") != 0) return;
  if (!plain_int(a->c->doc.in + t->start, t->end - t->start, &v)) return;
  time_t seconds = (time_t)v;
  if (gmtime_r(&seconds, &tm) != NULL)
    strftime(out + n, size - n, ": %Y-%m-%d %H:%M:%S UTC", &tm);
}

static void describe_str(const struct annotate_key *k, const struct ben_token *t, char *out,
                         size_t size) {
  size_t len = t->end - t->body;
  size_t n = (size_t)snprintf(out, size, "string of %zu byte%s", len, plural(len));
  if (k == NULL || k->unit < 2) return;
  if (len % k->unit == 0)
    snprintf(out + n, size - n, ": %zu %s of %u bytes", len / k->unit, k->items, k->unit);
  else
    snprintf(out + n, size - n, ": no whole number of %s of %u bytes", k->items, k->unit);
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

/* Those that are at a byte before `end`. */
static void put_faults(struct annotate *a, struct buf *out, size_t end) {
  const struct canon *c = a->c;
  for (; a->fault < c->fault_count && c->faults[a->fault].at < end; a->fault++) {
    const struct canon_fault *f = &c->faults[a->fault];
    struct buf text;
    if (f->what == CANON_TRAILING && a->root == PLACE_METADATA) {
      put_note(a, out, "=", "bytes %u to %zu (%zu): a piece of the info dictionary, which stands "
               "behind the message and is not part of it (BEP 9)", f->at, c->len - 1,
               c->len - f->at);
      continue;
    }
    buf_init(&text, 4096);
    canon_text_put(c, f, &text);
    put_note(a, out, "!", "byte %u: %s", f->at, buf_cstr(&text));
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
  put_note(a, out, "!", "%s", text);
}

/* --- What is hashed. --- */

static void put_hashed(const struct annotate *a, struct buf *out) {
  const struct ben_doc *d = &a->c->doc;
  const struct ben_token *t = &d->tokens[a->info];
  uint8_t hash[SHA256_DIGEST_LENGTH];
  char hex[2 * sizeof hash + 1];
  size_t len = t->end - t->start;
  ben_val version = bencode_get_typed(d, a->info, "meta version", BEN_INT);
  if (t->flags & CANON_OPEN) {
    put_note(a, out, "#", "the info dictionary is cut off, so there is no info hash");
    return;
  }
  put_note(a, out, "#", "bytes %u to %u (%zu bytes) are hashed", t->start, t->end - 1, len);
  sha1_once(d->in + t->start, len, hash);
  crypto_hex(hash, SHA1_LEN, hex);
  put_note(a, out, "#", "SHA-1, the info hash: %s", hex);
  if (version == BEN_NONE || d->in[d->tokens[version].start + 1] != '2') return;
  SHA256(d->in + t->start, len, hash);
  crypto_hex(hash, sizeof hash, hex);
  put_note(a, out, "#", "SHA-256, the info hash of version 2: %s", hex);
}

/* --- The walk. --- */

static void put_head(const struct annotate *a, struct buf *out) {
  int number = (int)a->number_width;
  wrap_put(out, "at: offset, counted from 0. len: number of bytes. [+N]: N more bytes that are "
              "not shown.", 0, 0, a->width);
  buf_printf(out, "%*s %*s  ", number, "at", number, "len");
  if (a->width < WIDE)
    buf_put_str(out, "bytes\n");
  else
    buf_printf(out, "%-*s  what it is\n", (int)a->raw_width, "bytes");
}

static void put_tail(struct annotate *a, struct buf *out) {
  const struct canon *c = a->c;
  put_faults(a, out, SIZE_MAX);
  size_t wrong = c->fault_count;
  if (a->root == PLACE_METADATA) wrong -= canon_count(c, CANON_TRAILING);
  buf_printf(out, "\n%zu byte%s", c->len, plural(c->len));
  if (c->doc.in_len < c->len && wrong > 0)
    buf_printf(out, ", read up to byte %zu", c->doc.in_len);
  buf_put_str(out, ".\n");
  if (a->info != BEN_NONE) put_hashed(a, out);
  if (wrong == 0) {
    put_note(a, out, "=", "This is canonical bencoding (BEP 3).");
    return;
  }
  put_note(a, out, "!", "This is not canonical bencoding (BEP 3): %zu departure%s, above with "
           "this mark.", wrong, plural(wrong));
  for (int what = 0; what < CANON_COUNT; what++)
    if (what != CANON_TRAILING || a->root != PLACE_METADATA)
      put_kind(a, out, (enum canon_what)what);
}

/* What the input is, and where its info is. */
static void look(struct annotate *a) {
  const struct ben_doc *d = &a->c->doc;
  a->root = annotate_keys_root(d);
  a->info = BEN_NONE;
  if (a->root == PLACE_TORRENT) a->info = bencode_get_typed(d, 0, "info", BEN_DICT);
  if (a->root == PLACE_INFO) a->info = bencode_root(d);
}

void annotate_begin(struct annotate *a, const struct canon *c, size_t width) {
  if (width < ANNOTATE_WIDTH_MIN) width = ANNOTATE_WIDTH_MIN;
  if (width > ANNOTATE_WIDTH_MAX) width = ANNOTATE_WIDTH_MAX;
  *a = (struct annotate){.c = c, .width = width};
  a->number_width = (size_t)snprintf(NULL, 0, "%zu", c->len);
  if (a->number_width < 3) a->number_width = 3;
  size_t rest = width - 2 * a->number_width - 3;
  a->raw_width = width < WIDE ? rest : (rest - 2) * 2 / 5;
  look(a);
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
    put_line(a, out, t->end - 1, 1, 1, text);
    put_faults(a, out, t->end);
  }
  if (v == a->info) put_hashed(a, out);
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

static void put_token(struct annotate *a, struct buf *out) {
  char text[TEXT_MAX];
  ben_val v = a->at++;
  const struct ben_token *t = &a->c->doc.tokens[v];
  struct annotate_frame *f = a->depth > 0 ? &a->frames[a->depth - 1] : NULL;
  bool dict = f != NULL && a->c->doc.tokens[f->token].type == BEN_DICT;
  bool container = t->type == BEN_LIST || t->type == BEN_DICT;
  bool key = dict && take_key(a, f, v);
  const struct annotate_key *k = f != NULL ? f->key : NULL;
  if (container)
    describe_container(a, v, text, sizeof text);
  else if (key)
    describe_key(k, text, sizeof text);
  else if (t->type == BEN_STR)
    describe_str(k, t, text, sizeof text);
  else
    describe_int(a, k, t, text, sizeof text);
  put_faults(a, out, t->start);
  put_line(a, out, t->start, t->end - t->start, container ? 1 : t->end - t->start, text);
  put_faults(a, out, container ? t->start + 1 : t->end);
  if (!container) return;
  enum annotate_place place = f == NULL ? a->root : k != NULL ? (enum annotate_place)k->inside : 0;
  a->frames[a->depth++] = (struct annotate_frame){
    .token = v, .place = (uint8_t)place, .key = t->type == BEN_LIST ? k : NULL};
}

bool annotate_step(struct annotate *a, struct buf *out) {
  if (a->done) return false;
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
