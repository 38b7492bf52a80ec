/* The journal, as `journalctl --output=json --follow` writes it: an object a line. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "line_buffer.h"
#include "log_source.h"
#include "span.h"

enum {
  REPLAYED = 600,     /* seconds before a saved position that are read again */
  MESSAGE_MAX = 8192, /* bytes */
  WAIT_MS = 500,
  MICROSECONDS = 1000000,
};

struct log_journal {
  pid_t child;
  bool replaying;
  struct mtasts_log_position saved, now;
  json_t *entry;             /* of the last line */
  char message[MESSAGE_MAX]; /* if the journal has it as bytes */
  struct mtasts_line_buffer lines;
};

static struct mtasts_span text_of(const json_t *entry, const char *key) {
  const json_t *value = json_object_get(entry, key);
  const char *text = json_string_value(value);
  return text ? (struct mtasts_span){text, json_string_length(value)} : MTASTS_SPAN("");
}

static bool number_of(const json_t *entry, const char *key, uint64_t *number) {
  struct mtasts_span digits = text_of(entry, key);
  *number = 0;
  for (size_t i = 0; i < digits.len; i++)
    if (!mtasts_is_digit(digits.data[i]) || __builtin_mul_overflow(*number, 10U, number) ||
        __builtin_add_overflow(*number, (uint64_t)(digits.data[i] - '0'), number))
      return false;
  return digits.len > 0;
}

/* A message that is not UTF-8 is an array of its bytes. */
static struct mtasts_span message_of(struct log_journal *journal) {
  const json_t *bytes = json_object_get(journal->entry, "MESSAGE");
  const json_t *byte;
  size_t i;
  if (!json_is_array(bytes))
    return text_of(journal->entry, "MESSAGE");
  if (json_array_size(bytes) > sizeof journal->message)
    return MTASTS_SPAN("");
  json_array_foreach(bytes, i, byte) {
    journal->message[i] = (char)json_integer_value(byte);
  }
  return (struct mtasts_span){journal->message, json_array_size(bytes)};
}

/* The journal knows the unit of a process by itself; the name is the process's own word. So a line
 * of any other unit, such as a user's session, is not read. */
static bool is_mta(const json_t *entry) {
  struct mtasts_span unit = text_of(entry, "_SYSTEMD_UNIT");
  return mtasts_span_starts(unit, MTASTS_SPAN("postfix")) ||
         mtasts_span_starts(unit, MTASTS_SPAN("sendmail"));
}

static bool read_entry(struct log_journal *journal, struct mtasts_span text,
                       struct mtasts_log_line *line, bool *replayed) {
  struct mtasts_log_position now = {.set = true};
  uint64_t pid;
  json_decref(journal->entry);
  journal->entry = json_loadb(text.data, text.len, 0, NULL);
  struct mtasts_span cursor = text_of(journal->entry, "__CURSOR");
  if (!number_of(journal->entry, "__REALTIME_TIMESTAMP", &now.realtime) || cursor.len == 0 ||
      cursor.len >= sizeof now.cursor)
    return false;
  memcpy(now.cursor, cursor.data, cursor.len);
  bool last = strcmp(now.cursor, journal->saved.cursor) == 0;
  if (journal->replaying && now.realtime > journal->saved.realtime && !last)
    journal->replaying = false; /* the line of the saved position is gone */
  *replayed = journal->replaying;
  if (last)
    journal->replaying = false;
  if (!*replayed)
    journal->now = now;
  if (!is_mta(journal->entry) ||
      (!number_of(journal->entry, "SYSLOG_PID", &pid) && !number_of(journal->entry, "_PID", &pid)))
    return false;
  *line = (struct mtasts_log_line){
      .program = text_of(journal->entry, "SYSLOG_IDENTIFIER"),
      .text = message_of(journal),
      .pid = (uint32_t)pid,
  };
  return true;
}

static enum mtasts_log_read read_line(void *context, struct mtasts_log_line *line, bool *replayed,
                                      char error[MTASTS_ERROR_TEXT]) {
  struct log_journal *journal = context;
  struct mtasts_span text;
  for (;;) {
    enum mtasts_line_buffer_read read = mtasts_line_buffer_next(&journal->lines, &text);
    if (read == MTASTS_LINE_BUFFER_NONE)
      return MTASTS_LOG_NONE;
    if (read != MTASTS_LINE_BUFFER_READ) {
      snprintf(error, MTASTS_ERROR_TEXT,
               "journalctl has ended; may this user read the journal (group systemd-journal)?");
      return MTASTS_LOG_LOST;
    }
    if (read_entry(journal, text, line, replayed))
      return MTASTS_LOG_READ;
  }
}

static void position(void *context, struct mtasts_log_position *position) {
  const struct log_journal *journal = context;
  *position = journal->now;
}

static void wait_for_lines(void *context) {
  struct log_journal *journal = context;
  struct pollfd polled = {.fd = journal->lines.fd, .events = POLLIN};
  poll(&polled, 1, WAIT_MS);
}

static void close_journal(void *context) {
  struct log_journal *journal = context;
  if (journal->child > 0) {
    kill(journal->child, SIGTERM);
    waitpid(journal->child, NULL, 0);
  }
  close(journal->lines.fd);
  json_decref(journal->entry);
  free(journal);
}

/* Starts journalctl; its output goes to the pipe. False: errno is set. */
static bool start(struct log_journal *journal, bool from_start, int out) {
  char since[64] = "--lines=0";
  char program[] = "journalctl";
  char *arguments[] = {
      program,
      (char[]){"--output=json"},
      (char[]){"--follow"},
      (char[]){"--no-pager"},
      (char[]){"--quiet"},
      (char[]){"--output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_SYSTEMD_UNIT"},
      (char[]){"--unit=postfix.service"},
      (char[]){"--unit=postfix@-.service"},
      (char[]){"--unit=postfix@*"},
      (char[]){"--unit=sendmail.service"},
      since,
      NULL};
  posix_spawn_file_actions_t actions;
  if (journal->saved.set)
    snprintf(since, sizeof since, "--since=@%" PRIu64,
             journal->saved.realtime / MICROSECONDS > REPLAYED
                 ? journal->saved.realtime / MICROSECONDS - REPLAYED
                 : 0);
  else if (from_start)
    snprintf(since, sizeof since, "--lines=all");
  if (posix_spawn_file_actions_init(&actions) != 0)
    return false;
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  errno = posix_spawnp(&journal->child, program, &actions, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return errno == 0;
}

bool mtasts_log_journal_open(const struct mtasts_log_position *saved, bool from_start,
                             char error[MTASTS_ERROR_TEXT], struct mtasts_log_source *source) {
  struct log_journal *journal = calloc(1, sizeof *journal);
  int ends[2] = {-1, -1};
  bool started = false;
  if (journal && pipe2(ends, O_CLOEXEC) == 0) {
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    journal->saved = journal->now = *saved;
    journal->replaying = saved->set;
    mtasts_line_buffer_begin(&journal->lines, ends[0], 0);
    started = start(journal, from_start, ends[1]);
  }
  if (!started)
    snprintf(error, MTASTS_ERROR_TEXT, "journalctl cannot be started: %s", strerror(errno));
  if (ends[1] >= 0)
    close(ends[1]);
  if (!started) {
    if (ends[0] >= 0)
      close(ends[0]);
    free(journal);
    return false;
  }
  *source = (struct mtasts_log_source){journal, read_line, position, wait_for_lines, close_journal};
  return true;
}
