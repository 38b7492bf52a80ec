/* The input is a policy body. The parsed policy, written out again, must be a policy too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mtasts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
  if (!ok)
    abort();
}

/* Lines are counted from 1; a missing line is reported at the last one. */
static void check_report(const struct mtasts_policy_report *report, enum mtasts_status status) {
  require((status == MTASTS_OK) == (report->error.text == NULL));
  require((status == MTASTS_OK) == (report->error.line == 0));
  uint32_t line = 1;
  for (size_t i = 0; i < report->warning_count && i < MTASTS_WARNINGS_MAX; i++) {
    require(report->warnings[i].text && report->warnings[i].line >= line);
    line = report->warnings[i].line;
  }
}

static void check_pattern(const struct mtasts_names *mx, struct mtasts_span pattern) {
  char again[MTASTS_DOMAIN_MAX];
  require(mtasts_mx_pattern(pattern, again) == pattern.len);
  require(memcmp(again, pattern.data, pattern.len) == 0);
  /* A host that the pattern stands for matches: itself, or a label in place of the star. */
  if (again[0] == '*')
    again[0] = 'x';
  require(mtasts_mx_match(mx, (struct mtasts_span){again, pattern.len}).data != NULL);
}

static void check_written_out(const struct mtasts_policy *policy) {
  size_t room = 100 + policy->mx.size + policy->mx.count * 5;
  char *body = malloc(room);
  unsigned char *store = malloc(room);
  require(body && store);
  size_t len = (size_t)snprintf(body, room, "version: STSv1\nmode: %s\nmax_age: %u\n",
                                mtasts_mode_name(policy->mode), policy->max_age);
  struct mtasts_span pattern;
  for (size_t cursor = 0; mtasts_names_next(&policy->mx, &cursor, &pattern);)
    len += (size_t)snprintf(body + len, room - len, "mx: %.*s\n", (int)pattern.len, pattern.data);

  struct mtasts_policy again;
  struct mtasts_policy_report report;
  require(mtasts_policy_parse((struct mtasts_span){body, len}, store, &again, &report) ==
          (len > MTASTS_POLICY_MAX ? MTASTS_TOO_LARGE : MTASTS_OK));
  if (len <= MTASTS_POLICY_MAX) {
    require(report.warning_count == 0);
    require(again.mode == policy->mode && again.max_age == policy->max_age);
    require(again.mx.count <= policy->mx.count && again.mx.size <= policy->mx.size);
  }
  free(store);
  free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  unsigned char *store = malloc(size ? size : 1);
  require(store != NULL);
  struct mtasts_policy policy;
  struct mtasts_policy_report report;
  struct mtasts_span body = {(const char *)data, size};
  enum mtasts_status status = mtasts_policy_parse(body, store, &policy, &report);
  check_report(&report, status);
  if (status == MTASTS_OK) {
    require(policy.max_age <= MTASTS_MAX_AGE_MAX);
    require(policy.mx.count > 0 || policy.mode == MTASTS_MODE_NONE);
    size_t count = 0;
    struct mtasts_span pattern;
    for (size_t cursor = 0; mtasts_names_next(&policy.mx, &cursor, &pattern); count++)
      check_pattern(&policy.mx, pattern);
    require(count == policy.mx.count);
    check_written_out(&policy);
  }
  free(store);
  return 0;
}
