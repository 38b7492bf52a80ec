/*
 * mtasts report watch: what is new in the TLS reports that others sent, since they were looked at
 * last. For a timer.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "handover.h"
#include "instant.h"
#include "json.h"
#include "out.h"
#include "report_options.h"
#include "report_reader.h"
#include "report_text.h"
#include "safe_text.h"
#include "watch.h"
#include "whole_file.h"

#define STATE_NAME      "report-watch.json"
#define STATE_DIRECTORY "/var/lib/mtasts"

struct watching {
  const struct mtasts_options *options;
  struct mtasts_report_filter filter;
  struct mtasts_report_limit limit;
  struct mtasts_report_reader *reader;
  struct mtasts_sums sums;
  char *state_path;
  json_t *before, *after;
  json_t *alerts;  /* of {"id","level","text","remedy"} */
  size_t left_out; /* alerts for which there is no room */
  struct mtasts_watch_new fresh;
};

/* the state */

static char *state_path(const struct mtasts_options *options) {
  const char *directory = getenv("STATE_DIRECTORY"); /* of systemd, for a unit of its own */
  char *path = NULL;
  if (options->state)
    return strdup(options->state);
  if (asprintf(&path, "%s/%s", directory && *directory ? directory : STATE_DIRECTORY, STATE_NAME) <
      0)
    return NULL;
  return path;
}

/* Returns an exit code. A state that is none is never replaced: it may be another file. */
static int read_state(struct watching *watching) {
  json_error_t error;
  const char *path = watching->state_path;
  FILE *file = fopen(path, "re");
  if (!file && errno == ENOENT)
    return MTASTS_EXIT_OK;
  if (!file) {
    mtasts_print_error(path, "%s", strerror(errno));
    return errno == EACCES ? MTASTS_EXIT_DENIED : MTASTS_EXIT_IO;
  }
  watching->before = json_loadf(file, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
  fclose(file);
  if (mtasts_watch_state_valid(watching->before))
    return MTASTS_EXIT_OK;
  mtasts_print_error(path,
                     "no state of report watch; name another file with --state, or remove it");
  return MTASTS_EXIT_DATA;
}

static bool write_json(void *context, FILE *stream) {
  return json_dumpf(context, stream, JSON_COMPACT) == 0;
}

static int write_state(const struct watching *watching) {
  int error = mtasts_whole_file_write(watching->state_path, write_json, watching->after);
  if (!error)
    return MTASTS_EXIT_OK;
  mtasts_print_error(watching->state_path, "cannot be created: %s; see --state", strerror(error));
  return MTASTS_EXIT_CREATE;
}

/* alerts */

static json_t *safe(const char *text) {
  struct mtasts_span rest = {text, strlen(text)};
  char out[3 * sizeof((struct mtasts_report_finding *)0)->text];
  size_t len = 0;
  while (rest.len > 0 && len + 4 < sizeof out) {
    struct mtasts_safe_char next = mtasts_safe_take(&rest);
    memcpy(out + len, next.bytes, next.len);
    len += next.len;
  }
  return json_stringn_nocheck(out, len);
}

static void add_alert(void *context, const struct mtasts_report_finding *finding) {
  struct watching *watching = context;
  if (json_array_size(watching->alerts) >= MTASTS_FINDINGS_MAX - 1) {
    watching->left_out++;
    return;
  }
  json_array_append_new(watching->alerts,
                        json_pack("{s:s, s:s, s:o, s:o}", "id", finding->id, "level",
                                  mtasts_finding_level_name(finding->level), "text",
                                  safe(finding->text), "remedy", safe(finding->remedy)));
}

/* The state has those that were left out too: so this is said of them, once. */
static void add_left_out(struct watching *watching) {
  if (watching->left_out > 0)
    json_array_append_new(
        watching->alerts,
        json_pack("{s:s, s:s, s:o, s:s}", "id", "alerts-left-out", "level",
                  mtasts_finding_level_name(MTASTS_FINDING_NOTICE), "text",
                  json_sprintf("%zu more alerts are left out.", watching->left_out), "remedy",
                  "See all failures: mtasts report show --by result"));
}

static const char *member(const json_t *alert, const char *key) {
  return json_string_value(json_object_get(alert, key));
}

static bool write_alerts(void *context, FILE *stream) {
  const struct watching *watching = context;
  size_t i;
  const json_t *alert;
  json_array_foreach(watching->alerts, i, alert) {
    fprintf(stream, "%s\n", member(alert, "text"));
    if (*member(alert, "remedy"))
      fprintf(stream, "    %s\n", member(alert, "remedy"));
  }
  return true;
}

static bool write_mail(void *context, FILE *stream) {
  const struct watching *watching = context;
  size_t count = json_array_size(watching->alerts);
  fprintf(stream,
          "To: %s\nSubject: TLS reports: %zu alert%s\nMIME-Version: 1.0\n"
          "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
          "Auto-Submitted: auto-generated\n\n",
          watching->options->mail, count, count == 1 ? "" : "s");
  return write_alerts(context, stream);
}

/* Returns an exit code. */
static int hand_over(struct watching *watching) {
  const struct mtasts_options *options = watching->options;
  const char *sendmail = getenv("SENDMAIL");
  char *command[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, options->command, NULL};
  char *mail[] = {(char *)(uintptr_t)(sendmail && *sendmail ? sendmail : "/usr/sbin/sendmail"),
                  (char[]){"-i"}, (char[]){"--"}, options->mail, NULL};
  if (json_array_size(watching->alerts) == 0)
    return MTASTS_EXIT_OK;
  if (options->command && !mtasts_handover(command, write_alerts, watching))
    return MTASTS_EXIT_LATER;
  if (options->mail && !mtasts_handover(mail, write_mail, watching))
    return MTASTS_EXIT_LATER;
  return MTASTS_EXIT_OK;
}

/* output */

static void print_text(const struct watching *watching) {
  size_t i;
  const json_t *alert;
  const struct mtasts_watch_new *fresh = &watching->fresh;
  if (!watching->before)
    mtasts_report_line(0, "First look: what is there now raises no alert when it is seen again.");
  if (fresh->days > 0)
    mtasts_report_line(
        0, "New: %" PRIu64 " days of reporters, %" PRIu64 " sessions succeeded, %" PRIu64 " failed",
        fresh->days, fresh->successful, fresh->failed);
  json_array_foreach(watching->alerts, i, alert) {
    bool good = strcmp(member(alert, "level"), "good") == 0;
    enum mtasts_colour colour = good ? MTASTS_GREEN : MTASTS_RED;
    fputs(mtasts_colour_on(colour), stdout);
    mtasts_report_line(0, "%s", member(alert, "text"));
    fputs(mtasts_colour_off(colour), stdout);
    if (*member(alert, "remedy"))
      mtasts_report_line(4, "%s", member(alert, "remedy"));
  }
}

static int print(struct watching *watching) {
  const struct mtasts_watch_new *fresh = &watching->fresh;
  if (!watching->options->json) {
    print_text(watching);
    return MTASTS_EXIT_OK;
  }
  return mtasts_json_print(
      json_pack("{s:b, s:{s:I, s:I, s:I}, s:O, s:o, s:o}", "first", !watching->before, "new",
                "days", (json_int_t)fresh->days, "successful", (json_int_t)fresh->successful,
                "failed", (json_int_t)fresh->failed, "alerts", watching->alerts, "rejected",
                mtasts_report_reader_take_rejected(watching->reader), "warnings",
                mtasts_report_reader_take_warnings(watching->reader)));
}

static bool take_report(void *context, const struct mtasts_read_report *read) {
  struct watching *watching = context;
  return !mtasts_filter_report(&watching->filter, read->report) ||
         mtasts_sums_add(&watching->sums, &watching->filter, read->report);
}

/* Alerts that nobody is told of are shown by the exit code. The state is written only once they
 * have been handed over, so that the next look tries again. */
static int look(struct watching *watching, int64_t now) {
  const struct mtasts_watch watch = {&watching->sums, watching->before, &watching->limit, now};
  int code = mtasts_report_reader_run(watching->reader, &watching->options->arguments);
  if (code != MTASTS_EXIT_OK && code != MTASTS_EXIT_DATA)
    return code; /* a directory that is not mounted is no silence of reporters */
  watching->after = mtasts_watch(&watch, add_alert, watching, &watching->fresh);
  if (!watching->after)
    return MTASTS_EXIT_MEMORY;
  add_left_out(watching);
  code = print(watching);
  if (code == MTASTS_EXIT_OK)
    code = hand_over(watching);
  if (code == MTASTS_EXIT_OK)
    code = write_state(watching);
  bool told = watching->options->command || watching->options->mail;
  if (code == MTASTS_EXIT_OK && !told && json_array_size(watching->alerts) > 0)
    return MTASTS_EXIT_NO;
  return code;
}

static bool is_address(const char *text) {
  bool at = false;
  if (*text == '-')
    return false;
  for (; *text; text++) {
    at |= *text == '@';
    if ((unsigned char)*text <= ' ' || *text == 0x7f || *text == ',')
      return false;
  }
  return at;
}

static int run(const struct mtasts_options *options) {
  struct watching watching = {.options = options};
  int64_t now = time(NULL);
  if (options->mail && !is_address(options->mail)) {
    mtasts_print_error(options->mail, "no mail address");
    return MTASTS_EXIT_USAGE;
  }
  if (!mtasts_report_limit_read(options, &watching.limit))
    return MTASTS_EXIT_USAGE;
  watching.filter.since_given = true;
  watching.filter.since = mtasts_day_of(now) - (int64_t)MTASTS_WATCH_DAYS * MTASTS_DAY_SECONDS;
  mtasts_sums_init(&watching.sums);
  watching.state_path = state_path(options);
  watching.reader = mtasts_report_reader_new(take_report, &watching, options->json);
  watching.alerts = json_array();
  int code = MTASTS_EXIT_MEMORY;
  if (watching.state_path && watching.alerts && watching.reader)
    code = read_state(&watching);
  if (code == MTASTS_EXIT_OK)
    code = look(&watching, now);
  mtasts_report_reader_free(watching.reader);
  mtasts_sums_free(&watching.sums);
  json_decref(watching.before);
  json_decref(watching.after);
  json_decref(watching.alerts);
  free(watching.state_path);
  return code;
}

const struct mtasts_command mtasts_command_report_watch = {
    .name = "report watch",
    .arguments = "[OPTION...] FILE...",
    .summary = "Reports what is new in received TLS reports since the last run",
    .help =
        "Reads the reports of the last 35 days, as report show does, and compares them with what\n"
        "the last look found. An alert says that a result type appeared, that a reporter's\n"
        "newest day is over the limit, or that a daily reporter has been silent for three days;\n"
        "each is given once. Exits with 1 if there is an alert that no option hands over.\n\n"
        "  --fail-over PERCENT  a reporter's newest day may fail as much\n"
        "  --fail-over 3x       or three times as much as its 28 days before\n"
        "  --command COMMAND    a shell command that gets the alerts on standard input\n"
        "  --mail ADDRESS       send them by sendmail\n"
        "  --state FILE         what is known (/var/lib/mtasts/report-watch.json)\n\n"
        "Examples:\n"
        "  mtasts report watch --fail-over 3x --mail postmaster@example.com ~/Maildir/.tls\n"
        "  mtasts report watch --state tls.json --command 'logger -t tls' reports/\n",
    .least = 1,
    .max = SIZE_MAX,
    .run = run,
};
