/*
 * info_json: everything that a torrent says, as one JSON object.
 *
 *   version               of this format: 1
 *   name                  ours where the torrent has none: ""
 *   info_hash, info_hash_v2 (only of a hybrid), info_offset, info_length: which bytes are hashed
 *   torrent_length        bytes of the .torrent file
 *   length, length_with_padding, piece_length, pieces
 *   multi_file, private, hybrid, canonical
 *   source, comment, created_by, encoding (null where absent), creation_date (left out then)
 *   trackers              a list of tiers, each a list of URLs
 *   web_seeds, http_seeds, nodes [{host, port}]
 *   files                 as in `weft files --json`
 *   piece_hashes          all of them
 *   warnings              [{code, text}], see torrent_odd.h
 *   departures            [{at, code, text}] from canonical encoding, all of them
 *
 * Strings that are not UTF-8 are "hex:" and digits, as in every JSON of weft (base/json).
 */
#ifndef WEFT_APP_INFO_JSON_H
#define WEFT_APP_INFO_JSON_H

#include "app/torrent_odd.h"
#include "proto/canon.h"
#include "proto/metainfo.h"

/* Prints the object and a newline through app/out. Main thread; waits only for a slow reader.
 * Returns nothing: app/out knows what went wrong. */
void info_json_print(const struct metainfo *m, const struct canon *c,
                     const struct torrent_odd *odd);

#endif
