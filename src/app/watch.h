/*
 * watch: Ctrl-C and progress for a long computation.
 *
 * A command that hashes gigabytes in one call (`verify`, `create`) has nobody left to listen. So it
 * starts a watcher thread, which waits for the signals that end a program, and four times a second
 * for the moment to show progress:
 *
 *   watch_begin(&w, show, arg, &cancel);
 *   e = long_computation(&cancel);
 *   sig = watch_end(&w);
 *
 * The first signal sets `cancel`, and the computation ends in order; a second one ends us at once.
 * What was ignored when we were started stays ignored (nohup). Should there be no thread to be had,
 * signals keep their usual effect and nothing is shown.
 */
#ifndef WEFT_APP_WATCH_H
#define WEFT_APP_WATCH_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

struct watch {
  pthread_t thread;
  void (*tick)(void *arg);
  void *arg;
  atomic_bool *cancel;
  atomic_bool over;
  int signal;      /* what came; 0. Read after the thread has ended. */
  bool running;
  sigset_t before; /* what was blocked before us */
};

/* Starts the watcher: it calls tick(arg) from its own thread until watch_end(). All pointers must
 * stay until then. Before other threads are started, so that signals reach the watcher alone. */
void watch_begin(struct watch *w, void (*tick)(void *arg), void *arg, atomic_bool *cancel);
/* Ends the watcher; tick() is not called any more. Returns the number of the signal that came, or
 * 0. Waits for a tick() that runs just then. */
int watch_end(struct watch *w);

#endif
