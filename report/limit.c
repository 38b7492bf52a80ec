#include "limit.h"

#include "ascii.h"

enum {
  DECIMALS = 9,
  PERCENT_MAX = 100,
  TIMES_MAX = 1000,
};

/* Digits, with decimals if there is a point. *rest is what follows. *more: decimals that do not
 * count are not all 0. */
static bool read_number(const char *text, struct mtasts_report_limit *limit, bool *more,
                        const char **rest) {
  bool complete = false;
  for (; mtasts_is_digit(*text) && limit->digits <= TIMES_MAX; text++, complete = true)
    limit->digits = limit->digits * 10 + (uint64_t)(*text - '0');
  if (complete && *text == '.') {
    complete = false;
    text++;
    for (int i = 0; mtasts_is_digit(*text); i++, text++, complete = true) {
      *more |= i >= DECIMALS && *text != '0';
      if (i < DECIMALS) {
        limit->digits = limit->digits * 10 + (uint64_t)(*text - '0');
        limit->unit *= 10;
      }
    }
  }
  *rest = text;
  return complete;
}

bool mtasts_limit_read(const char *text, struct mtasts_report_limit *limit) {
  struct mtasts_report_limit value = {.given = true, .unit = 1};
  const char *rest;
  bool more = false;
  if (!read_number(text, &value, &more, &rest))
    return false;
  value.times = *rest == 'x';
  if (rest[value.times ? 1 : 0])
    return false;
  uint64_t max = (value.times ? TIMES_MAX : PERCENT_MAX) * value.unit;
  if (value.digits > max || (value.digits == max && more) ||
      (value.times && value.digits < value.unit))
    return false;
  *limit = value;
  return true;
}

/* Products of integers are exact, up to 2^53, as quotients are not: 7 of 100 is not over 7 percent.
 */
bool mtasts_limit_over_percent(const struct mtasts_report_limit *limit,
                               const struct mtasts_session_sums *sessions) {
  double failed = (double)sessions->failed;
  double all = failed + (double)sessions->successful;
  return limit->given && !limit->times && all > 0 &&
         failed * PERCENT_MAX * (double)limit->unit > all * (double)limit->digits;
}

bool mtasts_limit_over_times(const struct mtasts_report_limit *limit,
                             const struct mtasts_session_sums *sessions,
                             const struct mtasts_session_sums *before) {
  double failed = (double)sessions->failed;
  double all = failed + (double)sessions->successful;
  double usual = before->failed > 0 ? (double)before->failed : 1;
  double all_before = (double)before->failed + (double)before->successful;
  return limit->given && limit->times && all > 0 && all_before > 0 &&
         failed * (double)limit->unit > (double)limit->digits &&
         failed / all * (double)limit->unit > usual / all_before * (double)limit->digits;
}
