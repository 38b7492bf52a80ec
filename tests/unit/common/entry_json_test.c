#include "entry_json.h"

#include "ascii.h"
#include "entry_codec.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

const char *const unit_name = "common/entry_json";

enum {
  T0 = 1767225600 /* 2026-01-01T00:00:00Z */
};

static struct mtasts_entry_buffers store;
static char error[MTASTS_ERROR_TEXT];

static const unsigned char patterns[] = "\x0fmx1.example.com"
                                        "\x12*.mail.example.com";
static const struct mtasts_domain domain = {.name = "example.com", .len = 11};

/* An entry with everything that one can have. */
static struct mtasts_entry full_entry(void) {
  static unsigned char packed[256];
  struct mtasts_mx_host hosts[] = {
      {20, MTASTS_DANE_NONE, MTASTS_SPAN("other.example.net")},
      {10, MTASTS_DANE_USABLE, MTASTS_SPAN("mx1.example.com")},
      {30, MTASTS_DANE_BOGUS, MTASTS_SPAN("a.mail.example.com")},
  };
  struct mtasts_entry entry = {
      .has_policy = true,
      .policy = {.mode = MTASTS_MODE_ENFORCE,
                 .max_age = 604800,
                 .mx = {.data = patterns, .size = sizeof patterns - 1, .count = 2}},
      .policy_id = "20260101T0000",
      .fetched = T0,
      .expires = T0 + 604800,
      .record = MTASTS_RECORD_VALID,
      .record_id = "20260102T0000",
      .checked = T0 + 60,
      .next_check = T0 + 3660,
      .retry_at = T0 + 360,
      .failures = 2,
      .error = MTASTS_ERROR_POLICY_FETCH,
      .detail = MTASTS_SPAN("HTTP status 404 from mta-sts.example.com"),
      .mx_state = MTASTS_MX_LISTED,
      .mx_expires = T0 + 300,
      .dane = MTASTS_DANE_ERROR,
      .dane_expires = T0 + 301,
  };
  mtasts_mx_list_pack(hosts, 3, packed, &entry.mx);
  return entry;
}

/* Compares what a value prints, and frees it. */
static void check_json(json_t *value, const char *expected) {
  char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
  unit_check(text && strcmp(text, expected) == 0, "%s\n  is not\n%s", text ? text : "NULL",
             expected);
  free(text);
  json_decref(value);
}

static void state_in_one_word(void) {
  struct mtasts_entry entry = {.record = MTASTS_RECORD_ABSENT};
  CU_ASSERT_STRING_EQUAL(mtasts_entry_state_name(&entry), "absent");
  entry.record = MTASTS_RECORD_INVALID;
  CU_ASSERT_STRING_EQUAL(mtasts_entry_state_name(&entry), "invalid");
  entry.record = MTASTS_RECORD_VALID;
  entry.error = MTASTS_ERROR_POLICY_INVALID;
  CU_ASSERT_STRING_EQUAL(mtasts_entry_state_name(&entry), "invalid");
  entry.error = MTASTS_ERROR_WEBPKI_INVALID;
  CU_ASSERT_STRING_EQUAL(mtasts_entry_state_name(&entry), "error");
  entry.record = MTASTS_RECORD_ERROR;
  CU_ASSERT_STRING_EQUAL(mtasts_entry_state_name(&entry), "error");
  entry.has_policy = true;
  CU_ASSERT_STRING_EQUAL(mtasts_entry_state_name(&entry), "policy");
}

static void line_of_the_cache(void) {
  struct mtasts_entry entry = full_entry();
  check_json(mtasts_entry_json(&domain, &entry),
             "{\"policy_domain\":\"example.com\",\"state\":\"policy\",\"id\":\"20260101T0000\","
             "\"mode\":\"enforce\",\"max_age\":604800,"
             "\"mx\":[\"mx1.example.com\",\"*.mail.example.com\"],"
             "\"fetched\":\"2026-01-01T00:00:00Z\",\"expires\":\"2026-01-08T00:00:00Z\","
             "\"checked\":\"2026-01-01T00:01:00Z\",\"next_check\":\"2026-01-01T01:01:00Z\","
             "\"failures\":2,\"error\":{\"type\":\"sts-policy-fetch-error\",\"detail\":\"HTTP "
             "status 404 from mta-sts.example.com\"},\"record\":\"valid\","
             "\"record_id\":\"20260102T0000\",\"retry_at\":\"2026-01-01T00:06:00Z\","
             "\"mx_state\":\"listed\",\"mx_hosts\":[{\"host\":\"mx1.example.com\","
             "\"preference\":10,\"dane\":\"usable\"},{\"host\":\"other.example.net\","
             "\"preference\":20,\"dane\":\"none\"},{\"host\":\"a.mail.example.com\","
             "\"preference\":30,\"dane\":\"bogus\"}],\"mx_expires\":\"2026-01-01T00:05:00Z\","
             "\"dane\":\"error\",\"dane_expires\":\"2026-01-01T00:05:01Z\"}");
}

/* entry → JSON → entry: both encode to the same bytes. */
static void check_round_trip(const char *what, const struct mtasts_entry *entry) {
  json_t *object = mtasts_entry_json(&domain, entry);
  char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
  struct mtasts_domain back_domain;
  struct mtasts_entry back;
  json_decref(object);
  enum mtasts_status status = mtasts_entry_from_json(
      (struct mtasts_span){line, line ? strlen(line) : 0}, &store, &back_domain, &back, error);
  unit_check(status == MTASTS_OK, "%s: %s", what, error);
  if (status == MTASTS_OK) {
    size_t size = mtasts_entry_size(entry);
    unsigned char *a = malloc(size);
    unsigned char *b = malloc(size);
    bool same = a && b && mtasts_entry_size(&back) == size &&
                mtasts_entry_encode(entry, a) == mtasts_entry_encode(&back, b) &&
                memcmp(a, b, size) == 0 && back.expires == entry->expires;
    unit_check(same && strcmp(back_domain.name, domain.name) == 0, "%s: not the same", what);
    unit_check(mtasts_entry_check(&back), "%s: does not pass the cache's check", what);
    free(a);
    free(b);
  }
  free(line);
}

static void round_trips(void) {
  struct mtasts_entry entry = full_entry();
  check_round_trip("full", &entry);
  entry.policy_id[0] = '\0';
  entry.retry_at = entry.mx_expires = entry.dane_expires = 0;
  entry.error = MTASTS_ERROR_NONE;
  entry.detail = (struct mtasts_span){0};
  check_round_trip("without id and error", &entry);
  entry.policy = (struct mtasts_policy){.mode = MTASTS_MODE_NONE};
  entry.expires = entry.fetched;
  check_round_trip("mode none, max_age 0", &entry);
  for (unsigned state = 0; state <= MTASTS_RECORD_ERROR; state++) {
    entry = (struct mtasts_entry){.record = (enum mtasts_record_state)state, .checked = T0};
    check_round_trip("no policy", &entry);
  }
  for (unsigned e = 1; e <= MTASTS_ERROR_RECORD_INVALID; e++) {
    entry = (struct mtasts_entry){.record = MTASTS_RECORD_VALID, .error = (enum mtasts_error)e};
    check_round_trip("an error without detail", &entry);
  }
  for (unsigned state = 0; state <= MTASTS_MX_ERROR; state++) {
    entry = (struct mtasts_entry){.mx_state = (enum mtasts_mx_state)state, .failures = UINT32_MAX};
    check_round_trip("no MX hosts", &entry);
  }
}

/* As many patterns and MX hosts as there can be. */
static void largest_round_trip(void) {
  static unsigned char many[MTASTS_POLICY_MAX];
  static unsigned char packed[MTASTS_MX_LIST_MAX];
  static char names[MTASTS_MX_HOSTS_MAX][MTASTS_DOMAIN_MAX];
  struct mtasts_mx_host hosts[MTASTS_MX_HOSTS_MAX];
  struct mtasts_entry entry = full_entry();
  for (size_t i = 0; i < sizeof many; i += 2)
    memcpy(many + i, "\x01z", 2);
  entry.policy.mx = (struct mtasts_names){many, sizeof many, sizeof many / 2};
  for (size_t i = 0; i < MTASTS_MX_HOSTS_MAX; i++) {
    for (size_t k = 0; k < MTASTS_DOMAIN_MAX; k++)
      names[i][k] = k % 60 == 59 ? '.' : 'm';
    names[i][0] = (char)('a' + i % 26);
    names[i][1] = (char)('a' + i / 26);
    hosts[i] = (struct mtasts_mx_host){
        (uint16_t)(UINT16_MAX - i), MTASTS_DANE_NONE, {names[i], MTASTS_DOMAIN_MAX}};
  }
  mtasts_mx_list_pack(hosts, MTASTS_MX_HOSTS_MAX, packed, &entry.mx);
  CU_ASSERT_EQUAL(entry.mx.count, MTASTS_MX_HOSTS_MAX);
  char detail[MTASTS_DETAIL_MAX];
  memset(detail, '~', sizeof detail);
  entry.detail = (struct mtasts_span){detail, sizeof detail};
  check_round_trip("largest", &entry);
}

/* line, ok or the error; of jansson's own errors their beginning */
static void check_line(unsigned line, const struct unit_field *fields, size_t count) {
  struct mtasts_domain read_domain;
  struct mtasts_entry entry;
  if (count != 2) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  enum mtasts_status status = mtasts_entry_from_json(
      (struct mtasts_span){fields[0].data, fields[0].len}, &store, &read_domain, &entry, error);
  const char *got = status == MTASTS_OK ? "ok" : error;
  bool jansson = strcmp(fields[1].data, "is not JSON") == 0;
  bool same = jansson ? strncmp(got, "is not JSON: ", 13) == 0 : strcmp(got, fields[1].data) == 0;
  unit_check(same, "line %u: %s: %s", line, fields[0].data, got);
}

static void lines_to_import(void) {
  unit_vectors("tests/data/entry_import.tsv", 60, check_line);
}

static void too_many_and_too_long(void) {
  char *line = malloc(MTASTS_ENTRY_JSON_MAX + 2);
  struct mtasts_domain read_domain;
  struct mtasts_entry entry;
  CU_ASSERT_FATAL(line != NULL);
  memset(line, ' ', MTASTS_ENTRY_JSON_MAX + 1);
  memcpy(line, "{\"policy_domain\":\"a\",\"state\":\"error\"}", 37);
  struct mtasts_span span = {line, MTASTS_ENTRY_JSON_MAX};
  CU_ASSERT_EQUAL(mtasts_entry_from_json(span, &store, &read_domain, &entry, error), MTASTS_OK);
  span.len++;
  CU_ASSERT_EQUAL(mtasts_entry_from_json(span, &store, &read_domain, &entry, error),
                  MTASTS_TOO_LARGE);

  int n = snprintf(line, MTASTS_ENTRY_JSON_MAX,
                   "{\"policy_domain\":\"a\",\"state\":\"policy\",\"mode\":\"enforce\",\"mx\":[");
  size_t at = (size_t)n;
  for (size_t i = 0; i <= MTASTS_POLICY_MAX / 2; i++, at += 4)
    memcpy(line + at, "\"z\",", 4);
  n = snprintf(line + at - 1, 128,
               "],\"max_age\":1,\"fetched\":\"2026-01-01T00:00:00Z\","
               "\"expires\":\"2026-01-01T00:00:01Z\"}");
  span.len = at - 1 + (size_t)n;
  CU_ASSERT_EQUAL(mtasts_entry_from_json(span, &store, &read_domain, &entry, error),
                  MTASTS_INVALID);
  CU_ASSERT_STRING_EQUAL(error, "mx: more than a policy can hold");

  at = (size_t)snprintf(
      line, 128,
      "{\"policy_domain\":\"a\",\"state\":\"error\",\"mx_state\":\"listed\",\"mx_hosts\":[");
  for (int i = 0; i <= MTASTS_MX_HOSTS_MAX; i++)
    at += (size_t)snprintf(line + at, 32, "{\"host\":\"h%d\"},", i);
  span.len = at + (size_t)snprintf(line + at - 1, 8, "]}") - 1;
  CU_ASSERT_EQUAL(mtasts_entry_from_json(span, &store, &read_domain, &entry, error),
                  MTASTS_INVALID);
  CU_ASSERT_STRING_EQUAL(error, "mx_hosts: more than 128");
  free(line);
}

const struct unit_test unit_tests[] = {
    {"the state of an entry in one word", state_in_one_word},
    {"a line of the cache has all keys in order", line_of_the_cache},
    {"entries come back from JSON as they were", round_trips},
    {"the largest entry comes back", largest_round_trip},
    {"lines to import are checked again", lines_to_import},
    {"import is bounded", too_many_and_too_long},
    {NULL, NULL}};
