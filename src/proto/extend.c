#include "proto/extend.h"

#include <string.h>

#include "proto/bencode.h"

enum { REQQ_MAX = 10000, METADATA_SIZE_MAX = 16 << 20 };

void extend_init(struct extend *e) {
  *e = (struct extend){.reqq = EXTEND_REQQ_DEFAULT};
}

/* --- Reading. --- */

/* The integer `key`, if it is there and within [least, most]. */
static bool number(const struct ben_doc *d, ben_val dict, const char *key, int64_t least,
                   int64_t most, int64_t *out) {
  return bencode_int(d, bencode_get(d, dict, key), out) && *out >= least && *out <= most;
}

/* "m": { name of an extension: the id its messages shall have, 0 for "no more" } */
static void read_ids(struct extend *e, const struct ben_doc *d, ben_val m) {
  const struct {
    const char *name;
    uint8_t *id;
  } known[] = {{"ut_metadata", &e->ut_metadata},
               {"ut_pex", &e->ut_pex},
               {"lt_donthave", &e->lt_donthave},
               {"ut_holepunch", &e->ut_holepunch}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    int64_t id;
    if (number(d, m, known[i].name, 0, UINT8_MAX, &id)) *known[i].id = (uint8_t)id;
  }
}

/* "yourip": 4 or 16 bytes of address. */
static void read_yourip(struct extend *e, const struct ben_doc *d, ben_val v) {
  uint8_t compact[18] = {0};
  const char *s;
  size_t len;
  if (!bencode_str(d, v, &s, &len) || (len != 4 && len != 16)) return;
  memcpy(compact, s, len);
  e->yourip = len == 4 ? addr_from_compact4(compact) : addr_from_compact6(compact);
}

enum err extend_decode(struct extend *e, const uint8_t *in, size_t len) {
  struct ben_doc d;
  int64_t n;
  enum err error = bencode_decode(&d, in, len, &bencode_message_limits);
  if (error != ERR_OK) return error == ERR_MEMORY ? ERR_MEMORY : ERR_FORMAT;
  ben_val root = bencode_root(&d);
  if (!bencode_is(&d, root, BEN_DICT)) {
    bencode_free(&d);
    return ERR_FORMAT;
  }
  read_ids(e, &d, bencode_get(&d, root, "m"));
  ben_val version = bencode_get_typed(&d, root, "v", BEN_STR);
  if (version != BEN_NONE) bencode_cstr(&d, version, e->version, sizeof e->version);
  if (number(&d, root, "p", 1, UINT16_MAX, &n)) e->port = (uint16_t)n;
  if (number(&d, root, "reqq", 1, INT64_MAX, &n)) e->reqq = n < REQQ_MAX ? (uint32_t)n : REQQ_MAX;
  if (number(&d, root, "metadata_size", 1, METADATA_SIZE_MAX, &n)) e->metadata_size = (uint32_t)n;
  if (number(&d, root, "upload_only", INT64_MIN, INT64_MAX, &n)) e->upload_only = n != 0;
  read_yourip(e, &d, bencode_get(&d, root, "yourip"));
  bencode_free(&d);
  return ERR_OK;
}

/* --- Writing: keys in order of their bytes. --- */

static void put_number(struct buf *b, const char *key, int64_t n) {
  if (n == 0) return;
  bencode_put_cstr(b, key);
  bencode_put_int(b, n);
}

static void put_ids(struct buf *b, const struct extend_offer *o) {
  bencode_put_cstr(b, "m");
  bencode_open_dict(b);
  put_number(b, "lt_donthave", o->lt_donthave);
  put_number(b, "ut_metadata", o->ut_metadata);
  put_number(b, "ut_pex", o->ut_pex);
  bencode_close(b);
}

void extend_put(struct buf *b, const struct extend_offer *o) {
  bencode_open_dict(b);
  put_ids(b, o);
  put_number(b, "metadata_size", o->metadata_size);
  put_number(b, "p", o->port);
  put_number(b, "reqq", o->reqq);
  put_number(b, "upload_only", o->upload_only);
  if (o->version != NULL && o->version[0] != '\0') {
    bencode_put_cstr(b, "v");
    bencode_put_cstr(b, o->version);
  }
  if (o->yourip != NULL && o->yourip->family != 0) {
    bencode_put_cstr(b, "yourip");
    bencode_put_str(b, o->yourip->ip, o->yourip->family == 4 ? 4 : 16);
  }
  bencode_close(b);
}
