#include "seen.h"

#include "ascii.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

const char *const unit_name = "seen";

static const struct mtasts_report_policy policies[] = {
    {.domain = {"a.example", 9}}, {.domain = {"b.example", 9}},
    {.domain = {"a.example", 9}}, {.domain = {"mail.example", 12}, .domain_of_mail = true},
    {.domain = {"", 0}},
};

static struct mtasts_tls_report report_of(const char *id) {
  return (struct mtasts_tls_report){
      .organization = MTASTS_SPAN("Org"),
      .id = {id, strlen(id)},
      .start = 1000,
      .end = 2000,
      .policies = policies,
      .policy_count = 2,
  };
}

static void check(struct mtasts_seen *seen, const char *what,
                  const struct mtasts_tls_report *report, const char *text,
                  enum mtasts_seen_answer expected) {
  enum mtasts_seen_answer answer =
      mtasts_seen_add(seen, report, (struct mtasts_span){text, strlen(text)});
  unit_check(answer == expected, "%s: %d, not %d", what, answer, expected);
}

static void identity(void) {
  struct mtasts_seen *seen = mtasts_seen_new();
  struct mtasts_tls_report report = report_of("1");
  check(seen, "first", &report, "{}", MTASTS_SEEN_NEW);
  check(seen, "again, other text", &report, "{ }", MTASTS_SEEN_BEFORE);
  report.policies = policies + 1;
  check(seen, "domains in another order", &report, "{}", MTASTS_SEEN_BEFORE);
  report.policy_count = 1;
  check(seen, "other domains", &report, "{}", MTASTS_SEEN_NEW);
  report = report_of("1");
  report.start++;
  check(seen, "another start", &report, "{}", MTASTS_SEEN_NEW);
  report = report_of("1");
  report.end++;
  check(seen, "another end", &report, "{}", MTASTS_SEEN_NEW);
  report = report_of("1");
  report.organization = MTASTS_SPAN("Org1");
  report.id = MTASTS_SPAN("");
  check(seen, "no id", &report, "{}", MTASTS_SEEN_NEW);
  report = report_of("2");
  check(seen, "another id", &report, "{}", MTASTS_SEEN_NEW);
  mtasts_seen_free(seen);
}

static void without_id(void) {
  struct mtasts_seen *seen = mtasts_seen_new();
  struct mtasts_tls_report report = report_of("");
  check(seen, "first", &report, "{\"a\":1}", MTASTS_SEEN_NEW);
  check(seen, "another text", &report, "{\"a\":2}", MTASTS_SEEN_NEW);
  check(seen, "the same text", &report, "{\"a\":1}", MTASTS_SEEN_BEFORE);
  mtasts_seen_free(seen);
}

static void domain_of_mail(void) {
  struct mtasts_seen *seen = mtasts_seen_new();
  struct mtasts_tls_report report = report_of("1");
  report.policy_count = 1;
  report.policies = policies + 3;
  check(seen, "in mail", &report, "{}", MTASTS_SEEN_NEW);
  report.policies = policies + 4;
  check(seen, "as a file", &report, "{}", MTASTS_SEEN_BEFORE);
  mtasts_seen_free(seen);
}

static void many(void) {
  char id[32];
  size_t wrong = 0;
  struct mtasts_seen *seen = mtasts_seen_new();
  for (int round = 0; round < 2; round++)
    for (unsigned i = 0; i < 5000; i++) {
      snprintf(id, sizeof id, "%u", i + 1);
      struct mtasts_tls_report report = report_of(id);
      wrong += mtasts_seen_add(seen, &report, MTASTS_SPAN("")) !=
               (round == 0 ? MTASTS_SEEN_NEW : MTASTS_SEEN_BEFORE);
    }
  CU_ASSERT(wrong == 0);
  mtasts_seen_free(seen);
}

const struct unit_test unit_tests[] = {
    {"what makes a report the same", identity},
    {"without an id the text decides", without_id},
    {"a domain that the mail names is not part of it", domain_of_mail},
    {"many reports", many},
    {NULL, NULL},
};
