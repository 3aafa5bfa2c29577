/*
 * torrent_odd: what is odd about a torrent, in sentences.
 *
 * A torrent can be valid and yet be a surprise: private without a tracker that could tell of peers,
 * file names that cannot stay as they are, two files in one place, bytes that another program would
 * write otherwise. None of it keeps weft from downloading; each is a warning of `weft info`. A
 * warning has a short code, which scripts may rely on, and a sentence that says how many there are
 * and names the first.
 *
 *   private-no-tracker  private, so only trackers may tell of peers; there is none (BEP 27)
 *   private-nodes       private, and yet it names nodes of the DHT
 *   private-value       "private" is neither 0 nor 1, so programs differ in what it means
 *   no-source           no tracker, no web seed, no DHT node
 *   tracker-scheme      a tracker that is asked by no protocol that weft knows
 *   tracker-repeated    a tracker is listed more than once
 *   tracker-not-listed  "announce" is not in "announce-list", which replaces it (BEP 12)
 *   tracker-unusable    an entry of "announce-list" that is no URL, or one beyond the limits
 *   no-name, empty      there is no name; there is no data
 *   unsafe-name         a name that has to be changed to be saved (io/store_path)
 *   same-path           a file has, once its name is safe, the path of another
 *   case-clash          paths that differ in the case of letters only
 *   file-and-folder     a file has the path of a folder
 *   too-many-alike      so many of those that the files can't be told apart; it is refused
 *   symlink             symbolic links, which are not made (BEP 47)
 *   piece-length        no power of two, or below 16 KiB, or above 16 MiB
 *   date                made before there was BitTorrent, or in the future
 *   unknown-key         keys of "info" that weft does not know: they change the info hash
 *   not-canonical       the encoding departs from its canonical form (proto/canon)
 */
#ifndef WEFT_APP_TORRENT_ODD_H
#define WEFT_APP_TORRENT_ODD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/canon.h"
#include "proto/metainfo.h"

enum { TORRENT_ODD_MAX = 24, TORRENT_ODD_TEXT = 1400 };

struct torrent_odd {
  struct {
    const char *code;            /* static */
    char text[TORRENT_ODD_TEXT]; /* fit for a terminal, names escaped, no full stop */
  } all[TORRENT_ODD_MAX];
  size_t count;
};

/*
 * Fills `odd` with what is odd about `m`, which was parsed from the bytes that `c` has read, at the
 * time of `now` seconds since 1970. Needs memory in proportion to the names; waits for nothing.
 * Returns ERR_OK or ERR_MEMORY; there is nothing to free.
 */
enum err torrent_odd_find(struct torrent_odd *odd, const struct metainfo *m, const struct canon *c,
                          int64_t now);

#endif
