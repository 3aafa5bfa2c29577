/*
 * annotate_keys: what the keys of dictionaries mean, and which BEP says so.
 *
 * The same key means one thing here and another there: "p" is a port in an extension handshake,
 * "v" a version there and a value in the DHT. So each meaning belongs to a place: a torrent, its
 * info, a tracker's answer, a message. The place of the outermost value is guessed from its keys,
 * that of any other is said by the key that leads to it. The table in annotate_keys.c is one line
 * for each key, and is meant to be read.
 */
#ifndef WEFT_APP_ANNOTATE_KEYS_H
#define WEFT_APP_ANNOTATE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bencode.h"

enum annotate_place {
  PLACE_NONE,       /* nothing is known */
  PLACE_TORRENT,    /* the outermost dictionary of a .torrent file */
  PLACE_INFO,       /* its "info", or what a peer sends of it (BEP 9) */
  PLACE_FILE,       /* one of "files" */
  PLACE_TREE,       /* a folder of the "file tree" of version 2 */
  PLACE_TREE_FILE,  /* a file in it */
  PLACE_LAYERS,     /* "piece layers" of version 2 */
  PLACE_TRACKER,    /* the answer of a tracker */
  PLACE_PEER,       /* a peer in it */
  PLACE_SCRAPE,     /* the answer to a scrape */
  PLACE_SWARMS,     /* the swarms in it */
  PLACE_SWARM,      /* one of them */
  PLACE_FLAGS,      /* what else is in it */
  PLACE_EXTENSION,  /* the handshake of the extension protocol */
  PLACE_EXTENSIONS, /* the extensions in it */
  PLACE_METADATA,   /* a message of ut_metadata */
  PLACE_PEX,        /* a message of ut_pex */
  PLACE_KRPC,       /* a packet of the DHT */
  PLACE_QUERY,      /* what it asks */
  PLACE_REPLY,      /* what it answers */
  PLACE_COUNT
};

/* How the bytes of a string are meant. */
enum annotate_form {
  FORM_TIME,    /* no string: an integer that is seconds since 1970 */
  FORM_HASH,    /* a hash or id, in one */
  FORM_PEER,    /* 4 or 16 bytes of address and 2 of port */
  FORM_NODE,    /* 20 bytes of id, and then a peer */
  FORM_ADDRESS, /* 4 or 16 bytes of address */
  FORM_FLAGS    /* a byte of flags of ut_pex */
};

/* What a string is a row of. */
struct annotate_items {
  const char *one;      /* "a peer" */
  const char *many;     /* "peers" */
  const char *numbered; /* each item belongs to one of these, the first to number 0; or NULL */
  uint8_t unit;         /* bytes of an item; 0: the whole string is one, as its form allows */
  uint8_t form;         /* enum annotate_form */
};

struct annotate_key {
  uint8_t place;       /* enum annotate_place: where it stands */
  uint8_t inside;      /* enum annotate_place: of its value, and of what a list there holds */
  uint8_t bep;         /* 0: no BEP says so, many programs do */
  const char *key;     /* NULL: any key that stands there */
  const char *meaning;
  const struct annotate_items *items; /* what is in a string there; NULL: nobody knows */
};

/* What the outermost value of `d` is, by its keys. Returns PLACE_NONE if nobody can tell. */
enum annotate_place annotate_keys_root(const struct ben_doc *d);
/* A phrase for that ("a torrent file (BEP 3)"); NULL for PLACE_NONE. */
const char *annotate_keys_title(enum annotate_place place);
/* The meaning of key `key`, `len` bytes, in a dictionary at `place`. Returns NULL if it has none
 * that we know. */
const struct annotate_key *annotate_keys_find(enum annotate_place place, const char *key,
                                              size_t len);
/* Is `v` the string `key`? */
bool annotate_keys_is(const struct ben_doc *d, ben_val v, const char *key);
/* The bytes of each item of a string of `len` bytes; 0 if it is no row of such items, or `items` is
 * NULL. */
size_t annotate_keys_unit(const struct annotate_items *items, size_t len);

#endif
