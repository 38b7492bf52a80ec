/*
 * daemon_main.h: the start of a daemon's main: command line, configuration, log, and going into the
 * background. For a process with one thread.
 */
#ifndef MTASTS_DAEMON_MAIN_H
#define MTASTS_DAEMON_MAIN_H

#include "config.h"

struct mtasts_daemon_main {
  const char *name;        /* as in the log */
  const char *usage;       /* what --help prints */
  const char *config_path; /* NULL: the default, which may be missing */
  bool foreground;
  bool check; /* --check-config */
  bool verbose;
  enum mtasts_log_sink sink;
};

/*
 * Reads the options --config, --foreground, --check-config, --verbose, --help and --version, and
 * the configuration. The caller sets name and usage; this sets the other members. Returns -1 to go
 * on with *config. Else returns the exit code: the options asked for nothing more, or an error was
 * reported.
 */
int mtasts_daemon_main_begin(struct mtasts_daemon_main *program, int argc, char **argv,
                             struct mtasts_config **config);

/* Opens the log; goes into the background unless --foreground or systemd says otherwise. Returns
 * -1 to go on, or the exit code; see mtasts_service_background. */
int mtasts_daemon_main_settle(struct mtasts_daemon_main *program,
                              const struct mtasts_config *config);

/* As mtasts_privilege_drop, and logs its failure. Returns the exit code, EX_OK if all is well. */
int mtasts_daemon_main_drop_root(const struct mtasts_daemon_main *program,
                                 const struct mtasts_config *config);

/* Reports a failure to the log, and to the process that started this one and waits. Returns the
 * code. */
__attribute__((format(printf, 3, 4))) int
mtasts_daemon_main_fail(const struct mtasts_daemon_main *program, int code, const char *format,
                        ...);

/* Reports a warning at the start, likewise. */
__attribute__((format(printf, 2, 3))) void
mtasts_daemon_main_warn(const struct mtasts_daemon_main *program, const char *format, ...);

/* Logs that a reload has found a mistake and the old configuration stays. */
void mtasts_daemon_main_keep_old(const char *why);

/* Sends "RELOADING=1" to systemd, with the time that it asks for. */
void mtasts_daemon_main_reloading(void);

/* The exit code for a socket that mtasts_listen could not open. */
int mtasts_daemon_main_code_of_listen(int error);

#endif
