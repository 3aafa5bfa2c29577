/*
 * torrents: torrents for tests, from the folder fixtures or written in a line (see ben.h).
 *
 * BESIDE, INSIDE and FILES are a small torrent with something added: keys in the root, keys in
 * front of the others in info, or a list of files. good() and bad() parse one and check what comes
 * of it.
 */
#ifndef WEFT_TESTS_PROTO_TORRENTS_H
#define WEFT_TESTS_PROTO_TORRENTS_H

#include "../test.h"

#include <string.h>

#include "../ben.h"
#include "../fixture.h"
#include "proto/metainfo.h"

static inline struct metainfo loaded(const char *name) {
  struct fixture f = fixture(name);
  struct metainfo m;
  struct metainfo_error err;
  if (metainfo_parse(&m, f.data, f.len, &err) != ERR_OK)
    fail_msg("%s: %s: %s", name, err.field, err.why);
  free(f.data);
  return m;
}

/* The fixture must be refused with this code, naming this field. */
static inline void refused(const char *name, enum err want, const char *field) {
  struct fixture f = fixture(name);
  struct metainfo m;
  struct metainfo_error err;
  enum err e = metainfo_parse(&m, f.data, f.len, &err);
  if (e != want || strcmp(err.field, field) != 0)
    fail_msg("%s gave %d, %s: %s", name, (int)e, err.field, err.why);
  assert_string_not_equal(err.why, "");
  assert_null(m.files);
  free(f.data);
}

static inline enum err parse_ben(const char *text, struct metainfo *m, struct metainfo_error *err) {
  struct buf b = ben(text);
  enum err e = metainfo_parse(m, b.data, b.len, err);
  buf_free(&b);
  return e;
}

static inline struct metainfo good(const char *text) {
  struct metainfo m;
  struct metainfo_error err;
  if (parse_ben(text, &m, &err) != ERR_OK) fail_msg("%s: %s: %s", text, err.field, err.why);
  return m;
}

static inline void bad(const char *text, enum err want, const char *field, const char *why) {
  struct metainfo m;
  struct metainfo_error err;
  enum err e = parse_ben(text, &m, &err);
  if (e != want || strcmp(err.field, field) != 0 || strstr(err.why, why) == NULL)
    fail_msg("%s\ngave %d, %s: %s", text, (int)e, err.field, err.why);
}

/* A torrent of one byte, with more keys beside info, which is the last. */
#define BESIDE(more) \
  "{" more "'info': {'length': 1, 'name': 'a', 'piece length': 1, 'pieces': #20}}"
/* The same with more keys in front of the others inside info. */
#define INSIDE(more) \
  "{'info': {" more "'length': 1, 'name': 'a', 'piece length': 1, 'pieces': #20}}"
/* Several files. */
#define FILES(files) \
  "{'info': {'files': " files ", 'name': 'n', 'piece length': 1000, 'pieces': #20}}"

#endif
