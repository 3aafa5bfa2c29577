#include "app/torrent_out.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/exits.h"
#include "app/out.h"
#include "app/signals.h"
#include "app/torrent.h"
#include "base/log.h"
#include "io/whole_file.h"
#include "proto/metainfo.h"

static bool is_folder(const char *path) {
  struct stat st;
  return path[strlen(path) - 1] == '/' || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

char *torrent_out_path(const char *output, const char *name) {
  char *path;
  int rc;
  if (output != NULL && (torrent_out_is_stdout(output) || !is_folder(output)))
    return strdup(output);
  if (output == NULL)
    rc = asprintf(&path, "%s.torrent", name);
  else
    rc = asprintf(&path, "%s%s%s.torrent", output, output[strlen(output) - 1] == '/' ? "" : "/",
                  name);
  return rc >= 0 ? path : NULL;
}

bool torrent_out_is_stdout(const char *path) {
  return strcmp(path, "-") == 0;
}

/* Reads a file that should be a torrent; false if it can't be one. */
static bool read_file(const char *path, struct buf *b) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return false;
  bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
              st.st_size <= TORRENT_BYTES_MAX && buf_reserve(b, (size_t)st.st_size) != NULL;
  while (good && b->len < (size_t)st.st_size) {
    ssize_t n = read(fd, b->data + b->len, (size_t)st.st_size - b->len);
    if (n < 0 && errno == EINTR) continue;
    good = n > 0;
    if (good) b->len += (size_t)n;
  }
  close(fd);
  return good;
}

enum err torrent_out_recognise(const char *path) {
  struct metainfo m = {.name = NULL};
  struct buf b;
  buf_init(&b, TORRENT_BYTES_MAX);
  enum err e = read_file(path, &b) ? metainfo_parse(&m, b.data, b.len, NULL) : ERR_FORMAT;
  if (b.no_memory) e = ERR_MEMORY;
  metainfo_free(&m);
  buf_free(&b);
  if (e == ERR_UNSUPPORTED) return ERR_OK; /* version 2 alone */
  return e == ERR_OK || e == ERR_MEMORY ? e : ERR_FORMAT;
}

/* Whatever --overwrite says: a typing error must not cost anybody's data. */
static int check_replaced(const char *path) {
  struct stat st;
  if (stat(path, &st) != 0 || (S_ISREG(st.st_mode) && st.st_size == 0)) return EXIT_OK;
  enum err e = torrent_out_recognise(path);
  if (e == ERR_OK) return EXIT_OK;
  if (e == ERR_MEMORY) {
    log_error("there is not enough memory to see whether '%.300s' is a torrent", path);
    return EXIT_RESOURCES;
  }
  log_error("'%.300s' is not a torrent, so it is not replaced, not even with --overwrite; choose "
            "another name with -o, or remove it first", path);
  return EXIT_USAGE;
}

int torrent_out_check(const char *path, bool replace) {
  if (!torrent_out_is_stdout(path)) {
    int code = exits_of(whole_file_check(path, replace));
    return code == EXIT_OK && replace ? check_replaced(path) : code;
  }
  if (!isatty(STDOUT_FILENO)) return EXIT_OK;
  log_error("'-o -' writes the torrent to a pipe or a file, not to a terminal");
  return EXIT_USAGE;
}

int torrent_out_write(const char *path, struct buf *torrent, bool replace) {
  sigset_t before;
  sigset_t ending = signals_ending();
  if (torrent_out_is_stdout(path)) {
    out_buf(torrent);
    return EXIT_OK;
  }
  int code = replace ? check_replaced(path) : EXIT_OK;
  if (code != EXIT_OK) return code;
  pthread_sigmask(SIG_BLOCK, &ending, &before);
  enum err e = whole_file_write(path, torrent->data, torrent->len, replace);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  buf_clear(torrent);
  return exits_of(e);
}

int torrent_out_tiers(struct tiers *t, const char *option, const struct options_list *texts) {
  for (size_t i = 0; i < texts->count; i++) {
    const char *why = "";
    enum err e = tiers_add(t, texts->at[i], &why);
    if (e == ERR_OK) continue;
    if (e == ERR_MEMORY)
      log_error("there is not enough memory for the trackers");
    else
      log_error("--%s '%.300s': %s", option, texts->at[i], why);
    return e == ERR_MEMORY ? EXIT_RESOURCES : EXIT_USAGE;
  }
  return EXIT_OK;
}

int torrent_out_web_seeds(const char *option, const struct options_list *urls) {
  for (size_t i = 0; i < urls->count; i++) {
    if (tiers_is_web_seed(urls->at[i])) continue;
    log_error("--%s takes a URL that begins with http://, https:// or ftp://, not '%.300s'",
              option, urls->at[i]);
    return EXIT_USAGE;
  }
  return EXIT_OK;
}
