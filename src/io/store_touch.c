#include "io/store_touch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "base/log.h"

enum {
  EVENTS_LEN = 4096, /* bytes read at a time; an event has 52 and more */
  EVENT_MAX = 256,   /* and no more than this, with the longest file handle there is */
  LOOK_EVERY = 4096  /* changes; the kernel keeps 16,384 events, and each makes one at most */
};

static atomic_bool forced_blind;

void store_touch_force_blind(bool on) {
  atomic_store(&forced_blind, on);
}

void store_touch_init(struct store_touch *t) {
  *t = (struct store_touch){.group = -1, .lock = PTHREAD_MUTEX_INITIALIZER};
}

static void go_blind(struct store_touch *t, int errnum) {
  if (atomic_exchange(&t->blind, true)) return;
  log_debug("what other programs do to the files can't be noticed: %s", strerror(errnum));
}

void store_touch_open(struct store_touch *t) {
  if (t->group >= 0 || atomic_load(&t->blind)) return;
  if (atomic_load(&forced_blind)) {
    go_blind(t, ENOSYS);
    return;
  }
  t->group = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_NONBLOCK | FAN_CLOEXEC, O_RDONLY);
  if (t->group < 0) go_blind(t, errno);
}

void store_touch_free(struct store_touch *t) {
  if (t->group >= 0) close(t->group);
  pthread_mutex_destroy(&t->lock);
  store_touch_init(t);
}

/* Notes what the events in `data` say. */
static void judge(struct store_touch *t, const char *data, size_t len) {
  struct fanotify_event_metadata e;
  pid_t self = getpid();
  for (size_t at = 0; len - at >= sizeof e; at += e.event_len) {
    memcpy(&e, data + at, sizeof e);
    /* More events than the kernel keeps: anything may have been among them. */
    bool foreign = (e.mask & FAN_Q_OVERFLOW) != 0 || e.pid != self;
    if (foreign && !atomic_exchange(&t->seen, true))
      log_info("another program writes to files of this download: all will be hashed again");
    if (e.event_len < sizeof e || e.event_len > len - at) return;
  }
}

/* Reads what happened before this call. A read that leaves room has emptied the queue; to go on
 * until there is nothing might not end while somebody writes without a pause. */
static void listen_now(struct store_touch *t) {
  char data[EVENTS_LEN];
  if (t->group < 0) return;
  pthread_mutex_lock(&t->lock);
  for (ssize_t n = EVENTS_LEN; n > EVENTS_LEN - EVENT_MAX;) {
    n = read(t->group, data, sizeof data);
    if (n < 0 && errno == EINTR) n = EVENTS_LEN; /* again */
    else if (n < 0 && errno != EAGAIN) go_blind(t, errno);
    else if (n > 0) judge(t, data, (size_t)n);
  }
  pthread_mutex_unlock(&t->lock);
}

/* A change of ours has made an event, or is about to. */
static void count_change(struct store_touch *t) {
  if (atomic_fetch_add(&t->changes, 1) % LOOK_EVERY == LOOK_EVERY - 1) listen_now(t);
}

void store_touch_add(struct store_touch *t, int fd) {
  if (t->group < 0) return;
  if (fanotify_mark(t->group, FAN_MARK_ADD, FAN_MODIFY, fd, NULL) != 0) go_blind(t, errno);
  count_change(t);
}

void store_touch_wrote(struct store_touch *t) {
  atomic_store(&t->wrote, true);
  count_change(t);
}

bool store_touch_seen(struct store_touch *t) {
  listen_now(t);
  return atomic_load(&t->seen);
}

void store_touch_reset(struct store_touch *t, bool seen) {
  atomic_store(&t->seen, seen);
}

bool store_touch_is_blind(const struct store_touch *t) {
  return atomic_load(&t->blind) && atomic_load(&t->wrote);
}
