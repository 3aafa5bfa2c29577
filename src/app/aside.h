/*
 * aside: a job that may wait for the disk, in a thread of its own.
 *
 * A system call on a slow or broken disk may take seconds, or hang for good, and nothing can end
 * it. So the main thread makes none: it starts the job here and waits with poll(), for the bell
 * that rings when it is over, but also for signals and for the time to say something. If it can't
 * wait any longer it ends the process, as such a thread can be neither stopped nor joined.
 */
#ifndef WEFT_APP_ASIDE_H
#define WEFT_APP_ASIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct aside {
  pthread_t thread;
  void (*job)(void *arg);
  void *arg;
  int bell;
  atomic_bool over;
};

/* Starts a thread that calls job(arg), then rings `bell` (io/net; stays the caller's). *a and all
 * that the job uses must stay until aside_end(). Never waits. Returns false if the system gives no
 * thread: nothing was called, nothing is to be ended. */
bool aside_start(struct aside *a, void (*job)(void *arg), void *arg, int bell);
/* Is it over? Never waits. */
bool aside_is_over(struct aside *a);
/* Joins the thread: waits until it is over. What the job wrote may be read then. */
void aside_end(struct aside *a);

#endif
