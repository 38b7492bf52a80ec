#include "postfix_reply.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

const char *const unit_name = "daemon/postfix_reply";

static const struct mtasts_domain domain = {.name = "example.com", .len = 11};
static const struct mtasts_entry entry = {.detail = {"SERVFAIL for \x1b", 14}};
static char out[MTASTS_POSTFIX_REPLY_MAX];

static bool is(const struct unit_field *field, const char *word) {
  return strcmp(field->data, word) == 0;
}

static enum mtasts_verdict verdict_named(const struct unit_field *field) {
  for (unsigned i = MTASTS_VERDICT_UNKNOWN; i <= MTASTS_VERDICT_DEFER; i++)
    if (is(field, mtasts_verdict_name((enum mtasts_verdict)i)))
      return (enum mtasts_verdict)i;
  unit_check(false, "no verdict: %s", field->data);
  return MTASTS_VERDICT_UNKNOWN;
}

/* Packs as a policy's patterns are, whatever is in them. */
static struct mtasts_names pack(const struct unit_field *joined, unsigned char *store) {
  struct mtasts_names names = {.data = store};
  for (size_t at = 0; at < joined->len;) {
    const char *end = memchr(joined->data + at, '|', joined->len - at);
    size_t len = end ? (size_t)(end - joined->data) - at : joined->len - at;
    store[names.size] = (unsigned char)len;
    memcpy(store + names.size + 1, joined->data + at, len);
    names.size += 1 + len;
    names.count++;
    at += len + 1;
  }
  return names;
}

static void check(unsigned line, const struct unit_field *fields, size_t count) {
  unsigned char store[256];
  if (count != 6) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  struct mtasts_policy policy = {.mode = MTASTS_MODE_ENFORCE, .mx = pack(&fields[2], store)};
  struct mtasts_decision decision = {.verdict = verdict_named(&fields[1]), .policy = &policy};
  struct mtasts_postfix_settings settings = {
      .on_unknown = is(&fields[3], "defer") ? MTASTS_UNKNOWN_DEFER : MTASTS_UNKNOWN_DELIVER,
      .site_mode = is(&fields[4], "monitor") ? MTASTS_SITE_MONITOR : MTASTS_SITE_ENFORCE,
  };
  const struct unit_field *want = &fields[5];
  size_t size = mtasts_postfix_reply(&decision, &domain, &entry, &settings, out);
  bool as_wanted = is(want, "TEMP *") ? memcmp(out, "TEMP ", 5) == 0
                                      : size == want->len && memcmp(out, want->data, size) == 0;
  unit_check(as_wanted, "line %u, %s: '%.*s'", line, fields[0].data, (int)size, out);
  for (size_t i = 0; i < size; i++)
    unit_check(out[i] >= ' ' && out[i] <= '~', "line %u, %s: byte %d", line, fields[0].data,
               out[i]);
}

static void test_table(void) {
  unit_vectors("tests/data/postfix_reply.tsv", 40, check);
}

/* As many hosts as fit, and one more. */
static void test_size(void) {
  static unsigned char store[MTASTS_POSTFIX_REPLY_MAX + 300];
  struct mtasts_policy policy = {.mode = MTASTS_MODE_ENFORCE, .mx = {.data = store}};
  struct mtasts_decision decision = {.verdict = MTASTS_VERDICT_ENFORCE, .policy = &policy};
  struct mtasts_postfix_settings settings = {MTASTS_SITE_ENFORCE, MTASTS_UNKNOWN_DELIVER};
  size_t size = 0;
  bool cut = false;
  while (!cut && policy.mx.size + 200 < sizeof store) {
    store[policy.mx.size] = 199;
    memset(store + policy.mx.size + 1, 'a', 199);
    policy.mx.size += 200;
    policy.mx.count++;
    size = mtasts_postfix_reply(&decision, &domain, NULL, &settings, out);
    cut = memcmp(out, "TEMP ", 5) == 0;
    CU_ASSERT(cut || size == 15 + 200 * policy.mx.count + 20);
  }
  CU_ASSERT_TRUE(cut);
  CU_ASSERT_EQUAL(policy.mx.count, (MTASTS_POSTFIX_REPLY_MAX - 35) / 200 + 1);
}

static void test_no_entry(void) {
  static const char want[] = "TEMP DNSSEC forbids to deliver to example.com for now: a look-up of "
                             "its MX hosts failed validation; it is tried again, see: mtasts query "
                             "example.com";
  struct mtasts_decision decision = {.verdict = MTASTS_VERDICT_DEFER};
  struct mtasts_postfix_settings settings = {MTASTS_SITE_ENFORCE, MTASTS_UNKNOWN_DELIVER};
  CU_ASSERT_EQUAL(mtasts_postfix_reply(&decision, &domain, NULL, &settings, out), sizeof want - 1);
  CU_ASSERT_EQUAL(memcmp(out, want, sizeof want - 1), 0);
  decision.verdict = MTASTS_VERDICT_NONE;
  CU_ASSERT_EQUAL(mtasts_postfix_reply(&decision, NULL, NULL, &settings, out), 9);
}

const struct unit_test unit_tests[] = {
    {"each verdict, and patterns that no reply may hold", test_table},
    {"no reply is longer than Postfix takes, and none is cut", test_size},
    {"nothing but the decision is known", test_no_entry},
    {NULL, NULL},
};
