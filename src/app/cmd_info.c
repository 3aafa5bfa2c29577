/*
 * weft info: what a torrent says about itself.
 *
 * The first lines, from "Tracker URL:" to the hashes under "Piece Hashes:", are those of the
 * CodeCrafters exercise, in its order and spelling, so that learners can compare. Hashes are listed
 * when there are at most 64, or with --pieces. What else the torrent holds follows, one "Name:
 * value" per line; what it does not say is left out. --json prints all of it as one object, hashes
 * always included.
 */
#include "app/cmd.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "app/cmd_files.h"
#include "app/exits.h"
#include "app/human.h"
#include "app/out.h"
#include "app/torrent.h"
#include "base/crypto.h"

enum { HASHES_LISTED = 64, FILES_LISTED = 50, HASH_LEN = 20 };

struct info_options {
  struct options common;
  bool list_pieces; /* --pieces */
};

static void put_text(const char *label, const char *text, size_t len) {
  out_printf("%s: ", label);
  out_escaped(text, len);
  out_printf("\n");
}

/* A field that may be absent. */
static void put_optional(const char *label, const char *text) {
  if (text != NULL) put_text(label, text, strlen(text));
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

/* The part that the exercise asks for. */
static void put_basics(const struct metainfo *m, bool all_hashes) {
  char hex[2 * HASH_LEN + 1];
  if (m->tier_count > 0 && m->tiers[0].count > 0)
    put_optional("Tracker URL", m->tiers[0].urls[0]);
  else
    out_printf("Tracker URL: none\n");
  crypto_hex(m->info_hash, HASH_LEN, hex);
  out_printf("Length: %" PRIu64 "\n", metainfo_payload(m));
  out_printf("Info Hash: %s\n", hex);
  out_printf("Piece Length: %u\n", m->geo.piece_len);
  put_hashes(m, all_hashes);
}

static void put_date(int64_t seconds) {
  char text[64];
  struct tm tm;
  time_t t = (time_t)seconds;
  if (seconds == 0) return;
  if (gmtime_r(&t, &tm) != NULL && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm) > 0)
    out_printf("Created: %s\n", text);
  else
    out_printf("Created: %" PRId64 " seconds after 1970\n", seconds);
}

/* Every tracker but the one that stands at the top. Tiers are asked in turn, one tier's in any
 * order. */
static void put_trackers(const struct metainfo *m) {
  for (size_t t = 0; t < m->tier_count; t++)
    for (size_t i = t == 0 ? 1 : 0; i < m->tiers[t].count; i++) {
      out_printf("Tracker in tier %zu: ", t + 1);
      out_escaped(m->tiers[t].urls[i], strlen(m->tiers[t].urls[i]));
      out_printf("\n");
    }
}

static void put_sources(const struct metainfo *m) {
  put_trackers(m);
  for (size_t i = 0; i < m->web_seed_count; i++) put_optional("Web seed", m->web_seeds[i]);
  for (size_t i = 0; i < m->http_seed_count; i++) put_optional("HTTP seed", m->http_seeds[i]);
  for (size_t i = 0; i < m->node_count; i++) {
    out_printf("DHT node: ");
    out_escaped(m->nodes[i].host, strlen(m->nodes[i].host));
    out_printf(" port %u\n", m->nodes[i].port);
  }
}

static void put_description(const struct metainfo *m) {
  char size[HUMAN_MAX];
  char piece[HUMAN_MAX];
  char hex[65];
  out_printf("Name: ");
  cmd_files_name(m);
  out_printf("%s\n", m->name_len == 0 ? " (it has none; this one stands for it)" : "");
  size_t files = cmd_files_count(m);
  out_printf("Size: %s in %zu file%s, %u piece%s of %s\n", human_size(metainfo_payload(m), size),
             files, human_plural(files), m->geo.pieces, human_plural(m->geo.pieces),
             human_size(m->geo.piece_len, piece));
  if (m->has_v2) {
    crypto_hex(m->info_hash_v2, sizeof m->info_hash_v2, hex);
    out_printf("Info Hash v2: %s (hybrid; weft uses the version 1 half)\n", hex);
  }
  if (m->is_private) out_printf("Private: yes (peers come from its trackers only)\n");
  put_optional("Source", m->source);
  put_optional("Comment", m->comment);
  put_optional("Created by", m->created_by);
  put_date(m->creation_date);
  put_optional("Encoding", m->encoding);
  if (!m->sorted) out_printf("Note: its dictionary keys are not in order, as they should be\n");
}

static const char *file_note(const struct metainfo_file *f) {
  return f->padding    ? "padding, not written to disk"
         : f->symlink  ? "a symbolic link, not created"
         : f->hidden   ? "marked as hidden"
                       : "marked as executable";
}

static void put_files(const struct metainfo *m) {
  int width = cmd_files_width(m);
  size_t shown = 0;
  out_printf("Files:\n");
  for (size_t i = 0; i < m->file_count && shown < FILES_LISTED; i++, shown++) {
    const struct metainfo_file *f = &m->files[i];
    cmd_files_line(m, i, width, "  ");
    if (f->padding || f->symlink || f->hidden || f->executable)
      out_printf("  %*s  (%s)\n", width, "", file_note(f));
  }
  if (shown < m->file_count)
    out_printf("  and %zu more: 'weft files' lists all\n", m->file_count - shown);
}

static void json_texts(struct json *j, const char *key, char *const *texts, size_t count) {
  json_open_array(j, key);
  for (size_t i = 0; i < count; i++) json_cstr(j, NULL, texts[i]);
  json_close(j, ']');
}

static void json_sources(struct json *j, const struct metainfo *m) {
  json_open_array(j, "trackers");
  for (size_t t = 0; t < m->tier_count; t++)
    json_texts(j, NULL, m->tiers[t].urls, m->tiers[t].count);
  json_close(j, ']');
  json_texts(j, "web_seeds", m->web_seeds, m->web_seed_count);
  json_texts(j, "http_seeds", m->http_seeds, m->http_seed_count);
  json_open_array(j, "nodes");
  for (size_t i = 0; i < m->node_count; i++) {
    json_open_object(j, NULL);
    json_cstr(j, "host", m->nodes[i].host);
    json_u64(j, "port", m->nodes[i].port);
    json_close(j, '}');
  }
  json_close(j, ']');
}

static void json_description(struct json *j, const struct metainfo *m) {
  json_u64(j, "version", 1);
  json_str(j, "name", m->name, m->name_len);
  json_hex(j, "info_hash", m->info_hash, sizeof m->info_hash);
  if (m->has_v2) json_hex(j, "info_hash_v2", m->info_hash_v2, sizeof m->info_hash_v2);
  json_u64(j, "length", metainfo_payload(m));
  json_u64(j, "length_with_padding", m->geo.total);
  json_u64(j, "piece_length", m->geo.piece_len);
  json_u64(j, "pieces", m->geo.pieces);
  json_bool(j, "multi_file", m->multi);
  json_bool(j, "private", m->is_private);
  json_bool(j, "canonical", m->sorted);
  json_cstr(j, "source", m->source);
  json_cstr(j, "comment", m->comment);
  json_cstr(j, "created_by", m->created_by);
  if (m->creation_date != 0) json_i64(j, "creation_date", m->creation_date);
  json_cstr(j, "encoding", m->encoding);
}

static void print_json(const struct metainfo *m) {
  struct json j;
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  json_begin(&j, &b);
  json_open_object(&j, NULL);
  json_description(&j, m);
  json_sources(&j, m);
  json_open_array(&j, "files");
  for (size_t i = 0; i < m->file_count && !out_broken(); i++) {
    cmd_files_json(&j, m, i);
    out_buf(&b);
  }
  json_close(&j, ']');
  json_open_array(&j, "piece_hashes");
  for (uint32_t i = 0; i < m->geo.pieces && !out_broken(); i++) {
    json_hex(&j, NULL, m->hashes + (size_t)i * HASH_LEN, HASH_LEN);
    out_buf(&b);
  }
  json_close(&j, ']');
  json_close(&j, '}');
  buf_put_u8(&b, '\n');
  out_buf(&b);
  buf_free(&b);
}

static int run(const struct options *o) {
  const struct info_options *own = (const struct info_options *)o;
  struct metainfo m;
  int code = torrent_load(&m, o->args[0], o->timeout_ms);
  if (code != EXIT_OK) return code;
  if (o->json) {
    print_json(&m);
  } else {
    put_basics(&m, own->list_pieces);
    put_description(&m);
    put_sources(&m);
    put_files(&m);
  }
  metainfo_free(&m);
  return EXIT_OK;
}

static const struct command_option options[] = {
  OPTION_TIMEOUT_OF_URL,
  {.name = "pieces", .kind = OPTION_FLAG, .field = offsetof(struct info_options, list_pieces),
   .help = "list the hash of every piece, however many"},
  OPTION_JSON("print one JSON object instead of text"),
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_info = {
  .name = "info",
  .usage = "TORRENT",
  .summary = "say what a torrent holds",
  .about = "Prints what a torrent says about itself: trackers, sizes, hashes, files.\n"
           COMMAND_TORRENT_IS,
  .options = options,
  .size = sizeof(struct info_options),
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
