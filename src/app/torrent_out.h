/*
 * torrent_out: where a torrent that was made goes, and what of it comes from options.
 *
 * `create` and `edit` write a .torrent the same way: whole or not at all (io/whole_file), never
 * over something that is there without being told to, and never over what is not a torrent; or to
 * standard output for "-", which then gets nothing else. Both read trackers and web seeds from the
 * same options.
 */
#ifndef WEFT_APP_TORRENT_OUT_H
#define WEFT_APP_TORRENT_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "app/options.h"
#include "base/buf.h"
#include "base/err.h"
#include "proto/tiers.h"

/* Help texts that both commands show. */
#define TORRENT_OUT_TIERS \
  "each one is a tier of its own, asked in this\n" \
  "order; commas put several into one tier"

/*
 * The path of the .torrent: `output` itself, or in it if it is a folder or ends in "/"; in the
 * current folder if it is NULL; there under `name` with ".torrent" behind it. "-" stays. Returns a
 * string that the caller frees, NULL when memory ran out.
 */
char *torrent_out_path(const char *output, const char *name);
/* Is it standard output? */
bool torrent_out_is_stdout(const char *path);
/* Looks whether `path` can be written. Returns an exit code, after one sentence in the log if it is
 * not EXIT_OK: EXIT_DISK; EXIT_USAGE for standard output that is a terminal, and for a file that is
 * to be replaced and holds something else than a torrent. Waits for the disk. */
int torrent_out_check(const char *path, bool replace);
/* Is the file `path` certainly a torrent, of whatever version? Returns ERR_OK if it is; ERR_FORMAT
 * if not, or if it can't be read; ERR_MEMORY. Waits for the disk. */
enum err torrent_out_recognise(const char *path);
/* Checks again, and writes it; empties `torrent`. Returns as above. Signals wait meanwhile. */
int torrent_out_write(const char *path, struct buf *torrent, bool replace);

/* Adds the trackers of an option. Returns EXIT_OK, EXIT_USAGE or EXIT_RESOURCES, told. */
int torrent_out_tiers(struct tiers *t, const char *option, const struct options_list *texts);
/* Are these URLs of web seeds? Returns EXIT_OK, or EXIT_USAGE, told. */
int torrent_out_web_seeds(const char *option, const struct options_list *urls);

#endif
