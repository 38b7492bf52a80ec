#include "instant.h"

#include "rfc3339.h"
#include "unit.h"

#include <string.h>

const char *const unit_name = "report/instant";

/* text, what it is, the same in UTC */
static void check(unsigned line, const struct unit_field *fields, size_t count) {
  static const char *const names[] = {"ok", "no-zone", "space", "space-no-zone", "wrong"};
  char text[MTASTS_RFC3339_SIZE] = "";
  int64_t seconds = 0;
  if (count != 3) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  enum mtasts_instant instant =
      mtasts_instant_parse((struct mtasts_span){fields[0].data, fields[0].len}, &seconds);
  unit_check(strcmp(names[instant], fields[1].data) == 0, "line %u: %s is %s", line, fields[0].data,
             names[instant]);
  if (instant == MTASTS_INSTANT_WRONG)
    return;
  mtasts_rfc3339_format(seconds, text);
  unit_check(strcmp(text, fields[2].data) == 0, "line %u: %s is %s", line, fields[0].data, text);
}

static void vectors(void) {
  unit_vectors("tests/data/report/instant.tsv", 30, check);
}

static void days(void) {
  CU_ASSERT(mtasts_day_of(0) == 0);
  CU_ASSERT(mtasts_day_of(86399) == 0);
  CU_ASSERT(mtasts_day_of(86400) == 86400);
  CU_ASSERT(mtasts_day_of(-1) == -86400);
  CU_ASSERT(mtasts_day_of(-86400) == -86400);
}

const struct unit_test unit_tests[] = {
    {"moments are read as senders write them", vectors},
    {"a moment belongs to its day in UTC", days},
    {NULL, NULL},
};
