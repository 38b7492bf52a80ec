/*
 * mtasts warm: looks up every domain of a list.
 */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "ascii.h"
#include "command.h"
#include "idn.h"
#include "input.h"
#include "json.h"
#include "progress.h"
#include "session.h"

enum {
  JOBS_DEFAULT = 64,
  JOBS_MAX = 4096,
  LINE_BYTES = 1024, /* a domain, its comment */
  DRAW_MS = 100,
  ERRORS = MTASTS_ERROR_RECORD_INVALID + 1,
};

struct counts {
  uint64_t done, cached, enforce, testing, none, absent, bad;
  uint64_t errors[ERRORS]; /* by enum mtasts_error */
};

struct warm {
  const struct mtasts_options *options;
  const char *name; /* of the list */
  struct mtasts_lines lines;
  struct mtasts_session *session;
  struct mtasts_progress progress;
  struct counts counts;
  struct event *readable; /* the list is a pipe that has more; NULL for a file */
  int signal;             /* that ended it */
  int code;
};

/* the list */

/* The domain of a line, without white space around it and what follows `#`. */
static struct mtasts_span trim(struct mtasts_span line) {
  const char *comment = memchr(line.data, '#', line.len);
  if (comment)
    line.len = (size_t)(comment - line.data);
  while (line.len > 0 && mtasts_is_wsp(line.data[0])) {
    line.data++;
    line.len--;
  }
  while (line.len > 0 && mtasts_is_wsp(line.data[line.len - 1]))
    line.len--;
  return line;
}

static void complain_line(struct warm *warm, const char *why) {
  mtasts_progress_wipe(&warm->progress);
  mtasts_complain(warm->name, "line %" PRIu64 ": %s", warm->lines.number, why);
  warm->counts.bad++;
}

/* Takes lines until one holds a domain. */
static enum mtasts_supply next(void *context, struct mtasts_question *question) {
  struct warm *warm = context;
  for (;;) {
    struct mtasts_span line;
    enum mtasts_line got = mtasts_lines_next(&warm->lines, warm->readable == NULL, &line);
    if (got == MTASTS_LINE_LATER) {
      event_add(warm->readable, NULL);
      return MTASTS_SUPPLY_LATER;
    }
    if (got == MTASTS_LINE_ERROR) {
      mtasts_complain(warm->name, "%s", strerror(errno));
      warm->code = MTASTS_EXIT_IO;
    }
    if (got != MTASTS_LINE)
      return MTASTS_SUPPLY_END;
    if (line.len > LINE_BYTES) {
      complain_line(warm, "the line is too long");
      continue;
    }
    struct mtasts_span text = trim(line);
    if (text.len == 0)
      continue;
    enum mtasts_status status = mtasts_domain_from_text(text, &question->domain);
    if (status == MTASTS_OK)
      return MTASTS_SUPPLY_GIVEN;
    if (status != MTASTS_NO_POLICY) /* an address or .parent: nothing to look up */
      complain_line(warm, "not a domain name");
  }
}

/* Counts the domains of a file, for the progress bar; 0 where it is no file. */
static uint64_t count_domains(int fd) {
  struct stat status;
  struct mtasts_lines lines;
  struct mtasts_span line;
  uint64_t count = 0;
  off_t start = lseek(fd, 0, SEEK_CUR);
  if (start < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
      !mtasts_lines_init(&lines, fd, LINE_BYTES))
    return 0;
  while (mtasts_lines_next(&lines, true, &line) == MTASTS_LINE)
    count += trim(line).len > 0;
  mtasts_lines_free(&lines);
  return lseek(fd, start, SEEK_SET) == start ? count : 0;
}

/* what became of them */

static void count(struct counts *counts, const struct mtasts_result *result,
                  const struct mtasts_decision *decision) {
  const struct mtasts_entry *entry = result->entry;
  counts->done++;
  counts->cached += !result->asked;
  counts->enforce += decision->verdict == MTASTS_VERDICT_ENFORCE;
  counts->testing += decision->verdict == MTASTS_VERDICT_TESTING;
  if (entry && entry->error != MTASTS_ERROR_NONE)
    counts->errors[entry->error]++;
  else if (decision->policy)
    counts->none += decision->policy->mode == MTASTS_MODE_NONE;
  else
    counts->absent++;
}

static void done(void *context, const struct mtasts_question *question,
                 const struct mtasts_result *result) {
  struct warm *warm = context;
  struct mtasts_decision decision =
      mtasts_decide(result->entry, result->override, result->freshness, result->now);
  count(&warm->counts, result, &decision);
  if (!warm->options->json)
    return;
  struct mtasts_answer answer = {
      .text = {question->domain.name, question->domain.len},
      .domain = &question->domain,
      .entry = result->entry,
      .override = result->override,
      .decision = &decision,
  };
  warm->code = mtasts_json_print(mtasts_answer_json(&answer));
  if (warm->code != MTASTS_EXIT_OK)
    mtasts_session_stop(warm->session);
}

static void print_summary(const struct warm *warm) {
  const struct counts *c = &warm->counts;
  double spent = mtasts_seconds() - warm->progress.started;
  FILE *out = warm->options->json ? stderr : stdout;
  fprintf(out, "%" PRIu64 " domains in %.1f s, %.0f a second; %" PRIu64 " were cached\n", c->done,
          spent, spent > 0 ? (double)c->done / spent : 0, c->cached);
  fprintf(out, "%" PRIu64 " enforce, %" PRIu64 " testing, %" PRIu64 " none, %" PRIu64 " absent\n",
          c->enforce, c->testing, c->none, c->absent);
  for (size_t i = 1; i < ERRORS; i++)
    if (c->errors[i] > 0)
      fprintf(out, "%" PRIu64 " %s\n", c->errors[i], mtasts_error_name((enum mtasts_error)i));
  if (c->bad > 0)
    fprintf(out, "%" PRIu64 " lines were no domain name\n", c->bad);
}

/* the run */

static void on_readable(evutil_socket_t fd, short what, void *context) {
  struct warm *warm = context;
  (void)fd;
  (void)what;
  mtasts_session_wake(warm->session);
}

static void on_draw(evutil_socket_t fd, short what, void *context) {
  struct warm *warm = context;
  (void)fd;
  (void)what;
  mtasts_progress_draw(&warm->progress, warm->counts.done);
}

/* What is stored stays. A second signal ends the program the hard way. */
static void on_signal(evutil_socket_t number, short what, void *context) {
  struct warm *warm = context;
  (void)what;
  warm->signal = (int)number;
  mtasts_session_stop(warm->session);
}

enum {
  EVENTS = 3,
};

static bool make_events(struct warm *warm, int fd, struct event *events[EVENTS]) {
  struct event_base *base = mtasts_session_base(warm->session);
  struct timeval every = {.tv_usec = DRAW_MS * 1000};
  events[0] = evsignal_new(base, SIGINT, on_signal, warm);
  events[1] = evsignal_new(base, SIGTERM, on_signal, warm);
  events[2] = event_new(base, -1, EV_PERSIST, on_draw, warm);
  if (lseek(fd, 0, SEEK_CUR) < 0 && errno == ESPIPE) {
    warm->readable = event_new(base, fd, EV_READ, on_readable, warm);
    if (!warm->readable)
      return false;
  }
  return events[0] && events[1] && events[2] && event_add(events[0], NULL) == 0 &&
         event_add(events[1], NULL) == 0 && event_add(events[2], &every) == 0;
}

static int run_events(struct warm *warm, int fd) {
  struct event *events[EVENTS] = {0};
  int code = MTASTS_EXIT_MEMORY;
  if (make_events(warm, fd, events))
    code = mtasts_session_run(warm->session);
  else
    mtasts_complain("warm", "out of memory");
  for (size_t i = 0; i < EVENTS; i++)
    if (events[i])
      event_free(events[i]);
  if (warm->readable)
    event_free(warm->readable);
  return code;
}

static int warm_list(struct warm *warm, int fd, unsigned jobs) {
  const struct mtasts_session_options options = {
      .options = warm->options,
      .jobs = jobs,
      .next = next,
      .done = done,
      .context = warm,
  };
  int code = mtasts_session_open(&options, &warm->session);
  if (code != MTASTS_EXIT_OK)
    return code;
  bool shown = isatty(STDERR_FILENO) && !(warm->options->json && isatty(STDOUT_FILENO));
  mtasts_progress_begin(&warm->progress, shown, shown ? count_domains(fd) : 0);
  code = run_events(warm, fd);
  mtasts_progress_wipe(&warm->progress);
  code = mtasts_session_close(warm->session, code == MTASTS_EXIT_OK ? warm->code : code);
  print_summary(warm);
  if (code == MTASTS_EXIT_OK && warm->signal != 0) {
    mtasts_complain("warm", "interrupted; what was learnt is stored");
    return 128 + warm->signal;
  }
  return code == MTASTS_EXIT_OK && warm->counts.bad > 0 ? MTASTS_EXIT_DATA : code;
}

static int run(const struct mtasts_options *options) {
  const char *path = options->words.count > 0 ? options->words.items[0] : NULL;
  struct warm warm = {.options = options, .name = mtasts_input_name(path)};
  unsigned long jobs = JOBS_DEFAULT;
  int code;
  if (options->jobs && !mtasts_number_read(options->jobs, 1, JOBS_MAX, &jobs)) {
    mtasts_complain(options->jobs, "--jobs is 1 to %d", JOBS_MAX);
    return MTASTS_EXIT_USAGE;
  }
  int fd = mtasts_input_open(path, &code);
  if (fd < 0)
    return code;
  if (mtasts_lines_init(&warm.lines, fd, LINE_BYTES)) {
    code = warm_list(&warm, fd, (unsigned)jobs);
  } else {
    mtasts_complain("warm", "out of memory");
    code = MTASTS_EXIT_MEMORY;
  }
  mtasts_lines_free(&warm.lines);
  if (fd != STDIN_FILENO)
    close(fd);
  return code;
}

const struct mtasts_command mtasts_command_warm = {
    .name = "warm",
    .arguments = "[--jobs N] [FILE]",
    .summary = "Looks up every domain of a list and stores what it learns",
    .help = "Reads standard input without FILE: one domain a line, # begins a comment.\n"
            "Domains that are cached and not due are passed over. With --json, a line of\n"
            "`query` for each domain. An interrupt keeps what was learnt.\n\n"
            "  --jobs N  look-ups in flight at most, 1 to 4096 (64)\n\n"
            "Examples:\n"
            "  mtasts --cache /tmp/cache warm domains.txt\n"
            "  cut -d@ -f2 addresses | sort -u | mtasts warm --jobs 256\n",
    .least = 0,
    .most = 1,
    .run = run,
};
