/*
 * weft peers: who else is there? Asks each tracker of a torrent once, and prints the addresses.
 *
 * stdout has the addresses and nothing else, each one alone on its line and once, as IP:PORT or
 * [IPv6]:PORT, so that `weft peers x.torrent | xargs -n 1 weft handshake x.torrent` works. What
 * each tracker said, or why it said nothing, and how long it took, goes to stderr as it comes.
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
 *   ]
 *   "peers": ["ip:port", ...]        those of all trackers, each once
 * The trackers stand in the order of their tiers, and so do the peers; members that only an answer
 * has are null or empty without one.
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
  size_t mask;
  uint64_t seed;
};

static void add_address(struct addresses *l, const struct addr *a) {
  size_t at = addr_hash(a, l->seed) & l->mask;
  for (; l->table[at] != 0; at = (at + 1) & l->mask)
    if (addr_equal(&l->all[l->table[at] - 1], a)) return;
  l->all[l->count++] = *a;
  l->table[at] = (uint32_t)l->count;
}

/* Returns false when out of memory. */
static bool collect(struct addresses *l, const struct ask *a) {
  size_t most = 0;
  for (size_t i = 0; i < ask_count(a); i++)
    if (ask_get(a, i)->announced != NULL) most += ask_get(a, i)->announced->peer_count;
  l->mask = 1;
  while (l->mask < 2 * most) l->mask *= 2;
  l->all = calloc(most + 1, sizeof *l->all);
  l->table = calloc(l->mask, sizeof *l->table);
  l->mask--;
  crypto_random(&l->seed, sizeof l->seed);
  if (l->all == NULL || l->table == NULL) return false;
  for (size_t i = 0; i < ask_count(a); i++) {
    const struct announce_reply *r = ask_get(a, i)->announced;
    for (size_t k = 0; r != NULL && k < r->peer_count; k++) add_address(l, &r->peers[k]);
  }
  return true;
}

static void print_text(const struct addresses *l) {
  char text[ADDR_TEXT_MAX];
  for (size_t i = 0; i < l->count && !out_broken(); i++)
    out_printf("%s\n", addr_text(&l->all[i], text));
}

/* --- JSON --- */

static void json_peers(struct json *j, const struct addr *peers, size_t count) {
  char text[ADDR_TEXT_MAX];
  json_open_array(j, "peers");
  for (size_t i = 0; i < count && !out_broken(); i++) {
    json_cstr(j, NULL, addr_text(&peers[i], text));
    if (j->b->len > SAID_BYTES) out_buf(j->b);
  }
  json_close(j, ']');
}

static void json_tracker(struct json *j, const struct ask_tracker *t) {
  static const struct announce_reply none = {
    .complete = -1, .incomplete = -1, .told_interval_s = -1, .told_min_interval_s = -1};
  const struct announce_reply *r = t->announced != NULL ? t->announced : &none;
  char ip[IP_MAX];
  survey_json(t, j);
  survey_json_count(j, "seeders", r->complete);
  survey_json_count(j, "leechers", r->incomplete);
  survey_json_count(j, "interval", r->told_interval_s);
  survey_json_count(j, "min_interval", r->told_min_interval_s);
  json_cstr(j, "warning", r->warning[0] != '\0' ? r->warning : NULL);
  json_cstr(j, "external_ip", r->external_ip.family != 0 ? ip_text(&r->external_ip, ip) : NULL);
  json_peers(j, r->peers, r->peer_count);
  json_u64(j, "peers_skipped", r->peer_skipped);
  json_close(j, '}');
}

static void print_json(const struct survey *s, const struct addresses *l) {
  struct json j;
  struct buf b;
  buf_init(&b, SIZE_MAX / 2);
  json_begin(&j, &b);
  json_open_object(&j, NULL);
  json_u64(&j, "version", 1);
  json_hex(&j, "info_hash", s->m.info_hash, sizeof s->m.info_hash);
  json_u64(&j, "trackers_left_out", s->m.trackers_left_out);
  json_open_array(&j, "trackers");
  for (size_t i = 0; i < ask_count(s->ask); i++) json_tracker(&j, ask_get(s->ask, i));
  json_close(&j, ']');
  json_peers(&j, l->all, l->count);
  json_close(&j, '}');
  buf_put_u8(&b, '\n');
  out_buf(&b);
  buf_free(&b);
}

/* --- the command --- */

/* Returns false when out of memory. */
static bool show(const struct survey *s) {
  struct addresses l = {0};
  bool ok = collect(&l, s->ask);
  if (ok && s->o->json) print_json(s, &l);
  else if (ok) print_text(&l);
  free(l.all);
  free(l.table);
  return ok;
}

static int run(const struct options *o) {
  struct survey s;
  bool ok = true;
  int code = survey_open(&s, o, false);
  if (code != EXIT_OK) return code;
  for (const struct ask_tracker *t; (t = survey_next(&s)) != NULL;) tell(&s, t);
  if (survey_whole(&s)) ok = show(&s);
  code = survey_close(&s);
  if (ok || code != EXIT_OK) return code;
  log_error("there is not enough memory for so many addresses");
  return EXIT_RESOURCES;
}

static const struct command_option options[] = {
  OPTION_TRACKERS,
  OPTION_TIMEOUT("give up on a tracker that takes longer than this"),
  OPTION_JSON("print one JSON object instead of text"),
  OPTIONS_OF_ALL("print the addresses only, and errors"),
  {.name = NULL},
};

const struct command cmd_peers = {
  .name = "peers",
  .usage = "TORRENT",
  .summary = "ask the trackers once, and print the addresses",
  .about = "Asks every tracker of a torrent once, all at the same time, and prints the\n"
           "addresses of the peers they name, one per line. What each tracker said, or why\n"
           "it did not answer, goes to standard error. Exits with 4 if none answered.\n"
           COMMAND_TORRENT_IS,
  .options = options,
  .least_args = 1,
  .most_args = 1,
  .run = run,
};
