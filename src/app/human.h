/*
 * human: numbers as people read them.
 *
 * Sizes are 1024-based and say so where there is room ("48.1 MiB"); the progress line uses the
 * short form ("48.1M"). Percentages are cut, not rounded, so that 100.0 appears only when
 * everything is there. Times are clock-like ("0:23", "1:02:03"). Each function writes into the
 * caller's buffer and returns it, so several fit into one printf.
 */
#ifndef WEFT_APP_HUMAN_H
#define WEFT_APP_HUMAN_H

#include <stddef.h>
#include <stdint.h>

enum { HUMAN_MAX = 24 }; /* every text below fits, with its NUL */

/* "512 B", "1.5 KiB", "48.1 MiB", ... up to EiB. Returns `out`. */
const char *human_size(uint64_t bytes, char out[static HUMAN_MAX]);
/* At most 5 characters: "512B", "1.5K", "48.1M", "612M". Returns `out`. */
const char *human_short(uint64_t bytes, char out[static HUMAN_MAX]);
/* "0:23", "12:05", "1:02:03", "3d 04h" from 100 hours on. Negative counts as 0. Returns `out`. */
const char *human_time(int64_t ms, char out[static HUMAN_MAX]);
/* `part` of `whole` in per cent with one decimal, cut: "57.3". 100.0 when whole is 0. Returns
 * `out`. */
const char *human_percent(uint64_t part, uint64_t whole, char out[static HUMAN_MAX]);
/* bytes per second over `ms` milliseconds; 0 when ms <= 0. */
uint64_t human_rate(uint64_t bytes, int64_t ms);
/* "" for one, "s" for any other number. */
const char *human_plural(uint64_t n);

#endif
