#include "app/exits.h"

int exits_of(enum err e) {
  if (e == ERR_OK) return EXIT_OK;
  return e == ERR_MEMORY ? EXIT_RESOURCES : e == ERR_FORMAT ? EXIT_BAD_TORRENT : EXIT_DISK;
}
