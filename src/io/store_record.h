/*
 * store_record: is it a resume record of ours that lies under a name?
 *
 * A record has a name that anybody may have given to a file of his own, and another torrent of the
 * same name has its record there. So whoever replaces or removes what lies there looks first. Ours
 * is what begins as every record of this torrent does, of whatever version and however damaged
 * further on (io/resume finds that out). An empty file, or one that ends within that beginning, is
 * what a kill leaves of a record that was just being written; there is nothing to lose in it.
 * Anything else is somebody else's: other files, links, folders, and what can't be read.
 */
#ifndef WEFT_IO_STORE_RECORD_H
#define WEFT_IO_STORE_RECORD_H

#include <stdint.h>

/* Every resume record starts with these 8 bytes, of which the last is the version, and then the
 * info hash; io/resume writes the rest. */
#define STORE_RECORD_MAGIC "weftres2"

enum store_record {
  STORE_RECORD_NONE,  /* nothing is there */
  STORE_RECORD_BLANK, /* nothing, or the beginning of one of ours */
  STORE_RECORD_OURS,
  STORE_RECORD_THEIRS
};

/* What lies under `name`, one element, in the folder `dirfd`? A look, without the checks of
 * io/resume. Waits for the disk. Returns one of the above. */
enum store_record store_record_look(int dirfd, const char *name,
                                    const uint8_t info_hash[static 20]);

#endif
