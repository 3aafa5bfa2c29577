#include "app/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/options_help.h"
#include "app/out.h"
#include "base/log.h"
#include "io/http.h"

/* Which commands an option belongs to. */
enum {
  FOR_DOWNLOAD = 1,
  FOR_INFO = 2,
  FOR_FILES = 4,
  FOR_VERIFY = 8,
  FOR_ALL = 15
};

#define FIELD(f) ((uint16_t)offsetof(struct options, f))

#define TORRENT_IS \
  "TORRENT is a .torrent file, the http(s) URL of one, or \"-\" for standard input.\n"
#define PATH_IS(what) \
  "PATH says where " what ": inside PATH if it is a folder or ends in \"/\",\n" \
  "under the very name PATH if not, in the current folder if it is left out.\n"

static const struct command_spec commands[] = {
  {"download", FOR_DOWNLOAD, true, true, 2, "TORRENT [PATH]",
   "download, check every piece, exit when done",
   "Downloads the files of a torrent, checks every piece, and exits when all is on\n"
   "disk. If it was interrupted, the same command goes on where it stopped.\n"
   TORRENT_IS PATH_IS("the files go")},
  {"info", FOR_INFO, false, false, 1, "TORRENT", "say what a torrent holds",
   "Prints what a torrent says about itself: trackers, sizes, hashes, files.\n" TORRENT_IS},
  {"files", FOR_FILES, false, false, 1, "TORRENT", "list the files: size in bytes and path",
   "Lists the files of a torrent, one per line: size in bytes, two spaces, path.\n" TORRENT_IS},
  {"verify", FOR_VERIFY, false, true, 2, "TORRENT [PATH]",
   "compare files on disk with the torrent",
   "Reads the files on disk and names those that are missing or damaged, and where.\n"
   "Changes nothing. Exits with 0 if everything matches, with 8 if not.\n"
   TORRENT_IS PATH_IS("the files are")},
};
static const size_t command_count = sizeof commands / sizeof commands[0];

static const struct option_spec specs[] = {
  {"output", 'o', OPTION_TEXT, FOR_DOWNLOAD | FOR_VERIFY, FIELD(output), 0, 0, "PATH",
   "the same as the argument PATH"},
  {"overwrite", 0, OPTION_FLAG, FOR_DOWNLOAD, FIELD(overwrite), 0, 0, NULL,
   "replace files that are not of this download"},
  {"allocate", 0, OPTION_ALLOCATE, FOR_DOWNLOAD, FIELD(allocate), 0, 0, "HOW",
   "files grow (none), have holes until they are full\n"
   "(sparse, the default), or get all their space at\nonce (full)"},
  {"max-peers", 0, OPTION_NUMBER, FOR_DOWNLOAD, FIELD(max_peers), 1, 10000, "N",
   "connections at a time, 1 to 10000 (default 200)"},
  {"memory", 0, OPTION_SIZE, FOR_DOWNLOAD, FIELD(memory), UINT64_C(4) << 20, 0, "SIZE",
   "memory for data in flight, at least 4M\n(default 128M)"},
  {"timeout", 0, OPTION_DURATION, FOR_DOWNLOAD, FIELD(timeout_ms), 0, 0, "TIME",
   "give up when no peer is connected for so long\n(default 60s; 0: never)"},
  {"timeout", 0, OPTION_DURATION, FOR_ALL & ~FOR_DOWNLOAD, FIELD(timeout_ms), 0, 0, "TIME",
   "give up on a URL that takes longer than this\n(default 60s; 0: never)"},
  {"stall-timeout", 0, OPTION_DURATION, FOR_DOWNLOAD, FIELD(stall_timeout_ms), 0, 0, "TIME",
   "give up when no data arrive for so long\n(default 0: never)"},
  {"peer", 0, OPTION_PEER, FOR_DOWNLOAD, FIELD(peers), 0, 0, "IP:PORT",
   "also connect to this peer; up to 64 times"},
  {"tracker", 0, OPTION_TRACKER, FOR_DOWNLOAD, FIELD(trackers), 0, 0, "URL",
   "also ask this tracker, first; up to 64 times"},
  {"no-trackers", 0, OPTION_FLAG, FOR_DOWNLOAD, FIELD(no_trackers), 0, 0, NULL,
   "do not ask the torrent's trackers"},
  {"port", 0, OPTION_PORT, FOR_DOWNLOAD, FIELD(port), 1, 65535, "N",
   "port to tell trackers, 1 to 65535 (default 6881)"},
  {"pieces", 0, OPTION_FLAG, FOR_INFO, FIELD(list_pieces), 0, 0, NULL,
   "list the hash of every piece, however many"},
  {"json", 0, OPTION_FLAG, FOR_DOWNLOAD, FIELD(json), 0, 0, NULL,
   "print what happens as JSON, one event per line"},
  {"json", 0, OPTION_FLAG, FOR_ALL & ~FOR_DOWNLOAD, FIELD(json), 0, 0, NULL,
   "print one JSON object instead of text"},
  {"quiet", 'q', OPTION_FLAG, FOR_ALL & ~FOR_VERIFY, FIELD(quiet), 0, 0, NULL,
   "no progress and no warnings, only errors"},
  {"quiet", 'q', OPTION_FLAG, FOR_VERIFY, FIELD(quiet), 0, 0, NULL,
   "no progress and no text: the exit code tells"},
  {"verbose", 'v', OPTION_COUNT, FOR_ALL, FIELD(verbose), 0, 0, NULL,
   "say what happens; -vv: say what every peer does"},
  {"log-file", 0, OPTION_TEXT, FOR_ALL, FIELD(log_file), 0, 0, "FILE",
   "append everything that -vv would say to FILE"},
  {"help", 'h', OPTION_HELP, FOR_ALL, 0, 0, 0, NULL, "show this and exit"},
};
static const size_t spec_count = sizeof specs / sizeof specs[0];

static const struct command_spec *find_command(const char *name) {
  for (size_t i = 0; i < command_count; i++)
    if (strcmp(commands[i].name, name) == 0) return &commands[i];
  return NULL;
}

/* One option may stand in the table twice, when it means something else for other commands:
 * `bits` are the commands that are looked for. */
static const struct option_spec *find_long(const char *name, size_t len, unsigned bits) {
  for (size_t i = 0; i < spec_count; i++) {
    const struct option_spec *s = &specs[i];
    if (strlen(s->name) == len && memcmp(s->name, name, len) == 0 && (s->commands & bits))
      return s;
  }
  return NULL;
}

static const struct option_spec *find_letter(char letter, unsigned bits) {
  for (size_t i = 0; i < spec_count; i++)
    if (specs[i].letter == letter && letter != 0 && (specs[i].commands & bits))
      return &specs[i];
  return NULL;
}

/* Where the parser is. */
struct parse {
  struct options *o;
  const struct command_spec *command;
  int argc;
  char **argv;
  int at;    /* the next word */
  bool help; /* -h was among them */
};

/* Says what is wrong, in one sentence with where to look; false for the caller to return. */
__attribute__((format(printf, 2, 3)))
static bool refuse(const struct parse *p, const char *fmt, ...) {
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  log_error("%s ('weft %s -h' explains)", text, p->command->name);
  return false;
}

/* digits[.digits] as whole + part / scale; returns what follows, NULL if it does not begin so.
 * Digits of the fraction behind the ninth are dropped. */
static const char *scan_decimal(const char *t, uint64_t *whole, uint64_t *part, uint64_t *scale) {
  if (*t < '0' || *t > '9') return NULL;
  *whole = 0;
  *part = 0;
  *scale = 1;
  for (; *t >= '0' && *t <= '9'; t++)
    if (__builtin_mul_overflow(*whole, 10, whole) ||
        __builtin_add_overflow(*whole, (uint64_t)(*t - '0'), whole))
      return NULL;
  if (*t != '.') return t;
  t++;
  if (*t < '0' || *t > '9') return NULL;
  for (; *t >= '0' && *t <= '9'; t++) {
    if (*scale == 1000000000) continue;
    *scale *= 10;
    *part = *part * 10 + (uint64_t)(*t - '0');
  }
  return t;
}

/* whole * unit + part * unit / scale without overflow; `unit` is at most 2^40. */
static bool combine(uint64_t whole, uint64_t part, uint64_t scale, uint64_t unit, uint64_t *out) {
  uint64_t fraction = (unit / scale) * part + (unit % scale) * part / scale;
  return !__builtin_mul_overflow(whole, unit, out) && !__builtin_add_overflow(*out, fraction, out);
}

bool options_size(const char *text, uint64_t *bytes) {
  static const char suffix[] = "KMGTkmgt";
  uint64_t whole, part, scale;
  const char *end = scan_decimal(text, &whole, &part, &scale);
  if (end == NULL) return false;
  if (*end == '\0' && scale == 1) {
    *bytes = whole;
    return true;
  }
  const char *unit = *end != '\0' ? strchr(suffix, *end) : NULL;
  if (unit == NULL || end[1] != '\0') return false;
  unsigned shift = 10 * ((unsigned)((unit - suffix) % 4) + 1);
  uint64_t value;
  if (!combine(whole, part, scale, UINT64_C(1) << shift, &value)) return false;
  *bytes = value;
  return true;
}

bool options_duration(const char *text, int64_t *ms) {
  static const int64_t longest = INT64_C(100) * 366 * 86400 * 1000;
  uint64_t whole, part, scale, value;
  const char *end = scan_decimal(text, &whole, &part, &scale);
  if (end == NULL) return false;
  uint64_t unit = *end == 'm' ? 60000 : *end == 'h' ? 3600000 : 1000;
  if (*end != '\0' && (strchr("smh", *end) == NULL || end[1] != '\0')) return false;
  if (!combine(whole, part, scale, unit, &value) || value > (uint64_t)longest) return false;
  *ms = (int64_t)value;
  return true;
}

/* A number for OPTION_NUMBER and OPTION_PORT. */
static bool set_number(struct parse *p, const struct option_spec *s, const char *value,
                       void *field) {
  uint64_t v, part, scale;
  const char *end = scan_decimal(value, &v, &part, &scale);
  if (end == NULL || *end != '\0' || scale != 1 || v < s->least || v > s->most)
    return refuse(p, "--%s takes a number from %llu to %llu, not '%s'", s->name,
                  (unsigned long long)s->least, (unsigned long long)s->most, value);
  if (s->kind == OPTION_PORT)
    *(uint16_t *)field = (uint16_t)v;
  else
    *(uint32_t *)field = (uint32_t)v;
  return true;
}

static bool set_size(struct parse *p, const struct option_spec *s, const char *value, void *field) {
  uint64_t v;
  if (!options_size(value, &v))
    return refuse(p, "--%s takes a size such as 500K, 64M or 1.5G, not '%s'", s->name, value);
  if (v < s->least)
    return refuse(p, "--%s must be at least %lluM, not '%s'", s->name,
                  (unsigned long long)(s->least >> 20), value);
  *(uint64_t *)field = v;
  return true;
}

static bool set_allocate(struct parse *p, const char *value, void *field) {
  static const char *const names[] = {
    [ALLOCATE_NONE] = "none", [ALLOCATE_SPARSE] = "sparse", [ALLOCATE_FULL] = "full"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(names[i], value) != 0) continue;
    *(enum store_allocate *)field = (enum store_allocate)i;
    return true;
  }
  return refuse(p, "--allocate takes none, sparse or full, not '%s'", value);
}

static bool add_peer(struct parse *p, const char *value) {
  struct options *o = p->o;
  if (o->peer_count == OPTIONS_LIST_MAX)
    return refuse(p, "--peer may be given at most %d times", OPTIONS_LIST_MAX);
  struct addr *a = &o->peers[o->peer_count];
  if (!addr_parse(value, strlen(value), a) || !addr_is_peer(a))
    return refuse(p, "--peer takes an address such as 192.0.2.1:6881 or [2001:db8::1]:6881, "
                  "not '%s'", value);
  o->peer_count++;
  return true;
}

static bool add_tracker(struct parse *p, const char *value) {
  struct options *o = p->o;
  if (o->tracker_count == OPTIONS_LIST_MAX)
    return refuse(p, "--tracker may be given at most %d times", OPTIONS_LIST_MAX);
  if (!http_is_url(value) && strncmp(value, "udp://", 6) != 0)
    return refuse(p, "--tracker takes a URL that begins with http:// or https://, not '%s'", value);
  o->trackers[o->tracker_count++] = value;
  return true;
}

/* Options that take nothing. */
static bool set_plain(struct parse *p, const struct option_spec *s) {
  void *field = (char *)p->o + s->offset;
  if (s->kind == OPTION_HELP)
    p->help = true;
  else if (s->kind == OPTION_COUNT)
    ++*(int *)field;
  else
    *(bool *)field = true;
  return true;
}

static bool set_value(struct parse *p, const struct option_spec *s, const char *value) {
  void *field = (char *)p->o + s->offset;
  switch ((enum option_kind)s->kind) {
  case OPTION_TEXT:
    if (*value == '\0') return refuse(p, "--%s needs a %s that is not empty", s->name, s->takes);
    *(const char **)field = value;
    return true;
  case OPTION_NUMBER:
  case OPTION_PORT:
    return set_number(p, s, value, field);
  case OPTION_SIZE:
    return set_size(p, s, value, field);
  case OPTION_DURATION:
    return options_duration(value, field) ||
           refuse(p, "--%s takes a time such as 90, 90s, 2m or 1h, not '%s'", s->name, value);
  case OPTION_ALLOCATE:
    return set_allocate(p, value, field);
  case OPTION_PEER:
    return add_peer(p, value);
  case OPTION_TRACKER:
    return add_tracker(p, value);
  case OPTION_HELP:
  case OPTION_FLAG:
  case OPTION_COUNT:
    break;
  }
  return set_plain(p, s);
}

/* The value is `given` if there is one, else the next word. */
static bool take_value(struct parse *p, const struct option_spec *s, const char *given) {
  if (given == NULL) {
    if (p->at >= p->argc) return refuse(p, "--%s needs a value: %s", s->name, s->takes);
    given = p->argv[p->at++];
  }
  return set_value(p, s, given);
}

static bool refuse_long(const struct parse *p, const char *name, size_t len) {
  const struct option_spec *other = find_long(name, len, FOR_ALL);
  const char *near = options_help_near_option(p->command, specs, spec_count, name, len);
  if (other != NULL)
    return refuse(p, "--%s is no option of 'weft %s'", other->name, p->command->name);
  if (near != NULL)
    return refuse(p, "there is no option '--%.*s'; did you mean --%s?", (int)len, name, near);
  return refuse(p, "there is no option '--%.*s'", (int)len, name);
}

/* "--name", "--name=value". */
static bool parse_long(struct parse *p, const char *word) {
  const char *name = word + 2;
  size_t len = strcspn(name, "=");
  const char *value = name[len] == '=' ? name + len + 1 : NULL;
  const struct option_spec *s = find_long(name, len, p->command->bit);
  if (len > 200) return refuse(p, "there is no option as long as that");
  if (s == NULL) return refuse_long(p, name, len);
  if (s->takes != NULL) return take_value(p, s, value);
  if (value != NULL) return refuse(p, "--%s takes no value", s->name);
  return set_plain(p, s);
}

/* "-q", "-qv", "-oPATH", "-o PATH". */
static bool parse_letters(struct parse *p, const char *word) {
  for (const char *c = word + 1; *c != '\0'; c++) {
    const struct option_spec *s = find_letter(*c, p->command->bit);
    if (s == NULL && find_letter(*c, FOR_ALL) != NULL)
      return refuse(p, "-%c is no option of 'weft %s'", *c, p->command->name);
    if (s == NULL) return refuse(p, "there is no option '%.100s'", word);
    if (s->takes != NULL) return take_value(p, s, c[1] != '\0' ? c + 1 : NULL);
    if (!set_plain(p, s)) return false;
  }
  return true;
}

static bool parse_argument(struct parse *p, const char *word) {
  struct options *o = p->o;
  if (o->arg_count == p->command->most_args)
    return refuse(p, "'weft %s' takes %s; '%.200s' is one argument too many", p->command->name,
                  p->command->usage, word);
  if (*word == '\0') return refuse(p, "an argument is empty");
  o->args[o->arg_count++] = word;
  return true;
}

static bool parse_words(struct parse *p) {
  bool only_arguments = false;
  while (p->at < p->argc && !p->help) {
    const char *word = p->argv[p->at++];
    bool ok;
    if (only_arguments || word[0] != '-' || word[1] == '\0') {
      ok = parse_argument(p, word);
    } else if (strcmp(word, "--") == 0) {
      only_arguments = ok = true;
    } else if (word[1] == '-') {
      ok = parse_long(p, word);
    } else {
      ok = parse_letters(p, word);
    }
    if (!ok) return false;
  }
  return true;
}

/* What only the whole line shows. */
static bool check_whole(struct parse *p) {
  struct options *o = p->o;
  if (o->arg_count == 0)
    return refuse(p, "'weft %s' needs a TORRENT: a .torrent file or the URL of one",
                  p->command->name);
  if (!p->command->path || o->arg_count < 2) return true;
  if (o->output != NULL)
    return refuse(p, "the place is given twice: --output '%.200s' and '%.200s'", o->output,
                  o->args[1]);
  o->output = o->args[1];
  return true;
}

enum options_result options_parse(struct options *o, const char *command_name, int argc,
                                  char **argv) {
  *o = (struct options){.max_peers = 200, .memory = UINT64_C(128) << 20, .timeout_ms = 60000,
                        .port = 6881, .allocate = ALLOCATE_SPARSE};
  struct parse p = {.o = o, .command = find_command(command_name), .argc = argc,
                    .argv = argv, .at = 1};
  if (p.command == NULL) {
    log_error("there is no command '%.200s'; 'weft -h' lists them", command_name);
    return OPTIONS_BAD;
  }
  if (!parse_words(&p)) return OPTIONS_BAD;
  if (p.help) {
    struct buf text;
    buf_init(&text, 1 << 16);
    options_help_command(&text, p.command, specs, spec_count);
    out_buf(&text);
    buf_free(&text);
    return OPTIONS_HELP;
  }
  return check_whole(&p) ? OPTIONS_OK : OPTIONS_BAD;
}

void options_overview(void) {
  struct buf text;
  buf_init(&text, 1 << 16);
  options_help_program(&text, commands, command_count);
  out_buf(&text);
  buf_free(&text);
}

const char *options_near_command(const char *word) {
  return options_help_near_command(commands, command_count, word);
}
