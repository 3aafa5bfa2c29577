/*
 * signals: Ctrl-C and its kin, as something one can wait for.
 *
 * The signals that end a program are blocked in every thread and come out of a descriptor, which
 * the main thread polls like everything else. The first one ends the work in order. From then on
 * they are let through to a handler that does nothing but _exit(): a second one ends us at once,
 * whatever any thread is doing, and so does an alarm when the order takes too long (the log file
 * on a disk that hangs, say). What was ignored when we were started stays ignored: that is how
 * nohup works.
 */
#ifndef WEFT_APP_SIGNALS_H
#define WEFT_APP_SIGNALS_H

#include <signal.h>

/* SIGINT, SIGTERM and SIGHUP, without those that are ignored. */
sigset_t signals_ending(void);
/* Blocks them in this thread and those it will start. Before any thread is started. */
void signals_block(void);
/* From now on each of them ends the process at once, with its exit code, whatever this thread is
 * doing: for the time when the work is done and its result goes to a reader who may take none. */
void signals_let_through(void);
/* The descriptor that becomes readable when one comes, or -1. The caller closes it. */
int signals_open(void);
/* Takes one, if there is one: returns its number or 0. From then on the process has 3 s to live,
 * and any further one ends it at once. Never waits. */
int signals_take(int fd);
/* A descriptor that becomes readable when signals_pass() is called, for a thread beside the one
 * that polls the first: signals_take() takes from it, too, and does no more. -1: there is none. The
 * caller closes it. */
int signals_relay(void);
/* Lets the number of a signal come out of it. Never waits. */
void signals_pass(int relay, int sig);
/* EXIT_INTERRUPTED for SIGINT, EXIT_TERMINATED for the others. */
int signals_exit_code(int sig);

#endif
