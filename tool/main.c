/*
 * mtasts: MTA-STS (RFC 8461) for people. main.c finds the command and reads the options. The
 * command's own file does the rest.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bus_error.h"
#include "check_status.h"
#include "command.h"
#include "out.h"
#include "process.h"

static const struct mtasts_command *const commands[] = {
    &mtasts_command_query,
    &mtasts_command_warm,
    &mtasts_command_refresh,
    &mtasts_command_check,
    &mtasts_command_watch,
    &mtasts_command_publish,
    &mtasts_command_publish_serve_ask,
    &mtasts_command_publish_delegations,
    &mtasts_command_policy_new,
    &mtasts_command_policy_parse,
    &mtasts_command_policy_match,
    &mtasts_command_record_parse,
    &mtasts_command_report_send,
    &mtasts_command_report_status,
    &mtasts_command_report_build,
    &mtasts_command_report_selftest,
    &mtasts_command_report_show,
    &mtasts_command_report_watch,
    &mtasts_command_outcome_follow,
    &mtasts_command_cache_list,
    &mtasts_command_cache_show,
    &mtasts_command_cache_stats,
    &mtasts_command_cache_remove,
    &mtasts_command_cache_clear,
    &mtasts_command_cache_expire,
    &mtasts_command_cache_verify,
    &mtasts_command_cache_compact,
    &mtasts_command_cache_backup,
    &mtasts_command_cache_export,
    &mtasts_command_cache_import,
    &mtasts_command_cache_salvage,
    NULL,
};
enum {
  NAME_MAX_BYTES = 32, /* bytes of two words and a space; longer words are no command */
};

static const char global_help[] =
    "Global options:\n"
    "  --config FILE          configuration (/etc/mtasts/mtasts.conf)\n"
    "  --cache DIR            cache directory (/var/lib/mtasts)\n"
    "  --resolver ADDR[@PORT] DNS server to ask (those of resolv.conf)\n"
    "  --ca-file PEM          certificates to trust (the system's)\n"
    "  --json                 JSON, one value a line\n"
    "  --no-color             no colours on a terminal\n"
    "  -v, --verbose          say more on standard error\n"
    "  -h, --help             help for the program, or for a command\n"
    "      --version          the version\n";

/* Does the command's name begin with this word? "cache list" does with "cache". */
static bool begins(const struct mtasts_command *command, const char *word) {
  size_t len = strlen(word);
  return strncmp(command->name, word, len) == 0 &&
         (command->name[len] == ' ' || command->name[len] == '\0');
}

static const struct mtasts_command *find(const char *name) {
  for (size_t i = 0; commands[i]; i++)
    if (strcmp(commands[i]->name, name) == 0)
      return commands[i];
  return NULL;
}

static bool is_group(const char *word) {
  for (size_t i = 0; commands[i]; i++)
    if (begins(commands[i], word))
      return true;
  return false;
}

/* word: "" lists all commands; the first word of a group lists that group. */
static void list_commands(const char *word) {
  for (size_t i = 0; commands[i]; i++)
    if (!*word || begins(commands[i], word))
      printf("  %-19s %s\n", commands[i]->name, commands[i]->summary);
}

static int help(const char *name) {
  const struct mtasts_command *command = find(name);
  if (command) {
    printf("mtasts %s %s\n\n%s\n\n%s\nGlobal options: see mtasts --help. Manual: mtasts(1)\n",
           command->name, command->arguments, command->summary, command->help);
    return MTASTS_EXIT_OK;
  }
  if (*name && !is_group(name)) {
    mtasts_print_error(name, "no such command; see mtasts --help");
    return MTASTS_EXIT_USAGE;
  }
  printf("mtasts [OPTION...] COMMAND [ARGUMENT...]\n\n"
         "MTA-STS (RFC 8461) for the mail servers that send.\n\nCommands:\n");
  list_commands(name);
  printf("\n%s\n"
         "mtasts help COMMAND says more, with examples. Manual: mtasts(1), mtasts.conf(5)\n",
         global_help);
  return MTASTS_EXIT_OK;
}

/* "help cache list": the words after `help` name the command. */
static int help_for(int argc, char **argv) {
  char name[NAME_MAX_BYTES] = "";
  for (int i = 0; i < argc && i < 2; i++) {
    size_t used = strlen(name);
    snprintf(name + used, sizeof name - used, "%s%s", used > 0 ? " " : "", argv[i]);
  }
  return help(name);
}

static int wrong_usage(const char *what, const char *why) {
  mtasts_print_error(what, "%s; see mtasts --help", why);
  return MTASTS_EXIT_USAGE;
}

/* Options that stand behind a wrong one have not been read. */
static bool wants_json(int argc, char **argv) {
  for (int i = 0; i < argc; i++)
    if (strcmp(argv[i], "--json") == 0)
      return true;
  return false;
}

static int run_read(const struct mtasts_command *command, struct mtasts_options *options, int argc,
                    char **argv) {
  if (mtasts_options_read(options, command->name, argc, argv) < 0)
    return MTASTS_EXIT_USAGE;
  mtasts_out_init(options->no_color);
  if (options->help)
    return help(command->name);
  size_t words = options->arguments.count;
  if (words < command->least || words > command->max) {
    mtasts_print_error(command->name, "%s arguments: mtasts %s %s",
                       words < command->least ? "missing" : "too many", command->name,
                       command->arguments);
    return MTASTS_EXIT_USAGE;
  }
  return command->run(options);
}

/* Is there a command of these two words? The first may be a command as well: "publish". */
static bool goes_on(const char *name, const char *word) {
  char both[NAME_MAX_BYTES];
  int len = snprintf(both, sizeof both, "%s %s", name, word);
  return len < (int)sizeof both && find(both) != NULL;
}

static int run(const struct mtasts_command *command, struct mtasts_options *options, int argc,
               char **argv) {
  int code = run_read(command, options, argc, argv);
  if (command->monitors && code == MTASTS_EXIT_USAGE)
    return mtasts_check_unusable(options->json || wants_json(argc, argv));
  return code;
}

/* An option before the command is wrong, so the command has not been found. */
static int wrong_option(int argc, char **argv) {
  for (int i = 0; i < argc; i++) {
    const struct mtasts_command *command = find(argv[i]);
    if (command && command->monitors)
      return mtasts_check_unusable(wants_json(argc, argv));
  }
  return MTASTS_EXIT_USAGE;
}

static int dispatch(struct mtasts_options *options, int argc, char **argv) {
  char name[NAME_MAX_BYTES] = "";
  int at = 0;
  /* A command is one or two words; global options may stand before each. */
  for (int words = 0; words < 2; words++) {
    int used = mtasts_options_read(options, "", argc - at, argv + at);
    if (used < 0)
      return wrong_option(argc, argv);
    at += used;
    if (options->version)
      return printf("mtasts %s\n", MTASTS_VERSION), MTASTS_EXIT_OK;
    if (at == argc)
      break;
    if (words == 0 && strcmp(argv[at], "help") == 0)
      return help_for(argc - at - 1, argv + at + 1);
    size_t len = strlen(name);
    snprintf(name + len, sizeof name - len, "%s%s", words > 0 ? " " : "", argv[at]);
    at++;
    const struct mtasts_command *command = find(name);
    if (command && (words > 0 || at == argc || !goes_on(name, argv[at])))
      return run(command, options, argc - at, argv + at);
    if (!is_group(name))
      return wrong_usage(name, "no such command");
  }
  if (options->help)
    return help(name);
  if (!*name)
    return wrong_usage("command", "none given");
  mtasts_print_error(name, "which of its commands? See mtasts help %s", name);
  return MTASTS_EXIT_USAGE;
}

int main(int argc, char **argv) {
  struct mtasts_options options = {0};
  mtasts_process_begin();
  mtasts_process_raise_descriptors();
  mtasts_bus_error_catch("mtasts"); /* if it fails, the kernel ends the program at a bus error */
  int code = argc > 0 ? dispatch(&options, argc - 1, argv + 1) : MTASTS_EXIT_USAGE;
  mtasts_options_free(&options);
  /* A full disk or a closed pipe must not look like success. */
  if (fflush(stdout) != 0 || ferror(stdout)) {
    if (errno != EPIPE)
      mtasts_print_error("standard output", "%s", strerror(errno));
    if (code == MTASTS_EXIT_OK)
      code = MTASTS_EXIT_IO;
  }
  return code;
}
