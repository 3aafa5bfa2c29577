/* The roster: numbers that stay, seats that come and go, bells and sockets that others reach. */
#include "../test.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/net.h"
#include "swarm/roster.h"

static const uint8_t self[20] = "-WEFT01-me-myself-I";

static struct roster_seat *new_seat(unsigned host) {
  static struct roster_seat seats[64];
  static unsigned next;
  struct roster_seat *s = &seats[next++ % 64];
  *s = (struct roster_seat){
    .addr = {.family = 4, .ip = {10, 0, (uint8_t)(host >> 8), (uint8_t)host}, .port = 6881},
    .bell = net_bell_new(),
    .fd = -1,
  };
  assert_true(s->bell >= 0);
  return s;
}

static struct roster_seat *entered(struct roster *r, unsigned host) {
  struct roster_seat *s = new_seat(host);
  assert_int_equal(roster_enter(r, s), ERR_OK);
  return s;
}

static struct roster_seat *connected(struct roster *r, unsigned host, const char *id) {
  struct roster_seat *s = entered(r, host);
  uint8_t raw[20] = {0};
  memcpy(raw, id, strlen(id));
  assert_int_equal(roster_introduce(r, s, raw, 0), ERR_OK);
  return s;
}

static void leave(struct roster *r, struct roster_seat *s) {
  roster_leave(r, s);
  close(s->bell);
}

static bool rings(const struct roster_seat *s) {
  struct pollfd p = {.fd = s->bell, .events = POLLIN};
  bool yes = poll(&p, 1, 0) == 1;
  net_bell_clear(s->bell);
  return yes;
}

TEST(an_address_keeps_its_number_for_the_whole_session) {
  struct roster *r = roster_new(10, self);
  struct roster_seat *a = entered(r, 1);
  struct roster_seat *b = entered(r, 2);
  uint32_t number = a->number;
  struct addr back;
  assert_int_not_equal(number, 0);
  assert_int_not_equal(number, b->number);
  leave(r, a);
  assert_true(roster_addr(r, number, &back));
  assert_int_equal(back.ip[3], 1);
  a = entered(r, 1);
  assert_int_equal(a->number, number);
  leave(r, a);
  leave(r, b);
  roster_free(r);
}

TEST(numbers_that_were_never_given_out_mean_nothing) {
  struct roster *r = roster_new(10, self);
  struct addr back;
  assert_false(roster_addr(r, 0, &back));
  assert_false(roster_addr(r, 1, &back));
  assert_false(roster_addr(r, UINT32_MAX, &back));
  roster_ring(r, 7);
  roster_gave(r, 0);
  roster_gave(r, UINT32_MAX);
  roster_free(r);
}

TEST(a_thousand_addresses_get_a_thousand_numbers) {
  struct roster *r = roster_new(10, self);
  bool seen[1001] = {false};
  for (unsigned i = 0; i < 1000; i++) {
    struct roster_seat *s = entered(r, i);
    struct addr back;
    assert_in_range(s->number, 1, 1000);
    assert_false(seen[s->number]);
    seen[s->number] = true;
    assert_true(roster_addr(r, s->number, &back) && addr_equal(&back, &s->addr));
    leave(r, s);
  }
  roster_free(r);
}

TEST(one_address_has_one_seat_at_a_time) {
  struct roster *r = roster_new(10, self);
  struct roster_seat *a = entered(r, 1);
  struct roster_seat *twin = new_seat(1);
  assert_int_equal(roster_enter(r, twin), ERR_EXISTS);
  leave(r, a);
  assert_int_equal(roster_enter(r, twin), ERR_OK);
  leave(r, twin);
  roster_free(r);
}

TEST(the_same_peer_under_two_addresses_is_found_out) {
  struct roster *r = roster_new(10, self);
  struct roster_seat *a = connected(r, 1, "peer one");
  struct roster_seat *b = entered(r, 2);
  uint8_t id[20] = "peer one";
  assert_int_equal(roster_introduce(r, b, id, 0), ERR_EXISTS);
  leave(r, a);
  assert_int_equal(roster_introduce(r, b, id, 0), ERR_OK); /* nobody else has it any more */
  leave(r, b);
  roster_free(r);
}

TEST(an_id_that_an_idle_one_shows_keeps_nobody_else_out_for_long) {
  struct roster *r = roster_new(10, self);
  struct roster_seat *thief = connected(r, 1, "stolen");
  struct roster_seat *honest = entered(r, 2);
  struct roster_seat *twin = new_seat(1);
  uint8_t id[20] = "stolen";
  twin->addr.port = 9;
  assert_int_equal(roster_enter(r, twin), ERR_OK);
  assert_int_equal(roster_introduce(r, honest, id, 9999), ERR_EXISTS);
  atomic_store(&thief->received, 10 * 16384); /* it gives: it is the one */
  assert_int_equal(roster_introduce(r, honest, id, 10000), ERR_EXISTS);
  assert_int_equal(roster_introduce(r, twin, id, 11000), ERR_EXISTS); /* a client and its host */
  assert_int_equal(roster_introduce(r, honest, id, 11000), ERR_OK); /* it gives no longer */
  struct roster_seat *third = entered(r, 3);
  assert_int_equal(roster_introduce(r, third, id, 12000), ERR_EXISTS); /* `honest` is new */
  leave(r, thief);
  leave(r, honest);
  leave(r, twin);
  leave(r, third);
  roster_free(r);
}

TEST(our_own_peer_id_is_refused) {
  struct roster *r = roster_new(10, self);
  struct roster_seat *a = entered(r, 1);
  assert_int_equal(roster_introduce(r, a, self, 0), ERR_REFUSED);
  leave(r, a);
  roster_free(r);
}

TEST(no_more_than_the_maximum_are_connected) {
  struct roster *r = roster_new(2, self);
  struct roster_seat *a = connected(r, 1, "a");
  struct roster_seat *b = connected(r, 2, "b");
  struct roster_seat *c = entered(r, 3);
  uint8_t id[20] = "c";
  struct roster_stats s;
  assert_int_equal(roster_introduce(r, c, id, 0), ERR_LIMIT);
  roster_stats(r, &s);
  assert_int_equal(s.seats, 3);
  assert_int_equal(s.connected, 2);
  leave(r, a);
  assert_int_equal(roster_introduce(r, c, id, 0), ERR_OK);
  leave(r, b);
  leave(r, c);
  roster_stats(r, &s);
  assert_int_equal(s.seats + s.connected, 0);
  roster_free(r);
}

TEST(one_bell_is_rung_or_those_who_idle_or_all) {
  struct roster *r = roster_new(10, self);
  struct roster_seat *a = connected(r, 1, "a");
  struct roster_seat *b = connected(r, 2, "b");
  struct roster_seat *c = connected(r, 3, "c");
  atomic_store(&b->idle, true);
  roster_ring(r, a->number);
  assert_true(rings(a) && !rings(b) && !rings(c));
  roster_ring(r, 0);
  assert_true(!rings(a) && rings(b) && !rings(c));
  roster_ring_all(r);
  assert_true(rings(a) && rings(b) && rings(c));
  uint32_t gone = b->number;
  leave(r, b);
  roster_ring(r, gone);
  roster_ring(r, 0);
  assert_true(!rings(a) && !rings(c));
  roster_ring_all(r);
  assert_true(rings(a) && rings(c));
  leave(r, a);
  leave(r, c);
  roster_free(r);
}

/* The other end reads the end of the stream. */
static bool is_shut(int far) {
  char c;
  ssize_t n = recv(far, &c, 1, MSG_DONTWAIT);
  return n == 0;
}

TEST(a_host_is_shut_on_every_port_and_only_while_it_has_a_seat) {
  struct roster *r = roster_new(10, self);
  int pair[3][2];
  struct roster_seat *s[3];
  for (int i = 0; i < 3; i++) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]), 0);
    s[i] = new_seat(i < 2 ? 1 : 2);
    s[i]->addr.port = (uint16_t)(1000 + i);
    assert_int_equal(roster_enter(r, s[i]), ERR_OK);
  }
  struct addr liar = s[0]->addr;
  struct addr other = s[2]->addr;
  roster_shut_host(r, &liar); /* not connected yet: nothing to shut */
  for (int i = 0; i < 3; i++) assert_int_equal(roster_connected(r, s[i], pair[i][0]), ERR_OK);
  roster_shut_host(r, &liar);
  assert_true(is_shut(pair[0][1]));
  assert_true(is_shut(pair[1][1]));
  leave(r, s[2]);
  roster_shut_host(r, &other);
  assert_false(is_shut(pair[2][1]));
  leave(r, s[0]);
  leave(r, s[1]);
  for (int i = 0; i < 3; i++) close(pair[i][0]), close(pair[i][1]);
  roster_free(r);
}

TEST(when_we_leave_all_are_shut_and_rung_and_nobody_new_comes_in) {
  struct roster *r = roster_new(10, self);
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  struct roster_seat *a = entered(r, 1);
  struct roster_seat *dialling = entered(r, 2);
  struct roster_seat *late = new_seat(3);
  assert_int_equal(roster_connected(r, a, pair[0]), ERR_OK);
  roster_close_all(r);
  assert_true(is_shut(pair[1]) && rings(a) && rings(dialling));
  assert_int_equal(roster_connected(r, dialling, pair[1]), ERR_CANCELLED);
  assert_int_equal(roster_enter(r, late), ERR_CANCELLED);
  assert_false(roster_wait_empty(r, clock_now_ms()));
  leave(r, a);
  leave(r, dialling);
  assert_true(roster_wait_empty(r, CLOCK_NEVER));
  close(late->bell);
  close(pair[0]);
  close(pair[1]);
  roster_free(r);
}

TEST(the_statistics_tell_choked_uninteresting_and_those_who_gave) {
  struct roster *r = roster_new(10, self);
  struct roster_seat *a = connected(r, 1, "a");
  struct roster_seat *b = connected(r, 2, "b");
  struct roster_seat *c = connected(r, 3, "c");
  struct roster_seat *d = entered(r, 4);
  struct roster_stats s;
  atomic_store(&a->interesting, true);
  atomic_store(&a->choked, true);
  atomic_store(&b->interesting, true);
  atomic_store(&c->choked, true); /* uninteresting comes first */
  roster_gave(r, b->number);
  roster_gave(r, b->number);
  roster_stats(r, &s);
  assert_int_equal(s.seats, 4);
  assert_int_equal(s.connected, 3);
  assert_int_equal(s.choked, 1);
  assert_int_equal(s.uninteresting, 1);
  assert_int_equal(s.gave, 1);
  leave(r, b);
  roster_stats(r, &s);
  assert_int_equal(s.gave, 1); /* it is remembered */
  leave(r, a);
  leave(r, c);
  leave(r, d);
  roster_free(r);
}

TEST(a_doubt_outlives_the_connection_and_ends_when_something_was_right) {
  struct roster *r = roster_new(10, self);
  struct roster_seat *a = connected(r, 1, "a");
  struct roster_seat *b = connected(r, 2, "b");
  uint32_t number = a->number;
  roster_doubt(r, number);
  roster_doubt(r, 0);
  roster_doubt(r, 77);
  leave(r, a);
  assert_true(roster_is_doubted(r, number));
  assert_false(roster_is_doubted(r, b->number));
  assert_false(roster_is_doubted(r, 0));
  assert_false(roster_is_doubted(r, 77));
  roster_trust(r, number);
  assert_false(roster_is_doubted(r, number));
  roster_doubt(r, number);
  roster_gave(r, number);
  assert_false(roster_is_doubted(r, number));
  leave(r, b);
  roster_free(r);
}

int main(void) {
  RUN(T(an_address_keeps_its_number_for_the_whole_session),
      T(numbers_that_were_never_given_out_mean_nothing),
      T(a_thousand_addresses_get_a_thousand_numbers), T(one_address_has_one_seat_at_a_time),
      T(the_same_peer_under_two_addresses_is_found_out),
      T(an_id_that_an_idle_one_shows_keeps_nobody_else_out_for_long), T(our_own_peer_id_is_refused),
      T(no_more_than_the_maximum_are_connected), T(one_bell_is_rung_or_those_who_idle_or_all),
      T(a_host_is_shut_on_every_port_and_only_while_it_has_a_seat),
      T(when_we_leave_all_are_shut_and_rung_and_nobody_new_comes_in),
      T(the_statistics_tell_choked_uninteresting_and_those_who_gave),
      T(a_doubt_outlives_the_connection_and_ends_when_something_was_right));
}
