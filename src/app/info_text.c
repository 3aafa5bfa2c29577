#include "app/info_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/cmd_files.h"
#include "app/human.h"
#include "app/out.h"
#include "app/torrent_tree.h"
#include "app/wrap.h"
#include "base/crypto.h"
#include "base/escape.h"

enum { HASHES_LISTED = 64, FILES_LISTED = 50, HASH_LEN = 20, TEXT_MAX = 512 };

/* A line of ours, wrapped. */
__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...) {
  char text[TEXT_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  out_wrapped(text, 0, 2);
}

/* An address of the exercise, which stays on its line. */
static void put_url(const char *label, const char *url) {
  out_printf("%s: ", label);
  out_escaped(url, strlen(url));
  out_printf("\n");
}

/* A remark, which may be long: wrapped between its words if it has to be. */
static void put_text(const char *label, const char *text) {
  struct buf b;
  size_t room = 8 * strlen(text) + 1;
  buf_init(&b, SIZE_MAX / 2);
  char *to = (char *)buf_reserve(&b, room);
  if (to != NULL) b.len += escape_term(text, strlen(text), to, room);
  out_printf("%s: ", label);
  size_t column = strlen(label) + 2;
  if (column + b.len > out_columns())
    out_wrapped(buf_cstr(&b), column, 2);
  else
    out_printf("%s\n", buf_cstr(&b));
  buf_free(&b);
}

/* A field that may be absent. */
static void put_optional(const char *label, const char *text) {
  if (text != NULL) put_text(label, text);
}

static void put_hashes(const struct metainfo *m, bool all) {
  char hex[2 * HASH_LEN + 1];
  if (m->geo.pieces > HASHES_LISTED && !all) {
    out_printf("Piece Hashes: %u (--pieces lists them)\n", m->geo.pieces);
    return;
  }
  out_printf("Piece Hashes:\n");
  for (uint32_t i = 0; i < m->geo.pieces && !out_broken(); i++) {
    crypto_hex(m->hashes + (size_t)i * HASH_LEN, HASH_LEN, hex);
    out_printf("%s\n", hex);
  }
}

void info_text_basics(const struct metainfo *m, bool all) {
  char hex[2 * HASH_LEN + 1];
  if (m->tier_count > 0 && m->tiers[0].count > 0)
    put_url("Tracker URL", m->tiers[0].urls[0]);
  else
    out_printf("Tracker URL: none\n");
  crypto_hex(m->info_hash, HASH_LEN, hex);
  out_printf("Length: %" PRIu64 "\n", metainfo_payload(m));
  out_printf("Info Hash: %s\n", hex);
  out_printf("Piece Length: %u\n", m->geo.piece_len);
  put_hashes(m, all);
}

static void put_date(int64_t seconds) {
  char text[64];
  struct tm tm;
  time_t t = (time_t)seconds;
  if (gmtime_r(&t, &tm) != NULL && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm) > 0)
    out_printf("Created: %s\n", text);
  else
    out_printf("Created: %" PRId64 " seconds from 1970 on\n", seconds);
}

static void put_description(const struct metainfo *m) {
  char size[HUMAN_MAX];
  char piece[HUMAN_MAX];
  char hex[65];
  out_printf("Name: ");
  cmd_files_name(m);
  out_printf("\n");
  if (m->name_len == 0) say("  (it has none; this one stands for it)");
  size_t files = cmd_files_count(m);
  say("Size: %s in %zu file%s, %u piece%s of %s", human_size(metainfo_payload(m), size),
             files, human_plural(files), m->geo.pieces, human_plural(m->geo.pieces),
             human_size(m->geo.piece_len, piece));
  if (m->has_v2) {
    crypto_hex(m->info_hash_v2, sizeof m->info_hash_v2, hex);
    say("Info Hash v2: %s (hybrid; weft uses the version 1 half)", hex);
  }
  if (m->is_private) say("Private: yes (peers come from its trackers only)");
  put_optional("Source", m->source);
  put_optional("Comment", m->comment);
  put_optional("Created by", m->created_by);
  if (m->has_creation_date) put_date(m->creation_date);
  put_optional("Encoding", m->encoding);
}

/* Tiers are asked in turn, the trackers of one tier in any order (BEP 12). */
static void put_trackers(const struct metainfo *m) {
  if (m->tier_count > 0) out_printf("Trackers:\n");
  for (size_t t = 0; t < m->tier_count; t++)
    for (size_t i = 0; i < m->tiers[t].count; i++) {
      if (i == 0)
        out_printf("  tier %zu: ", t + 1);
      else
        out_printf("  %*s", 8 + (t >= 9), "");
      out_escaped(m->tiers[t].urls[i], strlen(m->tiers[t].urls[i]));
      out_printf("\n");
    }
}

static void put_urls(const char *title, char *const *urls, size_t count) {
  if (count > 0) out_printf("%s:\n", title);
  for (size_t i = 0; i < count; i++) {
    out_printf("  ");
    out_escaped(urls[i], strlen(urls[i]));
    out_printf("\n");
  }
}

static void put_nodes(const struct metainfo *m) {
  if (m->node_count > 0) out_printf("DHT nodes:\n");
  for (size_t i = 0; i < m->node_count; i++) {
    out_printf("  ");
    out_escaped(m->nodes[i].host, strlen(m->nodes[i].host));
    out_printf(" port %u\n", m->nodes[i].port);
  }
}

static void put_warnings(const struct torrent_odd *odd) {
  struct buf b;
  buf_init(&b, 1 << 16);
  if (odd->count > 0) buf_put_str(&b, "Warnings:\n");
  for (size_t i = 0; i < odd->count; i++) {
    buf_put_str(&b, "  ");
    wrap_put(&b, odd->all[i].text, 2, 4, out_columns());
  }
  out_buf(&b);
  buf_free(&b);
}

enum err info_text_page(const struct metainfo *m, const struct torrent_odd *odd) {
  out_printf("\n");
  put_description(m);
  put_trackers(m);
  put_urls("Web seeds", m->web_seeds, m->web_seed_count);
  put_urls("Web seeds of the older kind", m->http_seeds, m->http_seed_count);
  put_nodes(m);
  enum err e = torrent_tree_print(m, FILES_LISTED);
  if (e != ERR_OK) return e;
  put_warnings(odd);
  return ERR_OK;
}
