/*
 * weft magnet_download: everything that a magnet link names, one piece after the other.
 *
 * The last step of the exercise, and as plain as it can be: one peer at a time, one piece at a
 * time, in order. A peer that fails is named, and the pieces that are still missing are asked of
 * the next one. That is slow, but everything can be followed; the download that is fast is `weft
 * download`.
 *
 * On disk it is that very download: files are found, made, checked, resumed and protected by the
 * same code (app/present), so that the same command after an interruption goes on where it stopped,
 * and somebody else's files are left alone.
 */
#include "app/cmd.h"

#include <stdlib.h>

#include "app/errand.h"
#include "app/exits.h"
#include "app/present.h"
#include "app/report.h"
#include "app/tracing.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/resume.h"
#include "peer/solo_fetch.h"

struct job {
  struct errand *e;
  struct report *report;
  struct present there;
  struct bitset done;
  uint8_t *piece;       /* room for one */
  uint64_t received;    /* bytes in pieces that came in this run */
  uint64_t already;
  uint32_t givers;      /* peers that gave at least one */
  int64_t start_ms;
};

static void show(const struct job *j) {
  uint64_t verified = present_bytes(&j->e->meta, &j->done);
  struct report_progress p = {.phase = PHASE_DOWNLOADING, .total = j->e->meta.geo.total,
                              .verified = verified, .received = j->received, .connected = 1,
                              .known = (uint32_t)j->e->hunt.peer_count,
                              .pieces = (uint32_t)j->done.count};
  int64_t ms = clock_now_ms() - j->start_ms;
  p.rate = ms > 0 ? j->received * 1000 / (uint64_t)ms : 0;
  report_progress(j->report, &p);
}

/* --- from one peer --- */

/* One piece, to the disk. A failure of the disk, which is told, is in *code: no other peer helps
 * against that. */
static enum err fetch(struct job *j, uint32_t index, int *code) {
  const struct metainfo *m = &j->e->meta;
  const uint8_t *hash = m->hashes + (size_t)index * SHA1_LEN;
  uint32_t len = geometry_piece_len(&m->geo, index);
  enum err e = solo_fetch_piece(&j->e->solo, index, hash, j->piece);
  if (e != ERR_OK) return e;
  e = store_write(j->there.store, geometry_piece_offset(&m->geo, index), j->piece, len);
  *code = exits_of(e);
  if (e != ERR_OK) return ERR_OK;
  bitset_set(&j->done, index);
  j->received += len;
  show(j);
  return ERR_OK;
}

/* All that is missing and that this peer has. */
static enum err fetch_from_peer(struct job *j, int *code) {
  struct solo *s = &j->e->solo;
  size_t before = j->done.count;
  enum err e = solo_fetch_unchoke(s);
  for (uint32_t i = 0; e == ERR_OK && *code == EXIT_OK && i < j->e->meta.geo.pieces; i++)
    if (!bitset_get(&j->done, i) && (!s->told_pieces || solo_has(s, i))) e = fetch(j, i, code);
  if (j->done.count > before) j->givers++;
  if (e == ERR_OK && *code == EXIT_OK && !bitset_full(&j->done))
    return solo_fail(s, ERR_NOT_FOUND, "it does not have the pieces that are still missing");
  return e;
}

static int fetch_all(struct job *j) {
  while (!bitset_full(&j->done)) {
    int code = errand_reach(j->e, ERRAND_KNOWN, "the missing pieces");
    if (code != EXIT_OK) return code;
    enum err e = fetch_from_peer(j, &code);
    errand_drop(j->e, e);
    if (code != EXIT_OK) return code;
  }
  return EXIT_OK;
}

/* --- on disk --- */

/* Everything is there: is it still, and under its path? */
static int finish(struct job *j) {
  enum err e = store_finish(j->there.store, NULL);
  if (e == ERR_NOT_FOUND)
    log_error("another program changed the files meanwhile; the same command again mends that");
  if (e == ERR_OK) resume_remove(j->there.store, &j->e->meta);
  return exits_of(e);
}

/* It ends before all is there: what came is kept, with a record of it. */
static void keep(struct job *j) {
  if (j->received > 0 && store_sync(j->there.store) == ERR_OK)
    resume_renew(j->there.store, &j->e->meta, &j->done);
  present_undo(&j->there, &j->e->meta, (uint32_t)j->done.count);
}

static int open_place(struct job *j) {
  struct errand *e = j->e;
  enum err err = present_open(&j->there, e->o, &e->meta, j->report, e->hunt.signals);
  if (err == ERR_CANCELLED) {
    e->hunt.sig = j->there.sig;
    return errand_signal(e);
  }
  if (err != ERR_OK) return exits_of(err);
  j->piece = malloc(e->meta.geo.piece_len);
  if (j->piece == NULL || !bitset_init(&j->done, e->meta.geo.pieces)) {
    log_error("there is not enough memory for a piece of %u bytes", e->meta.geo.piece_len);
    return EXIT_RESOURCES;
  }
  bitset_copy(&j->done, &j->there.done);
  j->already = present_bytes(&e->meta, &j->done);
  return EXIT_OK;
}

static void tell(struct job *j, int code) {
  struct report_summary sum = {
    .complete = code == EXIT_OK, .total = j->e->meta.geo.total, .received = j->received,
    .already = j->already, .elapsed_ms = clock_now_ms() - j->start_ms, .peers_used = j->givers,
    .path = j->there.store == NULL ? "" : store_top_path(j->there.store)};
  report_done(j->report, &sum, code, NULL);
}

static int save_all(struct job *j) {
  int code = open_place(j);
  if (code == EXIT_OK) {
    code = fetch_all(j);
    if (code == EXIT_OK) code = finish(j);
    if (code != EXIT_OK) keep(j);
  }
  tell(j, code);
  present_close(&j->there);
  bitset_free(&j->done);
  free(j->piece);
  return code;
}

static int run(const struct options *o) {
  struct errand e;
  struct job j = {.e = &e, .start_ms = clock_now_ms()};
  int code = errand_magnet(&e, o);
  if (code == EXIT_OK && e.link.select_count > 0)
    log_warn("the link selects some files; this command downloads all");
  if (code == EXIT_OK) code = errand_reach(&e, ERRAND_KNOWN, "the metadata");
  if (code == EXIT_OK) {
    j.report = report_new(o);
    if (j.report == NULL) log_error("there is not enough memory to begin");
    code = j.report == NULL ? EXIT_RESOURCES : save_all(&j);
    report_free(j.report);
  }
  errand_end(&e);
  return code;
}

static const struct command_option options[] = {
  OPTION_OUTPUT("the same as the argument PATH"),
  {.name = "overwrite", .kind = OPTION_FLAG, OPTION_FIELD(overwrite),
   .help = "replace files that are not of this download"},
  ERRAND_OPTIONS,
  OPTIONS_OF_TRACE,
  OPTIONS_OF_ALL("no progress and no warnings, only errors"),
  {.name = NULL},
};

const struct command cmd_magnet_download = {
  .name = "magnet_download",
  .usage = "LINK [PATH]",
  .summary = "download a magnet link, one piece after the other",
  .about = "Fetches the metadata of a magnet link and then every piece, from one peer at a\n"
           "time, checks all hashes, and exits when all is on disk.\n"
           ERRAND_LINK_IS COMMAND_PATH_IS("the files go"),
  .options = options,
  .least_args = 1,
  .most_args = 2,
  .path = true,
  .run = run,
};
