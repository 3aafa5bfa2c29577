#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "app/command_help.h"
#include "capture.h"

/* A command with an option of its own, and more arguments than one. */
struct greet_options {
  struct options common;
  uint64_t loudness;
  bool polite;
  struct options_list friends;
};

static int greet(const struct options *o) {
  (void)o;
  return 0;
}

static const struct command_option greet_table[] = {
  {.name = "loudness", .letter = 'l', .kind = OPTION_SIZE, .takes = "SIZE",
   .field = offsetof(struct greet_options, loudness), .help = "how loud"},
  {.name = "polite", .kind = OPTION_FLAG, .field = offsetof(struct greet_options, polite),
   .help = "with a bow"},
  {.name = "friend", .kind = OPTION_LIST, .takes = "NAME",
   .field = offsetof(struct greet_options, friends), .help = "these, too"},
  OPTIONS_OF_ALL("no word"),
  {.name = NULL},
};

static const struct command cmd_greet = {
  .name = "greet",
  .usage = "NAME OTHER-NAME [AND-A-THIRD-NAME]",
  .summary = "say hello",
  .about = "Says hello.\n",
  .options = greet_table,
  .size = sizeof(struct greet_options),
  .least_args = 2,
  .most_args = 3,
  .run = greet,
};

static const struct command *const commands[] = {&cmd_greet, CMD_POINTERS};

static union {
  struct options common;
  struct greet_options greet;
  char room[1 << 14];
} parsed;
#define o parsed.common
static enum command_result result;
static char said[1 << 12];   /* on stderr */
static char helped[1 << 16]; /* on stdout */

static const struct command *find(const char *name) {
  for (const struct command *const *c = commands; *c != NULL; c++)
    if (strcmp((*c)->name, name) == 0) return *c;
  fail_msg("there is no command %s", name);
  abort();
}

/* Parses words as `weft COMMAND words...`; fills `result`, `parsed`, `said` and `helped`. */
static void parse_words(const char *command, int argc, char **argv) {
  const struct command *c = find(command);
  assert_true(command_size(c) <= sizeof parsed);
  memset(&parsed, 0xff, sizeof parsed);
  struct capture out = capture_start(STDOUT_FILENO);
  struct capture err = capture_start(STDERR_FILENO);
  result = command_parse(c, commands, &o, argc, argv);
  capture_end(&err, said, sizeof said);
  capture_end(&out, helped, sizeof helped);
}

#define PARSE(command, ...) \
  do { \
    static char words_[][64] = {"weft", __VA_ARGS__}; \
    static char *argv_[sizeof words_ / sizeof words_[0] + 1]; \
    for (size_t i_ = 0; i_ < sizeof words_ / sizeof words_[0]; i_++) argv_[i_] = words_[i_]; \
    parse_words(command, (int)(sizeof words_ / sizeof words_[0]), argv_); \
  } while (0)

/* It was refused with one sentence that holds `part`, and a hint. */
static void assert_refused(const char *part) {
  assert_int_equal(result, COMMAND_BAD);
  assert_non_null(strstr(said, part));
  assert_non_null(strstr(said, " -h'"));
  assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

TEST(without_options_everything_has_its_default) {
  struct options defaults;
  options_init(&defaults);
  PARSE("download", "x.torrent");
  assert_int_equal(result, COMMAND_OK);
  assert_string_equal(said, "");
  assert_int_equal(o.arg_count, 1);
  assert_string_equal(o.args[0], "x.torrent");
  assert_null(o.output);
  assert_null(o.log_file);
  assert_int_equal(o.max_peers, defaults.max_peers);
  assert_int_equal(o.memory, defaults.memory);
  assert_int_equal(o.timeout_ms, defaults.timeout_ms);
  assert_int_equal(o.stall_timeout_ms, defaults.stall_timeout_ms);
  assert_int_equal(o.port, defaults.port);
  assert_int_equal(o.allocate, defaults.allocate);
  assert_false(o.quiet || o.json || o.no_trackers || o.overwrite);
  assert_int_equal(o.peer_count + o.trackers.count + (size_t)o.verbose, 0);
}

TEST(every_option_reaches_its_field) {
  PARSE("download", "--max-peers", "50", "--memory=64M", "--timeout", "2m", "--stall-timeout=90",
        "--port", "7000", "--allocate", "full", "--overwrite", "--no-trackers", "--json", "-q",
        "-vv", "--log-file", "log", "--peer", "192.0.2.1:80", "--peer=[2001:db8::1]:81",
        "--tracker", "http://t/announce", "--tracker", "udp://t:80", "-o", "there", "x.torrent");
  assert_int_equal(result, COMMAND_OK);
  assert_int_equal(o.max_peers, 50);
  assert_int_equal(o.memory, 64 << 20);
  assert_int_equal(o.timeout_ms, 120000);
  assert_int_equal(o.stall_timeout_ms, 90000);
  assert_int_equal(o.port, 7000);
  assert_int_equal(o.allocate, ALLOCATE_FULL);
  assert_true(o.overwrite && o.no_trackers && o.json && o.quiet);
  assert_int_equal(o.verbose, 2);
  assert_string_equal(o.log_file, "log");
  assert_int_equal(o.peer_count, 2);
  assert_int_equal(o.peers[1].family, 6);
  assert_int_equal(o.peers[1].port, 81);
  assert_int_equal(o.trackers.count, 2);
  assert_string_equal(o.trackers.at[1], "udp://t:80");
  assert_string_equal(o.output, "there");
}

TEST(options_and_arguments_may_be_mixed) {
  PARSE("download", "x.torrent", "-q", "place", "--json");
  assert_int_equal(result, COMMAND_OK);
  assert_string_equal(o.args[0], "x.torrent");
  assert_string_equal(o.output, "place");
  assert_true(o.quiet && o.json);
}

TEST(two_dashes_end_the_options) {
  PARSE("download", "--", "-q", "--json");
  assert_int_equal(result, COMMAND_OK);
  assert_false(o.quiet || o.json);
  assert_string_equal(o.args[0], "-q");
  assert_string_equal(o.args[1], "--json");
}

TEST(a_single_dash_is_an_argument) {
  PARSE("info", "-");
  assert_int_equal(result, COMMAND_OK);
  assert_string_equal(o.args[0], "-");
}

TEST(letters_may_be_joined_to_each_other_and_to_a_value) {
  PARSE("download", "-qvvoplace", "x");
  assert_int_equal(result, COMMAND_OK);
  assert_true(o.quiet);
  assert_int_equal(o.verbose, 2);
  assert_string_equal(o.output, "place");
  PARSE("download", "-qo", "elsewhere", "x");
  assert_string_equal(o.output, "elsewhere");
}

TEST(the_last_of_two_values_counts) {
  PARSE("download", "--max-peers", "5", "--max-peers", "6", "x");
  assert_int_equal(o.max_peers, 6);
}

TEST(abbreviations_are_refused_so_that_scripts_never_break) {
  PARSE("download", "--max", "5", "x");
  assert_refused("there is no option '--max'");
  PARSE("download", "--js", "x");
  assert_refused("there is no option '--js'");
}

TEST(a_typing_error_gets_a_suggestion) {
  PARSE("download", "--max-peer=5", "x");
  assert_refused("did you mean --max-peers?");
  PARSE("info", "--peices", "x");
  assert_refused("did you mean --pieces?");
  assert_string_equal(command_help_near(commands, "downlaod"), "download");
  assert_string_equal(command_help_near(commands, "verfy"), "verify");
  assert_string_equal(command_help_near(commands, "inf"), "info");
  assert_null(command_help_near(commands, "frobnicate"));
  assert_null(command_help_near(commands, ""));
  assert_null(command_help_near(commands, "averylongwordthatisnocommandwhatsoeverinanyprogram"));
}

TEST(an_option_of_another_command_is_named_as_such) {
  PARSE("info", "--max-peers", "3", "x");
  assert_refused("--max-peers is no option of 'weft info'");
  PARSE("files", "-o", "3", "x");
  assert_refused("-o is no option of 'weft files'");
}

TEST(numbers_out_of_bounds_are_refused_with_the_bounds) {
  PARSE("download", "--max-peers", "0", "x");
  assert_refused("from 1 to 10000, not '0'");
  PARSE("download", "--max-peers", "10001", "x");
  assert_refused("from 1 to 10000");
  PARSE("download", "--max-peers", "99999999999999999999999", "x");
  assert_refused("from 1 to 10000");
  PARSE("download", "--port", "65536", "x");
  assert_refused("from 1 to 65535");
  PARSE("download", "--port", "-1", "x");
  assert_refused("from 1 to 65535");
  PARSE("download", "--port", "1.5", "x");
  assert_refused("from 1 to 65535");
  PARSE("download", "--memory", "3M", "x");
  assert_refused("at least 4M");
  PARSE("download", "--memory", "lots", "x");
  assert_refused("such as 500K");
  PARSE("download", "--timeout", "1d", "x");
  assert_refused("such as 90");
  PARSE("download", "--allocate", "some", "x");
  assert_refused("none, sparse or full");
}

TEST(addresses_and_urls_are_checked) {
  PARSE("download", "--peer", "localhost:80", "x");
  assert_refused("--peer takes an address");
  PARSE("download", "--peer", "192.0.2.1:0", "x");
  assert_refused("--peer takes an address");
  PARSE("download", "--tracker", "file:///etc/passwd", "x");
  assert_refused("--tracker takes a URL");
}

TEST(a_list_has_an_end) {
  char word[] = "--peer=192.0.2.1:80";
  char torrent[] = "x";
  char *argv[OPTIONS_LIST_MAX + 3];
  for (int i = 0; i < OPTIONS_LIST_MAX + 2; i++) argv[i] = word;
  argv[OPTIONS_LIST_MAX + 1] = torrent;
  parse_words("download", OPTIONS_LIST_MAX + 2, argv);
  assert_int_equal(result, COMMAND_OK);
  assert_int_equal(o.peer_count, OPTIONS_LIST_MAX);
  argv[OPTIONS_LIST_MAX + 1] = word;
  argv[OPTIONS_LIST_MAX + 2] = torrent;
  parse_words("download", OPTIONS_LIST_MAX + 3, argv);
  assert_refused("at most 64 times");
}

TEST(a_list_of_any_texts_keeps_their_order) {
  PARSE("greet", "a", "--friend", "c d", "b", "--friend=\xff");
  assert_int_equal(result, COMMAND_OK);
  assert_int_equal(parsed.greet.friends.count, 2);
  assert_string_equal(parsed.greet.friends.at[0], "c d");
  assert_string_equal(parsed.greet.friends.at[1], "\xff");
  PARSE("greet", "a", "b", "--friend", "");
  assert_refused("--friend needs a NAME that is not empty");
}

TEST(missing_superfluous_and_empty_values_are_refused) {
  PARSE("download", "x", "--max-peers");
  assert_refused("--max-peers needs a value: N");
  PARSE("download", "x", "-o");
  assert_refused("--output needs a value: PATH");
  PARSE("download", "--json=1", "x");
  assert_refused("--json takes no value");
  PARSE("download", "--output=", "x");
  assert_refused("not empty");
  PARSE("download", "");
  assert_refused("an argument is empty");
  PARSE("download", "-Z", "x");
  assert_refused("there is no option '-Z'");
}

TEST(the_number_of_arguments_is_checked) {
  PARSE("info", "-q");
  assert_refused("needs a TORRENT");
  PARSE("info", "a", "b");
  assert_refused("'b' is one argument too many");
  PARSE("verify", "a", "b", "c");
  assert_refused("'c' is one argument too many");
}

TEST(the_place_may_be_given_once) {
  PARSE("verify", "a", "b");
  assert_string_equal(o.output, "b");
  PARSE("download", "-o", "one", "a", "two");
  assert_refused("given twice");
}

TEST(escapes_in_arguments_do_not_reach_the_terminal) {
  PARSE("download", "--max-peers=\033[31m", "x");
  assert_refused("\\x1b[31m");
  assert_null(strchr(said, '\033'));
}

TEST(a_very_long_word_is_no_problem) {
  char word[2000];
  memset(word, 'a', sizeof word - 1);
  word[0] = word[1] = '-';
  word[sizeof word - 1] = '\0';
  char torrent[] = "x";
  char *argv[] = {torrent, word, torrent};
  parse_words("download", 3, argv);
  assert_refused("no option as long as that");
}

TEST(help_is_for_stdout_and_wins_over_what_is_missing) {
  for (const struct command *const *c = commands; *c != NULL; c++) {
    PARSE((*c)->name, "-h");
    assert_int_equal(result, COMMAND_HELP);
    assert_string_equal(said, "");
    assert_non_null(strstr(helped, "Usage: weft "));
    assert_non_null(strstr(helped, (*c)->name));
    assert_non_null(strstr(helped, "--help"));
    for (const char *line = helped; *line != '\0'; line = strchr(line, '\n') + 1)
      assert_in_range(strcspn(line, "\n"), 0, 80);
  }
  PARSE("download", "--help");
  assert_int_equal(result, COMMAND_HELP);
  assert_non_null(strstr(helped, "--stall-timeout"));
  assert_null(strstr(helped, "--pieces"));
}

TEST(the_help_states_the_limits_and_defaults_that_hold) {
  char text[64];
  PARSE("download", "x");
  struct options defaults = o;
  PARSE("download", "-h");
  snprintf(text, sizeof text, "this peer; up to %d times", OPTIONS_LIST_MAX);
  assert_non_null(strstr(helped, text));
  snprintf(text, sizeof text, "first; up to %d times", OPTIONS_LIST_MAX);
  assert_non_null(strstr(helped, text));
  snprintf(text, sizeof text, "1 to 10000 (default %u)", defaults.max_peers);
  assert_non_null(strstr(helped, text));
  snprintf(text, sizeof text, "(default %uM)", (unsigned)(defaults.memory >> 20));
  assert_non_null(strstr(helped, text));
  snprintf(text, sizeof text, "(default %us; 0: never)", (unsigned)(defaults.timeout_ms / 1000));
  assert_non_null(strstr(helped, text));
  snprintf(text, sizeof text, "1 to 65535 (default %u)", defaults.port);
  assert_non_null(strstr(helped, text));
  assert_int_equal(defaults.allocate, ALLOCATE_SPARSE);
  assert_non_null(strstr(helped, "(sparse, the default)"));
  assert_int_equal(defaults.stall_timeout_ms, 0);
}

TEST(an_option_may_mean_something_else_for_another_command) {
  PARSE("info", "-h");
  assert_non_null(strstr(helped, "one JSON object"));
  assert_null(strstr(helped, "no peer"));
  PARSE("verify", "-q", "--timeout", "5", "--json", "x");
  assert_int_equal(result, COMMAND_OK);
  assert_true(o.quiet && o.json && o.timeout_ms == 5000);
  PARSE("verify", "--peer", "1.2.3.4:5", "x");
  assert_refused("--peer is no option of 'weft verify'");
  PARSE("info", "-o", "x");
  assert_refused("-o is no option of 'weft info'");
  PARSE("info", "-z", "x");
  assert_refused("there is no option '-z'");
}

TEST(an_option_of_one_command_alone_is_in_the_struct_of_that_command) {
  PARSE("greet", "-l2K", "--polite", "you", "me", "-q");
  assert_int_equal(result, COMMAND_OK);
  assert_int_equal(parsed.greet.loudness, 2048);
  assert_true(parsed.greet.polite && o.quiet);
  PARSE("greet", "you", "me");
  assert_int_equal(parsed.greet.loudness, 0);
  assert_false(parsed.greet.polite);
  PARSE("info", "--polite", "x");
  assert_refused("--polite is no option of 'weft info'");
}

TEST(an_option_with_a_value_that_may_be_left_out_takes_it_only_behind_an_equals_sign) {
  PARSE("download", "x");
  assert_int_equal(o.trace_format, TRACE_OFF);
  PARSE("download", "--trace", "json");
  assert_int_equal(result, COMMAND_OK);
  assert_int_equal(o.trace_format, TRACE_AS_TEXT);
  assert_string_equal(o.args[0], "json");
  PARSE("download", "--trace=hex", "x");
  assert_int_equal(o.trace_format, TRACE_AS_HEX);
  PARSE("download", "--trace=json", "--trace=off", "x");
  assert_int_equal(o.trace_format, TRACE_OFF);
  PARSE("download", "--trace=xml", "x");
  assert_refused("--trace takes off, text, json or hex, not 'xml'");
  PARSE("download", "--trace=", "x");
  assert_refused("--trace takes off, text, json or hex, not ''");
  PARSE("download", "x", "--trace");
  assert_int_equal(result, COMMAND_OK);
  assert_int_equal(o.trace_format, TRACE_AS_TEXT);
}

TEST(the_argument_that_is_missing_is_named) {
  PARSE("greet", "-q");
  assert_refused("'weft greet' takes NAME OTHER-NAME [AND-A-THIRD-NAME]; NAME is missing");
  PARSE("greet", "you");
  assert_refused("; OTHER-NAME is missing");
  PARSE("probe", "-q");
  assert_refused("'weft probe' takes [TORRENT|HASH] IP:PORT; IP:PORT is missing");
  PARSE("greet", "a", "b", "c");
  assert_int_equal(result, COMMAND_OK);
  assert_string_equal(o.args[2], "c");
  assert_null(o.output);
  PARSE("greet", "a", "b", "c", "d");
  assert_refused("'d' is one argument too many");
}

static bool is_last_option(const struct command_option *s) {
  return s->name == NULL;
}

static void assert_field(const struct command *c, const struct command_option *s) {
  static const size_t sizes[] = {
    [OPTION_FLAG] = sizeof(bool), [OPTION_COUNT] = sizeof(int), [OPTION_TEXT] = sizeof(char *),
    [OPTION_NUMBER] = sizeof(uint32_t), [OPTION_PORT] = sizeof(uint16_t),
    [OPTION_SIZE] = sizeof(uint64_t), [OPTION_DURATION] = sizeof(int64_t),
    [OPTION_CHOICE] = sizeof(unsigned), [OPTION_MAYBE] = sizeof(unsigned),
    [OPTION_LIST] = sizeof(struct options_list), [OPTION_TRACKER] = sizeof(struct options_list),
    [OPTION_PEER] = sizeof(struct addr)};
  bool plain = s->kind == OPTION_HELP || s->kind == OPTION_FLAG || s->kind == OPTION_COUNT;
  assert_true(s->field + sizes[s->kind] <= command_size(c));
  assert_int_equal(s->takes == NULL, plain);
  assert_int_equal(s->choices != NULL, s->kind == OPTION_CHOICE || s->kind == OPTION_MAYBE);
  assert_int_equal(s->most != 0, s->kind == OPTION_NUMBER);
  assert_true(s->most <= UINT32_MAX);
}

TEST(every_table_is_sound) {
  size_t implied = 0;
  for (const struct command *const *c = commands; *c != NULL; c++) {
    implied += (*c)->implied;
    assert_true((*c)->least_args <= (*c)->most_args && (*c)->most_args <= OPTIONS_ARGS_MAX);
    assert_true((*c)->run != NULL && find((*c)->name) == *c);
    const struct command_option *s = (*c)->options;
    for (; !is_last_option(s); s++) {
      assert_field(*c, s);
      for (const struct command_option *t = s + 1; !is_last_option(t); t++) {
        assert_string_not_equal(s->name, t->name);
        assert_true(s->letter == 0 || s->letter != t->letter);
      }
    }
    assert_int_equal(s[-1].kind, OPTION_HELP);
  }
  assert_int_equal(implied, 1);
}

TEST(the_overview_fits_into_eighty_columns_and_names_every_command) {
  struct capture out = capture_start(STDOUT_FILENO);
  command_overview(commands);
  const char *text = capture_end(&out, helped, sizeof helped);
  assert_non_null(strstr(text, "download"));
  assert_non_null(strstr(text, "verify"));
  for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
    assert_in_range(strcspn(line, "\n"), 0, 80);
}

int main(void) {
  RUN(T(without_options_everything_has_its_default), T(every_option_reaches_its_field),
      T(options_and_arguments_may_be_mixed), T(two_dashes_end_the_options),
      T(a_single_dash_is_an_argument), T(letters_may_be_joined_to_each_other_and_to_a_value),
      T(the_last_of_two_values_counts), T(abbreviations_are_refused_so_that_scripts_never_break),
      T(a_typing_error_gets_a_suggestion), T(an_option_of_another_command_is_named_as_such),
      T(numbers_out_of_bounds_are_refused_with_the_bounds), T(addresses_and_urls_are_checked),
      T(a_list_has_an_end), T(a_list_of_any_texts_keeps_their_order),
      T(missing_superfluous_and_empty_values_are_refused),
      T(the_number_of_arguments_is_checked), T(the_place_may_be_given_once),
      T(escapes_in_arguments_do_not_reach_the_terminal), T(a_very_long_word_is_no_problem),
      T(help_is_for_stdout_and_wins_over_what_is_missing),
      T(the_help_states_the_limits_and_defaults_that_hold),
      T(an_option_may_mean_something_else_for_another_command),
      T(an_option_of_one_command_alone_is_in_the_struct_of_that_command),
      T(an_option_with_a_value_that_may_be_left_out_takes_it_only_behind_an_equals_sign),
      T(the_argument_that_is_missing_is_named), T(every_table_is_sound),
      T(the_overview_fits_into_eighty_columns_and_names_every_command));
}
