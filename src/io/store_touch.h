/*
 * store_touch: does another program write to the files that we are writing to?
 *
 * Sizes and inodes tell what was cut or replaced (io/store_watch). They don't tell that somebody
 * wrote into a file of ours, or punched a hole into it: a hole that took the end of one piece and
 * the whole of none is plugged by the next write beside it, and leaves zeros that nothing points
 * to. Times don't tell either, as our own writes move them all the while, and several changes in
 * one tick of the clock have one time. So the kernel is asked: fanotify reports each change of a
 * file together with the process that made it, or with none if that is not ours to know. Many
 * changes by one process are one event until it is read, so this costs next to nothing; nobody
 * waits for events, they are read when somebody wants to know.
 *
 * One change by another makes all files of the torrent doubtful: which it was isn't kept. It is
 * rare enough; they are hashed at the end (io/store_final) or by the next run (io/resume).
 *
 * Where that does not work (Linux before 5.13, containers that forbid it, some file systems; too
 * many files) we are blind, and know it. Never noticed are changes through a shared mapping, and
 * those that another machine makes on a network file system. A write that has not returned yet is
 * not noticed yet.
 *
 * Any thread may call, but for init, open and free; nothing waits but for another thread's look at
 * some events.
 */
#ifndef WEFT_IO_STORE_TOUCH_H
#define WEFT_IO_STORE_TOUCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct store_touch {
  int group;            /* of fanotify; -1: none */
  pthread_mutex_t lock; /* held from reading events until they are judged */
  atomic_bool blind;    /* something that we should hear of can't be heard of */
  atomic_bool seen;     /* another program changed a file */
  atomic_bool wrote;    /* we wrote to one */
  atomic_uint changes;  /* ours, counted to read the events before they are too many */
};

/* Hears of nothing yet, and needs nothing. */
void store_touch_init(struct store_touch *t);
/* Begins to listen; the second time it does nothing. Failure makes it blind. */
void store_touch_open(struct store_touch *t);
/* Forgets all. Safe after store_touch_init() alone. */
void store_touch_free(struct store_touch *t);

/* From now on changes of the file behind `fd`, under whatever name, count. `fd` must be open for
 * reading, and may be closed afterwards. May be done twice. To give the file its length next is no
 * write that anybody needs to be told about. */
void store_touch_add(struct store_touch *t, int fd);
/* Is to be called after each write of ours. */
void store_touch_wrote(struct store_touch *t);

/* Has another program changed a file that was added, since the last reset? What it did before this
 * call counts, even if another thread is just hearing of it. */
bool store_touch_seen(struct store_touch *t);
/* Forgets what was seen, before all is looked at; and remembers it again, after that found
 * something wrong. */
void store_touch_reset(struct store_touch *t, bool seen);
/* Did we write anything without being able to hear of everybody else? */
bool store_touch_is_blind(const struct store_touch *t);

/* For tests: true makes every store_touch_open() that follows fail, as on an old kernel. */
void store_touch_force_blind(bool on);

#endif
