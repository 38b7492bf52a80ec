#include "prometheus.h"

#include "ad_check.h"

#include "unit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const unit_name = "daemon/prometheus";

static struct mtasts_stats stats;
static struct mtasts_cache_space space;
static struct mtasts_policy_counts policy_counts;
static char text[MTASTS_PROMETHEUS_MAX + 1];

static struct mtasts_prometheus all(void) {
  return (struct mtasts_prometheus){
      .stats = &stats, .space = &space, .policy_counts = &policy_counts};
}

static void clear(void) {
  memset(&stats, 0, sizeof stats);
  memset(&space, 0, sizeof space);
  memset(&policy_counts, 0, sizeof policy_counts);
  policy_counts.taken = 1;
}

static void expose(const struct mtasts_prometheus *measures) {
  size_t size = mtasts_prometheus_write(measures, text, sizeof text - 1);
  CU_ASSERT_FATAL(size > 0);
  text[size] = '\0';
}

static void has(const char *line) {
  const char *at = text;
  size_t len = strlen(line);
  while ((at = strstr(at, line)) && !((at == text || at[-1] == '\n') && at[len] == '\n'))
    at++;
  unit_check(at != NULL, "no line %s", line);
}

/* the format */

static bool is_name(const char *name, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (!strchr("abcdefghijklmnopqrstuvwxyz_", name[i]))
      return false;
  return len > strlen("mtasts_") && strncmp(name, "mtasts_", strlen("mtasts_")) == 0;
}

static bool ends_with(const char *name, size_t len, const char *end) {
  return len > strlen(end) && strncmp(name + len - strlen(end), end, strlen(end)) == 0;
}

/* One family's head, two lines. Returns what follows; *name is the family's. */
static const char *check_head(const char *at, char name[128], char type[16]) {
  char again[128];
  char help[512];
  int used = 0;
  int fields =
      sscanf(at, "# HELP %127s %511[^\n]\n# TYPE %127s %15s%n", name, help, again, type, &used);
  unit_check(fields == 4 && at[used] == '\n', "no head: %.60s", at);
  CU_ASSERT_FATAL(fields == 4 && at[used] == '\n');
  size_t len = strlen(name);
  unit_check(strcmp(name, again) == 0 && is_name(name, len), "%s, %s: names", name, again);
  unit_check(help[strlen(help) - 1] == '.' && !strchr(help, '\\'), "%s: %s", name, help);
  unit_check(ends_with(name, len, "_total") == (strcmp(type, "counter") == 0),
             "%s: a %s and its name", name, type);
  char twice[160];
  snprintf(twice, sizeof twice, "# TYPE %s ", name);
  const char *first = strstr(text, twice);
  unit_check(first && !strstr(first + 1, twice), "%s: twice", name);
  return at + used + 1;
}

/* A sample of the family: `name{label="value"} number`. */
static const char *check_sample(const char *at, const char *family, const char *type) {
  char name[128] = "";
  char value[64] = "";
  char *end = value;
  int used = 0;
  bool labels =
      sscanf(at, "%127[a-z_]{%*[a-z]=\"%*[^\"\n\\]\"} %63[0-9.]%n", name, value, &used) == 2;
  if (!labels)
    sscanf(at, "%127[a-z_] %63[0-9.]%n", name, value, &used);
  unit_check(used > 0 && at[used] == '\n', "%s: no sample: %.60s", family, at);
  CU_ASSERT_FATAL(used > 0 && at[used] == '\n');
  strtod(value, &end);
  unit_check(end > value && *end == '\0', "%s: %s is no number", name, value);
  size_t len = strlen(family);
  const char *suffix = name + len;
  bool histogram = strcmp(type, "histogram") == 0;
  unit_check(strncmp(name, family, len) == 0 &&
                 (histogram ? strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_sum") == 0 ||
                                  strcmp(suffix, "_count") == 0
                            : *suffix == '\0'),
             "%s among those of %s", name, family);
  size_t series = (size_t)used - strlen(value);
  char twice[256];
  snprintf(twice, sizeof twice, "\n%.*s", (int)series, at);
  const char *first = strstr(text, twice);
  unit_check(first && !strstr(first + 1, twice), "%.*s: twice", (int)series, at);
  return at + used + 1;
}

/* As `promtool check metrics` would. Returns the number of families. */
static unsigned check_format(void) {
  unsigned families = 0;
  for (const char *at = text; *at; families++) {
    char name[128];
    char type[16];
    unsigned samples = 0;
    at = check_head(at, name, type);
    for (; *at && *at != '#'; samples++)
      at = check_sample(at, name, type);
    unit_check(samples > 0, "%s has no samples", name);
  }
  return families;
}

static void every_family_is_well_formed(void) {
  clear();
  struct mtasts_prometheus measures = all();
  expose(&measures);
  unsigned families = check_format();
  CU_ASSERT(families > 30);
  measures.space = NULL;
  expose(&measures);
  CU_ASSERT_EQUAL(check_format(), families - 5);
  CU_ASSERT_PTR_NULL(strstr(text, "mtasts_cache_used_bytes"));
  policy_counts.taken = 0;
  measures.space = &space;
  expose(&measures);
  CU_ASSERT_EQUAL(check_format(), families - 6);
  CU_ASSERT_PTR_NULL(strstr(text, "mtasts_policies"));
}

static void every_counter_is_told(void) {
  char value[16];
  clear();
  for (enum mtasts_counter i = 0; i < MTASTS_COUNTERS; i++)
    mtasts_count_set(&stats, i, 7001 + i);
  struct mtasts_prometheus measures = all();
  expose(&measures);
  for (enum mtasts_counter i = 0; i < MTASTS_COUNTERS; i++) {
    snprintf(value, sizeof value, " %d\n", 7001 + (int)i);
    unit_check(strstr(text, value) != NULL, "counter %d is missing", (int)i);
  }
  has("mtasts_requests_total 7001");
  snprintf(value, sizeof value, "%d", 7001 + MTASTS_COUNT_WEBPKI_FAILURES);
  char line[128];
  snprintf(line, sizeof line, "mtasts_lookup_failures_total{type=\"sts-webpki-invalid\"} %s",
           value);
  has(line);
}

static void waits_are_told_by_their_time(void) {
  clear();
  /* Neither of these is timed. */
  mtasts_count_set(&stats, MTASTS_COUNT_HITS, 100);
  mtasts_count_set(&stats, MTASTS_COUNT_OVERRIDES, 10);
  const int64_t waits[] = {-4, 0, 10, 11, 50, 2500, 2501, 10000, 10001, 30000};
  for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
    mtasts_count_wait(&stats, waits[i]);
  struct mtasts_prometheus measures = all();
  expose(&measures);
  has("# TYPE mtasts_answer_wait_seconds histogram");
  has("mtasts_answer_wait_seconds_bucket{le=\"0.01\"} 3");
  has("mtasts_answer_wait_seconds_bucket{le=\"0.025\"} 4");
  has("mtasts_answer_wait_seconds_bucket{le=\"0.05\"} 5");
  has("mtasts_answer_wait_seconds_bucket{le=\"1\"} 5");
  has("mtasts_answer_wait_seconds_bucket{le=\"2.5\"} 6");
  has("mtasts_answer_wait_seconds_bucket{le=\"5\"} 7");
  has("mtasts_answer_wait_seconds_bucket{le=\"10\"} 8");
  has("mtasts_answer_wait_seconds_bucket{le=\"+Inf\"} 10");
  has("mtasts_answer_wait_seconds_sum 55.073");
  has("mtasts_answer_wait_seconds_count 10");
}

/* Of all histograms: the bounds rise, so do the counts, and the last bucket is all. */
static void histograms_add_up(void) {
  clear();
  for (int64_t ms = 0; ms < 20000; ms += 70)
    mtasts_count_wait(&stats, ms);
  struct mtasts_prometheus measures = all();
  expose(&measures);
  unsigned histograms = 0;
  for (const char *at = text; (at = strstr(at, " histogram\n")); histograms++) {
    double last_bound = -1;
    unsigned long long last = 0;
    unsigned long long count = 0;
    char bound[16];
    int used = 0;
    at += strlen(" histogram\n");
    /* NOLINTNEXTLINE(cert-err34-c): we wrote these numbers */
    for (; sscanf(at, "%*[a-z_]{le=\"%15[0-9.+Inf]\"} %llu%n", bound, &count, &used) == 2;
         at += used + 1) {
      double value = strtod(bound, NULL);
      unit_check(value > last_bound && count >= last, "bucket %s", bound);
      last_bound = value;
      last = count;
    }
    CU_ASSERT_STRING_EQUAL(bound, "+Inf");
    /* NOLINTNEXTLINE(cert-err34-c): likewise */
    CU_ASSERT_EQUAL(sscanf(at, "%*[a-z_] %*[0-9.]\n%*[a-z_] %llu", &count), 1);
    CU_ASSERT_EQUAL(count, last);
  }
  CU_ASSERT_EQUAL(histograms, 1);
}

static void state_is_told(void) {
  clear();
  space = (struct mtasts_cache_space){{3, 4}, 1000, 200, 1 << 20};
  policy_counts.stats = (struct mtasts_cache_stats){.enforce = 5,
                                                    .testing = 6,
                                                    .none = 7,
                                                    .expired = 8,
                                                    .failing = 9,
                                                    .failing_enforce = 10,
                                                    .expiring = 11};
  policy_counts.oldest = 1000;
  policy_counts.taken = 1200;
  struct mtasts_prometheus measures = all();
  measures.loop_up[MTASTS_LOOP_NET] = true;
  measures.monitor = true;
  measures.started = 900;
  measures.now = 1500;
  measures.map_size_max = 1 << 30;
  measures.lookups_max = 256;
  measures.overrides = 2;
  expose(&measures);
  has("mtasts_build_info{version=\"" MTASTS_VERSION "\"} 1");
  has("mtasts_start_time_seconds 900");
  has("mtasts_healthy 0");
  has("mtasts_loop_up{loop=\"front\"} 0");
  has("mtasts_loop_up{loop=\"net\"} 1");
  has("mtasts_site_mode{mode=\"enforce\"} 0");
  has("mtasts_site_mode{mode=\"monitor\"} 1");
  has("mtasts_overrides 2");
  has("mtasts_lookups_max 256");
  CU_ASSERT_PTR_NULL(strstr(text, "mtasts_host_resolver_validates")); /* it is not known */
  has("mtasts_cache_domains{state=\"policy\"} 3");
  has("mtasts_cache_domains{state=\"absent\"} 4");
  has("mtasts_cache_used_bytes 1000");
  has("mtasts_cache_free_bytes 200");
  has("mtasts_cache_map_bytes 1048576");
  has("mtasts_cache_map_max_bytes 1073741824");
  has("mtasts_policies{mode=\"enforce\"} 5");
  has("mtasts_policies{mode=\"testing\"} 6");
  has("mtasts_policies{mode=\"none\"} 7");
  has("mtasts_policies_expired 8");
  has("mtasts_policies_failing 10");
  has("mtasts_policies_expiring 11");
  has("mtasts_oldest_policy_age_seconds 500");
  has("mtasts_census_timestamp_seconds 1200");
  has("mtasts_dns_works 1");
  atomic_store(&stats.dns_fails, true);
  atomic_store(&stats.host_ad, MTASTS_AD_MISSING);
  expose(&measures);
  has("mtasts_dns_works 0");
  has("mtasts_host_resolver_validates 0");
  atomic_store(&stats.host_ad, MTASTS_AD_SET);
  expose(&measures);
  has("mtasts_host_resolver_validates 1");
  check_format();
  measures.now = 999; /* the clock was turned back */
  expose(&measures);
  has("mtasts_oldest_policy_age_seconds 0");
}

static void there_is_room(void) {
  clear();
  for (enum mtasts_counter i = 0; i < MTASTS_COUNTERS; i++)
    mtasts_count_set(&stats, i, ULLONG_MAX);
  memset(&space, 0xff, sizeof space);
  memset(&policy_counts.stats, 0xff, sizeof policy_counts.stats);
  policy_counts.taken = INT64_MAX;
  policy_counts.oldest = 1;
  struct mtasts_prometheus measures = all();
  measures.now = measures.started = INT64_MAX;
  size_t size = mtasts_prometheus_write(&measures, text, MTASTS_PROMETHEUS_MAX);
  CU_ASSERT_FATAL(size > 0);
  char *exact = malloc(size + 1);
  CU_ASSERT_FATAL(exact != NULL);
  CU_ASSERT_EQUAL(mtasts_prometheus_write(&measures, exact, size + 1), size);
  CU_ASSERT_EQUAL(mtasts_prometheus_write(&measures, exact, size), 0);
  CU_ASSERT_EQUAL(mtasts_prometheus_write(&measures, exact, 1), 0);
  free(exact);
}

const struct unit_test unit_tests[] = {
    {"every family is well-formed, and there once", every_family_is_well_formed},
    {"every counter is shown", every_counter_is_told},
    {"delayed answers are counted by their delay", waits_are_told_by_their_time},
    {"the buckets of a histogram add up", histograms_add_up},
    {"the state of cache and daemon is shown", state_is_told},
    {"the largest numbers fit, and too small a buffer is reported", there_is_room},
    {NULL, NULL}};
