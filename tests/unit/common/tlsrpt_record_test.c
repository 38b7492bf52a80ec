#include "tlsrpt_record.h"

#include <string.h>

#include "strbuf.h"
#include "unit.h"

const char *const unit_name = "common/tlsrpt_record";

static const char *state_name(enum mtasts_tlsrpt_state state) {
  static const char *const names[] = {"absent", "version", "multiple", "invalid", "valid"};
  return names[state];
}

/* The items as the table has them. */
static void list_items(const struct mtasts_tlsrpt_record *record, struct mtasts_strbuf *list) {
  struct mtasts_tlsrpt_cursor cursor = mtasts_tlsrpt_begin(record);
  struct mtasts_tlsrpt_item item;
  mtasts_strbuf_cut(list, 0);
  while (mtasts_tlsrpt_next(&cursor, &item)) {
    struct mtasts_rua rua;
    mtasts_strbuf_put(list, list->len > 0 ? " " : "");
    if (item.kind == MTASTS_TLSRPT_FIELD) {
      mtasts_strbuf_put(list, "?");
      mtasts_strbuf_add(list, item.text);
      continue;
    }
    mtasts_rua_parse(item.text, &rua);
    mtasts_strbuf_put(list, rua.kind == MTASTS_RUA_UNUSABLE ? "!" : rua.target);
  }
}

static void check_vector(unsigned line, const struct unit_field *fields, size_t count) {
  unit_check(count >= 4, "line %u: too few fields", line);
  if (count < 4)
    return;
  struct mtasts_span txt[UNIT_FIELDS_MAX];
  size_t records = 0;
  char buffer[4096];
  struct mtasts_strbuf items = MTASTS_STRBUF(buffer);
  for (size_t i = 4; i < count; i++)
    txt[records++] = (struct mtasts_span){fields[i].data, fields[i].len};

  struct mtasts_tlsrpt_record record;
  mtasts_tlsrpt_record_parse(txt, records, &record);
  const char *name = fields[0].data;
  unit_check(strcmp(state_name(record.state), fields[1].data) == 0, "line %u: %s: %s", line, name,
             state_name(record.state));
  unit_check((record.state == MTASTS_TLSRPT_INVALID) == (record.why != NULL), "line %u: %s: why",
             line, name);
  unit_check(record.state == MTASTS_TLSRPT_VALID || !record.flaw, "line %u: %s: flaw", line, name);
  const char *said = record.why ? record.why : record.flaw;
  if (strcmp(fields[2].data, "-") == 0)
    unit_check(!said, "line %u: %s: said %s", line, name, said);
  else
    unit_check(said && strstr(said, fields[2].data), "line %u: %s: said %s", line, name, said);
  list_items(&record, &items);
  unit_check(strcmp(items.len > 0 ? buffer : "-", fields[3].data) == 0, "line %u: %s: %s", line,
             name, buffer);
  bool has_text = record.state == MTASTS_TLSRPT_VERSION || record.state >= MTASTS_TLSRPT_INVALID;
  unit_check((record.text.len > 0) == has_text, "line %u: %s: text", line, name);
}

static void vectors(void) {
  unit_vectors("tests/data/tlsrpt_record.tsv", 60, check_vector);
}

const struct unit_test unit_tests[] = {
    {"every record of tlsrpt_record.tsv is read as it says", vectors},
    {NULL, NULL},
};
