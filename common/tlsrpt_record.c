#include "tlsrpt_record.h"

#include "ascii.h"
#include "span.h"
#include "version_slip.h"

/* tlsrpt-version and the delimiter behind it. RFC 8460 section 3 says "records which do not begin
 * with `v=TLSRPTv1;` are discarded". Its grammar also allows white space before the semicolon, and
 * so does this function. */
static bool take_version(struct mtasts_span *txt) {
  const struct mtasts_span version = MTASTS_SPAN("v=TLSRPTv1");
  if (!mtasts_span_starts(*txt, version))
    return false;
  mtasts_span_drop(txt, version.len);
  mtasts_span_skip_wsp(txt);
  return mtasts_span_take(txt, ';');
}

/* Drops one field and its delimiter. White space belongs to the delimiter: it must not end a record
 * that has no semicolon at its end. False: there is none left. */
static bool take_field(struct mtasts_span *rest, struct mtasts_span *field) {
  mtasts_span_skip_wsp(rest);
  if (rest->len == 0)
    return false;
  if (mtasts_span_cut(rest, ';', field))
    mtasts_span_trim_wsp(field);
  return true;
}

/* Drops one URI and the comma behind it; the comma may have white space around it. Returns whether
 * another URI follows. */
static bool take_uri(struct mtasts_span *rest, struct mtasts_span *uri) {
  if (!mtasts_span_cut(rest, ',', uri))
    return false;
  mtasts_span_trim_wsp(uri);
  mtasts_span_skip_wsp(rest);
  return true;
}

/* Returns what breaks the grammar of one URI; NULL: nothing that is seen by its bytes. */
static const char *find_flaw(struct mtasts_span uri) {
  if (uri.len == 0)
    return "a rua has an empty URI";
  for (size_t i = 0; i < uri.len; i++)
    if (uri.data[i] == '!')
      return "a rua has a \"!\", which must be written as %21";
    else if (!mtasts_rua_is_uri_byte(uri.data[i]))
      return "a rua has a byte that must be percent-encoded";
  return NULL;
}

/* tlsrpt-ext-value, 1*(%x21-3A / %x3C / %x3E-7E); the semicolon has ended it already. */
static bool is_extension_value(struct mtasts_span value) {
  for (size_t i = 0; i < value.len; i++)
    if (!mtasts_is_visible(value.data[i]) || value.data[i] == '=')
      return false;
  return value.len > 0;
}

/* Reads the fields behind the version. Returns what is wrong with them, or NULL. */
static const char *check_fields(struct mtasts_span rest, const char **flaw) {
  struct mtasts_span field;
  struct mtasts_span name;
  struct mtasts_span uri;
  bool has_rua = false;
  while (take_field(&rest, &field)) {
    if (!mtasts_span_take_name(&field, '=', &name))
      return "the TXT record has a field that is not a name, \"=\" and a value";
    if (!mtasts_span_equal(name, MTASTS_SPAN("rua"))) {
      if (!is_extension_value(field))
        return "the TXT record has a field whose value is empty or has a space or \"=\" in it";
      continue;
    }
    has_rua = true;
    for (bool more = true; more;) {
      more = take_uri(&field, &uri);
      *flaw = *flaw ? *flaw : find_flaw(uri);
    }
  }
  return has_rua ? NULL : "the TXT record has no rua";
}

void mtasts_tlsrpt_record_parse(const struct mtasts_span *txt, size_t count,
                                struct mtasts_tlsrpt_record *record) {
  size_t found = 0;
  *record = (struct mtasts_tlsrpt_record){.state = MTASTS_TLSRPT_ABSENT};
  for (size_t i = 0; i < count; i++) {
    struct mtasts_span rest = txt[i];
    if (take_version(&rest)) {
      record->text = txt[i];
      record->state = ++found == 1 ? MTASTS_TLSRPT_VALID : MTASTS_TLSRPT_MULTIPLE;
    } else if (record->state == MTASTS_TLSRPT_ABSENT &&
               mtasts_version_slip(txt[i], MTASTS_SPAN("TLSRPTv"))) {
      record->text = txt[i];
      record->state = MTASTS_TLSRPT_VERSION;
    }
  }
  if (record->state == MTASTS_TLSRPT_MULTIPLE)
    record->text = (struct mtasts_span){NULL, 0};
  if (record->state != MTASTS_TLSRPT_VALID)
    return;
  struct mtasts_span fields = record->text;
  take_version(&fields);
  record->why = check_fields(fields, &record->flaw);
  if (record->why) {
    record->state = MTASTS_TLSRPT_INVALID;
    record->flaw = NULL;
  }
}

struct mtasts_tlsrpt_cursor mtasts_tlsrpt_begin(const struct mtasts_tlsrpt_record *record) {
  struct mtasts_tlsrpt_cursor cursor = {.in_rua = false};
  struct mtasts_span fields = record->text;
  if (record->state >= MTASTS_TLSRPT_INVALID && take_version(&fields))
    cursor.fields = fields;
  return cursor;
}

bool mtasts_tlsrpt_next(struct mtasts_tlsrpt_cursor *cursor, struct mtasts_tlsrpt_item *item) {
  struct mtasts_span name;
  while (!cursor->in_rua) {
    struct mtasts_span field;
    if (!take_field(&cursor->fields, &field))
      return false;
    if (!mtasts_span_take_name(&field, '=', &name))
      continue;
    if (!mtasts_span_equal(name, MTASTS_SPAN("rua"))) {
      *item = (struct mtasts_tlsrpt_item){MTASTS_TLSRPT_FIELD, name};
      return true;
    }
    cursor->uris = field;
    cursor->in_rua = true;
  }
  item->kind = MTASTS_TLSRPT_RUA;
  cursor->in_rua = take_uri(&cursor->uris, &item->text);
  return true;
}
