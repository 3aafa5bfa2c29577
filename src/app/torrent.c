#include "app/torrent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/exits.h"
#include "app/signals.h"
#include "app/watch.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/http.h"

enum {
  READ_STEP = 1 << 16,
  LOOK_MS = 50 /* how often it is looked whether a signal came */
};

/* How long we wait for what may never come. */
struct patience {
  int64_t deadline_ms; /* of base/clock */
  atomic_bool over;    /* a signal came */
};

static bool is_magnet(const char *a) {
  return strncasecmp(a, "magnet:", 7) == 0;
}

/* 40 hexadecimal digits, 64 of version 2, or 32 of base 32 (BEP 9). */
static bool is_info_hash(const char *a) {
  size_t len = strlen(a);
  if (len == 40 || len == 64) return strspn(a, "0123456789abcdefABCDEF") == len;
  static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567";
  return len == 32 && strspn(a, base32) == len;
}

bool torrent_plausible(const char *a) {
  return strcmp(a, "-") == 0 || http_is_url(a) || is_magnet(a) || is_info_hash(a) ||
         strpbrk(a, "./") != NULL || access(a, F_OK) == 0 || errno != ENOENT;
}

const char *torrent_mistaken(const uint8_t *in, size_t len) {
  static const struct {
    const char *begin;
    size_t len;
    const char *what;
  } kinds[] = {
    {"\x1f\x8b", 2, "compressed by gzip: unpack it with gunzip first"},
    {"PK\x03\x04", 4, "a zip archive: unpack it first"},
    {"%PDF", 4, "a PDF document"},
    {"magnet:", 7, "a text with a magnet link in it; those are not supported yet"},
    {"<", 1, "a web page: the site may want a login, or it moved the torrent"},
  };
  size_t at = 0;
  while (at < len && (strchr(" \t\r\n", in[at]) != NULL || in[at] >= 0x80) && in[at] != 0) at++;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    size_t from = i < 2 ? 0 : at;
    if (len - from >= kinds[i].len && memcmp(in + from, kinds[i].begin, kinds[i].len) == 0)
      return kinds[i].what;
  }
  if (len > 0 && in[0] != 'd') return "something else: a torrent begins with the letter d";
  return NULL;
}

/* Waits until there is something to read. ERR_OK, ERR_TIMEOUT, ERR_CANCELLED. */
static enum err await(int fd, struct patience *w) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  for (;;) {
    if (atomic_load(&w->over)) return ERR_CANCELLED;
    if (poll(&p, 1, LOOK_MS) > 0) return ERR_OK;
    if (clock_now_ms() >= w->deadline_ms) return ERR_TIMEOUT;
  }
}

/* Reads `fd` to its end, with patience (NULL: a file, which ends). ERR_LIMIT when it is longer than
 * TORRENT_BYTES_MAX; ERR_TIMEOUT, ERR_CANCELLED. errno stays for ERR_IO. */
static enum err read_all(int fd, struct patience *w, struct buf *b) {
  for (;;) {
    uint8_t *to = buf_reserve(b, READ_STEP);
    if (to == NULL) return b->len + READ_STEP > b->max ? ERR_LIMIT : ERR_MEMORY;
    enum err e = w != NULL ? await(fd, w) : ERR_OK;
    if (e != ERR_OK) return e;
    ssize_t n = read(fd, to, READ_STEP);
    if (n < 0 && (errno == EINTR || (errno == EAGAIN && w != NULL))) continue;
    if (n < 0) return errno == EACCES || errno == EPERM ? ERR_ACCESS : ERR_IO;
    if (n == 0) return b->len > TORRENT_BYTES_MAX ? ERR_LIMIT : ERR_OK;
    b->len += (size_t)n;
  }
}

/* What to call the argument in a sentence: a file in quotes, a URL without its secrets. */
static const char *title(const char *argument, char *out, size_t size) {
  if (strcmp(argument, "-") == 0) return "standard input";
  if (http_is_url(argument)) return http_redact(argument, out, size);
  snprintf(out, size, "'%.400s'", argument);
  return out;
}

/* There is no such file: maybe it was not meant to be one. */
static void tell_missing(const char *name) {
  static const char *const schemes[] = {"ftp://", "ftps://", "sftp://", "udp://", "file://"};
  const char *bare = name[0] == '\'' ? name + 1 : name;
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    if (strncasecmp(bare, schemes[i], strlen(schemes[i])) != 0) continue;
    if (strcmp(schemes[i], "file://") == 0)
      log_error("%s is a URL; give weft the path of the file alone", name);
    else if (strcmp(schemes[i], "udp://") == 0)
      log_error("%s is a tracker, not a torrent; give weft the .torrent file", name);
    else
      log_error("%s can't be fetched: weft knows only http:// and https:// URLs; fetch it by other "
                "means and give weft the file", name);
    return;
  }
  bool is_site = strncasecmp(bare, "www.", 4) == 0;
  log_error("there is no file %s; %s", name,
            is_site ? "a URL begins with http:// or https://"
                    : "check its name and the folder you are in");
}

/* The sentence for a file that can't be opened or read, and its exit code. */
static int tell_errno(const char *name, int errnum) {
  switch (errnum) {
  case ENOENT:
  case ENOTDIR:
    tell_missing(name);
    return EXIT_BAD_TORRENT;
  case EISDIR:
    log_error("%s is a folder; give the .torrent file itself", name);
    return EXIT_BAD_TORRENT;
  case EACCES:
  case EPERM:
    log_error("you have no permission to read %s", name);
    return EXIT_DISK;
  case ENAMETOOLONG:
  case ELOOP:
    log_error("%s can't be the name of a file: %s", name, strerror(errnum));
    return EXIT_BAD_TORRENT;
  default:
    log_error("%s can't be read: %s", name, strerror(errnum));
    return err_from_errno(errnum) == ERR_MEMORY ? EXIT_RESOURCES : EXIT_DISK;
  }
}

static int tell_read(const char *name, enum err e, int errnum) {
  if (e == ERR_OK) return EXIT_OK;
  if (e == ERR_LIMIT) {
    log_error("%s is longer than 64 MiB, which no torrent is; is it the right file?", name);
    return EXIT_BAD_TORRENT;
  }
  if (e == ERR_MEMORY) {
    log_error("there is not enough memory to read %s", name);
    return EXIT_RESOURCES;
  }
  if (e == ERR_TIMEOUT) {
    log_error("%s did not come to an end in time (--timeout); does anybody write to it?", name);
    return EXIT_NO_SOURCE;
  }
  return e == ERR_CANCELLED ? EXIT_INTERRUPTED : tell_errno(name, errnum);
}

/* --- what may take for ever --- */

static void nothing_to_show(void *arg) {
  (void)arg;
}

/* Loads what `argument` names, which is called `name` in sentences. Returns an exit code. */
typedef int loader(const char *argument, const char *name, struct patience *w, struct buf *b);

/* Loads with a watcher beside it: after a signal load() is to end soon. */
static int wait_for(loader *load, const char *argument, const char *name, int64_t timeout_ms,
                    struct buf *b) {
  struct watch w;
  struct patience p = {.deadline_ms = CLOCK_NEVER};
  if (timeout_ms > 0) p.deadline_ms = clock_now_ms() + timeout_ms;
  watch_begin(&w, nothing_to_show, NULL, &p.over);
  int code = load(argument, name, &p, b);
  int sig = watch_end(&w);
  if (sig == 0) return code;
  log_error("%s before the torrent was there", sig == SIGINT ? "interrupted" : "terminated");
  return signals_exit_code(sig);
}

/* A fifo that nobody writes to opens at once, too. */
static int load_path(const char *path, const char *name, struct patience *w, struct buf *b) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return tell_errno(name, errno);
  enum err e = read_all(fd, w, b);
  int errnum = errno;
  close(fd);
  return tell_read(name, e, errnum);
}

static int load_file(const char *path, const char *name, int64_t timeout_ms, struct buf *b) {
  struct stat st;
  bool ends = stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
  return ends ? load_path(path, name, NULL, b) : wait_for(load_path, path, name, timeout_ms, b);
}

static int load_stdin(const char *argument, const char *name, struct patience *w, struct buf *b) {
  (void)argument;
  if (isatty(STDIN_FILENO)) {
    log_error("'-' reads a torrent from a pipe or a file, as in: weft - < x.torrent");
    return EXIT_USAGE;
  }
  enum err e = read_all(STDIN_FILENO, w, b);
  return tell_read(name, e, errno);
}

/* The usual meaning of the answers that people get for a torrent. */
static const char *advice(long status) {
  switch (status) {
  case 401:
  case 403:
    return "the site wants a login or a cookie: fetch the torrent with your browser";
  case 404:
  case 410:
    return "it is not there, or no longer: check the URL";
  case 429:
    return "the server has had too many requests from here: try again later";
  default:
    return status >= 500 ? "the server has a problem: try again later" : "check the URL";
  }
}

static int load_url(const char *url, const char *shown, struct patience *w, struct buf *b) {
  struct http_reply reply;
  struct http_request q = {.url = url, .max_body = TORRENT_BYTES_MAX, .patient = true,
                           .deadline_ms = w->deadline_ms, .cancel = &w->over};
  log_info("fetching %s", shown);
  enum err e = http_get(&q, &reply);
  int code = EXIT_OK;
  if (e == ERR_LIMIT) {
    log_error("%s: %s", shown, reply.why);
    code = EXIT_BAD_TORRENT;
  } else if (e == ERR_CANCELLED) {
    code = EXIT_INTERRUPTED;
  } else if (e != ERR_OK) {
    log_error("%s can't be fetched: %s", shown, reply.why);
    code = e == ERR_MEMORY ? EXIT_RESOURCES : EXIT_NO_SOURCE;
  } else if (reply.status != 200) {
    log_error("%s can't be fetched: the server answers %ld; %s", shown, reply.status,
              advice(reply.status));
    code = EXIT_NO_SOURCE;
  } else {
    buf_free(b);
    *b = reply.body; /* taken over */
    buf_init(&reply.body, 0);
  }
  http_reply_free(&reply);
  return code;
}

static int load_bytes(const char *argument, const char *name, int64_t timeout_ms, struct buf *b) {
  if (strcmp(argument, "-") == 0) return wait_for(load_stdin, argument, name, timeout_ms, b);
  if (http_is_url(argument)) return wait_for(load_url, argument, name, timeout_ms, b);
  if (is_magnet(argument)) {
    log_error("magnet links are not supported yet; give weft the .torrent file instead");
    return EXIT_BAD_TORRENT;
  }
  if (is_info_hash(argument) && access(argument, F_OK) != 0) {
    log_error("an info hash alone is not supported yet; give weft the .torrent file instead");
    return EXIT_BAD_TORRENT;
  }
  return load_file(argument, name, timeout_ms, b);
}

/* `any`: version 2 alone, which leaves `m` empty, is fine. */
static int parse(struct metainfo *m, const char *name, const struct buf *b, bool any) {
  struct metainfo_error why = {.field = ""};
  const char *mistaken = torrent_mistaken(b->data, b->len);
  if (b->len == 0) {
    log_error("%s is empty, so it is no torrent", name);
    return EXIT_BAD_TORRENT;
  }
  if (mistaken != NULL) {
    log_error("%s is not a torrent but %s", name, mistaken);
    return EXIT_BAD_TORRENT;
  }
  enum err e = metainfo_parse(m, b->data, b->len, &why);
  if (e == ERR_OK || (e == ERR_UNSUPPORTED && any)) return EXIT_OK;
  if (e == ERR_MEMORY) {
    log_error("there is not enough memory to read %s", name);
    return EXIT_RESOURCES;
  }
  const char *kind = e == ERR_UNSUPPORTED ? "an unsupported" : "not a valid";
  bool named = why.field[0] != '\0' && strcmp(why.field, "torrent") != 0;
  bool broken = e == ERR_FORMAT && !named;
  log_error("%s is %s torrent: %s%s%s%s", name, kind, named ? why.field : "", named ? ": " : "",
            why.why, broken ? "; it is damaged or cut short, fetch it again" : "");
  return EXIT_BAD_TORRENT;
}

int torrent_fetch(struct buf *b, const char *argument, int64_t timeout_ms) {
  char shown[512];
  buf_init(b, TORRENT_BYTES_MAX + READ_STEP);
  return load_bytes(argument, title(argument, shown, sizeof shown), timeout_ms, b);
}

int torrent_parse(struct metainfo *m, const char *argument, const struct buf *b) {
  char shown[512];
  memset(m, 0, sizeof *m);
  return parse(m, title(argument, shown, sizeof shown), b, false);
}

int torrent_load(struct metainfo *m, const char *argument, int64_t timeout_ms) {
  struct buf b;
  memset(m, 0, sizeof *m);
  int code = torrent_fetch(&b, argument, timeout_ms);
  if (code == EXIT_OK) code = torrent_parse(m, argument, &b);
  buf_free(&b);
  return code;
}

int torrent_load_bytes(struct buf *b, const char *argument, int64_t timeout_ms) {
  char shown[512];
  struct metainfo m = {.name = NULL};
  int code = torrent_fetch(b, argument, timeout_ms);
  if (code == EXIT_OK) code = parse(&m, title(argument, shown, sizeof shown), b, true);
  metainfo_free(&m);
  if (code == EXIT_OK && b->data[b->len - 1] == '\n') b->len--;
  return code;
}
