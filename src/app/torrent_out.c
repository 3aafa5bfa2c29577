#include "app/torrent_out.h"

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
#include "base/log.h"
#include "io/whole_file.h"

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

int torrent_out_check(const char *path, bool replace) {
  if (!torrent_out_is_stdout(path)) return exits_of(whole_file_check(path, replace));
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
