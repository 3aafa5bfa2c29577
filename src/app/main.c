/*
 * main: the table of the commands, and the only place that ends the process.
 *
 *   weft COMMAND [OPTIONS] TORRENT ...
 *   weft [OPTIONS] TORRENT [PATH]        the same as `weft download`
 *
 * The first word decides. A command is looked up in the table; -h, --help, help, --version and
 * version are answered here; an option or anything that looks like a torrent means `download`;
 * whatever else it is gets a sentence and exit code 2. A file whose name is that of a command can
 * be given as "./info".
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cmd.h"
#include "app/options.h"
#include "app/out.h"
#include "app/session.h"
#include "app/torrent.h"
#include "base/log.h"
#include "base/sha1.h"
#include "base/version.h"
#include "io/http.h"
#include "io/store_beneath.h"

static const struct {
  const char *name;
  int (*run)(const struct options *o);
} commands[] = {
  {"download", cmd_download},
  {"info", cmd_info},
  {"files", cmd_files},
  {"verify", cmd_verify},
};

/* The index of a command in the table, or -1. */
static int find_command(const char *name) {
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    if (strcmp(commands[i].name, name) == 0) return (int)i;
  return -1;
}

/*
 * Whoever started us may have closed stdin, stdout or stderr; then the next file opened would take
 * its number, and progress would be written into the download. A descriptor that allows only the
 * other direction keeps the place, and using it fails just as a closed one does.
 */
static void keep_standard_descriptors(void) {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    int got = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    if (got >= 0 && got != fd) close(got);
  }
}

/* A reader that goes away or a file that grows past a limit is an error of that write, no more. */
static void ignore_write_signals(void) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &ignore, NULL);
  sigaction(SIGXFSZ, &ignore, NULL);
}

/* Why a log file can't be opened, and what to do. */
static const char *why_no_log(int errnum) {
  switch (errnum) {
  case ELOOP:
    return "it is a symbolic link, and links are not followed; name the file itself";
  case EISDIR:
    return "it is a folder; name a file in it";
  case ENOENT:
    return "the folder it should be in does not exist; make that first";
  case ENXIO:
    return "nobody reads from that pipe";
  default:
    return store_beneath_why(errnum);
  }
}

/* What -q, -v and --log-file ask for. Returns an exit code. */
static int start_log(const struct options *o) {
  if (o->quiet)
    log_set_level(LOG_ERROR);
  else if (o->verbose > 0)
    log_set_level(o->verbose > 1 ? LOG_DEBUG : LOG_INFO);
  if (o->log_file == NULL) return EXIT_OK;
  enum err e = log_open_file(o->log_file);
  if (e == ERR_OK) return EXIT_OK;
  log_error("the log file '%s' can't be opened: %s", o->log_file, why_no_log(errno));
  return EXIT_DISK;
}

/* argv[1] is the first word behind the name of the command. */
static int run_command(int command, int argc, char **argv) {
  struct options o;
  switch (options_parse(&o, commands[command].name, argc, argv)) {
  case OPTIONS_HELP:
    return EXIT_OK;
  case OPTIONS_BAD:
    return EXIT_USAGE;
  case OPTIONS_OK:
    break;
  }
  int code = start_log(&o);
  if (code != EXIT_OK) return code;
  if (http_global_init() != ERR_OK) {
    log_error("there is not enough memory to begin");
    return EXIT_RESOURCES;
  }
  code = commands[command].run(&o);
  http_global_cleanup();
  return code;
}

/* `weft -h`, `weft help [COMMAND]`. */
static int help(int argc, char **argv) {
  char *asked[] = {argv[0], argv[0], NULL};
  char option[] = "-h";
  if (argc < 3) {
    options_overview();
    return EXIT_OK;
  }
  asked[1] = option;
  int command = find_command(argv[2]);
  if (command >= 0) return run_command(command, 2, asked);
  log_error("there is no command '%s'; 'weft -h' lists them", argv[2]);
  return EXIT_USAGE;
}

static int version(void) {
  out_printf("weft %s\n", WEFT_VERSION);
  out_printf("SHA-1 by %s, OpenSSL %s, %s\n", sha1_engine(),
             OpenSSL_version(OPENSSL_VERSION_STRING), http_version());
  return EXIT_OK;
}

static int usage(void) {
  fputs("weft downloads torrents. Give it one: a .torrent file or the URL of one.\n"
        "Usage: weft [OPTIONS] TORRENT [PATH]\n"
        "'weft -h' lists the commands, 'weft download -h' the options.\n",
        stderr);
  return EXIT_USAGE;
}

/* The first word is neither a command nor anything that could be a torrent. */
static int unknown(const char *word) {
  const char *near = options_near_command(word);
  if (near != NULL)
    log_error("there is no command '%.300s'; did you mean 'weft %s'?", word, near);
  else
    log_error("'%.300s' is neither a command nor a file here; 'weft -h' lists the commands", word);
  return EXIT_USAGE;
}

static int run(int argc, char **argv) {
  if (argc < 2) return usage();
  const char *word = argv[1];
  if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "help") == 0)
    return help(argc, argv);
  if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0)
    return version();
  int command = find_command(word);
  if (command >= 0) return run_command(command, argc - 1, argv + 1);
  if ((word[0] == '-' && word[1] != '\0') || torrent_plausible(word)) {
    return run_command(0, argc, argv);
  }
  return unknown(word);
}

int main(int argc, char **argv) {
  keep_standard_descriptors();
  ignore_write_signals();
  int code = run(argc, argv);
  enum err e = out_finish();
  if (e != ERR_OK && code == EXIT_OK) code = exits_of(e);
  log_close();
  exit(code);
}
