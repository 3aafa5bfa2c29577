/*
 * signals: Ctrl-C and its kin, as something one can wait for.
 *
 * A handler may call next to nothing, so there is none: the signals that end a program are
 * blocked in every thread and come out of a descriptor, which the main thread polls like
 * everything else. The first one ends the work in order; then they are let through again, so that
 * a second one kills at once. What was ignored when we were started stays ignored: that is how
 * nohup works.
 */
#ifndef WEFT_APP_SIGNALS_H
#define WEFT_APP_SIGNALS_H

#include <signal.h>

/* SIGINT, SIGTERM and SIGHUP, without those that are ignored. */
sigset_t signals_ending(void);
/* Blocks them in this thread and those it will start. Before any thread is started. */
void signals_block(void);
/* The descriptor that becomes readable when one comes, or -1. The caller closes it. */
int signals_open(void);
/* Takes one, if there is one, and lets further ones through: returns its number or 0. Never
 * waits. */
int signals_take(int fd);
/* EXIT_INTERRUPTED for SIGINT, EXIT_TERMINATED for the others. */
int signals_exit_code(int sig);

#endif
