#include "app/signals.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/exits.h"

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

int signals_take(int fd) {
  struct signalfd_siginfo info;
  if (read(fd, &info, sizeof info) != (ssize_t)sizeof info) return 0;
  sigset_t set = signals_ending();
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  return (int)info.ssi_signo;
}

int signals_exit_code(int sig) {
  return sig == SIGINT ? EXIT_INTERRUPTED : EXIT_TERMINATED;
}
