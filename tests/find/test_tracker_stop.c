/*
 * The end of a set of trackers: "completed" and "stopped" leave, in this order and whole, whatever
 * the trackers make of them, and a stop always ends. Replies are not waited for, so a server may
 * read a request after tracker_stop() returned: the tests wait for that, and look at the order in
 * which the requests arrived at the socket.
 */
#include "../test.h"

#include "../support/trackers.h"

/* "started", "completed" and "stopped", in this order and with what belongs to them. */
static void assert_all_said(struct httpd *h) {
  assert_true(httpd_wait(h, 3));
  assert_int_equal(httpd_count(h), 3);
  assert_true(httpd_saw(h, 0, "&left=1000&"));
  assert_true(httpd_saw(h, 0, "&numwant=80&event=started "));
  assert_true(httpd_saw(h, 1, "&downloaded=1000&left=0&"));
  assert_true(httpd_saw(h, 1, "&numwant=80&event=completed "));
  assert_true(httpd_saw(h, 2, "&downloaded=1000&left=0&"));
  assert_true(httpd_saw(h, 2, "&numwant=0&event=stopped "));
}

/* A set whose first tracker has answered; then the download completes. */
static struct tracker_set *start_and_complete(const char *text) {
  struct tracker_set *set = start(text);
  wait_state(set, 0, TRACKER_OK);
  set_totals(1000, 0);
  tracker_completed(set);
  return set;
}

/* Stops it. Who waits for a reply that never comes takes 15 s. */
static void stop_soon(struct tracker_set *set) {
  int64_t from_ms = clock_now_ms();
  stop(set);
  assert_true(clock_now_ms() - from_ms < GENEROUS_MS);
}

/* Answers "started" only; the rest it lets hang. */
static void answer_started(struct httpd_call *c) {
  if (strstr(c->query, "event=started") != NULL)
    answer_ben(c);
  else
    httpd_stall(c);
}

TEST(completed_is_still_said_when_the_program_ends_at_once) {
  struct httpd h;
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set = start_and_complete(urls("http://127.0.0.1:A/a", &h, NULL));
  stop(set);
  assert_all_said(&h);
  httpd_stop(&h);
}

TEST(a_tracker_that_never_answers_again_hears_all_in_order) {
  struct httpd h;
  httpd_start(&h, answer_started, TWO_PEERS);
  stop_soon(start_and_complete(urls("http://127.0.0.1:A/a", &h, NULL)));
  assert_all_said(&h);
  httpd_stop(&h);
}

TEST(a_completed_that_hangs_already_is_waited_for_no_longer) {
  struct httpd h;
  httpd_start(&h, answer_until_completed, TWO_PEERS);
  struct tracker_set *set = start_and_complete(urls("http://127.0.0.1:A/a", &h, NULL));
  assert_true(httpd_wait(&h, 2));
  stop_soon(set);
  assert_all_said(&h);
  httpd_stop(&h);
}

TEST(all_tiers_are_told_even_if_one_of_them_hangs) {
  struct httpd hangs;
  struct httpd h;
  httpd_start(&hangs, answer_started, "{'interval': 1800, 'peers': ''}");
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set =
    start(urls("http://127.0.0.1:A/a | http://127.0.0.1:B/b", &hangs, &h));
  wait_state(set, 0, TRACKER_OK);
  tracker_want_peers(set);
  wait_state(set, 1, TRACKER_OK);
  set_totals(1000, 0);
  tracker_completed(set);
  stop_soon(set);
  assert_all_said(&hangs);
  assert_all_said(&h);
  httpd_stop(&hangs);
  httpd_stop(&h);
}

/* --- a tracker that accepts and never reads --- */

struct deaf { /* answers its first connection; the kernel accepts the others, nobody reads them */
  int listener;
  pthread_t thread;
  struct httpd port_only;
};

static void *answer_one(void *arg) {
  static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nde";
  struct deaf *d = arg;
  char request[4096];
  int fd = accept(d->listener, NULL, NULL);
  bool ok = recv(fd, request, sizeof request, 0) > 0 &&
            send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL) == sizeof reply - 1;
  close(fd);
  return ok ? d : NULL;
}

static void deaf_start(struct deaf *d) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  d->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(d->listener, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(listen(d->listener, 8), 0);
  assert_int_equal(getsockname(d->listener, (struct sockaddr *)&a, &len), 0);
  d->port_only.port = ntohs(a.sin_port);
  assert_int_equal(pthread_create(&d->thread, NULL, answer_one, d), 0);
}

/* Everything that came over the next connection, up to its end. */
static void read_all(const struct deaf *d, char *to, size_t room) {
  size_t len = 0;
  int fd = accept(d->listener, NULL, NULL);
  for (ssize_t n; (n = recv(fd, to + len, room - 1 - len, 0)) > 0;) len += (size_t)n;
  to[len] = '\0';
  close(fd);
}

TEST(requests_have_left_whole_when_nobody_has_read_them) {
  struct deaf d;
  char one[4096];
  char two[4096];
  void *answered;
  deaf_start(&d);
  stop_soon(start_and_complete(urls("http://127.0.0.1:A/a", &d.port_only, NULL)));
  pthread_join(d.thread, &answered);
  assert_non_null(answered);
  read_all(&d, one, sizeof one);
  read_all(&d, two, sizeof two);
  bool in_turn = strstr(one, "event=completed ") != NULL;
  assert_non_null(strstr(in_turn ? one : two, "event=completed "));
  assert_non_null(strstr(in_turn ? two : one, "event=stopped "));
  assert_string_equal(one + strlen(one) - 4, "\r\n\r\n");
  assert_string_equal(two + strlen(two) - 4, "\r\n\r\n");
  close(d.listener);
}

/* --- a tracker that sends its clients elsewhere --- */

/* Takes longer to do so than anybody waits who does not care for the reply. */
static void answer_elsewhere(struct httpd_call *c) {
  struct timespec slow = {.tv_nsec = 300 * 1000 * 1000};
  char url[1200];
  char path[1100];
  nanosleep(&slow, NULL);
  snprintf(path, sizeof path, "/there?%.1000s", c->query);
  httpd_redirect(c, httpd_url(c->h->arg, path, url, sizeof url));
}

TEST(a_redirect_is_waited_for_and_followed_to_the_end) {
  struct httpd from;
  struct httpd to;
  httpd_start(&to, answer_ben, TWO_PEERS);
  httpd_start(&from, answer_elsewhere, &to);
  stop(start_and_complete(urls("http://127.0.0.1:A/a", &from, NULL)));
  assert_all_said(&to);
  assert_int_equal(httpd_count(&from), 3);
  httpd_stop(&from);
  httpd_stop(&to);
}

TEST(a_stop_does_not_wait_longer_than_allowed) {
  struct httpd from;
  struct httpd to;
  httpd_start(&to, answer_until_stopped, TWO_PEERS);
  httpd_start(&from, answer_elsewhere, &to);
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &from, NULL));
  wait_state(set, 0, TRACKER_OK);
  int64_t from_ms = clock_now_ms();
  tracker_stop(set, from_ms + 2000);
  assert_true(clock_now_ms() - from_ms < GENEROUS_MS);
  httpd_stop(&from);
  httpd_stop(&to);
}

TEST(a_stop_cancels_what_runs) {
  struct httpd slow;
  httpd_start(&slow, answer_stall, NULL);
  struct tracker_set *set = start(urls("http://127.0.0.1:A/slow", &slow, NULL));
  assert_true(httpd_wait(&slow, 1));
  int64_t from_ms = clock_now_ms();
  tracker_stop(set, from_ms + 1000); /* the announce itself would take 15 s */
  assert_true(clock_now_ms() - from_ms < GENEROUS_MS);
  assert_int_equal(httpd_count(&slow), 1);
  httpd_stop(&slow);
}

TEST(no_time_left_means_no_stopped) {
  struct httpd h;
  httpd_start(&h, answer_ben, TWO_PEERS);
  struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
  wait_state(set, 0, TRACKER_OK);
  tracker_stop(set, clock_now_ms() - 1);
  assert_int_equal(httpd_count(&h), 1);
  httpd_stop(&h);
}

TEST(many_sets_come_and_go) {
  struct httpd h;
  httpd_start(&h, answer_ben, TWO_PEERS);
  for (int i = 0; i < 20; i++) {
    struct tracker_set *set = start(urls("http://127.0.0.1:A/a", &h, NULL));
    tracker_want_peers(set);
    if (i % 2 == 0) wait_state(set, 0, TRACKER_OK);
    tracker_completed(set);
    stop(set);
  }
  httpd_stop(&h);
}

int main(void) {
  if (!trackers_main_init()) return 1;
  RUN(T(completed_is_still_said_when_the_program_ends_at_once),
      T(a_tracker_that_never_answers_again_hears_all_in_order),
      T(a_completed_that_hangs_already_is_waited_for_no_longer),
      T(all_tiers_are_told_even_if_one_of_them_hangs),
      T(requests_have_left_whole_when_nobody_has_read_them),
      T(a_redirect_is_waited_for_and_followed_to_the_end),
      T(a_stop_does_not_wait_longer_than_allowed), T(a_stop_cancels_what_runs),
      T(no_time_left_means_no_stopped), T(many_sets_come_and_go));
}
