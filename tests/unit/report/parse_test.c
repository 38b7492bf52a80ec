#include "parse.h"

#include "ascii.h"
#include "json_text.h"
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const unit_name = "parse";

static const char plain[] =
    "{\"organization-name\":\"Org\",\"date-range\":{\"start-datetime\":\"2001-09-09T01:46:40Z\","
    "\"end-datetime\":\"2001-09-10T01:46:39Z\"},\"report-id\":\"1\",\"policies\":[{\"policy\":{"
    "\"policy-type\":\"sts\",\"policy-string\":[\"mode: enforce\"],\"policy-domain\":"
    "\"example.com\"},\"summary\":{\"total-successful-session-count\":9,"
    "\"total-failure-session-count\":1},\"failure-details\":[{\"result-type\":"
    "\"certificate-expired\",\"sending-mta-ip\":\"192.0.2.1\",\"receiving-mx-hostname\":"
    "\"mx.example.com\",\"failed-session-count\":1}]}]}";

static void warned(void *context, const char *text) {
  CU_ASSERT(strlen(text) > 0);
  ++*(size_t *)context;
}

static const char *shown(struct mtasts_span text, char out[128]) {
  snprintf(out, 128, "%.*s", text.len > 0 ? (int)text.len : 1, text.len > 0 ? text.data : "-");
  return out;
}

static void describe(const struct mtasts_tls_report *report, char *out, size_t size) {
  char a[128];
  char b[128];
  char c[128];
  size_t at = (size_t)snprintf(out, size, "%" PRId64 " %" PRId64, report->start, report->end);
  for (size_t i = 0; i < report->policy_count; i++) {
    const struct mtasts_report_policy *policy = &report->policies[i];
    at += (size_t)snprintf(out + at, size - at, "|%s %s %s %" PRIu64 " %" PRIu64,
                           shown(policy->domain, a), shown(policy->type, b), shown(policy->mode, c),
                           policy->successful, policy->failed);
    for (size_t j = 0; j < policy->detail_count; j++)
      at +=
          (size_t)snprintf(out + at, size - at, "|%s %s %s %" PRIu64,
                           shown(policy->details[j].result, a), shown(policy->details[j].source, b),
                           shown(policy->details[j].mx, c), policy->details[j].sessions);
  }
}

static void check_text(unsigned line, const char *text, const char *expected, size_t warnings) {
  char error[MTASTS_JSON_ERROR_SIZE];
  char got[1024] = "";
  json_t *root = NULL;
  size_t found = 0;
  struct mtasts_tls_report report;
  struct mtasts_span rest = {text, strlen(text)};
  struct mtasts_report_parser *parser = mtasts_report_parser_new();
  bool loaded = mtasts_json_text_take(&rest, &(bool){false}, &root, error);
  unit_check(loaded, "line %u: %s", line, loaded ? "" : error);
  if (loaded) {
    const char *why =
        mtasts_report_parse(parser, root, MTASTS_SPAN("Mail.example."), warned, &found, &report);
    if (why)
      unit_check(strstr(why, expected) != NULL, "line %u: %s, not %s", line, why, expected);
    else
      describe(&report, got, sizeof got);
    unit_check(why || strcmp(got, expected) == 0, "line %u: %s, not %s", line, got, expected);
    unit_check(found == warnings, "line %u: %zu warnings", line, found);
  }
  json_decref(root);
  mtasts_report_parser_free(parser);
}

/* What is replaced (its first place counts), by what, what is read, how many warnings. */
static void check(unsigned line, const struct unit_field *fields, size_t count) {
  char text[2048];
  if (count != 4) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  const char *at = strstr(plain, fields[0].data);
  unit_check(at || strcmp(fields[0].data, "zzz") == 0, "line %u: nothing is replaced", line);
  size_t before = at ? (size_t)(at - plain) : 0;
  if (at)
    snprintf(text, sizeof text, "%.*s%s%s", (int)before, plain, fields[1].data, at + fields[0].len);
  else
    snprintf(text, sizeof text, "%s", plain);
  check_text(line, text, fields[2].data, (size_t)(fields[3].data[0] - '0'));
}

static void fields_of_report(void) {
  unit_vectors("tests/data/report/parse.tsv", 44, check);
}

/* Many policies with details each: those of one are not another's. */
static void many(void) {
  static char text[300000];
  struct mtasts_report_parser *parser = mtasts_report_parser_new();
  char error[MTASTS_JSON_ERROR_SIZE];
  json_t *root = NULL;
  size_t warnings = 0;
  struct mtasts_tls_report report;
  size_t at = (size_t)snprintf(text, sizeof text,
                               "{\"date-range\":{\"start-datetime\":\"2001-09-09T01:46:40Z\","
                               "\"end-datetime\":\"2001-09-09T01:46:40Z\"},\"policies\":[");
  for (unsigned i = 0; i < 1000; i++) {
    at += (size_t)snprintf(text + at, sizeof text - at,
                           "%s{\"policy\":{\"policy-domain\":\"D%u.\"},\"failure-details\":[",
                           i > 0 ? "," : "", i);
    for (unsigned j = 0; j < i % 3; j++)
      at += (size_t)snprintf(text + at, sizeof text - at, "%s{\"failed-session-count\":%u}",
                             j > 0 ? "," : "", i);
    at += (size_t)snprintf(text + at, sizeof text - at, "]}");
  }
  snprintf(text + at, sizeof text - at, "]}");
  struct mtasts_span rest = {text, strlen(text)};
  CU_ASSERT_FATAL(mtasts_json_text_take(&rest, &(bool){false}, &root, error));
  for (int round = 0; round < 2; round++) {
    size_t wrong = 0;
    CU_ASSERT_PTR_NULL_FATAL(
        mtasts_report_parse(parser, root, MTASTS_SPAN(""), warned, &warnings, &report));
    CU_ASSERT_FATAL(report.policy_count == 1000);
    for (size_t i = 0; i < 1000; i++) {
      wrong += report.policies[i].detail_count != i % 3 || report.policies[i].domain.data[0] != 'd';
      for (size_t j = 0; j < report.policies[i].detail_count; j++)
        wrong += report.policies[i].details[j].sessions != i;
    }
    CU_ASSERT(wrong == 0);
  }
  json_decref(root);
  mtasts_report_parser_free(parser);
}

const struct unit_test unit_tests[] = {
    {"fields as senders write them", fields_of_report},
    {"many policies and details", many},
    {NULL, NULL},
};
