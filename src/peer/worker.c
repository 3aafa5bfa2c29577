#include "peer/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/net.h"
#include "peer/download.h"
#include "peer/peer.h"
#include "peer/peer_trace.h"
#include "peer/receive.h"

enum {
  STACK_BYTES = 128 << 10,
  DIAL_MS = 4000,
  HANDSHAKE_MS = 10000,
  TICK_MS = 1000,          /* news and patience are looked at this often at least */
  RECEIVES_MAX = 8,        /* in a row, before the loop looks at the rest */
  MESSAGE_MS = 30000,      /* a message that has begun must be complete by then */
  IDLE_MS = 130000         /* nothing at all for longer than a keep-alive interval */
};

struct task {
  struct swarm *sw;
  struct addr addr;
  pthread_t thread;
  struct task *next; /* in the list of those that end */
};

/* --- the loop --- */

static bool is_in_message(const struct peer *p) {
  return p->in.len > 0 || p->cur_job != NULL || p->skip_left > 0;
}

static enum err receive_all(struct peer *p) {
  bool more = true;
  enum err e = ERR_OK;
  for (int i = 0; e == ERR_OK && more && i < RECEIVES_MAX; i++) {
    bool was_in_message = is_in_message(p);
    e = receive_some(p, &more);
    if (!was_in_message && is_in_message(p)) p->message_ms = p->now_ms; /* its time begins here */
  }
  download_count(p);
  return e;
}

/* Deadlines that have nothing to do with what we asked for. */
static enum err check_patience(struct peer *p, int64_t *next_ms) {
  int64_t quiet = p->now_ms - p->message_ms;
  if (quiet >= (is_in_message(p) ? MESSAGE_MS : IDLE_MS)) return ERR_TIMEOUT;
  return download_tick(p, next_ms);
}

static enum err on_bell(struct peer *p) {
  net_bell_clear(p->bell);
  if (atomic_load(&p->sw->stopping)) return ERR_CANCELLED;
  return download_on_bell(p);
}

/* It takes nothing any more: what it had sent before is still there, and counts. */
static enum err hear_the_rest(struct peer *p) {
  enum err e = ERR_OK;
  while (e == ERR_OK) {
    uint64_t before = atomic_load(&p->seat.received);
    e = receive_all(p);
    if (atomic_load(&p->seat.received) == before) break;
  }
  return ERR_CLOSED;
}

/* One turn: speak, wait, listen. */
static enum err turn(struct peer *p) {
  p->now_ms = clock_now_ms();
  int64_t next_ms = p->now_ms + TICK_MS;
  enum err e = check_patience(p, &next_ms);
  if (e != ERR_OK) return e;
  download_ask(p);
  peer_put_news(p);
  e = peer_flush(p);
  if (e == ERR_CLOSED) return hear_the_rest(p);
  if (e != ERR_OK) return e;
  download_set_lowat(p);
  if (atomic_load(&p->seat.idle) && p->take_ms < next_ms) next_ms = p->take_ms;
  int got = net_wait(p->fd, p->bell, p->out.len > 0, next_ms);
  p->now_ms = clock_now_ms();
  if (got & NET_BELL) e = on_bell(p);
  /* After a time-out too: less may be there than SO_RCVLOWAT waits for. */
  if (e == ERR_OK && ((got & NET_READABLE) || got == 0)) e = receive_all(p);
  return e;
}

static enum err talk(struct peer *p) {
  enum err e = ERR_OK;
  p->now_ms = p->message_ms = p->last_sent_ms = clock_now_ms();
  while (e == ERR_OK) e = turn(p);
  return e;
}

/* --- from dialling to good-bye --- */

static enum addrbook_outcome outcome_of(const struct peer *p, enum err e, bool connected,
                                        bool introduced) {
  switch (e) {
  case ERR_MEMORY:
  case ERR_CANCELLED:
    return ADDR_FULL;
  case ERR_TIMEOUT:
    return introduced && p->gave_data ? ADDR_CUT : introduced ? ADDR_USELESS : ADDR_SILENT;
  case ERR_NO_ROUTE:
    return ADDR_NO_ROUTE;
  case ERR_NOT_FOUND:
    return ADDR_WRONG;
  case ERR_PROTOCOL:
  case ERR_LIMIT:
    return introduced ? ADDR_MISBEHAVED : ADDR_WRONG;
  default:
    return connected && introduced ? ADDR_CUT : ADDR_UNREACHABLE;
  }
}

/* The roster's answer to a handshake, as an outcome. */
static enum addrbook_outcome outcome_of_introduction(enum err e) {
  return e == ERR_REFUSED ? ADDR_SELF : e == ERR_EXISTS ? ADDR_DUPLICATE : ADDR_FULL;
}

static const char *why(const struct peer *p, enum err e) {
  if (addrbook_is_banned(p->sw->book, &p->seat.addr)) return "sent data with a wrong hash";
  return e == ERR_TIMEOUT ? "of no use for too long" : err_name(e);
}

/* The client's mark in a peer id, "-LT2080-" (BEP 20), as it came. */
static const char *client_of(const uint8_t id[static 20], char out[static 9]) {
  bool marked = id[0] == '-' && id[7] == '-';
  memcpy(out, id, 8);
  out[marked ? 8 : 0] = '\0';
  return out;
}

/* Do its blocks count in its favour? The verdict on them often comes after the connection's end: a
 * peer that is cut off again and again would never have given anything if only a verdict counted.
 * So they do, unless it had a part in a wrong piece of which nobody knows yet who spoilt it. Who
 * gives wrong blocks and hangs up comes back a few times by that, but not for ever: each time it
 * must have given something that was needed, and that leads to a verdict. */
static bool is_credited(struct peer *p) {
  return pieces_is_proven(p->sw->pieces, &p->pp) ||
         !roster_is_doubted(p->sw->roster, p->seat.number);
}

/* After the handshake, to the end. */
static enum err converse(struct peer *p, const uint8_t id[static 20]) {
  struct swarm *sw = p->sw;
  char mark[9];
  enum err e = pieces_join(sw->pieces, &p->pp, p->seat.number);
  if (e != ERR_OK) return e;
  p->pp.fd = p->fd;
  if (sw->hooks.peer_up) sw->hooks.peer_up(sw->hooks.arg, &p->seat.addr, client_of(id, mark));
  e = talk(p);
  download_end(p);
  p->gave_data = p->gave_data && is_credited(p);
  pieces_leave(sw->pieces, &p->pp);
  if (sw->hooks.peer_down) sw->hooks.peer_down(sw->hooks.arg, &p->seat.addr, why(p, e));
  return e;
}

/* What one attempt came to, and how far. */
struct attempt {
  enum err e;
  bool connected;
  bool introduced;
  enum err introduction;
};

/* Why an attempt ended, for the trace. */
static const char *ending(const struct peer *p, const struct attempt *a) {
  if (atomic_load(&p->sw->stopping)) return "weft ends all connections";
  if (a->introduction == ERR_REFUSED) return "it is ourselves";
  if (a->introduction == ERR_EXISTS) return "there is a connection to this peer already";
  if (a->introduction != ERR_OK) return err_name(a->introduction);
  if (!a->connected && a->e == ERR_REFUSED) return "nobody listens there";
  if (!a->connected && a->e == ERR_TIMEOUT) return "it does not answer to being dialled";
  if (a->e == ERR_NOT_FOUND) return "it answers for another torrent";
  return a->introduced ? why(p, a->e) : err_name(a->e);
}

/* The connection itself: from dialling to the good-bye. */
static struct attempt connect_and_talk(struct peer *p) {
  struct roster *r = p->sw->roster;
  struct attempt a = {0};
  uint8_t id[20];
  a.e = net_dial(&p->seat.addr, p->bell, clock_now_ms() + DIAL_MS, &p->fd);
  if (a.e != ERR_OK) return a;
  a.connected = true;
  if (peer_trace_is_on(p)) peer_trace_event(p, "connected", NULL);
  a.e = roster_connected(r, &p->seat, p->fd);
  if (a.e == ERR_OK) a.e = peer_shake_hands(p, clock_now_ms() + HANDSHAKE_MS, id);
  if (a.e == ERR_OK) {
    a.introduction = roster_introduce(r, &p->seat, id, clock_now_ms());
    a.introduced = a.introduction == ERR_OK;
    if (a.introduced) a.e = converse(p, id);
  }
  roster_disconnected(r, &p->seat, p->seat.polite);
  close(p->fd);
  p->fd = -1;
  return a;
}

/* Connects, shakes hands, talks. Ends without a connection. */
static struct attempt attempt(struct peer *p) {
  if (peer_trace_is_on(p)) peer_trace_event(p, "dialling", NULL);
  struct attempt a = connect_and_talk(p);
  if (peer_trace_is_on(p)) peer_trace_closed(p, ending(p, &a));
  return a;
}

/* Hung up before it said anything but its handshake? */
static bool is_offended(const struct peer *p, const struct attempt *a) {
  if (!a->connected || p->heard || p->seat.polite || a->introduction != ERR_OK) return false;
  return a->e == ERR_CLOSED || a->e == ERR_REFUSED;
}

/* From dialling to the end. Who hangs up on our greeting is greeted once more, step by step. */
static enum addrbook_outcome dial(struct peer *p) {
  char text[ADDR_TEXT_MAX];
  struct attempt a = attempt(p);
  if (is_offended(p, &a) && !atomic_load(&p->sw->stopping)) {
    roster_disconnected(p->sw->roster, &p->seat, true);
    peer_restart(p);
    a = attempt(p);
    if (!p->heard) roster_disconnected(p->sw->roster, &p->seat, false);
  }
  if (!a.introduced)
    log_debug("%s: %s: %s", peer_name(p, text), a.connected ? "handshake" : "dialling",
              err_name(a.e));
  if (a.introduction != ERR_OK) return outcome_of_introduction(a.introduction);
  return outcome_of(p, a.e, a.connected, a.introduced);
}

/* Everything between taking the address and reporting it. */
static enum addrbook_outcome serve(struct peer *p) {
  p->bell = p->seat.bell = net_bell_new();
  if (p->bell < 0) return ADDR_FULL;
  enum err e = roster_enter(p->sw->roster, &p->seat);
  enum addrbook_outcome how = ADDR_FULL;
  if (e == ERR_OK) {
    how = dial(p);
    roster_leave(p->sw->roster, &p->seat);
  } else if (e == ERR_EXISTS) {
    how = ADDR_DUPLICATE;
  }
  close(p->bell);
  return how;
}

/* Puts the task on the list that worker_reap() takes. */
static void note_end(struct task *t) {
  void *first = atomic_load(&t->sw->ended);
  t->thread = pthread_self();
  do t->next = first;
  while (!atomic_compare_exchange_weak(&t->sw->ended, &first, t));
}

static void *worker_main(void *arg) {
  struct task *t = arg;
  struct swarm *sw = t->sw;
  enum addrbook_outcome how = ADDR_FULL;
  bool gave = false;
  struct peer *p = malloc(sizeof *p);
  if (p != NULL) {
    peer_init(p, sw, &t->addr);
    how = serve(p);
    gave = p->gave_data;
    peer_free(p);
    trace_conn_close(&p->trace);
    free(p);
  }
  addrbook_report(sw->book, &t->addr, how, gave, clock_now_ms());
  note_end(t);
  net_bell_ring(sw->bell);
  return NULL;
}

uint32_t worker_reap(struct swarm *sw) {
  struct task *t = atomic_exchange(&sw->ended, NULL);
  while (t != NULL) {
    struct task *next = t->next;
    pthread_join(t->thread, NULL);
    free(t);
    atomic_fetch_sub(&sw->workers, 1);
    t = next;
  }
  return atomic_load(&sw->workers);
}

enum err worker_start(struct swarm *sw, const struct addr *a) {
  pthread_t thread;
  pthread_attr_t attr;
  struct task *t = malloc(sizeof *t);
  int rc = -1;
  if (t != NULL) {
    *t = (struct task){.sw = sw, .addr = *a};
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    atomic_fetch_add(&sw->workers, 1);
    rc = pthread_create(&thread, &attr, worker_main, t);
    pthread_attr_destroy(&attr);
    if (rc != 0) atomic_fetch_sub(&sw->workers, 1);
  }
  if (rc == 0) return ERR_OK;
  free(t);
  addrbook_report(sw->book, a, ADDR_FULL, false, clock_now_ms());
  return ERR_MEMORY;
}
