/*
 * The tracer: what it is told to show, and readers that are slow, gone, or a full disk.
 */
#include "../test.h"
#include "../app/capture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/trace.h"

static struct addr addr(const char *text) {
  struct addr a;
  assert_true(trace_parse_peer(text, &a));
  return a;
}

static void write_text(struct trace *t, const char *text) {
  struct buf b;
  buf_init(&b, 1 << 20);
  buf_put_str(&b, text);
  trace_write(t, &b);
  assert_int_equal(b.len, 0);
  buf_free(&b);
}

TEST(peers_are_named_with_a_port_or_without) {
  struct addr a;
  assert_int_equal(addr("192.0.2.1:80").port, 80);
  assert_int_equal(addr("192.0.2.1").port, 0);
  assert_int_equal(addr("[2001:db8::1]:80").port, 80);
  assert_int_equal(addr("[2001:db8::1]").family, 6);
  assert_int_equal(addr("2001:db8::1").family, 6);
  assert_false(trace_parse_peer("", &a));
  assert_false(trace_parse_peer("[]", &a));
  assert_false(trace_parse_peer("example.org:1", &a));
  assert_false(trace_parse_peer("192.0.2.1:", &a));
}

TEST(only_the_wanted_peers_are_traced) {
  struct trace_config c = {.fd = -1, .format = TRACE_AS_TEXT};
  struct trace *t = trace_new(&c);
  struct addr a = addr("192.0.2.1:80"), b = addr("192.0.2.2:80"), d = addr("192.0.2.1:81");
  assert_true(trace_wants_peer(t, &a) && trace_wants_trackers(t));
  trace_free(t);
  c.peers[c.peer_count++] = addr("192.0.2.1:80");
  t = trace_new(&c);
  assert_true(trace_wants_peer(t, &a));
  assert_false(trace_wants_peer(t, &b) || trace_wants_peer(t, &d) || trace_wants_trackers(t));
  trace_free(t);
  c.peers[c.peer_count++] = addr("192.0.2.1");
  t = trace_new(&c);
  assert_true(trace_wants_peer(t, &a) && trace_wants_peer(t, &d));
  assert_false(trace_wants_peer(t, &b));
  trace_free(t);
}

TEST(only_the_wanted_types_are_shown) {
  struct trace_config c = {.fd = -1, .format = TRACE_AS_TEXT};
  assert_null(trace_parse_types("request,not-interested,handshake", &c.types));
  assert_null(trace_parse_types("unknown", &c.types));
  struct trace *t = trace_new(&c);
  assert_true(trace_wants(t, (enum trace_type)6) && trace_wants(t, (enum trace_type)3));
  assert_true(trace_wants(t, TRACE_HANDSHAKE) && trace_wants(t, TRACE_UNKNOWN));
  assert_false(trace_wants(t, (enum trace_type)7) || trace_wants_trackers(t));
  trace_free(t);
}

TEST(an_unknown_type_is_pointed_at) {
  uint32_t types = 0;
  const char *text = "request,nonsense,piece";
  assert_ptr_equal(trace_parse_types(text, &types), text + 8);
  assert_string_equal(trace_parse_types("", &types), "");
  assert_string_equal(trace_parse_types("have,", &types), "");
  assert_string_equal(trace_parse_types("not interested", &types), "not interested");
}

TEST(a_reader_that_has_gone_ends_the_trace_with_one_warning) {
  int ends[2];
  char said[512];
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &ignore, NULL);
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  struct trace_config c = {.fd = ends[1], .format = TRACE_AS_TEXT, .what = "a pipe"};
  struct trace *t = trace_new(&c);
  struct capture err = capture_start(STDERR_FILENO);
  assert_true(trace_wants(t, TRACE_HANDSHAKE));
  write_text(t, "one\n");
  write_text(t, "two\n");
  capture_end(&err, said, sizeof said);
  assert_string_equal(said, "weft: warning: whoever read the trace has gone; "
                            "going on without it\n");
  assert_false(trace_wants(t, TRACE_HANDSHAKE));
  trace_free(t);
  close(ends[1]);
}

TEST(a_full_disk_ends_the_trace_with_one_warning_that_names_the_file) {
  char said[512];
  int fd = open("/dev/full", O_WRONLY);
  assert_true(fd >= 0);
  struct trace_config c = {.fd = fd, .format = TRACE_AS_TEXT, .what = "x.trace"};
  struct trace *t = trace_new(&c);
  struct capture err = capture_start(STDERR_FILENO);
  write_text(t, "one\n");
  write_text(t, "two\n");
  capture_end(&err, said, sizeof said);
  assert_string_equal(said, "weft: warning: the trace can no longer be written to x.trace "
                            "(No space left on device); going on without it\n");
  trace_free(t);
  close(fd);
}

/* Reads what there is. */
static size_t drain(int fd, struct buf *to) {
  ssize_t n;
  size_t before = to->len;
  do {
    uint8_t *room = buf_reserve(to, 65536);
    n = read(fd, room, 65536);
    if (n > 0) to->len += (size_t)n;
  } while (n > 0);
  return to->len - before;
}

/* The pipe takes 64 KiB at most. What is written while it is full is lost, and counted; the line
 * that was under way is not torn. */
TEST(a_reader_that_stands_still_misses_lines_and_is_told_how_many) {
  enum { LONG = 5000, LINES = 20 };
  int ends[2];
  struct buf got;
  char text[LONG + 1], lost[200];
  size_t whole = 0;
  assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
  buf_init(&got, 1 << 20);
  memset(text, 'x', sizeof text);
  text[LONG - 1] = '\n';
  text[LONG] = '\0';
  struct trace_config c = {.fd = ends[1], .format = TRACE_AS_JSON, .what = "a pipe"};
  struct trace *t = trace_new(&c);
  write_text(t, "first\n");
  for (int i = 0; i < LINES; i++) write_text(t, text); /* one begins, waits, does not end */
  drain(ends[0], &got);
  write_text(t, "after\n");
  drain(ends[0], &got);
  buf_consume(&got, 6);
  while ((whole + 1) * LONG <= got.len && memcmp(got.data + whole * LONG, text, LONG) == 0) whole++;
  assert_in_range(whole, 1, LINES - 1);
  snprintf(lost, sizeof lost, "\"type\":\"lost\",\"size\":null,\"bep\":null,\"fields\":"
           "{\"lines\":%zu},\"changed\":{},\"why\":\"nobody read them\"}\nafter\n",
           LINES - whole);
  const char *rest = buf_cstr(&got) + whole * LONG;
  assert_int_equal(strncmp(rest, "{\"trace\":1,", 11), 0);
  assert_string_equal(strstr(rest, "\"type\""), lost);
  trace_free(t);
  buf_free(&got);
  close(ends[0]);
  close(ends[1]);
}

TEST(the_column_of_peers_is_as_wide_as_the_widest_until_now) {
  struct trace_config c = {.fd = -1, .format = TRACE_AS_TEXT};
  struct trace *t = trace_new(&c);
  struct trace_event e = {.peer = "10.0.0.1:1", .dir = TRACE_IN, .type = TRACE_KEEPALIVE};
  struct buf b;
  buf_init(&b, 1000);
  trace_put(t, &b, &e);
  e.peer = "100.0.0.1:1";
  trace_put(t, &b, &e);
  e.peer = "10.0.0.1:1";
  trace_put(t, &b, &e);
  assert_string_equal(buf_cstr(&b), "   0.000 10.0.0.1:1 <- keep-alive\n"
                                    "   0.000 100.0.0.1:1 <- keep-alive\n"
                                    "   0.000 10.0.0.1:1  <- keep-alive\n");
  buf_free(&b);
  trace_free(t);
}

int main(void) {
  RUN(T(peers_are_named_with_a_port_or_without), T(only_the_wanted_peers_are_traced),
      T(only_the_wanted_types_are_shown), T(an_unknown_type_is_pointed_at),
      T(a_reader_that_has_gone_ends_the_trace_with_one_warning),
      T(a_full_disk_ends_the_trace_with_one_warning_that_names_the_file),
      T(a_reader_that_stands_still_misses_lines_and_is_told_how_many),
      T(the_column_of_peers_is_as_wide_as_the_widest_until_now));
}
