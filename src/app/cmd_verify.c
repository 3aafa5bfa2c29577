/*
 * weft verify: are the files on disk what the torrent says?
 *
 * Every piece is hashed, on all cores, and nothing is changed. What is wrong is told per file and
 * byte range, because that is what people know; pieces are the torrent's business. A piece may span
 * several files: if one of them is missing, the piece can't be checked, and the bytes of its whole
 * neighbours are called "unchecked", not "bad".
 *
 * While the check runs in the main thread's call, a watcher thread (app/watch) waits for signals,
 * and between them shows progress.
 */
#include "app/cmd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd_files.h"
#include "app/exits.h"
#include "app/human.h"
#include "app/mend.h"
#include "app/out.h"
#include "app/report.h"
#include "app/signals.h"
#include "app/torrent.h"
#include "app/watch.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "io/check.h"
#include "io/store.h"

/* --- the check --- */

/* What the watcher shows meanwhile. */
struct check {
  struct report *report;
  const struct metainfo *m;
  int64_t started_ms;
  struct check_progress progress;
};

static void show_progress(void *arg) {
  struct check *c = arg;
  uint32_t done = atomic_load(&c->progress.pieces_done);
  uint64_t bytes = (uint64_t)done * c->m->geo.piece_len;
  if (bytes > c->m->geo.total) bytes = c->m->geo.total;
  struct report_progress p = {.phase = PHASE_CHECKING, .total = c->m->geo.total, .verified = bytes,
                              .pieces = atomic_load(&c->progress.pieces_good),
                              .rate = human_rate(bytes, clock_now_ms() - c->started_ms)};
  report_progress(c->report, &p);
}

/* check_run() with the watcher beside it. Sets *code to the exit code if it did not come to its
 * end. */
static bool check(struct store *s, const struct metainfo *m, struct bitset *good,
                  struct report *report, int *code) {
  struct check c = {.report = report, .m = m, .started_ms = clock_now_ms()};
  struct watch w;
  watch_begin(&w, show_progress, &c, &c.progress.cancel);
  enum err e = check_run(s, m, NULL, good, 0, &c.progress);
  int sig = watch_end(&w);
  if (sig != 0) *code = signals_exit_code(sig);
  else if (e != ERR_OK) *code = exits_of(e);
  return e == ERR_OK && sig == 0;
}

/* --- the verdict --- */

enum verdict { OK, BAD, UNCHECKED, MISSING, SHORT, LONG, BLOCKED, UNREADABLE };

static const char *const verdicts[] = {
  [OK] = "ok", [BAD] = "bad", [UNCHECKED] = "unchecked", [MISSING] = "missing", [SHORT] = "short",
  [LONG] = "long", [BLOCKED] = "blocked", [UNREADABLE] = "unreadable"};

struct result {
  struct store *store;
  const struct metainfo *m;
  bool quiet;
  struct json *json;         /* NULL: text */
  const struct bitset *good; /* pieces that match */
  struct bitset bad;         /* the others */
  struct bitset incomplete;  /* pieces that reach into a file that is not whole */
  uint8_t *verdicts;         /* of each file: what its size and kind alone say */
  uint64_t *sizes;           /* of each file on disk */
  size_t files;          /* that should be there */
  size_t wrong_files;
  size_t missing_files;
  size_t unreadable_files;
};

static bool whole(uint8_t v) {
  return v == OK || v == LONG;
}

/* What is to be said of a file without looking into it. */
static uint8_t look_at(struct result *r, size_t i) {
  struct store_file_state state;
  if (store_file_state(r->store, i, &state) != ERR_OK) return UNREADABLE;
  r->sizes[i] = state.size;
  if (state.foreign_kind) return BLOCKED;
  if (!state.exists) return MISSING;
  if (!store_is_readable(r->store, i)) return UNREADABLE;
  uint64_t length = r->m->files[i].length;
  return state.size < length ? SHORT : state.size > length ? LONG : OK;
}

static bool is_wanted(const struct metainfo_file *f) {
  return !f->padding && !f->symlink;
}

/* First piece of a file, and the one behind its last; equal for an empty file. */
static uint32_t first_piece(const struct metainfo *m, const struct metainfo_file *f) {
  return (uint32_t)(f->offset / m->geo.piece_len);
}

static uint32_t end_piece(const struct metainfo *m, const struct metainfo_file *f) {
  if (f->length == 0) return first_piece(m, f);
  return (uint32_t)((f->offset + f->length - 1) / m->geo.piece_len) + 1;
}

/* Fills verdicts and `incomplete`. A link or a hard link that reads right is right. */
static void look_at_all(struct result *r) {
  const struct metainfo *m = r->m;
  for (size_t i = 0; i < m->file_count; i++) {
    const struct metainfo_file *f = &m->files[i];
    r->verdicts[i] = OK;
    if (!is_wanted(f)) continue;
    r->verdicts[i] = look_at(r, i);
    uint32_t end = end_piece(m, f);
    if (r->verdicts[i] == BLOCKED && f->length > 0 &&
        bitset_next(&r->bad, first_piece(m, f)) >= end)
      r->verdicts[i] = OK;
    if (whole(r->verdicts[i])) continue;
    for (uint32_t p = first_piece(m, f); p < end; p++) bitset_set(&r->incomplete, p);
  }
}

/* The next run of bytes of file `f` that are bad, or that can't be checked, from *piece on. Offsets
 * are the file's. False when there is none. */
static bool next_range(const struct result *r, size_t file, uint32_t *piece, enum verdict *kind,
                       uint64_t *from, uint64_t *to) {
  const struct metainfo_file *f = &r->m->files[file];
  uint64_t len = r->m->geo.piece_len;
  uint32_t end = end_piece(r->m, f);
  bool is_whole = whole(r->verdicts[file]);
  size_t at = bitset_next(&r->bad, *piece);
  if (at >= end) return false;
  bool shared = is_whole && bitset_get(&r->incomplete, at);
  size_t next = at + 1;
  while (next < end && bitset_get(&r->bad, next) &&
         (is_whole && bitset_get(&r->incomplete, next)) == shared)
    next++;
  *kind = shared ? UNCHECKED : BAD;
  *from = at * len > f->offset ? at * len - f->offset : 0;
  *to = next * len - f->offset < f->length ? next * len - f->offset : f->length;
  *piece = (uint32_t)next;
  return true;
}

static void print_head(const char *kind, const char *path) {
  out_printf("%-10s ", kind);
  out_escaped(path, strlen(path));
}

/* What size and kind say, for humans. */
static void print_state(const struct result *r, size_t i) {
  uint64_t length = r->m->files[i].length;
  uint8_t v = r->verdicts[i];
  if (v == OK) return;
  print_head(verdicts[v], store_file_path(r->store, i));
  if (v == SHORT)
    out_printf(": %" PRIu64 " of %" PRIu64 " byte%s there", r->sizes[i], length,
               length == 1 ? " is" : "s are");
  else if (v == LONG)
    out_printf(": %" PRIu64 " byte%s too many", r->sizes[i] - length,
               human_plural(r->sizes[i] - length));
  else if (v == BLOCKED)
    out_printf(": a folder, a link or a device is in its place");
  out_printf("\n");
}

static void print_ranges(const struct result *r, size_t i) {
  uint64_t from, to;
  enum verdict kind;
  uint8_t v = r->verdicts[i];
  if (v == MISSING || v == BLOCKED || v == UNREADABLE) return;
  uint32_t piece = first_piece(r->m, &r->m->files[i]);
  while (!out_broken() && next_range(r, i, &piece, &kind, &from, &to)) {
    print_head(verdicts[kind], store_file_path(r->store, i));
    if (to - from == 1) out_printf(": byte %" PRIu64, from);
    else out_printf(": bytes %" PRIu64 " to %" PRIu64, from, to - 1);
    out_printf("%s\n", kind == UNCHECKED ? ", in a piece with a file that is not whole" : "");
  }
}

static void json_ranges(const struct result *r, size_t i, enum verdict wanted) {
  uint64_t from, to;
  enum verdict kind;
  uint32_t piece = first_piece(r->m, &r->m->files[i]);
  json_open_array(r->json, verdicts[wanted]);
  while (next_range(r, i, &piece, &kind, &from, &to)) {
    if (kind != wanted) continue;
    json_open_array(r->json, NULL);
    json_u64(r->json, NULL, from);
    json_u64(r->json, NULL, to - 1);
    json_close(r->json, ']');
  }
  json_close(r->json, ']');
}

/* The verdict of a file after its pieces have spoken. */
static enum verdict judge(const struct result *r, size_t i) {
  uint64_t from, to;
  enum verdict kind;
  enum verdict v = (enum verdict)r->verdicts[i];
  uint32_t piece = first_piece(r->m, &r->m->files[i]);
  if (!whole(r->verdicts[i])) return v;
  while (next_range(r, i, &piece, &kind, &from, &to)) {
    if (kind == BAD) return BAD;
    if (v == OK) v = UNCHECKED;
  }
  return v;
}

static void tell_file(struct result *r, size_t i) {
  enum verdict v = judge(r, i);
  if (v != OK) r->wrong_files++;
  if (v == MISSING) r->missing_files++;
  if (v == UNREADABLE) r->unreadable_files++;
  r->files++;
  if (r->quiet && r->json == NULL) return;
  if (r->json == NULL) {
    print_state(r, i);
    print_ranges(r, i);
    return;
  }
  json_open_object(r->json, NULL);
  const char *path = store_file_path(r->store, i);
  json_cstr(r->json, "path", path);
  json_u64(r->json, "length", r->m->files[i].length);
  json_cstr(r->json, "state", verdicts[v]);
  json_ranges(r, i, BAD);
  json_ranges(r, i, UNCHECKED);
  json_close(r->json, '}');
  out_buf(r->json->b);
}

static void print_advice(const struct result *r) {
  struct buf b;
  buf_init(&b, 1 << 16);
  mend_advise(r->store, r->m, r->good, &b);
  out_printf("%s%s\n", b.len > 0 ? " " : "", buf_cstr(&b));
  buf_free(&b);
}

static void print_summary(const struct result *r) {
  char size[HUMAN_MAX];
  const struct metainfo *m = r->m;
  if (r->quiet) return;
  cmd_files_name(m);
  if (r->wrong_files == 0) {
    out_printf(": everything matches: %s in %zu file%s\n", human_size(metainfo_payload(m), size),
               r->files, human_plural(r->files));
    return;
  }
  if (r->missing_files == r->files) {
    out_printf(": nothing of it is there; is PATH right? ('weft verify -h' explains)\n");
    return;
  }
  out_printf(": %zu of %zu file%s %s not right", r->wrong_files, r->files, human_plural(r->files),
             r->wrong_files == 1 ? "is" : "are");
  if (r->missing_files > 0) out_printf(", %zu missing", r->missing_files);
  out_printf("; %zu of %u piece%s %s not match.", r->bad.count, m->geo.pieces,
             human_plural(m->geo.pieces), r->bad.count == 1 ? "does" : "do");
  if (r->unreadable_files > 0)
    out_printf(" What can't be read can't be judged: check its permissions.\n");
  else
    print_advice(r);
}

/* Every file, and the summary. */
static void tell_all(struct result *r, bool as_json) {
  struct json j;
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  if (as_json) {
    json_begin(&j, &b);
    json_open_object(&j, NULL);
    json_u64(&j, "version", 1);
    json_str(&j, "name", r->m->name, r->m->name_len);
    json_hex(&j, "info_hash", r->m->info_hash, sizeof r->m->info_hash);
    json_u64(&j, "pieces", r->m->geo.pieces);
    json_u64(&j, "pieces_bad", r->bad.count);
    json_open_array(&j, "files");
    r->json = &j;
  }
  for (size_t i = 0; i < r->m->file_count; i++)
    if (is_wanted(&r->m->files[i])) tell_file(r, i);
  if (as_json) {
    json_close(&j, ']');
    json_bool(&j, "ok", r->wrong_files == 0 && r->bad.count == 0);
    json_close(&j, '}');
    buf_put_u8(&b, '\n');
    out_buf(&b);
  } else {
    print_summary(r);
  }
  r->json = NULL;
  buf_free(&b);
}

/* Turns the good pieces into the verdict; returns the exit code. */
static int tell(struct store *s, const struct metainfo *m, const struct bitset *good,
                const struct options *o) {
  struct result r = {.store = s, .m = m, .good = good, .quiet = o->quiet};
  int code = EXIT_RESOURCES;
  r.verdicts = calloc(m->file_count, sizeof *r.verdicts);
  r.sizes = calloc(m->file_count, sizeof *r.sizes);
  if (r.verdicts == NULL || r.sizes == NULL || !bitset_init(&r.bad, m->geo.pieces) ||
      !bitset_init(&r.incomplete, m->geo.pieces)) {
    log_error("there is not enough memory to compare %zu file%s", m->file_count,
              human_plural(m->file_count));
    goto out;
  }
  for (uint32_t p = 0; p < m->geo.pieces; p++)
    if (!bitset_get(good, p)) bitset_set(&r.bad, p);
  look_at_all(&r);
  tell_all(&r, o->json);
  code = r.wrong_files == 0 && r.bad.count == 0 ? EXIT_OK : EXIT_MISMATCH;
out:
  bitset_free(&r.incomplete);
  bitset_free(&r.bad);
  free(r.sizes);
  free(r.verdicts);
  return code;
}

/* Checks with progress, tells the result. */
static int verify(struct store *s, const struct metainfo *m, const struct options *o) {
  struct options shown = *o; /* progress for humans only: --json is one document here */
  shown.quiet = o->quiet || o->json;
  shown.json = false;
  struct report *report = report_new(&shown);
  struct bitset good = {.bits = 0};
  int code = EXIT_RESOURCES;
  bool checked = false;
  if (report == NULL || !bitset_init(&good, m->geo.pieces)) {
    log_error("there is not enough memory to check %u piece%s", m->geo.pieces,
              human_plural(m->geo.pieces));
  } else {
    report_metadata(report, m, store_top_path(s));
    checked = check(s, m, &good, report, &code);
  }
  report_free(report);
  if (checked) code = tell(s, m, &good, o);
  else if (code >= 128)
    log_error("%s before everything was checked",
              code == EXIT_INTERRUPTED ? "interrupted" : "terminated");
  bitset_free(&good);
  return code;
}

static int run(const struct options *o) {
  struct metainfo m;
  struct store *s;
  int code = torrent_load(&m, o->args[0], o->timeout_ms);
  if (code != EXIT_OK) return code;
  struct store_options where = {.output = o->output, .read_only = true};
  enum err e = store_open(&s, &m, &where);
  if (e == ERR_OK) {
    code = verify(s, &m, o);
    store_close(s);
  } else {
    code = exits_of(e);
  }
  metainfo_free(&m);
  return code;
}

static const struct command_option options[] = {
  OPTION_OUTPUT("the same as the argument PATH"),
  OPTION_TIMEOUT_OF_URL,
  OPTION_JSON("print one JSON object instead of text"),
  OPTIONS_OF_ALL("no progress and no text: the exit code tells"),
  {.name = NULL},
};

const struct command cmd_verify = {
  .name = "verify",
  .usage = "TORRENT [PATH]",
  .summary = "compare files on disk with the torrent",
  .about = "Reads the files on disk and names those that are missing or damaged, and where.\n"
           "Changes nothing. Exits with 0 if everything matches, with 8 if not.\n"
           COMMAND_TORRENT_IS COMMAND_PATH_IS("the files are"),
  .options = options,
  .least_args = 1,
  .most_args = 2,
  .path = true,
  .run = run,
};
