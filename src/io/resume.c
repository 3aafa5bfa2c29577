#include "io/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/rd.h"
#include "base/sha1.h"
#include "io/store_beneath.h"
#include "io/store_record.h"

enum { MAGIC_LEN = 8, HEAD_LEN = MAGIC_LEN + 20 + 4 + 4, FILE_LEN = 1 + 8 + 8 + 8 + 8 };
enum { SETTLE_MS = 40, SETTLE_STEP_MS = 4 }; /* a tick of the clock of files is 1 to 10 ms */

/* ---- the bytes ------------------------------------------------------------------------------- */

size_t resume_len(const struct metainfo *m) {
  return HEAD_LEN + m->file_count * FILE_LEN + bitset_wire_len(m->geo.pieces) + SHA1_LEN;
}

static uint8_t *put64(uint8_t *p, uint64_t v) {
  be32_put(p, (uint32_t)(v >> 32));
  be32_put(p + 4, (uint32_t)v);
  return p + 8;
}

enum err resume_build(uint8_t *out, const struct metainfo *m, const struct bitset *done,
                      const struct resume_file *files) {
  uint8_t *p = out;
  memcpy(p, STORE_RECORD_MAGIC, MAGIC_LEN);
  memcpy(p + MAGIC_LEN, m->info_hash, sizeof m->info_hash);
  be32_put(p + MAGIC_LEN + 20, m->geo.pieces);
  be32_put(p + MAGIC_LEN + 24, (uint32_t)m->file_count);
  p += HEAD_LEN;
  for (size_t i = 0; i < m->file_count; i++) {
    *p++ = files[i].answered;
    p = put64(p, files[i].size);
    p = put64(p, (uint64_t)files[i].mtime_ns);
    p = put64(p, (uint64_t)files[i].born_ns);
    p = put64(p, files[i].ino);
  }
  bitset_to_wire(done, p);
  p += bitset_wire_len(m->geo.pieces);
  sha1_once(out, (size_t)(p - out), p);
  static const uint8_t failed[SHA1_LEN];
  return memcmp(p, failed, SHA1_LEN) == 0 ? ERR_MEMORY : ERR_OK;
}

/* The fixed part: is it a record, of our version, for this torrent? */
static bool head_fits(struct rd *r, const struct metainfo *m) {
  const uint8_t *magic = rd_bytes(r, MAGIC_LEN);
  const uint8_t *hash = rd_bytes(r, sizeof m->info_hash);
  uint32_t pieces = rd_u32(r), files = rd_u32(r);
  return magic != NULL && hash != NULL && memcmp(magic, STORE_RECORD_MAGIC, MAGIC_LEN) == 0 &&
         memcmp(hash, m->info_hash, sizeof m->info_hash) == 0 && pieces == m->geo.pieces &&
         files == m->file_count;
}

static bool parse(const uint8_t *in, size_t len, const struct metainfo *m, struct bitset *done,
                  struct resume_file *files) {
  if (len != resume_len(m)) return false;
  uint8_t hash[SHA1_LEN];
  sha1_once(in, len - SHA1_LEN, hash);
  if (memcmp(hash, in + len - SHA1_LEN, SHA1_LEN) != 0) return false;
  struct rd r;
  rd_init(&r, in, len - SHA1_LEN);
  if (!head_fits(&r, m)) return false;
  for (size_t i = 0; i < m->file_count; i++) {
    uint8_t answered = rd_u8(&r);
    if (answered > 1) return false;
    files[i].answered = answered;
    files[i].size = rd_u64(&r);
    files[i].mtime_ns = (int64_t)rd_u64(&r);
    files[i].born_ns = (int64_t)rd_u64(&r);
    files[i].ino = rd_u64(&r);
  }
  size_t wire_len = bitset_wire_len(m->geo.pieces);
  const uint8_t *wire = rd_bytes(&r, wire_len);
  return wire != NULL && bitset_from_wire(done, wire, wire_len);
}

enum err resume_parse(const void *in, size_t len, const struct metainfo *m, struct bitset *done,
                      struct resume_file *files) {
  if (parse(in, len, m, done, files)) return ERR_OK;
  bitset_reset(done);
  return ERR_FORMAT;
}

/* ---- names ----------------------------------------------------------------------------------- */

enum { NAME_LEN = 256, NAMES = 2 };

/* The names that the record may have, in the order in which they are looked at. */
static void names_of(const struct store *s, const char *out[static NAMES]) {
  out[0] = store_record_name(s);
  out[1] = store_record_spare(s);
}

/* The name of a record before it is renamed. The length is seen to by store_where. */
static void temporary_name(const char *name, char out[static NAME_LEN]) {
  snprintf(out, NAME_LEN, "%s.new", name);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Reads up to `len` bytes. Returns how many came, or -1. */
static ssize_t read_all(int fd, uint8_t *data, size_t len) {
  size_t have = 0;
  while (have < len) {
    ssize_t n = read(fd, data + have, len - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    have += (size_t)n;
  }
  return (ssize_t)have;
}

static enum err complain(const struct store *s, const char *name, const char *what, int errnum) {
  log_error("the resume record %s (beside %s) %s: %s", name, store_top_path(s), what,
            store_beneath_why(errnum));
  return store_beneath_in_the_way(errnum) ? ERR_EXISTS : err_from_errno(errnum);
}

/* The bytes of the record into `data`, which has `len`. ERR_NOT_FOUND: there is none; ERR_FORMAT:
 * it is no file, or not that long. */
static enum err read_record(const struct store *s, const char *name, uint8_t *data, size_t len) {
  int fd = store_beneath_open(store_dirfd(s), name, O_RDONLY, 0);
  if (fd < 0 && errno == ENOENT) return ERR_NOT_FOUND;
  if (fd < 0 && store_beneath_in_the_way(errno)) return ERR_FORMAT;
  if (fd < 0) return complain(s, name, "cannot be opened", errno);
  struct stat st;
  enum err e = ERR_OK;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != len) {
    e = ERR_FORMAT;
  } else {
    ssize_t n = read_all(fd, data, len);
    if (n < 0) e = complain(s, name, "cannot be read", errno);
    if (n >= 0 && (size_t)n != len) e = ERR_FORMAT;
  }
  close(fd);
  return e;
}

/* Does the record claim a piece of the file that lies beyond its recorded end? No honest one does.
 * */
static bool claims_too_much(const struct metainfo *m, size_t file, const struct resume_file *r,
                            const struct bitset *done) {
  const struct metainfo_file *f = &m->files[file];
  uint64_t size = r->answered ? r->size : 0;
  if (f->padding || size >= f->length) return false;
  size_t first = (size_t)((f->offset + size) / m->geo.piece_len);
  size_t last = (size_t)((f->offset + f->length - 1) / m->geo.piece_len);
  return bitset_next(done, first) <= last;
}

/* The inode number may have been given to another file since, but not its time of birth. */
static bool is_same_file(const struct resume_file *r, const struct store_file_state *now) {
  return now->ino == r->ino &&
         (now->born_ns == r->born_ns || now->born_ns == 0 || r->born_ns == 0);
}

/* Is what is there, with whatever content, the file that the record names? We never cut a file, and
 * make none longer than it should be. */
static bool is_named(const struct resume_file *r, const struct store_file_state *now,
                     uint64_t length) {
  if (!now->exists || r->ino == 0) return false;
  if (now->size == r->size && now->mtime_ns == r->mtime_ns) return true;
  return is_same_file(r, now) && now->size >= r->size &&
         now->size <= (r->size > length ? r->size : length);
}

/* Are all files what the record says? Vouches for those that it names. */
static enum err compare(struct store *s, const struct metainfo *m, const struct bitset *done,
                        const struct resume_file *files, bool *exact) {
  *exact = true;
  for (size_t i = 0; i < m->file_count; i++) {
    const struct resume_file *r = &files[i];
    struct store_file_state now;
    enum err e = store_file_state(s, i, &now);
    if (e != ERR_OK) return e;
    if (is_named(r, &now, m->files[i].length)) store_vouch(s, i);
    bool same = now.exists == r->answered &&
                (!now.exists || (now.size == r->size && now.mtime_ns == r->mtime_ns &&
                                 is_same_file(r, &now)));
    if (same && !now.foreign_kind && !claims_too_much(m, i, r, done)) continue;
    if (*exact)
      log_info("%s has changed since the resume record was written", store_file_path(s, i));
    *exact = false;
  }
  return ERR_OK;
}

/* The first record under our names that is one. ERR_NOT_FOUND: there is none. */
static enum err find_record(const struct store *s, const struct metainfo *m, uint8_t *data,
                            size_t len, struct bitset *done, struct resume_file *files) {
  const char *names[NAMES];
  names_of(s, names);
  for (size_t i = 0; i < NAMES; i++) {
    enum store_record what = store_record_look(store_dirfd(s), names[i], m->info_hash);
    if (what == STORE_RECORD_NONE || what == STORE_RECORD_THEIRS) continue;
    enum err e = read_record(s, names[i], data, len);
    if (e == ERR_OK) e = resume_parse(data, len, m, done, files);
    if (e != ERR_FORMAT && e != ERR_NOT_FOUND) return e;
    if (e == ERR_FORMAT)
      log_info("the resume record %s is damaged or of another version; it is ignored", names[i]);
  }
  return ERR_NOT_FOUND;
}

enum err resume_load(struct store *s, const struct metainfo *m, struct bitset *done,
                     struct resume_state *state) {
  *state = (struct resume_state){0};
  bitset_reset(done);
  size_t len = resume_len(m);
  uint8_t *data = malloc(len);
  struct resume_file *files = calloc(m->file_count, sizeof *files);
  enum err e = data && files ? find_record(s, m, data, len, done, files) : ERR_MEMORY;
  if (e == ERR_OK) {
    state->ours = true;
    e = compare(s, m, done, files, &state->exact);
    if (state->exact) store_trust(s);
  } else if (e == ERR_NOT_FOUND) {
    e = ERR_OK;
  }
  free(files);
  free(data);
  return e;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int write_all(int fd, const uint8_t *data, size_t len) {
  while (len > 0) {
    ssize_t n = write(fd, data, len);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : EIO;
    data += n;
    len -= (size_t)n;
  }
  return 0;
}

/* Writes and syncs the file under the temporary name. 0 or the errno value. */
static int write_temporary(int dirfd, const char *name, const uint8_t *data, size_t len) {
  if (store_beneath_unlink(dirfd, name, 0) != 0 && errno != ENOENT) return errno;
  int fd = store_beneath_open(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (fd < 0) return errno;
  int errnum = write_all(fd, data, len);
  if (errnum == 0 && fsync(fd) != 0) errnum = errno;
  if (close(fd) != 0 && errnum == 0 && errno != EINTR) errnum = errno;
  return errnum;
}

/* The download goes on without a new record: `what` failed. */
static enum err regret(const struct store *s, const char *name, const char *what, int errnum) {
  log_warn("the resume record %s (beside %s) %s (%s): the next run will look over all that is "
           "there", name, store_top_path(s), what, strerror(errnum));
  return store_beneath_in_the_way(errnum) ? ERR_EXISTS : err_from_errno(errnum);
}

/* Finds the name under which nothing is lost. False: there is none. Unless `begun`, tells what is
 * left alone. */
static bool choose_name(const struct store *s, const struct metainfo *m, bool begun,
                        const char **name, char temporary[static NAME_LEN]) {
  const char *names[NAMES];
  names_of(s, names);
  for (size_t i = 0; i < NAMES; i++) {
    *name = names[i];
    temporary_name(names[i], temporary);
    int dirfd = store_dirfd(s);
    bool record = store_record_look(dirfd, names[i], m->info_hash) != STORE_RECORD_THEIRS;
    bool fresh = store_record_look(dirfd, temporary, m->info_hash) != STORE_RECORD_THEIRS;
    if (record && fresh) return true;
    if (!begun && strcmp(names[i], names[NAMES - 1]) != 0)
      log_warn("%s (beside %s) is no resume record of this torrent and is left alone; the record "
               "is called %s", record ? temporary : names[i], store_top_path(s), names[i + 1]);
  }
  return false;
}

static enum err replace(const struct store *s, const struct metainfo *m, const uint8_t *data,
                        size_t len, bool begun) {
  enum err (*tell)(const struct store *, const char *, const char *, int) =
      begun ? regret : complain;
  char temporary[NAME_LEN];
  int dirfd = store_dirfd(s);
  const char *name;
  if (!choose_name(s, m, begun, &name, temporary))
    return tell(s, name, "cannot be written", EEXIST);
  int errnum = write_temporary(dirfd, temporary, data, len);
  if (errnum == 0 && renameat(dirfd, temporary, dirfd, name) != 0) errnum = errno;
  if (errnum != 0) {
    store_beneath_unlink(dirfd, temporary, 0);
    return tell(s, name, "cannot be written", errnum);
  }
  if (store_beneath_sync_parent(dirfd, name) != 0) return tell(s, name, "cannot be synced", errno);
  return ERR_OK;
}

/* `newest` gets the time of the last change of any that is answered for. */
static enum err note_files(struct store *s, const struct metainfo *m, const struct bitset *done,
                           struct resume_file *files, int64_t *newest) {
  *newest = INT64_MIN;
  for (size_t i = 0; i < m->file_count; i++) {
    struct store_file_state now;
    enum err e = store_file_state(s, i, &now);
    if (e != ERR_OK) return e;
    files[i] = (struct resume_file){0};
    if (!now.exists || now.replaced) continue;
    files[i] = (struct resume_file){
      .size = now.size, .mtime_ns = now.mtime_ns, .born_ns = now.born_ns, .ino = now.ino};
    /* What was tampered with lacks pieces that `done` has, so it is checked again. */
    if (done->count == 0 || now.tampered || now.unwatched) continue;
    files[i].answered = true;
    if (now.mtime_ns > *newest) *newest = now.mtime_ns;
  }
  return ERR_OK;
}

/* Could a change that comes now get the same time? Files get theirs from this clock, which
 * stands still for up to 10 ms; one that claims a later year is none of our concern. */
static bool is_fresh(int64_t mtime_ns) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME_COARSE, &t);
  int64_t now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
  return mtime_ns >= now && mtime_ns - now < INT64_C(1000000) * SETTLE_MS;
}

/* Notes the files when their times have settled; if they are written to all the while, the record
 * will not fit them anyway. */
static enum err note_settled(struct store *s, const struct metainfo *m, const struct bitset *done,
                             struct resume_file *files) {
  int64_t newest;
  enum err e = note_files(s, m, done, files, &newest);
  for (int waited = 0; e == ERR_OK && waited < SETTLE_MS && is_fresh(newest);
       waited += SETTLE_STEP_MS) {
    poll(NULL, 0, SETTLE_STEP_MS);
    e = note_files(s, m, done, files, &newest);
  }
  return e;
}

static enum err save(struct store *s, const struct metainfo *m, const struct bitset *done,
                     bool begun) {
  size_t len = resume_len(m);
  uint8_t *data = malloc(len);
  struct resume_file *files = calloc(m->file_count, sizeof *files);
  enum err e = data && files ? ERR_OK : ERR_MEMORY;
  if (e == ERR_OK && done->count > 0 && store_is_unsure(s)) e = store_sync(s);
  if (e == ERR_OK) e = note_settled(s, m, done, files);
  if (e == ERR_OK) e = resume_build(data, m, done, files);
  if (e == ERR_OK) e = replace(s, m, data, len, begun);
  free(files);
  free(data);
  return e;
}

enum err resume_save(struct store *s, const struct metainfo *m, const struct bitset *done) {
  return save(s, m, done, false);
}

enum err resume_renew(struct store *s, const struct metainfo *m, const struct bitset *done) {
  return save(s, m, done, true);
}

enum err resume_remove(struct store *s, const struct metainfo *m) {
  const char *names[NAMES];
  enum err e = ERR_OK;
  names_of(s, names);
  for (size_t i = 0; i < 2 * NAMES; i++) {
    char temporary[NAME_LEN];
    temporary_name(names[i / 2], temporary);
    const char *name = i % 2 == 0 ? names[i / 2] : temporary;
    enum store_record what = store_record_look(store_dirfd(s), name, m->info_hash);
    bool ours = what == STORE_RECORD_OURS || (what == STORE_RECORD_BLANK && name == temporary);
    if (ours && store_beneath_unlink(store_dirfd(s), name, 0) != 0 && errno != ENOENT)
      e = complain(s, name, "cannot be removed", errno);
  }
  return e;
}
