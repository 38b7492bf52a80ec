#include "record_fields.h"

#include "span.h"

/* sts-version and the delimiter after it. RFC 8461 section 3.1 says "records that do not begin with
 * `v=STSv1;` are discarded". Its grammar also allows white space before the semicolon, and so does
 * this function. */
bool mtasts_record_begin(struct mtasts_span *txt) {
  const struct mtasts_span version = MTASTS_SPAN("v=STSv1");
  struct mtasts_span rest = *txt;
  if (!mtasts_span_starts(rest, version))
    return false;
  mtasts_span_drop(&rest, version.len);
  mtasts_span_skip_wsp(&rest);
  if (!mtasts_span_take(&rest, ';'))
    return false;
  *txt = rest;
  return true;
}

/* RFC 8461 section 3.1: the records MUST be US-ASCII, and its grammar has no control character
 * but TAB. */
static bool is_text(struct mtasts_span txt) {
  for (size_t i = 0; i < txt.len; i++)
    if (!mtasts_is_visible(txt.data[i]) && !mtasts_is_wsp(txt.data[i]))
      return false;
  return true;
}

/* 1*32(ALPHA / DIGIT) */
static bool is_id(struct mtasts_span value) {
  for (size_t i = 0; i < value.len; i++)
    if (!mtasts_is_alnum(value.data[i]))
      return false;
  return value.len > 0 && value.len <= MTASTS_ID_MAX;
}

/* sts-ext-value, 1*(%x21-3A / %x3C / %x3E-7E); the semicolon has ended it already. */
static bool is_extension_value(struct mtasts_span value) {
  for (size_t i = 0; i < value.len; i++)
    if (!mtasts_is_visible(value.data[i]) || value.data[i] == '=')
      return false;
  return value.len > 0;
}

/* Reads the fields after the version. Returns what is wrong with them, or NULL. */
static const char *read_fields(struct mtasts_span txt, struct mtasts_span *id) {
  if (!is_text(txt))
    return "the TXT record has a byte that is neither visible ASCII nor white space";
  bool has_id = false;
  for (mtasts_span_skip_wsp(&txt); txt.len > 0; mtasts_span_skip_wsp(&txt)) {
    struct mtasts_span field;
    struct mtasts_span name;
    /* White space is part of the delimiter: a record must not end in white space without a
     * semicolon. */
    if (mtasts_span_cut(&txt, ';', &field))
      mtasts_span_trim_wsp(&field);
    if (!mtasts_span_take_name(&field, '=', &name))
      return "the TXT record has a field that is not a name, \"=\" and a value";
    if (!mtasts_span_equal(name, MTASTS_SPAN("id"))) {
      if (!is_extension_value(field))
        return "the TXT record has a field whose value is empty or has a space or \"=\" in it";
    } else if (!has_id) {
      if (!is_id(field))
        return "the TXT record's id is not 1 to 32 letters and digits";
      *id = field;
      has_id = true;
    } /* RFC 8461 section 3.2: of a repeated field all but the first are ignored. */
  }
  return has_id ? NULL : "the TXT record has no id";
}

bool mtasts_record_next(struct mtasts_span *fields, struct mtasts_span *name) {
  struct mtasts_span field;
  mtasts_span_skip_wsp(fields);
  if (fields->len == 0)
    return false;
  mtasts_span_cut(fields, ';', &field);
  return mtasts_span_take_name(&field, '=', name);
}

enum mtasts_status mtasts_record_parse(const struct mtasts_span *txt, size_t count,
                                       struct mtasts_record *record, const char **why) {
  struct mtasts_span fields = {NULL, 0};
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    struct mtasts_span rest = txt[i];
    if (mtasts_record_begin(&rest)) {
      fields = rest;
      found++;
    }
  }
  if (found == 0)
    return MTASTS_ABSENT;

  /* RFC 8461 section 3.1: several records, or a malformed one, count as none. */
  struct mtasts_span id = {NULL, 0};
  const char *error = found == 1 ? read_fields(fields, &id)
                                 : "several TXT records begin with v=STSv1; only one may";
  if (error) {
    if (why)
      *why = error;
    return MTASTS_INVALID;
  }
  memcpy(record->id, id.data, id.len);
  record->id[id.len] = '\0';
  return MTASTS_OK;
}
