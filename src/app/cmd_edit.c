/*
 * weft edit: changes what stands beside a torrent's info dictionary.
 *
 * Trackers, web seeds and the comment may change at any time: the swarm knows a torrent by the hash
 * of the info dictionary alone. That dictionary is copied byte for byte, and so is every other key,
 * known or not (proto/author), whatever version the torrent is of: a hybrid or a version 2 torrent
 * keeps its piece layers. So are the trackers that nobody named, usable or not (proto/retrack).
 * What would change the info hash (name, private, source, piece length) is
 * no edit but another torrent, and `create` makes it.
 *
 * Without -o the file itself is replaced, in one step.
 */
#include "app/cmd.h"

#include <string.h>

#include "app/exits.h"
#include "app/naming.h"
#include "app/out.h"
#include "app/torrent.h"
#include "app/torrent_out.h"
#include "base/log.h"
#include "io/http.h"
#include "proto/author.h"
#include "proto/retrack.h"

struct edit_options {
  struct options common;
  struct options_list tiers;  /* --tracker */
  struct options_list add;    /* --add-tracker */
  struct options_list remove; /* --remove-tracker */
  struct options_list web_seeds;
  bool no_web_seeds;
  const char *comment;
  bool no_comment;
};

static int refuse(const char *sentence) {
  log_error("%s ('weft edit -h' explains)", sentence);
  return EXIT_USAGE;
}

/* What the options contradict each other in. Returns EXIT_OK or EXIT_USAGE. */
static int check(const struct edit_options *o) {
  const struct options *c = &o->common;
  bool trackers = o->tiers.count + o->add.count + o->remove.count > 0 || c->no_trackers;
  bool seeds = o->web_seeds.count > 0 || o->no_web_seeds;
  if (!trackers && !seeds && o->comment == NULL && !o->no_comment)
    return refuse("say what to change: --tracker, --add-tracker, --remove-tracker, --web-seed, "
                  "--comment or one of their --no-...");
  if (c->no_trackers && o->tiers.count + o->remove.count > 0)
    return refuse("--no-trackers removes all of them: it can't go with --tracker or "
                  "--remove-tracker");
  if (o->tiers.count > 0 && o->remove.count > 0)
    return refuse("--tracker replaces all of them: there is nothing left for --remove-tracker");
  if (o->no_web_seeds && o->web_seeds.count > 0)
    return refuse("--web-seed and --no-web-seeds can't go together");
  if (o->no_comment && o->comment != NULL)
    return refuse("--comment and --no-comment can't go together");
  bool is_file = strcmp(c->args[0], "-") != 0 && !http_is_url(c->args[0]);
  if (!is_file && c->output == NULL)
    return refuse("what comes from a pipe or a URL can't be changed in place: name a file with -o");
  return torrent_out_web_seeds("web-seed", &o->web_seeds);
}

static int no_memory(void) {
  log_error("there is not enough memory for this torrent");
  return EXIT_RESOURCES;
}

/* The values of "announce" and "announce-list" as they are to be. */
static int change_trackers(struct retrack *r, const struct edit_options *o,
                           const struct ben_doc *d) {
  struct tiers add = {.count = 0};
  size_t which = 0;
  enum err e = ERR_OK;
  int code = torrent_out_tiers(&add, "tracker", &o->tiers);
  if (code == EXIT_OK) code = torrent_out_tiers(&add, "add-tracker", &o->add);
  if (code == EXIT_OK) {
    struct retrack_change c = {
      .fresh = o->tiers.count > 0 || o->common.no_trackers, .remove = o->remove.at,
      .remove_count = o->remove.count, .add = &add,
    };
    e = retrack_make(r, d, &c, &which);
  }
  tiers_free(&add);
  if (e == ERR_OK) return code;
  if (e == ERR_MEMORY) return no_memory();
  if (e == ERR_NOT_FOUND)
    log_error("'%.300s' is not among the trackers of this torrent; 'weft info' lists them",
              o->remove.at[which]);
  else if (e == ERR_LIMIT)
    log_error("with --add-tracker there would be more than 64 tiers of trackers, and readers leave "
              "out the rest; remove some, or put several into one tier");
  else
    log_error("the \"announce-list\" of this torrent is no list, so nothing can be added to it; "
              "--tracker replaces it");
  return EXIT_USAGE;
}

/* Why author_edit() failed on a torrent that was read before. */
static int tell_failure(const struct buf *out) {
  if (!out->failed || out->no_memory) return no_memory();
  log_error("the torrent would be larger than 64 MiB, which readers refuse");
  return EXIT_BAD_TORRENT;
}

/* Appends the new torrent to `out`. */
static int edit(struct buf *out, const struct edit_options *o, const struct ben_doc *d) {
  struct retrack r = {.list = {.data = NULL}};
  int code = change_trackers(&r, o, d);
  struct author_change c = {
    .trackers = o->tiers.count + o->add.count + o->remove.count > 0 || o->common.no_trackers,
    .announce = &r.announce, .announce_list = &r.list,
    .web_seeds = o->no_web_seeds || o->web_seeds.count > 0,
    .urls = o->web_seeds.at, .url_count = o->web_seeds.count,
    .comment = o->no_comment || o->comment != NULL, .text = o->comment,
  };
  if (code == EXIT_OK && author_edit(out, d, &c) != ERR_OK) code = tell_failure(out);
  retrack_free(&r);
  return code;
}

/* Where it goes. Only what is edited in place, or what --overwrite allows, is replaced. */
static int write_out(const struct edit_options *o, struct buf *torrent) {
  const char *path = o->common.output != NULL ? o->common.output : o->common.args[0];
  bool replace = o->common.output == NULL || o->common.overwrite;
  int code = torrent_out_check(path, replace);
  if (code == EXIT_OK) code = torrent_out_write(path, torrent, replace);
  return code;
}

static int run(const struct options *common) {
  const struct edit_options *o = (const struct edit_options *)common;
  struct buf old, fresh;
  struct naming before, after;
  int code = check(o);
  if (code != EXIT_OK) return code;
  code = torrent_load_bytes(&old, common->args[0], common->timeout_ms);
  buf_init(&fresh, TORRENT_BYTES_MAX);
  if (code == EXIT_OK) code = naming_read(&before, old.data, old.len, false);
  if (code == EXIT_OK) {
    code = edit(&fresh, o, &before.doc);
    naming_free(&before);
  }
  if (code == EXIT_OK) code = naming_read(&after, fresh.data, fresh.len, true);
  if (code == EXIT_OK) {
    code = write_out(o, &fresh);
    bool text = common->output == NULL || !torrent_out_is_stdout(common->output);
    if (code == EXIT_OK && text) naming_print(&after);
    naming_free(&after);
  }
  buf_free(&fresh);
  buf_free(&old);
  return code;
}

#define FIELD(member) .field = offsetof(struct edit_options, member)

static const struct command_option options[] = {
  {.name = "output", .letter = 'o', .kind = OPTION_TEXT, OPTION_FIELD(output), .takes = "OUT",
   .help = "write the new torrent there, \"-\" for standard\noutput; else it replaces the old one"},
  {.name = "overwrite", .kind = OPTION_FLAG, OPTION_FIELD(overwrite),
   .help = "replace OUT if it is there and is a torrent"},
  {.name = "tracker", .kind = OPTION_LIST, FIELD(tiers), .takes = "URL",
   .help = "these trackers and no others;\n" TORRENT_OUT_TIERS},
  {.name = "add-tracker", .kind = OPTION_LIST, FIELD(add), .takes = "URL",
   .help = "one more tier, behind those that are there"},
  {.name = "remove-tracker", .kind = OPTION_LIST, FIELD(remove), .takes = "URL",
   .help = "this one goes"},
  {.name = "no-trackers", .kind = OPTION_FLAG, OPTION_FIELD(no_trackers),
   .help = "all trackers go (--add-tracker may add new ones)"},
  {.name = "web-seed", .kind = OPTION_LIST, FIELD(web_seeds), .takes = "URL",
   .help = "these web seeds and no others"},
  {.name = "no-web-seeds", .kind = OPTION_FLAG, FIELD(no_web_seeds),
   .help = "all web seeds go"},
  {.name = "comment", .kind = OPTION_TEXT, FIELD(comment), .takes = "TEXT",
   .help = "another comment"},
  {.name = "no-comment", .kind = OPTION_FLAG, FIELD(no_comment), .help = "the comment goes"},
  OPTION_TIMEOUT_OF_URL,
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_edit = {
  .name = "edit",
  .usage = "TORRENT",
  .summary = "change trackers, web seeds or comment of a torrent",
  .about = "Changes what a torrent says beside its info dictionary. The info hash stays what\n"
           "it is, and so does the swarm; all that is not named stays byte for byte. Prints\n"
           "info hash and magnet link.\n" COMMAND_TORRENT_IS,
  .options = options,
  .size = sizeof(struct edit_options),
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
