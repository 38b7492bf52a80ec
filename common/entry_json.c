#include "entry_json.h"

#include "printable.h"
#include "rfc3339.h"

#include <string.h>

/* A string of bytes. If they are not UTF-8, each that is not printable ASCII becomes \xHH, and the
 * string is cut to 1,023 bytes. */
static json_t *span_json(struct mtasts_span bytes) {
  char clean[1024];
  json_t *string = json_stringn(bytes.data ? bytes.data : "", bytes.len);
  return string ? string : json_stringn(clean, mtasts_printable(bytes, clean, sizeof clean));
}

static json_t *text_or_null(const char *text) {
  return *text ? json_string(text) : json_null();
}

/* null if there is no such time: 0, or a year that RFC 3339 cannot express. */
static json_t *time_or_null(int64_t seconds) {
  char text[MTASTS_RFC3339_SIZE];
  if (seconds == 0 || !mtasts_rfc3339_format(seconds, text))
    return json_null();
  return json_string(text);
}

static json_t *patterns_json(const struct mtasts_names *patterns) {
  json_t *array = json_array();
  struct mtasts_span pattern;
  for (size_t cursor = 0; mtasts_names_next(patterns, &cursor, &pattern);)
    json_array_append_new(array, span_json(pattern));
  return array;
}

static json_t *error_json(const struct mtasts_entry *entry) {
  if (entry->error == MTASTS_ERROR_NONE)
    return json_null();
  return json_pack("{s:s, s:o}", "type", mtasts_error_name(entry->error), "detail",
                   span_json(entry->detail));
}

const char *mtasts_entry_state_name(const struct mtasts_entry *entry) {
  if (entry->has_policy)
    return "policy";
  if (entry->record == MTASTS_RECORD_ABSENT)
    return "absent";
  bool malformed =
      entry->record == MTASTS_RECORD_INVALID ||
      (entry->record == MTASTS_RECORD_VALID && entry->error == MTASTS_ERROR_POLICY_INVALID);
  return malformed ? "invalid" : "error";
}

static json_t *stored_hosts_json(const struct mtasts_mx_list *list) {
  json_t *array = json_array();
  struct mtasts_mx_host mx;
  for (size_t cursor = 0; mtasts_mx_next(list, &cursor, &mx);)
    json_array_append_new(array,
                          json_pack("{s:o, s:i, s:s}", "host", span_json(mx.host), "preference",
                                    (int)mx.preference, "dane", mtasts_dane_name(mx.dane)));
  return array;
}

json_t *mtasts_entry_json(const struct mtasts_domain *domain, const struct mtasts_entry *entry) {
  const struct mtasts_policy *policy = entry->has_policy ? &entry->policy : NULL;
  json_t *line = json_pack(
      "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "policy_domain", domain->name,
      "state", mtasts_entry_state_name(entry), "id", text_or_null(policy ? entry->policy_id : ""),
      "mode", text_or_null(policy ? mtasts_mode_name(policy->mode) : ""), "max_age",
      policy ? json_integer(policy->max_age) : json_null(), "mx",
      policy ? patterns_json(&policy->mx) : json_null(), "fetched",
      policy ? time_or_null(entry->fetched) : json_null(), "expires",
      policy ? time_or_null(entry->expires) : json_null(), "checked", time_or_null(entry->checked),
      "next_check", time_or_null(entry->next_check), "failures", (json_int_t)entry->failures,
      "error", error_json(entry));
  json_t *rest = json_pack(
      "{s:s, s:o, s:o, s:s, s:o, s:o, s:s, s:o}", "record", mtasts_record_state_name(entry->record),
      "record_id", text_or_null(entry->record_id), "retry_at", time_or_null(entry->retry_at),
      "mx_state", mtasts_mx_state_name(entry->mx_state), "mx_hosts", stored_hosts_json(&entry->mx),
      "mx_expires", time_or_null(entry->mx_expires), "dane", mtasts_dane_name(entry->dane),
      "dane_expires", time_or_null(entry->dane_expires));
  if (!line || !rest || json_object_update(line, rest) != 0) {
    json_decref(line);
    line = NULL;
  }
  json_decref(rest);
  return line;
}
