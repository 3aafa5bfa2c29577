#include "app/info_json.h"

#include <string.h>

#include "app/cmd_files.h"
#include "app/out.h"
#include "base/json.h"
#include "proto/canon_text.h"

enum { HASH_LEN = 20 };

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
  json_bool(j, "hybrid", m->has_v2);
  json_cstr(j, "source", m->source);
  json_cstr(j, "comment", m->comment);
  json_cstr(j, "created_by", m->created_by);
  if (m->has_creation_date) json_i64(j, "creation_date", m->creation_date);
  json_cstr(j, "encoding", m->encoding);
}

/* Which bytes of the file are hashed. */
static void json_range(struct json *j, const struct canon *c) {
  const uint8_t *p;
  size_t len;
  json_u64(j, "torrent_length", c->len);
  if (!bencode_raw(&c->doc, bencode_get(&c->doc, bencode_root(&c->doc), "info"), &p, &len)) return;
  json_u64(j, "info_offset", (uint64_t)(p - c->doc.in));
  json_u64(j, "info_length", len);
}

static void json_warnings(struct json *j, const struct torrent_odd *odd) {
  json_open_array(j, "warnings");
  for (size_t i = 0; i < odd->count; i++) {
    json_open_object(j, NULL);
    json_cstr(j, "code", odd->all[i].code);
    json_cstr(j, "text", odd->all[i].text);
    json_close(j, '}');
  }
  json_close(j, ']');
}

static void json_departure(struct json *j, const struct canon *c, const struct canon_fault *f) {
  struct buf text;
  buf_init(&text, 4096);
  canon_text_put(c, f, &text);
  json_open_object(j, NULL);
  json_u64(j, "at", f->at);
  json_cstr(j, "code", canon_text_name((enum canon_what)f->what));
  json_cstr(j, "text", buf_cstr(&text));
  json_close(j, '}');
  buf_free(&text);
}

static void json_departures(struct json *j, const struct canon *c) {
  json_bool(j, "canonical", c->fault_count == 0);
  json_open_array(j, "departures");
  for (size_t i = 0; i < c->fault_count && !out_broken(); i++) {
    json_departure(j, c, &c->faults[i]);
    out_buf(j->b);
  }
  json_close(j, ']');
}

static void json_files(struct json *j, const struct metainfo *m) {
  json_open_array(j, "files");
  for (size_t i = 0; i < m->file_count && !out_broken(); i++) {
    cmd_files_json(j, m, i);
    out_buf(j->b);
  }
  json_close(j, ']');
}

static void json_hashes(struct json *j, const struct metainfo *m) {
  json_open_array(j, "piece_hashes");
  for (uint32_t i = 0; i < m->geo.pieces && !out_broken(); i++) {
    json_hex(j, NULL, m->hashes + (size_t)i * HASH_LEN, HASH_LEN);
    out_buf(j->b);
  }
  json_close(j, ']');
}

void info_json_print(const struct metainfo *m, const struct canon *c,
                     const struct torrent_odd *odd) {
  struct json j;
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  json_begin(&j, &b);
  json_open_object(&j, NULL);
  json_description(&j, m);
  json_range(&j, c);
  json_sources(&j, m);
  json_warnings(&j, odd);
  json_departures(&j, c);
  json_files(&j, m);
  json_hashes(&j, m);
  json_close(&j, '}');
  buf_put_u8(&b, '\n');
  out_buf(&b);
  buf_free(&b);
}
