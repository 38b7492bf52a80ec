#include "ascii.h"
#include "entry_json.h"
#include "printable.h"
#include "rfc3339.h"

#include <stdarg.h>
#include <stdio.h>

/* Reads a line of an export back. Only the first error is reported; the rest is skipped. */
struct import {
  json_t *object;
  struct mtasts_entry_buffers *store;
  bool failed;
  char *error;
};

__attribute__((format(printf, 2, 3))) static void fail(struct import *in, const char *format, ...) {
  char why[256];
  if (in->failed)
    return;
  in->failed = true;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(why, sizeof why, format, arguments);
  va_end(arguments);
  mtasts_printable((struct mtasts_span){why, strlen(why)}, in->error, MTASTS_ERROR_TEXT);
}

/* NULL if the key is missing or null. */
static json_t *get(struct import *in, json_t *object, const char *key, json_type type) {
  json_t *value = json_object_get(object, key);
  if (!value || json_is_null(value))
    return NULL;
  if (json_typeof(value) != type) {
    fail(in, "%s: is of the wrong type", key);
    return NULL;
  }
  return value;
}

static struct mtasts_span get_text(struct import *in, json_t *object, const char *key) {
  json_t *value = get(in, object, key, JSON_STRING);
  return value ? (struct mtasts_span){json_string_value(value), json_string_length(value)}
               : (struct mtasts_span){0};
}

static uint32_t get_number(struct import *in, json_t *object, const char *key, uint32_t max) {
  json_t *value = get(in, object, key, JSON_INTEGER);
  json_int_t number = value ? json_integer_value(value) : 0;
  if (number < 0 || number > max) {
    fail(in, "%s: is not between 0 and %u", key, (unsigned)max);
    return 0;
  }
  return (uint32_t)number;
}

/* 0 if there is none; before 1970 there was no MTA-STS. */
static int64_t get_time(struct import *in, const char *key) {
  struct mtasts_span text = get_text(in, in->object, key);
  int64_t seconds = 0;
  if (text.data && (!mtasts_rfc3339_parse(text, &seconds) || seconds <= 0))
    fail(in, "%s: is not a time such as 2026-01-01T00:00:00Z", key);
  return seconds;
}

/* An id (RFC 8461 section 3.1), or "". */
static void get_id(struct import *in, const char *key, char id[MTASTS_ID_MAX + 1]) {
  struct mtasts_span text = get_text(in, in->object, key);
  bool valid = text.data ? text.len > 0 && text.len <= MTASTS_ID_MAX : text.len == 0;
  for (size_t i = 0; valid && i < text.len; i++)
    valid = mtasts_is_alnum(text.data[i]);
  if (!valid) {
    fail(in, "%s: is not 1 to 32 letters and digits", key);
    return;
  }
  if (text.data)
    memcpy(id, text.data, text.len);
  id[text.len] = '\0';
}

/* The enumeration value with that name; 0 if there is none. */
typedef const char *name_fn(unsigned value);

static unsigned get_name(struct import *in, json_t *object, const char *key, name_fn *name,
                         unsigned last) {
  struct mtasts_span text = get_text(in, object, key);
  for (unsigned i = 0; text.data && i <= last; i++)
    if (mtasts_span_equal(text, (struct mtasts_span){name(i), strlen(name(i))}))
      return i;
  if (text.data)
    fail(in, "%s: has an unknown value", key);
  return 0;
}

static const char *mode_at(unsigned value) {
  return mtasts_mode_name((enum mtasts_mode)value);
}

static const char *record_at(unsigned value) {
  return mtasts_record_state_name((enum mtasts_record_state)value);
}

static const char *error_at(unsigned value) {
  return mtasts_error_name((enum mtasts_error)value);
}

static const char *mx_state_at(unsigned value) {
  return mtasts_mx_state_name((enum mtasts_mx_state)value);
}

static const char *dane_at(unsigned value) {
  return mtasts_dane_name((enum mtasts_dane)value);
}

static void read_patterns(struct import *in, struct mtasts_names *mx) {
  json_t *array = get(in, in->object, "mx", JSON_ARRAY);
  unsigned char *data = in->store->patterns;
  size_t size = 0;
  for (size_t i = 0; !in->failed && i < json_array_size(array); i++) {
    json_t *item = json_array_get(array, i);
    struct mtasts_span text = {json_string_value(item), json_string_length(item)};
    char pattern[MTASTS_DOMAIN_MAX];
    size_t len = text.data ? mtasts_mx_pattern(text, pattern) : 0;
    if (len == 0) {
      fail(in, "mx: item %zu is not an mx pattern", i + 1);
    } else if (sizeof in->store->patterns - size < len + 1) {
      fail(in, "mx: more than a policy can hold");
    } else {
      data[size++] = (unsigned char)len;
      memcpy(data + size, pattern, len);
      size += len;
    }
  }
  *mx = (struct mtasts_names){.data = data, .size = size, .count = json_array_size(array)};
}

static void read_policy(struct import *in, struct mtasts_entry *entry) {
  static const char *const keys[] = {"mode", "max_age", "mx", "fetched", "expires"};
  size_t there = 0;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    json_t *value = json_object_get(in->object, keys[i]);
    there += value && !json_is_null(value);
  }
  get_id(in, "id", entry->policy_id);
  if (there == 0 && entry->policy_id[0] == '\0')
    return;
  if (there < sizeof keys / sizeof *keys)
    fail(in, "a policy has mode, max_age, mx, fetched and expires: one is missing");

  struct mtasts_policy *policy = &entry->policy;
  entry->has_policy = true;
  policy->mode = (enum mtasts_mode)get_name(in, in->object, "mode", mode_at, MTASTS_MODE_ENFORCE);
  policy->max_age = get_number(in, in->object, "max_age", MTASTS_MAX_AGE_MAX);
  read_patterns(in, &policy->mx);
  entry->fetched = get_time(in, "fetched");
  entry->expires = get_time(in, "expires");
  /* RFC 8461 section 3.2. */
  if (policy->mode != MTASTS_MODE_NONE && policy->mx.count == 0)
    fail(in, "mx: mode %s needs at least one mx pattern", mtasts_mode_name(policy->mode));
  /* No import may make a policy live longer than its own max_age. */
  if (entry->expires != entry->fetched + policy->max_age)
    fail(in, "expires: is not fetched + max_age");
}

static void read_error(struct import *in, struct mtasts_entry *entry) {
  json_t *error = get(in, in->object, "error", JSON_OBJECT);
  if (!error)
    return;
  entry->error =
      (enum mtasts_error)get_name(in, error, "type", error_at, MTASTS_ERROR_RECORD_INVALID);
  struct mtasts_span detail = get_text(in, error, "detail");
  if (entry->error == MTASTS_ERROR_NONE || json_object_size(error) > 2)
    fail(in, "error: has type and detail");
  if (detail.len > sizeof in->store->detail)
    fail(in, "error.detail: is longer than %d bytes", MTASTS_DETAIL_MAX);
  for (size_t i = 0; i < detail.len && !in->failed; i++)
    if (!mtasts_is_visible(detail.data[i]) && detail.data[i] != ' ')
      fail(in, "error.detail: is not printable ASCII");
  if (in->failed || detail.len == 0)
    return;
  memcpy(in->store->detail, detail.data, detail.len);
  entry->detail = (struct mtasts_span){in->store->detail, detail.len};
}

/* A host name as net/ stores it: lower case, digits, hyphens, underscores, dots. */
static bool is_host(struct mtasts_span host) {
  for (size_t i = 0; i < host.len; i++) {
    char c = host.data[i];
    if ((!mtasts_is_alnum(c) || mtasts_is_upper(c)) && c != '-' && c != '_' && c != '.')
      return false;
  }
  return host.len > 0 && host.len <= MTASTS_DOMAIN_MAX;
}

static void read_hosts(struct import *in, struct mtasts_entry *entry) {
  struct mtasts_mx_host hosts[MTASTS_MX_HOSTS_MAX];
  json_t *array = get(in, in->object, "mx_hosts", JSON_ARRAY);
  size_t count = json_array_size(array);
  if (count > MTASTS_MX_HOSTS_MAX)
    fail(in, "mx_hosts: more than %d", MTASTS_MX_HOSTS_MAX);
  for (size_t i = 0; !in->failed && i < count; i++) {
    json_t *item = json_array_get(array, i);
    hosts[i].host = get_text(in, item, "host");
    hosts[i].preference = (uint16_t)get_number(in, item, "preference", UINT16_MAX);
    hosts[i].dane = (enum mtasts_dane)get_name(in, item, "dane", dane_at, MTASTS_DANE_ERROR);
    if (!is_host(hosts[i].host) || json_object_size(item) > 3)
      fail(in, "mx_hosts: item %zu is not an MX host", i + 1);
  }
  bool may = entry->mx_state == MTASTS_MX_LISTED || entry->mx_state == MTASTS_MX_IMPLICIT;
  if (count > 0 && !may)
    fail(in, "mx_hosts: there are none if mx_state is %s", mtasts_mx_state_name(entry->mx_state));
  if (!in->failed && count > 0)
    mtasts_mx_list_pack(hosts, count, in->store->hosts, &entry->mx);
}

static void refuse_unknown(struct import *in) {
  static const char *const known[] = {"policy_domain", "state",      "id",       "mode",
                                      "max_age",       "mx",         "fetched",  "expires",
                                      "checked",       "next_check", "failures", "error",
                                      "record",        "record_id",  "retry_at", "mx_state",
                                      "mx_hosts",      "mx_expires", "dane",     "dane_expires"};
  const char *key;
  json_t *value;
  json_object_foreach(in->object, key, value) {
    size_t i = 0;
    while (i < sizeof known / sizeof *known && strcmp(key, known[i]) != 0)
      i++;
    if (i == sizeof known / sizeof *known)
      fail(in, "%.80s: is not a key of an export", key);
  }
}

static void read_entry(struct import *in, struct mtasts_domain *domain,
                       struct mtasts_entry *entry) {
  json_t *o = in->object;
  struct mtasts_span name = get_text(in, o, "policy_domain");
  struct mtasts_span state = get_text(in, o, "state");
  if (mtasts_domain_parse(name, domain) != MTASTS_OK ||
      !mtasts_span_equal(name, (struct mtasts_span){domain->name, domain->len}))
    fail(in, "policy_domain: is not a policy domain in lower case");

  read_policy(in, entry);
  entry->checked = get_time(in, "checked");
  entry->next_check = get_time(in, "next_check");
  entry->retry_at = get_time(in, "retry_at");
  entry->failures = get_number(in, o, "failures", UINT32_MAX);
  entry->record =
      (enum mtasts_record_state)get_name(in, o, "record", record_at, MTASTS_RECORD_ERROR);
  get_id(in, "record_id", entry->record_id);
  read_error(in, entry);
  entry->mx_state = (enum mtasts_mx_state)get_name(in, o, "mx_state", mx_state_at, MTASTS_MX_ERROR);
  read_hosts(in, entry);
  entry->mx_expires = get_time(in, "mx_expires");
  entry->dane = (enum mtasts_dane)get_name(in, o, "dane", dane_at, MTASTS_DANE_ERROR);
  entry->dane_expires = get_time(in, "dane_expires");

  const char *is = mtasts_entry_state_name(entry);
  if (!mtasts_span_equal(state, (struct mtasts_span){is, strlen(is)}))
    fail(in, "state: the other keys make it \"%s\"", is);
}

enum mtasts_status mtasts_entry_from_json(struct mtasts_span line,
                                          struct mtasts_entry_buffers *store,
                                          struct mtasts_domain *domain, struct mtasts_entry *entry,
                                          char error[MTASTS_ERROR_TEXT]) {
  struct import in = {.store = store, .error = error};
  struct mtasts_domain read_domain = {0};
  struct mtasts_entry read = {0};
  json_error_t why;
  if (line.len > MTASTS_ENTRY_JSON_MAX) {
    fail(&in, "longer than %d bytes", MTASTS_ENTRY_JSON_MAX);
    return MTASTS_TOO_LARGE;
  }
  in.object = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &why);
  if (!in.object)
    fail(&in, "is not JSON: %s", why.text);
  else if (!json_is_object(in.object))
    fail(&in, "is not a JSON object");
  else {
    refuse_unknown(&in);
    read_entry(&in, &read_domain, &read);
  }
  json_decref(in.object);
  if (in.failed)
    return MTASTS_INVALID;
  *domain = read_domain;
  *entry = read;
  return MTASTS_OK;
}
