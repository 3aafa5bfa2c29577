#include "app/command_help.h"

#include <stdio.h>
#include <string.h>

/* `left`, and from COMMAND_HELP_COLUMN on `right`, each of its lines in one of its own; on the next
 * line if there is no room beside it, two blanks included. */
static void put_row(struct buf *b, const char *left, const char *right) {
  int width = COMMAND_HELP_COLUMN - 2;
  if (strlen(left) + 2 > (size_t)width) {
    buf_printf(b, "  %s\n", left);
    left = "";
  }
  for (const char *line = right; *line != '\0'; left = "") {
    size_t len = strcspn(line, "\n");
    buf_printf(b, "  %-*s%.*s\n", width, left, (int)len, line);
    line += len + (line[len] == '\n');
  }
}

void command_help_overview(struct buf *b, const struct command *const *all) {
  char left[128];
  buf_put_str(b, "weft: a BitTorrent client\n\n"
                 "Usage: weft [OPTIONS] TORRENT [PATH]     the same as 'weft download'\n"
                 "       weft COMMAND [OPTIONS] ARGUMENTS\n\n"
                 "Commands:\n");
  for (; *all != NULL; all++) {
    snprintf(left, sizeof left, "%s %s", (*all)->name, (*all)->usage);
    put_row(b, left, (*all)->summary);
  }
  buf_put_str(b, "\n'weft COMMAND -h' explains a command and its options.\n"
                 "--trace, on every command that talks to others, shows each message.\n"
                 "'weft --version' says which version this is.\n\n"
                 "Exit codes:\n"
                 "    0  done; after a download: all is verified and on disk\n"
                 "    1  something unexpected\n"
                 "    2  wrong usage\n"
                 "    3  not a valid torrent, magnet link or bencoding\n"
                 "    4  nothing to download from: no tracker or peer answers, or none is left\n"
                 "    5  disk: space, permission, a file in the way\n"
                 "    6  no memory, threads or descriptors\n"
                 "    7  stalled (--stall-timeout), or a peer is connected but keeps silent\n"
                 "    8  wrong data on disk (verify) or from a peer, or one of another torrent\n"
                 "  130  interrupted (Ctrl-C)\n"
                 "  143  terminated\n");
}

static void put_option(struct buf *b, const struct command_option *s) {
  char left[64];
  char letter[8] = "    ";
  if (s->letter != 0) snprintf(letter, sizeof letter, "-%c, ", s->letter);
  const char *before = s->takes == NULL ? "" : s->kind == OPTION_MAYBE ? "[=" : " ";
  snprintf(left, sizeof left, "%s--%s%s%s%s", letter, s->name, before,
           s->takes != NULL ? s->takes : "", s->kind == OPTION_MAYBE ? "]" : "");
  put_row(b, left, s->help);
}

/* What SIZE, TIME and the strings of --json mean, where they occur. */
static void put_units(struct buf *b, const struct command *c) {
  bool size = false;
  bool time = false;
  bool json = false;
  for (const struct command_option *s = c->options; s->name != NULL; s++) {
    size |= s->kind == OPTION_SIZE;
    time |= s->kind == OPTION_DURATION;
    json |= strcmp(s->name, "json") == 0;
  }
  if (size || time || json) buf_put_u8(b, '\n');
  if (size) buf_put_str(b, "SIZE may end in K, M, G or T, which count 1024 each.\n");
  if (time) buf_put_str(b, "TIME may end in s, m or h; without, it is seconds.\n");
  if (json)
    buf_put_str(b, "In JSON, a string that is not UTF-8 is \"hex:\" and its bytes in digits.\n");
}

void command_help_put(struct buf *b, const struct command *c) {
  buf_printf(b, "Usage: weft %s [OPTIONS] %s\n", c->name, c->usage);
  if (c->implied) buf_printf(b, "       weft [OPTIONS] %s\n", c->usage);
  buf_printf(b, "\n%s\nOptions:\n", c->about);
  for (const struct command_option *s = c->options; s->name != NULL; s++) put_option(b, s);
  put_units(b, c);
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

const char *command_help_near(const struct command *const *all, const char *word) {
  for (; *all != NULL; all++)
    if (near(word, strlen(word), (*all)->name)) return (*all)->name;
  return NULL;
}

const char *command_help_near_option(const struct command *c, const char *word, size_t len) {
  for (const struct command_option *s = c->options; s->name != NULL; s++)
    if (near(word, len, s->name)) return s->name;
  return NULL;
}
