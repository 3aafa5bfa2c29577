/*
 * main: finds the command and runs it, and is the only place that ends the process.
 *
 *   weft COMMAND [OPTIONS] ARGUMENTS
 *   weft [OPTIONS] TORRENT [PATH]        the same as `weft download`
 *
 * The first word decides. A command is looked up in the list (app/cmd); -h, --help, help, --version
 * and version are answered here; an option or anything that looks like a torrent means `download`;
 * whatever else it is gets a sentence and exit code 2. A file whose name is that of a command can
 * be given as "./info".
 *
 * Only a second signal, or one after which the disk does not answer, ends the process elsewhere
 * (app/signals, app/session_end).
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
#include "app/command_help.h"
#include "app/exits.h"
#include "app/out.h"
#include "app/torrent.h"
#include "app/tracing.h"
#include "base/log.h"
#include "base/sha1.h"
#include "base/version.h"
#include "io/http.h"
#include "io/store_beneath.h"

static const struct command *const commands[] = {CMD_POINTERS};

/* A command in the table, or NULL. */
static const struct command *find_command(const char *name) {
  for (const struct command *const *c = commands; *c != NULL; c++)
    if (strcmp((*c)->name, name) == 0) return *c;
  return NULL;
}

/* The one that is meant when none is named. */
static const struct command *implied_command(void) {
  const struct command *const *c = commands;
  while (!(*c)->implied) c++;
  return *c;
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

static int no_memory(void) {
  log_error("there is not enough memory to begin");
  return EXIT_RESOURCES;
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

static int run_parsed(const struct command *c, struct options *o) {
  int code = start_log(o);
  if (code != EXIT_OK) return code;
  if (http_global_init() != ERR_OK) return no_memory();
  code = tracing_start(o);
  if (code == EXIT_OK) code = c->run(o);
  tracing_end(o);
  http_global_cleanup();
  return code;
}

/* `weft -v info x`: what was taken for the torrent is no file, but the name of a command. */
static bool is_misplaced(const char *torrent) {
  const struct command *meant = find_command(torrent);
  if (meant == NULL || access(torrent, F_OK) == 0) return false;
  log_error("there is no file '%s'; if you mean the command, it goes before the options: "
            "weft %s [OPTIONS] %s", torrent, meant->name, meant->usage);
  return true;
}

/* argv[1] is the first word behind the name of the command, if that was `named`. */
static int run_command(const struct command *c, bool named, int argc, char **argv) {
  int code = EXIT_OK;
  struct options *o = calloc(1, command_size(c));
  if (o == NULL) return no_memory();
  switch (command_parse(c, commands, o, argc, argv)) {
  case COMMAND_HELP:
    break;
  case COMMAND_BAD:
    code = EXIT_USAGE;
    break;
  case COMMAND_OK:
    code = !named && is_misplaced(o->args[0]) ? EXIT_USAGE : run_parsed(c, o);
    break;
  }
  free(o);
  return code;
}

/* `word` is no command, and no torrent either where that would do (`or_torrent`). */
static int unknown(const char *word, bool or_torrent) {
  const char *near = command_help_near(commands, word);
  if (near != NULL)
    log_error("there is no command '%.300s'; did you mean 'weft %s'?", word, near);
  else if (or_torrent)
    log_error("'%.300s' is neither a command nor a file here; 'weft -h' lists the commands", word);
  else
    log_error("there is no command '%.300s'; 'weft -h' lists them", word);
  return EXIT_USAGE;
}

/* `weft -h`, `weft help [COMMAND]`. */
static int help(int argc, char **argv) {
  char *asked[] = {argv[0], argv[0], NULL};
  char option[] = "-h";
  if (argc < 3) {
    command_overview(commands);
    return EXIT_OK;
  }
  asked[1] = option;
  const struct command *command = find_command(argv[2]);
  if (command != NULL) return run_command(command, true, 2, asked);
  return unknown(argv[2], false);
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

static int run(int argc, char **argv) {
  if (argc < 2) return usage();
  const char *word = argv[1];
  if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "help") == 0)
    return help(argc, argv);
  if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0)
    return version();
  const struct command *command = find_command(word);
  if (command != NULL) return run_command(command, true, argc - 1, argv + 1);
  if ((word[0] == '-' && word[1] != '\0') || torrent_plausible(word)) {
    return run_command(implied_command(), false, argc, argv);
  }
  return unknown(word, true);
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
