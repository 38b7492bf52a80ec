#include "answer_json.h"

#include "ascii.h"
#include "entry_json.h"
#include "printable.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

const char *const unit_name = "common/answer_json";

enum {
  T0 = 1767225600, /* 2026-01-01T00:00:00Z */
  ROOM = 1 << 16,
};

static const unsigned char patterns[] = "\x0fmx1.example.com"
                                        "\x12*.mail.example.com";
static const struct mtasts_domain domain = {.name = "example.com", .len = 11};

/* An entry with everything that one can have. */
static struct mtasts_entry full_entry(void) {
  static unsigned char packed[256];
  struct mtasts_mx_host hosts[] = {
      {20, MTASTS_DANE_NONE, MTASTS_SPAN("other.example.net")},
      {10, MTASTS_DANE_USABLE, MTASTS_SPAN("mx1.example.com")},
      {65535, MTASTS_DANE_BOGUS, MTASTS_SPAN("a.mail.example.com")},
  };
  struct mtasts_entry entry = {
      .has_policy = true,
      .policy = {MTASTS_MODE_ENFORCE, 604800, {patterns, sizeof patterns - 1, 2}},
      .policy_id = "20260101T0000",
      .fetched = T0,
      .expires = T0 + 604800,
      .record = MTASTS_RECORD_VALID,
      .record_id = "20260102T0000",
      .error = MTASTS_ERROR_POLICY_FETCH,
      .detail = MTASTS_SPAN("HTTP status 404 from mta-sts.example.com"),
      .mx_state = MTASTS_MX_LISTED,
      .dane = MTASTS_DANE_ERROR,
  };
  mtasts_mx_list_pack(hosts, 3, packed, &entry.mx);
  return entry;
}

static json_t *parse(const char *text, size_t size) {
  return json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
}

/* With every smaller size nothing is written past the end of the buffer. */
static void check_sizes(const char *what, const struct mtasts_answer *answer, const char *text,
                        size_t whole) {
  for (size_t size = 1; size <= whole + 1; size++) {
    char *exact = malloc(size);
    size_t written = exact ? mtasts_answer_json(answer, exact, size) : SIZE_MAX;
    unit_check(written == (size > whole ? whole : 0), "%s: %zu bytes of %zu in a room of %zu", what,
               written, whole, size);
    if (written == whole)
      unit_check(memcmp(exact, text, whole) == 0, "%s: another text", what);
    free(exact);
  }
}

/* expected NULL: any JSON. */
static void check_answer(const char *what, const struct mtasts_answer *answer,
                         const char *expected) {
  char *text = malloc(ROOM);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  size_t size = mtasts_answer_json(answer, text, ROOM);
  json_t *value = parse(text, size);
  unit_check(value != NULL, "%s: no JSON: %.*s", what, (int)size, text);
  if (expected)
    unit_check(size == strlen(expected) && memcmp(text, expected, size) == 0,
               "%s: %.*s\n  is not\n%s", what, (int)size, text, expected);
  check_sizes(what, answer, text, size < 4096 ? size : 0);
  json_decref(value);
  free(text);
}

static void with_a_policy(void) {
  struct mtasts_entry entry = full_entry();
  struct mtasts_decision decision = {
      .verdict = MTASTS_VERDICT_ENFORCE, .source = MTASTS_SOURCE_STALE, .policy = &entry.policy};
  struct mtasts_answer answer = {.text = MTASTS_SPAN("Example.COM."),
                                 .domain = &domain,
                                 .entry = &entry,
                                 .decision = &decision,
                                 .monitor = true};
  check_answer(
      "policy", &answer,
      "{\"domain\":\"Example.COM.\",\"policy_domain\":\"example.com\",\"verdict\":\"enforce\","
      "\"source\":\"stale\",\"record\":{\"status\":\"valid\",\"id\":\"20260102T0000\"},"
      "\"policy\":{\"mode\":\"enforce\",\"id\":\"20260101T0000\",\"max_age\":604800,"
      "\"mx\":[\"mx1.example.com\",\"*.mail.example.com\"],\"fetched\":\"2026-01-01T00:00:00Z\","
      "\"expires\":\"2026-01-08T00:00:00Z\"},"
      "\"mx\":[{\"host\":\"mx1.example.com\",\"preference\":10,\"match\":true,\"dane\":\"usable\"},"
      "{\"host\":\"other.example.net\",\"preference\":20,\"match\":false,\"dane\":\"none\"},"
      "{\"host\":\"a.mail.example.com\",\"preference\":65535,\"match\":true,\"dane\":\"bogus\"}],"
      "\"dane\":\"error\",\"error\":{\"type\":\"sts-policy-fetch-error\","
      "\"detail\":\"HTTP status 404 from mta-sts.example.com\"},\"site_mode\":\"monitor\"}");
}

/* The entry's policy has expired: the decision has none, and nothing matches. */
static void without_a_policy(void) {
  struct mtasts_entry entry = full_entry();
  struct mtasts_decision decision = {.verdict = MTASTS_VERDICT_NONE, .source = MTASTS_SOURCE_CACHE};
  struct mtasts_answer answer = {.text = MTASTS_SPAN("example.com"),
                                 .domain = &domain,
                                 .entry = &entry,
                                 .decision = &decision};
  entry.error = MTASTS_ERROR_NONE;
  entry.record = MTASTS_RECORD_ABSENT;
  check_answer("expired", &answer, NULL);
  entry.mx = (struct mtasts_mx_list){0};
  entry.dane = MTASTS_DANE_NONE;
  check_answer(
      "absent", &answer,
      "{\"domain\":\"example.com\",\"policy_domain\":\"example.com\",\"verdict\":\"none\","
      "\"source\":\"cache\",\"record\":{\"status\":\"absent\",\"id\":null},\"policy\":null,"
      "\"mx\":[],\"dane\":\"none\",\"error\":null}");
}

static void without_an_entry(void) {
  struct mtasts_decision decision = {.verdict = MTASTS_VERDICT_UNKNOWN,
                                     .source = MTASTS_SOURCE_NONE};
  struct mtasts_answer answer = {.text = {NULL, 0}, .decision = &decision};
  check_answer(
      "nothing", &answer,
      "{\"domain\":\"\",\"policy_domain\":null,\"verdict\":\"unknown\",\"source\":\"none\","
      "\"record\":null,\"policy\":null,\"mx\":[],\"dane\":\"none\",\"error\":null}");
}

static void of_an_override(void) {
  struct mtasts_override override = {
      .policy = {.mode = MTASTS_MODE_TESTING, .mx = {patterns, sizeof patterns - 1, 2}},
      .until = T0 + 86400};
  struct mtasts_entry entry = full_entry();
  struct mtasts_decision decision = mtasts_decide(NULL, &override, MTASTS_CACHED, T0);
  struct mtasts_answer answer = {.text = MTASTS_SPAN("example.com"),
                                 .domain = &domain,
                                 .override = &override,
                                 .decision = &decision};
  const char *expected =
      "{\"domain\":\"example.com\",\"policy_domain\":\"example.com\",\"verdict\":\"testing\","
      "\"source\":\"override\",\"record\":null,\"policy\":{\"mode\":\"testing\",\"id\":"
      "\"override\",\"max_age\":null,\"mx\":[\"mx1.example.com\",\"*.mail.example.com\"],"
      "\"fetched\":null,\"expires\":\"2026-01-02T00:00:00Z\"},\"mx\":[],\"dane\":\"none\","
      "\"error\":null}";
  check_answer("override until", &answer, expected);
  answer.entry = &entry;
  check_answer("override of an entry", &answer, NULL);
  override.until = INT64_MAX;
  check_answer("override for ever", &answer, NULL);
  override.policy.mode = MTASTS_MODE_NONE;
  override.policy.mx = (struct mtasts_names){0};
  decision = mtasts_decide(&entry, &override, MTASTS_CACHED, T0);
  check_answer("override none", &answer, NULL);
}

/* A reply (entry_reply.h) has the override's policy in its entry: no id or expiry of the entry's is
 * the override's. */
static void of_a_ruling(void) {
  struct mtasts_entry entry = full_entry();
  struct mtasts_decision decision = {
      .verdict = MTASTS_VERDICT_ENFORCE, .source = MTASTS_SOURCE_OVERRIDE, .policy = &entry.policy};
  struct mtasts_answer answer = {.text = MTASTS_SPAN("example.com"),
                                 .domain = &domain,
                                 .entry = &entry,
                                 .decision = &decision};
  char text[2048];
  size_t size = mtasts_answer_json(&answer, text, sizeof text - 1);
  text[size] = '\0';
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"id\":\"override\",\"max_age\":null,"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"fetched\":null,\"expires\":null}"));
}

/* Every value of every enumeration, and numbers and times at their ends. */
static void spread(void) {
  static const int64_t times[] = {0, 1, -1, 951782400, 253402300799, 253402300800, INT64_MAX / 2};
  static const uint32_t ages[] = {0, 9, 10, 86400, MTASTS_MAX_AGE_MAX};
  struct mtasts_entry entry = full_entry();
  struct mtasts_decision decision = {.policy = &entry.policy};
  struct mtasts_answer answer = {.text = MTASTS_SPAN("example.com"),
                                 .domain = &domain,
                                 .entry = &entry,
                                 .decision = &decision};
  for (unsigned i = 0; i < 5 * 7 * 6; i++) {
    char what[16];
    snprintf(what, sizeof what, "spread %u", i);
    entry.record = (enum mtasts_record_state)(i % 5);
    entry.dane = (enum mtasts_dane)(i % 5);
    entry.policy.max_age = ages[i % 5];
    entry.policy.mode = (enum mtasts_mode)(i % 3);
    entry.error = (enum mtasts_error)(i % 7);
    entry.fetched = times[i % 7];
    entry.expires = times[i / 7 % 7];
    entry.policy_id[0] = i % 2 ? '2' : '\0';
    decision.verdict = (enum mtasts_verdict)(i % 7);
    decision.source = (enum mtasts_source)(i % 4); /* not an override's */
    answer.monitor = i % 2;
    check_answer(what, &answer, NULL);
  }
}

static void many_hosts_and_patterns(void) {
  static char names[MTASTS_MX_HOSTS_MAX][24];
  static unsigned char packed[MTASTS_MX_LIST_MAX];
  static unsigned char many[400 * 6];
  struct mtasts_mx_host hosts[MTASTS_MX_HOSTS_MAX];
  struct mtasts_entry entry = full_entry();
  struct mtasts_decision decision = mtasts_decide(&entry, NULL, MTASTS_FETCHED, T0);
  struct mtasts_answer answer = {.text = MTASTS_SPAN("example.com"),
                                 .domain = &domain,
                                 .entry = &entry,
                                 .decision = &decision};
  for (unsigned i = 0; i < MTASTS_MX_HOSTS_MAX; i++) {
    int len = snprintf(names[i], sizeof names[i], "mx%u.example", i * 7 % 400);
    hosts[i] = (struct mtasts_mx_host){
        (uint16_t)(i * 499), (enum mtasts_dane)(i % 5), {names[i], (size_t)len}};
  }
  mtasts_mx_list_pack(hosts, MTASTS_MX_HOSTS_MAX, packed, &entry.mx);
  for (unsigned i = 0; i < 400; i++) {
    char pattern[8];
    snprintf(pattern, sizeof pattern, "\5mx%03u", i);
    memcpy(many + (size_t)6 * i, pattern, 6);
  }
  entry.policy.mx = (struct mtasts_names){many, sizeof many, 400};
  check_answer("many", &answer, NULL);
}

/* Bytes that no name may hold, and that a damaged cache might: they never end a string. */
static void awkward_names(void) {
  static const unsigned char awkward[] = "\5\"},{\""
                                         "\4a\\b\n"
                                         "\3\xff\"\x01";
  static unsigned char packed[64];
  struct mtasts_mx_host hosts[] = {{1, MTASTS_DANE_NONE, MTASTS_SPAN("\"\\\x1b[0m\x7f")},
                                   {2, MTASTS_DANE_NONE, MTASTS_SPAN("\xc3\xa4\xe2\x82")}};
  struct mtasts_entry entry = full_entry();
  struct mtasts_decision decision = mtasts_decide(&entry, NULL, MTASTS_FETCHED, T0);
  struct mtasts_answer answer = {.text = MTASTS_SPAN("example.com"),
                                 .domain = &domain,
                                 .entry = &entry,
                                 .decision = &decision};
  mtasts_mx_list_pack(hosts, 2, packed, &entry.mx);
  entry.policy.mx = (struct mtasts_names){awkward, sizeof awkward - 1, 3};
  entry.detail = MTASTS_SPAN("\"}\\\t\x01\x80 %s");
  memcpy(entry.policy_id, "\"\\\n", 4);
  memcpy(entry.record_id, "\x1f/", 3);
  check_answer("awkward", &answer, NULL);
}

/* What `domain` shows of a text: what jansson takes for UTF-8 as it is, else \xHH. */
static void check_text(struct mtasts_span text) {
  struct mtasts_decision decision = {.verdict = MTASTS_VERDICT_NONE};
  struct mtasts_answer answer = {.text = text, .decision = &decision};
  char clean[1024];
  char out[8192];
  json_t *expected = json_stringn(text.data, text.len);
  if (!expected)
    expected = json_stringn(clean, mtasts_printable(text, clean, sizeof clean));
  size_t size = mtasts_answer_json(&answer, out, sizeof out);
  json_t *value = parse(out, size);
  unit_check(value && json_equal(json_object_get(value, "domain"), expected), "%.*s", (int)size,
             out);
  for (size_t i = 0; i < size; i++)
    if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
      unit_check(false, "a control byte in %.*s", (int)size, out);
  json_decref(expected);
  json_decref(value);
}

static void texts(void) {
  const struct mtasts_span cases[] = {
      MTASTS_SPAN("b\xc3\xbc"
                  "cher.example"),
      MTASTS_SPAN("\"\\/\b\f\n\r\t\x01\x1f\x7f"),
      MTASTS_SPAN("a\0b"),
      MTASTS_SPAN("\xe2\x82\xac\xf0\x9f\x93\xa7"),
      MTASTS_SPAN("\xc3\xbc\n\""),
      MTASTS_SPAN("\xef\xbf\xbf\xed\x9f\xbf\xf4\x8f\xbf\xbf"),
      MTASTS_SPAN("\xc0\xaf"),             /* overlong */
      MTASTS_SPAN("\xe0\x80\xaf"),         /* overlong */
      MTASTS_SPAN("\xf0\x80\x80\xaf"),     /* overlong */
      MTASTS_SPAN("\xed\xa0\x80"),         /* a surrogate */
      MTASTS_SPAN("\xf4\x90\x80\x80"),     /* past U+10FFFF */
      MTASTS_SPAN("\xf8\x88\x80\x80\x80"), /* five bytes */
      MTASTS_SPAN("a\xc3"),                /* cut */
      MTASTS_SPAN("\x80"),
      MTASTS_SPAN("\xc3\xbc\xff\n\""),
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    check_text(cases[i]);
  char line[2000];
  memset(line, 0xfe, sizeof line);
  check_text((struct mtasts_span){line, sizeof line});
}

/* Random texts of bytes that matter to UTF-8 and to JSON. */
static void random_texts(void) {
  static const char bytes[] = "a\"\\\n\x7f\x80\x8f\x90\x9f\xa0\xbf\xc1\xc2\xdf\xe0\xed\xef\xf0\xf4"
                              "\xf5\xff";
  uint32_t random = 1;
  for (unsigned i = 0; i < 50000; i++) {
    char text[6];
    size_t len = i % (sizeof text + 1);
    for (size_t j = 0; j < len; j++) {
      random = random * 1664525 + 1013904223;
      text[j] = bytes[(random >> 16) % sizeof bytes];
    }
    check_text((struct mtasts_span){text, len});
  }
}

const struct unit_test unit_tests[] = {
    {"a policy, hosts and an error, byte for byte, in monitor mode", with_a_policy},
    {"no policy", without_a_policy},
    {"no entry and no domain", without_an_entry},
    {"an override, until and for ever", of_an_override},
    {"an override that came in an entry reply", of_a_ruling},
    {"every name, the ends of numbers and times", spread},
    {"128 hosts and 400 patterns", many_hosts_and_patterns},
    {"no byte of a name ends its string", awkward_names},
    {"texts: UTF-8 stays, control bytes are escaped, the rest is \\xHH", texts},
    {"random texts", random_texts},
    {NULL, NULL}};
