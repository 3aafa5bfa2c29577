/*
 * weft edit: changes what stands beside a torrent's info dictionary.
 *
 * Trackers, web seeds and the comment may change at any time: the swarm knows a torrent by the hash
 * of the info dictionary alone. That dictionary is copied byte for byte, and so is every other key,
 * known or not (proto/author), whatever version the torrent is of: a hybrid or a version 2 torrent
 * keeps its piece layers. What would change the info hash (name, private, source, piece length) is
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

/* The trackers as they are to be: those that were there, or none, and then what the options say. */
static int change_tiers(struct tiers *t, const struct edit_options *o, const struct ben_doc *d) {
  bool fresh = o->tiers.count > 0 || o->common.no_trackers;
  if (!fresh && metainfo_sources_tiers(d, bencode_root(d), &t->v, &t->count) != ERR_OK) {
    log_error("there is not enough memory for the trackers");
    return EXIT_RESOURCES;
  }
  for (size_t i = 0; i < o->remove.count; i++) {
    if (tiers_remove(t, o->remove.at[i])) continue;
    log_error("'%.300s' is not among the trackers of this torrent; 'weft info' lists them",
              o->remove.at[i]);
    return EXIT_USAGE;
  }
  int code = torrent_out_tiers(t, "tracker", &o->tiers);
  return code == EXIT_OK ? torrent_out_tiers(t, "add-tracker", &o->add) : code;
}

/* Appends the new torrent to `out`. */
static int edit(struct buf *out, const struct edit_options *o, const struct ben_doc *d) {
  struct tiers t = {.count = 0};
  int code = change_tiers(&t, o, d);
  struct author_change c = {
    .trackers = o->tiers.count + o->add.count + o->remove.count > 0 || o->common.no_trackers,
    .tiers = t.v, .tier_count = t.count,
    .web_seeds = o->no_web_seeds || o->web_seeds.count > 0,
    .urls = o->web_seeds.at, .url_count = o->web_seeds.count,
    .comment = o->no_comment || o->comment != NULL, .text = o->comment,
  };
  if (code == EXIT_OK && author_edit(out, d, &c) != ERR_OK) {
    log_error("there is not enough memory for this torrent");
    code = EXIT_RESOURCES;
  }
  tiers_free(&t);
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
   .help = "replace OUT if it is there"},
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
