#include "found_results.h"

#include "check_note.h"
#include "unit.h"

#include <string.h>

const char *const unit_name = "check/found_results";

static struct mtasts_found_results results_of(enum mtasts_found found, const char *subject) {
  return mtasts_found_results(&(struct mtasts_finding){.found = found, .subject = subject});
}

static uint32_t bit_of(const char *name) {
  for (unsigned type = MTASTS_RESULT_NO_STARTTLS; type <= MTASTS_RESULT_DANE_REQUIRED; type++)
    if (strcmp(mtasts_result_type_name(type), name) == 0)
      return MTASTS_RESULT_BIT(type);
  return 0;
}

/* What a sender would report of a finding is among what the finding shows, and it hides no such. */
static void agree_with_result_types(void) {
  struct mtasts_findings findings = {0};
  size_t typed = 0;
  for (int found = 0; found < MTASTS_FOUND_COUNT; found++)
    mtasts_findings_add(
        &findings,
        &(struct mtasts_finding){.found = (enum mtasts_found)found, .subject = "a", .message = ""});
  CU_ASSERT_EQUAL_FATAL(findings.count, MTASTS_FOUND_COUNT);
  for (size_t i = 0; i < findings.count; i++) {
    const struct mtasts_finding *finding = &findings.items[i];
    struct mtasts_found_results results = mtasts_found_results(finding);
    unit_check((results.shows & results.hides) == 0, "%s", finding->id);
    if (!finding->result_type)
      continue;
    typed++;
    unit_check((results.shows & bit_of(finding->result_type)) != 0, "%s", finding->id);
  }
  CU_ASSERT(typed >= 7);
  mtasts_findings_free(&findings);
}

/* Each type of RFC 8460 is shown by a finding, and each can be kept from being judged. */
static void each_type(void) {
  uint32_t shown = 0;
  uint32_t hidden = 0;
  uint32_t all = 0;
  for (int found = 0; found < MTASTS_FOUND_COUNT; found++) {
    shown |= results_of((enum mtasts_found)found, "a").shows;
    hidden |= results_of((enum mtasts_found)found, "a").hides;
  }
  for (unsigned type = MTASTS_RESULT_NO_STARTTLS; type <= MTASTS_RESULT_DANE_REQUIRED; type++)
    if (*mtasts_result_type_name(type))
      all |= MTASTS_RESULT_BIT(type);
  CU_ASSERT_EQUAL(shown, all);
  CU_ASSERT_EQUAL(hidden, all);
  CU_ASSERT_EQUAL(__builtin_popcount(all), 11);
}

static void no_route(void) {
  uint32_t expired = MTASTS_RESULT_BIT(MTASTS_RESULT_EXPIRED);
  uint32_t invalid = MTASTS_RESULT_BIT(MTASTS_RESULT_POLICY_INVALID);
  struct mtasts_found_results host =
      results_of(MTASTS_FOUND_CHECK_NO_ROUTE, "mta-sts.a.example [2001:db8::1]");
  struct mtasts_found_results mx = results_of(MTASTS_FOUND_CHECK_NO_ROUTE, "mx [2001:db8::1]");
  CU_ASSERT(!(host.hides & expired) && (host.hides & invalid));
  CU_ASSERT((mx.hides & expired) && !(mx.hides & invalid));
}

const struct unit_test unit_tests[] = {{"agree with result types", agree_with_result_types},
                                       {"each type", each_type},
                                       {"no route", no_route},
                                       {NULL, NULL}};
