/*
 * mtasts watch: checks the domains of this site, and tells what has changed since the last run.
 *
 * What was found is stored only after it has been told. So if a mail or a command fails, the next
 * run tells it again.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "addr_spec.h"
#include "ascii.h"
#include "check_run.h"
#include "command.h"
#include "config.h"
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
  json_t *state, *next;
  const char *domain; /* that is being compared */
  size_t appeared, gone;
  struct text words, lines; /* the changes, for people and as JSON */
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
                                                 .state = options->state};
  int code = load_config(watch);
  if (code == MTASTS_EXIT_OK)
    code = read_domains(watch);
  if (code != MTASTS_EXIT_OK)
    return code;
  const char *cache = first_of(options->cache, watch->config->cache.directory);
  /* No domain begins with a dot: the other files there are named by domains. */
  int made = options->state ? asprintf(&watch->state_path, "%s/.watch", options->state)
                            : asprintf(&watch->state_path, "%s/check/.watch", cache);
  bool opened = text_open(&watch->words) && text_open(&watch->lines);
  return made < 0 || !opened ? no_memory() : MTASTS_EXIT_OK;
}

/* comparing */

static void on_changed(void *context, const struct mtasts_changed *changed) {
  struct watch *watch = context;
  watch->appeared += changed->appeared;
  watch->gone += !changed->appeared;
  mtasts_watch_text(watch->words.stream, watch->domain, changed);
  mtasts_watch_json(watch->lines.stream, watch->domain, changed);
}

/* Domains that are not watched any more are forgotten. */
static int compare(struct watch *watch) {
  watch->state = mtasts_watch_load(watch->state_path);
  watch->next = json_object();
  if (!watch->state || !watch->next)
    return no_memory();
  for (size_t i = 0; i < watch->request.count; i++) {
    watch->domain = watch->domains[i].name;
    if (json_object_get(watch->next, watch->domain))
      continue;
    json_t *found =
        mtasts_changes_find(json_object_get(watch->state, watch->domain),
                            mtasts_check_results_at(&watch->results, i), on_changed, watch);
    if (!found || json_object_set_new(watch->next, watch->domain, found) != 0)
      return no_memory();
  }
  return text_end(&watch->words) && text_end(&watch->lines) ? MTASTS_EXIT_OK : no_memory();
}

/* telling */

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
  mtasts_print_error("watch", "%s; the next run tells it again",
                     *answer.detail ? answer.detail : "sendmail cannot be started");
  return MTASTS_EXIT_LATER;
}

static int send_mail(const struct watch *watch) {
  struct text message = {NULL, NULL, 0};
  char subject[128];
  if (!*watch->mail)
    return MTASTS_EXIT_OK;
  snprintf(subject, sizeof subject, "mtasts watch: %zu new, %zu gone", watch->appeared,
           watch->gone);
  int code = MTASTS_EXIT_OK;
  if (text_open(&message))
    mtasts_watch_mail(message.stream, watch->config->report.from, watch->mail, subject,
                      watch->words.data);
  code = text_end(&message) ? hand_over(watch, &message) : no_memory();
  free(message.data);
  return code;
}

/* The command gets the JSON lines on its standard input. */
static int run_command(const struct watch *watch) {
  if (!*watch->command)
    return MTASTS_EXIT_OK;
  fflush(stdout);
  /* NOLINTNEXTLINE(cert-env33-c): the command is the site's own setting, and gets no argument */
  FILE *pipe = popen(watch->command, "we");
  if (!pipe) {
    mtasts_print_error(watch->command, "%s", strerror(errno));
    return MTASTS_EXIT_LATER;
  }
  fwrite(watch->lines.data, 1, watch->lines.size, pipe);
  int ended = pclose(pipe);
  if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0)
    return MTASTS_EXIT_OK;
  mtasts_print_error(watch->command, "ended with %s %d; the next run tells it again",
                     WIFEXITED(ended) ? "status" : "signal",
                     WIFEXITED(ended) ? WEXITSTATUS(ended) : WTERMSIG(ended));
  return MTASTS_EXIT_LATER;
}

/* The state of all domains, whether it has changed or not. */
static int write_metrics(const struct watch *watch) {
  struct text text = {NULL, NULL, 0};
  if (!*watch->metrics)
    return MTASTS_EXIT_OK;
  if (text_open(&text)) {
    mtasts_watch_metrics_head(text.stream, (int64_t)time(NULL));
    for (size_t i = 0; i < watch->request.count; i++)
      if (watch->results.firsts[i] == i)
        mtasts_watch_metrics(text.stream, watch->domains[i].name,
                             mtasts_check_results_at(&watch->results, i));
  }
  int code =
      text_end(&text) ? mtasts_watch_write(watch->metrics, text.data, text.size) : no_memory();
  free(text.data);
  return code;
}

static int tell(const struct watch *watch) {
  if (watch->appeared + watch->gone == 0)
    return MTASTS_EXIT_OK;
  fputs(watch->options->json ? watch->lines.data : watch->words.data, stdout);
  int told = send_mail(watch);
  return told == MTASTS_EXIT_OK ? run_command(watch) : told;
}

static int save(const struct watch *watch) {
  char *text = json_dumps(watch->next, JSON_INDENT(1) | JSON_SORT_KEYS);
  int code = text ? mtasts_watch_write(watch->state_path, text, strlen(text)) : no_memory();
  free(text);
  return code;
}

static int run(const struct mtasts_options *options) {
  struct watch watch = {.options = options};
  int code = prepare(&watch);
  if (code == MTASTS_EXIT_OK)
    code = mtasts_check_run(&watch.request, &watch.results);
  if (code == MTASTS_EXIT_OK)
    code = compare(&watch);
  if (code == MTASTS_EXIT_OK) {
    int measured = write_metrics(&watch);
    code = tell(&watch);
    if (code == MTASTS_EXIT_OK)
      code = save(&watch);
    if (code == MTASTS_EXIT_OK)
      code = measured;
  }
  text_end(&watch.words);
  text_end(&watch.lines);
  free(watch.words.data);
  free(watch.lines.data);
  json_decref(watch.state);
  json_decref(watch.next);
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
            "options stand in for the keys of that section. Exit 0 if all was told, whatever\n"
            "was found. contrib/systemd has a timer for it.\n\n"
            "  --mail ADDRESS     send the changes by mail\n"
            "  --command COMMAND  run it by the shell, with the changes as JSON lines\n"
            "  --metrics FILE     write the state of all domains for Prometheus\n"
            "  --no-smtp          connect to no mail server\n"
            "  --state DIR        where it remembers what it saw (check in the cache directory)\n"
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
