/*
 * weft probe: what one peer is, what it can do, and what it is willing to do.
 *
 * app/probe does the talking; here the result becomes text, one "Name: value" per line, or with
 * --json one object:
 *
 *   version 1, address, info_hash (null without TORRENT)
 *   failure     null, or why the probe failed, as a word: "refused", "no route", "timed out",
 *               "hung up", "silent", "not bittorrent", "another torrent", "protocol", "resources"
 *   why         the same as a sentence; null
 *   handshake   null, or {peer_id, client (by its id; null), reserved (hex), bits: [{name, bep}]}
 *   extension   null, or {m: {name: id}, v, p, reqq, metadata_size, yourip, upload_only}; what the
 *               peer did not say is null
 *   pieces      null if it did not say, or {have, total (null: not known), all}
 *   times       {dial_us, rtt_us, handshake_us, unchoke_us, metadata_us, block_us}, null: did not
 *               come
 *   metadata, block   "not asked", "no answer", "given", "refused"
 *   closed      it hung up before the conversation was over
 *
 * The exit code says why it failed, for scripts: see the help below.
 */
#include "app/cmd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/exits.h"
#include "app/hunt.h"
#include "app/out.h"
#include "app/probe.h"
#include "app/signals.h"
#include "app/torrent.h"
#include "app/tracing.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "io/net.h"
#include "proto/bencode.h"
#include "proto/client.h"
#include "proto/magnet.h"
#include "proto/metainfo.h"

enum { NAMES_SHOWN = 100 };

static const char *const answers[] = {
  [PROBE_NOT_ASKED] = "not asked", [PROBE_SILENT] = "no answer", [PROBE_GIVEN] = "given",
  [PROBE_REFUSED] = "refused"};

/* --- its extension handshake, as far as struct extend does not have it --- */

/* Decodes the dictionary. False: there is none. bencode_free() is due after true. */
static bool open_extension(const struct probe *p, struct ben_doc *d) {
  const struct buf *raw = &p->solo.ext_raw;
  return p->solo.told_extend &&
         bencode_decode(d, raw->data, raw->len, &bencode_message_limits) == ERR_OK;
}

static void put_names(const struct ben_doc *d, ben_val m) {
  size_t shown = 0;
  out_printf("Extensions:");
  for (ben_val k = bencode_first(d, m); k != BEN_NONE && shown < NAMES_SHOWN; shown++) {
    const char *name;
    size_t len;
    int64_t id;
    ben_val v = bencode_next(d, m, k);
    if (bencode_str(d, k, &name, &len) && bencode_int(d, v, &id)) {
      out_printf("%s", shown == 0 ? " " : ", ");
      out_escaped(name, len);
      out_printf(" %" PRId64, id);
    }
    k = bencode_next(d, m, v);
  }
  out_printf(shown == 0 ? " none\n" : "\n");
}

/* A field of the dictionary that is a number. */
static void put_number(const struct ben_doc *d, const char *key, const char *label,
                       const char *unit) {
  int64_t n;
  if (bencode_int(d, bencode_get(d, bencode_root(d), key), &n))
    out_printf("%s: %" PRId64 "%s\n", label, n, unit);
}

static void put_version(const struct ben_doc *d) {
  const char *v;
  size_t len;
  if (!bencode_str(d, bencode_get(d, bencode_root(d), "v"), &v, &len)) return;
  out_printf("Calls Itself: ");
  out_escaped(v, len < 200 ? len : 200);
  out_printf("\n");
}

static void put_extension(const struct probe *p) {
  struct ben_doc d;
  char text[ADDR_TEXT_MAX];
  if (!open_extension(p, &d)) return;
  put_version(&d);
  put_names(&d, bencode_get_typed(&d, bencode_root(&d), "m", BEN_DICT));
  put_number(&d, "reqq", "Takes", " requests at a time");
  put_number(&d, "metadata_size", "Metadata Size", " bytes");
  put_number(&d, "p", "Listens On Port", "");
  if (p->solo.ext.yourip.family != 0) {
    addr_text(&p->solo.ext.yourip, text);
    *strrchr(text, ':') = '\0';
    out_printf("Sees Us As: %s\n", text);
  }
  bencode_free(&d);
}

/* --- text --- */

static void put_reserved(uint64_t reserved) {
  const struct client_bit *b;
  const char *before = " ";
  out_printf("Reserved: %016" PRIx64, reserved);
  for (size_t i = 0; (b = client_reserved(i)) != NULL; i++) {
    if (!(reserved & b->mask)) continue;
    out_printf("%s%s", before, b->name);
    if (b->bep > 0) out_printf(" (BEP %u)", b->bep);
    before = ", ";
    reserved &= ~b->mask;
  }
  if (reserved != 0) out_printf("%sunknown bits %" PRIx64, before, reserved);
  out_printf("\n");
}

static void put_handshake(const struct probe *p) {
  char hex[41];
  char client[CLIENT_NAME_MAX];
  crypto_hex(p->solo.theirs.peer_id, 20, hex);
  client_name(p->solo.theirs.peer_id, client);
  out_printf("Peer ID: %s\n", hex);
  out_printf("Client: ");
  if (client[0] != '\0') out_escaped(client, strlen(client));
  else out_printf("unknown (its peer id follows no convention)");
  out_printf("\n");
  put_reserved(p->solo.theirs.reserved);
}

static void put_pieces(const struct probe *p) {
  const struct solo *s = &p->solo;
  uint32_t total = s->geo.pieces;
  if (!s->told_pieces) out_printf("Pieces: it did not say\n");
  else if (s->has_all && total == 0) out_printf("Pieces: all\n");
  else if (total == 0) out_printf("Pieces: %u\n", solo_count(s));
  else out_printf("Pieces: %u of %u\n", solo_count(s), total);
}

static void put_ms(const char *label, int64_t us) {
  if (us > 0)
    out_printf("%s: %" PRId64 ".%03" PRId64 " ms\n", label, us / 1000, us % 1000);
}

static void put_asked(const char *label, enum probe_answer a, const char *what, uint32_t n) {
  if (a == PROBE_NOT_ASKED) return;
  out_printf("%s: %s", label, answers[a]);
  if (what != NULL) out_printf(" (%s %u)", what, n);
  out_printf("\n");
}

static void put_talk(const struct probe *p) {
  put_extension(p);
  put_pieces(p);
  if (p->unchoke_us > 0) put_ms("Unchoked After", p->unchoke_us);
  else out_printf("Unchoked After: it did not\n");
  put_asked("Metadata", p->metadata, NULL, 0);
  put_ms("Metadata After", p->metadata_us);
  put_asked("Block", p->block, "of piece", p->block_piece);
  put_ms("Block After", p->block_us);
  if (p->end == ERR_CLOSED || p->end == ERR_REFUSED)
    out_printf("Ended: %s\n", p->solo.why);
}

static void put_text(const struct probe *p) {
  char text[ADDR_TEXT_MAX];
  addr_text(&p->solo.addr, text);
  out_printf("Address: %s\n", text);
  put_ms("Connected After", p->dial_us);
  put_ms("Round Trip", p->rtt_us);
  put_ms("Handshake After", p->handshake_us);
  if (p->solo.shaken) put_handshake(p);
  if (p->result == ERR_OK && p->solo.shaken) put_talk(p);
  if (p->result == ERR_OK && !p->solo.shaken)
    out_printf("Handshake: none, as no peer answers without a TORRENT that it has\n");
}

/* --- JSON --- */

static void json_time(struct json *j, const char *key, int64_t us) {
  if (us > 0) json_i64(j, key, us);
  else json_null(j, key);
}

static void json_handshake(struct json *j, const struct probe *p) {
  const struct client_bit *b;
  char client[CLIENT_NAME_MAX];
  uint8_t reserved[8];
  if (!p->solo.shaken) {
    json_null(j, "handshake");
    return;
  }
  be32_put(reserved, (uint32_t)(p->solo.theirs.reserved >> 32));
  be32_put(reserved + 4, (uint32_t)p->solo.theirs.reserved);
  client_name(p->solo.theirs.peer_id, client);
  json_open_object(j, "handshake");
  json_hex(j, "peer_id", p->solo.theirs.peer_id, 20);
  json_cstr(j, "client", client[0] != '\0' ? client : NULL);
  json_hex(j, "reserved", reserved, sizeof reserved);
  json_open_array(j, "bits");
  for (size_t i = 0; (b = client_reserved(i)) != NULL; i++) {
    if (!(p->solo.theirs.reserved & b->mask)) continue;
    json_open_object(j, NULL);
    json_cstr(j, "name", b->name);
    if (b->bep > 0) json_u64(j, "bep", b->bep);
    else json_null(j, "bep");
    json_close(j, '}');
  }
  json_close(j, ']');
  json_close(j, '}');
}

static void json_field(struct json *j, const struct ben_doc *d, const char *key) {
  int64_t n;
  if (bencode_int(d, bencode_get(d, bencode_root(d), key), &n)) json_i64(j, key, n);
  else json_null(j, key);
}

static void json_names(struct json *j, const struct ben_doc *d, ben_val m) {
  json_open_object(j, "m");
  for (ben_val k = bencode_first(d, m); k != BEN_NONE;) {
    const char *name;
    size_t len;
    int64_t id;
    ben_val v = bencode_next(d, m, k);
    if (bencode_str(d, k, &name, &len) && bencode_int(d, v, &id)) {
      json_key(j, name, len);
      json_i64(j, NULL, id);
    }
    k = bencode_next(d, m, v);
  }
  json_close(j, '}');
}

static void json_extension(struct json *j, const struct probe *p) {
  struct ben_doc d;
  const char *v = NULL;
  size_t len = 0;
  char ip[ADDR_TEXT_MAX];
  if (!open_extension(p, &d)) {
    json_null(j, "extension");
    return;
  }
  json_open_object(j, "extension");
  json_names(j, &d, bencode_get_typed(&d, bencode_root(&d), "m", BEN_DICT));
  if (bencode_str(&d, bencode_get(&d, bencode_root(&d), "v"), &v, &len)) json_str(j, "v", v, len);
  else json_null(j, "v");
  json_field(j, &d, "p");
  json_field(j, &d, "reqq");
  json_field(j, &d, "metadata_size");
  json_field(j, &d, "upload_only");
  addr_text(&p->solo.ext.yourip, ip);
  if (p->solo.ext.yourip.family != 0) *strrchr(ip, ':') = '\0';
  json_cstr(j, "yourip", p->solo.ext.yourip.family != 0 ? ip : NULL);
  json_close(j, '}');
  bencode_free(&d);
}

static void json_pieces(struct json *j, const struct solo *s) {
  if (!s->told_pieces) {
    json_null(j, "pieces");
    return;
  }
  uint32_t have = solo_count(s);
  json_open_object(j, "pieces");
  if (s->has_all && s->geo.pieces == 0) json_null(j, "have");
  else json_u64(j, "have", have);
  if (s->geo.pieces > 0) json_u64(j, "total", s->geo.pieces);
  else json_null(j, "total");
  json_bool(j, "all", s->has_all || (s->geo.pieces > 0 && have == s->geo.pieces));
  json_close(j, '}');
}

/* Why it failed, as a word. */
static const char *failure(const struct probe *p) {
  switch (p->result) {
  case ERR_OK:
    return NULL;
  case ERR_REFUSED:
    return p->connected ? "hung up" : "refused";
  case ERR_NO_ROUTE:
    return "no route";
  case ERR_TIMEOUT:
    return p->connected ? "silent" : "timed out";
  case ERR_CLOSED:
    return "hung up";
  case ERR_MISMATCH:
    return "another torrent";
  case ERR_PROTOCOL:
  case ERR_LIMIT:
    return p->solo.shaken ? "protocol" : "not bittorrent";
  default:
    return "resources";
  }
}

static void json_times(struct json *j, const struct probe *p) {
  json_open_object(j, "times");
  json_time(j, "dial_us", p->dial_us);
  json_time(j, "rtt_us", p->rtt_us);
  json_time(j, "handshake_us", p->handshake_us);
  json_time(j, "unchoke_us", p->unchoke_us);
  json_time(j, "metadata_us", p->metadata_us);
  json_time(j, "block_us", p->block_us);
  json_close(j, '}');
}

static void put_json(const struct probe *p) {
  char text[ADDR_TEXT_MAX];
  struct json j;
  struct buf b;
  buf_init(&b, 4 << 20);
  json_begin(&j, &b);
  json_open_object(&j, NULL);
  json_u64(&j, "version", 1);
  json_cstr(&j, "address", addr_text(&p->solo.addr, text));
  if (p->has_hash) json_hex(&j, "info_hash", p->info_hash, sizeof p->info_hash);
  else json_null(&j, "info_hash");
  json_cstr(&j, "failure", failure(p));
  json_sentence(&j, "why", p->result != ERR_OK ? p->solo.why : NULL);
  json_handshake(&j, p);
  json_extension(&j, p);
  json_pieces(&j, &p->solo);
  json_times(&j, p);
  json_cstr(&j, "metadata", answers[p->metadata]);
  json_cstr(&j, "block", answers[p->block]);
  json_bool(&j, "closed", p->end == ERR_CLOSED || p->end == ERR_REFUSED);
  json_close(&j, '}');
  buf_put_u8(&b, '\n');
  out_buf(&b);
  buf_free(&b);
}

/* --- the command --- */

/* The TORRENT argument: a magnet link or an info hash will do, as only the hash is needed. Fills
 * `hash`, and `m` if it is a torrent. */
static int load(const struct options *o, struct metainfo *m, uint8_t hash[static 20]) {
  const char *text = o->args[0];
  struct magnet link;
  const char *why;
  if (magnet_hash(text, strlen(text), hash) && access(text, F_OK) != 0) return EXIT_OK;
  if (!magnet_is_link(text)) {
    int code = torrent_load(m, text, o->timeout_ms);
    if (code == EXIT_OK) memcpy(hash, m->info_hash, 20);
    return code;
  }
  enum err e = magnet_parse(&link, text, strlen(text), &why);
  if (e == ERR_OK && !link.has_v1) why = "it is of a BitTorrent v2-only torrent";
  bool ok = e == ERR_OK && link.has_v1;
  if (ok) memcpy(hash, link.info_hash, 20);
  else log_error("the magnet link is no good: %s", why);
  if (e == ERR_OK) magnet_free(&link);
  return ok ? EXIT_OK : e == ERR_MEMORY ? EXIT_RESOURCES : EXIT_BAD_TORRENT;
}

/* Hanging up is all that a peer can do without a torrent that it has. */
static void forgive(struct probe *p) {
  if (p->has_hash || !p->connected) return;
  if (p->result == ERR_CLOSED || p->result == ERR_REFUSED) p->result = ERR_OK;
}

static int probe(const struct options *o, const struct addr *a, const uint8_t *hash,
                 const struct metainfo *m) {
  struct probe p;
  char text[ADDR_TEXT_MAX];
  signals_block();
  int signals = signals_open();
  if (signals < 0) {
    log_error("there are too few descriptors to begin (see ulimit -n)");
    return EXIT_RESOURCES;
  }
  probe_run(&p, a, hash, m->geo.pieces > 0 ? &m->geo : NULL, signals, o->timeout_ms,
            o->trace);
  forgive(&p);
  int code = hunt_exit(p.result, p.connected);
  int sig = p.result == ERR_CANCELLED ? signals_take(signals) : 0;
  if (sig != 0) {
    log_error("interrupted");
    code = signals_exit_code(sig);
  } else {
    signals_let_through();
    if (o->json) put_json(&p);
    else put_text(&p);
    if (p.result != ERR_OK) log_error("%s: %s", addr_text(a, text), p.solo.why);
  }
  probe_end(&p);
  close(signals);
  return code;
}

static int run(const struct options *o) {
  struct metainfo m = {.name = NULL};
  struct addr a;
  uint8_t hash[20];
  const char *address = o->args[o->arg_count - 1];
  if (!net_parse_addr(address, &a) || !addr_is_peer(&a)) {
    log_error("'%.200s' is no address of a peer; one looks like 192.0.2.1:6881 or "
              "[2001:db8::1]:6881", address);
    return EXIT_USAGE;
  }
  int code = o->arg_count > 1 ? load(o, &m, hash) : EXIT_OK;
  if (code == EXIT_OK) code = probe(o, &a, o->arg_count > 1 ? hash : NULL, &m);
  metainfo_free(&m);
  return code;
}

static const struct command_option options[] = {
  {.name = "timeout", .kind = OPTION_DURATION, OPTION_FIELD(timeout_ms), .takes = "TIME",
   .help = "wait at most so long for any step (without this,\n"
           "and at most: 5s to connect, 10s for the handshake,\n12s for all the rest)"},
  OPTION_JSON("print one JSON object instead of text"),
  OPTIONS_OF_TRACE,
  OPTIONS_OF_ALL("no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_probe = {
  .name = "probe",
  .usage = "[TORRENT|HASH] IP:PORT",
  .summary = "say what one peer is and can do",
  .about = "Connects to a peer and finds out what it is, what it speaks, how much it has,\n"
           "how fast it answers and what it refuses. TORRENT is a .torrent file or a magnet\n"
           "link, HASH an info hash; without one there is little to learn, as most peers\n"
           "then hang up. Exits with 4 if nobody listens there or it hangs up, with 7 if it\n"
           "keeps silent, with 8 if it answers for another torrent, with 1 if it breaks the\n"
           "protocol or does not speak it.\n",
  .options = options,
  .least_args = 1,
  .most_args = 2,
  .run = run,
};
