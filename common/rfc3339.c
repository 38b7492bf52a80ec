#include "rfc3339.h"

#include "ascii.h"

enum {
  DAY = 86400,
  EPOCH = 719528, /* days from 0000-01-01 to 1970-01-01 */
  CYCLE = 146097, /* days of 400 years, after which the calendar repeats */
  MARCH = 60,     /* days from 0000-01-01 to 0000-03-01 */
};

#define FIRST (-(int64_t)EPOCH * DAY)                   /* 0000-01-01T00:00:00Z */
#define LAST  (((int64_t)CYCLE * 25 - EPOCH) * DAY - 1) /* 9999-12-31T23:59:59Z */

static bool is_leap(unsigned year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in(unsigned year, unsigned month) {
  static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && is_leap(year) ? 1U : 0U);
}

/* Days from 0000-01-01 to the first of January of the year, in the Gregorian calendar. */
static int64_t days_before(unsigned year) {
  int64_t y = (int64_t)year - 1;
  return year == 0 ? 0 : 366 + y * 365 + y / 4 - y / 100 + y / 400;
}

static void put_2(char *out, unsigned number) {
  out[0] = (char)('0' + number / 10);
  out[1] = (char)('0' + number % 10);
}

/*
 * Days are counted from the first of March, so that a leap day ends its year. Month m then begins
 * at day (153 m + 2) / 5. They are counted from one cycle of the calendar (400 years) before the
 * year 0, so that nothing is negative. No loop, because every answer calls this.
 */
bool mtasts_rfc3339_format(int64_t seconds, char out[MTASTS_RFC3339_SIZE]) {
  out[0] = '\0';
  if (seconds < FIRST || seconds > LAST)
    return false;
  uint64_t since = (uint64_t)(seconds - FIRST);
  unsigned second = (unsigned)(since % DAY);
  unsigned day = (unsigned)(since / DAY) + CYCLE - MARCH;
  unsigned cycle = day / CYCLE;
  day %= CYCLE;
  unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  day -= 365 * year + year / 4 - year / 100;
  unsigned month = (5 * day + 2) / 153; /* 0 is March */
  day -= (153 * month + 2) / 5;
  year += 400 * cycle - 400 + (month >= 10 ? 1 : 0);
  month = month >= 10 ? month - 9 : month + 3;

  memcpy(out, "0000-00-00T00:00:00Z", MTASTS_RFC3339_SIZE);
  put_2(out, year / 100);
  put_2(out + 2, year % 100);
  put_2(out + 5, month);
  put_2(out + 8, day + 1);
  put_2(out + 11, second / 3600);
  put_2(out + 14, second / 60 % 60);
  put_2(out + 17, second % 60);
  return true;
}

/* Reads a text that has the form and length of `form`; there 0 means any digit. */
static bool read_form(struct mtasts_span text, const char *form, unsigned numbers[7]) {
  size_t n = 0;
  if (text.len != strlen(form))
    return false;
  for (size_t i = 0; i < text.len; i++) {
    if (form[i] != '0') {
      if (text.data[i] != form[i])
        return false;
      numbers[++n] = 0;
    } else if (!mtasts_is_digit(text.data[i])) {
      return false;
    } else {
      numbers[n] = numbers[n] * 10 + (unsigned)(text.data[i] - '0');
    }
  }
  return true;
}

static bool join(const unsigned n[7], int64_t *seconds) {
  if (n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > days_in(n[0], n[1]))
    return false;
  if (n[3] > 23 || n[4] > 59 || n[5] > 59)
    return false;
  int64_t day = days_before(n[0]) - EPOCH + n[2] - 1;
  for (unsigned month = 1; month < n[1]; month++)
    day += days_in(n[0], month);
  *seconds = day * DAY + n[3] * 3600 + n[4] * 60 + n[5];
  return true;
}

bool mtasts_rfc3339_parse(struct mtasts_span text, int64_t *seconds) {
  unsigned numbers[7] = {0}; /* the Z begins the last one */
  return read_form(text, "0000-00-00T00:00:00Z", numbers) && join(numbers, seconds);
}

bool mtasts_date_parse(struct mtasts_span text, int64_t *seconds) {
  unsigned numbers[7] = {0};
  return read_form(text, "0000-00-00", numbers) && join(numbers, seconds);
}
