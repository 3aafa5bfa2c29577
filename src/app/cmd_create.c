/*
 * weft create: makes a .torrent of a file or folder.
 *
 * Steps: what is asked for (options), what there is (io/tree: which files, and what becomes of
 * links, special files and the like), how it is cut (proto/author), the hashes (io/tree_hash, on
 * all cores), the bytes (proto/author), and last the file, whole or not at all (io/whole_file).
 * That the result can be written is looked at before the first byte is hashed. No file of the input
 * is ever replaced by its own torrent, whatever --overwrite says and by whatever name OUT calls it;
 * the exception is an earlier torrent, which is left out.
 *
 * The same files and options give the same bytes on every machine: files come in the order of their
 * paths' bytes, and no date goes in unless --date asks for one. Whatever can't be in a torrent is
 * told, and left out or refused; nothing is left out in silence.
 *
 * stdout gets the name of the torrent, its size, info hash and magnet link, one "Name: value" a
 * line, or with --json one object: version, torrent (path; null for -o -), name, length,
 * piece_length, pieces, private, file_count, info_hash, magnet. --dry-run stops before the hashing:
 * the files, one per line as in `weft files`, and the sizes; in JSON dry_run is true, and files, a
 * list of {path, length}, stands in place of the hash.
 */
#include "app/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "app/exits.h"
#include "app/human.h"
#include "app/made.h"
#include "app/naming.h"
#include "app/rehearsal.h"
#include "app/report.h"
#include "app/signals.h"
#include "app/torrent.h"
#include "app/torrent_out.h"
#include "app/watch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sha1.h"
#include "base/version.h"
#include "io/tree.h"
#include "io/tree_hash.h"
#include "proto/author.h"

struct create_options {
  struct options common;
  struct options_list tiers; /* --tracker */
  struct options_list web_seeds;
  struct options_list exclude;
  uint64_t piece_len;        /* 0: by size */
  const char *name;          /* --name; NULL: that of PATH */
  const char *comment;
  const char *source;
  const char *date;          /* "now", or seconds since 1970; NULL: none */
  bool is_private;
  bool follow_links;
  bool odd_names;
  bool dry_run;
};

/* One torrent in the making. */
struct making {
  const struct create_options *o;
  char *name;
  char *out;           /* its path, or "-" */
  int64_t date;        /* below 0: none */
  bool *exclude_used;  /* one for each --exclude */
  struct tiers tiers;
  struct tree tree;
  struct geometry geo;
  uint8_t *hashes;
  struct tree_hash_progress progress;
  struct report *report;
  int64_t started_ms;
};

static int refuse(int code, const char *sentence) {
  log_error("%s", sentence);
  return code;
}

static int no_memory(void) {
  return refuse(EXIT_RESOURCES, "there is not enough memory to make this torrent");
}

/* --- what is asked for --- */

static int check_piece_len(uint64_t len) {
  if (len == 0 || (len >= AUTHOR_PIECE_LEAST && len <= GEOMETRY_PIECE_LEN_MAX &&
                   (len & (len - 1)) == 0))
    return EXIT_OK;
  return refuse(EXIT_USAGE, "--piece-length takes a power of two from 16K to 512M, such as 256K or "
                "4M ('weft create -h' explains)");
}

static int read_date(struct making *k) {
  const char *text = k->o->date;
  uint64_t seconds = 0;
  k->date = -1;
  if (text == NULL) return EXIT_OK;
  if (strcmp(text, "now") != 0 && !options_number(text, 0, INT64_MAX, &seconds))
    return refuse(EXIT_USAGE, "--date takes now, or a number of seconds since 1970 "
                  "('weft create -h' explains)");
  k->date = strcmp(text, "now") == 0 ? (int64_t)time(NULL) : (int64_t)seconds;
  return EXIT_OK;
}

/* The last element of `path`, as a string of its own; "" for "/". NULL: no memory. */
static char *last_element(const char *path) {
  size_t end = strlen(path);
  while (end > 0 && path[end - 1] == '/') end--;
  size_t start = end;
  while (start > 0 && path[start - 1] != '/') start--;
  return strndup(path + start, end - start);
}

static bool is_name(const char *s) {
  return *s != '\0' && strchr(s, '/') == NULL && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

/* --name, or what PATH is called: "." and ".." have a name, too. */
static int find_name(struct making *k) {
  const char *path = k->o->common.args[0];
  if (k->o->name != NULL && !is_name(k->o->name))
    return refuse(EXIT_USAGE, "--name takes the name of a file or folder, without '/'");
  k->name = k->o->name != NULL ? strdup(k->o->name) : last_element(path);
  if (k->name == NULL) return no_memory();
  if (is_name(k->name)) return EXIT_OK;
  char *real = realpath(path, NULL);
  free(k->name);
  k->name = real != NULL ? last_element(real) : strdup("");
  free(real);
  if (k->name == NULL) return no_memory();
  if (is_name(k->name)) return EXIT_OK;
  return refuse(EXIT_USAGE, "PATH has no name that the torrent could take; give one with --name");
}

/* Is OUT the file PATH, by whatever name? */
static bool is_path(const struct making *k) {
  struct stat in, out;
  return !torrent_out_is_stdout(k->out) && stat(k->o->common.args[0], &in) == 0 &&
         stat(k->out, &out) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

static int prepare(struct making *k) {
  const struct create_options *o = k->o;
  int code = check_piece_len(o->piece_len);
  if (code == EXIT_OK) code = read_date(k);
  if (code == EXIT_OK) code = torrent_out_tiers(&k->tiers, "tracker", &o->tiers);
  if (code == EXIT_OK) code = torrent_out_web_seeds("web-seed", &o->web_seeds);
  if (code == EXIT_OK) code = find_name(k);
  if (code != EXIT_OK) return code;
  k->exclude_used = calloc(o->exclude.count + 1, sizeof *k->exclude_used);
  if (k->exclude_used == NULL) return no_memory();
  k->out = torrent_out_path(o->common.output, k->name);
  if (k->out == NULL) return no_memory();
  if (is_path(k)) {
    log_error("'%.300s' is the very file that the torrent is to be made of; choose another name "
              "with -o", k->out);
    return EXIT_USAGE;
  }
  if (o->dry_run && torrent_out_is_stdout(k->out)) return EXIT_OK;
  return torrent_out_check(k->out, o->common.overwrite);
}

/* --- what there is --- */

static void warn_of(const struct tree_odd *odd, const char *one, const char *many,
                    const char *what) {
  if (odd->count == 1) log_warn("%s %s: '%.300s'", one, what, odd->first);
  if (odd->count > 1)
    log_warn("%zu %s %s, the first is '%.300s'", odd->count, many, what, odd->first);
}

static void warn(const struct making *k) {
  const struct tree *t = &k->tree;
  const char *links = t->follow ? "left out, leading nowhere or back to a folder around"
                                : "left out (--follow-links takes what links lead to)";
  warn_of(&t->links, "a symbolic link is", "symbolic links are", links);
  warn_of(&t->special, "a pipe, socket or device is", "pipes, sockets or devices are", "left out");
  warn_of(&t->empty, "a folder is", "folders are", "left out, as it has no files to share");
  for (size_t i = 0; i < k->o->exclude.count; i++)
    if (!k->exclude_used[i])
      log_warn("--exclude '%.300s' matches nothing; patterns are compared with paths below "
               "'%.300s'", k->o->exclude.at[i], t->top);
  if (k->o->is_private && k->tiers.count == 0)
    log_warn("a private torrent finds peers through its trackers only, and this one has none; "
             "'weft edit --add-tracker' adds one later");
}

/* OUT lies in PATH: an earlier torrent is no part of the new one, all else is somebody's data. */
static int check_skipped(const struct making *k) {
  const struct tree_odd *skipped = &k->tree.skipped;
  if (skipped->count == 0) return EXIT_OK;
  enum err e = torrent_out_recognise(k->out);
  if (e == ERR_MEMORY) return no_memory();
  if (e != ERR_OK) {
    log_error("'%.300s' is one of the files that the torrent is to be made of; choose another name "
              "with -o", k->out);
    return EXIT_USAGE;
  }
  log_warn("'%.300s' is left out: it is the earlier torrent that the new one replaces",
           skipped->first);
  return EXIT_OK;
}

/* How the files are cut. */
static int cut(struct making *k) {
  const struct tree *t = &k->tree;
  uint64_t len = k->o->piece_len > 0 ? k->o->piece_len : author_piece_len(t->total);
  if (t->count == 0) {
    log_error("there is no file in '%.300s'%s, so there is nothing to share", t->top,
              t->excluded > 0 ? " that --exclude leaves" : "");
    return EXIT_BAD_TORRENT;
  }
  if (t->total == 0) {
    log_error("there is not a single byte in '%.300s': a torrent needs one at least, others refuse "
              "it without", t->top);
    return EXIT_BAD_TORRENT;
  }
  if (geometry_init(&k->geo, t->total, len) == ERR_OK) return EXIT_OK;
  return refuse(EXIT_USAGE, "that makes more than 2,097,152 pieces; take a larger --piece-length");
}

/* --- the bytes --- */

static void put_info(const struct making *k, struct buf *info, const struct author_file *files) {
  struct author_info i = {
    .name = k->name, .multi = !k->tree.single, .files = files, .file_count = k->tree.count,
    .piece_len = k->geo.piece_len, .hashes = k->hashes, .pieces = k->geo.pieces,
    .is_private = k->o->is_private, .source = k->o->source,
  };
  author_put_info(info, &i);
}

/* Appends the whole torrent to `b`. Returns an exit code. */
static int put_torrent(const struct making *k, struct buf *b) {
  struct buf info;
  struct author_file *files = calloc(k->tree.count, sizeof *files);
  struct author_outside o = {
    .tiers = k->tiers.v, .tier_count = k->tiers.count, .web_seeds = k->o->web_seeds.at,
    .web_seed_count = k->o->web_seeds.count, .comment = k->o->comment,
    .created_by = "weft " WEFT_VERSION, .date = k->date,
  };
  if (files == NULL) return no_memory();
  for (size_t i = 0; i < k->tree.count; i++)
    files[i] = (struct author_file){k->tree.files[i].path, k->tree.files[i].length};
  buf_init(&info, TORRENT_BYTES_MAX);
  put_info(k, &info, files);
  if (!info.failed) author_put_torrent(b, &o, info.data, info.len);
  bool starved = info.no_memory || b->no_memory;
  bool fits = !info.failed && !b->failed;
  buf_free(&info);
  free(files);
  if (fits) return EXIT_OK;
  if (starved) return no_memory();
  return refuse(EXIT_BAD_TORRENT, "the torrent would be larger than 64 MiB, which readers refuse; "
                "take a larger --piece-length, or fewer files");
}

/* Before the hours of hashing: would the result be taken? Says which names others would change. */
static int rehearse(struct making *k) {
  struct buf torrent;
  k->hashes = calloc(k->geo.pieces, SHA1_LEN);
  if (k->hashes == NULL) return no_memory();
  buf_init(&torrent, TORRENT_BYTES_MAX);
  int code = put_torrent(k, &torrent);
  if (code == EXIT_OK) code = rehearsal_run(&torrent, &k->tree, k->name, k->o->odd_names);
  buf_free(&torrent);
  return code;
}

/* --- looking and hashing --- */

static int code_of(enum err e) {
  return e == ERR_LIMIT || e == ERR_UNSUPPORTED ? EXIT_BAD_TORRENT : exits_of(e);
}

static int look(struct making *k) {
  struct tree_options o = {
    .exclude = k->o->exclude.at, .exclude_count = k->o->exclude.count,
    .follow_links = k->o->follow_links, .cancel = &k->progress.cancel,
    .skip = torrent_out_is_stdout(k->out) ? NULL : k->out, .exclude_used = k->exclude_used,
  };
  enum err e = tree_read(&k->tree, k->o->common.args[0], &o);
  if (e == ERR_CANCELLED) return EXIT_UNEXPECTED; /* the signal knows the code */
  if (e != ERR_OK) return code_of(e);
  warn(k);
  int code = check_skipped(k);
  if (code == EXIT_OK) code = cut(k);
  return code == EXIT_OK ? rehearse(k) : code;
}

static void show_progress(void *arg) {
  struct making *k = arg;
  uint64_t bytes = atomic_load(&k->progress.bytes);
  if (bytes == 0) return; /* still looking */
  struct report_progress p = {.phase = PHASE_HASHING, .total = k->tree.total, .verified = bytes,
                              .rate = human_rate(bytes, clock_now_ms() - k->started_ms)};
  report_progress(k->report, &p);
}

static int hash(struct making *k) {
  k->started_ms = clock_now_ms();
  enum err e = tree_hash_run(&k->tree, &k->geo, k->hashes, 0, &k->progress);
  return e == ERR_CANCELLED ? EXIT_UNEXPECTED : exits_of(e);
}

/* Looks and hashes, with the watcher beside it. */
static int read_all(struct making *k) {
  struct options shown = k->o->common; /* progress for humans only: --json is one document here */
  struct watch w;
  shown.quiet = shown.quiet || shown.json;
  shown.json = false;
  k->report = report_new(&shown);
  if (k->report == NULL) return no_memory();
  report_name(k->report, k->name, strlen(k->name));
  watch_begin(&w, show_progress, k, &k->progress.cancel);
  int code = look(k);
  if (code == EXIT_OK && !k->o->dry_run) code = hash(k);
  int sig = watch_end(&w);
  report_free(k->report);
  if (sig == 0) return code;
  log_error("interrupted; nothing was written");
  return signals_exit_code(sig);
}

/* --- telling --- */

static void tell(const struct making *k, const struct naming *n) {
  bool piped = torrent_out_is_stdout(k->out);
  struct made m = {
    .out = piped ? NULL : k->out, .name = k->name, .tree = &k->tree, .geo = &k->geo,
    .is_private = k->o->is_private, .naming = n,
  };
  if (n != NULL && piped) return; /* the torrent itself is there */
  if (k->o->common.json)
    made_print_json(&m);
  else
    made_print(&m);
}

/* --- the torrent --- */

static int make(struct making *k) {
  struct buf torrent;
  struct naming n;
  buf_init(&torrent, TORRENT_BYTES_MAX);
  int code = put_torrent(k, &torrent);
  if (code == EXIT_OK) code = naming_read(&n, torrent.data, torrent.len, true);
  if (code == EXIT_OK) {
    code = torrent_out_write(k->out, &torrent, k->o->common.overwrite);
    if (code == EXIT_OK) tell(k, &n);
    naming_free(&n);
  }
  buf_free(&torrent);
  return code;
}

static int run(const struct options *common) {
  struct making k = {.o = (const struct create_options *)common, .tree = {.fd = -1}};
  int code = prepare(&k);
  if (code == EXIT_OK) code = read_all(&k);
  if (code == EXIT_OK && k.o->dry_run)
    tell(&k, NULL);
  else if (code == EXIT_OK)
    code = make(&k);
  free(k.hashes);
  free(k.exclude_used);
  tree_free(&k.tree);
  tiers_free(&k.tiers);
  free(k.out);
  free(k.name);
  return code;
}

#define FIELD(member) .field = offsetof(struct create_options, member)

static const struct command_option options[] = {
  {.name = "output", .letter = 'o', .kind = OPTION_TEXT, OPTION_FIELD(output), .takes = "OUT",
   .help = "the .torrent to write, or the folder to put it in;\n"
           "\"-\": standard output (default: NAME.torrent here)"},
  {.name = "overwrite", .kind = OPTION_FLAG, OPTION_FIELD(overwrite),
   .help = "replace OUT if it is there and is a torrent"},
  {.name = "tracker", .kind = OPTION_LIST, FIELD(tiers), .takes = "URL",
   .help = "a tracker; may repeat;\n" TORRENT_OUT_TIERS},
  {.name = "web-seed", .kind = OPTION_LIST, FIELD(web_seeds), .takes = "URL",
   .help = "a server that has the files, too; may repeat"},
  {.name = "private", .kind = OPTION_FLAG, FIELD(is_private),
   .help = "peers come from the trackers only"},
  {.name = "comment", .kind = OPTION_TEXT, FIELD(comment), .takes = "TEXT",
   .help = "a comment, for people"},
  {.name = "source", .kind = OPTION_TEXT, FIELD(source), .takes = "TEXT",
   .help = "goes into the info hash; some trackers want it"},
  {.name = "name", .kind = OPTION_TEXT, FIELD(name), .takes = "NAME",
   .help = "what to call it (default: the name of PATH)"},
  {.name = "date", .kind = OPTION_TEXT, FIELD(date), .takes = "TIME",
   .help = "write down when it was made: now, or seconds\nsince 1970 (default: it is not said)"},
  {.name = "piece-length", .kind = OPTION_SIZE, FIELD(piece_len), .takes = "SIZE",
   .help = "a power of two, 16K to 512M (default: by size,\n"
           "for up to 2,048 pieces; above 32 GiB it stays 16M\n"
           "as long as it can)"},
  {.name = "exclude", .kind = OPTION_LIST, FIELD(exclude), .takes = "GLOB",
   .help = "leave out files and folders; may repeat. \"*.tmp\" is\n"
           "found in every folder, \"a/*.tmp\" only in a,\n"
           "\"a/**/*.tmp\" anywhere below a"},
  {.name = "follow-links", .kind = OPTION_FLAG, FIELD(follow_links),
   .help = "take what symbolic links lead to (default: they\nare left out)"},
  {.name = "odd-names", .kind = OPTION_FLAG, FIELD(odd_names),
   .help = "take names with a tab, line break or the like in\n"
           "them, which make aria2 refuse the torrent"},
  {.name = "dry-run", .letter = 'n', .kind = OPTION_FLAG, FIELD(dry_run),
   .help = "list the files, hash and write nothing"},
  OPTION_JSON("print one JSON object instead of text"),
  OPTIONS_OF_ALL("no progress and no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_create = {
  .name = "create",
  .usage = "PATH",
  .summary = "make a .torrent of a file or folder",
  .about = "Makes a .torrent of the file or folder PATH, and prints its info hash and magnet\n"
           "link. The same files and options give the same torrent, byte for byte.\n",
  .options = options,
  .size = sizeof(struct create_options),
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
