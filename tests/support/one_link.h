/*
 * one_link: one scripted connection of a small swarm (swarm_fixture.h), for the tests of peer/.
 *
 * The test makes `f` and `l` as it needs them; sound() fails unless all counts of the connection
 * and of the queue are right, and end() ends both, looking before and after.
 */
#ifndef WEFT_TESTS_ONE_LINK_H
#define WEFT_TESTS_ONE_LINK_H

#include "../test.h"

#include "swarm_fixture.h"

static struct fix f;
static struct fix_link l;

static inline void sound(void) {
  const char *fault = l.left ? NULL : fix_peer_fault(l.p);
  if (fault == NULL) fault = fix_queue_fault(f.sw.pieces);
  if (fault != NULL) fail_msg("%s", fault);
}

static inline void end(void) {
  sound();
  fix_leave(&l);
  sound();
  fix_free(&f);
}

#endif
