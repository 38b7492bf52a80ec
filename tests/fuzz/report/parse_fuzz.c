/* A report as a stranger writes it: what is read is bounded and in normal form, whatever its shape.
 */
#include "parse.h"

#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "instant.h"
#include "json_text.h"
#include "quirks.h"
#include "sums.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth) {
  if (!truth)
    abort();
}

static void take_warning(void *context, const char *text) {
  ++*(size_t *)context;
  require(strlen(text) > 0);
}

static void check_name(struct mtasts_span name) {
  for (size_t i = 0; i < name.len; i++)
    require(!mtasts_is_upper(name.data[i]));
}

static void check_count(uint64_t count) {
  require(count < (uint64_t)1 << 53);
}

static void check_policy(const struct mtasts_report_policy *policy) {
  check_name(policy->domain);
  check_name(policy->type);
  check_count(policy->successful);
  check_count(policy->failed);
  require(policy->mode.len == 0 || memcmp(policy->type.data, "sts", 3) == 0);
  for (size_t i = 0; i < policy->detail_count; i++) {
    check_name(policy->details[i].result);
    check_name(policy->details[i].mx);
    check_count(policy->details[i].sessions);
  }
}

/* Sums of one report are those of its policies. */
static void check_sums(const struct mtasts_tls_report *report) {
  struct mtasts_report_filter filter = {0};
  struct mtasts_sums sums;
  uint64_t failed = 0;
  mtasts_sums_init(&sums);
  require(mtasts_sums_add(&sums, &filter, report));
  for (size_t i = 0; i < report->policy_count; i++)
    failed = mtasts_sum(failed, report->policies[i].failed);
  require(sums.reports == 1 && sums.failed == failed && sums.once_failed <= failed &&
          sums.start <= sums.end && sums.days.used == 1 && sums.reporters.used == 1);
  mtasts_sums_free(&sums);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct mtasts_report_parser *parser;
  static char error[MTASTS_JSON_ERROR_SIZE];
  struct mtasts_tls_report report;
  struct mtasts_span text = {(const char *)data, size};
  size_t warnings = 0;
  json_t *root = NULL;
  if (!parser) {
    mtasts_json_text_init();
    parser = mtasts_report_parser_new();
    require(parser != NULL);
  }
  if (!mtasts_json_text_take(&text, &(bool){false}, &root, error))
    return 0;
  if (json_is_object(root) && !mtasts_report_parse(parser, root, MTASTS_SPAN("mail.example"),
                                                   take_warning, &warnings, &report)) {
    require(warnings < 32);
    for (size_t i = 0; i < report.policy_count; i++)
      check_policy(&report.policies[i]);
    check_sums(&report);
    mtasts_report_quirks(root, &report, take_warning, &warnings);
  }
  json_decref(root);
  return 0;
}
