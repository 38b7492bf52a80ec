/*
 * mtasts outcome follow: from the log lines of Sendmail and of Postfix before 3.10 to outcomes for
 * TLS reports, which mtastsd records.
 *
 * The position in the log is saved after each outcome that mtastsd has taken. So a restart loses
 * none; after a kill at most one is counted twice. While mtastsd is away, nothing is read further.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "clock.h"
#include "command.h"
#include "config.h"
#include "log_outcome.h"
#include "log_source.h"
#include "netstring.h"
#include "out.h"

enum {
  RETRY_MS = 500,       /* while mtastsd is away */
  SUMMARY_SECONDS = 600 /* between two lines of counts */
};

static const char default_position[] = "/var/lib/mtasts-follow/position";

struct follow {
  const struct mtasts_options *options;
  struct mtasts_config *config;
  struct mtasts_log_source source;
  struct mtasts_mta_log *log;
  struct mtasts_domain_decision decided;
  int socket;                        /* to mtastsd's outcome socket */
  int position;                      /* the file with the position */
  bool replayed;                     /* the line at hand was read before */
  struct mtasts_log_position before; /* the position before that line, */
  uint64_t done;                     /* its sessions that were told, */
  uint64_t skip;                     /* those that an earlier process has told, */
  bool undone;                       /* and the next one cannot be told: it is time to stop */
  bool away;                         /* mtastsd is away, and that was said */
  uint64_t told, untold[MTASTS_LOG_UNTOLD_COUNT];
  uint64_t summed; /* sessions in the last summary */
  int64_t summary_at;
  char reply[MTASTS_NETSTRING_HEAD + MTASTS_ENTRY_REPLY_MAX + 1];
  char datagram[MTASTS_DATAGRAM_MAX];
};

static volatile sig_atomic_t stopped;

static void stop(int number) {
  stopped = number;
}

static void say_away(struct follow *follow, const char *socket, const char *why) {
  if (!follow->away)
    mtasts_print_error(socket, "%s; waiting for mtastsd", why);
  follow->away = true;
  poll(NULL, 0, RETRY_MS);
}

/* What mtastsd knows of the domain. Waits for mtastsd; false: it is time to stop. */
static bool learn(struct follow *follow, const struct mtasts_domain *domain) {
  struct mtasts_domain_decision *decided = &follow->decided;
  const struct mtasts_ask request = {
      .socket = follow->config->ask.socket,
      .map = "entry",
      .deadline = follow->config->ask.deadline + MTASTS_ASK_GRACE,
      .buffer = follow->reply,
      .buffer_size = sizeof follow->reply,
  };
  struct mtasts_span payload;
  decided->domain = *domain;
  while (!stopped) {
    enum mtasts_status status =
        mtasts_ask(&request, (struct mtasts_span){domain->name, domain->len}, &payload);
    if (status == MTASTS_OK)
      status = mtasts_entry_reply_read(payload, &decided->entry_reply);
    if (status == MTASTS_OK) {
      decided->now = (int64_t)time(NULL);
      decided->decision = mtasts_entry_reply_decide(&decided->entry_reply, decided->now);
      return true;
    }
    say_away(follow, request.socket, mtasts_status_name(status));
  }
  return false;
}

/* Waits until mtastsd has taken the datagram; false: it is time to stop. */
static bool send_datagram(struct follow *follow, struct mtasts_span datagram) {
  const char *path = follow->config->outcome.socket;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  while (!stopped) {
    if (sendto(follow->socket, datagram.data, datagram.len, MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *)&address, sizeof address) >= 0) {
      follow->away = false;
      return true;
    }
    if (errno == EMSGSIZE)
      return true; /* no retry would help */
    if (errno == EAGAIN || errno == EINTR)
      poll(NULL, 0, 1);
    else
      say_away(follow, path, strerror(errno));
  }
  return false;
}

/* In place, in one write: a process that is killed leaves the old position or the new one. */
static void save_position(struct follow *follow, const struct mtasts_log_position *position) {
  char text[MTASTS_LOG_POSITION_MAX];
  memset(text, '\n', sizeof text);
  if (!position->set)
    return;
  mtasts_log_position_write(position, text);
  text[strlen(text)] = '\n';
  if (pwrite(follow->position, text, sizeof text, 0) != (ssize_t)sizeof text)
    mtasts_print_error("outcome follow", "the position cannot be saved: %s", strerror(errno));
}

static void save_end(struct follow *follow) {
  struct mtasts_log_position position;
  follow->source.position(follow->source.context, &position);
  save_position(follow, &position);
}

static void count_untold(struct follow *follow, const struct mtasts_log_session *session,
                         enum mtasts_log_untold untold) {
  if (follow->untold[untold]++ == 0 || follow->options->verbose)
    mtasts_print_error("outcome follow", "no outcome for domain=%s mx=%s: %s", session->domain.name,
                       session->host, mtasts_log_untold_text(untold));
}

/* False: it is time to stop, and mtastsd has not taken the outcome. */
static bool tell(struct follow *follow, const struct mtasts_log_session *session) {
  struct mtasts_session_report report;
  struct mtasts_strbuf text = MTASTS_STRBUF(follow->datagram);
  if (!learn(follow, &session->domain))
    return false;
  enum mtasts_log_untold untold = mtasts_log_outcome(session, &follow->decided, &report);
  if (untold != MTASTS_LOG_TOLD) {
    count_untold(follow, session, untold);
    return true;
  }
  mtasts_session_report_write(&report, &text);
  if (!send_datagram(follow, mtasts_strbuf_span(&text)))
    return false;
  follow->told++;
  if (follow->options->verbose)
    printf("%s\n", text.data);
  return true;
}

static void take_session(void *context, const struct mtasts_log_session *session) {
  struct follow *follow = context;
  if (follow->replayed || follow->undone)
    return;
  if (follow->done >= follow->skip && !tell(follow, session)) {
    follow->undone = true;
    return;
  }
  follow->done++;
  follow->before.done = follow->done;
  save_position(follow, &follow->before);
}

static void sum_up(struct follow *follow, bool now) {
  uint64_t untold = 0;
  for (int i = 0; i < MTASTS_LOG_UNTOLD_COUNT; i++)
    untold += follow->untold[i];
  if (follow->told + untold == follow->summed ||
      (!now && mtasts_clock_seconds() < follow->summary_at))
    return;
  follow->summed = follow->told + untold;
  follow->summary_at = mtasts_clock_seconds() + SUMMARY_SECONDS;
  mtasts_print_error("outcome follow",
                     "outcomes told=%llu not_told=%llu nothing_known=%llu other_host=%llu "
                     "no_tls_lines=%llu not_checked=%llu",
                     (unsigned long long)follow->told, (unsigned long long)untold,
                     (unsigned long long)follow->untold[MTASTS_LOG_NOTHING_KNOWN],
                     (unsigned long long)follow->untold[MTASTS_LOG_OTHER_HOST],
                     (unsigned long long)follow->untold[MTASTS_LOG_NO_TLS_LINES],
                     (unsigned long long)follow->untold[MTASTS_LOG_NOT_CHECKED]);
}

static void take_line(struct follow *follow, const struct mtasts_log_line *line) {
  follow->done = 0;
  mtasts_mta_log_take(follow->log, line);
  if (!follow->replayed)
    follow->skip = 0;
}

static int follow_log(struct follow *follow) {
  struct mtasts_log_line line;
  char error[MTASTS_ERROR_TEXT];
  while (!stopped) {
    follow->source.position(follow->source.context, &follow->before);
    switch (follow->source.read(follow->source.context, &line, &follow->replayed, error)) {
    case MTASTS_LOG_READ:
      take_line(follow, &line);
      if (follow->undone)
        return MTASTS_EXIT_OK;
      break;
    case MTASTS_LOG_NONE:
      save_end(follow);
      sum_up(follow, false);
      if (follow->options->once)
        return MTASTS_EXIT_OK;
      follow->source.wait(follow->source.context);
      break;
    case MTASTS_LOG_LOST:
      mtasts_print_error("outcome follow", "%s", error);
      return MTASTS_EXIT_IO;
    }
  }
  save_end(follow);
  return MTASTS_EXIT_OK;
}

/* Opens and locks the file with the position, and reads it. */
static int open_position(struct follow *follow, struct mtasts_log_position *saved) {
  const char *path = follow->options->position ? follow->options->position : default_position;
  char text[MTASTS_LOG_POSITION_MAX];
  follow->position = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (follow->position < 0) {
    mtasts_print_error(path, "%s; --position names another file", strerror(errno));
    return MTASTS_EXIT_CREATE;
  }
  if (flock(follow->position, LOCK_EX | LOCK_NB) != 0) {
    mtasts_print_error(path, "another process follows the log with this position");
    return MTASTS_EXIT_LATER;
  }
  ssize_t size = pread(follow->position, text, sizeof text, 0);
  if (size > 0 && !mtasts_log_position_read((struct mtasts_span){text, (size_t)size}, saved)) {
    mtasts_print_error(path, "not a position; remove the file to begin at the end of the log");
    return MTASTS_EXIT_DATA;
  }
  return MTASTS_EXIT_OK;
}

static int open_source(struct follow *follow, const struct mtasts_log_position *saved) {
  const struct mtasts_options *options = follow->options;
  const char *file = options->file;
  const struct mtasts_log_position none = {.set = false};
  char error[MTASTS_ERROR_TEXT];
  bool other = saved->set && (file != NULL) == (saved->cursor[0] != '\0'); /* of the other kind */
  const struct mtasts_log_position *from = other ? &none : saved;
  if (file ? mtasts_log_file_open(file, from, options->from_start, error, &follow->source)
           : mtasts_log_journal_open(from, options->from_start, error, &follow->source))
    return MTASTS_EXIT_OK;
  mtasts_print_error("outcome follow", "%s", error);
  return MTASTS_EXIT_NOFILE;
}

static int load(struct follow *follow) {
  char error[MTASTS_ERROR_TEXT];
  if (mtasts_config_load_guest(follow->options->config, error, &follow->config) != MTASTS_OK) {
    mtasts_print_error("configuration", "%s", error);
    return MTASTS_EXIT_CONFIG;
  }
  follow->log = mtasts_mta_log_new(follow->config->report.from, take_session, follow);
  if (!follow->log) {
    mtasts_print_error("outcome follow", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  follow->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return follow->socket >= 0 ? MTASTS_EXIT_OK : MTASTS_EXIT_IO;
}

static void close_all(struct follow *follow) {
  if (follow->source.close)
    follow->source.close(follow->source.context);
  mtasts_mta_log_free(follow->log);
  mtasts_config_free(follow->config);
  if (follow->position >= 0)
    close(follow->position);
  if (follow->socket >= 0)
    close(follow->socket);
}

static int run(const struct mtasts_options *options) {
  static struct follow follow;
  struct mtasts_log_position saved = {.set = false};
  struct sigaction action = {.sa_handler = stop};
  follow = (struct follow){.options = options, .socket = -1, .position = -1};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  int code = load(&follow);
  if (code == MTASTS_EXIT_OK && !follow.config->outcome.record) {
    mtasts_print_error("outcome follow", "outcome.record is false: nothing is recorded");
    close_all(&follow);
    return MTASTS_EXIT_OK;
  }
  if (code == MTASTS_EXIT_OK)
    code = open_position(&follow, &saved);
  follow.skip = saved.done;
  if (code == MTASTS_EXIT_OK)
    code = open_source(&follow, &saved);
  if (code == MTASTS_EXIT_OK) {
    code = follow_log(&follow);
    sum_up(&follow, true);
  }
  close_all(&follow);
  return code;
}

const struct mtasts_command mtasts_command_outcome_follow = {
    .name = "outcome follow",
    .arguments = "[--file LOG] [--position FILE] [--from-start] [--once]",
    .summary = "Reports outcomes from the log of Sendmail or an old Postfix",
    .help = "  --file LOG       the log file (the journal's lines of the MTA's units)\n"
            "  --position FILE  where the position in the log is saved\n"
            "                   (/var/lib/mtasts-follow/position)\n"
            "  --from-start     without a saved position: all of the log (from its end on)\n"
            "  --once           to the end of the log, and no further\n\n"
            "Sends the outcome of each session to mtastsd, for TLS reports (RFC 8460), if the log\n"
            "says enough. --verbose prints each outcome, and each session without one.\n"
            "Exim and Postfix 3.10 report by themselves: do not follow their logs.\n\n"
            "Examples:\n"
            "  mtasts outcome follow --file /var/log/mail.log\n"
            "  systemctl enable --now mtasts-outcome-follow\n",
    .least = 0,
    .max = 0,
    .run = run,
};
