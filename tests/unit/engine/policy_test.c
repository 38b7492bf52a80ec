#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mtasts.h"
#include "unit.h"

const char *const unit_name = "engine/policy";

/* A parsed body, with a store of exactly its size, so that a sanitizer sees one byte too many. */
struct parsed {
  enum mtasts_status status;
  struct mtasts_policy policy;
  struct mtasts_policy_report report;
  unsigned char *store;
};

static struct parsed parse(const char *body, size_t len) {
  struct parsed p = {.store = malloc(len ? len : 1), .policy.max_age = 12345};
  p.status = mtasts_policy_parse((struct mtasts_span){body, len}, p.store, &p.policy, &p.report);
  return p;
}

/* "mode max_age" */
static void describe_policy(const struct mtasts_policy *policy, char *text, size_t size) {
  snprintf(text, size, "%s %u", mtasts_mode_name(policy->mode), policy->max_age);
}

static void describe_mx(const struct mtasts_names *mx, char *text, size_t size) {
  size_t at = 0;
  size_t count = 0;
  struct mtasts_span name;
  for (size_t cursor = 0; mtasts_names_next(mx, &cursor, &name); count++)
    at += (size_t)snprintf(text + at, size - at, "%s%.*s", count ? " " : "", (int)name.len,
                           name.data);
  if (count == 0)
    snprintf(text, size, "-");
  CU_ASSERT_EQUAL(mx->count, count);
}

static void describe_warnings(const struct mtasts_policy_report *report, char *text, size_t size) {
  size_t at = 0;
  for (size_t i = 0; i < report->warning_count && i < MTASTS_WARNINGS_MAX; i++)
    at += (size_t)snprintf(text + at, size - at, "%s%u", i ? " " : "", report->warnings[i].line);
  if (at == 0)
    snprintf(text, size, "-");
}

static void check_vector(unsigned line, const struct unit_field *fields, size_t count) {
  unit_check(count == 6, "line %u: not six fields", line);
  if (count != 6)
    return;
  const char *name = fields[0].data;
  struct parsed p = parse(fields[5].data, fields[5].len);
  char first[64];
  char second[1024];
  char warnings[256];
  if (p.status == MTASTS_OK) {
    describe_policy(&p.policy, first, sizeof first);
    describe_mx(&p.policy.mx, second, sizeof second);
    unit_check(strcmp(second, fields[3].data) == 0, "line %u: %s: mx %s", line, name, second);
    unit_check(p.report.error.text == NULL, "line %u: %s: an error as well", line, name);
  } else {
    snprintf(first, sizeof first, "%u", p.report.error.line);
    const char *error = p.report.error.text ? p.report.error.text : "";
    unit_check(strstr(error, fields[3].data) != NULL, "line %u: %s: %s", line, name, error);
    unit_check(p.policy.max_age == 12345, "line %u: %s: policy written", line, name);
  }
  describe_warnings(&p.report, warnings, sizeof warnings);
  unit_check(strcmp(mtasts_status_name(p.status), fields[1].data) == 0, "line %u: %s: %s", line,
             name, mtasts_status_name(p.status));
  unit_check(strcmp(first, fields[2].data) == 0, "line %u: %s: %s", line, name, first);
  unit_check(strcmp(warnings, fields[4].data) == 0, "line %u: %s: warnings %s", line, name,
             warnings);
  free(p.store);
}

static void vectors(void) {
  unit_vectors("tests/data/policy.tsv", 150, check_vector);
}

/* A valid policy that an extension fills up to `len` bytes. */
static char *filled(size_t len) {
  static const char start[] = "version: STSv1\nmode: none\nmax_age: 1\na: ";
  char *body = malloc(len);
  memset(body, 'x', len);
  memcpy(body, start, sizeof start - 1);
  return body;
}

static void size_limit(void) {
  char *body = filled(MTASTS_POLICY_MAX + 1);
  struct parsed p = parse(body, MTASTS_POLICY_MAX);
  CU_ASSERT_EQUAL(p.status, MTASTS_OK);
  free(p.store);
  p = parse(body, MTASTS_POLICY_MAX + 1);
  CU_ASSERT_EQUAL(p.status, MTASTS_TOO_LARGE);
  CU_ASSERT_EQUAL(p.report.error.line, 1);
  CU_ASSERT_PTR_NOT_NULL(p.report.error.text);
  free(p.store);
  free(body);
}

static void keeps_the_first_warnings(void) {
  char body[1024] = "version: STSv1\nmode: none\nmax_age: 1\n";
  for (size_t i = 0; i < 40; i++)
    memcpy(body + strlen(body), "a: b\n", 6);
  struct parsed p = parse(body, strlen(body));
  CU_ASSERT_EQUAL(p.status, MTASTS_OK);
  CU_ASSERT_EQUAL(p.report.warning_count, 40);
  CU_ASSERT_EQUAL(p.report.warnings[MTASTS_WARNINGS_MAX - 1].line, 3 + MTASTS_WARNINGS_MAX);
  free(p.store);
}

static void report_is_optional(void) {
  static const char body[] = "version: STSv1\nmode: none\nmax_age: 1\na: b\nmode: x\n\n";
  unsigned char store[sizeof body];
  struct mtasts_policy policy;
  struct mtasts_span good = {body, sizeof body - 1};
  struct mtasts_span cut = {body, 20};
  CU_ASSERT_EQUAL(mtasts_policy_parse(good, store, &policy, NULL), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_policy_parse(cut, store, &policy, NULL), MTASTS_INVALID);
}

static void no_bytes(void) {
  struct mtasts_policy policy;
  struct mtasts_policy_report report;
  struct mtasts_span body = {NULL, 0};
  CU_ASSERT_EQUAL(mtasts_policy_parse(body, NULL, &policy, &report), MTASTS_INVALID);
}

static const char start[] = "version: STSv1\nmode: enforce\nmax_age: 1\n";

/* The most patterns that fit, all of them different. What they cost is measured by
 * tests/bench/policy_bench.c. */
static void patterns_by_the_thousand(void) {
  char *body = malloc(MTASTS_POLICY_MAX);
  size_t len = sizeof start - 1;
  unsigned count = 0;
  memcpy(body, start, len);
  for (; len + 7 <= MTASTS_POLICY_MAX; len += 7) {
    char line[8];
    snprintf(line, sizeof line, "mx:%c%c%c\n", 'a' + count / 676 % 26, 'a' + count / 26 % 26,
             'a' + count % 26);
    memcpy(body + len, line, 7);
    count++;
  }
  struct parsed p = parse(body, len);
  CU_ASSERT_EQUAL(p.status, MTASTS_OK);
  CU_ASSERT_EQUAL(p.policy.mx.count, count);
  free(p.store);
  free(body);
}

/* The hash of policy.c, so that patterns can be chosen that share a place in its table. */
static unsigned place(const char *text) {
  uint32_t hash = 2166136261U;
  for (; *text; text++)
    hash = (hash ^ (unsigned char)*text) * 16777619U;
  return hash % 16384;
}

static void colliding_patterns_are_kept(void) {
  char body[4096];
  size_t len = sizeof start - 1;
  size_t count = 0;
  memcpy(body, start, len);
  for (unsigned i = 0; count < 100; i++) {
    char name[32];
    snprintf(name, sizeof name, "m%u.example", i);
    if (place(name) != 0)
      continue;
    len += (size_t)snprintf(body + len, sizeof body - len, "mx: %s\n", name);
    count++;
  }
  struct parsed p = parse(body, len);
  CU_ASSERT_EQUAL(p.status, MTASTS_OK);
  CU_ASSERT_EQUAL(p.policy.mx.count, count);
  free(p.store);
}

/* The kinds and lines of all errors of a body, as "version:1 mx:4". */
static void errors_of(const char *body, char *text, size_t size) {
  static const char *const names[] = {
      [MTASTS_POLICY_FAULT_VERSION] = "version",
      [MTASTS_POLICY_FAULT_MODE] = "mode",
      [MTASTS_POLICY_FAULT_MAX_AGE] = "max_age",
      [MTASTS_POLICY_FAULT_MX_MISSING] = "no-mx",
      [MTASTS_POLICY_FAULT_MX] = "mx",
      [MTASTS_POLICY_FAULT_GRAMMAR] = "grammar",
      [MTASTS_POLICY_FAULT_TOO_LARGE] = "too-large",
  };
  struct parsed p = parse(body, strlen(body));
  size_t at = 0;
  *text = '\0';
  for (size_t i = 0; p.report.error.text && i <= p.report.more_count; i++) {
    const struct mtasts_policy_diagnostic *error = i > 0 ? &p.report.more[i - 1] : &p.report.error;
    at += (size_t)snprintf(text + at, size - at, "%s%s:%u", i > 0 ? " " : "", names[error->fault],
                           error->line);
  }
  free(p.store);
}

static void all_errors_are_reported(void) {
  static const struct {
    const char *body, *errors;
  } vectors_of_errors[] = {
      {"", "version:1 mode:1 max_age:1"},
      {"version: STSv2\nmode: on\nmx: a_b\nmx: *\nmax_age: 1w\n",
       "version:1 mode:2 mx:3 mx:4 max_age:5"},
      {"mode: enforce\nversion: STSv1\nmax_age: 1\n", "no-mx:3"},
      {"mode: enforce\nversion: STSv1\nmx: .\nmax_age: 1\n", "mx:3"},
      {"mode: none\nversion: STSv1\nmax_age: 1\n", ""},
      {"version: STSv2\n# a comment\nmode: on\n", "version:1 grammar:2"},
      {"<html>\n", "grammar:1"},
  };
  char text[256];
  for (size_t i = 0; i < sizeof vectors_of_errors / sizeof *vectors_of_errors; i++) {
    errors_of(vectors_of_errors[i].body, text, sizeof text);
    unit_check(strcmp(text, vectors_of_errors[i].errors) == 0, "%s: %s", vectors_of_errors[i].body,
               text);
  }
}

static void errors_are_bounded(void) {
  char body[1024] = "version: STSv1\nmode: enforce\nmax_age: 1\n";
  for (size_t i = 0; i < 40; i++)
    memcpy(body + strlen(body), "mx: *\n", 7);
  struct parsed p = parse(body, strlen(body));
  CU_ASSERT_EQUAL(p.status, MTASTS_INVALID);
  CU_ASSERT_EQUAL(p.report.more_count, MTASTS_ERRORS_MAX);
  CU_ASSERT_EQUAL(p.report.error.line, 4);
  CU_ASSERT_EQUAL(p.report.mode_line, 2);
  CU_ASSERT_EQUAL(p.report.max_age_line, 3);
  free(p.store);
}

const struct unit_test unit_tests[] = {
    {"every policy of policy.tsv is read as it says", vectors},
    {"64 KiB are read, one byte more is too large", size_limit},
    {"warnings beyond the limit are counted", keeps_the_first_warnings},
    {"the report may be left out", report_is_optional},
    {"a body without bytes is invalid", no_bytes},
    {"thousands of patterns take bounded time", patterns_by_the_thousand},
    {"each error up to a breach of the grammar is reported", all_errors_are_reported},
    {"errors beyond the limit are left out", errors_are_bounded},
    {"patterns that collide in the hash table are kept", colliding_patterns_are_kept},
    {NULL, NULL},
};
