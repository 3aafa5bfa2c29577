/*
 * addrbook_wait: how long an address is left alone after an attempt. Pure: no lock, no clock; the
 * rules are those of find/addrbook.h, which does what is decided here.
 *
 * Each address has a record of how it did. After an attempt it waits, is DEAD, or is never to be
 * called again. Who waits has two times: the usual one, and one for while we are alone, when it
 * costs nobody anything to ask sooner; that one is never later.
 */
#ifndef WEFT_FIND_ADDRBOOK_WAIT_H
#define WEFT_FIND_ADDRBOOK_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "find/addrbook.h"

struct addrbook_record { /* all zero when new */
  int64_t since_ms; /* while fails > 0: when the first of them was */
  int64_t died_ms;  /* of a DEAD one */
  uint8_t fails;    /* in a row: no connection, silence, wrong torrent */
  uint8_t cuts;     /* in a row: cut off before it gave data, or not let in */
  uint8_t strikes;  /* protocol errors, ever */
};

enum addrbook_fate { ADDRBOOK_WAITS, ADDRBOOK_DEAD, ADDRBOOK_NEVER };

struct addrbook_times {
  int64_t due_ms;
  int64_t alone_ms; /* the same while we are alone, never later */
};

/* An attempt ended like this: keeps the record, and sets *out if the address waits. */
enum addrbook_fate addrbook_wait_after(struct addrbook_record *r, enum addrbook_outcome how,
                                       bool gave_data, int64_t now_ms, struct addrbook_times *out);
/* A DEAD one is named again: sets when it gets its one more try. */
void addrbook_wait_again(struct addrbook_record *r, struct addrbook_times *out);

#endif
