/*
 * store: the torrent's bytes as files on disk.
 *
 * A torrent is one run of bytes (proto/geometry); the store knows which file and which offset each byte
 * lives in and reads and writes by torrent offset. Files that BEP 47 marks as padding exist only as zeros.
 *
 * Where things go. `output` is resolved once: if it is NULL, or a directory, or ends in '/', the torrent
 * is saved under its own (sanitised) name inside it; otherwise `output` is the name to give to the file
 * or top folder. Below that top every path comes from the torrent, from a stranger, and is made safe twice:
 * store_paths cleans each element (see store_path.h), and every open goes through openat2 with
 * RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS from a descriptor of the output
 * directory (element by element with O_NOFOLLOW on kernels without it). So neither "..", nor a link that
 * is there already, nor one that appears meanwhile leads outside.
 *
 * What is in the way. store_open() creates nothing. It notes which files are there already; whether they are
 * ours is decided by the caller (a record, or a piece that verifies); store_prepare() then creates. A file
 * that is longer than it should be is cut only by store_finish(). A file with several hard links or that is
 * no regular file is never written to.
 *
 * Descriptors are kept in a small least-recently-used set, so that a torrent of 100,000 files works with
 * 64 of them (fewer when the process may open fewer). Every call may be made from any thread; reads and
 * writes of different ranges run in parallel. The lock inside is never held during I/O.
 */
#ifndef WEFT_IO_STORE_H
#define WEFT_IO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bitset.h"
#include "base/err.h"
#include "proto/metainfo.h"

enum store_allocate { ALLOCATE_NONE, ALLOCATE_SPARSE, ALLOCATE_FULL };

struct store_options {
  const char *output;  /* see above; NULL: the current directory */
  bool read_only;      /* verify: nothing is created, changed or locked */
};

struct store;

/*
 * Resolves paths and opens the output directory; creates its missing parents only if `output` names them
 * and not read_only... the top folder itself is not created yet. `m` must outlive the store. On failure
 * one sentence with what to do is logged.
 * ERR_OK; ERR_NOT_FOUND (directory), ERR_ACCESS, ERR_EXISTS (a directory where a file must be, or the
 * reverse), ERR_FORMAT (no usable name), ERR_MEMORY, ERR_IO.
 */
enum err store_open(struct store **out, const struct metainfo *m, const struct store_options *o);
/* Closes every descriptor (and so drops the lock). NULL is fine. */
void store_close(struct store *s);

/* Takes the advisory lock that keeps a second weft away from the same output: flock on the resume
 * record's companion... see resume.h for where it lives. ERR_OK, ERR_EXISTS (another has it), ERR_IO, ERR_ACCESS. */
enum err store_lock(struct store *s);

/* What is there now. Sizes and times are read at this call, and again by every call. */
struct store_file_state {
  bool exists;        /* as a regular file with one link */
  bool foreign_kind;  /* something else is in the way: directory, link, device, several links */
  uint64_t size;
  int64_t mtime_ns;
  uint64_t ino;
};
/* `file` is an index into m->files. ERR_OK or ERR_ACCESS, ERR_IO. Padding: exists = false. */
enum err store_file_state(struct store *s, size_t file, struct store_file_state *out);
/* True if any wanted file is there and not empty. */
bool store_any_present(struct store *s);
/* The path of a file as a user would name it (output directory included), for messages; owned by `s`.
 * Not escaped. */
const char *store_file_path(const struct store *s, size_t file);
/* The path of the file or top folder that the user asked for. */
const char *store_top_path(const struct store *s);

/*
 * Creates folders and files that are missing and gives them their length: ALLOCATE_NONE leaves new files
 * empty, ALLOCATE_SPARSE sets the length, ALLOCATE_FULL reserves the space (posix_fallocate). Existing
 * longer files keep their extra bytes for now. Warns when the file system has less free space than
 * is missing. Logs what failed with the file's name.
 * ERR_OK, ERR_SPACE, ERR_ACCESS, ERR_EXISTS (something in the way), ERR_IO, ERR_MEMORY.
 */
enum err store_prepare(struct store *s, enum store_allocate how);

/*
 * Writes / reads [offset, offset + len) of the torrent; padding is skipped / zeros. Short writes and EINTR
 * are continued. Reading past the end of a file that is too short, or a missing file: ERR_NOT_FOUND.
 * ERR_OK, ERR_SPACE, ERR_ACCESS, ERR_IO, ERR_MEMORY (no descriptor). The first write failure is logged with
 * the file's name and what to do.
 */
enum err store_write(struct store *s, uint64_t offset, const void *data, size_t len);
enum err store_read(struct store *s, uint64_t offset, void *data, size_t len);

/* fdatasync of every file written since the last call. After an error the caller must not trust what it
 * wrote since the last good sync. ERR_OK, ERR_IO, ERR_SPACE. */
enum err store_sync(struct store *s);

/*
 * The end: every file is still the one we wrote (same inode, still linked under its path, long enough),
 * over-long files are cut, modes are 0666 & ~umask, everything synced with the folders. If a file was
 * deleted or replaced meanwhile, *lost (may be NULL) gets a bit for every piece in it, and the answer is
 * ERR_NOT_FOUND: those pieces must be fetched again (store_prepare() first).
 */
enum err store_finish(struct store *s, struct bitset *lost);

/* A file in the output directory beside the top, for the resume record: ".<top name>.weft".
 * The directory descriptor stays the store's. */
int store_dirfd(const struct store *s);
const char *store_record_name(const struct store *s);

#endif
