#include "app/options_help.h"

#include <stdio.h>
#include <string.h>

void options_help_program(struct buf *b, const struct command_spec *commands, size_t count) {
  buf_put_str(b, "weft: a BitTorrent client\n\n"
                 "Usage: weft [OPTIONS] TORRENT [PATH]     the same as 'weft download'\n"
                 "       weft COMMAND [OPTIONS] TORRENT ...\n\n"
                 "Commands:\n");
  for (size_t i = 0; i < count; i++) {
    const struct command_spec *c = &commands[i];
    char left[64];
    snprintf(left, sizeof left, "%s %s", c->name, c->usage);
    buf_printf(b, "  %-26s %s\n", left, c->summary);
  }
  buf_put_str(b, "\n'weft COMMAND -h' explains a command and its options.\n"
                 "'weft --version' says which version this is.\n\n"
                 "Exit codes:\n"
                 "  0  done, all is verified and on disk    6  no memory, threads, descriptors\n"
                 "  1  something unexpected                 7  stalled (--stall-timeout)\n"
                 "  2  wrong usage                          8  data do not match (verify)\n"
                 "  3  not a valid torrent                130  interrupted (Ctrl-C)\n"
                 "  4  nothing to download from           143  terminated\n"
                 "  5  disk: space, permission, a file in the way\n");
}

/* One option, its help in column 28, further lines below it. */
static void put_option(struct buf *b, const struct option_spec *s) {
  char left[64];
  char letter[8] = "    ";
  if (s->letter != 0) snprintf(letter, sizeof letter, "-%c, ", s->letter);
  snprintf(left, sizeof left, "%s--%s%s%s", letter, s->name, s->takes != NULL ? " " : "",
           s->takes != NULL ? s->takes : "");
  const char *help = s->help;
  const char *newline;
  while ((newline = strchr(help, '\n')) != NULL) {
    buf_printf(b, "  %-26s%.*s\n", left, (int)(newline - help), help);
    left[0] = '\0';
    help = newline + 1;
  }
  buf_printf(b, "  %-26s%s\n", left, help);
}

/* What SIZE and TIME mean, where they occur. */
static void put_units(struct buf *b, const struct command_spec *c, const struct option_spec *specs,
                      size_t count) {
  bool size = false;
  bool time = false;
  for (size_t i = 0; i < count; i++) {
    if (!(specs[i].commands & c->bit)) continue;
    size |= specs[i].kind == OPTION_SIZE;
    time |= specs[i].kind == OPTION_DURATION;
  }
  buf_put_u8(b, '\n');
  if (size) buf_put_str(b, "SIZE may end in K, M, G or T, which count 1024 each.\n");
  if (time) buf_put_str(b, "TIME may end in s, m or h; without, it is seconds.\n");
}

void options_help_command(struct buf *b, const struct command_spec *c,
                          const struct option_spec *specs, size_t count) {
  buf_printf(b, "Usage: weft %s [OPTIONS] %s\n", c->name, c->usage);
  if (c->implied) buf_printf(b, "       weft [OPTIONS] %s\n", c->usage);
  buf_printf(b, "\n%s\nOptions:\n", c->about);
  for (size_t i = 0; i < count; i++)
    if (specs[i].commands & c->bit) put_option(b, &specs[i]);
  put_units(b, c, specs, count);
}

enum { WORD_MAX = 20 };

/* How many insertions, deletions and replacements turn `a` into `b`: one row of the usual table at
 * a time. Words that are too long are far from everything. */
static size_t distance(const char *a, size_t alen, const char *b) {
  size_t blen = strlen(b);
  if (alen > WORD_MAX || blen > WORD_MAX) return WORD_MAX;
  size_t row[WORD_MAX + 1];
  for (size_t j = 0; j <= blen; j++) row[j] = j;
  for (size_t i = 1; i <= alen; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= blen; j++) {
      size_t best = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      corner = row[j];
      row[j] = best;
    }
  }
  return row[blen];
}

/* A quarter of the letters may be wrong, one at least, two at most. */
static bool near(const char *word, size_t len, const char *name) {
  size_t allowed = strlen(name) >= 6 ? 2 : 1;
  return distance(word, len, name) <= allowed;
}

const char *options_help_near_command(const struct command_spec *commands, size_t count,
                                      const char *word) {
  for (size_t i = 0; i < count; i++)
    if (near(word, strlen(word), commands[i].name)) return commands[i].name;
  return NULL;
}

const char *options_help_near_option(const struct command_spec *c, const struct option_spec *specs,
                                     size_t count, const char *word, size_t len) {
  for (size_t i = 0; i < count; i++)
    if ((specs[i].commands & c->bit) && near(word, len, specs[i].name)) return specs[i].name;
  return NULL;
}
