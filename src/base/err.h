/*
 * err: the one small set of things that can go wrong.
 *
 * Every call in weft that can fail returns an `enum err`, zero for success. The code says what
 * kind of failure it was, so that a caller can choose what to do (try another peer, stop, exit
 * with 5); the sentence for the user is logged once, where the failure was first seen, because
 * only that place knows the file, the peer or the byte. Nothing carries strings up the stack.
 */
#ifndef WEFT_BASE_ERR_H
#define WEFT_BASE_ERR_H

enum err {
  ERR_OK = 0,
  ERR_TIMEOUT,   /* the absolute deadline passed */
  ERR_CLOSED,    /* the other side ended the connection, or a channel was closed */
  ERR_REFUSED,   /* nobody listens there, reset: the network said no */
  ERR_NO_ROUTE,  /* no way to there: no route, no address of that family, forbidden */
  ERR_PROTOCOL,  /* the other side broke the protocol */
  ERR_FORMAT,    /* bytes that are not what they should be: torrent, record, reply */
  ERR_LIMIT,     /* a bound of ours would be passed: too long, too deep, too many */
  ERR_UNSUPPORTED, /* well formed, but something we do not do */
  ERR_NOT_FOUND, /* no such file, key or host */
  ERR_EXISTS,    /* something is in the way: a foreign file, a lock, a duplicate */
  ERR_SPACE,     /* disk full or quota */
  ERR_ACCESS,    /* permission, read-only file system */
  ERR_IO,        /* the disk failed */
  ERR_MEMORY,    /* no memory, threads or descriptors */
  ERR_MISMATCH,  /* data do not have the hash they should have */
  ERR_CANCELLED, /* somebody asked us to stop */
  ERR_COUNT
};

/* A short lower-case phrase for `e` ("timed out"), for logs. Never NULL; any value is allowed. */
const char *err_name(enum err e);

/*
 * The code for an errno value of a file or system call: ENOSPC, EDQUOT and EFBIG -> ERR_SPACE;
 * EACCES, EPERM, EROFS -> ERR_ACCESS; ENOENT -> ERR_NOT_FOUND; EEXIST -> ERR_EXISTS; ENOMEM,
 * EMFILE, ENFILE, EAGAIN (of pthread_create) -> ERR_MEMORY; anything else -> ERR_IO. Never
 * ERR_OK.
 */
enum err err_from_errno(int errnum);

#endif
