/*
 * store: the torrent's bytes as files on disk.
 *
 * A torrent is one run of bytes (proto/geometry); the store knows which file and which offset each
 * byte lives in and reads and writes by torrent offset. Files that BEP 47 marks as padding exist
 * only as zeros.
 *
 * Where things go. `output` is resolved once (io/store_where): a folder to put the torrent into, or
 * the name to give to the file or top folder. Below that every path comes from a stranger and is
 * made safe twice: io/store_path cleans each element, and io/store_beneath lets the kernel resolve
 * the whole from a descriptor of the output folder without following any link. So neither "..", nor
 * a link that is there already, nor one that appears meanwhile leads outside.
 *
 * What is in the way. Opening makes nothing (but see store_where on "dir/"). Which of the files
 * that are there are ours to write to is decided one by one, from a record or a piece that verifies
 * (io/store_whose); an empty file is in nobody's way. A link, folder, device or file with several
 * hard links is never written to, whatever the caller decides. A file that is longer than it should
 * be is cut only by store_finish().
 *
 * The life of a store that downloads, in this order:
 *
 *   store_open -> store_lock -> resume_load -> (check_run) -> store_find_foreign ->
 *   store_prepare -> resume_save (the proof that what lies there now is ours) -> store_write,
 *   store_read, store_sync and resume_save by turns -> store_finish -> resume_remove -> store_close
 *
 * If it ends before store_prepare() has succeeded, store_close() removes what store_open() and
 * store_lock() made, if still empty. If it ends later, and nothing came of it, store_discard() ->
 * resume_remove -> store_close leave the disk as it was. Whoever only reads: store_open (read_only)
 * -> store_read -> store_close.
 */
#ifndef WEFT_IO_STORE_H
#define WEFT_IO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bitset.h"
#include "base/err.h"
#include "io/store_make.h" /* enum store_allocate */
#include "proto/metainfo.h"

struct store_options {
  const char *output; /* see above; NULL: the current folder */
  bool read_only;     /* verify: nothing is created, changed or locked */
};

struct store;

/*
 * Finds the place and opens the output folder. `m` must outlive the store; `o` need not. On success
 * *out is the caller's, to be closed by store_close(); on failure it is NULL, and one sentence with
 * what to do is logged.
 * Returns ERR_OK; ERR_NOT_FOUND (the folder that should hold it), ERR_ACCESS, ERR_EXISTS (a folder
 * where a file must be, the reverse, or a link), ERR_SPACE, ERR_LIMIT (hundreds of files of one
 * name), ERR_MEMORY, ERR_IO.
 */
enum err store_open(struct store **out, const struct metainfo *m, const struct store_options *o);
/* Closes every descriptor, and so drops the lock; frees the store. No other thread may be in a
 * call. NULL is fine. */
void store_close(struct store *s);

/*
 * Keeps a second weft away from the same output (io/store_claim). May be called right after
 * store_open(), so that nothing changes between the check and the download; makes the empty file
 * or top folder if there is none. From then on it is noticed, where the system can tell, if another
 * program writes to the files (io/store_touch). Does nothing for a read_only store. Never waits for
 * the other; what failed is logged. Returns ERR_OK, ERR_EXISTS (another weft has it, or something
 * of the wrong kind is there), ERR_ACCESS, ERR_SPACE, ERR_IO, ERR_MEMORY.
 */
enum err store_lock(struct store *s);

/* What is there now. Sizes and times are read afresh by every call. */
struct store_file_state {
  bool exists;       /* as a regular file; unless read_only also: with one link */
  bool foreign_kind; /* something else is in the way: folder, link, device, several hard links */
  bool tampered;     /* it was deleted, replaced or cut since store_prepare(); or one of the files
                        was written to by another program since store_lock() */
  bool replaced;     /* it is another file than that which store_prepare() made or found */
  bool unwatched;    /* we wrote, and nobody can tell whether another program did, too */
  mode_t mode;       /* and those below: of what is there; zero if nothing is */
  nlink_t links;
  uint64_t size;     /* bytes */
  int64_t mtime_ns;  /* since 1970 */
  int64_t born_ns;   /* when it was made; 0 also where the file system does not say */
  uint64_t ino;
};
/* Looks at m->files[file]. Padding never exists. Failures are logged once per file.
 * Returns ERR_OK, ERR_ACCESS, ERR_IO, ERR_MEMORY (no descriptor); *out is all zero then. */
enum err store_file_state(struct store *s, size_t file, struct store_file_state *out);
/* Returns true if any file is there and not empty, or something else is in the way of one. */
bool store_any_present(struct store *s);
/* Returns true if every file is there, a regular file of exactly its length. If all pieces verify
 * as well there is nothing to prepare, and no need to be allowed to write: go straight to
 * store_finish(). */
bool store_all_present(struct store *s);
/* May we read what is there? Looks by opening it. Returns false also if nothing is there. */
bool store_is_readable(const struct store *s, size_t file);
/* For io/resume: what is there under this name is the very file that the record names as ours. */
void store_vouch(struct store *s, size_t file);
/*
 * Is there anything that is somebody else's (io/store_whose)? *file becomes the first such, or
 * m->file_count: none is. To be called between the check, which found the pieces `good`, and
 * store_prepare(). Waits for the disk: may read files of which nothing is known.
 * Returns ERR_OK, ERR_ACCESS, ERR_IO, ERR_MEMORY.
 */
enum err store_find_foreign(struct store *s, const struct bitset *good, size_t *file);
/* The path of a file as a user would name it (output folder included), for messages; "" for
 * padding. Owned by `s`, never NULL, not escaped. */
const char *store_file_path(const struct store *s, size_t file);
/* The path of the file or top folder that the user asked for. Owned by `s`, not escaped. */
const char *store_top_path(const struct store *s);

/*
 * Creates folders and files that are missing and gives them their length (io/store_make). Files
 * that are longer keep their extra bytes for now. Warns when the file system has less free space
 * than is missing. Logs what failed with the file's name; if this was the first call, everything is
 * then as it was before. May be called again after store_finish() found something lost. Not while
 * others read or write. Returns ERR_OK, ERR_SPACE, ERR_ACCESS, ERR_EXISTS (something in the way),
 * ERR_IO, ERR_MEMORY.
 */
enum err store_prepare(struct store *s, enum store_allocate how);

/*
 * Writes / reads [offset, offset + len) of the torrent, which must lie inside it; padding is
 * skipped / zeros. Short writes and EINTR are continued. Any thread, any number at once. Writing
 * needs store_prepare(). Both wait for the disk. Failures are logged once per file, with what to
 * do. A file that was deleted meanwhile is written anew, which store_finish() reports.
 * Returns ERR_OK, ERR_SPACE, ERR_ACCESS, ERR_EXISTS (store_write: the file was replaced by
 * another), ERR_NOT_FOUND (store_read: the file is missing or too short; not logged), ERR_IO,
 * ERR_MEMORY (no descriptor), ERR_LIMIT (outside the torrent).
 */
enum err store_write(struct store *s, uint64_t offset, const void *data, size_t len);
enum err store_read(struct store *s, uint64_t offset, void *data, size_t len);

/*
 * fdatasync() of every file written since the last call; the first time also of those that were
 * there, as an earlier run may have been killed before it came to that. May run beside
 * store_write() in other threads: what was written before this call is on disk after it, what is
 * written meanwhile is for the next. After an error, which is logged, the caller must not trust
 * what it wrote since the last good sync. Waits for the disk. Returns ERR_OK, ERR_IO, ERR_SPACE,
 * ERR_ACCESS, ERR_MEMORY.
 */
enum err store_sync(struct store *s);

/* For io/resume: what was there at the start is on disk, an exact record says so. */
void store_trust(struct store *s);
/* For io/resume: true before the first good store_sync(), unless store_trust() was called. */
bool store_is_unsure(struct store *s);

/*
 * The end (io/store_final): is every file still the one we wrote, under its path, long enough and
 * without holes that should hold data? If another program was seen to write to one, everything is
 * hashed; if that goes on and on, it is an error. Cuts those that are too long; syncs everything,
 * and the folders. And does the path that the user named still lead there? Modes are as they were
 * created, 0666 less the umask; "executable" of BEP 47 is not applied. Needs store_prepare(). Not
 * while others write. Waits for the disk.
 * Returns ERR_OK; ERR_NOT_FOUND when something was deleted, replaced, cut or spoiled meanwhile:
 * *lost (may be NULL) then has a bit for every piece to be fetched again, after another
 * store_prepare(); ERR_IO, also when the output folder was moved or deleted; ERR_ACCESS, ERR_SPACE,
 * ERR_MEMORY.
 */
enum err store_finish(struct store *s, struct bitset *lost);

/*
 * The end of a download that came to nothing: removes the files and folders that this store has
 * made, as far as they are still its own, and cuts files that were there and empty back to that
 * (io/store_undo). What store_open() and store_lock() made goes with store_close(), so that the
 * lock holds until then. Only if no file had content when we came, as that is not brought back; and
 * before resume_remove(), so that a kill in between leaves nothing that looks like somebody else's.
 * Nothing but resume_remove() and store_close() may follow. What is left behind is logged.
 * Returns ERR_OK; ERR_ACCESS, ERR_IO, ERR_SPACE, ERR_MEMORY: something is left, keep the record.
 */
enum err store_discard(struct store *s);

/* The output folder and the names in it that the resume record (io/resume) may have: the usual one,
 * ".<top name>.weft", and the one for where that is somebody else's. The descriptor and the strings
 * stay the store's. */
int store_dirfd(const struct store *s);
const char *store_record_name(const struct store *s);
const char *store_record_spare(const struct store *s);

#endif
