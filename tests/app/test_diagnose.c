/*
 * The sentence that says why nothing moves: its figures are right, add up, and agree in number with
 * their words.
 */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "app/diagnose.h"
#include "base/clock.h"

#define MANY 40

static struct diagnose_facts facts;
static struct tracker_status trackers[MANY];

static int begin(void **state) {
  (void)state;
  memset(&facts, 0, sizeof facts);
  memset(trackers, 0, sizeof trackers);
  facts.trackers = trackers;
  return 0;
}

static void add_tracker(const char *url, enum tracker_state state, const char *message) {
  struct tracker_status *t = &trackers[facts.tracker_count++];
  snprintf(t->url, sizeof t->url, "%s", url);
  snprintf(t->message, sizeof t->message, "%s", message);
  t->state = state;
  t->next_ms = CLOCK_NEVER;
}

static void assert_words(const char *wanted) {
  char text[2048];
  diagnose_words(&facts, text, sizeof text);
  assert_string_equal(text, wanted);
}

/* `choked` of `connected` peers choke us, `useless` have nothing; nobody has `missing` pieces. */
static void assert_peers(uint32_t connected, uint32_t choked, uint32_t useless, uint32_t missing,
                         const char *wanted) {
  facts.roster = (struct roster_stats){.connected = connected, .choked = choked,
                                       .uninteresting = useless};
  facts.pieces.unavailable = missing;
  assert_words(wanted);
}

TEST(one_peer_is_told_of_as_one) {
  assert_peers(1, 1, 0, 0, "the only connected peer chokes us: waiting for a turn");
  assert_peers(1, 0, 1, 0, "the only connected peer has no piece that we still need");
  assert_peers(1, 0, 0, 0, "the only connected peer was asked but sends nothing");
}

TEST(several_peers_are_told_of_as_several) {
  assert_peers(3, 3, 0, 0, "all 3 connected peers choke us: waiting for a turn");
  assert_peers(3, 0, 3, 0, "none of the 3 connected peers has a piece that we still need");
  assert_peers(3, 0, 0, 0, "all 3 connected peers were asked but send nothing");
  assert_peers(3, 2, 0, 0, "1 of 3 connected peers was asked but sends nothing; 2 choke us");
  assert_peers(3, 1, 0, 0, "2 of 3 connected peers were asked but send nothing; 1 chokes us");
  assert_peers(3, 2, 1, 0,
               "2 of 3 connected peers choke us: waiting for a turn; 1 has nothing that we need");
  assert_peers(3, 1, 2, 0,
               "1 of 3 connected peers chokes us: waiting for a turn; 2 have nothing that we need");
}

TEST(pieces_that_nobody_has_are_named_whatever_else_is_wrong) {
  assert_peers(2, 2, 0, 1, "both connected peers choke us: waiting for a turn; "
                           "1 missing piece is with nobody");
  assert_peers(1, 0, 1, 7, "the only connected peer has no piece that we still need; "
                           "7 missing pieces are with nobody");
  assert_peers(1, 0, 0, 2, "the only connected peer was asked but sends nothing; "
                           "2 missing pieces are with nobody");
}

TEST(a_slow_disk_goes_before_everything_else) {
  facts.disk_is_slow = true;
  assert_peers(1, 1, 0, 1, "the disk is too slow: received data wait to be written");
}

TEST(what_the_trackers_said_is_told) {
  assert_words("no peer is connected: there is no tracker to ask");
  add_tracker("http://a/", TRACKER_ASKING, "");
  assert_words("no peer is connected: the tracker has not answered yet");
  add_tracker("http://b/", TRACKER_IDLE, "");
  assert_words("no peer is connected: the trackers have not answered yet");
  add_tracker("http://c/", TRACKER_FAILED, "go away");
  assert_words("no peer is connected: tracker http://c/: go away");
  add_tracker("http://d/", TRACKER_FAILED, "no");
  assert_words("no peer is connected: tracker http://c/: go away (and 1 more failed)");
  add_tracker("http://e/", TRACKER_OK, "");
  assert_words("no peer is connected: the tracker answers but knows no more peers");
  add_tracker("http://f/", TRACKER_OK, "");
  assert_words("no peer is connected: the trackers answer but know no more peers");
}

TEST(a_tracker_that_is_asked_again_has_answered_before) {
  add_tracker("http://a/", TRACKER_ASKING, "");
  trackers[0].next_ms = 5;
  assert_words("no peer is connected: the tracker is being asked again");
  add_tracker("http://b/", TRACKER_ASKING, "");
  assert_words("no peer is connected: the tracker has not answered yet");
  trackers[1].next_ms = 5;
  assert_words("no peer is connected: the trackers are being asked again");
}

TEST(each_of_many_trackers_counts) {
  for (int i = 0; i < MANY; i++) add_tracker("http://a/", TRACKER_FAILED, "no");
  assert_words("no peer is connected: tracker http://a/: no (and 39 more failed)");
}

TEST(trackers_that_cannot_be_asked_are_named_with_the_reason) {
  char text[1024];
  assert_int_equal(diagnose_unusable(trackers, 0, text, sizeof text), 0);
  assert_string_equal(text, "");
  add_tracker("udp://a:1", TRACKER_SKIPPED, "no UDP");
  assert_int_equal(diagnose_unusable(trackers, 1, text, sizeof text), 0);
  assert_string_equal(text, "udp://a:1: no UDP");
  assert_words("no peer is connected: udp://a:1: no UDP");
  add_tracker("ftp://x", TRACKER_SKIPPED, "no FTP");
  add_tracker("http://b", TRACKER_OK, "no UDP");
  for (int i = 2; i < 6; i++) add_tracker("udp://a:2", TRACKER_SKIPPED, "no UDP");
  assert_int_equal(diagnose_unusable(trackers, facts.tracker_count, text, sizeof text), 1);
  assert_string_equal(text, "udp://a:1, udp://a:2, udp://a:2 and 2 more: no UDP; ftp://x: no FTP");
  assert_words("no peer is connected: the tracker answers but knows no more peers; "
               "6 others can't be asked (-v says which)");
}

TEST(each_address_is_counted_once) {
  struct addr a;
  struct addrbook *b = addrbook_new(10);
  static const char *const names[] = {"1.0.0.1:1", "1.0.0.2:1", "1.0.0.3:1"};
  static const enum addrbook_outcome how[] = {ADDR_CUT, ADDR_UNREACHABLE, ADDR_CUT};
  add_tracker("http://a/", TRACKER_OK, "");
  for (int i = 0; i < 3; i++) {
    int64_t due_ms;
    assert_true(addr_parse(names[i], strlen(names[i]), &a));
    addrbook_add(b, &a, FROM_USER, 0);
    assert_int_equal(addrbook_take(b, 0, &a, &due_ms), ERR_OK);
    if (i == 0) addrbook_ban(b, &a); /* and so its connection ends, which is no hanging up */
    addrbook_stats(b, 0, &facts.book);
    assert_int_equal(facts.book.taken, 1);
    addrbook_report(b, &a, how[i], false, 0);
    if (i > 0) continue;
    addrbook_stats(b, 0, &facts.book);
    assert_words("no peer is connected: the tracker answers but knows no more peers; 1 address "
                 "known: banned for wrong data");
  }
  addrbook_stats(b, 0, &facts.book);
  assert_words("no peer is connected: the tracker answers but knows no more peers; 3 addresses "
               "known: 1 refused, 1 hung up, 1 banned for wrong data");
  addrbook_free(b);
}

TEST(what_this_machine_lacks_is_not_told_as_the_fault_of_the_addresses) {
  facts.book = (struct addrbook_stats){.known = 2, .failed = {[ADDR_NO_ROUTE] = 2}};
  assert_words("no peer is connected: there is no tracker to ask; 2 addresses known: both without "
               "a route");
  facts.book.known = 3;
  facts.book.failed[ADDR_NO_ROUTE] = 1;
  facts.book.failed[ADDR_FULL] = 2;
  assert_words("no peer is connected: there is no tracker to ask; 3 addresses known: 1 without a "
               "route, 2 waiting for a free port, thread or descriptor");
}

#define D(name) cmocka_unit_test_setup(name, begin)

int main(void) {
  RUN(D(one_peer_is_told_of_as_one), D(several_peers_are_told_of_as_several),
      D(pieces_that_nobody_has_are_named_whatever_else_is_wrong),
      D(a_slow_disk_goes_before_everything_else), D(what_the_trackers_said_is_told),
      D(a_tracker_that_is_asked_again_has_answered_before),
      D(each_of_many_trackers_counts), D(trackers_that_cannot_be_asked_are_named_with_the_reason),
      D(each_address_is_counted_once),
      D(what_this_machine_lacks_is_not_told_as_the_fault_of_the_addresses));
}
