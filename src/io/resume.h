/*
 * resume: the record that lets a download go on where it stopped.
 *
 * One small file, ".<name>.weft", beside the output. It says which pieces were verified *and*
 * synced to disk, and the size, time and inode of every file at that moment. It is replaced
 * atomically:
 *
 *   write data, fdatasync them (store_sync)  ->  write ".<name>.weft.new", fsync it
 *                                            ->  rename it over the old one  ->  fsync the folder
 *
 * so whatever instant the power goes, the record claims nothing that the disk lacks. The record is
 * untrusted input: magic, lengths, info hash and a SHA-1 over everything are checked, and anything
 * odd means "no record". If all files are exactly as recorded, its pieces are believed; if any
 * differs, the data were touched since (or we were killed), and the caller checks them by hashing.
 *
 * If under that name, or that of the new one, lies something that is not this torrent's
 * (io/store_record), it is left alone, a warning says so, and the record is called
 * ".<info hash>.weft". So there are two names to look under.
 *
 * The record also says which files are ours (store_vouch()), whatever they hold now. A file is the
 * one that the record names if it has its inode and time of birth and was not cut; or its size and
 * time, as a copy has that somebody took to another disk. What a file held that another program may
 * have written to beside us (io/store_touch), or that we have written nothing to yet, is not
 * answered for: it "differs" whatever it looks like, and is ours all the same. While a download
 * runs the lock on the output (store_lock) keeps others from the record too.
 *
 * Format, integers big-endian; no length in it is ever believed, as all follow from the torrent:
 *
 *   8   "weftres2"; another last digit is another version, and no record to us
 *   20  info hash
 *   4   count of pieces
 *   4   count of files
 *   33  for each file: 1 its content is answered for (0 or 1), 8 size, 8 time of last change and 8
 *       of birth (0: unknown) in ns since 1970, 8 inode (0: no such file)
 *   n   the pieces as in a bitfield message (BEP 3), spare bits zero
 *   20  SHA-1 of all before
 */
#ifndef WEFT_IO_RESUME_H
#define WEFT_IO_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bitset.h"
#include "base/err.h"
#include "io/store.h"
#include "proto/metainfo.h"

struct resume_state {
  bool ours;  /* there is a valid record for this torrent */
  bool exact; /* and the files are exactly as it says: `done` may be believed */
};

/*
 * Reads the record into `done`, which has m->geo.pieces bits and is zeroed when there is none, and
 * compares the files; those that it names are vouched for to the store. Without `exact`, `done` is
 * what was claimed once and no more than a hint. A record that is damaged or of another version is
 * none; a line at info level says so. Waits for the disk.
 * Returns ERR_OK, also when there is no usable record (*state all false then); ERR_MEMORY, ERR_IO,
 * ERR_ACCESS.
 */
enum err resume_load(struct store *s, const struct metainfo *m, struct bitset *done,
                     struct resume_state *state);

/*
 * Replaces the record by one that claims `done` and the files as they are now; what is in a file
 * that was tampered with, or may have been (struct store_file_state), it does not answer for, so
 * that the next run checks the data; nor for anything if `done` is empty. If a file was changed a
 * moment ago, waits until the clock that gives files their times has moved on (some ms), so that no
 * later change has the same time. store_sync()
 * must have returned ERR_OK *after* the last of these pieces was written. Pieces that a check found
 * in files of an earlier run are synced here, if there has been no store_sync() in this one. Waits
 * for the disk. A failure is logged; the old record survives it. Returns ERR_OK, ERR_SPACE,
 * ERR_ACCESS, ERR_EXISTS (both names are somebody else's), ERR_IO, ERR_MEMORY.
 */
enum err resume_save(struct store *s, const struct metainfo *m, const struct bitset *done);
/* The same for a download that goes on, or has ended already: a failure is a warning, which says
 * what it means for the next run. */
enum err resume_renew(struct store *s, const struct metainfo *m, const struct bitset *done);

/* Removes every record of this torrent and what may be left of a new one, under both names. Returns
 * ERR_OK, also if there was none; ERR_ACCESS, ERR_IO: logged. */
enum err resume_remove(struct store *s, const struct metainfo *m);

/* What the record says of one file. */
struct resume_file {
  bool answered;    /* it held then what the record claims */
  uint64_t size;    /* bytes */
  int64_t mtime_ns; /* since 1970 */
  int64_t born_ns;  /* the same, 0: unknown */
  uint64_t ino;     /* 0: there was no file, or another's */
};

/* The length in bytes of a record for `m`. */
size_t resume_len(const struct metainfo *m);

/*
 * The pure half: writes the record, resume_len(m) bytes, to `out`. `files` has m->file_count
 * entries. Returns ERR_OK, or ERR_MEMORY (no SHA-1).
 */
enum err resume_build(uint8_t *out, const struct metainfo *m, const struct bitset *done,
                      const struct resume_file *files);

/*
 * And back: takes `len` bytes apart. `files` has room for m->file_count entries, `done` has
 * m->geo.pieces bits. Any bytes are allowed. Waits for nothing.
 * Returns ERR_OK, or ERR_FORMAT: it is no record of this torrent; `done` is zeroed then, `files`
 * undefined.
 */
enum err resume_parse(const void *in, size_t len, const struct metainfo *m, struct bitset *done,
                      struct resume_file *files);

#endif
