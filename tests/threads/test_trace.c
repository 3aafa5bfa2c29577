/*
 * The tracer under two hundred threads, each with a connection of its own: every line arrives
 * whole, those of one connection in their order, and none is missing. A second round has a reader
 * that leaves in the middle: all go on, and one of them says so.
 */
#include "../test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/trace_conn.h"

enum { THREADS = 200, MESSAGES = 50, LINES = THREADS * (MESSAGES + 2) };

static struct trace *t;

static void *talk(void *arg) {
  struct trace_conn c;
  struct addr a = {.family = 4, .ip = {10, 0, 0, 1}, .port = (uint16_t)(uintptr_t)arg};
  struct trace_state s = {.peer_choking = true};
  uint8_t have[] = {0, 0, 0, 5, 4, 0, 0, 0, 0};
  trace_conn_open(&c, t, &a);
  trace_conn_event(&c, "connected", NULL, &s);
  for (uint8_t i = 0; i < MESSAGES; i++) {
    have[8] = i;
    s.has++;
    trace_conn_begin(&c);
    trace_conn_received(&c, have, sizeof have, sizeof have, &s, NULL, NULL);
  }
  trace_conn_closed(&c, "done", 0);
  trace_conn_close(&c);
  return NULL;
}

static void run_all(pthread_t *threads) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 << 10); /* as those of workers */
  for (uintptr_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], &small, talk, (void *)(i + 1)), 0);
  pthread_attr_destroy(&small);
}

static void join_all(pthread_t *threads) {
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

TEST(every_line_arrives_whole_and_in_order) {
  static unsigned next[THREADS + 1];
  pthread_t threads[THREADS];
  char line[512];
  int ends[2];
  unsigned count = 0;
  assert_int_equal(pipe(ends), 0);
  struct trace_config config = {.fd = ends[1], .format = TRACE_AS_JSON, .what = "a pipe"};
  t = trace_new(&config);
  run_all(threads);
  FILE *in = fdopen(ends[0], "r");
  while (count < LINES && fgets(line, sizeof line, in) != NULL) {
    unsigned port = 0, index;
    char *peer = strstr(line, "\"peer\":\"10.0.0.1:");
    char *at = strstr(line, "\"index\":");
    assert_int_equal(strncmp(line, "{\"trace\":1,", 11), 0);
    assert_string_equal(line + strlen(line) - 2, "}\n");
    assert_non_null(peer);
    assert_int_equal(sscanf(peer, "\"peer\":\"10.0.0.1:%u\"", &port), 1);
    assert_in_range(port, 1, THREADS);
    if (at != NULL) {
      assert_int_equal(sscanf(at, "\"index\":%u", &index), 1);
      assert_int_equal(index, next[port]++);
    }
    count++;
  }
  assert_int_equal(count, LINES);
  join_all(threads);
  trace_free(t);
  fclose(in);
  close(ends[1]);
}

TEST(a_reader_that_leaves_hurts_nobody) {
  pthread_t threads[THREADS];
  char some[4096];
  int ends[2];
  signal(SIGPIPE, SIG_IGN);
  log_set_level(LOG_ERROR);
  assert_int_equal(pipe(ends), 0);
  struct trace_config config = {.fd = ends[1], .format = TRACE_AS_TEXT, .what = "a pipe"};
  t = trace_new(&config);
  run_all(threads);
  assert_true(read(ends[0], some, sizeof some) > 0);
  close(ends[0]);
  join_all(threads);
  assert_false(trace_wants(t, TRACE_CONNECTION));
  trace_free(t);
  close(ends[1]);
}

int main(void) {
  RUN(T(every_line_arrives_whole_and_in_order), T(a_reader_that_leaves_hurts_nobody));
}
