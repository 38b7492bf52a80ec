#include "rfc3339.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const unit_name = "common/rfc3339";

/* text, seconds or - */
static void check_text(unsigned line, const struct unit_field *fields, size_t count) {
  int64_t seconds = -1;
  if (count != 2) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  struct mtasts_span text = {fields[0].data, fields[0].len};
  bool date = text.len <= 10;
  bool read = date ? mtasts_date_parse(text, &seconds) : mtasts_rfc3339_parse(text, &seconds);
  if (strcmp(fields[1].data, "-") == 0)
    unit_check(!read, "line %u: %s is read as %lld", line, text.data, (long long)seconds);
  else
    unit_check(read && seconds == strtoll(fields[1].data, NULL, 10), "line %u: %s is read as %lld",
               line, text.data, (long long)seconds);
}

static void texts(void) {
  unit_vectors("tests/data/rfc3339.tsv", 30, check_text);
}

/* Against the C library, a prime number of seconds apart, over all four-digit years. */
static void as_the_c_library(void) {
  for (int64_t t = -62167219200; t < 253402300800; t += 7919 * 997) {
    char ours[MTASTS_RFC3339_SIZE];
    char theirs[64];
    struct tm tm;
    time_t seconds = (time_t)t;
    int64_t back = 0;
    gmtime_r(&seconds, &tm);
    snprintf(theirs, sizeof theirs, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    bool same = mtasts_rfc3339_format(t, ours) && strcmp(ours, theirs) == 0;
    bool round = mtasts_rfc3339_parse((struct mtasts_span){ours, strlen(ours)}, &back) && back == t;
    unit_check(same && round, "%lld: %s, not %s", (long long)t, ours, theirs);
    if (!same || !round)
      return;
  }
}

static void out_of_range(void) {
  static const int64_t beyond[] = {INT64_MIN, -62167219201, 253402300800, INT64_MAX};
  char out[MTASTS_RFC3339_SIZE] = "x";
  for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++)
    unit_check(!mtasts_rfc3339_format(beyond[i], out) && out[0] == '\0', "%lld is written as %s",
               (long long)beyond[i], out);
  CU_ASSERT(mtasts_rfc3339_format(253402300799, out));
  CU_ASSERT_STRING_EQUAL(out, "9999-12-31T23:59:59Z");
  CU_ASSERT(mtasts_rfc3339_format(-62167219200, out));
  CU_ASSERT_STRING_EQUAL(out, "0000-01-01T00:00:00Z");
}

const struct unit_test unit_tests[] = {{"texts are read strictly", texts},
                                       {"writes and reads what gmtime does", as_the_c_library},
                                       {"years without four digits are refused", out_of_range},
                                       {NULL, NULL}};
