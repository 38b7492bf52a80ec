#include "field.h"

#include "unit.h"

#include <string.h>

const char *const unit_name = "milter/field";

static bool says_no(const char *value) {
  return mtasts_field_says_no((struct mtasts_span){value, strlen(value)});
}

static void names(void) {
  CU_ASSERT(mtasts_field_is("X-MTA-STS", "X-MTA-STS"));
  CU_ASSERT(mtasts_field_is("x-mta-sts", "X-MTA-STS"));
  CU_ASSERT(mtasts_field_is("TLS-REQUIRED", "TLS-Required"));
  CU_ASSERT_FALSE(mtasts_field_is("X-MTA-ST", "X-MTA-STS"));
  CU_ASSERT_FALSE(mtasts_field_is("X-MTA-STS2", "X-MTA-STS"));
  CU_ASSERT_FALSE(mtasts_field_is("X_MTA-STS", "X-MTA-STS"));
  CU_ASSERT_FALSE(mtasts_field_is("", "X-MTA-STS"));
}

static void no(void) {
  static const char *const yes[] = {"No",     "no",      "NO",      " No",      "No ",
                                    "\tNo\t", "\r\n No", "No\r\n ", "\n No\n\t"};
  static const char *const not [] = {"",    " ",        "Yes",    "N",   "Noo",   "No No",
                                     "No;", "No (why)", "\"No\"", "N o", "No, No"};
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
    unit_check(says_no(yes[i]), "%s", yes[i]);
  for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
    unit_check(!says_no(not [i]), "%s", not [i]);
  CU_ASSERT_FALSE(mtasts_field_says_no((struct mtasts_span){"No\0", 3}));
}

const struct unit_test unit_tests[] = {
    {"a field's name", names}, {"TLS-Required says No, and nothing else", no}, {NULL, NULL}};
