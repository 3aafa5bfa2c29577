/*
 * extend: the extension handshake (BEP 10) and what we read from it.
 *
 * Message 20 with extension id 0 carries one dictionary: "m" maps names of extensions to the ids
 * that the *sender of the dictionary* wants to receive them under (1 to 255; 0 switches one off);
 * "v" client name, "p" listening port, "reqq" how many requests may be outstanding, "yourip" our
 * address as seen from there, "metadata_size" (BEP 9), "upload_only" (BEP 21).
 * A peer may send it again; later values replace earlier ones, absent keys keep theirs.
 */
#ifndef WEFT_PROTO_EXTEND_H
#define WEFT_PROTO_EXTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/addr.h"

enum { EXTEND_HANDSHAKE_ID = 0, EXTEND_REQQ_DEFAULT = 250 };

struct extend {
  uint8_t ut_metadata;   /* the peer's ids for these; 0: not offered */
  uint8_t ut_pex;
  uint8_t lt_donthave;
  uint8_t ut_holepunch;
  char version[64];      /* "v", cut to fit at a character, as it came (escape before showing) */
  uint16_t port;         /* "p", 0 if absent */
  uint32_t reqq;         /* clamped to 1..10000; EXTEND_REQQ_DEFAULT if absent or senseless */
  uint32_t metadata_size; /* 0 if absent or not within 1..16 MiB */
  bool upload_only;
  struct addr yourip;    /* family 0 if absent; port 0 */
};

/* The state before any handshake arrived. */
void extend_init(struct extend *e);
/* Reads a payload (without the extension id byte) into `e`. Returns ERR_OK, ERR_FORMAT if it is no
 * bencoded dictionary, or ERR_MEMORY; then `e` is unchanged. Single fields with wrong types or
 * values are ignored. */
enum err extend_decode(struct extend *e, const uint8_t *in, size_t len);

/* What we announce. Zero ids are left out of "m"; version "" and zeros are left out too. */
struct extend_offer {
  uint8_t ut_metadata;
  uint8_t ut_pex;
  uint8_t lt_donthave;
  const char *version;
  uint16_t port;
  uint32_t reqq;
  uint32_t metadata_size;
  bool upload_only;
  const struct addr *yourip; /* NULL: left out */
};
/* Appends the canonical dictionary (no length, no ids): the payload for wire_put_extended(). */
void extend_put(struct buf *b, const struct extend_offer *o);

#endif
