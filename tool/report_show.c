/*
 * mtasts report show: the TLS reports (RFC 8460) that others sent, summed up.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "json.h"
#include "out.h"
#include "report_check.h"
#include "report_explain.h"
#include "report_names.h"
#include "report_options.h"
#include "report_page.h"
#include "report_reader.h"
#include "report_text.h"
#include "reporter_days.h"
#include "show_csv.h"
#include "show_json.h"
#include "show_prometheus.h"

struct show {
  const struct mtasts_options *options;
  struct mtasts_report_filter filter;
  struct mtasts_report_filter before_filter; /* of --against */
  struct mtasts_domain domain;
  struct mtasts_report_limit limit;
  enum mtasts_show_by by; /* if --by is given */
  struct mtasts_report_reader *reader;
  struct mtasts_sums sums;
  struct mtasts_sums before;       /* of the span of --against */
  struct mtasts_by_domain domains; /* only if pages are wanted for them */
  struct mtasts_report_names *names;
  struct mtasts_report_checked *checked; /* of --check */
  bool pages;
};

static bool take_report(void *context, const struct mtasts_read_report *read) {
  struct show *show = context;
  const struct mtasts_tls_report *report = read->report;
  if (show->options->against && mtasts_filter_report(&show->before_filter, report) &&
      !mtasts_sums_add(&show->before, &show->before_filter, report))
    return false;
  if (!mtasts_filter_report(&show->filter, report))
    return true;
  if (show->options->csv && !show->options->by)
    mtasts_csv_policies(stdout, &show->filter, report);
  return mtasts_sums_add(&show->sums, &show->filter, report) &&
         (!show->pages || mtasts_by_domain_add(&show->domains, &show->filter, report));
}

/* options */

static bool read_form(struct show *show) {
  const struct mtasts_options *options = show->options;
  if (options->csv && options->json) {
    mtasts_print_error("--csv", "not together with --json");
    return false;
  }
  if (options->prometheus && (options->csv || options->json || options->by || options->against)) {
    mtasts_print_error("--prometheus", "not together with --json, --csv, --by or --against");
    return false;
  }
  if (options->against && (options->csv || options->by)) {
    mtasts_print_error("--against", "not together with --csv or --by");
    return false;
  }
  if (options->by && !mtasts_show_by_read(options->by, &show->by)) {
    mtasts_print_error(options->by, "no such table: result, source, reporter, mx, day, domain");
    return false;
  }
  return true;
}

static bool check_is_shown(const struct show *show) {
  const struct mtasts_options *options = show->options;
  if (!options->check)
    return true;
  if (options->csv || options->prometheus || options->explain) {
    mtasts_print_error("--check", "not together with --csv, --prometheus or --explain");
    return false;
  }
  if (options->by && show->by != MTASTS_BY_RESULT && !options->json && !options->html) {
    mtasts_print_error("--check", "of the tables only --by result shows it");
    return false;
  }
  return true;
}

static bool read_options(struct show *show) {
  const struct mtasts_options *options = show->options;
  if (!mtasts_report_filter_read(options, &show->domain, &show->filter) ||
      !mtasts_report_limit_read(options, &show->limit) || !read_form(show) || !check_is_shown(show))
    return false;
  show->before_filter = show->filter;
  show->pages = options->html && mtasts_report_page_is_directory(options->html);
  return !options->against || mtasts_report_span_read(options->against, &show->before_filter);
}

/* output */

static bool print_text(const struct show *show) {
  const struct mtasts_options *options = show->options;
  struct mtasts_report_counts counts = mtasts_report_reader_counts(show->reader);
  if (options->prometheus)
    return mtasts_show_prometheus(stdout, &show->sums, counts.duplicates, counts.rejected);
  if (options->csv)
    return !options->by || mtasts_csv_sums(stdout, &show->sums, show->by);
  if (options->by)
    return mtasts_report_table(&show->sums, show->by);
  return mtasts_report_overview(&show->sums, counts.duplicates) &&
         (!options->against || mtasts_report_changes(&show->sums, &show->before));
}

static int print(struct show *show) {
  const struct mtasts_options *options = show->options;
  if (!options->json)
    return print_text(show) ? MTASTS_EXIT_OK : MTASTS_EXIT_MEMORY;
  struct mtasts_report_counts counts = mtasts_report_reader_counts(show->reader);
  const struct mtasts_show_inputs inputs = {
      .duplicates = counts.duplicates,
      .rejected = mtasts_report_reader_take_rejected(show->reader),
      .warnings = mtasts_report_reader_take_warnings(show->reader),
  };
  return mtasts_json_print(
      mtasts_show_json(&show->sums, &inputs, options->against ? &show->before : NULL));
}

static int write_html(const struct show *show) {
  struct mtasts_report_counts counts = mtasts_report_reader_counts(show->reader);
  const struct mtasts_page page = {
      .sums = &show->sums,
      .title = show->options->domain ? show->domain.name : "",
      .duplicates = counts.duplicates,
      .rejected = counts.rejected,
      .now = time(NULL),
  };
  if (!show->options->html)
    return MTASTS_EXIT_OK;
  return show->pages ? mtasts_report_pages(show->options->html, &page, &show->domains)
                     : mtasts_report_page(show->options->html, &page);
}

struct over {
  const struct mtasts_report_limit *limit;
  bool any;
};

static void note_over(void *context, const struct mtasts_reporter_day *day) {
  struct over *over = context;
  over->any |= over->limit->times && mtasts_reporter_day_over(day, over->limit);
}

/* A multiple is one of what each reporter usually says. */
static int compare_with_limit(const struct show *show) {
  const struct mtasts_session_sums all = {show->sums.successful, show->sums.failed};
  struct over over = {&show->limit, mtasts_limit_over_percent(&show->limit, &all)};
  if (show->limit.times && !mtasts_reporter_days(&show->sums, note_over, &over))
    return MTASTS_EXIT_MEMORY;
  return over.any ? MTASTS_EXIT_NO : MTASTS_EXIT_OK;
}

static int show_all(struct show *show) {
  if (show->options->csv && !show->options->by)
    mtasts_csv_policies_header(stdout);
  int code = mtasts_report_reader_run(show->reader, &show->options->arguments);
  int done = code == MTASTS_EXIT_MEMORY ? code : MTASTS_EXIT_OK;
  if (done == MTASTS_EXIT_OK && show->options->reverse_dns)
    done = mtasts_report_names_ask(show->options, &show->sums, &show->names);
  if (done == MTASTS_EXIT_OK && show->options->check)
    done = mtasts_report_check(show->options, &show->sums, &show->checked);
  if (done == MTASTS_EXIT_OK)
    done = print(show);
  if (done == MTASTS_EXIT_OK)
    done = write_html(show);
  if (done == MTASTS_EXIT_OK && code == MTASTS_EXIT_OK)
    done = compare_with_limit(show);
  return done == MTASTS_EXIT_OK ? code : done;
}

static int run(const struct mtasts_options *options) {
  struct show show = {.options = options};
  if (!read_options(&show))
    return MTASTS_EXIT_USAGE;
  if (options->explain)
    return mtasts_report_explain(options, &show.filter);
  mtasts_sums_init(&show.sums);
  mtasts_sums_init(&show.before);
  int code = MTASTS_EXIT_MEMORY;
  show.reader = mtasts_report_reader_new(take_report, &show, options->json);
  if (show.reader) {
    mtasts_report_reader_authserv_id(show.reader, options->authserv_id);
    code = show_all(&show);
  }
  mtasts_sums_free(&show.sums);
  mtasts_sums_free(&show.before);
  mtasts_by_domain_free(&show.domains);
  mtasts_report_names_free(show.names);
  mtasts_report_checked_free(show.checked);
  mtasts_report_reader_free(show.reader);
  return code;
}

const struct mtasts_command mtasts_command_report_show = {
    .name = "report show",
    .arguments = "[OPTION...] FILE...",
    .summary = "Shows the TLS reports that others sent (RFC 8460)",
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
            "  --against SPAN       compared with those of 2026-01-01..2026-01-31\n"
            "  --explain            each report as a person would read it, with its oddities\n"
            "  --prometheus         metrics, for the node exporter's textfile collector\n"
            "  --reverse-dns        names of sending addresses, asked of the DNS\n"
            "  --check              each result beside a check of now: still so, or not seen\n"
            "  --authserv-id ID     trust this host's Authentication-Results, not the topmost\n"
            "  --fail-over PERCENT  exit 1 if a larger share of the sessions failed\n"
            "  --fail-over 3x       exit 1 if a reporter's newest day failed three times as much\n"
            "                       as the 28 days before\n\n"
            "Examples:\n"
            "  mtasts report show ~/Maildir/.tls-reports\n"
            "  mtasts report show --since 2026-01-01 --by result reports.mbox\n"
            "  mtasts report show --domain example.com --html tls.html reports/\n"
            "  mtasts report show --since 2026-02-01 --against 2026-01-01..2026-01-31 reports/\n"
            "  mtasts report show --explain report.eml\n",
    .least = 1,
    .max = SIZE_MAX,
    .run = run,
};
