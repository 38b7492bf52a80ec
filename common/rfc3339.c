#include "rfc3339.h"

#include "ascii.h"

enum {
  DAY = 86400
};

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

enum {
  EPOCH = 719528 /* days_before(1970) */
};

static void put(char *out, size_t width, unsigned number) {
  for (; width > 0; number /= 10)
    out[--width] = (char)('0' + number % 10);
}

bool mtasts_rfc3339_format(int64_t seconds, char out[MTASTS_RFC3339_SIZE]) {
  out[0] = '\0';
  if (seconds < -(int64_t)EPOCH * DAY || seconds >= (days_before(10000) - EPOCH) * DAY)
    return false;
  int64_t since_zero = seconds + (int64_t)EPOCH * DAY;
  int64_t day = since_zero / DAY;
  unsigned second = (unsigned)(since_zero % DAY);
  /* 366 days a year guess low by at most 7; the loop makes it exact. */
  unsigned year = (unsigned)(day / 366);
  while (days_before(year + 1) <= day)
    year++;
  day -= days_before(year);
  unsigned month = 1;
  for (; day >= days_in(year, month); month++)
    day -= days_in(year, month);
  memcpy(out, "0000-00-00T00:00:00Z", MTASTS_RFC3339_SIZE);
  put(out, 4, year);
  put(out + 5, 2, month);
  put(out + 8, 2, (unsigned)day + 1);
  put(out + 11, 2, second / 3600);
  put(out + 14, 2, second / 60 % 60);
  put(out + 17, 2, second % 60);
  return true;
}

/* Reads `form`, where 0 stands for a digit, from a text of the same length. */
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
  unsigned numbers[7] = {0}; /* the last is begun by the Z */
  return read_form(text, "0000-00-00T00:00:00Z", numbers) && join(numbers, seconds);
}

bool mtasts_date_parse(struct mtasts_span text, int64_t *seconds) {
  unsigned numbers[7] = {0};
  return read_form(text, "0000-00-00", numbers) && join(numbers, seconds);
}
