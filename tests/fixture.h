/*
 * fixture: the files of the folder fixtures, for tests.
 *
 * Tests run in the top folder of the project (make check does), so a fixture is "fixtures/NAME".
 * The bytes come in memory of exactly their size, so that reading past the end is noticed when the
 * address sanitizer is on. What each file holds is told in fixtures/README.
 */
#ifndef WEFT_TESTS_FIXTURE_H
#define WEFT_TESTS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

struct fixture {
  uint8_t *data; /* to be freed */
  size_t len;
};

static inline struct fixture fixture(const char *name) {
  char path[256];
  struct fixture f = {0};
  snprintf(path, sizeof path, "fixtures/%s", name);
  FILE *in = fopen(path, "rb");
  if (in == NULL) fail_msg("cannot open %s; tests run in the top folder of the project", path);
  assert_int_equal(fseek(in, 0, SEEK_END), 0);
  f.len = (size_t)ftell(in);
  rewind(in);
  f.data = malloc(f.len ? f.len : 1);
  assert_non_null(f.data);
  assert_int_equal(fread(f.data, 1, f.len, in), f.len);
  fclose(in);
  return f;
}

#endif
