/*
 * mtasts-milter: opens its socket (as root if root starts it), gives up root, and becomes two
 * processes: the supervisor, which receives the signals, and the filter.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmilter/mfapi.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "daemon_main.h"
#include "filter.h"
#include "listen.h"
#include "process.h"
#include "service.h"
#include "supervisor.h"

enum {
  DRAIN_STEPS = 100, /* steps that messages under way have to end, */
  DRAIN_STEP_MS = 100,
  BACKLOG = 1024,
};

static const char usage[] =
    "mtasts-milter [OPTION...]: logs and flags outgoing mail by MTA-STS (RFC 8461)\n\n"
    "  --config FILE  configuration (" MTASTS_CONFIG_PATH ")\n"
    "  --foreground   stay there, and log to standard error\n"
    "  --check-config is the configuration good? Starts nothing\n"
    "  -v, --verbose  log more\n"
    "  -h, --help     this\n"
    "      --version  the version\n\n"
    "Postfix, in main.cf:\n"
    "  smtpd_milters = unix:/run/mtasts/milter.sock\n"
    "  non_smtpd_milters = $smtpd_milters\n"
    "  milter_default_action = accept\n"
    "Sendmail, in sendmail.mc:\n"
    "  INPUT_MAIL_FILTER(`mtasts', `S=unix:/run/mtasts/milter.sock, T=C:10s;S:10s;R:30s;E:1m')\n\n"
    "Manual: mtasts-milter(8), mtasts.conf(5)\n";

static struct {
  struct mtasts_daemon_main program;
  struct mtasts_snapshot *held; /* the configuration at the start, in the filter */
  struct mtasts_listen_socket listening;
  bool own; /* the socket was opened here, not by systemd */
  struct mtasts_supervisor supervisor;
} milter = {.program = {.name = "mtasts-milter", .usage = usage}, .listening.fd = -1};

/* The configuration at the start: its socket settings stay in force for good. */
static struct mtasts_config *initial;

/* Opening the socket */

static int open_socket(void) {
  struct mtasts_service_socket given[MTASTS_SERVICE_SOCKETS];
  char error[MTASTS_ERROR_TEXT];
  const struct mtasts_config *config = initial;
  if (mtasts_service_sockets(given) > 0) {
    milter.listening.fd = given[0].fd;
    return EX_OK;
  }
  milter.own = mtasts_listen(config->milter.listen, SOCK_STREAM, &config->milter.access, config,
                             &milter.listening, error);
  if (milter.own)
    return EX_OK;
  int number = errno;
  mtasts_listen_explain(config->milter.listen, number, error);
  return mtasts_daemon_main_fail(&milter.program, mtasts_daemon_main_code_of_listen(number), "%s",
                                 error);
}

/* The filter */

static void say_start(const char *event, const struct mtasts_config *config) {
  bool monitor = config->site_mode == MTASTS_SITE_MONITOR;
  mtasts_log(MTASTS_LOG_INFO, "%s version=%s listen=%s site_mode=%s", event, MTASTS_VERSION,
             milter.own ? config->milter.listen : "systemd", monitor ? "monitor" : "enforce");
}

static void reload(void) {
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_config *config;
  enum mtasts_status status = mtasts_config_load(milter.program.config_path, error, &config);
  struct mtasts_snapshot *snapshot = NULL;
  if (status != MTASTS_OK) {
    mtasts_daemon_main_keep_old(error);
    return;
  }
  if (milter.own && strcmp(config->milter.listen, initial->milter.listen) != 0)
    mtasts_log(MTASTS_LOG_WARNING,
               "reload: changed, but in force only after a restart: milter.listen");
  snapshot = mtasts_snapshot_new(config);
  if (!snapshot) {
    mtasts_config_free(config);
    mtasts_daemon_main_keep_old("out of memory");
    return;
  }
  say_start("reload", config);
  mtasts_filter_configure(snapshot);
}

/* Makes a new socket if the old one was removed. libmilter keeps its descriptor number. It uses the
 * new socket when its poll returns, within some seconds. */
static void check(void) {
  struct mtasts_listen_socket made;
  char error[MTASTS_ERROR_TEXT];
  static bool told;
  if (!milter.own || mtasts_listen_is_current(&milter.listening))
    return;
  bool listens = mtasts_listen(initial->milter.listen, SOCK_STREAM, &initial->milter.access,
                               initial, &made, error);
  if (listens && dup3(made.fd, milter.listening.fd, O_CLOEXEC) >= 0) {
    close(made.fd);
    made.fd = milter.listening.fd;
    milter.listening = made;
    mtasts_log(MTASTS_LOG_WARNING, "%s was removed: a new socket is in its place",
               initial->milter.listen);
  } else if (!told) {
    mtasts_log(MTASTS_LOG_ERROR,
               "%s was removed, and a new socket cannot be put there: %s; it is tried again every "
               "%d seconds",
               initial->milter.listen, listens ? strerror(errno) : error, MTASTS_SUPERVISOR_CHECK);
  }
  told = !listens;
}

/* Replaces libmilter's socket by one at a name that the kernel chooses, to which no MTA connects.
 * libmilter then does not notice that our socket is closed. */
static void refuse(void) {
  const struct sockaddr any = {.sa_family = AF_UNIX};
  int nobody = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int old = dup(milter.listening.fd);
  if (milter.own)
    mtasts_listen_remove(&milter.listening);
  if (nobody < 0 || bind(nobody, &any, sizeof any.sa_family) != 0 || listen(nobody, 1) != 0 ||
      dup3(nobody, milter.listening.fd, O_CLOEXEC) < 0)
    return;
  if (milter.own)
    shutdown(old, SHUT_RDWR); /* libmilter's poll keeps the old socket open for some seconds */
  close(old);
}

/* Waits one step, in which received data is read and replies are sent. Was no message under way
 * before and after it? */
static bool was_quiet(void) {
  const struct timespec step = {.tv_nsec = DRAIN_STEP_MS * 1000000};
  bool before = mtasts_filter_busy() == 0;
  nanosleep(&step, NULL);
  return before && mtasts_filter_busy() == 0;
}

/* Refuses new connections, and lets messages under way end. libmilter's own stop would cut them
 * off. */
static void stop(void) {
  char counts[128];
  refuse();
  for (int i = 0; i < DRAIN_STEPS && !was_quiet(); i++)
    continue;
  unsigned left = mtasts_filter_busy();
  if (left > 0)
    mtasts_log(MTASTS_LOG_WARNING, "%u messages under way are cut off", left);
  mtasts_filter_counts(counts, sizeof counts);
  mtasts_log(MTASTS_LOG_INFO, "stop %s", counts);
  mtasts_log_close();
  _exit(EX_OK); /* without destructors: libmilter's threads still run */
}

static const struct mtasts_supervisor_commands commands = {
    .reload = reload, .check = check, .stop = stop};

static int run_filter(void) {
  char address[24];
  milter.held = mtasts_snapshot_new(initial);
  signal(SIGPIPE, SIG_IGN);
  mallopt(M_ARENA_MAX, 2);
  /* The socket is open already: Debian's libmilter accepts a descriptor. */
  snprintf(address, sizeof address, "fd:%d", milter.listening.fd);
  if (!milter.held || !mtasts_filter_begin(mtasts_snapshot_ref(milter.held)) ||
      smfi_setconn(address) != MI_SUCCESS || smfi_setbacklog(BACKLOG) != MI_SUCCESS ||
      smfi_opensocket(false) != MI_SUCCESS)
    return mtasts_daemon_main_fail(
        &milter.program, EX_UNAVAILABLE,
        "libmilter refuses; it must take an open socket (fd:N), as Debian's "
        "does");
  say_start("start", initial);
  if (!mtasts_supervisor_serve(&milter.supervisor, &commands))
    return mtasts_daemon_main_fail(&milter.program, EX_OSERR, "a thread cannot be started");
  return smfi_main() == MI_SUCCESS ? EX_OK : EX_SOFTWARE;
}

/* The supervisor */

static void ready(void) {
  mtasts_service_notify("READY=1");
  mtasts_service_ready();
}

static int run_supervisor(void) {
  close(milter.listening.fd);
  int code = mtasts_supervisor_watch(&milter.supervisor, ready);
  if (milter.own)
    mtasts_listen_remove(&milter.listening);
  mtasts_config_free(initial);
  mtasts_log_close();
  return code;
}

int main(int argc, char **argv) {
  mtasts_process_begin();
  mtasts_process_raise_descriptors();
  int code = mtasts_daemon_main_begin(&milter.program, argc, argv, &initial);
  if (code >= 0)
    return code;
  code = mtasts_daemon_main_settle(&milter.program, initial);
  if (code >= 0)
    return code;
  code = open_socket();
  if (code == EX_OK)
    code = mtasts_daemon_main_drop_root(&milter.program, initial);
  if (code != EX_OK)
    return code;
  if (!mtasts_supervisor_fork(&milter.supervisor))
    return mtasts_daemon_main_fail(&milter.program, EX_OSERR, "cannot fork: %s", strerror(errno));
  return milter.supervisor.child > 0 ? run_supervisor() : run_filter();
}
