/*
 * glob: names chosen by pattern.
 *
 *   *      any characters but '/', also none
 *   **     any characters, '/' among them; with a '/' behind it: any number of folders, also none
 *   ?      one character but '/'
 *   [a-z]  one of these; [!a-z] or [^a-z]: none of these; never '/'
 *   \x     the character x itself
 *
 * A character is one of UTF-8, or one byte where the bytes are not UTF-8. A '[' without its ']'
 * stands for itself, so every text is a pattern. Matching is exact: upper and lower case differ, a
 * dot in front of a name is nothing special. No recursion; the time grows at worst with the square
 * of the text's length.
 */
#ifndef WEFT_BASE_GLOB_H
#define WEFT_BASE_GLOB_H

#include <stdbool.h>

/* Does `pattern` match the whole of `text`? Never waits; any thread. */
bool glob_match(const char *pattern, const char *text);

/*
 * Does `pattern` mean the file or folder at `path`, whose elements are joined by single '/'? A
 * pattern without '/' is compared with the last element alone, so that "*.tmp" is found at any
 * depth; one with a '/' (a first one is dropped) with the whole path. A '/' at the end is dropped,
 * too, and means folders only. Never waits; any thread.
 */
bool glob_match_path(const char *pattern, const char *path, bool is_folder);

#endif
