/*
 * fuzz: what the fuzz targets share.
 *
 *   make fuzz SAN=address,undefined CC=clang BUILD=build-fuzz
 *   build-fuzz/tests/fuzz/fuzz_wire -max_total_time=60 NEW tests/fuzz/corpus/wire
 *
 * NEW is a folder for what the fuzzer finds; without -max_total_time it goes on until stopped.
 * Given only files, a target runs those and ends: that is how the kept corpus is replayed. A target
 * states properties with CHECK, which hold for every input; decoders get their bytes in memory of
 * exactly that size, so that the address sanitizer finds a byte read too many.
 */
#ifndef WEFT_TESTS_FUZZ_H
#define WEFT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(property) \
  do { \
    if (!(property)) { \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #property); \
      abort(); \
    } \
  } while (0)

/* A copy of exactly `size` bytes; the caller frees it. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  if (copy == NULL) abort();
  if (size > 0) memcpy(copy, data, size);
  return copy;
}

#endif
