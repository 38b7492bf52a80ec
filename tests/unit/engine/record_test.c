#include <string.h>

#include "mtasts.h"
#include "unit.h"

const char *const unit_name = "engine/record";

static struct mtasts_span span(struct unit_field field) {
  return (struct mtasts_span){field.data, field.len};
}

static void check_vector(unsigned line, const struct unit_field *fields, size_t count) {
  unit_check(count >= 3, "line %u: too few fields", line);
  if (count < 3)
    return;
  struct mtasts_span txt[UNIT_FIELDS_MAX];
  size_t records = 0;
  for (size_t i = 3; i < count; i++)
    txt[records++] = span(fields[i]);

  struct mtasts_record record = {.id = "untouched"};
  const char *why = "untouched";
  enum mtasts_status status = mtasts_record_parse(txt, records, &record, &why);
  const char *name = fields[0].data;
  const char *expected = fields[2].data;
  unit_check(strcmp(mtasts_status_name(status), fields[1].data) == 0, "line %u: %s: %s, not %s",
             line, name, mtasts_status_name(status), fields[1].data);
  if (status == MTASTS_OK)
    unit_check(strcmp(record.id, expected) == 0, "line %u: %s: id %s", line, name, record.id);
  else
    unit_check(strcmp(record.id, "untouched") == 0, "line %u: %s: id written", line, name);
  if (status == MTASTS_INVALID)
    unit_check(strstr(why, expected) != NULL, "line %u: %s: why: %s", line, name, why);
  else
    unit_check(strcmp(why, "untouched") == 0, "line %u: %s: why written", line, name);
}

static void vectors(void) {
  unit_vectors("tests/data/record.tsv", 80, check_vector);
}

static void reason_is_optional(void) {
  struct mtasts_record record;
  const struct mtasts_span txt = {"v=STSv1;", 8};
  CU_ASSERT_EQUAL(mtasts_record_parse(&txt, 1, &record, NULL), MTASTS_INVALID);
}

static void no_records_at_all(void) {
  struct mtasts_record record;
  CU_ASSERT_EQUAL(mtasts_record_parse(NULL, 0, &record, NULL), MTASTS_ABSENT);
}

const struct unit_test unit_tests[] = {
    {"every record of record.tsv is read as it says", vectors},
    {"the reason may be left out", reason_is_optional},
    {"an empty set of records is absent", no_records_at_all},
    {NULL, NULL},
};
