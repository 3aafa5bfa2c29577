/*
 * weft decode: bencode as JSON, or, with --annotate, as a tree of its bytes.
 *
 * Input is the argument, a file, or standard input, 64 MiB at most. As JSON it must be what
 * proto/bencode accepts (at most 100 levels and 4,194,304 values), and comes out as bencode_json.h
 * says: strings that are no text as "hex:" and their bytes. Nothing is printed of input that is
 * bad; one sentence says at which byte what was expected. What JSON shows, but many programs would
 * lose or refuse (keys that repeat, keys that are not in order), is said in a sentence of its own.
 *
 * --annotate explains bad input as well, as far as it can be read (app/annotate); the exit code is
 * the same as without. One newline behind the value is an editor's or echo's, and behind a message
 * of ut_metadata stands a piece of the info dictionary: the JSON does without, the tree says so.
 */
#include "app/cmd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "app/annotate.h"
#include "app/exits.h"
#include "app/out.h"
#include "app/torrent.h"
#include "base/buf.h"
#include "base/log.h"
#include "proto/bencode_json.h"
#include "proto/canon_text.h"

enum { FLUSH = 1 << 16 };

struct decode_options {
  struct options common;
  const char *file; /* --file */
  bool annotate;    /* --annotate */
  bool full;        /* --full */
};

/* What is to be decoded, and what to call it. */
struct source {
  const uint8_t *in;
  size_t len;
  bool typed; /* it is the argument: nobody added a newline */
  bool named; /* it is a file */
};

static enum err out_of_memory(void) {
  log_error("there is not enough memory to decode this");
  return ERR_MEMORY;
}

/* --- What is wrong. --- */

static void tell_refusal(const struct source *s, const struct canon *c,
                         const struct canon_fault *f) {
  struct buf text;
  buf_init(&text, 4096);
  bool limit = f->what == CANON_DEEP || f->what == CANON_MANY;
  buf_printf(&text, "%s: at byte %u: ",
             limit ? "this is more than weft decodes" : "this is not bencoding", f->at);
  canon_text_put(c, f, &text);
  if (s->typed && access((const char *)s->in, F_OK) == 0)
    buf_put_str(&text, "; to decode the file of that name, say -f in front of it");
  log_escaped(LOG_ERROR, buf_cstr(&text));
  buf_free(&text);
}

/* Keys that repeat or are out of order, one sentence for each kind. */
static void warn_of(const struct canon *c, enum canon_what what, const char *remark) {
  struct buf text;
  size_t n = canon_count(c, what);
  if (n == 0) return;
  const struct canon_fault *f = c->faults;
  while (f->what != what) f++;
  buf_init(&text, 4096);
  buf_printf(&text, "at byte %u: ", f->at);
  canon_text_put(c, f, &text);
  if (n > 1) buf_printf(&text, " (and %zu more such)", n - 1);
  buf_put_str(&text, remark);
  log_escaped(LOG_WARN, buf_cstr(&text));
  buf_free(&text);
}

/* Says what the strict decoder said no to, or passed with a remark. Returns ERR_OK, ERR_FORMAT when
 * the input is refused, ERR_MEMORY. */
static enum err examine(const struct source *s) {
  struct canon c;
  if (canon_read(&c, s->in, s->len) != ERR_OK) return out_of_memory();
  const struct canon_fault *f = canon_refusal(&c);
  if (f != NULL) {
    tell_refusal(s, &c, f);
  } else {
    warn_of(&c, CANON_DUPLICATE, "; the JSON has both, but most programs that read it keep one");
    warn_of(&c, CANON_UNSORTED, "");
  }
  canon_free(&c);
  return f != NULL ? ERR_FORMAT : ERR_OK;
}

/* --- JSON. --- */

static bool has_remarks(const struct ben_doc *d) {
  for (size_t i = 0; i < d->count; i++)
    if (d->tokens[i].type == BEN_DICT && d->tokens[i].flags != 0) return true;
  return false;
}

static void print_json(const struct ben_doc *d) {
  struct bencode_json w;
  struct json j;
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  json_begin(&j, &b);
  bencode_json_begin(&w, d, bencode_root(d));
  while (bencode_json_step(&w, &j) && !out_broken())
    if (b.len >= FLUSH) out_buf(&b);
  buf_put_u8(&b, '\n');
  out_buf(&b);
  buf_free(&b);
}

/* Is what stands behind `d` nothing that the JSON must have? Then a sentence says so. */
static bool excused(const struct source *s, const struct ben_doc *d) {
  size_t at = d->in_len;
  size_t rest = s->len - at;
  if (annotate_keys_root(d) == PLACE_METADATA) {
    log_warn("the JSON leaves out bytes %zu to %zu: they are a piece of the info dictionary, which "
             "stands behind the message (BEP 9)", at, s->len - 1);
    return true;
  }
  bool newline = (rest == 1 && s->in[at] == '\n') ||
                 (rest == 2 && memcmp(s->in + at, "\r\n", 2) == 0);
  if (s->typed || !newline) return false;
  log_line(s->named ? LOG_WARN : LOG_INFO,
           "the JSON leaves out the end of a line behind the value, at byte %zu", at);
  return true;
}

/* Decodes all of `s`, or all but what may stand behind it; then s->len becomes less. Returns as
 * bencode_decode() does. */
static enum err read_all(struct source *s, struct ben_doc *d) {
  struct ben_limits limits = bencode_torrent_limits;
  enum err e = bencode_decode(d, s->in, s->len, &limits);
  limits.prefix = true;
  if (e != ERR_FORMAT || bencode_decode(d, s->in, s->len, &limits) != ERR_OK) return e;
  if (excused(s, d)) {
    s->len = d->in_len;
    return ERR_OK;
  }
  bencode_free(d);
  return e;
}

static enum err decode(struct source *s) {
  struct ben_doc d;
  enum err e = read_all(s, &d);
  if (e == ERR_MEMORY) return out_of_memory();
  if (e != ERR_OK) {
    e = examine(s);
    return e == ERR_OK ? ERR_FORMAT : e;
  }
  if (has_remarks(&d)) e = examine(s);
  if (e == ERR_OK) print_json(&d);
  bencode_free(&d);
  return e;
}

/* --- The tree. --- */

static enum err annotate(const struct decode_options *own, const struct source *s) {
  struct canon c;
  struct annotate a;
  struct buf b;
  struct annotate_options o = {.width = out_columns(), .full = own->full, .newline = !s->typed};
  if (canon_read(&c, s->in, s->len) != ERR_OK) return out_of_memory();
  const struct canon_fault *f = canon_refusal(&c);
  buf_init(&b, SIZE_MAX / 2);
  annotate_begin(&a, &c, &o);
  while (annotate_step(&a, &b) && !out_broken())
    if (b.len >= FLUSH) out_buf(&b);
  out_buf(&b);
  buf_free(&b);
  bool refused = f != NULL && !annotate_excuses(&a, f);
  if (refused) tell_refusal(s, &c, f);
  canon_free(&c);
  return refused ? ERR_FORMAT : ERR_OK;
}

/* --- The command. --- */

static int print(const struct decode_options *own, struct source *s) {
  return exits_of(own->annotate ? annotate(own, s) : decode(s));
}

static int run(const struct options *o) {
  const struct decode_options *own = (const struct decode_options *)o;
  const char *text = o->arg_count > 0 ? o->args[0] : NULL;
  if (text != NULL && own->file != NULL) {
    log_error("decode takes a text or a file, not both ('weft decode -h' explains)");
    return EXIT_USAGE;
  }
  if (own->full && !own->annotate) {
    log_error("--full belongs to --annotate ('weft decode -h' explains)");
    return EXIT_USAGE;
  }
  const char *file = own->file != NULL ? own->file : "-";
  if (text != NULL && strcmp(text, "-") != 0) {
    struct source s = {.in = (const uint8_t *)text, .len = strlen(text), .typed = true};
    return print(own, &s);
  }
  if (strcmp(file, "-") == 0 && isatty(STDIN_FILENO)) {
    log_error("decode needs something to decode, as in: weft decode 5:hello, or: weft decode -f "
              "FILE");
    return EXIT_USAGE;
  }
  struct buf b;
  int code = torrent_fetch(&b, file, o->timeout_ms);
  struct source s = {.in = b.data, .len = b.len, .named = strcmp(file, "-") != 0};
  if (code == EXIT_OK) code = print(own, &s);
  buf_free(&b);
  return code;
}

static const struct command_option options[] = {
  {.name = "file", .letter = 'f', .kind = OPTION_TEXT,
   .field = offsetof(struct decode_options, file), .takes = "FILE",
   .help = "decode this file or http(s) URL; \"-\": standard\n"
           "input, which is read without -f and TEXT, too"},
  {.name = "annotate", .kind = OPTION_FLAG, .field = offsetof(struct decode_options, annotate),
   .help = "explain every byte instead: offset, length, bytes,\nmeaning, what is hashed, what is "
           "not canonical"},
  {.name = "full", .kind = OPTION_FLAG, .field = offsetof(struct decode_options, full),
   .help = "with --annotate: show every byte of long values,\nnot only the first lines of them"},
  OPTION_TIMEOUT_OF_URL,
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_decode = {
  .name = "decode",
  .usage = "[TEXT]",
  .summary = "show bencoding as JSON, or explain its bytes",
  .about = "Prints bencoding as JSON: TEXT, a file (-f), or standard input; at most 64 MiB,\n"
           "4,194,304 values and 100 levels. A string that is not UTF-8 becomes \"hex:\" and\n"
           "its bytes in hexadecimal, and so does one that begins with \"hex:\" itself, so\n"
           "that nothing is lost or in doubt; keys likewise. Integers keep all their digits.\n"
           "Exits with 3, and prints no JSON, if the input is not bencoding.\n",
  .options = options,
  .size = sizeof(struct decode_options),
  .least_args = 0,
  .most_args = 1,
  .empty = true,
  .run = run,
};
