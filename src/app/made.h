/*
 * made: a torrent that was made, or that would be, as text and as JSON.
 *
 * What `create` prints: the files, one per line as in `weft files`, for a dry run; then the name of
 * the torrent, its size, and what it is called from now on, one "Name: value" a line. The JSON is
 * one object with the members that cmd_create.c lists.
 */
#ifndef WEFT_APP_MADE_H
#define WEFT_APP_MADE_H

#include <stdbool.h>

#include "app/naming.h"
#include "io/tree.h"
#include "proto/geometry.h"

/* Everything stays the caller's. */
struct made {
  const char *out;             /* where the torrent is; NULL: nowhere that has a name */
  const char *name;
  const struct tree *tree;
  const struct geometry *geo;
  bool is_private;
  const struct naming *naming; /* NULL: a dry run */
};

/* Both print to standard output and return nothing; app/out knows whether that worked. */
void made_print(const struct made *k);
void made_print_json(const struct made *k);

#endif
