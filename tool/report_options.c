#include "report_options.h"

#include <string.h>

#include "idn.h"
#include "out.h"
#include "rfc3339.h"

static bool read_day(const char *text, bool *given, int64_t *day) {
  if (!text)
    return true;
  *given = mtasts_date_parse((struct mtasts_span){text, strlen(text)}, day);
  if (!*given)
    mtasts_print_error(text, "no day of the form 2026-01-31");
  return *given;
}

bool mtasts_report_filter_read(const struct mtasts_options *options, struct mtasts_domain *domain,
                               struct mtasts_report_filter *filter) {
  const char *text = options->domain;
  filter->failures = options->failures;
  if (!read_day(options->since, &filter->since_given, &filter->since) ||
      !read_day(options->until, &filter->until_given, &filter->until))
    return false;
  if (!text)
    return true;
  if (mtasts_domain_from_text((struct mtasts_span){text, strlen(text)}, domain) != MTASTS_OK) {
    mtasts_print_error(text, "no domain name");
    return false;
  }
  filter->domain = (struct mtasts_span){domain->name, strlen(domain->name)};
  return true;
}

bool mtasts_report_span_read(const char *text, struct mtasts_report_filter *filter) {
  const char *dots = strstr(text, "..");
  filter->since_given =
      dots && mtasts_date_parse((struct mtasts_span){text, (size_t)(dots - text)}, &filter->since);
  filter->until_given =
      dots && mtasts_date_parse((struct mtasts_span){dots + 2, strlen(dots + 2)}, &filter->until);
  if (filter->since_given && filter->until_given)
    return true;
  mtasts_print_error(text, "no span of the form 2026-01-01..2026-01-31");
  return false;
}

bool mtasts_report_limit_read(const struct mtasts_options *options,
                              struct mtasts_report_limit *limit) {
  if (!options->fail_over || mtasts_limit_read(options->fail_over, limit))
    return true;
  mtasts_print_error(options->fail_over, "no percentage from 0 to 100, and no multiple such as 3x");
  return false;
}
