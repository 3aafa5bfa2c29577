/*
 * writing: what a writer (swarm/writer.h) has around it, with a real store, for its tests.
 *
 * writing_begin() makes a torrent of one file, "file", in the current folder, and everything that
 * the threads of one torrent share; the test starts the writer, `writer`, when it likes, and stops
 * it before writing_end(). writing_join() adds a connection, member[i] of seat[i], which has
 * everything and whose address is 10.0.i.1; far[i] is the other end of its socket. The test plays
 * the workers: what writing_fragment() makes it sends through sw.results.
 *
 * heard_good, heard_bad and heard_banned count what the hooks were told; heard_odd what they should
 * not have been told, since an assertion in the writer's thread would not end well.
 */
#ifndef WEFT_TESTS_WRITING_H
#define WEFT_TESTS_WRITING_H

#include "../io/made.h"

#include <stdatomic.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/net.h"
#include "swarm/writer.h"

enum { WRITING_MEMBERS = 8 };

static struct made torrent;
static struct swarm sw;
static struct writer *writer;
static struct pieces_peer member[WRITING_MEMBERS];
static struct roster_seat seat[WRITING_MEMBERS];
static int far[WRITING_MEMBERS];
static _Atomic uint32_t heard_good;
static _Atomic uint32_t heard_bad;
static _Atomic uint32_t heard_banned;
static _Atomic uint32_t heard_odd;

static inline void writing_on_ring(void *arg, uint32_t number) {
  (void)arg;
  roster_ring(sw.roster, number);
}

static inline void writing_on_piece(void *arg, uint32_t index, uint32_t length, bool good) {
  (void)arg;
  if (length != geometry_piece_len(&torrent.m.geo, index)) atomic_fetch_add(&heard_odd, 1);
  atomic_fetch_add(good ? &heard_good : &heard_bad, 1);
}

static inline void writing_on_banned(void *arg, const struct addr *a) {
  (void)arg;
  if (a->ip[0] != 10) atomic_fetch_add(&heard_odd, 1);
  atomic_fetch_add(&heard_banned, 1);
}

/* Takes `results` over. Nobody is connected yet. */
static inline void writing_begin(uint64_t total, uint32_t piece_len, struct chan *results) {
  torrent = made_single("file", piece_len, total);
  memset(&sw, 0, sizeof sw);
  memset(member, 0, sizeof member);
  writer = NULL;
  heard_good = heard_bad = heard_banned = heard_odd = 0;
  sw.meta = &torrent.m;
  sw.store = made_open(&torrent, ".");
  assert_int_equal(store_prepare(sw.store, ALLOCATE_SPARSE), ERR_OK);
  sw.book = addrbook_new(64);
  sw.roster = roster_new(64, sw.peer_id);
  sw.pieces = pieces_new(&torrent.m.geo, NULL, writing_on_ring, NULL);
  sw.results = results;
  sw.pool = fragment_pool_new();
  sw.bell = net_bell_new();
  sw.hooks = (struct swarm_hooks){.piece = writing_on_piece, .banned = writing_on_banned};
}

static inline void writing_join(int i) {
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  seat[i] = (struct roster_seat){
    .addr = {.family = 4, .ip = {10, 0, (uint8_t)i, 1}, .port = 6881}, .bell = net_bell_new()};
  assert_int_equal(roster_enter(sw.roster, &seat[i]), ERR_OK);
  assert_int_equal(roster_connected(sw.roster, &seat[i], pair[0]), ERR_OK);
  far[i] = pair[1];
  assert_int_equal(pieces_join(sw.pieces, &member[i], seat[i].number), ERR_OK);
  pieces_set_have_all(sw.pieces, &member[i]);
}

static inline void writing_leave(int i) {
  pieces_leave(sw.pieces, &member[i]);
  roster_leave(sw.roster, &seat[i]);
  close(seat[i].fd);
  close(seat[i].bell);
  close(far[i]);
}

/* All that joined has left, and the writer is stopped. */
static inline void writing_end(void) {
  assert_int_equal(atomic_load(&heard_odd), 0);
  pieces_free(sw.pieces);
  roster_free(sw.roster);
  addrbook_free(sw.book);
  chan_free(sw.results);
  fragment_pool_free(sw.pool);
  close(sw.bell);
  store_close(sw.store);
  made_free(&torrent);
}

static inline uint32_t writing_all(const struct run *r) {
  return r->count == 32 ? UINT32_MAX : (UINT32_C(1) << r->count) - 1;
}

/* Bit k of `mask`: block k of the run is there, the others are rubbish; of `lies`: and is wrong. */
static inline struct fragment *writing_fragment(int i, const struct run *r, uint32_t mask,
                                                uint32_t lies) {
  struct fragment *f = fragment_get(sw.pool, r->count);
  const uint8_t *at = torrent.data + geometry_piece_offset(&torrent.m.geo, r->piece);
  if (f == NULL) abort();
  memset(f->data, 0xee, (size_t)r->count * BLOCK_LEN);
  for (uint32_t k = 0; k < r->count; k++) {
    uint32_t b = r->first + k;
    if (!(mask >> k & 1)) continue;
    memcpy(f->data + (size_t)k * BLOCK_LEN, at + (size_t)b * BLOCK_LEN,
           geometry_block_len(&torrent.m.geo, r->piece, b));
    if (lies >> k & 1) f->data[(size_t)k * BLOCK_LEN + 5] ^= 0x55;
  }
  f->piece = r->piece;
  f->first = r->first;
  f->valid = mask;
  f->from = seat[i].number;
  return f;
}

/* It arrives with all that the mask says, and is sent. */
static inline void writing_send(int i, const struct run *r, uint32_t mask, uint32_t lies) {
  struct fragment *f = writing_fragment(i, r, mask, lies);
  assert_int_equal(pieces_received(sw.pieces, &member[i], r, mask), mask);
  assert_int_equal(chan_send(sw.results, f, (uint64_t)f->capacity * BLOCK_LEN, CLOCK_NEVER),
                   ERR_OK);
}

static inline int writing_setup(void **state) {
  log_set_level(LOG_ERROR);
  return made_setup(state);
}

/* A test that gets a folder of its own and does not log what it provokes. */
#define WRITING(name) cmocka_unit_test_setup_teardown(name, writing_setup, made_teardown)

#endif
