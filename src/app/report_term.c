#include "app/report_term.h"

#include <stdio.h>
#include <string.h>

#include "app/human.h"
#include "base/escape.h"

/*
 * The fields of a bar line in their order on the line. A field that is kept takes `columns` and two
 * blanks in front. The name and the bar come first and share what the others leave.
 */
enum field { PERCENT, SIZES, RATE, PEERS, ETA, FIELDS };
enum { GAP = 2, BAR_LEAST = 8, BAR_MOST = 60, NAME_LEAST = 8, FIELD_MAX = 48 };
enum { SHORT_MOST = 5 /* columns of human_short() */, PEERS_LEAST = 13 /* "peers 200/999" */ };

struct line {
  char text[FIELDS][FIELD_MAX]; /* "" when there is nothing to say or no room */
  unsigned columns[FIELDS];
  unsigned name_columns;
  unsigned bar_cells; /* 0: no bar */
};

/* One character of escaped text: its bytes, and the columns it may take. */
static size_t character(const char *text, unsigned *columns) {
  uint32_t cp = 0;
  size_t n = escape_utf8((const uint8_t *)text, strlen(text), &cp);
  *columns = n == 1 ? 1 : 2;
  return n > 0 ? n : 1;
}

unsigned report_term_columns(const char *text) {
  unsigned total = 0;
  for (unsigned c; *text != '\0'; total += c) text += character(text, &c);
  return total;
}

size_t report_term_fit(const char *text, unsigned most) {
  size_t at = 0;
  unsigned used = 0;
  while (text[at] != '\0') {
    unsigned c;
    size_t n = character(text + at, &c);
    if (used + c > most) break;
    used += c;
    at += n;
  }
  return at;
}

static void set_field(struct line *l, enum field f, unsigned least) {
  l->columns[f] = report_term_columns(l->text[f]);
  if (l->columns[f] < least) l->columns[f] = least;
}

static void fill_percent(struct line *l, const struct report_progress *p) {
  char percent[HUMAN_MAX];
  const char *phase = p->phase == PHASE_CHECKING    ? " checked"
                      : p->phase == PHASE_HASHING   ? " hashed"
                      : p->phase == PHASE_FINISHING ? " writing to disk"
                                                    : "";
  human_percent(p->verified, p->total, percent);
  snprintf(l->text[PERCENT], FIELD_MAX, "%5s%%%s", percent, phase);
  set_field(l, PERCENT, 6);
}

static void fill_eta(struct line *l, const struct report_progress *p) {
  char left[HUMAN_MAX] = "-";
  if (p->rate > 0 && p->total > p->verified) {
    uint64_t seconds = (p->total - p->verified) / p->rate;
    if (seconds < UINT64_C(1000) * 86400) human_time((int64_t)seconds * 1000, left);
  }
  snprintf(l->text[ETA], FIELD_MAX, "eta %s", left);
  set_field(l, ETA, 11);
}

static void fill(struct line *l, const struct report_progress *p) {
  char a[HUMAN_MAX];
  char b[HUMAN_MAX];
  memset(l, 0, sizeof *l);
  fill_percent(l, p);
  snprintf(l->text[SIZES], FIELD_MAX, "%s/%s", human_short(p->verified, a),
           human_short(p->total, b));
  set_field(l, SIZES, SHORT_MOST + 1 + (unsigned)strlen(b));
  bool reads = p->phase == PHASE_CHECKING || p->phase == PHASE_HASHING;
  if (p->phase == PHASE_DOWNLOADING || (reads && p->rate > 0)) {
    snprintf(l->text[RATE], FIELD_MAX, "%s/s", human_short(p->rate, a));
    set_field(l, RATE, 7);
    fill_eta(l, p);
  } else if (p->phase == PHASE_CONNECTING) {
    snprintf(l->text[RATE], FIELD_MAX, "connecting");
    set_field(l, RATE, 10);
  }
  if (reads || p->phase == PHASE_FINISHING) return;
  snprintf(l->text[PEERS], FIELD_MAX, "peers %u/%u", p->connected, p->known);
  set_field(l, PEERS, PEERS_LEAST);
}

static unsigned fields_width(const struct line *l) {
  unsigned sum = 0;
  for (int f = 0; f < FIELDS; f++)
    if (l->text[f][0] != '\0') sum += GAP + l->columns[f];
  return sum;
}

/* Leaves out fields, the first `most` of the list at most, until `wanted` more columns fit. */
static void drop_fields(struct line *l, size_t most, unsigned wanted, unsigned room) {
  static const enum field order[] = {SIZES, PEERS, ETA, RATE};
  for (size_t i = 0; i < most && wanted + fields_width(l) > room; i++)
    l->text[order[i]][0] = '\0';
}

/* Chooses what fits beside the least name and the least bar, and deals out the rest. */
static void lay_out(struct line *l, const char *name, unsigned room) {
  unsigned full_name = report_term_columns(name);
  unsigned name_least = full_name < NAME_LEAST ? full_name : NAME_LEAST;
  unsigned bar_least = GAP + 2 + BAR_LEAST;
  drop_fields(l, 2, name_least + bar_least, room);
  if (name_least + bar_least + fields_width(l) > room) bar_least = 0;
  drop_fields(l, 4, name_least + bar_least, room);
  unsigned fixed = bar_least + fields_width(l);
  unsigned rest = room > fixed ? room - fixed : 0;
  unsigned share = room / 3 < NAME_LEAST || bar_least == 0 ? rest : room / 3;
  l->name_columns = full_name < rest ? full_name : rest;
  if (l->name_columns > share) l->name_columns = share;
  rest -= l->name_columns;
  if (bar_least == 0) return;
  l->bar_cells = BAR_LEAST + rest < BAR_MOST ? BAR_LEAST + rest : BAR_MOST;
}

static void put_name(struct buf *b, const char *name, unsigned columns) {
  size_t n = report_term_fit(name, columns);
  if (name[n] == '\0') {
    buf_put(b, name, n);
  } else if (columns >= 3) {
    buf_put(b, name, report_term_fit(name, columns - 2));
    buf_put_str(b, "..");
  }
}

static void put_bar(struct buf *b, const struct report_progress *p, unsigned cells, bool colour) {
  unsigned full = cells;
  if (p->verified < p->total)
    full = (unsigned)((double)p->verified / (double)p->total * (double)cells);
  buf_put_str(b, colour ? "  [\033[32m" : "  [");
  for (unsigned i = 0; i < full; i++) buf_put_u8(b, '#');
  if (colour) buf_put_str(b, "\033[0m");
  for (unsigned i = full; i < cells; i++) buf_put_u8(b, '-');
  buf_put_u8(b, ']');
}

void report_term_bar(struct buf *b, const char *name, const struct report_progress *p,
                     unsigned width, bool colour) {
  struct line l;
  fill(&l, p);
  unsigned room = width > 1 ? width - 1 : 0;
  lay_out(&l, name, room);
  put_name(b, name, l.name_columns);
  if (l.bar_cells > 0) put_bar(b, p, l.bar_cells, colour);
  int last = -1;
  for (int f = 0; f < FIELDS; f++)
    if (l.text[f][0] != '\0') last = f;
  if (l.name_columns == 0 && fields_width(&l) > room) return; /* not even the percents fit */
  for (int f = 0; f <= last; f++) {
    if (l.text[f][0] == '\0') continue;
    int pad = f == last ? 0 : (int)l.columns[f];
    buf_printf(b, "%s%-*s", f == PERCENT && l.name_columns == 0 ? "" : "  ", pad, l.text[f]);
  }
}

void report_term_plain(struct buf *b, const char *name, const struct report_progress *p) {
  char a[HUMAN_MAX];
  char c[HUMAN_MAX];
  char d[HUMAN_MAX];
  human_percent(p->verified, p->total, a);
  human_size(p->total, c);
  human_size(p->rate, d);
  switch (p->phase) {
  case PHASE_CHECKING:
    buf_printf(b, "%s: checking what is on disk, %s %% of %s\n", name, a, c);
    break;
  case PHASE_HASHING:
    buf_printf(b, "%s: hashed %s %% of %s, %s/s\n", name, a, c, d);
    break;
  case PHASE_CONNECTING:
    buf_printf(b, "%s: %s %% of %s, looking for peers: %u known, none connected\n", name, a, c,
               p->known);
    break;
  case PHASE_DOWNLOADING:
    buf_printf(b, "%s: %s %% of %s, %s/s, peers %u/%u", name, a, c, d, p->connected, p->known);
    if (p->rate > 0 && p->total > p->verified && (p->total - p->verified) / p->rate < 86400000)
      buf_printf(b, ", %s left",
                 human_time((int64_t)((p->total - p->verified) / p->rate) * 1000, a));
    buf_put_u8(b, '\n');
    break;
  case PHASE_FINISHING:
    buf_printf(b, "%s: writing the last bytes to disk\n", name);
    break;
  }
}

void report_term_summary(struct buf *b, const char *path, const struct report_summary *s,
                         uint64_t verified, bool advice) {
  char size[HUMAN_MAX];
  char time[HUMAN_MAX];
  char rate[HUMAN_MAX];
  char wasted[HUMAN_MAX];
  human_size(s->total, size);
  if (!s->complete) {
    buf_printf(b, "not complete: %s of %s are there%s\n", human_size(verified, rate), size,
               advice ? "; the same command goes on from here" : "");
    return;
  }
  if (s->received == 0) {
    buf_printf(b, "%s is complete: all %s were there already\n", path, size);
    return;
  }
  human_time(s->elapsed_ms, time);
  uint64_t useful = s->received > s->wasted ? s->received - s->wasted : 0;
  human_size(human_rate(useful, s->elapsed_ms), rate);
  human_percent(s->wasted, s->received, wasted);
  buf_printf(b, "saved %s: %s in %s, %s/s, %u peer%s, %s %% wasted", path, size, time, rate,
             s->peers_used, human_plural(s->peers_used), wasted);
  if (s->already > 0) buf_printf(b, ", %s were there already", human_size(s->already, size));
  buf_put_u8(b, '\n');
}
