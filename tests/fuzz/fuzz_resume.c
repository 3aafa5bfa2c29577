/*
 * Any bytes as a resume record: io/resume.
 *
 * The bytes are parsed as they are, and once more with a right SHA-1 at their end, as no fuzzer
 * would ever guess one. What is taken for a record must be rebuilt to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha1.h"
#include "io/resume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILES = 3, PIECES = 12 };

static struct metainfo_file files[FILES];
static const struct metainfo torrent = {
  .info_hash = "aaaaaaaaaaaaaaaaaaaa",
  .geo = {.total = 3000, .piece_len = 256, .pieces = PIECES},
  .files = files,
  .file_count = FILES,
};

static void parse(const uint8_t *data, size_t size) {
  struct bitset done;
  struct resume_file found[FILES];
  if (!bitset_init(&done, PIECES)) abort();
  enum err e = resume_parse(data, size, &torrent, &done, found);
  if (e == ERR_OK) {
    uint8_t again[256];
    if (size != resume_len(&torrent) || size > sizeof again) abort();
    if (resume_build(again, &torrent, &done, found) != ERR_OK) abort();
    if (memcmp(again, data, size) != 0) abort();
  } else if (e != ERR_FORMAT || done.count != 0) {
    abort();
  }
  bitset_free(&done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  parse(data, size);
  if (size < SHA1_LEN) return 0;
  uint8_t *copy = malloc(size);
  if (copy == NULL) return 0;
  memcpy(copy, data, size - SHA1_LEN);
  sha1_once(copy, size - SHA1_LEN, copy + size - SHA1_LEN);
  parse(copy, size);
  free(copy);
  return 0;
}
