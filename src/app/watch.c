#include "app/watch.h"

#include <time.h>

#include "app/signals.h"

enum { TICK_MS = 250 };

/* The signals that the watcher waits for. SIGUSR1 only wakes it at the end. */
static sigset_t watched(void) {
  sigset_t set = signals_ending();
  sigaddset(&set, SIGUSR1);
  return set;
}

/* The first signal: the next one has its usual effect. */
static void hear(struct watch *w, int sig, const sigset_t *set) {
  sigset_t ending = *set;
  w->signal = sig;
  atomic_store(w->cancel, true);
  sigdelset(&ending, SIGUSR1);
  pthread_sigmask(SIG_UNBLOCK, &ending, NULL);
}

static void *watch_main(void *arg) {
  struct watch *w = arg;
  sigset_t set = watched();
  struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
  for (;;) {
    int sig = sigtimedwait(&set, NULL, &tick);
    if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP) hear(w, sig, &set);
    if (atomic_load(&w->over)) return NULL;
    if (sig < 0 && w->signal == 0) w->tick(w->arg);
  }
}

void watch_begin(struct watch *w, void (*tick)(void *arg), void *arg, atomic_bool *cancel) {
  sigset_t set = watched();
  *w = (struct watch){.tick = tick, .arg = arg, .cancel = cancel};
  pthread_sigmask(SIG_BLOCK, &set, &w->before);
  w->running = pthread_create(&w->thread, NULL, watch_main, w) == 0;
  if (!w->running) pthread_sigmask(SIG_SETMASK, &w->before, NULL);
}

int watch_end(struct watch *w) {
  if (!w->running) return 0;
  atomic_store(&w->over, true);
  pthread_kill(w->thread, SIGUSR1);
  pthread_join(w->thread, NULL);
  pthread_sigmask(SIG_SETMASK, &w->before, NULL);
  return w->signal;
}
