#include "instant.h"

#include "rfc3339.h"
#include "span.h"

enum {
  DATE_LEN = 10,
  TIME_LEN = 8,
};

/* Two digits and what must follow them; '\0' for nothing. */
static bool take_two(struct mtasts_span *text, int max, char after, int *value) {
  if (text->len < 2 || !mtasts_is_digit(text->data[0]) || !mtasts_is_digit(text->data[1]))
    return false;
  *value = (text->data[0] - '0') * 10 + (text->data[1] - '0');
  mtasts_span_drop(text, 2);
  return *value <= max && (after == '\0' || mtasts_span_take(text, after));
}

static bool take_time(struct mtasts_span *text, int64_t *seconds) {
  int hour;
  int minute;
  int second;
  if (!take_two(text, 23, ':', &hour) || !take_two(text, 59, ':', &minute) ||
      !take_two(text, 60, '\0', &second))
    return false;
  *seconds += hour * 3600 + minute * 60 + (second == 60 ? 59 : second);
  if (!mtasts_span_take(text, '.'))
    return true;
  size_t digits = 0;
  for (; text->len > 0 && mtasts_is_digit(text->data[0]); digits++)
    mtasts_span_drop(text, 1);
  return digits > 0;
}

/* `Z` or an offset; *zone is false if there is none. */
static bool take_zone(struct mtasts_span *text, int64_t *seconds, bool *zone) {
  int hours;
  int minutes;
  *zone = text->len > 0;
  if (!*zone || mtasts_span_take(text, 'Z') || mtasts_span_take(text, 'z'))
    return true;
  bool east = text->data[0] == '+';
  if (!mtasts_span_take(text, '+') && !mtasts_span_take(text, '-'))
    return false;
  if (!take_two(text, 23, ':', &hours) || !take_two(text, 59, '\0', &minutes))
    return false;
  int offset = hours * 3600 + minutes * 60;
  *seconds -= east ? offset : -offset;
  return true;
}

enum mtasts_instant mtasts_instant_parse(struct mtasts_span text, int64_t *seconds) {
  char again[MTASTS_RFC3339_SIZE];
  int64_t moment;
  bool zone;
  if (text.len < DATE_LEN + 1 + TIME_LEN ||
      !mtasts_date_parse((struct mtasts_span){text.data, DATE_LEN}, &moment))
    return MTASTS_INSTANT_WRONG;
  mtasts_span_drop(&text, DATE_LEN);
  bool space = mtasts_span_take(&text, ' ');
  if (!space && !mtasts_span_take(&text, 'T') && !mtasts_span_take(&text, 't'))
    return MTASTS_INSTANT_WRONG;
  if (!take_time(&text, &moment) || !take_zone(&text, &moment, &zone) || text.len > 0 ||
      !mtasts_rfc3339_format(moment, again))
    return MTASTS_INSTANT_WRONG;
  *seconds = moment;
  if (space)
    return zone ? MTASTS_INSTANT_SPACE : MTASTS_INSTANT_SPACE_NO_ZONE;
  return zone ? MTASTS_INSTANT_OK : MTASTS_INSTANT_NO_ZONE;
}

int64_t mtasts_day_of(int64_t seconds) {
  int64_t rest = seconds % MTASTS_DAY_SECONDS;
  return seconds - (rest < 0 ? rest + MTASTS_DAY_SECONDS : rest);
}
