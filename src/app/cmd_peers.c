/*
 * weft peers: who else is there? Asks each tracker of a torrent once, and prints the addresses.
 *
 * stdout has the addresses and nothing else, each one alone on its line and once, as IP:PORT or
 * [IPv6]:PORT, so that `weft peers x.torrent | xargs -n 1 weft handshake x.torrent` works; they
 * come as the trackers answer, and after Ctrl-C those that came stay. What each tracker said, or
 * why it said nothing, and how long it took, goes to stderr, likewise.
 * Exit 0 if a tracker answered, even if it knows of nobody; 4 if none did. What asking means for
 * others, and how we take it back, stands in find/ask.h.
 *
 * --json prints one object when all have answered:
 *   "version": 1   "info_hash": hex   "trackers_left_out": how many of the torrent's were not asked
 *   "trackers": [ what survey_json() in app/survey.h lists, and
 *     "seeders", "leechers": null if it did not say
 *     "interval", "min_interval": seconds as the tracker said them, null if it did not
 *     "warning": null or its words   "external_ip": null or our address as it sees us (BEP 24)
 *     "peers": ["ip:port", ...]      "peers_skipped": entries that can be no peer
 *     "peers_left_out": of peers, see find/ask.h     "ourselves": of our own addresses, left out
 *   ]
 *   "peers": ["ip:port", ...]        those of all trackers, each once
 * The trackers stand in the order of their tiers, and so do the peers of this object; members that
 * only an answer has are null or empty without one.
 */
#include "app/cmd.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/exits.h"
#include "app/human.h"
#include "app/out.h"
#include "app/survey.h"
#include "app/tracing.h"
#include "base/crypto.h"
#include "base/escape.h"
#include "base/log.h"

enum { SAID_BYTES = 8 * 1024, IP_MAX = INET6_ADDRSTRLEN };

/* --- one tracker --- */

static const char *ip_text(const struct addr *a, char out[static IP_MAX]) {
  return inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->ip, out, IP_MAX);
}

static void put_count(struct buf *b, const char *what, int64_t n) {
  if (n >= 0) buf_printf(b, ", %" PRId64 " %s%s", n, what, human_plural((uint64_t)n));
}

/* A tracker that does not say where it sees us may name us under an address that we do not know. */
static void put_doubt(struct buf *b, const struct ask_tracker *t) {
  const struct announce_reply *r = t->announced;
  char text[ADDR_TEXT_MAX];
  for (size_t i = 0; i < r->peer_count && r->external_ip.family == 0; i++) {
    if (r->peers[i].port != t->our_port) continue;
    buf_printf(b, " (%s may be ourselves)", addr_text(&r->peers[i], text));
    return;
  }
}

static void tell(const struct survey *s, const struct ask_tracker *t) {
  struct buf b;
  char ip[IP_MAX];
  char warning[8 * ANNOUNCE_TEXT_MAX];
  const struct announce_reply *r = t->announced;
  if (r == NULL) {
    survey_tell(s, t, NULL);
    return;
  }
  buf_init(&b, SAID_BYTES);
  buf_printf(&b, "%zu peer%s", r->peer_count, human_plural(r->peer_count));
  if (r->peer_skipped > 0) buf_printf(&b, " and %zu unusable", r->peer_skipped);
  if (r->peer_over > 0) buf_printf(&b, " and %zu too many to keep", r->peer_over);
  if (t->ourselves > 0) buf_put_str(&b, " and ourselves");
  put_doubt(&b, t);
  put_count(&b, "seeder", r->complete);
  put_count(&b, "leecher", r->incomplete);
  if (r->told_interval_s >= 0) buf_printf(&b, ", interval %" PRId64 " s", r->told_interval_s);
  if (r->told_min_interval_s >= 0)
    buf_printf(&b, ", min interval %" PRId64 " s", r->told_min_interval_s);
  if (r->external_ip.family != 0)
    buf_printf(&b, ", external ip %s", ip_text(&r->external_ip, ip));
  if (r->warning[0] != '\0') {
    escape_term(r->warning, strlen(r->warning), warning, sizeof warning);
    buf_printf(&b, ", warning: %s", warning);
  }
  survey_tell(s, t, buf_cstr(&b));
  buf_free(&b);
}

/* --- all addresses, each once --- */

struct addresses {
  struct addr *all;  /* owned; in the order they came */
  size_t count;
  uint32_t *table;   /* owned; hash table of indices into `all`, plus 1; 0: free */
  size_t slots;      /* of the table: 0, or a power of 2 and twice what `all` has room for */
  uint64_t seed;
};

/* The place of an address in the table: where it is, or where it would be. */
static uint32_t *place_of(const struct addresses *l, const struct addr *a) {
  size_t at = addr_hash(a, l->seed) & (l->slots - 1);
  while (l->table[at] != 0 && !addr_equal(&l->all[l->table[at] - 1], a))
    at = (at + 1) & (l->slots - 1);
  return &l->table[at];
}

/* Makes room for `more` addresses. Returns false when out of memory. */
static bool make_room(struct addresses *l, size_t more) {
  size_t slots = l->slots > 0 ? l->slots : 1024;
  while (slots / 2 < l->count + more) slots *= 2;
  if (slots == l->slots) return true;
  if (slots / 2 > UINT32_MAX - 1) return false;
  struct addr *all = reallocarray(l->all, slots / 2, sizeof *all);
  if (all != NULL) l->all = all;
  uint32_t *table = calloc(slots, sizeof *table);
  if (all == NULL || table == NULL) {
    free(table);
    return false;
  }
  if (l->slots == 0) crypto_random(&l->seed, sizeof l->seed);
  free(l->table);
  l->table = table;
  l->slots = slots;
  for (size_t i = 0; i < l->count; i++) *place_of(l, &l->all[i]) = (uint32_t)(i + 1);
  return true;
}

/* Adds those of a reply that are new. Returns false when out of memory. */
static bool add_reply(struct addresses *l, const struct announce_reply *r) {
  if (!make_room(l, r->peer_count)) return false;
  for (size_t i = 0; i < r->peer_count; i++) {
    uint32_t *place = place_of(l, &r->peers[i]);
    if (*place != 0) continue;
    l->all[l->count++] = r->peers[i];
    *place = (uint32_t)l->count;
  }
  return true;
}

/* Prints those from the place `from` on, each alone on its line. */
static void print_text(struct survey *s, const struct addresses *l, size_t from) {
  char text[ADDR_TEXT_MAX];
  struct buf b;
  buf_init(&b, SAID_BYTES + ADDR_TEXT_MAX);
  for (bool on = true; on && from < l->count; from++) {
    buf_printf(&b, "%s\n", addr_text(&l->all[from], text));
    if (b.len > SAID_BYTES || from + 1 == l->count) on = survey_put(s, &b);
  }
  buf_free(&b);
}

/* --- JSON --- */

static void json_peers(struct survey *s, struct json *j, const struct addr *peers,
                       size_t count) {
  char text[ADDR_TEXT_MAX];
  bool on = true;
  json_open_array(j, "peers");
  for (size_t i = 0; i < count && on; i++) {
    json_cstr(j, NULL, addr_text(&peers[i], text));
    if (j->b->len > SAID_BYTES) on = survey_put(s, j->b);
  }
  json_close(j, ']');
}

static void json_tracker(struct survey *s, struct json *j, const struct ask_tracker *t) {
  static const struct announce_reply none = {
    .complete = -1, .incomplete = -1, .told_interval_s = -1, .told_min_interval_s = -1};
  const struct announce_reply *r = t->announced != NULL ? t->announced : &none;
  char ip[IP_MAX];
  survey_json(t, j);
  survey_json_count(j, "seeders", r->complete);
  survey_json_count(j, "leechers", r->incomplete);
  survey_json_count(j, "interval", r->told_interval_s);
  survey_json_count(j, "min_interval", r->told_min_interval_s);
  json_sentence(j, "warning", r->warning[0] != '\0' ? r->warning : NULL);
  json_cstr(j, "external_ip", r->external_ip.family != 0 ? ip_text(&r->external_ip, ip) : NULL);
  json_peers(s, j, r->peers, r->peer_count);
  json_u64(j, "peers_skipped", r->peer_skipped);
  json_u64(j, "peers_left_out", r->peer_over);
  json_u64(j, "ourselves", t->ourselves);
  json_close(j, '}');
}

static void print_json(struct survey *s, const struct addresses *l) {
  struct json j;
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  json_begin(&j, &b);
  json_open_object(&j, NULL);
  json_u64(&j, "version", 1);
  json_hex(&j, "info_hash", s->m.info_hash, sizeof s->m.info_hash);
  json_u64(&j, "trackers_left_out", s->m.trackers_left_out);
  json_open_array(&j, "trackers");
  for (size_t i = 0; i < ask_count(s->ask); i++) json_tracker(s, &j, ask_get(s->ask, i));
  json_close(&j, ']');
  json_peers(s, &j, l->all, l->count);
  json_close(&j, '}');
  buf_put_u8(&b, '\n');
  if (b.failed) out_buf(&b); /* which says so */
  survey_put(s, &b);
  buf_free(&b);
}

/* --- the command --- */

/* All of it, in the order of the tiers. Returns false when out of memory. */
static bool show_json(struct survey *s, struct addresses *l) {
  for (size_t i = 0; i < ask_count(s->ask); i++) {
    const struct announce_reply *r = ask_get(s->ask, i)->announced;
    if (r != NULL && !add_reply(l, r)) return false;
  }
  print_json(s, l);
  return true;
}

/* A tracker's addresses, as far as nobody named them before. Returns false when out of memory. */
static bool show_text(struct survey *s, struct addresses *l, const struct ask_tracker *t) {
  size_t before = l->count;
  tell(s, t);
  if (t->announced == NULL || s->o->json) return true;
  if (!add_reply(l, t->announced)) return false;
  print_text(s, l, before);
  return true;
}

static int run(const struct options *o) {
  struct survey s;
  struct addresses l = {.all = NULL};
  bool ok = true;
  int code = survey_open(&s, o, false);
  if (code != EXIT_OK) return code;
  for (const struct ask_tracker *t; ok && (t = survey_next(&s)) != NULL;)
    ok = show_text(&s, &l, t);
  if (ok && survey_whole(&s) && o->json) ok = show_json(&s, &l);
  code = survey_close(&s, "addresses");
  free(l.all);
  free(l.table);
  if (ok || code != EXIT_OK) return code;
  log_error("there is not enough memory for so many addresses");
  return EXIT_RESOURCES;
}

static const struct command_option options[] = {
  OPTION_TRACKERS,
  OPTION_TIMEOUT("give up on a tracker that takes longer than this"),
  OPTION_JSON("print one JSON object instead of text"),
  OPTIONS_OF_TRACE,
  OPTIONS_OF_ALL("print the addresses only, and errors"),
  {.name = NULL},
};

const struct command cmd_peers = {
  .name = "peers",
  .usage = "TORRENT",
  .summary = "ask the trackers once, and print the addresses",
  .about = "Asks every tracker of a torrent once, all at the same time, and prints the\n"
           "addresses of the peers they name, one per line, as they come. What each tracker\n"
           "said, or why it did not answer, goes to standard error. Exits with 4 if none\n"
           "answered.\n"
           COMMAND_TORRENT_IS,
  .options = options,
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
