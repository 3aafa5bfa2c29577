/*
 * torrent: the TORRENT argument of every command.
 *
 * A file, "-" for standard input, or an http(s) URL; its bytes are read whole (at most 64 MiB) and
 * parsed. When that fails, the user gets one sentence that says which of the many possible things
 * is wrong and what to do about it: no such file, a folder, empty, a web page instead of a torrent,
 * which field of the torrent is bad. Magnet links and info hashes are recognised and refused for
 * now.
 */
#ifndef WEFT_APP_TORRENT_H
#define WEFT_APP_TORRENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/metainfo.h"

enum { TORRENT_BYTES_MAX = 64 << 20 };

/*
 * Loads `argument` into `m`, to be freed by metainfo_free(). A URL, a pipe and standard input must
 * have given all within `timeout_ms` (0: no limit); a signal ends that, too, with a sentence. Waits
 * for the disk, standard input or the network; needs http_global_init() before. Returns EXIT_OK;
 * or, after one sentence in the log and with `m` zeroed: EXIT_BAD_TORRENT (also when there is no
 * such file), EXIT_NO_SOURCE (the URL could not be fetched, or nothing came in time), EXIT_DISK
 * (permission, read error), EXIT_RESOURCES, EXIT_USAGE ("-" on a terminal), EXIT_INTERRUPTED,
 * EXIT_TERMINATED. Main thread only, before any thread is started.
 */
int torrent_load(struct metainfo *m, const char *argument, int64_t timeout_ms);

/*
 * The two halves of torrent_load(), for whoever needs the bytes as well. The first reads what
 * `argument` names, whatever it is, into `b`, which it initialises and which the caller frees in
 * every case. The second parses them, and says in its sentences where they came from. Both return
 * what torrent_load() returns.
 */
int torrent_fetch(struct buf *b, const char *argument, int64_t timeout_ms);
int torrent_parse(struct metainfo *m, const char *argument, const struct buf *b);

/*
 * The same for whoever needs the bytes alone: those of a torrent of any version, checked, without
 * the newline that an editor may have left at their end. `b` is the caller's to free in every case.
 * Returns what torrent_load() returns.
 */
int torrent_load_bytes(struct buf *b, const char *argument, int64_t timeout_ms);

/* Does `argument` look like something torrent_load() takes, rather than like the name of a command?
 * A file that exists, "-", a URL, a magnet link, an info hash, all that has a dot or a slash. */
bool torrent_plausible(const char *argument);

/* What the bytes are if they can't be a torrent ("a web page", "compressed by gzip"); NULL if they
 * may be one. Pure. */
const char *torrent_mistaken(const uint8_t *in, size_t len);

#endif
