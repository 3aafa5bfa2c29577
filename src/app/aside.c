#include "app/aside.h"

#include "io/net.h"

static void *aside_main(void *arg) {
  struct aside *a = arg;
  a->job(a->arg);
  atomic_store(&a->over, true);
  net_bell_ring(a->bell);
  return NULL;
}

bool aside_start(struct aside *a, void (*job)(void *arg), void *arg, int bell) {
  a->job = job;
  a->arg = arg;
  a->bell = bell;
  atomic_init(&a->over, false);
  return pthread_create(&a->thread, NULL, aside_main, a) == 0;
}

bool aside_is_over(struct aside *a) {
  return atomic_load(&a->over);
}

void aside_end(struct aside *a) {
  pthread_join(a->thread, NULL);
}
