/*
 * One connection's lines: in which order, what changed since the last one, and which extension is
 * which.
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/trace_conn.h"
#include "proto/wire.h"

static struct trace *t;
static struct trace_conn c;
static struct trace_state now;
static int out;
static char *got;

static void begin(const char *types) {
  char path[] = "/tmp/weft-trace-XXXXXX";
  struct trace_config config = {.format = TRACE_AS_TEXT, .what = "a file"};
  struct addr a = {.family = 4, .ip = {10, 0, 0, 1}, .port = 1};
  out = config.fd = mkstemp(path);
  unlink(path);
  if (types != NULL) assert_null(trace_parse_types(types, &config.types));
  t = trace_new(&config);
  trace_conn_open(&c, t, &a);
  assert_ptr_equal(c.to, t);
  now = (struct trace_state){.peer_choking = true};
}

/* All lines, without time and peer. */
static const char *lines(void) {
  char *at, *to;
  off_t len = lseek(out, 0, SEEK_END);
  free(got);
  at = to = got = calloc(1, (size_t)len + 1);
  assert_int_equal(pread(out, got, (size_t)len, 0), len);
  while (*at != '\0') {
    at += 20; /* "   0.000 10.0.0.1:1 " */
    size_t n = strcspn(at, "\n") + 1;
    memmove(to, at, n);
    to += n;
    at += n;
  }
  *to = '\0';
  return got;
}

static void end(void) {
  trace_conn_close(&c);
  assert_null(c.to);
  trace_conn_close(&c);
  trace_free(t);
  close(out);
}

static void send_simple(enum wire_id id, const char *why) {
  struct buf b;
  buf_init(&b, 100);
  wire_put_simple(&b, id);
  trace_conn_sent(&c, b.data, b.len, &now, why);
  buf_free(&b);
}

static void send_extended(bool in, uint8_t id, const char *payload) {
  struct buf b;
  buf_init(&b, 1000);
  wire_put_extended(&b, id, payload, strlen(payload));
  if (in) trace_conn_begin(&c);
  if (in) trace_conn_received(&c, b.data, b.len, b.len, &now, NULL, NULL);
  else trace_conn_sent(&c, b.data, b.len, &now, NULL);
  buf_free(&b);
}

static const uint8_t have[] = {0, 0, 0, 5, 4, 0, 0, 0, 2};
static const uint8_t unchoke[] = {0, 0, 0, 1, 1};

TEST(what_is_sent_while_a_message_is_acted_on_stands_behind_it) {
  begin(NULL);
  trace_conn_begin(&c);
  now.am_interested = true;
  now.has = 1;
  send_simple(WIRE_INTERESTED, "because");
  trace_conn_received(&c, have, sizeof have, sizeof have, &now, (uint32_t[]){2, 3}, NULL);
  assert_string_equal(lines(),
                      "<- have       index 2      9 bytes  BEP 3  changed: we are interested: no "
                      "-> yes, pieces it has: 0 -> 1, peers that have it: 2 -> 3\n"
                      "-> interested              5 bytes  BEP 3  why: because\n");
  end();
}

TEST(each_change_is_told_once) {
  begin(NULL);
  now.window = 8;
  send_simple(WIRE_INTERESTED, NULL);
  send_simple(WIRE_INTERESTED, NULL);
  now.peer_choking = false;
  trace_conn_begin(&c);
  trace_conn_received(&c, unchoke, 5, 5, &now, NULL, NULL);
  assert_string_equal(lines(), "-> interested              5 bytes  BEP 3  changed: window: 0 -> "
                               "8\n-> interested              5 bytes  BEP 3\n"
                               "<- unchoke                 5 bytes  BEP 3  changed: it chokes us: "
                               "yes -> no\n");
  end();
}

TEST(a_message_that_is_not_shown_keeps_what_it_changed) {
  begin("unchoke");
  now.window = 8;
  send_simple(WIRE_INTERESTED, NULL);
  now.peer_choking = false;
  trace_conn_begin(&c);
  send_simple(WIRE_INTERESTED, NULL);
  trace_conn_received(&c, unchoke, 5, 5, &now, NULL, NULL);
  assert_string_equal(lines(), "<- unchoke                 5 bytes  BEP 3  changed: it chokes us: "
                               "yes -> no\n");
  end();
}

TEST(extended_messages_have_the_name_that_their_receiver_gave_them) {
  begin(NULL);
  send_extended(true, 3, "de");
  send_extended(false, 0, "d1:md11:ut_metadatai3e6:ut_pexi4eee");
  send_extended(true, 0, "d1:md11:ut_metadatai9eee");
  send_extended(true, 3, "de");
  send_extended(true, 4, "de");
  send_extended(false, 9, "de");
  send_extended(false, 3, "de");
  assert_string_equal(lines(),
                      "<- extended   id 3, {}     8 bytes  BEP 10\n"
                      "-> extended   id 0, handshake, {\"m\":{\"ut_metadata\":3,\"ut_pex\":4}}    "
                      "41 bytes  BEP 10\n"
                      "<- extended   id 0, handshake, {\"m\":{\"ut_metadata\":9}}    30 bytes  "
                      "BEP 10\n"
                      "<- extended   id 3, ut_metadata, {}     8 bytes  BEP 9\n"
                      "<- extended   id 4, ut_pex, {}     8 bytes  BEP 11\n"
                      "-> extended   id 9, ut_metadata, {}     8 bytes  BEP 9\n"
                      "-> extended   id 3, {}     8 bytes  BEP 10\n");
  end();
}

TEST(a_connection_begins_and_ends_with_a_line_of_its_own) {
  begin(NULL);
  trace_conn_event(&c, "dialling", NULL, &now);
  trace_conn_event(&c, "connected", NULL, &now);
  trace_conn_begin(&c);
  trace_conn_closed(&c, "timed out", 17);
  trace_conn_restart(&c);
  trace_conn_event(&c, "dialling", NULL, NULL);
  trace_conn_closed(&c, "refused", 0);
  assert_string_equal(lines(), "-- dialling\n-- connected\n-- closed, unsent 17  why: timed out\n"
                               "-- dialling\n-- closed  why: refused\n");
  end();
}

TEST(a_peer_that_nobody_wants_to_see_has_no_trace) {
  struct trace_config config = {.format = TRACE_AS_TEXT, .fd = -1, .peer_count = 1};
  struct addr a = {.family = 4, .ip = {10, 0, 0, 1}, .port = 1};
  config.peers[0] = (struct addr){.family = 4, .ip = {10, 0, 0, 2}};
  t = trace_new(&config);
  trace_conn_open(&c, t, &a);
  assert_null(c.to);
  trace_conn_open(&c, NULL, &a);
  assert_null(c.to);
  trace_conn_close(&c);
  trace_free(t);
}

int main(void) {
  RUN(T(what_is_sent_while_a_message_is_acted_on_stands_behind_it), T(each_change_is_told_once),
      T(a_message_that_is_not_shown_keeps_what_it_changed),
      T(extended_messages_have_the_name_that_their_receiver_gave_them),
      T(a_connection_begins_and_ends_with_a_line_of_its_own),
      T(a_peer_that_nobody_wants_to_see_has_no_trace));
}
