#include "daemon_main.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "clock.h"
#include "privilege.h"
#include "service.h"

__attribute__((format(printf, 3, 0))) static void print(const struct mtasts_daemon_main *program,
                                                        enum mtasts_log_level level,
                                                        const char *format, va_list arguments) {
  char sentence[MTASTS_ERROR_TEXT];
  vsnprintf(sentence, sizeof sentence, format, arguments);
  mtasts_log(level, "%s", sentence);
  /* With systemd's journal the message would appear twice. */
  if (program->sink != MTASTS_LOG_STDERR && !getenv("JOURNAL_STREAM"))
    fprintf(stderr, "%s: %s\n", program->name, sentence);
}

int mtasts_daemon_main_fail(const struct mtasts_daemon_main *program, int code, const char *format,
                            ...) {
  va_list arguments;
  va_start(arguments, format);
  print(program, MTASTS_LOG_ERROR, format, arguments);
  va_end(arguments);
  return code;
}

void mtasts_daemon_main_warn(const struct mtasts_daemon_main *program, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print(program, MTASTS_LOG_WARNING, format, arguments);
  va_end(arguments);
}

void mtasts_daemon_main_keep_old(const char *why) {
  mtasts_log(MTASTS_LOG_ERROR, "reload: %s; the old configuration stays in force", why);
}

void mtasts_daemon_main_reloading(void) {
  char text[64];
  snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu",
           (unsigned long long)mtasts_clock_us());
  mtasts_service_notify(text);
}

int mtasts_daemon_main_code_of_listen(int error) {
  if (error == EADDRINUSE)
    return EX_TEMPFAIL;
  return error == EACCES || error == EPERM ? EX_NOPERM : EX_CANTCREAT;
}

/* -1: go on; else the exit code. */
static int read_options(struct mtasts_daemon_main *program, int argc, char **argv) {
  enum {
    CONFIG = 256,
    FOREGROUND,
    CHECK,
    VERSION
  };
  static const struct option known[] = {
      {"config", required_argument, NULL, CONFIG},
      {"foreground", no_argument, NULL, FOREGROUND},
      {"check-config", no_argument, NULL, CHECK},
      {"verbose", no_argument, NULL, 'v'},
      {"help", no_argument, NULL, 'h'},
      {"version", no_argument, NULL, VERSION},
      {NULL, 0, NULL, 0},
  };
  int option;
  while ((option = getopt_long(argc, argv, "hv", known, NULL)) != -1) {
    if (option == CONFIG)
      program->config_path = optarg;
    else if (option == FOREGROUND)
      program->foreground = true;
    else if (option == CHECK)
      program->check = true;
    else if (option == 'v')
      program->verbose = true;
    else if (option == 'h')
      return fputs(program->usage, stdout), EX_OK;
    else if (option == VERSION)
      return printf("%s %s\n", program->name, MTASTS_VERSION), EX_OK;
    else
      return fprintf(stderr, "%s: see %s --help\n", program->name, program->name), EX_USAGE;
  }
  if (optind == argc)
    return -1;
  fprintf(stderr, "%s: %s: takes no arguments; see %s --help\n", program->name, argv[optind],
          program->name);
  return EX_USAGE;
}

static int load_config(const struct mtasts_daemon_main *program, struct mtasts_config **config) {
  char error[MTASTS_ERROR_TEXT];
  enum mtasts_status status = mtasts_config_load(program->config_path, error, config);
  if (status == MTASTS_OK)
    return -1;
  mtasts_daemon_main_fail(program, 0, "configuration: %s", error);
  if (status == MTASTS_NO_FILE)
    return EX_NOINPUT;
  return status == MTASTS_PERMISSION ? EX_NOPERM : EX_CONFIG;
}

int mtasts_daemon_main_begin(struct mtasts_daemon_main *program, int argc, char **argv,
                             struct mtasts_config **config) {
  program->sink = MTASTS_LOG_STDERR;
  mtasts_log_open(program->name, MTASTS_LOG_STDERR, MTASTS_LOG_INFO);
  int code = read_options(program, argc, argv);
  if (code < 0)
    code = load_config(program, config);
  if (code >= 0 || !program->check)
    return code;
  printf("%s: ok\n", program->config_path ? program->config_path : MTASTS_CONFIG_PATH);
  mtasts_config_free(*config);
  return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

int mtasts_daemon_main_settle(struct mtasts_daemon_main *program,
                              const struct mtasts_config *config) {
  bool background = !program->foreground && !getenv("NOTIFY_SOCKET") &&
                    !getenv("LISTEN_FDS"); /* systemd sets these */
  if (background)
    program->sink = MTASTS_LOG_SYSLOG; /* there is no standard error */
  else if (!program->foreground)
    program->sink = config->log;
  mtasts_log_open(program->name, program->sink,
                  program->verbose ? MTASTS_LOG_DEBUG : MTASTS_LOG_INFO);
  if (!background || mtasts_service_background())
    return -1;
  return mtasts_daemon_main_fail(program, EX_OSERR, "cannot go into the background: %s",
                                 strerror(errno));
}

int mtasts_daemon_main_drop_root(const struct mtasts_daemon_main *program,
                                 const struct mtasts_config *config) {
  if (mtasts_privilege_drop(config) == MTASTS_OK)
    return EX_OK;
  return mtasts_daemon_main_fail(program, EX_NOPERM, "cannot become user %s and group %s: %s",
                                 config->user, config->group, strerror(errno));
}
