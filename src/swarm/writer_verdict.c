/*
 * writer_verdict: what becomes of a piece that is whole: HAVE, or blame.
 *
 * A right piece is told to all. If it was contested, it is put in its place first, and its blocks
 * name the liars. A wrong one with a single giver names its liar at once. A wrong one with several
 * is remembered as a suspicion (swarm/blame), the queue parts those who gave (swarm/pieces.h), and
 * what they gave goes to the copies of the parts. Unless it is soon to be known who spoilt it:
 * when one of its givers is under suspicion for another piece already, the verdict on this one is
 * deferred until there is one on that. If its liar gave to this piece, too, the queue makes his
 * blocks FREE, others give them, and no second suspicion falls on those who gave the rest.
 *
 * Nobody is blamed for what was read back from a file that somebody else has cut or replaced.
 */
#include "swarm/writer_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum { DEFER_MS = 10000 }; /* a wrong piece waits so long for a verdict on one of its givers */

/* --- those who gave --- */

/* Forgets the blocks on disk that the queue has given to somebody else since. True if there were
 * none. */
static bool is_as_noted(struct writer *w, struct hashing *h) {
  bool same = true;
  pieces_origin(w->sw->pieces, h->piece, h->copy, w->origin);
  for (uint32_t b = 0; b < h->blocks; b++) {
    if (h->from[b] == 0 || h->from[b] == w->origin[b]) continue;
    writer_unwrite(w, h, b);
    same = false;
  }
  return same;
}

/* Has block `b` another giver than the one before it? To meet every giver, only these blocks need
 * be looked at. */
static bool is_change(const struct hashing *h, uint32_t b) {
  return b == 0 || h->from[b] != h->from[b - 1];
}

static void ban(struct writer *w, uint32_t number) {
  struct swarm *sw = w->sw;
  struct addr a;
  if (!roster_addr(sw->roster, number, &a)) return;
  bool known = addrbook_is_banned(sw->book, &a);
  pieces_refuse(sw->pieces, number);
  addrbook_ban(sw->book, &a); /* before it is hung up on, or it might be dialled again at once */
  roster_shut_host(sw->roster, &a);
  if (known) return;
  char text[ADDR_TEXT_MAX];
  log_info("%s sent data with a wrong hash: banned", addr_text(&a, text));
  if (sw->hooks.banned) sw->hooks.banned(sw->hooks.arg, &a);
}

/* SHA-1 of each block of a copy that has come, as it lies on disk. NULL: no memory, or the disk
 * failed. */
static uint8_t (*digest_blocks(struct writer *w, const struct hashing *h))[BLAME_DIGEST_LEN] {
  uint8_t(*digest)[BLAME_DIGEST_LEN] = calloc(h->blocks, sizeof *digest);
  for (uint32_t b = 0; digest != NULL && b < h->blocks; b++) {
    if (h->from[b] == 0) continue;
    uint32_t len = writer_read_back(w, h, b, 1, w->buffer);
    if (len == 0) {
      free(digest);
      return NULL;
    }
    sha1_once(w->buffer, len, digest[b]);
  }
  return digest;
}

/* Remembers who gave which block, until the piece is right. */
static void suspect(struct writer *w, const struct hashing *h) {
  uint8_t(*digest)[BLAME_DIGEST_LEN] = digest_blocks(w, h);
  uint32_t *from = malloc(h->blocks * sizeof *from);
  if (digest == NULL || from == NULL) {
    free(digest);
    free(from);
    return;
  }
  memcpy(from, h->from, h->blocks * sizeof *from);
  blame_add(&w->blame, h->piece, h->blocks, from, digest);
}

/* --- HAVE --- */

/* Puts the copy in its place. False: the disk failed. */
static bool settle(struct writer *w, const struct hashing *h) {
  struct hashing place = {.piece = h->piece, .blocks = h->blocks};
  for (uint32_t b = 0; h->copy != 0 && b < h->blocks; b += FRAGMENT_BLOCKS_MAX) {
    uint32_t n = h->blocks - b < FRAGMENT_BLOCKS_MAX ? h->blocks - b : FRAGMENT_BLOCKS_MAX;
    if (writer_read_back(w, h, b, n, w->buffer) == 0) return false;
    if (!writer_put(w, &place, b, n, w->buffer)) return false;
  }
  return true;
}

/* What was given to this copy was for nothing. */
static void count_waste(struct writer *w, const struct hashing *h) {
  for (uint32_t b = 0; b < h->blocks; b++)
    if (h->from[b] != 0)
      atomic_fetch_add(&w->sw->wasted, geometry_block_len(&w->sw->meta->geo, h->piece, b));
}

/* Another copy of the same piece, or NULL. */
static struct hashing *another(struct writer *w, const struct hashing *h) {
  struct hashing *o = w->table[h->piece % WRITER_BUCKETS];
  while (o != NULL && (o == h || o->piece != h->piece)) o = o->chain;
  return o;
}

/* What a giver of a piece that was wrong before turns out to be. */
static void on_giver(void *arg, uint32_t number, bool liar) {
  struct writer *w = arg;
  if (liar) {
    ban(w, number);
  } else {
    roster_trust(w->sw->roster, number);
    pieces_trust(w->sw->pieces, number);
  }
}

/* A contested piece is right at last: everybody who gave to one of its copies is judged. */
static void resolve(struct writer *w, const struct hashing *h) {
  uint8_t(*digest)[BLAME_DIGEST_LEN] = digest_blocks(w, h);
  if (digest == NULL) return;
  for (struct hashing *o; (o = another(w, h)) != NULL; writer_forget(w, o)) {
    count_waste(w, o);
    suspect(w, o);
  }
  suspect(w, h);
  blame_resolve(&w->blame, h->piece, digest, on_giver, w);
  free(digest);
}

static void on_good(struct writer *w, const struct hashing *h) {
  struct swarm *sw = w->sw;
  if (!settle(w, h)) return;
  if (blame_has(&w->blame, h->piece) || another(w, h) != NULL) resolve(w, h);
  for (uint32_t b = 0; b < h->blocks; b++)
    if (is_change(h, b)) roster_gave(sw->roster, h->from[b]);
  pieces_verified(sw->pieces, h->piece);
}

/* --- blame --- */

/* Has a file of this piece been cut, removed or replaced by somebody while we write it? Then what
 * was read back is nobody's lie. */
static bool is_tampered(struct writer *w, uint32_t piece) {
  const struct metainfo *m = w->sw->meta;
  uint64_t begin = geometry_piece_offset(&m->geo, piece);
  uint64_t end = begin + geometry_piece_len(&m->geo, piece);
  for (size_t i = 0; i < m->file_count; i++) {
    const struct metainfo_file *f = &m->files[i];
    struct store_file_state now;
    if (f->offset + f->length <= begin || f->offset >= end || f->padding) continue;
    if (store_file_state(w->sw->store, i, &now) != ERR_OK || now.tampered || !now.exists)
      return true;
  }
  return false;
}

/* Moves a run of blocks to the copy in which they count now. False: no memory, or the disk failed,
 * which is told. */
static bool move_run(struct writer *w, const struct hashing *h, uint32_t first, uint32_t n) {
  struct hashing *heir = writer_lookup_or_begin(w, h->piece, w->where[first]);
  if (heir == NULL) {
    swarm_fail(w->sw, ERR_MEMORY);
    return false;
  }
  for (uint32_t b = first; b < first + n; b++) {
    heir->from[b] = h->from[b];
    bitset_set(&heir->ahead, b);
  }
  return writer_read_back(w, h, first, n, w->buffer) > 0 &&
         writer_put(w, heir, first, n, w->buffer);
}

/* The queue has parted those who gave to a wrong copy: so is what they gave. */
static void move(struct writer *w, const struct hashing *h) {
  for (uint32_t b = 0, n; b < h->blocks; b += n) {
    n = 1;
    while (n < FRAGMENT_BLOCKS_MAX && b + n < h->blocks && w->where[b + n] == w->where[b]) n++;
    if (!move_run(w, h, b, n)) return;
  }
}

/* Several gave, and one of them lied. */
static void doubt(struct writer *w, const struct hashing *h) {
  for (uint32_t b = 0; b < h->blocks; b++)
    if (is_change(h, b)) roster_doubt(w->sw->roster, h->from[b]);
  suspect(w, h);
}

static void on_bad(struct writer *w, struct hashing *h) {
  struct swarm *sw = w->sw;
  uint32_t piece = h->piece;
  uint32_t single = blame_single(h->from, h->blocks);
  bool innocent = h->copy == 0 && h->reread && is_tampered(w, piece);
  if (innocent)
    log_info("piece %u was spoiled on disk while it was written: fetching it again", piece);
  else
    log_debug("piece %u has a wrong hash; %s", piece,
              single ? "it came from one peer" : "several peers had a part in it");
  if (!innocent && single == 0) doubt(w, h);
  if (pieces_failed(sw->pieces, piece, h->copy, !innocent, w->where)) move(w, h);
  else count_waste(w, h);
  if (!innocent && single != 0) ban(w, single);
}

/* --- the verdict --- */

/* The last word on a piece. */
static void decide(struct writer *w, struct hashing *h, bool good) {
  const struct swarm *sw = w->sw;
  if (sw->hooks.piece && (good || h->copy == 0))
    sw->hooks.piece(sw->hooks.arg, h->piece, geometry_piece_len(&sw->meta->geo, h->piece), good);
  if (good) on_good(w, h);
  else on_bad(w, h);
  writer_forget(w, h);
}

/* Had somebody a part in it who may have spoilt another piece, too? Then the second verdict on that
 * one, if it says who lied, saves this one: unless that is this one. */
static bool may_wait(const struct writer *w, const struct hashing *h) {
  if (w->blame.count == 0 || blame_has(&w->blame, h->piece)) return false;
  if (blame_single(h->from, h->blocks) != 0) return false;
  for (uint32_t b = 0; b < h->blocks; b++)
    if (is_change(h, b) && blame_suspects(&w->blame, h->from[b])) return true;
  return false;
}

void writer_judge(struct writer *w, struct hashing *h) {
  uint8_t hash[SHA1_LEN];
  if (!is_as_noted(w, h)) return;
  sha1_final(&h->sha, hash);
  bool good = memcmp(hash, w->sw->meta->hashes + (size_t)h->piece * SHA1_LEN, SHA1_LEN) == 0;
  if (good || !may_wait(w, h)) {
    decide(w, h, good);
    return;
  }
  log_debug("piece %u has a wrong hash; first, one of its givers is to be judged", h->piece);
  h->wrong_ms = clock_now_ms();
  w->deferred++;
}

/* Judges a deferred piece that has waited long enough, or waits for nothing any more. */
static void judge_deferred(struct writer *w, struct hashing *h, int64_t now_ms) {
  if (!is_as_noted(w, h)) return;
  if (now_ms - h->wrong_ms < DEFER_MS && may_wait(w, h)) return;
  w->deferred--;
  decide(w, h, false);
}

void writer_judge_deferred(struct writer *w) {
  int64_t now_ms = w->deferred > 0 ? clock_now_ms() : 0;
  for (size_t i = 0; i < WRITER_BUCKETS && w->deferred > 0; i++) {
    struct hashing *next;
    for (struct hashing *h = w->table[i]; h != NULL; h = next) {
      next = h->chain;
      if (h->wrong_ms != 0) judge_deferred(w, h, now_ms);
    }
  }
}
