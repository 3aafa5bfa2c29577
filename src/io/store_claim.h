/*
 * store_claim: keeps a second weft away from the same output.
 *
 * The lock is an exclusive flock() on what is downloaded itself: on the top folder of a torrent
 * with many files, on the payload file of a single-file torrent. So no lock file is ever left
 * behind, and the lock is gone with the process however that ends. What is to be locked must exist;
 * if it does not, the claim makes it, an empty folder or file, and remembers to remove it again if
 * the download comes to nothing. (An empty file counts as nothing in the way, so a kill in between
 * does no harm.)
 *
 * Between opening and locking, another weft may have removed its own empty claim: then we hold
 * a lock on something without a name. So the name is looked at again after locking, and if it leads
 * elsewhere everything starts over.
 *
 * Where the file system has no locks (some network ones) the claim is granted and a log line says
 * so.
 */
#ifndef WEFT_IO_STORE_CLAIM_H
#define WEFT_IO_STORE_CLAIM_H

#include <stdbool.h>

#include "base/err.h"

struct store_claim {
  int fd;    /* holds the lock; -1: none */
  bool made; /* we made the file or folder that is locked */
};

/* No claim yet. */
#define STORE_CLAIM_NONE ((struct store_claim){.fd = -1})

/*
 * Locks `top`, one element, in the folder `dirfd`; a folder if `folder`, else a file. `shown` names
 * it in messages. Does not wait. What failed is logged.
 * Returns ERR_OK; ERR_EXISTS (another weft has it, or a link or something of the wrong kind is
 * there), ERR_ACCESS, ERR_SPACE, ERR_MEMORY, ERR_IO.
 */
enum err store_claim_take(struct store_claim *c, int dirfd, const char *top, const char *shown,
                          bool folder);

/* Ends the claim. What it made is removed if it is still empty and `keep` is false. Safe without a
 * claim. */
void store_claim_drop(struct store_claim *c, int dirfd, const char *top, bool folder, bool keep);

#endif
