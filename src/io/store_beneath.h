/*
 * store_beneath: file system calls that cannot leave a folder.
 *
 * Every path here is relative to a descriptor, its elements joined by single '/', and was made from
 * a stranger's words. However clean the words are, what lies on the disk is another matter: a
 * symbolic link that was planted there, or that appears between two calls, would lead anywhere. So
 * the kernel itself is told to stay inside: openat2() with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and
 * RESOLVE_NO_MAGICLINKS resolves the whole path in one call without ever following a link. Where it
 * is missing (Linux before 5.6) or forbidden (some seccomp filters), or the path is longer than one
 * call takes, the path is walked element by element with O_NOFOLLOW, holding each folder open:
 * slower, and as safe.
 *
 * Calls that have no such form (mkdir, unlink) are made with a single element, in a folder that was
 * opened this way. All return -1 and set errno as the system calls do; paths that are absolute,
 * empty or hold an element "", "." or ".." fail with EXDEV. Any thread may call; they wait only for
 * the disk.
 */
#ifndef WEFT_IO_STORE_BENEATH_H
#define WEFT_IO_STORE_BENEATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Opens `path`; O_NOFOLLOW, O_CLOEXEC, O_NOCTTY and O_NONBLOCK (a FIFO must not make us wait) are
 * added to `flags`. Returns a descriptor that the caller closes, or -1: among others ELOOP or
 * ENOTDIR when a link is in the way. With O_PATH a link as the last element is opened itself. */
int store_beneath_open(int dirfd, const char *path, int flags, mode_t mode);

/* What is there, links not followed. Returns 0 or -1. */
int store_beneath_stat(int dirfd, const char *path, struct stat *st);

/* When what is behind `fd` was made, in ns since 1970; 0: the file system does not say. No two
 * files that had one inode number after each other share it. */
int64_t store_beneath_born(int fd);

/* Makes every folder above `path`'s last element that is missing, one element at a time, 0777 less
 * the umask. *there becomes the length of the part of `path` that was there: what lies below it
 * this call made, also if it failed half way; strlen(path): it made none. Returns 0, also when they
 * were all there, or -1 (ELOOP, ENOTDIR: something else is). */
int store_beneath_parents(int dirfd, const char *path, size_t *there);

/* Makes one folder, whose parents exist. Returns 0 or -1 (EEXIST and so on). */
int store_beneath_mkdir(int dirfd, const char *path);

/* unlinkat(): `flags` 0 or AT_REMOVEDIR. A link is removed, not what it points to. Returns 0 or -1.
 * */
int store_beneath_unlink(int dirfd, const char *path, int flags);

/* fsync() of the folder that holds `path`'s last element, so that the entry survives a power cut.
 * Returns 0, also where folders cannot be synced, or -1. */
int store_beneath_sync_parent(int dirfd, const char *path);

/* Is this what an open answers when no file of ours can be there because something else is: a link,
 * a folder, a file where a folder should be, a device? */
bool store_beneath_in_the_way(int errnum);

/* A reason in words for an errno value, with what the user can do about it. Never NULL. */
const char *store_beneath_why(int errnum);

/* For tests: true makes every call walk, as on an old kernel. */
void store_beneath_force_walk(bool on);

#endif
