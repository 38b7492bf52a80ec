#include "sums.h"

#include <stdlib.h>
#include <sys/random.h>

#include "instant.h"
#include "rfc3339.h"
#include "span.h"

enum {
  POLICIES_COMPARED = 100, /* in one report, each with each */
};

struct mtasts_day_text mtasts_day_text(int64_t day) {
  char full[MTASTS_RFC3339_SIZE];
  struct mtasts_day_text out;
  mtasts_rfc3339_format(day, full);
  memcpy(out.text, full, sizeof out.text - 1);
  out.text[sizeof out.text - 1] = '\0';
  return out;
}

/* filter */

static bool below(struct mtasts_span name, struct mtasts_span domain) {
  if (domain.len == 0 || mtasts_span_equal(name, domain))
    return true;
  if (name.len <= domain.len)
    return false;
  struct mtasts_span end = {name.data + name.len - domain.len, domain.len};
  return mtasts_span_equal(end, domain) && end.data[-1] == '.';
}

bool mtasts_filter_policy(const struct mtasts_report_filter *filter,
                          const struct mtasts_report_policy *policy) {
  return below(policy->domain, filter->domain) &&
         (!filter->failures || policy->failed > 0 || policy->detail_count > 0);
}

bool mtasts_filter_report(const struct mtasts_report_filter *filter,
                          const struct mtasts_tls_report *report) {
  int64_t day = mtasts_day_of(report->start);
  if ((filter->since_given && day < filter->since) || (filter->until_given && day > filter->until))
    return false;
  if (!filter->failures && filter->domain.len == 0)
    return true;
  for (size_t i = 0; i < report->policy_count; i++)
    if (mtasts_filter_policy(filter, &report->policies[i]))
      return true;
  return false;
}

/* sums */

static struct mtasts_policy_counts *tally_at(struct mtasts_sums *sums, size_t i) {
  struct mtasts_policy_counts *const all[] = {
      &sums->policies, &sums->results,       &sums->sources, &sums->reporters,
      &sums->mx,       &sums->days,          &sums->domains, &sums->modes,
      &sums->causes,   &sums->reporter_days, &sums->views,   &sums->signatures};
  return i < sizeof all / sizeof(struct mtasts_policy_counts *) ? all[i] : NULL;
}

void mtasts_sums_init(struct mtasts_sums *sums) {
  uint64_t seed = 0;
  *sums = (struct mtasts_sums){0};
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) < 0)
    seed = (uint64_t)(uintptr_t)sums;
  for (size_t i = 0; tally_at(sums, i); i++)
    tally_at(sums, i)->seed = seed;
}

void mtasts_sums_free(struct mtasts_sums *sums) {
  for (size_t i = 0; tally_at(sums, i); i++)
    mtasts_tally_free(tally_at(sums, i));
}

/* The mode is the newest report's, by its start; of two, that which was read last. */
static bool add_policy_count(struct mtasts_sums *sums, const struct mtasts_report_policy *policy,
                             const struct mtasts_tls_report *report, int64_t day) {
  const struct mtasts_span parts[] = {policy->domain, policy->type, report->organization};
  const struct mtasts_span mode[] = {policy->domain, policy->mode};
  uint64_t successful = policy->successful;
  uint64_t failed = policy->failed;
  struct mtasts_count *count =
      mtasts_tally_add_parts(&sums->policies, parts, 2, successful, failed, day);
  if (!count || !mtasts_tally_add_parts(&sums->views, parts, 3, successful, failed, day))
    return false;
  if (!count->named || report->start >= count->newest) {
    count->named = true;
    count->newest = report->start;
    count->mode = policy->mode;
  }
  return policy->mode.len == 0 ||
         mtasts_tally_add_parts(&sums->modes, mode, 2, successful, failed, day);
}

static bool add_details(struct mtasts_sums *sums, const struct mtasts_report_policy *policy,
                        int64_t day) {
  for (size_t i = 0; i < policy->detail_count; i++) {
    const struct mtasts_report_detail *detail = &policy->details[i];
    const struct mtasts_span cause[] = {policy->domain, detail->result, detail->mx};
    if (!mtasts_tally_add(&sums->results, detail->result, 0, detail->sessions, day) ||
        !mtasts_tally_add(&sums->sources, detail->source, 0, detail->sessions, day) ||
        !mtasts_tally_add(&sums->mx, detail->mx, 0, detail->sessions, day) ||
        !mtasts_tally_add_parts(&sums->causes, cause, 3, 0, detail->sessions, day))
      return false;
  }
  return true;
}

static bool add_policy(struct mtasts_sums *sums, const struct mtasts_report_policy *policy,
                       const struct mtasts_tls_report *report, int64_t day) {
  struct mtasts_day_text text = mtasts_day_text(day);
  struct mtasts_span day_name = {text.text, sizeof text.text - 1};
  sums->successful = mtasts_sum(sums->successful, policy->successful);
  sums->failed = mtasts_sum(sums->failed, policy->failed);
  return add_policy_count(sums, policy, report, day) &&
         mtasts_tally_add(&sums->domains, policy->domain, policy->successful, policy->failed,
                          day) &&
         mtasts_tally_add(&sums->reporters, report->organization, policy->successful,
                          policy->failed, day) &&
         mtasts_tally_add(&sums->days, day_name, policy->successful, policy->failed, day) &&
         add_details(sums, policy, day);
}

static uint64_t sessions_of(const struct mtasts_report_policy *policy) {
  return mtasts_sum(policy->successful, policy->failed);
}

/* Is there another that counts, of the same domain with more sessions, or as many and before it? */
static bool is_smaller(const struct mtasts_report_filter *filter,
                       const struct mtasts_tls_report *report, size_t i) {
  const struct mtasts_report_policy *policy = &report->policies[i];
  for (size_t j = 0; j < report->policy_count; j++) {
    const struct mtasts_report_policy *other = &report->policies[j];
    if (j != i && mtasts_filter_policy(filter, other) &&
        mtasts_span_equal(other->domain, policy->domain) &&
        (sessions_of(other) > sessions_of(policy) ||
         (sessions_of(other) == sessions_of(policy) && j < i)))
      return true;
  }
  return false;
}

/* Reports of very many policies are those of a reporter for many domains: they count in full. */
static void add_once(struct mtasts_sums *sums, const struct mtasts_report_filter *filter,
                     const struct mtasts_tls_report *report) {
  for (size_t i = 0; i < report->policy_count; i++) {
    const struct mtasts_report_policy *policy = &report->policies[i];
    if (!mtasts_filter_policy(filter, policy) ||
        (report->policy_count <= POLICIES_COMPARED && is_smaller(filter, report, i)))
      continue;
    sums->once_successful = mtasts_sum(sums->once_successful, policy->successful);
    sums->once_failed = mtasts_sum(sums->once_failed, policy->failed);
  }
}

/* A host that adds no Authentication-Results says nothing of signatures. */
static bool add_signature(struct mtasts_sums *sums, const struct mtasts_tls_report *report,
                          int64_t day) {
  const struct mtasts_span parts[] = {report->organization, report->signature.submitter};
  bool is_signed = report->signature.found == MTASTS_SIGNED_YES;
  return report->signature.found == MTASTS_SIGNED_UNKNOWN ||
         mtasts_tally_add_parts(&sums->signatures, parts, 2, is_signed, !is_signed, day);
}

bool mtasts_sums_add(struct mtasts_sums *sums, const struct mtasts_report_filter *filter,
                     const struct mtasts_tls_report *report) {
  int64_t day = mtasts_day_of(report->start);
  int64_t last = report->start < report->end ? report->end : report->start;
  struct mtasts_day_text text = mtasts_day_text(day);
  const struct mtasts_span reporter_day[] = {report->organization,
                                             {text.text, sizeof text.text - 1}};
  if (sums->reports == 0 || report->start < sums->start)
    sums->start = report->start;
  if (sums->reports == 0 || last > sums->end)
    sums->end = last;
  sums->reports++;
  add_once(sums, filter, report);
  /* A report without policies has a reporter and a day all the same. */
  if (!add_signature(sums, report, day) ||
      !mtasts_tally_add(&sums->reporters, report->organization, 0, 0, day) ||
      !mtasts_tally_add(&sums->days, (struct mtasts_span){text.text, sizeof text.text - 1}, 0, 0,
                        day))
    return false;
  uint64_t successful = 0;
  uint64_t failed = 0;
  for (size_t i = 0; i < report->policy_count; i++) {
    if (!mtasts_filter_policy(filter, &report->policies[i]))
      continue;
    if (!add_policy(sums, &report->policies[i], report, day))
      return false;
    successful = mtasts_sum(successful, report->policies[i].successful);
    failed = mtasts_sum(failed, report->policies[i].failed);
  }
  return mtasts_tally_add_parts(&sums->reporter_days, reporter_day, 2, successful, failed, day);
}
