/*
 * escape: the only way for text from outside to reach a terminal, a log or JSON.
 *
 * Names in torrents, messages of trackers and versions of clients are bytes that a stranger
 * chose. Printed as they are they can move the cursor, set the window's title, reverse the
 * reading order or fake a line of ours. escape_term() keeps printable UTF-8 and writes everything
 * else visibly:
 *   - bytes below 0x20, 0x7f, and bytes that are not valid UTF-8 (overlong forms and surrogates
 *     among them) as \xNN;
 *   - C1 controls, bidi controls and marks (U+061C, U+200B-200F, U+2028-202E, U+2060-206F),
 *     U+FEFF, and noncharacters as \u{N...};
 *   - a backslash as \\, so the result can be read back without doubt.
 * escape_json() writes the inside of a JSON string, in ASCII only: every character outside
 * 0x20..0x7e and each of " \ < > & as \uNNNN (pairs above U+FFFF). Text it takes, not bytes: what
 * is not UTF-8 becomes \ufffd. base/json has a way for bytes, in which nothing is lost.
 */
#ifndef WEFT_BASE_ESCAPE_H
#define WEFT_BASE_ESCAPE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Both write at most `size` bytes into `out`, always with a NUL at the end (size must be > 0), and
 * never cut an escape or a character in two: what does not fit is left out. `in` may hold NULs.
 * Return the length written, without the NUL. `out` may not overlap `in`.
 * Enough room for everything: 6 * len + 1 (term: 8 * len + 1).
 */
size_t escape_term(const char *in, size_t len, char *out, size_t size);
size_t escape_json(const char *in, size_t len, char *out, size_t size);

/*
 * Decodes one UTF-8 character at in[0..len), len > 0. Returns its length in bytes (1 to 4) and
 * sets *cp, or returns 0 if the bytes are not valid UTF-8 (overlong, surrogate, above U+10FFFF,
 * cut off).
 */
size_t escape_utf8(const uint8_t *in, size_t len, uint32_t *cp);

#endif
