/*
 * mtasts watch: checks the domains of this site, and reports what has changed since the last run.
 *
 * What was found is stored for each channel (output, mail, command) as soon as that channel has
 * got it. So if a command fails, the next run gives the same to the command again, and sends no
 * second mail.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr_spec.h"
#include "ascii.h"
#include "check_run.h"
#include "command.h"
#include "config.h"
#include "handover.h"
#include "idn.h"
#include "out.h"
#include "sendmail.h"
#include "watch_file.h"
#include "watch_text.h"

enum {
  TIMEOUT = 30,       /* seconds for one connection, as in `mtasts check` */
  TIMEOUT_MAX = 3600, /* seconds */
};

/* One text that grows. */
struct text {
  FILE *stream;
  char *data;
  size_t size;
};

struct watch {
  const struct mtasts_options *options;
  struct mtasts_config *config;
  const char *mail, *command, *metrics; /* "": not wanted */
  struct mtasts_check_request request;
  struct mtasts_domain *domains;
  struct mtasts_check_results results;
  char *state_path;
  json_t *state; /* by the name of a channel, what it has reported */
};

/* What is new for one channel. */
struct unreported {
  const char *domain; /* that is being compared */
  size_t appeared, gone;
  struct text words, lines; /* the changes, for people and as JSON */
  json_t *next;             /* what the channel has reported, after this */
};

/* A way to report the changes. Each has its own memory of what it reported. */
struct channel {
  const char *name; /* in the state */
  int (*report)(const struct watch *watch, const struct unreported *changes);
  bool wanted;
};

static int no_memory(void) {
  mtasts_print_error("watch", "out of memory");
  return MTASTS_EXIT_MEMORY;
}

static bool text_open(struct text *text) {
  text->stream = open_memstream(&text->data, &text->size);
  return text->stream != NULL;
}

/* False if some of it is missing. */
static bool text_end(struct text *text) {
  bool whole = text->stream && fclose(text->stream) == 0;
  text->stream = NULL;
  return whole;
}

/* settings */

static const char *first_of(const char *option, const char *setting) {
  return option ? option : setting;
}

static int load_config(struct watch *watch) {
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_addr_spec address;
  enum mtasts_status status = mtasts_config_load(watch->options->config, error, &watch->config);
  if (status != MTASTS_OK) {
    mtasts_print_error("configuration", "%s", error);
    return status == MTASTS_NO_FILE      ? MTASTS_EXIT_NOFILE
           : status == MTASTS_PERMISSION ? MTASTS_EXIT_DENIED
                                         : MTASTS_EXIT_CONFIG;
  }
  watch->mail = first_of(watch->options->mail, watch->config->watch.mail);
  watch->command = first_of(watch->options->command, watch->config->watch.command);
  watch->metrics = first_of(watch->options->metrics, watch->config->watch.metrics);
  const char *why =
      *watch->mail ? mtasts_addr_spec_parse(mtasts_span_of(watch->mail), &address) : NULL;
  if (!why)
    return MTASTS_EXIT_OK;
  mtasts_print_error(watch->mail, "the address %s", why);
  return MTASTS_EXIT_DATA;
}

static int read_domains(struct watch *watch) {
  const struct mtasts_option_values *named = &watch->options->arguments;
  const struct mtasts_strings *configured = &watch->config->watch.domains;
  size_t count = named->count > 0 ? named->count : configured->count;
  if (count == 0) {
    mtasts_print_error("watch", "no domain: name some, or set domains in section watch of "
                                "mtasts.conf");
    return MTASTS_EXIT_CONFIG;
  }
  watch->domains = calloc(count, sizeof *watch->domains);
  if (!watch->domains)
    return no_memory();
  for (size_t i = 0; i < count; i++) {
    const char *text = named->count > 0 ? named->items[i] : configured->items[i];
    if (strpbrk(text, "[]:") ||
        mtasts_domain_from_text(mtasts_span_of(text), &watch->domains[i]) != MTASTS_OK) {
      mtasts_print_error(text, "not a domain");
      return MTASTS_EXIT_DATA;
    }
  }
  watch->request.domains = watch->domains;
  watch->request.count = count;
  return MTASTS_EXIT_OK;
}

static int prepare(struct watch *watch) {
  const struct mtasts_options *options = watch->options;
  unsigned long timeout = TIMEOUT;
  if (options->timeout && !mtasts_number_read(options->timeout, 1, TIMEOUT_MAX, &timeout)) {
    mtasts_print_error(options->timeout, "--timeout is 1 to %d seconds", TIMEOUT_MAX);
    return MTASTS_EXIT_DATA;
  }
  watch->request = (struct mtasts_check_request){.options = options,
                                                 .smtp = !options->no_smtp,
                                                 .timeout = (uint32_t)timeout,
                                                 .helo = options->helo,
                                                 .state = options->state,
                                                 .memory = "watch",
                                                 .plan = MTASTS_IDENTITY_RUNS_MTA};
  int code = load_config(watch);
  if (code == MTASTS_EXIT_OK)
    code = read_domains(watch);
  if (code != MTASTS_EXIT_OK)
    return code;
  const char *cache = first_of(options->cache, watch->config->cache.directory);
  /* No domain begins with a dot: the other files there are named by domains. */
  int made = options->state ? asprintf(&watch->state_path, "%s/.watch", options->state)
                            : asprintf(&watch->state_path, "%s/watch/.watch", cache);
  return made < 0 ? no_memory() : MTASTS_EXIT_OK;
}

/* comparing */

static void on_changed(void *context, const struct mtasts_changed *changed) {
  struct unreported *changes = context;
  changes->appeared += changed->appeared;
  changes->gone += !changed->appeared;
  mtasts_watch_text(changes->words.stream, changes->domain, changed);
  mtasts_watch_json(changes->lines.stream, changes->domain, changed);
}

static void free_unreported(struct unreported *changes) {
  text_end(&changes->words);
  text_end(&changes->lines);
  free(changes->words.data);
  free(changes->lines.data);
  json_decref(changes->next);
}

/* What a channel has not reported yet. Domains that are not watched any more are forgotten. Returns
 * false without memory. */
static bool compare(const struct watch *watch, const struct channel *channel,
                    struct unreported *changes) {
  const json_t *earlier = json_object_get(watch->state, channel->name);
  changes->next = json_object();
  if (!text_open(&changes->words) || !text_open(&changes->lines) || !changes->next)
    return false;
  for (size_t i = 0; i < watch->request.count; i++) {
    changes->domain = watch->domains[i].name;
    if (json_object_get(changes->next, changes->domain))
      continue;
    const struct mtasts_changes_options options = {
        .domain = changes->domain,
        .smtp = watch->request.smtp,
        .changed = on_changed,
        .context = changes,
    };
    json_t *found = mtasts_changes_find(&options, json_object_get(earlier, changes->domain),
                                        mtasts_check_results_at(&watch->results, i));
    if (!found || json_object_set_new(changes->next, changes->domain, found) != 0)
      return false;
  }
  return text_end(&changes->words) && text_end(&changes->lines);
}

/* the channels */

static int print(const struct watch *watch, const struct unreported *changes) {
  fputs(watch->options->json ? changes->lines.data : changes->words.data, stdout);
  if (fflush(stdout) == 0)
    return MTASTS_EXIT_OK;
  mtasts_print_error("standard output", "%s", strerror(errno));
  return MTASTS_EXIT_IO;
}

static void on_sent(void *context, const struct mtasts_sendmail_answer *answer) {
  *(struct mtasts_sendmail_answer *)context = *answer;
}

static int hand_over(const struct watch *watch, const struct text *message) {
  struct mtasts_sendmail_answer answer = {.taken = false};
  struct mtasts_sendmail *run;
  struct event_base *base = event_base_new();
  const char *from = watch->config->report.from;
  const struct mtasts_sendmail_options options = {
      .program = watch->config->report.sendmail,
      .from = *from ? from : watch->mail,
      .to = &watch->mail,
      .to_count = 1,
      .message = {message->data, message->size},
      .timeout = watch->config->report.timeout,
      .done = on_sent,
      .context = &answer,
  };
  if (!base)
    return no_memory();
  if (mtasts_sendmail_start(base, &options, &run) == MTASTS_OK)
    event_base_dispatch(base);
  event_base_free(base);
  if (answer.taken)
    return MTASTS_EXIT_OK;
  mtasts_print_error("watch", "%s; the next run sends it again",
                     *answer.detail ? answer.detail : "sendmail cannot be started");
  return MTASTS_EXIT_LATER;
}

static int send_mail(const struct watch *watch, const struct unreported *changes) {
  struct text message = {NULL, NULL, 0};
  char subject[128];
  snprintf(subject, sizeof subject, "mtasts watch: %zu new, %zu gone", changes->appeared,
           changes->gone);
  if (text_open(&message))
    mtasts_watch_mail(message.stream, watch->config->report.from, watch->mail, subject,
                      changes->words.data);
  int code = text_end(&message) ? hand_over(watch, &message) : no_memory();
  free(message.data);
  return code;
}

/* A command that reads less is no error. */
static bool write_lines(void *context, FILE *stream) {
  const struct text *lines = context;
  fwrite(lines->data, 1, lines->size, stream);
  return true;
}

/* The command gets the JSON lines on its standard input. */
static int run_command(const struct watch *watch, const struct unreported *changes) {
  struct text lines = changes->lines;
  char *command = strdup(watch->command);
  char *const arguments[] = {"/bin/sh", "-c", command, NULL};
  if (!command)
    return no_memory();
  signal(SIGPIPE, SIG_DFL); /* the check ignored it, and the command would inherit that */
  bool taken = mtasts_handover(arguments, write_lines, &lines);
  free(command);
  if (taken)
    return MTASTS_EXIT_OK;
  mtasts_print_error(watch->command, "the command failed; the next run gives it the same again");
  return MTASTS_EXIT_LATER;
}

/* The state of all domains, whether it has changed or not. */
static int write_metrics(const struct watch *watch) {
  struct text text = {NULL, NULL, 0};
  if (!*watch->metrics)
    return MTASTS_EXIT_OK;
  if (text_open(&text))
    mtasts_watch_metrics(text.stream, (int64_t)time(NULL), watch->domains, &watch->results);
  int code =
      text_end(&text) ? mtasts_watch_write(watch->metrics, text.data, text.size) : no_memory();
  free(text.data);
  return code;
}

static int save(const struct watch *watch) {
  char *text = json_dumps(watch->state, JSON_INDENT(1) | JSON_SORT_KEYS);
  int code = text ? mtasts_watch_write(watch->state_path, text, strlen(text)) : no_memory();
  free(text);
  return code;
}

/* Reports what is new for this channel, and stores that before another channel is used: if a later
 * one fails or hangs, this one does not report the same again. */
static int use(struct watch *watch, const struct channel *channel) {
  struct unreported changes = {.domain = NULL};
  int code = MTASTS_EXIT_OK;
  if (!compare(watch, channel, &changes))
    code = no_memory();
  else if (changes.appeared + changes.gone > 0)
    code = channel->report(watch, &changes);
  if (code == MTASTS_EXIT_OK && json_object_set(watch->state, channel->name, changes.next) != 0)
    code = no_memory();
  if (code == MTASTS_EXIT_OK)
    code = save(watch);
  free_unreported(&changes);
  return code;
}

/* A channel that fails keeps no other from being used. Returns the first failure. */
static int report_all(struct watch *watch) {
  const struct channel channels[] = {
      {"output", print, true},
      {"mail", send_mail, *watch->mail != '\0'},
      {"command", run_command, *watch->command != '\0'},
  };
  int code = write_metrics(watch);
  watch->state = mtasts_watch_load(watch->state_path);
  if (!watch->state)
    return no_memory();
  for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
    int used = channels[i].wanted ? use(watch, &channels[i]) : MTASTS_EXIT_OK;
    code = code == MTASTS_EXIT_OK ? used : code;
  }
  return code;
}

static int run(const struct mtasts_options *options) {
  struct watch watch = {.options = options};
  int code = prepare(&watch);
  if (code == MTASTS_EXIT_OK)
    code = mtasts_check_run(&watch.request, &watch.results);
  if (code == MTASTS_EXIT_OK)
    code = report_all(&watch);
  json_decref(watch.state);
  if (watch.results.count > 0)
    mtasts_check_results_free(&watch.results);
  free(watch.state_path);
  free(watch.domains);
  mtasts_config_free(watch.config);
  return code;
}

const struct mtasts_command mtasts_command_watch = {
    .name = "watch",
    .arguments = "[OPTION...] [DOMAIN...]",
    .summary = "Checks your domains, and reports what has changed",
    .help = "Runs what mtasts check runs, for the domains named here or in section watch of\n"
            "mtasts.conf, and prints findings that are new or gone since the last run. The\n"
            "options stand in for the keys of that section. Exit 0 if all was reported, whatever\n"
            "was found. contrib/systemd has a timer for it.\n\n"
            "  --mail ADDRESS     send the changes by mail\n"
            "  --command COMMAND  run it by the shell, with the changes as JSON lines\n"
            "  --metrics FILE     write the state of all domains for Prometheus\n"
            "  --no-smtp          connect to no mail server\n"
            "  --state DIR        where it remembers what it saw (watch in the cache directory)\n"
            "  --timeout S        seconds for one connection to a mail server, 1 to 3600 (30)\n"
            "  --helo NAME        the name in EHLO (this host's)\n\n"
            "Examples:\n"
            "  mtasts watch example.com example.net\n"
            "  mtasts watch --mail postmaster@example.com\n"
            "  mtasts watch --metrics /var/lib/prometheus/node-exporter/mtasts.prom\n",
    .least = 0,
    .max = SIZE_MAX,
    .run = run,
};
