#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "app/report.h"
#include "base/log.h"
#include "capture.h"

static const struct report_progress HALF = {
  .phase = PHASE_DOWNLOADING, .total = 1000, .verified = 573, .received = 573, .rate = 100,
  .connected = 31, .known = 208, .pieces = 7};
static const struct report_summary DONE = {
  .complete = true, .total = 1000, .received = 1000, .elapsed_ms = 2000, .peers_used = 3,
  .path = "out\033[31m.iso"};
static const struct addr PEER = {.family = 4, .ip = {192, 0, 2, 1}, .port = 6881};

static char name[] = "evil\033]0;owned\007\n.iso";
static const struct metainfo META = {
  .name = name, .name_len = sizeof name - 1, .file_count = 1,
  .files = &(struct metainfo_file){.length = 1000},
  .geo = {.total = 1000, .piece_len = 100, .pieces = 10}};

static char out[1 << 17];
static char err[1 << 17];

/* A whole download as the session tells it. */
static void play(const struct options *o) {
  struct report *r = report_new(o);
  report_metadata(r, &META, "out\033[31m.iso");
  report_progress(r, &HALF);
  report_progress(r, &HALF);
  report_peer(r, PEER_CONNECTED, &PEER, "cl\033[1mient", NULL);
  report_peer(r, PEER_DISCONNECTED, &PEER, "", "went \033[2Jaway");
  report_piece(r, 5, 100, true);
  report_warning(r, "tracker %s", "says \033[5mhello");
  report_stalled(r, "all 31 peers \033choke us");
  report_stalled(r, "all 31 peers \033choke us");
  report_done(r, &DONE, 0, "done");
  report_free(r);
}

static void play_captured(const struct options *o) {
  struct capture c1 = capture_start(STDOUT_FILENO);
  struct capture c2 = capture_start(STDERR_FILENO);
  play(o);
  capture_end(&c2, err, sizeof err);
  capture_end(&c1, out, sizeof out);
}

static size_t count(const char *text, const char *what) {
  size_t n = 0;
  for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what)) n++;
  return n;
}

/* --- without a terminal --- */

TEST(a_pipe_gets_plain_lines_the_first_and_the_last_among_them) {
  struct options o = {.json = false};
  play_captured(&o);
  assert_string_equal(out, "");
  assert_string_equal(err, "evil\\x1b]0;owned\\x07\\x0a.iso: 57.3 % of 1000 B, 100 B/s, "
                           "peers 31/208, 0:04 left\n"
                           "weft: warning: tracker says \\x1b[5mhello\n"
                           "weft: warning: nothing arrives: all 31 peers \\x1bchoke us\n"
                           "saved out\\x1b[31m.iso: 1000 B in 0:02, 500 B/s, 3 peers, "
                           "0.0 % wasted\n");
}

TEST(quiet_says_nothing_but_errors) {
  struct options o = {.quiet = true};
  log_set_level(LOG_ERROR);
  play_captured(&o);
  log_set_level(LOG_WARN);
  assert_string_equal(out, "");
  assert_string_equal(err, "");
}

TEST(a_failure_says_why_and_how_much_is_there) {
  struct options o = {.json = false};
  struct report_summary s = DONE;
  s.complete = false;
  struct capture c = capture_start(STDERR_FILENO);
  struct report *r = report_new(&o);
  report_progress(r, &HALF);
  report_done(r, &s, 7, "all peers \033choke us");
  report_free(r);
  capture_end(&c, err, sizeof err);
  assert_non_null(strstr(err, "\nweft: all peers \\x1bchoke us\nnot complete: 573 B of 1000 B are "
                              "there; the same command goes on from here\n"));
  assert_null(strstr(err, "saved"));
}

TEST(what_was_told_already_is_not_told_again_but_goes_into_the_event) {
  struct options o = {.json = true};
  struct capture c1 = capture_start(STDOUT_FILENO);
  struct capture c2 = capture_start(STDERR_FILENO);
  struct report *r = report_new(&o);
  log_error("x is not a \"torrent\"");
  report_done(r, NULL, 3, NULL);
  report_free(r);
  capture_end(&c2, err, sizeof err);
  capture_end(&c1, out, sizeof out);
  assert_string_equal(err, "weft: x is not a \"torrent\"\n");
  assert_non_null(strstr(out, "\"why\":\"x is not a \\u0022torrent\\u0022\""));
}

TEST(a_torrent_without_a_name_goes_by_that_of_its_file) {
  struct options o = {.json = false};
  struct report_progress p = {.phase = PHASE_CONNECTING, .total = 1000};
  struct metainfo m = {.name = "", .geo = {.pieces = 1, .piece_len = 1000, .total = 1000}};
  struct capture c = capture_start(STDERR_FILENO);
  struct report *r = report_new(&o);
  report_metadata(r, &m, "folder/d69f91e6");
  report_progress(r, &p);
  report_free(r);
  capture_end(&c, err, sizeof err);
  assert_string_equal(err, "d69f91e6: 0.0 % of 1000 B, looking for peers: "
                           "0 known, none connected\n");
}

TEST(a_reason_is_told_again_only_when_it_changes) {
  struct options o = {.json = false};
  struct capture c = capture_start(STDERR_FILENO);
  struct report *r = report_new(&o);
  report_stalled(r, "one");
  report_stalled(r, "one");
  report_stalled(r, "two");
  report_stalled(r, "two");
  report_stalled(r, "one");
  report_free(r);
  capture_end(&c, err, sizeof err);
  assert_int_equal(count(err, "one"), 2);
  assert_int_equal(count(err, "two"), 1);
}

/* --- a terminal --- */

struct terminal {
  int master;
  int kept;
};

static struct terminal terminal_start(unsigned short columns) {
  struct terminal t;
  int slave;
  struct winsize size = {.ws_row = 24, .ws_col = columns};
  assert_int_equal(openpty(&t.master, &slave, NULL, NULL, &size), 0);
  t.kept = dup(STDERR_FILENO);
  dup2(slave, STDERR_FILENO);
  close(slave);
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  return t;
}

static void terminal_end(struct terminal *t) {
  fcntl(t->master, F_SETFL, O_NONBLOCK);
  size_t at = 0;
  for (ssize_t n; (n = read(t->master, err + at, sizeof err - 1 - at)) > 0;) at += (size_t)n;
  err[at] = '\0';
  dup2(t->kept, STDERR_FILENO);
  close(t->kept);
  close(t->master);
}

TEST(a_terminal_gets_one_line_that_is_redrawn) {
  struct options o = {.json = false};
  struct terminal t = terminal_start(80);
  struct report *r = report_new(&o);
  report_metadata(r, &META, "x");
  report_progress(r, &HALF);
  report_done(r, &DONE, 0, "");
  report_free(r);
  terminal_end(&t);
  assert_memory_equal(err, "\revil\\x1b]", 9);
  assert_int_equal(count(err, "\n"), 1);
  assert_non_null(strstr(err, "\r\033[Ksaved out\\x1b[31m.iso"));
  assert_non_null(strstr(err, "\033[32m#"));
  assert_null(strstr(err, "\033]0;"));
}

TEST(the_bar_makes_room_for_a_log_line_and_comes_back) {
  struct options o = {.json = false};
  struct terminal t = terminal_start(80);
  struct report *r = report_new(&o);
  report_progress(r, &HALF);
  log_warn("a line");
  report_free(r);
  log_warn("after the end");
  terminal_end(&t);
  const char *line = strstr(err, "\r\033[Kweft: warning: a line\r\n\r");
  assert_non_null(line);
  assert_non_null(strstr(line, "57.3%"));
  assert_non_null(strstr(line, "\r\033[Kweft: warning: after the end\r\n"));
}

TEST(a_bar_is_not_redrawn_more_often_than_anybody_can_see) {
  struct options o = {.json = false};
  struct terminal t = terminal_start(80);
  struct report *r = report_new(&o);
  struct report_progress p = HALF;
  for (p.verified = 0; p.verified < 1000; p.verified++) report_progress(r, &p);
  report_free(r);
  terminal_end(&t);
  /* A thousand calls; even a slow machine is through long before a tenth of them is due. */
  assert_in_range(count(err, "%"), 1, 100);
}

TEST(the_width_is_asked_anew_for_each_line) {
  struct options o = {.json = false};
  struct terminal t = terminal_start(80);
  struct report *r = report_new(&o);
  report_progress(r, &HALF);
  struct winsize narrow = {.ws_row = 24, .ws_col = 20};
  assert_int_equal(ioctl(t.master, TIOCSWINSZ, &narrow), 0);
  log_warn("x"); /* wipes and draws again */
  report_free(r);
  terminal_end(&t);
  const char *second = strstr(err, "x\r\n\r");
  assert_non_null(second);
  assert_non_null(strstr(err, "peers"));
  assert_null(strstr(second, "peers"));
  assert_non_null(strstr(second, "57.3%"));
}

TEST(no_color_means_no_colour) {
  struct options o = {.json = false};
  struct terminal t = terminal_start(80);
  setenv("NO_COLOR", "1", 1);
  play(&o);
  terminal_end(&t);
  assert_null(strstr(err, "\033[3"));
  assert_non_null(strstr(err, "\r\033[K"));
}

TEST(a_dumb_terminal_gets_plain_lines) {
  struct options o = {.json = false};
  struct terminal t = terminal_start(80);
  setenv("TERM", "dumb", 1);
  play(&o);
  terminal_end(&t);
  assert_null(strchr(err, '\033'));
  assert_non_null(strstr(err, "57.3 % of 1000 B"));
}

/* --- JSON --- */

TEST(json_is_one_object_per_line_and_nothing_else_on_stdout) {
  struct options o = {.json = true};
  play_captured(&o);
  static const char *const events[] = {"hello", "metadata", "progress", "peer", "peer", "piece",
                                       "warning", "stalled", "progress", "done"};
  char *line = out;
  for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
    char start[64];
    char *end = strchr(line, '\n');
    assert_non_null(end);
    snprintf(start, sizeof start, "{\"event\":\"%s\",\"time_ms\":", events[i]);
    assert_memory_equal(line, start, strlen(start));
    assert_int_equal(end[-1], '}');
    line = end + 1;
  }
  assert_string_equal(line, "");
  assert_non_null(strstr(out, "\"version\":1,\"program\":\"weft\""));
  assert_non_null(strstr(out, "\"name\":\"evil\\u001b]0;owned\\u0007\\u000a.iso\""));
  assert_non_null(strstr(out, "\"exit_code\":0,\"why\":\"done\",\"complete\":true"));
  assert_null(strchr(out, '\033'));
  assert_null(strchr(err, '\033'));
  assert_null(strstr(err, "57.3"));
}

/* Plays with stdout as `fd` (-1: closed); `err` is what stderr got. */
static void play_to(int fd) {
  struct options o = {.json = true};
  struct capture c = capture_start(STDERR_FILENO);
  int kept = dup(STDOUT_FILENO);
  if (fd >= 0) dup2(fd, STDOUT_FILENO);
  else close(STDOUT_FILENO);
  play(&o);
  dup2(kept, STDOUT_FILENO);
  close(kept);
  capture_end(&c, err, sizeof err);
}

TEST(a_full_stdout_is_told_once_and_ends_nothing_else) {
  int fd = open("/dev/full", O_WRONLY);
  assert_true(fd >= 0);
  play_to(fd);
  close(fd);
  assert_int_equal(count(err, "can no longer be written"), 1);
  assert_non_null(strstr(err, strerror(ENOSPC)));
  assert_non_null(strstr(err, "choke us"));
}

TEST(a_closed_stdout_is_told_once) {
  play_to(-1);
  assert_int_equal(count(err, "can no longer be written"), 1);
}

TEST(a_reader_that_leaves_is_nothing_to_worry_about) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  play_to(ends[1]);
  close(ends[1]);
  assert_null(strstr(err, "written"));
  assert_non_null(strstr(err, "choke us"));
}

/* Many events into a pipe; `exit_code` as for report_done(). */
static void flood(int fd, uint32_t events, int exit_code) {
  struct options o = {.json = true};
  int kept = dup(STDOUT_FILENO);
  fflush(stdout);
  dup2(fd, STDOUT_FILENO);
  struct report *r = report_new(&o);
  for (uint32_t i = 0; i < events; i++) report_piece(r, i, 100, true);
  report_done(r, &DONE, exit_code, NULL);
  report_free(r);
  dup2(kept, STDOUT_FILENO);
  close(kept);
}

TEST(a_reader_that_never_reads_does_not_hold_us_up) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  flood(ends[1], 50000, 130); /* 4 MB: far more than the pipe and our buffer hold */
  close(ends[1]);
  assert_true(read(ends[0], out, 16) == 16);
  assert_memory_equal(out, "{\"event\":\"hello\"", 16);
  close(ends[0]);
}

struct slow_reader {
  int fd;
  uint32_t pieces;
  unsigned long lost;
  bool done;
};

/* Reads lines as they come, a bit at a time, and counts. */
static void *read_slowly(void *arg) {
  struct slow_reader *s = arg;
  FILE *f = fdopen(s->fd, "r");
  char line[1024];
  while (fgets(line, sizeof line, f) != NULL) {
    if (strstr(line, "\"event\":\"piece\"") != NULL) s->pieces++;
    const char *lost = strstr(line, "\"lost_events\":");
    if (lost == NULL) continue;
    s->done = strstr(line, "\"event\":\"done\"") != NULL;
    s->lost = strtoul(lost + 14, NULL, 10);
  }
  fclose(f);
  return NULL;
}

TEST(done_always_arrives_and_counts_what_was_lost) {
  int ends[2];
  pthread_t thread;
  assert_int_equal(pipe(ends), 0);
  struct slow_reader s = {.fd = ends[0]};
  assert_int_equal(pthread_create(&thread, NULL, read_slowly, &s), 0);
  flood(ends[1], 50000, 0);
  close(ends[1]);
  pthread_join(thread, NULL);
  assert_true(s.done);
  assert_int_equal(s.pieces + s.lost, 50000);
}

/* --- many threads --- */

static void *talk(void *arg) {
  struct report *r = arg;
  for (uint32_t i = 0; i < 200; i++) {
    report_progress(r, &HALF);
    report_peer(r, PEER_CONNECTED, &PEER, "x", NULL);
    report_piece(r, i, 100, i % 2 == 0);
    if (i % 20 == 0) report_warning(r, "warning %u", i);
    report_stalled(r, i % 2 == 0 ? "even" : "odd");
  }
  return NULL;
}

static void talk_together(const struct options *o) {
  pthread_t threads[4];
  struct report *r = report_new(o);
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, talk, r), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  report_done(r, &DONE, 0, NULL);
  report_free(r);
}

TEST(threads_do_not_tear_each_others_lines) {
  struct options o = {.json = true};
  struct capture c1 = capture_start(STDOUT_FILENO);
  struct capture c2 = capture_start(STDERR_FILENO);
  talk_together(&o);
  capture_end(&c2, err, sizeof err);
  static char lines[1 << 20];
  capture_end(&c1, lines, sizeof lines);
  size_t n = 0;
  for (char *line = lines; *line != '\0'; n++) {
    char *end = strchr(line, '\n');
    assert_non_null(end);
    assert_memory_equal(line, "{\"event\":\"", 10);
    assert_int_equal(end[-1], '}');
    line = end + 1;
  }
  assert_true(n > 4 * 200 * 2);
}

/* Takes what arrives at the terminal, so that it never fills. */
static void *swallow(void *arg) {
  char text[4096];
  while (read(*(int *)arg, text, sizeof text) > 0) continue;
  return NULL;
}

TEST(threads_share_a_terminal) {
  struct options o = {.json = false};
  struct terminal t = terminal_start(60);
  pthread_t reader;
  assert_int_equal(pthread_create(&reader, NULL, swallow, &t.master), 0);
  talk_together(&o);
  dup2(t.kept, STDERR_FILENO); /* closes the terminal: the reader gets EIO */
  pthread_join(reader, NULL);
  close(t.kept);
  close(t.master);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  RUN(T(a_pipe_gets_plain_lines_the_first_and_the_last_among_them),
      T(quiet_says_nothing_but_errors), T(a_failure_says_why_and_how_much_is_there),
      T(what_was_told_already_is_not_told_again_but_goes_into_the_event),
      T(a_torrent_without_a_name_goes_by_that_of_its_file),
      T(a_reason_is_told_again_only_when_it_changes),
      T(a_terminal_gets_one_line_that_is_redrawn),
      T(the_bar_makes_room_for_a_log_line_and_comes_back),
      T(a_bar_is_not_redrawn_more_often_than_anybody_can_see),
      T(the_width_is_asked_anew_for_each_line), T(no_color_means_no_colour),
      T(a_dumb_terminal_gets_plain_lines),
      T(json_is_one_object_per_line_and_nothing_else_on_stdout),
      T(a_full_stdout_is_told_once_and_ends_nothing_else), T(a_closed_stdout_is_told_once),
      T(a_reader_that_leaves_is_nothing_to_worry_about),
      T(a_reader_that_never_reads_does_not_hold_us_up),
      T(done_always_arrives_and_counts_what_was_lost), T(threads_do_not_tear_each_others_lines),
      T(threads_share_a_terminal));
}
