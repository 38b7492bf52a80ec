#include "show_csv.h"

#include "build_report.h"
#include "unit.h"

#include <stdlib.h>

const char *const unit_name = "show_csv";

static const struct mtasts_report_filter everything = {0};

static void row(const char *organization, const char *expected) {
  char *text = NULL;
  size_t size = 0;
  char line[512];
  FILE *stream = open_memstream(&text, &size);
  const struct mtasts_report_policy policy = {
      .domain = {"d", 1}, .type = {"sts", 3}, .successful = 1, .failed = 2};
  const struct mtasts_tls_report report = {.organization = built_span(organization),
                                           .id = {"i", 1},
                                           .start = BUILT_EPOCH,
                                           .end = BUILT_EPOCH + 1,
                                           .policies = &policy,
                                           .policy_count = 1};
  mtasts_csv_policies(stream, &everything, &report);
  fclose(stream);
  snprintf(line, sizeof line, "2001-09-09T00:00:00Z,2001-09-09T00:00:01Z,%s,i,d,sts,1,2\n",
           expected);
  unit_check(strcmp(text, line) == 0, "%snot %s", text, line);
  free(text);
}

static void fields(void) {
  row("plain", "plain");
  row("", "");
  row("a,b", "\"a,b\"");
  row("a\"b", "\"a\"\"b\"");
  row(" a", "\" a\"");
  row("=1", "'=1");
  row("+1,2", "\"'+1,2\"");
  row("-1", "'-1");
  row("@x", "'@x");
  row("\tx", "'\xEF\xBF\xBDx");
  row("\rx", "'\xEF\xBF\xBDx");
  row("1=1", "1=1");
  row("a\r\nb", "a\xEF\xBF\xBD\xEF\xBF\xBD"
                "b");
  row("\xE2\x80\xAEx", "\xEF\xBF\xBDx");
}

static void table(enum mtasts_show_by by, const char *expected) {
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  struct mtasts_sums sums;
  mtasts_sums_init(&sums);
  built_add(&sums, &everything,
            &(struct built){.failed = 1, .result = "r", .source = "s", .mx = "m", .day = 1});
  built_add(
      &sums, &everything,
      &(struct built){.successful = 8, .failed = 2, .result = "q", .source = "=s", .mx = "m"});
  CU_ASSERT(mtasts_csv_sums(stream, &sums, by));
  fclose(stream);
  unit_check(strcmp(text, expected) == 0, "%snot %s", text, expected);
  mtasts_sums_free(&sums);
  free(text);
}

static void tables(void) {
  table(MTASTS_BY_RESULT, "result_type,sessions\nq,2\nr,1\n");
  table(MTASTS_BY_SOURCE, "sending_mta_ip,sessions\n'=s,2\ns,1\n");
  table(MTASTS_BY_MX, "receiving_mx_hostname,sessions\nm,3\n");
  table(MTASTS_BY_REPORTER, "organization,successful,failed\nOrg,8,3\n");
  table(MTASTS_BY_DAY, "day,successful,failed\n2001-09-09,8,2\n2001-09-10,0,1\n");
  table(MTASTS_BY_DOMAIN, "policy_domain,successful,failed\nexample.com,8,3\n");
}

const struct unit_test unit_tests[] = {
    {"fields: quotes, formulas, control characters", fields},
    {"each table", tables},
    {NULL, NULL},
};
