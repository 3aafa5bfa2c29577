#include "app/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/command_help.h"
#include "app/out.h"
#include "app/reflow.h"
#include "base/log.h"
#include "io/http.h"
#include "io/net.h"

static const struct command_option *find_long(const struct command *c, const char *name,
                                              size_t len) {
  for (const struct command_option *s = c->options; s->name != NULL; s++)
    if (strlen(s->name) == len && memcmp(s->name, name, len) == 0) return s;
  return NULL;
}

static const struct command_option *find_letter(const struct command *c, char letter) {
  for (const struct command_option *s = c->options; s->name != NULL; s++)
    if (s->letter == letter && letter != 0) return s;
  return NULL;
}

/* Where the parser is. */
struct parse {
  struct options *o;
  const struct command *command;
  const struct command *const *all;
  int argc;
  char **argv;
  int at;    /* the next word */
  bool help; /* -h was among them */
};

static void *field_of(const struct parse *p, const struct command_option *s) {
  return (char *)p->o + s->field;
}

/* Does any command know it? */
static bool is_known_long(const struct parse *p, const char *name, size_t len) {
  for (const struct command *const *c = p->all; *c != NULL; c++)
    if (find_long(*c, name, len) != NULL) return true;
  return false;
}

static bool is_known_letter(const struct parse *p, char letter) {
  for (const struct command *const *c = p->all; *c != NULL; c++)
    if (find_letter(*c, letter) != NULL) return true;
  return false;
}

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

/* --- values --- */

static bool set_number(struct parse *p, const struct command_option *s, const char *value) {
  uint64_t v;
  if (!options_number(value, s->least, s->most, &v))
    return refuse(p, "--%s takes a number from %llu to %llu, not '%s'", s->name,
                  (unsigned long long)s->least, (unsigned long long)s->most, value);
  *(uint32_t *)field_of(p, s) = (uint32_t)v;
  return true;
}

static bool set_port(struct parse *p, const struct command_option *s, const char *value) {
  uint64_t v;
  if (!options_number(value, 1, UINT16_MAX, &v))
    return refuse(p, "--%s takes a number from 1 to %d, not '%s'", s->name, UINT16_MAX, value);
  *(uint16_t *)field_of(p, s) = (uint16_t)v;
  return true;
}

static bool set_size(struct parse *p, const struct command_option *s, const char *value) {
  uint64_t v;
  if (!options_size(value, &v))
    return refuse(p, "--%s takes a size such as 500K, 64M or 1.5G, not '%s'", s->name, value);
  if (v < s->least)
    return refuse(p, "--%s must be at least %lluM, not '%s'", s->name,
                  (unsigned long long)(s->least >> 20), value);
  *(uint64_t *)field_of(p, s) = v;
  return true;
}

static bool set_choice(struct parse *p, const struct command_option *s, const char *value) {
  char list[256];
  size_t at = 0;
  for (unsigned i = 0; s->choices[i] != NULL; i++) {
    if (strcmp(s->choices[i], value) == 0) {
      *(unsigned *)field_of(p, s) = i;
      return true;
    }
    const char *before = i == 0 ? "" : s->choices[i + 1] == NULL ? " or " : ", ";
    if (at < sizeof list)
      at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", before, s->choices[i]);
  }
  return refuse(p, "--%s takes %s, not '%s'", s->name, list, value);
}

static bool add_peer(struct parse *p, const char *value) {
  struct options *o = p->o;
  if (o->peer_count == OPTIONS_LIST_MAX)
    return refuse(p, "--peer may be given at most %d times", OPTIONS_LIST_MAX);
  struct addr *a = &o->peers[o->peer_count];
  if (!net_parse_addr(value, a) || !addr_is_peer(a))
    return refuse(p, "--peer takes an address such as 192.0.2.1:6881 or [2001:db8::1]:6881, "
                  "not '%s'", value);
  o->peer_count++;
  return true;
}

static bool add_text(struct parse *p, const struct command_option *s, const char *value) {
  struct options_list *list = field_of(p, s);
  if (list->count == OPTIONS_LIST_MAX)
    return refuse(p, "--%s may be given at most %d times", s->name, OPTIONS_LIST_MAX);
  if (*value == '\0') return refuse(p, "--%s needs a %s that is not empty", s->name, s->takes);
  list->at[list->count++] = value;
  return true;
}

static bool add_tracker(struct parse *p, const struct command_option *s, const char *value) {
  if (!http_is_url(value) && strncmp(value, "udp://", 6) != 0)
    return refuse(p, "--%s takes a URL that begins with http:// or https://, not '%s'", s->name,
                  value);
  return add_text(p, s, value);
}

/* Options that take nothing. */
static bool set_plain(struct parse *p, const struct command_option *s) {
  if (s->kind == OPTION_HELP)
    p->help = true;
  else if (s->kind == OPTION_COUNT)
    ++*(int *)field_of(p, s);
  else
    *(bool *)field_of(p, s) = true;
  return true;
}

static bool set_value(struct parse *p, const struct command_option *s, const char *value) {
  switch (s->kind) {
  case OPTION_TEXT:
    if (*value == '\0') return refuse(p, "--%s needs a %s that is not empty", s->name, s->takes);
    *(const char **)field_of(p, s) = value;
    return true;
  case OPTION_NUMBER:
    return set_number(p, s, value);
  case OPTION_PORT:
    return set_port(p, s, value);
  case OPTION_SIZE:
    return set_size(p, s, value);
  case OPTION_DURATION:
    return options_duration(value, field_of(p, s)) ||
           refuse(p, "--%s takes a time such as 90, 90s, 2m or 1h, not '%s'", s->name, value);
  case OPTION_CHOICE:
  case OPTION_MAYBE:
    return set_choice(p, s, value);
  case OPTION_LIST:
    return add_text(p, s, value);
  case OPTION_PEER:
    return add_peer(p, value);
  case OPTION_TRACKER:
    return add_tracker(p, s, value);
  case OPTION_HELP:
  case OPTION_FLAG:
  case OPTION_COUNT:
    break;
  }
  return set_plain(p, s);
}

/* --- words --- */

/* The value is `given` if there is one, else the next word. */
static bool take_value(struct parse *p, const struct command_option *s, const char *given) {
  if (given == NULL && s->kind == OPTION_MAYBE) {
    given = s->choices[1];
  } else if (given == NULL) {
    if (p->at >= p->argc) return refuse(p, "--%s needs a value: %s", s->name, s->takes);
    given = p->argv[p->at++];
  }
  return set_value(p, s, given);
}

static bool refuse_long(const struct parse *p, const char *name, size_t len) {
  const char *near = command_help_near_option(p->command, name, len);
  if (is_known_long(p, name, len))
    return refuse(p, "--%.*s is no option of 'weft %s'", (int)len, name, p->command->name);
  if (near != NULL)
    return refuse(p, "there is no option '--%.*s'; did you mean --%s?", (int)len, name, near);
  return refuse(p, "there is no option '--%.*s'", (int)len, name);
}

/* "--name", "--name=value". */
static bool parse_long(struct parse *p, const char *word) {
  const char *name = word + 2;
  size_t len = strcspn(name, "=");
  const char *value = name[len] == '=' ? name + len + 1 : NULL;
  const struct command_option *s = find_long(p->command, name, len);
  if (len > 200) return refuse(p, "there is no option as long as that");
  if (s == NULL) return refuse_long(p, name, len);
  if (s->takes != NULL) return take_value(p, s, value);
  if (value != NULL) return refuse(p, "--%s takes no value", s->name);
  return set_plain(p, s);
}

/* "-q", "-qv", "-oPATH", "-o PATH". */
static bool parse_letters(struct parse *p, const char *word) {
  for (const char *c = word + 1; *c != '\0'; c++) {
    const struct command_option *s = find_letter(p->command, *c);
    if (s == NULL && is_known_letter(p, *c))
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
  if (*word == '\0' && !p->command->empty) return refuse(p, "an argument is empty");
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

/* The first word of a usage that is no option and that `given` arguments leave over. What stands in
 * brackets may be left out: arguments that are too few are taken for the others. */
static const char *missing_word(const char *usage, size_t given) {
  const char *word = usage;
  while (*word == '[' || (given > 0 && *word != '\0')) {
    given -= *word != '[';
    word += strcspn(word, " ");
    word += strspn(word, " ");
  }
  return word;
}

/* Says which argument is not there. */
static bool refuse_missing(const struct parse *p) {
  const char *usage = p->command->usage;
  const char *word = missing_word(usage, p->o->arg_count);
  size_t len = strcspn(word, " ");
  if (word == usage && strncmp(word, "TORRENT", len) == 0)
    return refuse(p, "'weft %s' needs a TORRENT: a .torrent file or the URL of one",
                  p->command->name);
  return refuse(p, "'weft %s' takes %s; %.*s is missing", p->command->name, usage, (int)len, word);
}

/* What only the whole line shows. */
static bool check_whole(struct parse *p) {
  struct options *o = p->o;
  if (o->arg_count < p->command->least_args) return refuse_missing(p);
  if (!p->command->path || o->arg_count < 2) return true;
  if (o->output != NULL)
    return refuse(p, "the place is given twice: --output '%.200s' and '%.200s'", o->output,
                  o->args[1]);
  o->output = o->args[1];
  return true;
}

size_t command_size(const struct command *c) {
  return c->size != 0 ? c->size : sizeof(struct options);
}

/* Prints `text`, in fewer columns if the terminal has fewer, and frees it. */
static void print_help(struct buf *text) {
  struct buf narrow;
  size_t width = out_columns();
  buf_init(&narrow, 1 << 16);
  if (width < COMMAND_HELP_WIDTH && !text->failed)
    reflow_put(&narrow, buf_cstr(text), COMMAND_HELP_COLUMN, width);
  out_buf(width < COMMAND_HELP_WIDTH ? &narrow : text);
  buf_free(&narrow);
  buf_free(text);
}

enum command_result command_parse(const struct command *c, const struct command *const *all,
                                  struct options *o, int argc, char **argv) {
  struct parse p = {.o = o, .command = c, .all = all, .argc = argc, .argv = argv, .at = 1};
  memset(o, 0, command_size(c));
  options_init(o);
  if (!parse_words(&p)) return COMMAND_BAD;
  if (!p.help) return check_whole(&p) ? COMMAND_OK : COMMAND_BAD;
  struct buf text;
  buf_init(&text, 1 << 16);
  command_help_put(&text, c);
  print_help(&text);
  return COMMAND_HELP;
}

void command_overview(const struct command *const *all) {
  struct buf text;
  buf_init(&text, 1 << 16);
  command_help_overview(&text, all);
  print_help(&text);
}
