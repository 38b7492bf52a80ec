#include "tlsrpt.h"

#include <string.h>

#include "unit.h"

const char *const unit_name = "common/tlsrpt";

/* Each number has its name, and no other number has one (RFC 8460 section 4.3). */
static void results_have_names(void) {
  static const struct {
    unsigned number;
    const char *name;
  } cases[] = {
      {201, "starttls-not-supported"},
      {202, "certificate-host-mismatch"},
      {203, "certificate-not-trusted"},
      {204, "certificate-expired"},
      {205, "validation-failure"},
      {301, "sts-policy-fetch-error"},
      {302, "sts-policy-invalid"},
      {303, "sts-webpki-invalid"},
      {304, "tlsa-invalid"},
      {305, "dnssec-invalid"},
      {306, "dane-required"},
  };
  size_t at = 0;
  for (unsigned number = 0; number < 1000; number++) {
    bool named = at < sizeof cases / sizeof *cases && cases[at].number == number;
    const char *expected = named ? cases[at++].name : "";
    unit_check(strcmp(mtasts_result_type_name(number), expected) == 0, "%u: %s", number,
               mtasts_result_type_name(number));
  }
  CU_ASSERT_EQUAL(at, sizeof cases / sizeof *cases);
}

static void policies_have_names(void) {
  CU_ASSERT_STRING_EQUAL(mtasts_policy_type_name(1), "tlsa");
  CU_ASSERT_STRING_EQUAL(mtasts_policy_type_name(2), "sts");
  CU_ASSERT_STRING_EQUAL(mtasts_policy_type_name(9), "no-policy-found");
  CU_ASSERT_STRING_EQUAL(mtasts_policy_type_name(0), "");
  CU_ASSERT_STRING_EQUAL(mtasts_policy_type_name(3), "");
}

/* An error that RFC 8460 has a name for has the same one in the answers of mtasts. */
static void errors_have_results(void) {
  static const enum mtasts_error errors[] = {MTASTS_ERROR_POLICY_FETCH, MTASTS_ERROR_POLICY_INVALID,
                                             MTASTS_ERROR_WEBPKI_INVALID};
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    CU_ASSERT_STRING_EQUAL(mtasts_result_type_name(mtasts_result_of_error(errors[i])),
                           mtasts_error_name(errors[i]));
  CU_ASSERT_EQUAL(mtasts_result_of_error(MTASTS_ERROR_NONE), MTASTS_RESULT_SUCCESS);
  CU_ASSERT_EQUAL(mtasts_result_of_error(MTASTS_ERROR_DNS), MTASTS_RESULT_SUCCESS);
  CU_ASSERT_EQUAL(mtasts_result_of_error(MTASTS_ERROR_RECORD_INVALID), MTASTS_RESULT_SUCCESS);
}

const struct unit_test unit_tests[] = {
    {"result types have the names of RFC 8460", results_have_names},
    {"policy types too", policies_have_names},
    {"errors of look-ups have result types", errors_have_results},
    {NULL, NULL},
};
