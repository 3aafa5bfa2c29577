#include "swarm/blame.h"

#include <stdlib.h>
#include <string.h>

uint32_t blame_single(const uint32_t *from, uint32_t blocks) {
  for (uint32_t i = 1; i < blocks; i++)
    if (from[i] != from[0]) return 0;
  return blocks ? from[0] : 0;
}

static void suspicion_free(struct suspicion *s) {
  free(s->from);
  free(s->digest);
  free(s);
}

/* Takes `*at` out of the list and frees it. */
static void forget(struct blame *b, struct suspicion **at) {
  struct suspicion *s = *at;
  *at = s->next;
  b->count--;
  suspicion_free(s);
}

void blame_add(struct blame *b, uint32_t piece, uint32_t blocks, uint32_t *from,
               uint8_t (*digest)[BLAME_DIGEST_LEN]) {
  struct suspicion *s = calloc(1, sizeof *s);
  if (s == NULL) {
    free(from);
    free(digest);
    return;
  }
  *s = (struct suspicion){.piece = piece, .blocks = blocks, .from = from, .digest = digest};
  if (b->count == BLAME_MAX) forget(b, &b->first);
  struct suspicion **end = &b->first;
  while (*end != NULL) end = &(*end)->next;
  *end = s;
  b->count++;
}

bool blame_has(const struct blame *b, uint32_t piece) {
  for (const struct suspicion *s = b->first; s != NULL; s = s->next)
    if (s->piece == piece) return true;
  return false;
}

bool blame_suspects(const struct blame *b, uint32_t number) {
  for (const struct suspicion *s = b->first; s != NULL; s = s->next)
    for (uint32_t i = 0; i < s->blocks; i++)
      if (s->from[i] == number) return true;
  return false;
}

/* Judges the giver of block `first`, if that is the first of its blocks. */
static void resolve_one(const struct suspicion *s, uint32_t first,
                        uint8_t (*digest)[BLAME_DIGEST_LEN],
                        void (*verdict)(void *arg, uint32_t number, bool liar), void *arg) {
  bool liar = false;
  if (s->from[first] == 0) return;
  for (uint32_t i = 0; i < first; i++)
    if (s->from[i] == s->from[first]) return;
  for (uint32_t i = first; i < s->blocks; i++)
    if (s->from[i] == s->from[first])
      liar = liar || memcmp(s->digest[i], digest[i], BLAME_DIGEST_LEN) != 0;
  verdict(arg, s->from[first], liar);
}

void blame_resolve(struct blame *b, uint32_t piece, uint8_t (*digest)[BLAME_DIGEST_LEN],
                   void (*verdict)(void *arg, uint32_t number, bool liar), void *arg) {
  struct suspicion **at = &b->first;
  while (*at != NULL) {
    struct suspicion *s = *at;
    if (s->piece != piece) {
      at = &s->next;
      continue;
    }
    for (uint32_t i = 0; i < s->blocks; i++) resolve_one(s, i, digest, verdict, arg);
    forget(b, at);
  }
}

void blame_free(struct blame *b) {
  while (b->first != NULL) forget(b, &b->first);
}
