/* tests/data/days.txt: outcomes over days, and the reports that are built of them. */
#include "build.h"
#include "gunzip.h"
#include "outcome_fixture.h"
#include "rfc3339.h"
#include "span.h"

const char *const unit_name = "report/days";

static struct {
  struct mtasts_outcome_store *store;
  int64_t now;
  unsigned line, steps;
} it;

static const struct mtasts_report_site site = {
    .organization = "Example \"Mail\" Ltd",
    .contact = "tls@site.example",
    .submitter = {.name = "site.example", .len = sizeof "site.example" - 1},
    .host = "mail1",
};

/* The next word of a line. */
static struct mtasts_span word(struct mtasts_span *line) {
  struct mtasts_span found;
  mtasts_span_cut(line, ' ', &found);
  return found;
}

static uint64_t number(struct mtasts_span *line) {
  struct mtasts_span digits = word(line);
  uint64_t value = 0;
  unit_check(mtasts_span_is_digits(digits), "line %u: a number is missing", it.line);
  for (size_t i = 0; i < digits.len; i++)
    value = value * 10 + (uint64_t)(digits.data[i] - '0');
  return value;
}

/* `DAY DOMAIN` */
static struct mtasts_day_report *read_day(struct mtasts_span *line) {
  struct mtasts_day_report *report = NULL;
  struct mtasts_domain domain;
  int64_t midnight = 0;
  unit_check(mtasts_date_parse(word(line), &midnight), "line %u: a day is missing", it.line);
  CU_ASSERT_EQUAL(mtasts_domain_parse(word(line), &domain), MTASTS_OK);
  enum mtasts_status status =
      mtasts_outcome_store_read(it.store, mtasts_day_number(midnight), &domain, &report);
  unit_check(status == MTASTS_OK || status == MTASTS_ABSENT, "line %u: %s", it.line,
             mtasts_status_name(status));
  return report;
}

static void tell(struct mtasts_span line) {
  char datagram[4096];
  uint64_t count = number(&line);
  snprintf(datagram, sizeof datagram, "%.*s", (int)line.len, line.data);
  store_tell(it.store, mtasts_day_number(it.now), datagram, count);
}

static void drop(struct mtasts_span line) {
  uint32_t keep = (uint32_t)number(&line);
  uint32_t first = mtasts_outcome_first_kept(mtasts_day_number(it.now), keep);
  bool more = first > 0;
  while (more)
    CU_ASSERT_EQUAL_FATAL(mtasts_outcome_store_drop(it.store, first, &more), MTASTS_OK);
}

static void check_sum(struct mtasts_span line) {
  struct mtasts_day_report *report = read_day(&line);
  uint64_t successful = number(&line);
  uint64_t failed = number(&line);
  unit_check(report && report->successful == successful && report->failed == failed,
             "line %u: %llu successful, %llu failed", it.line,
             report ? (unsigned long long)report->successful : 0,
             report ? (unsigned long long)report->failed : 0);
  mtasts_day_report_free(report);
}

/* The gzip holds the JSON, and neither time nor name (RFC 1952 section 2.3). */
static void check_gzip(const struct mtasts_built_report *built) {
  static const unsigned char no_time[4];
  char *inflated = NULL;
  size_t size = 0;
  uint64_t work = 0;
  CU_ASSERT_EQUAL(mtasts_gunzip((struct mtasts_span){(const char *)built->gzip, built->gzip_size},
                                1 << 20, &inflated, &size, &work),
                  MTASTS_GUNZIP_OK);
  CU_ASSERT(size == built->json_size && memcmp(inflated, built->json, size) == 0);
  CU_ASSERT_EQUAL(built->gzip[3], 0);
  CU_ASSERT_EQUAL(memcmp(built->gzip + 4, no_time, sizeof no_time), 0);
  free(inflated);
}

/* expected: the JSON, with ID in the place of the report-id. */
static void check_report(struct mtasts_span line, const char *expected) {
  struct mtasts_day_report *day = read_day(&line);
  struct mtasts_built_report built;
  struct mtasts_built_report again;
  char json[8192];
  const char *id = strstr(expected, "\"ID\"");
  if (!day || !id || !mtasts_report_build(&site, day, &built)) {
    unit_check(false, "line %u: no report", it.line);
    mtasts_day_report_free(day);
    return;
  }
  snprintf(json, sizeof json, "%.*s\"%s\"%s", (int)(id - expected), expected, built.id,
           id + sizeof "\"ID\"" - 1);
  unit_check(built.json_size == strlen(json) && memcmp(built.json, json, built.json_size) == 0,
             "line %u: is %.*s", it.line, (int)built.json_size, built.json);
  check_gzip(&built);
  CU_ASSERT_TRUE_FATAL(mtasts_report_build(&site, day, &again));
  CU_ASSERT(again.gzip_size == built.gzip_size &&
            memcmp(again.gzip, built.gzip, built.gzip_size) == 0);
  CU_ASSERT_STRING_EQUAL(again.id, built.id);
  mtasts_built_report_free(&again);
  mtasts_built_report_free(&built);
  mtasts_day_report_free(day);
}

static void step(struct mtasts_span line, FILE *file) {
  char expected[8192];
  struct mtasts_span verb = word(&line);
  it.steps++;
  if (mtasts_span_equal(verb, MTASTS_SPAN("at"))) {
    unit_check(mtasts_rfc3339_parse(line, &it.now), "line %u: no time", it.line);
  } else if (mtasts_span_equal(verb, MTASTS_SPAN("tell"))) {
    tell(line);
  } else if (mtasts_span_equal(verb, MTASTS_SPAN("drop"))) {
    drop(line);
  } else if (mtasts_span_equal(verb, MTASTS_SPAN("sum"))) {
    check_sum(line);
  } else if (mtasts_span_equal(verb, MTASTS_SPAN("none"))) {
    struct mtasts_day_report *report = read_day(&line);
    unit_check(!report, "line %u: there is a report", it.line);
    mtasts_day_report_free(report);
  } else if (mtasts_span_equal(verb, MTASTS_SPAN("report")) &&
             fgets(expected, sizeof expected, file)) {
    expected[strcspn(expected, "\n")] = '\0';
    check_report(line, expected);
    it.line++;
  } else {
    unit_check(false, "line %u: what is this?", it.line);
  }
}

static void test_days(void) {
  char line[8192];
  FILE *file = fopen("tests/data/days.txt", "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  memset(&it, 0, sizeof it);
  it.store = store_up("");
  while (fgets(line, sizeof line, file)) {
    it.line++;
    line[strcspn(line, "\n")] = '\0';
    if (*line && *line != '#')
      step(mtasts_span_of(line), file);
  }
  fclose(file);
  CU_ASSERT(it.steps > 40);
  store_down(it.store);
}

/* What tells reports apart, and the names of their files. */
static void test_names(void) {
  struct mtasts_day_report day = {.day = 20787, .domain = {.name = "a.example", .len = 9}};
  struct mtasts_day_report next = {.day = 20788, .domain = day.domain};
  struct mtasts_day_report other = {.day = 20787, .domain = {.name = "b.example", .len = 9}};
  struct mtasts_report_site sibling = site;
  struct mtasts_built_report built[4];
  sibling.host = "mail2";
  CU_ASSERT_TRUE_FATAL(mtasts_report_build(&site, &day, &built[0]));
  CU_ASSERT_TRUE_FATAL(mtasts_report_build(&site, &next, &built[1]));
  CU_ASSERT_TRUE_FATAL(mtasts_report_build(&site, &other, &built[2]));
  CU_ASSERT_TRUE_FATAL(mtasts_report_build(&sibling, &day, &built[3]));
  CU_ASSERT_STRING_EQUAL(built[0].file_name,
                         "site.example!a.example!1795996800!1796083199.json.gz");
  CU_ASSERT_PTR_NOT_NULL(strstr(built[0].id, "@site.example"));
  CU_ASSERT_EQUAL(strncmp(built[0].id, "2026-11-30-", 11), 0);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < i; j++)
      CU_ASSERT_STRING_NOT_EQUAL(built[i].id, built[j].id);
  for (int i = 0; i < 4; i++)
    mtasts_built_report_free(&built[i]);
}

/* No file may have a name of more than 255 bytes. */
static void test_long_names(void) {
  struct mtasts_day_report day = {.day = 20787};
  struct mtasts_built_report built;
  for (int i = 0; i < 25; i++)
    memcpy(day.domain.name + 10 * (size_t)i, "abcdefghi.", 11);
  memcpy(day.domain.name + 250, "xy", 3);
  day.domain.len = 252;
  CU_ASSERT_TRUE_FATAL(mtasts_report_build(&site, &day, &built));
  CU_ASSERT(strlen(built.file_name) < 256);
  CU_ASSERT_PTR_NOT_NULL(strstr(built.file_name, ".abcdefghi.xy!1795996800!"));
  CU_ASSERT_PTR_NOT_NULL(strstr(built.file_name, ".json.gz"));
  CU_ASSERT_EQUAL(strncmp(built.file_name, "site.example!abcdefghi.", 23), 0);
  mtasts_built_report_free(&built);
}

static void check_site(const char *text, const char *missing) {
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_config *config = NULL;
  struct mtasts_report_site found;
  CU_ASSERT_EQUAL_FATAL(mtasts_config_parse(mtasts_span_of(text), "t", error, &config), MTASTS_OK);
  const char *why = mtasts_report_site_read(config, &found);
  unit_check(missing ? why && strcmp(why, missing) == 0 : !why, "%s: %s", text, why ? why : "ok");
  CU_ASSERT(why || strcmp(found.submitter.name, "xn--bcher-kva.example") == 0);
  mtasts_config_free(config);
}

static void test_site(void) {
  check_site("", "report.organization");
  check_site("report { organization = \"A\" }", "report.contact");
  check_site("report { organization = \"A\" contact = \"a@b.example\" }", "report.from");
  check_site("report { contact = \"a@b.example\" from = \"a@b.example\" }", "report.organization");
  check_site("report { organization = \"A\" contact = \"a@xn--bcher-kva.example\" from = "
             "\"a@b.example\" }",
             NULL);
}

const struct unit_test unit_tests[] = {{"outcomes and reports over days", test_days},
                                       {"report-ids and file names", test_names},
                                       {"long domains in file names", test_long_names},
                                       {"who reports", test_site},
                                       {NULL, NULL}};
