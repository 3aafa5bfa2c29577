#include "base/err.h"

#include <errno.h>

static const char *const names[ERR_COUNT] = {
  [ERR_OK] = "ok",
  [ERR_TIMEOUT] = "timed out",
  [ERR_CLOSED] = "closed by the other side",
  [ERR_REFUSED] = "refused",
  [ERR_NO_ROUTE] = "no route",
  [ERR_PROTOCOL] = "broke the protocol",
  [ERR_FORMAT] = "malformed",
  [ERR_LIMIT] = "over a limit",
  [ERR_UNSUPPORTED] = "not supported",
  [ERR_NOT_FOUND] = "not found",
  [ERR_EXISTS] = "already there",
  [ERR_SPACE] = "no space left",
  [ERR_ACCESS] = "not permitted",
  [ERR_IO] = "input/output error",
  [ERR_MEMORY] = "out of memory, threads or descriptors",
  [ERR_MISMATCH] = "data do not match",
  [ERR_CANCELLED] = "cancelled",
};

const char *err_name(enum err e) {
  if ((unsigned)e >= ERR_COUNT) return "unknown error";
  return names[e];
}

enum err err_from_errno(int errnum) {
  switch (errnum) {
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return ERR_SPACE;
  case EACCES:
  case EPERM:
  case EROFS:
    return ERR_ACCESS;
  case ENOENT:
    return ERR_NOT_FOUND;
  case EEXIST:
    return ERR_EXISTS;
  case ENOMEM:
  case EMFILE:
  case ENFILE:
  case EAGAIN:
    return ERR_MEMORY;
  default:
    return ERR_IO;
  }
}
