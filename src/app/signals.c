#include "app/signals.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/exits.h"

enum { LIFE_S = 3 }; /* after the first signal */

static atomic_int first_code; /* the exit code of the first signal */

sigset_t signals_ending(void) {
  static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
    struct sigaction now;
    if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
      sigaddset(&set, ending[i]);
  }
  return set;
}

void signals_block(void) {
  sigset_t set = signals_ending();
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int signals_open(void) {
  sigset_t set = signals_ending();
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void leave(int sig) {
  _exit(sig == SIGALRM ? atomic_load(&first_code) : signals_exit_code(sig));
}

void signals_let_through(void) {
  struct sigaction a = {.sa_handler = leave};
  sigset_t set = signals_ending();
  for (int i = 1; i < NSIG; i++)
    if (sigismember(&set, i) == 1) sigaction(i, &a, NULL);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* The next one, or the alarm, ends us. */
static void arm(int sig) {
  struct sigaction a = {.sa_handler = leave};
  sigset_t set;
  atomic_store(&first_code, signals_exit_code(sig));
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigaction(SIGALRM, &a, NULL);
  alarm(LIFE_S);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  signals_let_through();
}

int signals_take(int fd) {
  struct signalfd_siginfo info;
  uint64_t passed;
  ssize_t n = read(fd, &info, sizeof info);
  if (n == (ssize_t)sizeof passed) { /* of a relay */
    memcpy(&passed, &info, sizeof passed);
    return (int)passed;
  }
  if (n != (ssize_t)sizeof info) return 0;
  arm((int)info.ssi_signo);
  return (int)info.ssi_signo;
}

int signals_relay(void) {
  return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void signals_pass(int relay, int sig) {
  uint64_t number = (uint64_t)sig;
  ssize_t n = write(relay, &number, sizeof number);
  (void)n; /* it is full only if more was passed already */
}

int signals_exit_code(int sig) {
  return sig == SIGINT ? EXIT_INTERRUPTED : EXIT_TERMINATED;
}
