#include "policy_id.h"

#include <inttypes.h>
#include <stdio.h>

#include "rfc3339.h"
#include "span.h"

enum {
  DATE = 8,   /* digits */
  TIME = 6,   /* digits, after a T */
  MICROS = 6, /* digits */
  ID_LEN = DATE + 1 + TIME + MICROS,
  MICROS_PER_SECOND = 1000000,
};

/* "20260131T120000123456" → microseconds. */
static bool read_micros(const char *id, int64_t *micros) {
  char stamp[MTASTS_RFC3339_SIZE];
  int64_t seconds;
  int64_t part = 0;
  if (strlen(id) != ID_LEN || id[DATE] != 'T')
    return false;
  snprintf(stamp, sizeof stamp, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", id, id + 4, id + 6, id + 9,
           id + 11, id + 13);
  if (!mtasts_rfc3339_parse(mtasts_span_of(stamp), &seconds))
    return false;
  for (const char *at = id + DATE + 1 + TIME; *at; at++) {
    if (!mtasts_is_digit(*at))
      return false;
    part = part * 10 + (*at - '0');
  }
  *micros = seconds * MICROS_PER_SECOND + part;
  return true;
}

void mtasts_policy_id_new(const char *before, int64_t now, char id[MTASTS_ID_MAX + 1]) {
  char stamp[MTASTS_RFC3339_SIZE];
  int64_t last;
  if (read_micros(before, &last) && now <= last)
    now = last + 1;
  if (!mtasts_rfc3339_format(now / MICROS_PER_SECOND, stamp))
    snprintf(stamp, sizeof stamp, "9999-12-31T23:59:59Z");
  snprintf(id, MTASTS_ID_MAX + 1, "%.4s%.2s%.2sT%.2s%.2s%.2s%06" PRId64, stamp, stamp + 5,
           stamp + 8, stamp + 11, stamp + 14, stamp + 17, now % MICROS_PER_SECOND);
}

bool mtasts_policy_id_time(const char *id, int64_t *seconds) {
  int64_t micros;
  if (!read_micros(id, &micros))
    return false;
  *seconds = micros / MICROS_PER_SECOND;
  return true;
}

bool mtasts_policy_id_find(struct mtasts_span text, char id[MTASTS_ID_MAX + 1]) {
  const struct mtasts_span version = MTASTS_SPAN("v=STSv1");
  struct mtasts_span line;
  struct mtasts_record record;
  while (text.len > 0) {
    mtasts_span_cut(&text, '\n', &line);
    const char *at = line.len > 0 ? memmem(line.data, line.len, version.data, version.len) : NULL;
    if (!at)
      continue;
    struct mtasts_span rest = {at, line.len - (size_t)(at - line.data)};
    struct mtasts_span txt;
    mtasts_span_cut(&rest, '"', &txt);
    if (txt.len > 0 && txt.data[txt.len - 1] == '\r')
      txt.len--;
    if (mtasts_record_parse(&txt, 1, &record, NULL) != MTASTS_OK)
      continue;
    memcpy(id, record.id, sizeof record.id);
    return true;
  }
  return false;
}
