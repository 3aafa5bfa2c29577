#include "app/foreign.h"

#include <sys/stat.h>

/* What is in the place of a file, where that is not a file we could write to. */
static const char *what_is_there(const struct store_file_state *state) {
  if (state->mode == 0) return "something that is no folder is where its folder should be";
  if (S_ISREG(state->mode)) return "it has other names (hard links), which would change with it";
  if (S_ISDIR(state->mode)) return "a folder is in its place";
  if (S_ISLNK(state->mode)) return "a symbolic link is in its place, and links are never followed";
  return "something that is no regular file is in its place";
}

/* A store opened for reading alone takes a file with several names for a file like others. */
static bool is_in_the_way(const struct store_file_state *state) {
  return state->foreign_kind || (state->exists && state->links > 1);
}

enum err foreign_find(struct store *s, const struct metainfo *m, const struct bitset *good,
                      struct foreign *out) {
  struct store_file_state state = {0};
  size_t end;
  *out = (struct foreign){.file = m->file_count};
  enum err e = store_find_foreign(s, good, &end);
  for (size_t i = 0; e == ERR_OK && i < m->file_count && i <= end; i++) {
    e = store_file_state(s, i, &state);
    bool in_the_way = is_in_the_way(&state);
    if (e != ERR_OK || (!in_the_way && i < end)) continue;
    *out = (struct foreign){.file = i, .replaceable = !in_the_way,
                            .what = in_the_way ? what_is_there(&state)
                                               : "nothing shows that it is of this torrent"};
    break;
  }
  return e;
}
