#include "check_note.h"

#include "build_report.h"
#include "unit.h"

#include <stdio.h>

const char *const unit_name = "check_note";

#define EXPIRED MTASTS_RESULT_BIT(MTASTS_RESULT_EXPIRED)
#define FETCH   MTASTS_RESULT_BIT(MTASTS_RESULT_POLICY_FETCH)
#define ALL     UINT32_MAX

static const struct mtasts_report_filter everything = {0};

static void fail(struct mtasts_sums *sums, const char *domain, const char *result) {
  CU_ASSERT(built_add(sums, &everything,
                      &(struct built){.domain = domain, .result = result, .failed = 1}));
}

static void says(const struct mtasts_sums *sums, const char *result, const char *verdict,
                 const char *text) {
  struct mtasts_check_note note = {.text = ""};
  CU_ASSERT_FATAL(mtasts_check_note(sums, NULL, built_span(result), &note));
  unit_check(strcmp(note.verdict, verdict) == 0 && strcmp(note.text, text) == 0, "%s: %s: %s",
             result, note.verdict, note.text);
}

static const struct mtasts_check_fact facts[] = {
    {0, "smtp.cert-expired", "mx [192.0.2.1]", EXPIRED, 0},
    {0, "smtp.cert-expired", "mx [192.0.2.2]", EXPIRED, 0},
    {1, "host.unreachable", "mta-sts.b.example", FETCH, ALL & ~FETCH},
    {0, "smtp.cert-expired", "mx [192.0.2.3]", EXPIRED, 0},
    {0, "smtp.cert-expired", "mx [192.0.2.4]", EXPIRED, 0},
};
static const struct mtasts_span domains[] = {{"a.example", 9}, {"b.example", 9}};

static void verdicts(void) {
  struct mtasts_sums sums;
  struct mtasts_report_check check = {domains, 2, facts, 2, true};
  mtasts_sums_init(&sums);
  sums.check = &check;
  fail(&sums, "a.example", "certificate-expired");
  fail(&sums, "a.example", "sts-policy-fetch-error");
  fail(&sums, "a.example", "dnssec-invalid");
  fail(&sums, "a.example", "dane-required");
  fail(&sums, "a.example", "validation-failure");
  says(&sums, "certificate-expired", "still-so",
       "still so: smtp.cert-expired mx [192.0.2.1], smtp.cert-expired mx [192.0.2.2]");
  says(&sums, "sts-policy-fetch-error", "not-seen", "not seen by a check of now");
  says(&sums, "dnssec-invalid", "not-seen", "not seen by a check of now");
  says(&sums, "dane-required", "not-judged",
       "not judged: a check does not see what a sender requires");
  says(&sums, "validation-failure", "not-judged",
       "not judged: no handshake fails now; only the sender knows other causes");
  check.validates = false;
  says(&sums, "dnssec-invalid", "not-judged", "not judged: DNSSEC is not validated here");
  check.fact_count = 5;
  says(&sums, "certificate-expired", "still-so",
       "still so: smtp.cert-expired mx [192.0.2.1], smtp.cert-expired mx [192.0.2.2], "
       "smtp.cert-expired mx [192.0.2.3], and 1 more");
  mtasts_sums_free(&sums);
}

/* A finding counts for the domain that failed with the result, and for no other. */
static void domains_apart(void) {
  struct mtasts_sums sums;
  const struct mtasts_report_check check = {domains, 2, facts, 5, true};
  mtasts_sums_init(&sums);
  sums.check = &check;
  fail(&sums, "b.example", "certificate-expired");
  fail(&sums, "b.example", "sts-policy-fetch-error");
  fail(&sums, "a.example", "sts-webpki-invalid");
  fail(&sums, "a.example", "dnssec-invalid");
  fail(&sums, "d.example", "dnssec-invalid");
  fail(&sums, "c.example", "dnssec-invalid");
  fail(&sums, "c.example", "starttls-not-supported");
  fail(&sums, "", "tlsa-invalid");
  says(&sums, "certificate-expired", "not-judged",
       "not judged: host.unreachable mta-sts.b.example");
  says(&sums, "sts-policy-fetch-error", "still-so", "still so: host.unreachable mta-sts.b.example");
  says(&sums, "sts-webpki-invalid", "not-seen", "not seen by a check of now");
  says(&sums, "dnssec-invalid", "not-judged",
       "not judged: not seen in the domains that were checked; not checked: c.example and others");
  struct mtasts_check_note note = {.text = ""};
  CU_ASSERT(mtasts_check_note(&sums, &domains[0], built_span("dnssec-invalid"), &note));
  CU_ASSERT_STRING_EQUAL(note.text, "not seen by a check of now");
  says(&sums, "starttls-not-supported", "not-judged",
       "not judged: none of its domains was checked; not checked: c.example");
  says(&sums, "tlsa-invalid", "not-judged",
       "not judged: none of its domains was checked; not checked: (no name)");
  mtasts_sums_free(&sums);
}

static void nothing_to_say(void) {
  struct mtasts_sums sums;
  struct mtasts_check_note note;
  const struct mtasts_report_check check = {domains, 2, facts, 5, true};
  mtasts_sums_init(&sums);
  fail(&sums, "a.example", "certificate-expired");
  CU_ASSERT(!mtasts_check_note(&sums, NULL, built_span("certificate-expired"), &note));
  sums.check = &check;
  CU_ASSERT(!mtasts_check_note(&sums, NULL, built_span("no-such-type"), &note));
  CU_ASSERT(!mtasts_check_note(&sums, NULL, built_span(""), &note));
  mtasts_sums_free(&sums);
}

/* Names of strangers of any length leave the text whole. */
static void bounded(void) {
  static char name[2000];
  struct mtasts_sums sums;
  struct mtasts_check_note note = {.text = ""};
  memset(name, 'x', sizeof name - 1);
  const struct mtasts_check_fact wide[] = {{0, "smtp.cert-expired", name, EXPIRED, 0},
                                           {0, "smtp.cert-expired", name, EXPIRED, 0},
                                           {0, "smtp.cert-expired", name, EXPIRED, 0},
                                           {0, "smtp.cert-expired", name, EXPIRED, 0}};
  const struct mtasts_report_check check = {domains, 2, wide, 4, true};
  mtasts_sums_init(&sums);
  sums.check = &check;
  fail(&sums, "a.example", "certificate-expired");
  fail(&sums, name, "certificate-expired");
  CU_ASSERT(mtasts_check_note(&sums, NULL, built_span("certificate-expired"), &note));
  CU_ASSERT_PTR_NOT_NULL(strstr(note.text, ", and 1 more; not checked: xx"));
  CU_ASSERT(strlen(note.text) < sizeof note.text - 1);
  mtasts_sums_free(&sums);
}

const struct unit_test unit_tests[] = {{"verdicts", verdicts},
                                       {"domains apart", domains_apart},
                                       {"nothing to say", nothing_to_say},
                                       {"bounded", bounded},
                                       {NULL, NULL}};
