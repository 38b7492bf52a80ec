#include "findings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "advice.h"
#include "instant.h"
#include "span.h"

enum {
  TESTING_DAYS = 14, /* without a failure, before enforce is recommended */
  DAILY_DAYS = 7,    /* of reports, before a reporter is expected to go on */
  SILENT_DAYS = 3,
  NAME_SHOWN = 100, /* bytes */
};

struct findings {
  const struct mtasts_sums *sums;
  mtasts_finding_fn *finding;
  void *context;
};

const char *mtasts_finding_level_name(enum mtasts_finding_level level) {
  switch (level) {
  case MTASTS_FINDING_GOOD:
    return "good";
  case MTASTS_FINDING_NOTICE:
    return "notice";
  case MTASTS_FINDING_PROBLEM:
    return "problem";
  }
  return "notice";
}

/* For %.*s: a name, not too long. */
static int shown(struct mtasts_span name) {
  return name.len < NAME_SHOWN ? (int)name.len : NAME_SHOWN;
}

static unsigned long long days_between(int64_t from, int64_t to) {
  return to > from ? (unsigned long long)((to - from) / MTASTS_DAY_SECONDS) : 0;
}

__attribute__((format(printf, 3, 4))) static void say(struct mtasts_report_finding *finding,
                                                      const char *remedy, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(finding->text, sizeof finding->text, format, arguments);
  va_end(arguments);
  snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy);
}

static const struct mtasts_count *find_two(const struct mtasts_policy_counts *tally,
                                           struct mtasts_span first, struct mtasts_span second) {
  char name[600];
  if (first.len + 1 + second.len > sizeof name)
    return NULL;
  memcpy(name, first.data, first.len);
  name[first.len] = '\0';
  memcpy(name + first.len + 1, second.data, second.len);
  return mtasts_tally_find(tally, (struct mtasts_span){name, first.len + 1 + second.len});
}

/* every failure of a domain has one cause */

/* The last day on which anything but this cause failed for its domain; `none` if nothing did. */
static int64_t last_other(const struct mtasts_count **causes, size_t count,
                          const struct mtasts_count *cause, int64_t none) {
  struct mtasts_span domain = mtasts_count_part(cause, 0);
  int64_t last = none;
  for (size_t i = 0; i < count; i++)
    if (causes[i] != cause && causes[i]->failed > 0 &&
        mtasts_span_equal(mtasts_count_part(causes[i], 0), domain) && causes[i]->last_failed > last)
      last = causes[i]->last_failed;
  return last;
}

/* Is it the only cause since the day it first appeared, up to the end of what failed? */
static bool is_single_cause(const struct mtasts_count **causes, size_t count,
                            const struct mtasts_count *cause) {
  return cause->failed > 0 && last_other(causes, count, cause, INT64_MIN) < cause->first_failed;
}

static void say_cause(const struct findings *findings, const struct mtasts_count *cause) {
  struct mtasts_report_finding finding = {.id = "single-cause", .level = MTASTS_FINDING_PROBLEM};
  struct mtasts_span domain = mtasts_count_part(cause, 0);
  struct mtasts_span result = mtasts_count_part(cause, 1);
  struct mtasts_span mx = mtasts_count_part(cause, 2);
  struct mtasts_advice known = {.remedy = ""};
  mtasts_advice_find(result, &known);
  say(&finding, known.remedy,
      "%.*s: every failure since %s is %.*s%s%.*s (%" PRIu64 " sessions, the last on %s).",
      shown(domain), domain.data, mtasts_day_text(cause->first_failed).text, shown(result),
      result.data, mx.len > 0 ? " at " : "", shown(mx), mx.data, cause->failed,
      mtasts_day_text(cause->last_failed).text);
  if (!mtasts_check_note(findings->sums, &domain, result, &finding.check))
    finding.check.verdict = NULL;
  findings->finding(findings->context, &finding);
}

/* Causes are compared with each other, so their number is bounded. */
static bool single_causes(const struct findings *findings) {
  enum {
    COMPARED = 1000
  };
  const struct mtasts_policy_counts *tally = &findings->sums->causes;
  const struct mtasts_count **causes = mtasts_tally_sorted(tally, MTASTS_LARGEST);
  size_t said = 0;
  for (size_t i = 0; causes && tally->used <= COMPARED && i < tally->used; i++)
    if (said < MTASTS_FINDINGS_MAX && is_single_cause(causes, tally->used, causes[i])) {
      say_cause(findings, causes[i]);
      said++;
    }
  free(causes);
  return causes || tally->used == 0;
}

/* reporters that see no policy */

static size_t reporters_of(const struct mtasts_sums *sums, struct mtasts_span domain,
                           struct mtasts_span type, int64_t *last) {
  size_t reporters = 0;
  for (size_t i = 0; i < sums->views.room; i++) {
    const struct mtasts_count *view = sums->views.counts[i];
    if (!view || !mtasts_span_equal(mtasts_count_part(view, 0), domain) ||
        !mtasts_span_equal(mtasts_count_part(view, 1), type))
      continue;
    reporters++;
    if (reporters == 1 || view->last > *last)
      *last = view->last;
  }
  return reporters;
}

/* Only if a reporter sees none after the policy was first seen by another. */
static void say_no_policy(const struct findings *findings, struct mtasts_span domain) {
  struct mtasts_report_finding finding = {.id = "policy-not-seen", .level = MTASTS_FINDING_PROBLEM};
  int64_t last = 0;
  const struct mtasts_count *sts = find_two(&findings->sums->policies, domain, MTASTS_SPAN("sts"));
  size_t reporters = reporters_of(findings->sums, domain, MTASTS_SPAN("no-policy-found"), &last);
  if (!sts || reporters == 0 || last <= sts->first)
    return;
  say(&finding, "Check that the TXT record and the policy can be reached from everywhere.",
      "%.*s: %zu reporter%s found no policy, the last on %s, though others see one since %s.",
      shown(domain), domain.data, reporters, reporters == 1 ? "" : "s", mtasts_day_text(last).text,
      mtasts_day_text(sts->first).text);
  findings->finding(findings->context, &finding);
}

/* testing that may end */

static void say_ready(const struct findings *findings, struct mtasts_span domain) {
  struct mtasts_report_finding finding = {.id = "ready-for-enforce", .level = MTASTS_FINDING_GOOD};
  const struct mtasts_sums *sums = findings->sums;
  const struct mtasts_count *sts = find_two(&sums->policies, domain, MTASTS_SPAN("sts"));
  const struct mtasts_count *testing = find_two(&sums->modes, domain, MTASTS_SPAN("testing"));
  if (!sts || !testing || !mtasts_span_equal(sts->mode, MTASTS_SPAN("testing")))
    return;
  int64_t last = 0;
  int64_t since = testing->first;
  if (sts->failed > 0 && sts->last_failed + MTASTS_DAY_SECONDS > since)
    since = sts->last_failed + MTASTS_DAY_SECONDS;
  unsigned long long days = days_between(since, testing->last + MTASTS_DAY_SECONDS);
  if (days < TESTING_DAYS)
    return;
  size_t reporters = reporters_of(sums, domain, MTASTS_SPAN("sts"), &last);
  say(&finding, "Publish the policy with mode: enforce and a new id.",
      "%.*s: testing, %llu days without a failure, %zu reporter%s: ready for enforce.",
      shown(domain), domain.data, days, reporters, reporters == 1 ? "" : "s");
  findings->finding(findings->context, &finding);
}

static bool of_domains(const struct findings *findings,
                       void (*say_of)(const struct findings *, struct mtasts_span)) {
  const struct mtasts_policy_counts *tally = &findings->sums->domains;
  const struct mtasts_count **domains = mtasts_tally_sorted(tally, MTASTS_LARGEST);
  for (size_t i = 0; domains && i < tally->used && i < MTASTS_FINDINGS_MAX; i++)
    if (domains[i]->name.len > 0)
      say_of(findings, domains[i]->name);
  free(domains);
  return domains || tally->used == 0;
}

/* reporters that fell silent */

static uint64_t days_of(const struct mtasts_sums *sums, struct mtasts_span reporter) {
  uint64_t days = 0;
  for (size_t i = 0; i < sums->reporter_days.room; i++)
    if (sums->reporter_days.counts[i] &&
        mtasts_span_equal(mtasts_count_part(sums->reporter_days.counts[i], 0), reporter))
      days++;
  return days;
}

static void say_silent(const struct findings *findings, const struct mtasts_count *reporter,
                       int64_t end) {
  struct mtasts_report_finding finding = {.id = "silent-reporter", .level = MTASTS_FINDING_NOTICE};
  unsigned long long span = days_between(reporter->first, reporter->last) + 1;
  unsigned long long silent = days_between(reporter->last, end);
  uint64_t days = days_of(findings->sums, reporter->name);
  if (silent < SILENT_DAYS || days < DAILY_DAYS || days * 10 < span * 9)
    return;
  say(&finding,
      "Check that the address in the TLSRPT record still takes mail, and its spam folder.",
      "%.*s sent no report for %llu days, though it reported daily from %s to %s.",
      shown(reporter->name), reporter->name.data, silent, mtasts_day_text(reporter->first).text,
      mtasts_day_text(reporter->last).text);
  findings->finding(findings->context, &finding);
}

static bool silent_reporters(const struct findings *findings) {
  const struct mtasts_policy_counts *tally = &findings->sums->reporters;
  const struct mtasts_count **reporters = mtasts_tally_sorted(tally, MTASTS_LARGEST);
  int64_t end = INT64_MIN;
  for (size_t i = 0; reporters && i < tally->used; i++)
    end = reporters[i]->last > end ? reporters[i]->last : end;
  for (size_t i = 0; reporters && i < tally->used && i < MTASTS_FINDINGS_MAX; i++)
    if (reporters[i]->name.len > 0)
      say_silent(findings, reporters[i], end);
  free(reporters);
  return reporters || tally->used == 0;
}

/* reports that nobody is known to have written */

static bool unsigned_reports(const struct findings *findings) {
  const struct mtasts_policy_counts *tally = &findings->sums->signatures;
  const struct mtasts_count **counts = mtasts_tally_sorted(tally, MTASTS_LARGEST);
  size_t said = 0;
  for (size_t i = 0; counts && i < tally->used && said < MTASTS_FINDINGS_MAX; i++) {
    struct mtasts_report_finding finding = {.id = "not-signed", .level = MTASTS_FINDING_NOTICE};
    struct mtasts_span organization = mtasts_count_part(counts[i], 0);
    struct mtasts_span submitter = mtasts_count_part(counts[i], 1);
    if (counts[i]->failed == 0)
      continue;
    say(&finding, "Do not rely on these reports: anyone can have sent them (RFC 8460 section 3).",
        "%.*s: your host found no signature of %.*s on %" PRIu64 " of %" PRIu64 " reports.",
        shown(organization), organization.data, shown(submitter), submitter.data, counts[i]->failed,
        mtasts_sum(counts[i]->successful, counts[i]->failed));
    findings->finding(findings->context, &finding);
    said++;
  }
  free(counts);
  return counts || tally->used == 0;
}

/* sessions that count twice */

static void say_twice(const struct findings *findings) {
  struct mtasts_report_finding finding = {.id = "counted-twice", .level = MTASTS_FINDING_NOTICE};
  const struct mtasts_sums *sums = findings->sums;
  if (sums->once_successful == sums->successful && sums->once_failed == sums->failed)
    return;
  say(&finding, "",
      "Some reporters count a session under two policies of one domain. Counted once: %" PRIu64
      " successful, %" PRIu64 " failed.",
      sums->once_successful, sums->once_failed);
  findings->finding(findings->context, &finding);
}

bool mtasts_report_findings(const struct mtasts_sums *sums, mtasts_finding_fn *finding,
                            void *context) {
  const struct findings findings = {sums, finding, context};
  if (!single_causes(&findings) || !of_domains(&findings, say_no_policy) ||
      !silent_reporters(&findings) || !unsigned_reports(&findings))
    return false;
  say_twice(&findings);
  return of_domains(&findings, say_ready);
}
