/*
 * resume: the record that lets a download go on where it stopped.
 *
 * One small file, ".<name>.weft", beside the output. It says which pieces were verified *and* synced to disk,
 * and the size and modification time of every file at that moment. It is replaced atomically:
 *
 *   write data, fdatasync data (store_sync)  ->  write ".<name>.weft.new", fsync it  ->  rename  ->  fsync the folder
 *
 * so whatever instant the power goes, the record claims nothing that the disk lacks. The record is untrusted input:
 * magic, version, lengths, info hash and a SHA-1 over everything are checked; anything odd means "no record".
 * If sizes and times of all files are exactly as recorded, its pieces are believed; if any differs the data were
 * touched since (or we were killed), and the caller checks them by hashing. That we wrote here at all
 * (`ours`) is known either way.
 *
 * Format, big-endian: "weftres1" | 20 info hash | u32 piece count | u32 file count | per file: u8 exists,
 * u64 size, i64 mtime_ns, u64 inode | bitfield as on the wire | 20 SHA-1 of all before.
 *
 * The lock: an exclusive flock on ".<name>.weft.lock"... no further file: see store_lock().
 */
#ifndef WEFT_IO_RESUME_H
#define WEFT_IO_RESUME_H

#include <stdbool.h>

#include "base/bitset.h"
#include "base/err.h"
#include "io/store.h"

struct resume_state {
  bool ours;   /* there is a valid record for this torrent: the files are ours */
  bool exact;  /* and the files are exactly as it says: `done` may be believed */
};

/*
 * Reads the record into `done` (geo.pieces bits; zeroed when there is none) and compares the files.
 * Returns ERR_OK also when there is no usable record (state all false; damaged ones are logged at info level).
 * ERR_MEMORY, ERR_IO.
 */
enum err resume_load(struct store *s, const struct metainfo *m, struct bitset *done,
                     struct resume_state *state);

/* Writes the record claiming `done`. The caller has had store_sync() return ERR_OK *after* the last of these
 * pieces was written. The old record survives any failure. ERR_OK, ERR_SPACE, ERR_ACCESS, ERR_IO, ERR_MEMORY. */
enum err resume_save(struct store *s, const struct metainfo *m, const struct bitset *done);

/* Removes the record and its temporary. ERR_OK also if there was none. */
enum err resume_remove(struct store *s);

/* The pure half, for tests and the fuzzer: parses `len` bytes for torrent `m`. ERR_OK or ERR_FORMAT. */
struct resume_file {
  bool exists;
  uint64_t size;
  int64_t mtime_ns;
  uint64_t ino;
};
enum err resume_parse(const void *in, size_t len, const struct metainfo *m, struct bitset *done,
                      struct resume_file *files /* m->file_count of them */);

#endif
