/*
 * mtasts report show: the TLS reports (RFC 8460) that others sent, summed up.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ascii.h"
#include "command.h"
#include "finder.h"
#include "idn.h"
#include "instant.h"
#include "json.h"
#include "json_text.h"
#include "mail.h"
#include "out.h"
#include "progress.h"
#include "report_files.h"
#include "report_page.h"
#include "report_text.h"
#include "rfc3339.h"
#include "seen.h"
#include "show_csv.h"
#include "show_json.h"
#include "sums.h"

enum {
  READ_BYTES = 1 << 16,
  NOTES_SHOWN = 50000, /* of one file, on standard error */
  NOTES_MAX = 50000,   /* rejected inputs and warnings that --json lists, each */
};

/* `digits` / `unit`, exactly as it was written. */
struct percent {
  bool given;
  uint64_t digits, unit;
};

struct show {
  const struct mtasts_options *options;
  struct mtasts_report_filter filter;
  struct mtasts_domain domain;
  struct percent fail_over;
  enum mtasts_show_by by; /* if --by is given */
  struct mtasts_finder *finder;
  struct mtasts_report_parser *parser;
  struct mtasts_seen *seen;
  struct mtasts_sums sums;
  struct mtasts_by_domain domains; /* only if pages are wanted for them */
  bool pages;
  struct mtasts_progress progress;
  json_t *rejected, *warnings;
  const char *path; /* of the file that is being read */
  uint64_t message; /* in its mbox; 0 outside of one */
  uint64_t notes;   /* of this file */
  uint64_t files, read, duplicates, refused;
  bool no_memory;
};

/* what is noted of an input */

struct input_name {
  char text[PATH_MAX + 24]; /* a path, and the number of a message in it */
};

static struct input_name name_of(const struct show *show, uint64_t message) {
  struct input_name name;
  if (message > 0)
    snprintf(name.text, sizeof name.text, "%s:%llu", show->path, (unsigned long long)message);
  else
    snprintf(name.text, sizeof name.text, "%s", show->path);
  return name;
}

static void note(struct show *show, json_t *list, const char *key, uint64_t message,
                 const char *text) {
  struct input_name name = name_of(show, message);
  if (!show->options->json) {
    if (++show->notes <= NOTES_SHOWN)
      mtasts_print_error(name.text, "%s", text);
    return;
  }
  if (json_array_size(list) >= NOTES_MAX)
    return;
  json_t *entry = json_pack("{s:o, s:o}", "file",
                            mtasts_json_text((struct mtasts_span){name.text, strlen(name.text)}),
                            key, mtasts_json_text((struct mtasts_span){text, strlen(text)}));
  if (json_array_append_new(list, entry) < 0)
    show->no_memory = true;
}

static void reject(void *context, uint64_t message, const char *reason) {
  struct show *show = context;
  show->refused++;
  note(show, show->rejected, "error", message, reason);
}

static void warn(void *context, uint64_t message, const char *text) {
  struct show *show = context;
  note(show, show->warnings, "text", message, text);
}

static void warn_here(void *context, const char *text) {
  struct show *show = context;
  warn(show, show->message, text);
}

/* one report */

static void take_report(void *context, uint64_t message, const struct mtasts_found *found) {
  struct show *show = context;
  struct mtasts_tls_report report;
  show->message = message;
  const char *why =
      mtasts_report_parse(show->parser, found->root, found->domain, warn_here, show, &report);
  if (why) {
    reject(show, message, why);
    return;
  }
  show->read++;
  switch (mtasts_seen_add(show->seen, &report, found->text)) {
  case MTASTS_SEEN_BEFORE:
    show->duplicates++;
    return;
  case MTASTS_SEEN_NO_MEMORY:
    show->no_memory = true;
    return;
  case MTASTS_SEEN_NEW:
    break;
  }
  if (!mtasts_filter_report(&show->filter, &report))
    return;
  if (!mtasts_sums_add(&show->sums, &show->filter, &report) ||
      (show->pages && !mtasts_by_domain_add(&show->domains, &show->filter, &report)))
    show->no_memory = true;
  if (show->options->csv && !show->options->by)
    mtasts_csv_policies(stdout, &show->filter, &report);
}

/* files */

/* The first call fills the buffer as far as the input goes: the finder wants to see its start. */
static ssize_t fill(int fd, char *buffer, size_t size) {
  size_t used = 0;
  while (used < size) {
    ssize_t got = read(fd, buffer + used, size - used);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    used += (size_t)got;
  }
  return (ssize_t)used;
}

static void read_file(void *context, const char *path, int fd) {
  static char buffer[READ_BYTES];
  struct show *show = context;
  ssize_t got;
  int error = 0;
  show->path = path;
  show->notes = 0;
  while ((got = fill(fd, buffer, sizeof buffer)) > 0)
    if (!mtasts_finder_feed(show->finder, (struct mtasts_span){buffer, (size_t)got}))
      break;
  if (got < 0)
    error = errno;
  mtasts_finder_end(show->finder);
  if (error)
    reject(show, 0, strerror(error));
  if (show->notes > NOTES_SHOWN)
    mtasts_print_error(path, "and %" PRIu64 " more of such notes", show->notes - NOTES_SHOWN);
  show->files++;
  if (show->progress.shown && show->files % 64 == 0)
    mtasts_progress_draw(&show->progress, show->files);
}

static void unreadable(void *context, const char *path, int error) {
  struct show *show = context;
  show->path = path;
  reject(show, 0, strerror(error));
}

static void begin_progress(struct show *show) {
  uint64_t total = 0;
  bool shown = isatty(STDERR_FILENO) && !(show->options->json && isatty(STDOUT_FILENO));
  for (size_t i = 0; shown && i < show->options->arguments.count; i++)
    total += mtasts_report_files_count(show->options->arguments.items[i]);
  mtasts_progress_begin(&show->progress, shown && total > 0, total);
}

/* Returns the exit code so far. */
static int read_all(struct show *show) {
  static const struct mtasts_report_files_events events = {read_file, unreadable};
  int code = MTASTS_EXIT_OK;
  begin_progress(show);
  for (size_t i = 0; i < show->options->arguments.count && !show->no_memory; i++) {
    const char *path = show->options->arguments.items[i];
    if (mtasts_report_files(path, &events, show))
      continue;
    mtasts_print_error(path, "no such file or directory");
    code = MTASTS_EXIT_NOFILE;
  }
  mtasts_wipe();
  if (code == MTASTS_EXIT_OK && show->read == 0 && show->refused > 0)
    code = MTASTS_EXIT_DATA;
  return code;
}

/* options */

static bool read_day(const char *text, bool *given, int64_t *day) {
  if (!text)
    return true;
  *given = mtasts_date_parse((struct mtasts_span){text, strlen(text)}, day);
  if (!*given)
    mtasts_print_error(text, "no day of the form 2026-01-31");
  return *given;
}

static bool read_domain(struct show *show) {
  const char *text = show->options->domain;
  if (!text)
    return true;
  if (mtasts_domain_from_text((struct mtasts_span){text, strlen(text)}, &show->domain) !=
      MTASTS_OK) {
    mtasts_print_error(text, "no domain name");
    return false;
  }
  show->filter.domain = (struct mtasts_span){show->domain.name, strlen(show->domain.name)};
  return true;
}

/* Digits, with decimals if there is a point. Decimals beyond the 9th do not count. */
static bool read_percent(struct show *show) {
  enum {
    DECIMALS = 9
  };
  const char *at = show->options->fail_over;
  struct percent value = {.given = true, .unit = 1};
  bool complete = false;
  bool over = false;
  if (!at)
    return true;
  for (; mtasts_is_digit(*at) && value.digits <= 100; at++, complete = true)
    value.digits = value.digits * 10 + (uint64_t)(*at - '0');
  if (complete && *at == '.') {
    complete = false;
    at++;
    for (int i = 0; mtasts_is_digit(*at); i++, at++, complete = true) {
      over |= value.digits >= 100 * value.unit && *at != '0';
      if (i < DECIMALS) {
        value.digits = value.digits * 10 + (uint64_t)(*at - '0');
        value.unit *= 10;
      }
    }
  }
  if (!complete || *at || over || value.digits > 100 * value.unit) {
    mtasts_print_error(show->options->fail_over, "no percentage from 0 to 100");
    return false;
  }
  show->fail_over = value;
  return true;
}

static bool read_form(struct show *show) {
  const struct mtasts_options *options = show->options;
  if (options->csv && options->json) {
    mtasts_print_error("--csv", "not together with --json");
    return false;
  }
  if (options->by && !mtasts_show_by_read(options->by, &show->by)) {
    mtasts_print_error(options->by, "no such table: result, source, reporter, mx, day, domain");
    return false;
  }
  return true;
}

static bool print_text(const struct show *show) {
  if (show->options->csv)
    return !show->options->by || mtasts_csv_sums(stdout, &show->sums, show->by);
  return show->options->by ? mtasts_report_table(&show->sums, show->by)
                           : mtasts_report_overview(&show->sums, show->duplicates);
}

static int print(struct show *show) {
  if (!show->options->json)
    return print_text(show) ? MTASTS_EXIT_OK : MTASTS_EXIT_MEMORY;
  json_t *rejected = show->rejected;
  json_t *warnings = show->warnings;
  show->rejected = show->warnings = NULL;
  return mtasts_json_print(mtasts_show_json(&show->sums, show->duplicates, rejected, warnings));
}

static int write_html(const struct show *show) {
  const struct mtasts_page page = {
      .sums = &show->sums,
      .title = show->options->domain ? show->domain.name : "",
      .duplicates = show->duplicates,
      .rejected = show->refused,
      .now = time(NULL),
  };
  if (!show->options->html)
    return MTASTS_EXIT_OK;
  return show->pages ? mtasts_report_pages(show->options->html, &page, &show->domains)
                     : mtasts_report_page(show->options->html, &page);
}

/* Products of integers are exact, up to 2^53, as quotients are not: 7 of 100 is not over 7 percent.
 */
static bool over(const struct show *show) {
  const struct percent *most = &show->fail_over;
  double failed = (double)show->sums.failed;
  double all = failed + (double)show->sums.successful;
  return most->given && failed * 100 * (double)most->unit > all * (double)most->digits;
}

static int run(const struct mtasts_options *options) {
  static const struct mtasts_finder_events events = {take_report, reject, warn};
  struct show show = {.options = options};
  if (!read_day(options->since, &show.filter.since_given, &show.filter.since) ||
      !read_day(options->until, &show.filter.until_given, &show.filter.until) ||
      !read_domain(&show) || !read_percent(&show) || !read_form(&show))
    return MTASTS_EXIT_USAGE;
  mtasts_json_text_init();
  show.filter.failures = options->failures;
  show.pages = options->html && mtasts_report_page_is_directory(options->html);
  show.finder = mtasts_finder_new(&events, &show);
  show.parser = mtasts_report_parser_new();
  show.seen = mtasts_seen_new();
  show.rejected = json_array();
  show.warnings = json_array();
  mtasts_sums_init(&show.sums);
  int code = MTASTS_EXIT_MEMORY;
  show.no_memory = !show.finder || !show.parser || !show.seen;
  if (options->csv && !options->by)
    mtasts_csv_policies_header(stdout);
  if (!show.no_memory)
    code = read_all(&show);
  int printed = show.no_memory ? MTASTS_EXIT_OK : print(&show);
  if (printed == MTASTS_EXIT_OK && !show.no_memory)
    printed = write_html(&show);
  if (show.no_memory) {
    mtasts_print_error("report show", "out of memory");
    code = MTASTS_EXIT_MEMORY;
  } else if (printed != MTASTS_EXIT_OK) {
    code = printed;
  } else if (code == MTASTS_EXIT_OK && over(&show)) {
    code = MTASTS_EXIT_NO;
  }
  mtasts_sums_free(&show.sums);
  mtasts_by_domain_free(&show.domains);
  mtasts_seen_free(show.seen);
  mtasts_report_parser_free(show.parser);
  mtasts_finder_free(show.finder);
  json_decref(show.rejected);
  json_decref(show.warnings);
  return code;
}

const struct mtasts_command mtasts_command_report_show = {
    .name = "report show",
    .arguments = "[OPTION...] FILE...",
    .summary = "reads TLS reports that others sent (RFC 8460)",
    .help = "Each FILE is a file, a directory with all below it, a Maildir, an mbox, or - for\n"
            "standard input: JSON, gzip, mail, and each inside of another. What is no report is\n"
            "named with its reason, and the rest is read. The same report twice counts once.\n\n"
            "  --since DAY          reports of this day (2026-01-31, UTC) and later\n"
            "  --until DAY          reports of this day and earlier\n"
            "  --domain DOMAIN      policies of this domain and of those below it\n"
            "  --failures           policies with a failed session or a failure detail\n"
            "  --by TABLE           one table: result, source, reporter, mx, day or domain\n"
            "  --csv                rows for a spreadsheet, of the reports or of the --by table\n"
            "  --html FILE          a page to pass on; into a directory, a page for each domain\n"
            "  --fail-over PERCENT  exit 1 if a larger share of the sessions failed\n\n"
            "Examples:\n"
            "  mtasts report show ~/Maildir/.tls-reports\n"
            "  mtasts report show --since 2026-01-01 --by result reports.mbox\n"
            "  mtasts report show --domain example.com --html tls.html reports/\n",
    .least = 1,
    .max = SIZE_MAX,
    .run = run,
};
