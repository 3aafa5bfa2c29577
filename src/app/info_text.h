/*
 * info_text: a torrent as a page for people.
 *
 * First the lines of the CodeCrafters exercise, in its order and spelling, then what else there is
 * to say: name, size, version 2, flags, texts; then sections for trackers by tier, web seeds, DHT
 * nodes and files; at the end, where the eye is, what is odd. Sections and lines for what a torrent
 * does not say are left out. Our own words and remarks are wrapped to the terminal's width, 80
 * columns where there is none; what is to be copied, hashes, URLs, names of files, never is. Prints
 * through app/out; main thread only; waits only for a slow reader.
 */
#ifndef WEFT_APP_INFO_TEXT_H
#define WEFT_APP_INFO_TEXT_H

#include <stdbool.h>

#include "app/torrent_odd.h"
#include "base/err.h"
#include "proto/metainfo.h"

/* Prints "Tracker URL: ", "Length: ", "Info Hash: ", "Piece Length: " and "Piece Hashes:" with one
 * hash on each line: at most 64 of them, or with `all` however many; of more, only the number.
 * Without a tracker its line says "none". */
void info_text_basics(const struct metainfo *m, bool all);

/* Prints everything else. Returns ERR_OK or ERR_MEMORY. */
enum err info_text_page(const struct metainfo *m, const struct torrent_odd *odd);

#endif
