/*
 * torrent.c: reads a .torrent (BEP 3).
 *
 * Bencode in one paragraph: i42e is a number, 4:spam a string, l...e a list of values, d...e a
 * dictionary of string keys and values. Nothing is built in memory: a value is the span of its
 * bytes, and looking up a key walks the dictionary from its start. The info hash is the SHA-1 of
 * the span of the value under "info", byte for byte.
 */
#include "torrent.h"

#include "lab.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct span {
    const char *at;
    const char *end;
};

/* Reads the number at `at` up to `stop`; returns the first byte after the stop. */
static const char *number(const char *at, const char *end, char stop, uint64_t *out) {
    uint64_t value = 0;

    for (; at < end && *at >= '0' && *at <= '9' && value < UINT64_MAX / 16; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at >= end || *at != stop) lab_die("damaged .torrent");
    *out = value;
    return at + 1;
}

/* The string that starts at `at`; *next is the first byte after it. */
static struct span string(const char *at, const char *end, const char **next) {
    uint64_t length;
    const char *text = number(at, end, ':', &length);

    if (length > (uint64_t)(end - text)) lab_die("damaged .torrent");
    *next = text + length;
    return (struct span){text, text + length};
}

/* The first byte after the value that starts at `at`. */
static const char *skip(const char *at, const char *end) {
    size_t depth = 0;

    do {
        if (at >= end) lab_die("damaged .torrent");
        if (*at == 'd' || *at == 'l') {
            depth++;
            at++;
        } else if (*at == 'e' && depth > 0) {
            depth--;
            at++;
        } else if (*at == 'i') {
            while (at < end && *at != 'e') at++;
            at++;
        } else {
            string(at, end, &at);
        }
    } while (depth > 0);
    return at;
}

/* The value of `key` in a dictionary; a span with at == NULL when it is not there. */
static struct span get(struct span dict, const char *key) {
    const char *at = dict.at + 1;

    if (dict.at == NULL || dict.at >= dict.end || *dict.at != 'd') return (struct span){0};
    while (at < dict.end && *at != 'e') {
        struct span name = string(at, dict.end, &at);
        const char *value = at;
        at = skip(at, dict.end);
        size_t length = (size_t)(name.end - name.at);
        if (length == strlen(key) && memcmp(name.at, key, length) == 0) {
            return (struct span){value, at};
        }
    }
    return (struct span){0};
}

static uint64_t get_number(struct span dict, const char *key) {
    struct span value = get(dict, key);
    uint64_t result;

    if (value.at == NULL || *value.at != 'i') lab_die("no %s in .torrent", key);
    number(value.at + 1, value.end, 'e', &result);
    return result;
}

/* "path" of one file of a list, its elements joined by slashes. */
static char *joined_path(struct span file) {
    struct span list = get(file, "path");
    const char *at = list.at + 1;
    char *path = lab_alloc((size_t)(list.end - list.at));
    size_t used = 0;

    if (list.at == NULL || *list.at != 'l') lab_die("a file without path in .torrent");
    while (at < list.end && *at != 'e') {
        struct span part = string(at, list.end, &at);
        if (used > 0) path[used++] = '/';
        memcpy(path + used, part.at, (size_t)(part.end - part.at));
        used += (size_t)(part.end - part.at);
    }
    return path;
}

static void add_file(struct torrent *t, char *path, uint64_t length) {
    size_t bytes = (t->file_count + 1) * sizeof *t->files;
    t->files = realloc(t->files, bytes);
    if (t->files == NULL) lab_die("no memory");
    t->files[t->file_count++] = (struct torrent_file){path, length};
    t->length += length;
}

static void read_files(struct torrent *t, struct span info) {
    struct span list = get(info, "files");

    if (list.at == NULL) {
        add_file(t, lab_alloc(1), get_number(info, "length"));
        return;
    }
    t->multi = true;
    const char *at = list.at + 1;
    while (at < list.end && *at != 'e') {
        struct span file = {at, skip(at, list.end)};
        struct span attr = get(file, "attr");
        bool padding = attr.at != NULL && memchr(attr.at, 'p', (size_t)(attr.end - attr.at));
        add_file(t, padding ? NULL : joined_path(file), get_number(file, "length"));
        at = file.end;
    }
}

static struct span slurp(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) lab_die("%s", path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *bytes = lab_alloc((size_t)size);
    if (fread(bytes, 1, (size_t)size, file) != (size_t)size) lab_die("%s", path);
    fclose(file);
    return (struct span){bytes, bytes + size};
}

void torrent_load(const char *path, struct torrent *t) {
    *t = (struct torrent){0};
    struct span whole = slurp(path);
    struct span info = get(whole, "info");
    errno = 0;
    struct span pieces = get(info, "pieces");
    const char *next;

    if (info.at == NULL || pieces.at == NULL) lab_die("%s: no info or no pieces (v1)", path);
    EVP_Digest(info.at, (size_t)(info.end - info.at), t->info_hash, NULL, EVP_sha1(), NULL);
    struct span hashes = string(pieces.at, pieces.end, &next);
    t->hashes = lab_alloc((size_t)(hashes.end - hashes.at));
    memcpy(t->hashes, hashes.at, (size_t)(hashes.end - hashes.at));
    t->pieces = (uint32_t)((hashes.end - hashes.at) / 20);
    t->piece_length = (uint32_t)get_number(info, "piece length");
    read_files(t, info);
    free((void *)(uintptr_t)whole.at);
    if (t->piece_length == 0) lab_die("%s: piece length 0", path);
    if ((t->length + t->piece_length - 1) / t->piece_length != t->pieces) {
        lab_die("%s: %u piece hashes do not fit the length", path, t->pieces);
    }
}

uint32_t torrent_piece_size(const struct torrent *t, uint32_t piece) {
    uint64_t left = t->length - (uint64_t)piece * t->piece_length;
    return left < t->piece_length ? (uint32_t)left : t->piece_length;
}
